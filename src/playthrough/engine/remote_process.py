"""An emulator in a process of its own, with our client in it: started, known by its token, and ended."""

from __future__ import annotations

import hmac
import os
import secrets
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from playthrough.engine.engine import Display
from playthrough.engine.wire import Hello, Kind, WireError
from playthrough.errors import CoreError

CLIENTS = Path(__file__).with_name("clients")
"""The scripts that run inside other emulators."""

LOOPBACK = "127.0.0.1"

_MAX_STRANGERS = 64
_GOODBYE_TIMEOUT_S = 1.0
_FATE_TIMEOUT_S = 1.0
_TICK_S = 0.05
_LAST_WORDS_BYTES = 2000
_LAST_LINES = 5


@dataclass(frozen=True, slots=True)
class Invitation:
    """Where an emulator finds this program, and what lets it in.

    Attributes:
        host: The address to connect to.
        port: The port.
        token: What its client must say first.
    """

    host: str
    port: int
    token: str

    def environment(self) -> dict[str, str]:
        """The same as environment variables, for the client."""
        return {
            "PLAYTHROUGH_CLIENTS": str(CLIENTS),
            "PLAYTHROUGH_HOST": self.host,
            "PLAYTHROUGH_PORT": str(self.port),
            "PLAYTHROUGH_TOKEN": self.token,
        }


class Speaker(Protocol):
    """A connection to an emulator; see `wire.Connection`. It was just accepted, and `hear` has not blocked yet."""

    def hear(self) -> Hello | None:
        """What it says first, once that is complete."""
        ...

    def send(self, kind: Kind, payload: bytes, timeout_s: float) -> None:
        """Send one message."""
        ...

    def receive(self, timeout_s: float, since_s: float | None = None) -> tuple[Kind, memoryview]:
        """The next message."""
        ...

    def close(self) -> None:
        """Close this end."""
        ...


class Program(Protocol):
    """An emulator that can run our client."""

    @property
    def name(self) -> str:
        """For messages and snapshots."""
        ...

    @property
    def display(self) -> Display:
        """The picture of the game, in the middle of a raw one; of no size if it is as large as the first raw one."""
        ...

    @property
    def origin(self) -> tuple[int, int]:
        """(x, y) of the game's picture in a raw one, for what is drawn over it."""
        ...

    @property
    def num_ports(self) -> int:
        """How many pads it has."""
        ...

    @property
    def hint(self) -> str:
        """What to do when it does not start."""
        ...

    def start(self, folder: Path, invitation: Invitation, output: int) -> subprocess.Popen[bytes] | None:
        """Start it, with the game.

        Args:
            folder: Of this process alone; removed after its end.
            invitation: For its client.
            output: File descriptor for what it prints.

        Returns:
            Its process; None if a person starts it.
        """
        ...

    def speaker(self, connection: socket.socket) -> Speaker:
        """How its client speaks, on a connection that was just accepted."""
        ...

    def refusal(self, output: str) -> str:
        """What it printed that means that it will never run this game; nothing if there is no such line."""
        ...

    def check(self, hello: Hello) -> None:
        """Look at what its client said.

        Raises:
            CoreError: If it cannot be used, for example because of its version.
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
        self._connection: Speaker | None = None
        self._folder: Path | None = None
        self._token = ""

    def start(self, host: str, port: int) -> None:
        """Start it anew; its hello comes later."""
        self.end()
        self._folder = Path(tempfile.mkdtemp(prefix=f"playthrough-{os.getpid()}-remote-"))
        self._token = self._token or secrets.token_hex(16)
        with (self._folder / "output").open("wb") as output:
            self.process = self.program.start(self._folder, Invitation(host, port, self._token), output.fileno())

    def accepts(self, hello: Hello) -> bool:
        """Whether this is the hello of this process."""
        return self._connection is None and hmac.compare_digest(hello.token.encode(), self._token.encode())

    def connect(self, connection: Speaker, hello: Hello) -> None:
        """It said hello.

        Raises:
            CoreError: If it cannot be used.
        """
        self._connection, self.hello, self.waits_for_answer = connection, hello, False
        self.program.check(hello)

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
            status = self.process.wait(_FATE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return ""
        return f"; its process was ended by signal {-status}" if status < 0 else f"; its exit status is {status}"

    def output(self) -> str:
        """The end of what it printed."""
        if self._folder is None:
            return ""
        return (self._folder / "output").read_bytes()[-_LAST_WORDS_BYTES:].decode("utf-8", "replace")

    def last_words(self) -> str:
        """What it printed last: a clause that begins with nothing."""
        lines = [line.strip() for line in self.output().splitlines() if line.strip("\0 \t")]
        return f"; its last words: {' | '.join(lines[-_LAST_LINES:])}" if lines else ""

    def end(self) -> None:
        """End it and all that it holds. One that a person started is told to go."""
        if self._connection is not None:
            if self.process is None and not self.waits_for_answer:
                with suppress(WireError):
                    self._connection.send(Kind.QUIT, b"", _GOODBYE_TIMEOUT_S)
            self._connection.close()
            self._connection = None
        self.waits_for_answer = False
        if self.process is not None:
            _kill(self.process)
            self.process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process, and those that it started in its session: an emulator may hide behind a shell script."""
    if sys.platform != "win32":
        with suppress(ProcessLookupError, PermissionError):
            if os.getpgid(process.pid) == process.pid:
                os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


class EmulatorError(Exception):
    """An emulator is well, but could not do what it was asked."""


def start_all(processes: Sequence[RemoteProcess], timeout_s: float, bind: str = LOOPBACK, port: int = 0) -> None:
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
                process.start(_reachable(bind), listener.getsockname()[1])
            _welcome(listener, processes, time.monotonic() + timeout_s, timeout_s)
        except BaseException:
            for process in processes:
                process.end()
            raise


def _reachable(bind: str) -> str:
    """Where a client finds a listener; one on all addresses is also on this machine's own."""
    return LOOPBACK if bind in ("", "0.0.0.0") else bind


def _welcome(listener: socket.socket, processes: Sequence[RemoteProcess], deadline_s: float, timeout_s: float) -> None:
    program = processes[0].program
    strangers: dict[socket.socket, Speaker] = {}  # who they are they have not said yet
    missing = list(processes)
    try:
        while missing:
            ready = _readable([listener, *strangers])
            if listener in ready:
                with suppress(OSError):
                    connection = listener.accept()[0]
                    strangers[connection] = program.speaker(connection)
            for connection in [connection for connection in ready if connection in strangers]:
                if _settle(strangers[connection], missing):
                    del strangers[connection]
            while len(strangers) > _MAX_STRANGERS:
                strangers.pop(next(iter(strangers))).close()
            for process in missing:
                _require_hope(process)
                if time.monotonic() > deadline_s:
                    raise CoreError(
                        f"{process.program.name} did not say hello within {timeout_s:g} s{process.last_words()}. "
                        f"{process.program.hint}"
                    )
    finally:
        for stranger in strangers.values():
            stranger.close()


def _readable(sockets: Sequence[socket.socket]) -> list[socket.socket]:
    """Those with something to read, at once or after a moment."""
    with selectors.DefaultSelector() as waiting:
        for each in sockets:
            waiting.register(each, selectors.EVENT_READ)
        return [cast("socket.socket", key.fileobj) for key, _ in waiting.select(_TICK_S)]


def _settle(stranger: Speaker, missing: list[RemoteProcess]) -> bool:
    """Whether a connection is a stranger's no longer: it is an emulator's, or closed."""
    try:
        hello = stranger.hear()
        if hello is None:
            return False
    except WireError:
        stranger.close()
        return True
    for process in missing:
        if process.accepts(hello):
            missing.remove(process)
            process.connect(stranger, hello)
            return True
    stranger.close()
    return True


def _require_hope(process: RemoteProcess) -> None:
    running, program = process.process, process.program
    refusal = program.refusal(process.output())
    if refusal:
        raise CoreError(f"{program.name} does not run this ROM: {refusal}")
    if running is not None and running.poll() is not None:
        raise CoreError(
            f"{program.name} ended (exit status {running.returncode}) before its script ran"
            f"{process.last_words()}. {program.hint}"
        )
