"""`playthrough integrate progress`, `guess`, `find` and `frames`: numbers nobody pointed at, or somebody showed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from playthrough.cli.console import command, heading, out, say, table, try_next
from playthrough.cli.options import ButtonSeed, Game, GameOptions, examples, takes_game

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from playthrough.integrate.guessed import Guess

MovieFile = Annotated[Path, typer.Argument(metavar="MOVIE", help="A .bk2 or .fm2 movie, as `play` records them.")]


@takes_game
def progress(
    game: Game,
    chosen: GameOptions,
    seconds: Annotated[
        float, typer.Option(metavar="S", help="How long to play, in the game's time.", min=5, max=3600)
    ] = 120,
    seed: ButtonSeed = 0,
    count: Annotated[int, typer.Option(metavar="N", help="How many candidates to show.", min=1)] = 5,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw their course over time beside the view's (.png).")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Take the first one: into data.json, and let its growth pay.")
    ] = False,
) -> None:
    """Find the numbers that go with the view as it scrolls: how far the player got.

    It holds each direction and presses other buttons at random, then goes on with those that move the view.
    """
    from playthrough.errors import BadInputError
    from playthrough.integrate.machine import Machine
    from playthrough.integrate.meaning import adopt_progress
    from playthrough.integrate.progress import find_progress

    with Machine(chosen.env_options(game)) as machine:
        say(f"Playing {seconds:g} seconds of the game ...", "dim")
        candidates, recording = find_progress(machine, seconds, seed)
        integration, frames_per_second = machine.integration, machine.frames_per_second
    if not candidates:
        raise BadInputError(
            "nothing in memory goes with the view, or the view does not move; a game with fixed screens has no such "
            "number (see: playthrough integrate guess); from a title or a menu begin where it is played, with --state"
        )
    listing = table("Variable", "Address", "Type", "Score", "Why", right=("Score",))
    for candidate in candidates[:count]:
        names, addresses, kinds = zip(
            *((name, f"{address:#x}", kind) for name, (address, kind) in candidate.variables.items()), strict=True
        )
        why = "; ".join(candidate.reasons)
        listing.add_row("\n".join(names), "\n".join(addresses), "\n".join(kinds), f"{candidate.score:.2f}", why)
    out().print(listing)
    if plot is not None:
        from playthrough.integrate.picture_file import draw_progress

        draw_progress(plot, recording, candidates[:3], frames_per_second)
        say(f"Written: {plot}", "bold")
    if write:
        for file in adopt_progress(integration, candidates[0]):
            say(f"Written: {file}", "bold")
    name, (address, kind) = next(iter(candidates[0].variables.items()))
    try_next(
        command("integrate", "variable", integration.name, name, f"{address:#x}", kind, *chosen.folder_words),
        command("integrate", "watch", integration.name, *chosen.folder_words),
    )


@takes_game
def guess(
    game: Game,
    chosen: GameOptions,
    plays: Annotated[int, typer.Option(metavar="N", help="How often to play.", min=2, max=100)] = 6,
    seconds: Annotated[
        float, typer.Option(metavar="S", help="How long at most each time, in the game's time.", min=5, max=3600)
    ] = 60,
    seed: ButtonSeed = 0,
    count: Annotated[int, typer.Option(metavar="N", help="How many candidates to show of each.", min=1)] = 4,
    write: Annotated[
        bool,
        typer.Option("--write", help="Take the first ones: into data.json, the score pays, the last life ends."),
    ] = False,
) -> None:
    """Guess score, lives and game over, from several plays with random buttons.

    Guesses are ranked; look at the reasons, and at `integrate watch` while somebody plays, before you believe one.
    """
    from playthrough.errors import BadInputError
    from playthrough.integrate.guess import guess as find
    from playthrough.integrate.machine import Machine
    from playthrough.integrate.meaning import adopt_guesses

    with Machine(chosen.env_options(game)) as machine:
        say(f"Playing {plays} times up to {seconds:g} seconds of the game ...", "dim")
        found = find(machine, plays, seconds, seed)
        integration = machine.integration
    ended = sum(play.over is not None for play in found.plays)
    say(f"The game ended in {ended} of {plays} plays.")
    for title, guesses in (("Score", found.score), ("Lives", found.lives), ("Game over", found.game_over)):
        heading(title)
        if not guesses:
            say(_NOTHING[title], "yellow")
            continue
        out().print(_listing(guesses[:count]))
    if write:
        files = adopt_guesses(integration, found)
        if not files:
            raise BadInputError("nothing was found that could be written; play longer (--seconds), or see the guide")
        for file in files:
            say(f"Written: {file}", "bold")
    try_next(
        command("integrate", "watch", integration.name, *chosen.folder_words),
        command("integrate", "progress", integration.name, *chosen.folder_words),
    )


_NOTHING = {
    "Score": "No number rises as a score does: nobody scored at random, or it is kept in an unusual way. "
    "integrate search and integrate find can do better.",
    "Lives": "No number falls as lives do.",
    "Game over": "No game ended, or no number says so.",
}


def _listing(guesses: list[Guess]) -> object:
    listing = table("Variable", "Address", "Type", "Mask", "Likely", "Why", right=("Likely",))
    for made in guesses:
        cells = [
            (name, f"{part.address:#x}", str(part.type), "" if part.mask is None else f"{part.mask:#x}")
            for name, part in made.variables.items()
        ]
        names, addresses, kinds, masks = ("\n".join(column) for column in zip(*cells, strict=True))
        why = "; ".join([*made.reasons, *([str(made.poked)] if made.poked is not None else [])])
        listing.add_row(names, addresses, kinds, masks, f"{made.likeness:.2f}", why)
    return listing


@takes_game
def find(
    game: Game,
    movie: MovieFile,
    chosen: GameOptions,
    mark: Annotated[
        list[str] | None,
        typer.Option(metavar="MARK", help='What happened when, as in "812: lost a life"; repeatable.'),
    ] = None,
    marks: Annotated[Path | None, typer.Option(metavar="FILE", help="A text with such marks, a line each.")] = None,
    count: Annotated[int, typer.Option(metavar="N", help="How many candidates to show of each.", min=1)] = 5,
    poke: Annotated[
        bool, typer.Option("--poke/--no-poke", help="Confirm the best by changing them while the movie plays.")
    ] = True,
) -> None:
    """Find numbers by demonstration: a movie, and what happened on which of its frames.

    A mark is a frame, or a first and a last one, and what was seen: "400: score is 300", "812: lost a life", "100-160:
    moving right", "200-240: x still", "900: level rises". `integrate frames` shows which frame is which.
    """
    from playthrough.errors import BadInputError
    from playthrough.game.movies import read_movie
    from playthrough.integrate.demonstration import find_demonstrated
    from playthrough.integrate.machine import Machine
    from playthrough.integrate.marks import parse_marks, read_marks

    seen = [*(parse_marks(mark) if mark else []), *(read_marks(marks) if marks else [])]
    if not seen:
        raise BadInputError('there is no mark; say what happened when, as in --mark "400: score is 300"')
    read = read_movie(movie)
    with Machine(chosen.env_options(game, players=read.players)) as machine:
        found = find_demonstrated(machine, read, seen, poke=poke)
        integration = machine.integration
    best: list[str] = []
    for name, candidates in found.items():
        heading(name)
        if not candidates:
            say(
                "No number did what the marks say. Is each frame right, and is the number on this core's memory?",
                "yellow",
            )
            continue
        listing = table("Address", "Type", "Score", "Why", right=("Score",))
        for one in candidates[:count]:
            listing.add_row(f"{one.address:#x}", str(one.type), f"{one.score:.2f}", "; ".join(one.reasons))
        out().print(listing)
        first = candidates[0]
        words = ("integrate", "variable", integration.name, name, f"{first.address:#x}", str(first.type))
        best.append(command(*words, *chosen.folder_words))
    if best:
        try_next(*best)


@takes_game
def frames(
    game: Game,
    movie: MovieFile,
    chosen: GameOptions,
    out_file: Annotated[Path, typer.Option("--out", metavar="FILE", help="The picture to write (.png).")] = Path(
        "frames.png"
    ),
    every: Annotated[int, typer.Option(metavar="N", help="Show every N-th frame.", min=1)] = 60,
    first: Annotated[int, typer.Option(metavar="N", help="From this frame on.", min=1)] = 1,
    last: Annotated[int | None, typer.Option(metavar="N", help="Up to this frame.", min=1)] = None,
) -> None:
    """Draw a movie at a glance: its pictures with their frames' numbers, to say what happened when."""
    import numpy as np

    from playthrough.errors import BadInputError
    from playthrough.game.movies import read_movie
    from playthrough.integrate.machine import Machine
    from playthrough.integrate.picture_file import draw_sheet

    read = read_movie(movie)
    until = min(last or len(read.inputs), len(read.inputs))
    wanted = range(first, until + 1, every)
    if not wanted:
        raise BadInputError(f"the movie has {len(read.inputs)} frames; none of them is from {first} to {until}")
    if len(wanted) > _MOST_PICTURES:
        raise BadInputError(f"{len(wanted)} pictures are too many for one sheet; say a larger --every")
    pictures: dict[int, NDArray[np.uint8]] = {}
    with Machine(chosen.env_options(game, players=read.players)) as machine:
        machine.start(read.state or b"")
        at = 0
        for frame in wanted:
            machine.run(np.asarray(read.inputs[at:frame]))
            at = frame
            pictures[frame] = machine.picture()
    draw_sheet(out_file, pictures)
    say(f"Written: {out_file}", "bold")
    try_next(command("integrate", "find", game, movie, "--mark", f"{wanted[-1]}: score is 100", *chosen.folder_words))


_MOST_PICTURES = 240


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        **examples(
            "playthrough integrate progress MyGame-Nes",
            "playthrough integrate progress MyGame-Nes --state Level2 --seconds 240 --plot progress.png --write",
        )
    )(progress)
    app.command(
        **examples(
            "playthrough integrate guess MyGame-Nes",
            "playthrough integrate guess MyGame-Nes --plays 12 --seconds 120 --write",
        )
    )(guess)
    app.command(
        **examples(
            'playthrough integrate find MyGame-Nes movies/MyGame-Nes-Start-001.bk2 --mark "812: lost a life"',
            "playthrough integrate find MyGame-Nes best.bk2 --marks marks.txt",
        )
    )(find)
    app.command(
        **examples("playthrough integrate frames MyGame-Nes best.bk2 --every 30 --first 300 --last 900 --out sheet.png")
    )(frames)
