"""Windows of past steps and dicts of observations, against what an environment without them shows."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

import playthrough as pt
from playthrough.env.observation import Together, Variables, Window, observation_of
from playthrough.errors import StateError

GAME = "Airstriker-Genesis"
FEW: dict[str, Any] = {"frame_skip": 4, "actions": [[], ["B"], ["LEFT"], ["RIGHT"]]}


def actions_of(steps: int, lanes: int) -> list[np.ndarray[Any, Any]]:
    random = np.random.default_rng(5)
    return [random.integers(0, 4, lanes) for _ in range(steps)]


@pytest.mark.parametrize("mode", ["same_step", "next_step"])
@pytest.mark.parametrize("inner", ["variables", "ram"])
def test_a_window_holds_what_was_seen_in_the_last_steps(inner: str, mode: Any) -> None:
    options = FEW | {"num_envs": 2, "max_episode_steps": 6, "noop_max": 20, "autoreset_mode": mode}
    windows = pt.make_vec(GAME, observation=f"{inner} x3", **options)
    plain = pt.make_vec(GAME, observation=inner, **options)
    now, _ = plain.reset(seed=1)
    seen, _ = windows.reset(seed=1)
    past = np.repeat(now[:, None], 3, axis=1)
    assert windows.single_observation_space == Window(inner, 3).space(windows.scene)
    begins = np.zeros(2, np.bool_)
    for step, actions in enumerate(actions_of(14, 2)):
        np.testing.assert_array_equal(seen, past, f"step {step}")
        now, *_, terminated, truncated, infos = plain.step(actions)
        seen, *_, their_infos = windows.step(actions)
        ended = terminated | truncated
        past = np.concatenate([past[:, 1:], now[:, None]], axis=1)
        if mode == "same_step" and ended.any():
            for lane in np.flatnonzero(ended):
                final = np.concatenate([past[lane, :-1], infos["final_obs"][lane][None]])
                np.testing.assert_array_equal(their_infos["final_obs"][lane], final)
        fills = ended if mode == "same_step" else begins
        past[fills] = now[fills][:, None]
        begins = ended
    assert step == 13
    windows.close()
    plain.close()


def test_a_window_begins_anew_only_where_a_lane_does() -> None:
    env = pt.make_vec(GAME, num_envs=2, observation="ram x2", autoreset_mode="disabled", **FEW)
    env.reset(seed=0)
    for actions in actions_of(3, 2):
        before = env.step(actions)[0]
    assert not np.array_equal(before[0, 0], before[0, 1])
    after, _ = env.reset(options={"reset_mask": np.array([True, False])})
    np.testing.assert_array_equal(after[0, 0], after[0, 1])
    np.testing.assert_array_equal(after[1], before[1])
    env.close()


def test_snapshots_hold_what_windows_remember() -> None:
    choice = {"picture": "gray84", "memory": "ram x2", "numbers": Window(Variables(("score", "lives")), 4)}
    one, two = pt.make(GAME, observation=choice, **FEW), pt.make(GAME, observation=choice, **FEW)
    one.reset(seed=2)
    for action in actions_of(9, 1):
        seen, *_ = one.step(action[0])
    loaded, info = two.load_state(one.save_state())
    assert info["start_state"] == "Level1"
    for name, part in seen.items():
        np.testing.assert_array_equal(loaded[name], part, name)
    assert seen["numbers"].shape == (4, 2) and seen in two.observation_space
    for action in actions_of(6, 1):
        ours, theirs = one.step(action[0]), two.step(action[0])
        for name, part in ours[0].items():
            np.testing.assert_array_equal(theirs[0][name], part, name)
    other = pt.make(GAME, observation="gray84 + ram x3", **FEW)
    with pytest.raises(StateError, match="other observations"):
        other.load_state(one.save_state())
    for env in (one, two, other):
        env.close()


def test_a_dict_holds_what_each_part_would_show_alone() -> None:
    both = gym.make(f"playthrough/{GAME}-v0", observation="gray84 + variables", **FEW)
    alone = {"picture": pt.make(GAME, observation="gray84", **FEW), "variables": pt.make(GAME, observation="variables")}
    assert isinstance(both.observation_space, spaces.Dict)
    for name, env in alone.items():
        assert both.observation_space[name] == env.observation_space
    seen, _ = both.reset(seed=0)
    assert seen in both.observation_space
    np.testing.assert_array_equal(seen["picture"], alone["picture"].reset(seed=0)[0])
    for action in actions_of(5, 1):
        seen, *_, info = both.step(action[0])
        np.testing.assert_array_equal(seen["picture"], alone["picture"].step(action[0])[0])
        assert seen["variables"].tolist() == [info[name] for name in alone["variables"].unwrapped.lanes.variables]
    for env in (both, *alone.values()):
        env.close()


def test_lanes_that_are_received_one_by_one_see_their_own() -> None:
    env = pt.make_vec(GAME, num_envs=3, observation="variables + ram x2", **FEW)
    twin = pt.make_vec(GAME, num_envs=3, observation="variables + ram x2", **FEW)
    env.reset(seed=0)
    twin.reset(seed=0)
    for actions in actions_of(3, 3):
        expected, *_ = twin.step(actions)
        for lane in (2, 0, 1):
            env.send(actions[[lane]], [lane])
        seen, *_, infos = env.recv(3)
        for name, part in expected.items():
            np.testing.assert_array_equal(seen[name], part[infos["lane_ids"]], name)
    env.close()
    twin.close()


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("gray84 x4", "stack of its own"),
        ("variables x0", "1 or more"),
        ("variables 8", "a name such as"),
        ("rgb + gray84", "two parts of the same kind"),
        ("gray84 + grid8", "only one part"),
        ("gray84 + nonsense", "must be one of"),
        ({}, "a name for each"),
        ({"a": {"b": "ram"}}, "single one"),
    ],
)
def test_what_cannot_be_observed(choice: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pt.make(GAME, observation=choice)


def test_names_and_objects_are_the_same() -> None:
    assert observation_of("variables x8") == Window(Variables(), 8) == observation_of(Window("variables", 8))
    named, given = observation_of("ram + variables x2"), observation_of({"ram": "ram", "variables": "variables x2"})
    assert isinstance(named, Together) and named == given
