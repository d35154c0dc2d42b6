"""Peer A: stable-retro in Gymnasium's wrappers and AsyncVectorEnv, or one bare environment of it.

It is what a user of stable-retro writes: frame skip 4 with the maximum of the last two frames, grayscale, 84x84 by
area, 4 stacked, in AsyncVectorEnv over shared memory. Gymnasium's grayscale is slow, so there is a lean variant too, in
which two wrappers of one's own and OpenCV do the same.
"""

from __future__ import annotations

import functools
import time
from typing import Any

import cv2
import gymnasium as gym
import numpy as np
import stable_retro

from benchmarks.peer import config_of_this_process, memory_bytes, play, serve

NUM_ACTIONS = 512


class MaxAndSkip(gym.Wrapper):
    """Four frames per step, the maximum of the last two."""

    def step(self, action: Any) -> Any:
        """Hold the action."""
        total, frames = 0.0, []
        for _ in range(4):
            frame, reward, terminated, truncated, info = self.env.step(action)
            frames.append(frame)
            total += float(reward)
            if terminated or truncated:
                break
        return np.maximum(frames[-1], frames[-2 if len(frames) > 1 else -1]), total, terminated, truncated, info


class Gray84(gym.ObservationWrapper):
    """Grayscale, then 84x84 by area."""

    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        self.observation_space = gym.spaces.Box(0, 255, (84, 84), np.uint8)

    def observation(self, frame: Any) -> Any:
        """Resize."""
        return cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (84, 84), interpolation=cv2.INTER_AREA)


def make_one(game: str, folder: str, scenario: str | None = None) -> gym.Env:
    """One environment, from a folder that holds the game's integration with its ROM."""
    cv2.setNumThreads(1)
    integrations = stable_retro.data.Integrations
    integrations.add_custom_path(folder)
    return stable_retro.make(game, scenario=scenario, inttype=integrations.CUSTOM_ONLY, render_mode=None)


def make_wrapped(game: str, folder: str, lean: bool) -> gym.Env:
    """One environment in the wrappers."""
    env = make_one(game, folder)
    if lean:
        env = Gray84(MaxAndSkip(env))
    else:
        env = gym.wrappers.GrayscaleObservation(gym.wrappers.MaxAndSkipObservation(env, 4))
        env = gym.wrappers.ResizeObservation(env, (84, 84))
    return gym.wrappers.FrameStackObservation(env, 4)


def serve_one(config: dict[str, Any]) -> None:
    """One bare environment: `rgb`, every frame, variables and reward."""
    env = make_one(config["game"], config["folder"], config["scenario"])
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(NUM_ACTIONS)]

    def step(action: Any) -> int:
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            env.reset()
            return 1
        return 0

    def run(seconds: float, fresh: bool = False) -> dict[str, Any]:
        if fresh:
            env.reset()
        return play(step, actions, 1, seconds)

    def resets(count: int, gap: int) -> dict[str, Any]:
        times = []
        for number in range(count):
            for one in range(gap):
                env.step(actions[(number * gap + one) % NUM_ACTIONS])
            begin = time.perf_counter()
            env.reset()
            times.append((time.perf_counter() - begin) * 1e6)
        return {"reset_us": times}

    serve(
        {
            "run": run,
            "resets": resets,
            "memory": lambda: dict(memory_bytes()),
        }
    )
    env.close()


def serve_vector(config: dict[str, Any]) -> None:
    """AsyncVectorEnv. A step that only resets is no decision and does not count."""
    lanes = config["lanes"]
    make = functools.partial(make_wrapped, config["game"], config["folder"], config["lean"])
    env = gym.vector.AsyncVectorEnv([make] * lanes, shared_memory=True)
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(NUM_ACTIONS)]

    def step(action: Any) -> int:
        _, _, terminated, truncated, _ = env.step(action)
        return int((terminated | truncated).sum())

    def run(seconds: float) -> dict[str, Any]:
        result = play(step, actions, lanes, seconds)
        result["steps"] -= result["episodes"]
        return result

    serve({"run": run, "memory": lambda: dict(memory_bytes())})
    env.close()


if __name__ == "__main__":
    serve_one(config_of_this_process()) if "lanes" not in config_of_this_process() else serve_vector(
        config_of_this_process()
    )
