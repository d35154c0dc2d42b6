"""What an engine and one of its worker processes share: a run's arguments and results, and a sign of life.

The memory has no name in any folder, so nothing of it can be left behind. Page 0 is the sign of life; it stays where it
is while the rest grows with what has to fit.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ALIGNMENT = 64
_MAX_CACHED_SHAPES = 64


def nameless_file(label: str) -> int:
    """Descriptor of a new file in memory that no folder holds; the label is for people who look at processes."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(label, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with tempfile.TemporaryFile() as unnamed:
        return os.dup(unnamed.fileno())


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes in a file of somebody's.

    Attributes:
        file: Its descriptor.
        offset: Where they begin.
        size_bytes: How many there are.
    """

    file: int
    offset: int
    size_bytes: int

    def read(self) -> bytes:
        """Fetch them."""
        return os.pread(self.file, self.size_bytes, self.offset)


@dataclass(frozen=True, slots=True)
class RunArrays:
    """One run's arguments and results, as `Engine.run` has them, for the lanes of one worker.

    Attributes:
        buttons: uint16 (lanes, frames, ports).
        max_frames: int32 (lanes,).
        observe: uint8 (lanes,).
        frames_run: int32 (lanes,).
        ended: bool (lanes,).
        samples: int64 (lanes, frames, probes).
        observations: uint8 (lanes, bytes of one observation). What a run does not write stays.
    """

    buttons: NDArray[np.uint16]
    max_frames: NDArray[np.int32]
    observe: NDArray[np.uint8]
    frames_run: NDArray[np.int32]
    ended: NDArray[np.bool_]
    samples: NDArray[np.int64]
    observations: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class RunLayout:
    """How much has to fit.

    Attributes:
        num_lanes: Of this worker.
        num_frames: At most, in one run.
        num_ports: At most, in one run.
        num_probes: Of the configuration.
        observation_bytes: Of one lane.
        ram_bytes: Of one lane.
    """

    num_lanes: int
    num_frames: int = 1
    num_ports: int = 1
    num_probes: int = 0
    observation_bytes: int = 0
    ram_bytes: int = 0

    def offsets(self) -> list[int]:
        """Where each array begins, and the size of it all. Observations stay in place while runs get longer."""
        lanes = self.num_lanes
        sizes = (
            lanes * self.observation_bytes,
            lanes * self.ram_bytes,
            lanes * 4,
            lanes * 4,
            lanes,
            lanes,
            lanes * self.num_frames * self.num_ports * 2,
            lanes * self.num_frames * self.num_probes * 8,
        )
        offsets = [mmap.PAGESIZE]
        for size in sizes:
            offsets.append((offsets[-1] + size + _ALIGNMENT - 1) // _ALIGNMENT * _ALIGNMENT)
        return offsets


class RunMemory:
    """The shared memory of one worker; both sides hold one.

    Args:
        file: Descriptor of the memory's file, from `create` or inherited; it is closed with this object.
    """

    def __init__(self, file: int) -> None:
        self.file = file
        self.watch: NDArray[np.int64] = np.frombuffer(mmap.mmap(file, mmap.PAGESIZE), np.int64, 2)
        """[the lane of this worker that is busy, or -1; frames run so far]."""
        self.layout = RunLayout(0)
        self._map: mmap.mmap | None = None
        self._arrays: dict[tuple[int, int], RunArrays] = {}

    @classmethod
    def create(cls) -> RunMemory:
        """New memory with room for the sign of life alone."""
        file = nameless_file("playthrough-lanes")
        os.ftruncate(file, mmap.PAGESIZE)
        if hasattr(fcntl, "F_ADD_SEALS"):  # a worker that has gone mad cannot take away what the engine reads
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        memory = cls(file)
        memory.watch[0] = -1
        return memory

    def lay_out(self, layout: RunLayout) -> None:
        """Make room; both sides do it before the next run."""
        size = layout.offsets()[-1]
        if os.fstat(self.file).st_size < size:
            os.ftruncate(self.file, size)
        self._map = mmap.mmap(self.file, size)
        self._arrays.clear()
        self.layout = layout

    def ram(self) -> NDArray[np.uint8]:
        """uint8 (lanes, bytes of RAM)."""
        return self._at(1, np.uint8, self.layout.num_lanes, self.layout.ram_bytes)

    def arrays(self, num_frames: int, num_ports: int) -> RunArrays:
        """The arrays of a run with so many frames and ports."""
        arrays = self._arrays.get((num_frames, num_ports))
        if arrays is None:
            if len(self._arrays) >= _MAX_CACHED_SHAPES:
                self._arrays.clear()
            lanes = self.layout.num_lanes
            arrays = self._arrays[num_frames, num_ports] = RunArrays(
                buttons=self._at(6, np.uint16, lanes, num_frames, num_ports),
                max_frames=self._at(2, np.int32, lanes),
                observe=self._at(4, np.uint8, lanes),
                frames_run=self._at(3, np.int32, lanes),
                ended=self._at(5, np.bool_, lanes),
                samples=self._at(7, np.int64, lanes, num_frames, self.layout.num_probes),
                observations=self._at(0, np.uint8, lanes, self.layout.observation_bytes),
            )
        return arrays

    def _at(self, part: int, kind: type[np.generic], *shape: int) -> NDArray[Any]:
        assert self._map is not None, "lay_out comes first"
        return np.ndarray(shape, kind, self._map, self.layout.offsets()[part])

    def close(self) -> None:
        """Give the memory back, once nobody holds an array of it."""
        if self.file >= 0:
            os.close(self.file)
        self.file = -1
        self._arrays.clear()
        self._map = None
        self.watch = np.full(2, -1, np.int64)
