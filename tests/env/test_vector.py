"""RetroVectorEnv is N single environments, exactly: in every autoreset mode, on any number of threads."""

from __future__ import annotations

import threading
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import playthrough as pt

GAME = "Airstriker-Genesis"

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {"observation": "rgb"},
    "gray84": {"observation": "gray84", "frame_skip": 4},
    "everything random": {
        "observation": "gray84",
        "frame_skip": 3,
        "noop_max": 9,
        "repeat_action_probability": 0.25,
        "state": {"Level1": 2.0, "power-on": 1.0},
    },
    "delayed": {"observation": "variables", "frame_skip": 4, "delay_action_probability": 0.5},
    "ram": {"observation": "ram", "frame_skip": 2, "actions": "discrete"},
}


def assert_same(ours: Any, theirs: Any, where: str) -> None:
    """Equal infos or arrays, key by key."""
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), where
        for key in theirs:
            if not key.startswith("_") and "_" + key in theirs:
                lanes = theirs["_" + key]
                assert (ours["_" + key] == lanes).all(), f"{where} _{key}"
                if isinstance(theirs[key], dict):
                    assert_same(ours[key], theirs[key], f"{where} {key}")
                    continue
                for lane in np.flatnonzero(lanes):
                    np.testing.assert_array_equal(ours[key][lane], theirs[key][lane], f"{where} {key} lane {lane}")
        return
    np.testing.assert_array_equal(ours, theirs, where)


@pytest.mark.parametrize("mode", ["next_step", "same_step", "disabled"])
@pytest.mark.parametrize("name", OPTIONS)
def test_equals_gymnasiums_vector_of_single_environments(name: str, mode: str) -> None:
    options = OPTIONS[name] | {"max_episode_steps": 7}
    ours = pt.make_vec(GAME, num_envs=3, num_threads=2, autoreset_mode=mode, **options)
    theirs = SyncVectorEnv([lambda: pt.make(GAME, **options)] * 3, autoreset_mode=ours.metadata["autoreset_mode"])
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    ours.action_space.seed(5)
    for step in range(-1, 20):
        if step == -1:
            got, expected = ours.reset(seed=40), theirs.reset(seed=40)
        elif mode == "disabled" and step in (7, 14):
            mask = np.array([True, True, True])
            got = ours.reset(options={"reset_mask": mask})
            expected = theirs.reset(options={"reset_mask": mask})
        else:
            actions = ours.action_space.sample()
            got, expected = ours.step(actions), theirs.step(actions)
        for ours_part, theirs_part in zip(got, expected, strict=True):
            assert_same(ours_part, theirs_part, f"step {step}")
    ours.close()
    theirs.close()


def play(lanes: int, threads: int, steps: int = 40) -> list[tuple[bytes, ...]]:
    """What each lane saw, as bytes; actions depend on the lane alone."""
    env = pt.make_vec(
        GAME,
        num_envs=lanes,
        num_threads=threads,
        observation="gray84",
        frame_skip=4,
        actions="discrete",
        noop_max=20,
        repeat_action_probability=0.25,
        max_episode_steps=15,
    )
    choices = [np.random.default_rng(lane) for lane in range(lanes)]
    seen: list[list[bytes]] = [[] for _ in range(lanes)]
    observations, _ = env.reset(seed=3)
    for _ in range(steps):
        actions = np.array([choice.integers(env.single_action_space.n) for choice in choices])
        observations, rewards, terminated, truncated, infos = env.step(actions)
        for lane in range(lanes):
            values = [rewards[lane], terminated[lane], truncated[lane], infos["score"][lane], infos["frames"][lane]]
            seen[lane].append(observations[lane].tobytes() + repr(values).encode())
    env.close()
    return [tuple(lane) for lane in seen]


def test_lanes_and_threads_change_nothing() -> None:
    eight = play(8, 2)
    assert len(set(eight)) == 8, "the lanes did the same: this proves nothing"
    assert play(8, 1) == eight
    assert play(2, 2) == eight[:2]
    assert play(2, 1) == eight[:2]
    assert play(1, 1) == eight[:1]


def test_gymnasium_makes_it_by_id() -> None:
    env = gym.make("playthrough/Airstriker-Genesis-v0", frame_skip=2)
    assert isinstance(env.unwrapped, pt.RetroEnv)
    env.close()
    for mode in AutoresetMode:
        vector = gym.make_vec("playthrough/Airstriker-Genesis-v0", num_envs=3, autoreset_mode=mode)
        assert isinstance(vector.unwrapped, pt.RetroVectorEnv)
        assert vector.metadata["autoreset_mode"] is mode
        vector.reset(seed=1)
        vector.step(vector.action_space.sample())
        vector.close()


def test_gymnasium_wraps_single_environments_in_processes() -> None:
    env = gym.make_vec("playthrough/Airstriker-Genesis-v0", num_envs=2, vectorization_mode="async")
    first, _ = env.reset(seed=1)
    ours = pt.make_vec(GAME, num_envs=2)
    np.testing.assert_array_equal(first, ours.reset(seed=1)[0])
    env.close()
    ours.close()


@pytest.mark.parametrize("observation", ["rgb", "gray84", "grid8", "ram", "variables"])
def test_gymnasiums_checker_is_content(observation: str, recwarn: pytest.WarningsRecorder) -> None:
    from gymnasium.utils.env_checker import check_env

    env = pt.make(GAME, observation=observation, render_mode="rgb_array")
    check_env(env)
    env.close()
    assert [str(warning.message) for warning in recwarn] == []


def test_stable_baselines_checker_is_content(recwarn: pytest.WarningsRecorder) -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    for observation in ("rgb", "gray84", "variables"):
        env = pt.make(GAME, observation=observation)
        checker.check_env(env)
        env.close()
    ours = [
        warning for warning in recwarn if "playthrough" in warning.filename or "stable_baselines3" in warning.filename
    ]
    assert [str(warning.message) for warning in ours] == []


def test_a_finished_lane_stays_where_it_is_without_autoreset() -> None:
    env = pt.make_vec(GAME, num_envs=2, observation="gray84", autoreset_mode="disabled", max_episode_steps=3)
    env.reset(seed=0)
    actions = np.zeros((2, 12), np.int8)
    for _ in range(3):
        last, *_ = env.step(actions)
    env.reset(options={"reset_mask": np.array([False, True])})
    for _ in range(2):
        observations, rewards, terminated, truncated, infos = env.step(actions)
        np.testing.assert_array_equal(observations[0], last[0])
    assert not terminated.any() and not truncated.any() and rewards[0] == 0
    assert infos["_frames"].tolist() == [False, True]
    assert infos["frames"].tolist() == [3, 2]
    env.close()


def test_the_reset_step_ignores_its_action() -> None:
    env = pt.make_vec(GAME, num_envs=1, max_episode_steps=2)
    env.reset(seed=0)
    start, _ = env.reset()
    nothing = np.zeros((1, 12), np.int8)
    env.step(nothing)
    *_, truncated, infos = env.step(nothing)
    assert truncated[0] and infos["episode_end"][0] == "time limit"
    observations, rewards, terminated, truncated, infos = env.step(np.ones((1, 12), np.int8))
    np.testing.assert_array_equal(observations, start)
    assert rewards[0] == 0 and not terminated[0] and not truncated[0] and infos["frames"][0] == 0
    env.close()


def test_wrong_calls_say_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="frame_skip must be a whole number, 1 or more, not 0"):
        pt.make(GAME, frame_skip=0)
    with pytest.raises(ValueError, match="observation must be one of rgb, gray84"):
        pt.make(GAME, observation="gray85")
    with pytest.raises(TypeError, match="num_envs is an option of make_vec"):
        pt.make(GAME, num_envs=2)
    with pytest.raises(TypeError, match="frameskip"):
        pt.make(GAME, frameskip=2)
    env = pt.make_vec(GAME, num_envs=2)
    with pytest.raises(gym.error.ResetNeeded, match=r"call reset\(\) before"):
        env.step(env.action_space.sample())
    env.reset()
    with pytest.raises(ValueError, match="reset_mask must be a bool array"):
        env.reset(options={"reset_mask": [1]})
    with pytest.raises(ValueError, match="not 'stat'"):
        env.reset(options={"stat": "Level1"})
    with pytest.raises(ValueError, match="seed has 3 entries for 2 lanes"):
        env.reset(seed=[1, 2, 3])
    env.reset(seed=np.arange(2))  # type: ignore[arg-type]
    with pytest.raises(pt.PlaythroughError, match="Level1"):
        env.reset(options={"state": "Level9"})
    env.close()


def test_whole_numbers_as_floats_are_actions() -> None:
    """Stable-baselines3 gives MultiBinary actions as 0.0 and 1.0."""
    env = pt.make(GAME)
    env.reset(seed=0)
    pressed = np.zeros(12, np.float32)
    pressed[0] = 1.0
    env.step(pressed)
    with pytest.raises(TypeError, match="whole numbers"):
        env.step(pressed / 2)
    env.close()


def test_an_environment_that_runs_in_another_thread_says_so() -> None:
    env = pt.make_vec(GAME, num_envs=2, num_threads=2)
    env.reset(seed=0)
    refused: list[str] = []

    def play() -> None:
        for _ in range(60):
            try:
                env.step(np.zeros((2, 12), np.int8))
            except RuntimeError as error:
                refused.append(str(error))

    threads = [threading.Thread(target=play) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused and set(refused) == {"this environment is running in another thread; give each thread its own"}
    env.step(np.zeros((2, 12), np.int8))
    env.close()
    with pytest.raises(pt.PlaythroughError, match="closed"):
        env.reset()


def test_the_wrong_number_of_actions_is_refused() -> None:
    env = pt.make_vec(GAME, num_envs=3)
    env.reset()
    with pytest.raises(ValueError, match="1 actions for 3 lanes"):
        env.step(np.zeros((1, 12), np.int8))
    env.close()
