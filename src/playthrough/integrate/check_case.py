"""What every check of the scenario doctor gets: the game's meaning, and how it was played."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.probes import Op, RewardTerm
from playthrough.env.reward_terms import RewardTerms
from playthrough.game.integration import Integration
from playthrough.game.json_files import line_of
from playthrough.game.variables import Variable
from playthrough.integrate.check_plays import Play

_LIVES = re.compile(r"(^|[\d_.])(lives?|lifes?|tries|men|ships)($|[\d_.])|lives", re.IGNORECASE)
_LEVEL = re.compile(
    r"(^|[\d_.])(?i:levels?|stages?|worlds?|rounds?|areas?|acts?|zones?|rooms?|waves?)"
    r"($|[\d_.]|(?<=[a-z])(?=[A-Z])|(?i:hi(gh)?|low?|done)($|[\d_.]))"
)
_SCORE = re.compile(r"score|points", re.IGNORECASE)


@dataclass(frozen=True)
class PaidVariable:
    """A variable that a term of the reward is about.

    Attributes:
        term: Number of the term.
        column: Number of the variable.
        name: Of the variable.
        compiled: The term.
    """

    term: int
    column: int
    name: str
    compiled: RewardTerm


@dataclass(frozen=True, eq=False)
class Case:
    """A game that was played, and the terms of its reward.

    Attributes:
        integration: The game.
        terms: Of its reward.
        plays: How it was played.
        frames_per_second: The game's speed.
    """

    integration: Integration
    terms: RewardTerms
    plays: tuple[Play, ...]
    frames_per_second: float

    @property
    def names(self) -> list[str]:
        """The variables, in the order of the samples."""
        return list(self.integration.variables)

    def variable(self, column: int) -> Variable:
        """A variable by its number."""
        return list(self.integration.variables.values())[column]

    def paid_variables(self) -> Iterator[PaidVariable]:
        """The variables that earn a reward."""
        for number, term in enumerate(self.terms.compiled):
            if term.measure is not None:
                yield PaidVariable(number, term.measure.probe, self.names[term.measure.probe], term)

    def growing(self) -> Iterator[PaidVariable]:
        """Those of them whose plain change is paid."""
        for paid in self.paid_variables():
            measure = paid.compiled.measure
            if measure is not None and measure.measurement == "delta" and measure.op is Op.NONE:
                yield paid

    def columns_like(self, kind: re.Pattern[str]) -> list[int]:
        """The variables whose names are of a kind."""
        return [column for column, name in enumerate(self.names) if kind.search(name)]

    @property
    def lives(self) -> list[int]:
        """The variables that count lives, by their names."""
        return self.columns_like(_LIVES)

    @property
    def levels(self) -> list[int]:
        """The variables that say which level is played, by their names."""
        return self.columns_like(_LEVEL)

    def is_score(self, name: str) -> bool:
        """Whether a variable is a score, by its name."""
        return _SCORE.search(name) is not None

    def is_lives(self, name: str) -> bool:
        """Whether a variable counts lives, by its name."""
        return _LIVES.search(name) is not None

    def reward_line(self, name: str) -> int | None:
        """Where the scenario speaks of a variable's reward."""
        path = self.integration.scenario_path
        if path.suffix != ".json":
            return None
        lines = (line_of(path, key, "variables", name) for key in ("reward", "rewards"))
        return next((line for line in lines if line is not None), None)

    def done_line(self) -> int | None:
        """Where the scenario speaks of the end."""
        path = self.integration.scenario_path
        return line_of(path, "done") if path.suffix == ".json" else None


def changes(play: Play, column: int) -> NDArray[np.int64]:
    """A variable's change on each frame of an episode, up to its end: int64 (frames,)."""
    return np.diff(play.samples[: play.num_played + 1, column])


def paid(play: Play, term: int) -> NDArray[np.float64]:
    """What a term paid on each frame of an episode, up to its end: float64 (frames,)."""
    return play.amounts[: play.num_played, term].astype(np.float64)


def wraps(play: Play, column: int, variable: Variable) -> NDArray[np.int64]:
    """The frames, from 1, on which a variable runs over one edge of its type and goes on at the other.

    A jump from edge to edge counts if the variable had been moving towards that edge in small steps; a bar that is
    emptied or filled at once does not.
    """
    low, high = variable.probe.range()
    size = high - low + 1
    values, steps = play.samples[: play.num_played + 1, column], changes(play, column)
    small = (steps != 0) & (np.abs(steps) <= max(size // 16, 1))
    found: list[int] = []
    for frame in np.flatnonzero(np.abs(steps) > size * 3 // 4):
        past = steps[max(0, frame - 120) : frame]
        towards = past[small[max(0, frame - 120) : frame]]
        step = steps[frame] + (size if steps[frame] < 0 else -size)
        is_on_its_way = np.count_nonzero(np.sign(towards) == np.sign(step)) >= 3 or (
            len(towards) >= 3 and np.sign(towards[-1]) == np.sign(step)
        )
        if is_on_its_way and abs(step) <= max(size // 16, 1) and values[frame] != values[frame + 1]:
            found.append(int(frame) + 1)
    return np.array(found, np.int64)
