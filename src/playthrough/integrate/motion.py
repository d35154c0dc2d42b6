"""How far the picture moved between two frames.

Emulated pictures have no noise: where the view moves by s pixels, what is seen now is what was seen before, s pixels
further on, exactly. So the shift is the one that explains most of the pixels that changed. Shifts along one axis are
tried one by one; for a diagonal, phase correlation (Kuglin and Hines, 1975) proposes and the same count decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MAX_SHIFT = 20
_FEW = 0.02
"""The share of pixels that may change while the view stands still: sprites."""
_MOST = 0.5
"""The share of the changed pixels that a shift must explain."""
_DRAWN = 0.1
"""The share of the changed pixels that must not all have one colour."""
_NEARLY_ALL = 0.85
"""A shift along one axis that explains less may be one along both."""
_SIDEWAYS = sorted(range(-6, 7), key=abs)
_CLEARLY = 1.4
"""How many times as much it must explain as the middle one of the other shifts."""


@dataclass(frozen=True, slots=True)
class Motion:
    """What happened between two pictures.

    Attributes:
        dx: How far the view moved to the right, in pixels; its content then moves left.
        dy: How far it moved down.
        known: Whether this is sure; it is not where too much else changed.
        changed: The share of pixels that changed.
    """

    dx: int
    dy: int
    known: bool
    changed: float


def motion(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> Motion:
    """How the view moved between two gray pictures, uint8 (height, width)."""
    changes = now != before
    changed = float(changes.mean())
    if changed < _FEW:
        return Motion(0, 0, True, changed)
    # A scene that gives way to one plain colour did not move, although any shift explains that colour.
    colours = np.bincount(now[changes], minlength=256)
    drawn = changes & (now != int(colours.argmax()))
    if int(np.count_nonzero(drawn)) >= _DRAWN * int(colours.sum()):
        changes = drawn
    else:
        return Motion(0, 0, False, changed)
    # Every second row is enough along a row, and every second column along a column.
    best_x, share_x, middle_x = _best_shift(before[::2], now[::2], changes[::2])
    best_y, share_y, middle_y = _best_shift(before[:, ::2].T, now[:, ::2].T, changes[:, ::2].T)
    if share_x >= share_y and share_x > _MOST and share_x > _CLEARLY * middle_x:
        along = max(_SIDEWAYS, key=lambda dy: _share(before, now, changes, best_x, dy)) if share_x < _NEARLY_ALL else 0
        return Motion(best_x, along, True, changed)
    if share_y > _MOST and share_y > _CLEARLY * middle_y:
        along = max(_SIDEWAYS, key=lambda dx: _share(before, now, changes, dx, best_y)) if share_y < _NEARLY_ALL else 0
        return Motion(along, best_y, True, changed)
    dx, dy = _correlated(before, now)
    if (dx or dy) and _share(before, now, changes, dx, dy) > _MOST:
        return Motion(dx, dy, True, changed)
    return Motion(0, 0, False, changed)


def _best_shift(
    before: NDArray[np.uint8], now: NDArray[np.uint8], changes: NDArray[np.bool_]
) -> tuple[int, float, float]:
    """The shift along the second axis that explains most changes, that share, and the share of the middle shift."""
    limit = min(_MAX_SHIFT, now.shape[1] // 4)
    before, now = np.ascontiguousarray(before), np.ascontiguousarray(now)
    changes = np.ascontiguousarray(changes)
    shares: dict[int, float] = {}
    for shift in sorted(range(-limit, limit + 1), key=abs):
        if shift:
            shares[shift] = _share(before, now, changes, shift, 0)
    best = max(shares, key=lambda shift: shares[shift])  # of equals, the shortest: it comes first
    return best, shares[best], sorted(shares.values())[len(shares) // 2]


def _share(before: NDArray[np.uint8], now: NDArray[np.uint8], changes: NDArray[np.bool_], dx: int, dy: int) -> float:
    """The share of the changed pixels that a shift explains."""
    height, width = now.shape
    here = slice(max(0, -dy), height - max(0, dy)), slice(max(0, -dx), width - max(0, dx))
    there = slice(max(0, dy), height - max(0, -dy)), slice(max(0, dx), width - max(0, -dx))
    part = changes[here]
    total = int(np.count_nonzero(part))
    return int(np.count_nonzero((now[here] == before[there]) & part)) / total if total else 0.0


def _correlated(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> tuple[int, int]:
    """The shift at the peak of the phase correlation."""
    product = np.fft.rfft2(before.astype(np.float32)) * np.conj(np.fft.rfft2(now.astype(np.float32)))
    surface = np.fft.irfft2(product / np.maximum(np.abs(product), 1e-6), s=now.shape)
    surface[0, 0] = 0  # what stands still explains nothing
    height, width = now.shape
    near = np.zeros_like(surface, np.bool_)
    rows, columns = min(_MAX_SHIFT, height // 4), min(_MAX_SHIFT, width // 4)
    for row in (slice(0, rows + 1), slice(height - rows, height)):
        for column in (slice(0, columns + 1), slice(width - columns, width)):
            near[row, column] = True
    dy, dx = np.unravel_index(int(np.argmax(np.where(near, surface, -np.inf))), surface.shape)
    return int(dx) - (width if dx > width // 2 else 0), int(dy) - (height if dy > height // 2 else 0)
