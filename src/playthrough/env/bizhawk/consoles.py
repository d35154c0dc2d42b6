"""Which of BizHawk's memory domains a libretro core shows, and its buttons as the Lua side of the host wants them."""

from __future__ import annotations

from collections.abc import Sequence

from playthrough.engine.bizhawk_systems import COMMON_BUTTONS, Console, Domain, console_of_system
from playthrough.engine.systems import System

PAGE_BYTES = 128
"""How much memory a script gets at once; every block that a core maps begins at a multiple of it."""


def console_of(system: System, blocks: Sequence[tuple[int, int]]) -> Console:
    """How BizHawk sees a system; for one that it does not list here, each mapped block is a domain.

    Args:
        system: The system.
        blocks: (address, size in bytes) of each block that the core maps.
    """
    known = console_of_system(system)
    if known is not None:
        return known
    domains = tuple(
        Domain(f"RAM {address:X}", size_bytes, ((0, address, size_bytes),)) for address, size_bytes in blocks
    )
    return Console(system.name, domains, {**COMMON_BUTTONS, "BUTTON": "Button"}, {})


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
