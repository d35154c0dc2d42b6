"""Rewards of one's own, on top of a game's scenario or instead of it.

A recipe says in a table what "better" means, a line for each term:

    [env.shaping]
    progress  = { best = "x", reward = 1 }                    # each unit further than ever in this episode
    coins     = { gain = "coins", reward = 50 }               # each coin
    hurt      = { loss = "power", reward = -200 }             # each unit lost
    back      = { loss = "x", reward = -0.1 }
    time      = { each_frame = true, reward = -0.01 }
    over_pit  = { when = "x >= 1200", reward = 100 }          # a milestone: once an episode
    dizzy     = { during = "speed == 0", reward = -0.1 }      # on each frame on which it holds
    game      = { scenario = true, reward = 0.5 }             # what the scenario pays, times 0.5
    goal      = { when = "x >= x_end", reward = 1000, ends = true }
    way_back  = { best = "x", where = "key >= 1", reward = 1 }  # likewise, counted only while the key is there

Only what stands there counts: without a `scenario` term the scenario's own reward does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from playthrough.game.condition import Condition

_NONE = np.iinfo(np.int64).min
"""The best of an episode in which nothing has counted yet."""

_FILTERED = ("best", "gain", "loss", "each_frame")
_KINDS = ("best", "gain", "loss", "when", "during", "each_frame", "scenario")


@dataclass(frozen=True, kw_only=True)
class ShapingTerm:
    """One term: what counts (exactly one of the first seven), and what it pays.

    Attributes:
        best: A variable: counts units beyond its largest value in the episode so far.
        gain: A variable: counts units of growth, frame by frame.
        loss: A variable: counts units of decline, frame by frame.
        when: A condition: counts once an episode, on the first frame on which it holds.
        during: A condition: counts frames on which it holds.
        each_frame: Counts frames.
        scenario: Counts what the scenario pays to player 1.
        where: A condition: `best`, `gain`, `loss` and `each_frame` count only frames on which it holds.
        reward: What one unit pays; negative for a penalty.
        ends: End the episode (terminated) as soon as the condition of `when` holds.
    """

    best: str | None = None
    gain: str | None = None
    loss: str | None = None
    when: str | None = None
    during: str | None = None
    each_frame: bool = False
    scenario: bool = False
    where: str | None = None
    reward: float
    ends: bool = False

    def __post_init__(self) -> None:
        said = [kind for kind in _KINDS if getattr(self, kind)]
        if len(said) != 1:
            raise ValueError(f"a term of shaping needs exactly one of {', '.join(_KINDS)}, found {said or 'none'}")
        if self.ends and self.when is None:
            raise ValueError("ends = true needs a condition: when = 'x >= 1200'")
        if self.where is not None and said[0] not in _FILTERED:
            raise ValueError(f"where is for {', '.join(_FILTERED)}; {said[0]} needs none")
        if not np.isfinite(self.reward):
            raise ValueError(f"reward must be a finite number, not {self.reward}")
        self.condition()

    @property
    def kind(self) -> str:
        """Which of the seven it is."""
        return next(kind for kind in _KINDS if getattr(self, kind))

    def condition(self) -> Condition | None:
        """The condition of `when`, `during` or `where`, read."""
        text = self.when or self.during or self.where
        return None if text is None else Condition.parse(text)

    def variables(self) -> tuple[str, ...]:
        """The variables that it speaks of."""
        condition, counted = self.condition(), self.counted
        return (*((counted,) if counted else ()), *(condition.variables if condition else ()))

    @property
    def counted(self) -> str | None:
        """The variable whose units count, if any."""
        return self.best or self.gain or self.loss


def terms_of(terms: Mapping[str, ShapingTerm | Mapping[str, Any]]) -> dict[str, ShapingTerm]:
    """Terms by name, where some may be dicts of their fields.

    Raises:
        ValueError: If one is neither, or wrong.
    """
    read: dict[str, ShapingTerm] = {}
    for name, term in terms.items():
        try:
            read[name] = term if isinstance(term, ShapingTerm) else ShapingTerm(**term)
        except (TypeError, ValueError) as error:
            raise ValueError(f"shaping {name}: {error}") from error
    return read


class Shaping:
    """Sums up the terms for all lanes, step by step.

    Args:
        terms: By name.
        variables: The names of the samples' columns.
        num_lanes: How many lanes.

    Raises:
        ValueError: If a term speaks of something that is no variable.
    """

    def __init__(self, terms: Mapping[str, ShapingTerm], variables: Sequence[str], num_lanes: int) -> None:
        used = list(dict.fromkeys(variable for term in terms.values() for variable in term.variables()))
        for name, term in terms.items():
            unknown = [variable for variable in term.variables() if variable not in variables]
            if unknown:
                raise ValueError(
                    f"shaping {name}: there is no variable {unknown[0]!r}; there are: {', '.join(variables)}"
                )
        self._terms = dict(terms)
        self._conditions = {name: condition for name, term in terms.items() if (condition := term.condition())}
        self._names, self._columns = used, [list(variables).index(name) for name in used]
        self._last = np.zeros((num_lanes, len(used)), np.int64)
        self._best = {name: np.full(num_lanes, _NONE) for name, term in terms.items() if term.best}
        self._met = {name: np.zeros(num_lanes, np.bool_) for name, term in terms.items() if term.when}

    def start(self, lanes: NDArray[np.bool_], values: NDArray[np.int64]) -> None:
        """Begin episodes with these values, int64 (lanes, variables)."""
        self._last[lanes] = values[lanes][:, self._columns]
        now = self._by_name(self._last)
        for name, best in self._best.items():
            counts = self._conditions[name].holds(now) if name in self._conditions else True
            best[lanes] = np.where(counts, now[self._terms[name].best or ""], _NONE)[lanes]
        for met in self._met.values():
            met[lanes] = False

    def step(
        self, samples: NDArray[np.int64], frames_run: NDArray[np.int32], scenario: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Take in a step.

        Args:
            samples: int64 (lanes, frames, variables).
            frames_run: int32 (lanes,); samples of frames that were not run mean nothing.
            scenario: float64 (lanes,), what the scenario pays.

        Returns:
            float64 (lanes,), what the terms pay, and bool (lanes,), which episodes they end.
        """
        series = np.concatenate([self._last[:, None], samples[:, :, self._columns]], axis=1)
        # A frame that was not run repeats the last one that was: nothing changes, so nothing counts.
        frame = np.minimum(np.arange(series.shape[1]), frames_run[:, None])
        series = np.take_along_axis(series, frame[:, :, None], axis=1)
        ran = cast("NDArray[np.bool_]", np.arange(samples.shape[1]) < frames_run[:, None])
        now, change = self._by_name(series[:, 1:]), self._by_name(np.diff(series, axis=1))
        rewards: NDArray[np.float64] = np.zeros(len(frames_run))
        ended: NDArray[np.bool_] = np.zeros(len(frames_run), np.bool_)
        units: NDArray[Any]
        for name, term in self._terms.items():
            holds: NDArray[np.bool_] = self._conditions[name].holds(now) if name in self._conditions else ran
            counts: NDArray[np.bool_] = ran & holds
            if term.best:
                units = self._beyond(name, now[term.best], counts)
            elif term.gain:
                units = np.where(counts, np.maximum(change[term.gain], 0), 0).sum(axis=1)
            elif term.loss:
                units = np.where(counts, np.maximum(-change[term.loss], 0), 0).sum(axis=1)
            elif term.when:
                units = counts.any(axis=1) & ~self._met[name]
                self._met[name] |= units
                if term.ends:
                    ended |= units
            elif term.scenario:
                units = scenario
            else:
                units = counts.sum(axis=1)
            rewards += term.reward * units
        self._last = series[:, -1]
        return rewards, ended

    def _beyond(self, name: str, values: NDArray[np.int64], counts: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How far each lane got beyond its best, which is its first value that counts, to begin with."""
        best = self._best[name]
        first = np.take_along_axis(values, counts.argmax(axis=1)[:, None], axis=1)[:, 0]
        before = np.where((best == _NONE) & counts.any(axis=1), first, best)
        self._best[name] = np.maximum(before, np.where(counts, values, _NONE).max(axis=1))
        return self._best[name] - before

    def _by_name(self, values: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
        """The variables that terms speak of, from an array whose last axis has them."""
        return {name: values[..., i] for i, name in enumerate(self._names)}

    def save(self, lane: int) -> dict[str, Any]:
        """One lane's bests and milestones, as plain data."""
        return {
            "best": {name: int(best[lane]) for name, best in self._best.items()},
            "met": [name for name, met in self._met.items() if met[lane]],
        }

    def load(self, lane: int, saved: Mapping[str, Any] | None, values: NDArray[np.int64]) -> None:
        """Put back what `save` gave; a snapshot without it, or of other terms, starts to count now.

        Args:
            lane: The lane.
            saved: What `save` gave, or None.
            values: Its variables as they are, int64 (variables,).
        """
        lanes: NDArray[np.bool_] = np.arange(len(self._last)) == lane
        self.start(lanes, np.broadcast_to(values, (len(self._last), len(values))))
        if saved is not None:
            for name, best in self._best.items():
                best[lane] = saved["best"].get(name, best[lane])
            for name, met in self._met.items():
                met[lane] = name in saved["met"]
