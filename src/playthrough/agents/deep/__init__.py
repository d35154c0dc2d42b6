"""Deep reinforcement learning: PPO, A2C, QR-DQN, recurrent and masked PPO by stable-baselines3, and our own Rainbow.

PyTorch is imported when a learner or a policy is made, not before.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import gymnasium

    from playthrough.agents.deep.learner import ArrayState, Learner, Policy

# PyTorch's threads go on spinning for milliseconds when they have nothing to do, on the very processors that the
# emulators are to run on next. They read this when PyTorch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")

MakeArray = Callable[[str, tuple[int, ...], Any], NDArray[Any]]
"""Gives a replay buffer's array by name, shape and dtype: zeros, or what a stored run left in it."""


def make_learner(
    options: Any,
    env: Any,
    seed: int,
    *,
    state: ArrayState | None = None,
    make_array: MakeArray = lambda name, shape, dtype: np.zeros(shape, dtype),
    spare_steps: int | None = None,
) -> Learner:
    """A learner.

    Args:
        options: Those of `playthrough.agents.deep.sb3.options`, or RainbowOptions.
        env: Lanes to play on, a `gymnasium.vector.VectorEnv` in `AutoresetMode.SAME_STEP`.
        seed: Seed of the run, not negative.
        state: Go on from here; the lanes of `env` must have been put back to where they were then.
        make_array: Gives the arrays of a replay buffer.
        spare_steps: Rainbow: decisions after `state()` that leave alone what it refers to in those arrays.

    Raises:
        ValueError: If an option, the environment or the state does not fit.
        StateError: If the state is damaged, or another learner's.
    """
    from playthrough.agents.deep.rainbow_options import RainbowOptions

    if isinstance(options, RainbowOptions):
        from playthrough.agents.deep.rainbow import RainbowLearner

        return RainbowLearner(env, options, seed, make_array=make_array, spare_steps=spare_steps, state=state)
    from playthrough.agents.deep.sb3.learners import Sb3Learner

    return Sb3Learner(options, env, seed, state=state, make_array=make_array)


def make_policy(
    state: ArrayState, observation_space: gymnasium.Space[Any], action_space: gymnasium.Space[Any], device: str = "cpu"
) -> Policy:
    """A policy from its state.

    Args:
        state: What a policy's `state()` gave.
        observation_space: Of one lane.
        action_space: Of one lane.
        device: Where it shall run.

    Raises:
        ValueError: If it is of an unknown kind, or for other observations or actions.
        StateError: If it is damaged.
    """
    if state.kind == "rainbow":
        from playthrough.agents.deep.rainbow_policy import RainbowPolicy

        return RainbowPolicy.from_state(state, device)
    from playthrough.agents.deep.sb3.policy import policy_from_state

    return policy_from_state(state, observation_space, action_space, device)
