"""The C# tool for BizHawk: compiled, and run under Mono in a small stand-in for BizHawk, like any other emulator."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine.conformance import EngineConformance, Subject, play
from numpy.typing import NDArray

import playthrough as pt
from playthrough.agents.deep import make_learner
from playthrough.agents.deep.sb3.options import PpoOptions
from playthrough.engine.bizhawk_tool import SOURCES, build_command, tool_path
from playthrough.engine.engine import Display, Engine, Observe, PixelSpec
from playthrough.engine.probes import DataType, Measure, Op, Probe, StopNode
from playthrough.engine.remote import RemoteEngine
from playthrough.engine.remote_process import Invitation
from playthrough.engine.screen import Box, Speed, Text, encode_shapes
from playthrough.engine.websocket import WebSocketConnection
from playthrough.engine.wire import Hello, Kind, WireError, encode_configuration, encode_ranges, encode_run, pack
from playthrough.errors import CapabilityError, DependencyError

for program in ("mcs", "mono"):
    if shutil.which(program) is None:
        pytest.skip(
            f"{program} is not installed (Debian: apt-get install mono-mcs mono-runtime)", allow_module_level=True
        )

STUBS = Path(__file__).with_name("csharp")
STOP = StopNode("any", (Measure(0, "delta", Op.EQUAL, 9.0),), (StopNode("all", (Measure(1, "absolute", Op.ZERO),)),))
COUNTER, PLACE = Probe(0x10, DataType.parse(">u2")), Probe(0x20, DataType.parse(">u2"))
RIGHT = 1 << 7
TOKEN = "0123456789abcdef"
TIMEOUT_S = 20.0


def compiled(target: Path, *sources: Path, library: bool = False, references: tuple[Path, ...] = ()) -> Path:
    kind = "library" if library else "exe"
    command = ["mcs", "-langversion:7.2", "-warn:4", "-warnaserror", f"-target:{kind}", f"-out:{target}"]
    command += [f"-r:{reference}" for reference in references]
    result = subprocess.run([*command, *map(str, sources)], capture_output=True, text=True, timeout=120)
    assert not result.returncode, result.stdout + result.stderr
    return target


def tool_sources(*, window: bool) -> list[Path]:
    return [path for path in sorted(SOURCES.glob("*/*.cs")) if window or path.name != "PlaythroughTool.cs"]


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in for BizHawk, with the tool in it."""
    stand_in = [STUBS / name for name in ("TinyBizHawk.cs", "ApiHawkStubs.cs", "DrawingStubs.cs")]
    return compiled(tmp_path_factory.mktemp("csharp") / "tiny.exe", *stand_in, *tool_sources(window=False))


def environment(**variables: str) -> dict[str, str]:
    return os.environ | {
        "PLAYTHROUGH_MEMORY": "RAM,0,0,2048;Nothing,0,4096,16;Battery RAM,0,24576,65536;RAM,0,24580,4",
        "PLAYTHROUGH_BUTTONS": "7=Move|Right;8=Fire|A|Right;3=Start",
        **variables,
    }


class TinyBizHawk:
    """The stand-in, as a program."""

    name = "tiny"
    display = Display(256, 240, 0, 60.0, 0.0)
    origin = (0, 0)
    num_ports = 2
    hint = "Is Mono installed?"

    def __init__(self, path: Path, **variables: str) -> None:
        self._path, self._variables = path, variables

    def start(self, folder: Path, invitation: Invitation, output: int) -> subprocess.Popen[bytes]:
        variables = invitation.environment() | {"PLAYTHROUGH_FOLDER": str(folder)} | self._variables
        return subprocess.Popen(
            ["mono", str(self._path)],
            stdout=output,
            stderr=output,
            env=environment(**variables),
            start_new_session=True,
        )

    def speaker(self, connection: socket.socket) -> WebSocketConnection:
        return WebSocketConnection(connection)

    def refusal(self, output: str) -> str:
        return ""

    def check(self, hello: Hello) -> None:
        assert hello.program.startswith("BizHawk ")


class TestTool(EngineConformance):
    @pytest.fixture
    def subject(self, emulator: Path) -> Iterator[Subject]:
        opened: list[Engine] = []

        def open_lanes(lanes: int) -> Engine:
            opened.append(RemoteEngine(TinyBizHawk(emulator), b"rom", num_lanes=lanes))
            return opened[-1]

        yield Subject(open_lanes, COUNTER, PLACE, RIGHT)
        for engine in opened:
            engine.close()


def test_the_command_of_the_documentation_builds_the_tool(tmp_path: Path) -> None:
    """As it stands there, in a folder like BizHawk's, whose libraries hold no more than the tool uses."""
    page = (Path(__file__).parents[2] / "docs" / "bizhawk-tool.md").read_text("utf-8")
    found = re.search(r"```sh\n(.*?)```", page, re.DOTALL)
    assert found is not None
    command = found[1].replace("python -c", f"{sys.executable} -c")
    netstandard = re.search(r"-r:(\S+netstandard\.dll)", command)
    assert netstandard is not None
    if not Path(netstandard[1]).is_file():
        command = command.replace(netstandard[0], "")
    (tmp_path / "dll").mkdir()
    drawing = compiled(tmp_path / "System.Drawing.dll", STUBS / "DrawingStubs.cs", library=True)
    forms, interfaces = STUBS / "WinFormsStubs.cs", STUBS / "ApiHawkStubs.cs"
    compiled(tmp_path / "System.Windows.Forms.dll", forms, library=True, references=(drawing,))
    compiled(tmp_path / "dll" / "BizHawk.Client.Common.dll", interfaces, library=True, references=(drawing,))
    empty = tmp_path / "Empty.cs"
    empty.write_text("")
    for name in ("Common", "Emulation.Common"):
        compiled(tmp_path / "dll" / f"BizHawk.{name}.dll", empty, library=True)
    environment = os.environ | {"BIZHAWK_DIR": str(tmp_path)}
    done = subprocess.run(["bash", "-ec", command], env=environment, capture_output=True, text=True, timeout=120)
    assert not done.returncode and "warning" not in done.stderr, done.stdout + done.stderr
    built = tool_path(tmp_path)
    assert built.is_file()
    # Python says the same command, with the folders in place.
    said = " ".join(build_command(Path("$BIZHAWK_DIR"))).replace(str(SOURCES), "$SOURCES").replace("$BIZHAWK_DIR/", "")
    written = " ".join(found[1].split("ExternalTools\n", 1)[1].replace("\\\n", " ").replace('"', "").split())
    assert said == written


def test_the_protocol_needs_nothing_of_bizhawk(tmp_path: Path) -> None:
    compiled(tmp_path / "protocol.dll", *sorted((SOURCES / "protocol").glob("*.cs")), library=True)


def test_a_game_that_has_begun_is_begun_anew_and_pads_have_their_ports(emulator: Path) -> None:
    engine = RemoteEngine(TinyBizHawk(emulator, TINY_FRAMES_BEFORE="7"), b"rom")
    second = Probe(0x22, DataType.parse(">u2"))
    engine.configure((COUNTER, PLACE, second), None, PixelSpec())
    # The second domain that claims an address, and what a domain lacks, are not mapped.
    assert engine.memory_blocks(0) == [(0, 2048), (24576, 8192)]
    masks = np.array([[[RIGHT, 0], [0, RIGHT], [RIGHT, RIGHT], [0, 0]]], np.uint16)
    assert play(engine, masks).samples[0].tolist() == [[1, 3, 0], [2, 3, 5], [3, 6, 10], [4, 6, 10]]
    engine.close()


def test_the_overlay_is_drawn_on_every_frame_and_no_agent_sees_it(emulator: Path) -> None:
    engine = RemoteEngine(TinyBizHawk(emulator), b"rom")
    plain = RemoteEngine(TinyBizHawk(emulator), b"rom")
    shapes = [Text(3, -4, "x = 12 é", 0xFF00FF00), Box(10, 20, 30, 40, 0x80FFFFFF, 0x11223344)]
    engine.draw(0, shapes)
    engine.set_speed(Speed.REAL_TIME)
    seen = play(engine, np.zeros((1, 2, 1), np.uint16), Observe.PUSH).observations
    np.testing.assert_array_equal(seen, play(plain, np.zeros((1, 2, 1), np.uint16), Observe.PUSH).observations)
    drawn = ["cleared", "text 3 -4 x = 12 é ff00ff00 80000000", "box 10 20 39 59 80ffffff 11223344"]
    lines = engine._lanes[0].output().splitlines()
    assert lines[2:] == [*drawn, "limited True", "speed 100", *drawn, *drawn]
    engine.draw(0, [])
    play(engine, np.zeros((1, 2, 1), np.uint16))
    assert engine._lanes[0].output().splitlines()[len(lines) :] == ["cleared"]
    engine.close()
    plain.close()


def test_an_emulator_that_cannot_start_says_why(emulator: Path) -> None:
    with pytest.raises(Exception, match=r"exit status 3.*none of the buttons in PLAYTHROUGH_BUTTONS.*P1 Right"):
        RemoteEngine(TinyBizHawk(emulator, PLAYTHROUGH_BUTTONS="1=Nothing"), b"rom")


def test_progress_is_what_the_panel_shows(tmp_path: Path) -> None:
    """The furthest position, of this episode and of all, on numbers that a reader can follow."""
    source = tmp_path / "Show.cs"
    source.write_text(
        """
        using System; using System.Collections.Generic; using Playthrough.Protocol;
        class Game : IGame {
            public byte Low;
            public string Program => "";
            public IList<Block> Blocks => null;
            public void Start() {} public void Press(int[] masks) {}
            public void Read(uint address, int count, byte[] into, int at) { into[at] = 1; into[at + 1] = Low; }
            public void Write(uint address, byte[] data, int at, int count) {} public byte[] Save() => null;
            public void Load(byte[] state) {} public void PowerOn() {} public Picture Look() => default(Picture);
            public void AfterFrame() {} public void SetOverlay(IList<Shape> shapes) {}
            public void SetSpeed(Speed speed) {}
            public void Pause() {} public void Resume() {} public void Quit(int exitCode) {}
            static void Main() {
                var position = new byte[] { 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1 };
                var progress = new Progress(new Probe(new ByteReader(new ArraySegment<byte>(position))));
                var game = new Game();
                foreach (int low in new[] { 5, 9, 4, -1, 2, 7, -1, 1 }) {
                    game.Low = (byte)Math.Max(low, 0);
                    if (low < 0) progress.Restart(game); else progress.AfterFrame(game);
                    Console.Write("{0} {1} {2};", progress.Position - 256, progress.Fitness - 256, progress.Best - 256);
                }
            }
        }
        """
    )
    program = compiled(tmp_path / "show.exe", source, *sorted((SOURCES / "protocol").glob("*.cs")))
    shown = subprocess.run(["mono", str(program)], capture_output=True, text=True, timeout=60).stdout
    assert shown == "5 5 5;9 9 9;4 9 9;0 0 9;2 2 9;7 7 9;0 0 9;1 1 9;"


# As an environment: BizHawk's folder, with the stand-in for EmuHawk ---------------------------------------------------

GAME = "Walk-Nes"


@pytest.fixture
def bizhawk(emulator: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like BizHawk's, and a game in which something moves."""
    folder = tmp_path / "BizHawk"
    (folder / "ExternalTools").mkdir(parents=True)
    shutil.copy(emulator, folder / "EmuHawk.exe")
    (folder / "ExternalTools" / "PlaythroughTool.dll").write_bytes(b"built")
    (folder / "config.ini").write_text('{"LastWrittenFrom": "2.11"}')
    game = tmp_path / "games" / GAME
    game.mkdir(parents=True)
    (game / "rom.nes").write_bytes(b"NES\x1a" + bytes(16 * 1024 + 12))
    (game / "rom.sha").write_text(hashlib.sha1(bytes(16 * 1024)).hexdigest())
    variables = {"place": {"address": 32, "type": ">u2"}, "counter": {"address": 16, "type": ">u2"}}
    (game / "data.json").write_text(json.dumps({"info": variables}))
    reward = {"variables": {"place": {"measurement": "delta", "reward": 1.0}}}
    done = {"variables": {"counter": {"op": "equal", "reference": 40}}}
    (game / "scenario.json").write_text(json.dumps({"reward": reward, "done": done}))
    (game / "metadata.json").write_text("{}")
    pt.add_integrations(tmp_path / "games")
    monkeypatch.setenv("BIZHAWK_DIR", str(folder))
    monkeypatch.setenv("DISPLAY", os.environ.get("DISPLAY", ":0"))
    return folder


def options(**others: object) -> dict[str, object]:
    return {
        "engine": "bizhawk",
        "client": "tool",
        "observation": "variables",
        "actions": [[], ["RIGHT"]],
        "frame_skip": 4,
        **others,
    }


def test_an_agent_learns_over_the_tool(bizhawk: Path) -> None:
    env = pt.make_vec(GAME, num_envs=2, autoreset_mode="same_step", **options())
    learner = make_learner(PpoOptions(rollout_steps=16, batch_size=16, epochs=1), env, 0)
    reports = [learner.run_update() for _ in range(4)]
    finished = [episode for report in reports for episode in report.episodes]
    assert learner.agent_steps == 4 * 16 * 2
    assert len(finished) > 6 and all(episode.steps == 10 for episode in finished)
    assert len({episode.reward for episode in finished}) > 2, "an agent whose choices change nothing"
    env.close()


def test_the_position_and_the_trust_are_handed_over(bizhawk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[list[str], dict[str, str], dict[str, object]]] = []
    popen = subprocess.Popen

    def note(command: list[str], **settings: Any) -> subprocess.Popen[bytes]:
        config = next(part for part in command if part.startswith("--config=")).removeprefix("--config=")
        started.append((command, settings["env"], json.loads(Path(config).read_text())))
        return popen(command, **settings)

    monkeypatch.setattr(subprocess, "Popen", note)
    env = pt.make(GAME, **options())
    env.reset(seed=0)
    assert env.step(1)[1] == 12.0
    env.close()
    command, variables, config = started[0]
    assert "--open-ext-tool-dll=PlaythroughTool" in command and not any("lua" in part for part in command)
    digest = "SHA512:" + hashlib.sha512(b"built").hexdigest().upper()
    assert config["TrustedExtTools"] == {str(bizhawk / "ExternalTools" / "PlaythroughTool.dll"): digest}
    assert variables["PLAYTHROUGH_POSITION"] == "200000000200000000000000000000020001"


def test_a_tool_that_is_not_built_is_one_error_with_the_command_that_builds_it(bizhawk: Path) -> None:
    (bizhawk / "ExternalTools" / "PlaythroughTool.dll").unlink()
    with pytest.raises(DependencyError, match=r"is missing.*\nmcs .*bizhawk_tool"):
        pt.make(GAME, **options())
    for wrong, reason in ({"client": "java"}, "client must be"), ({"engine": "libretro"}, "client is for emulators"):
        with pytest.raises((ValueError, CapabilityError), match=reason):
            pt.make(GAME, **options(**wrong))


def test_a_person_can_start_it(bizhawk: Path, emulator: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is printed is what a person pastes on Windows; here it is done for him."""
    done = threading.Event()
    started: list[subprocess.Popen[bytes]] = []

    def paste() -> None:
        while "EmuHawk.exe" not in caplog.text and not done.wait(0.01):
            pass
        variables = dict(re.findall(r'set "(PLAYTHROUGH_\w+)=(.*)"', caplog.text))
        started.append(subprocess.Popen(["mono", str(emulator)], stdout=subprocess.DEVNULL, env=os.environ | variables))

    person = threading.Thread(target=paste)
    person.start()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    try:
        env = pt.make(GAME, **options(attach=True, bind=f"127.0.0.1:{port}"))
        env.reset(seed=0)
        assert env.step(1)[1] == 12.0
        assert "EmuHawk.exe --open-ext-tool-dll=PlaythroughTool ROM" in caplog.text
        env.close()
        assert started[0].wait(TIMEOUT_S) == 0, "it is told to go"
    finally:
        done.set()
        person.join()
        for process in started:
            process.kill()
            process.wait()


# A server that comes and goes, or is none -----------------------------------------------------------------------------


class Tool:
    """The stand-in, with a log, looking for a server on a port that the test holds."""

    def __init__(self, path: Path, folder: Path, **variables: str) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self._log = folder / "log"
        address = {"PLAYTHROUGH_PORT": str(self.port), "PLAYTHROUGH_TOKEN": TOKEN, "PLAYTHROUGH_FOLDER": str(folder)}
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                ["mono", str(path)],
                stdout=output,
                stderr=output,
                env=environment(**address, PLAYTHROUGH_RETRY_MS="1", **variables),
            )

    def log(self) -> str:
        return self._log.read_text()

    def accept(self) -> socket.socket:
        self.listener.settimeout(TIMEOUT_S)
        connection = self.listener.accept()[0]
        connection.settimeout(TIMEOUT_S)
        return connection

    def welcome(self) -> WebSocketConnection:
        """A connection that is all right."""
        connection = WebSocketConnection(self.accept())
        deadline_s = time.monotonic() + TIMEOUT_S
        hello = None
        while hello is None:
            assert time.monotonic() < deadline_s
            hello = connection.hear()
            time.sleep(0.001)
        assert hello.token == TOKEN
        return connection


@contextmanager
def tool(emulator: Path, folder: Path, **variables: str) -> Iterator[Tool]:
    opened = Tool(emulator, folder, **variables)
    try:
        yield opened
    finally:
        opened.process.kill()
        opened.process.wait()
        opened.listener.close()


def ask(connection: WebSocketConnection, kind: Kind, payload: bytes = b"") -> tuple[Kind, bytes]:
    connection.send(kind, payload, TIMEOUT_S)
    kind, answer = connection.receive(TIMEOUT_S)
    return kind, bytes(answer)


def count_frames(connection: WebSocketConnection, frames: int) -> int:
    """Run so many, and read the game's counter."""
    assert ask(connection, Kind.RUN, run_of(frames))[0] == Kind.RAN
    kind, data = ask(connection, Kind.READ, (0x10).to_bytes(4, "little") + (2).to_bytes(4, "little"))
    assert kind == Kind.DATA
    return int.from_bytes(data, "big")


def run_of(frames: int) -> bytes:
    masks: NDArray[np.uint16] = np.zeros((frames, 1), np.uint16)
    return encode_run(masks, b"", num_pictures=0, stopping=False)


def test_the_tool_finds_a_server_that_was_restarted_and_the_game_goes_on(emulator: Path, tmp_path: Path) -> None:
    with tool(emulator, tmp_path) as found:
        connection = found.welcome()
        assert count_frames(connection, 5) == 5
        connection.send(Kind.RUN, run_of(60000), TIMEOUT_S)  # it goes away in the middle of a run
        connection.close()
        found.listener.close()
        time.sleep(0.3)
        found.listener = socket.create_server(("127.0.0.1", found.port))
        connection = found.welcome()
        count = count_frames(connection, 1)
        assert count_frames(connection, 4) == (count + 4) % 65536
        assert "no connection to Python: " in found.log() and "trying again in 1 ms" in found.log()
        connection.send(Kind.QUIT, b"", TIMEOUT_S)
        assert found.process.wait(TIMEOUT_S) == 0
        connection.close()


def test_the_tool_gives_up_when_python_stays_away(emulator: Path, tmp_path: Path) -> None:
    with tool(emulator, tmp_path, PLAYTHROUGH_PATIENCE_MS="300") as left:
        left.welcome().close()
        left.listener.close()
        assert left.process.wait(TIMEOUT_S) == 1
        assert "given up" in left.log()


def shake_hands(connection: socket.socket) -> None:
    """Only this far is all right."""
    speaker = WebSocketConnection(connection)
    deadline_s = time.monotonic() + TIMEOUT_S
    while speaker.hear() is None and time.monotonic() < deadline_s:
        time.sleep(0.001)


def assert_left(connection: socket.socket) -> None:
    """The tool closes the connection, though it stays open here."""
    connection.settimeout(TIMEOUT_S)
    while connection.recv(4096):
        pass
    connection.close()


HEAD = b"HTTP/1.1 101 Switching Protocols\r\n"
BROKEN_HANDSHAKES = (
    b"",
    b"\r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\n\r\n",
    HEAD + b"\r\n",
    HEAD + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
    b"x" * 100_000,
)
BROKEN_FRAMES = (
    b"\x82",  # half a head
    b"\x82\x7e\x00",
    b"\x82\x05abc",  # half a body
    b"\x82\x00",  # an empty message
    b"\x82\x03abc",
    b"\x82\x85\x00\x00\x00\x00hello",  # masked
    b"\xc2\x01a",  # reserved bits
    b"\x81\x02hi",  # text
    b"\x80\x02hi",  # goes on with nothing
    b"\x02\x01a\x82\x01b",  # begins twice
    b"\x83\x01a",
    b"\x8b\x00",
    b"\x82\x7e\x00\x05abcde",  # a length that is longer than it has to be
    b"\x82\x7f" + b"\xff" * 8,
    b"\x82\x7f" + (1 << 40).to_bytes(8, "big"),
    b"\x82\x7f" + (1 << 26).to_bytes(8, "big") + b"a",
    b"\x89\x7e\x00\x80" + b"p" * 128,  # a ping that is too long
    b"\x09\x01p",  # half a ping
    b"\x88\x02\x03\xe8",  # a goodbye
    b"\x88\x00",
    b"\x02\x01a\x00\x01b\x89\x01p",
)


def test_a_server_that_talks_nonsense_is_left_with_a_clear_line_and_looked_for_again(
    emulator: Path, tmp_path: Path
) -> None:
    noise = random.Random(1)
    with tool(emulator, tmp_path, PLAYTHROUGH_TIMEOUT_MS="500") as tried:
        for words in (b"HTTP/1.1 101 ", HEAD + b"\r\n"[:1]):
            connection = tried.accept()
            connection.sendall(words)
            assert_left(connection)
        for words in BROKEN_FRAMES[:3]:
            connection = tried.accept()
            shake_hands(connection)
            connection.sendall(words)
            assert_left(connection)
        for words in (*BROKEN_HANDSHAKES, *(noise.randbytes(noise.randrange(1, 300)) for _ in range(10))):
            with tried.accept() as connection:
                connection.recv(4096)
                connection.sendall(words)
        for words in (*BROKEN_FRAMES, *(noise.randbytes(noise.randrange(1, 100)) for _ in range(40))):
            with tried.accept() as connection:
                shake_hands(connection)
                connection.sendall(words)
        connection = tried.welcome()
        assert count_frames(connection, 3) == 3
        lines = [line for line in tried.log().splitlines() if line.startswith("tool: ")]
        assert len(lines) >= len(BROKEN_HANDSHAKES) + len(BROKEN_FRAMES) + 50
        assert all(line.startswith("tool: no connection to Python: ") for line in lines), "an error without a reason"
        for reason in (
            "refused with: HTTP/1.1 404 Not Found",
            "handshake is too large",
            "half a message",
            "sent text",
            "masked bits",
            "is no message",
            "too large",
            "forbidden length",
            "closed the connection",
        ):
            assert reason in tried.log(), reason
        connection.close()


def test_ten_thousand_random_messages_are_all_answered_or_refused(emulator: Path, tmp_path: Path) -> None:
    noise = random.Random(2)
    questions = [kind for kind in Kind if kind < Kind.HELLO and kind != Kind.QUIT]
    answers = {Kind.DONE, Kind.RAN, Kind.DATA, Kind.SHOWN, Kind.FAILED}
    got: set[Kind] = set()

    right = [
        pack(Kind.RUN, run_of(3)),
        pack(Kind.RUN, encode_run(np.full((2, 2), RIGHT, np.uint16), b"\0" * 4, num_pictures=2, stopping=True)),
        pack(Kind.CONFIGURE, encode_configuration((COUNTER, PLACE), STOP)),
        pack(Kind.READ, encode_ranges([(0, 2048), (24576, 9)])),
        pack(Kind.WRITE, b"\0\1\0\0word"),
        pack(Kind.DRAW, encode_shapes([Text(1, 2, "three"), Box(4, 5, 6, 7)], (0, 0))),
    ]

    def message() -> bytes:
        if noise.random() < 0.5:
            length = noise.choice((0, 1, 2, 3, 8, 9, 19, noise.randrange(99)))
            return pack(noise.choice(questions), noise.randbytes(length))
        almost = bytearray(noise.choice(right))
        if noise.random() < 0.8:
            almost[noise.randrange(12, len(almost))] ^= 1 << noise.randrange(8)
        return bytes(almost)

    with tool(emulator, tmp_path) as tried:
        connection = tried.welcome()
        for _ in range(100):
            for _ in range(99):
                connection._socket.sendall(connection._written(message()))
            broken = bytearray(message())
            broken[noise.choice((0, 1, 2, 3, 4, 6, 7, 8))] ^= noise.randrange(1, 256)
            connection._socket.sendall(connection._written(bytes(broken)))
            for _ in range(99):
                got.add(connection.receive(TIMEOUT_S)[0])
            with pytest.raises(WireError):  # at the one that is none the tool leaves, and comes back
                connection.receive(TIMEOUT_S)
            connection.close()
            connection = tried.welcome()
        assert got == answers
        assert ask(connection, Kind.LOAD)[0] == Kind.DONE
        assert count_frames(connection, 9) == 9
        connection.close()
