"""Libretro cores in this process: what every engine promises, and what cores may do to their frontend."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from engine.conformance import EngineConformance, Subject, assert_same_future, play
from engine.opening import SYSTEMS, open_game, open_made, open_tiny, start_state
from tiny_cores import tiny_rom

from playthrough.engine import cores
from playthrough.engine.cores import CoreFile, CoreRules, find_core
from playthrough.engine.engine import Observe, PixelSpec
from playthrough.engine.libretro import LibretroEngine
from playthrough.engine.probes import DataType, Probe
from playthrough.engine.systems import get_system
from playthrough.errors import CoreError, StateError

TinyCores = Mapping[str, Path]
B, SELECT, RIGHT = 1 << 0, 1 << 2, 1 << 7


def probe(address: int, kind: str) -> Probe:
    return Probe(address, DataType.parse(kind))


class TestTinyCore(EngineConformance):
    @pytest.fixture
    def subject(self, tiny_cores: TinyCores) -> Subject:
        return Subject(
            lambda lanes: open_tiny(tiny_cores, "tiny_rgb565", lanes=lanes, threads=2),
            probe(0, "<u2"),
            probe(0x20, "<i2"),
            RIGHT,
        )


class TestCoreThatKeepsStateOutsideOfItsSavestates(TestTinyCore):
    @pytest.fixture(params=["game", "library"])
    def subject(
        self, request: pytest.FixtureRequest, tiny_cores: TinyCores, monkeypatch: pytest.MonkeyPatch
    ) -> Subject:
        monkeypatch.setitem(cores._RULES, "tiny_incomplete", CoreRules(reload=request.param))
        needs_new_library = int(request.param == "library")
        return Subject(
            lambda lanes: open_tiny(tiny_cores, "tiny_incomplete", lanes=lanes, threads=2, choice=needs_new_library),
            probe(0x100, "<u2"),
            probe(0x20, "<i2"),
            RIGHT,
        )


class TestAirstriker(EngineConformance):
    @pytest.fixture
    def subject(self) -> Subject:
        return Subject(
            lambda lanes: open_game("Airstriker-Genesis", lanes),
            probe(0xFF0294, ">u2"),
            probe(0xFF0268, ">u2"),
            RIGHT,
            start_state("Airstriker-Genesis"),
        )


class TestBreakout(EngineConformance):
    """Stella keeps state outside of its savestates, and its memory moves when one is loaded."""

    @pytest.fixture
    def subject(self) -> Subject:
        return Subject(
            lambda lanes: open_game("Breakout-Atari2600", lanes),
            probe(0xDA, "|u1"),
            probe(0xC8, "|u1"),
            B | RIGHT,
            start_state("Breakout-Atari2600"),
        )


# Every system's core -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_core_of_every_system_runs(system: str) -> None:
    engine = open_made(system)
    engine.configure((), None, PixelSpec())
    result = play(engine, np.zeros((1, 60, 1), np.uint16), Observe.PUSH)
    assert result.frames_run[0] == 60
    display = engine.display
    assert (display.width, display.height) == get_system(system).screen_hint
    assert 59 < display.frames_per_second < 61 and display.sample_rate_hz > 30000
    assert engine.ram_size_bytes == sum(size for _, size in engine.memory_blocks(0)) >= 128
    base = get_system(system).ram_base
    assert base is None or any(start <= base < start + size for start, size in engine.memory_blocks(0))
    engine.close()


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_was_played_before_changes_nothing(system: str) -> None:
    """With every button, also those that no agent is offered."""
    used, fresh = open_made(system), open_made(system)
    for engine in (used, fresh):
        engine.configure((), None, PixelSpec())
    random = np.random.default_rng(1)
    play(used, random.integers(0, 4096, (1, 60, 1)).astype(np.uint16))
    state = used.save(0)
    play(used, np.full((1, 7, 1), 0xFFF, np.uint16))
    used.load({0: state})
    fresh.load({0: state})
    after = random.integers(0, 4096, (1, 30, 1)).astype(np.uint16)
    after[0, 0] = 0xFFF
    assert_same_future(used, fresh, after)
    used.load({0: b""})
    fresh.load({0: b""})
    assert_same_future(used, fresh, after)
    for engine in (used, fresh):
        engine.close()


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_state_of_another_core_is_refused(system: str) -> None:
    engine, other = open_made(system), open_made("Genesis" if system not in ("Genesis", "Sms", "GameGear") else "Snes")
    with pytest.raises(StateError, match=engine.core_name):
        engine.load({0: other.save(0)})
    engine.configure((), None, PixelSpec())
    play(engine, np.zeros((1, 3, 1), np.uint16))
    for one in (engine, other):
        one.close()


@pytest.mark.parametrize("damage", ["Genesis", "junk", "zeros behind the head", "ones behind the head", "packed junk"])
def test_stella_survives_what_is_no_state(damage: str) -> None:
    """It reads whatever it is given; alone in a process it dies of 16 bytes of junk."""
    engine = open_game("Breakout-Atari2600")
    own = engine.save(0)
    engine.configure((probe(0x80, "|u1"),), None, PixelSpec())
    play(engine, np.full((1, 5, 1), B, np.uint16))
    packed = engine.save_exact(0)[:21] + b"".join(n.to_bytes(8, "little") for n in (16, 1, 0, 0)) + b"16 bytes of junk"
    state = {
        "Genesis": start_state("Airstriker-Genesis"),
        "junk": b"16 bytes of junk",
        "zeros behind the head": own[:16] + bytes(len(own)),
        "ones behind the head": own[:16] + b"\xff" * len(own),
        "packed junk": packed,
    }[damage]
    with pytest.raises(StateError):
        engine.load({0: state})
    sample = play(engine, np.full((1, 5, 1), B, np.uint16)).samples[0, -1, 0]
    assert sample == engine.read_memory(0, 0x80, 1)[0]
    fresh = open_game("Breakout-Atari2600")
    fresh.configure((probe(0x80, "|u1"),), None, PixelSpec())
    fresh.load({0: engine.save_exact(0)})
    assert_same_future(engine, fresh, np.full((1, 5, 1), B, np.uint16))
    for one in (engine, fresh):
        one.close()


def test_a_damaged_snapshot_is_refused(tiny_cores: TinyCores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cores._RULES, "tiny_incomplete", CoreRules(reload="library"))
    engine = open_tiny(tiny_cores, "tiny_incomplete")
    engine.configure((probe(0, "<u2"),), None, PixelSpec())
    play(engine, np.full((1, 4, 1), B, np.uint16))
    exact = engine.save_exact(0)
    for damaged in (exact[:21], exact[:40], exact[:-1], exact[:21] + b"\xff" * (len(exact) - 21), exact + b"more"):
        with pytest.raises(StateError, match="lane 0: the snapshot is"):
            engine.load({0: damaged})
        play(engine, np.zeros((1, 1, 1), np.uint16))
    engine.close()


def test_savestates_may_grow(tiny_cores: TinyCores) -> None:
    engine, fresh = open_tiny(tiny_cores, "tiny_statesize"), open_tiny(tiny_cores, "tiny_statesize")
    for one in (engine, fresh):
        one.configure((probe(0, "<u2"),), None, PixelSpec())
    states: list[bytes] = []
    for _ in range(5):
        states.append(engine.save(0))
        play(engine, np.zeros((1, 70, 1), np.uint16))
    assert [len(state) - len(states[0]) for state in states] == [0, 16, 32, 48, 64]
    for state in reversed(states):
        engine.load({0: state})
        fresh.load({0: state})
        assert_same_future(engine, fresh, np.full((1, 4, 1), B, np.uint16))
    with pytest.raises(StateError, match="lane 0: core tiny_statesize refuses a savestate of"):
        engine.load({0: states[2] + bytes(16)})
    for one in (engine, fresh):
        one.close()


# What cores ask of their frontend ------------------------------------------------------------------------------------


def text_at(engine: LibretroEngine, address: int) -> tuple[int, str]:
    raw = engine.read_memory(0, address, 0x80)
    return raw[0], raw[1:].split(b"\0")[0].decode()


def test_options_are_answered_where_there_is_an_answer(tiny_cores: TinyCores, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = CoreRules(options={"tiny_difficulty": "hard", "tiny_colour": "amber"})
    monkeypatch.setitem(cores._RULES, "tiny_options", rules)
    engine = open_tiny(tiny_cores, "tiny_options")
    assert text_at(engine, 0x100) == (1, "hard")
    assert text_at(engine, 0x120) == (1, "amber")
    assert text_at(engine, 0x140) == (0, "untouched")
    # As stable-retro answers: no update, duplicate frames, no options interface; a system folder but none for saves.
    offered, asked, updated, can_dupe, version = engine.read_memory(0, 0x160, 5)
    assert (offered, asked, updated, can_dupe, version) == (0, 0, 0, 1, 0)
    assert text_at(engine, 0x180) == (1, str(tiny_cores["tiny_options"].parent)[:126])
    assert text_at(engine, 0x200) == (0, "untouched")
    engine.close()


def test_log_lines_arrive_in_pythons_log(tiny_cores: TinyCores, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "playthrough.core")
    engine = open_tiny(tiny_cores, "tiny_log", lanes=2)
    assert [(record.levelname, record.getMessage()) for record in caplog.records[4:]] == [
        ("DEBUG", "tiny_log, lane 1: debug: -1 of 2"),
        ("INFO", "tiny_log, lane 1: info: text,  3.14, x"),
        ("WARNING", "tiny_log, lane 1: warn: 100%, 0x0000BEEF, 2304 bytes"),
        ("ERROR", "tiny_log, lane 1: error: cut|42    |1099511627776"),
    ]
    caplog.clear()
    engine.configure((), None, PixelSpec())
    engine.run(np.zeros((2, 120, 1), np.uint16), np.array([0, 120], np.int32), np.zeros(2, np.uint8))
    assert caplog.messages == ["tiny_log, lane 1: frame 60", "tiny_log, lane 1: frame 120"]
    engine.close()


@pytest.mark.parametrize("sample_by_sample", [0, 1])
def test_sound_arrives_as_it_was_played(tiny_cores: TinyCores, sample_by_sample: int) -> None:
    engine = open_tiny(tiny_cores, "tiny_sound", choice=sample_by_sample)
    engine.configure((), None, PixelSpec())
    engine.capture_sound(0, True)
    play(engine, np.zeros((1, 30, 1), np.uint16))
    sound = np.concatenate(
        [engine.take_sound(0), (play(engine, np.zeros((1, 30, 1), np.uint16)), engine.take_sound(0))[1]]
    )
    assert sound.shape == (44100, 2)
    for channel, amplitude in enumerate((8000, 4000)):
        heights = np.abs(np.fft.rfft(sound[:, channel]))
        assert int(heights.argmax()) == 440  # of one second, so bins are Hz
        assert heights[440] == pytest.approx(amplitude * 22050, rel=1e-3)
        assert np.delete(heights, 440).max() < 0.001 * heights[440]
    engine.close()


def test_a_core_may_read_the_file_itself(tiny_cores: TinyCores) -> None:
    engine = open_tiny(tiny_cores, "tiny_fullpath", seed=77)
    assert engine.read_memory(0, 0x40, 1) == b"\x4d"
    engine.configure((probe(0x40, "|u1"),), None, PixelSpec())
    play(engine, np.zeros((1, 1, 1), np.uint16))
    engine.load({0: b""})  # reads it again
    assert play(engine, np.zeros((1, 1, 1), np.uint16)).samples[0, 0, 0] == 77
    engine.close()


def test_a_cores_own_functions_win_over_those_of_the_program(tiny_cores: TinyCores) -> None:
    """PicoDrive brings a zlib of its own, and Python's has functions of the same names."""
    library = str(tiny_cores["tiny_global_symbols"])
    program = (
        "import ctypes\n"
        "ctypes.CDLL('libz.so.1', ctypes.RTLD_GLOBAL)\n"
        "from pathlib import Path\n"
        "from engine.opening import open_tiny\n"
        f"engine = open_tiny({{'tiny_global_symbols': Path({library!r})}}, 'tiny_global_symbols')\n"
        "print(engine.read_memory(0, 0x100, 4)[::-1].hex())"
    )
    assert run_python(program).stdout.strip() == "600d600d"


def run_python(program: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a program that may take its process down, with this process's import path."""
    paths = [str(Path(__file__).parents[1]), *sys.path]
    prelude = f"import sys; sys.path[:] = {paths!r}\n"
    return subprocess.run(
        [sys.executable, "-c", prelude + program],
        capture_output=True,
        text=True,
        timeout=60,
        **options,  # type: ignore[call-overload]
    )


def test_buttons_reach_every_port(tiny_cores: TinyCores) -> None:
    engine = open_tiny(tiny_cores, "tiny_rgb565")
    engine.configure([probe(4 + 2 * port, "<u2") for port in range(4)], None, PixelSpec())
    buttons = np.array([[[0x0001, 0x8000, 0xFFFF, 0x1234]]], np.uint16)
    assert play(engine, buttons).samples[0, 0].tolist() == buttons[0, 0].tolist()
    assert play(engine, buttons[:, :, :2]).samples[0, 0].tolist() == [0x0001, 0x8000, 0, 0]
    eight = np.zeros((1, 1, 8), np.uint16)
    eight[0, 0, 3] = 5
    assert play(engine, eight).samples[0, 0].tolist() == [0, 0, 0, 5]
    engine.close()


# Cores and ROMs that cannot be used ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tiny_noload", r"core tiny_noload refuses tiny\.nes \(16400 bytes\): is it a ROM of this system"),
        ("tiny_badversion", r"tiny_badversion_libretro\.so speaks version 2 of the libretro API; expected version 1"),
        ("tiny_missing", r"tiny_missing_libretro\.so is no libretro core: it does not export retro_run"),
        ("tiny_thread", r"core tiny_thread calls its frontend from a thread of its own"),
    ],
)
@pytest.mark.parametrize("lanes", [1, 3])
def test_a_core_that_cannot_be_used_is_refused_by_name(
    tiny_cores: TinyCores, name: str, message: str, lanes: int
) -> None:
    for _ in range(2):  # and leaves nothing behind that would spoil the next attempt
        with pytest.raises(CoreError, match="lane 0: .*" + message):
            open_tiny(tiny_cores, name, lanes=lanes, threads=lanes)
    good = open_tiny(tiny_cores, "tiny_rgb565", lanes=2, threads=2)
    good.configure((), None, PixelSpec())
    play(good, np.zeros((2, 3, 1), np.uint16))
    good.close()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; expected a libretro core"),
        (b"#!/bin/sh\n", "cannot be loaded as a library"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_core_is_refused_by_name(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "broken_libretro.so"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CoreError, match=f"{path} {message}"):
        LibretroEngine(CoreFile(path, "broken"), get_system("Nes"), tiny_rom())


def test_a_core_that_was_cut_off_is_refused_by_name(tiny_cores: TinyCores, tmp_path: Path) -> None:
    path = tmp_path / "half_libretro.so"
    whole = tiny_cores["tiny_rgb565"].read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CoreError, match=f"{path} is cut off"):
        LibretroEngine(CoreFile(path, "half"), get_system("Nes"), tiny_rom())


def test_a_rom_of_another_system_is_refused_by_name(tmp_path: Path) -> None:
    for system, rom in (("Nes", b"no NES file at all"), ("Snes", b""), ("GbAdvance", b"short")):
        with pytest.raises(CoreError, match=f"core {get_system(system).core} refuses {tmp_path / 'my.rom'}"):
            LibretroEngine(find_core("exact", system), get_system(system), rom, rom_name=str(tmp_path / "my.rom"))


def test_numbers_of_lanes_and_threads_are_checked(tiny_cores: TinyCores) -> None:
    with pytest.raises(ValueError, match="num_lanes must be at least 1, not 0"):
        open_tiny(tiny_cores, "tiny_rgb565", lanes=0)
    with pytest.raises(ValueError, match="num_threads must be at least 1, not 0"):
        open_tiny(tiny_cores, "tiny_rgb565", threads=0)


def test_the_core_may_go_from_the_disk_while_it_runs(tiny_cores: TinyCores, tmp_path: Path) -> None:
    path = tmp_path / "tiny_rgb565_libretro.so"
    shutil.copy(tiny_cores["tiny_rgb565"], path)
    engine = LibretroEngine(CoreFile(path, "tiny_rgb565"), get_system("Nes"), tiny_rom())
    engine.configure((probe(0, "<u2"),), None, PixelSpec())
    path.unlink()
    play(engine, np.zeros((1, 9, 1), np.uint16))
    engine.load({0: b""})
    assert play(engine, np.zeros((1, 1, 1), np.uint16)).samples[0, 0, 0] == 3  # a start runs two frames
    engine.close()


def test_a_core_that_cannot_be_built_again_does_not_take_the_process_down(tiny_cores: TinyCores) -> None:
    program = (
        "import resource\n"
        "import numpy as np\n"
        "from pathlib import Path\n"
        "from engine.opening import open_tiny\n"
        "from engine.conformance import play\n"
        "from playthrough.engine.engine import PixelSpec\n"
        f"engine = open_tiny({{'tiny_rgb565': Path({str(tiny_cores['tiny_rgb565'])!r})}}, 'tiny_rgb565')\n"
        "engine.configure((), None, PixelSpec())\n"
        "play(engine, np.zeros((1, 1, 1), np.uint16))\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))\n"
        "for attempt in (lambda: engine.load({0: b''}), lambda: play(engine, np.zeros((1, 1, 1), np.uint16)),\n"
        "                lambda: engine.save(0), lambda: engine.load({0: bytes(2304)})):\n"
        "    try:\n"
        "        attempt()\n"
        "    except Exception as error:\n"
        "        print(type(error).__name__, error)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))\n"
        "engine.load({0: b''})\n"
        "play(engine, np.zeros((1, 1, 1), np.uint16))\n"
        "print('alive')"
    )
    done = run_python(program)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("LaneError lane 0: cannot make a private copy of core tiny_rgb565: Too many open files")
    assert all(line.startswith("LaneError lane 0: ") and "tiny_rgb565" in line for line in lines[1:4])
    assert lines[4] == "alive"


def test_a_lane_that_fails_is_named(tiny_cores: TinyCores) -> None:
    engine = open_tiny(tiny_cores, "tiny_rgb565", lanes=3, threads=2)
    engine.configure((), None, PixelSpec())
    with pytest.raises(StateError, match="lane 2: core tiny_rgb565 refuses a savestate of 9 bytes"):
        engine.load({2: b"too short"})
    engine.close()
