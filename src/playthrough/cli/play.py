"""`playthrough play`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from playthrough.cli.console import command, say, try_next
from playthrough.cli.options import Game, GameOptions, examples, takes_game
from playthrough.cli.screen import require_window

if TYPE_CHECKING:
    from playthrough.env.options import EnvOptions
    from playthrough.env.session import Played

Inputs = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Press what this text says, a line per frame, then end; replay --inputs writes such a text.",
    ),
]
Speed = Annotated[
    float, typer.Option(metavar="FACTOR", help="2 is twice as fast, 0 as fast as it goes; only 1 has sound.", min=0.0)
]
Scale = Annotated[int, typer.Option(metavar="N", help="Screen pixels per pixel of the game.", min=1, max=16)]


@takes_game
def play(
    game: Game,
    chosen: GameOptions,
    players: Annotated[int, typer.Option(metavar="N", help="How many people play, 1 or 2.", min=1, max=2)] = 1,
    record: Annotated[Path, typer.Option(metavar="DIR", help="The folder for the movies of the episodes.")] = Path(
        "movies"
    ),
    inputs: Inputs = None,
    frames: Annotated[int | None, typer.Option(metavar="N", help="End after so many frames.", min=1)] = None,
    speed: Speed = 1.0,
    scale: Scale = 3,
    mute: Annotated[bool, typer.Option("--mute", help="Play without sound.")] = False,
) -> None:
    """Play a game yourself, with the keyboard or a gamepad; every episode becomes a movie.

    F1 shows the keys, F5 saves the moment, F7 goes back to it, Esc ends. With two players, the second has I J K L and
    the keys around them, or the second gamepad.
    """
    options = chosen.env_options(game, players=players, actions="all", autoreset_mode="disabled", sound=not mute)
    played = open_session(options, movies=record, inputs=inputs, max_frames=frames, speed=speed, scale=scale)
    say(f"Frames played: {played.num_frames}, episodes finished: {played.num_episodes}", "bold")
    if played.returns and not played.num_episodes:
        say(f"Reward: {_numbers(played.returns)}")
    for movie in played.movies:
        say(f"Movie: {movie}")
    if played.movies:
        last = played.movies[-1]
        try_next(command("replay", last), command("replay", last, "--inputs", last.with_suffix(".txt")))


def open_session(
    options: EnvOptions,
    *,
    movies: Path,
    inputs: Path | None,
    max_frames: int | None,
    speed: float,
    scale: int,
    until_mark: bool = False,
) -> Played:
    """Open the window and let somebody play."""
    require_window("press from a file with SDL_VIDEODRIVER=dummy and --inputs FILE")
    from playthrough.env.session import PlaySession, PlayWindow
    from playthrough.env.vector import RetroVectorEnv

    env = RetroVectorEnv(options)
    try:
        masks = None if inputs is None else _read_inputs(inputs, env)
        display = env.engine.display
        window = PlayWindow(
            env.integration.name,
            display.frames_per_second * speed or None,
            display.sample_rate_hz if options.sound and speed == 1.0 else None,
            scale,
        )
        if inputs is None and max_frames is None:
            say(f"{env.integration.name}: F1 shows the keys, F5 saves, F7 goes back, Esc ends.")

        def report(returns: list[float], why: str) -> None:
            say(f"Episode over ({why}), reward {_numbers(returns)}")

        try:
            session = PlaySession(
                env,
                window,
                movies=movies,
                inputs=masks,
                max_frames=max_frames,
                until_mark=until_mark,
                on_episode=report,
            )
            return session.run()
        finally:
            window.close()
    finally:
        env.close()


def _read_inputs(path: Path, env: Any) -> Any:
    """The inputs of a file, without the reset's own frame if they begin with it."""
    from playthrough.errors import MovieError
    from playthrough.game.input_text import read_inputs

    masks = read_inputs(path, env.integration.system)
    if masks.shape[1] != env.options.players:
        raise MovieError(f"{path} is for {masks.shape[1]} players; say --players {masks.shape[1]}")
    return masks if masks[0].any() else masks[1:]


def _numbers(returns: list[float]) -> str:
    return ", ".join(f"{value:g}" for value in returns)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        **examples(
            "playthrough play Airstriker-Genesis",
            "playthrough play Pong-Atari2600 --state Start.2P --players 2",
            "playthrough play Airstriker-Genesis --record my-movies --speed 0.5",
        )
    )(play)
