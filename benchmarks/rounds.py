"""Running two sides in turns, and what one may say about it."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """Two sides, measured in turns.

    Attributes:
        ours: Figures of every round, more is better.
        theirs: Likewise.
    """

    ours: list[float]
    theirs: list[float]

    @property
    def ratios(self) -> list[float]:
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    def line(self, unit: str) -> str:
        ratios = sorted(self.ratios)
        return (
            f"{statistics.median(ratios):.2f}x (from {ratios[0]:.2f} to {ratios[-1]:.2f}; "
            f"{statistics.median(self.ours):.0f} against {statistics.median(self.theirs):.0f} {unit}, "
            f"median of {len(ratios)} rounds)"
        )


def compare(ours: Callable[[], float], theirs: Callable[[], float], rounds: int = 5) -> Comparison:
    """Measure both sides in turns, after one round that does not count."""
    ours()
    theirs()
    figures: list[tuple[float, float]] = [(ours(), theirs()) for _ in range(rounds)]
    return Comparison([one for one, _ in figures], [other for _, other in figures])
