"""Running several sides in turns, and what one may say about them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

ROUNDS = 11


class Rate(float):
    """Steps per second, which also knows the steps per second of processor time.

    Where other programs run beside a benchmark, the latter suffers less.
    """

    per_cpu_s: float

    @classmethod
    def of(cls, steps: float, seconds: float, cpu_s: float) -> Rate:
        """So many steps in so much time, and processor time."""
        rate = cls(steps / seconds)
        rate.per_cpu_s = steps / max(cpu_s, 1e-9)
        return rate


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
        """Of every round."""
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of all rounds."""
        return statistics.median(self.ratios)

    @property
    def cpu_ratio(self) -> float | None:
        """The median ratio of steps per second of processor time, where both sides know it."""
        pairs = zip(self.ours, self.theirs, strict=True)
        ratios = [a.per_cpu_s / b.per_cpu_s for a, b in pairs if isinstance(a, Rate) and isinstance(b, Rate)]
        return statistics.median(ratios) if ratios else None

    def line(self, unit: str) -> str:
        """One line that says it all."""
        ratios = sorted(self.ratios)
        return (
            f"{self.ratio:.2f}x (from {ratios[0]:.2f} to {ratios[-1]:.2f}; "
            f"{statistics.median(self.ours):.0f} against {statistics.median(self.theirs):.0f} {unit}, "
            f"median of {len(ratios)} rounds)"
        )


def compare(ours: Callable[[], float], theirs: Callable[[], float], rounds: int = ROUNDS) -> Comparison:
    """Measure two sides in turns, after one round that does not count."""
    ours()
    theirs()
    figures = in_turns({"ours": ours, "theirs": theirs}, rounds)
    return Comparison(**figures)


def in_turns(sides: Mapping[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Measure every side once per round.

    Each other round goes backwards, so that none always comes after the same.

    Returns:
        Figures of every round by side.
    """
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in list(sides) if number % 2 == 0 else reversed(list(sides)):
            figures[name].append(sides[name]())
    return figures
