"""Why a file is not the ROM of a known game: what it is instead, and which game it comes closest to.

A ROM is compared by the title in its header where its system has one, and by its file's name otherwise. Both can only
hint; the SHA-1 alone decides.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

from playthrough.engine.systems import system_of_rom, systems
from playthrough.errors import RomError
from playthrough.game.archives import unreadable_archive
from playthrough.game.rom_files import FAMILIES, check_rom
from playthrough.game.rom_grooming import SMALLEST_ROM_BYTES, groomed, without_copier_header
from playthrough.game.rom_headers import RomHeader, is_title, read_header


class Kind(Enum):
    """What a file turned out to be that is not the ROM of a known game; the value is for people."""

    OTHER_VERSION = "other versions of known games"
    UNKNOWN = "unknown games"
    PATCHED = "patched"
    DAMAGED = "damaged"
    REFUSED = "not read, to be safe"
    NO_ROM = "no ROMs"


@dataclass(frozen=True)
class Diagnosis:
    """What is known about a file that was not imported.

    Attributes:
        kind: What it is.
        reason: That in one line.
        game: The known game that it comes closest to, if there is one.
    """

    kind: Kind
    reason: str
    game: str | None = None


class Catalogue:
    """The known games, by the SHA-1 of their ROMs and by their names.

    Args:
        hashes: For the SHA-1 of every known ROM the games made for it.
    """

    def __init__(self, hashes: dict[str, list[str]]) -> None:
        self.hashes = hashes
        self.expected: dict[str, str] = {}
        self._names: dict[str, dict[str, str]] = {}
        for sha1, games in hashes.items():
            for game in games:
                self.expected.setdefault(game, sha1)
                stem, _, system = game.rpartition("-")
                self._names.setdefault(system, {}).setdefault(plain_title(stem), game)

    def similar(self, title: str, system: str | None, *, cut: bool = False, likeness: float = 0.88) -> str | None:
        """The known game with the title that is most alike, None if none is.

        Args:
            title: As a header or a file name has it.
            system: The system that it must be of; None for any.
            cut: Whether the end of the title may be missing.
            likeness: How much alike they must be, up to 1.
        """
        wanted = plain_title(title)
        if not is_title(wanted):
            return None
        family = next((family for family in FAMILIES if system in family), frozenset((system,)))
        names: dict[str, str] = {}
        for known_system, known in self._names.items():
            if system is None or known_system in family:
                names |= known
        if wanted in names:
            return names[wanted]
        numbers = _numbers(wanted)
        if cut and (longer := [name for name in names if name.startswith(wanted)]):
            return names[min(longer, key=len)]
        for name in difflib.get_close_matches(wanted, names, n=3, cutoff=likeness):
            if _numbers(name) == numbers:  # the second part of a game is no version of the first
                return names[name]
        return None


_ROMAN = {"II": "2", "III": "3", "IV": "4", "VI": "6", "VII": "7", "VIII": "8", "IX": "9"}
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


def plain_title(title: str) -> str:
    """A title as titles are compared: small letters and digits, without remarks in brackets and articles."""
    words: list[str] = _WORD.findall(re.sub(r"\(.*?\)|\[.*?\]", " ", title))
    plain = [_ROMAN.get(word.upper(), word.lower()) for word in words]
    return "".join(word for word in plain if word not in ("the", "a", "an"))


def _numbers(plain: str) -> list[str]:
    return re.findall(r"\d+", plain)


@cache
def rom_endings() -> frozenset[str]:
    """The endings of ROM files."""
    return frozenset(ending for system in systems().values() for ending in system.extensions if ending != ".zip")


_OTHER_CONTENT = {
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"%PDF": "a PDF document",
    b"MZ": "a Windows program",
    b"\x7fELF": "a program",
    b"PATCH": "an IPS patch, not a ROM: put it beside the ROM that it is for, under the same name",
    b"BPS1": "a BPS patch, not a ROM: put it beside the ROM that it is for, under the same name",
    b"UPS1": "a UPS patch, not a ROM: apply it to its ROM first",
    b"\xd6\xc3\xc4": "an xdelta patch, not a ROM: apply it to its ROM first",
    b"GENPLUS-GX": "a savestate of Genesis Plus GX, not a ROM",
    b"#!s9xsnp": "a savestate of Snes9x, not a ROM",
    b"FCSX": "a savestate of FCEUX, not a ROM",
    b"FCS\xff": "a savestate of FCEUmm, not a ROM",
    b"NST\x1a": "a savestate of Nestopia, not a ROM",
    b"RASTATE": "a savestate of RetroArch, not a ROM",
    b"MComprHD": "a disc image; disc systems do not run here",
    b"FDS\x1a": "a disk of the Famicom Disk System, which does not run here",
    b"LYNX": "a ROM of the Atari Lynx, which does not run here",
    b"ATARI7800": "a ROM of the Atari 7800, which does not run here",
    b"\x01ATARI7800": "a ROM of the Atari 7800, which does not run here",
}
_STATE_ENDINGS = (".state", ".sav", ".srm", ".ss0", ".fc0", ".zst", ".eep", ".oops")
_TEXT_LETTERS = bytes(range(32, 127)) + b"\t\r\n\f"


def no_rom(raw: bytes, name: str) -> str | None:
    """What a file is that cannot be a ROM, None if it might be one.

    Args:
        raw: The whole file.
        name: Its name.
    """
    if not raw:
        return None
    for magic, what in _OTHER_CONTENT.items():
        if raw.startswith(magic) and (len(magic) > 2 or Path(name).suffix.lower() not in rom_endings()):
            return what
    if (packed := unreadable_archive(raw[:8])) is not None:
        return f"a {packed} archive, which cannot be read here; unpack it, and import the folder"
    start = raw[:4096]
    if not start.translate(None, _TEXT_LETTERS):
        web = b"<html" in start.lower() or b"<!doctype" in start.lower()
        return "a web page, not a ROM: the download went wrong" if web else "a text, not a ROM"
    if Path(name).suffix.lower() in _STATE_ENDINGS:
        return "a savestate, not a ROM"
    if raw.count(raw[:1]) == len(raw):
        return f"nothing but bytes of {raw[0]:#04x}: the dump or the download went wrong"
    return None


_MARKS = {
    r"\[b\d*\]": "a bad dump",
    r"\[o\d*\]": "an overdump",
    r"\[h[^\]]*\]|\(hack\)": "a hack",
    r"\[t\d+[^\]]*\]": "one with a trainer",
    r"\[T[+-][^\]]*\]": "a translation",
    r"\[p\d*\]|\(pirate\)": "a pirate's copy",
    r"\((beta|proto)[^)]*\)": "an unfinished version",
    r"\(demo[^)]*\)|\(sample\)": "a demo",
}


_PAGE_BYTES = 1024
"""Cartridges hold a whole number of these; files that were cut off mostly do not."""


def diagnose(raw: bytes, name: str, catalogue: Catalogue) -> Diagnosis:
    """Why a file is not the ROM of a known game, after all ways to read it have been tried.

    Args:
        raw: The whole file.
        name: Its name.
        catalogue: The known games.
    """
    if not raw:
        return Diagnosis(Kind.DAMAGED, "the file is empty")
    if (what := no_rom(raw, name)) is not None:
        return Diagnosis(Kind.NO_ROM, f"it is {what}")
    ending = Path(name).suffix.lower()
    header = read_header(raw, ending)
    if (wrong := _wrong_for_its_name(raw, name, header)) is not None:
        return Diagnosis(Kind.DAMAGED, wrong)
    system = _system_name(name, header)
    reason = f"no known game has its SHA-1 {groomed(raw, name)[0].sha1}"
    reason += f" ({header})" if header else ""
    marks = [what for mark, what in _MARKS.items() if re.search(mark, name, 0 if "T[" in mark else re.IGNORECASE)]
    reason += f"; its name marks it as {' and '.join(marks)}" if marks else ""
    game = None
    if header and header.title:
        game = catalogue.similar(header.title, system, cut=header.full)
        game = game or catalogue.similar(header.title.rpartition(":")[2], system)  # the first part names a series
    game = game or catalogue.similar(Path(name).stem, system)
    size_bytes = len(without_copier_header(raw, ending)[0])
    if system not in (None, "Nes") and size_bytes % _PAGE_BYTES:
        reason += f"; {_what_is_wrong_with_its_size(size_bytes, header)}" + (
            f"; it may be {game}'s ROM" if game else ""
        )
        return Diagnosis(Kind.DAMAGED, reason, game)
    if game is None:
        return Diagnosis(Kind.UNKNOWN, reason)
    return Diagnosis(
        Kind.OTHER_VERSION, f"{reason}; {game} expects another version, with SHA-1 {catalogue.expected[game]}", game
    )


def _wrong_for_its_name(raw: bytes, name: str, header: RomHeader | None) -> str | None:
    """What is wrong with a file whose name promises a ROM of one system, or which is too small for any."""
    try:
        system = system_of_rom(name)
    except RomError:
        return f"{len(raw)} bytes are too few for a ROM" if len(raw) < SMALLEST_ROM_BYTES else None
    if header is not None and header.form:  # the header was found in another order of the bytes
        return None
    try:
        check_rom(raw, system, "")
    except RomError as error:
        return str(error).removeprefix(": ")
    return None


def _system_name(name: str, header: RomHeader | None) -> str | None:
    if header is not None:
        return header.system
    try:
        return system_of_rom(name).name
    except RomError:
        return None


def _what_is_wrong_with_its_size(size_bytes: int, header: RomHeader | None) -> str:
    """What to say of a size that no cartridge has."""
    missing = header.size_bytes - size_bytes if header and header.size_bytes else 0
    if 0 < missing < size_bytes and header and header.system != "Snes":  # whose headers round up to a power of two
        return f"it is cut off: by its header {missing:,} bytes are missing"
    return f"{size_bytes:,} bytes are no cartridge's size: it was cut off, or something was appended"
