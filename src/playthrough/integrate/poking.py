"""Poking: change a byte, play on, and see who follows.

The same frames are played twice from the same snapshot, once as they were and once with the byte changed. What differs
is what the byte decides. A number that the game lives by stays changed, and the screen or other bytes follow it; a copy
is soon what it would have been anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.probes import DataType
from playthrough.game.variables import encode_value
from playthrough.integrate.machine import Machine

Verdict = Literal["original", "copy", "unused"]

_EXPLANATIONS: dict[Verdict, str] = {
    "original": "stays changed",
    "copy": "is soon what it would have been: computed from something else",
    "unused": "stays changed, but nothing follows",
}


@dataclass(frozen=True, eq=False)
class Poked:
    """What came of a changed number.

    Attributes:
        verdict: `original` if it stayed changed and something followed; `copy` if it was overwritten; `unused` if
            nothing followed.
        kept_frames: For how many frames it stayed other than it would have been.
        num_frames: How many frames were played.
        followers: int64 (n,), addresses of other bytes that ended up different.
        box: (left, top, right, bottom) of what changed on the screen, in pixels; None if nothing did.
        share: The share of the screen's pixels that ever differed.
    """

    verdict: Verdict
    kept_frames: int
    num_frames: int
    followers: NDArray[np.int64]
    box: tuple[int, int, int, int] | None
    share: float

    def __str__(self) -> str:
        parts = [f"{self.verdict}: {_EXPLANATIONS[self.verdict]}"]
        if self.verdict == "copy":
            parts[0] += f" (after {self.kept_frames} frames)"
        if self.box is not None:
            left, top, right, bottom = self.box
            parts.append(f"the screen follows at x {left}-{right}, y {top}-{bottom}")
        if len(self.followers):
            parts.append(f"{len(self.followers)} other bytes follow")
        return "; ".join(parts)


class Poking:
    """A stretch of play that can be had again with changed memory.

    Args:
        machine: The game, where the stretch begins; it is put back there after each try.
        masks: What is pressed on each of its frames, uint16 (frames,) or (frames, players).
    """

    def __init__(self, machine: Machine, masks: NDArray[np.uint16]) -> None:
        self._machine, self._masks = machine, masks
        self._snapshot = machine.save()
        self._pictures, self._ram = self._play()
        machine.load(self._snapshot)

    def write(self, address: int, data: bytes) -> Poked:
        """Change bytes and see what follows.

        Raises:
            BadInputError: If there is no memory at the address.
        """
        machine = self._machine
        columns = np.flatnonzero((machine.addresses >= address) & (machine.addresses < address + len(data)))
        machine.poke(address, data)
        pictures, ram = self._play()
        machine.load(self._snapshot)
        differs = (ram[:, columns] != self._ram[:, columns]).any(axis=1)
        kept_frames = int(np.flatnonzero(differs)[-1]) + 1 if differs.any() else 0
        others = ram[-1] != self._ram[-1]
        others[columns] = False
        seen = (pictures != self._pictures).any(axis=0)
        box = _box(seen)
        if kept_frames < len(ram):
            verdict: Verdict = "copy"
        elif others.any() or box is not None:
            verdict = "original"
        else:
            verdict = "unused"
        return Poked(verdict, kept_frames, len(ram), machine.addresses[others], box, float(seen.mean()))

    def value(self, address: int, data_type: DataType, value: int) -> Poked:
        """Make a number read `value` and see what follows."""
        return self.write(address, encode_value(data_type, value))

    def widened(self, address: int, data_type: DataType) -> tuple[int, DataType, int]:
        """A decimal number with the digits beside it that read 0 all along, where they are shown beside it.

        Args:
            address: Of the number.
            data_type: Its type, of decimal digits.

        Returns:
            Its address and type with all digits, and how many bytes were added below the lowest.
        """
        if data_type.format not in ("d", "n") or len(data_type.order) > 1 or data_type.offsets:
            return address, data_type, 0
        rising = data_type.order in (">", "|")  # where the digits stand as one writes them
        boxes = [self._digit(address + offset).box for offset in range(data_type.width)]
        seen = [box for box in boxes if box is not None]
        if not seen:
            return address, data_type, 0
        row = seen[0][1], seen[0][3]
        left, right = min(box[0] for box in seen), max(box[2] for box in seen)
        first, last, below = address, address + data_type.width - 1, 0
        for step in (-1, 1):
            while last - first + 1 < 8:
                neighbour = first - 1 if step < 0 else last + 1
                if not np.isin(neighbour, self._machine.addresses) or self._machine.read(neighbour, 1) != b"\0":
                    break
                box = self._digit(neighbour).box
                higher = (step < 0) == rising
                if box is None or box[1] > row[1] or box[3] < row[0]:
                    break
                if (higher and box[2] > left) or (not higher and box[0] < right):
                    break
                left, right = min(left, box[0]), max(right, box[2])
                first, last = min(first, neighbour), max(last, neighbour)
                below += not higher
        width = last - first + 1
        order = data_type.order if data_type.order != "|" or width == 1 else ">"
        return first, DataType(order, data_type.format, width), below

    def _digit(self, address: int) -> Poked:
        """What follows when the lowest digit of a byte is changed."""
        return self.write(address, bytes([self._machine.read(address, 1)[0] ^ 0x01]))

    def _play(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        pictures: list[NDArray[np.uint8]] = []
        ram: list[NDArray[np.uint8]] = []
        for mask in self._masks:
            pictures.append(self._machine.run(np.atleast_1d(mask)[None]))
            ram.append(self._machine.ram())
        return np.array(pictures), np.array(ram)


def _box(seen: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])
