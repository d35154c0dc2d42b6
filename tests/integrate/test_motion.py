"""How far a picture moved, on drawn pictures whose motion is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from playthrough.integrate.motion import motion


@pytest.fixture
def world() -> NDArray[np.uint8]:
    """A level of large and small boxes in few colours, larger than a screen."""
    random = np.random.default_rng(3)
    picture = np.full((400, 600), 40, np.uint8)
    for _ in range(300):
        y, x = random.integers(0, 380), random.integers(0, 580)
        height, width = random.integers(4, 30), random.integers(4, 40)
        picture[y : y + height, x : x + width] = random.integers(1, 8) * 30
    return picture


def view(world: NDArray[np.uint8], x: int, y: int) -> NDArray[np.uint8]:
    """What a screen shows at a place: a status bar that stays, and the world below it."""
    screen = world[y : y + 224, x : x + 240].copy()
    screen[:24] = 200
    screen[4:12, 10:60:3] = 10
    return screen


@pytest.mark.parametrize("step", [(1, 0), (-3, 0), (0, 2), (0, -5), (4, 3), (-2, 6), (16, 0)])
def test_the_view_moves(world: NDArray[np.uint8], step: tuple[int, int]) -> None:
    seen = motion(view(world, 100, 80), view(world, 100 + step[0], 80 + step[1]))
    assert (seen.dx, seen.dy, seen.known) == (*step, True)


def test_sprites_are_no_motion_of_the_view(world: NDArray[np.uint8]) -> None:
    before, now = view(world, 100, 80), view(world, 100, 80)
    before[100:116, 50:66], now[100:116, 53:69] = 255, 255
    assert (motion(before, now).dx, motion(before, now).known) == (0, True)
    moving = view(world, 102, 80)
    moving[100:130, 50:90] = 255  # something large stays where it is on the screen
    before[100:130, 50:90] = 255
    assert (motion(before, moving).dx, motion(before, moving).known) == (2, True)


def test_another_scene_is_not_known(world: NDArray[np.uint8]) -> None:
    assert not motion(view(world, 0, 0), view(world, 300, 150)).known
    assert not motion(view(world, 100, 80), np.zeros((224, 240), np.uint8)).known
    assert not motion(np.zeros((224, 240), np.uint8), view(world, 100, 80)).known
