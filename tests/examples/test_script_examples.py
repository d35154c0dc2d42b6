"""The processor scripts in examples/, and the program that trains on them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import playthrough as pt

EXAMPLES = Path(__file__).parents[2] / "examples"


def train(folder: Path, *arguments: str) -> str:
    command = [sys.executable, str(EXAMPLES / "train_script.py"), *arguments, "--lanes", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_neat_gets_better_at_a_script_and_its_best_plays_the_same_again(tmp_path: Path) -> None:
    pytest.importorskip("neat")
    pytest.importorskip("av")
    script = (str(EXAMPLES / "wickling_processor.lua"), "--rom", "Wickling-Nes")
    options = ("--rounds", "2", "--population", "20", "--max-steps", "40", "--video", "best.mp4")
    printed = train(tmp_path, *script, *options)
    means = [float(mean) for mean in re.findall(r"mean (-?[\d.]+)", printed)]
    assert len(means) == 2 and means[1] > means[0]
    best = re.search(r"best fitness ([\d.]+): best.json", printed)
    again = re.search(r"played again, ([\d.]+): best.mp4", printed)
    assert best is not None and again is not None and best[1] == again[1] and float(best[1]) > 10
    assert (tmp_path / "best.json").is_file() and (tmp_path / "best.mp4").stat().st_size > 10_000


def test_ppo_learns_from_a_script(tmp_path: Path) -> None:
    pytest.importorskip("sb3_contrib")
    script = (str(EXAMPLES / "airstriker_processor.lua"), "--rom", "Airstriker-Genesis", "--setup", "5")
    printed = train(tmp_path, *script, "--algo", "maskable", "--rounds", "2")
    assert re.findall(r"update (\d+): (\d+) steps", printed) == [("1", "256"), ("2", "512")]
    assert re.search(r"mean reward -?\d", printed)


def test_airstriker_is_played_from_its_memory() -> None:
    env = pt.make_script(EXAMPLES / "airstriker_processor.lua", "Airstriker-Genesis", vector=True, mode="RUN")
    observation, info = env.reset(seed=3)
    assert observation.shape == (16 + 3 + 1 + 13 * 16,) and info["lives"] == 3 and info["score"] == 0
    right, left = 2 * 2, 0
    for _ in range(200):
        observation, _, terminated, truncated, info = env.step(right)
    assert info["x"] > 250 and observation[:16].argmax() >= 13 and info["action_mask"].tolist() == [1, 1, 1, 1, 0, 0]
    observation, *_ = env.step(left)
    assert observation[16:19].tolist() == [1, 0, 0]  # it flies to the left
    number = env.backup()

    actions = np.random.default_rng(0).integers(0, 6, 40).repeat(15)

    def play() -> tuple[list[float], list[np.ndarray]]:
        rewards, seen = [], []
        for action in actions:
            observation, reward, *_ = env.step(action)
            rewards.append(reward)
            seen.append(observation)
        return rewards, seen

    first, seen = play()
    env.restore(number)
    second, again = play()
    assert first == second and all((a == b).all() for a, b in zip(seen, again, strict=True))
    assert any((grid[20:] < 0).any() for grid in seen)  # enemies came
    assert sum(reward > 0 for reward in first) > 0 and min(first) >= -10
    assert not (terminated or truncated)
    env.close()
