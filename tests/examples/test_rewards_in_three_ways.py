"""The same reward as JSON, as Lua and as Python: equal on every frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from playthrough.env.options import EnvOptions
from playthrough.integrate.check_plays import Play, play_movie, random_plays

ROOT = Path(__file__).parents[2]
REWARDS = ROOT / "examples" / "rewards"
WAYS = ("scenario.json", "scenario_lua.json", "scenario.py")


def told(play: Play) -> tuple[NDArray[np.float64], int | None]:
    return play.rewards, play.ended_at


@pytest.mark.parametrize("movie", ["Level1-1", "Level2-1"])
def test_over_movies(movie: str) -> None:
    path = ROOT / "games" / "Wickling-Nes" / "movies" / f"{movie}.bk2"
    files = {"info": REWARDS / "data.json"}
    first, *others = [told(play_movie(path, scenario=REWARDS / way, **files)[0]) for way in WAYS]
    assert first[1] is not None
    assert first[0].sum() > 900
    for rewards, ended_at in others:
        np.testing.assert_array_equal(rewards, first[0])
        assert ended_at == first[1]


def test_over_random_play() -> None:
    plays: list[list[Play]] = []
    for way in WAYS:
        options = EnvOptions(game="Wickling-Nes", info=REWARDS / "data.json", scenario=REWARDS / way)
        plays.append(random_plays(options, 400, lambda done, total: None))
    assert len({float(play.rewards.sum()) for play in plays[0]}) > 3
    for same in zip(*plays, strict=True):
        for play in same[1:]:
            np.testing.assert_array_equal(play.samples, same[0].samples)
            np.testing.assert_array_equal(play.rewards, same[0].rewards)
            assert play.ended_at == same[0].ended_at
