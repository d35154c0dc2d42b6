"""What the scenario doctor looks at: movies, and several simple ways to play, frame by frame.

An episode is watched for a while after its end, because what the game does then says whether the end was one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.engine import Observe
from playthrough.env.options import EnvOptions
from playthrough.env.reward_terms import RewardTerms, ends
from playthrough.env.vector import RetroVectorEnv
from playthrough.errors import LaneError, MovieError
from playthrough.game.actions import ActionMap
from playthrough.game.integration import Integration, load_integration
from playthrough.game.movies import read_movie
from playthrough.integrate.check_ways import Buttons, ways_to_play

AFTER_FRAMES = 480
"""How long an episode is watched after its end."""
_STRETCH_FRAMES = 20
"""How many frames are played at a time; after each such stretch the memory is copied."""
_MAX_RAM_BYTES = 1 << 16


@dataclass(eq=False)
class Play:
    """One episode, from its reset on, and what came after its end.

    Attributes:
        name: How it was played.
        masks: Buttons of each frame, uint16 (frames, players).
        samples: The variables, int64 (1 + frames, variables); row 0 is the reset's own frame.
        rewards: float64 (frames, players).
        amounts: What each term of the reward paid, float32 (frames, terms).
        ended_at: The frame, from 1, on which the episode ended; None if it did not.
        by_game: Whether it was the game's own end (and not a script's truncation).
        ram: Copies of the memory every few frames, uint8 (copies, bytes).
        ram_frames: Of which frames these are.
        lost: Why the emulator was lost at its end, if it was.
        lost_masks: The buttons of the frames in which it was lost, uint16 (frames, players); `masks` ends before them.
        start: The name of the start state.
    """

    name: str
    masks: NDArray[np.uint16]
    samples: NDArray[np.int64]
    rewards: NDArray[np.float64]
    amounts: NDArray[np.float32]
    ended_at: int | None
    by_game: bool = True
    ram: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0), np.uint8))
    ram_frames: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    lost: str | None = None
    lost_masks: NDArray[np.uint16] = field(default_factory=lambda: np.zeros((0, 0), np.uint16))
    start: str = ""

    @property
    def num_frames(self) -> int:
        """How many frames were played."""
        return len(self.masks)

    @property
    def num_played(self) -> int:
        """How many of them belong to the episode."""
        return self.num_frames if self.ended_at is None else self.ended_at

    @property
    def is_movie(self) -> bool:
        """Whether it is a movie's."""
        return self.name.startswith("movie ")


@dataclass(eq=False)
class _Stretch:
    """Some frames of all lanes.

    Attributes:
        samples: int64 (lanes, frames, variables).
        rewards: float64 (lanes, frames, players); what a compiled scenario pays is worked out from the samples.
        ended: bool (lanes, frames), on which frames the scenario says that an episode ends.
        by_game: bool (lanes, frames), whether that is the game's own end.
        frames_run: int32 (lanes,), how many of the frames each lane ran; what stands after them means nothing.
        lost: Lanes whose emulator was lost, and why.
    """

    samples: NDArray[np.int64]
    rewards: NDArray[np.float64]
    ended: NDArray[np.bool_]
    by_game: NDArray[np.bool_]
    frames_run: NDArray[np.int32]
    lost: Mapping[int, str]


class _Players:
    """Plays on all lanes of an environment, many frames at a time where nothing but memory decides."""

    def __init__(self, env: RetroVectorEnv) -> None:
        self.env = env
        scenario, variables = env.integration.scenario, env.integration.variables
        compiled = scenario.compile(variables)
        self.terms = RewardTerms.of(scenario, compiled, env.options.players)
        self._stop, self._scripted = compiled.stop, compiled.needs_script
        self.values: NDArray[np.int64] = np.zeros((env.num_envs, len(variables)), np.int64)
        self.keeps_ram = 0 < env.engine.ram_size_bytes <= _MAX_RAM_BYTES

    def start(self, lanes: NDArray[np.bool_], tapes: dict[int, _Tape]) -> None:
        """Start episodes on the lanes of a mask, each on a new tape."""
        _, infos = self.env.reset(seed=0, options={"reset_mask": lanes})
        self.values = np.where(lanes[:, None], self.env.values, self.values)
        for lane in np.flatnonzero(lanes).tolist():
            tapes[lane] = _Tape(self.values[lane], str(infos["start_state"][lane]))

    def play(self, masks: NDArray[np.uint16], lanes: NDArray[np.bool_]) -> _Stretch:
        """Press the buttons of some frames, uint16 (lanes, frames, players), on those lanes; ends stop nobody."""
        before = self.values
        stretch = self._run_frame_by_frame(masks, lanes) if self._scripted else self._run(masks, lanes, before)
        self.values = stretch.samples[:, -1].copy()
        return stretch

    def _run(self, masks: NDArray[np.uint16], playing: NDArray[np.bool_], before: NDArray[np.int64]) -> _Stretch:
        lanes, frames, players = masks.shape
        wanted, unseen = np.where(playing, frames, 0).astype(np.int32), np.full(lanes, Observe.SKIP, np.uint8)
        result = self.env.engine.run(np.ascontiguousarray(masks), wanted, unseen, stopping=False)
        past = np.concatenate([before[:, None], result.samples[:, :-1]], axis=1)
        nobody = np.zeros((lanes, frames), np.bool_)
        ended = nobody
        if self._stop is not None:
            ended = np.stack([ends(self._stop, *pair) for pair in zip(result.samples, past, strict=True)])
        rewards = np.zeros((lanes, frames, players))
        for lane in range(lanes):
            amounts = self.terms.amounts(result.samples[lane], before[lane], rewards[lane])
            for column, player in enumerate(self.terms.players):
                rewards[lane, :, player] += amounts[:, column]
        return _Stretch(result.samples, rewards, ended, ended, result.frames_run, result.lost)

    def _run_frame_by_frame(self, masks: NDArray[np.uint16], playing: NDArray[np.bool_]) -> _Stretch:
        env, (lanes, frames, players) = self.env, masks.shape
        samples = np.zeros((lanes, frames, len(env.variables)), np.int64)
        rewards = np.zeros((lanes, frames, players))
        ended, by_game = np.zeros((lanes, frames), np.bool_), np.zeros((lanes, frames), np.bool_)
        frames_run = np.full(lanes, frames, np.int32)
        lost: dict[int, str] = {}
        for frame in range(frames):
            outcome = env.advance(masks[:, frame], env.everybody if playing.all() else playing)
            env.go_on()
            samples[:, frame], rewards[:, frame] = env.values, outcome.rewards
            ended[:, frame], by_game[:, frame] = outcome.ended, outcome.terminated
            for lane, reason in outcome.lost.items():
                frames_run[lane], lost[lane] = frame, reason
            playing = playing & ~_mask_of(outcome.lost, lanes)
        return _Stretch(samples, rewards, ended, by_game, frames_run, lost)


class _Tape:
    """An episode that is being recorded."""

    def __init__(self, values: NDArray[np.int64], start: str) -> None:
        self.start = start
        self.masks: list[NDArray[np.uint16]] = []
        self.samples = [values[None].copy()]
        self.rewards: list[NDArray[np.float64]] = []
        self.ram: list[NDArray[np.uint8]] = []
        self.ram_frames: list[int] = []
        self.num_frames = 0
        self.ended_at: int | None = None
        self.by_game = True
        self.lost: str | None = None
        self.lost_masks: NDArray[np.uint16] = np.zeros((0, 0), np.uint16)

    def add(self, masks: NDArray[np.uint16], stretch: _Stretch, lane: int) -> None:
        """Record what a lane did until it was lost, masks uint16 (frames, players)."""
        ran = int(stretch.frames_run[lane])
        self.masks.append(masks[:ran].copy())
        self.samples.append(stretch.samples[lane, :ran])
        self.rewards.append(stretch.rewards[lane, :ran])
        ends_here = np.flatnonzero(stretch.ended[lane, :ran])
        if self.ended_at is None and len(ends_here):
            frame = int(ends_here[0])
            self.ended_at, self.by_game = self.num_frames + frame + 1, bool(stretch.by_game[lane, frame])
        self.num_frames += ran
        if lane in stretch.lost:
            self.lost, self.lost_masks = stretch.lost[lane], masks[ran:].copy()

    def add_ram(self, ram: NDArray[np.uint8]) -> None:
        """Record the memory as it is now, uint8 (bytes,)."""
        self.ram.append(ram.copy())
        self.ram_frames.append(self.num_frames)

    @property
    def is_over(self) -> bool:
        """Whether enough was seen of the episode."""
        return self.lost is not None or (self.ended_at is not None and self.num_frames >= self.ended_at + AFTER_FRAMES)

    def play(self, name: str, terms: RewardTerms) -> Play:
        """The finished recording."""
        samples, rewards = np.concatenate(self.samples), np.concatenate(self.rewards)
        return Play(
            name,
            np.concatenate(self.masks),
            samples,
            rewards,
            terms.amounts(samples[1:], samples[0], rewards),
            self.ended_at,
            self.by_game,
            np.stack(self.ram) if self.ram else np.zeros((0, 0), np.uint8),
            np.array(self.ram_frames, np.int64),
            self.lost,
            self.lost_masks,
            self.start,
        )


def random_plays(options: EnvOptions, num_frames: int, on_frame: Callable[[int, int], None]) -> list[Play]:
    """Play in several simple ways at a time, one on each lane, starting anew some time after each end.

    A way in which the emulator is lost is not tried again.

    Args:
        options: The game; how many lanes, what is observed and who presses what is decided here.
        num_frames: How many frames each way gets.
        on_frame: Called with the frames done and all.

    Raises:
        LaneError: If the emulator is lost as it starts, again and again.
    """
    integration = load_integration(options.game, info=options.info, scenario=options.scenario)
    groups = ActionMap.create("discrete", integration.system, integration.scenario.actions).groups
    ways = ways_to_play(integration.system, groups)
    env = RetroVectorEnv(
        replace(
            options,
            num_envs=len(ways),
            observation="ram",
            actions="all",
            isolation="process",  # a core that crashes shall not take the doctor with it
            autoreset_mode="disabled",
        )
    )
    try:
        return _play(env, ways, num_frames, on_frame)
    finally:
        env.close()


def _play(
    env: RetroVectorEnv, ways: dict[str, Buttons], num_frames: int, on_frame: Callable[[int, int], None]
) -> list[Play]:
    players = _Players(env)
    names, presses = list(ways), list(ways.values())
    randoms = [np.random.default_rng(seed) for seed in range(len(ways))]
    tapes: dict[int, _Tape] = {}  # of the lanes that play
    players.start(env.everybody, tapes)
    plays: list[Play] = []
    try:
        for frame in range(0, num_frames, _STRETCH_FRAMES):
            masks = np.zeros((len(ways), min(_STRETCH_FRAMES, num_frames - frame), env.options.players), np.uint16)
            for lane, tape in tapes.items():
                for step in range(masks.shape[1]):
                    masks[lane, step, 0] = presses[lane](tape.num_frames + step, randoms[lane])
            for player in range(1, masks.shape[2]):  # the other players do what the next ways to play do
                masks[1:, :, player] = np.roll(masks[:, :, 0], -player, axis=0)[1:]
            stretch = players.play(masks, _mask_of(tapes, len(ways)))
            ram = env.engine.read_ram() if players.keeps_ram else None
            for lane, tape in tapes.items():
                tape.add(masks[lane], stretch, lane)
                if ram is not None and tape.lost is None:
                    tape.add_ram(ram[lane])
            over = {lane: tapes.pop(lane) for lane in sorted(tapes) if tapes[lane].is_over}
            plays += [tape.play(names[lane], players.terms) for lane, tape in over.items()]
            again = [lane for lane, tape in over.items() if tape.lost is None]
            if again:
                players.start(_mask_of(again, len(ways)), tapes)
            if not tapes:
                break
            on_frame(frame + masks.shape[1], num_frames)
    except LaneError as error:
        problem: str | None = str(error)
    else:
        problem = None
    plays += [tapes[lane].play(names[lane], players.terms) for lane in sorted(tapes) if tapes[lane].num_frames]
    if problem is not None:
        if not plays:
            raise LaneError(problem)
        plays[-1].lost = problem
    return plays


def _mask_of(lanes: Iterable[int], num_lanes: int) -> NDArray[np.bool_]:
    mask = np.zeros(num_lanes, np.bool_)
    mask[list(lanes)] = True
    return mask


def own_movies(integration: Integration) -> list[Path]:
    """The movies in an integration's folders."""
    return [
        path
        for folder in integration.folders
        for place in (folder, folder / "movies")
        for path in sorted(place.glob("*.bk2"))
    ]


def play_movie(
    movie: str | Path, *, game: str | Path | None = None, core: str | Path | None = None, **options: Any
) -> tuple[Play, RewardTerms, tuple[str, ...]]:
    """Replay a movie to its end.

    Args:
        movie: Its file.
        game: The game, or a folder of it; None for what the movie says.
        core: Which core plays it; None for the one that recorded it.
        **options: Further fields of EnvOptions: scenario, info.

    Returns:
        What happened, up to where the emulator was lost if it was; the terms of the reward; the variables' names.

    Raises:
        MovieError: If it is damaged, or presses a button of the console itself.
        LaneError: If the emulator is lost as it starts, again and again.
        PlaythroughError: If its game cannot be had.
    """
    read = read_movie(movie)
    if read.resets:
        raise MovieError(
            f"{movie}: it presses the console's reset or power button on frame {read.resets[0]}, "
            "which an environment cannot do"
        )
    if core is None:
        recorded = read.header.get("Core", "?")
        core = "exact" if recorded in ("", "?") or read.dialect != "stable-retro" else recorded
    env = RetroVectorEnv(
        EnvOptions(
            game=game or read.game,
            state=read.state if read.state is not None else "power-on",
            observation="ram",
            actions="all",
            players=read.players,
            autoreset_mode="disabled",
            isolation="process",
            core=core,
            **options,
        )
    )
    try:
        if read.system.buttons != env.integration.system.buttons:
            name = env.integration.system.name
            raise MovieError(
                f"{movie}: it is of a game for {read.system.name}, but {env.integration.name} runs on {name}"
            )
        players = _Players(env)
        tapes: dict[int, _Tape] = {}
        players.start(env.everybody, tapes)
        tape = tapes[0]
        inputs = read.inputs[1:]  # the first frame is the reset's own
        for start in range(0, len(inputs), _STRETCH_FRAMES):
            masks = inputs[start : start + _STRETCH_FRAMES]
            tape.add(masks, players.play(masks[None], env.everybody), 0)
            if tape.lost is not None:
                break
            if players.keeps_ram:
                tape.add_ram(env.engine.read_ram()[0])
        if not len(inputs):
            raise MovieError(f"{movie}: it has no frame beside the reset's own")
        return tape.play(f"movie {Path(movie).name}", players.terms), players.terms, env.variables
    finally:
        env.close()
