"""Progress that scrolls: which numbers in memory go with the view.

From a recording of play, two things are compared for every byte: how it changes (as a byte that wraps changes) and how
far the view moves, on each frame and, which also shows positions in other units than pixels, over windows of a few
frames. The best ones are low bytes. Another byte is joined to one as its high byte if it goes up by one when the low
byte wraps upwards, down by one when it wraps downwards, and rests in between, wherever in memory it lies; where no wrap
was played, one is forced by poking. Bytes that always change alike are one candidate.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from playthrough.integrate.explore import Explorer
from playthrough.integrate.machine import Machine
from playthrough.integrate.motion import motion
from playthrough.integrate.poking import Poked, Poking
from playthrough.integrate.recording import Recording

Axis = Literal["x", "y"]

_WINDOW = 8
_LAGS = (0, 1, 2, 3)
"""Memory changes before the picture shows it, by so many frames."""
_UNITS = (1, -1, 2, -2, 4, -4, 8, -8, 16, -16)
"""Steps of a byte per pixel."""
_LEAST_CORRELATION = 0.5
_LEAST_MOTION_PX = 24
_LEAST_FIT = 0.6
_NO_WRAP, _WRAPS_ALONE = 0.75, 0.7
"""What a score is worth without a high byte: where it never wrapped, and where it did."""
_POKE_FRAMES = 24
_POKED = 8
_TRIED_PLACES = 40
_WORTH = {"original": 1.0, "copy": 0.97, "unused": 0.9}
"""What poking makes of a score: also a copy tells how far the game got."""
_UNSEEN = 0.97
"""Likewise for a number that the screen does not follow."""


@dataclass(frozen=True, eq=False)
class ProgressCandidate:
    """A number that goes with the view.

    Attributes:
        axis: Along which it moves.
        low: Address of the byte that moves.
        high: Address of the byte that counts its wraps; None if no such byte was found.
        unit: By how much the number grows per pixel that the view moves right or down.
        correlation: Of its changes with the view's, over windows of 8 frames: 0 to 1.
        exact: The share of frames on which it moved exactly as the view did: 0 to 1.
        wraps: How often the low byte wrapped.
        fit: How well the high byte fits these wraps: 0 to 1.
        score: What candidates are ranked by: 0 to 1.
        copies: Addresses of other bytes that always change as `low` does.
        poked: What followed when `low` was changed; None if it was not tried.
    """

    axis: Axis
    low: int
    high: int | None
    unit: float
    correlation: float
    exact: float
    wraps: int
    fit: float
    score: float
    copies: tuple[int, ...] = ()
    poked: Poked | None = None

    @property
    def variables(self) -> dict[str, tuple[int, str]]:
        """What to put into data.json: address and type by name; one word where the bytes are neighbours."""
        name = f"{self.axis}scroll"
        if self.high is None:
            return {name: (self.low, "|u1")}
        if self.high == self.low - 1:
            return {name: (self.high, ">u2")}
        if self.high == self.low + 1:
            return {name: (self.low, "<u2")}
        return {f"{name}Hi": (self.high, "|u1"), f"{name}Lo": (self.low, "|u1")}

    @property
    def reasons(self) -> list[str]:
        """Why it is proposed, in words."""
        way = {("x", True): "right", ("x", False): "left", ("y", True): "down", ("y", False): "up"}
        lines = [
            f"grows by {abs(self.unit):.3g} per pixel that the view moves {way[self.axis, self.unit > 0]}; "
            f"correlation {self.correlation:.3f}, exact on {self.exact:.0%} of the frames"
        ]
        if self.high is not None:
            lines.append(f"{self.high:#x} counts its {self.wraps} wraps (fit {self.fit:.2f})")
        elif self.wraps:
            lines.append(f"wraps ({self.wraps} times), and no byte was found that counts it")
        if self.copies:
            shown = ", ".join(f"{address:#x}" for address in self.copies[:6])
            lines.append(f"{shown}{' ...' if len(self.copies) > 6 else ''} always change alike")
        if self.poked is not None:
            lines.append(str(self.poked))
        return lines


def find_progress(machine: Machine, seconds: float = 120, seed: int = 0) -> tuple[list[ProgressCandidate], Recording]:
    """Play for a while, and propose the numbers that go with the view, the best first; each best one is poked.

    Args:
        machine: The game, from the state where it can be played.
        seconds: How long to play, in the game's time.
        seed: Of what is pressed.
    """
    explorer = Explorer(machine, seconds, seed)
    recording = explorer.run()
    found = rank_progress(recording)
    return _confirmed(machine, explorer, found), recording


def rank_progress(recording: Recording) -> list[ProgressCandidate]:
    """The numbers in a recording that go with the view, the best first."""
    differences = recording.differences()
    found: list[ProgressCandidate] = []
    axes: tuple[tuple[Axis, NDArray[np.int16]], ...] = (("x", recording.dx), ("y", recording.dy))
    for axis, moved in axes:
        if int(np.abs(moved[recording.known]).sum()) >= _LEAST_MOTION_PX:
            found += _along(recording, differences, axis, moved)
    return sorted(found, key=lambda candidate: candidate.score, reverse=True)


def _along(
    recording: Recording, differences: NDArray[np.int16], axis: Axis, moved: NDArray[np.int16]
) -> list[ProgressCandidate]:
    correlation, unit = _windowed(recording, differences, moved)
    exact = _exactness(recording, differences, moved)
    candidates: list[ProgressCandidate] = []
    groups: dict[bytes, list[int]] = {}
    for column in np.flatnonzero(np.abs(correlation) > _LEAST_CORRELATION):
        groups.setdefault(differences[:, column].tobytes(), []).append(int(column))
    sure = _sure(recording)
    for columns in groups.values():
        best: ProgressCandidate | None = None
        for column in columns:
            high, fit, wraps = _high_byte(recording, differences, column, sure)
            strength = float(abs(correlation[column])) ** 2 * (0.7 + 0.3 * float(exact[column]))
            joined = _NO_WRAP + (1 - _NO_WRAP) * fit if high is not None else _WRAPS_ALONE if wraps else _NO_WRAP
            others = tuple(int(recording.addresses[other]) for other in columns if other != column)
            candidate = ProgressCandidate(
                axis,
                int(recording.addresses[column]),
                None if high is None else int(recording.addresses[high]),
                float(unit[column]),
                float(abs(correlation[column])),
                float(exact[column]),
                wraps,
                fit,
                strength * joined,
                others,
            )
            if best is None or _order(candidate) > _order(best):
                best = candidate
        if best is not None:
            candidates.append(best)
    return candidates


def _order(candidate: ProgressCandidate) -> tuple[float, int]:
    """Of bytes that change alike, the one whose high byte fits best and lies nearest."""
    distance = abs(candidate.low - candidate.high) if candidate.high is not None else 1 << 31
    return candidate.score, -distance


def _windowed(
    recording: Recording, differences: NDArray[np.int16], moved: NDArray[np.int16]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Correlation with the view over windows, and the change per pixel, for each byte."""
    starts = np.arange(0, len(recording) - _WINDOW, _WINDOW // 2)
    known = np.concatenate([[0], np.cumsum(recording.known & recording.within)])
    whole = known[starts + _WINDOW] - known[starts] == _WINDOW
    starts = starts[whole]
    if len(starts) < 4:
        nothing = np.zeros(differences.shape[1])
        return nothing, nothing
    view = np.concatenate([[0], np.cumsum(moved, dtype=np.int64)])
    view_sums = (view[starts + _WINDOW] - view[starts]).astype(np.float64)
    best = np.zeros(differences.shape[1])
    unit = np.zeros(differences.shape[1])
    sums = np.concatenate(
        [np.zeros((1, differences.shape[1]), np.int32), np.cumsum(differences, axis=0, dtype=np.int32)]
    )
    centred_view = view_sums - view_sums.mean()
    spread_view = float(np.sqrt((centred_view**2).sum()))
    for lag in _LAGS:
        begin = np.maximum(starts - lag, 0)
        of_bytes = (sums[begin + _WINDOW] - sums[begin]).astype(np.float64)
        centred = of_bytes - of_bytes.mean(axis=0)
        spread = np.sqrt((centred**2).sum(axis=0))
        product = centred_view @ centred
        correlation = product / np.maximum(spread * spread_view, 1e-9)
        better = np.abs(correlation) > np.abs(best)
        best = np.where(better, correlation, best)
        unit = np.where(better, product / max(spread_view**2, 1e-9), unit)
    return best, unit


def _exactness(recording: Recording, differences: NDArray[np.int16], moved: NDArray[np.int16]) -> NDArray[np.float64]:
    """For each byte, the share of the frames with motion, of it or of the view, on which both moved alike."""
    best = np.zeros(differences.shape[1])
    for lag in _LAGS:
        usable = recording.known & recording.within
        usable[:lag] = False
        of_bytes = np.roll(differences, lag, axis=0)[usable]
        of_view = moved[usable][:, None]
        anything = np.maximum(((of_bytes != 0) | (of_view != 0)).sum(axis=0), 1)
        for unit in _UNITS:
            alike = ((of_bytes == unit * of_view) & (of_view != 0)).sum(axis=0)
            best = np.maximum(best, alike / anything)
    return best


def _sure(recording: Recording) -> NDArray[np.bool_]:
    """bool (frames,), where the view is known on this frame and those around it: no cut, no jump."""
    unsure = ~recording.known | ~recording.within
    near = unsure.copy()
    for shift in (1, 2, 3):
        near[shift:] |= unsure[:-shift]
        near[:-shift] |= unsure[shift:]
    return ~near


def _high_byte(
    recording: Recording, differences: NDArray[np.int16], column: int, sure: NDArray[np.bool_]
) -> tuple[int | None, float, int]:
    """The column of the byte that counts the wraps of another, how well it fits, and how many wraps there were."""
    raw = np.zeros(len(recording), np.int16)
    raw[1:] = recording.ram[1:, column].astype(np.int16) - recording.ram[:-1, column]
    step = differences[:, column]
    wraps = np.where(sure & (np.sign(raw) == -np.sign(step)) & (np.abs(step) < 64), np.sign(step), 0).astype(np.int16)
    frames = np.flatnonzero(wraps)
    if not len(frames):
        return None, 0.0, 0
    changes = (differences != 0) & sure[:, None]
    counts = changes.sum(axis=0)
    hit = np.zeros(differences.shape[1], np.int64)
    for frame in frames:
        hit += (differences[max(0, frame - 1) : frame + 2] == wraps[frame]).any(axis=0)
    fit: NDArray[np.float64] = 2 * hit / np.maximum(len(frames) + counts, 1)
    fit[column] = 0
    nearness: NDArray[np.int64] = -np.abs(recording.addresses - recording.addresses[column])
    top = max(range(len(fit)), key=lambda other: (round(float(fit[other]), 3), int(nearness[other])))
    if fit[top] < _LEAST_FIT:
        return None, 0.0, len(frames)
    return top, float(fit[top]), len(frames)


def _confirmed(machine: Machine, explorer: Explorer, found: list[ProgressCandidate]) -> list[ProgressCandidate]:
    """The first candidates poked where the view moves, in a new order; what only follows comes after what leads."""
    masks = _go_where_it_moves(machine, explorer)
    if masks is None:
        return found
    poking = Poking(machine, masks)
    checked: list[ProgressCandidate] = []
    for number, candidate in enumerate(found):
        if number < _POKED:
            value = machine.read(candidate.low, 1)[0]
            poked = poking.write(candidate.low, bytes([value ^ 0x08]))
            worth = _WORTH[poked.verdict] * (_UNSEEN if poked.box is None else 1.0)
            candidate = replace(candidate, poked=poked, score=candidate.score * worth)
            if candidate.high is None and poked.verdict == "original":
                candidate = _with_forced_wrap(machine, masks, candidate)
        checked.append(candidate)
    return sorted(checked, key=lambda candidate: candidate.score, reverse=True)


def _go_where_it_moves(machine: Machine, explorer: Explorer) -> NDArray[np.uint16] | None:
    """Put the machine to a moment from which a held direction moves the view, and give these inputs."""
    places = [(place, name) for name, several in explorer.places.items() for place in several]
    for place, name in sorted(places, key=lambda entry: entry[0].along, reverse=True)[:_TRIED_PLACES]:
        masks = np.full(_POKE_FRAMES, machine.mask(name), np.uint16)
        machine.load(place.snapshot)
        pictures = [machine.run(masks[:1]) for _ in masks]
        steps = [motion(before, now) for before, now in itertools.pairwise(pictures)]
        machine.load(place.snapshot)
        if sum(abs(step.dx) + abs(step.dy) for step in steps) >= _POKE_FRAMES // 2:
            return masks
    return None


def _with_forced_wrap(machine: Machine, masks: NDArray[np.uint16], candidate: ProgressCandidate) -> ProgressCandidate:
    """The candidate with its high byte, found by putting the low byte to just before its wrap."""
    column = int(np.searchsorted(machine.addresses, candidate.low))
    with machine.trial():
        first = machine.read(candidate.low, 1)[0]
        machine.run(masks)
        step = (machine.read(candidate.low, 1)[0] - first + 128) % 256 - 128
    if not step:
        return candidate
    with machine.trial():
        machine.poke(candidate.low, bytes([0xFE if step > 0 else 0x01]))
        before = machine.ram()
        for mask in masks:
            machine.run(np.array([mask]))
            now = machine.ram()
            if abs(int(now[column]) - int(before[column])) > 128:
                counted = (now - before).view(np.int8) == np.sign(step)
                counted[column] = False
                near = machine.addresses[counted]
                if not len(near):
                    break
                high = int(near[np.argmin(np.abs(near - candidate.low))])
                return replace(candidate, high=high, wraps=1, fit=1.0, score=min(candidate.score / _NO_WRAP, 1.0))
            before = now
    return candidate
