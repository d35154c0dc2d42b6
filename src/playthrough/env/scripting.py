"""Scenarios that are programs: run frame by frame, with the same results as compiled ones."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.engine import Engine, Observe, RunResult
from playthrough.env.infos import lanes_of
from playthrough.errors import IntegrationError
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

    def __init__(self, engine: Engine, scenario: Scenario, variables: Mapping[str, Variable], players: int) -> None:
        self._engine, self._players, self._variables = engine, players, variables
        self._names = list(variables)
        self._memories = [_LaneMemory(engine, lane) for lane in range(engine.num_lanes)]
        self._sessions: list[ScenarioSession] = [open_session(scenario, variables) for _ in range(engine.num_lanes)]
        self._made_up: list[dict[str, int]] = [{} for _ in range(engine.num_lanes)]
        self._poked = [False] * engine.num_lanes

    @contextmanager
    def _naming(self, lane: int) -> Generator[None]:
        """Say in a script's error in which of several lanes it happened."""
        try:
            yield
        except IntegrationError as error:
            if len(self._sessions) == 1:
                raise
            named = IntegrationError(f"{error} (lane {lane})")
            named.path, named.line, named.column = error.path, error.line, error.column
            raise named from error

    def start(self, lanes: NDArray[np.bool_], values: NDArray[np.int64]) -> None:
        """Begin episodes on the reset's frame, whose variables are `values`, int64 (lanes, variables)."""
        for lane in lanes_of(lanes):
            with self._naming(lane):
                result = self._sessions[lane].start_episode(self._memories[lane], self._named(values[lane]))
            self._take(lane, result)

    def run(
        self,
        buttons: NDArray[np.uint16],
        max_frames: NDArray[np.int32],
        before: NDArray[np.int64],
        picture: Observe,
        *,
        stopping: bool = True,
    ) -> tuple[RunResult, NDArray[np.float64], NDArray[np.bool_]]:
        """Run a step frame by frame, asking each lane's script after every frame.

        Args:
            buttons: uint16 (lanes, frames, players).
            max_frames: int32 (lanes,), how far each lane moves.
            before: int64 (lanes, variables), the frame before the first.
            picture: Whether pictures count at all; the observation is made afterwards, by the caller.
            stopping: Whether a lane stops when its script says that the game has ended.

        Returns:
            The result without observations; float64 rewards (lanes, players); bool (lanes,), truncated by a script.
        """
        num_lanes, num_frames, _ = buttons.shape
        running = max_frames > 0
        frames_run = np.zeros(num_lanes, np.int32)
        ended, truncated = np.zeros(num_lanes, np.bool_), np.zeros(num_lanes, np.bool_)
        rewards = np.zeros((num_lanes, self._players), np.float64)
        samples = np.zeros((num_lanes, num_frames, len(self._names)), np.int64)
        lost: dict[int, str] = {}
        previous = before
        keep = np.full(num_lanes, Observe.KEEP if picture else Observe.SKIP, np.uint8)
        for frame in range(num_frames):
            if not running.any():
                break
            observe = np.where(running, keep, Observe.SKIP).astype(np.uint8)
            one = np.ascontiguousarray(buttons[:, frame : frame + 1])
            ran = self._engine.run(one, running.astype(np.int32), observe)
            values = ran.samples[:, 0]
            for lane, reason in ran.lost.items():
                lost[lane], running[lane] = reason, False
            frames_run += running
            for lane in lanes_of(running):
                with self._naming(lane):
                    result = self._sessions[lane].frame(
                        self._memories[lane], self._named(values[lane]), self._named(previous[lane])
                    )
                given = result.rewards[: self._players]
                rewards[lane, : len(given)] += given
                ended[lane], truncated[lane] = result.done, result.truncated
                self._take(lane, result)
            samples[:, frame] = values
            previous = values
            running = running & (max_frames > frame + 1)
            if stopping:
                running &= ~(ended | truncated)
        for lane in lost:  # what it did in this step before does not count
            frames_run[lane], ended[lane], truncated[lane], rewards[lane] = 0, False, False, 0.0
        return RunResult(frames_run, ended, samples, np.zeros((num_lanes, 0), np.uint8), lost), rewards, truncated

    def infos(self, lanes: NDArray[np.bool_]) -> dict[str, Any]:
        """What scripts made up or wrote into memory, as Gymnasium's vector infos.

        What they wrote is for the eyes only: the next frame's changes are counted from what the game itself had.
        """
        infos: dict[str, Any] = {}
        for name in sorted({name for values in self._made_up for name in values}):
            infos[name] = np.array([values.get(name, 0) for values in self._made_up], np.int64)
            infos["_" + name] = lanes & np.array([name in values for values in self._made_up])
        return infos

    def shown(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """The variables as memory has them now, int64 (lanes, variables), where a script wrote to it."""
        if not any(self._poked):
            return values
        values = values.copy()
        for lane, poked in enumerate(self._poked):
            if not poked:
                continue
            for column, variable in enumerate(self._variables.values()):
                probe = variable.probe
                number = probe.type.decode(self._memories[lane].read(probe.address, probe.type.width))
                values[lane, column] = number if probe.mask is None else number & probe.mask
        return values

    def save(self, lane: int) -> bytes:
        """Everything that one lane's scripts know."""
        return self._sessions[lane].save()

    def load(self, lane: int, snapshot: bytes) -> None:
        """Put back what `save` gave."""
        self._sessions[lane].load(snapshot)

    def _named(self, values: NDArray[np.int64]) -> dict[str, int]:
        return dict(zip(self._names, values.tolist(), strict=True))

    def _take(self, lane: int, result: FrameResult) -> None:
        self._made_up[lane], self._poked[lane] = result.script_values, result.poked
