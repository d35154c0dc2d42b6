"""The rules under which a run's fitness was earned. Under other rules the same number means something else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from playthrough.runs.config import RunConfig
from playthrough.runs.settings import plain

_NEAT_RULES = ("episodes_per_genome", "start_states", "max_steps_per_episode")
_WITHOUT_EFFECT = ("engine", "isolation", "client", "mode", "bind", "attach")
"""Settings of the environment that decide where a game runs, not how it goes."""
_GOALS = ("goal", "neat.config.fitness_", "neat.config.no_fitness_termination")


def rules_of(config: RunConfig) -> dict[str, Any]:
    """Every setting that fitness depends on, by its path, as JSON holds it."""
    rules = {f"env.{name}": value for name, value in config.env.items() if name not in _WITHOUT_EFFECT}
    rules |= {f"neat.{name}": getattr(config.neat.options, name) for name in _NEAT_RULES}
    return json.loads(json.dumps(plain(rules), default=repr))


def changed_rules(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The paths of the settings that differ."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def is_about_the_goal(change: str) -> bool:
    """Whether a `key=value` says anew when a run has got what it wants."""
    return change.strip().startswith(_GOALS)


def without_fitness(state: Mapping[str, Any]) -> dict[str, Any]:
    """A NEAT trainer's state with its population, but without anything that fitness under other rules has decided.

    The species' histories go as well: measured against them, a species would seem to get nowhere and die out.
    """
    from playthrough.agents.neat.state import genomes_to_plain

    evolution = dict(cast("Mapping[str, Any]", state["evolution"]))
    forgotten: dict[str, Any] = {"fitness_history": [], "fitness": None}
    evolution["species"] = [dict(cast("Mapping[str, Any]", entry)) | forgotten for entry in evolution["species"]]
    # The frontier measures by the old fitness, and its snapshots may be of another core or observation.
    fresh = {"goal_reached": False, "best": genomes_to_plain([]), "evolution": evolution, "frontier": None}
    return {**state, **fresh}
