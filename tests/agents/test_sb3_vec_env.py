from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import playthrough as pt

pytest.importorskip("torch")
pytest.importorskip("sb3_contrib")

from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from playthrough.agents.deep.sb3.learners import Sb3Learner
from playthrough.agents.deep.sb3.options import MaskablePpoOptions
from playthrough.agents.deep.sb3.vec_env import GymnasiumVecEnv, RewardRule

SAME_STEP: dict[str, Any] = {"num_envs": 2, "autoreset_mode": "same_step"}


def single() -> gym.Env:
    return gym.make("CartPole-v1", max_episode_steps=15)


def cartpole(lanes: int) -> SyncVectorEnv:
    return SyncVectorEnv([single] * lanes, autoreset_mode=AutoresetMode.SAME_STEP)


def test_it_is_sb3s_own_dummy_vec_env_step_by_step():
    ours = GymnasiumVecEnv(cartpole(3))
    theirs = DummyVecEnv([lambda: Monitor(single())] * 3)
    ours.seed(4)
    theirs.seed(4)
    np.testing.assert_array_equal(ours.reset(), theirs.reset())
    random = np.random.default_rng(0)
    ended = {True: 0, False: 0}
    for _ in range(80):
        actions = random.integers(0, 2, 3)
        observations, rewards, dones, infos = ours.step(actions)
        expected, expected_rewards, expected_dones, expected_infos = theirs.step(actions)
        np.testing.assert_array_equal(observations, expected)
        np.testing.assert_array_equal(rewards, expected_rewards)
        assert rewards.dtype == np.float32
        np.testing.assert_array_equal(dones, expected_dones)
        for info, told in zip(infos, expected_infos, strict=True):
            if "terminal_observation" not in told:
                assert info == {}
                continue
            np.testing.assert_array_equal(info["terminal_observation"], told["terminal_observation"])
            assert info["TimeLimit.truncated"] is told["TimeLimit.truncated"]
            assert (info["episode"]["r"], info["episode"]["l"]) == (told["episode"]["r"], told["episode"]["l"])
            ended[info["TimeLimit.truncated"]] += 1
    assert min(ended.values()) > 0
    assert len(ours.take_episodes()) == sum(ended.values())
    assert ours.take_episodes() == ()


def test_a_games_pictures_are_not_copied():
    env = pt.make_vec("Airstriker-Genesis", observation="gray84", actions="discrete", **SAME_STEP)
    adapter = GymnasiumVecEnv(env)
    seen: list[np.ndarray] = []
    step = env.step

    def watched(actions: Any):
        result = step(actions)
        seen.append(result[0])
        return result

    env.step = watched  # type: ignore[method-assign]
    adapter.reset()
    observations, *_ = adapter.step(np.zeros(2, np.int64))
    assert observations is seen[0]
    adapter.close()


def test_rgb_pictures_get_their_channels_first_without_a_copy():
    env = pt.make_vec("Airstriker-Genesis", observation="rgb", actions="buttons", **SAME_STEP)
    adapter = GymnasiumVecEnv(env)
    observations = adapter.reset()
    assert observations.shape[1:] == adapter.observation_space.shape == (3, 224, 320)
    assert observations.base is not None and adapter.action_space == spaces.MultiBinary(12)
    adapter.close()


class Paying(gym.Env):
    """Pays the action; three steps per episode. Masks say which action comes next."""

    observation_space = spaces.Box(0, 10, (1,), np.float32)
    action_space = spaces.Discrete(4)

    def _info(self) -> dict[str, Any]:
        mask = np.zeros(4, np.bool_)
        mask[self._step] = True
        return {"action_mask": mask}

    def reset(self, *, seed: int | None = None, options: Any = None):
        super().reset(seed=seed)
        self._step = 0
        return np.zeros(1, np.float32), self._info()

    def step(self, action):
        self._step += 1
        assert 0 <= action < 4
        return np.full(1, self._step, np.float32), float(action) - 1.5, self._step == 3, False, self._info()


def paying(lanes: int = 2) -> SyncVectorEnv:
    return SyncVectorEnv([Paying] * lanes, autoreset_mode=AutoresetMode.SAME_STEP)


def test_rewards_are_clipped_but_episodes_count_what_was_paid():
    cases = [(RewardRule(clip=True), [-1, 1]), (RewardRule(scale=2.0), [-3, 3]), (RewardRule(), [-1.5, 1.5])]
    for rule, expected in cases:
        adapter = GymnasiumVecEnv(paying(), rule)
        adapter.reset()
        for _ in range(3):
            _, rewards, dones, infos = adapter.step(np.array([0, 3]))
            assert rewards.tolist() == expected
        assert dones.all()
        assert [info["episode"]["r"] for info in infos] == [-4.5, 4.5]
        assert [(e.lane, e.reward, e.steps) for e in adapter.take_episodes()] == [(0, -4.5, 3), (1, 4.5, 3)]


def test_normalised_returns_are_those_of_vec_normalize():
    ours = GymnasiumVecEnv(cartpole(3), RewardRule(normalise=True, gamma=0.97))
    theirs = VecNormalize(DummyVecEnv([single] * 3), norm_obs=False, gamma=0.97)
    for env in (ours, theirs):
        env.seed(4)
        env.reset()
    random = np.random.default_rng(0)
    for _ in range(50):
        actions = random.integers(0, 2, 3)
        np.testing.assert_allclose(ours.step(actions)[1], theirs.step(actions)[1], rtol=1e-6)


def test_normalised_vectors_are_those_of_vec_normalize():
    ours = GymnasiumVecEnv(cartpole(3), normalise_observations=True)
    theirs = VecNormalize(DummyVecEnv([single] * 3), norm_reward=False)
    for env in (ours, theirs):
        env.seed(4)
    np.testing.assert_allclose(ours.reset(), theirs.reset(), rtol=1e-5, atol=1e-6)
    random = np.random.default_rng(0)
    for _ in range(50):
        actions = random.integers(0, 2, 3)
        np.testing.assert_allclose(ours.step(actions)[0], theirs.step(actions)[0], rtol=1e-5, atol=1e-6)


def test_masks_reach_sb3_contrib():
    adapter = GymnasiumVecEnv(paying())
    assert is_masking_supported(adapter)
    adapter.reset()
    for step in range(7):
        masks = get_action_masks(adapter)
        assert masks.argmax(axis=1).tolist() == [step % 3] * 2 and masks.sum() == 2
        adapter.step(np.zeros(2, np.int64))


def test_maskable_ppo_plays_nothing_that_is_masked():
    env = paying()
    learner = Sb3Learner(
        MaskablePpoOptions(rollout_steps=12, batch_size=8, reward_clip=False, num_learner_threads=1), env, 0
    )
    episodes = learner.run_update().episodes
    assert len(episodes) == 8
    assert {episode.reward for episode in episodes} == {0 + 1 + 2 - 4.5}


def test_without_masks_everything_is_allowed():
    adapter = GymnasiumVecEnv(cartpole(2))
    adapter.reset()
    assert get_action_masks(adapter).all()
