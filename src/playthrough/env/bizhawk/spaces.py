"""A processor's declared spaces as Gymnasium's: `bool`, `int [low high]`, `float [low high]`, with `[N]` and `*`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from playthrough.errors import IntegrationError

_ENTRY = re.compile(r"(?P<kind>bool|int|float)(?:\[(?P<count>\d+|\*)\])?(?P<rest>.*)")


@dataclass(frozen=True)
class Part:
    """One space of a declaration.

    Attributes:
        kind: `bool`, `int` or `float`.
        size: How many values it takes.
        low: Its lower bound.
        high: Its upper bound.
        space: Gymnasium's.
    """

    kind: str
    size: int
    low: float
    high: float
    space: spaces.Space[Any]


class ScriptSpace:
    """The spaces of a declaration, as GymBizHawk 0.3.1 makes them.

    A `bool` is Discrete(2); an `int low high` is a Discrete that begins at low, and `int[N] low high` is N of them;
    without bounds it is one Box of int64. A `float` is one Box of float32. `*` takes all values that are left. Several
    are a Tuple.

    Args:
        declaration: The entries, separated by commas.
        num_values: How many values the script gives; None if it does not say.
        vector: Make it one Box of float32 with a number per value.

    Raises:
        IntegrationError: If an entry is wrong, or does not fit the number of values.
    """

    def __init__(self, declaration: str, num_values: int | None = None, *, vector: bool = False) -> None:
        self.parts: list[Part] = []
        left = num_values
        for entry in (entry.strip() for entry in declaration.split(",")):
            if not entry:
                continue
            parts = _parts(entry, left)
            self.parts += parts
            if left is not None:
                left -= sum(part.size for part in parts)
        self.num_values = sum(part.size for part in self.parts)
        if num_values is not None and num_values != self.num_values:
            raise IntegrationError(
                f"getObservation gives {num_values} values, but OBSERVATION_SPACE declares {self.num_values}; "
                "write '*' behind the last entry, as in 'int[*] 0 255', to let it take all that are left"
            )
        self.vector = vector
        self._has_discrete = any(isinstance(part.space, spaces.Discrete) for part in self.parts)
        self.space: spaces.Space[Any]
        if vector:
            low = [part.low for part in self.parts for _ in range(part.size)]
            high = [part.high for part in self.parts for _ in range(part.size)]
            self.space = spaces.Box(np.array(low, np.float32), np.array(high, np.float32), dtype=np.float32)
        elif len(self.parts) == 1:
            self.space = self.parts[0].space
        else:
            self.space = spaces.Tuple([part.space for part in self.parts])

    @property
    def num_choices(self) -> int | None:
        """How many different values there are; None if some part is not Discrete."""
        total = 1
        for part in self.parts:
            if not isinstance(part.space, spaces.Discrete):
                return None
            total *= int(part.space.n)
        return total

    def decode(self, values: NDArray[np.float64]) -> Any:
        """A script's numbers, float64 (num_values,), as a value of the space."""
        if len(values) != self.num_values:
            raise IntegrationError(f"getObservation gave {len(values)} values, but {self.num_values} before")
        if self.vector:
            return values.astype(np.float32)
        decoded: list[Any] = []
        whole = values
        if self._has_discrete:
            with np.errstate(invalid="ignore"):  # a float that is no whole number is not asked for as one
                whole = values.astype(np.int64)
        at = 0
        for part in self.parts:
            if isinstance(part.space, spaces.Discrete):
                decoded.append(whole[at])
            else:
                decoded.append(values[at : at + part.size].astype(part.space.dtype))
            at += part.size
        return decoded[0] if len(decoded) == 1 else tuple(decoded)

    def encode(self, value: Any) -> list[bool | int | float]:
        """A value of the space as the plain numbers that a script gets.

        Raises:
            ValueError: If it is none of the space's.
        """
        values: Sequence[Any] = [value] if len(self.parts) == 1 else value
        if len(values) != len(self.parts):
            raise ValueError(f"an action has {len(self.parts)} parts, not {len(values)}: {value!r}")
        encoded: list[bool | int | float] = []
        for part, given in zip(self.parts, values, strict=True):
            numbers = np.asarray(given).reshape(-1)
            if len(numbers) != part.size:
                raise ValueError(f"expected {part.size} numbers for {part.space}, not {given!r}")
            for number in numbers:
                plain = float(number) if part.kind == "float" else int(number)
                if not part.low <= plain <= part.high:
                    raise ValueError(f"{number!r} is outside of {part.space}")
                encoded.append(bool(plain) if part.kind == "bool" else plain)
        return encoded

    def choice(self, index: int) -> list[int]:
        """The values of the discrete parts that one number stands for; the last part changes fastest."""
        values: list[int] = []
        for part in reversed(self.parts):
            size = int(part.high - part.low) + 1
            values.append(int(part.low) + index % size)
            index //= size
        return values[::-1]

    def index_of(self, values: Sequence[float]) -> int:
        """The reverse of `choice`.

        Raises:
            IntegrationError: If a value is outside of its space.
        """
        index = 0
        for part, value in zip(self.parts, values, strict=True):
            if not part.low <= value <= part.high:
                raise IntegrationError(f"getInvalidActions names {value:g}, which is outside of {part.space}")
            index = index * (int(part.high - part.low) + 1) + int(value - part.low)
        return index


def _parts(entry: str, left: int | None) -> list[Part]:
    match = _ENTRY.fullmatch(entry)
    words = [] if match is None else match["rest"].replace("*", " ").split()
    if match is None or len(words) not in (0, 2):
        raise IntegrationError(
            f"{entry!r} declares no space; expected 'bool', 'int', 'int LOW HIGH', 'float' or 'float LOW HIGH', "
            "with [N] or [*] behind the first word for several values"
        )
    kind = match["kind"]
    size = int(match["count"]) if (match["count"] or "*") != "*" else 1
    if "*" in entry and left is not None:
        size = left
    if size < 0:
        raise IntegrationError(f"no values are left for {entry!r}")
    try:
        bounds = [int(word, 0) if kind == "int" else float(word) for word in words]
    except ValueError:
        raise IntegrationError(f"{entry!r}: the bounds are no numbers of its kind") from None
    if kind == "bool":
        return [Part(kind, 1, 0, 1, spaces.Discrete(2)) for _ in range(size)]
    if bounds and bounds[0] > bounds[1]:
        raise IntegrationError(f"{entry!r}: the lower bound is above the upper one")
    if kind == "int" and bounds:
        low, high = int(bounds[0]), int(bounds[1])
        return [Part(kind, 1, low, high, spaces.Discrete(high - low + 1, start=low)) for _ in range(size)]
    low, high = (bounds[0], bounds[1]) if bounds else (-np.inf, np.inf)
    dtype = np.int64 if kind == "int" else np.float32
    return [Part(kind, size, low, high, spaces.Box(low, high, (size,), dtype))]
