"""Wickling runs the same in other emulators, and boots in stable-retro with our folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from platformer import GAME, LEVELS, NES, PLAY, RAM_BYTES, movie_of

import playthrough as pt
from playthrough.engine.cores import find_core
from playthrough.errors import CoreError
from playthrough.game.states import Recipe

MODE, FRAME_COUNTER = 0x770, 0x09
MAX_EXTRA_FRAMES = 10
"""How much longer than in FCEUmm it may take to switch a console on."""

FCEUX = shutil.which("fceux", path=os.environ.get("PATH", "") + ":/usr/games")
FCEUX_CONFIG = "SDL.VideoDriver = 2\nSDL.VideoVsync = 0\nSDL.Vsync = 0\nSDL.Sound = 0\n"

STABLE_RETRO = """
import json, sys
import numpy as np
import stable_retro as retro

games, movie_path = sys.argv[1:]
integrations = retro.data.Integrations
integrations.add_custom_path(games)
assert "Wickling-Nes" in retro.data.list_games(integrations.CUSTOM_ONLY)
movie = retro.Movie(movie_path)
movie.step()
env = retro.make(
    movie.get_game(), state=None, inttype=integrations.CUSTOM_ONLY, use_restricted_actions=retro.Actions.ALL,
    render_mode="rgb_array",
)
env.initial_state = movie.get_state()
env.reset()
total, done, info = 0.0, False, {}
while not done and movie.step():
    _, reward, done, _, info = env.step(np.array([movie.get_key(i, 0) for i in range(env.num_buttons)]))
    total += reward
print(json.dumps({"total": total, "done": bool(done), "info": {name: int(value) for name, value in info.items()}}))
"""


def without_stack(rams: np.ndarray) -> np.ndarray:
    """RAM but for page 1: below the stack's top lie addresses of where interrupts met the loading of the level."""
    return np.delete(rams, np.s_[0x100:0x200], axis=1)


def menu_of(level: str) -> np.ndarray:
    """What the recipe of a level presses from power-on until its first frame."""
    return Recipe.read(GAME / f"{level}.recipe.json", NES).masks(NES)[:, 0]


def rams_from_power_on(core: str, level: str) -> np.ndarray:
    """RAM after every frame of the recipe and the movie of a level, from the level's first frame on."""
    env = pt.make_vec(GAME, num_envs=1, state="power-on", actions="all", observation="ram", core=core)
    rams: list[np.ndarray] = []

    def run(mask: int) -> None:
        env.engine.run(np.full((1, 1, 1), mask, np.uint16), np.ones(1, np.int32), np.zeros(1, np.uint8))
        rams.append(np.frombuffer(env.engine.read_memory(0, 0, RAM_BYTES), np.uint8))

    try:
        env.engine.load({0: b""})
        for mask in menu_of(level):
            run(int(mask))
        for _ in range(MAX_EXTRA_FRAMES):
            if rams[-1][MODE] == PLAY and rams[-1][FRAME_COUNTER]:
                break
            run(0)
        begin = len(rams) - 1
        for mask in movie_of(level).inputs[:, 0]:
            run(int(mask))
        return np.array(rams[begin:])
    finally:
        env.close()


@pytest.mark.parametrize("level", LEVELS)
def test_nestopia_runs_it_with_the_same_memory(level: str) -> None:
    try:
        find_core("nestopia", NES)
    except CoreError:
        pytest.skip("there is no nestopia core here (Debian: apt-get install libretro-nestopia)")
    expected, found = rams_from_power_on("exact", level), rams_from_power_on("nestopia", level)
    assert (without_stack(expected) == without_stack(found)).all()
    assert found[-1, 0x780] == 1  # the level was finished


def test_fceux_runs_it_with_the_same_memory(tmp_path: Path) -> None:
    if FCEUX is None:
        pytest.skip("there is no fceux here (Debian: apt-get install fceux)")
    level = "Level1-2"
    expected = rams_from_power_on("exact", level)
    # FCEUX's order of buttons, by bit; one frame more on the title does not matter there.
    order = [NES.buttons.index(name) for name in ("A", "B", "SELECT", "START", "UP", "DOWN", "LEFT", "RIGHT")]
    masks = np.concatenate([menu_of(level), movie_of(level).inputs[:, 0]])
    (tmp_path / "inputs").write_bytes(bytes(sum((int(m) >> b & 1) << i for i, b in enumerate(order)) for m in masks))
    (tmp_path / ".fceux").mkdir()
    (tmp_path / ".fceux" / "fceux.cfg").write_text(FCEUX_CONFIG)
    script = Path(__file__).with_name("platformer_fceux.lua")
    subprocess.run(
        [FCEUX, "--sound", "0", "--loadlua", str(script), str(GAME / "rom.nes")],
        env={
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "SDL_AUDIODRIVER": "dummy",
            "HOME": str(tmp_path),
            "XDG_RUNTIME_DIR": str(tmp_path),
            "WICKLING_INPUTS": str(tmp_path / "inputs"),
            "WICKLING_RAM": str(tmp_path / "ram"),
        },
        capture_output=True,
        timeout=120,
        check=False,
    )
    found = np.frombuffer((tmp_path / "ram").read_bytes(), np.uint8).reshape(-1, RAM_BYTES)
    begins = np.flatnonzero((found[:, MODE] == PLAY) & (found[:, FRAME_COUNTER] > 0))
    assert len(begins), "FCEUX never came to the level"
    found = found[begins[0] :]
    frames = min(len(found), len(expected))
    assert frames > 1500
    assert (without_stack(expected[:frames]) == without_stack(found[:frames])).all()


@pytest.mark.parametrize("level", LEVELS)
def test_stable_retro_plays_the_movie_to_the_goal(level: str) -> None:
    movie = GAME / "movies" / f"{level}.bk2"
    done = subprocess.run(
        [sys.executable, "-c", STABLE_RETRO, str(GAME.parent), str(movie)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["done"]
    assert answer["info"]["levels_done"] == 1
    # The same rewards as ours: the way of the screen, and 1000 for the beacon.
    assert answer["total"] == answer["info"]["xscrollHi"] * 256 + answer["info"]["xscrollLo"] + 1000 - (
        0 if level != "Level2-1" else 36 * 16 - 112
    )
