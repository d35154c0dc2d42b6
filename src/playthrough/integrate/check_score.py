"""Whether the reward counts the points that the screen shows."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from playthrough.errors import BadInputError
from playthrough.integrate.check_case import Case
from playthrough.integrate.check_finding import Finding, Level

_SCORE_AT = re.compile(r"(\d+)=(\d+)")


@dataclass(frozen=True)
class ScoreAt:
    """What somebody read off the screen.

    Attributes:
        frame: Of the movie, from 0, the reset's own.
        value: The score there.
    """

    frame: int
    value: int

    @classmethod
    def parse(cls, text: str) -> ScoreAt:
        """Read `FRAME=VALUE`.

        Raises:
            BadInputError: If it is something else.
        """
        match = _SCORE_AT.fullmatch(text.replace(" ", "").replace(",", ""))
        if match is None:
            raise BadInputError(f"--score-at: expected FRAME=VALUE such as 600=1200, found {text!r}")
        return cls(int(match[1]), int(match[2]))


def check_score(case: Case, told: Sequence[ScoreAt]) -> Iterator[Finding]:
    """Compare the score variables, and what they pay, with the screen.

    Raises:
        BadInputError: If there is no movie whose frames are meant, or it is shorter.
    """
    if not told:
        return
    movie = next((play for play in case.plays if play.is_movie), None)
    if movie is None:
        raise BadInputError("--score-at: its frames are those of a movie; name one with --movie FILE")
    columns = {term.name: term.column for term in case.growing() if case.is_score(term.name)}
    columns = columns or {name: i for i, name in enumerate(case.names) if case.is_score(name)}
    columns = columns or {term.name: term.column for term in case.growing()}
    factors = {term.name: term.compiled.reward for term in case.growing()}
    for shown in told:
        if shown.frame > movie.num_frames:
            raise BadInputError(
                f"--score-at: {movie.name} has {movie.num_frames + 1} frames; there is no {shown.frame}"
            )
        for name, column in columns.items():
            value = int(movie.samples[shown.frame, column])
            factor = factors.get(name)
            where = f"frame {shown.frame} of {movie.name}: the screen shows {shown.value}, {name!r} is {value}"
            power = _power_of_ten(shown.value, value)
            if value == shown.value and factor in (None, 1.0):
                message, step = f"{name!r} is the score on the screen", ""
                yield _finding(case, "note", message, where, step, name)
            elif value == shown.value:
                message = f"the reward counts {factor:g} for each point on the screen"
                yield _finding(
                    case, "warning", message, where, 'give "reward": 1 if points shall count as they are', name
                )
            elif power is not None and factor is not None and math.isclose(factor, power):
                message = f"{name!r} is the score on the screen divided by {power:g}, and its reward makes up for it"
                yield _finding(case, "note", message, where, "", name)
            elif power is not None:
                paid = "" if factor is None else f', and pays {factor:g}: give "reward": {power:g}'
                message = f"{name!r} differs from the score on the screen by the factor {power:g}{paid}"
                step = "or read the missing digits too: a wider type, or another address"
                yield _finding(case, "warning", message, where, step, name)
            else:
                message = f"{name!r} is not the score on the screen"
                step = f"playthrough integrate search {case.integration.name} finds the address"
                yield _finding(case, "error", message, where, step, name)


def _power_of_ten(shown: int, value: int) -> float | None:
    """By which power of ten other than 1 two numbers differ, if by one."""
    if shown <= 0 or value <= 0 or shown == value:
        return None
    power = 10.0 ** round(math.log10(shown / value))
    return power if power != 1 and math.isclose(value * power, shown) else None


def _finding(case: Case, level: Level, message: str, evidence: str, step: str, name: str) -> Finding:
    path = case.integration.scenario_path
    return Finding(level, "score", message, evidence, step, path, case.reward_line(name))
