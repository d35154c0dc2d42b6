"""The ROMs that are here: in a game's folder, imported by the user, or in the ale-py package.

Imported ROMs go to a folder of the user's, never into an installed package. A file's name there ends in the SHA-1 that
the game knows it by, so that the folder is its own index and two imports at a time cannot lose each other's.
"""

from __future__ import annotations

import difflib
import gzip
import hashlib
import importlib.util
import io
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from playthrough.engine.systems import System, system_of_game, system_of_rom, systems
from playthrough.errors import BadInputError, RomError
from playthrough.game.atomic_file import write_file
from playthrough.game.home import home_folder
from playthrough.game.integration import known_games, known_hashes
from playthrough.game.rom_files import MAX_ROM_BYTES, Rom, check_rom, groomed, read_rom

if TYPE_CHECKING:
    from playthrough.game.integration import Integration

__all__ = [
    "ImportReport",
    "ImportedRom",
    "Rom",
    "find_rom",
    "import_roms",
    "list_playable",
    "read_rom",
    "roms_folder",
]

_IMPORTED_NAME = re.compile(r".+\.([0-9a-f]{40})\.\w+")

# An archive inside an archive inside an archive is where looking ends.
_MAX_DEPTH = 3


def find_rom(integration: Integration) -> Rom:
    """The ROM of a game: in its own folder, in the user's, or in the ale-py package.

    Raises:
        RomError: If it is nowhere, or if what is there is damaged.
    """
    path = _rom_in_folders(integration.folders, integration.system)
    if path is None:
        path = _rom_by_hash(integration.rom_hashes, integration.system)
    if path is not None:
        return read_rom(path, integration.system, integration.rom_hashes)
    hashes = " or ".join(integration.rom_hashes) or "unknown (its folder has no rom.sha)"
    raise RomError(
        f"the ROM of {integration.name} is missing; expected one for {integration.system.name} with SHA-1 {hashes}. "
        f"If you have it, run: playthrough import PATH (it goes to {roms_folder()})"
    )


def list_playable() -> list[str]:
    """The names of all games whose ROM is here and whose system runs, sorted. ROM files are not read."""
    imported = _imported()
    found: list[str] = []
    for game, folders, hashes in known_games():
        try:
            system = system_of_game(game)
        except BadInputError:
            # A folder whose name ends in no system cannot be looked up either; load_integration explains it.
            continue
        atari = _ale_roms() if system.name == "Atari2600" else {}
        here = any(sha1 in imported or sha1 in atari for sha1 in hashes) or _rom_in_folders(folders, system)
        if system.supported and here:
            found.append(game)
    return sorted(found)


def roms_folder() -> Path:
    """Where imported ROMs are kept: `roms` in the folder that PLAYTHROUGH_HOME names, else in the user's own."""
    return home_folder() / "roms"


@dataclass(frozen=True)
class ImportedRom:
    """A ROM file that belongs to known games.

    Attributes:
        source: Where it was found; a file in an archive is written `archive.zip: file`.
        games: The games that it is the ROM of.
        sha1: Its SHA-1 after grooming.
        path: Where it is kept.
        new: False if it was there already.
    """

    source: str
    games: tuple[str, ...]
    sha1: str
    path: Path
    new: bool


@dataclass
class ImportReport:
    """What an import did.

    Attributes:
        imported: The ROMs of known games.
        unmatched: Files that might be ROMs but were not taken: (source, reason).
        num_ignored: Number of other files that were met in folders and archives.
    """

    imported: list[ImportedRom] = field(default_factory=list[ImportedRom])
    unmatched: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    num_ignored: int = 0

    @property
    def games(self) -> list[str]:
        """The names of all games that can be played with what was imported, sorted."""
        return sorted({game for rom in self.imported for game in rom.games})

    def __str__(self) -> str:
        lines = [
            f"{', '.join(rom.games)}: {'imported' if rom.new else 'was already there'} ({rom.source})"
            for rom in self.imported
        ]
        lines += [f"not imported: {source}: {reason}" for source, reason in self.unmatched]
        new = sum(rom.new for rom in self.imported)
        ignored = f"; {self.num_ignored} other files ignored" if self.num_ignored else ""
        lines.append(f"{new} ROMs imported, {len(self.unmatched)} files not recognised{ignored}")
        return "\n".join(lines)


def import_roms(paths: str | Path | Iterable[str | Path]) -> ImportReport:
    """Copy the ROMs of known games to the user's folder.

    Args:
        paths: Files, folders (with all that is below them), .zip and .gz archives.

    Returns:
        What was imported, and why the rest was not.

    Raises:
        RomError: If a path does not exist.
        RunError: If a ROM cannot be written.
    """
    chosen = [Path(path).expanduser() for path in ([paths] if isinstance(paths, (str, Path)) else paths)]
    for path in chosen:
        if not path.exists():
            raise RomError(f"there is no file or folder {path} to import from")
    search = _Import(known_hashes(), ImportReport())
    for path in chosen:
        if path.is_dir():
            search.walk(path)
        else:
            search.take_file(path, asked_for=True)
    return search.report


@dataclass
class _Import:
    """One import under way."""

    hashes: dict[str, list[str]]
    report: ImportReport

    def walk(self, folder: Path) -> None:
        def refused(error: OSError) -> None:
            self.report.unmatched.append((str(error.filename), f"cannot be listed: {error.strerror}"))

        for here, folders, files in os.walk(folder, onerror=refused):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                if not name.startswith("."):
                    self.take_file(Path(here) / name, asked_for=False)

    def take_file(self, path: Path, *, asked_for: bool) -> None:
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):  # reading a pipe or a device might never end
                self._refuse(str(path), path.name, "it is no ordinary file", asked_for)
                return
            size_bytes = status.st_size
            if size_bytes > MAX_ROM_BYTES:
                self._refuse(str(path), path.name, f"{size_bytes} bytes are more than any cartridge holds", asked_for)
                return
            raw = path.read_bytes()
        except OSError as error:
            self.report.unmatched.append((str(path), f"cannot be read: {error.strerror}"))
            return
        self._take(str(path), path.name, raw, asked_for, depth=0)

    def _take(self, source: str, name: str, raw: bytes, asked_for: bool, depth: int) -> None:
        for sha1, data in groomed(raw, name):
            if sha1 in self.hashes:
                self._keep(source, sha1, data)
                return
        if name.lower().endswith(".zip") and raw and depth < _MAX_DEPTH:
            self._take_zip(source, raw, depth)
        elif name.lower().endswith(".gz") and depth < _MAX_DEPTH:
            try:
                with gzip.open(io.BytesIO(raw)) as file:
                    inner = file.read(MAX_ROM_BYTES + 1)
            except (OSError, EOFError, zlib.error) as error:
                self.report.unmatched.append((source, f"the archive is damaged: {error}"))
                return
            self._take(source, name[:-3], inner, asked_for, depth + 1)
        else:
            self._refuse(source, name, _why_unknown(raw, name, self.hashes), asked_for)

    def _take_zip(self, source: str, raw: bytes, depth: int) -> None:
        try:
            with zipfile.ZipFile(io.BytesIO(raw)) as archive:
                for entry in archive.infolist():
                    if entry.is_dir():
                        continue
                    if entry.file_size > MAX_ROM_BYTES:
                        self.report.num_ignored += 1
                        continue
                    inner = archive.read(entry)
                    name = entry.filename.rpartition("/")[2]
                    self._take(f"{source}: {entry.filename}", name, inner, asked_for=False, depth=depth + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
            # RuntimeError is what an encrypted entry raises.
            self.report.unmatched.append((source, f"the archive cannot be unpacked: {error}"))

    def _keep(self, source: str, sha1: str, data: bytes) -> None:
        games = self.hashes[sha1]
        try:
            system = system_of_game(games[0])
            check_rom(data, system, "")
        except BadInputError as error:
            reason = str(error).removeprefix(": ")
            self.report.unmatched.append((source, f"it is the ROM of {', '.join(games)}, but {reason}"))
            return
        path = roms_folder() / f"{games[0]}.{sha1}{system.extensions[0]}"
        there = _imported().get(sha1)
        if there is None:
            write_file(path, data)
        self.report.imported.append(ImportedRom(source, tuple(games), sha1, there or path, there is None))

    def _refuse(self, source: str, name: str, reason: str, asked_for: bool) -> None:
        if asked_for or Path(name).suffix.lower() in _rom_endings():
            self.report.unmatched.append((source, reason))
        else:
            self.report.num_ignored += 1


@cache
def _rom_endings() -> frozenset[str]:
    return frozenset(ending for system in systems().values() for ending in system.extensions if ending != ".zip")


def _why_unknown(raw: bytes, name: str, hashes: dict[str, list[str]]) -> str:
    if not raw:
        return "the file is empty"
    try:
        system = system_of_rom(name)
        check_rom(raw, system, "")
    except RomError as error:
        if Path(name).suffix.lower() in _rom_endings() - {".bin"}:
            return str(error).removeprefix(": ")
        system = None
    sha1 = groomed(raw, name)[0][0]
    reason = f"no known game has its SHA-1 {sha1}"
    plain = re.sub(r"[(\[].*?[)\]]|[^A-Za-z0-9]", "", Path(name).stem).lower()
    ending = f"-{system.name}" if system else ""
    by_plain_name = {
        game.removesuffix(ending).lower(): (game, known)
        for known, games in hashes.items()
        for game in games
        if game.endswith(ending)
    }
    similar = difflib.get_close_matches(plain, by_plain_name, n=1, cutoff=0.75)
    if similar:
        game, expected = by_plain_name[similar[0]]
        reason += f"; {game} expects another version, with SHA-1 {expected}"
    return reason


def _imported() -> dict[str, Path]:
    """The user's ROMs by SHA-1."""
    found: dict[str, Path] = {}
    try:
        with os.scandir(roms_folder()) as entries:
            for entry in entries:
                match = _IMPORTED_NAME.fullmatch(entry.name)
                if match is not None and entry.is_file():
                    found[match[1]] = Path(entry.path)
    except FileNotFoundError:
        return found
    except OSError as error:
        raise RomError(f"cannot list the ROM folder {roms_folder()}: {error.strerror}") from error
    return found


def _rom_in_folders(folders: tuple[Path, ...], system: System) -> Path | None:
    for folder in folders:
        for extension in system.extensions:
            path = folder / f"rom{extension}"
            if path.is_file():
                return path
    return None


def _rom_by_hash(hashes: tuple[str, ...], system: System) -> Path | None:
    imported = _imported()
    atari = _ale_roms() if system.name == "Atari2600" else {}
    for sha1 in hashes:
        path = imported.get(sha1)
        if path is not None:
            return path
        if sha1 in atari:
            return atari[sha1]
    return None


@cache
def _ale_roms() -> dict[str, Path]:
    """The Atari ROMs that the ale-py package brings, by SHA-1; found without importing it."""
    spec = importlib.util.find_spec("ale_py")
    if spec is None or spec.origin is None:
        return {}
    found: dict[str, Path] = {}
    for path in sorted((Path(spec.origin).parent / "roms").glob("*.bin")):
        found[hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()] = path
    return found
