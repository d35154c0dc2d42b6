"""What lanes saw on their latest steps, for observations that look back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from playthrough.errors import StateError


class Past:
    """The memory behind each `Window` of an environment, in the order in which they are asked.

    Args:
        num_lanes: How many lanes.
        windows: The space of each window: (steps, *what one step is).
    """

    def __init__(self, num_lanes: int, windows: Sequence[spaces.Box]) -> None:
        self._arrays = [np.zeros((num_lanes, *window.shape), window.dtype) for window in windows]
        self._num_lanes = num_lanes
        self._begun: NDArray[np.bool_] | None = None
        self._fresh: NDArray[np.bool_] | None = None
        self._moved: NDArray[np.bool_] = np.zeros(num_lanes, np.bool_)
        self._next: Iterator[NDArray[Any]] = iter(())

    def begin(self, lanes: NDArray[np.bool_]) -> None:
        """Lanes start new episodes: what they see next fills their windows."""
        self._begun = lanes if self._begun is None else self._begun | lanes

    def look(self, moved: NDArray[np.bool_]) -> None:
        """All windows are about to be asked once, after a step of the lanes `moved`, bool (lanes,)."""
        self._fresh, self._begun = self._begun, None
        self._moved, self._next = moved, iter(self._arrays)

    def extended(self, now: NDArray[Any]) -> NDArray[Any]:
        """The next window with what lanes see now at its end, (lanes, steps, ...), as an array of its own.

        Lanes that neither moved nor began see what they saw before.
        """
        past, moved = next(self._next), self._moved
        if moved.all():
            past[:, :-1] = past[:, 1:]
            past[:, -1] = now
        elif moved.any():
            past[moved, :-1] = past[moved, 1:]
            past[moved, -1] = now[moved]
        if self._fresh is not None:
            past[self._fresh] = now[self._fresh][:, None]
        return past.copy()

    def save(self, lane: int) -> bytes:
        """What one lane saw."""
        return b"".join(past[lane].tobytes() for past in self._arrays)

    def check(self, saved: bytes) -> None:
        """Make sure that `save` gave these bytes for windows such as these.

        Raises:
            StateError: If not.
        """
        expected = sum(past[0].nbytes for past in self._arrays)
        if len(saved) != expected:
            raise StateError(
                f"the snapshot was taken with other observations: it remembers {len(saved)} bytes of past steps, "
                f"expected {expected}"
            )

    def load(self, lane: int, saved: bytes) -> None:
        """Put back what `save` gave."""
        if self._begun is not None:
            self._begun = self._begun & (np.arange(self._num_lanes) != lane)
        start = 0
        for past in self._arrays:
            count = prod(past.shape[1:])
            past[lane] = np.frombuffer(saved, past.dtype, count, start).reshape(past.shape[1:])
            start += count * past.itemsize
