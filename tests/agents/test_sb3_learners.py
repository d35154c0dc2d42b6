from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

import playthrough as pt
from playthrough.agents.deep.learner import UpdateReport

torch = pytest.importorskip("torch")
pytest.importorskip("sb3_contrib")

from stable_baselines3 import PPO  # noqa: E402
from stable_baselines3.common.utils import LinearSchedule  # noqa: E402
from stable_baselines3.common.vec_env import DummyVecEnv  # noqa: E402

from playthrough.agents.deep.sb3.learners import Sb3Learner  # noqa: E402
from playthrough.agents.deep.sb3.options import (  # noqa: E402
    A2cOptions,
    MaskablePpoOptions,
    PpoOptions,
    QrdqnOptions,
    RecurrentPpoOptions,
    Sb3Options,
)

PLAIN: dict[str, Any] = {
    "precision": "fp32",
    "channels_last": False,
    "fused_optimiser": False,
    "normalise_observations": False,
    "reward_clip": False,
    "num_learner_threads": 1,
}
LANES = 2


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def cartpole(lanes: int) -> VectorEnv:
    return SyncVectorEnv([lambda: gym.make("CartPole-v1")] * lanes, autoreset_mode=AutoresetMode.SAME_STEP)


def airstriker(**changes: Any) -> pt.RetroVectorEnv:
    options: dict[str, Any] = {
        "observation": "gray84",
        "actions": [[], ["B"], ["LEFT"], ["RIGHT"]],
        "frame_skip": 4,
        "max_episode_steps": 9,
        "noop_max": 5,
        "num_threads": 1,
    }
    return pt.make_vec("Airstriker-Genesis", num_envs=LANES, autoreset_mode="same_step", **options | changes)


def same(one: UpdateReport, other: UpdateReport) -> bool:
    return (
        one.agent_steps == other.agent_steps
        and one.update == other.update
        and one.metrics == other.metrics
        and [(e.lane, e.reward, e.steps) for e in one.episodes] == [(e.lane, e.reward, e.steps) for e in other.episodes]
    )


SMALL = {"rollout_steps": 8, "steps": 200, "num_learner_threads": 1}
EVERY = [
    PpoOptions(batch_size=8, epochs=2, normalise_returns=True, **SMALL),
    A2cOptions(rollouts_per_update=2, **{**SMALL, "rollout_steps": 5}),
    RecurrentPpoOptions(batch_size=8, epochs=1, **SMALL),
    MaskablePpoOptions(batch_size=8, epochs=2, **SMALL),
    QrdqnOptions(steps=200, num_learner_threads=1, learning_starts=8, update_steps=16, buffer_size=60, batch_size=4),
]


@pytest.mark.parametrize("options", EVERY, ids=lambda options: options.algo)
def test_a_resumed_run_is_the_uninterrupted_one(options: Sb3Options):
    kept: dict[str, np.ndarray] = {}

    def make_array(name, shape, dtype):
        return kept.setdefault(name, np.zeros(shape, dtype))

    env = airstriker()
    learner = Sb3Learner(options, env, 3, make_array=make_array)
    for _ in range(3):
        learner.run_update()
    state, lanes = learner.state(), [env.save_state(lane) for lane in range(LANES)]
    file = {name: array.copy() for name, array in kept.items()}
    expected = [learner.run_update() for _ in range(3)]
    final = learner.state()
    env.close()
    assert expected[-1].episodes, "the test must see lanes start anew"

    np.random.seed(5)  # whatever else happens in the process
    torch.manual_seed(5)
    kept.clear()
    kept.update(file)
    env = airstriker()
    for lane, snapshot in enumerate(lanes):
        env.load_state(lane, snapshot)
    resumed = Sb3Learner(options, env, 99, state=state, make_array=make_array)
    assert resumed.agent_steps == state.values["agent_steps"]
    for report in expected:
        np.random.random(7)
        assert same(resumed.run_update(), report)
    again = resumed.state()
    env.close()
    assert again.values == final.values
    assert again.arrays.keys() == final.arrays.keys()
    for name, array in final.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array, err_msg=name)


def test_a_replay_file_that_went_on_resumes_the_same():
    """After a kill, a mapped file holds steps that the checkpoint knows nothing of."""
    options = replace(EVERY[-1], update_steps=2, buffer_size=80, batch_size=100, learning_starts=90)
    kept: dict[str, np.ndarray] = {}

    def make_array(name, shape, dtype):
        return kept.setdefault(name, np.zeros(shape, dtype))

    env = airstriker()
    learner = Sb3Learner(options, env, 3, make_array=make_array)
    while learner.agent_steps < 100:  # the ring of 88 has gone round
        learner.run_update()
    state, lanes = learner.state(), [env.save_state(lane) for lane in range(LANES)]
    expected = [learner.run_update() for _ in range(2)]
    assert learner.agent_steps - state.values["agent_steps"] == 8, "as many as the ring has to spare"
    for lane, snapshot in enumerate(lanes):
        env.load_state(lane, snapshot)
    resumed = Sb3Learner(options, env, 3, state=state, make_array=make_array)
    assert all(same(resumed.run_update(), report) for report in expected)
    env.close()


@pytest.mark.parametrize("picture", [False, True], ids=["vector", "picture"])
def test_without_speed_ups_the_parameters_are_those_of_sb3(picture: bool):
    """The same seeds through SB3's own DummyVecEnv of single environments and its own `learn`."""
    steps, batch, epochs = (16, 8, 2) if picture else (64, 32, 3)
    total = 3 * steps * LANES
    options = PpoOptions(steps=total, rollout_steps=steps, batch_size=batch, epochs=epochs, **PLAIN)
    env = airstriker(frame_skip=2) if picture else cartpole(LANES)
    learner = Sb3Learner(options, env, 7)
    reports = [learner.run_update() for _ in range(3)]
    env.close()

    def single() -> gym.Env:
        if not picture:
            return gym.make("CartPole-v1")
        options = {"actions": [[], ["B"], ["LEFT"], ["RIGHT"]], "max_episode_steps": 9, "noop_max": 5}
        return pt.make("Airstriker-Genesis", observation="gray84", frame_skip=2, **options)

    theirs = PPO(
        "CnnPolicy" if picture else "MlpPolicy",
        DummyVecEnv([single] * LANES),
        n_steps=steps,
        batch_size=batch,
        n_epochs=epochs,
        learning_rate=LinearSchedule(2.5e-4, 0.0, 1.0),
        clip_range=LinearSchedule(0.1, 0.0, 1.0),
        ent_coef=0.01,
        vf_coef=0.5,
        seed=7,
        device="cpu",
    )
    theirs.learn(total)
    theirs.env.close()
    assert sum(len(report.episodes) for report in reports) > 2
    expected = theirs.policy.state_dict()
    assert len(expected) > 5
    mine = learner.state().arrays
    for name, tensor in expected.items():
        np.testing.assert_array_equal(mine[f"parameters/{name}"], tensor.numpy(), err_msg=name)


@pytest.mark.parametrize(
    ("options", "goal"),
    [
        (
            PpoOptions(
                steps=24_000, rollout_steps=64, batch_size=128, epochs=8, learning_rate=2e-3, clip_range=0.2, **PLAIN
            ),
            150,
        ),
        (A2cOptions(steps=40_000, num_learner_threads=1), 60),
    ],
    ids=["ppo", "a2c"],
)
def test_cartpole_is_learned(options: Sb3Options, goal: float):
    env = cartpole(8)
    learner = Sb3Learner(options, env, 0)
    rewards: list[float] = []
    while learner.agent_steps < options.steps:
        rewards += [episode.reward for episode in learner.run_update().episodes]
    env.close()
    assert np.mean(rewards[:20]) < 60
    assert np.mean(rewards[-50:]) > goal


def test_a_report_says_what_happened():
    options = PpoOptions(steps=400, rollout_steps=20, batch_size=10, epochs=2, num_learner_threads=1)
    env = airstriker()
    learner = Sb3Learner(options, env, 1)
    report = learner.run_update()
    env.close()
    assert (report.agent_steps, report.update) == (40, 1)
    assert [episode.steps for episode in report.episodes] == [9, 9, 9, 9]
    assert {episode.lane for episode in report.episodes} == {0, 1}
    info = report.episodes[0].info
    assert info["episode_end"] == "time limit" and info["frames"] == 36 and "score" in info
    assert {
        "loss",
        "entropy",
        "approx_kl",
        "explained_variance",
        "learning_rate",
        "value_loss",
    } <= report.metrics.keys()
    assert report.metrics["entropy"] == pytest.approx(np.log(4), abs=0.01)
    assert report.metrics["learning_rate"] == pytest.approx(2.5e-4 * (1 - 40 / 400))
    assert report.collect_s > 0 and report.learn_s > 0


def test_bf16_learns_nearly_the_same():
    reports: dict[str, UpdateReport] = {}
    for precision in ("fp32", "bf16"):
        options = PpoOptions(
            steps=400, rollout_steps=16, batch_size=16, epochs=1, num_learner_threads=1, precision=precision
        )
        env = airstriker()
        reports[precision] = Sb3Learner(options, env, 1).run_update()
        env.close()
    fp32, bf16 = reports["fp32"].metrics, reports["bf16"].metrics
    assert bf16["value_loss"] != fp32["value_loss"]
    assert bf16["value_loss"] == pytest.approx(fp32["value_loss"], rel=0.05)
    assert bf16["entropy"] == pytest.approx(fp32["entropy"], rel=0.01)


def test_qrdqn_makes_one_gradient_step_per_steps_per_gradient():
    options = QrdqnOptions(
        steps=400, learning_starts=16, update_steps=24, buffer_size=100, batch_size=4, **{**PLAIN, "reward_clip": True}
    )
    env = cartpole(8)
    learner = Sb3Learner(options, env, 1)
    assert learner.run_update().agent_steps == 24
    learner.run_update()
    env.close()
    assert learner.state().values["gradient_rounds"] == (48 - 16) / 4


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (spaces.Dict({"a": spaces.Discrete(2)}), "a picture or a vector"),
        (spaces.Box(0, 255, (20, 20, 3), np.uint8), "at least 36 x 36"),
        (spaces.Box(0, 1, (84, 84, 3), np.float32), "bytes from 0 to 255"),
    ],
)
def test_observations_that_do_not_fit_are_refused(space: gym.Space, message: str):
    class Odd(gym.Env):
        observation_space = space
        action_space = spaces.Discrete(2)

    env = SyncVectorEnv([Odd], autoreset_mode=AutoresetMode.SAME_STEP)
    with pytest.raises(ValueError, match=message):
        Sb3Learner(PpoOptions(), env, 0)


def test_other_environments_and_states_are_refused():
    with pytest.raises(ValueError, match="SAME_STEP"):
        Sb3Learner(PpoOptions(), SyncVectorEnv([lambda: gym.make("CartPole-v1")]), 0)
    pendulum = SyncVectorEnv([lambda: gym.make("Pendulum-v1")], autoreset_mode=AutoresetMode.SAME_STEP)
    with pytest.raises(ValueError, match="Discrete"):
        Sb3Learner(PpoOptions(), pendulum, 0)
    env = cartpole(2)
    state = Sb3Learner(PpoOptions(rollout_steps=4, batch_size=4), env, 0).state()
    with pytest.raises(ValueError, match="state is that of ppo"):
        Sb3Learner(A2cOptions(), env, 0, state=state)
    with pytest.raises(ValueError, match="another network"):
        Sb3Learner(PpoOptions(rollout_steps=4, hidden_sizes=(32,)), env, 0, state=state)
    with pytest.raises(ValueError, match="2 lanes"):
        Sb3Learner(PpoOptions(rollout_steps=4), cartpole(3), 0, state=state)
    with pytest.raises(ValueError, match="precision must be auto, fp32 or bf16"):
        PpoOptions(precision="fp8")  # type: ignore[arg-type]
