"""The score among all numbers: what only rises while somebody plays, rarely, and not by the clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.probes import DataType
from playthrough.integrate.episodes import Play
from playthrough.integrate.guessed import Guess, Part
from playthrough.integrate.numbers import fits_in_a_block, read_numbers
from playthrough.integrate.recording import Recording
from playthrough.integrate.series import RARE, SETTLE, Series

_SCORE_TYPES = tuple(
    DataType.parse(text)
    for text in (
        *("|d1", "|u1", "|n1"),
        *(f"{order}d{width}" for width in (2, 3, 4) for order in "><"),
        *(f"{order}n{width}" for width in range(2, 9) for order in "><"),
        *(f"{order}u{width}" for width in (2, 3) for order in "><"),
    )
)
_LIKELY, _ONLY_A_PART = 0.3, 0.5
_SELDOMER = 0.8
"""Higher digits change at most so often as the digits below them."""
_BETTER = 0.02
"""By so much another reading of the same digits must be likelier."""
_MOSTLY = 0.6


def guess_score(recording: Recording, plays: Sequence[Play]) -> list[Guess]:
    """The numbers that may be the score, the likeliest first."""
    series = Series(recording, plays)
    best: dict[int, Guess] = {}
    for parts, values in _score_numbers(recording, series):
        likeness, reasons = series.score_likeness(values)
        lowest = parts[0].address + parts[0].type.byte_offsets()[-1]
        # Of several readings of the same last digits the likeliest counts; of equals the first, which is the simplest.
        if likeness > 0 and (lowest not in best or likeness > best[lowest].likeness + _BETTER):
            best[lowest] = Guess("score", parts, likeness, reasons)
    # The higher digits of one number rise as a score does, too, but are not all of it.
    higher = {address for made in best.values() if made.likeness > _LIKELY for address in _higher_bytes(made)}
    whole = [
        replace(made, likeness=made.likeness * _ONLY_A_PART) if lowest in higher else made
        for lowest, made in best.items()
    ]
    return sorted(whole, key=lambda guess: guess.likeness, reverse=True)


def _higher_bytes(made: Guess) -> list[int]:
    """The addresses of all bytes of a number but its lowest."""
    found = [part.address + offset for part in made.parts for offset in reversed(part.type.byte_offsets())]
    return found[1:]


def _score_numbers(recording: Recording, series: Series) -> Iterator[tuple[tuple[Part, ...], NDArray[np.int64]]]:
    """Every number that never falls while somebody plays: neighbours as one type, and others joined by their carry."""
    for kind in _SCORE_TYPES:
        values, valid = _scores(recording, series, kind)
        good = valid & fits_in_a_block(recording.addresses, kind.width) & series.only_rises(values)
        for column in np.flatnonzero(good).tolist():
            yield (Part(int(recording.addresses[column]), kind),), values[:, column]
    for text, base in (("|d1", 100), ("|u1", 256)):
        kind = DataType.parse(text)
        values, valid = _scores(recording, series, kind)
        yield from _joined(recording, series, kind, base, values, valid)


def _scores(recording: Recording, series: Series, kind: DataType) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The numbers of a type, (frames, numbers), and whether each may be a score; what is no number counts as 0.

    Some games show something else where the score will be until somebody scores.
    """
    values, valid = read_numbers(recording.ram, kind)
    good = valid[series.counts].mean(axis=0) > _MOSTLY
    if kind.format == "n":  # what stands beside the digits does not change
        beside = recording.ram[series.counts] >> 4
        still = (beside == beside[:1]).mean(axis=0) > _MOSTLY
        for offset in range(kind.width):
            good &= still[offset : offset + len(good)]
    return np.where(valid, values, 0), good


def _joined(
    recording: Recording,
    series: Series,
    kind: DataType,
    base: int,
    values: NDArray[np.int64],
    valid: NDArray[np.bool_],
) -> Iterator[tuple[tuple[Part, ...], NDArray[np.int64]]]:
    """Numbers whose bytes are not neighbours: each wrap of one is a rise of the next."""
    steps = series.steps(values)
    rarely = (steps != 0).mean(axis=0) < RARE
    falls, rises, moves = steps < 0, steps > 0, (steps != 0).sum(axis=0)
    for low in np.flatnonzero(valid & rarely & falls.any(axis=0) & rises.any(axis=0)).tolist():
        whole, parts, weight, column = values[:, low], [low], 1, low
        while len(parts) < 4:
            wraps = np.flatnonzero(falls[:, column])
            if not len(wraps):
                break
            carried = np.ones(values.shape[1], np.bool_)
            for frame in wraps:
                carried &= rises[max(0, frame - SETTLE) : frame + SETTLE + 1].any(axis=0)
            carried &= valid & rarely & (moves <= _SELDOMER * moves[column])
            carried[parts] = False
            options = np.flatnonzero(carried)
            if not len(options):
                break
            near = np.abs(recording.addresses[options] - recording.addresses[column])
            weight *= base
            joined = [(whole + weight * values[:, option], int(option)) for option in options[np.argsort(near)]]
            chosen = next(((v, o) for v, o in joined if series.only_rises(v[:, None])[0]), None) or joined[0]
            whole, column = chosen
            parts.append(column)
        if len(parts) > 1 and series.only_rises(whole[:, None])[0]:
            yield tuple(Part(int(recording.addresses[c]), kind, base**n) for n, c in enumerate(parts)), whole
