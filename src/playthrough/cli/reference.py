"""What an integration says that others reached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from playthrough.cli.console import say

if TYPE_CHECKING:
    from playthrough.game.integration import Integration


def print_reference(integration: Integration, states: Sequence[str | None]) -> None:
    """Print the reference runs of some start states, where the integration has any."""
    for state in states:
        for run in integration.reference_runs(state) if state else ():
            mean = run.get("rewards", {}).get("final_10_mean")
            if isinstance(mean, int | float):
                say()
                say(f"Reference run {run.get('name', '')} from {state}: mean return of its last ten episodes {mean:g}")
