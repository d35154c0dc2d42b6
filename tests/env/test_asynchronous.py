"""send and recv: the same episodes as step, whoever is sent with whom."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import playthrough as pt

OPTIONS: dict[str, Any] = {
    "num_envs": 4,
    "num_threads": 2,
    "observation": "gray84",
    "frame_skip": 4,
    "repeat_action_probability": 0.25,
    "noop_max": 10,
    "max_episode_steps": 23,
}


def actions_of(env: Any, steps: int) -> np.ndarray:
    shape = (steps, env.num_envs, *env.single_action_space.shape)
    return np.random.default_rng(0).integers(0, 2, shape).astype(np.int8)


def lanes_by_step(game: str, mode: str, steps: int) -> list[list[tuple[Any, ...]]]:
    env = pt.make_vec(game, autoreset_mode=mode, **OPTIONS)
    env.reset(seed=7)
    played: list[list[tuple[Any, ...]]] = [[] for _ in range(4)]
    for actions in actions_of(env, steps):
        observations, rewards, terminated, truncated, infos = env.step(actions)
        for lane in range(4):
            row = (observations[lane], rewards[lane], terminated[lane], truncated[lane], infos["frames"][lane])
            played[lane].append(row)
    env.close()
    return played


@pytest.mark.parametrize("mode", ["next_step", "same_step"])
@pytest.mark.parametrize("groups", [[[0, 1, 2, 3]], [[0, 2], [3, 1]], [[3], [0, 1, 2]]])
def test_the_same_episodes_as_step(mode: str, groups: list[list[int]]) -> None:
    steps = 60
    expected = lanes_by_step("Breakout-Atari2600", mode, steps)
    env = pt.make_vec("Breakout-Atari2600", autoreset_mode=mode, **OPTIONS)
    env.reset(seed=7)
    all_actions = actions_of(env, steps)
    done = [0] * 4
    for group in groups:
        env.send(all_actions[0, group], group)
    ended = 0
    while any(count < steps for count in done):
        observations, rewards, terminated, truncated, infos = env.recv()
        for row, lane in enumerate(infos["lane_ids"]):
            wanted = expected[lane][done[lane]]
            np.testing.assert_array_equal(observations[row], wanted[0])
            assert (rewards[row], terminated[row], truncated[row], infos["frames"][row]) == wanted[1:]
            ended += bool(terminated[row] or truncated[row])
            done[lane] += 1
        again = [int(lane) for lane in infos["lane_ids"] if done[lane] < steps]
        if again:
            env.send(np.stack([all_actions[done[lane], lane] for lane in again]), again)
    assert ended >= 4
    env.close()


def test_recv_waits_for_as_many_lanes_as_it_is_told() -> None:
    env = pt.make_vec("Airstriker-Genesis", **OPTIONS)
    env.reset(seed=0)
    actions = actions_of(env, 1)[0]
    for lane in range(4):
        env.send(actions[[lane]], [lane])
    _, rewards, _, _, infos = env.recv(min_lanes=3)
    count = len(infos["lane_ids"])
    assert count >= 3
    if count < 4:
        assert len(env.recv()[-1]["lane_ids"]) == 4 - count
    assert infos["lives"].shape == rewards.shape == (count,)
    env.close()


def test_what_does_not_fit_is_told_at_once() -> None:
    env = pt.make_vec("Airstriker-Genesis", **OPTIONS)
    with pytest.raises(ValueError, match="nothing was sent"):
        env.recv()
    env.reset(seed=0)
    actions = actions_of(env, 1)[0]
    with pytest.raises(ValueError, match="2 actions for 1 lanes"):
        env.send(actions[:2], [0])
    for lanes in ([4], [-1], [1, 1], []):
        with pytest.raises(ValueError, match="lane_ids must name"):
            env.send(actions[: len(lanes)], lanes)
    with pytest.raises(ValueError, match="not in MultiBinary"):
        env.send(actions[:1] * 0 + 7, [0])
    env.send(actions[:2], [0, 1])
    with pytest.raises(ValueError, match="lane 1 is under way"):
        env.send(actions[:2], [1, 2])
    with pytest.raises(RuntimeError, match="2 lanes were sent"):
        env.step(actions)
    with pytest.raises(RuntimeError, match="recv"):
        env.reset()
    with pytest.raises(ValueError, match="cannot wait for 3 lanes"):
        env.recv(3)
    assert env.recv(1)[-1]["lane_ids"].tolist() == [0, 1]
    env.step(actions)
    env.send(actions)
    env.close()
