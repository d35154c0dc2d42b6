from __future__ import annotations

import subprocess
import sys
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

torch = pytest.importorskip("torch")
pytest.importorskip("sb3_contrib")

from playthrough.agents.deep.learner import ArrayState  # noqa: E402
from playthrough.agents.deep.sb3.learners import Sb3Learner  # noqa: E402
from playthrough.agents.deep.sb3.options import (  # noqa: E402
    OPTIONS,
    OnPolicyOptions,
    PpoOptions,
    QrdqnOptions,
    RecurrentPpoOptions,
    Sb3Options,
)
from playthrough.agents.deep.sb3.policy import Sb3Policy, policy_from_state  # noqa: E402


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


PICTURE = spaces.Box(0, 255, (4, 40, 36), np.uint8)
VECTOR = spaces.Box(-1000, 1000, (3,), np.float32)
LANES = 3


class Dots(gym.Env):
    """Random observations."""

    def __init__(self, observation_space: gym.Space, action_space: gym.Space) -> None:
        self.observation_space, self.action_space = observation_space, action_space

    def reset(self, *, seed: int | None = None, options: Any = None):
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        assert self.action_space.contains(action)
        return self.observation_space.sample(), 1.0, False, bool(self.np_random.random() < 0.1), {}


def learned(options: Sb3Options, observations: gym.Space, actions: gym.Space) -> Sb3Learner:
    env = SyncVectorEnv([lambda: Dots(observations, actions)] * LANES, autoreset_mode=AutoresetMode.SAME_STEP)
    learner = Sb3Learner(options, env, 0)
    learner.run_update()
    return learner


def small(algo: str) -> Sb3Options:
    make = OPTIONS[algo]
    if issubclass(make, QrdqnOptions):
        return make(learning_starts=6, update_steps=30, buffer_size=90, batch_size=4, precision="fp32")
    assert issubclass(make, OnPolicyOptions)
    batch = {"batch_size": 6} if issubclass(make, PpoOptions) else {}
    return make(rollout_steps=6, num_learner_threads=1, precision="fp32", **batch)


def some(space: spaces.Box, seed: int = 0) -> np.ndarray:
    space.seed(seed)
    return np.stack([space.sample() for _ in range(LANES)])


NO_STARTS, STARTS = np.zeros(LANES, np.bool_), np.ones(LANES, np.bool_)


@pytest.mark.parametrize("algo", OPTIONS)
@pytest.mark.parametrize("space", [PICTURE, VECTOR], ids=["picture", "vector"])
def test_a_policy_made_again_decides_the_same(algo: str, space: spaces.Box):
    policy = learned(small(algo), space, spaces.Discrete(5)).policy
    state = policy.state()
    assert isinstance(state, ArrayState) and state.kind == algo
    again = policy_from_state(state, space, spaces.Discrete(5))
    for step in range(3):
        observations = some(space, step)
        one = policy.decide(observations, STARTS if step == 0 else NO_STARTS, sample=True)
        other = again.decide(observations, STARTS if step == 0 else NO_STARTS, sample=True)
        np.testing.assert_array_equal(one.actions, other.actions)
        assert one.scores is not None and one.values is not None and other.values is not None
        np.testing.assert_allclose(one.scores, other.scores, rtol=1e-5)
        np.testing.assert_allclose(one.values, other.values, rtol=1e-4, atol=1e-5)
        assert one.scores.shape == (LANES, 5) and one.values.shape == (LANES,)
        if algo == "qrdqn":
            assert policy.score_name == "Q-value"
            np.testing.assert_allclose(one.values, one.scores.max(axis=1))
        else:
            assert policy.score_name == "probability"
            np.testing.assert_allclose(one.scores.sum(axis=1), 1, rtol=1e-5)
    best = policy.decide(observations, NO_STARTS)
    assert best.scores is not None
    np.testing.assert_array_equal(best.actions, best.scores.argmax(axis=1))


@pytest.mark.parametrize("algo", OPTIONS)
def test_masked_actions_are_never_taken(algo: str):
    policy = learned(small(algo), VECTOR, spaces.Discrete(5)).policy
    masks = np.zeros((LANES, 5), np.bool_)
    masks[:, [1, 4]] = True
    taken = {
        action
        for seed in range(20)
        for action in policy.decide(some(VECTOR, seed), NO_STARTS, sample=True, masks=masks).actions.tolist()
    }
    assert taken <= {1, 4}
    assert policy.decide(some(VECTOR), NO_STARTS, masks=masks).actions.tolist()[0] in (1, 4)


def test_a_policy_that_is_sure_of_a_forbidden_action_takes_any_other():
    learner = learned(small("maskable"), VECTOR, spaces.Discrete(4))
    state = learner.policy.state()
    (bias,) = [name for name in state.arrays if name.endswith("action_net.bias")]
    state.arrays[bias][:] = [0.0, 500.0, 0.0, 0.0]
    policy = policy_from_state(state, VECTOR, spaces.Discrete(4))
    masks = np.array([[True, False, True, True]] * LANES)
    drawn = [policy.decide(some(VECTOR), NO_STARTS, sample=True, masks=masks) for _ in range(40)]
    assert {action for decision in drawn for action in decision.actions.tolist()} == {0, 2, 3}
    np.testing.assert_allclose(drawn[0].scores, [[1 / 3, 0, 1 / 3, 1 / 3]] * LANES, rtol=1e-6)


def test_buttons_have_a_probability_each():
    policy = learned(small("ppo"), PICTURE, spaces.MultiBinary(4)).policy
    decision = policy.decide(some(PICTURE), STARTS)
    assert decision.scores is not None and decision.scores.shape == (LANES, 4)
    np.testing.assert_array_equal(decision.actions, decision.scores > 0.5)
    drawn = np.mean([policy.decide(some(PICTURE), STARTS, sample=True).actions for _ in range(300)], axis=0)
    np.testing.assert_allclose(drawn, decision.scores, atol=0.15)


def test_drawn_actions_follow_the_probabilities():
    policy = learned(small("ppo"), VECTOR, spaces.Discrete(3)).policy
    decision = policy.decide(some(VECTOR), STARTS)
    drawn = np.stack([policy.decide(some(VECTOR), STARTS, sample=True).actions for _ in range(600)])
    shares = np.stack([(drawn == action).mean(axis=0) for action in range(3)], axis=1)
    np.testing.assert_allclose(shares, decision.scores, atol=0.1)


def test_memory_is_per_lane_and_ends_with_an_episode():
    options = RecurrentPpoOptions(rollout_steps=6, batch_size=6, num_learner_threads=1)
    policy = learned(options, VECTOR, spaces.Discrete(3)).policy

    def probabilities(starts: np.ndarray) -> np.ndarray:
        scores = policy.decide(some(VECTOR), starts).scores
        assert scores is not None
        return scores

    first = probabilities(STARTS)
    second = probabilities(NO_STARTS)
    assert not np.allclose(first, second, atol=1e-7)
    mixed = probabilities(np.array([True, False, True]))
    np.testing.assert_allclose(mixed[[0, 2]], first[[0, 2]], rtol=1e-5)
    assert not np.allclose(mixed[1], first[1], atol=1e-7)


@pytest.mark.parametrize("algo", ["ppo", "recurrent", "qrdqn"])
def test_saliency_is_of_every_pixel_that_is_seen(algo: str):
    policy = learned(small(algo), PICTURE, spaces.Discrete(5)).policy
    pictures = some(PICTURE)
    scores = policy.decide(pictures, STARTS).scores
    saliency = policy.saliency(pictures)
    assert saliency is not None and saliency.shape == (LANES, 40, 36) and saliency.dtype == np.float32
    np.testing.assert_allclose(saliency.max(axis=(1, 2)), 1)
    assert saliency.min() >= 0 and (saliency[:, :36] > 0.01).mean() > 0.2
    # The second convolution's 4 x 4 windows with stride 2 leave out the last of 9 rows, which are pixels 36 to 39.
    assert not saliency[:, 36:].any()
    if algo == "ppo":  # others remember, or not: looking changes no memory either way
        np.testing.assert_array_equal(policy.decide(pictures, NO_STARTS).scores, scores)
    else:
        np.testing.assert_array_equal(policy.saliency(pictures), saliency)


def test_a_gradient_points_at_the_pixels_that_change_the_decision():
    policy = learned(small("ppo"), PICTURE, spaces.Discrete(5)).policy
    pictures = some(PICTURE)
    saliency = policy.saliency(pictures)
    assert saliency is not None
    before = policy.decide(pictures, STARTS)
    assert before.scores is not None

    def change(share: np.ndarray) -> float:
        moved = np.where(share[:, None], 255 - pictures, pictures).astype(np.uint8)
        scores = policy.decide(moved, STARTS).scores
        assert scores is not None and before.scores is not None
        return float(np.abs(scores - before.scores).sum())

    threshold = np.quantile(saliency, [0.2, 0.8], axis=(1, 2))[..., None, None]
    assert change(saliency > threshold[1]) > 1.5 * change(saliency < threshold[0])


def test_vectors_have_no_saliency():
    assert learned(small("ppo"), VECTOR, spaces.Discrete(3)).policy.saliency(some(VECTOR)) is None


@pytest.mark.parametrize("shape", [(40, 36, 3), (40, 36)])
def test_pictures_with_channels_last_or_none(shape: tuple[int, ...]):
    space = spaces.Box(0, 255, shape, np.uint8)
    policy = learned(small("ppo"), space, spaces.Discrete(3)).policy
    assert isinstance(policy, Sb3Policy)
    channels = policy.state().arrays["network/features_extractor.cnn.0.weight"].shape[1]
    assert channels == (3 if len(shape) == 3 else 1)
    saliency = policy.saliency(some(space))
    assert saliency is not None and saliency.shape == (LANES, 40, 36)


def test_a_state_of_another_shape_is_refused():
    state = learned(small("ppo"), VECTOR, spaces.Discrete(3)).policy.state()
    with pytest.raises(ValueError, match="another network"):
        policy_from_state(state, VECTOR, spaces.Discrete(4))
    with pytest.raises(ValueError, match="expected a policy of"):
        policy_from_state(ArrayState("neat"), VECTOR, spaces.Discrete(3))


def test_options_and_the_contract_need_no_torch():
    code = (
        "import sys, playthrough, playthrough.agents.deep.learner, playthrough.agents.deep.sb3.options; "
        "assert not {'torch', 'stable_baselines3'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_option_says_what_it_is():
    from dataclasses import fields

    assert set(OPTIONS) == {"ppo", "a2c", "qrdqn", "maskable", "recurrent"}
    for options in OPTIONS.values():
        for option in fields(options):
            assert len(option.metadata["help"]) > 10, option.name
