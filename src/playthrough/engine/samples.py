"""Probes' bytes to numbers, many frames at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.probes import Probe

_BYTES = np.arange(256, dtype=np.int64)
_DIGITS = _BYTES % 16 % 10
_MEANINGS = {"u": (_BYTES, 256), "i": (_BYTES, 256), "d": (_BYTES // 16 % 10 * 10 + _DIGITS, 100), "n": (_DIGITS, 10)}


class SampleReader:
    """Gives the same numbers as `DataType.decode` and the probes' masks.

    A number is the sum of what its bytes stand for, each times a power of the type's base; so all of them are one table
    lookup and one matrix product. Sums that 64 bits cannot hold wrap around, as they do in the embedded engine.

    Args:
        probes: In the order in which their bytes follow one another.
    """

    def __init__(self, probes: Sequence[Probe]) -> None:
        self.sample_bytes = sum(probe.type.width for probe in probes)
        self._num_probes = len(probes)
        self._columns = np.arange(self.sample_bytes)
        self._meanings = np.zeros((self.sample_bytes, 256), np.int64)
        self._weights = np.zeros((self.sample_bytes, len(probes)), np.int64)
        self._masks = np.array([_as_signed(-1 if probe.mask is None else probe.mask) for probe in probes], np.int64)
        self._masked = any(probe.mask is not None for probe in probes)
        start = 0
        for index, probe in enumerate(probes):
            meaning, base = _MEANINGS[probe.type.format]
            offsets = probe.type.byte_offsets()
            for power, offset in enumerate(reversed(offsets)):
                self._meanings[start + offset] = meaning
                self._weights[start + offset, index] = base**power
            if probe.type.format == "i":
                self._meanings[start + offsets[0]] = _BYTES.astype(np.int8)
            start += probe.type.width

    def read(self, data: bytes | memoryview) -> NDArray[np.int64]:
        """The numbers of whole samples: int64 (frames, probes)."""
        if not self._num_probes:
            return np.zeros((0, 0), np.int64)
        rows = np.frombuffer(data, np.uint8).reshape(-1, self.sample_bytes)
        values = self._meanings[self._columns, rows] @ self._weights
        return values & self._masks if self._masked else values


def _as_signed(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63
