"""When a run has got what it was started for."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from playthrough.errors import ConfigError
from playthrough.runs.settings import suggest

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_CONDITION = re.compile(r"\s*([^\s<>=!]+)\s*(>=|<=|==|!=|>|<)\s*([^\s<>=!]+)\s*")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


@dataclass(frozen=True)
class Condition:
    """A comparison of one of the game's variables with a number or with another variable.

    Attributes:
        variable: The variable on the left.
        comparison: `>=`, `<=`, `==`, `!=`, `>` or `<`.
        reference: A number, or a variable's name.
    """

    variable: str
    comparison: str
    reference: float | str

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read a condition such as `score >= 300` or `screen_x >= screen_x_end`.

        Raises:
            ValueError: If it is none.
        """
        match = _CONDITION.fullmatch(text)
        if match is None:
            raise ValueError(f"expected a condition such as 'score >= 300', found {text!r}")
        variable, comparison, reference = match.groups()
        return cls(variable, comparison, float(reference) if _NUMBER.fullmatch(reference) else reference)

    def met(self, info: Mapping[str, Any]) -> bool:
        """Whether it holds for an episode's last info."""
        reference = info[self.reference] if isinstance(self.reference, str) else self.reference
        return bool(_COMPARISONS[self.comparison](info[self.variable], reference))


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
            for name in (condition.variable, condition.reference):
                if isinstance(name, str) and name not in variables:
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
        return all(condition.met(info) for info in last_infos for condition in conditions)
