"""When a run has got what it was started for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from playthrough.errors import ConfigError
from playthrough.game.condition import Condition
from playthrough.runs.settings import suggest


@dataclass(frozen=True)
class Goal:
    """What a run wants; training ends when one genome has it.

    Attributes:
        fitness: A genome's fitness is at least this.
        conditions: All of these hold at the end of each of its episodes.
    """

    fitness: float | None = None
    conditions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.fitness is None and not self.conditions:
            raise ValueError("a goal needs fitness = NUMBER, or conditions such as ['score >= 300']")
        self.parsed()

    def parsed(self) -> tuple[Condition, ...]:
        """The conditions, read."""
        return tuple(Condition.parse(text) for text in self.conditions)

    def check(self, variables: Collection[str]) -> None:
        """Make sure that the conditions speak of variables of the game.

        Raises:
            ConfigError: If one names something else.
        """
        for text, condition in zip(self.conditions, self.parsed(), strict=True):
            for name in condition.variables:
                if name not in variables:
                    raise ConfigError(f"[goal] conditions: {text!r}: no variable {name!r}; {suggest(name, variables)}")

    def met(self, fitness: float, last_infos: Collection[Mapping[str, Any]]) -> bool:
        """Whether a genome has reached it.

        Args:
            fitness: The genome's.
            last_infos: The info of the last step of each of its episodes.
        """
        if self.fitness is not None and fitness < self.fitness:
            return False
        conditions = self.parsed()
        return all(bool(condition.holds(info)) for info in last_infos for condition in conditions)
