"""An ArrayState as two files: its arrays in safetensors, and all else in a JSON file that knows their hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from playthrough.agents.deep.learner import ArrayState
from playthrough.errors import StateError
from playthrough.game.atomic_file import write_file
from playthrough.runs.safe_arrays import unpack_arrays, write_arrays

_FORMAT = 1


def write_described(description: Path, parameters: Path, state: ArrayState, more: Mapping[str, Any]) -> None:
    """Write a state: its arrays first.

    Args:
        description: The JSON file.
        parameters: The safetensors file, in the same folder.
        state: The state.
        more: What the description holds besides, as JSON takes it.

    Raises:
        RunError: If a file cannot be written.
    """
    data = write_arrays(parameters, state.arrays)
    table = {
        "format": _FORMAT,
        "kind": state.kind,
        "values": state.values,
        **more,
        "parameters": {"file": parameters.name, "sha256": hashlib.sha256(data).hexdigest()},
    }
    write_file(description, (json.dumps(table, indent=2, default=repr) + "\n").encode())


def read_described(description: Path) -> tuple[ArrayState, dict[str, Any]]:
    """A state, and all that its description holds. The files may be anybody's: nothing in them is executed.

    Raises:
        StateError: If a file is missing, damaged, or not what it says.
    """
    try:
        table = cast("dict[str, Any]", json.loads(description.read_bytes()))
        if table["format"] != _FORMAT:
            raise StateError(f"{description} has format {table['format']}, expected {_FORMAT}")
        # A name alone: parameters lie beside their description, not where a foreign file points.
        parameters = description.with_name(Path(str(table["parameters"]["file"])).name)
        data = parameters.read_bytes()
        if hashlib.sha256(data).hexdigest() != table["parameters"]["sha256"]:
            raise StateError(f"{parameters} is not the one that {description.name} describes, or is damaged")
        return ArrayState(str(table["kind"]), unpack_arrays(data, str(parameters)), dict(table["values"])), table
    except OSError as error:
        raise StateError(f"{error.filename} cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StateError(f"{description} is no description of a policy: {type(error).__name__}: {error}") from error
