"""The agent that a run trained, whatever learned."""

from __future__ import annotations

from pathlib import Path

from playthrough.errors import StateError
from playthrough.runs.agent_source import Agent, AgentSource, BestEpisode, RandomAgent, RandomPlay
from playthrough.runs.config import load_config
from playthrough.runs.deep_agent import DeepTrainedAgent, read_deep_agent
from playthrough.runs.folder import RunFolder
from playthrough.runs.neat_agent import TrainedAgent, read_genome

__all__ = [
    "Agent",
    "AgentSource",
    "AnyTrainedAgent",
    "BestEpisode",
    "DeepTrainedAgent",
    "RandomAgent",
    "RandomPlay",
    "TrainedAgent",
    "load_agent",
]

AnyTrainedAgent = TrainedAgent | DeepTrainedAgent


def load_agent(folder: str | Path | RunFolder) -> AnyTrainedAgent:
    """The best agent of a run.

    Args:
        folder: A run folder.

    Raises:
        BadInputError: If it is none.
        StateError: If there is no best agent yet, or best.json is damaged.
        ConfigError: If its configuration is damaged.
    """
    run = folder if isinstance(folder, RunFolder) else RunFolder.open(folder)
    config = load_config(run.config)
    if not run.best_genome.is_file():
        finished = "the policy is evaluated" if config.deep else "a generation is finished"
        raise StateError(
            f"{run.path} has no best agent yet: there is no {run.best_genome.name}; resume the run until {finished}"
        )
    name = f"{run.path.name}'s best"
    return read_deep_agent(run, name, config) if config.deep else read_genome(run, name, config)
