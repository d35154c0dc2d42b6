"""A trainer's state as bytes: a zip file of numpy arrays (as numpy.savez makes) and one JSON text. No pickle."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from playthrough.errors import StateError

_FORMAT = "playthrough-neat-state"
_VERSION = 1
_TEXT = "state.json"
_ARRAY = "array"


def encode(state: dict[str, Any]) -> bytes:
    """A state, made of dicts, lists, texts, numbers, None and numpy arrays, as bytes."""
    arrays: dict[str, NDArray[Any]] = {}
    document = {"format": _FORMAT, "version": _VERSION, "state": _without_arrays(state, "state", arrays)}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        _write(file, _TEXT, json.dumps(document).encode(), zipfile.ZIP_DEFLATED)
        for name, array in arrays.items():
            data = io.BytesIO()
            np.lib.format.write_array(data, array, allow_pickle=False)
            # Random weights do not get smaller; keys and innovation numbers do, by a factor of ten.
            is_float = array.dtype.kind == "f"
            _write(file, f"{name}.npy", data.getvalue(), zipfile.ZIP_STORED if is_float else zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def decode(data: bytes) -> dict[str, Any]:
    """The state that `encode` was given.

    Raises:
        StateError: The data is damaged, cut short, or something else.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            document = json.loads(file.read(_TEXT))
            arrays = {
                name.removesuffix(".npy"): np.lib.format.read_array(io.BytesIO(file.read(name)), allow_pickle=False)
                for name in file.namelist()
                if name != _TEXT
            }
        if document["format"] != _FORMAT:
            raise StateError(f"expected a NEAT checkpoint (format {_FORMAT}), found {document['format']!r}")
        if document["version"] != _VERSION:
            raise StateError(f"NEAT checkpoint: expected version {_VERSION}, found {document['version']}")
        return cast("dict[str, Any]", _with_arrays(document["state"], arrays))
    except (zipfile.BadZipFile, zlib.error, KeyError, TypeError, ValueError, EOFError, NotImplementedError) as error:
        raise StateError(
            f"NEAT checkpoint is damaged or cut short ({len(data)} bytes): {error}. Use an earlier checkpoint"
        ) from error


def _write(file: zipfile.ZipFile, name: str, data: bytes, compression: int) -> None:
    # A fixed date: the same state gives the same bytes.
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    file.writestr(entry, data, compress_type=compression, compresslevel=1)


def _without_arrays(value: Any, path: str, arrays: dict[str, NDArray[Any]]) -> Any:
    if isinstance(value, np.ndarray):
        arrays[path] = cast("NDArray[Any]", value)
        return {_ARRAY: path}
    if isinstance(value, dict):
        return {key: _without_arrays(item, f"{path}.{key}", arrays) for key, item in cast("Any", value).items()}
    if isinstance(value, list):
        return [_without_arrays(item, f"{path}.{i}", arrays) for i, item in enumerate(cast("list[Any]", value))]
    return value


def _with_arrays(value: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        if entries.keys() == {_ARRAY}:
            return arrays[entries[_ARRAY]]
        return {key: _with_arrays(item, arrays) for key, item in entries.items()}
    if isinstance(value, list):
        return [_with_arrays(item, arrays) for item in cast("list[Any]", value)]
    return value
