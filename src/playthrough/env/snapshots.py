"""Snapshots: everything that decides how a lane goes on, as bytes that another process can read.

A snapshot is a line of magic, a JSON header with sizes, blocks of bytes, and a checksum. It holds no code, and reading
one runs none.
"""

from __future__ import annotations

import json
import zlib
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from playthrough.errors import StateError

_MAGIC = b"playthrough snapshot 1\n"
_CHECKSUM_BYTES = 4


def pack_snapshot(header: dict[str, Any], blocks: dict[str, bytes]) -> bytes:
    """One snapshot from plain data and named blocks of bytes."""
    sizes = {name: len(block) for name, block in blocks.items()}
    text = json.dumps({"header": header, "blocks": sizes}, default=_plain).encode()
    data = b"".join([_MAGIC, len(text).to_bytes(8, "little"), text, *blocks.values()])
    return data + zlib.crc32(data).to_bytes(_CHECKSUM_BYTES, "little")


def _plain(value: Any) -> Any:
    """NumPy's numbers and arrays, which stand in the state of random numbers, as Python's own."""
    if isinstance(value, np.generic):
        return cast("object", value.item())
    if isinstance(value, np.ndarray):
        return cast("list[Any]", cast("NDArray[Any]", value).tolist())
    raise TypeError(f"{type(value).__name__} cannot be saved")


def is_snapshot(data: bytes) -> bool:
    """Whether bytes are a snapshot (and not a core's savestate)."""
    return data.startswith(_MAGIC)


def unpack_snapshot(data: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The header and the blocks of a snapshot.

    Raises:
        StateError: If the bytes are no snapshot, or cut off.
    """
    if not is_snapshot(data):
        raise StateError("this is no snapshot: expected bytes from save_state()")
    data, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
    if zlib.crc32(data).to_bytes(_CHECKSUM_BYTES, "little") != checksum:
        raise StateError("the snapshot is damaged or cut off: its checksum is wrong")
    start = len(_MAGIC) + 8
    size = int.from_bytes(data[len(_MAGIC) : start], "little")
    try:
        text = cast("dict[str, Any]", json.loads(data[start : start + size]))
        header, sizes = text["header"], cast("dict[str, int]", text["blocks"])
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(f"the snapshot is damaged: {error}") from None
    position = start + size
    if len(data) != position + sum(sizes.values()):
        raise StateError(
            f"the snapshot is damaged: it has {len(data)} bytes, expected {position + sum(sizes.values())}"
        )
    blocks: dict[str, bytes] = {}
    for name, length in sizes.items():
        blocks[name] = data[position : position + length]
        position += length
    return header, blocks
