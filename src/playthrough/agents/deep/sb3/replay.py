"""What QR-DQN learns from: the latest steps of all lanes, in arrays that may lie in a file.

An observation is kept once: that after a step is that before the next one. What comes after an episode's last step is
not kept: a terminated episode has no worth beyond its end, and steps on which an episode was cut off are not drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.buffers import BaseBuffer, ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples

MakeArray = Callable[[str, tuple[int, ...], np.dtype[Any]], NDArray[Any]]
"""Gives an array by name, shape and dtype: zeros, or what was in it before."""

SPARE = 0.1
"""The arrays are this much longer than what is drawn from."""

_MAX_REDRAWS = 1000


def new_array(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array in memory."""
    return np.zeros(shape, dtype)


class StepReplay(ReplayBuffer):
    """A `ReplayBuffer` with each observation once.

    Only the latest `buffer_size` steps are drawn, and the ring is a tenth longer. So what was written into a mapped
    file after a checkpoint is nothing that a learner which goes on from that checkpoint will draw, unless it was more
    than that tenth.

    Args:
        buffer_size: Steps to draw from, of all lanes together.
        observation_space: Of one lane.
        action_space: Of one lane.
        device: Where minibatches go.
        n_envs: How many lanes.
        optimize_memory_usage: It is, whatever is asked for.
        make_array: Gives the arrays.
    """

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        device: torch.device | str = "auto",
        n_envs: int = 1,
        optimize_memory_usage: bool = True,
        make_array: MakeArray = new_array,
    ) -> None:
        BaseBuffer.__init__(self, buffer_size, observation_space, action_space, device, n_envs)
        self.num_drawn = max(buffer_size // n_envs, 2)
        self.buffer_size = self.num_drawn + max(2, round(self.num_drawn * SPARE))
        self.optimize_memory_usage, self.handle_timeout_termination = True, False
        rows = (self.buffer_size, n_envs)
        self.observations = make_array("observations", (*rows, *self.obs_shape), np.dtype(observation_space.dtype))
        self.actions = make_array("actions", (*rows, self.action_dim), np.dtype(np.int64))
        self.rewards = make_array("rewards", rows, np.dtype(np.float32))
        self.dones = make_array("dones", rows, np.dtype(np.float32))
        self.timeouts = make_array("timeouts", rows, np.dtype(np.float32))

    def add(
        self,
        obs: NDArray[Any],
        next_obs: NDArray[Any],
        action: NDArray[Any],
        reward: NDArray[Any],
        done: NDArray[Any],
        infos: Sequence[dict[str, Any]],
    ) -> None:
        """Keep one step of every lane."""
        row = self.pos
        self.observations[row] = obs
        self.actions[row] = action.reshape(self.n_envs, self.action_dim)
        self.rewards[row] = reward
        self.dones[row] = done
        self.timeouts[row] = 0.0
        for lane in np.flatnonzero(done).tolist():
            self.timeouts[row, lane] = infos[lane]["TimeLimit.truncated"]
        self.pos = (row + 1) % self.buffer_size
        self.full = self.full or self.pos == 0
        self.observations[self.pos] = next_obs

    def sample(self, batch_size: int, env: Any = None) -> ReplayBufferSamples:
        """Draw steps, each with the same chance."""
        steps = self.buffer_size if self.full else self.pos
        rows, lanes = self._draw(batch_size, min(steps, self.num_drawn))
        for _ in range(_MAX_REDRAWS):
            cut = np.flatnonzero(self.timeouts[rows, lanes])
            if not cut.size:
                break
            rows[cut], lanes[cut] = self._draw(cut.size, min(steps, self.num_drawn))
        else:
            raise ValueError("episodes are cut off on nearly every step, so that there is nothing to learn from")
        tensors = (
            self.observations[rows, lanes],
            self.actions[rows, lanes],
            self.observations[(rows + 1) % self.buffer_size, lanes],
            self.dones[rows, lanes].reshape(-1, 1),
            self.rewards[rows, lanes].reshape(-1, 1),
        )
        return ReplayBufferSamples(*[torch.from_numpy(array).to(self.device) for array in tensors])

    def _draw(self, number: int, steps: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        ages = np.random.randint(1, steps + 1, size=number)
        return (self.pos - ages) % self.buffer_size, np.random.randint(0, self.n_envs, size=number)
