"""What BizHawk calls a system, its memory domains and its buttons, and where they are on a libretro core's bus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from playthrough.engine.systems import System

PAGE_BYTES = 128
"""How much memory a script gets at once; every block that a core maps begins at a multiple of it."""


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
_DIRECTIONS = {"UP": "Up", "DOWN": "Down", "LEFT": "Left", "RIGHT": "Right"}
_MENU = {"START": "Start", "SELECT": "Select"}
_LETTERS = {letter: letter for letter in "ABCXYZLR"}
_COMMON = {**_DIRECTIONS, **_MENU, **_LETTERS, "MODE": "Mode"}
# Button 1 of Sega's 8-bit consoles is the B of libretro's pad, button 2 its A.
_SEGA_BUTTONS = {**_DIRECTIONS, "B": "B1", "A": "B2", "START": "Start", "PAUSE": "Pause"}
_NUMERALS = ("I", "II", "III", "IV", "V", "VI")

_CONSOLES: dict[str, Console] = {
    "Nes": Console("NES", _NES, _COMMON, {}, ("Reset", "Power")),
    "Snes": Console("SNES", _SNES, _COMMON, {}, ("Reset", "Power")),
    "Genesis": Console(
        "GEN",
        (_domain("68K RAM", 0xFF0000, 0x10000), Domain("M68K BUS", 0x1000000, ((0xFF0000, 0xFF0000, 0x10000),))),
        _COMMON,
        {},
        ("Reset", "Power"),
    ),
    "Sms": Console("SMS", _SEGA_8_BIT, _SEGA_BUTTONS, {}, ("Reset", "Pause")),
    "GameGear": Console("GG", _SEGA_8_BIT, _SEGA_BUTTONS, {}, ("Reset",)),
    "GameBoy": Console("GB", _GAME_BOY, _COMMON, {name: name for name in _COMMON.values()}, ("Power",)),
    "GbColor": Console("GBC", _GAME_BOY, _COMMON, {name: name for name in _COMMON.values()}, ("Power",)),
    "GbAdvance": Console("GBA", _GBA, _COMMON, {}, ("Power",), has_players=False),
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


def console_of(system: System, blocks: Sequence[tuple[int, int]]) -> Console:
    """How BizHawk sees a system; for one that it does not list here, each mapped block is a domain.

    Args:
        system: The system.
        blocks: (address, size in bytes) of each block that the core maps.
    """
    known = _CONSOLES.get(system.name)
    if known is not None:
        return known
    domains = tuple(_domain(f"RAM {address:X}", address, size_bytes) for address, size_bytes in blocks)
    return Console(system.name, domains, {**_COMMON, "BUTTON": "Button"}, {})


def mapped_pieces(domain: Domain, blocks: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """The parts of a domain that the core shows: (address in the domain, address on the core's bus, size in bytes)."""
    found: list[tuple[int, int, int]] = []
    for first, bus, size_bytes in domain.pieces:
        for start, length in blocks:
            low, high = max(bus, start), min(bus + size_bytes, start + length)
            if low < high:
                found.append((first + low - bus, low, high - low))
    return sorted(found)


def pad_lines(console: Console, system: System, num_players: int) -> tuple[str, str]:
    """Buttons for the Lua side.

    Returns:
        Lines `name=port,mask` in BizHawk's order (`~name` where a name is only understood, a mask of 0 for a button
        that the core does not have), and lines `winner,loser` of opposite directions.
    """
    lines: list[str] = []
    masks: dict[str, tuple[int, int]] = {}
    for port in range(1, num_players + 1 if console.has_players else 2):
        prefix = f"P{port} " if console.has_players else ""
        for button in system.buttons:
            name = console.buttons.get(button or "")
            if button is None or name is None:
                continue
            full = name if name in console.console_buttons else prefix + name
            masks.setdefault(full, (port, system.mask_of([button])))
    for name in console.console_buttons:
        masks.setdefault(name, (1, 0))
    lines += [f"{name}={port},{mask}" for name, (port, mask) in masks.items()]
    for alias, name in console.aliases.items():
        target = masks.get(name) or masks.get(f"P1 {name}")
        if target is not None and alias not in masks:
            lines.append(f"~{alias}={target[0]},{target[1]}")
    pairs = [("UP", "DOWN"), ("LEFT", "RIGHT")]
    opposites = [
        f"{system.mask_of([first])},{system.mask_of([second])}"
        for first, second in pairs
        if first in system.buttons and second in system.buttons
    ]
    return "\n".join(lines), "\n".join(opposites)
