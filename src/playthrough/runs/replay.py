"""Replays movies in our environment, frame by frame, and says what came of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.env.options import EnvOptions
from playthrough.env.vector import RetroVectorEnv
from playthrough.errors import BadInputError, MovieError
from playthrough.game.integration import load_integration
from playthrough.game.movies import Movie, export_inputs, read_movie
from playthrough.game.trace import checksum

__all__ = ["MovieFrame", "ReplayReport", "export_inputs", "play_movie", "read_movie", "replay", "replay_env"]


@dataclass(frozen=True, eq=False)
class MovieFrame:
    """One frame of a movie as it was replayed.

    Attributes:
        number: Which frame, from 0; frame 0 is the one that a reset runs.
        masks: What was pressed, uint16 (players,).
        rewards: What it paid each player, float64 (players,).
        values: The game's variables after it, int64 (variables,), in the order of data.json.
        ended: Whether the game ended on it.
        picture: What it shows, uint8 (height, width, 3), if pictures were asked for.
        sound: What it sounds like, int16 (samples, 2), if sound was asked for.
    """

    number: int
    masks: NDArray[np.uint16]
    rewards: NDArray[np.float64]
    values: NDArray[np.int64]
    ended: bool
    picture: NDArray[np.uint8] | None
    sound: NDArray[np.int16] | None


@dataclass(frozen=True)
class ReplayReport:
    """What came of a movie.

    Attributes:
        game: The game.
        frames: How many frames were replayed, the reset's included.
        rewards: The sum of each player's rewards.
        ended_at: The frame on which the game ended first; None if it did not.
        variables: The game's variables at the end, by name.
        traced: Whether the movie says what its variables were, so that a replay can be compared with it.
        diverged_at: The first frame whose variables are not those of the recording; None if there is none.
    """

    game: str
    frames: int
    rewards: tuple[float, ...]
    ended_at: int | None
    variables: Mapping[str, int]
    traced: bool
    diverged_at: int | None


def replay_env(
    movie: Movie,
    *,
    game: str | Path | None = None,
    pictures: bool = False,
    sound: bool = False,
    **options: Any,
) -> RetroVectorEnv:
    """An environment with one lane in which a movie can be replayed.

    Args:
        movie: The movie.
        game: The game, for movies of other emulators, which name the ROM; None for what the movie says.
        pictures: Observe the picture, rather than the variables.
        sound: Collect sound.
        **options: Further fields of EnvOptions: scenario, info, core.

    Raises:
        PlaythroughError: If the game cannot be had, or the movie's savestate belongs to another core.
        MovieError: If a button of the console itself is pressed, or the movie is of another game than the one given.
    """
    if movie.resets:
        raise MovieError(
            f"the movie presses the console's reset or power button on frame {movie.resets[0]}, "
            "which an environment cannot do"
        )
    if game is not None:
        _require_the_movies_game(movie, game)
    game = game or movie.game
    if not options.get("core"):
        recorded = movie.header.get("Core", "?")
        options["core"] = recorded if movie.dialect == "stable-retro" and recorded not in ("", "?") else "exact"
    has_variables = bool(load_integration(game, info=options.get("info"), scenario=options.get("scenario")).variables)
    return RetroVectorEnv(
        EnvOptions(
            game=game,
            state=movie.state if movie.state is not None else "power-on",
            observation="rgb" if pictures else "variables" if has_variables else "ram",
            actions="all",
            players=movie.players,
            sound=sound,
            autoreset_mode="disabled",
            **options,
        )
    )


def _require_the_movies_game(movie: Movie, game: str | Path) -> None:
    """Refuse to press a movie's buttons in another game.

    Raises:
        MovieError: If the movie is of another system, or names a game that is known and has another ROM.
    """
    given = load_integration(game)
    if movie.system.buttons != given.system.buttons:
        mine = given.system.name
        raise MovieError(f"the movie is of a game for {movie.system.name}, but {given.name} runs on {mine}")
    if movie.dialect != "stable-retro":
        return  # other emulators name the ROM
    try:
        named = load_integration(movie.game)
    except BadInputError:
        return  # a game that is not here
    if named.name != given.name and not set(named.rom_hashes) & set(given.rom_hashes):
        raise MovieError(f"the movie is of {named.name}, not of {given.name}; leave the game out to replay it")


def play_movie(
    movie: Movie, env: RetroVectorEnv, *, pictures: bool = False, sound: bool = False
) -> Iterator[MovieFrame]:
    """Replay a movie, frame by frame; a game that ends goes on, as long as the movie does.

    Args:
        movie: The movie.
        env: From `replay_env`.
        pictures: Whether frames have their picture.
        sound: Whether frames have their sound.
    """
    if not len(movie.inputs):
        return
    num_buttons = len(movie.system.buttons)
    bits = (movie.inputs[:, :, None] >> np.arange(num_buttons, dtype=np.uint16)) & 1
    actions = bits.reshape(len(bits), 1, -1).astype(np.int8)
    nothing = np.zeros(movie.players)
    for number, masks in enumerate(movie.inputs):
        if number == 0:
            observations, infos = env.reset()
            rewards, ended = nothing, False
        else:
            observations, _, terminated, truncated, infos = env.step(actions[number])
            rewards, ended = infos["rewards"][0], bool(terminated[0] or truncated[0])
            if ended:
                env.go_on()
        yield MovieFrame(
            number=number,
            masks=masks,
            rewards=rewards,
            values=env.values[0],
            ended=ended,
            picture=observations[0] if pictures else None,
            sound=env.sound(0) if sound else None,
        )


def replay(
    path: str | Path,
    *,
    game: str | Path | None = None,
    on_frame: Callable[[MovieFrame, int], None] | None = None,
    pictures: bool = False,
    **options: Any,
) -> ReplayReport:
    """Replay a movie and compare it with its recording.

    Args:
        path: A `.bk2` of ours or of stable-retro, or a movie of another emulator from power-on.
        game: The game, where the movie does not say it.
        on_frame: Called with each frame and the number of frames in all.
        pictures: Whether these frames have their picture.
        **options: Further fields of EnvOptions: scenario, info, core.

    Raises:
        MovieError: If the movie is damaged.
        PlaythroughError: If its game cannot be had.
    """
    movie = read_movie(path)
    env = replay_env(movie, game=game, pictures=pictures, **options)
    try:
        trace = movie.trace if movie.trace is not None and movie.trace.names == env.variables else None
        rewards = np.zeros(movie.players)
        ended_at: int | None = None
        diverged_at: int | None = None
        values: NDArray[np.int64] = np.zeros(len(env.variables), np.int64)
        for frame in play_movie(movie, env, pictures=pictures):
            rewards += frame.rewards
            values = frame.values
            if frame.ended and ended_at is None:
                ended_at = frame.number
            if trace is not None and diverged_at is None and frame.number < len(trace.checksums):
                differs = checksum(values) != int(trace.checksums[frame.number])
                diverged_at = frame.number if differs else None
            if on_frame is not None:
                on_frame(frame, len(movie.inputs))
        if trace is not None and diverged_at is None and len(trace.checksums) != len(movie.inputs):
            diverged_at = min(len(trace.checksums), len(movie.inputs))  # one of the two was cut short
        return ReplayReport(
            game=env.integration.name,
            frames=len(movie.inputs),
            rewards=tuple(rewards.tolist()),
            ended_at=ended_at,
            variables=dict(zip(env.variables, values.tolist(), strict=True)),
            traced=trace is not None,
            diverged_at=diverged_at,
        )
    finally:
        env.close()
