"""Lanes: the emulators behind an environment, and what is in their memory.

A scenario that compiles runs a step's frames in one call of the engine; one with scripts is asked after every frame.
Either way the same comes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.engine import Engine, Observe, RunResult
from playthrough.engine.libretro import RewardSum
from playthrough.env.infos import lanes_of
from playthrough.env.recording import Recorder
from playthrough.env.scripting import ScriptedLanes
from playthrough.errors import StateError


class Lanes:
    """Runs frames and keeps the variables' values.

    Args:
        engine: Runs the frames; configured.
        scripts: The scenario's, if it has any.
        reward_sum: What the samples pay, where there are no scripts.
        num_variables: How many variables the integration has.
        players: How many pads each lane has.
        frame_skip: How many frames a step lasts at most.
        pictures: Whether observations are made of pictures.
    """

    def __init__(
        self,
        engine: Engine,
        scripts: ScriptedLanes | None,
        reward_sum: RewardSum,
        *,
        num_variables: int,
        players: int,
        frame_skip: int,
        pictures: bool,
    ) -> None:
        self.engine, self.scripts, self._reward_sum = engine, scripts, reward_sum
        self._players, self._num_lanes = players, engine.num_lanes
        self.values: NDArray[np.int64] = np.zeros((self._num_lanes, num_variables), np.int64)
        """The variables after each lane's last frame, int64 (lanes, variables)."""
        self.lost: dict[int, str] = {}
        """Lanes whose emulator was lost and whose episode has not ended yet, and why."""
        self._push, self._fill, self._show = Observe.SKIP, Observe.SKIP, Observe.SKIP
        if pictures:
            self._push, self._fill, self._show = Observe.PUSH, Observe.FILL, Observe.SHOW
        self._numbers = np.arange(self._num_lanes)
        self.everybody = np.ones(self._num_lanes, np.bool_)
        self.nobody = np.zeros(self._num_lanes, np.bool_)
        self._frames_all = np.full(self._num_lanes, frame_skip, np.int32)
        self._observe_all = np.full(self._num_lanes, self._push, np.uint8)
        for constant in (self.everybody, self.nobody, self._frames_all, self._observe_all):
            constant.flags.writeable = False  # some are handed out

    def mask_of(self, lanes: Iterable[int]) -> NDArray[np.bool_]:
        """The lanes of these numbers, bool (lanes,)."""
        mask = np.zeros(self._num_lanes, np.bool_)
        mask[list(lanes)] = True
        return mask

    # A step ----------------------------------------------------------------------------------------------------------

    def run(
        self, buttons: NDArray[np.uint16], active: NDArray[np.bool_]
    ) -> tuple[RunResult, NDArray[np.float64], NDArray[np.bool_]]:
        """Run a step's frames.

        Args:
            buttons: uint16 (lanes, frames, players).
            active: bool (lanes,), which lanes move; `everybody` itself is the fast way to say all. Lost
                ones stand still.

        Returns:
            The result; float64 rewards (lanes, players); bool (lanes,), truncated by a script.
        """
        before = self.values
        if self.lost:
            active = active & ~self._is_lost
        observe, max_frames = self._observe_all, self._frames_all
        if active is not self.everybody:
            observe = np.where(active, observe, np.uint8(self._show))
            max_frames = np.where(active, max_frames, np.int32(0))
        if self.scripts:
            result, rewards, truncated = self.scripts.run(buttons, max_frames, before, self._push)
            self.lost.update(result.lost)
            if self._push:
                result = replace(result, observations=self._look(observe))
        else:
            result = self._run(buttons, max_frames, observe)
            rewards = self._reward_sum(result.samples, before, result.frames_run)
            truncated = self.nobody
        everybody = active is self.everybody and not self.lost
        if everybody and result.samples.shape[1] == 1:
            self.values = result.samples[:, 0]
            return result, rewards, truncated
        last = result.samples[self._numbers, np.maximum(result.frames_run - 1, 0)]
        self.values = last if everybody else np.where((result.frames_run > 0)[:, None], last, before)
        return result, rewards, truncated

    def _run(
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
            self.lost.update(result.lost)
        return result

    @property
    def _is_lost(self) -> NDArray[np.bool_]:
        return self.mask_of(self.lost) if self.lost else self.nobody

    def take_lost(self, lanes: NDArray[np.bool_]) -> dict[int, str]:
        """Which of the lanes of a mask were lost, and why; from now on they count as found again."""
        return {lane: self.lost.pop(lane) for lane in list(self.lost) if lanes[lane]}

    def show(self) -> NDArray[np.uint8]:
        """The pictures' batch as it stands, with no frame run."""
        return self._look(np.full(self._num_lanes, self._show, np.uint8))

    def _look(self, observe: NDArray[np.uint8]) -> NDArray[np.uint8]:
        nothing = np.zeros((self._num_lanes, 1, self._players), np.uint16)
        return self._run(nothing, np.zeros(self._num_lanes, np.int32), observe).observations

    # An episode begins -----------------------------------------------------------------------------------------------

    def start(
        self, starts: Mapping[int, tuple[str, bytes]], noops: NDArray[np.int32], recorder: Recorder | None
    ) -> NDArray[np.uint8]:
        """Load start states, and run the reset's one frame and the no-ops with nothing pressed.

        Args:
            starts: The name and the bytes of each lane's start state; no bytes is a power-on.
            noops: int32 (lanes,), how many frames each lane waits.
            recorder: Writes the episodes' first frames down.

        Returns:
            The pictures' batch.
        """
        lanes = self.mask_of(starts)
        first = np.zeros((self._num_lanes, 1, self._players), np.uint16)
        missing = lanes
        while True:  # a lane that is lost on its first frame is started again; the engine says when it has had enough
            self.engine.load({lane: state for lane, (_, state) in starts.items() if missing[lane]})
            for lane in lanes_of(missing):
                self.lost.pop(lane, None)
            observe = np.where(missing, self._fill, self._show).astype(np.uint8)
            result = self._run(first, missing.astype(np.int32), observe, stopping=False)
            self.values = np.where((result.frames_run > 0)[:, None], result.samples[:, -1], self.values)
            missing = lanes & self._is_lost
            if not missing.any():
                break
        observe = np.where(lanes, self._fill, self._show).astype(np.uint8)
        if self.scripts:
            self.scripts.start(lanes, self.values)
        if recorder:
            for lane, (name, state) in starts.items():
                recorder.begin(lane, name, state)
                recorder.frames(lane, first[lane], self.values[lane][None])
        if noops.any():
            result = self._wait(noops, observe, recorder)
        return result.observations

    def _wait(self, noops: NDArray[np.int32], observe: NDArray[np.uint8], recorder: Recorder | None) -> RunResult:
        """Run each lane's no-ops. What they pay does not count, nor does an end: the first step will meet it."""
        released = np.zeros((self._num_lanes, noops.max(), self._players), np.uint16)
        waiting = noops > 0
        if self.scripts:
            result = self.scripts.run(released, noops, self.values, self._push, stopping=False)[0]
            self.lost.update(result.lost)
            result = replace(result, observations=self._look(np.where(waiting, observe, np.uint8(self._show))))
        else:
            result = self._run(released, noops, observe, stopping=False)
        waiting &= ~self._is_lost
        last = result.samples[self._numbers, np.maximum(noops - 1, 0)]
        self.values = np.where(waiting[:, None], last, self.values)
        if recorder:
            for lane in lanes_of(waiting):
                recorder.frames(lane, released[lane, : noops[lane]], result.samples[lane, : noops[lane]])
        return result

    # Snapshots -------------------------------------------------------------------------------------------------------

    def save(self, lane: int) -> dict[str, bytes]:
        """What the emulator, its pictures and the scripts know, as named blocks of bytes; `values` is not among it.

        Raises:
            StateError: If a script holds something that cannot be saved; the message names it.
        """
        blocks = {"core": self.engine.save_exact(lane), "history": self.engine.save_history(lane)}
        if self.scripts:
            blocks["script"] = self.scripts.save(lane)
        return blocks

    def load(self, lane: int, blocks: Mapping[str, bytes], values: list[int]) -> None:
        """Put back what `save` gave, and the variables' values of that time.

        Raises:
            StateError: If it is of other observations or another scenario, or damaged.
        """
        if (self.scripts is not None) != ("script" in blocks):
            raise StateError("the snapshot was taken with another scenario: only one of the two has scripts")
        present = self.engine.save_history(lane)
        self.engine.load_history(lane, blocks["history"])  # refuses one of other observations, before anything is lost
        try:
            self.engine.load({lane: blocks["core"]})
        except StateError:
            self.engine.load_history(lane, present)
            raise
        self.lost.pop(lane, None)
        self.values = self.values.copy()
        self.values[lane] = values
        if self.scripts:
            self.scripts.load(lane, blocks["script"])
