"""RetroVectorEnv: a game on N lanes as a Gymnasium vector environment.

Everything that an environment means stands here: when an episode starts, what one step is, what it pays, when it ends,
and what a snapshot holds. `Lanes` runs the frames, `Episodes` counts them, the integration says what memory means; all
are asked in batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import gymnasium as gym
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from playthrough.engine.engine import PixelSpec
from playthrough.engine.libretro import RewardSum
from playthrough.engine.screen import Shape, Speed, screen_of
from playthrough.env.batches import copied, rows
from playthrough.env.emulator import open_engine, place_errors
from playthrough.env.episodes import Episodes
from playthrough.env.infos import Infos, lanes_of, only, replaced
from playthrough.env.lane_infos import LaneInfos
from playthrough.env.lanes import Lanes
from playthrough.env.masks import ActionMasks
from playthrough.env.observation import Scene, Seen, observation_of, windows_of
from playthrough.env.options import EnvOptions, autoreset
from playthrough.env.outcome import Outcome
from playthrough.env.past import Past
from playthrough.env.progress import ProgressWatch, progress_columns
from playthrough.env.recording import Recorder
from playthrough.env.resets import ResetRequest
from playthrough.env.reward_terms import RewardTerms
from playthrough.env.scripting import ScriptedLanes
from playthrough.env.shaping import Shaping
from playthrough.env.snapshots import is_snapshot, pack_snapshot, unpack_snapshot
from playthrough.env.starts import StartStates
from playthrough.env.stickiness import StickyPads
from playthrough.env.window import window_available
from playthrough.errors import StateError
from playthrough.game.actions import ActionMap
from playthrough.game.integration import load_integration

if TYPE_CHECKING:
    from playthrough.env.asynchronous import Background, Received


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
            self.scene = Scene.of(self.integration, self.engine)
            self.single_observation_space = observation.space(self.scene)
            self.observation_space = batch_space(self.single_observation_space, self.num_envs)
            self.single_action_space = self.actions.single_space
            self.action_space = self.actions.batch_space(self.num_envs)
            pixels = observation.pixel_spec(self.scene)
            self._observation = observation
            self._past = Past(self.num_envs, [window.space(self.scene) for window in windows_of(observation)])
            stop = None if compiled.needs_script else compiled.stop
            with place_errors(self.integration):
                self.engine.configure(compiled.probes, stop, pixels or PixelSpec())
            alone = replace(options, num_envs=1, num_threads=1)
            self._starts = StartStates(
                self.integration,
                lambda: open_engine(alone, self.integration),
                options.state,
                options.players,
                recipes_first=not self.engine.capabilities.stored_states,
            )
            scripts = (
                ScriptedLanes(self.engine, scenario, self.integration.variables, options.players)
                if compiled.needs_script
                else None
            )
            self._lanes = Lanes(
                self.engine,
                scripts,
                RewardSum(compiled.terms, options.players),
                num_variables=len(self.variables),
                players=options.players,
                frame_skip=options.frame_skip,
                pictures=pixels is not None,
            )
            mask_rules = options.action_mask
            self._masks = ActionMasks(mask_rules, self.actions, compiled.names) if mask_rules else None
            self._terms = RewardTerms.of(scenario, compiled, options.players) if options.explain_rewards else None
            columns = progress_columns(options, compiled)
            self._progress = ProgressWatch(self.num_envs, columns, options.no_progress_frames) if columns else None
            self._shaping = Shaping(options.shaping, compiled.names, self.num_envs) if options.shaping else None
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
        self._episodes = Episodes(self.num_envs)
        self._infos = LaneInfos(self.variables, self._lanes, self._episodes, self._masks, options.players)
        self.everybody = self._lanes.everybody
        """The mask of all lanes, bool (lanes,), for `advance`."""
        self._background: Background | None = None

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
        request = ResetRequest.of(seed, options, self.num_envs)
        for lane in lanes_of(request.lanes):
            lane_seed = request.seeds[lane]
            if lane_seed is not None:
                self.random[lane] = seeding.np_random(lane_seed)[0]
        pixels = self._start_episodes(request.lanes, request.states)
        return self._observe(pixels, self._lanes.nobody), self._infos.of_start(request.lanes)

    def _start_episodes(self, mask: NDArray[np.bool_], states: Sequence[Any]) -> NDArray[np.uint8]:
        """Put each lane of a mask to its start state; None for one that the options choose."""
        starts: dict[int, tuple[str, bytes]] = {}
        snapshots: dict[int, bytes] = {}
        for lane in lanes_of(mask):
            state = states[lane]
            if isinstance(state, bytes) and is_snapshot(state):
                snapshots[lane] = state
                continue
            starts[lane] = self._starts.draw(self.random[lane]) if state is None else self._starts.resolve(state)
        pixels = self._play_starts(starts) if starts else None
        for lane, snapshot in snapshots.items():
            random = self.random[lane].bit_generator.state
            self._load_snapshot(lane, snapshot)
            self.random[lane].bit_generator.state = random  # another seed makes another episode of it
            self._episodes.restart(lane)
        return pixels if pixels is not None and not snapshots else self._lanes.show()

    def _play_starts(self, starts: dict[int, tuple[str, bytes]]) -> NDArray[np.uint8]:
        noops = np.zeros(self.num_envs, np.int32)
        for lane in starts if self.options.noop_max else ():
            noops[lane] = self.random[lane].integers(0, self.options.noop_max + 1)
        pixels = self._lanes.start(starts, noops, self.recorder)
        lanes = self._lanes.mask_of(starts)
        self._pads.release(lanes)
        self._past.begin(lanes)
        self._episodes.begin({lane: name for lane, (name, _) in starts.items()})
        if self._progress:
            self._progress.start(lanes, self.values)
        if self._shaping:
            self._shaping.start(lanes, self.values)
        return pixels

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
        return self.press(self.actions.to_buttons(actions))

    def press(
        self, pads: NDArray[np.uint16]
    ) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], Infos]:
        """`step` with the buttons themselves, uint16 (lanes, players)."""
        if self._background:
            self._background.require_idle()
        if len(pads) != self.num_envs:
            raise ValueError(f"{len(pads)} actions for {self.num_envs} lanes")
        return self._finish_step(self.advance(pads, self.everybody))

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
        asked = self.everybody if len(lanes) == self.num_envs else self._lanes.mask_of(lanes.tolist())
        observations, rewards, terminated, truncated, infos = self._finish_step(self.advance(all_masks, asked))
        arrays = (rows(observations, lanes), rewards[lanes], terminated[lanes], truncated[lanes])
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
        episodes = self._episodes
        if not episodes.all_begun:
            raise gym.error.ResetNeeded("call reset() before step()")
        nobody = self._lanes.nobody
        restarting, active = nobody, asked
        if episodes.any_over:
            active = asked & ~episodes.over
            if self._mode is AutoresetMode.NEXT_STEP:
                over = asked & episodes.over
                if over.any():
                    restarting = over
                    self._start_episodes(restarting, [None] * self.num_envs)
        buttons = self._pads.plan(masks, active, self.random)
        before = self.values
        result, rewards, truncated = self._lanes.run(buttons, active)
        paid = self._terms and self._terms.of_step(result.samples, before, result.frames_run, rewards)
        self._pads.played(buttons, result.frames_run)
        episodes.frames += result.frames_run
        episodes.steps += 1 if active is self.everybody else active
        if self.recorder:
            for lane in lanes_of(active):
                ran = int(result.frames_run[lane])
                self.recorder.frames(lane, buttons[lane, :ran], result.samples[lane, :ran])
        terminated, reached = result.ended, None
        if self._shaping:
            rewards[:, 0], reached = self._shaping.step(result.samples, result.frames_run, rewards[:, 0])
            terminated = terminated | reached
        reasons = {"script": truncated}
        if self.options.max_episode_steps is not None:
            reasons["time limit"] = active & (episodes.steps >= self.options.max_episode_steps)
        if self._progress:
            reasons["no progress"] = active & self._progress.stuck(result.samples, result.frames_run)
        lost = self._lanes.take_lost(active)
        if lost:
            reasons["lost"] = self._lanes.mask_of(lost)
        if len(reasons) > 1:
            truncated = np.logical_or.reduce(list(reasons.values()))
        ended = terminated if truncated is nobody else terminated | truncated
        any_ended = bool(np.count_nonzero(ended))
        if any_ended:
            episodes.end(ended)
            if self.recorder:
                for lane in lanes_of(ended):
                    self.recorder.end(lane)
        played = active if active is self.everybody else active | restarting
        observations = self._observe(result.observations, active)
        restarted = None if restarting is nobody else restarting
        endings = (terminated, truncated, ended, any_ended)
        return Outcome(observations, rewards, *endings, played, reasons, lost, restarted, reached, paid)

    def infos_of(self, outcome: Outcome) -> Infos:
        """What a step has to tell, as Gymnasium's vector environments do."""
        return self._infos.of_step(outcome)

    def info_of_lane_0(self, outcome: Outcome) -> dict[str, Any]:
        """The same for an environment of one lane: plain numbers."""
        return self._infos.of_lane_0(outcome)

    def go_on(self) -> None:
        """Let lanes that ended go on without a reset."""
        self._episodes.go_on()

    def follow(self, buttons: NDArray[np.uint16]) -> Any:
        """See a step that somebody else plays: exactly these buttons, with nothing left to chance, and no reward.

        Args:
            buttons: uint16 (lanes, frame_skip, players).

        Returns:
            Observations of all lanes.
        """
        result, _, _ = self._lanes.run(buttons, self.everybody)
        return self._observe(result.observations, self.everybody)

    def _restart_in_same_step(
        self, ended: NDArray[np.bool_], observations: NDArray[Any], infos: Infos
    ) -> tuple[NDArray[Any], Infos]:
        finals = np.full(self.num_envs, None, object)
        for lane in lanes_of(ended):
            finals[lane] = copied(rows(observations, lane))
        final_infos = only(infos, ended)
        observations = self._observe(self._start_episodes(ended, [None] * self.num_envs), self._lanes.nobody)
        infos = replaced(infos, ended, self._infos.of_start(ended))
        infos |= {"final_obs": finals, "_final_obs": ended, "final_info": final_infos, "_final_info": ended}
        return observations, infos

    # What the agents get ---------------------------------------------------------------------------------------------

    def _observe(self, pixels: NDArray[np.uint8], moved: NDArray[np.bool_]) -> Any:
        self._past.look(moved)
        seen = Seen(pixels, self.values, self.engine.read_ram, self.variables, self._past)
        return self._observation.batch(seen)

    @property
    def values(self) -> NDArray[np.int64]:
        """The variables after each lane's last frame, int64 (lanes, variables), in the order of `variables`."""
        return self._lanes.values

    def action_masks(self) -> NDArray[np.bool_] | None:
        """Which actions are allowed now, bool (lanes, actions); None where `action_mask` was not given."""
        return self._masks(self.values) if self._masks else None

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """The picture of every lane, uint8 (height, width, 3) each, cropped and upright."""
        if self.render_mode is None:
            gym.logger.warn("render() needs render_mode='rgb_array' when the environment is made")
            return None
        return tuple(self.picture(lane) for lane in range(self.num_envs))

    def draw(self, lane: int, shapes: Sequence[Shape]) -> None:
        """Draw texts and boxes over a lane's game, where its emulator is another program; see `Screen.draw`."""
        screen_of(self.engine).draw(lane, shapes)

    def set_speed(self, speed: Speed) -> None:
        """Say how fast emulators in other programs run; see `Screen.set_speed`."""
        screen_of(self.engine).set_speed(speed)

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
            "values": self.values[lane].tolist(),
            **self._episodes.save(lane),
            "pressed": self._pads.pressed[lane].tolist(),
            "random": self.random[lane].bit_generator.state,
            "progress": self._progress.save(lane) if self._progress else None,
            "shaping": self._shaping.save(lane) if self._shaping else None,
        }
        return pack_snapshot(header, self._lanes.save(lane) | {"past": self._past.save(lane)})

    def load_state(self, lane: int, snapshot: bytes) -> tuple[NDArray[Any], Infos]:
        """Go on from a snapshot; from there on everything is the same, bit for bit.

        Returns:
            The observations of all lanes as they were, and infos.

        Raises:
            StateError: If the snapshot is damaged, or of another game, core or kind of environment.
        """
        self._load_snapshot(lane, snapshot)
        infos = self._infos.of_start(self._lanes.mask_of([lane]))
        return self._observe(self._lanes.show(), self._lanes.nobody), infos

    def _load_snapshot(self, lane: int, snapshot: bytes) -> None:
        header, blocks = unpack_snapshot(snapshot)
        for key, mine in (("game", self.integration.name), ("core", self.engine.core_name)):
            if header.get(key) != mine:
                raise StateError(f"the snapshot belongs to the {key} {header.get(key)}, this environment runs {mine}")
        if header.get("variables") != list(self.variables) or len(header["pressed"]) != self.options.players:
            raise StateError("the snapshot was taken with other variables or another number of players")
        past = blocks.get("past", b"")  # older snapshots know of no windows
        self._past.check(past)
        self._lanes.load(lane, blocks, header["values"])
        self._past.load(lane, past)
        if self.recorder:
            self.recorder.jump(lane)
        self._episodes.load(lane, header)
        self._pads.pressed[lane] = header["pressed"]
        self.random[lane].bit_generator.state = cast("dict[str, Any]", header["random"])
        if self._progress:
            self._progress.load(lane, header["progress"], self.values)
        if self._shaping:
            self._shaping.load(lane, header.get("shaping"), self.values[lane])

    def close_extras(self, **kwargs: Any) -> None:
        """Finish movies and end the emulators."""
        if self._background:
            self._background.close()
        if self.recorder:
            self.recorder.close()
        self.engine.close()
