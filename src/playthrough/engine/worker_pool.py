"""The worker processes of an isolated engine, and the way back for their lanes when one of them is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.engine import PixelSpec
from playthrough.engine.journal import Anchor, Asked, Journal, Ran
from playthrough.engine.probes import Probe, StopNode
from playthrough.engine.process import WorkerLostError, WorkerProcess, error_of
from playthrough.engine.recovery import MAX_LOSSES_IN_A_ROW, Losses, require_lane
from playthrough.engine.shared_memory import RunLayout, Stored
from playthrough.engine.worker import LogLine
from playthrough.errors import CoreError, LaneError, StateError

_log = logging.getLogger("playthrough.core")
_MIN_LOAD_TIMEOUT_S = 30.0


class WorkerPool:
    """Processes that share the lanes of an engine: lane i is number i // T of process i % T.

    1. Every lane has an anchor, a moment that can be loaded, and a journal of what happened since.
    2. When a process is lost, another one is started and put to the anchors of its lanes.
    3. It does what the journal says again. What it was asked for then comes out as if nothing had happened.
    4. The lane that was to blame goes back to where it was started instead, and is reported as lost.
    5. From time to time all lanes get new anchors, so that the way back stays short.

    Args:
        core_name: For messages.
        settings: What each process needs to open its engine, but for the number of its lanes.
        num_lanes: How many lanes there are.
        num_threads: In how many processes.
        timeout_s: A core hangs when it finishes no frame for so long.
    """

    def __init__(
        self, core_name: str, settings: Mapping[str, Any], num_lanes: int, num_threads: int, timeout_s: float
    ) -> None:
        self.num_lanes, self.num_threads = num_lanes, num_threads
        self.journal, self.losses = Journal(num_lanes), Losses(num_lanes)
        self.configuration: tuple[Sequence[Probe], StopNode | None, PixelSpec] | None = None
        self.layouts: list[RunLayout] = []
        self.listened: set[int] = set()
        """Lanes whose sound is collected."""
        self.heard: dict[int, list[NDArray[np.int16]]] = {}
        """Sound that was fetched before anybody asked for it."""
        self.frozen: set[int] = set()
        """Lanes that were lost, and with which nothing was done since."""
        self._core_name, self._settings = core_name, dict(settings)
        self._slot = 0  # of each worker's two files, which holds the anchors
        load_timeout_s = max(timeout_s, _MIN_LOAD_TIMEOUT_S)
        self.workers = [
            WorkerProcess(core_name, timeout_s, load_timeout_s, self._teller(index)) for index in range(num_threads)
        ]

    def start_all(self) -> dict[str, Any]:
        """Start all processes at once; what the first says of its engine.

        Raises:
            CoreError: If a process does not come up.
        """
        for index in range(self.num_threads):
            self._start(index)
        facts = [self._answer_to_start(index) for index in range(self.num_threads)]
        self.layouts = [
            RunLayout(len(self.lanes_of(index)), ram_bytes=facts[0]["ram_size_bytes"])
            for index in range(self.num_threads)
        ]
        return facts[0]

    def lanes_of(self, index: int) -> range:
        """The lanes of a process."""
        return range(index, self.num_lanes, self.num_threads)

    def place(self, lane: int) -> tuple[int, int]:
        """The process of a lane, and the lane's number there."""
        require_lane(lane, self.num_lanes)
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
        self.workers[index].start(self._settings | {"num_lanes": len(self.lanes_of(index))})

    def _answer_to_start(self, index: int) -> dict[str, Any]:
        try:
            return self.workers[index].answer()
        except WorkerLostError as loss:
            words = f"; its last words: {loss.last_words}" if loss.last_words else ""
            raise CoreError(f"{loss.reason} while it was started with {self._settings['rom_name']}{words}") from None

    def post_run(self, index: int, event: Ran) -> None:
        """Have a process begin a run; its answer comes later."""
        worker, layout = self.workers[index], self.layouts[index]
        _, frames, ports = event.buttons.shape
        if frames > layout.num_frames or ports > layout.num_ports:
            layout = self.layouts[index] = replace(
                layout, num_frames=max(frames, layout.num_frames), num_ports=max(ports, layout.num_ports)
            )
        if worker.layout is not layout:
            worker.share(layout)
            worker.layout = layout
        arrays = worker.memory.arrays(frames, ports)
        arrays.buttons[:] = event.buttons[index :: self.num_threads]
        arrays.max_frames[:] = event.max_frames[index :: self.num_threads]
        arrays.observe[:] = event.observe[index :: self.num_threads]
        worker.post_run(frames, ports, event.stopping)

    def answer_of_run(self, index: int) -> None:
        """Wait until a process has run.

        Raises:
            LaneError: If a lane failed.
        """
        try:
            self.workers[index].answer()
        except LaneError as problem:
            raise self.translated(problem, index) from None

    def forget(self, lane: int) -> None:
        """A lane is lost: it goes back to where it was started."""
        self.journal.lost(lane)
        self.frozen.add(lane)
        self.heard.pop(lane, None)

    def restore(self, index: int) -> None:
        """Start a worker again, and put its lanes to where they were.

        A lane that does not survive this is lost as well.
        """
        attempts: dict[int, int] = {}
        while True:
            try:
                self._start(index)
                self._answer_to_start(index)
                if self.configuration is not None:
                    self.workers[index].request("configure", *self.configuration)
                self._put_back(index)
                return
            except WorkerLostError as loss:
                attempts[loss.lane] = attempts.get(loss.lane, 0) + 1
                lane = self.lanes_of(index)[max(loss.lane, 0)]
                if attempts[loss.lane] > MAX_LOSSES_IN_A_ROW:
                    raise error_of(lane, loss, "and cannot be put back") from None
                if loss.lane >= 0:
                    self.losses.unreported.setdefault(lane, loss.reason)
                    if attempts[loss.lane] > 1:
                        self.journal.origins[lane] = b""  # not even its start can be loaded any more
                    self.forget(lane)
            except CoreError as error:
                raise LaneError(f"lane {self.lanes_of(index)[0]}: {error}") from None

    def _put_back(self, index: int) -> None:
        worker, journal = self.workers[index], self.journal
        for local, lane in enumerate(self.lanes_of(index)):
            if lane in self.listened:
                worker.request("ask", "capture_sound", local, True)
            anchor = journal.anchors[lane]
            if anchor.state is None:
                reason = f"core {self._core_name} cannot save its state, and its process was lost"
                self.losses.unreported.setdefault(lane, reason)
                self.forget(lane)
                anchor = journal.anchors[lane]
            if anchor.state or anchor.history is not None:
                worker.request("put", local, _bytes_of(anchor.state), _bytes_of(anchor.history))
        since = [journal.anchors[lane].since for lane in self.lanes_of(index)]
        for number in range(min(since), len(journal.events)):
            event = journal.events[number]
            if isinstance(event, Ran):
                again = Ran(event.buttons, event.max_frames.copy(), event.observe.copy(), event.stopping)
                for local, lane in enumerate(self.lanes_of(index)):
                    if number < since[local]:
                        again.leave_out(lane)
                self.post_run(index, again)
                self.answer_of_run(index)
                continue
            owner, local = self.place(event.lane)
            if owner == index and number >= since[local]:
                if event.method == "load":
                    worker.request("put", local, *event.arguments, None)
                else:
                    worker.request("ask", event.method, local, *event.arguments)

    def anchor(self) -> None:
        """Remember where all lanes are, so that the way back is short."""
        for worker in self.workers:
            worker.trim_output()
        for lane in self.listened:
            self.hear(lane)
        slot = 1 - self._slot
        moments = [Anchor(origin) for origin in self.journal.origins]
        for index, worker in enumerate(self.workers):
            sizes = self.ask(index, None, "save_all", slot)
            file, offset = worker.anchors[slot], 0
            for lane, (state_bytes, history_bytes) in zip(self.lanes_of(index), sizes, strict=True):
                state = None if state_bytes is None else Stored(file, offset, state_bytes)
                offset += state_bytes or 0
                if lane not in self.frozen:
                    moments[lane] = Anchor(state, Stored(file, offset, history_bytes))
                offset += history_bytes
        self._slot = slot
        self.journal.anchor(moments)

    def ask(self, index: int, lane: int | None, *request: Any) -> Any:
        """A request that is repeated once if the worker dies of it; nobody's lane is lost by that."""
        return self.insist(index, lane, request[0], lambda worker: worker.request(*request))

    def insist(self, index: int, lane: int | None, what: str, act: Callable[[WorkerProcess], Any]) -> Any:
        """What takes more than one request, likewise."""
        for attempt in range(2):
            try:
                return act(self.workers[index])
            except WorkerLostError as loss:
                self.restore(index)
                if attempt:
                    blamed = self.lanes_of(index)[max(loss.lane, 0)] if lane is None else lane
                    raise error_of(blamed, loss, f"twice, when it was asked for {what}") from None
            except (LaneError, StateError) as error:
                raise self.translated(error, index) from None
        raise AssertionError  # the loop has returned or raised

    def translated(self, error: Exception, index: int) -> Exception:
        """A worker's error with this engine's number of the lane."""
        text = str(error)
        word, _, rest = text.partition(":")
        number = word.removeprefix("lane ")
        if number == word or not number.isdecimal():
            return error
        return type(error)(f"lane {self.lanes_of(index)[int(number)]}:{rest}")

    def hear(self, lane: int) -> None:
        """Fetch the sound of a lane."""
        index, local = self.place(lane)
        sound = self.ask(index, lane, "ask", "take_sound", local)
        self.heard.setdefault(lane, []).append(sound)
        self.journal.asked(Asked(lane, "take_sound", ()))


def _bytes_of(block: bytes | Stored | None) -> bytes | None:
    return block.read() if isinstance(block, Stored) else block
