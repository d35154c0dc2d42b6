"""Wickling's level in memory is the one that its text draws, and what is in memory is what is on the screen."""

from __future__ import annotations

import re

import numpy as np
import pytest
from platformer import GAME, LEVELS, movie_of

import playthrough as pt

# The letters of the levels' text; those of enemies and platforms stand for nothing.
LETTERS = {
    " ": 0, "#": 1, "B": 3, "H": 4, "?": 5, "[": 7, "]": 8, "{": 9, "}": 10, "o": 11, "^": 12, "v": 13, "=": 14,
    "T": 15, "|": 17, "F": 18, "D": 19, "E": 20, "K": 23,
}  # fmt: skip
# What a cell may have become: embers and the key are gone, blocks are used, torches lit, doors open.
CHANGES = {11: {0}, 23: {0}, 5: {6}, 15: {16}, 19: {21}, 20: {22}}


def drawn(level: int) -> np.ndarray:
    """A level as its text draws it, (13, columns)."""
    text = (GAME / "src" / "levels" / f"level_{level}.s").read_text()
    rows = re.findall(r'\.byte "(.{32})"', text)
    sections = [rows[at : at + 13] for at in range(0, len(rows), 13)]
    joined = ["".join(section[row] for section in sections) for row in range(13)]
    cells = np.array([[LETTERS.get(letter, 0) for letter in row] for row in joined], np.uint8)
    above = np.vstack([np.zeros((1, cells.shape[1]), np.uint8), cells[:-1]])
    columns = int(re.findall(rf"LEVEL_{level}_COLUMNS = (\d+)", text)[0])
    return np.where((cells == 1) & (above != 1), 2, cells)[:, :columns]  # the top of the ground has grass


@pytest.mark.parametrize(("number", "level"), list(enumerate(LEVELS, 1)))
def test_the_map_in_memory_is_the_level(number: int, level: str) -> None:
    cells = drawn(number)
    env = pt.make_vec(GAME, num_envs=1, state=level, actions="all", observation="ram")
    try:
        env.reset(seed=0)
        seen: set[int] = set()
        for frame, mask in enumerate(movie_of(level).inputs[1:, 0]):
            env.engine.run(np.full((1, 1, 1), mask, np.uint16), np.ones(1, np.int32), np.zeros(1, np.uint8))
            if frame % 50:
                continue
            ram = env.engine.read_ram()[0]
            first = (int(ram[0x71A]) * 256 + int(ram[0x71C])) // 16
            for column in range(first, min(first + 18, cells.shape[1])):
                page = 0x500 + column // 16 % 2 * 208 + column % 16
                for row in range(13):
                    there, expected = int(ram[page + 16 * row]), int(cells[row, column])
                    assert there == expected or there in CHANGES.get(expected, set()), (frame, row, column)
                seen.add(column)
        assert len(seen) > 0.9 * cells.shape[1]
    finally:
        env.close()


def colours(picture: np.ndarray) -> int:
    return len(np.unique(picture.reshape(-1, 3), axis=0))


def test_the_player_and_the_enemies_are_where_memory_says() -> None:
    env = pt.make("Wickling-Nes", state="Level1-1", actions=[[], ["RIGHT"], ["LEFT"]], render_mode="rgb_array")
    try:
        env.reset(seed=0)
        for _ in range(60):
            env.step(1)
        engine = env.lanes.engine
        picture = env.render()
        # The picture leaves out 8 pixels on every side.
        x, y = engine.read_memory(0, 0x3AD, 1)[0] - 8, engine.read_memory(0, 0x3B8, 1)[0] - 8
        candle = picture[y : y + 24, x : x + 16]
        assert colours(candle) >= 4
        for _ in range(60):
            env.step(2)
        moved = engine.read_memory(0, 0x3AD, 1)[0] - 8
        assert moved < x
        assert (env.render()[y : y + 24, x : x + 16] != candle).any()
        # An enemy: not there before it is moved there, there afterwards.
        place = env.render()[192 - 8 : 208 - 8, 160 - 8 : 176 - 8].copy()
        engine.write_memory(0, 0x0F, b"\x01")
        for address, value in ((0x16, 0), (0x6E, 0), (0x87, 160), (0xCF, 192)):
            engine.write_memory(0, address, bytes([value]))
        env.step(0)
        env.step(0)  # sprites are brought to the screen in the next vertical blank
        assert (env.render()[192 - 8 : 208 - 8, 160 - 8 : 176 - 8] != place).any()
    finally:
        env.close()


def test_tiles_show_ground_gaps_and_enemies() -> None:
    env = pt.make("Wickling-Nes", state="Level1-1", actions=[[], ["RIGHT"]], observation="tiles")
    try:
        observation, info = env.reset(seed=0)
        columns, rows = 10, 10
        grid = np.asarray(observation).reshape(rows, columns)
        assert info["x"] == 32
        # The window goes from two columns behind the candle to seven before it; it stands on the ground in column 2.
        assert (grid[5] == 1).all()
        assert (grid[1:5, 0] == [0, 1, 1, 1]).all()  # the wall in column 0
        assert grid[2, 9] == 0.5  # an ember, in column 9
        assert np.count_nonzero(grid[:5]) == 4
    finally:
        env.close()
