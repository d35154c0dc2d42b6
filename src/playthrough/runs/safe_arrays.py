"""Arrays in safetensors files: numbers and names, nothing that a reader would have to execute."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.errors import StateError
from playthrough.game.atomic_file import write_file


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Write arrays, in one piece.

    Returns:
        What the file holds.

    Raises:
        RunError: If it cannot be written.
    """
    data = pack_arrays(arrays)
    write_file(path, data)
    return data


def pack_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays as the bytes of a safetensors file."""
    from safetensors.numpy import save

    return save({name: np.array(array, order="C", copy=None) for name, array in arrays.items()})


def unpack_arrays(data: bytes, name: str) -> dict[str, NDArray[Any]]:
    """The arrays of a safetensors file.

    Args:
        data: Its bytes.
        name: The file, for messages.

    Raises:
        StateError: If it is none, or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return {key: np.array(array) for key, array in load(data).items()}
    except (SafetensorError, KeyError, ValueError) as error:
        raise StateError(f"{name} is no safetensors file, or is damaged: {error}") from error
