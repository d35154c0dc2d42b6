"""Configurations and environments for NEAT's tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import neat
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.vector.utils import batch_space

from playthrough.agents.neat import load_neat_config

HERE = Path(__file__).parent
TUTORIAL = HERE / "tutorial-0.92.cfg"
CARTPOLE = HERE / "cartpole.cfg"


def config_with(path: Path = CARTPOLE, **changes: str) -> str:
    """A configuration file's text with some values replaced; every key must be there."""
    lines = path.read_text().splitlines()
    for key, value in changes.items():
        places = [i for i, line in enumerate(lines) if line.split("=")[0].strip() == key]
        assert places, key
        for place in places:
            lines[place] = f"{key} = {value}"
    return "\n".join(lines) + "\n"


def make_config(path: Path = CARTPOLE, **changes: str) -> neat.Config:
    """A configuration with some values replaced."""
    return load_neat_config(config_with(path, **changes))[0]


def make_cartpole(num_envs: int) -> SyncVectorEnv:
    """Gymnasium's own CartPole, which knows nothing of NEAT."""
    makers = [lambda: gymnasium.make("CartPole-v1")] * num_envs
    return SyncVectorEnv(makers, autoreset_mode=AutoresetMode.DISABLED)


class Lights(VectorEnv[Any, Any, Any]):
    """Shows a random picture each step and pays 1 for each button that matches its light.

    Four frames a step; the game ends when fewer than a quarter of the buttons match, else after 12 steps. Lanes that
    have ended stay as they are.
    """

    def __init__(self, num_envs: int, size: int = 1120, num_buttons: int = 12, freezes: bool = True) -> None:
        self.num_envs, self.freezes_finished_lanes = num_envs, freezes
        self.metadata = {"autoreset_mode": AutoresetMode.DISABLED}
        self.single_observation_space = gymnasium.spaces.Box(0.0, 1.0, (size,), np.float32)
        self.single_action_space = gymnasium.spaces.MultiBinary(num_buttons)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.num_buttons = num_buttons
        self.pictures = np.zeros((num_envs, size), dtype=np.float32)
        self.rngs = [np.random.default_rng(0)] * num_envs
        self.steps = np.zeros(num_envs, dtype=np.int64)
        self.ended = np.ones(num_envs, dtype=np.bool_)
        self.states: list[Any] = [None] * num_envs
        self.num_lane_steps = 0

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        options = options or {}
        mask = options.get("reset_mask", np.ones(self.num_envs, dtype=np.bool_))
        for lane in np.flatnonzero(mask):
            self.rngs[lane] = np.random.default_rng(seed[lane])
            self.states[lane] = options["state"][lane] if "state" in options else None
            self.pictures[lane] = self._picture(lane)
            self.steps[lane], self.ended[lane] = 0, False
        return self.pictures.copy(), {}

    def _picture(self, lane: int) -> Any:
        return self.rngs[lane].random(self.pictures.shape[1], dtype=np.float32)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        assert actions.shape == (self.num_envs, self.num_buttons) and actions.dtype == np.int8
        rewards = np.zeros(self.num_envs)
        terminated, truncated = np.zeros(self.num_envs, dtype=np.bool_), np.zeros(self.num_envs, dtype=np.bool_)
        assert self.freezes_finished_lanes or not self.ended.any(), "a lane was stepped after its end"
        for lane in np.flatnonzero(~self.ended):
            self.num_lane_steps += 1
            matches = actions[lane] == (self.pictures[lane, : self.num_buttons] > 0.5)
            rewards[lane] = matches.sum() * (10.0 if self.states[lane] == "rich" else 1.0)
            self.steps[lane] += 1
            terminated[lane] = matches.mean() < 0.25
            truncated[lane] = self.steps[lane] >= 12 and not terminated[lane]
            self.ended[lane] = terminated[lane] or truncated[lane]
            self.pictures[lane] = self._picture(lane)
        frames = {"frames": self.steps * 4, "_frames": np.ones(self.num_envs, dtype=np.bool_)}
        return self.pictures.copy(), rewards, terminated, truncated, frames
