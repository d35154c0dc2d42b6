"""RetroVectorEnv: a game on N lanes as a Gymnasium vector environment.

Everything that an environment means stands here: when an episode starts, what one step is, what it pays, when it ends,
and what a snapshot holds. The engine runs the frames; the integration says what memory means; both are asked in
batches.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import gymnasium as gym
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from playthrough.engine.engine import Observe, PixelSpec, RunResult
from playthrough.engine.libretro import RewardSum
from playthrough.env.emulator import open_engine, place_errors
from playthrough.env.infos import Infos, lanes_of, only, plain_of_lane_0, replaced
from playthrough.env.observation import Scene, Seen, observation_of, select_columns
from playthrough.env.options import EnvOptions, autoreset
from playthrough.env.progress import ProgressWatch, progress_columns
from playthrough.env.recording import Recorder
from playthrough.env.scripting import ScriptedLanes
from playthrough.env.snapshots import is_snapshot, pack_snapshot, unpack_snapshot
from playthrough.env.starts import StartStates, as_sequence
from playthrough.env.stickiness import StickyPads
from playthrough.env.window import window_available
from playthrough.errors import StateError
from playthrough.game.actions import ActionMap
from playthrough.game.integration import load_integration

if TYPE_CHECKING:
    from playthrough.env.asynchronous import Background, Received


@dataclass(slots=True)
class Outcome:
    """What one step came to, before anything is said about it.

    Attributes:
        observations: Of all lanes.
        rewards: float64 (lanes, players).
        terminated: bool (lanes,), the game's own ends.
        truncated: bool (lanes,), ours.
        ended: bool (lanes,), both.
        any_ended: Whether there is one.
        played: bool (lanes,), which lanes have something to say.
        reasons: For each reason to truncate, which lanes it holds for.
        lost: Lanes whose emulator was lost, and why.
    """

    observations: NDArray[Any]
    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    ended: NDArray[np.bool_]
    any_ended: bool
    played: NDArray[np.bool_]
    reasons: dict[str, NDArray[np.bool_]]
    lost: dict[int, str]


class RetroVectorEnv(VectorEnv[NDArray[Any], NDArray[Any], NDArray[Any]]):
    """N lanes of one game.

    A lane is one emulator. Lane i after `reset(seed=s)` plays exactly as a single environment seeded with s + i,
    whatever the number of lanes and threads. `terminated` is the game's own end; `truncated` is ours.

    Args:
        options: What game, from where, seen and played how.

    Raises:
        PlaythroughError: If the game, its ROM, a core or a state cannot be had; the message says what to do.
        ValueError: If an option has a wrong value.
    """

    freezes_finished_lanes = True
    """Without autoreset, a lane that ended stays as it is, at no cost, until it is reset."""

    def __init__(self, options: EnvOptions) -> None:
        self.options = options
        self.integration = load_integration(options.game, info=options.info, scenario=options.scenario)
        scenario = self.integration.scenario
        observation = observation_of(options.observation)
        self.actions = ActionMap.create(options.actions, self.integration.system, scenario.actions, options.players)
        compiled = scenario.compile(self.integration.variables)
        self.variables = compiled.names
        self.engine = open_engine(options, self.integration)
        try:
            self.num_envs = options.num_envs
            self.scene = Scene(
                self.engine.display,
                scenario.crop_of(0),
                {name: variable.probe for name, variable in self.integration.variables.items()},
                self.engine.ram_size_bytes,
                tuple(self.engine.memory_blocks(0)),
                self.integration.tiles,
            )
            self.single_observation_space = observation.space(self.scene)
            self.observation_space = batch_space(self.single_observation_space, self.num_envs)
            self.single_action_space = self.actions.single_space
            self.action_space = self.actions.batch_space(self.num_envs)
            pixels = observation.pixel_spec(self.scene)
            self._observation, self._columns = observation, select_columns(observation, self.variables)
            self._picture = Observe.SKIP if pixels is None else Observe.PUSH
            pixel_spec = pixels or PixelSpec()
            stop = None if compiled.needs_script else compiled.stop
            with place_errors(self.integration):
                self.engine.configure(compiled.probes, stop, pixel_spec)
            alone = replace(options, num_envs=1, num_threads=1)
            self._starts = StartStates(
                self.integration,
                lambda: open_engine(alone, self.integration),
                options.state,
                options.players,
                recipes_first=not self.engine.capabilities.stored_states,
            )
            self._scripts = (
                ScriptedLanes(self.engine, scenario, self.integration.variables, options.players)
                if compiled.needs_script
                else None
            )
            self._reward_sum = RewardSum(compiled.terms, options.players)
            columns = progress_columns(options, compiled)
            self._progress = ProgressWatch(self.num_envs, columns, options.no_progress_frames) if columns else None
            for lane in range(self.num_envs if options.sound else 0):
                self.engine.capture_sound(lane, True)
        except BaseException:
            self.engine.close()
            raise
        self.render_mode = options.render_mode
        self.metadata: dict[str, Any] = {
            "render_modes": ["rgb_array", *(["human"] if window_available() else [])],
            "render_fps": self.engine.display.frames_per_second / options.frame_skip,
            "autoreset_mode": autoreset(options.autoreset_mode),
        }
        self.recorder = (
            Recorder(
                options.record,
                self.integration.movie_name,
                self.integration.system,
                options.players,
                self.num_envs,
                self.variables,
                self.engine.core_name,
            )
            if options.record is not None
            else None
        )
        self._mode: AutoresetMode = self.metadata["autoreset_mode"]
        self._pads = StickyPads(
            self.num_envs,
            options.players,
            options.frame_skip,
            options.repeat_action_probability,
            options.delay_action_probability,
        )
        self.random = [seeding.np_random(None)[0] for _ in range(self.num_envs)]
        """Each lane's own random numbers: no-op starts, sticky actions, the choice of start states."""
        self._values = np.zeros((self.num_envs, len(self.variables)), np.int64)
        self._frames = np.zeros(self.num_envs, np.int64)
        self._steps = np.zeros(self.num_envs, np.int64)
        self._over = np.zeros(self.num_envs, np.bool_)
        self._begun = np.zeros(self.num_envs, np.bool_)
        self._any_over = self._all_begun = False
        self._background: Background | None = None
        self._lost: dict[int, str] = {}
        self._lanes = np.arange(self.num_envs)
        self.everybody = np.ones(self.num_envs, np.bool_)
        self._nobody = np.zeros(self.num_envs, np.bool_)
        self._frames_all = np.full(self.num_envs, options.frame_skip, np.int32)
        self._observe_all = np.full(self.num_envs, self._picture, np.uint8)
        for constant in (self.everybody, self._nobody, self._frames_all, self._observe_all):
            constant.flags.writeable = False  # some are handed out

    # An episode begins -----------------------------------------------------------------------------------------------

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], Infos]:
        """Start episodes.

        Args:
            seed: One number (lane i gets seed + i), or one number or None per lane.
            options: `state`, a start state for all or one per lane: a name, a file, or bytes. `reset_mask`, bool
                (lanes,): which lanes start anew; the others stay where they are.

        Returns:
            Observations of all lanes, and infos.
        """
        if self._background:
            self._background.require_idle()
        lanes, state = self._reset_options(options)
        for lane, lane_seed in enumerate(self._lane_seeds(seed)):
            if lanes[lane] and lane_seed is not None:
                self.random[lane] = seeding.np_random(lane_seed)[0]
        pixels = self._start_episodes(lanes, state)
        return self._observe(pixels), self._infos(lanes, self._no_rewards())

    def _lane_seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, int | np.integer):
            return [int(seed) + lane for lane in range(self.num_envs)]
        seeds = list(seed)
        if len(seeds) != self.num_envs:
            raise ValueError(f"seed has {len(seeds)} entries for {self.num_envs} lanes")
        return seeds

    def _reset_options(self, options: dict[str, Any] | None) -> tuple[NDArray[np.bool_], list[Any]]:
        options = options or {}
        unknown = options.keys() - {"state", "reset_mask"}
        if unknown:
            raise ValueError(f"reset knows the options state and reset_mask, not {sorted(unknown)[0]!r}")
        lanes = np.asarray(options.get("reset_mask", self.everybody))
        if lanes.shape != (self.num_envs,) or lanes.dtype != np.bool_ or not lanes.any():
            raise ValueError(f"reset_mask must be a bool array of shape ({self.num_envs},) with at least one True")
        return lanes, as_sequence(options.get("state"), self.num_envs)

    def _start_episodes(self, lanes: NDArray[np.bool_], states: Sequence[Any]) -> NDArray[np.uint8]:
        """Load a start state into each of the lanes and run the reset's one frame, and the no-ops."""
        starts: dict[int, tuple[str, bytes]] = {}
        snapshots: dict[int, bytes] = {}
        for lane in lanes_of(lanes):
            state = states[lane]
            if isinstance(state, bytes) and is_snapshot(state):
                snapshots[lane] = state
                continue
            starts[lane] = self._starts.draw(self.random[lane]) if state is None else self._starts.resolve(state)
        fresh = np.zeros(self.num_envs, np.bool_)
        fresh[list(starts)] = True
        pixels = self._play_start(fresh, starts) if starts else None
        for lane, snapshot in snapshots.items():
            random = self.random[lane].bit_generator.state
            self._load_snapshot(lane, snapshot)
            self.random[lane].bit_generator.state = random  # another seed makes another episode of it
            self._over[lane], self._steps[lane] = False, 0  # and it is one of its own, with its own time limit
        return pixels if pixels is not None and not snapshots else self._show()

    def _play_start(self, lanes: NDArray[np.bool_], starts: dict[int, tuple[str, bytes]]) -> NDArray[np.uint8]:
        players = self.options.players
        fill = Observe.FILL if self._picture else Observe.SKIP
        released = np.zeros((self.num_envs, 1 + self.options.noop_max, players), np.uint16)
        first = released[:, :1].copy()
        missing = lanes
        while True:  # a lane that is lost on its first frame is started again; the engine says when it has had enough
            self.engine.load({lane: state for lane, (_, state) in starts.items() if missing[lane]})
            for lane in lanes_of(missing):
                self._lost.pop(lane, None)
            observe = np.where(missing, fill, self._show_or_skip).astype(np.uint8)
            result = self._run_engine(first, missing.astype(np.int32), observe, stopping=False)
            self._values = np.where((result.frames_run > 0)[:, None], result.samples[:, -1], self._values)
            missing = lanes & self._is_lost
            if not missing.any():
                break
        if self._scripts:
            self._scripts.start(lanes, self._values)
        if self.recorder:
            for lane, (name, state) in starts.items():
                self.recorder.begin(lane, name, state)
                self.recorder.frames(lane, first[lane], self._values[lane][None])
        noops = np.zeros(self.num_envs, np.int32)
        for lane in starts if self.options.noop_max else ():
            noops[lane] = self.random[lane].integers(0, self.options.noop_max + 1)
        if noops.any():
            result = self._wait(released[:, : noops.max()].copy(), noops, observe)
        self._pads.release(lanes)
        self._frames[lanes] = self._steps[lanes] = 0
        self._over[lanes] = False
        self._any_over = bool(self._over.any())
        self._begun |= lanes
        self._all_begun = bool(self._begun.all())
        if self._progress:
            self._progress.start(lanes, self._values)
        return result.observations

    def _wait(self, released: NDArray[np.uint16], noops: NDArray[np.int32], observe: NDArray[np.uint8]) -> RunResult:
        """Run each lane's no-ops. What they pay does not count, nor does an end: the first step will meet it."""
        waiting = noops > 0
        if self._scripts:
            result = self._scripts.run(released, noops, self._values, self._picture, stopping=False)[0]
            self._lost.update(result.lost)
            observe = np.where(waiting, observe, np.uint8(self._show_or_skip))
            result = replace(result, observations=self._push(observe))
        else:
            result = self._run_engine(released, noops, observe, stopping=False)
        waiting &= ~self._is_lost
        last = result.samples[self._lanes, np.maximum(noops - 1, 0)]
        self._values = np.where(waiting[:, None], last, self._values)
        if self.recorder:
            for lane in lanes_of(waiting):
                self.recorder.frames(lane, released[lane, : noops[lane]], result.samples[lane, : noops[lane]])
        return result

    # A step ----------------------------------------------------------------------------------------------------------

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], Infos]:
        """Decide once for every lane and run up to `frame_skip` frames; the frame on which a game ends is the last.

        Args:
            actions: One action per lane.

        Returns:
            Observations, rewards of player 1, terminations, truncations, infos.
        """
        if self._background:
            self._background.require_idle()
        masks = self.actions.to_buttons(actions)
        if len(masks) != self.num_envs:
            raise ValueError(f"{len(masks)} actions for {self.num_envs} lanes")
        return self._finish_step(self.advance(masks, self.everybody))

    def send(self, actions: NDArray[Any], lane_ids: Sequence[int] | NDArray[np.integer[Any]] | None = None) -> None:
        """Let lanes step in the background; `recv` takes what came of it.

        Args:
            actions: One action per lane, in the order of `lane_ids`.
            lane_ids: Which lanes; None for all.
        """
        if self._background is None:
            from playthrough.env.asynchronous import Background

            self._background = Background(self)
        self._background.send(actions, lane_ids)

    def recv(
        self, min_lanes: int | None = None
    ) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], Infos]:
        """Wait until at least so many lanes that were sent are done, and take all that are.

        Args:
            min_lanes: None for as many as were sent first, and not received, together.

        Returns:
            What `step` returns, with one row for each lane of `infos["lane_ids"]`.
        """
        if self._background is None:
            raise ValueError("nothing was sent: call send(actions) before recv()")
        done = self._background.recv(min_lanes)
        infos = {**done.infos, "lane_ids": done.lanes}
        return done.observations, done.rewards, done.terminated, done.truncated, infos

    def step_lanes(self, masks: NDArray[np.uint16], lanes: NDArray[np.int64]) -> Received:
        """One step of some lanes alone, with the buttons that they press, (len(lanes), players)."""
        from playthrough.env.asynchronous import Received, rows_of

        all_masks = np.zeros((self.num_envs, self.options.players), np.uint16)
        all_masks[lanes] = masks
        asked = self.everybody if len(lanes) == self.num_envs else self._mask_of(lanes.tolist())
        observations, rewards, terminated, truncated, infos = self._finish_step(self.advance(all_masks, asked))
        arrays = (observations[lanes], rewards[lanes], terminated[lanes], truncated[lanes])
        return Received(lanes, *arrays, rows_of(infos, lanes))

    def _finish_step(
        self, outcome: Outcome
    ) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], Infos]:
        infos = self.infos_of(outcome)
        observations = outcome.observations
        if self._mode is AutoresetMode.SAME_STEP and outcome.any_ended:
            observations, infos = self._restart_in_same_step(outcome.ended, observations, infos)
        return observations, outcome.rewards[:, 0].copy(), outcome.terminated, outcome.truncated.copy(), infos

    def advance(self, masks: NDArray[np.uint16], asked: NDArray[np.bool_]) -> Outcome:
        """A step up to where its infos are made and, in SAME_STEP, lanes that ended start anew.

        Args:
            masks: uint16 (lanes, players), the buttons that are wanted.
            asked: bool (lanes,), which lanes take part.
        """
        if not self._all_begun:
            raise gym.error.ResetNeeded("call reset() before step()")
        restarting, active = self._nobody, asked
        if self._any_over:
            active = asked & ~self._over
            if self._mode is AutoresetMode.NEXT_STEP:
                restarting = asked & self._over
            if restarting.any():
                self._start_episodes(restarting, [None] * self.num_envs)
        before = self._values
        buttons = self._pads.plan(masks, active, self.random)
        moving = active & ~self._is_lost if self._lost else active
        result, rewards, truncated = self._run(buttons, moving, before)
        self._pads.played(buttons, result.frames_run)
        self._frames += result.frames_run
        self._steps += 1 if active is self.everybody else active
        if self.recorder:
            for lane in lanes_of(active):
                ran = int(result.frames_run[lane])
                self.recorder.frames(lane, buttons[lane, :ran], result.samples[lane, :ran])
        terminated = result.ended
        reasons = {"script": truncated}
        if self.options.max_episode_steps is not None:
            reasons["time limit"] = active & (self._steps >= self.options.max_episode_steps)
        if self._progress:
            reasons["no progress"] = active & self._progress.stuck(result.samples, result.frames_run)
        lost = {lane: self._lost.pop(lane) for lane in list(self._lost) if active[lane]}
        if lost:
            reasons["lost"] = self._mask_of(lost)
        if len(reasons) > 1:
            truncated = np.logical_or.reduce(list(reasons.values()))
        ended = terminated if truncated is self._nobody else terminated | truncated
        any_ended = bool(np.count_nonzero(ended))
        if any_ended:
            self._over |= ended
            self._any_over = True
            if self.recorder:
                for lane in lanes_of(ended):
                    self.recorder.end(lane)
        played = active if active is self.everybody else active | restarting
        observations = self._observe(result.observations)
        return Outcome(observations, rewards, terminated, truncated, ended, any_ended, played, reasons, lost)

    def infos_of(self, outcome: Outcome) -> Infos:
        """What a step has to tell, as Gymnasium's vector environments do."""
        infos = self._infos(outcome.played, outcome.rewards)
        if outcome.any_ended:
            self._say_why(infos, outcome.terminated, outcome.reasons)
            if outcome.lost:
                infos["_lost"] = outcome.reasons["lost"]
                infos["lost"] = np.array([outcome.lost.get(lane) for lane in range(self.num_envs)], object)
        return infos

    def info_of_lane_0(self, outcome: Outcome) -> dict[str, Any]:
        """The same for an environment of one lane: plain numbers."""
        if outcome.any_ended or self._scripts:
            return plain_of_lane_0(self.infos_of(outcome))
        info: dict[str, Any] = dict(zip(self.variables, self._values[0].tolist(), strict=True))
        info["frames"], info["rewards"] = int(self._frames[0]), outcome.rewards[0]
        return info

    def go_on(self) -> None:
        """Let lanes that ended go on without a reset."""
        if self._any_over:
            self._over[:] = self._any_over = False

    def _run(
        self, buttons: NDArray[np.uint16], active: NDArray[np.bool_], before: NDArray[np.int64]
    ) -> tuple[RunResult, NDArray[np.float64], NDArray[np.bool_]]:
        """Run a step's frames: in one call where memory alone decides, frame by frame where a script does."""
        observe, max_frames = self._observe_all, self._frames_all
        if active is not self.everybody:
            observe = np.where(active, observe, np.uint8(self._show_or_skip))
            max_frames = np.where(active, max_frames, np.int32(0))
        if self._scripts:
            result, rewards, truncated = self._scripts.run(buttons, max_frames, before, self._picture)
            self._lost.update(result.lost)
            if self._picture:
                result = replace(result, observations=self._push(observe))
        else:
            result = self._run_engine(buttons, max_frames, observe)
            rewards = self._reward_sum(result.samples, before, result.frames_run)
            truncated = self._nobody
        everybody = active is self.everybody and not self._lost
        if everybody and result.samples.shape[1] == 1:
            self._values = result.samples[:, 0]
            return result, rewards, truncated
        last = result.samples[self._lanes, np.maximum(result.frames_run - 1, 0)]
        self._values = last if everybody else np.where((result.frames_run > 0)[:, None], last, before)
        return result, rewards, truncated

    def _run_engine(
        self,
        buttons: NDArray[np.uint16],
        max_frames: NDArray[np.int32],
        observe: NDArray[np.uint8],
        *,
        stopping: bool = True,
    ) -> RunResult:
        """Run, and note which lanes were lost: their episodes end with the next step, wherever it happened."""
        result = self.engine.run(buttons, max_frames, observe, stopping=stopping)
        if result.lost:
            self._lost.update(result.lost)
        return result

    @property
    def _is_lost(self) -> NDArray[np.bool_]:
        return self._mask_of(self._lost) if self._lost else self._nobody

    def _mask_of(self, lanes: Iterable[int]) -> NDArray[np.bool_]:
        mask = np.zeros(self.num_envs, np.bool_)
        mask[list(lanes)] = True
        return mask

    def _restart_in_same_step(
        self, ended: NDArray[np.bool_], observations: NDArray[Any], infos: Infos
    ) -> tuple[NDArray[Any], Infos]:
        finals = np.full(self.num_envs, None, object)
        for lane in lanes_of(ended):
            finals[lane] = observations[lane].copy()
        final_infos = only(infos, ended)
        observations = self._observe(self._start_episodes(ended, [None] * self.num_envs))
        infos = replaced(infos, ended, self._infos(ended, self._no_rewards()))
        infos |= {"final_obs": finals, "_final_obs": ended, "final_info": final_infos, "_final_info": ended}
        return observations, infos

    # What the agents get ---------------------------------------------------------------------------------------------

    @property
    def _show_or_skip(self) -> Observe:
        return Observe.SHOW if self._picture else Observe.SKIP

    def _push(self, observe: NDArray[np.uint8]) -> NDArray[np.uint8]:
        nothing = np.zeros((self.num_envs, 1, self.options.players), np.uint16)
        return self._run_engine(nothing, np.zeros(self.num_envs, np.int32), observe).observations

    def _show(self) -> NDArray[np.uint8]:
        return self._push(np.full(self.num_envs, self._show_or_skip, np.uint8))

    def _observe(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        values = self._values if self._columns is None else self._values[:, self._columns]
        return self._observation.batch(Seen(pixels, values, self.engine.read_ram))

    def _infos(self, lanes: NDArray[np.bool_], rewards: NDArray[np.float64]) -> Infos:
        infos: Infos = {}
        values = self._scripts.shown(self._values) if self._scripts else self._values
        for column, name in enumerate(self.variables):
            infos[name] = values[:, column]
            infos["_" + name] = lanes
        if self._scripts:
            infos |= self._scripts.infos(lanes)
        infos |= {"frames": self._frames.copy(), "_frames": lanes, "rewards": rewards, "_rewards": lanes}
        return infos

    def _no_rewards(self) -> NDArray[np.float64]:
        return np.zeros((self.num_envs, self.options.players), np.float64)

    def _say_why(self, infos: Infos, terminated: NDArray[np.bool_], reasons: dict[str, NDArray[np.bool_]]) -> None:
        why = np.full(self.num_envs, None, object)
        for reason, lanes in reasons.items():
            why[lanes] = reason
        why[terminated] = "game"
        infos["episode_end"], infos["_episode_end"] = why, np.array([reason is not None for reason in why])

    @property
    def values(self) -> NDArray[np.int64]:
        """The variables after each lane's last frame, int64 (lanes, variables), in the order of `variables`."""
        return self._values

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """The picture of every lane, uint8 (height, width, 3) each, cropped and upright."""
        if self.render_mode is None:
            gym.logger.warn("render() needs render_mode='rgb_array' when the environment is made")
            return None
        return tuple(self.picture(lane) for lane in range(self.num_envs))

    def picture(self, lane: int) -> NDArray[np.uint8]:
        """What one lane shows now, uint8 (height, width, 3), cropped and upright."""
        return self.engine.picture(lane, self.scene.crop)

    def sound(self, lane: int) -> NDArray[np.int16]:
        """The sound of one lane since the last call, int16 (samples, 2); needs `sound=True`."""
        return self.engine.take_sound(lane)

    # Snapshots -------------------------------------------------------------------------------------------------------

    def save_state(self, lane: int) -> bytes:
        """Everything that decides how a lane goes on.

        Raises:
            StateError: If a script holds something that cannot be saved; the message names it.
        """
        header: dict[str, Any] = {
            "game": self.integration.name,
            "core": self.engine.core_name,
            "variables": list(self.variables),
            "values": self._values[lane].tolist(),
            "frames": int(self._frames[lane]),
            "steps": int(self._steps[lane]),
            "over": bool(self._over[lane]),
            "pressed": self._pads.pressed[lane].tolist(),
            "random": self.random[lane].bit_generator.state,
            "progress": self._progress.save(lane) if self._progress else None,
        }
        blocks = {"core": self.engine.save_exact(lane), "history": self.engine.save_history(lane)}
        if self._scripts:
            blocks["script"] = self._scripts.save(lane)
        return pack_snapshot(json.loads(json.dumps(header, default=_plain)), blocks)

    def load_state(self, lane: int, snapshot: bytes) -> tuple[NDArray[Any], Infos]:
        """Go on from a snapshot; from there on everything is the same, bit for bit.

        Returns:
            The observations of all lanes as they were, and infos.

        Raises:
            StateError: If the snapshot is damaged, or of another game, core or kind of environment.
        """
        self._load_snapshot(lane, snapshot)
        lanes = np.zeros(self.num_envs, np.bool_)
        lanes[lane] = True
        return self._observe(self._show()), self._infos(lanes, self._no_rewards())

    def _load_snapshot(self, lane: int, snapshot: bytes) -> None:
        header, blocks = unpack_snapshot(snapshot)
        for key, mine in (("game", self.integration.name), ("core", self.engine.core_name)):
            if header.get(key) != mine:
                raise StateError(f"the snapshot belongs to the {key} {header.get(key)}, this environment runs {mine}")
        if header.get("variables") != list(self.variables) or len(header["pressed"]) != self.options.players:
            raise StateError("the snapshot was taken with other variables or another number of players")
        if (self._scripts is not None) != ("script" in blocks):
            raise StateError("the snapshot was taken with another scenario: only one of the two has scripts")
        present = self.engine.save_history(lane)
        self.engine.load_history(lane, blocks["history"])  # refuses one of other observations, before anything is lost
        try:
            self.engine.load({lane: blocks["core"]})
            self._lost.pop(lane, None)
        except StateError:
            self.engine.load_history(lane, present)
            raise
        if self.recorder:
            self.recorder.jump(lane)
        self._values = self._values.copy()
        self._values[lane] = header["values"]
        self._frames[lane], self._steps[lane] = header["frames"], header["steps"]
        self._over[lane], self._begun[lane] = header["over"], True
        self._any_over, self._all_begun = bool(self._over.any()), bool(self._begun.all())
        self._pads.pressed[lane] = header["pressed"]
        self.random[lane].bit_generator.state = cast("dict[str, Any]", header["random"])
        if self._progress:
            self._progress.load(lane, header["progress"], self._values)
        if self._scripts:
            self._scripts.load(lane, blocks["script"])

    def close_extras(self, **kwargs: Any) -> None:
        """Finish movies and end the emulators."""
        if self._background:
            self._background.close()
        if self.recorder:
            self.recorder.close()
        self.engine.close()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return cast("object", value.item())
    if isinstance(value, np.ndarray):
        return cast("list[Any]", cast("NDArray[Any]", value).tolist())
    raise TypeError(f"{type(value).__name__} cannot be saved")
