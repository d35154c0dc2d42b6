"""Rewards of one's own: each kind of term against a plain reading of the variables, frame by frame."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import playthrough as pt
from playthrough.env.shaping import ShapingTerm
from playthrough.env.vector import RetroVectorEnv

ACTIONS = [["RIGHT"], ["RIGHT", "A"], ["LEFT"], []]
TERMS = {
    "progress": ShapingTerm(best="x", reward=1.0),
    "forward": ShapingTerm(gain="x", reward=0.25),
    "back": ShapingTerm(loss="x", reward=-0.5),
    "far": ShapingTerm(when="x >= 150", reward=100.0),
    "high": ShapingTerm(during="y < 180", reward=0.125),
    "ahead": ShapingTerm(during="x == x_best", reward=0.0625),
    "time": ShapingTerm(each_frame=True, reward=-0.01),
    "far_on": ShapingTerm(best="x", where="x >= 150", reward=3.0),
    "in_the_air": ShapingTerm(gain="x", where="y < 180", reward=0.5),
    "low": ShapingTerm(each_frame=True, where="y >= 180", reward=0.03),
}


def make(terms: dict[str, ShapingTerm] | None, **options: Any) -> RetroVectorEnv:
    defaults: dict[str, Any] = {
        "observation": "variables",
        "actions": ACTIONS,
        "frame_skip": 4,
        "num_envs": 3,
        "autoreset_mode": "disabled",
    }
    return pt.make_vec("Wickling-Nes", shaping=terms, **{**defaults, **options})


def reference(rows: list[dict[str, int]]) -> dict[str, float]:
    """What each term pays for an episode, from the variables after the reset and after each frame."""
    paid = dict.fromkeys(TERMS, 0.0)
    best, far, best_far = rows[0]["x"], False, None
    for before, now in pairwise(rows):
        paid["progress"] += max(0, now["x"] - best)
        best = max(best, now["x"])
        paid["forward"] += 0.25 * max(0, now["x"] - before["x"])
        paid["back"] -= 0.5 * max(0, before["x"] - now["x"])
        paid["far"] += 100.0 * (now["x"] >= 150 and not far)
        far = far or now["x"] >= 150
        paid["high"] += 0.125 * (now["y"] < 180)
        paid["ahead"] += 0.0625 * (now["x"] == now["x_best"])
        paid["time"] -= 0.01
        if now["x"] >= 150:
            paid["far_on"] += 3.0 * max(0, now["x"] - (best_far or now["x"]))
            best_far = max(best_far or 0, now["x"])
        paid["in_the_air"] += 0.5 * max(0, now["x"] - before["x"]) * (now["y"] < 180)
        paid["low"] += 0.03 * (now["y"] >= 180)
    return paid


def test_every_kind_of_term_pays_what_a_plain_reading_of_the_variables_gives() -> None:
    steps, slow, rows = 90, make(None, frame_skip=1, num_envs=1), []
    choices = np.random.default_rng(3).choice(4, steps, p=[0.4, 0.4, 0.1, 0.1])
    _, infos = slow.reset(seed=0)
    rows.append({name: int(infos[name][0]) for name in slow.variables})
    for choice in np.repeat(choices, 4):
        _, _, ended, _, infos = slow.step(np.array([choice]))
        rows.append({name: int(infos[name][0]) for name in slow.variables})
        if ended[0]:
            break
    assert len(rows) > 200
    expected = reference(rows)
    assert all(expected.values()), "the play must meet every term"
    for name, term in TERMS.items():
        env = make({name: term})
        env.reset(seed=0)
        total = sum(env.step(np.full(3, choice))[1] for choice in choices)
        np.testing.assert_allclose(total, expected[name], err_msg=name)
        env.close()
    slow.close()


def test_scenario_term_gives_the_scenarios_own_reward_a_weight() -> None:
    plain, shaped = make(None), make({"game": ShapingTerm(scenario=True, reward=0.5)})
    plain.reset(seed=1), shaped.reset(seed=1)
    for _ in range(20):
        np.testing.assert_allclose(shaped.step(np.zeros(3, int))[1], 0.5 * plain.step(np.zeros(3, int))[1])
    plain.close(), shaped.close()


def test_a_goal_ends_the_episode_and_says_so() -> None:
    env = make({"goal": ShapingTerm(when="x >= 100", reward=7.0, ends=True)})
    env.reset(seed=0)
    actions = np.array([0, 3, 0])
    for _ in range(60):
        _, rewards, terminated, truncated, infos = env.step(actions)
        if terminated.any():
            break
    assert terminated.tolist() == [True, False, True]
    assert not truncated.any()
    assert rewards.tolist() == [7.0, 0.0, 7.0]
    assert infos["episode_end"].tolist() == ["goal", None, "goal"]
    assert (infos["x"][[0, 2]] >= 100).all()
    env.reset(options={"reset_mask": terminated})
    assert env.step(actions)[1].tolist() == [0.0, 0.0, 0.0]
    env.close()


def test_a_snapshot_remembers_bests_and_milestones() -> None:
    env = make(TERMS, num_envs=1)
    env.reset(seed=0)
    for _ in range(40):
        env.step(np.zeros(1, int))
    snapshot = env.save_state(0)
    walk = [2] * 15 + [0] * 25
    first = [float(env.step(np.array([action]))[1][0]) for action in walk]
    other = make(TERMS, num_envs=1)
    other.reset(seed=5)
    other.load_state(0, snapshot)
    assert [float(other.step(np.array([action]))[1][0]) for action in walk] == first
    assert not any(reward >= 100 for reward in first), "the milestone was paid before the snapshot"
    env.close(), other.close()


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ({"reward": 1.0}, "exactly one of best, gain"),
        ({"best": "x", "gain": "x", "reward": 1.0}, "exactly one of best, gain"),
        ({"best": "x", "reward": float("nan")}, "finite number"),
        ({"when": "x is big", "reward": 1.0}, "expected a condition such as"),
        ({"best": "x", "reward": 1.0, "ends": True}, "needs a condition"),
        ({"when": "x > 1", "where": "y > 1", "reward": 1.0}, "where is for best, gain"),
    ],
)
def test_a_wrong_term_is_refused(term: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ShapingTerm(**term)


def test_terms_may_be_dicts_as_in_a_recipe() -> None:
    env = make({"goal": {"when": "x >= 100", "reward": 7.0}})  # type: ignore[dict-item]
    assert env.options.shaping == {"goal": ShapingTerm(when="x >= 100", reward=7.0)}
    env.close()
    with pytest.raises(ValueError, match=r"shaping goal: .*unexpected keyword argument 'wen'"):
        make({"goal": {"wen": "x >= 100", "reward": 7.0}})  # type: ignore[dict-item]


def test_a_term_about_something_that_is_no_variable_names_the_term_and_the_variables() -> None:
    with pytest.raises(ValueError, match=r"shaping rings: there is no variable 'rings'; there are: .*coins"):
        make({"rings": ShapingTerm(gain="rings", reward=1.0)})
