"""`playthrough integrate`: from a ROM to an environment, one command per step."""

from __future__ import annotations

import typer

from playthrough.cli import (
    integrate_check,
    integrate_find,
    integrate_meaning,
    integrate_new,
    integrate_search,
    integrate_state,
    integrate_watch,
)

integrate = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

for _module in (
    integrate_new,
    integrate_state,
    integrate_find,
    integrate_search,
    integrate_watch,
    integrate_meaning,
    integrate_check,
):
    _module.register(integrate)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(
        integrate, name="integrate", help="Make a game of your own playable for agents: from its ROM to a reward."
    )
