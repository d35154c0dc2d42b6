"""The policies of a league on disk: `league/00050000.json` and `.safetensors` in a run folder.

A policy is written once, when it joins. Checkpoints refer to it by its name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from pathlib import Path

from playthrough.agents.deep.learner import ArrayState
from playthrough.errors import StateError
from playthrough.game.atomic_file import write_file
from playthrough.runs.safe_arrays import unpack_arrays, write_arrays

_FORMAT = 1


class LeagueFolder:
    """The policies of a run's league.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, name: str, policy: ArrayState) -> None:
        """Write a policy: its parameters first.

        Raises:
            RunError: If a file cannot be written.
        """
        data = write_arrays(self._path / f"{name}.safetensors", policy.arrays)
        table = {
            "format": _FORMAT,
            "kind": policy.kind,
            "values": policy.values,
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        write_file(self._path / f"{name}.json", (json.dumps(table, indent=2) + "\n").encode())

    def read(self, name: str) -> ArrayState:
        """A policy.

        Raises:
            StateError: If it is missing or damaged.
        """
        # A name alone: policies lie in the league's folder, not where a foreign checkpoint points.
        stem = Path(name).name
        description, parameters = (self._path / f"{stem}.{suffix}" for suffix in ("json", "safetensors"))
        try:
            table = json.loads(description.read_bytes())
            data = parameters.read_bytes()
            if table["format"] != _FORMAT:
                raise StateError(f"{description} has format {table['format']}, expected {_FORMAT}")
            if hashlib.sha256(data).hexdigest() != table["sha256"]:
                raise StateError(f"{parameters} is not the one that {description.name} describes, or is damaged")
            return ArrayState(str(table["kind"]), unpack_arrays(data, str(parameters)), dict(table["values"]))
        except OSError as error:
            raise StateError(f"{error.filename} cannot be read: {error.strerror}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"{description} is no description of a policy: {type(error).__name__}: {error}") from error

    def keep(self, names: Collection[str]) -> None:
        """Remove the files of all others, and what was only half written."""
        for path in self._path.glob("*"):
            if path.is_file() and path.name.split(".")[0] not in names:
                path.unlink(missing_ok=True)
