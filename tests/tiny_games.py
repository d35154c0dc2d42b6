"""The tiny games of games/: what each of them has where. README.md there describes what they all do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from oracle.inputs import random_actions

from playthrough.engine.systems import System, get_system

GAMES = Path(__file__).parents[1] / "games"
STATE_BYTES = 15
"""The bytes from `counter` to `lives`, which the picture shows."""


@dataclass(frozen=True)
class TinyGame:
    """One of them.

    Attributes:
        system_name: What it runs on.
        players: How many pads it reads.
        score, life: The buttons that pay 125 points and cost a life.
        pad: The bit of `pad1` and `pad2` that each button sets.
        console: Buttons of the console itself; only the first pad's reach the game.
        unheard: Buttons that the core's default pad does not have.
        lost: Buttons that stable-retro's movies lose.
        size: (height, width) of the picture in pixels.
        cell: (y, x) of the first bit in it, and the width of a bit.
        blocks: Memory as the core maps it, (bus address, size in bytes).
        ram: What of it the game's program can use as RAM, (bus address, size in bytes).
        tool: The assembler that builds it.
    """

    system_name: str
    players: int
    score: str
    life: str
    pad: dict[str, int]
    size: tuple[int, int]
    blocks: tuple[tuple[int, int], ...]
    ram: tuple[tuple[int, int], ...]
    tool: str
    cell: tuple[int, int, int] = (16, 32, 2)
    console: frozenset[str] = frozenset()
    unheard: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return f"Tiny-{self.system_name}"

    @property
    def folder(self) -> Path:
        return GAMES / self.name

    @property
    def system(self) -> System:
        return get_system(self.system_name)

    @property
    def buttons(self) -> list[str]:
        """The buttons that have a name, by libretro id."""
        return [button for button in self.system.buttons if button]

    def inputs(
        self, seed: int, frames: int, *, players: int | None = None, without: Iterable[str] = ()
    ) -> NDArray[np.uint8]:
        """Random buttons, uint8 (frames, players, buttons); ids without a name and those left out stay released."""
        actions = random_actions(seed, frames, players or self.players, len(self.system.buttons))
        released = [i for i, button in enumerate(self.system.buttons) if not button or button in without]
        actions[:, :, released] = 0
        return actions

    def press(self, player: int, *buttons: str) -> NDArray[np.int8]:
        """The action in which a player holds these buttons and nobody holds another."""
        action = np.zeros((self.players, len(self.system.buttons)), np.int8)
        action[player, [self.system.buttons.index(button) for button in buttons]] = 1
        return action.reshape(-1)

    def shown(self, picture: NDArray[np.uint8]) -> bytes:
        """The memory that a picture shows; fails where it shows anything else than whole bits."""
        y, x, width = self.cell
        lit = picture[y : y + 8 * STATE_BYTES, x : x + 8 * width, 0] > 128
        rows = lit.reshape(STATE_BYTES, 8, 8, width)
        assert not rows[:, 7].any(), "there is something between the rows"
        bits = rows[:, 0, :, 0]
        assert (rows[:, :7] == bits[:, None, :, None]).all(), "a bit is not one block"
        return np.packbits(bits).tobytes()


def _bits(first: int, *buttons: str) -> dict[str, int]:
    return {button: first << i for i, button in enumerate(buttons)}


_NES_PAD = _bits(1, "RIGHT", "LEFT", "DOWN", "UP", "START", "SELECT", "B", "A")
_SEGA_PAD = _bits(1, "UP", "DOWN", "LEFT", "RIGHT")
_GAME_BOY_PAD = _bits(1, "A", "B", "SELECT", "START", "RIGHT", "LEFT", "UP", "DOWN")
_GAME_BOY_BLOCKS = (
    (0x8000, 0x2000),
    (0xA000, 0x2000),
    (0xC000, 0x1000),
    (0xD000, 0x1000),
    (0xFE00, 0xA0),
    (0xFF80, 0x80),
)
_GAME_BOY_RAM = ((0x8000, 0x2000), (0xC000, 0x2000), (0xFE00, 0xA0), (0xFF80, 0x7F))

TINY_GAMES = [
    TinyGame(
        "Nes",
        players=2,
        score="A",
        life="B",
        pad=_NES_PAD,
        size=(224, 240),
        blocks=((0, 0x400), (0x400, 0x400), *((address, 0x400) for address in range(0x6000, 0x8000, 0x400))),
        ram=((0, 0x800),),
        tool="ca65",
    ),
    TinyGame(
        "Snes",
        players=2,
        score="A",
        life="B",
        pad=_bits(0x10, "R", "L", "X", "A", "RIGHT", "LEFT", "DOWN", "UP", "START", "SELECT", "Y", "B"),
        size=(224, 256),
        blocks=((0, 0x2000), (0x700000, 1), (0x7E0000, 0x20000)),
        ram=((0x7E0000, 0x20000),),
        tool="ca65",
    ),
    TinyGame(
        "Genesis",
        players=2,
        score="A",
        life="B",
        pad=_SEGA_PAD | _bits(0x10, "B", "C", "A", "START", "Z", "Y", "X", "MODE"),
        size=(224, 320),
        blocks=((0xFF0000, 0x10000),),
        ram=((0xFF0000, 0x10000),),
        tool="m68k-linux-gnu-as",
    ),
    TinyGame(
        "Sms",
        players=2,
        score="A",
        life="B",
        pad=_SEGA_PAD | _bits(0x10, "B", "A") | {"PAUSE": 0x100},
        size=(192, 256),
        blocks=((0xC000, 0x10000),),
        ram=((0xC000, 0x2000),),
        tool="sdasz80",
        console=frozenset(("PAUSE",)),
        lost=frozenset(("PAUSE",)),
    ),
    TinyGame(
        "GameGear",
        players=1,
        score="A",
        life="B",
        pad=_SEGA_PAD | _bits(0x10, "B", "A") | {"START": 0x100},
        size=(144, 160),
        blocks=((0xC000, 0x10000),),
        ram=((0xC000, 0x2000),),
        tool="sdasz80",
    ),
    TinyGame(
        "GameBoy",
        players=1,
        score="A",
        life="B",
        pad=_GAME_BOY_PAD,
        size=(144, 160),
        blocks=_GAME_BOY_BLOCKS,
        ram=_GAME_BOY_RAM,
        tool="sdasgb",
    ),
    TinyGame(
        "GbColor",
        players=1,
        score="A",
        life="B",
        pad=_GAME_BOY_PAD,
        size=(144, 160),
        blocks=_GAME_BOY_BLOCKS,
        ram=_GAME_BOY_RAM,
        tool="sdasgb",
    ),
    TinyGame(
        "GbAdvance",
        players=1,
        score="A",
        life="B",
        pad=_GAME_BOY_PAD | _bits(0x100, "R", "L"),
        size=(160, 240),
        blocks=(
            (0x2000000, 0x40000),
            (0x3000000, 0x8000),
            (0x4000000, 0x400),
            (0x5000000, 0x400),
            (0x6000000, 0x18000),
            (0x7000000, 0x400),
            (0xE000000, 0x20000),
        ),
        ram=((0x2000000, 0x40000), (0x3000000, 0x7F00), (0x6000000, 0x18000)),
        tool="arm-none-eabi-as",
    ),
    TinyGame(
        "PCEngine",
        players=2,
        score="I",
        life="II",
        pad=_bits(1, "I", "II", "SELECT", "RUN", "UP", "RIGHT", "DOWN", "LEFT", "III", "IV", "V", "VI"),
        size=(242, 256),
        cell=(19, 32, 2),
        blocks=((0xF80000, 0x8000),),
        ram=((0xF80000, 0x2000),),
        tool="ca65",
        unheard=frozenset(("III", "IV", "V", "VI")),
        lost=frozenset(("I", "II", "III", "IV", "V", "VI", "RUN")),
    ),
    TinyGame(
        "Atari2600",
        players=2,
        score="BUTTON",
        life="DOWN",
        pad=_bits(1, "UP", "DOWN", "LEFT", "RIGHT", "BUTTON", "SELECT", "RESET"),
        size=(210, 160),
        cell=(18, 16, 4),
        blocks=((0x80, 0x80),),
        ram=((0x80, 0x80),),
        tool="dasm",
        console=frozenset(("SELECT", "RESET")),
        lost=frozenset(("RESET",)),
    ),
]
