"""The reward ledger of a play: which variable paid what on which frame."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.env.reward_terms import RewardTerms
from playthrough.errors import LaneError
from playthrough.integrate.check_plays import Play, play_movie


@dataclass(frozen=True)
class Entry:
    """One payment.

    Attributes:
        frame: On which frame of the movie, from 0, the reset's own.
        term: What paid: a variable, `each frame`, or `script`.
        before, after: The variable one frame ago and now; None where no variable paid.
        amount: How much.
        total: What the player has got so far, this included.
    """

    frame: int
    term: str
    before: int | None
    after: int | None
    amount: float
    total: float


@dataclass(frozen=True, eq=False)
class Ledger:
    """All payments of one play.

    Attributes:
        terms: What pays.
        variables: The variables, in the order of the samples.
        play: What happened.
    """

    terms: RewardTerms
    variables: tuple[str, ...]
    play: Play

    @property
    def totals(self) -> dict[str, float]:
        """What each term paid in all."""
        sums = self.play.amounts.sum(axis=0, dtype=np.float64)
        return dict(zip(self.terms.names, sums.tolist(), strict=True))

    @property
    def payments(self) -> dict[str, int]:
        """On how many frames each term paid something."""
        counts = np.count_nonzero(self.play.amounts, axis=0)
        return dict(zip(self.terms.names, counts.tolist(), strict=True))

    def entries(self) -> Iterator[Entry]:
        """Every payment, in the order of frames."""
        samples, amounts = self.play.samples, self.play.amounts
        running: NDArray[np.float64] = np.zeros(1 + max(self.terms.players, default=0))
        for place in np.argwhere(amounts):
            frame, column = int(place[0]), int(place[1])
            player, name = self.terms.players[column], self.terms.names[column]
            amount = float(amounts[frame, column])
            running[player] += amount
            before = after = None
            if self.terms.compiled and (asked := self.terms.compiled[column].measure) is not None:
                before, after = (int(samples[row, asked.probe]) for row in (frame, frame + 1))
            # Row 0 of the samples is the reset's own frame, which pays nothing.
            yield Entry(frame + 1, name, before, after, amount, float(running[player]))

    def to_csv(self) -> str:
        """A line per payment, under a line of headings."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("frame", "term", "before", "after", "amount", "total"))
        for entry in self.entries():
            numbers = (f"{entry.amount:.9g}", f"{entry.total:.9g}")
            writer.writerow((entry.frame, entry.term, entry.before, entry.after, *numbers))
        return text.getvalue()


def explain(movie: str | Path, *, game: str | Path | None = None, **options: Any) -> Ledger:
    """Replay a movie and note what paid what.

    Args:
        movie: A `.bk2` or `.fm2`.
        game: The game, where the movie does not say it, or a folder of it.
        **options: Further fields of EnvOptions: scenario, info, core.

    Raises:
        PlaythroughError: If the movie or its game cannot be had, or the core does not get through the movie.
    """
    play, env_terms, variables = play_movie(movie, game=game, **options)
    if play.lost:
        raise LaneError(f"{movie} cannot be explained to its end: {play.lost}")
    return Ledger(env_terms, variables, play)
