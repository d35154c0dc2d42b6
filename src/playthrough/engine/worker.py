"""What runs in a worker process: a LibretroEngine on one thread, at the command of an `IsolatedEngine`.

It is started with the descriptors of its socket and of its shared memory, and ends when its parent does.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import socket
import sys
import threading
from typing import Any

from playthrough.engine.channel import Channel
from playthrough.engine.libretro import LibretroEngine
from playthrough.engine.shared_memory import RunLayout, RunMemory
from playthrough.errors import BadInputError, CoreError, EngineError, LaneError, StateError

LogLine = tuple[int, str, tuple[Any, ...]]
"""Level, message and arguments of a log record."""

# Those that a caller may see, the most special first.
ERRORS: dict[str, type[Exception]] = {
    error.__name__: error
    for error in (StateError, CoreError, BadInputError, EngineError, LaneError, IndexError, ValueError, TypeError)
}
_PR_SET_PDEATHSIG = 1


class _Lines(logging.Handler):
    """Keeps log records for the next answer."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[LogLine] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        self.lines.append((record.levelno, str(record.msg), record.args if isinstance(record.args, tuple) else ()))

    def take(self) -> list[LogLine]:
        """What was logged since the last call."""
        lines, self.lines = self.lines, []
        return lines


class Worker:
    """Answers the requests of an engine: each is (name of a method here, its arguments).

    Args:
        channel: To the engine.
        memory: Shared with it.
        anchors: Descriptors of two files, for snapshots.
    """

    def __init__(self, channel: Channel, memory: RunMemory, anchors: tuple[int, int]) -> None:
        self._channel, self._memory, self._anchors = channel, memory, anchors
        self._lines = _Lines()
        self._engine: LibretroEngine

    def serve(self) -> None:
        """Answer until the engine is gone."""
        receive, send_done, watch = self._channel.receive, self._channel.send_done, self._memory.watch
        while True:
            request = receive()
            try:
                if isinstance(request[0], int):
                    self._run(*request)
                    value = None
                else:
                    value = getattr(self, request[0])(*request[1:])
            except tuple(ERRORS.values()) as error:
                name = next(name for name, kind in ERRORS.items() if isinstance(error, kind))
                self._answer("error", name, str(error))
            except RuntimeError as error:  # the core threw something of its own
                self._answer("error", "LaneError", str(error))
            else:
                if value is None and not self._lines.lines:
                    watch[0] = -1
                    send_done()
                else:
                    self._answer("ok", value)

    def _answer(self, *message: Any) -> None:
        self._memory.watch[0] = -1
        self._channel.send((*message, self._lines.take()))

    def _run(self, num_frames: int, num_ports: int, stopping: bool) -> None:
        arrays = self._memory.arrays(num_frames, num_ports)
        self._engine.run_into(
            arrays.buttons,
            arrays.max_frames,
            arrays.observe,
            arrays.frames_run,
            arrays.ended,
            arrays.samples,
            arrays.observations,
            stopping=stopping,
        )

    def open(self, log_level: int, settings: dict[str, Any]) -> dict[str, Any]:
        """Make the engine, and say what it is."""
        log = logging.getLogger("playthrough")
        log.setLevel(log_level)
        log.propagate = False
        log.addHandler(self._lines)
        self._engine = engine = LibretroEngine(**settings, num_threads=1)
        engine.watch(self._memory.watch)
        return {
            "core_name": engine.core_name,
            "capabilities": engine.capabilities,
            "display": engine.display,
            "ram_size_bytes": engine.ram_size_bytes,
        }

    def lay_out(self, layout: RunLayout) -> None:
        """The shared memory has grown."""
        self._memory.lay_out(layout)

    def ask(self, method: str, lane: int, *arguments: Any) -> Any:
        """Call a method of the engine that is about one lane."""
        self._memory.watch[0] = lane
        return getattr(self._engine, method)(lane, *arguments)

    def configure(self, *arguments: Any) -> None:
        """See `Engine.configure`."""
        self._engine.configure(*arguments)

    def load(self, states: list[tuple[int, bytes]]) -> dict[int, tuple[str, str]]:
        """Load savestates; the names and messages of the errors by lane."""
        problems: dict[int, tuple[str, str]] = {}
        for lane, state in states:
            self._memory.watch[0] = lane
            try:
                self._engine.load({lane: state})
            except (StateError, LaneError) as error:
                problems[lane] = type(error).__name__, str(error)
        return problems

    def save_all(self, slot: int) -> list[tuple[int | None, int]]:
        """Write the exact snapshot and the history of every lane one after another into a file.

        Returns:
            Their sizes; None for the snapshot of a lane that cannot be saved.
        """
        sizes: list[tuple[int | None, int]] = []
        offset = 0
        for lane in range(self._engine.num_lanes):
            self._memory.watch[0] = lane
            try:
                state = self._engine.save_exact(lane)
            except (StateError, LaneError):
                state = None
            history = self._engine.save_history(lane)
            for block in (state or b"", history):
                offset += os.pwrite(self._anchors[slot], block, offset)
            sizes.append((None if state is None else len(state), len(history)))
        return sizes

    def put(self, lane: int, state: bytes, history: bytes | None) -> None:
        """Put a lane to where it was."""
        self._memory.watch[0] = lane
        self._engine.load({lane: state})
        if history is not None:
            self._engine.load_history(lane, history)

    def read_ram(self) -> None:
        """See `Engine.read_ram`; it goes into the shared memory."""
        self._engine.read_ram_into(self._memory.ram())


def _die_with(parent: int, its_thread_lives: bool, connection: socket.socket) -> None:
    """End this process when the parent ends, also from within a core that hangs."""
    if sys.platform == "linux" and its_thread_lives:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)

    def wait() -> None:
        import select

        poll = select.poll()
        poll.register(connection, select.POLLHUP)
        poll.poll()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def main(socket_file: int, memory_file: int, one: int, other: int, parent: int, its_thread_lives: bool) -> None:
    """Serve until the parent is gone.

    Args:
        socket_file: Descriptor of the socket to it.
        memory_file: Descriptor of the shared memory.
        one: Descriptor of a file for snapshots.
        other: Of another, so that the newest whole ones are always in one of them.
        parent: Its process id.
        its_thread_lives: Whether the thread that started this process lives as long as the parent does: Linux tells a
            child about the end of that thread.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    connection = socket.socket(fileno=socket_file)
    _die_with(parent, its_thread_lives, connection)
    try:
        Worker(Channel(connection), RunMemory(memory_file), (one, other)).serve()
    except EOFError:
        os._exit(0)
