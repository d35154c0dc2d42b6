"""Wickling is exact: the same inputs from power-on give the same RAM, whatever RAM held before."""

from __future__ import annotations

import numpy as np
import pytest
from platformer import GAME, LAG_FRAMES, LEVELS, NES, RAM_BYTES, movie_of

import playthrough as pt
from playthrough.game.states import Recipe

NUM_FRAMES = 2000
FIRST_FRAMES = 5
"""By then the game has cleared its memory."""


def inputs_from_power_on(state: str) -> np.ndarray:
    """The recipe to a state, then the movie of the level, then buttons drawn at random; (frames,)."""
    menu = Recipe.read(GAME / f"{state}.recipe.json", NES).masks(NES)[:, 0]
    rest = np.random.default_rng(1).integers(0, 1 << 9, NUM_FRAMES).astype(np.uint16) & 0b111110001
    played = movie_of(state).inputs[:, 0] if state in LEVELS else rest
    return np.concatenate([menu, played, rest])[:NUM_FRAMES]


def play_from_power_on(inputs: np.ndarray, garbage_seed: int | None = None) -> np.ndarray:
    """RAM after every frame, (frames, bytes)."""
    env = pt.make_vec(GAME, num_envs=1, state="power-on", actions="all", observation="ram")
    try:
        engine = env.engine
        engine.load({0: b""})
        if garbage_seed is not None:
            garbage = np.random.default_rng(garbage_seed).bytes(RAM_BYTES)
            engine.write_memory(0, 0, garbage)
            assert engine.read_memory(0, 0, RAM_BYTES) == garbage
        rams = np.empty((len(inputs), RAM_BYTES), np.uint8)
        for frame, mask in enumerate(inputs):
            engine.run(np.full((1, 1, 1), mask, np.uint16), np.ones(1, np.int32), np.zeros(1, np.uint8))
            rams[frame] = engine.read_ram()[0, :RAM_BYTES]
        return rams
    finally:
        env.close()


@pytest.mark.parametrize("state", ["Level1-1", "Level2-1", "Versus"])
def test_the_same_inputs_give_the_same_ram(state: str) -> None:
    inputs = inputs_from_power_on(state)
    first, second = play_from_power_on(inputs), play_from_power_on(inputs)
    assert (first == second).all()
    assert len(np.unique(first, axis=0)) > NUM_FRAMES * 0.8  # it did play


@pytest.mark.parametrize("state", ["Level1-1", "Level1-3", "Versus"])
def test_what_ram_held_before_power_on_is_never_read(state: str) -> None:
    inputs = inputs_from_power_on(state)
    clean = play_from_power_on(inputs)
    for seed in (1, 2):
        dirty = play_from_power_on(inputs, garbage_seed=seed)
        different = np.flatnonzero((clean != dirty).any(axis=1))
        assert len(different) == 0 or different.max() < FIRST_FRAMES


@pytest.mark.parametrize("state", [*LEVELS, "Versus"])
def test_no_frame_lags(state: str) -> None:
    rams = play_from_power_on(inputs_from_power_on(state))
    assert rams[-1, LAG_FRAMES] == 0
    counter = rams[:, 0x09].astype(int)
    steps = np.diff(counter) % 256
    assert np.mean(steps == 1) > 0.9  # it only stands still while a screen is loaded, and is reset by a level
