"""`playthrough replay`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from playthrough.cli.console import command, counted, say, try_next
from playthrough.cli.options import GameOptions, examples, takes_game
from playthrough.cli.play import Scale, Speed
from playthrough.cli.progress import progress


@takes_game
def replay(
    movie: Annotated[Path, typer.Argument(metavar="MOVIE", help="A .bk2 (ours, stable-retro's, BizHawk's) or .fm2.")],
    chosen: GameOptions,
    game: Annotated[
        str | None, typer.Option(metavar="GAME", help="The game, where the movie does not name one that is known.")
    ] = None,
    window: Annotated[bool, typer.Option("--window", help="Show it in a window instead of writing a video.")] = False,
    video: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the video goes; else beside the movie, as .mp4.")
    ] = None,
    gif: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write its first half minute as a moving picture (.gif).")
    ] = None,
    no_video: Annotated[bool, typer.Option("--no-video", help="Write no video; only say what came of it.")] = False,
    inputs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the buttons of every frame as text, a line each.")
    ] = None,
    speed: Speed = 1.0,
    scale: Scale = 3,
) -> None:
    """Play a movie again: as a video, in a window, or as text. Says what it earned, and where it diverges.

    A movie of ours knows what the game's variables were on every frame; if they are different now, replay says from
    which frame on.
    """
    from playthrough.cli.movie_window import show_movie
    from playthrough.cli.screen import require_window
    from playthrough.errors import BadInputError
    from playthrough.game.atomic_file import write_file
    from playthrough.runs.replay import export_inputs, read_movie
    from playthrough.runs.replay import replay as replay_movie

    if sum((window, video is not None, no_video)) > 1:
        raise BadInputError("--window, --video and --no-video exclude one another")
    if chosen.state is not None:
        raise BadInputError("--state: a movie brings its own start state; leave this out")
    read = read_movie(movie)
    if inputs is not None:
        write_file(inputs, export_inputs(read).encode())
        say(f"Inputs: {inputs} ({counted(len(read.inputs), 'frame')})")
    with progress("replaying") as advance:
        report = replay_movie(
            movie, game=game, on_frame=lambda frame, total: advance(frame.number + 1, total), **chosen.given
        )
    players = [f"player {number}: {reward:g}" for number, reward in enumerate(report.rewards, 1)]
    say(f"{report.game}: {counted(report.frames, 'frame')}", "bold")
    say(f"Reward: {', '.join(players) if len(players) > 1 else f'{report.rewards[0]:g}'}")
    say("The game did not end." if report.ended_at is None else f"The game ended on frame {report.ended_at}.")
    if report.variables:
        say("At the end: " + ", ".join(f"{name} {value}" for name, value in report.variables.items()))
    if report.diverged_at is not None:
        say(f"Diverges from frame {report.diverged_at} on: from there the game is another one than recorded.", "red")
    elif report.traced:
        say("Equal to the recording on every frame.", "green")
    else:
        say("The movie does not say what happened when it was recorded, so there is nothing to compare with.", "dim")
    if window:
        require_window("leave out --window to get a video")
        show_movie(movie, f"{report.game}: {movie.name}", game=game, speed=speed, scale=scale, **chosen.given)
    elif not no_video:
        from playthrough.runs.video import film_movie

        wanted = [file for file in (video, gif) if file is not None] or [movie.with_suffix(".mp4")]
        for file in wanted:
            with progress("filming") as advance:
                film_movie(movie, file, game=game, on_frame=advance, **chosen.given)
            say(f"Video: {file}")
    try_next(command("replay", movie, "--window"), command("replay", movie, "--inputs", movie.with_suffix(".txt")))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        **examples(
            "playthrough replay movies/Airstriker-Genesis-Level1-001.bk2",
            "playthrough replay runs/first/best.bk2 --window",
            "playthrough replay best.bk2 --no-video --inputs buttons.txt",
            "playthrough replay longplay.fm2 --game SuperMarioBros-Nes --video mario.mp4",
        )
    )(replay)
