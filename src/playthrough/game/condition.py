"""Conditions on a game's variables, such as `score >= 300` or `screen_x >= screen_x_end`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
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

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that it speaks of."""
        return (self.variable, self.reference) if isinstance(self.reference, str) else (self.variable,)

    def holds(self, values: Mapping[str, Any]) -> Any:
        """Whether it holds, for numbers or, element by element, for arrays of numbers.

        Args:
            values: The variables by name.
        """
        reference = values[self.reference] if isinstance(self.reference, str) else self.reference
        return _COMPARISONS[self.comparison](values[self.variable], reference)
