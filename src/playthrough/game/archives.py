"""Archives: .zip, .gz and .7z, read into memory with limits, and never unpacked to a disk.

Nothing is ever written under a name from an archive, so it does not matter where that name would lead. What an archive
may cost is bounded: by the size of a file in it, by their number, and by their sum, which may not be out of all
proportion to the archive. A bomb is given up when it passes a limit, not when it is through.
"""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from playthrough.errors import DependencyError, RomError
from playthrough.game.rom_grooming import MAX_ROM_BYTES, SMALLEST_ROM_BYTES
from playthrough.game.seven_zip import SevenZipReader

MAX_DEPTH = 3
"""An archive inside an archive inside an archive is where looking ends."""

MAX_ARCHIVE_BYTES = 16 << 30

_MAX_FILES = 20_000
_FREE_BYTES = 128 << 20
_MAX_RATIO = 50
_MAX_DIRECTORY_BYTES = 16 << 20
_PIECE_BYTES = 1 << 20

_BOMB = "it would unpack to far more than its size: it looks like an archive bomb and was given up"

_MAGICS = {b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"7z\xbc\xaf\x27\x1c": "7z", b"\x1f\x8b": "gz"}
_ENDINGS = {".zip": "zip", ".7z": "7z", ".gz": "gz"}

_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The methods that zipfile unpacks piece by piece; with others a few bytes can fill the memory at once."""

_OTHER_ARCHIVES = {b"Rar!": "RAR", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "Zstandard"}


def archive_kind(start: bytes, name: str) -> str | None:
    """`zip`, `gz` or `7z` for an archive that can be read, else None.

    Args:
        start: The first bytes of the file.
        name: Its name.
    """
    for magic, kind in _MAGICS.items():
        if start.startswith(magic):
            return kind
    return _ENDINGS.get(Path(name).suffix.lower())


def unreadable_archive(start: bytes) -> str | None:
    """What kind of archive a file is that cannot be read here, None if it is none."""
    return next((name for magic, name in _OTHER_ARCHIVES.items() if start.startswith(magic)), None)


@dataclass
class Budget:
    """What the files in one archive, and in the archives in it, may still cost.

    Attributes:
        left_bytes: How much may still be unpacked.
        left_files: How many files may still be read.
    """

    left_bytes: int
    left_files: int = _MAX_FILES

    @classmethod
    def of_archive(cls, size_bytes: int) -> Budget:
        """For an archive of a size on the disk."""
        return cls(_FREE_BYTES + _MAX_RATIO * size_bytes)

    def count_file(self) -> None:
        """Take one file into account.

        Raises:
            RomError: If there are too many.
        """
        self.left_files -= 1
        if self.left_files < 0:
            raise RomError(f"holds more than {_MAX_FILES:,} files; unpack it, and import the folder")

    def spend(self, size_bytes: int) -> None:
        """Take unpacked bytes into account.

        Raises:
            RomError: If they are too many: the archive is a bomb.
        """
        self.left_bytes -= size_bytes
        if self.left_bytes < 0:
            raise RomError(_BOMB)


@dataclass(frozen=True)
class ArchiveFile:
    """A file in an archive.

    Attributes:
        name: Its name there, which is for people only.
        data: Its content; None if it was not read.
        reason: Why it was not.
    """

    name: str
    data: bytes | None
    reason: str = ""


def read_archive(
    kind: str, source: Path | bytes, name: str, budget: Budget, seven_zip: SevenZipReader
) -> Iterator[ArchiveFile]:
    """The files in an archive, one after the other.

    Args:
        kind: As `archive_kind` says.
        source: The archive's path, or its content.
        name: The archive's name.
        budget: What it may cost.
        seven_zip: Reads 7z archives.

    Raises:
        RomError: If it is damaged, encrypted or a bomb; what came before that counts.
    """
    if kind == "7z":
        try:
            for inner, data in seven_zip.read(source, MAX_ROM_BYTES, budget.left_bytes, _MAX_FILES):
                budget.count_file()
                budget.spend(len(data))
                yield ArchiveFile(inner, data)
        except DependencyError as error:
            raise RomError(str(error)) from error
        return
    with _PiecewiseFile(io.BytesIO(source) if isinstance(source, bytes) else io.FileIO(source)) as file:
        if kind == "gz":
            yield _gunzipped(file, name, budget)
        else:
            yield from _unzipped(file, budget)


def _gunzipped(file: BinaryIO, name: str, budget: Budget) -> ArchiveFile:
    inner = name[:-3] if name.lower().endswith(".gz") else name
    try:
        with gzip.open(file) as unpacked:
            data = _read_limited(unpacked, budget)
    except (OSError, EOFError, zlib.error) as error:
        raise RomError(f"the archive is damaged: {error}") from error
    if data is None:
        return ArchiveFile(inner, None, "unpacks to more than any cartridge holds")
    return ArchiveFile(inner, data)


def _unzipped(file: BinaryIO, budget: Budget) -> Iterator[ArchiveFile]:
    # What a hostile archive raises inside zipfile and its decompressors.
    damage = (
        *(zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, struct.error),
        *(RuntimeError, NotImplementedError, OverflowError, IndexError),
    )
    try:
        archive = zipfile.ZipFile(file)
    except damage as error:
        raise RomError(f"the archive cannot be unpacked: {error}") from error
    with archive:
        entries = archive.infolist()
        if sum(entry.file_size for entry in entries if entry.file_size <= MAX_ROM_BYTES) > budget.left_bytes:
            raise RomError(_BOMB)
        for entry in entries:
            if entry.is_dir():
                continue
            budget.count_file()
            if entry.flag_bits & 1:
                yield ArchiveFile(entry.filename, None, "is encrypted; unpack it with its password")
            elif entry.compress_type not in _ZIP_METHODS:
                reason = "is packed with another method than deflate; unpack the archive, and import the folder"
                yield ArchiveFile(entry.filename, None, reason)
            elif entry.file_size > MAX_ROM_BYTES:
                yield ArchiveFile(entry.filename, None, f"{entry.file_size:,} bytes are more than any cartridge holds")
            elif entry.file_size < SMALLEST_ROM_BYTES:
                yield ArchiveFile(entry.filename, None, f"{entry.file_size} bytes are too few for a ROM")
            else:
                try:
                    with archive.open(entry) as unpacked:
                        data = _read_limited(unpacked, budget)
                except damage as error:
                    yield ArchiveFile(entry.filename, None, f"cannot be unpacked: {error or type(error).__name__}")
                    continue
                yield ArchiveFile(entry.filename, data)


class _PiecewiseFile(io.BufferedReader):
    """A file that is only read in pieces.

    zipfile reads the directory of an archive at once, however large that says it is: that would fill the memory before
    anybody could look at it. All else it reads in pieces.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _MAX_DIRECTORY_BYTES:
            raise RomError(f"its directory of {size:,} bytes is far too large; unpack it by hand")
        return super().read(size)


def _read_limited(file: IO[bytes] | gzip.GzipFile, budget: Budget) -> bytes | None:
    """The whole content, None if it is larger than any ROM."""
    found = bytearray()
    while piece := file.read(_PIECE_BYTES):
        budget.spend(len(piece))
        found += piece
        if len(found) > MAX_ROM_BYTES:
            return None
    return bytes(found)
