"""Checkpoints of deep learners: folders that appear complete, with plain files in them.

    checkpoints/00051200/
        run.json            totals, the learner's plain values, and the checksum of every other file
        learner.safetensors parameters, optimiser, random numbers
        lane-000.state ...  a snapshot of each lane
        opponents.safetensors  self-play: what those who play against the learner see and remember

A replay buffer's arrays are files of their own beside, mapped into memory; a checkpoint refers to what they held.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import DTypeLike, NDArray

from playthrough.agents.deep.learner import ArrayState
from playthrough.errors import RunError, StateError
from playthrough.runs.folder import RunFolder
from playthrough.runs.safe_arrays import pack_arrays, unpack_arrays

_VERSION = 1
_KEPT = 3
_MANIFEST, _LEARNER, _OPPONENTS = "run.json", "learner.safetensors", "opponents.safetensors"
_HALF = ".half-"


@dataclass(frozen=True)
class DeepCheckpoint:
    """A moment of a run from which it goes on as if it had never stopped.

    Attributes:
        agent_steps: How many were done.
        progress: What the run itself counts, as plain data for JSON.
        learner: The learner's state.
        lanes: A snapshot of each lane.
        opponents: Self-play: who plays against the learner, and what they remember; None for a game for one.
    """

    agent_steps: int
    progress: Mapping[str, Any]
    learner: ArrayState
    lanes: Sequence[bytes]
    opponents: ArrayState | None = None


def write_deep_checkpoint(folder: RunFolder, checkpoint: DeepCheckpoint) -> Path:
    """Write a checkpoint, then remove the oldest ones.

    Raises:
        RunError: If the disk is full, for example; the checkpoints before are as they were.
    """
    path = folder.checkpoints / f"{checkpoint.agent_steps:08d}"
    half = path.with_name(_HALF + path.name)
    files = {f"lane-{lane:03d}.state": snapshot for lane, snapshot in enumerate(checkpoint.lanes)}
    files[_LEARNER] = pack_arrays(checkpoint.learner.arrays)
    if checkpoint.opponents is not None:
        files[_OPPONENTS] = pack_arrays(checkpoint.opponents.arrays)
    manifest = {
        "version": _VERSION,
        "agent_steps": checkpoint.agent_steps,
        "progress": checkpoint.progress,
        "kind": checkpoint.learner.kind,
        "values": checkpoint.learner.values,
        "opponents": None if checkpoint.opponents is None else checkpoint.opponents.values,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    files[_MANIFEST] = json.dumps(manifest, default=_plain_number).encode()
    try:
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        for name, data in files.items():
            with (half / name).open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        if path.exists():  # of the same step: what is in it is the same, or damaged
            shutil.rmtree(path)
        half.rename(path)
    except OSError as error:
        shutil.rmtree(half, ignore_errors=True)
        raise RunError(
            f"could not write the checkpoint {path}: {error.strerror or error}; the ones before are as they were; "
            "make room there, then resume the run"
        ) from error
    for old in _paths(folder)[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return path


def latest_deep_checkpoint(folder: RunFolder) -> tuple[DeepCheckpoint, list[str]]:
    """The newest checkpoint that is whole, and what is wrong with those after it.

    Raises:
        StateError: If there is none.
    """
    problems: list[str] = []
    for path in reversed(_paths(folder)):
        try:
            return _read(path), problems
        except OSError as error:
            problems.append(f"{path} cannot be read: {error.strerror}")
        except StateError as error:
            problems.append(str(error))
    reason = "; ".join(problems) or f"{folder.checkpoints} is empty"
    raise StateError(f"{folder.path} has no checkpoint to go on from: {reason}")


def policies_in_checkpoints(folder: RunFolder) -> set[str]:
    """The opponents' policies that the kept checkpoints refer to, by name."""
    names: set[str] = set()
    for path in _paths(folder):
        try:
            opponents: Any = json.loads((path / _MANIFEST).read_bytes()).get("opponents")
            names |= set(cast("list[str]", opponents["members"])) if opponents else set()
        except (OSError, ValueError, AttributeError, KeyError, TypeError):
            continue  # a damaged one, which nobody can go on from
    return names


def forget_deep_checkpoints_after(folder: RunFolder, agent_steps: int) -> None:
    """Remove checkpoints that a resumed run will write anew, and those that were only half written."""
    for path in [*_paths(folder), *folder.checkpoints.glob(_HALF + "*")]:
        if path.name.startswith(_HALF) or int(path.name) > agent_steps:
            shutil.rmtree(path, ignore_errors=True)


class MappedArrays:
    """The arrays of a replay buffer as files in a run folder, mapped into memory.

    Args:
        folder: Where they lie.
        fresh: Begin with zeros, whatever lies there.
    """

    def __init__(self, folder: Path, *, fresh: bool) -> None:
        self._folder, self._fresh = folder, fresh

    def __call__(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """The array of a name.

        Raises:
            StateError: If there is one of another shape or type, or none where there should be one.
            RunError: If it cannot be made.
        """
        path = self._folder / f"{name}.npy"
        try:
            if self._fresh:
                self._folder.mkdir(parents=True, exist_ok=True)
                return open_memmap(path, "w+", np.dtype(dtype), shape)
            array = open_memmap(path, "r+")
        except FileNotFoundError as error:
            raise StateError(f"{path} is missing: the run cannot go on without what it remembers") from error
        except OSError as error:
            raise RunError(f"cannot map {path}: {error.strerror or error}") from error
        except ValueError as error:
            raise StateError(f"{path} is damaged: {error}") from error
        if array.shape != shape or array.dtype != np.dtype(dtype):
            raise StateError(
                f"{path} holds {array.dtype} {array.shape}, expected {np.dtype(dtype)} {shape}: a run keeps "
                "the size of its replay buffer and its lanes; start a new run for others"
            )
        return array


def _read(path: Path) -> DeepCheckpoint:
    try:
        manifest = json.loads((path / _MANIFEST).read_bytes())
        if manifest["version"] != _VERSION:
            raise StateError(
                f"{path} has version {manifest['version']}, expected {_VERSION}: it was made by another playthrough"
            )
        files: dict[str, bytes] = {}
        for name, digest in manifest["files"].items():
            files[name] = (path / Path(name).name).read_bytes()
            if hashlib.sha256(files[name]).hexdigest() != digest:
                raise StateError(f"{path / name} is damaged: its checksum does not fit")
        arrays = unpack_arrays(files[_LEARNER], str(path / _LEARNER))
        opponents = None
        if (values := manifest.get("opponents")) is not None:
            opponents = ArrayState("selfplay", unpack_arrays(files[_OPPONENTS], str(path / _OPPONENTS)), values)
        return DeepCheckpoint(
            int(manifest["agent_steps"]),
            manifest["progress"],
            ArrayState(manifest["kind"], arrays, manifest["values"]),
            [files[name] for name in sorted(files) if name.startswith("lane-")],
            opponents,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StateError(f"{path} is damaged: {type(error).__name__}: {error}") from error


def _paths(folder: RunFolder) -> list[Path]:
    """Oldest first."""
    return sorted((path for path in folder.checkpoints.glob("*") if path.name.isdecimal()), key=lambda p: int(p.name))


def _plain_number(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return cast("Any", value).tolist()
    raise TypeError(f"cannot store a {type(value).__name__}")
