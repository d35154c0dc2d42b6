"""Wickling is no walkover: no periodic pattern of jumps finishes a level, and random play gets nowhere."""

from __future__ import annotations

import importlib.util
import random
import sys
from types import ModuleType

import numpy as np
import pytest
from platformer import GAME, LEVELS

import playthrough as pt

NUM_PATTERNS = 300


@pytest.fixture(scope="module")
def sweep() -> ModuleType:
    """tools/sweep.py, the program of the full sweep."""
    spec = importlib.util.spec_from_file_location("wickling_sweep", GAME / "tools" / "sweep.py")
    assert spec and spec.loader
    module = sys.modules["wickling_sweep"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("level", LEVELS)
def test_no_pattern_of_a_random_sample_finishes(sweep: ModuleType, level: str) -> None:
    patterns = random.Random(f"{level} 1").sample(sweep.all_patterns(), NUM_PATTERNS // len(LEVELS))
    results = list(sweep.play(level, patterns, threads=2))
    assert {result.pattern for result in results} == set(patterns)
    assert not [result for result in results if result.finished]
    # The patterns do play: they walk and jump until something stops them.
    assert max(result.x for result in results) > 300


def test_the_sweep_holds_every_pattern(sweep: ModuleType) -> None:
    patterns = sweep.all_patterns()
    # For each period every duty and phase in steps of 4, and A never or always; walking and running.
    assert len(set(patterns)) == len(patterns) == 2 * (2 + sum((p // 4 - 1) * (p // 4) for p in range(8, 129, 4)))
    masks = sweep.Pattern(period=8, duty=4, phase=4, run=False).masks(0, 12)
    assert [bool(mask & 1 << 8) for mask in masks] == [False] * 4 + [True] * 4 + [False] * 4
    assert all(mask & 1 << 7 for mask in masks)


def test_a_pattern_that_finishes_is_reported(sweep: ModuleType) -> None:
    # The movie's inputs as a "pattern": the sweep must see the end of the level when there is one.
    from platformer import movie_of

    inputs = movie_of("Level1-1").inputs[1:, 0]

    class Played(sweep.Pattern):
        def masks(self, begin: int, frames: int) -> np.ndarray:
            part = inputs[begin : begin + frames]
            return np.concatenate([part, np.zeros(frames - len(part), np.uint16)])

    (result,) = sweep.play("Level1-1", [Played(8, 4, 0, False)], threads=1)
    assert result.finished
    assert result.x > 3000


@pytest.mark.parametrize("actions", ["buttons", [["RIGHT"], ["RIGHT", "A"]]], ids=["all buttons", "right or jump"])
def test_random_play_covers_less_than_15_percent_of_level_1(actions: str | list[list[str]]) -> None:
    env = pt.make_vec(
        GAME,
        num_envs=32,
        num_threads=2,
        state="Level1-1",
        actions=actions,
        observation="variables",
        frame_skip=8,
        max_episode_steps=500,
        autoreset_mode="disabled",
    )
    try:
        env.action_space.seed(1)
        _, infos = env.reset(seed=1)
        start, goal = int(infos["x"][0]), int(infos["x_goal"][0])
        best, over = np.zeros(32), np.zeros(32, np.bool_)
        while not over.all():
            *_, terminated, truncated, infos = env.step(env.action_space.sample())
            best = np.where(over, best, infos["x_best"])
            over |= terminated | truncated
        assert goal - start > 3000
        assert np.mean((best - start) / (goal - start)) < 0.15
    finally:
        env.close()
