"""What is in a ROM file: its system, whether it is whole, and the SHA-1 that integrations know it by.

Integrations name the ROMs that they are made for by SHA-1, taken after grooming: without the header of an iNES file or
a copier, and with a Super Magic Drive dump's halves put in order.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from playthrough.engine.systems import DISC_SHEETS, System, system_of_rom
from playthrough.errors import RomError
from playthrough.game.rom_grooming import MAX_ROM_BYTES, NES_HEADER_BYTES, SMALLEST_ROM_BYTES, groomed

# Systems whose ROM files cannot be told apart by their content, or whose consoles run each other's games.
FAMILIES = (frozenset(("GameBoy", "GbColor")), frozenset(("Sms", "GameGear")), frozenset(("Genesis", "32x", "SCD")))

GB_LOGO = bytes.fromhex("CEED6666CC0D000B03730083000C000D")
GBA_LOGO = bytes.fromhex("24FFAE51699AA221")


@dataclass(frozen=True)
class Rom:
    """A ROM ready to be given to a core.

    Attributes:
        path: The file.
        data: The bytes that the core gets, with an iNES header, without a copier's.
        system: The system that it runs on.
        sha1: Of the groomed bytes, as rom.sha has it.
        known: Whether the integration that it was looked up for names this SHA-1.
    """

    path: Path
    data: bytes
    system: System
    sha1: str
    known: bool = True

    @property
    def core_name(self) -> str:
        """The file name that the core is told: cores look at its ending, so it is the system's canonical one."""
        return f"{self.path.stem}{self.system.extensions[0]}"


def read_rom(path: str | Path, system: System | None = None, hashes: tuple[str, ...] = ()) -> Rom:
    """Read a ROM file and check that it is whole and of its system.

    Args:
        path: The file.
        system: What it must run on; by default what its name's ending says.
        hashes: The SHA-1 hashes that are expected, if any are known.

    Raises:
        RomError: If it cannot be read, is empty or cut off, or is a ROM of another system.
    """
    path = Path(path)
    try:
        size_bytes = path.stat().st_size
        if size_bytes > MAX_ROM_BYTES:
            raise RomError(f"{path}: {size_bytes} bytes are more than any cartridge holds; is it a disc image?")
        raw = path.read_bytes()
    except OSError as error:
        raise RomError(f"cannot read the ROM {path}: {error.strerror}") from error
    system = system or system_of_rom(path)
    check_rom(raw, system, str(path))
    candidates = groomed(raw, path.name)
    for reading in candidates:
        if reading.sha1 in hashes:
            return Rom(path, reading.data, system, reading.sha1)
    return Rom(path, candidates[0].data, system, candidates[0].sha1, known=not hashes)


def check_rom(raw: bytes, system: System, where: str) -> None:
    """Refuse what cannot be a whole ROM of the system.

    Raises:
        RomError: If it is empty, cut off, or of another system; the message begins with `where`.
    """
    if not raw:
        raise RomError(f"{where}: the file is empty")
    found = _system_by_content(raw)
    if found is not None and found != system.name and not any({found, system.name} <= family for family in FAMILIES):
        raise RomError(f"{where}: expected a ROM for {system.name}, but the file's content is that of one for {found}")
    if system.name == "Nes":
        if raw[:4] not in (b"NES\x1a", b"UNIF"):
            raise RomError(f"{where}: expected a NES ROM with an iNES header (NES and 1A first), found {raw[:4]!r}")
        expected = ines_size(raw)
        if expected is None or len(raw) < expected:
            promised = "is cut off itself" if expected is None else f"promises {expected} bytes"
            raise RomError(f"{where}: the file is cut off: its header {promised}, it has {len(raw)}")
    elif system.name in FAMILIES[0] and found is not None and raw[0x148] <= 8 and len(raw) < 0x8000 << raw[0x148]:
        raise RomError(
            f"{where}: the file is cut off: its header promises {0x8000 << raw[0x148]} bytes, it has {len(raw)}"
        )
    elif len(raw) < SMALLEST_ROM_BYTES and Path(where).suffix.lower() not in DISC_SHEETS:
        raise RomError(f"{where}: the file is cut off: {len(raw)} bytes are too few for a ROM of {system.name}")


def _system_by_content(raw: bytes) -> str | None:
    if raw[:4] == b"NES\x1a":
        return "Nes"
    if raw[4:12] == GBA_LOGO:
        return "GbAdvance"
    if raw[0x104:0x114] == GB_LOGO:
        return "GameBoy"
    if raw[0x100:0x104] == b"SEGA":
        return "Genesis"
    if any(raw[at : at + 8] == b"TMR SEGA" for at in (0x1FF0, 0x3FF0, 0x7FF0)):
        return "Sms"
    return None


def ines_size(raw: bytes) -> int | None:
    """The bytes that an iNES or NES 2.0 file must have, None if even the header is not whole."""
    if raw[:4] == b"UNIF":
        return 32
    if len(raw) < NES_HEADER_BYTES:
        return None
    program, pictures = raw[4], raw[5]
    if raw[7] & 0x0C == 0x08:
        if raw[9] & 0x0F == 0x0F or raw[9] >> 4 == 0x0F:
            # A size as exponent and multiplier: only very odd cartridges have it.
            return NES_HEADER_BYTES
        program |= (raw[9] & 0x0F) << 8
        pictures |= raw[9] >> 4 << 8
    trainer = 512 if raw[6] & 4 else 0
    return NES_HEADER_BYTES + trainer + program * 0x4000 + pictures * 0x2000
