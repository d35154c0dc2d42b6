"""The folder of a run: where everything is, and how it gets there in one piece."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import struct
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, cast

from playthrough.errors import BadInputError, RunError, StateError
from playthrough.game.atomic_file import write_file

_MAGIC = b"PTRUN\r\n\x1a"
_VERSION = 1
_HEADER = struct.Struct("<8sIQQ32s")  # magic, version, bytes of progress, bytes of trainer, SHA-256 of both
_KEPT_CHECKPOINTS = 3
_LEFTOVER = re.compile(
    r"\.(\d{6,}(-\d+)?\.(ckpt|npz|json|bk2)|best\.(json|bk2|safetensors|gif)|config\.toml|versions\.json"
    r"|(metrics|episodes|genomes|lineage)\.csv|\w+\.png)"
    r"\.[0-9a-f]{8}\.tmp"
    r"|\.best\.\d+\.(mp4|gif)"
)
"""Files that were being written when a process was killed; see `write_file`, and the encoder of videos."""
_LIBRARIES = ("gymnasium", "numpy", "neat-python", "stable-retro", "lupa", "av", "pillow", "matplotlib", "tensorboardX")
_DEEP_LIBRARIES = ("torch", "stable-baselines3", "sb3-contrib", "safetensors")


@dataclass(frozen=True)
class Checkpoint:
    """A moment of a run from which it goes on as if it had never stopped.

    Attributes:
        generation: How many generations were finished.
        progress: What the run itself counts, as plain data for JSON.
        trainer: The trainer's state, in its own format.
    """

    generation: int
    progress: Mapping[str, Any]
    trainer: bytes

    def pack(self) -> bytes:
        """The checkpoint as bytes, with a checksum."""
        progress = json.dumps({"generation": self.generation, **self.progress}).encode()
        digest = hashlib.sha256(progress + self.trainer).digest()
        return _HEADER.pack(_MAGIC, _VERSION, len(progress), len(self.trainer), digest) + progress + self.trainer

    @classmethod
    def unpack(cls, data: bytes, name: str) -> Checkpoint:
        """Read what `pack` made.

        Args:
            data: The bytes.
            name: The file, for messages.

        Raises:
            StateError: If it is no checkpoint, of another version, cut off or damaged.
        """
        if len(data) < _HEADER.size or not data.startswith(_MAGIC):
            raise StateError(f"{name} is no checkpoint ({len(data)} bytes)")
        _, version, progress_bytes, trainer_bytes, digest = _HEADER.unpack_from(data)
        if version != _VERSION:
            raise StateError(f"{name} has version {version}, expected {_VERSION}: it was made by another playthrough")
        body = data[_HEADER.size :]
        if len(body) != progress_bytes + trainer_bytes:
            raise StateError(f"{name} is cut off: {len(body)} bytes, expected {progress_bytes + trainer_bytes}")
        if hashlib.sha256(body).digest() != digest:
            raise StateError(f"{name} is damaged: its checksum does not fit")
        progress = cast("dict[str, Any]", json.loads(body[:progress_bytes]))
        return cls(int(progress.pop("generation")), progress, body[progress_bytes:])


class RunFolder:
    """A run's files. Every one of them is complete at every moment, whatever happens to the process or the disk.

    Args:
        path: The folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config = self.path / "config.toml"
        self.versions = self.path / "versions.json"
        self.metrics = self.path / "metrics.csv"
        self.tensorboard = self.path / "tensorboard"
        self.checkpoints = self.path / "checkpoints"
        self.episodes = self.path / "episodes.csv"
        self.genomes = self.path / "genomes.csv"
        self.lineage = self.path / "lineage.csv"
        self.traces = self.path / "traces"
        self.champions = self.path / "champions"
        self.goals = self.path / "goals"
        self.replay = self.path / "replay"
        self.league = self.path / "league"
        self.best_genome = self.path / "best.json"
        self.best_policy = self.path / "best.safetensors"
        self.best_movie = self.path / "best.bk2"
        self.best_video = self.path / "best.mp4"
        self.plots = self.path / "plots"
        self.log = self.path / "log.txt"

    @classmethod
    def create(cls, path: Path | None, game: str, algo: str) -> RunFolder:
        """A folder for a new run.

        Args:
            path: Where; None for the first free `runs/GAME-ALGO-NNN`.
            game: For the name.
            algo: For the name.

        Raises:
            BadInputError: If there is a run already, or something that is no folder.
            RunError: If it cannot be made.
        """
        if path is not None:
            folder = cls(path)
            if folder.config.exists():
                raise BadInputError(f"{path} already holds a run; resume it, or choose another folder")
            if path.exists() and not path.is_dir():
                raise BadInputError(f"{path} is a file; expected a folder for the run")
            folder._make()
            return folder
        number = 1
        while True:
            folder = cls(Path("runs") / f"{game.removesuffix('-v0')}-{algo}-{number:03d}")
            try:
                folder.path.mkdir(parents=True)
                return folder
            except FileExistsError:
                number += 1
            except OSError as error:
                raise RunError(f"cannot make the run folder {folder.path}: {error.strerror}") from error

    def clear(self) -> None:
        """Delete the run that the folder holds, if it does: our own files, and nothing else.

        Raises:
            RunError: If another process trains into it, or something cannot be deleted.
        """
        if not (self.config.is_file() and self.versions.is_file()):
            return
        with self.lock():
            try:
                learnt = (self.checkpoints, self.tensorboard, self.plots, self.replay, self.league)
                for folder in (*learnt, self.traces, self.champions, self.goals):
                    if folder.is_dir():
                        shutil.rmtree(folder)
                self.remove_leftovers()
                best = (self.best_genome, self.best_policy, self.best_movie, self.best_video)
                files = (*best, self.metrics, self.episodes, self.genomes, self.lineage, self.log, self.versions)
                for file in (*files, *self.path.glob("best-before-*.*"), *self.path.glob("metrics-damaged-*.csv")):
                    file.unlink(missing_ok=True)
                self.config.unlink()  # last: it is what makes the folder a run
            except OSError as error:
                raise RunError(f"cannot delete the run in {self.path}: {error.strerror}") from error

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """The folder of a run that exists.

        Raises:
            BadInputError: If it holds no run.
        """
        folder = cls(path)
        if not folder.config.is_file():
            what = "there is no such folder" if not folder.path.exists() else "it has no config.toml"
            raise BadInputError(f"{path} is no run folder: {what}; expected one that `playthrough train` made")
        return folder

    @contextmanager
    def lock(self) -> Generator[None]:
        """Keep other processes from training into this folder. The system releases the lock of a process that died.

        Raises:
            RunError: If another process holds it, or it cannot be made.
        """
        path = self.path / "lock"
        try:
            file = path.open("a+")
        except OSError as error:
            raise RunError(f"cannot make {path}: {error.strerror}") from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.seek(0)
                raise RunError(
                    f"another process trains into {self.path} (process {file.read().strip() or 'unknown'}); "
                    "end it first, or choose another folder"
                ) from None
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            try:
                yield
            finally:
                file.truncate(0)

    def write_config(self, text: str) -> None:
        """Write the resolved configuration."""
        write_file(self.config, text.encode())

    def write_versions(self, core: str) -> None:
        """Write down what made this run: our version, the core, Python, the libraries, the platform."""
        versions: dict[str, Any] = {
            "playthrough": _version_of("playthrough"),
            "core": core,
            "python": sys.version.split()[0],
            "platform": platform.platform(),
            "libraries": {name: _version_of(name) for name in (*_LIBRARIES, *_DEEP_LIBRARIES)},
        }
        write_file(self.versions, (json.dumps(versions, indent=2) + "\n").encode())

    def write_checkpoint(self, checkpoint: Checkpoint) -> Path:
        """Write a checkpoint, then remove the oldest ones.

        Raises:
            RunError: If the disk is full, for example; the checkpoints before are as they were.
        """
        path = self.checkpoints / f"{checkpoint.generation:06d}.ckpt"
        write_file(path, checkpoint.pack())
        for old in self._checkpoint_paths()[:-_KEPT_CHECKPOINTS]:
            old.unlink(missing_ok=True)
        return path

    def latest_checkpoint(self) -> tuple[Checkpoint, list[str]]:
        """The newest checkpoint that is whole, and what is wrong with those after it.

        Raises:
            StateError: If there is none.
        """
        problems: list[str] = []
        for path in reversed(self._checkpoint_paths()):
            try:
                return Checkpoint.unpack(path.read_bytes(), str(path)), problems
            except OSError as error:
                problems.append(f"{path} cannot be read: {error.strerror}")
            except StateError as error:
                problems.append(str(error))
        reason = "; ".join(problems) or f"{self.checkpoints} is empty"
        raise StateError(f"{self.path} has no checkpoint to go on from: {reason}")

    def forget_checkpoints_after(self, generation: int) -> None:
        """Remove checkpoints that a resumed run will write anew; damaged ones are among them."""
        for path in self._checkpoint_paths():
            if int(path.stem) > generation:
                path.unlink(missing_ok=True)

    def remove_leftovers(self) -> None:
        """Remove what a killed process left half written; only who holds the lock may."""
        for folder in (self.path, self.checkpoints, self.plots, self.traces, self.champions, self.goals):
            for path in folder.glob(".*"):
                if _LEFTOVER.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                    path.unlink(missing_ok=True)

    def put_best_aside(self, generation: int) -> list[Path]:
        """Give the best agent's files names of their own, `best-before-GENERATION.*`, so that others can take theirs.

        Returns:
            The files under their new names.

        Raises:
            RunError: If they cannot be renamed.
        """
        files = [file for file in (self.best_genome, self.best_movie, self.best_video) if file.is_file()]
        stem, number = f"best-before-{generation}", 1
        while any(file.with_stem(stem).exists() for file in files):
            number += 1
            stem = f"best-before-{generation}-{number}"
        try:
            return [file.rename(file.with_stem(stem)) for file in files]
        except OSError as error:
            raise RunError(f"cannot rename the best agent's files in {self.path}: {error.strerror}") from error

    def write_log(self, text: str) -> None:
        """Add a line to the log, with the time."""
        try:
            with self.log.open("a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
        except OSError as error:
            raise RunError(f"could not write {self.log}: {error.strerror}") from error

    def _make(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot make the run folder {self.path}: {error.strerror}") from error

    def _checkpoint_paths(self) -> list[Path]:
        """Oldest first."""
        return sorted(path for path in self.checkpoints.glob("*.ckpt") if path.stem.isdecimal())


def _version_of(name: str) -> str | None:
    if name == "playthrough":
        from playthrough import __version__

        return __version__
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
