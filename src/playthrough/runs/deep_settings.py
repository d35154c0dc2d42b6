"""What a recipe says to a deep learner: the table named after its algorithm, and what holds where it says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

from playthrough.agents.deep.rainbow_options import RainbowOptions
from playthrough.agents.deep.sb3.options import OPTIONS, QrdqnOptions, Sb3Options
from playthrough.engine.systems import MENU_BUTTONS
from playthrough.errors import DependencyError
from playthrough.game.integration import load_integration
from playthrough.runs.settings import Draft, plain, read_fields

DEEP_OPTIONS: dict[str, type[Sb3Options] | type[RainbowOptions]] = {**OPTIONS, "rainbow": RainbowOptions}
"""The deep algorithms by name, with their options."""

DEEP_LANES = 8
"""Lanes where nobody says another number; the results depend on it."""

_ENV = {"observation": "gray84", "frame_skip": 4, "noop_max": 30, "max_episode_steps": 4500}
_SHARE_EVALUATED, _SHARE_CHECKPOINTED = 10, 20
_EPISODES = 8


@dataclass(frozen=True, kw_only=True)
class RunSteps:
    """What a run does beside learning, in agent steps. These keys stand among the algorithm's own.

    Attributes:
        evaluate_every: How often the policy plays the evaluation episodes; None for ten times in all.
        evaluation_episodes: How many those are. A policy whose mean seems the best plays twice as many others, and the
            mean of all decides.
        checkpoint_every: How often a checkpoint is written at least; None for twenty times in all. One is written after
            two minutes in any case.
    """

    evaluate_every: int | None = None
    evaluation_episodes: int = _EPISODES
    checkpoint_every: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("evaluate_every", 1), ("evaluation_episodes", 2), ("checkpoint_every", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} must be {least} or more, not {value}")


@dataclass(frozen=True, kw_only=True)
class DeepSettings:
    """What a deep learner is told.

    Attributes:
        algo: Who learns.
        options: How.
        run: What the run does beside.
    """

    algo: str
    options: Sb3Options | RainbowOptions
    run: RunSteps

    @property
    def steps(self) -> int:
        """Agent steps in all."""
        return self.options.steps

    @property
    def evaluate_every(self) -> int:
        """Agent steps between two evaluations."""
        return self.run.evaluate_every or max(1, self.steps // _SHARE_EVALUATED)

    def checkpoint_every(self, lanes: int) -> int:
        """Agent steps between two checkpoints.

        A learner with a replay buffer overwrites what it remembers, and can go on exactly only while what a checkpoint
        refers to is there: the tenth of the buffer that is spare.
        """
        chosen = self.run.checkpoint_every or max(1, self.steps // _SHARE_CHECKPOINTED)
        if not isinstance(self.options, QrdqnOptions | RainbowOptions):
            return chosen
        return max(1, min(chosen, self.options.buffer_size // 10 - 2 * self._steps_per_update(lanes)))

    def spare_steps(self, lanes: int) -> int | None:
        """Steps that Rainbow must keep spare, so that a run that is killed goes on exactly."""
        if not isinstance(self.options, RainbowOptions):
            return None
        return max(self.options.buffer_size // 10, self.checkpoint_every(lanes) + 2 * self._steps_per_update(lanes))

    def _steps_per_update(self, lanes: int) -> int:
        options = self.options
        if isinstance(options, RainbowOptions):
            return options.steps_per_update * lanes
        return options.update_steps if isinstance(options, QrdqnOptions) else 0

    def table(self) -> dict[str, Any]:
        """The recipe's table that says all of this."""
        return {
            entry.name: plain(getattr(part, entry.name)) for part in (self.options, self.run) for entry in fields(part)
        }


def read_deep_settings(draft: Draft, algo: str, table: Mapping[str, Any]) -> DeepSettings:
    """The settings of a recipe's table.

    Raises:
        ConfigError: If one is unknown or wrong.
    """
    cls = DEEP_OPTIONS[algo]
    ours = {entry.name for entry in fields(RunSteps)}
    own = read_fields(cls, draft, (algo,), {key: value for key, value in table.items() if key not in ours})
    run = read_fields(RunSteps, draft, (algo,), {key: value for key, value in table.items() if key in ours})
    try:
        return DeepSettings(algo=algo, options=cls(**own), run=RunSteps(**run))
    except ValueError as error:
        text = str(error).removeprefix(f"{algo}: ")
        draft.fail((algo, text.split(" ", 1)[0]), text)


def deep_env(env: Mapping[str, Any], game: str | Path) -> dict[str, Any]:
    """The environment of a recipe, with what a deep learner is given where it says nothing."""
    filled = {**_ENV, **env}
    if "actions" not in filled:
        filled["actions"] = play_actions(game, info=env.get("info"), scenario=env.get("scenario"))
    return filled


DEEP_ENV_NAMES = (*_ENV, "actions")
"""Settings of the environment that a deep learner has other defaults for."""


def play_actions(game: str | Path, **which: Any) -> str | list[list[str]]:
    """All combinations of a game's buttons that make sense together, but none that open a menu."""
    integration = load_integration(game, **which)
    groups = integration.scenario.actions or integration.system.button_groups
    if not any(set(MENU_BUTTONS) & set(choice) for group in groups for choice in group):
        return "discrete"
    kept = [[choice for choice in group if not set(MENU_BUTTONS) & set(choice)] or [()] for group in groups]
    # As `discrete` numbers them: the first group's changes fastest.
    return [[button for choice in reversed(choices) for button in choice] for choices in product(*reversed(kept))]


def require_deep() -> None:
    """Make sure that the libraries are there.

    Raises:
        DependencyError: If one is not.
    """
    for name in ("torch", "stable_baselines3", "sb3_contrib", "safetensors"):
        try:
            import_module("playthrough.agents.deep.sb3")  # before torch: it says how its threads are to wait
            import_module(name)
        except ImportError as error:
            raise DependencyError(
                f"deep reinforcement learning needs {name.replace('_', '-')}: pip install 'playthrough[deep]'"
            ) from error
