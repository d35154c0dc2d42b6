"""How a ROM that an integration was not made for behaves: from its start state, from power-on, and with its movies.

What the variables should be is known from the integration's start states, whatever ROM runs: a savestate holds the
memory of the game it was made with. A ROM with the same variables reaches such values by itself, some time after it was
switched on and START was pressed; one with other addresses hardly ever does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.engine import Observe, PixelSpec
from playthrough.engine.probes import DataType
from playthrough.engine.systems import MENU_BUTTONS, START_BUTTONS
from playthrough.env.emulator import open_engine
from playthrough.env.options import EnvOptions
from playthrough.env.starts import StartStates
from playthrough.env.vector import RetroVectorEnv
from playthrough.errors import LaneError, StateError
from playthrough.game.integration import Integration
from playthrough.game.movies import Movie
from playthrough.game.trace import checksum
from playthrough.game.variables import Memory

STEP_FRAMES = 8
"""How long buttons are held, and how often variables and pictures are looked at."""
_NUM_LANES = 3
_LOOK_EVERY_STEPS = 4
_SETTLED_STEPS = 4
_MOVIE_PIECE_FRAMES = 256
_MAX_STATES = 12

Progress = Callable[[int, int], None]


@dataclass(eq=False)
class Watched:
    """What a few lanes of play showed.

    Attributes:
        values: The variables after each step, int64 (1 + steps, lanes, variables); row 0 is the reset's frame.
        rewards: float64 (steps, lanes), of player 1.
        ended_first: Whether every lane's episode ended on its very first frame.
        moved: bool (steps - 1, lanes), whether the picture differs from the one before.
        answered: Whether pressing buttons ever made a picture that pressing none did not.
        wrong_digits: For each variable made of decimal digits that held something else, how many looks in a hundred.
        lost: Why a lane's emulator was lost, if one was.
    """

    values: NDArray[np.int64]
    rewards: NDArray[np.float64]
    ended_first: bool
    moved: NDArray[np.bool_]
    answered: bool
    wrong_digits: dict[str, int]
    lost: str | None


def values_of_states(options: EnvOptions, integration: Integration) -> tuple[dict[str, NDArray[np.int64]], str | None]:
    """The variables in the integration's start states, as the states' own memory has them.

    Returns:
        int64 (variables,) for each state that the running core takes, the default state first; and why one was not.
    """
    default = integration.default_state()
    names = [default] if default in {*integration.states, *integration.recipes} and default else []
    names += [name for name in sorted(integration.states) if name != default]
    found: dict[str, NDArray[np.int64]] = {}
    problem = None
    engine = open_engine(options, integration)
    try:
        blocks = engine.memory_blocks(0)
        for name in names[:_MAX_STATES]:
            try:
                starts = StartStates(integration, lambda: open_engine(options, integration), name, 1)
                engine.load({0: starts.choices[0][1]})
            except (StateError, LaneError) as error:
                problem = problem or str(error)
                continue
            memory = Memory({start: engine.read_memory(0, start, size) for start, size in blocks})
            values = [memory.value(variable.probe) for variable in integration.variables.values()]
            found[name] = np.array(values, np.int64)
    finally:
        engine.close()
    return found, problem


def watch_start_state(options: EnvOptions, state: str, num_frames: int, progress: Progress) -> Watched:
    """Play from a start state: one lane presses nothing, the others at random."""
    return _watch(replace(options, state=state), num_frames, _random_presses, progress, lambda values: False)


def watch_power_on(
    options: EnvOptions, num_frames: int, progress: Progress, enough: Callable[[NDArray[np.int64]], bool]
) -> Watched:
    """Switch the console on and try to get a game started.

    Args:
        options: The game.
        num_frames: How long at most.
        progress: Told how far it is.
        enough: Asked now and then with the values so far, (frames, lanes, variables); True ends it.
    """
    return _watch(replace(options, state="power-on"), num_frames, _starting_presses, progress, enough)


def replayed_checksums(options: EnvOptions, integration: Integration, movie: Movie) -> NDArray[np.uint32]:
    """Replay a movie, and sum the variables up on each frame as its trace does, uint32 (frames,)."""
    compiled = integration.scenario.compile(integration.variables)
    engine = open_engine(options, integration)
    try:
        engine.configure(compiled.probes, None, PixelSpec())
        engine.load({0: movie.state or b""})
        sums: list[int] = []
        for start in range(0, len(movie.inputs), _MOVIE_PIECE_FRAMES):
            masks = np.ascontiguousarray(movie.inputs[None, start : start + _MOVIE_PIECE_FRAMES])
            result = engine.run(masks, np.array([masks.shape[1]], np.int32), np.array([Observe.SKIP], np.uint8))
            if result.lost:
                break
            sums += [checksum(values) for values in result.samples[0, : int(result.frames_run[0])]]
        return np.array(sums, np.uint32)
    finally:
        engine.close()


def settled_at(values: NDArray[np.int64], wanted: NDArray[np.int64]) -> tuple[int, int] | None:
    """When a game came to the values of a start state and kept them for a while.

    Args:
        values: (1 + steps, lanes, variables).
        wanted: (variables,).

    Returns:
        The step, and how many variables were right then; None if it never happened. Of many variables a quarter may
        differ: positions and clocks. One at least must have changed to what is wanted.
    """
    num_steps, _, num_variables = values.shape
    if num_steps <= _SETTLED_STEPS or not num_variables:
        return None
    right = values == wanted
    sums = np.cumsum(right, axis=0, dtype=np.int32)
    steady = sums[_SETTLED_STEPS:] - sums[:-_SETTLED_STEPS] == _SETTLED_STEPS
    arrived = steady & (values[:1] != wanted)
    count = steady.sum(axis=2)
    needed = max(1, int(np.ceil(num_variables * 0.75)))
    good = (count >= needed) & arrived.any(axis=2)
    steps = np.flatnonzero(good.any(axis=1))
    if not len(steps):
        return None
    first = int(steps[0])
    return first + 1, int(count[first][good[first]].max())


Presses = Callable[[int, int, np.random.Generator], int]
"""The mask that a lane presses: (lane, step, random)."""


def _watch(
    options: EnvOptions,
    num_frames: int,
    presses_for: Callable[[tuple[str | None, ...], int], Presses],
    progress: Progress,
    enough: Callable[[NDArray[np.int64]], bool],
) -> Watched:
    env = RetroVectorEnv(
        replace(
            options,
            num_envs=_NUM_LANES,
            frame_skip=STEP_FRAMES,
            observation="grid8",
            actions="all",
            autoreset_mode="disabled",
        )
    )
    num_steps = num_frames // STEP_FRAMES
    try:
        env.reset(seed=0)
        press = presses_for(env.integration.system.buttons, num_steps)
        digits = {name: v.probe for name, v in env.integration.variables.items() if v.probe.type.format in ("d", "n")}
        wrong = dict.fromkeys(digits, 0)
        randoms = [np.random.default_rng(seed) for seed in range(_NUM_LANES)]
        values, rewards, pictures = [env.values.copy()], list[NDArray[np.float64]](), list[NDArray[np.float32]]()
        looks, lost, ended_first = 0, None, False
        masks = np.zeros((_NUM_LANES, 1), np.uint16)
        for step in range(num_steps):
            masks[:, 0] = [press(lane, step, randoms[lane]) for lane in range(_NUM_LANES)]
            outcome = env.advance(masks, env.everybody)
            env.go_on()
            values.append(env.values.copy())
            rewards.append(outcome.rewards[:, 0].copy())
            pictures.append(outcome.observations.copy())
            if step == 0:
                ended_first = bool((outcome.terminated & (env.infos_of(outcome)["frames"] == 1)).all())
            if outcome.lost:
                lost = next(iter(outcome.lost.values()))
                break
            if step % _LOOK_EVERY_STEPS == 0:
                looks += 1
                for name, probe in digits.items():
                    raw = env.engine.read_memory(0, probe.address, probe.type.width)
                    wrong[name] += not _are_digits(raw, probe.type)
                progress((step + 1) * STEP_FRAMES, num_frames)
            if step % 32 == 31 and enough(np.stack(values)):
                break
    finally:
        env.close()
    seen = np.stack(pictures)
    return Watched(
        values=np.stack(values),
        rewards=np.stack(rewards),
        ended_first=ended_first,
        moved=np.any(seen[1:] != seen[:-1], axis=-1),
        answered=bool(np.any(seen[:, 1:] != seen[:, :1])),
        wrong_digits={name: 100 * count // looks for name, count in wrong.items() if count},
        lost=lost,
    )


def _are_digits(raw: bytes, kind: DataType) -> bool:
    """Whether memory holds decimal digits: one in each half of a byte, or one a byte."""
    if kind.format == "d":
        return all(byte >> 4 <= 9 and byte & 15 <= 9 for byte in raw)
    return all(byte & 15 <= 9 for byte in raw)


def _random_presses(buttons: tuple[str | None, ...], num_steps: int) -> Presses:
    """Nothing on the first lane, random buttons on the others."""
    usual = [i for i, name in enumerate(buttons) if name and name not in MENU_BUTTONS]

    def press(lane: int, step: int, random: np.random.Generator) -> int:
        return sum(1 << i for i in usual if random.random() < 0.3) if lane else 0

    return press


def _starting_presses(buttons: tuple[str | None, ...], num_steps: int) -> Presses:
    """START now and then and nothing else; START and random buttons, for half of the time or only at first."""
    start = sum(1 << i for i, name in enumerate(buttons) if name in START_BUTTONS)
    at_random = _random_presses(buttons, num_steps)
    every, until = (8, 11, 5), (num_steps, num_steps // 2, num_steps // 6)

    def press(lane: int, step: int, random: np.random.Generator) -> int:
        if step % every[lane] == every[lane] - 1 and step < until[lane]:
            return start
        return at_random(lane, step, random)

    return press
