"""Environments over cores in supervised processes: the same episodes, and a lost lane ends its own alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_cores import TinyCores

import playthrough as pt
from playthrough.env.snapshots import unpack_snapshot
from playthrough.errors import LaneError

CRASH = 2
ACTIONS = [[], ["RIGHT"], ["START"]]


def same(left: Any, right: Any) -> bool:
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, tuple | list) or (isinstance(left, np.ndarray) and left.dtype == object):
        return all(same(one, other) for one, other in zip(left, right, strict=True))
    return bool(np.all(np.asarray(left) == np.asarray(right)))


@pytest.mark.parametrize(
    ("game", "observation"),
    [("Airstriker-Genesis", "gray84"), ("Breakout-Atari2600", "rgb"), ("Wickling-Nes", "grid8")],
)
def test_episodes_and_snapshots_are_those_of_lanes_in_this_process(game: str, observation: str) -> None:
    options: dict[str, Any] = {
        "num_envs": 3,
        "num_threads": 2,
        "observation": observation,
        "frame_skip": 4,
        "noop_max": 8,
        "max_episode_steps": 15,
        "repeat_action_probability": 0.25,
    }
    one, other = pt.make_vec(game, isolation="process", **options), pt.make_vec(game, **options)
    one.action_space.seed(2)
    assert same(one.reset(seed=4), other.reset(seed=4))
    snapshots: list[bytes] = []
    for step in range(40):
        actions = one.action_space.sample()
        assert same(one.step(actions), other.step(actions)), f"step {step}"
        if step == 20:
            snapshots = [one.save_state(1), other.save_state(1)]
            headers = [unpack_snapshot(snapshot)[0] for snapshot in snapshots]
            assert headers[0] == headers[1]
        if step == 30:  # each goes on from what the other saved
            assert same(one.load_state(0, snapshots[1]), other.load_state(0, snapshots[0]))
    assert same(one.picture(2), other.picture(2))
    one.close()
    other.close()


def make_pair(tiny_game: Callable[..., Path], tiny_cores: TinyCores, **options: Any) -> tuple[Any, Any]:
    game = str(tiny_game())
    settings: dict[str, Any] = {
        "num_envs": 3,
        "num_threads": 1,
        "core": tiny_cores["tiny_fragile"],
        "actions": ACTIONS,
        "observation": "gray84",
        "frame_skip": 4,
    } | options
    return pt.make_vec(game, isolation="process", **settings), pt.make_vec(game, **settings)


@pytest.mark.parametrize("mode", ["next_step", "same_step", "disabled"])
def test_a_lost_lane_is_truncated_and_says_why(
    tiny_game: Callable[..., Path], tiny_cores: TinyCores, mode: str
) -> None:
    env, undisturbed = make_pair(tiny_game, tiny_cores, autoreset_mode=mode)
    first, _ = env.reset(seed=0)
    undisturbed.reset(seed=0)
    others = [0, 2]
    for round_ in range(2):
        for _ in range(3):
            before, _, _, _, infos_before = env.step(np.array([1, 1, 0]))
            undisturbed.step(np.array([1, 1, 0]))
        observations, rewards, terminated, truncated, infos = env.step(np.array([0, CRASH, 1]))
        expected, *_ = undisturbed.step(np.array([0, 0, 1]))
        assert truncated.tolist() == [False, True, False] and not terminated.any() and rewards[1] == 0
        np.testing.assert_array_equal(observations[others], expected[others])
        final = infos["final_info"] if mode == "same_step" else infos
        assert final["episode_end"][1] == "lost" and final["_episode_end"].tolist() == [False, True, False]
        assert final["lost"][1] == "core tiny_fragile crashed (SIGSEGV)" and final["lost"][0] is None
        assert final["_lost"].tolist() == [False, True, False]
        for name in ("x", "frame", "frames"):
            assert final[name][1] == infos_before[name][1], "the last values stay"
        last = infos["final_obs"][1] if mode == "same_step" else observations[1]
        np.testing.assert_array_equal(last, before[1])
        if mode == "same_step":
            np.testing.assert_array_equal(observations[1], first[1])
            assert infos["frame"][1] == 3, "what the emulator runs as it starts, and the reset's frame"
        elif mode == "next_step":
            observations, rewards, _, truncated, infos = env.step(np.array([1, CRASH, 1]))
            undisturbed.step(np.array([1, 0, 1]))
            np.testing.assert_array_equal(observations[1], first[1])
            assert not truncated.any() and "lost" not in infos and rewards[1] == 0
        else:
            frozen, *_ = env.step(np.array([1, CRASH, 1]))
            undisturbed.step(np.array([1, 0, 1]))
            np.testing.assert_array_equal(frozen[1], before[1])
            observations, infos = env.reset(options={"reset_mask": np.array([False, True, False])})
            np.testing.assert_array_equal(observations[1], first[1])
        assert round_ == 0 or env.values[1].shape == undisturbed.values[1].shape
    env.close()
    undisturbed.close()


def test_a_single_environment_is_lost_and_reset(tiny_game: Callable[..., Path], tiny_cores: TinyCores) -> None:
    core = tiny_cores["tiny_fragile"]
    env = pt.make(str(tiny_game()), core=core, actions=ACTIONS, observation="variables", isolation="process")
    first, _ = env.reset(seed=0)
    env.step(1)
    _, reward, terminated, truncated, info = env.step(CRASH)
    assert (reward, terminated, truncated) == (0, False, True)
    assert info["episode_end"] == "lost" and "SIGSEGV" in info["lost"]
    _, _, _, truncated, info = env.step(1)
    assert not truncated and "lost" not in info, "whoever does not reset goes on from the start"
    again, _ = env.reset()
    np.testing.assert_array_equal(again, first)
    env.close()


def test_a_lane_that_dies_on_its_first_frame_is_an_error_and_not_a_loop(
    tiny_game: Callable[..., Path], tiny_cores: TinyCores
) -> None:
    game = str(tiny_game(frame=3))
    env = pt.make_vec(game, num_envs=2, core=tiny_cores["tiny_crash"], isolation="process")
    with pytest.raises(LaneError, match="lost 3 times in a row: core tiny_crash crashed"):
        env.reset()
    env.close()


def test_a_lane_that_dies_while_nothing_is_pressed_ends_with_its_first_step(
    tiny_game: Callable[..., Path], tiny_cores: TinyCores
) -> None:
    game = str(tiny_game(frame=6))
    env = pt.make_vec(game, num_envs=4, num_threads=2, core=tiny_cores["tiny_crash"], isolation="process", noop_max=9)
    _, infos = env.reset(seed=1)
    doomed = infos["frame"] == 3  # more frames than that are only survived by dying
    _, _, _, truncated, infos = env.step(env.action_space.sample() * 0)
    assert doomed.any()
    np.testing.assert_array_equal(truncated & (infos["frame"] == 3), truncated)
    assert truncated.any()
    env.close()


@pytest.mark.parametrize("when", ["first frame of the step", "later in the step"])
def test_a_scripted_lane_is_lost_like_any_other(
    tiny_game: Callable[..., Path], tiny_cores: TinyCores, when: str
) -> None:
    scenario = {"reward": {"script": "lua:pay"}, "scripts": ["pay.lua"]}
    folder = tiny_game(scenario=scenario)
    (folder / "pay.lua").write_text("function pay() return data.x end\n")
    settings: dict[str, Any] = {"core": tiny_cores["tiny_fragile"], "actions": ACTIONS, "frame_skip": 3}
    if when == "later in the step":
        settings["delay_action_probability"] = 1.0  # the new action takes effect on the step's second frame
    env = pt.make_vec(str(folder), num_envs=2, num_threads=1, isolation="process", **settings)
    undisturbed = pt.make_vec(str(folder), num_envs=2, num_threads=1, **settings)
    for each in (env, undisturbed):
        each.reset(seed=0)
        each.step(np.array([1, 1]))
    _, _, _, _, before = env.step(np.array([1, 1]))
    undisturbed.step(np.array([1, 1]))
    left, right = env.step(np.array([1, CRASH])), undisturbed.step(np.array([1, 0]))
    assert left[3].tolist() == [False, True] and left[1][1] == 0
    assert left[4]["lost"][1].startswith("core tiny_fragile crashed") and left[4]["x"][1] == before["x"][1]
    assert same(left[0][0], right[0][0]) and left[1][0] == right[1][0] != 0
    left, right = env.step(np.array([1, 1])), undisturbed.step(np.array([1, 1]))
    assert same(left[0][0], right[0][0]) and left[4]["frames"][1] == 0
    env.close()
    undisturbed.close()


def test_isolation_is_an_option_like_any_other(tiny_game: Callable[..., Path]) -> None:
    with pytest.raises(ValueError, match="isolation must be 'none' or 'process', not 'thread'"):
        pt.make(str(tiny_game()), isolation="thread")
