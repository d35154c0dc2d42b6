"""Libretro cores in supervised worker processes: the Engine protocol, and a crash that costs nothing.

A core that crashes, hangs or is killed takes its process with it, never this one. The lane that it was busy with is
lost: it comes back where it was started, and the run says so. The other lanes of that process are put back to exactly
where they were and do what they were doing again, so that nothing they show differs.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.cores import CoreFile
from playthrough.engine.engine import Capabilities, Display, Masks, Observe, PixelSpec, RunResult
from playthrough.engine.journal import Anchor, Asked, Ran
from playthrough.engine.probes import Probe, StopNode
from playthrough.engine.process import WorkerLostError, WorkerProcess, error_of
from playthrough.engine.recovery import MAX_LOSSES_IN_A_ROW, Turn
from playthrough.engine.shared_memory import RunLayout
from playthrough.engine.systems import System
from playthrough.engine.worker import ERRORS
from playthrough.engine.worker_pool import WorkerPool
from playthrough.errors import LaneError, StateError

_MAX_PORTS = 8


class IsolatedEngine:
    """N lanes of a libretro core in T supervised processes.

    Args:
        core: The core's file.
        system: What it emulates.
        rom: The ROM's bytes, without any copier's header.
        rom_name: The ROM's file name, for messages.
        num_lanes: How many emulators to run.
        num_threads: In how many processes; None for one per lane up to the number of processors.
        timeout_s: A core hangs when it finishes no frame for so long.

    Raises:
        CoreError: If the core cannot be loaded, refuses the ROM, or takes its process with it.
        ValueError: If a number is not positive.
    """

    def __init__(
        self,
        core: CoreFile,
        system: System,
        rom: bytes,
        *,
        rom_name: str = "rom",
        num_lanes: int = 1,
        num_threads: int | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        if num_threads is None:
            num_threads = min(num_lanes, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
        numbers = {"num_lanes": num_lanes, "num_threads": num_threads, "timeout_s": timeout_s}
        for name, number in numbers.items():
            if number <= 0:
                raise ValueError(f"{name} must be positive, not {number}")
        self.num_lanes, self.num_threads = num_lanes, min(num_threads, num_lanes)
        self.core_name = core.name
        self._observation_shape: tuple[int, ...] = ()
        self._interrupted = False
        settings = {"core": core, "system": system, "rom": rom, "rom_name": rom_name}
        self._pool = WorkerPool(core.name, settings, num_lanes, self.num_threads, timeout_s)
        self._end = weakref.finalize(self, _end_all, self._pool.workers, os.getpid())
        self._turn = Turn(self._end)
        try:
            facts = self._pool.start_all()
        except BaseException:
            self._end()
            raise
        self.capabilities: Capabilities = facts["capabilities"]
        self.display: Display = facts["display"]
        self.ram_size_bytes: int = facts["ram_size_bytes"]

    @contextmanager
    def _alone(self) -> Generator[None]:
        """One call at a time, of one thread, in the process that made the engine.

        Ctrl-C may break off a call between its questions and their answers; the next one then begins where it began.
        """
        with self._turn.taken():
            try:
                if self._interrupted:
                    for index in range(self.num_threads):
                        self._pool.restore(index)
                self._interrupted = True  # until the call has come to its end
                yield
                self._interrupted = False
            except tuple(ERRORS.values()):
                self._interrupted = any(worker.waits_for_answer for worker in self._pool.workers)
                raise

    # What runs sample and show ---------------------------------------------------------------------------------------

    def configure(self, probes: Sequence[Probe], stop: StopNode | None, pixels: PixelSpec) -> None:
        """See `Engine.configure`."""
        with self._alone():
            if self._pool.journal.events:
                self._pool.anchor()
            configuration = tuple(probes), stop, pixels
            for index in range(self.num_threads):
                self._pool.ask(index, None, "configure", *configuration)
            self._pool.configuration = configuration
            self._observation_shape = pixels.shape(self.display)
            self._pool.journal.anchor([Anchor(anchor.state) for anchor in self._pool.journal.anchors])
            self._pool.frozen.clear()
            self._pool.layouts = [
                RunLayout(
                    num_lanes=layout.num_lanes,
                    num_probes=len(probes),
                    observation_bytes=int(np.prod(self._observation_shape)),
                    ram_bytes=layout.ram_bytes,
                )
                for layout in self._pool.layouts
            ]

    def run(
        self, buttons: Masks, max_frames: NDArray[np.int32], observe: NDArray[np.uint8], *, stopping: bool = True
    ) -> RunResult:
        """See `Engine.run`."""
        lanes, frames, ports = buttons.shape
        if ports > _MAX_PORTS:
            raise ValueError(f"{ports} players; a core has at most {_MAX_PORTS} ports")
        if lanes != self.num_lanes or len(max_frames) != lanes or len(observe) != lanes:
            raise ValueError(f"an array does not fit the engine's {self.num_lanes} lanes")
        with self._alone():
            if self._pool.journal.is_due:
                self._pool.anchor()
            event = Ran(
                np.array(buttons, np.uint16), np.array(max_frames, np.int32), np.array(observe, np.uint8), stopping
            )
            lost: dict[int, str] = {}
            if self._pool.frozen:
                self._leave_out_frozen(event, lost)
            num_probes = self._pool.layouts[0].num_probes
            frames_run = np.empty(self.num_lanes, np.int32)
            ended = np.empty(self.num_lanes, np.bool_)
            samples = np.empty((lanes, frames, num_probes), np.int64)
            observations = np.empty((lanes, *self._observation_shape), np.uint8)
            result = RunResult(frames_run, ended, samples, observations, lost)
            self._run_all(event, result, lost)
            self._pool.journal.ran(event)
            self._pool.losses.count(result)
            return result

    def _leave_out_frozen(self, event: Ran, lost: dict[int, str]) -> None:
        """A lost lane shows what it showed last, until it is loaded or runs again."""
        for lane in list(self._pool.frozen):
            if lane in self._pool.losses.unreported:
                lost[lane] = self._pool.losses.unreported.pop(lane)
                event.leave_out(lane)
            elif event.max_frames[lane] == 0:
                event.leave_out(lane)
            else:
                self._pool.frozen.discard(lane)

    def _run_all(self, event: Ran, result: RunResult, lost: dict[int, str]) -> None:
        losses: list[tuple[int, WorkerLostError]] = []
        asked: list[int] = []
        for index in range(self.num_threads):
            try:
                self._pool.post_run(index, event)
                asked.append(index)
            except WorkerLostError as loss:
                losses.append((index, loss))
        problems: list[Exception] = []
        for index in asked:
            try:
                self._pool.answer_of_run(index)
                self._gather(index, event, result)
            except WorkerLostError as loss:
                losses.append((index, loss))
            except LaneError as problem:
                problems.append(problem)
        for index, loss in losses:
            try:
                self._run_again(index, loss, event, lost)
                self._gather(index, event, result)
            except LaneError as problem:
                problems.append(problem)
        if problems:
            self._pool.journal.stale = True
            raise problems[0]

    def _gather(self, index: int, event: Ran, result: RunResult) -> None:
        _, frames, ports = event.buttons.shape
        arrays = self._pool.workers[index].memory.arrays(frames, ports)
        mine = slice(index, None, self.num_threads)
        result.frames_run[mine] = arrays.frames_run
        result.ended[mine] = arrays.ended
        result.samples[mine] = arrays.samples
        if self._pool.frozen or event.observe.max() > Observe.KEEP:
            result.observations.reshape(self.num_lanes, -1)[mine] = arrays.observations

    # Losses ----------------------------------------------------------------------------------------------------------

    def _run_again(self, index: int, loss: WorkerLostError, event: Ran, lost: dict[int, str]) -> None:
        """Have a worker's lanes, but for the guilty one, redo the run in which the worker was lost."""
        innocent_deaths = 0
        while True:
            if loss.lane >= 0:
                guilty = [self._pool.lanes_of(index)[loss.lane]]
            else:  # it did not happen in a lane: try again, and then blame all that run
                innocent_deaths += 1
                guilty = [lane for lane in self._pool.lanes_of(index) if event.max_frames[lane]] * (innocent_deaths > 1)
                if innocent_deaths > MAX_LOSSES_IN_A_ROW:
                    raise error_of(self._pool.lanes_of(index)[0], loss, "again and again")
            for lane in guilty:
                lost[lane] = loss.reason
                self._pool.forget(lane)
            try:
                self._pool.restore(index)
                for lane in self._pool.lanes_of(index):
                    if lane in self._pool.losses.unreported:
                        lost[lane] = self._pool.losses.unreported.pop(lane)
                    if lane in lost:
                        event.leave_out(lane)
                self._pool.post_run(index, event)
                self._pool.answer_of_run(index)
                return
            except WorkerLostError as another:
                loss = another

    # States ----------------------------------------------------------------------------------------------------------

    def load(self, states: Mapping[int, bytes]) -> None:
        """See `Engine.load`. A state that takes the core down with it is refused like any other."""
        with self._alone():
            parts: list[list[tuple[int, bytes]]] = [[] for _ in self._pool.workers]
            for lane, state in states.items():
                index, local = self._pool.place(lane)
                parts[index].append((local, state))
            problems: dict[int, Exception] = {}
            losses: list[tuple[int, WorkerLostError]] = []
            busy: list[int] = []
            for index, part in enumerate(parts):
                try:
                    if part:
                        self._pool.workers[index].post("load", part)
                        busy.append(index)
                except WorkerLostError as loss:
                    losses.append((index, loss))
            for index in busy:
                try:
                    self._note_problems(index, self._pool.workers[index].answer(), problems)
                except WorkerLostError as loss:
                    losses.append((index, loss))
            for index, loss in losses:
                self._load_again(index, loss, parts[index], problems)
            for lane, state in states.items():
                if lane not in problems:
                    self._pool.journal.loaded(lane, state)
                    self._pool.frozen.discard(lane)
                    self._pool.losses.unreported.pop(lane, None)
                    self._pool.heard.pop(lane, None)
            if problems:
                self._pool.journal.stale = True
                raise problems[min(problems)]

    def _note_problems(
        self, index: int, found: dict[int, tuple[str, str]] | None, problems: dict[int, Exception]
    ) -> None:
        for local, (name, message) in (found or {}).items():
            problems[self._pool.lanes_of(index)[local]] = self._pool.translated(ERRORS[name](message), index)

    def _load_again(
        self, index: int, loss: WorkerLostError, part: list[tuple[int, bytes]], problems: dict[int, Exception]
    ) -> None:
        innocent_deaths = 0
        while True:
            if loss.lane >= 0:
                lane = self._pool.lanes_of(index)[loss.lane]
                problems[lane] = StateError(f"lane {lane}: {loss.reason} as it loaded this state; is it damaged?")
                part = [(local, state) for local, state in part if local != loss.lane]
            else:
                innocent_deaths += 1
                if innocent_deaths >= MAX_LOSSES_IN_A_ROW:
                    raise error_of(self._pool.lanes_of(index)[0], loss, "again and again")
            self._pool.restore(index)
            try:
                self._note_problems(index, self._pool.workers[index].request("load", part), problems)
                return
            except WorkerLostError as another:
                loss = another

    def save(self, lane: int) -> bytes:
        """See `Engine.save`."""
        return self._ask_lane(lane, "save")

    def save_exact(self, lane: int) -> bytes:
        """See `Engine.save_exact`."""
        return self._ask_lane(lane, "save_exact")

    def save_history(self, lane: int) -> bytes:
        """See `Engine.save_history`."""
        return self._ask_lane(lane, "save_history")

    def load_history(self, lane: int, history: bytes) -> None:
        """See `Engine.load_history`."""
        self._ask_lane(lane, "load_history", history, changes=True)

    def _ask_lane(self, lane: int, method: str, *arguments: object, changes: bool = False) -> Any:
        with self._alone():
            index, local = self._pool.place(lane)
            value = self._pool.ask(index, lane, "ask", method, local, *arguments)
            if changes:
                self._pool.journal.asked(Asked(lane, method, arguments))
            return value

    # Pictures, sound, memory -----------------------------------------------------------------------------------------

    def picture(self, lane: int, crop: tuple[int, int, int, int] = (0, 0, 0, 0)) -> NDArray[np.uint8]:
        """See `Engine.picture`."""
        return self._ask_lane(lane, "picture", crop)

    def capture_sound(self, lane: int, on: bool) -> None:
        """See `Engine.capture_sound`."""
        with self._alone():
            index, local = self._pool.place(lane)
            if on != (lane in self._pool.listened):
                self._pool.anchor()
            self._pool.ask(index, lane, "ask", "capture_sound", local, on)
            (self._pool.listened.add if on else self._pool.listened.discard)(lane)

    def take_sound(self, lane: int) -> NDArray[np.int16]:
        """See `Engine.take_sound`."""
        with self._alone():
            self._pool.hear(lane)
            return np.concatenate(self._pool.heard.pop(lane))

    def read_ram(self) -> NDArray[np.uint8]:
        """See `Engine.read_ram`."""
        with self._alone():
            ram = np.empty((self.num_lanes, self.ram_size_bytes), np.uint8)
            for index, layout in enumerate(self._pool.layouts):

                def read(worker: WorkerProcess, layout: RunLayout = layout) -> NDArray[np.uint8]:
                    worker.share(layout)
                    worker.request("read_ram")
                    return worker.memory.ram()

                ram[index :: self.num_threads] = self._pool.insist(index, None, "read_ram", read)
            return ram

    def memory_blocks(self, lane: int) -> list[tuple[int, int]]:
        """See `Engine.memory_blocks`."""
        return self._ask_lane(lane, "memory_blocks")

    def read_memory(self, lane: int, address: int, size_bytes: int) -> bytes:
        """See `Engine.read_memory`."""
        return self._ask_lane(lane, "read_memory", address, size_bytes)

    def write_memory(self, lane: int, address: int, data: bytes) -> None:
        """See `Engine.write_memory`."""
        self._ask_lane(lane, "write_memory", address, data, changes=True)

    def close(self) -> None:
        """See `Engine.close`."""
        self._end()


def _end_all(workers: list[WorkerProcess], process_id: int) -> None:
    if os.getpid() == process_id:  # a forked process has none of its own
        for worker in workers:
            worker.close()
