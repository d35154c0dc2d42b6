"""Libretro cores in supervised worker processes: the Engine protocol, and a crash that costs nothing.

A core that crashes, hangs or is killed takes its process with it, never this one. The lane that it was busy with is
lost: it comes back where it was started, and the run says so. The other lanes of that process are put back to exactly
where they were and do what they were doing again, so that nothing they show differs.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.cores import CoreFile
from playthrough.engine.engine import Capabilities, Display, Masks, Observe, PixelSpec, RunResult
from playthrough.engine.journal import Anchor, Asked, Journal, Ran
from playthrough.engine.probes import Probe, StopNode
from playthrough.engine.process import WorkerLostError, WorkerProcess, error_of
from playthrough.engine.shared_memory import RunLayout, Stored
from playthrough.engine.systems import System
from playthrough.engine.worker import ERRORS, LogLine
from playthrough.errors import CoreError, EngineError, LaneError, StateError

_log = logging.getLogger("playthrough.core")
_MAX_PORTS = 8
_MAX_LOSSES_IN_A_ROW = 3
_MIN_LOAD_TIMEOUT_S = 30.0


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
        self._settings: dict[str, Any] = {"core": core, "system": system, "rom": rom, "rom_name": rom_name}
        self._idle = threading.Lock()
        self._process_id = os.getpid()
        self._configuration: tuple[Sequence[Probe], StopNode | None, PixelSpec] | None = None
        self._observation_shape: tuple[int, ...] = ()
        self._journal = Journal(num_lanes)
        self._listened: set[int] = set()
        self._heard: dict[int, list[NDArray[np.int16]]] = {}
        self._frozen: set[int] = set()  # lost, and nothing done with them since
        self._unreported: dict[int, str] = {}
        self._losses = [0] * num_lanes
        self._interrupted = False
        self._slot = 0  # of each worker's two files, which holds the anchors
        load_timeout_s = max(timeout_s, _MIN_LOAD_TIMEOUT_S)
        self._workers = [
            WorkerProcess(core.name, timeout_s, load_timeout_s, self._teller(index))
            for index in range(self.num_threads)
        ]
        self._end = weakref.finalize(self, _end_all, self._workers, os.getpid())
        try:
            for index in range(self.num_threads):
                self._start(index)
            facts = [self._answer_to_start(index) for index in range(self.num_threads)]
        except BaseException:
            self._end()
            raise
        self.capabilities: Capabilities = facts[0]["capabilities"]
        self.display: Display = facts[0]["display"]
        self.ram_size_bytes: int = facts[0]["ram_size_bytes"]
        self._layouts = [
            RunLayout(len(self._lanes_of(index)), ram_bytes=self.ram_size_bytes) for index in range(self.num_threads)
        ]

    # Lanes and workers: lane i is number i // W of worker i % W ------------------------------------------------------

    def _lanes_of(self, index: int) -> range:
        return range(index, self.num_lanes, self.num_threads)

    def _place(self, lane: int) -> tuple[int, int]:
        if not 0 <= lane < self.num_lanes:
            raise IndexError(f"lane {lane} of {self.num_lanes}")
        return lane % self.num_threads, lane // self.num_threads

    def _teller(self, index: int) -> Callable[[LogLine], None]:
        """Passes on what a worker logs, with this engine's numbers of the lanes."""
        num_threads = self.num_threads

        def tell(line: LogLine) -> None:
            level, message, arguments = line
            core, lane, *rest = arguments
            _log.log(level, message, core, lane * num_threads + index, *rest)

        return tell

    def _start(self, index: int) -> None:
        self._workers[index].start(self._settings | {"num_lanes": len(self._lanes_of(index))})

    def _answer_to_start(self, index: int) -> dict[str, Any]:
        try:
            return self._workers[index].answer()
        except WorkerLostError as loss:
            words = f"; its last words: {loss.last_words}" if loss.last_words else ""
            raise CoreError(f"{loss.reason} while it was started with {self._settings['rom_name']}{words}") from None

    @contextmanager
    def _alone(self) -> Generator[None]:
        """One call at a time, of one thread, in the process that made the engine.

        Ctrl-C may break off a call between its questions and their answers; the next one then begins where it began.
        """
        if os.getpid() != self._process_id:
            raise RuntimeError(
                "an engine cannot be used in a forked process; make it there, or start processes by spawn"
            )
        if not self._end.alive:
            raise EngineError("this environment is closed; make a new one")
        if not self._idle.acquire(blocking=False):
            raise RuntimeError("this environment is running in another thread; give each thread its own")
        try:
            if self._interrupted:
                for index in range(self.num_threads):
                    self._restore(index)
            self._interrupted = True  # until the call has come to its end
            yield
            self._interrupted = False
        except tuple(ERRORS.values()):
            self._interrupted = any(worker.waits_for_answer for worker in self._workers)
            raise
        finally:
            self._idle.release()

    # What runs sample and show ---------------------------------------------------------------------------------------

    def configure(self, probes: Sequence[Probe], stop: StopNode | None, pixels: PixelSpec) -> None:
        """See `Engine.configure`."""
        with self._alone():
            if self._journal.events:
                self._anchor()
            configuration = tuple(probes), stop, pixels
            for index in range(self.num_threads):
                self._ask(index, None, "configure", *configuration)
            self._configuration = configuration
            self._observation_shape = pixels.shape(self.display)
            self._journal.anchor([Anchor(anchor.state) for anchor in self._journal.anchors])
            self._frozen.clear()
            self._layouts = [
                RunLayout(
                    num_lanes=layout.num_lanes,
                    num_probes=len(probes),
                    observation_bytes=int(np.prod(self._observation_shape)),
                    ram_bytes=layout.ram_bytes,
                )
                for layout in self._layouts
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
            if self._journal.is_due:
                self._anchor()
            event = Ran(
                np.array(buttons, np.uint16), np.array(max_frames, np.int32), np.array(observe, np.uint8), stopping
            )
            lost: dict[int, str] = {}
            if self._frozen:
                self._leave_out_frozen(event, lost)
            num_probes = self._layouts[0].num_probes
            frames_run = np.empty(self.num_lanes, np.int32)
            ended = np.empty(self.num_lanes, np.bool_)
            samples = np.empty((lanes, frames, num_probes), np.int64)
            observations = np.empty((lanes, *self._observation_shape), np.uint8)
            result = RunResult(frames_run, ended, samples, observations, lost)
            self._run_all(event, result, lost)
            self._journal.ran(event)
            if lost or any(self._losses):
                self._count_losses(result)
            return result

    def _leave_out_frozen(self, event: Ran, lost: dict[int, str]) -> None:
        """A lost lane shows what it showed last, until it is loaded or runs again."""
        for lane in list(self._frozen):
            if lane in self._unreported:
                lost[lane] = self._unreported.pop(lane)
                event.leave_out(lane)
            elif event.max_frames[lane] == 0:
                event.leave_out(lane)
            else:
                self._frozen.discard(lane)

    def _run_all(self, event: Ran, result: RunResult, lost: dict[int, str]) -> None:
        losses: list[tuple[int, WorkerLostError]] = []
        asked: list[int] = []
        for index in range(self.num_threads):
            try:
                self._post_run(index, event)
                asked.append(index)
            except WorkerLostError as loss:
                losses.append((index, loss))
        problems: list[Exception] = []
        for index in asked:
            try:
                self._workers[index].answer()
                self._gather(index, event, result)
            except WorkerLostError as loss:
                losses.append((index, loss))
            except LaneError as problem:
                problems.append(self._translated(problem, index))
        for index, loss in losses:
            try:
                self._run_again(index, loss, event, lost)
                self._gather(index, event, result)
            except LaneError as problem:
                problems.append(problem)
        if problems:
            self._journal.stale = True
            raise problems[0]

    def _post_run(self, index: int, event: Ran) -> None:
        worker, layout = self._workers[index], self._layouts[index]
        _, frames, ports = event.buttons.shape
        if frames > layout.num_frames or ports > layout.num_ports:
            layout = self._layouts[index] = RunLayout(
                num_lanes=layout.num_lanes,
                num_frames=max(frames, layout.num_frames),
                num_ports=max(ports, layout.num_ports),
                num_probes=layout.num_probes,
                observation_bytes=layout.observation_bytes,
                ram_bytes=layout.ram_bytes,
            )
        if worker.layout is not layout:
            worker.share(layout)
            worker.layout = layout
        arrays = worker.memory.arrays(frames, ports)
        arrays.buttons[:] = event.buttons[index :: self.num_threads]
        arrays.max_frames[:] = event.max_frames[index :: self.num_threads]
        arrays.observe[:] = event.observe[index :: self.num_threads]
        worker.post_run(frames, ports, event.stopping)

    def _gather(self, index: int, event: Ran, result: RunResult) -> None:
        _, frames, ports = event.buttons.shape
        arrays = self._workers[index].memory.arrays(frames, ports)
        mine = slice(index, None, self.num_threads)
        result.frames_run[mine] = arrays.frames_run
        result.ended[mine] = arrays.ended
        result.samples[mine] = arrays.samples
        if self._frozen or event.observe.max() > Observe.KEEP:
            result.observations.reshape(self.num_lanes, -1)[mine] = arrays.observations

    # Losses ----------------------------------------------------------------------------------------------------------

    def _run_again(self, index: int, loss: WorkerLostError, event: Ran, lost: dict[int, str]) -> None:
        """Have a worker's lanes, but for the guilty one, redo the run in which the worker was lost."""
        innocent_deaths = 0
        while True:
            if loss.lane >= 0:
                guilty = [self._lanes_of(index)[loss.lane]]
            else:  # it did not happen in a lane: try again, and then blame all that run
                innocent_deaths += 1
                guilty = [lane for lane in self._lanes_of(index) if event.max_frames[lane]] * (innocent_deaths > 1)
                if innocent_deaths > _MAX_LOSSES_IN_A_ROW:
                    raise error_of(self._lanes_of(index)[0], loss, "again and again")
            for lane in guilty:
                lost[lane] = loss.reason
                self._forget(lane)
            try:
                self._restore(index)
                for lane in self._lanes_of(index):
                    if lane in self._unreported:
                        lost[lane] = self._unreported.pop(lane)
                    if lane in lost:
                        event.leave_out(lane)
                self._post_run(index, event)
                self._workers[index].answer()
                return
            except WorkerLostError as another:
                loss = another
            except LaneError as problem:
                raise self._translated(problem, index) from None

    def _forget(self, lane: int) -> None:
        """A lane is lost: it goes back to where it was started."""
        self._journal.lost(lane)
        self._frozen.add(lane)
        self._heard.pop(lane, None)

    def _count_losses(self, result: RunResult) -> None:
        for lane, reason in result.lost.items():
            self._losses[lane] += 1
            if self._losses[lane] >= _MAX_LOSSES_IN_A_ROW:
                raise LaneError(f"lane {lane} was lost {self._losses[lane]} times in a row: {reason}")
        for lane in np.flatnonzero(result.frames_run):
            self._losses[lane] = 0

    def _restore(self, index: int) -> None:
        """Start a worker again, and put its lanes to where they were.

        A lane that does not survive this is lost as well.
        """
        attempts: dict[int, int] = {}
        while True:
            try:
                self._start(index)
                self._answer_to_start(index)
                if self._configuration is not None:
                    self._workers[index].request("configure", *self._configuration)
                self._put_back(index)
                return
            except WorkerLostError as loss:
                attempts[loss.lane] = attempts.get(loss.lane, 0) + 1
                lane = self._lanes_of(index)[max(loss.lane, 0)]
                if attempts[loss.lane] > _MAX_LOSSES_IN_A_ROW:
                    raise error_of(lane, loss, "and cannot be put back") from None
                if loss.lane >= 0:
                    self._unreported.setdefault(lane, loss.reason)
                    if attempts[loss.lane] > 1:
                        self._journal.origins[lane] = b""  # not even its start can be loaded any more
                    self._forget(lane)
            except CoreError as error:
                raise LaneError(f"lane {self._lanes_of(index)[0]}: {error}") from None

    def _put_back(self, index: int) -> None:
        worker, journal = self._workers[index], self._journal
        for local, lane in enumerate(self._lanes_of(index)):
            if lane in self._listened:
                worker.request("ask", "capture_sound", local, True)
            anchor = journal.anchors[lane]
            if anchor.state is None:
                reason = f"core {self.core_name} cannot save its state, and its process was lost"
                self._unreported.setdefault(lane, reason)
                self._forget(lane)
                anchor = journal.anchors[lane]
            if anchor.state or anchor.history is not None:
                worker.request("put", local, _bytes_of(anchor.state), _bytes_of(anchor.history))
        since = [journal.anchors[lane].since for lane in self._lanes_of(index)]
        for number in range(min(since), len(journal.events)):
            event = journal.events[number]
            if isinstance(event, Ran):
                again = Ran(event.buttons, event.max_frames.copy(), event.observe.copy(), event.stopping)
                for local, lane in enumerate(self._lanes_of(index)):
                    if number < since[local]:
                        again.leave_out(lane)
                self._post_run(index, again)
                worker.answer()
                continue
            owner, local = self._place(event.lane)
            if owner == index and number >= since[local]:
                if event.method == "load":
                    worker.request("put", local, *event.arguments, None)
                else:
                    worker.request("ask", event.method, local, *event.arguments)

    def _anchor(self) -> None:
        """Remember where all lanes are, so that the way back is short."""
        for worker in self._workers:
            worker.trim_output()
        for lane in self._listened:
            self._hear(lane)
        slot = 1 - self._slot
        moments = [Anchor(origin) for origin in self._journal.origins]
        for index, worker in enumerate(self._workers):
            sizes = self._ask(index, None, "save_all", slot)
            file, offset = worker.anchors[slot], 0
            for lane, (state_bytes, history_bytes) in zip(self._lanes_of(index), sizes, strict=True):
                state = None if state_bytes is None else Stored(file, offset, state_bytes)
                offset += state_bytes or 0
                if lane not in self._frozen:
                    moments[lane] = Anchor(state, Stored(file, offset, history_bytes))
                offset += history_bytes
        self._slot = slot
        self._journal.anchor(moments)

    def _ask(self, index: int, lane: int | None, *request: Any) -> Any:
        """A request that is repeated once if the worker dies of it; nobody's lane is lost by that."""
        return self._insist(index, lane, request[0], lambda worker: worker.request(*request))

    def _insist(self, index: int, lane: int | None, what: str, act: Callable[[WorkerProcess], Any]) -> Any:
        for attempt in range(2):
            try:
                return act(self._workers[index])
            except WorkerLostError as loss:
                self._restore(index)
                if attempt:
                    blamed = self._lanes_of(index)[max(loss.lane, 0)] if lane is None else lane
                    raise error_of(blamed, loss, f"twice, when it was asked for {what}") from None
            except (LaneError, StateError) as error:
                raise self._translated(error, index) from None
        raise AssertionError  # the loop has returned or raised

    def _translated(self, error: Exception, index: int) -> Exception:
        """A worker's error with this engine's number of the lane."""
        text = str(error)
        word, _, rest = text.partition(":")
        number = word.removeprefix("lane ")
        if number == word or not number.isdecimal():
            return error
        return type(error)(f"lane {self._lanes_of(index)[int(number)]}:{rest}")

    # States ----------------------------------------------------------------------------------------------------------

    def load(self, states: Mapping[int, bytes]) -> None:
        """See `Engine.load`. A state that takes the core down with it is refused like any other."""
        with self._alone():
            parts: list[list[tuple[int, bytes]]] = [[] for _ in self._workers]
            for lane, state in states.items():
                index, local = self._place(lane)
                parts[index].append((local, state))
            problems: dict[int, Exception] = {}
            losses: list[tuple[int, WorkerLostError]] = []
            busy: list[int] = []
            for index, part in enumerate(parts):
                try:
                    if part:
                        self._workers[index].post("load", part)
                        busy.append(index)
                except WorkerLostError as loss:
                    losses.append((index, loss))
            for index in busy:
                try:
                    self._note_problems(index, self._workers[index].answer(), problems)
                except WorkerLostError as loss:
                    losses.append((index, loss))
            for index, loss in losses:
                self._load_again(index, loss, parts[index], problems)
            for lane, state in states.items():
                if lane not in problems:
                    self._journal.loaded(lane, state)
                    self._frozen.discard(lane)
                    self._unreported.pop(lane, None)
                    self._heard.pop(lane, None)
            if problems:
                self._journal.stale = True
                raise problems[min(problems)]

    def _note_problems(
        self, index: int, found: dict[int, tuple[str, str]] | None, problems: dict[int, Exception]
    ) -> None:
        for local, (name, message) in (found or {}).items():
            problems[self._lanes_of(index)[local]] = self._translated(ERRORS[name](message), index)

    def _load_again(
        self, index: int, loss: WorkerLostError, part: list[tuple[int, bytes]], problems: dict[int, Exception]
    ) -> None:
        innocent_deaths = 0
        while True:
            if loss.lane >= 0:
                lane = self._lanes_of(index)[loss.lane]
                problems[lane] = StateError(f"lane {lane}: {loss.reason} as it loaded this state; is it damaged?")
                part = [(local, state) for local, state in part if local != loss.lane]
            else:
                innocent_deaths += 1
                if innocent_deaths >= _MAX_LOSSES_IN_A_ROW:
                    raise error_of(self._lanes_of(index)[0], loss, "again and again")
            self._restore(index)
            try:
                self._note_problems(index, self._workers[index].request("load", part), problems)
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
            index, local = self._place(lane)
            value = self._ask(index, lane, "ask", method, local, *arguments)
            if changes:
                self._journal.asked(Asked(lane, method, arguments))
            return value

    # Pictures, sound, memory -----------------------------------------------------------------------------------------

    def picture(self, lane: int, crop: tuple[int, int, int, int] = (0, 0, 0, 0)) -> NDArray[np.uint8]:
        """See `Engine.picture`."""
        return self._ask_lane(lane, "picture", crop)

    def capture_sound(self, lane: int, on: bool) -> None:
        """See `Engine.capture_sound`."""
        with self._alone():
            index, local = self._place(lane)
            if on != (lane in self._listened):
                self._anchor()
            self._ask(index, lane, "ask", "capture_sound", local, on)
            (self._listened.add if on else self._listened.discard)(lane)

    def take_sound(self, lane: int) -> NDArray[np.int16]:
        """See `Engine.take_sound`."""
        with self._alone():
            self._hear(lane)
            return np.concatenate(self._heard.pop(lane))

    def _hear(self, lane: int) -> None:
        index, local = self._place(lane)
        sound = self._ask(index, lane, "ask", "take_sound", local)
        self._heard.setdefault(lane, []).append(sound)
        self._journal.asked(Asked(lane, "take_sound", ()))

    def read_ram(self) -> NDArray[np.uint8]:
        """See `Engine.read_ram`."""
        with self._alone():
            ram = np.empty((self.num_lanes, self.ram_size_bytes), np.uint8)
            for index, layout in enumerate(self._layouts):

                def read(worker: WorkerProcess, layout: RunLayout = layout) -> NDArray[np.uint8]:
                    worker.share(layout)
                    worker.request("read_ram")
                    return worker.memory.ram()

                ram[index :: self.num_threads] = self._insist(index, None, "read_ram", read)
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


def _bytes_of(block: bytes | Stored | None) -> bytes | None:
    return block.read() if isinstance(block, Stored) else block


def _end_all(workers: list[WorkerProcess], process_id: int) -> None:
    if os.getpid() == process_id:  # a forked process has none of its own
        for worker in workers:
            worker.close()
