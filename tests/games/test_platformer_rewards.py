"""Wickling's four scenarios pay for what happens on the screen: progress over wraps, score, time, death, goal, hits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from platformer import DYING, GAME_OVER, GOAL, LEVELS, PLAY, movie_of, pads_of, play


def scroll(infos: list[dict[str, int]]) -> np.ndarray:
    return np.array([info["xscrollHi"] * 256 + info["xscrollLo"] for info in infos])


def hold(buttons: str, frames: int) -> Iterator[list[str]]:
    yield from [[buttons]] * frames


def hop(frames: int) -> Iterator[list[str]]:
    """Right, with a jump every second: sooner or later that ends in a gap."""
    yield from ([f"RIGHT{'+A' if frame % 60 < 24 else ''}"] for frame in range(frames))


@pytest.mark.parametrize("level", LEVELS)
def test_each_movie_finishes_its_level_without_a_death(level: str) -> None:
    played = play(level, "score", pads_of(movie_of(level)))
    last = played.infos[-1]
    assert last["levels_done"] == 1
    assert last["deaths"] == 0
    assert last["lives"] == 2
    assert last["mode"] == GOAL
    assert last["x_best"] >= last["x_goal"] - 16
    assert not played.terminated  # the score scenario goes on until the game is over


@pytest.mark.parametrize("level", LEVELS)
def test_progress_is_the_distance_that_the_screen_moved(level: str) -> None:
    played = play(level, "scenario", pads_of(movie_of(level)))
    assert played.terminated  # at the beacon
    assert played.infos[-1]["levels_done"] == 1
    assert played.infos[-1]["player_state"] == 4
    moved = np.diff(scroll(played.infos))
    assert abs(moved).max() <= 3
    np.testing.assert_array_equal(played.rewards_of(0)[:-1], moved[:-1])
    assert played.rewards_of(0)[-1] == moved[-1] + 1000
    wraps = np.abs(played.changes("xscrollLo")) > 200
    assert wraps.sum() >= (9 if level != "Level2-1" else 3)
    assert (np.abs(played.rewards_of(0)[:-1][wraps[:-1]]) <= 3).all()


def test_in_the_key_level_going_left_costs_and_only_the_key_opens_the_door() -> None:
    played = play("Level2-1", "scenario", pads_of(movie_of("Level2-1")))
    keys, doors = (np.array([info[name] for info in played.infos]) for name in ("key", "door_open"))
    fetched, opened = int(np.argmax(keys)), int(np.argmax(doors))
    assert 0 < fetched < opened
    assert played.rewards_of(0)[:fetched].sum() < -100
    blocked = play("Level2-1", "scenario", iter([["RIGHT+B+A" if i // 20 % 2 else "RIGHT+B"] for i in range(1500)]))
    assert max(info["x"] for info in blocked.infos) < 66 * 16
    assert blocked.infos[-1]["door_open"] == 0


def test_death_ends_an_episode_of_one_life_on_the_frame_of_the_hit() -> None:
    played = play("Level1-1", "scenario", hop(2000))
    assert played.terminated
    assert played.changes("lives").tolist() == [0] * (len(played.rewards) - 1) + [-1]
    assert played.infos[-1]["mode"] == DYING
    assert played.infos[-1]["deaths"] == 1
    assert played.rewards_of(0).sum() == scroll(played.infos)[-1] - scroll(played.infos)[0]
    fast = play("Level1-1", "speedrun", hop(2000))
    assert fast.rewards_of(0)[-1] == pytest.approx(np.diff(scroll(fast.infos))[-1] - 1 - 500)


def test_score_goes_on_after_a_death_and_ends_with_the_last_life() -> None:
    played = play("Level1-1", "score", hop(6000))
    assert played.terminated
    lives = [info["lives"] for info in played.infos]
    assert lives[-1] == -1
    assert sorted(set(lives), reverse=True) == [2, 1, 0, -1]
    assert lives.count(-1) == 1
    # The score is never lost with a life, and the reward is its growth.
    np.testing.assert_array_equal(played.rewards_of(0), played.changes("score"))
    on = play("Level1-1", "score", hop(len(played.rewards) + 200), until_end=False)
    modes = [info["mode"] for info in on.infos]
    assert GAME_OVER in modes[len(played.rewards) :]
    assert PLAY not in modes[modes.index(GAME_OVER) :]


@pytest.mark.parametrize("level", ["Level1-1", "Level1-2"])
def test_score_counts_embers_stomps_and_the_time_that_is_left(level: str) -> None:
    movie = movie_of(level)
    pads = [*pads_of(movie), *([[""]] * 500)]
    played = play(level, "score", iter(pads))
    np.testing.assert_array_equal(played.rewards_of(0), played.changes("score"))
    before = next(i for i, info in enumerate(played.infos) if info["mode"] == GOAL)
    counted = next(i for i, info in enumerate(played.infos) if info["mode"] == GOAL and info["time"] == 0)
    gain = played.infos[counted]["score"] - played.infos[before]["score"]
    assert gain == 50 * played.infos[before]["time"]
    # Each ember is 100 of what was earned on the way; the rest are stomps (200), torches (500) and the beacon (1000).
    earned = played.infos[before]["score"]
    assert earned >= 1000 + 100 * played.infos[before]["coins"]
    assert earned % 100 == 0


def test_the_timer_kills_when_it_runs_out() -> None:
    played = play("Level1-1", "scenario", hold("LEFT", 8000))
    assert played.terminated
    assert played.infos[-1]["time"] == 0
    assert played.infos[-1]["lives"] == 1
    assert len(played.rewards) == pytest.approx(300 * 24, abs=30)
    steps = played.changes("time")
    assert set(steps.tolist()) == {0, -1}


@pytest.mark.parametrize("level", LEVELS)
def test_speedrun_pays_progress_less_one_per_frame(level: str) -> None:
    played = play(level, "speedrun", pads_of(movie_of(level)))
    assert played.terminated
    distance = scroll(played.infos)[-1] - scroll(played.infos)[0]
    assert played.rewards_of(0).sum() == pytest.approx(distance + 1000 - len(played.rewards))


def duel_pads(seed: int, players: int, frames: int) -> Iterator[list[str]]:
    random = np.random.default_rng(seed)
    held = [""] * players
    for frame in range(frames):
        if frame % 15 == 0:
            for player in range(players):
                towards = ("RIGHT", "LEFT")[player]
                walk = [towards, towards, "LEFT", "RIGHT", ""][random.integers(5)]
                held[player] = "+".join(filter(None, [walk, *(["A"] if random.random() < 0.3 else [])]))
        yield ["+".join(filter(None, [text, *(["B"] if frame % 20 == 10 * i else [])])) for i, text in enumerate(held)]


@pytest.mark.parametrize(("state", "players", "seed"), [("Versus2P", 2, 1), ("Versus2P", 2, 2), ("Versus", 1, 3)])
def test_in_the_duel_a_hit_pays_one_player_what_it_costs_the_other(state: str, players: int, seed: int) -> None:
    played = play(state, "versus", duel_pads(seed, players, 6000), players)
    assert played.terminated
    mine, theirs = played.changes("health"), played.changes("enemy_health")
    np.testing.assert_array_equal(played.rewards_of(0), mine - theirs)
    if players == 2:
        np.testing.assert_array_equal(played.rewards_of(1), theirs - mine)
    assert set(mine.tolist()) | set(theirs.tolist()) <= {0, -1, -2, -3}
    last = played.infos[-1]
    assert last["winner"] in (1, 2, 3)
    if last["time"]:
        assert min(last["health"], last["enemy_health"]) == 0
    assert (last["health"] > last["enemy_health"]) == (last["winner"] == 1)
    assert last["lag"] == 0
