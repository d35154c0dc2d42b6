"""An emulator in a process of its own, with our client in it: started, known by its token, and ended."""

from __future__ import annotations

import hmac
import os
import secrets
import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from playthrough.engine.engine import Display
from playthrough.engine.wire import MAX_HELLO_BYTES, Connection, Hello, Kind, WireError, decode_hello, unpack_head
from playthrough.errors import CoreError

CLIENTS = Path(__file__).with_name("clients")
"""The scripts that run inside other emulators."""

_STRANGER_TIMEOUT_S = 5.0
_MAX_STRANGERS = 64
_TICK_S = 0.05
_LAST_WORDS_BYTES = 2000
_LAST_LINES = 5


class Program(Protocol):
    """An emulator that can run our client."""

    @property
    def name(self) -> str:
        """For messages and snapshots."""
        ...

    @property
    def display(self) -> Display:
        """The picture of the game; a raw picture may have a border around it."""
        ...

    @property
    def num_ports(self) -> int:
        """How many pads it has."""
        ...

    @property
    def hint(self) -> str:
        """What to do when it does not start."""
        ...

    def start(self, folder: Path, port: int, token: str, output: int) -> subprocess.Popen[bytes]:
        """Start it, with the game.

        Args:
            folder: Of this process alone; removed after its end.
            port: On which Python listens.
            token: Which its client must say.
            output: File descriptor for what it prints.
        """
        ...


class RemoteProcess:
    """One lane's emulator; nothing runs before `start_all`.

    Args:
        program: What to start.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self.waits_for_answer = False
        self.hello: Hello | None = None
        self._connection: Connection | None = None
        self._folder: Path | None = None
        self._token = ""

    def start(self, port: int) -> None:
        """Start it anew; its hello comes later."""
        self.end()
        self._folder = Path(tempfile.mkdtemp(prefix=f"playthrough-{os.getpid()}-remote-"))
        self._token = secrets.token_hex(16)
        with (self._folder / "output").open("wb") as output:
            self.process = self.program.start(self._folder, port, self._token, output.fileno())

    def accepts(self, hello: Hello) -> bool:
        """Whether this is the hello of this process."""
        return self._connection is None and hmac.compare_digest(hello.token.encode(), self._token.encode())

    def connect(self, connection: socket.socket, hello: Hello) -> None:
        """It said hello."""
        self._connection, self.hello, self.waits_for_answer = Connection(connection), hello, False

    def ask(self, kind: Kind, payload: bytes, timeout_s: float) -> None:
        """Ask; `answer` gives what comes back.

        Raises:
            WireError: If it is gone.
        """
        if self._connection is None:
            raise WireError("is gone")
        self.waits_for_answer = True
        self._connection.send(kind, payload, timeout_s)

    def answer(self, expected: Kind, timeout_s: float, since_s: float) -> memoryview:
        """What it answered.

        Raises:
            WireError: If it did not, or something else.
            EmulatorError: If it could not do what it was asked.
        """
        if self._connection is None:
            raise WireError("is gone")
        kind, payload = self._connection.receive(timeout_s, since_s)
        self.waits_for_answer = False
        if kind == Kind.FAILED:
            raise EmulatorError(bytes(payload[:500]).decode("utf-8", "replace"))
        if kind != expected:
            raise WireError(f"answered {kind.name} where {expected.name} was expected")
        return payload

    def fate(self) -> str:
        """Why it is gone, if it is: a clause that begins with nothing."""
        if self.process is None:
            return ""
        try:
            status = self.process.wait(0.2)
        except subprocess.TimeoutExpired:
            return ""
        return f"; its process was ended by signal {-status}" if status < 0 else f"; its exit status is {status}"

    def last_words(self) -> str:
        """What it printed last."""
        if self._folder is None:
            return ""
        data = (self._folder / "output").read_bytes()[-_LAST_WORDS_BYTES:]
        lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines() if line.strip("\0 \t")]
        return f"; its last words: {' | '.join(lines[-_LAST_LINES:])}" if lines else ""

    def end(self) -> None:
        """End it and all that it holds."""
        self.waits_for_answer = False
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


class EmulatorError(Exception):
    """An emulator is well, but could not do what it was asked."""


def start_all(processes: Sequence[RemoteProcess], timeout_s: float, bind: str = "127.0.0.1", port: int = 0) -> None:
    """Start emulators and wait until each has said hello. The port is open no longer than that.

    Whoever else connects is turned away: without the token of one of these processes nobody gets an answer.

    Args:
        processes: Those to start.
        timeout_s: For all of them.
        bind: The address to listen on.
        port: The port; 0 for any free one.

    Raises:
        CoreError: If one does not come up; none of them is left then.
    """
    try:
        listener = socket.create_server((bind, port), backlog=128)
    except OSError as error:
        raise CoreError(
            f"cannot listen on {bind}:{port} for {processes[0].program.name}: {error.strerror}; choose another port, "
            "or 0 for any free one"
        ) from None
    with listener:
        listener.setblocking(False)
        try:
            for process in processes:
                process.start(listener.getsockname()[1])
            _welcome(listener, processes, time.monotonic() + timeout_s, timeout_s)
        except BaseException:
            for process in processes:
                process.end()
            raise


class _Stranger:
    """A connection that has not said yet who it is."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection, self.deadline_s, self.data = connection, time.monotonic() + _STRANGER_TIMEOUT_S, b""

    def hear(self) -> Hello | None:
        """Its hello, once that is complete.

        Raises:
            WireError: If it says something else, or too much.
        """
        try:
            data = self.connection.recv(MAX_HELLO_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            raise WireError("left")
        self.data += data
        if len(self.data) < Connection.head_bytes:
            return None
        kind, length = unpack_head(self.data[: Connection.head_bytes], MAX_HELLO_BYTES)
        rest = self.data[Connection.head_bytes :]
        if kind != Kind.HELLO or len(rest) > length:
            raise WireError("began with something else than a hello")
        return decode_hello(rest) if len(rest) == length else None


def _welcome(listener: socket.socket, processes: Sequence[RemoteProcess], deadline_s: float, timeout_s: float) -> None:
    strangers: list[_Stranger] = []
    missing = list(processes)
    try:
        while missing:
            sockets = [listener, *(stranger.connection for stranger in strangers)]
            ready, _, _ = select.select(sockets, [], [], _TICK_S)
            if listener in ready:
                with suppress(OSError):
                    strangers.append(_Stranger(listener.accept()[0]))
            for stranger in list(strangers):
                if _settle(stranger, missing, stranger.connection in ready):
                    strangers.remove(stranger)
            while len(strangers) > _MAX_STRANGERS:
                strangers.pop(0).connection.close()
            for process in missing:
                _require_alive(process)
                if time.monotonic() > deadline_s:
                    raise CoreError(
                        f"{process.program.name} did not say hello within {timeout_s:g} s{process.last_words()}. "
                        f"{process.program.hint}"
                    )
    finally:
        for stranger in strangers:
            stranger.connection.close()


def _settle(stranger: _Stranger, missing: list[RemoteProcess], ready: bool) -> bool:
    """Whether a connection is a stranger's no longer: it is an emulator's, or closed."""
    try:
        hello = stranger.hear() if ready else None
        if hello is None:
            if time.monotonic() < stranger.deadline_s:
                return False
            raise WireError("said nothing")
        for process in missing:
            if process.accepts(hello):
                process.connect(stranger.connection, hello)
                missing.remove(process)
                return True
    except WireError:
        pass
    stranger.connection.close()
    return True


def _require_alive(process: RemoteProcess) -> None:
    running = process.process
    if running is not None and running.poll() is not None:
        raise CoreError(
            f"{process.program.name} ended (exit status {running.returncode}) before its script ran"
            f"{process.last_words()}. {process.program.hint}"
        )
