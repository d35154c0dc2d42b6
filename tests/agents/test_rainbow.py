"""Rainbow's pieces against slow references, its behaviour on real environments, and going on exactly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from numpy.typing import DTypeLike, NDArray

import playthrough as pt
from playthrough.agents.deep.learner import ArrayState, UpdateReport
from playthrough.agents.deep.rainbow import RainbowLearner, RainbowOptions, RainbowPolicy
from playthrough.agents.deep.rainbow_network import NetworkDesign, RainbowNetwork, project
from playthrough.agents.deep.rainbow_observations import View
from playthrough.errors import StateError

SMALL = RainbowOptions(
    steps=2_000, learn_start=60, buffer_size=300, train_every=8, hidden=16, steps_per_update=8, device="cpu"
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def cartpole(lanes: int = 8) -> SyncVectorEnv:
    return SyncVectorEnv([lambda: gym.make("CartPole-v1")] * lanes, autoreset_mode=AutoresetMode.SAME_STEP)


def breakout(lanes: int = 2, **options: Any) -> pt.RetroVectorEnv:
    settings: dict[str, Any] = {
        "num_threads": 1,
        "observation": "gray84",
        "frame_skip": 4,
        "actions": [[], ["BUTTON"], ["LEFT"], ["RIGHT"]],
        "max_episode_steps": 45,
        "autoreset_mode": "same_step",
    }
    return pt.make_vec("Breakout-Atari2600", num_envs=lanes, **settings | options)


class TwoSights(gym.Env[dict[str, NDArray[Any]], int]):
    """Pays for the action that is shown: in the picture's brightness, or, where that is dark, in a number beside it.

    Once in a while the best action is forbidden. What is forbidden would pay ten times.
    """

    observation_space = gym.spaces.Dict(
        {
            "place": gym.spaces.Box(-1e4, 1e4, (2,), np.float32),
            "picture": gym.spaces.Box(0, 255, (1, 36, 36), np.uint8),
            "bytes": gym.spaces.Box(0, 255, (3,), np.uint8),
        }
    )
    action_space = gym.spaces.Discrete(3)

    def __init__(self) -> None:
        self.wrong = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.steps = 0
        return self._show()

    def step(self, action: int) -> Any:
        self.wrong += not self.mask[action]
        paid = 1.0 if action == self.shown else 0.0 if self.mask[action] else 10.0
        self.steps += 1
        seen, info = self._show()
        return seen, paid, self.steps == 9, self.steps == 5 and self.np_random.random() < 0.5, info

    def _show(self) -> Any:
        self.shown = int(self.np_random.integers(2))
        in_picture = bool(self.np_random.integers(2))
        self.mask = np.array([True, True, False])
        seen = {
            "place": np.array([0.0 if in_picture else (-3000.0, 3000.0)[self.shown], 0.0], np.float32),
            "picture": np.full((1, 36, 36), (80, 250)[self.shown] if in_picture else 0, np.uint8),
            "bytes": np.array([0, 255, 7], np.uint8),
        }
        return seen, {"action_mask": self.mask.copy()}


def slow_projection(probabilities: Any, reward: float, discount: float, returns: Any) -> NDArray[np.float64]:
    """Atom by atom, as Bellemare et al. 2017 write algorithm 1."""
    low, high = returns[0], returns[-1]
    spacing = (high - low) / (len(returns) - 1)
    projected = np.zeros(len(returns))
    for probability, value in zip(probabilities, returns, strict=True):
        place = (min(max(reward + discount * value, low), high) - low) / spacing
        below, above = int(np.floor(place)), int(np.ceil(place))
        if below == above:
            projected[below] += probability
        else:
            projected[below] += probability * (above - place)
            projected[above] += probability * (place - below)
    return projected


def test_the_projection_is_that_of_the_paper() -> None:
    random = np.random.default_rng(0)
    for atoms in (2, 5, 51):
        returns = np.linspace(-3.0, 7.0, atoms)
        probabilities = random.dirichlet(np.ones(atoms), 40)
        rewards, discounts = random.normal(0, 6, 40), random.choice([0.0, 0.97, 1.0, 0.5], 40)
        rewards[:10] = random.choice(returns, 10)  # outcomes that lie on a return exactly
        inputs = [torch.from_numpy(array) for array in (probabilities, rewards, discounts, returns)]
        fast = project(*inputs).numpy()
        slow = [slow_projection(*row, returns) for row in zip(probabilities, rewards, discounts, strict=True)]
        np.testing.assert_allclose(fast, np.array(slow), atol=1e-9)
        np.testing.assert_allclose(fast.sum(1), 1.0)


def test_noise_is_a_noisy_weight_matrix_and_each_row_can_have_its_own() -> None:
    torch.manual_seed(0)
    network = RainbowNetwork(NetworkDesign(View((6,), False), 3, hidden=8, dueling=False))
    layer = network.hidden
    noise = network.make_noise(np.random.default_rng(0), rows=4)
    assert noise is not None
    inputs = torch.randn(4, 8)
    for row in range(4):
        into, out = noise[row, :8], noise[row, 8:16]
        weight = layer.mean_weight + layer.sigma_weight * torch.outer(out, into)
        expected = weight @ inputs[row] + layer.mean_bias + layer.sigma_bias * out
        torch.testing.assert_close(layer(inputs, noise)[row], expected)
        torch.testing.assert_close(layer(inputs, network.fix(noise[row : row + 1]))[row], expected)
    torch.testing.assert_close(
        layer(inputs, None), torch.nn.functional.linear(inputs, layer.mean_weight, layer.mean_bias)
    )
    # f(x) = sign(x) sqrt(|x|) of a Gaussian: its square is |x|, 0.80 on average.
    many = network.make_noise(np.random.default_rng(1), rows=2000)
    assert many is not None
    assert float((many**2).mean()) == pytest.approx(np.sqrt(2 / np.pi), abs=0.01)
    assert float(many.mean()) == pytest.approx(0.0, abs=0.01)


def test_gradients_through_fixed_noise_are_those_through_free_noise() -> None:
    torch.manual_seed(0)
    network = RainbowNetwork(NetworkDesign(View((6,), False), 3, hidden=8))
    noise = network.make_noise(np.random.default_rng(0))
    inputs, weights = torch.randn(4, 6), torch.randn(4, 3, 51)
    gradients: list[dict[str, torch.Tensor]] = []
    for given in (noise, network.fix(noise)):
        network.zero_grad()
        (network(network.prepare(inputs), given) * weights).sum().backward()
        network.take_gradients(given)
        gradients.append({name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys() == dict(network.named_parameters()).keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, msg=name)


def test_dueling_advantages_have_no_mean() -> None:
    network = RainbowNetwork(NetworkDesign(View((4,), False), 3, hidden=8, sigma=None, atoms=1))
    inputs = torch.randn(5, 4)
    hidden = torch.relu(network.hidden(network.trunk(network.prepare(inputs).main), None))
    assert network.value is not None
    torch.testing.assert_close(network(network.prepare(inputs)).mean(1), network.value(hidden[:, 8:], None))


@pytest.mark.parametrize("shape", [(4, 84, 84), (84, 84), (84, 80, 3), (2, 84, 80, 3)])
def test_pictures_of_every_layout_are_seen(shape: tuple[int, ...]) -> None:
    policy = RainbowPolicy(RainbowNetwork(NetworkDesign(View(shape, True), 5, hidden=16)))
    pictures = np.random.default_rng(0).integers(0, 256, (2, *shape), dtype=np.uint8)
    saliency = policy.saliency(pictures)
    assert saliency is not None
    edges = [edge for edge in shape if edge >= 80]
    assert saliency.shape == (2, *edges) and saliency.dtype == np.float32
    np.testing.assert_allclose(saliency.max((1, 2)), 1.0)
    assert saliency.min() >= 0.0


def test_lanes_explore_each_with_noise_of_its_own() -> None:
    """Same observation in every lane: without noise all decide alike, while learning they do not."""
    policy = RainbowLearner(cartpole(64), replace(SMALL, buffer_size=2_000)).policy
    same = np.zeros((64, 4), np.float32)
    starts = np.zeros(64, np.bool_)
    greedy = policy.decide(same, starts)
    assert len(set(greedy.actions.tolist())) == 1
    assert greedy.scores is not None and len(np.unique(greedy.scores, axis=0)) == 1
    sampled = policy.decide(same, starts, sample=True)
    assert sampled.scores is not None and len(np.unique(sampled.scores, axis=0)) == 64
    assert set(sampled.actions.tolist()) == {0, 1}


def test_masks_forbid_actions() -> None:
    for noisy in (True, False):
        options = replace(SMALL, noisy=noisy, epsilon_to=1.0, buffer_size=2_000)
        policy = RainbowLearner(cartpole(64), options).policy
        masks = np.zeros((64, 2), np.bool_)
        masks[:32, 0] = masks[32:, 1] = True
        for sample in (False, True):
            actions = policy.decide(np.zeros((64, 4), np.float32), masks[:, 0], sample=sample, masks=masks).actions
            assert actions.tolist() == [0] * 32 + [1] * 32


@pytest.mark.parametrize("double", [True, False])
def test_the_goal_is_chosen_by_one_network_and_judged_by_the_other(double: bool) -> None:
    options = replace(SMALL, double=double, distributional=False, noisy=False, batch_size=64, target_every=10_000)
    learner = RainbowLearner(cartpole(8), options)
    while learner.gradient_steps < 5:
        learner.run_update()
    with torch.no_grad():
        for parameter in learner.policy.network.advantage.parameters():
            parameter.neg_()  # what the one likes best the other likes least
    batch = learner._replay.sample(64, np.random.default_rng(0))
    target = RainbowPolicy(learner._target, learner._normaliser).q_values(batch.following)
    online = learner.policy.q_values(batch.following)
    assert (online.argmax(1) != target.argmax(1)).any(), "the networks agree: this proves nothing"
    best = (online if double else target).argmax(1)
    expected = batch.returns + batch.discounts * target[np.arange(64), best]
    np.testing.assert_allclose(learner._goal(batch, None).numpy(), expected, rtol=1e-5)


def test_importance_weights_count_only_with_priorities() -> None:
    def learned(prioritised: bool, beta: float) -> NDArray[Any]:
        options = replace(SMALL, prioritised=prioritised, beta_from=beta, beta_to=beta)
        learner = RainbowLearner(cartpole(4), options)
        while learner.gradient_steps < 20:
            learner.run_update()
        return learner.state().arrays["online.hidden.mean_weight"]

    assert np.array_equal(learned(False, 0.0), learned(False, 1.0))
    assert not np.array_equal(learned(True, 0.0), learned(True, 1.0))


def test_gradient_steps_keep_step_with_play() -> None:
    learner = RainbowLearner(cartpole(4), replace(SMALL, train_every=6, gradient_steps=2))
    for _ in range(10):
        report = learner.run_update()
    assert report.agent_steps == learner.agent_steps == 320
    # At the last decision 316 were known; learning began after 60.
    assert learner.gradient_steps == report.metrics["gradient_steps"] == (316 - 60) // 6 * 2


def test_episodes_are_reported_as_paid() -> None:
    """CartPole pays 1 per step; the learner halves that, and is cut short after 30."""
    env = SyncVectorEnv(
        [lambda: gym.make("CartPole-v1", max_episode_steps=30)] * 3, autoreset_mode=AutoresetMode.SAME_STEP
    )
    learner = RainbowLearner(env, replace(SMALL, reward_scale=0.5, reward_clip="none"))
    episodes = [episode for _ in range(20) for episode in learner.run_update().episodes]
    assert len(episodes) > 8
    assert all(episode.reward == episode.steps <= 30 for episode in episodes)
    for lane in range(3):
        total = sum(episode.steps for episode in episodes if episode.lane == lane)
        assert 160 - 30 < total <= 160


def test_a_game_s_last_infos_come_with_its_episodes() -> None:
    env = breakout()
    learner = RainbowLearner(env, replace(SMALL, learn_start=10_000))
    episodes = [episode for _ in range(12) for episode in learner.run_update().episodes]
    env.close()
    assert {episode.lane for episode in episodes} == {0, 1}
    for episode in episodes:
        assert episode.info["episode_end"] == "time limit" and episode.steps == 45
        assert episode.info["frames"] == 45 * 4 and "lives" in episode.info


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pt.make_vec("Airstriker-Genesis", num_envs=1, autoreset_mode="same_step"), 'actions="discrete"'),
        (lambda: pt.make_vec("Airstriker-Genesis", num_envs=1, actions="discrete"), "SAME_STEP"),
        (
            lambda: SyncVectorEnv(
                [lambda: gym.make("FrozenLake-v1")],
                autoreset_mode=AutoresetMode.SAME_STEP,
            ),
            "pictures, vectors, and dicts",
        ),
    ],
)
def test_environments_that_do_not_fit_are_refused(make: Any, message: str) -> None:
    env = make()
    with pytest.raises(ValueError, match=message):
        RainbowLearner(env, SMALL)
    env.close()


def test_a_picture_and_numbers_are_both_looked_at_and_forbidden_actions_are_left_alone() -> None:
    envs: list[TwoSights] = []

    def make() -> TwoSights:
        envs.append(TwoSights())
        return envs[-1]

    lanes = SyncVectorEnv([make] * 4, autoreset_mode=AutoresetMode.SAME_STEP)
    options = replace(
        SMALL, steps=4_000, n_step=1, gamma=0.0, learn_start=200, train_every=8, target_every=50, buffer_size=4_000
    )
    learner = RainbowLearner(lanes, replace(options, hidden=32, learning_rate=1e-3, v_min=-1.0, v_max=2.0), seed=1)
    assert learner.design.view.num_beside == 5 and learner.design.view.picture == "picture"
    while learner.agent_steps < 4_000:
        learner.run_update()
    assert [env.wrong for env in envs] == [0] * 4
    right, policy = 0, RainbowPolicy.from_state(through_json(learner.policy.state()), device="cpu")
    seen, infos = lanes.reset(seed=7)
    for _ in range(100):
        actions = policy.decide(seen, np.zeros(4, np.bool_), masks=infos["action_mask"]).actions
        right += sum(int(action) == env.shown for action, env in zip(actions, envs, strict=True))
        seen, _, _, _, infos = lanes.step(actions)
    assert right >= 390, "one of the two sights is not looked at"
    saliency = policy.saliency(seen)
    assert saliency is not None and saliency.shape == (4, 36, 36)


@pytest.mark.parametrize("double", [True, False])
def test_what_follows_is_worth_as_much_as_the_best_of_what_is_allowed(double: bool) -> None:
    env = breakout(action_mask={"BUTTON": "score > 1000"})
    learner = RainbowLearner(env, replace(SMALL, double=double, distributional=False, noisy=False, batch_size=32))
    while learner.gradient_steps < 3:
        learner.run_update()
    with torch.no_grad():
        for network in (learner.policy.network, learner._target):
            assert isinstance(network.advantage.bias, torch.Tensor)
            network.advantage.bias[1] += 5.0  # the button promises the most
    batch = learner._replay.sample(32, np.random.default_rng(0))
    worth = RainbowPolicy(learner._target, learner._normaliser).q_values(batch.following)
    assert (worth.argmax(1) == 1).all(), "this proves nothing"
    online = learner.policy.q_values(batch.following)
    best = np.where([True, False, True, True], online if double else worth, -np.inf).argmax(1)
    expected = batch.returns + batch.discounts * worth[np.arange(32), best]
    np.testing.assert_allclose(learner._goal(batch, None).numpy(), expected, rtol=1e-4, atol=1e-5)
    env.close()


def test_pictures_that_are_no_stack_are_refused_not_mixed_up() -> None:
    class Channels(gym.Env[NDArray[np.uint8], int]):
        observation_space = gym.spaces.Box(0, 255, (6, 40, 40), np.uint8)
        action_space = gym.spaces.Discrete(2)

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            return self.observation_space.sample(), {}

        def step(self, action: int) -> Any:
            return self.observation_space.sample(), 0.0, False, False, {}

    def make() -> SyncVectorEnv:
        return SyncVectorEnv([Channels], autoreset_mode=AutoresetMode.SAME_STEP)

    with pytest.raises(ValueError, match="stacked=False"):
        RainbowLearner(make(), SMALL).run_update()
    assert RainbowLearner(make(), replace(SMALL, stacked=False)).run_update().agent_steps == 8


@pytest.mark.parametrize("field", ["steps", "alpha", "v_max", "precision"])
def test_wrong_options_are_named(field: str) -> None:
    wrong: dict[str, Any] = {"steps": 0, "alpha": 1.5, "v_max": -10.0, "precision": "fp8"}
    with pytest.raises(ValueError, match=field):
        RainbowOptions(**{field: wrong[field]})


class Files:
    """Arrays that outlive the learner that wrote them, as mapped files do."""

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}

    def make_array(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        return self.arrays.setdefault(name, np.zeros(shape, dtype))


def plain(report: UpdateReport) -> tuple[Any, ...]:
    episodes = [(episode.lane, episode.reward, episode.steps) for episode in report.episodes]
    return report.agent_steps, report.update, episodes, dict(report.metrics)


def through_json(state: ArrayState) -> ArrayState:
    return ArrayState(state.kind, {k: v.copy() for k, v in state.arrays.items()}, json.loads(json.dumps(state.values)))


@pytest.mark.parametrize(
    ("changes", "game"),
    [
        ({}, {}),
        ({"noisy": False, "distributional": False}, {}),
        ({}, {"observation": "gray84 + variables x4", "action_mask": {"LEFT": "lives > 4"}}),
    ],
    ids=["whole", "without", "dict and masks"],
)
def test_a_stored_run_goes_on_as_if_it_had_not_stopped(changes: dict[str, Any], game: dict[str, Any]) -> None:
    """On a real game, with a ring that wraps; what was played after storing is not seen again."""
    options = replace(SMALL, batch_size=8, target_every=5, buffer_size=160, **changes)
    env, files = breakout(**game), Files()
    learner = RainbowLearner(env, options, seed=3, make_array=files.make_array, spare_steps=100)
    for _ in range(14):
        learner.run_update()
    state = through_json(learner.state())
    lanes = [env.save_state(lane) for lane in range(2)]
    expected = [plain(learner.run_update()) for _ in range(6)]
    env.close()
    assert any(report[2] for report in expected), "no episode ended: this proves too little"

    env = breakout(**game)
    env.reset(seed=99)
    for lane, snapshot in enumerate(lanes):
        env.load_state(lane, snapshot)
    again = RainbowLearner(env, options, seed=5, make_array=files.make_array, spare_steps=100, state=state)
    assert again.steps_lost == 0
    assert [plain(again.run_update()) for _ in range(6)] == expected
    for name, array in learner.state().arrays.items():
        np.testing.assert_array_equal(array, again.state().arrays[name], err_msg=name)
    env.close()


def test_states_of_something_else_are_refused() -> None:
    state = RainbowLearner(cartpole(2), SMALL).state()
    with pytest.raises(StateError, match="of kind 'ppo'"):
        RainbowLearner(cartpole(2), SMALL, state=replace(state, kind="ppo"))
    with pytest.raises(StateError, match="another network"):
        RainbowLearner(cartpole(2), replace(SMALL, hidden=8), state=state)
    with pytest.raises(StateError, match="of kind 'rainbow-learner'"):
        RainbowPolicy.from_state(state)
    del state.arrays["observations/mean"]
    with pytest.raises(StateError, match="does not say what numbers"):
        RainbowLearner(cartpole(2), SMALL, state=state)
    policy = RainbowLearner(cartpole(2), SMALL).policy.state()
    policy.arrays["observations/mean"] = np.ones(3)
    with pytest.raises(StateError, match=r"numbers of shape \(4,\) are like: got shape \(3,\)"):
        RainbowPolicy.from_state(policy)


def test_a_stored_policy_plays_alike() -> None:
    env = breakout(1)
    observations, _ = env.reset(seed=0)
    for changes in ({}, {"dueling": False, "distributional": False, "noisy": False}):
        policy = RainbowLearner(env, replace(SMALL, **changes)).policy
        again = RainbowPolicy.from_state(through_json(policy.state()), device="cpu")
        one, other = (p.decide(observations, np.ones(1, np.bool_)) for p in (policy, again))
        assert one.scores is not None and other.scores is not None
        np.testing.assert_array_equal(one.scores, other.scores)
        assert one.scores.shape == (1, 4) and one.values == one.scores.max()
        assert policy.score_name == "Q-value"
    env.close()


def test_bfloat16_computes_gradients_for_everything() -> None:
    """What autocast casts without gradients must not be taken again where there are some."""
    for precision in ("fp32", "bf16"):
        env = breakout()
        learner = RainbowLearner(env, replace(SMALL, batch_size=8, precision=precision))
        before = {name: p.detach().clone() for name, p in learner.policy.network.named_parameters()}
        while learner.gradient_steps < 1:
            report = learner.run_update()
        for name, parameter in learner.policy.network.named_parameters():
            assert parameter.dtype == torch.float32
            assert not torch.equal(parameter, before[name]), name
        assert np.isfinite(report.metrics["loss"])
        env.close()


def test_cartpole_is_learned() -> None:
    options = RainbowOptions(
        steps=16_000,
        buffer_size=16_000,
        learn_start=500,
        train_every=4,
        learning_rate=5e-4,
        target_every=100,
        hidden=128,
        sigma=0.1,
        v_min=0.0,
        v_max=100.0,
        batch_size=64,
        device="cpu",
    )
    learner = RainbowLearner(cartpole(8), options, seed=1)
    while learner.agent_steps < options.steps:
        learner.run_update()
    assert mean_return(learner.policy, episodes=16) > 195.0


def mean_return(policy: RainbowPolicy, episodes: int) -> float:
    env = cartpole(episodes)
    observations, _ = env.reset(seed=1000)
    alive, total = np.ones(episodes, np.bool_), np.zeros(episodes)
    while alive.any():
        actions = policy.decide(observations, np.zeros(episodes, np.bool_)).actions
        observations, rewards, terminated, truncated, _ = env.step(actions)
        total += rewards * alive
        alive &= ~(terminated | truncated)
    return float(total.mean())
