"""Find by demonstration: somebody played and said what happened when; which numbers did just that?

Every address is read as every type. A number is judged by each mark, and by how quiet it is where nothing was marked. A
number on the screen may be kept without its last zeros (300 as 30 or 3), and lives may be counted from zero: both are
tried, the same way for all marks of a name. The best ones are poked while the movie plays on, which tells a number that
the game lives by from a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.probes import DataType
from playthrough.errors import BadInputError, MovieError
from playthrough.game.movies import Movie
from playthrough.integrate.machine import Machine
from playthrough.integrate.marks import Mark
from playthrough.integrate.numbers import ALL_TYPES, fits_in_a_block, read_numbers
from playthrough.integrate.poking import Poked, Poking
from playthrough.integrate.recording import Recorder, Recording

_EARLY, _LATE = 45, 20
"""A mark on one frame stands for so many frames before and after it: people react late."""
_NEAR = 6
"""A value was read off the screen within so many frames of its mark."""
_FACTORS = (1, 10, 100, 1000)
_OFFSETS = (0, -1, 1)
_KEPT = 400
"""How many numbers of one type are judged closely."""
_POKED = 10
_BEFORE, _AFTER = 20, 60
_WORTH = {"original": 1.0, "unused": 0.8, "copy": 0.6}


@dataclass(frozen=True, eq=False)
class Demonstrated:
    """A number that did what was shown.

    Attributes:
        name: What the marks call it.
        address: Where it is.
        type: How its bytes are read.
        score: What candidates are ranked by: 0 to 1.
        factor: How many of what the screen shows one of it is.
        offset: What is added to it for what the screen shows, before the factor.
        followed: Which marks it followed, each 0 to 1.
        changes: How often it changed.
        poked: What followed when it was changed; None if it was not tried.
    """

    name: str
    address: int
    type: DataType
    score: float
    factor: int
    offset: int
    followed: tuple[tuple[Mark, float], ...]
    changes: int
    poked: Poked | None = None

    @property
    def reasons(self) -> list[str]:
        """Why it is proposed, in words."""
        kept = sum(share > 0.5 for _, share in self.followed)
        lines = [f"follows {kept} of {len(self.followed)} marks; changes {self.changes} times"]
        lines += [f"does not follow '{mark}'" for mark, share in self.followed if share <= 0.5]
        if self.factor != 1:
            lines.append(f"the screen shows it times {self.factor}")
        if self.offset:
            lines.append(f"the screen shows {self.offset:+d}")
        if self.poked is not None:
            lines.append(str(self.poked))
        return lines


def require_playable(machine: Machine, movie: Movie) -> None:
    """Check that a machine can play a movie.

    Raises:
        MovieError: If it is of another system, or presses the console's reset button.
    """
    if movie.system.name != machine.system.name:
        raise MovieError(
            f"the movie is of a {movie.system.name} game, but {machine.integration.name} runs on {machine.system.name}"
        )
    if movie.resets:
        raise MovieError(f"the movie presses the console's reset button (frame {movie.resets[0]}), which is not known")


def record_movie(machine: Machine, movie: Movie) -> Recording:
    """What memory did while a movie played, from its own start.

    Raises:
        MovieError: If the machine cannot play it.
    """
    require_playable(machine, movie)
    machine.start(movie.state or b"")
    recorder = Recorder(machine, motion=False)
    recorder.begin()
    recorder.frames(movie.inputs)
    return recorder.finish()


def find_demonstrated(
    machine: Machine, movie: Movie, marks: Sequence[Mark], *, poke: bool = True
) -> dict[str, list[Demonstrated]]:
    """For every name in the marks, the numbers that did what they say, the best first.

    Args:
        machine: The game.
        movie: What was played.
        marks: What was seen on it.
        poke: Whether the best are confirmed by changing them.

    Raises:
        BadInputError: If a mark lies outside the movie.
    """
    for mark in marks:
        if not 1 <= mark.first <= mark.last <= len(movie.inputs):
            raise BadInputError(f"the mark '{mark}' lies outside of the movie, which has {len(movie.inputs)} frames")
    recording = record_movie(machine, movie)
    found: dict[str, list[Demonstrated]] = {}
    for name in dict.fromkeys(mark.name for mark in marks):
        mine = [mark for mark in marks if mark.name == name]
        ranked = rank_demonstrated(recording, mine)
        found[name] = _poked(machine, movie, recording, mine, ranked) if poke and ranked else ranked
    return found


def rank_demonstrated(recording: Recording, marks: Sequence[Mark], limit: int = 50) -> list[Demonstrated]:
    """The numbers of a recording that did what the marks of one name say, the best first."""
    found: list[Demonstrated] = []
    for kind in ALL_TYPES:
        values, valid = read_numbers(recording.ram, kind)
        if not values.shape[1]:
            continue
        usable = fits_in_a_block(recording.addresses, kind.width) & _valid_at(valid, marks)
        columns = np.flatnonzero(usable)
        if len(columns):
            found += _judged(recording, kind, values[:, columns], columns, marks)
    found.sort(key=lambda one: (-one.score, one.type.width, one.address))
    return _one_per_place(found)[:limit]


def _judged(
    recording: Recording,
    kind: DataType,
    values: NDArray[np.int64],
    columns: NDArray[np.int64],
    marks: Sequence[Mark],
) -> list[Demonstrated]:
    best = np.full(len(columns), -1.0)
    how = np.zeros(len(columns), np.int64)
    absolute = any(mark.kind in ("is", "is not", "below", "above") for mark in marks)
    scalings = [(f, o) for f in _FACTORS for o in _OFFSETS] if absolute else [(1, 0)]
    followed = np.zeros((len(marks), len(columns)))
    for number, (factor, offset) in enumerate(scalings):
        shares = np.array([_follows(values, mark, factor, offset) for mark in marks])
        plain = (1.0 if factor == 1 else 0.93) * (1.0 if offset == 0 else 0.9)
        score = (shares**2).mean(axis=0) * plain
        better = score > best
        best, how = np.where(better, score, best), np.where(better, number, how)
        followed = np.where(better, shares, followed)
    changes = (np.diff(values, axis=0) != 0).sum(axis=0)
    best = best * _quiet(values, marks, changes) * 0.985 ** (kind.width - 1) * (0.99 if kind.format == "i" else 1.0)
    order = np.argsort(-best)[:_KEPT]
    return [
        Demonstrated(
            marks[0].name,
            int(recording.addresses[columns[index]]),
            kind,
            float(best[index]),
            *scalings[int(how[index])],
            tuple((mark, float(share)) for mark, share in zip(marks, followed[:, index], strict=True)),
            int(changes[index]),
        )
        for index in order.tolist()
        if best[index] > 0.25 and changes[index]
    ]


def _follows(values: NDArray[np.int64], mark: Mark, factor: int, offset: int) -> NDArray[np.float64]:
    """How well each number did what a mark says: 0 to 1."""
    first, last = mark.first - 1, mark.last - 1
    single = first == last
    if mark.kind in ("is", "is not", "below", "above"):
        near = values[max(first - _NEAR, 0) : last + _NEAR + 1] if single else values[first : last + 1]
        shown = (near + offset) * factor
        value = mark.value or 0
        match mark.kind:
            case "is":
                right = shown == value
            case "is not":
                right = shown != value
            case "below":
                right = shown < value
            case _:
                right = shown > value
        return _ever(right) if single and mark.kind == "is" else _share(right)
    if single:
        first, last = max(first - _EARLY, 0), min(last + _LATE, len(values) - 1)
    part = values[first : last + 1]
    steps = np.diff(part, axis=0)
    total = part[-1] - part[0]
    if mark.kind == "still":
        return 1.0 - _share(steps != 0)
    if mark.kind == "changes":
        return _ever(steps != 0)
    if mark.kind == "falls":
        steps, total = -steps, -total
    if mark.value is not None:
        return ((steps == mark.value).any(axis=0) & (total == mark.value)).astype(np.float64)
    ups, downs = (steps > 0).sum(axis=0), (steps < 0).sum(axis=0)
    if single:
        return ((total > 0) & (downs == 0)).astype(np.float64)
    # Over a stretch: it goes on rising, and not in one jump.
    goes_on = (total > 0) & (ups >= min(3, len(steps)))
    steadily: NDArray[np.float64] = (ups - downs) / np.maximum(ups + downs, 1)
    return np.where(goes_on, steadily, np.float64(0))


def _ever(whether: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For each number, 1 if it is so on any of the frames, else 0."""
    return np.logical_or.reduce(whether, axis=0).astype(np.float64)


def _share(whether: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For each number, on which share of the frames it is so."""
    return cast("NDArray[np.float64]", np.count_nonzero(whether, axis=0) / max(len(whether), 1))


def _quiet(values: NDArray[np.int64], marks: Sequence[Mark], changes: NDArray[np.int64]) -> NDArray[np.float64]:
    """How rarely a number changes where nothing was marked; of no matter for what moves over a stretch."""
    if any(mark.first != mark.last and mark.kind in ("rises", "falls") for mark in marks):
        return np.ones(len(changes))
    marked = np.zeros(len(values), np.bool_)
    for mark in marks:
        marked[max(mark.first - 1 - _EARLY, 0) : mark.last + _LATE] = True
    steps = np.diff(values, axis=0) != 0
    events = any(mark.kind in ("rises", "falls", "changes") for mark in marks)
    unmarked = steps[~marked[1:]].sum(axis=0) if events else changes
    expected = len(marks)
    unusual = unmarked.astype(np.float64) * (1.0 if events else 0.25)
    return 0.5 + 0.5 * (expected + 1) / (expected + 1 + unusual)


def _valid_at(valid: NDArray[np.bool_], marks: Sequence[Mark]) -> NDArray[np.bool_]:
    """bool (numbers,), whether a number is one on the frames that were marked."""
    frames = sorted({mark.first - 1 for mark in marks} | {mark.last - 1 for mark in marks})
    return np.logical_and.reduce(valid[frames], axis=0)


def _one_per_place(found: list[Demonstrated]) -> list[Demonstrated]:
    """The best reading of each number: a byte is not proposed again as part of a wider type that says no more."""
    kept: list[Demonstrated] = []
    taken: set[int] = set()
    for one in found:
        lowest = one.address + one.type.byte_offsets()[-1]
        if lowest not in taken:
            taken.add(lowest)
            kept.append(one)
    return kept


def _poked(
    machine: Machine, movie: Movie, recording: Recording, marks: Sequence[Mark], found: list[Demonstrated]
) -> list[Demonstrated]:
    """The best, changed shortly before it changes by itself, in a new order."""
    last = marks[-1].last - 1
    changes = _changes(recording, found[0])
    before = changes[changes <= last + _LATE]
    event = int(before[-1]) if len(before) else last
    begin, end = max(event - _BEFORE, 0), min(event + _AFTER, len(movie.inputs))
    machine.start(movie.state or b"")
    if begin:
        machine.run(movie.inputs[:begin])
    poking = Poking(machine, movie.inputs[begin:end])
    judged: list[Demonstrated] = []
    for number, one in enumerate(found):
        if number < _POKED:
            at = one.type.byte_offsets()[-1]
            raw = bytearray(machine.read(one.address, one.type.width))
            raw[at] ^= 0x01
            poked = poking.write(one.address, bytes(raw))
            one = replace(one, poked=poked, score=one.score * _WORTH[poked.verdict])
        judged.append(one)
    judged.sort(key=lambda one: (-one.score, one.type.width, one.address))
    return [_widened(poking, judged[0]), *judged[1:]]


def _changes(recording: Recording, one: Demonstrated) -> NDArray[np.int64]:
    """The frames on which a number changes, from 0."""
    column = recording.column(one.address)
    if column is None:
        return np.zeros(0, np.int64)
    part = recording.ram[:, column : column + one.type.width]
    return np.flatnonzero((part[1:] != part[:-1]).any(axis=1)) + 1


def _widened(poking: Poking, one: Demonstrated) -> Demonstrated:
    """The best one with all of its digits: zeros on the screen that never changed belong to it."""
    address, kind, below = poking.widened(one.address, one.type)
    added = 10**below if kind.format == "n" else 100**below
    if added > 1 and one.factor % added:
        return one
    return replace(one, address=address, type=kind, factor=one.factor // added)
