"""What a ROM says about itself: the title, region and revision that most systems' cartridges carry, and their size.

A header is read where its system has it, from a ROM that is in order: without a copier's header, bytes not swapped.
Nothing here compares with known games; see `rom_doctor`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from playthrough.game.rom_files import GB_LOGO, GBA_LOGO, ines_size
from playthrough.game.rom_grooming import (
    COPIER_HEADER_BYTES,
    NINTENDO_64_ORDERS,
    deinterleaved,
    reversed_words,
    smd_body,
    swapped,
)

_MIN_TITLE_LETTERS = 3


@dataclass(frozen=True)
class RomHeader:
    """What a ROM's header says.

    Attributes:
        system: The system that it is of.
        title: The game's title as the cartridge has it; empty where the system's have none.
        full: Whether the title fills its field, so that the end of a longer one may be missing.
        region: Where it was sold; empty if unknown.
        revision: Which edition of the game it is, as the header counts: 0 is the first.
        size_bytes: How large the ROM is by its header; None if that is not said.
        board: What is on the cartridge, where that tells versions apart.
        form: How the file differs from the cartridge's content, such as `with a copier's header`.
    """

    system: str
    title: str = ""
    full: bool = False
    region: str = ""
    revision: int | None = None
    size_bytes: int | None = None
    board: str = ""
    form: str = ""

    def __str__(self) -> str:
        facts = [f"{self.title!r}"] if self.title else []
        facts += [self.region] if self.region else []
        facts += [f"revision {self.revision}"] if self.revision is not None else []
        facts += [self.board] if self.board else []
        facts += [self.form] if self.form else []
        return f"{self.system}: {', '.join(facts)}" if facts else self.system


def read_header(raw: bytes, ending: str = "") -> RomHeader | None:
    """The header of a ROM file, None if there is none to be found.

    Args:
        raw: The whole file.
        ending: Of its name, such as `.sfc`: some headers have no mark of their own.
    """
    for reader in (_nes, _game_boy, _advance, _sega, _nintendo_64):
        found = reader(raw)
        if found is not None:
            return found
    if (found := _master_system(raw, ending)) is not None or (found := _super(raw)) is not None:
        return found
    if len(raw) % 1024 == COPIER_HEADER_BYTES:
        body = raw[COPIER_HEADER_BYTES:]
        found = _master_system(body, ending) or _super(body)
        if found is not None:
            return replace(found, form="with a copier's header")
    return None


def _text(field: bytes) -> str:
    """Readable text of a header's field, "" if it is none."""
    text = field.replace(b"\0", b" ").decode("ascii", "replace").strip()
    return " ".join(text.split()) if text.isprintable() and "\ufffd" not in text else ""


def is_title(text: str) -> bool:
    """Whether a text can be the title of a game."""
    return sum(letter.isalnum() for letter in text) >= _MIN_TITLE_LETTERS


def _nes(raw: bytes) -> RomHeader | None:
    if raw[:4] != b"NES\x1a" or len(raw) < 16:
        return None
    mapper = raw[6] >> 4 | raw[7] & 0xF0
    if any(raw[12:16]) and raw[7] & 0x0C != 0x08:
        mapper &= 0x0F  # old tools wrote their name over the rest of the header
    pictures = f"{raw[5] * 8} KiB of pictures" if raw[5] else "no pictures of its own"
    board = f"mapper {mapper}, {raw[4] * 16} KiB of program, {pictures}"
    return RomHeader("Nes", size_bytes=ines_size(raw), board=board)


_GB_NEW_TITLE_BYTES, _GB_OLD_TITLE_BYTES = 11, 15


def _game_boy(raw: bytes) -> RomHeader | None:
    if raw[0x104 : 0x104 + len(GB_LOGO)] != GB_LOGO or len(raw) < 0x150:
        return None
    color = raw[0x143] in (0x80, 0xC0)
    title = _text(raw[0x134:0x143].split(b"\0")[0])
    return RomHeader(
        "GbColor" if color else "GameBoy",
        title=title,
        full=len(title) >= (_GB_NEW_TITLE_BYTES if color else _GB_OLD_TITLE_BYTES),
        region="Japan" if raw[0x14A] == 0 else "outside of Japan",
        revision=raw[0x14C],
        size_bytes=0x8000 << raw[0x148] if raw[0x148] <= 8 else None,
    )


_NINTENDO_REGIONS = {
    "J": "Japan",
    "E": "USA",
    "P": "Europe",
    "D": "Germany",
    "F": "France",
    "I": "Italy",
    "S": "Spain",
    "X": "Europe",
    "K": "Korea",
}


def _advance(raw: bytes) -> RomHeader | None:
    if raw[4 : 4 + len(GBA_LOGO)] != GBA_LOGO or len(raw) < 0xC0:
        return None
    title = _text(raw[0xA0:0xAC])
    region = _NINTENDO_REGIONS.get(chr(raw[0xAF]), "")
    return RomHeader("GbAdvance", title, full=len(title) >= 12, region=region, revision=raw[0xBC])


def _nintendo_64(raw: bytes) -> RomHeader | None:
    form = NINTENDO_64_ORDERS.get(raw[:4])
    if form is None or len(raw) < 0x1000:
        return None
    head = raw[:64]
    if form == "with swapped bytes":
        head = swapped(head)
    elif form:
        head = reversed_words(head)
    title = _text(head[0x20:0x34])
    region = _NINTENDO_REGIONS.get(chr(head[0x3E]), "")
    return RomHeader("N64", title, full=len(title) >= 20, region=region, revision=head[0x3F], form=form)


def _sega(raw: bytes) -> RomHeader | None:
    """A Mega Drive's ROM, in any order of its bytes."""
    start, form = raw[:0x200], ""
    if raw[0x100:0x104] == b"ESAG":
        start, form = swapped(start), "with swapped bytes"
    elif (body := smd_body(raw)) is not None:
        start, form = deinterleaved(body[:0x4000])[:0x200], "interleaved by a copier"
    if start[0x100:0x104] != b"SEGA" or len(start) < 0x200:
        return None
    titles = [_text(start[at : at + 48]) for at in (0x150, 0x120)]
    title = next((text for text in titles if is_title(text)), "")
    end = int.from_bytes(start[0x1A4:0x1A8], "big")
    revision = _text(start[0x18C:0x18E])
    return RomHeader(
        "32x" if start[0x105:0x108] == b"32X" else "Genesis",
        title,
        region=_sega_region(_text(start[0x1F0:0x200])),
        revision=int(revision) if revision.isdigit() else None,
        size_bytes=end + 1 if 0x1000 <= end < 0x1000000 else None,
        form=form,
    )


def _sega_region(codes: str) -> str:
    names = {"J": "Japan", "U": "USA", "E": "Europe"}
    if codes and set(codes) <= set(names):
        return " and ".join(names[code] for code in dict.fromkeys(codes))
    if len(codes) == 1 and codes in "0123456789ABCDEF":
        bits = int(codes, 16)
        found = [name for bit, name in ((1, "Japan"), (4, "USA"), (8, "Europe")) if bits & bit]
        return " and ".join(found)
    return ""


def _master_system(raw: bytes, ending: str) -> RomHeader | None:
    for at in (0x7FF0, 0x3FF0, 0x1FF0):
        if raw[at : at + 8] == b"TMR SEGA" and len(raw) >= at + 16:
            kind, revision = raw[at + 15] >> 4, raw[at + 14] & 0x0F
            product = f"{raw[at + 14] >> 4 or ''}{raw[at + 13]:02x}{raw[at + 12]:02x}"
            regions = {3: "Japan", 4: "outside of Japan", 5: "Japan", 6: "outside of Japan", 7: "outside of Japan"}
            system = "GameGear" if kind in (5, 6, 7) or ending == ".gg" else "Sms"
            return RomHeader(system, region=regions.get(kind, ""), revision=revision, board=f"product {product}")
    return None


_SUPER_REGIONS = {0: "Japan", 1: "USA", 2: "Europe", 13: "Korea", 6: "France", 8: "Spain", 9: "Germany", 11: "Italy"}


def _super(raw: bytes) -> RomHeader | None:
    """A Super Nintendo's: known by a checksum that stands beside its complement."""
    for at in (0x7FC0, 0xFFC0, 0x40FFC0):
        header = raw[at : at + 32]
        if len(header) < 32:
            continue
        complement, checksum = (int.from_bytes(header[i : i + 2], "little") for i in (0x1C, 0x1E))
        title = _text(header[:21])
        if complement ^ checksum == 0xFFFF and is_title(title):
            return RomHeader(
                "Snes",
                title,
                full=len(title) >= 20,
                region=_SUPER_REGIONS.get(header[0x19], ""),
                revision=header[0x1B],
                size_bytes=1024 << header[0x17] if 7 <= header[0x17] <= 13 else None,
            )
    return None
