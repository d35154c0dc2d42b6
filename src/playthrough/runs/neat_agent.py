"""The best agent of a NEAT run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from gymnasium import spaces
from numpy.typing import NDArray

from playthrough.env.batches import batch_of_one
from playthrough.env.vector import RetroVectorEnv
from playthrough.errors import StateError
from playthrough.runs.agent_source import BestEpisode, Spaces, masks_of
from playthrough.runs.config import RunConfig
from playthrough.runs.folder import RunFolder
from playthrough.runs.network_drawing import NetworkDrawing, NetworkMoment
from playthrough.runs.panel import chosen_outputs, observation_shape, output_labels, shown_part

if TYPE_CHECKING:
    from PIL import Image

    from playthrough.agents.neat import Genome, NetworkShape
    from playthrough.runs.episode import AgentStep


@dataclass(frozen=True)
class TrainedAgent:
    """The best agent of a NEAT run.

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

    def drawing(self, env: RetroVectorEnv, size: tuple[int, int]) -> GenomeDrawing:
        """See `AgentSource`."""
        shape, labels = observation_shape(env), output_labels(env)
        return GenomeDrawing(NetworkDrawing(self.genome, self.shape, shape, labels, size, _first_shown(env)))


def _first_shown(env: RetroVectorEnv) -> int:
    """The network's input with which the part of the observation begins that is drawn."""
    from playthrough.agents.neat import inputs_needed

    part = shown_part(env)
    if part is None:
        return 0
    parts = cast("dict[str, Any]", cast("spaces.Dict", env.single_observation_space).spaces)
    return sum(inputs_needed(parts[name]) for name in parts if name < part)


@dataclass(frozen=True)
class GenomeDrawing:
    """A network's drawing as a `Drawing`."""

    network: NetworkDrawing

    def moment(self, step: AgentStep, env: RetroVectorEnv) -> NetworkMoment:
        """See `Drawing`."""
        from playthrough.agents.neat import as_inputs

        inputs = as_inputs(batch_of_one(step.observation))
        return self.network.moment(inputs, step.thought, chosen_outputs(env, step.action))

    def draw(self, moment: NetworkMoment) -> Image.Image:
        """See `Drawing`."""
        return self.network.draw(moment)


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
        self._env = env
        self._player = NeatPlayer(genome, shape, env.single_observation_space, env.single_action_space, env.num_envs)

    def begin(self, lane: int, seed: int) -> None:
        """See `Agent`."""
        self._player.begin(lane)

    def act(self, observations: NDArray[Any]) -> NDArray[Any]:
        """See `Agent`."""
        return self._player.act(observations, masks_of(self._env))

    def thought(self, lane: int) -> Mapping[int, float]:
        """What the nodes of a lane's network hold after `act`, by key."""
        return self._player.node_values(lane)


def best_text(genome: Genome, shape: NetworkShape, episode: BestEpisode) -> str:
    """What `best.json` holds: the genome, and the episode that made it the best."""
    from playthrough.agents.neat import genome_to_json

    text = genome_to_json(genome, shape)
    return "{\n" + f'  "episode": {json.dumps(episode.plain())},\n' + text.removeprefix("{\n")


def champions_of(folder: RunFolder, config: RunConfig, most: int) -> list[TrainedAgent]:
    """Those who were the best of the run once, oldest first; of more than `most`, some are left out evenly.

    Raises:
        StateError: If a file is damaged.
    """
    paths = sorted(path for path in folder.champions.glob("*.json") if path.stem.isdecimal())
    if len(paths) > most:
        paths = [paths[round(number * (len(paths) - 1) / max(1, most - 1))] for number in range(most)]
    return [read_genome(folder, f"champion of generation {int(path.stem)}", config, path) for path in paths]


def read_genome(folder: RunFolder, name: str, config: RunConfig, path: Path | None = None) -> TrainedAgent:
    """The best agent of a NEAT run, or another of its champions.

    Args:
        folder: The run.
        name: What to call the agent.
        config: The run's configuration.
        path: The agent's file; None for best.json.

    Raises:
        StateError: If the file is missing or damaged.
    """
    from playthrough.agents.neat import genome_from_json

    path = path or folder.best_genome
    text = path.read_text(encoding="utf-8")
    try:
        genome, shape = genome_from_json(text)
        episode = BestEpisode.from_plain(json.loads(text)["episode"])
    except (KeyError, TypeError, ValueError) as error:
        raise StateError(f"{path} is damaged: {type(error).__name__}: {error}") from error
    except StateError as error:
        raise StateError(f"{path}: {error}") from error
    return TrainedAgent(name, config, genome, shape, episode, folder)
