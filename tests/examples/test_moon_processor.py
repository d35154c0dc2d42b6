"""The moon mini game's processor, on another game's memory: BizHawk alone has a PlayStation."""

from __future__ import annotations

from pathlib import Path

import pytest

import playthrough as pt
from playthrough.errors import PlaythroughError

SCRIPT = Path(__file__).parents[2] / "examples" / "moon_processor.lua"
# Tiny-Nes: A scores (digits at 16), B costs a life; x stands at 28, the frame counter at 16.
PLACES = "speed=0x18 y=0x1C goal=0x1A level=0x17 over=0x7FF key=P1 A"


def test_it_plays_with_the_addresses_that_it_is_given() -> None:
    env = pt.make_script(SCRIPT, "Tiny-Nes", setup_str=PLACES, vector=True)
    observation, _ = env.reset(seed=1)
    assert observation.shape == (4,)
    _, y, goal, distance = observation.tolist()
    assert distance == y - goal
    rewards = {round(float(env.step(step // 10 % 2)[1]), 2) for step in range(100)}
    assert rewards <= {0.1, -0.01, 100.0, -10.0}
    assert rewards
    env.close()


def test_it_says_which_address_is_missing() -> None:
    with pytest.raises(PlaythroughError, match=r"needs the address of goal.*goal=0x"):
        pt.make_script(SCRIPT, "Tiny-Nes", setup_str="speed=1 y=2")
