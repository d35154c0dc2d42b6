from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from playthrough.errors import PlaythroughError
from playthrough.game.integration import load_integration
from playthrough.game.roms import find_rom

EXAMPLES = Path(__file__).parents[2] / "examples"

pytest.importorskip("torch")


def _game() -> str:
    try:
        find_rom(load_integration("Breakout-Atari2600"))
    except PlaythroughError:
        return "Airstriker-Genesis"
    return "Breakout-Atari2600"


def _run(name: str, *arguments: str) -> str:
    command = [sys.executable, str(EXAMPLES / name), "--game", _game(), *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_plain_pytorch_loop_plays_and_learns():
    printed = _run("plain_pytorch_loop.py", "--updates", "2", "--lanes", "2", "--steps", "64")
    assert re.findall(r"update (\d+): (\d+) steps", printed) == [("1", "128"), ("2", "256")]


@pytest.mark.skipif(importlib.util.find_spec("tianshou") is None, reason="Tianshou is not installed")
def test_tianshous_collector_plays_and_learns():
    printed = _run("tianshou_collector.py", "--updates", "2", "--lanes", "2", "--steps", "64")
    assert printed.count("episodes ended") == 2


@pytest.mark.skipif(importlib.util.find_spec("tianshou") is not None, reason="Tianshou is installed")
def test_without_tianshou_its_example_says_what_to_install():
    command = [sys.executable, str(EXAMPLES / "tianshou_collector.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "pip install tianshou==2.0.1" in done.stderr
