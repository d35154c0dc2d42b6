"""The same player of the same game on two engines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import playthrough as pt

HASTY = [[], ["RIGHT"], ["RIGHT", "B"], ["RIGHT", "A"], ["A"], ["LEFT"]]
CHANCES = (0.05, 0.3, 0.2, 0.3, 0.1, 0.05)


def played(
    engine: str,
    game: str,
    state: str | None,
    frames: int,
    actions: Sequence[Sequence[str]] = HASTY,
    *,
    memory_every: int = 1,
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.uint8]]:
    """What a hasty player who starts anew after each end sees: variables and rewards by frame, and memory by some."""
    env = pt.make_vec(
        game,
        num_envs=1,
        engine=engine,
        state=state,
        observation="variables",
        autoreset_mode="disabled",
        actions=actions,
    )
    env.reset(seed=0)
    random, action = np.random.default_rng(1), np.zeros(1, np.int64)
    chances = CHANCES if len(actions) == len(CHANCES) else None
    variables: list[NDArray[np.float32]] = []
    rewards: list[float] = []
    memory: list[NDArray[np.uint8]] = []
    for frame in range(frames):
        if frame % 6 == 0:
            action = random.choice(len(actions), 1, p=chances)
        seen, reward, terminated, truncated, _ = env.step(action)
        variables.append(seen[0].copy())
        rewards.append(float(reward[0]))
        if frame % memory_every == 0:
            memory.append(env.engine.read_ram()[0])
        if terminated[0] or truncated[0]:
            env.reset(options={"reset_mask": terminated | truncated})
    env.close()
    return np.array(variables), np.array(rewards), np.array(memory)
