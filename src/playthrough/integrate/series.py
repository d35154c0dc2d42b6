"""What numbers did while somebody played: when they count, and what a score or lives do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from playthrough.integrate.episodes import Play
from playthrough.integrate.recording import Recording

RARE = 0.2
"""A score rises on fewer frames than this share of them."""
SETTLE = 4
"""Frames within which the bytes of one number change together."""


class Series:
    """What numbers did while somebody played: the frames that count, and the judgements.

    Attributes:
        counts: bool (frames,), whether somebody plays on this frame and played on the one before.
    """

    def __init__(self, recording: Recording, plays: Sequence[Play]) -> None:
        self.plays = plays
        self.counts = np.zeros(len(recording), np.bool_)
        self.age = np.zeros(len(recording), np.int64)
        self.starts = np.array([play.begin for play in plays])
        for play in plays:
            self.counts[play.begin + 1 : max(play.last, play.begin + 1)] = True
            self.age[play.begin : play.end] = np.arange(play.end - play.begin)

    def steps(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """How numbers changed on each frame, (frames, numbers); 0 on frames that do not count."""
        steps = np.zeros(values.shape, np.int64)
        steps[1:] = values[1:] - values[:-1]
        steps[~self.counts] = 0
        return steps

    def only_rises(self, values: NDArray[np.int64]) -> NDArray[np.bool_]:
        """bool (numbers,), whether a number rises, rarely, and never falls for longer than its bytes take to agree."""
        steps = self.steps(values)
        rises = (steps > 0).sum(axis=0)
        good = (rises >= 2) & (rises < RARE * self.counts.sum())
        falling = np.flatnonzero(good & (steps < 0).any(axis=0))
        for column in falling.tolist():
            # A number of several bytes may be caught while only some of them have changed.
            for frame in np.flatnonzero(steps[:, column] < 0).tolist():
                before = values[max(frame - SETTLE, 0) : frame, column].min()
                after = values[frame : frame + SETTLE, column].max()
                if after < before or not self.counts[min(frame + SETTLE, len(steps) - 1)]:
                    good[column] = False
                    break
        return good

    def score_likeness(self, values: NDArray[np.int64]) -> tuple[float, tuple[str, ...]]:
        """How much a number does as a score does, and why."""
        steps = self.steps(values[:, None])[:, 0]
        frames = np.flatnonzero(steps > 0)
        first = values[self.starts]
        same_start = float(np.unique(first, return_counts=True)[1].max() / len(first))
        chance = self.depends_on_play(frames)
        gaps = np.diff(frames)
        gaps = gaps[gaps > 0]
        irregular = min(1.0, float(np.std(gaps) / max(np.mean(gaps), 1))) if len(gaps) > 2 else 0.5
        sizes = np.unique(steps[frames])
        few_sizes = 1.0 if len(sizes) <= 12 else 0.6
        paid = steps[frames]
        usual = 0.6 + 0.4 * float(((paid < 10) | (paid % 5 == 0)).mean()) if len(sizes) > 3 else 1.0
        rarely = 1.0 - min(1.0, len(frames) / (RARE * max(int(self.counts.sum()), 1)))
        from_zero = 1.0 if (first == 0).all() else 0.75
        often_enough = min(1.0, len(frames) / 6)
        likeness = (
            (0.2 + 0.8 * chance)
            * (0.4 + 0.6 * irregular)
            * same_start
            * few_sizes
            * usual
            * (0.5 + 0.5 * rarely)
            * from_zero
            * (0.4 + 0.6 * often_enough)
        )
        shown = ", ".join(f"{size}" for size in sizes[:6].tolist())
        reasons = (
            f"rises {len(frames)} times and never falls while somebody plays",
            f"by {shown}{' ...' if len(sizes) > 6 else ''}",
            f"at moments that {'depend' if chance > 0.5 else 'hardly depend'} on how it is played ({chance:.0%})",
        )
        return likeness, reasons

    def depends_on_play(self, frames: NDArray[np.int64]) -> float:
        """The share of changes that happen at a time at which nothing changes in the other plays."""
        if len(self.plays) < 2 or not len(frames):
            return 0.0
        play_of = np.searchsorted(self.starts, frames, side="right") - 1
        ages = self.age[frames]
        alone = [
            not ((np.abs(ages - age) <= 1) & (play_of != play)).any()
            for age, play in zip(ages.tolist(), play_of.tolist(), strict=True)
        ]
        # Where nearly every moment has a change somewhere, some coincide by chance alone.
        density = min(0.9, 3 * len(frames) / max(int(self.counts.sum()), 1) * (len(self.plays) - 1))
        return min(1.0, float(np.mean(alone)) / (1 - density))
