"""Agents that act: the one that a run trained, and one that presses buttons at random."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import gymnasium
import numpy as np
from numpy.typing import NDArray

from playthrough.errors import ConfigError, StateError
from playthrough.runs.config import RunConfig, load_config
from playthrough.runs.folder import RunFolder

if TYPE_CHECKING:
    from playthrough.agents.neat import Genome, NetworkShape


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

    def node_values(self, lane: int) -> Mapping[int, float]:
        """What the nodes of a lane's network hold after `act`, by key; nothing where there is no network."""
        ...


class AgentSource(Protocol):
    """Where agents come from: something that makes one for the lanes of an environment."""

    @property
    def name(self) -> str:
        """What to call its agents."""
        ...

    @property
    def genome(self) -> Genome | None:
        """The network that its agents think with, to be drawn; None where there is none."""
        ...

    @property
    def shape(self) -> NetworkShape | None:
        """The network's shape."""
        ...

    def agent(self, env: Spaces) -> Agent:
        """An agent for all lanes of an environment."""
        ...


@dataclass(frozen=True)
class RandomPlay:
    """Presses buttons at random: every action is equally likely on every step."""

    name: str = "random play"
    genome: Genome | None = None
    shape: NetworkShape | None = None

    def agent(self, env: Spaces) -> RandomAgent:
        """See `AgentSource`."""
        return RandomAgent(env.single_action_space, env.num_envs)


class RandomAgent:
    """Draws each lane's actions from random numbers of its own, so the same episode is played on any lane.

    Args:
        action_space: What there is to choose from.
        num_lanes: How many lanes.
    """

    name = "random play"

    def __init__(self, action_space: gymnasium.Space[Any], num_lanes: int) -> None:
        import copy

        self._spaces = [copy.deepcopy(action_space) for _ in range(num_lanes)]

    def begin(self, lane: int, seed: int) -> None:
        """See `Agent`."""
        self._spaces[lane].seed(seed)

    def act(self, observations: NDArray[Any]) -> NDArray[Any]:
        """See `Agent`."""
        return np.stack([space.sample() for space in self._spaces])

    def node_values(self, lane: int) -> Mapping[int, float]:
        """See `Agent`."""
        return {}


@dataclass(frozen=True)
class BestEpisode:
    """The episode in which the best genome earned most.

    Attributes:
        generation: When it was played.
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


@dataclass(frozen=True)
class TrainedAgent:
    """The best agent of a run.

    Attributes:
        name: For tables and pictures.
        config: The run's configuration, with the environment that it learned in.
        genome: Its genome.
        shape: Its network's shape.
        episode: The episode that made it the best.
        folder: The run.
    """

    name: str
    config: RunConfig
    genome: Genome
    shape: NetworkShape
    episode: BestEpisode
    folder: RunFolder

    def agent(self, env: Spaces) -> NeatAgent:
        """See `AgentSource`.

        Raises:
            ConfigError: If the network does not fit the environment.
        """
        return NeatAgent(self.name, self.genome, self.shape, env)


class NeatAgent:
    """A genome as an `Agent`.

    Args:
        name: For tables.
        genome: What plays.
        shape: Its network's shape.
        env: What it plays on.

    Raises:
        ConfigError: If the network does not fit the environment.
    """

    def __init__(self, name: str, genome: Genome, shape: NetworkShape, env: Spaces) -> None:
        from playthrough.agents.neat import NeatPlayer

        self.name = name
        self._player = NeatPlayer(genome, shape, env.single_observation_space, env.single_action_space, env.num_envs)
        self.act, self.node_values = self._player.act, self._player.node_values

    def begin(self, lane: int, seed: int) -> None:
        """See `Agent`."""
        self._player.begin(lane)


def best_text(genome: Genome, shape: NetworkShape, episode: BestEpisode) -> str:
    """What `best.json` holds: the genome, and the episode that made it the best."""
    from playthrough.agents.neat import genome_to_json

    text = genome_to_json(genome, shape)
    return "{\n" + f'  "episode": {json.dumps(episode.plain())},\n' + text.removeprefix("{\n")


def load_agent(folder: str | Path | RunFolder) -> TrainedAgent:
    """The best agent of a run.

    Args:
        folder: A run folder.

    Raises:
        BadInputError: If it is none.
        StateError: If no generation was finished, or best.json is damaged.
        ConfigError: If its configuration is damaged.
    """
    from playthrough.agents.neat import genome_from_json

    run = folder if isinstance(folder, RunFolder) else RunFolder.open(folder)
    config = load_config(run.config)
    if config.algo != "neat":
        raise ConfigError(f"{run.config}: agents of the algorithm {config.algo!r} cannot be loaded")
    try:
        text = run.best_genome.read_text(encoding="utf-8")
    except OSError as error:
        raise StateError(
            f"{run.path} has no best agent yet: {run.best_genome.name} cannot be read ({error.strerror}); "
            "resume the run until a generation is finished"
        ) from error
    try:
        genome, shape = genome_from_json(text)
        episode = BestEpisode.from_plain(json.loads(text)["episode"])
    except (KeyError, TypeError, ValueError) as error:
        raise StateError(f"{run.best_genome} is damaged: {type(error).__name__}: {error}") from error
    except StateError as error:
        raise StateError(f"{run.best_genome}: {error}") from error
    return TrainedAgent(f"{run.path.name}'s best", config, genome, shape, episode, run)
