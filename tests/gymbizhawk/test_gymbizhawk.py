"""GymBizHawk's Python side, used as its own examples use it: without BizHawk, and through its messages."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import gymnasium.envs.registration
import numpy as np
import pytest
from gymnasium import spaces
from tiny_cores import REPOSITORY

import playthrough as pt
from playthrough.env.bizhawk.host import png
from playthrough.errors import BadInputError, EngineError
from playthrough.gymbizhawk import bizhawk
from playthrough.gymbizhawk.bizhawk import BizHawkEnv
from playthrough.gymbizhawk.utils import remove_lua_log

EXAMPLE = REPOSITORY / "examples" / "wickling_processor.lua"
WICKLING = REPOSITORY / "games" / "Wickling-Nes" / "rom.nes"
HELPER = Path(__file__).with_name("embedded_bizhawk.py")

PROCESSOR = """
package.path = package.path .. ";../../gymbizhawk/bizhawk.lua"
local bizhawk = require("bizhawk")
local this = {{ NAME = "Small", ROM = "{rom}", HASH = "",
    ACTION_SPACE = {{ "int 1 3", "bool[2]", "float -1 1" }}, OBSERVATION_SPACE = {{ "int 0 9999", "float[*]" }} }}
this.setup = function(self, env, setup_str) self.env, self.text = env, setup_str end
this.reset = function(self) client.reboot_core(); self.steps, self.action = 0, {{}}; emu.frameadvance() end
this.step = function(self, action)
    self.action, self.steps = action, self.steps + 1
    if action[1] == 3 then error("three is too much") end
    self.env:setKeys({{ "P1 A", "", "Nothing", action[2] and "P1 Up" or "" }})
    emu.frameadvance()
    self.pad = joypad.get(1)
    return 0.1, self.steps == 9, false
end
this.getObservation = function(self)
    local a = self.action
    return {{ self.steps, a[1] or 0, a[2] and 1 or 0, a[3] and 1 or 0, a[4] or 0, #self.text }}
end
this.getInvalidActions = function(self) return {{ {{ 2, true, false, 0 }}, {{ 1, false, true, 0.5 }} }} end
this.getInfo = function(self)
    local pad = self.pad or {{}}
    return {{ up = pad.Up or false, a = pad.A or false, b = pad.B or false, mode = #self.env.mode }}
end
this.backup = function(self) return {{ self.steps }} end
this.restore = function(self, kept) self.steps = kept[1] end
bizhawk.run(this)
"""


@pytest.fixture
def processor(tmp_path: Path) -> Path:
    path = tmp_path / "processor.lua"
    path.write_text(PROCESSOR.format(rom=WICKLING))
    return path


@pytest.fixture
def bizhawk_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an EmuHawk.exe, and a `mono` that runs our host in its place."""
    folder, programs = tmp_path / "BizHawk", tmp_path / "bin"
    folder.mkdir()
    programs.mkdir()
    (folder / "EmuHawk.exe").touch()
    (folder / "config.ini").write_text('{"LastWrittenFrom": "2.11"}')
    mono = programs / "mono"
    mono.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HELPER}" "$@"\n')
    mono.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return folder


# As GymBizHawk's examples do it: a subclass with an id of its own, and another shape of observations.
class LevelEnv(BizHawkEnv):
    def __init__(self, level: int = 1, render_mode: str | None = None, **kwargs: Any) -> None:
        super().__init__(
            render_mode, lua_file=str(EXAMPLE), setup_str_for_lua=str(level), display_name="Wickling", **kwargs
        )
        self.action_space = self.bizhawk.action_space
        self.observation_space = spaces.Box(-1, 1, (2, *self.bizhawk.observation_space.shape), np.float32)

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        state, info = super().reset(**kwargs)
        return np.stack([state, state]), info

    def step(self, action: list[int]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        state, reward, terminated, truncated, info = super().step(action)
        return np.stack([state, -state]), reward, terminated, truncated, info

    def get_valid_actions(self) -> list[list[int]]:
        invalid = [str(row) for row in self.get_invalid_actions()]
        every = [[walk, jump, run] for walk in range(3) for jump in (0, 1) for run in (0, 1)]
        return [row for row in every if str(row) not in invalid]


gymnasium.envs.registration.register("Level-v0", entry_point=LevelEnv, nondeterministic=True)


def test_the_id_is_there_with_the_package(tmp_path: Path) -> None:
    program = (
        "import gymnasium as gym, playthrough, sys; "
        "env = gym.make('BizHawk-v0', bizhawk_dir='', lua_file=sys.argv[1], mode='run', observation_type='image'); "
        "print(env.reset()[0].shape, env.step(env.action_space.sample())[1]); env.close()"
    )
    command = [sys.executable, "-c", program, str(EXAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("(224, 240, 3)")


def test_a_loop_as_gymbizhawks_example_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    env = gym.make("Level-v0", level=2, frameskip=3)
    assert env.action_space == spaces.Tuple([spaces.Discrete(3), spaces.Discrete(2), spaces.Discrete(2)])
    state, _ = env.reset()
    assert state.shape == env.observation_space.shape
    chooser, steps = random.Random(0), 0
    while steps < 30:
        action = chooser.choice(env.unwrapped.get_valid_actions())
        state, _, terminated, truncated, info = env.step(action)
        assert env.observation_space.contains(state) and info["x"] > 0 and info["backup"] == 0
        steps += 1
        if terminated or truncated:
            break
    assert env.unwrapped.get_display_name() == "Wickling" and env.metadata["render_fps"] == 15
    env.close()


def test_it_plays_as_make_script_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ours = pt.make_script(EXAMPLE, frameskip=1, flat_actions=False)
    env = BizHawkEnv(lua_file=EXAMPLE, frameskip=1)
    for one in (ours, env):
        one.reset(seed=4)
    for number in range(20):
        action = [2, number % 3 == 0, 0]
        got, wanted = env.step(action), ours.step(action)
        np.testing.assert_array_equal(got[0], wanted[0])
        assert got[1:4] == wanted[1:4] and got[4]["x"] == wanted[4]["x"]
        assert env.get_invalid_actions() == ours.get_invalid_actions() == [[0, 0, 1], [0, 1, 1]]
    env.close()
    ours.close()


def test_pictures_modes_and_backups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    env = gym.make("BizHawk-v0", lua_file=EXAMPLE, render_mode="rgb_array", observation_type="both")
    assert isinstance(env.observation_space, spaces.Tuple)
    (image, values), _ = env.reset(seed=1)
    assert image.shape == env.unwrapped.bizhawk.image_shape == (224, 240, 3) and values.dtype == np.float32
    assert env.unwrapped.bizhawk.platform == "NES" and env.unwrapped.bizhawk.step_img is image
    drawn = env.render()
    assert (drawn != image).any(axis=2).sum() > 1000  # mode RUN: the script draws
    env.unwrapped.setup(training=True)
    assert env.unwrapped.bizhawk.mode == "FAST_RUN"
    env.step([2, False, False])
    assert (env.render() == env.unwrapped.bizhawk.step_img).all()
    number = env.unwrapped.backup()
    first = [env.step([2, True, False])[1] for _ in range(30)]
    env.unwrapped.restore(number)
    assert [env.step([2, True, False])[1] for _ in range(30)] == first
    assert env.step([2, 0, 0])[4]["backup"] == 1
    env.close()


@pytest.mark.parametrize("observation_type", ["VALUE", "IMAGE", "BOTH", "RAM"])
def test_in_bizhawk_it_plays_as_without(processor: Path, bizhawk_dir: Path, observation_type: str) -> None:
    options = {"lua_file": processor, "observation_type": observation_type, "frameskip": 1, "mode": "FAST_RUN"}
    options["setup_str_for_lua"] = "Level Zwölf"
    outside = BizHawkEnv(**options)
    inside = BizHawkEnv(bizhawk_dir=bizhawk_dir, **options)
    assert inside.bizhawk.is_in_bizhawk and not outside.bizhawk.is_in_bizhawk
    assert inside.action_space == outside.action_space and inside.observation_space == outside.observation_space
    assert inside.bizhawk.platform == outside.bizhawk.platform == "NES"
    assert inside.bizhawk.image_shape == outside.bizhawk.image_shape

    def same(one: Any, other: Any) -> None:
        assert inside.observation_space.contains(one)
        for a, b in zip(*((x if isinstance(x, tuple) else (x,)) for x in (one, other)), strict=True):
            np.testing.assert_array_equal(a, b)

    got, wanted = inside.reset(), outside.reset()
    same(got[0], wanted[0])
    number = 0
    for step in range(8):
        action = (1 + step % 2, step % 2, 1, np.array([0.1 * step], np.float32))
        got, wanted = inside.step(action), outside.step(action)
        same(got[0], wanted[0])
        assert got[1:4] == wanted[1:4]
        assert {key: got[4][key] for key in ("up", "a", "b", "mode")} == {
            key: float(wanted[4][key]) for key in ("up", "a", "b", "mode")
        }
        assert inside.get_invalid_actions() == outside.get_invalid_actions() == [[2, 1, 0, 0], [1, 0, 1, 0]]
        if step == 1:
            number = inside.backup()
            assert outside.backup() == number
        if step == 4:  # the ninth step of the processor ended the episode
            assert got[2]
            for env in (inside, outside):
                env.restore(number)
    got, wanted = inside.reset(), outside.reset()
    same(got[0], wanted[0])
    inside.close()
    outside.close()


def test_modes_reach_bizhawk(processor: Path, bizhawk_dir: Path) -> None:
    env = BizHawkEnv(bizhawk_dir=bizhawk_dir, lua_file=processor, socket_timeout=20, render_mode="rgb_array")
    env.reset()
    assert env.step([1, 0, 0, [0.0]])[4]["mode"] == len("RUN")
    env.setup(training=True)
    assert env.step([1, 0, 0, [0.0]])[4]["mode"] == len("FAST_RUN")
    assert env.render().shape == (224, 240, 3)
    env.close()


def test_nothing_is_left_behind(processor: Path, bizhawk_dir: Path, tmp_path: Path) -> None:
    env = BizHawkEnv(bizhawk_dir=bizhawk_dir, lua_file=processor)
    process = env.bizhawk.host._process
    env.close()
    assert process.returncode == 0
    env = BizHawkEnv(bizhawk_dir=bizhawk_dir, lua_file=processor)
    process = env.bizhawk.host._process
    env.reset()
    with pytest.raises(EngineError, match="three is too much"):
        env.step([3, 0, 0, [0.0]])
    assert process.returncode is not None
    with pytest.raises(EngineError, match="make a new environment"):
        env.step([1, 0, 0, [0.0]])
    env.close()
    env = BizHawkEnv(bizhawk_dir=bizhawk_dir, lua_file=processor)
    process = env.bizhawk.host._process
    env.reset()
    process.kill()
    with pytest.raises(EngineError, match=r"BizHawk (ended|closed|is gone)"):
        env.step([1, 0, 0, [0.0]])
    env.close()
    assert not list(tmp_path.glob("playthrough-*"))


def test_a_lost_python_ends_the_script(processor: Path, bizhawk_dir: Path) -> None:
    env = BizHawkEnv(bizhawk_dir=bizhawk_dir, lua_file=processor)
    host = env.bizhawk.host
    env.reset()
    host._socket.close()
    host._process.wait(10)
    env.close()


def test_bizhawk_that_does_not_come_up(processor: Path, bizhawk_dir: Path, tmp_path: Path) -> None:
    mono = tmp_path / "bin" / "mono"
    mono.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(EngineError, match="exit status 3"):
        BizHawkEnv(bizhawk_dir=bizhawk_dir, lua_file=processor)
    mono.write_text("#!/bin/sh\nexec sleep 60\n")
    began_s = time.monotonic()
    with pytest.raises(EngineError, match="did not connect"):
        BizHawkEnv(bizhawk_dir=bizhawk_dir, lua_file=processor, socket_timeout=1)
    assert time.monotonic() - began_s < 10


@pytest.mark.parametrize("answer", [b"hello there ", b"999999999999 ", b"4 nosp", b"close", b""], ids=repr)
def test_nonsense_is_one_clear_error(processor: Path, bizhawk_dir: Path, tmp_path: Path, answer: bytes) -> None:
    talker = tmp_path / "talker.py"
    talker.write_text(
        "import socket, sys, time\n"
        "port = next(int(word.partition('=')[2]) for word in sys.argv if word.startswith('--socket_port'))\n"
        "connection = socket.create_connection(('127.0.0.1', port))\n"
        f"connection.recv(100); connection.sendall({answer!r}); time.sleep({0 if not answer else 20})\n"
    )
    (tmp_path / "bin" / "mono").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{talker}" "$@"\n')
    with pytest.raises(EngineError, match="BizHawk"):
        BizHawkEnv(bizhawk_dir=bizhawk_dir, lua_file=processor, socket_timeout=2)


def test_a_picture_may_come_in_pieces(processor: Path, bizhawk_dir: Path, tmp_path: Path) -> None:
    picture = png(np.zeros((8, 9, 3), np.uint8))
    assert b" " not in picture[:20]
    talker = tmp_path / "talker.py"
    talker.write_text(
        "import socket, sys, time\n"
        "port = next(int(word.partition('=')[2]) for word in sys.argv if word.startswith('--socket_port'))\n"
        "connection = socket.create_connection(('127.0.0.1', port))\n"
        "connection.recv(1000); connection.sendall(b'23 NES|int 0 3|1|int 0 255')\n"
        "connection.recv(1000)\n"
        f"for part in ({b'%d ' % len(picture)!r}, {picture[:20]!r}, {picture[20:]!r}):\n"
        "    connection.sendall(part); time.sleep(0.1)\n"
        "connection.recv(1000)\n"
    )
    (tmp_path / "bin" / "mono").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{talker}" "$@"\n')
    env = BizHawkEnv(bizhawk_dir=bizhawk_dir, lua_file=processor, socket_timeout=10)
    assert env.bizhawk.image_shape == (8, 9, 3)
    env.close()


def test_who_decides_where_it_plays(processor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.warns(UserWarning, match="plays without BizHawk"):
        env = BizHawkEnv(bizhawk_dir=tmp_path / "nowhere", lua_file=processor)
    assert not env.bizhawk.is_in_bizhawk
    env.close()
    with pytest.raises(BadInputError, match=r"no EmuHawk\.exe"):
        BizHawkEnv(bizhawk_dir=tmp_path, lua_file=processor, host="bizhawk")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "lua_file"),
        ({"lua_file": EXAMPLE, "mode": "TRAIN"}, "mode"),
        ({"lua_file": EXAMPLE, "observation_type": "sound"}, "observation_type"),
        ({"lua_file": EXAMPLE, "host": "here"}, "host"),
        ({"lua_file": EXAMPLE, "render_mode": "human"}, "render_mode"),
    ],
)
def test_wrong_options(options: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=words):
        BizHawkEnv(**options)


def test_the_work_folder_and_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "log.lua"
    text = PROCESSOR.format(rom=WICKLING).replace("bizhawk.run(this)", 'bizhawk.run(this, "gymenv.log")')
    script.write_text(
        text.replace(
            "self.env, self.text = env, setup_str", "self.env = env; env:log_info(env.wkdir_with_slash)"
        ).replace("#self.text", "0")
    )
    log: Callable[[], list[str]] = lambda: (tmp_path / "gymenv.log").read_text().splitlines()  # noqa: E731
    BizHawkEnv(lua_file=script, lua_wkdir="states").close()
    assert (tmp_path / "states").is_dir() and log()[0].endswith(f": {tmp_path}/states/")
    remove_lua_log(str(tmp_path))
    assert not (tmp_path / "gymenv.log").exists()
    assert bizhawk.BIZHAWK_ID == "BizHawk-v0"
