"""Many numbers at once: what every address of a memory image holds, read as one type."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.probes import DataType

ALL_TYPES: tuple[DataType, ...] = tuple(
    DataType.parse(text)
    for text in (
        *("|u1", "|i1", "|d1", "|n1"),
        *(f"{order}{kind}{width}" for kind in "ui" for width in (2, 3, 4) for order in "><"),
        *(f"{order}d{width}" for width in (2, 3, 4) for order in "><"),
        *(f"{order}n{width}" for width in range(2, 9) for order in "><"),
    )
)
"""The types that shipped games use, single bytes first: unsigned, signed, packed BCD, a digit per byte."""


def read_numbers(ram: NDArray[np.uint8], data_type: DataType) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The number at every address, and whether it is one.

    Args:
        ram: uint8 (..., bytes), in bus order.
        data_type: How bytes become a number; `DataType.decode` is the reference.

    Returns:
        int64 (..., bytes - width + 1), and bool of the same shape: False where BCD or a digit would be above 9.
    """
    count = ram.shape[-1] - data_type.width + 1
    if count < 1:
        empty = np.zeros((*ram.shape[:-1], 0), np.int64)
        return empty, empty.astype(np.bool_)
    value = np.zeros((*ram.shape[:-1], count), np.int64)
    valid = np.ones(value.shape, np.bool_)
    for offset in data_type.byte_offsets():
        byte = ram[..., offset : offset + count]
        low, high = byte & 15, byte >> 4
        match data_type.format:
            case "u" | "i":
                value = value * 256 + byte
            case "d":
                value = value * 100 + high % 10 * np.int64(10) + low % 10
                valid &= (low <= 9) & (high <= 9)
            case "n":
                value = value * 10 + low % 10
                valid &= low <= 9
    if data_type.format == "i":
        half = 1 << (8 * data_type.width - 1)
        value = (value + half) % (2 * half) - half
    return value, valid


def fits_in_a_block(addresses: NDArray[np.int64], width: int) -> NDArray[np.bool_]:
    """bool (bytes - width + 1,), whether a number of this width that begins there lies in one block."""
    count = max(len(addresses) - width + 1, 0)
    return addresses[width - 1 :] - addresses[:count] == width - 1


def parse_types(texts: Sequence[str]) -> tuple[DataType, ...]:
    """Types by name.

    Raises:
        ValueError: If one is none.
    """
    return tuple(DataType.parse(text) for text in texts)
