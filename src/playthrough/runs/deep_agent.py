"""The best policy of a deep run, as an agent that plays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from playthrough.agents.deep.draws import draw_actions
from playthrough.env.vector import RetroVectorEnv
from playthrough.errors import ConfigError
from playthrough.runs.agent_source import BestEpisode, Spaces, masks_of
from playthrough.runs.config import RunConfig
from playthrough.runs.folder import RunFolder
from playthrough.runs.policy_file import StoredPolicy, read_policy
from playthrough.runs.score_drawing import ScoreDrawing

if TYPE_CHECKING:
    from playthrough.agents.deep.learner import Policy


@dataclass(frozen=True, eq=False)
class LaneThought:
    """What spoke for a decision.

    Attributes:
        score_name: What the scores are: `probability` or `Q-value`.
        scores: One per action, or per button; None where there are none.
        value: How much is expected from here on; None where there is no opinion.
        saliency: How much each pixel speaks for the decision, (height, width) from 0 to 1; None if nobody asked.
    """

    score_name: str
    scores: NDArray[np.float32] | None
    value: float | None
    saliency: NDArray[np.float32] | None


@dataclass(frozen=True)
class DeepTrainedAgent:
    """The best policy of a deep run.

    Attributes:
        name: For tables and pictures.
        config: The run's configuration, with the environment that it learned in.
        stored: The policy.
        folder: The run.
        with_saliency: Whether its agents say which pixels they look at.
    """

    name: str
    config: RunConfig
    stored: StoredPolicy
    folder: RunFolder
    with_saliency: bool = False

    @property
    def episode(self) -> BestEpisode:
        """The episode of its evaluation in which it earned most."""
        return self.stored.episode

    def agent(self, env: Spaces) -> DeepAgent:
        """See `AgentSource`.

        Raises:
            ConfigError: If the policy does not fit the environment.
        """
        mine = (self.stored.observation_space, self.stored.action_space)
        require_spaces(self.name, mine, (env.single_observation_space, env.single_action_space))
        return DeepAgent(self.name, self.stored.policy(), env, with_saliency=self.with_saliency)

    def drawing(self, env: RetroVectorEnv, size: tuple[int, int]) -> ScoreDrawing:
        """See `AgentSource`."""
        return ScoreDrawing(env, size)


@dataclass(frozen=True)
class PolicySource:
    """A policy in the middle of its training, as a source of agents."""

    name: str
    policy: Policy

    def agent(self, env: Spaces) -> DeepAgent:
        """See `AgentSource`; there is one at a time, as a policy has but one memory."""
        return DeepAgent(self.name, self.policy, env)

    def drawing(self, env: RetroVectorEnv, size: tuple[int, int]) -> ScoreDrawing:
        """See `AgentSource`."""
        return ScoreDrawing(env, size)


class DeepAgent:
    """A policy as an `Agent`: it draws actions from its probabilities, or takes the highest Q-value nearly always.

    Each lane has random numbers of its own, from its episode's seed, so the same episode is played on any lane.

    Args:
        name: For tables.
        policy: What decides.
        env: What it plays on.
        with_saliency: Whether thoughts say which pixels were looked at.
    """

    def __init__(self, name: str, policy: Policy, env: Spaces, *, with_saliency: bool = False) -> None:
        self.name = name
        self._policy, self._env, self._with_saliency = policy, env, with_saliency
        self._is_buttons = isinstance(env.single_action_space, spaces.MultiBinary)
        self._starts = np.ones(env.num_envs, np.bool_)
        self._random = [np.random.default_rng(0) for _ in range(env.num_envs)]
        self._thoughts: list[LaneThought] = []

    def begin(self, lane: int, seed: int) -> None:
        """See `Agent`."""
        self._starts[lane] = True
        self._random[lane] = np.random.default_rng([seed, 1])

    def act(self, observations: NDArray[Any]) -> NDArray[Any]:
        """See `Agent`."""
        masks = masks_of(self._env)
        decision = self._policy.decide(observations, self._starts, masks=masks)
        self._starts = np.zeros_like(self._starts)
        pixels = self._policy.saliency(observations) if self._with_saliency else None
        scores, values, name = decision.scores, decision.values, self._policy.score_name
        self._thoughts = [
            LaneThought(
                name,
                None if scores is None else scores[lane],
                None if values is None else float(values[lane]),
                None if pixels is None else pixels[lane],
            )
            for lane in range(len(self._random))
        ]
        return draw_actions(decision, name, is_buttons=self._is_buttons, random=self._random, masks=masks)

    def thought(self, lane: int) -> LaneThought:
        """See `Agent`."""
        return self._thoughts[lane]


def require_spaces(
    name: str,
    mine: tuple[gymnasium.Space[Any], gymnasium.Space[Any]],
    given: tuple[gymnasium.Space[Any], gymnasium.Space[Any]],
) -> None:
    """Make sure that an environment has the observations and actions of a policy.

    Raises:
        ConfigError: If it has others.
    """
    for what, expected, found in zip(("observations", "actions"), mine, given, strict=True):
        if _outline(expected) != _outline(found):
            raise ConfigError(f"{name} knows {what} in {expected}, but the environment has {found}")


def read_deep_agent(folder: RunFolder, name: str, config: RunConfig) -> DeepTrainedAgent:
    """The best policy of a deep run.

    Raises:
        StateError: If its files are missing or damaged.
    """
    return DeepTrainedAgent(name, config, read_policy(folder.best_genome), folder)


def _outline(space: gymnasium.Space[Any]) -> tuple[Any, ...]:
    if isinstance(space, spaces.Dict):
        parts = cast("dict[str, gymnasium.Space[Any]]", space.spaces)
        return tuple((name, _outline(part)) for name, part in sorted(parts.items()))
    return type(space), space.shape, space.dtype, getattr(space, "n", None)
