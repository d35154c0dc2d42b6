"""What a guess is: a number in memory, how likely it is what it is called, and why."""

from __future__ import annotations

from dataclasses import dataclass

from playthrough.engine.probes import DataType
from playthrough.integrate.poking import Poked


@dataclass(frozen=True)
class Part:
    """A number in memory, and what one of it is worth.

    Attributes:
        address: Where it is.
        type: How its bytes are read.
        weight: How many of the whole one of it makes.
        mask: Bits that count; None for all.
    """

    address: int
    type: DataType
    weight: int = 1
    mask: int | None = None


@dataclass(frozen=True, eq=False)
class Guess:
    """A number that may be what it is called.

    Attributes:
        name: `score`, `lives` or `game_over`.
        parts: What it is made of; several where its bytes are not neighbours, the least significant first.
        likeness: How well it does what such a number does: 0 to 1.
        reasons: Why, in words.
        end: Of lives and game over: the value that it has once the game is over; None if no game ended.
        poked: What followed when it was changed.
    """

    name: str
    parts: tuple[Part, ...]
    likeness: float
    reasons: tuple[str, ...]
    end: int | None = None
    poked: Poked | None = None

    @property
    def variables(self) -> dict[str, Part]:
        """What to put into data.json, by name."""
        if len(self.parts) == 1:
            return {self.name: self.parts[0]}
        return {f"{self.name}{part.weight}s": part for part in self.parts}
