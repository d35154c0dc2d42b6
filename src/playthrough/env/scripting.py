"""Scenarios that are programs: run frame by frame, with the same results as compiled ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.engine import Engine, Observe, RunResult
from playthrough.game.scenario import FrameResult, Scenario, ScenarioSession, open_session
from playthrough.game.variables import Variable


class _LaneMemory:
    """One lane's memory, for scripts."""

    def __init__(self, engine: Engine, lane: int) -> None:
        self._engine, self._lane = engine, lane

    def read(self, address: int, width: int) -> bytes:
        return self._engine.read_memory(self._lane, address, width)

    def write(self, address: int, data: bytes) -> None:
        self._engine.write_memory(self._lane, address, data)


class ScriptedLanes:
    """A scenario session per lane.

    Args:
        engine: Runs the lanes; configured with one probe per variable and no stop program.
        scenario: The scripts.
        variables: Of the integration, in the order of the probes.
        players: How many rewards to give.
    """

    def __init__(
        self, engine: Engine, scenario: Scenario, variables: Mapping[str, Variable], players: int
    ) -> None:
        self._engine, self._players, self._variables = engine, players, variables
        self._names = list(variables)
        self._memories = [_LaneMemory(engine, lane) for lane in range(engine.num_lanes)]
        self._sessions: list[ScenarioSession] = [open_session(scenario, variables) for _ in range(engine.num_lanes)]
        self._script_values: list[dict[str, int]] = [{} for _ in range(engine.num_lanes)]

    def start(self, lanes: NDArray[np.bool_], values: NDArray[np.int64]) -> None:
        """Begin episodes; `values`, int64 (lanes, variables), is brought up to date where a script writes memory."""
        for lane in map(int, np.flatnonzero(lanes)):
            result = self._sessions[lane].start_episode(self._memories[lane], self._named(values[lane]))
            self._take(lane, result, values[lane])

    def run(
        self, buttons: NDArray[np.uint16], active: NDArray[np.bool_], before: NDArray[np.int64], picture: Observe
    ) -> tuple[RunResult, NDArray[np.float64], NDArray[np.bool_]]:
        """Run a step frame by frame, asking each lane's script after every frame.

        Args:
            buttons: uint16 (lanes, frames, players).
            active: bool (lanes,), which lanes move.
            before: int64 (lanes, variables), the frame before the first.
            picture: Whether pictures count at all; the observation is made afterwards, by the caller.

        Returns:
            The result without observations; float64 rewards (lanes, players); bool (lanes,), truncated by a script.
        """
        num_lanes, num_frames, _ = buttons.shape
        running = active.copy()
        frames_run = np.zeros(num_lanes, np.int32)
        ended, truncated = np.zeros(num_lanes, np.bool_), np.zeros(num_lanes, np.bool_)
        rewards = np.zeros((num_lanes, self._players), np.float64)
        samples = np.zeros((num_lanes, num_frames, len(self._names)), np.int64)
        previous = before
        keep = np.full(num_lanes, Observe.KEEP if picture else Observe.SKIP, np.uint8)
        for frame in range(num_frames):
            if not running.any():
                break
            observe = np.where(running, keep, Observe.SKIP).astype(np.uint8)
            one = np.ascontiguousarray(buttons[:, frame : frame + 1])
            values = self._engine.run(one, running.astype(np.int32), observe).samples[:, 0]
            frames_run += running
            shown = values.copy()
            for lane in map(int, np.flatnonzero(running)):
                result = self._sessions[lane].frame(
                    self._memories[lane], self._named(values[lane]), self._named(previous[lane])
                )
                given = result.rewards[: self._players]
                rewards[lane, : len(given)] += given
                ended[lane], truncated[lane] = result.done, result.truncated
                self._take(lane, result, shown[lane])
            samples[:, frame] = shown
            previous = values
            running &= ~(ended | truncated)
        return RunResult(frames_run, ended, samples, np.zeros((num_lanes, 0), np.uint8)), rewards, truncated

    def infos(self, lanes: NDArray[np.bool_]) -> dict[str, Any]:
        """The values that scripts made up, as Gymnasium's vector infos."""
        infos: dict[str, Any] = {}
        for name in sorted({name for values in self._script_values for name in values}):
            has = lanes & np.array([name in values for values in self._script_values])
            infos[name] = np.array([values.get(name, 0) for values in self._script_values], np.int64)
            infos["_" + name] = has
        return infos

    def save(self, lane: int) -> bytes:
        """Everything that one lane's scripts know."""
        return self._sessions[lane].save()

    def load(self, lane: int, snapshot: bytes) -> None:
        """Put back what `save` gave."""
        self._sessions[lane].load(snapshot)

    def _named(self, values: NDArray[np.int64]) -> dict[str, int]:
        return dict(zip(self._names, values.tolist(), strict=True))

    def _take(self, lane: int, result: FrameResult, values: NDArray[np.int64]) -> None:
        self._script_values[lane] = result.script_values
        if result.poked:
            for column, variable in enumerate(self._variables.values()):
                raw = self._memories[lane].read(variable.probe.address, variable.probe.type.width)
                number = variable.probe.type.decode(raw)
                values[column] = number if variable.probe.mask is None else number & variable.probe.mask
