"""Emulators in other programs that die, hang or talk nonsense, and strangers on the port."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from engine.conformance import play
from numpy.typing import NDArray

from playthrough.engine.engine import Display, Observe, PixelSpec
from playthrough.engine.fceux import Fceux, find_fceux
from playthrough.engine.probes import DataType, Probe
from playthrough.engine.remote import RemoteEngine
from playthrough.engine.remote_process import Invitation, Program, RemoteProcess, start_all
from playthrough.engine.systems import get_system
from playthrough.engine.wire import Connection, Hello, Kind, pack
from playthrough.errors import CoreError, DependencyError, EngineError, LaneError
from playthrough.game.integration import load_integration
from playthrough.game.roms import find_rom

COUNTER = Probe(0, DataType.parse("|u1"))

# An emulator of 30 lines: it counts frames at address 0, and from the tenth on does what it was told to.
SCRIPT = r"""
import os, socket, struct, sys, time
mischief = sys.argv[1]
connection = socket.create_connection((os.environ["PLAYTHROUGH_HOST"], int(os.environ["PLAYTHROUGH_PORT"])))
def send(kind, payload=b"", version=1):
    connection.sendall(struct.pack("<4sBBHI", b"PTRC", version, kind, 0, len(payload)) + payload)
def exactly(size):
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece: sys.exit(0)
        data += piece
    return data
token = os.environ["PLAYTHROUGH_TOKEN"].encode()
send(64, bytes([len(token)]) + token + b"\4Tiny" + struct.pack("<II", 0, 16))
count = 0
while True:
    _, _, kind, _, length = struct.unpack("<4sBBHI", exactly(12))
    data = exactly(length)
    if kind == 2:
        frames, ports, pictures, _ = struct.unpack_from("<IBBB", data)
        counts = [(count + i + 1) % 256 for i in range(frames)]
        count += frames
        if count >= 10:
            if mischief == "noise": connection.sendall(os.urandom(64)); continue
            if mischief == "half": connection.sendall(b"PTRC\1"); continue
            if mischief == "version": send(66, b"", 9); continue
            if mischief == "short": send(66, struct.pack("<IBB", frames, 0, 0)); continue
            if mischief == "huge": connection.sendall(struct.pack("<4sBBHI", b"PTRC", 1, 66, 0, 2**32 - 1)); continue
            if mischief == "other": send(65); continue
            if mischief == "leave": print("out of cheese", flush=True); sys.exit(7)
        pictures = min(pictures, frames)
        picture = struct.pack("<HHI", 8, 8, 256) + bytes([0, 0, count % 256, 0] * 64)
        send(66, struct.pack("<IBB", frames, 0, pictures) + bytes(counts) + picture * pictures)
    elif kind == 3: send(67, bytes([count]))
    elif kind == 4: count = data[0] if data else 0; send(65)
    elif kind == 5: send(67, bytes([count]) * struct.unpack_from("<I", data, 4)[0])
    else: send(65)
"""


class Tiny:
    """The emulator above, as a program."""

    name = "tiny"
    num_ports = 2
    origin = (0, 0)
    hint = "Feed it."

    def __init__(self, *mischief: str) -> None:
        self.display = Display(8, 8, 0, 60.0, 0.0)
        self._mischief = list(mischief)

    def speaker(self, connection: socket.socket) -> Connection:
        return Connection(connection)

    def refusal(self, output: str) -> str:
        return ""

    def check(self, hello: Hello) -> None:
        pass

    def start(self, folder: Path, invitation: Invitation, output: int) -> subprocess.Popen[bytes]:
        mischief = self._mischief.pop(0) if self._mischief else "none"
        return subprocess.Popen(
            [sys.executable, "-IS", "-c", SCRIPT, mischief],
            stdout=output,
            stderr=output,
            env=os.environ | invitation.environment(),
        )


def open_tiny(*mischief: str, lanes: int = 2, timeout_s: float = 5.0) -> RemoteEngine:
    engine = RemoteEngine(Tiny(*mischief), b"rom", num_lanes=lanes, timeout_s=timeout_s)
    engine.configure((COUNTER,), None, PixelSpec())
    return engine


def released(lanes: int, frames: int) -> NDArray[np.uint16]:
    return np.zeros((lanes, frames, 1), np.uint16)


def process_of(engine: RemoteEngine, lane: int) -> int:
    process = engine._lanes[lane].process
    assert process is not None
    return process.pid


def children() -> set[str]:
    found: set[str] = set()
    for task in Path("/proc/self/task").iterdir():
        found |= set((task / "children").read_text().split())
    return found


@pytest.fixture(autouse=True)
def nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    files, before = len(os.listdir("/proc/self/fd")), children()  # noqa: PTH208
    yield
    assert children() == before
    assert len(os.listdir("/proc/self/fd")) == files  # noqa: PTH208
    assert not list(folder.iterdir())


# Losses --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mischief", "reason"),
    [
        ("noise", "instead of a message"),
        ("half", r"did not answer for 1\.45 s"),
        ("version", "version 9"),
        ("short", "another length"),
        ("huge", "announced a message of 4294967295 bytes"),
        ("other", "answered DONE where RAN was expected"),
        ("leave", "closed its connection; its exit status is 7"),
    ],
)
def test_an_emulator_that_talks_nonsense_costs_its_lane_only(mischief: str, reason: str) -> None:
    engine = open_tiny(mischief, lanes=2, timeout_s=1.0 if mischief == "half" else 5.0)
    play(engine, released(2, 3))
    state = engine.save(1)
    engine.load({0: state, 1: state})
    assert play(engine, released(2, 2), Observe.FILL).samples[:, -1, 0].tolist() == [5, 5]
    result = play(engine, released(2, 9), Observe.PUSH)
    assert set(result.lost) == {0}
    assert re.search(reason, result.lost[0])
    assert result.frames_run.tolist() == [0, 9] and not result.ended.any()
    assert result.samples[1, -1, 0] == 14
    assert result.observations[:, 0, 0].tolist() == [[0, 5, 0], [0, 14, 0]]
    # It is back where it was loaded, and goes on.
    result = play(engine, released(2, 1))
    assert not result.lost and result.samples[:, 0, 0].tolist() == [4, 15]
    engine.close()


def test_an_emulator_that_is_lost_again_and_again_is_given_up() -> None:
    engine = open_tiny(*["noise"] * 9, lanes=1)
    with pytest.raises(LaneError, match="lane 0 was lost 3 times in a row: tiny sent"):
        for _ in range(3):
            assert play(engine, released(1, 10)).lost
    engine.close()


def test_an_emulator_that_is_lost_between_runs_is_reported_by_the_next() -> None:
    engine = open_tiny()
    play(engine, released(2, 5))
    os.kill(process_of(engine, 1), signal.SIGKILL)
    assert engine.read_ram()[:, 0].tolist() == [5, 0]
    result = play(engine, released(2, 1))
    assert set(result.lost) == {1} and "ended by signal 9" in result.lost[1]
    assert result.frames_run.tolist() == [1, 0]
    os.kill(process_of(engine, 0), signal.SIGKILL)
    with pytest.raises(LaneError, match=r"lane 0: tiny .*ended by signal 9, when its state was to be saved"):
        engine.save(0)
    assert set(play(engine, released(2, 1)).lost) == {0}
    engine.close()


def test_a_call_that_was_interrupted_costs_its_lanes_and_nothing_else() -> None:
    engine = open_tiny()
    play(engine, released(2, 2))
    os.kill(process_of(engine, 0), signal.SIGSTOP)
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        play(engine, released(2, 2))
    timer.join()
    result = play(engine, released(2, 2))
    assert result.lost and all("interrupted" in reason for reason in result.lost.values())
    assert not play(engine, released(2, 2)).lost
    engine.close()


def test_a_closed_engine_says_so() -> None:
    engine = open_tiny(lanes=1)
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.read_ram()


# Strangers -----------------------------------------------------------------------------------------------------------


class Late(Tiny):
    """Starts after strangers have been at the port."""

    def __init__(self, *said: bytes) -> None:
        super().__init__()
        self._said, self.visitors = said, []  # type: ignore[var-annotated]

    def start(self, folder: Path, invitation: Invitation, output: int) -> subprocess.Popen[bytes]:
        for words in self._said:
            visitor = socket.create_connection((invitation.host, invitation.port))
            visitor.sendall(words)
            self.visitors.append(visitor)
        return super().start(folder, invitation, output)


def test_strangers_on_the_port_get_no_answer_and_stop_nobody() -> None:
    hello = b"\x20" + b"0" * 32 + b"\4Tiny" + bytes(4) + b"\x10\0\0\0"
    program = Late(
        b"",  # says nothing
        b"GET / HTTP/1.1\r\n\r\n",
        os.urandom(300),
        pack(Kind.HELLO, hello)[:-1],  # half a message
        pack(Kind.HELLO, hello),  # a wrong token
        pack(Kind.DONE),
        pack(Kind.HELLO, b""),
    )
    engine = RemoteEngine(program, b"rom")
    engine.configure((COUNTER,), None, PixelSpec())
    assert play(engine, released(1, 3)).frames_run.tolist() == [3]
    for visitor in program.visitors:
        visitor.settimeout(5)
        with suppress(ConnectionResetError):
            assert visitor.recv(1) == b""
        visitor.close()
    engine.close()


def test_a_second_client_with_the_right_token_is_turned_away() -> None:
    class Twice(Tiny):
        """Its client comes twice, and a second one is missing, so that the port stays open."""

        def start(self, folder: Path, invitation: Invitation, output: int) -> subprocess.Popen[bytes]:
            if not visitors:
                token = invitation.token.encode()
                hello = bytes([len(token)]) + token + b"\4Tiny" + bytes(4) + b"\x10\0\0\0"
                for _ in range(2):
                    visitors.append(socket.create_connection((invitation.host, invitation.port)))
                    visitors[-1].sendall(pack(Kind.HELLO, hello))
                return subprocess.Popen(["/bin/sleep", "60"], stdout=output)
            return super().start(folder, invitation, output)

    visitors: list[socket.socket] = []
    processes = [RemoteProcess(Twice()) for _ in range(2)]
    start_all(processes, 10)
    visitors[1].settimeout(5)
    with suppress(ConnectionResetError):
        assert visitors[1].recv(1) == b""
    processes[0].ask(Kind.SAVE, b"", 5)
    visitors[0].settimeout(5)
    assert visitors[0].recv(100) == pack(Kind.SAVE), "the first one is asked"
    for process in processes:
        process.end()
    for visitor in visitors:
        visitor.close()


def test_nobody_can_connect_while_it_runs() -> None:
    ports: list[int] = []

    class Telling(Tiny):
        def start(self, folder: Path, invitation: Invitation, output: int) -> subprocess.Popen[bytes]:
            ports.append(invitation.port)
            return super().start(folder, invitation, output)

    engine = RemoteEngine(Telling(), b"rom")
    engine.configure((COUNTER,), None, PixelSpec())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ports[0]))
    engine.close()


def test_a_port_in_use_is_one_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CoreError, match=f"cannot listen on 127.0.0.1:{port}.*in use.*choose another"):
            RemoteEngine(Tiny(), b"rom", port=port)


def test_an_emulator_that_does_not_start_is_one_clear_error() -> None:
    class Broken(Tiny):
        def start(self, folder: Path, invitation: Invitation, output: int) -> subprocess.Popen[bytes]:
            return subprocess.Popen(["/bin/sh", "-c", "echo no such ROM; exit 3"], stdout=output)

    with pytest.raises(CoreError, match=r"tiny ended \(exit status 3\).*no such ROM.*Feed it"):
        RemoteEngine(Broken(), b"rom", num_lanes=3)

    class Silent(Tiny):
        def start(self, folder: Path, invitation: Invitation, output: int) -> subprocess.Popen[bytes]:
            return subprocess.Popen(["/bin/sleep", "60"], stdout=output)

    begin_s = time.monotonic()
    with pytest.raises(CoreError, match=r"did not say hello within 0\.3 s"):
        RemoteEngine(Silent(), b"rom", start_timeout_s=0.3)
    assert time.monotonic() - begin_s < 3


def test_a_process_accepts_only_its_own_token() -> None:
    program: Program = Tiny()
    processes = [RemoteProcess(program) for _ in range(3)]
    start_all(processes, 10)
    tokens = [process.hello.token for process in processes if process.hello]
    assert len(set(tokens)) == 3 and tokens == [process._token for process in processes]
    for process in processes:
        process.end()


# The real program ----------------------------------------------------------------------------------------------------


def open_fceux(lanes: int, timeout_s: float = 10.0) -> RemoteEngine:
    try:
        find_fceux()
    except DependencyError as missing:
        pytest.skip(str(missing))
    rom = find_rom(load_integration("Wickling-Nes")).data
    engine = RemoteEngine(Fceux(get_system("Nes"), rom), rom, num_lanes=lanes, timeout_s=timeout_s)
    engine.configure((Probe(9, DataType.parse("|u1")),), None, PixelSpec())
    return engine


def test_a_killed_and_a_stopped_fceux_come_back() -> None:
    engine = open_fceux(3, timeout_s=1.0)
    play(engine, released(3, 120))
    state = engine.save(2)
    engine.load(dict.fromkeys(range(3), state))
    expected = play(engine, released(3, 30)).samples[2]
    engine.load(dict.fromkeys(range(3), state))
    play(engine, released(3, 5))
    os.kill(process_of(engine, 0), signal.SIGKILL)
    os.kill(process_of(engine, 1), signal.SIGSTOP)
    result = play(engine, released(3, 25))
    assert set(result.lost) == {0, 1}
    assert "ended by signal 9" in result.lost[0] and "did not answer for 2.25 s" in result.lost[1]
    np.testing.assert_array_equal(result.samples[2], expected[5:])
    result = play(engine, released(3, 30))
    assert not result.lost
    np.testing.assert_array_equal(result.samples[:2], [expected] * 2)
    engine.close()


def test_a_rom_that_fceux_refuses_is_one_clear_error() -> None:
    try:
        program = Fceux(get_system("Nes"), b"this is no ROM")
    except DependencyError as missing:
        pytest.skip(str(missing))
    began_s = time.monotonic()
    with pytest.raises(CoreError, match=r"fceux does not run this ROM: Unknown ROM file format"):
        RemoteEngine(program, b"this is no ROM")
    assert time.monotonic() - began_s < 10, "it did not wait for a hello that will never come"


# 100 cycles were run once; the suite takes ten.
CYCLES = int(os.environ.get("PLAYTHROUGH_TEST_CYCLES", "10"))


def test_nothing_stays_behind_after_many_cycles() -> None:
    for cycle in range(CYCLES):
        mischief = ("none", "noise", "leave")[cycle % 3]
        engine = open_tiny(mischief, lanes=2)
        assert bool(play(engine, released(2, 12)).lost) == (mischief != "none")
        engine.close()
    for _ in range(CYCLES // 2):
        engine = open_fceux(1)
        assert not play(engine, released(1, 1)).lost
        del engine  # without close
