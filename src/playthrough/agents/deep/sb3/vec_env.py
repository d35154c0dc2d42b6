"""Any Gymnasium vector environment as a `VecEnv` of stable-baselines3's, without copies.

A common step costs no loop over lanes; only lanes that ended are looked at one by one.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from playthrough.agents.deep.learner import ArrayState, FinishedEpisode, require_same_step
from playthrough.agents.deep.normaliser import RunningNormaliser
from playthrough.agents.deep.sb3.observations import ObservationInput
from playthrough.agents.lanes import allowed_actions, batch_of_one, lane_info

ACTION_MASKS = "action_masks"
"""The method by which sb3-contrib asks for masks."""

_Indices = int | Iterable[int] | None


@dataclass(frozen=True)
class RewardRule:
    """What rewards become before they are learned from, in this order.

    Attributes:
        scale: Multiplied with.
        clip: Only their sign is left.
        normalise: Divided by the running standard deviation of the discounted return.
        gamma: The discount of that return.
    """

    scale: float = 1.0
    clip: bool = False
    normalise: bool = False
    gamma: float = 0.99


class GymnasiumVecEnv(VecEnv):
    """The adapter.

    `infos` of lanes that did not end are one empty dict that all share. Those of lanes that ended hold
    `terminal_observation`, `TimeLimit.truncated`, and `episode` as stable-baselines3's Monitor writes it, with rewards
    as the environment paid them. Where the environment's infos have `action_mask`, bool (lanes, actions), its method
    `action_masks` gives it; a lane without a mask may do everything.

    Args:
        env: A `gymnasium.vector.VectorEnv` in `AutoresetMode.SAME_STEP`.
        rule: What rewards become.
        normalise_observations: Whether vectors are normalised.

    Raises:
        ValueError: If the environment starts lanes anew in another way, or has spaces that cannot be learned from.
    """

    def __init__(self, env: Any, rule: RewardRule | None = None, *, normalise_observations: bool = False) -> None:
        require_same_step(env)
        self.env = env
        self.rule = rule or RewardRule()
        self.input = ObservationInput(env.single_observation_space, normalise=normalise_observations)
        actions = _countable(env.single_action_space)
        super().__init__(env.num_envs, self.input.space, actions)
        # sb3-contrib masks a button by two numbers: not pressed, pressed.
        self._num_actions = int(actions.n) if isinstance(actions, spaces.Discrete) else 2 * actions.shape[0]
        self._return_scale = RunningNormaliser(())
        self._returns = np.zeros(self.num_envs, np.float64)
        self._rewards = np.zeros(self.num_envs, np.float64)
        self._steps = np.zeros(self.num_envs, np.int64)
        self._masks = np.ones((self.num_envs, self._num_actions), np.bool_)
        self._episodes: list[FinishedEpisode] = []
        self._no_infos: list[dict[str, Any]] = [{}] * self.num_envs
        self._actions: NDArray[Any] | None = None

    def reset(self) -> NDArray[Any]:
        """Start all lanes, with the seeds given by `seed`."""
        seeds = self._seeds if any(seed is not None for seed in self._seeds) else None
        observations, infos = self.env.reset(seed=seeds)
        self._reset_seeds()
        self._returns[:] = self._rewards[:] = 0
        self._steps[:] = 0
        self._read_masks(infos)
        return self.input(observations, learn=True)

    def step_async(self, actions: NDArray[Any]) -> None:
        """Remember the actions."""
        self._actions = actions

    def step_wait(self) -> tuple[NDArray[Any], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Play one step of every lane."""
        observations, paid, terminated, truncated, infos = self.env.step(self._actions)
        done = terminated | truncated
        self._rewards += paid
        self._steps += 1
        self._read_masks(infos)
        rewards = self._learned_rewards(paid, done)
        prepared = self.input(observations, learn=True)
        ended = np.flatnonzero(done)
        return prepared, rewards, done, self._end(ended, terminated, infos) if ended.size else self._no_infos

    def _learned_rewards(self, paid: NDArray[Any], done: NDArray[np.bool_]) -> NDArray[np.float32]:
        rewards = np.asarray(paid, np.float64)
        if self.rule.scale != 1.0:
            rewards = rewards * self.rule.scale
        if self.rule.clip:
            rewards = np.sign(rewards)
        if self.rule.normalise:
            self._returns = self._returns * self.rule.gamma + rewards
            self._return_scale.learn(self._returns)
            self._returns[done] = 0
            return self._return_scale(rewards, centred=False)
        return rewards.astype(np.float32)

    def _end(
        self, lanes: NDArray[np.intp], terminated: NDArray[np.bool_], infos: dict[str, Any]
    ) -> list[dict[str, Any]]:
        told = self._no_infos.copy()
        for lane in lanes.tolist():
            info = lane_info(infos["final_info"], lane) if "final_info" in infos else {}
            reward, steps = float(self._rewards[lane]), int(self._steps[lane])
            self._episodes.append(FinishedEpisode(lane, reward, steps, info))
            told[lane] = {
                "terminal_observation": self.input(batch_of_one(infos["final_obs"][lane]))[0],
                "TimeLimit.truncated": not terminated[lane],
                "episode": {"r": reward, "l": steps},
            }
        self._rewards[lanes] = 0
        self._steps[lanes] = 0
        return told

    def _read_masks(self, infos: dict[str, Any]) -> None:
        masks = allowed_actions(infos, *self._masks.shape)
        if masks is None:
            self._masks[:] = True
        else:
            self._masks = masks

    def take_episodes(self) -> tuple[FinishedEpisode, ...]:
        """Those that ended since the last call."""
        episodes = tuple(self._episodes)
        self._episodes.clear()
        return episodes

    def action_masks(self) -> NDArray[np.bool_]:
        """Which actions are allowed now, bool (lanes, actions)."""
        return self._masks

    # State -----------------------------------------------------------------------------------------------------------

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is counted and remembered here; the environment itself is not in it."""
        arrays: dict[str, NDArray[Any]] = {
            "env/returns": self._returns.copy(),
            "env/rewards": self._rewards.copy(),
            "env/steps": self._steps.copy(),
            "env/action_masks": self._masks.copy(),
            **self._return_scale.arrays("env/return_scale"),
        }
        if self.input.normaliser:
            arrays |= self.input.normaliser.arrays("observations")
        return arrays

    def load(self, state: ArrayState) -> None:
        """Go on with the numbers of a state; the environment's lanes must have been put back already."""
        self._returns = np.array(state.arrays["env/returns"])
        self._rewards = np.array(state.arrays["env/rewards"])
        self._steps = np.array(state.arrays["env/steps"])
        self._masks = np.array(state.arrays["env/action_masks"])
        self._return_scale.load("env/return_scale", state)
        if self.input.normaliser:
            self.input.normaliser.load("observations", state)

    # What else a VecEnv has ------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def get_attr(self, attr_name: str, indices: _Indices = None) -> list[Any]:
        """An attribute of the environment, once per lane."""
        if attr_name == ACTION_MASKS:
            value: Any = self.action_masks
        elif attr_name == "render_mode":
            value = getattr(self.env, attr_name, None)
        else:
            value = getattr(self.env, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: _Indices = None) -> None:
        """Not possible: the lanes are one environment."""
        raise NotImplementedError(f"cannot set {attr_name} on single lanes: they are one environment")

    def env_method(
        self, method_name: str, *method_args: Any, indices: _Indices = None, **method_kwargs: Any
    ) -> list[Any]:
        """`action_masks`: one mask per lane."""
        if method_name != ACTION_MASKS:
            raise NotImplementedError(f"cannot call {method_name} on single lanes: they are one environment")
        return list(self._masks) if indices is None else [self._masks[lane] for lane in self._get_indices(indices)]

    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]], indices: _Indices = None
    ) -> list[bool]:
        """No lane is wrapped in anything."""
        return [False for _ in self._get_indices(indices)]


def _countable(space: gymnasium.Space[Any]) -> spaces.Discrete | spaces.MultiBinary:
    """A copy, so that drawing random actions moves nobody else's random numbers."""
    if isinstance(space, spaces.Discrete) and space.start == 0:
        return cast("spaces.Discrete", copy.deepcopy(space))
    if isinstance(space, spaces.MultiBinary) and len(space.shape) == 1:
        return copy.deepcopy(space)
    raise ValueError(
        f"expected actions in Discrete(n) or MultiBinary(n), got {space}: "
        'a game gives such with actions="discrete", "buttons", or a list of button lists'
    )
