"""What memory and the view did while a game was played, frame by frame."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playthrough.integrate.machine import Machine
from playthrough.integrate.motion import Motion, motion

_CHUNK_BYTES = 16 << 20


@dataclass(frozen=True, eq=False)
class Recording:
    """Several plays of one game, one after the other.

    Attributes:
        addresses: int64 (bytes,), the bytes that ever changed.
        ram: uint8 (frames, bytes), what they were after each frame.
        play: int32 (frames,), which play a frame belongs to.
        masks: uint16 (frames,), what the first player pressed on it.
        dx: int16 (frames,), how far the view moved right since the frame before, in pixels; 0 on a play's first frame.
        dy: Likewise, down.
        known: bool (frames,), whether dx and dy are sure.
        pictures: uint32 (frames,), a checksum of the picture after each frame.
    """

    addresses: NDArray[np.int64]
    ram: NDArray[np.uint8]
    play: NDArray[np.int32]
    masks: NDArray[np.uint16]
    dx: NDArray[np.int16]
    dy: NDArray[np.int16]
    known: NDArray[np.bool_]
    pictures: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.ram)

    @property
    def within(self) -> NDArray[np.bool_]:
        """bool (frames,), whether the frame before belongs to the same play."""
        return np.concatenate([[False], self.play[1:] == self.play[:-1]])

    def differences(self) -> NDArray[np.int16]:
        """int16 (frames, bytes): by how much each byte changed since the frame before, as a byte that wraps changes
        (-128 to 127); 0 on a play's first frame.
        """
        found = np.zeros(self.ram.shape, np.int16)
        found[1:] = (self.ram[1:] - self.ram[:-1]).view(np.int8)
        found[~self.within] = 0
        return found

    def column(self, address: int) -> int | None:
        """Where a byte stands in `ram`; None if it never changed."""
        index = int(np.searchsorted(self.addresses, address))
        return index if index < len(self.addresses) and self.addresses[index] == address else None


class Recorder:
    """Plays and notes what happens.

    Args:
        machine: The game.
        motion: Whether to find out how the view moves, which costs about a millisecond for each frame on which it does.
    """

    def __init__(self, machine: Machine, *, motion: bool = True) -> None:
        self._machine, self._motion = machine, motion
        self._first: NDArray[np.uint8] | None = None
        self._chunk: list[NDArray[np.uint8]] = []
        self._chunks: list[tuple[NDArray[np.int64], NDArray[np.uint8]]] = []
        self._rows: list[tuple[int, int, int, int, bool, int]] = []
        self._play = -1
        self._picture: NDArray[np.uint8] | None = None
        self.last = Motion(0, 0, False, 0.0)
        """What the view did on the last frame."""

    def begin(self) -> None:
        """From here on it is another play: the machine was put somewhere else."""
        self._play += 1
        self._picture = None

    def frame(self, mask: int | NDArray[np.uint16]) -> NDArray[np.uint8]:
        """Play one frame and note it.

        Args:
            mask: What is pressed; of several players, (players,).

        Returns:
            The memory after it.
        """
        pads = np.atleast_1d(np.asarray(mask, np.uint16))
        picture = self._machine.run(pads[None])
        ram = self._machine.ram()
        if self._first is None:
            self._first = ram
        self._chunk.append(ram)
        if len(self._chunk) * len(ram) > _CHUNK_BYTES:
            self._pack()
        moved = Motion(0, 0, self._motion, 0.0)
        if self._motion:
            if self._picture is not None:
                moved = motion(self._picture, picture)
            self._picture = picture
        self.last = moved
        self._rows.append((max(self._play, 0), int(pads[0]), moved.dx, moved.dy, moved.known, zlib.crc32(picture.data)))
        return ram

    def frames(self, masks: Iterable[int | NDArray[np.uint16]]) -> None:
        """Play several."""
        for mask in masks:
            self.frame(mask)

    def __len__(self) -> int:
        return len(self._rows)

    def finish(self) -> Recording:
        """All that was played."""
        self._pack()
        if self._first is None:
            raise ValueError("nothing was recorded")
        changed = np.unique(np.concatenate([columns for columns, _ in self._chunks]))
        ram = np.empty((len(self._rows), len(changed)), np.uint8)
        at = 0
        for columns, values in self._chunks:
            part = ram[at : at + len(values)]
            part[:] = self._first[changed]
            part[:, np.searchsorted(changed, columns)] = values
            at += len(values)
        play, masks, dx, dy, known, pictures = zip(*self._rows, strict=True)
        return Recording(
            addresses=self._machine.addresses[changed],
            ram=ram,
            play=np.array(play, np.int32),
            masks=np.array(masks, np.uint16),
            dx=np.array(dx, np.int16),
            dy=np.array(dy, np.int16),
            known=np.array(known, np.bool_),
            pictures=np.array(pictures, np.uint32),
        )

    def _pack(self) -> None:
        """Keep of the last frames only the bytes that are not as they were on the very first."""
        if not self._chunk or self._first is None:
            return
        chunk = np.array(self._chunk)
        columns = np.flatnonzero((chunk != self._first).any(axis=0))
        self._chunks.append((columns, chunk[:, columns]))
        self._chunk.clear()
