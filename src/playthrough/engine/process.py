"""One supervised worker process: started, asked, watched, and ended."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from playthrough.engine.channel import Channel
from playthrough.engine.shared_memory import RunLayout, RunMemory, nameless_file
from playthrough.engine.worker import ERRORS, LogLine
from playthrough.errors import LaneError

# The worker searches modules where this process does, and never runs the user's script again.
_START = """
import sys
arguments = map(int, sys.argv[1:7])
sys.path[:] = sys.argv[7:]
from playthrough.engine.worker import main
main(*arguments)
"""
_MAX_TICK_S = 0.25
_START_TIMEOUT_S = 60.0
_MAX_OUTPUT_BYTES = 1 << 20
_LAST_WORDS_BYTES = 2000
_LAST_LINES = 5


class WorkerLostError(Exception):
    """A worker is gone.

    Args:
        reason: What happened to it, as a clause.
        lane: Which of its lanes it was busy with, by its own count; -1 for none.
        last_words: What it wrote to its standard streams last.
    """

    def __init__(self, reason: str, lane: int, last_words: str) -> None:
        super().__init__(reason)
        self.reason, self.lane, self.last_words = reason, lane, last_words


class WorkerProcess:
    """A process with some of an engine's lanes.

    Args:
        core_name: For messages.
        timeout_s: It hangs when it neither answers nor finishes a frame for so long.
        load_timeout_s: The same for all that is no run.
        log: Told what the worker logged.
    """

    def __init__(self, core_name: str, timeout_s: float, load_timeout_s: float, log: Any) -> None:
        self.memory = RunMemory.create()
        self.anchors: tuple[int, ...] = (nameless_file("playthrough-anchors"), nameless_file("playthrough-anchors"))
        """Two files for snapshots: while one is written, the other holds the last ones."""
        self.waits_for_answer = False
        self.process: subprocess.Popen[bytes] | None = None
        self._core_name, self._timeout_s, self._load_timeout_s, self._log = core_name, timeout_s, load_timeout_s, log
        self._tick_s = min(_MAX_TICK_S, timeout_s / 4)
        self._folder: Path | None = None
        self._output: int | None = None
        self._channel: Channel | None = None
        self._patience_s = timeout_s
        self._moved_s = 0.0
        self._frames = -1
        self.layout: RunLayout | None = None
        """What the process knows of the shared memory."""

    # Its life --------------------------------------------------------------------------------------------------------

    def start(self, settings: dict[str, Any]) -> None:
        """Start the process and have it open a LibretroEngine; `answer` says what that is.

        Args:
            settings: Arguments of LibretroEngine.
        """
        self.end()
        mine, its = socket.socketpair()
        # What a process leaves behind when it is killed goes with this folder.
        self._folder = Path(tempfile.mkdtemp(prefix=f"playthrough-{os.getpid()}-worker-"))
        with tempfile.TemporaryFile(dir=self._folder) as unnamed:
            self._output = os.dup(unnamed.fileno())
        self.memory.watch[0] = -1
        self.layout = None
        files = its.fileno(), self.memory.file, *self.anchors
        lives = threading.current_thread() is threading.main_thread()
        words = [str(number) for number in (*files, os.getpid(), int(lives))]
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", _START, *words, *(str(entry) for entry in sys.path)],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=self._output,
                pass_fds=files,
                start_new_session=True,  # Ctrl-C is for this process to decide on
                env=os.environ | {"TMPDIR": str(self._folder)},
            )
        except OSError as error:
            mine.close()
            raise WorkerLostError(f"cannot start a process: {error.strerror}", -1, "") from None
        finally:
            its.close()
        self._channel = Channel(mine, self._tick_s, self._supervise)
        self.post("open", logging.getLogger("playthrough.core").getEffectiveLevel(), settings)
        self._patience_s = max(_START_TIMEOUT_S, self._load_timeout_s) + settings["num_lanes"]

    def end(self) -> None:
        """End the process and all that it holds, but for the shared memory."""
        self.waits_for_answer = False
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        if self._output is not None:
            os.close(self._output)
            self._output = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def close(self) -> None:
        """End everything."""
        self.end()
        self.memory.close()
        for file in self.anchors:
            os.close(file)
        self.anchors = ()

    # Questions and answers -------------------------------------------------------------------------------------------

    def post(self, *request: Any) -> None:
        """Ask for a method of Worker; `answer` gives what comes back."""
        self._begin(self._load_timeout_s)
        try:
            self._require_channel().send(request)
        except EOFError:
            raise self._lost() from None

    def post_run(self, num_frames: int, num_ports: int, stopping: bool) -> None:
        """Ask for a run whose arguments lie in the shared memory."""
        self._begin(self._timeout_s)
        try:
            self._require_channel().send_run(num_frames, num_ports, stopping)
        except EOFError:
            raise self._lost() from None

    def answer(self) -> Any:
        """Wait for the answer to what was posted last.

        Raises:
            WorkerLostError: If there will be none. The process is dead then.
            PlaythroughError: What the worker raised.
        """
        try:
            message = self._require_channel().receive()
        except EOFError:
            raise self._lost() from None
        self.waits_for_answer = False
        if message is None:
            return None
        lines: list[LogLine] = message[-1]
        for line in lines:
            self._log(line)
        if message[0] == "ok":
            return message[1]
        raise ERRORS[message[1]](message[2])

    def request(self, *request: Any) -> Any:
        """Ask and wait."""
        self.post(*request)
        return self.answer()

    def share(self, layout: RunLayout) -> None:
        """Make room in the shared memory, on both sides."""
        if self.memory.layout != layout:
            self.memory.lay_out(layout)
        if self.layout != layout:
            self.request("lay_out", layout)
            self.layout = layout

    def trim_output(self) -> None:
        """Forget what a talkative core wrote."""
        if self._output is not None and os.fstat(self._output).st_size > _MAX_OUTPUT_BYTES:
            os.ftruncate(self._output, 0)
            os.lseek(self._output, 0, os.SEEK_SET)

    # Supervision -----------------------------------------------------------------------------------------------------

    def _begin(self, patience_s: float) -> None:
        self.waits_for_answer = True
        self._patience_s, self._frames = patience_s, -1

    def _require_channel(self) -> Channel:
        if self._channel is None:
            raise WorkerLostError("its process is gone", -1, "")
        return self._channel

    def _supervise(self) -> None:
        """Nothing has come for a while: is it slow, or does it hang?"""
        frames, now_s = int(self.memory.watch[1]), time.monotonic()
        if self._frames != frames:
            self._frames, self._moved_s = frames, now_s
        elif now_s - self._moved_s >= self._patience_s - self._tick_s:
            raise self._lost(f"core {self._core_name} hung: no frame for {self._patience_s:g} s")

    def _lost(self, reason: str | None = None) -> WorkerLostError:
        """Bury the process."""
        lane = int(self.memory.watch[0])
        if self.process is not None:
            if reason is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(self._patience_s)
            self.process.kill()
            self.process.wait()
            reason = reason or self._cause_of_death(self.process.returncode)
        words = self._last_words()
        self.end()
        return WorkerLostError(reason or "its process is gone", lane, words)

    def _cause_of_death(self, status: int) -> str:
        if status >= 0:
            return f"core {self._core_name} ended its process with exit status {status}"
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        if -status in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            return f"its process was killed ({name})"
        return f"core {self._core_name} crashed ({name})"

    def _last_words(self) -> str:
        if self._output is None:
            return ""
        size = os.fstat(self._output).st_size
        tail = os.pread(self._output, _LAST_WORDS_BYTES, max(0, size - _LAST_WORDS_BYTES))
        lines = [line.strip() for line in tail.decode("utf-8", "replace").splitlines() if line.strip("\0 \t")]
        return "\n".join(lines[-_LAST_LINES:])


def error_of(lane: int, loss: WorkerLostError, what: str) -> LaneError:
    """The error for a lane whose worker is gone for good."""
    words = f"; its last words: {loss.last_words}" if loss.last_words else ""
    return LaneError(f"lane {lane}: {loss.reason}, {what}{words}")
