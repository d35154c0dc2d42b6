"""Rainbow on chains whose values are known, with all of its parts and without each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from numpy.typing import NDArray

from playthrough.agents.deep.rainbow import RainbowLearner, RainbowOptions

GAMMA = 0.9

OPTIONS = RainbowOptions(
    steps=3_600,
    v_min=0.0,
    v_max=2.0,
    atoms=21,
    gamma=GAMMA,
    learning_rate=4e-3,
    buffer_size=4_000,
    learn_start=200,
    train_every=4,
    target_every=20,
    hidden=32,
    steps_per_update=100,
    device="cpu",
)

OFF: dict[str, dict[str, Any]] = {
    "nothing": {},
    "double": {"double": False},
    "dueling": {"dueling": False},
    "prioritised": {"prioritised": False},
    "n_step": {"n_step": 1},
    "distributional": {"distributional": False},
    "noisy": {"noisy": False},
}
OFF["everything"] = {key: value for off in OFF.values() for key, value in off.items()}


class Chain(gym.Env[NDArray[np.float32], int]):
    """States in a row; the last step of the way pays 1 and ends the game.

    Args:
        length: States.
        mistakes_end: Action 0 ends the game and pays nothing; otherwise every action is a step on the way.
    """

    def __init__(self, length: int, mistakes_end: bool) -> None:
        self.observation_space = gym.spaces.Box(0.0, 1.0, (length,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.length, self.mistakes_end, self.at = length, mistakes_end, 0

    def see(self) -> NDArray[np.float32]:
        return np.eye(self.length, dtype=np.float32)[min(self.at, self.length - 1)]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self.at = 0
        return self.see(), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self.mistakes_end and action == 0:
            return self.see(), 0.0, True, False, {}
        self.at += 1
        return self.see(), float(self.at == self.length), self.at == self.length, False, {}


class Forever(gym.Env[NDArray[np.float32], int]):
    """Pays 1 on every step and never ends; it is cut short after a few."""

    def __init__(self) -> None:
        self.observation_space = gym.spaces.Box(0.0, 1.0, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.num_steps = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self.num_steps = 0
        return np.ones(2, np.float32), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.num_steps += 1
        return np.ones(2, np.float32), 1.0, False, self.num_steps == 4, {}


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def learn(make: Any, options: RainbowOptions, lanes: int = 4, seed: int = 0) -> RainbowLearner:
    learner = RainbowLearner(SyncVectorEnv([make] * lanes, autoreset_mode=AutoresetMode.SAME_STEP), options, seed)
    while learner.agent_steps < options.steps:
        learner.run_update()
    return learner


def values(learner: RainbowLearner, observations: NDArray[np.float32]) -> NDArray[np.float32]:
    found = learner.policy.decide(observations, np.zeros(len(observations), np.bool_)).values
    assert found is not None
    return found


@pytest.mark.parametrize(("n_step", "distributional"), [(1, True), (3, True), (5, True), (3, False)])
def test_the_values_of_a_chain_are_right_for_every_n(n_step: int, distributional: bool) -> None:
    """Rewards come in 10 steps from the first state: it is worth 0.9^9 = 0.39, whatever n is."""
    options = replace(OPTIONS, n_step=n_step, distributional=distributional, v_max=1.0)
    learner = learn(lambda: Chain(10, mistakes_end=False), options)
    np.testing.assert_allclose(values(learner, np.eye(10, dtype=np.float32)), GAMMA ** np.arange(9, -1, -1), atol=0.06)


def test_what_follows_a_truncation_counts() -> None:
    """1 / (1 - 0.9) = 10; an end of the game after 4 steps would leave at most 3.4."""
    learner = learn(Forever, replace(OPTIONS, v_max=12.0, steps=6_000))
    assert values(learner, np.ones((1, 2), np.float32))[0] == pytest.approx(10.0, abs=1.0)


@pytest.mark.parametrize("off", OFF)
def test_each_part_can_be_switched_off_and_the_rest_learns(off: str) -> None:
    """The way is 5 right actions, each mistake ends it."""
    options = replace(OPTIONS, **OFF[off], steps=4_000, epsilon_steps=2_000, epsilon_to=0.05)
    learner = learn(lambda: Chain(5, mistakes_end=True), options)
    states = np.eye(5, dtype=np.float32)
    decision = learner.policy.decide(states, np.zeros(5, np.bool_))
    assert decision.actions.tolist() == [1] * 5
    assert decision.scores is not None and decision.scores.shape == (5, 2)
    np.testing.assert_allclose(decision.scores[:, 0], 0.0, atol=0.15)
    assert decision.scores[4, 1] == pytest.approx(1.0, abs=0.1)
    # With n > 1 mistakes made while exploring count as well, so the way is worth a little less than it could be.
    best = GAMMA ** np.arange(4, -1, -1)
    assert (decision.scores[:, 1] > 0.6 * best).all() and (decision.scores[:, 1] < best + 0.1).all()


def test_the_parts_show_in_the_parameters() -> None:
    def shapes(**changes: Any) -> dict[str, tuple[int, ...]]:
        env = SyncVectorEnv([lambda: Chain(5, True)], autoreset_mode=AutoresetMode.SAME_STEP)
        network = RainbowLearner(env, replace(OPTIONS, **changes)).policy.network
        return {name: tuple(parameter.shape) for name, parameter in network.named_parameters()}

    whole = shapes()
    assert whole["advantage.mean_weight"] == whole["advantage.sigma_weight"] == (2 * 21, 32)
    assert whole["hidden.mean_weight"] == (2 * 32, 32)
    assert whole["value.mean_weight"] == (21, 32)
    assert not any(name.startswith("value") for name in shapes(dueling=False))
    assert not any("sigma" in name for name in shapes(noisy=False))
    assert shapes(distributional=False)["advantage.mean_weight"] == (2, 32)
