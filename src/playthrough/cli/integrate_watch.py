"""`playthrough integrate watch`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from playthrough.cli.console import command, out, say, table, try_next
from playthrough.cli.options import ButtonSeed, Game, GameOptions, examples, takes_game
from playthrough.cli.sparkline import sparkline

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.table import Table

    from playthrough.integrate.live import Live

_REDRAW_S = 0.1


@takes_game
def watch(
    game: Game,
    chosen: GameOptions,
    movie: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Play this .bk2 or .fm2, from its own start.")
    ] = None,
    press: Annotated[
        str | None, typer.Option(metavar="INPUTS", help='Press this, as in "RIGHT+A 60, wait 30".')
    ] = None,
    window: Annotated[bool, typer.Option("--window", help="Play yourself, in a window beside.")] = False,
    seconds: Annotated[
        float, typer.Option(metavar="S", help="How long at most, in the game's time.", min=0.1, max=36000)
    ] = 60,
    speed: Annotated[
        float, typer.Option(metavar="FACTOR", help="2 is twice as fast as the game, 0 as fast as it goes.", min=0.0)
    ] = 1.0,
    seed: ButtonSeed = 0,
) -> None:
    """Watch the variables live in the terminal while random buttons, a movie or you play.

    Shown are each variable's value, range and number of changes, its course, and what reward and end made of it.
    """
    from playthrough.errors import BadInputError
    from playthrough.integrate.live import Live, masks_to_watch

    if sum((movie is not None, press is not None, window)) > 1:
        raise BadInputError("--movie, --press and --window cannot all say what is pressed; give one of them")
    if window:
        from playthrough.cli.screen import require_window

        require_window("watch random buttons, or --movie FILE")
    live = Live(chosen.env_options(game), movie)
    try:
        masks = masks_to_watch(live, movie=movie, press=press, seconds=seconds, seed=seed)
        if window:
            masks = live.masks_of_a_player(masks)
        _show(live, masks, speed)
        say(f"{live.num_frames} frames, {live.num_episodes} episodes ended, reward {live.total:g}", "bold")
        integration = live.integration
    finally:
        live.close()
    if not integration.variables:
        where = chosen.folder_words
        try_next(
            command("integrate", "guess", integration.name, *where),
            command("integrate", "progress", integration.name, *where),
        )


def _show(live: Live, masks: Iterator[NDArray[np.uint16]], speed: float) -> None:
    """Redraw while it plays; where nobody looks at a terminal, once at the end."""
    from rich.live import Live as Screen

    if not out().is_terminal:
        for mask in masks:
            live.frame(mask)
        out().print(_table(live))
        return
    begin = drawn = time.perf_counter()
    with Screen(_table(live), console=out(), auto_refresh=False) as screen:
        for mask in masks:
            live.frame(mask)
            now = time.perf_counter()
            if speed:
                time.sleep(max(0.0, begin + live.num_frames / (live.frames_per_second * speed) - now))
            if now - drawn > _REDRAW_S:
                drawn = now
                screen.update(_table(live), refresh=True)
        screen.update(_table(live), refresh=True)


def _table(live: Live) -> Table:
    listing = table("Variable", "Now", "From", "To", "Changes", "Course", right=("Now", "From", "To", "Changes"))
    for name, course in live.courses.items():
        listing.add_row(
            name,
            f"{course.now}",
            f"{course.lowest}",
            f"{course.highest}",
            f"{course.changes}",
            sparkline(course.recent()),
        )
    listing.caption = f"frame {live.num_frames}, reward {live.total:g}, episodes {live.num_episodes}" + (
        f", ended by: {live.ended_by}" if live.ended_by else ""
    )
    return listing


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        **examples(
            "playthrough integrate watch MyGame-Nes",
            "playthrough integrate watch MyGame-Nes --movie best.bk2 --speed 0",
            "playthrough integrate watch MyGame-Nes --window                    # you play",
        )
    )(watch)
