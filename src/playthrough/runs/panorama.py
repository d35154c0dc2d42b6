"""One picture of a whole level, put together from the pictures of a movie.

Nothing is known about the game: how far the screen moved from one picture to the next is measured (phase correlation;
Kuglin and Hines, 1975), rows that stay while the others move are a status bar and left out, and of all that was seen
at a place the median stays, so that whatever moves by itself vanishes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_MOST_SAMPLES = 9
"""So many looks at a pixel are kept for its median."""
_PEAKS = 8
_BORDER_ROWS = 4
"""A bar's plain border is looked for in so many rows."""
_DIFFERENT = 24
"""So much does a channel differ where something stands before the level."""


@dataclass(frozen=True, eq=False)
class Panorama:
    """A level.

    Attributes:
        picture: uint8 (height, width, 3).
        cameras: int64 (pictures, 2), where in it the top left of each picture lies, (y, x).
        rows: (first, last + 1), the rows of the pictures that it is made of.
    """

    picture: NDArray[np.uint8]
    cameras: NDArray[np.int64]
    rows: tuple[int, int]

    def foreground(self, number: int, picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Where a picture differs from the level behind it, bool (rows, width)."""
        shown = picture[self.rows[0] : self.rows[1]]
        y, x = self.cameras[number]
        behind = self.picture[y : y + shown.shape[0], x : x + shown.shape[1]]
        return np.abs(shown.astype(np.int16) - behind).max(axis=2) > _DIFFERENT


def panorama_of(pictures: Sequence[NDArray[np.uint8]]) -> Panorama:
    """Put a level together.

    Args:
        pictures: In the order in which they were shown, uint8 (height, width, 3) each; the screen should move by less
            than a quarter of its size from one to the next.
    """
    gray = [picture.mean(axis=2, dtype=np.float32) for picture in pictures]
    shifts = [(0, 0)]
    for before, after in pairwise(gray):
        shifts.append(_shift(before, after, shifts[-1]))
    rows = _level_rows(gray, shifts)
    offsets = np.cumsum(np.array(shifts, np.int64), axis=0)
    cameras = offsets - offsets.min(axis=0)
    height, width = rows[1] - rows[0], pictures[0].shape[1]
    extent = (int(cameras[:, 0].max()) + height, int(cameras[:, 1].max()) + width)
    samples = np.zeros((_MOST_SAMPLES, *extent, 3), np.uint8)
    counts = np.zeros(extent, np.int64)
    for number in _spread(len(pictures)):
        y, x = cameras[number]
        here = (slice(y, y + height), slice(x, x + width))
        count = counts[here]
        place = np.nonzero(count < _MOST_SAMPLES)
        samples[count[place], place[0] + y, place[1] + x] = pictures[number][slice(*rows)][place]
        counts[here] = np.minimum(count + 1, _MOST_SAMPLES)
    return Panorama(_medians(samples, counts), cameras, rows)


def _shift(before: NDArray[np.float32], after: NDArray[np.float32], expected: tuple[int, int]) -> tuple[int, int]:
    """How far the screen moved, (down, right) in pixels. It goes on moving much as it did, so that is tried too."""
    if np.array_equal(before, after):
        return 0, 0
    # Edges rather than areas: a level's colours are flat, and what moves by itself is small.
    first, second = (np.fft.rfft2(_edges(picture)) for picture in (before, after))
    cross = first * np.conj(second)
    peak = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-6), s=before.shape)
    height, width = peak.shape
    candidates = [(0, 0), *((expected[0], expected[1] + more) for more in (-2, -1, 0, 1, 2))]
    for index in np.argpartition(peak, -_PEAKS, axis=None)[-_PEAKS:].tolist():
        y, x = divmod(index, width)
        candidates.append((y if y <= height // 2 else y - height, x if x <= width // 2 else x - width))
    near = [shift for shift in candidates if abs(shift[0]) <= height // 4 and abs(shift[1]) <= width // 4]
    return min(near, key=lambda shift: (_misfit(before, after, shift), abs(shift[0]) + abs(shift[1])))


def _misfit(before: NDArray[np.float32], after: NDArray[np.float32], shift: tuple[int, int]) -> float:
    """How much of the overlap of two pictures differs."""
    (down, right), (height, width) = shift, before.shape
    seen = before[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)]
    again = after[max(0, -down) : height + min(0, -down), max(0, -right) : width + min(0, -right)]
    return float((np.abs(seen - again) > _DIFFERENT).mean())


def _edges(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    window = np.outer(np.hanning(picture.shape[0]), np.hanning(picture.shape[1])).astype(np.float32)
    return (np.diff(picture, axis=1, append=picture[:, -1:]) + np.diff(picture, axis=0, append=picture[-1:])) * window


def _level_rows(gray: Sequence[NDArray[np.float32]], shifts: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The rows between status bars: those bars stay where they are while the level moves sideways."""
    height, width = gray[0].shape
    still, moved = np.zeros(height), np.zeros(height)
    for number, (down, right) in enumerate(shifts):
        if right and not down:
            before, after = gray[number - 1], gray[number]
            seen = before[:, max(0, right) : width + min(0, right)]
            again = after[:, max(0, -right) : width + min(0, -right)]
            still += (np.abs(before - after) > _DIFFERENT).mean(axis=1)
            moved += (np.abs(seen - again) > _DIFFERENT).mean(axis=1)
    stays = np.flatnonzero((8 * still < moved) & (moved > 0.02 * moved.max()))
    above, below = stays[stays < height // 4], stays[stays >= height - height // 4]
    first = int(above.max()) + 1 if len(above) else 0
    last = int(below.min()) if len(below) else height
    # A bar may end in a plain line, which moves with anything; the level begins below it.
    plain = [row for row in range(first, first + _BORDER_ROWS) if row < last and np.ptp(gray[0][row]) == 0]
    if len(above) and plain and not np.array_equal(gray[0][plain[0]], gray[0][plain[0] + 1]):
        first = plain[0] + 1
    return first, last


def _spread(count: int) -> list[int]:
    """All numbers below `count`, far apart at first: 0, half, a quarter, ..."""
    order: list[int] = []
    step = 1 << max(0, count - 1).bit_length()
    seen: set[int] = set()
    while step:
        order += [number for number in range(0, count, step) if number not in seen]
        seen.update(order)
        step //= 2
    return order


def _medians(samples: NDArray[np.uint8], counts: NDArray[np.int64]) -> NDArray[np.uint8]:
    picture = np.zeros(samples.shape[1:], np.uint8)
    for count in range(1, _MOST_SAMPLES + 1):
        here = counts == count
        if here.any():
            # The middle one by brightness, so that no colour arises that was never there.
            looks = samples[:count, here]
            order = np.argsort(looks.sum(axis=2, dtype=np.int64), axis=0)[count // 2]
            picture[here] = looks[order, np.arange(looks.shape[1])]
    return picture
