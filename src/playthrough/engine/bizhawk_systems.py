"""What BizHawk calls the systems, their memory domains and their buttons, and where these are on the system's bus."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from playthrough.engine.systems import System


@dataclass(frozen=True, slots=True)
class Domain:
    """A memory domain, as BizHawk names it.

    Attributes:
        name: For scripts.
        size_bytes: How far its addresses go.
        pieces: (first address in the domain, first address on the core's bus, size in bytes).
    """

    name: str
    size_bytes: int
    pieces: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Console:
    """A system in BizHawk.

    Attributes:
        system_id: What `emu.getsystemid` says.
        domains: The first is the main memory.
        buttons: BizHawk's name of each of the system's buttons, without the player.
        aliases: Further names that scripts use: name -> name in `buttons`.
        console_buttons: Buttons that belong to the console instead of a player.
        has_players: Whether names begin with `P1 ` and `P2 `.
    """

    system_id: str
    domains: tuple[Domain, ...]
    buttons: Mapping[str, str]
    aliases: Mapping[str, str]
    console_buttons: tuple[str, ...] = ()
    has_players: bool = True


def _domain(name: str, address: int, size_bytes: int) -> Domain:
    return Domain(name, size_bytes, ((0, address, size_bytes),))


_GAME_BOY = (
    _domain("WRAM", 0xC000, 0x2000),
    _domain("VRAM", 0x8000, 0x2000),
    _domain("OAM", 0xFE00, 0xA0),
    _domain("HRAM", 0xFF80, 0x7F),
    Domain("System Bus", 0x10000, ((0x8000, 0x8000, 0x6000), (0xE000, 0xC000, 0x1E00), (0xFE00, 0xFE00, 0x200))),
    _domain("CartRAM", 0xA000, 0x2000),
)
_SEGA_8_BIT = (
    _domain("Main RAM", 0xC000, 0x2000),
    Domain("System Bus", 0x10000, ((0xC000, 0xC000, 0x2000), (0xE000, 0xC000, 0x2000))),
)
_NES = (
    _domain("RAM", 0, 0x800),
    Domain(
        "System Bus", 0x10000, (*((mirror, 0, 0x800) for mirror in range(0, 0x2000, 0x800)), (0x6000, 0x6000, 0x2000))
    ),
    _domain("WRAM", 0x6000, 0x2000),
    _domain("Battery RAM", 0x6000, 0x2000),
)
_SNES = (
    _domain("WRAM", 0x7E0000, 0x20000),
    Domain(
        "System Bus",
        0x1000000,
        (
            *((bank << 16, 0x7E0000, 0x2000) for bank in (*range(0x40), *range(0x80, 0xC0))),
            (0x7E0000, 0x7E0000, 0x20000),
            (0x700000, 0x700000, 0x80000),
        ),
    ),
    _domain("CARTRAM", 0x700000, 0x80000),
)
_GBA = (
    _domain("IWRAM", 0x3000000, 0x8000),
    _domain("EWRAM", 0x2000000, 0x40000),
    _domain("PALRAM", 0x5000000, 0x400),
    _domain("VRAM", 0x6000000, 0x18000),
    _domain("OAM", 0x7000000, 0x400),
    _domain("SRAM", 0xE000000, 0x10000),
    Domain("Combined WRAM", 0x48000, ((0, 0x2000000, 0x40000), (0x40000, 0x3000000, 0x8000))),
    Domain("System Bus", 0x10000000, ((0x2000000, 0x2000000, 0xE000000),)),
)
_BUSES = frozenset(("System Bus", "M68K BUS", "Combined WRAM"))
_DIRECTIONS = {"UP": "Up", "DOWN": "Down", "LEFT": "Left", "RIGHT": "Right"}
_MENU = {"START": "Start", "SELECT": "Select"}
_LETTERS = {letter: letter for letter in "ABCXYZLR"}
COMMON_BUTTONS = {**_DIRECTIONS, **_MENU, **_LETTERS, "MODE": "Mode"}
# Button 1 of Sega's 8-bit consoles is the B of libretro's pad, button 2 its A.
_SEGA_BUTTONS = {**_DIRECTIONS, "B": "B1", "A": "B2", "START": "Start", "PAUSE": "Pause"}
_NUMERALS = ("I", "II", "III", "IV", "V", "VI")

_CONSOLES: dict[str, Console] = {
    "Nes": Console("NES", _NES, COMMON_BUTTONS, {}, ("Reset", "Power")),
    "Snes": Console("SNES", _SNES, COMMON_BUTTONS, {}, ("Reset", "Power")),
    "Genesis": Console(
        "GEN",
        (_domain("68K RAM", 0xFF0000, 0x10000), Domain("M68K BUS", 0x1000000, ((0xFF0000, 0xFF0000, 0x10000),))),
        COMMON_BUTTONS,
        {},
        ("Reset", "Power"),
    ),
    "Sms": Console("SMS", _SEGA_8_BIT, _SEGA_BUTTONS, {}, ("Reset", "Pause")),
    "GameGear": Console("GG", _SEGA_8_BIT, _SEGA_BUTTONS, {}, ("Reset",)),
    "GameBoy": Console("GB", _GAME_BOY, COMMON_BUTTONS, {name: name for name in COMMON_BUTTONS.values()}, ("Power",)),
    "GbColor": Console("GBC", _GAME_BOY, COMMON_BUTTONS, {name: name for name in COMMON_BUTTONS.values()}, ("Power",)),
    "GbAdvance": Console("GBA", _GBA, COMMON_BUTTONS, {}, ("Power",), has_players=False),
    "PCEngine": Console(
        "PCE",
        (_domain("Main Memory", 0xF80000, 0x2000),),
        {**_DIRECTIONS, "SELECT": "Select", "RUN": "Run", **{numeral: numeral for numeral in _NUMERALS}},
        {"P1 B1": "P1 I", "P1 B2": "P1 II", "P2 B1": "P2 I", "P2 B2": "P2 II"},
        ("Reset", "Power"),
    ),
    "Atari2600": Console(
        "A26",
        (_domain("Main RAM", 0x80, 0x80), Domain("System Bus", 0x2000, ((0x80, 0x80, 0x80),))),
        {**_DIRECTIONS, "BUTTON": "Button", "RESET": "Reset", "SELECT": "Select"},
        {},
        ("Reset", "Select", "Power"),
    ),
}

# Where cores give a button several names, or one that is not among COMMON_BUTTONS. `U+25B3` is a character that an
# environment variable might not carry.
_OTHER_NAMES = {
    "UP": ("D-Pad Up", "DPad U"),
    "DOWN": ("D-Pad Down", "DPad D"),
    "LEFT": ("D-Pad Left", "DPad L"),
    "RIGHT": ("D-Pad Right", "DPad R"),
    "BUTTON": ("Button", "Trigger"),
    "RUN": ("Run",),
    "SQUARE": ("Square", "U+25A1"),
    "TRIANGLE": ("Triangle", "U+25B3"),
    "CIRCLE": ("Circle", "U+25CB"),
    "CROSS": ("Cross", "X"),
    "L3": ("L3", "Left Stick, Button"),
    "R3": ("R3", "Right Stick, Button"),
    "TRIGGER": ("Trigger",),
    "TRIGGER 2": ("Trigger 2",),
    "OPTION": ("Option",),
    "OPTION 1": ("Option 1",),
    "OPTION 2": ("Option 2",),
    "PAUSE": ("Pause",),
    "Z": ("Z",),
    "C-UP": ("C Up",),
    "C-RIGHT": ("C Right",),
}


def console_of_system(system: System) -> Console | None:
    """How BizHawk sees a system; None for one that is not listed here."""
    return _CONSOLES.get(system.name)


def memory_map(system: System) -> str:
    """Where a client finds the system's bus: `domain,offset in it,address on the bus,size in bytes;...`.

    The first domain that a core has for an address counts. Nothing for a system that is not listed: then addresses
    are those of BizHawk's main memory.
    """
    console = _CONSOLES.get(system.name)
    if console is None:
        return ""
    return ";".join(
        f"{domain.name},{offset},{address},{size_bytes}"
        for domain in console.domains
        if domain.name not in _BUSES
        for offset, address, size_bytes in domain.pieces
    )


def button_names(system: System) -> str:
    """BizHawk's names of the system's buttons, for a client that knows what its pad has: `bit=name|other name;...`."""
    console = _CONSOLES.get(system.name)
    parts: list[str] = []
    for bit, button in enumerate(system.buttons):
        if button is None:
            continue
        first = console.buttons.get(button) if console is not None else COMMON_BUTTONS.get(button)
        names = ([first] if first else []) + list(_OTHER_NAMES.get(button, ()))
        parts.append(f"{bit}={'|'.join(dict.fromkeys(names or [button]))}")
    return ";".join(parts)
