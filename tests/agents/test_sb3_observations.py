"""Dicts of a picture and numbers, and windows of numbers, on their way to the networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

torch = pytest.importorskip("torch")
pytest.importorskip("sb3_contrib")

import playthrough as pt  # noqa: E402
from playthrough.agents.deep.sb3.learners import Sb3Learner  # noqa: E402
from playthrough.agents.deep.sb3.network import PictureAndNumbers  # noqa: E402
from playthrough.agents.deep.sb3.observations import ObservationInput  # noqa: E402
from playthrough.agents.deep.sb3.options import OPTIONS  # noqa: E402
from playthrough.agents.deep.sb3.policy import policy_from_state  # noqa: E402

COLOURS = spaces.Box(0, 255, (40, 44, 3), np.uint8)
NUMBERS = spaces.Box(-1e9, 1e9, (2, 3), np.float32)
BOTH = spaces.Dict({"view": COLOURS, "own": NUMBERS, "memory": spaces.Box(0, 255, (5,), np.uint8)})
LANES = 4


def batch_of(space: spaces.Dict, seed: int = 0) -> dict[str, Any]:
    space.seed(seed)
    samples = [space.sample() for _ in range(LANES)]
    return {name: np.stack([sample[name] for sample in samples]) for name in space.spaces}


def test_a_picture_and_numbers_reach_the_network_as_they_are():
    seen = ObservationInput(BOTH, normalise=False)
    batch = batch_of(BOTH)
    assert seen.packing and seen.num_numbers == 11
    network = PictureAndNumbers(seen.space, seen.packing)
    rows = torch.as_tensor(seen(batch))
    pictures = torch.as_tensor(batch["view"].transpose(0, 3, 1, 2))
    numbers = np.concatenate([batch["memory"], batch["own"].reshape(LANES, -1)], axis=1, dtype=np.float32)
    with torch.no_grad():
        features = network(rows)
        torch.testing.assert_close(features[:, :512], network.look(pictures))
        np.testing.assert_array_equal(features[:, 512:], numbers)
        torch.testing.assert_close(network(rows.float()), features)  # as stable-baselines3 hands bytes on
        torch.testing.assert_close(network(rows[2:3]), features[2:3])


def test_gradients_reach_the_picture():
    seen = ObservationInput(BOTH, normalise=False)
    network = PictureAndNumbers(seen.space, seen.packing)
    rows = torch.as_tensor(seen(batch_of(BOTH))).float().requires_grad_()
    network(rows).sum().backward()
    assert seen.pictures_in(rows.grad).shape == (LANES, 3, 40, 44)
    assert seen.pictures_in(rows.grad).abs().sum() > 0 and not rows.grad[:, : 4 * 11].any()


def test_numbers_are_normalised_together_and_pictures_are_not():
    seen = ObservationInput(BOTH, normalise=True)
    for seed in range(30):
        seen(batch_of(BOTH, seed), learn=True)
    batch = batch_of(BOTH, 99)
    rows = seen(batch)
    numbers = rows[:, : 4 * 11].copy().view(np.float32)
    assert np.abs(numbers).max() < 5 and np.abs(numbers).max() > 0.1
    np.testing.assert_array_equal(seen.pictures_in(rows), batch["view"].transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("space", "is_picture", "num_numbers"),
    [
        (spaces.Box(0, 255, (8, 128), np.uint8), False, 1024),  # a window of an Atari console's memory
        (spaces.Box(0, 255, (84, 84), np.uint8), True, 0),
        (spaces.Box(-1, 1, (4, 10, 8), np.float32), False, 320),  # a window of tiles
        (spaces.Dict({"a": spaces.Box(-1, 1, (2,)), "b": spaces.Box(0, 9, (3, 2))}), False, 8),
    ],
)
def test_what_is_a_picture(space: spaces.Space[Any], is_picture: bool, num_numbers: int):
    seen = ObservationInput(space, normalise=True)
    assert (seen.is_picture, seen.num_numbers, seen.packing) == (is_picture, num_numbers, None)
    if num_numbers:
        assert seen.space.shape == (num_numbers,)


def test_two_pictures_are_too_many():
    with pytest.raises(ValueError, match="at most one picture, got a and b"):
        ObservationInput(spaces.Dict({"a": COLOURS, "b": COLOURS}), normalise=True)


SMALL: dict[str, dict[str, Any]] = {
    "ppo": {"rollout_steps": 8, "batch_size": 8, "epochs": 1},
    "recurrent": {"rollout_steps": 8, "batch_size": 8, "epochs": 1, "lstm_size": 8},
    "qrdqn": {"buffer_size": 200, "learning_starts": 8, "update_steps": 16, "num_quantiles": 5},
}


@pytest.mark.parametrize(
    ("algo", "observation"),
    [("ppo", "gray84 + variables x3"), ("recurrent", "gray84 + variables"), ("qrdqn", "variables x4")],
)
def test_learners_go_on_exactly_and_policies_decide_the_same(algo: str, observation: str):
    def lanes() -> Any:
        return pt.make_vec(
            "Airstriker-Genesis",
            num_envs=2,
            observation=observation,
            actions=[[], ["B"], ["LEFT"]],
            frame_skip=8,
            max_episode_steps=6,
            autoreset_mode="same_step",
        )

    options = OPTIONS[algo](steps=200, num_learner_threads=1, **SMALL[algo])
    env = lanes()
    replay: dict[str, Any] = {}
    learner = Sb3Learner(options, env, 1, make_array=lambda *shape: replay.setdefault(shape[0], np.zeros(*shape[1:])))
    learner.run_update()
    state, snapshots = learner.state(), [env.save_state(lane) for lane in range(2)]
    kept = {name: array.copy() for name, array in replay.items()}
    expected = learner.run_update()
    again = lanes()
    again.reset(seed=7)
    for lane, snapshot in enumerate(snapshots):
        again.load_state(lane, snapshot)
    other = Sb3Learner(options, again, 1, state=state, make_array=lambda name, shape, dtype: kept[name])
    assert other.run_update().metrics == expected.metrics
    observations, _ = again.reset(seed=3)
    policy = other.policy
    twin = policy_from_state(policy.state(), env.single_observation_space, env.single_action_space)
    starts = np.ones(2, np.bool_)
    np.testing.assert_allclose(
        twin.decide(observations, starts).scores, policy.decide(observations, starts).scores, atol=2e-2
    )
    looked = twin.saliency(observations)
    assert (looked is None) == ("gray84" not in observation)
    assert looked is None or looked.shape == (2, 84, 84)
    env.close()
    again.close()
