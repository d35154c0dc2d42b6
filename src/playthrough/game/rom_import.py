"""Import: find the ROMs of known games in files, folders and archives, and keep them in the user's folder.

What is found is looked at in this order, until something fits: as it is; as an archive; repaired; patched with what
lies beside it. What fits nothing is given to the doctor, who says why. No file is trusted: links that lead out of a
folder, pipes and devices are not opened, large files are refused by their size, archives are read within limits.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from playthrough.engine.systems import system_of_game
from playthrough.errors import BadInputError, RomError
from playthrough.game.archives import MAX_ARCHIVE_BYTES, MAX_DEPTH, Budget, archive_kind, read_archive
from playthrough.game.integration import known_hashes
from playthrough.game.near_roms import remember_near
from playthrough.game.patches import MAX_PATCH_BYTES, PATCH_ENDINGS, apply_patch
from playthrough.game.rom_doctor import Catalogue, Diagnosis, Kind, diagnose, no_rom, rom_endings
from playthrough.game.rom_files import check_rom
from playthrough.game.rom_grooming import MAX_ROM_BYTES, Reading, groomed, repaired
from playthrough.game.rom_store import store_rom
from playthrough.game.seven_zip import SevenZipReader

_START_BYTES = 8


@dataclass(frozen=True)
class ImportedRom:
    """A ROM file that belongs to known games.

    Attributes:
        source: Where it was found; a file in an archive is written `archive.zip: file`.
        games: The games that it is the ROM of.
        sha1: Its SHA-1 after grooming.
        path: Where it is kept.
        new: False if it was there already.
        how: What had to be done to the file, if anything.
    """

    source: str
    games: tuple[str, ...]
    sha1: str
    path: Path
    new: bool
    how: str = ""


@dataclass(frozen=True)
class UnmatchedFile:
    """A file that was not imported.

    Attributes:
        source: Where it was found.
        reason: Why it was not, in one line.
        kind: What it is.
        game: The known game that it comes closest to, if there is one.
    """

    source: str
    reason: str
    kind: Kind
    game: str | None = None


@dataclass(frozen=True)
class UnknownRom:
    """A file that may be a ROM and that no game knows.

    Attributes:
        source: Where it was found.
        name: Its file name.
        raw: The whole file.
        diagnosis: What is known about it.
    """

    source: str
    name: str
    raw: bytes
    diagnosis: Diagnosis


@dataclass
class ImportReport:
    """What an import did.

    Attributes:
        imported: The ROMs of known games.
        unmatched: Files that might be ROMs but were not taken.
        ignored: Files met in folders and archives that are something else.
    """

    imported: list[ImportedRom] = field(default_factory=list[ImportedRom])
    unmatched: list[UnmatchedFile] = field(default_factory=list[UnmatchedFile])
    ignored: list[UnmatchedFile] = field(default_factory=list[UnmatchedFile])

    @property
    def num_ignored(self) -> int:
        """Number of files that are no ROMs."""
        return len(self.ignored)

    @property
    def games(self) -> list[str]:
        """The names of all games that can be played with what was imported, sorted."""
        return sorted({game for rom in self.imported for game in rom.games})

    @property
    def counts(self) -> dict[Kind, int]:
        """How many files were not taken, for each kind that there is."""
        found = Counter(file.kind for file in self.unmatched)
        return {kind: found[kind] for kind in Kind if found[kind]}

    def __str__(self) -> str:
        lines = [
            f"{', '.join(rom.games)}: {'imported' if rom.new else 'was already there'}"
            f"{f' {rom.how}' if rom.how else ''} ({rom.source})"
            for rom in self.imported
        ]
        lines += [f"not imported: {file.source}: {file.reason}" for file in self.unmatched]
        new = sum(rom.new for rom in self.imported)
        ignored = f"; {self.num_ignored} other files ignored" if self.ignored else ""
        lines.append(f"{new} ROMs imported, {len(self.unmatched)} files not recognised{ignored}")
        return "\n".join(lines)


Progress = Callable[[int, int], None]
"""Called with how many files were looked at, and how many there are."""


def import_roms(
    paths: str | Path | Iterable[str | Path],
    *,
    report: ImportReport | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Copy the ROMs of known games to the user's folder.

    Args:
        paths: Files, folders (with all that is below them), .zip, .7z and .gz archives.
        report: Filled as the import goes on, so that an import that was interrupted can still be told about.
        progress: Told how far it is.

    Returns:
        What was imported, and why the rest was not.

    Raises:
        RomError: If a path does not exist.
        RunError: If a ROM cannot be written. What was imported until then stays.
    """
    report = ImportReport() if report is None else report
    with _Search(Catalogue(known_hashes()), report) as search:
        try:
            search.look_at(_chosen(paths), progress or (lambda done, total: None))
        finally:
            remember_near((file.game, file.source, file.reason) for file in report.unmatched)
    return report


def unknown_roms(path: str | Path) -> list[UnknownRom]:
    """The files at a path that may be ROMs, whether some game knows them or not. Nothing is imported.

    Raises:
        RomError: If the path does not exist, or holds nothing that could be a ROM; the message says why.
    """
    report = ImportReport()
    found: list[UnknownRom] = []
    with _Search(Catalogue(known_hashes()), report, found) as search:
        search.look_at(_chosen(path), lambda done, total: None)
    if not found:
        why = "; ".join(f"{file.source}: {file.reason}" for file in (report.unmatched + report.ignored)[:3])
        raise RomError(f"there is no ROM in {path}" + (f": {why}" if why else ""))
    return found


def _chosen(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    chosen = [Path(path).expanduser() for path in ([paths] if isinstance(paths, (str, Path)) else paths)]
    for path in chosen:
        if not path.exists():
            raise RomError(f"there is no file or folder {path} to import from")
    return chosen


@dataclass(frozen=True)
class _Found:
    """A file on the way: where it is from, what it is called, and whether the user named it."""

    source: str
    name: str
    asked_for: bool = False
    path: Path | None = None

    @property
    def ending(self) -> str:
        return Path(self.name).suffix.lower()


class _Search:
    """One import under way.

    Args:
        catalogue: The known games.
        report: Where what is found is written down.
        candidates: If given, gets what may be a ROM, and nothing is imported.
    """

    def __init__(self, catalogue: Catalogue, report: ImportReport, candidates: list[UnknownRom] | None = None) -> None:
        self._catalogue, self._report, self._candidates = catalogue, report, candidates
        self._seen: set[tuple[int, int]] = set()
        self._seven_zip = SevenZipReader()

    def __enter__(self) -> _Search:
        return self

    def __exit__(self, *_: object) -> None:
        self._seven_zip.close()

    # On the disk -----------------------------------------------------------------------------------------------------

    def look_at(self, paths: list[Path], progress: Progress) -> None:
        """Look at files and at all files in folders."""
        files = [
            found
            for path in paths
            for found in (self._walk(path) if path.is_dir() else [_Found(shown(path), path.name, True, path)])
        ]
        for number, found in enumerate(files):
            progress(number, len(files))
            self._take_file(found)
        progress(len(files), len(files))

    def _walk(self, root: Path) -> Iterator[_Found]:
        def refused(error: OSError) -> None:
            self._refuse(_Found(shown(error.filename), "", True), Kind.REFUSED, f"cannot be listed: {error.strerror}")

        real_root = root.resolve()
        for here, folders, files in os.walk(root, onerror=refused):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in [*folders, *sorted(files)]:
                path = Path(here, name)
                if name.startswith(".") or not (name in files or path.is_symlink()):
                    continue
                found = _Found(shown(path), name, False, path)
                if not path.is_symlink():
                    yield found
                elif (reason := _outward(path, real_root)) is not None:
                    self._refuse(found, Kind.REFUSED, reason, sure=True)
                else:  # what it leads to is met under its own name
                    self._ignore(found, "a link to another file of the folder")

    def _take_file(self, found: _Found) -> None:
        assert found.path is not None
        try:
            # A pipe would wait for somebody to write; a link may have appeared since the folder was listed.
            flags = (
                os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | (0 if found.asked_for else getattr(os, "O_NOFOLLOW", 0))
            )
            descriptor = os.open(found.path, flags)
        except OSError as error:
            self._refuse(found, Kind.REFUSED, f"cannot be read: {error.strerror}", sure=True)
            return
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                self._refuse(found, Kind.REFUSED, "it is no ordinary file", sure=True)
                return
            if (status.st_dev, status.st_ino) in self._seen:
                self._ignore(found, "the same file as one before, under another name")
                return
            self._seen.add((status.st_dev, status.st_ino))
            try:
                start = file.read(_START_BYTES)
                kind = archive_kind(start, found.name)
                if status.st_size > (MAX_ARCHIVE_BYTES if kind else MAX_ROM_BYTES):
                    self._refuse(
                        found, Kind.REFUSED, f"{status.st_size:,} bytes are more than any cartridge holds", sure=True
                    )
                    return
                # Of a large archive only what is in it counts, and that is read from the file itself.
                raw = start if kind and status.st_size > MAX_ROM_BYTES else start + file.read(MAX_ROM_BYTES)
            except OSError as error:
                self._refuse(found, Kind.REFUSED, f"cannot be read: {error.strerror}", sure=True)
                return
        budget = Budget.of_archive(status.st_size)
        if kind and status.st_size > MAX_ROM_BYTES:
            self._take_archive(found, kind, found.path, budget, 0)
        else:
            self._take(found, raw, budget, 0)

    # In memory -------------------------------------------------------------------------------------------------------

    def _take(self, found: _Found, raw: bytes, budget: Budget, depth: int) -> None:
        if self._candidates is None and self._keep_first(found, groomed(raw, found.name)):
            return
        kind = archive_kind(raw[:_START_BYTES], found.name)
        if kind and raw and depth < MAX_DEPTH:
            self._take_archive(found, kind, raw, budget, depth)
            return
        if kind and raw:
            self._refuse(found, Kind.REFUSED, f"archives more than {MAX_DEPTH} deep are not read", sure=True)
            return
        if raw and (what := no_rom(raw, found.name)) is not None:
            self._refuse(found, Kind.NO_ROM, f"it is {what}")
            return
        if self._candidates is not None:
            diagnosis = diagnose(raw, found.name, self._catalogue)
            if raw and (found.asked_for or found.ending in rom_endings()):
                self._candidates.append(UnknownRom(found.source, found.name, raw, diagnosis))
            else:
                self._refuse(found, diagnosis.kind, diagnosis.reason, diagnosis.game)
            return
        if self._keep_first(found, repaired(raw, found.name)) or self._take_patched(found, raw):
            return
        diagnosis = diagnose(raw, found.name, self._catalogue)
        self._refuse(found, diagnosis.kind, diagnosis.reason, diagnosis.game)

    def _take_archive(self, found: _Found, kind: str, source: Path | bytes, budget: Budget, depth: int) -> None:
        try:
            for file in read_archive(kind, source, found.name, budget, self._seven_zip):
                name = file.name.replace("\\", "/").rpartition("/")[2]
                where = found.source if kind == "gz" else f"{found.source}: {shown(file.name)}"
                inner = _Found(where, name, found.asked_for and kind == "gz")
                if file.data is None:
                    self._refuse(inner, Kind.REFUSED, file.reason)
                else:
                    self._take(inner, file.data, budget, depth + 1)
        except (RomError, OSError) as error:
            damaged = Kind.REFUSED if "bomb" in str(error) else Kind.DAMAGED
            self._refuse(found, damaged, shown(str(error)), sure=True)

    def _take_patched(self, found: _Found, raw: bytes) -> bool:
        """Try the patches that lie beside a ROM under its name; whether that settled what it is."""
        if found.path is None:
            return False
        for ending in PATCH_ENDINGS:
            path = found.path.with_suffix(ending)
            try:
                if not path.is_file() or path.stat().st_size > MAX_PATCH_BYTES:
                    continue
                patched = apply_patch(path.read_bytes(), raw)
            except OSError:
                continue
            except RomError as error:
                diagnosis = diagnose(raw, found.name, self._catalogue)
                self._refuse(found, diagnosis.kind, f"{diagnosis.reason}; {path.name}: {error}", diagnosis.game)
                return True
            how = f"patched with {path.name}"
            readings = [Reading(reading.sha1, reading.data, how) for reading in groomed(patched.data, found.name)]
            if self._keep_first(found, readings):
                return True
            diagnosis = diagnose(raw, found.name, self._catalogue)
            more = "it has been patched with it already; the ROM before that is wanted" if patched.already else ""
            reason = f"{diagnosis.reason}; {path.name} lies beside it: {more or 'with it, no game knows it either'}"
            self._refuse(found, Kind.PATCHED, reason, diagnosis.game)
            return True
        return False

    def _keep_first(self, found: _Found, readings: Iterable[Reading]) -> bool:
        """Import the first reading that is the ROM of a known game."""
        for reading in readings:
            games = self._catalogue.hashes.get(reading.sha1)
            if games:
                self._keep(found, reading, games)
                return True
        return False

    def _keep(self, found: _Found, reading: Reading, games: list[str]) -> None:
        try:
            system = system_of_game(games[0])
            check_rom(reading.data, system, "")
        except BadInputError as error:
            reason = f"it is the ROM of {', '.join(games)}, but {str(error).removeprefix(': ')}"
            self._refuse(found, Kind.DAMAGED, reason, games[0], sure=True)
            return
        path, new = store_rom(games[0], system, reading.sha1, reading.data)
        how = reading.how if reading.how != "put in order" else ""
        self._report.imported.append(ImportedRom(found.source, tuple(games), reading.sha1, path, new, how))

    def _refuse(self, found: _Found, kind: Kind, reason: str, game: str | None = None, *, sure: bool = False) -> None:
        """Write down why a file was not taken; one that only happened to lie there and is no ROM is ignored.

        Args:
            found: The file.
            kind: What it is.
            reason: Why it was not taken.
            game: What it comes closest to.
            sure: Whether it is worth telling whatever its name is.
        """
        if found.asked_for or sure or found.ending in rom_endings():
            self._report.unmatched.append(UnmatchedFile(found.source, reason, kind, game))
        else:
            self._ignore(found, reason)

    def _ignore(self, found: _Found, reason: str) -> None:
        self._report.ignored.append(UnmatchedFile(found.source, reason, Kind.NO_ROM))


def _outward(link: Path, root: Path) -> str | None:
    """What is wrong with a link in a folder that is imported, None if it leads to something in the same folder."""
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError is a loop, in Python before 3.13
        return "a link that leads nowhere"
    if target.is_relative_to(root):
        return None
    return f"a link that leads out of the folder, to {shown(target)}: not followed; import that itself if it is yours"


def shown(text: object) -> str:
    """A name as it can be printed: a file may be called anything, also what would steer a terminal."""
    plain = str(text).encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in plain)
