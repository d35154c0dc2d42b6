"""BizHawk as an engine, as far as it goes without BizHawk: our Lua client in the stand-in of `emuhawk.py`."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine.conformance import EngineConformance, Subject, play
from engine.emuhawk import make_bizhawk
from engine.same_game import played

import playthrough as pt
from playthrough.engine.bizhawk import (
    BizHawk,
    check_version,
    emuhawk_command,
    find_bizhawk,
    private_config,
    read_config,
)
from playthrough.engine.bizhawk_systems import button_names, memory_map
from playthrough.engine.engine import Engine, Observe, PixelSpec
from playthrough.engine.probes import DataType, Probe
from playthrough.engine.remote import RemoteEngine
from playthrough.engine.screen import Box, Speed, Text
from playthrough.engine.systems import get_system
from playthrough.engine.wire import Hello
from playthrough.errors import CapabilityError, CoreError, DependencyError, EngineError
from playthrough.game.integration import load_integration
from playthrough.game.roms import find_rom
from playthrough.game.states import Recipe

GAME = "Wickling-Nes"
NES = get_system("Nes")
RIGHT = 1 << 7
COUNTER = Probe(9, DataType.parse("|u1"))


@pytest.fixture(autouse=True)
def bizhawk(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = make_bizhawk(tmp_path_factory.mktemp("bizhawk"))
    monkeypatch.setenv("BIZHAWK_DIR", str(folder))
    monkeypatch.setenv("DISPLAY", ":stand-in")  # it opens no window
    return folder


def open_bizhawk(lanes: int = 1, **settings: Any) -> RemoteEngine:
    rom = find_rom(load_integration(GAME))
    return RemoteEngine(BizHawk(NES, rom.data, rom.path), rom.data, num_lanes=lanes, **settings)


_LEVEL: list[bytes] = []


def level() -> bytes:
    """A savestate in Level1-2."""
    if not _LEVEL:
        engine = open_bizhawk()
        masks = Recipe.read(load_integration(GAME).recipes["Level1-2"], NES).masks(NES)
        play(engine, masks[None].astype(np.uint16))
        _LEVEL.append(engine.save(0))
        engine.close()
    return _LEVEL[0]


class TestBizHawk(EngineConformance):
    @pytest.fixture
    def subject(self) -> Iterator[Subject]:
        opened: list[Engine] = []

        def open_lanes(lanes: int) -> Engine:
            opened.append(open_bizhawk(lanes))
            return opened[-1]

        place = Probe(0x710, DataType.parse(">u2"))
        yield Subject(open_lanes, COUNTER, place, RIGHT, level())
        for engine in opened:
            engine.close()


# The same game through BizHawk's functions and without ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("game", "state", "frames", "actions"),
    [
        (GAME, "Level1-2", 2000, None),
        ("Airstriker-Genesis", "power-on", 600, [[], ["B"], ["LEFT", "B"], ["RIGHT", "B"], ["START"]]),
    ],
)
def test_variables_rewards_and_memory_are_those_of_the_embedded_core(
    game: str, state: str, frames: int, actions: Any
) -> None:
    more = () if actions is None else (actions,)
    embedded, remote = (
        played(engine, game, state, frames, *more, memory_every=20) for engine in ("libretro", "bizhawk")
    )
    assert len(np.unique(embedded[2], axis=0)) > frames / 40, "hardly anything happened: this proves little"
    for ours, theirs in zip(embedded, remote, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("observation", ["gray84", "rgb"])
def test_pictures_are_those_of_the_embedded_core(observation: str) -> None:
    seen: list[Any] = []
    for engine in ("libretro", "bizhawk"):
        env = pt.make_vec(GAME, engine=engine, state="power-on", observation=observation, frame_skip=4)
        env.reset(seed=0)
        seen.append([env.step(np.ones(env.action_space.shape, np.int8))[0] for _ in range(15)])
        env.close()
    np.testing.assert_array_equal(*seen)


# How EmuHawk is started -----------------------------------------------------------------------------------------------


def test_what_is_missing_says_what_to_do(bizhawk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_bizhawk() == bizhawk
    (bizhawk / "config.ini").unlink()
    with pytest.raises(DependencyError, match=r"config.ini is missing: start EmuHawk once by hand"):
        open_bizhawk()
    for version in ("2.8", "2.12", "2.1", "3.0", None):
        (bizhawk / "config.ini").write_text(json.dumps({"LastWrittenFrom": version}))
        with pytest.raises(DependencyError, match=rf"BizHawk {version}; expected 2.9 to 2.11"):
            open_bizhawk()
    (bizhawk / "config.ini").write_text("{")
    with pytest.raises(DependencyError, match="cannot be read"):
        open_bizhawk()
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(DependencyError, match=r"no display.*xvfb-run"):
        open_bizhawk()
    monkeypatch.setenv("BIZHAWK_DIR", str(bizhawk / "nowhere"))
    with pytest.raises(DependencyError, match=r"nowhere holds no EmuHawk.exe: unpack BizHawk 2\.9 to 2\.11"):
        open_bizhawk()


@pytest.mark.parametrize("version", ["2.9", "2.9.1", "2.10", "2.11", "2.11.1"])
def test_these_versions_are_taken(version: str, bizhawk: Path) -> None:
    make_bizhawk(bizhawk, version)
    read_config(bizhawk)
    check_version(Hello("", f"BizHawk {version}", ((0, 1),)))


@pytest.mark.parametrize("program", ["BizHawk 2.8", "BizHawk 2.12", "BizHawk 2.90", "FCEUX", "BizHawk"])
def test_other_versions_are_refused_when_they_say_hello(program: str) -> None:
    with pytest.raises(CoreError, match=f"expected BizHawk 2.9 to 2.11, found {program}"):
        check_version(Hello("", program, ((0, 1),)))


def test_mono_runs_emuhawk_itself_where_there_is_one(bizhawk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert emuhawk_command(bizhawk) == [str(bizhawk / "EmuHawkMono.sh")]
    (bizhawk / "EmuHawk.exe").touch()
    mono = bizhawk / "mono"
    mono.write_text("#!/bin/sh\n")
    mono.chmod(0o755)
    monkeypatch.setenv("PATH", str(bizhawk), prepend=os.pathsep)
    assert emuhawk_command(bizhawk) == [str(mono), str(bizhawk / "EmuHawk.exe")]
    monkeypatch.setattr(sys, "platform", "win32")
    assert emuhawk_command(bizhawk) == [str(bizhawk / "EmuHawk.exe")]


def test_the_private_configuration_asks_nothing_and_leaves_the_users_saves_alone(bizhawk: Path, tmp_path: Path) -> None:
    before = (bizhawk / "config.ini").read_bytes()
    private = private_config(read_config(bizhawk), tmp_path)
    assert private["LastWrittenFrom"] == "2.11", "another version opens a window that waits for a click"
    assert private["SoundEnabled"] is False and private["Unthrottled"] is True and private["OpposingDirPolicy"] == 2
    assert private["PathEntries"] == {
        "Paths": [
            {"Type": "Save RAM", "Path": str(tmp_path / "SaveRAM"), "System": "NES"},
            {"Type": "ROM", "Path": ".", "System": "NES"},
        ],
        "Other": 1,
    }
    assert (bizhawk / "config.ini").read_bytes() == before


def test_memory_and_buttons_by_system() -> None:
    assert memory_map(get_system("Genesis")) == "68K RAM,0,16711680,65536"
    assert memory_map(NES).startswith("RAM,0,0,2048;")
    assert button_names(get_system("Sms")).startswith("0=B1;3=Pause;")
    playstation = button_names(get_system("PSX"))
    assert "1=Square|U+25A1;" in playstation and playstation.startswith("0=Cross|X;")
    assert memory_map(get_system("PSX")) == "", "BizHawk's main memory, from 0 on"


# Losses, modes, drawings ----------------------------------------------------------------------------------------------


def running_groups() -> set[int]:
    """The groups of all processes that live; those that only wait for somebody to read their exit status do not."""
    found: set[int] = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, group, *_ = path.read_text().rpartition(") ")[2].split()
            if state != "Z":
                found.add(int(group))
    return found


def test_a_killed_and_a_stopped_emulator_come_back_and_leave_nothing() -> None:
    engine = open_bizhawk(2, timeout_s=2.0)
    engine.configure((COUNTER,), None, PixelSpec())
    groups = [lane.process.pid for lane in engine._lanes if lane.process]
    expected = play(engine, np.zeros((2, 4, 1), np.uint16)).samples
    os.killpg(groups[0], signal.SIGKILL)
    os.killpg(groups[1], signal.SIGSTOP)
    lost = play(engine, np.zeros((2, 4, 1), np.uint16)).lost
    assert "bizhawk closed its connection" in lost[0] and "did not answer" in lost[1]
    again = play(engine, np.zeros((2, 4, 1), np.uint16))
    assert not again.lost
    np.testing.assert_array_equal(again.samples, expected)
    groups += [lane.process.pid for lane in engine._lanes if lane.process]
    engine.close()
    deadline = time.monotonic() + 5.0  # what was killed needs a moment to be gone
    while set(groups) & running_groups() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not set(groups) & running_groups()


def test_drawings_show_in_the_window_and_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window = tmp_path / "window"
    monkeypatch.setenv("EMUHAWK_WINDOW", str(window))
    env = pt.make_vec(GAME, engine="bizhawk", state="power-on", observation="rgb")
    plain = pt.make_vec(GAME, state="power-on", observation="rgb")
    still = np.zeros(env.action_space.shape, np.int8)
    for each in (env, plain):
        each.reset(seed=0)
        each.step(still)
    env.draw(0, [Box(10, 20, 30, 40, color=0xFFFF0000), Text(50, 60, "run é 1")])
    frames = [plain.step(still)[0][0] for _ in range(6)]
    for frame in frames[:3]:
        np.testing.assert_array_equal(env.step(still)[0][0], frame)
    # The stand-in shows a frame when the next one is asked for.
    shown = np.frombuffer(window.read_bytes(), np.uint8).reshape(frames[1].shape)
    changed = np.argwhere((shown != frames[1]).any(-1))
    assert changed.min(0).tolist() == [20, 10] and (shown[20, 10:40] == (255, 0, 0)).all()
    assert (changed > (59, 49)).all(1).any(), "the text"
    env.draw(0, [])
    for _ in frames[3:]:
        env.step(still)
    np.testing.assert_array_equal(np.frombuffer(window.read_bytes(), np.uint8).reshape(shown.shape), frames[4])
    env.close()
    with pytest.raises(CapabilityError, match="has no screen of its own"):
        plain.draw(0, [])
    plain.close()


def test_modes_and_speeds() -> None:
    env = pt.make(GAME, engine="bizhawk", state="power-on", observation="variables", mode="RUN")
    env.reset(seed=0)
    env.unwrapped.lanes.set_speed(Speed.PAUSED)
    with pytest.raises(EngineError, match="paused"):
        env.step(env.action_space.sample())
    env.unwrapped.lanes.set_speed(Speed.UNTHROTTLED)
    env.step(env.action_space.sample())
    env.close()
    with pytest.raises(ValueError, match="record must be a folder"):
        pt.make(GAME, engine="bizhawk", mode="RECORD")
    with pytest.raises(ValueError, match="mode must be one of 'FAST_RUN'"):
        pt.make(GAME, engine="bizhawk", mode="FAST")
    with pytest.raises(CapabilityError, match="mode is for emulators in other programs"):
        pt.make(GAME, mode="DEBUG")


def test_record_writes_a_movie_of_every_episode(tmp_path: Path) -> None:
    env = pt.make(GAME, engine="bizhawk", state="power-on", observation="variables", mode="RECORD", record=tmp_path)
    for seed in range(2):
        env.reset(seed=seed)
        for _ in range(5):
            env.step(env.action_space.sample())
    env.close()
    assert len(list(tmp_path.glob("*.bk2"))) == 2


# A system that no embedded core runs ----------------------------------------------------------------------------------


def test_a_playstation_game_can_be_declared_and_is_bizhawks_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "Hopper-PSX"
    folder.mkdir()
    (folder / "rom.cue").write_text('FILE "rom.bin" BINARY\n  TRACK 01 MODE2/2352\n    INDEX 01 00:00:00\n')
    (folder / "data.json").write_text(json.dumps({"info": {"frames_seen": {"address": 9, "type": "|u1"}}}))
    (folder / "scenario.json").write_text(
        json.dumps(
            {
                "done": {"variables": {"frames_seen": {"op": "equal", "reference": 200}}},
                "reward": {"variables": {"frames_seen": {"reward": 1, "op": "positive"}}},
            }
        )
    )
    with pytest.raises(CoreError, match="no embedded core runs PSX: choose engine='bizhawk'"):
        pt.make(folder)
    rom = find_rom(load_integration(GAME)).path
    monkeypatch.setenv("EMUHAWK_GAME", str(rom))
    env = pt.make(folder, engine="bizhawk", observation="variables", actions=[[], ["CROSS"], ["RIGHT", "CIRCLE"]])
    observation, _ = env.reset(seed=0)
    same = pt.make(GAME, observation="ram", state="power-on")
    ram, _ = same.reset(seed=0)
    for _ in range(20):
        assert observation.tolist() == [ram[9]], "addresses are those of BizHawk's main memory"
        observation, _, terminated, truncated, info = env.step(0)
        ram, *_ = same.step(np.zeros(same.action_space.shape, np.int8))
        assert not terminated and not truncated and info["frames_seen"] == ram[9]
    env.close()
    same.close()


# Started by a person --------------------------------------------------------------------------------------------------


def test_an_emulator_that_a_person_starts(bizhawk: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (bizhawk / "clients").symlink_to(Path(pt.__file__).parent / "engine" / "clients")
    config = tmp_path / "config.ini"
    config.write_text(json.dumps({"FirstBoot": False}))
    rom = find_rom(load_integration(GAME)).path
    started: list[subprocess.Popen[bytes]] = []
    lines: list[str] = []

    said = threading.Event()

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())
            said.set()

    def person() -> None:
        """Does what the message says."""
        assert said.wait(60)
        variables = dict(re.findall(r'set "(\w+)=(.*)"', lines[0]))
        words = lines[0].splitlines()[-1].split()
        command = [str(bizhawk / "EmuHawkMono.sh"), *words[1:-1], f"--config={config}", str(rom)]
        started.append(subprocess.Popen(command, cwd=bizhawk, env=os.environ | variables))

    thread = threading.Thread(target=person)
    logger, told = logging.getLogger("playthrough.engine"), Told()
    logger.addHandler(told)
    thread.start()
    address = f"127.0.0.1:{port}"
    env = pt.make(GAME, engine="bizhawk", state="power-on", observation="ram", attach=True, bind=address)
    thread.join()
    logger.removeHandler(told)
    expected = pt.make(GAME, state="power-on", observation="ram")
    np.testing.assert_array_equal(env.reset(seed=0)[0], expected.reset(seed=0)[0])
    expected.close()
    env.close()
    assert started[0].wait(10) == 0, "it was told to go"


@pytest.mark.parametrize("bind", ["127.0.0.1", "0.0.0.0:9000", "localhost:9000", "10.0.0.1:x", "10.0.0.1:70000"])
def test_an_address_that_nobody_could_connect_to_is_refused(bind: str) -> None:
    with pytest.raises(ValueError, match="bind"):
        pt.make(GAME, engine="bizhawk", attach=True, bind=bind)


def test_observations_can_be_asked_for_by_lane() -> None:
    engine = open_bizhawk(2)
    engine.configure((COUNTER,), None, PixelSpec(gray=True, resize="area", size=(8, 8), stack=2, max_of_two=True))
    result = engine.run(
        np.zeros((2, 4, 1), np.uint16), np.array([4, 3], np.int32), np.array([Observe.FILL, Observe.SKIP], np.uint8)
    )
    assert result.frames_run.tolist() == [4, 3] and result.observations[0].any()
    engine.close()


@pytest.mark.parametrize("page", ["other-emulators.md", "only-bizhawk.md"])
def test_the_programs_in_the_documentation_run(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (Path(__file__).parents[2] / "docs" / page).read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    if page == "only-bizhawk.md":  # the folder as the page has it; another game plays in place of the disc's
        folder = tmp_path / "my_games" / "Hopper-PSX"
        folder.mkdir(parents=True)
        (folder / "rom.cue").write_text('FILE "rom.bin" BINARY\n')
        for name, content in zip(("data", "scenario"), re.findall(r"```json\n(.*?)```", text, re.DOTALL), strict=True):
            (folder / f"{name}.json").write_text(content)
        monkeypatch.setenv("EMUHAWK_GAME", str(find_rom(load_integration(GAME)).path))
    for program in re.findall(r"```py\n(.*?)```", text, re.DOTALL):
        if 'engine="bizhawk"' in program:
            exec(program, {})
    assert capsys.readouterr().out
