"""Atari games that nobody integrated, from the bare ROM: what our commands find is what ale-py knows.

Our emulator finds the numbers; then they are read in ale-py's memory along its own 5 000 frames and compared with its
reward and its lives.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from integrate.atari_oracle import Trajectory, trajectory

from playthrough.engine.probes import DataType
from playthrough.game.integration import load_integration
from playthrough.integrate.guessed import Part

ROMS = Path(importlib.util.find_spec("ale_py").origin).parent / "roms"  # type: ignore[union-attr,arg-type]


def integrate(*arguments: str, folder: Path) -> str:
    """One of our commands, as it is typed."""
    command = [sys.executable, "-m", "playthrough", "integrate", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def parts_of(game: Path, name: str) -> list[Part]:
    """A variable that was written, as something that ale-py's memory can be read with."""
    probe = load_integration(game).variables[name].probe
    single = DataType("|", probe.type.format, 1)
    base = 100 if probe.type.format == "d" else 256
    offsets = list(reversed(probe.type.byte_offsets()))
    if len(offsets) == 1:
        return [Part(probe.address, single, 1, probe.mask)]
    return [Part(probe.address + offset, single, base**power) for power, offset in enumerate(offsets)]


@pytest.mark.parametrize(
    ("rom", "begin"), [("space_invaders", ["--auto"]), ("assault", ["--press", "wait 90, RESET 6, wait 120"])]
)
def test_score_and_lives_are_those_of_ale(rom: str, begin: list[str], tmp_path: Path) -> None:
    game = tmp_path / "Bare-Atari2600"
    where = (game.name, "--integrations", ".")
    integrate("new", str(ROMS / f"{rom}.bin"), "--folder", ".", "--name", "Bare", folder=tmp_path)
    integrate("state", where[0], "Start", *begin, *where[1:], folder=tmp_path)
    integrate("guess", *where, "--plays", "3", "--seconds", "45", "--write", folder=tmp_path)
    frames: Trajectory = trajectory(ROMS / f"{rom}.bin")
    assert (frames.reward != 0).sum() > 10
    assert frames.share_of_rewards(parts_of(game, "score")) == 1.0
    assert frames.share_of_lives(parts_of(game, "lives")) == (1.0, 0)
