"""Wickling's picture: the status bar stands still above a level that scrolls, and all of it can be seen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from platformer import DYING, GAME, LEVELS, PLAY, movie_of

import playthrough as pt

# Lines of the console's picture. The picture itself leaves out the first 8, and 8 pixels on either side.
CUT = 8
NAMES, NUMBERS, EMPTY_LINE, LOWER_EDGE, LEVEL = (range(16, 24), range(24, 30), 30, 31, range(32, 232))
MODE, FRAME_COUNTER, SCROLL_HI, SCROLL_LO, KEY, LOADING = 0x770, 0x09, 0x71A, 0x71C, 0x782, 0xEC
PALETTE_FRAMES = 8
"""Every so many frames the embers' colour changes, wherever it is used."""


def lines(picture: np.ndarray, which: range) -> np.ndarray:
    return picture[which.start - CUT : which.stop - CUT]


def frames_of(level: str) -> Iterator[tuple[int, int, np.ndarray]]:
    """Scroll position that the picture shows, frame counter, and picture of every frame of a level's movie."""
    env = pt.make_vec(GAME, num_envs=1, state=level, actions="all", observation="ram")
    try:
        env.reset(seed=0)
        shown: int | None = None
        for mask in movie_of(level).inputs[1:, 0]:
            env.engine.run(np.full((1, 1, 1), mask, np.uint16), np.ones(1, np.int32), np.ones(1, np.uint8))
            ram = env.engine.read_ram()[0]
            if ram[MODE] != PLAY:
                return
            if shown is not None:
                yield shown, int(ram[FRAME_COUNTER]), env.picture(0).copy()
            # What a frame works out is brought to the screen at the start of the next.
            shown = int(ram[SCROLL_HI]) * 256 + int(ram[SCROLL_LO])
    finally:
        env.close()


@pytest.mark.parametrize("level", LEVELS)
def test_the_split_below_the_status_bar_does_not_jitter(level: str) -> None:
    frames = frames_of(level)
    scroll_before, _, before = next(frames)
    names = lines(before, NAMES)
    assert (names != before[0, 0]).any(axis=2).sum() > 200  # letters
    assert (lines(before, range(CUT, NAMES.start)) == before[0, 0]).all()  # and air above them
    moved, wraps = 0, 0
    for scroll, counter, picture in frames:
        assert (lines(picture, NAMES) == names).all(), scroll
        # The two lines in which the picture is split look the same all along.
        for line in (EMPTY_LINE, LOWER_EDGE):
            assert (picture[line - CUT] == picture[line - CUT, 0]).all(), (scroll, line)
        # Below them the level has moved as a whole, but for what moves in it.
        step = scroll - scroll_before
        old, new = lines(before, LEVEL), lines(picture, LEVEL)
        width = old.shape[1] - abs(step)
        old, new = old[:, max(step, 0) :][:, :width], new[:, max(-step, 0) :][:, :width]
        assert (old == new).all(axis=2).mean() > 0.96, scroll
        if counter % PALETTE_FRAMES != 1:
            assert (old[0] == new[0]).all(), scroll
        moved += abs(step)
        wraps += scroll // 256 != scroll_before // 256
        before, scroll_before = picture, scroll
    assert moved > 1000
    assert wraps >= 4


FIRST_BACKGROUND_TILE, DIGIT_0 = 16 + 32768, 0xF0
MAX_LATE_FRAMES = 4
"""A frame in which the level's next column is drawn leaves the numbers to one of the next."""


def digits_of_the_rom() -> dict[bytes, int]:
    """The dots of each digit in the bar's colour 1, as the ROM has them."""
    tiles = (GAME / "rom.nes").read_bytes()[FIRST_BACKGROUND_TILE:]
    planes = [np.frombuffer(tiles[16 * (DIGIT_0 + i) :][:16], np.uint8).reshape(2, 8) for i in range(10)]
    return {np.unpackbits((plane[0] & ~plane[1])[:, None], axis=1).tobytes(): i for i, plane in enumerate(planes)}


def number_at(picture: np.ndarray, column: int, length: int, digits: dict[bytes, int]) -> int | None:
    """What the bar says from a column of tiles on; None if those are no digits."""
    row = picture[24 - CUT : 32 - CUT, 8 * column - CUT :][:, : 8 * length]
    white = (row == picture[LOWER_EDGE - CUT, 0]).all(axis=2).astype(np.uint8)
    found = [digits.get(white[:, 8 * i : 8 * i + 8].tobytes()) for i in range(length)]
    return None if None in found else int("".join(map(str, found)))


def test_the_bar_shows_what_memory_says_until_the_game_is_over() -> None:
    digits = digits_of_the_rom()
    places = {
        "score": (2, 6),
        "lives": (5 + 6, 1),
        "coins": (15, 2),
        "world": (21, 1),
        "stage": (23, 1),
        "time": (27, 3),
    }
    env = pt.make(
        "Wickling-Nes", state="Level1-1", scenario="score", actions=[["RIGHT"], ["RIGHT", "A"]], render_mode="rgb_array"
    )
    try:
        _, info = env.reset(seed=0)
        last = [info] * MAX_LATE_FRAMES
        seen: dict[str, set[int]] = {name: set() for name in places}
        total, score, visible, ended = 0.0, 0, 0, False
        for frame in range(6000):
            _, reward, ended, _, info = env.step(int(frame % 60 < 24))
            total += reward
            last = [*last[1:], info]
            visible = visible + 1 if env.lanes.engine.read_memory(0, LOADING, 1) == b"\0" else 0
            if info["mode"] in (PLAY, DYING) and visible > MAX_LATE_FRAMES:
                picture = env.render()
                for name, place in places.items():
                    shown = number_at(picture, *place, digits)
                    more = 1 if name in ("lives", "world", "stage") else 0
                    assert shown in {past[name] + more for past in last}, (frame, name, shown, info[name])
                    seen[name].add(shown)
                    if name == "score":
                        score = shown
            if ended:
                break
        assert ended
        assert total == score > 0
        assert seen["lives"] >= {3, 2, 1}
        assert len(seen["time"]) > 10
        assert len(seen["coins"]) > 2
    finally:
        env.close()


def test_the_bar_shows_the_key() -> None:
    env = pt.make("Wickling-Nes", state="Level2-1", actions=[[]], render_mode="rgb_array")
    try:
        env.reset(seed=0)
        before = env.render().copy()
        env.lanes.engine.write_memory(0, KEY, b"\x01")
        for _ in range(48):
            env.step(0)
        changed = (lines(env.render(), NUMBERS) != lines(before, NUMBERS)).any(axis=(0, 2))
        columns = set(((np.flatnonzero(changed) + CUT) // 8).tolist())
        assert 18 in columns  # the key's place
        assert columns <= {18, 27, 28, 29}  # and the time
    finally:
        env.close()
