"""What an agent is to whoever lets it play, and one that presses buttons at random."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import gymnasium
import numpy as np
from numpy.typing import NDArray

from playthrough.env.vector import RetroVectorEnv

if TYPE_CHECKING:
    from PIL import Image

    from playthrough.runs.episode import AgentStep


class Spaces(Protocol):
    """The part of an environment that an agent must fit: a RetroVectorEnv, or any `gymnasium.vector.VectorEnv`."""

    num_envs: int

    @property
    def single_observation_space(self) -> gymnasium.Space[Any]:
        """The observations of one lane."""
        ...

    @property
    def single_action_space(self) -> gymnasium.Space[Any]:
        """The actions of one lane."""
        ...


def masks_of(env: Spaces) -> NDArray[np.bool_] | None:
    """Which actions an environment allows now, bool (lanes, actions); None where it does not say."""
    action_masks = getattr(env, "action_masks", None)
    return None if action_masks is None else action_masks()


class Agent(Protocol):
    """Somebody who plays on the lanes of a vector environment."""

    @property
    def name(self) -> str:
        """What to call it in a table."""
        ...

    def begin(self, lane: int, seed: int) -> None:
        """A lane begins an episode; whatever the agent remembers of it is forgotten."""
        ...

    def act(self, observations: NDArray[Any]) -> NDArray[Any]:
        """One action for each lane, from the observations (lanes, ...)."""
        ...

    def thought(self, lane: int) -> Any:
        """What the last `act` was decided by, as the drawing of its source wants it; None where nothing is thought."""
        ...


class Drawing(Protocol):
    """Draws what an agent sees and thinks, for a video."""

    def moment(self, step: AgentStep, env: RetroVectorEnv) -> Any:
        """What there is to draw of one decision; much smaller than the observation."""
        ...

    def draw(self, moment: Any) -> Image.Image:
        """One moment as a picture, RGB."""
        ...


class AgentSource(Protocol):
    """Where agents come from: something that makes one for the lanes of an environment."""

    @property
    def name(self) -> str:
        """What to call its agents."""
        ...

    def agent(self, env: Spaces) -> Agent:
        """An agent for all lanes of an environment."""
        ...

    def drawing(self, env: RetroVectorEnv, size: tuple[int, int]) -> Drawing | None:
        """What draws its agents' thoughts, so many pixels wide and high; None where there is nothing to draw."""
        ...


@dataclass(frozen=True)
class RandomPlay:
    """Presses buttons at random: every action that is allowed is equally likely on every step."""

    name: str = "random play"

    def agent(self, env: Spaces) -> RandomAgent:
        """See `AgentSource`."""
        return RandomAgent(env)

    def drawing(self, env: RetroVectorEnv, size: tuple[int, int]) -> None:
        """See `AgentSource`."""
        return None


class RandomAgent:
    """Draws each lane's actions from random numbers of its own, so the same episode is played on any lane.

    Args:
        env: What it plays on.
    """

    name = "random play"

    def __init__(self, env: Spaces) -> None:
        self._env = env
        self._spaces = [copy.deepcopy(env.single_action_space) for _ in range(env.num_envs)]

    def begin(self, lane: int, seed: int) -> None:
        """See `Agent`."""
        self._spaces[lane].seed(seed)

    def act(self, observations: NDArray[Any]) -> NDArray[Any]:
        """See `Agent`."""
        masks = masks_of(self._env)
        if masks is None:
            return np.stack([space.sample() for space in self._spaces])
        allowed = masks.astype(np.int8)
        return np.stack([space.sample(mask=mask) for space, mask in zip(self._spaces, allowed, strict=True)])

    def thought(self, lane: int) -> None:
        """See `Agent`."""
        return None


@dataclass(frozen=True)
class BestEpisode:
    """The episode in which the best agent earned most.

    Attributes:
        generation: When it was played; for agents that learn step by step, after how many agent steps.
        seed: The seed of its environment.
        start_state: Where it started; None for the environment's own start.
        reward: What it earned.
    """

    generation: int
    seed: int
    start_state: str | bytes | None
    reward: float

    def plain(self) -> dict[str, Any]:
        """The episode for JSON."""
        state = self.start_state
        start = {"start_state_hex": state.hex()} if isinstance(state, bytes) else {"start_state": state}
        return {"generation": self.generation, "seed": self.seed, "reward": self.reward, **start}

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> BestEpisode:
        """What `plain` gave."""
        start = bytes.fromhex(data["start_state_hex"]) if "start_state_hex" in data else data["start_state"]
        return cls(int(data["generation"]), int(data["seed"]), start, float(data["reward"]))
