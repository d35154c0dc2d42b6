"""The policies of a league on disk: `league/00050000.json` and `.safetensors` in a run folder.

A policy is written once, when it joins. Checkpoints refer to it by its name.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from playthrough.agents.deep.learner import ArrayState
from playthrough.runs.described_state import read_described, write_described


class LeagueFolder:
    """The policies of a run's league.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, name: str, policy: ArrayState) -> None:
        """Write a policy: its parameters first.

        Raises:
            RunError: If a file cannot be written.
        """
        write_described(self._path / f"{name}.json", self._path / f"{name}.safetensors", policy, {})

    def read(self, name: str) -> ArrayState:
        """A policy.

        Raises:
            StateError: If it is missing or damaged.
        """
        # A name alone: policies lie in the league's folder, not where a foreign checkpoint points.
        return read_described(self._path / f"{Path(name).name}.json")[0]

    def keep(self, names: Collection[str]) -> None:
        """Remove the files of all others, and what was only half written."""
        for path in self._path.glob("*"):
            if path.is_file() and path.name.split(".")[0] not in names:
                path.unlink(missing_ok=True)
