"""A movie's trace: what the game's variables were on every frame, as checksums, to find where a replay diverges.

It lies beside the inputs in the `.bk2`, as a text that other programs ignore: a line with the variables' names, and a
line per frame with the CRC-32 of their values.
"""

from __future__ import annotations

import zlib
from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playthrough.errors import MovieError

TRACE_FILE = "Trace.txt"
_FIRST_LINE = "Playthrough trace 1"


def checksum(values: NDArray[np.int64]) -> int:
    """The CRC-32 of the variables of one frame, int64 (variables,)."""
    return zlib.crc32(np.ascontiguousarray(values, "<i8").tobytes())


@dataclass(frozen=True, eq=False)
class Trace:
    """Checksums of a movie's frames.

    Attributes:
        names: The variables, in the order in which their values are summed up.
        checksums: uint32 (frames,).
    """

    names: tuple[str, ...]
    checksums: NDArray[np.uint32]

    def to_text(self) -> str:
        """As it stands in the file."""
        lines = (f"{value:08x}" for value in self.checksums.tolist())
        return "\n".join([_FIRST_LINE, " ".join(self.names), *lines, ""])

    @classmethod
    def from_text(cls, text: str, where: str) -> Trace:
        """Read what `to_text` wrote.

        Raises:
            MovieError: If it is damaged; the message names the line.
        """
        lines = text.splitlines()
        if len(lines) < 2 or lines[0] != _FIRST_LINE:
            raise MovieError(f"{where}: expected the line {_FIRST_LINE!r} and one with the variables' names")
        checksums = array("I")
        for number, line in enumerate(lines[2:], 3):
            try:
                checksums.append(int(line, 16))
            except (ValueError, OverflowError):
                raise MovieError(
                    f"{where}: line {number}: expected a checksum of 8 hex digits, found {line!r}"
                ) from None
        return cls(tuple(lines[1].split()), np.array(checksums, np.uint32))
