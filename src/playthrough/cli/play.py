"""`playthrough play`."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    against: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Play with two: you, and the best agent of a run in the other seat."),
    ] = None,
    seat: Annotated[
        int | None, typer.Option(metavar="N", help="With --against: where you sit, 1 or 2; else 1.", min=1, max=2)
    ] = None,
) -> None:
    """Play a game yourself, with the keyboard or a gamepad; every episode becomes a movie.

    F1 shows the keys, F5 saves the moment, F7 goes back to it, Esc ends. With two players, the second has I J K L and
    the keys around them, or the second gamepad. Against an agent you have the first player's keys in either seat.
    """
    from playthrough.errors import BadInputError

    if seat is not None and against is None:
        raise BadInputError("--seat says where you sit against an agent; add --against RUN")
    if against is not None:
        players = 2
        if not chosen.state:
            chosen = replace(chosen, state=_state_for_two(against))
    options = chosen.env_options(game, players=players, actions="all", autoreset_mode="disabled", sound=not mute)
    played = open_session(
        options,
        movies=record,
        inputs=inputs,
        max_frames=frames,
        speed=speed,
        scale=scale,
        against=None if against is None else Opponent(against, seat or 1),
    )
    say(f"Frames played: {played.num_frames}, episodes finished: {played.num_episodes}", "bold")
    if played.returns and not played.num_episodes:
        say(f"Reward: {_numbers(played.returns)}")
    for movie in played.movies:
        say(f"Movie: {movie}")
    if played.movies:
        last = played.movies[-1]
        try_next(command("replay", last), command("replay", last, "--inputs", last.with_suffix(".txt")))


@dataclass(frozen=True)
class Opponent:
    """Against whom somebody plays.

    Attributes:
        run: The folder of the run.
        seat: Where the person sits, 1 or 2.
    """

    run: Path
    seat: int


def open_session(
    options: EnvOptions,
    *,
    movies: Path,
    inputs: Path | None,
    max_frames: int | None,
    speed: float,
    scale: int,
    until_mark: bool = False,
    against: Opponent | None = None,
) -> Played:
    """Open the window and let somebody play."""
    require_window("press from a file with SDL_VIDEODRIVER=dummy and --inputs FILE")
    from playthrough.env.session import PlaySession, PlayWindow
    from playthrough.env.vector import RetroVectorEnv

    env = RetroVectorEnv(options)
    partner = None
    try:
        people = options.players if against is None else 1
        masks = None if inputs is None else _read_inputs(inputs, env, people)
        if against is not None:
            from playthrough.runs.agent import load_agent
            from playthrough.runs.partner import AgentPartner

            partner = AgentPartner(load_agent(against.run), options, against.seat, seed=_any_seed())
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
                partner=partner,
            )
            return session.run()
        finally:
            window.close()
    finally:
        if partner is not None:
            partner.close()
        env.close()


def _state_for_two(run: Path) -> str | None:
    """Where a run of self-play lets two play; None for where the game does."""
    from playthrough.runs.config import load_config
    from playthrough.runs.folder import RunFolder

    selfplay = load_config(RunFolder.open(run).config).selfplay
    state = None if selfplay is None else selfplay.env.get("state")
    return state if isinstance(state, str) else None


def _any_seed() -> int:
    from random import SystemRandom

    return SystemRandom().randrange(1 << 32)


def _read_inputs(path: Path, env: Any, people: int) -> Any:
    """The inputs of a file, without the reset's own frame if they begin with it."""
    from playthrough.errors import MovieError
    from playthrough.game.input_text import read_inputs

    masks = read_inputs(path, env.integration.system)
    if masks.shape[1] != people:
        count = masks.shape[1]
        advice = f"say --players {count}" if env.options.players == people else "against an agent one person plays"
        raise MovieError(f"{path} is for {count} players; {advice}")
    return masks if masks[0].any() else masks[1:]


def _numbers(returns: list[float]) -> str:
    return ", ".join(f"{value:g}" for value in returns)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        **examples(
            "playthrough play Airstriker-Genesis",
            "playthrough play Pong-Atari2600 --state Start.2P --players 2",
            "playthrough play Pong-Atari2600 --against runs/pong       # you, against what train made",
            "playthrough play Airstriker-Genesis --record my-movies --speed 0.5",
        )
    )(play)
