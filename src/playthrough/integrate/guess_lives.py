"""Lives and game over among all bytes: what counts down to the end, and what is only so afterwards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.probes import DataType
from playthrough.integrate.episodes import Play
from playthrough.integrate.guessed import Guess, Part
from playthrough.integrate.recording import Recording
from playthrough.integrate.series import Series

_LIVES_MASKS = (0xFF, 0x0F, 0x07, 0x03, 0xF0)
_MOST_LIVES = 9
_AT_THE_END = 240
"""The last life falls within so many frames of the moment from which on the game does not listen."""
_BUSIER = 3
"""Lives that share a byte with something that changes so many times as often are hardly lives."""


def guess_lives(recording: Recording, plays: Sequence[Play]) -> list[Guess]:
    """The numbers that may be the lives that are left, the likeliest first."""
    series = Series(recording, plays)
    found: dict[tuple[int, bytes], Guess] = {}
    for mask in _LIVES_MASKS:
        unit = mask & -mask
        values = (recording.ram & mask).astype(np.int64) // unit
        for column in range(values.shape[1]):
            judged = _lives_likeness(series, plays, values[:, column])
            if judged is None:
                continue
            likeness, reasons, end = judged
            if mask != 0xFF:
                if not np.any((recording.ram[:, column] & ~np.uint8(mask)) != 0):
                    continue  # the whole byte says the same
                rest = recording.ram[:, column] & ~np.uint8(mask)
                busier = np.count_nonzero(np.diff(rest)) > _BUSIER * np.count_nonzero(np.diff(values[:, column]))
                likeness *= 0.5 if busier else 0.9
                reasons = (*reasons, f"in the bits {mask:#04x} of its byte")
            part = Part(int(recording.addresses[column]), DataType.parse("|u1"), 1, None if mask == 0xFF else mask)
            steps = np.diff(values[:, column])
            key = int(recording.addresses[column]), np.flatnonzero(steps).tobytes()
            made = Guess("lives", (part,), likeness, reasons, None if end is None else end * unit)
            if key not in found or found[key].likeness < likeness:
                found[key] = made
    return sorted(found.values(), key=lambda guess: guess.likeness, reverse=True)


def _lives_likeness(
    series: Series, plays: Sequence[Play], values: NDArray[np.int64]
) -> tuple[float, tuple[str, ...], int | None] | None:
    """How much a number does as lives do, why, and what it is when the game is over; None if it does not at all."""
    firsts: list[int] = []
    ends: list[int] = []
    falls: list[int] = []
    wrong = right = 0
    at_the_end = 0
    num_over = 0
    for play in plays:
        until = play.end if play.over is None else min(play.end, play.over + _AT_THE_END)
        part = values[play.begin : until]
        steps = np.diff(part)
        frames = np.flatnonzero(steps)
        firsts.append(int(part[0]))
        ones = (steps[frames] == -1) | ((steps[frames] < 0) & (part[frames + 1] > _MOST_LIVES))  # 0 - 1 is 255
        right += int(ones.sum())
        wrong += int((~ones).sum())
        falls += (play.begin + frames[ones] + 1).tolist()
        close = np.diff(frames[ones])
        wrong += int((close < 30).sum())
        if play.over is not None:
            num_over += 1
            ends.append(int(part[-1]))
            if len(frames) and ones[-1] and abs(int(frames[-1]) + play.begin + 1 - play.over) < _AT_THE_END:
                at_the_end += 1
    start = max(set(firsts), key=firsts.count)
    if not 1 <= start <= _MOST_LIVES or right < 2 or wrong > 0.3 * right:
        return None
    same_start = firsts.count(start) / len(firsts)
    end = max(set(ends), key=ends.count) if ends else None
    same_end = ends.count(end) / len(ends) if ends and end is not None else 0.5
    if end is not None and end >= start and end <= _MOST_LIVES:
        return None
    ended_by_it = at_the_end / num_over if num_over else 0.5
    chance = series.depends_on_play(np.array(sorted(falls)))
    down_to_zero = 1.0 if end in (0, 255, 15, None) else 0.8
    likeness = (
        same_start
        * (0.3 + 0.7 * same_end)
        * (0.3 + 0.7 * ended_by_it)
        * (0.3 + 0.7 * chance)
        * (right / (right + 2 * wrong))
        * down_to_zero
        * min(1.0, 0.5 + right / 12)
    )
    reasons = (
        f"begins with {start} and falls by one, {right} times in {len(plays)} plays",
        *((f"is {end} when the game is over",) if end is not None else ()),
        *((f"the last fall ended {at_the_end} of {num_over} games",) if num_over else ()),
    )
    return likeness, reasons, end


def guess_game_over(recording: Recording, plays: Sequence[Play]) -> list[Guess]:
    """Bytes with one value after the game is over that they never had while somebody played, the likeliest first."""
    over = np.zeros(len(recording), np.bool_)
    playing = np.zeros(len(recording), np.bool_)
    for play in plays:
        playing[play.begin : play.last] = True
        if play.over is not None:
            over[play.over + _AT_THE_END // 2 : play.end] = True
    num_over = sum(play.over is not None for play in plays)
    if not num_over:
        return []
    found: list[Guess] = []
    for column in range(recording.ram.shape[1]):
        ram = recording.ram[:, column]
        for mask in (0xFF, 0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01):
            ended = np.unique(ram[over] & mask)
            if len(ended) != 1 or (ram[playing] & mask == ended[0]).any():
                continue
            calm = len(np.unique(ram[playing])) <= 12
            reasons = (
                f"is {int(ended[0])} when the game is over ({num_over} times), and never before",
                *((f"in the bits {mask:#04x} of its byte",) if mask != 0xFF else ()),
            )
            likeness = (1.0 if calm else 0.6) * (1.0 if mask == 0xFF else 0.9) * min(1.0, 0.4 + 0.2 * num_over)
            part = Part(int(recording.addresses[column]), DataType.parse("|u1"), 1, None if mask == 0xFF else mask)
            found.append(Guess("game_over", (part,), likeness, reasons, int(ended[0])))
            break
    return sorted(found, key=lambda guess: guess.likeness, reverse=True)
