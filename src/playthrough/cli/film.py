"""`playthrough film`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from playthrough.cli.console import command, say, try_next
from playthrough.cli.options import examples
from playthrough.cli.progress import progress


def film(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `train --algo neat` made.")],
    what: Annotated[
        Literal["ghosts", "champions"],
        typer.Argument(help="ghosts: all genomes of a generation race. champions: how the best became better."),
    ],
    generation: Annotated[
        int | None, typer.Option(metavar="N", help="ghosts: which generation; else the last.", min=0)
    ] = None,
    most: Annotated[int, typer.Option(metavar="N", help="champions: how many at most.", min=1)] = 8,
    speed: Annotated[int, typer.Option(metavar="N", help="champions: how many times faster than the game.", min=1)] = 4,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A .mp4, .gif or, of ghosts, .png; else RUN/ghosts.mp4 or champions.mp4."),
    ] = None,
) -> None:
    """Show a whole run of NEAT: a race of all genomes of a generation, or a time-lapse of its champions."""
    from playthrough.errors import BadInputError
    from playthrough.runs.config import load_config
    from playthrough.runs.folder import RunFolder
    from playthrough.runs.ghosts import draw_ghosts, film_ghosts
    from playthrough.runs.neat_agent import champions_of
    from playthrough.runs.video import film_champions

    folder = RunFolder.open(run)
    file = folder.path / f"{what}.mp4" if out is None else out
    is_picture = file.suffix.lower() == ".png"
    if file.suffix.lower() not in (".mp4", ".gif") and not (is_picture and what == "ghosts"):
        kinds = "a .mp4, .gif or .png" if what == "ghosts" else "a .mp4 or .gif"
        raise BadInputError(f"--out {file}: expected {kinds}")
    if what == "champions":
        champions = champions_of(folder, load_config(folder.config), most)
        if not champions:
            raise BadInputError(f"{run} has no champions: expected a run of NEAT with at least one finished generation")
        with progress("filming") as advance:
            film_champions(champions, file, speed=speed, on_frame=advance)
    elif is_picture:
        draw_ghosts(folder, generation, picture=file)
    else:
        with progress("filming") as advance:
            film_ghosts(folder, file, generation, on_frame=advance)
    say(f"{'Picture' if is_picture else 'Video'}: {file}")
    other = "champions" if what == "ghosts" else "ghosts"
    try_next(command("film", run, other), command("watch", run))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        **examples(
            "playthrough film runs/first ghosts --out race.mp4",
            "playthrough film runs/first ghosts --generation 3 --out race.png",
            "playthrough film runs/first champions --out time-lapse.mp4",
        )
    )(film)
