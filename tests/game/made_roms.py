"""Small ROMs that every core loads: valid headers around programs that do nothing."""

from __future__ import annotations

GB_LOGO = bytes.fromhex(
    "CEED6666CC0D000B03730083000C000D0008111F8889000EDCCC6EE6DDDDD999BBBB67636E0EECCCDDDC999FBBB9333E"
)


def made_rom(system: str) -> bytes:
    """A ROM for a system."""
    data = bytearray(0x40000)
    if system == "Nes":
        return b"NES\x1a" + bytes((2, 1)) + bytes(10) + bytes(2 * 0x4000 + 0x2000)
    if system == "Genesis":
        data[0:8] = b"\0\xff\0\0\0\0\2\0"
        data[0x100:0x110] = b"SEGA GENESIS    "
        data[0x200:0x1000] = b"\x4e\x71" * 0x700
        data[0x1000:0x1002] = b"\x60\xfe"
    elif system == "GbAdvance":
        data[0:4] = b"\xfe\xff\xff\xea"
    elif system == "Atari2600":
        data = data[:4096]
        data[0xFFC:0x1000] = b"\0\xf0\0\xf0"
    elif system in ("GameBoy", "GbColor"):
        data = data[:0x8000]
        data[0x100:0x104] = b"\x00\xc3\x50\x01"
        data[0x104:0x134] = GB_LOGO
        data[0x134:0x138] = b"MADE"
        data[0x150:0x152] = b"\x18\xfe"
        check = 0
        for byte in data[0x134:0x14D]:
            check = (check - byte - 1) & 255
        data[0x14D] = check
    return bytes(data)
