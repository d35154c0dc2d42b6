"""The game systems: which core runs each, what its buttons are called, where its memory stands.

The table comes from the `cores/*.json` files of the stable-retro wheel, so that buttons, button groups and memory bases
are the ones that the thousand shipped integrations were made for. The wheel's folder is found without importing it: its
import loads an engine of its own. Nothing is read before somebody asks.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from playthrough.errors import BadInputError, DependencyError, RomError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ButtonGroup = tuple[tuple[str, ...], ...]
"""The choices that one part of the pad has, each a set of buttons pressed together: `((), ("UP",), ("DOWN",))`."""


@dataclass(frozen=True, slots=True)
class System:
    """One game system, as the integrations see it.

    Attributes:
        name: As game names end, such as `Genesis`.
        core: Name of the core that stable-retro runs it with; empty if only an emulator in another program can.
        extensions: Endings of ROM files, the canonical one first.
        buttons: One name per libretro button id; None where the id does nothing.
        keybinds: The keyboard key that stable-retro gives each button.
        button_groups: The choices per part of the pad, unless a scenario brings its own.
        ram_base: Bus address of the core's system RAM; None where the core describes its memory itself.
        types: The variable types that stable-retro's search tries on this system.
        overlay: How the core keeps 16-bit words: (order in the core, order on the bus, width in bytes), None if plain.
        supported: False for a system that stable-retro names and Playthrough does not run yet.
        bk2_platform: What stable-retro writes behind `Platform` in a movie.
        bk2_names: One movie key per button, such as `Right`; None for an id that does nothing.
        bk2_letters: One letter per button in a movie's input lines; None for an id that does nothing.
        screen_hint: Usual (width, height) of the picture in pixels. The core has the last word.
    """

    name: str
    core: str
    extensions: tuple[str, ...]
    buttons: tuple[str | None, ...]
    keybinds: tuple[str | None, ...]
    button_groups: tuple[ButtonGroup, ...]
    ram_base: int | None
    types: tuple[str, ...]
    overlay: tuple[str, str, int] | None
    supported: bool
    bk2_platform: str
    bk2_names: tuple[str | None, ...]
    bk2_letters: tuple[str | None, ...]
    screen_hint: tuple[int, int]

    @property
    def status(self) -> str:
        """`runs`; `in BizHawk` where only that runs it; `not yet`."""
        if self.supported:
            return "runs"
        return "in BizHawk" if self.name in _ONLY_IN_BIZHAWK else "not yet"

    @property
    def ram_word_bytes(self) -> int:
        """Size of the words that the core keeps the other way round than the bus has them; 1 if none."""
        if self.overlay is None:
            return 1
        in_core, on_bus, width = self.overlay
        native = "<" if sys.byteorder == "little" else ">"
        return 1 if in_core.replace("=", native) == on_bus.replace("=", native) else width

    def mask_of(self, names: Sequence[str]) -> int:
        """The button mask with these buttons pressed.

        Raises:
            ValueError: If the system has no button of such a name.
        """
        mask = 0
        for name in names:
            # Ids without a button are None in the table, and no name.
            if not name or name not in self.buttons:
                known = " ".join(button for button in self.buttons if button)
                raise ValueError(f"{self.name} has no button {name!r}; its buttons are: {known}")
            mask |= 1 << self.buttons.index(name)
        return mask

    def names_of(self, mask: int) -> list[str]:
        """The buttons pressed in a mask, by ascending libretro id. Ids without a name are left out."""
        return [name for i, name in enumerate(self.buttons) if name and mask >> i & 1]


_SUPPORTED = frozenset(
    ("Nes", "Snes", "Genesis", "Sms", "GameGear", "GameBoy", "GbColor", "GbAdvance", "PCEngine", "Atari2600")
)

DISC_SHEETS = frozenset((".cue", ".m3u", ".ccd", ".toc"))
"""Endings of small files that say of which files a disc consists; emulators read those in place."""

# The table gives `.bin` to the Nintendo 64, but ROM files of every system end so; and many systems have discs.
_AMBIGUOUS = DISC_SHEETS | {".bin"}

# Other endings under which ROM files of a system are found.
_MORE_EXTENSIONS = {
    "Nes": (".unf", ".unif"),
    "Snes": (".smc", ".swc", ".fig"),
    "Genesis": (".gen", ".smd"),
    "Sms": (".sg",),
    "GbColor": (".cgb",),
    "PCEngine": (".sgx",),
    "Saturn": tuple(sorted(DISC_SHEETS)),
    "SCD": tuple(sorted(DISC_SHEETS)),
}

# What stable-retro 1.0.1 writes, found by recording a movie on every system: for the rest, the system's own name.
_BK2_PLATFORMS = {"Genesis": "GEN", "Snes": "SNES", "Nes": "NES", "Atari2600": "A26"}

# Name and letter per button. stable-retro knows no key for PC Engine's I to VI and RUN, the Master System's PAUSE and
# Atari's RESET: its movies lose them. Ours keep them, under BizHawk's names where it has one.
_BK2_KEYS = {
    "UP": ("Up", "U"),
    "DOWN": ("Down", "D"),
    "LEFT": ("Left", "L"),
    "RIGHT": ("Right", "R"),
    "START": ("Start", "S"),
    "SELECT": ("Select", "s"),
    "MODE": ("Mode", "M"),
    "L": ("L", "l"),
    "R": ("R", "r"),
    "BUTTON": ("Button", "B"),
    "RUN": ("Run", "n"),
    "RESET": ("Reset", "t"),
    "PAUSE": ("Pause", "p"),
    "I": ("I", "1"),
    "II": ("II", "2"),
    "III": ("III", "3"),
    "IV": ("IV", "4"),
    "V": ("V", "5"),
    "VI": ("VI", "6"),
}

_SCREENS = {
    "Nes": (240, 224),
    "Snes": (256, 224),
    "Genesis": (320, 224),
    "Sms": (256, 192),
    "GameGear": (160, 144),
    "GameBoy": (160, 144),
    "GbColor": (160, 144),
    "GbAdvance": (240, 160),
    "PCEngine": (256, 242),
    "Atari2600": (160, 210),
    "NintendoDs": (256, 384),
}

START_BUTTONS = ("START", "RESET", "RUN")
"""Buttons that begin a game where it waits for that."""
MENU_BUTTONS = ("SELECT", "MODE", "START", "PAUSE", "RUN", "RESET", "COIN")
"""Buttons that begin, stop or choose a game, rather than play it."""

# Systems without an embedded core, for emulators in other programs: endings of ROM files, buttons by libretro id.
_CROSS = ("UP", "DOWN", "LEFT", "RIGHT")
_ELSEWHERE: dict[str, tuple[tuple[str, ...], tuple[str | None, ...]]] = {
    "PSX": (
        (".cue", ".m3u", ".ccd", ".toc"),
        ("CROSS", "SQUARE", "SELECT", "START", *_CROSS, "CIRCLE", "TRIANGLE", "L1", "R1", "L2", "R2", "L3", "R3"),
    ),
    "Atari7800": ((".a78",), ("TRIGGER", None, "SELECT", "PAUSE", *_CROSS, "TRIGGER 2")),
    "Lynx": ((".lnx",), ("B", None, None, "PAUSE", *_CROSS, "A", None, "OPTION 1", "OPTION 2")),
    "NeoGeoPocket": ((".ngp", ".ngc"), ("B", None, None, "OPTION", *_CROSS, "A")),
}

# Those, and systems whose embedded core does not run here yet.
_ONLY_IN_BIZHAWK = frozenset((*_ELSEWHERE, "32x", "N64", "NintendoDs", "SCD", "Saturn"))

# Game names end in Arcade where the table says FBNeo.
_OTHER_NAMES = {"Arcade": "FBNeo"}


@cache
def wheel_folder() -> Path:
    """The folder of the installed stable_retro package, which holds cores and integrations.

    Raises:
        DependencyError: If stable-retro is not installed.
    """
    spec = importlib.util.find_spec("stable_retro")
    if spec is None or spec.origin is None:
        raise DependencyError(
            "the stable-retro package, which brings the emulator cores and the games' integrations, is not installed: "
            "run pip install stable-retro==1.0.1"
        )
    return Path(spec.origin).parent


@cache
def systems() -> Mapping[str, System]:
    """All systems by name, those that run and those that do not yet."""
    found: dict[str, System] = {}
    folder = wheel_folder() / "cores"
    for path in sorted(folder.glob("*.json")):
        for name, entry in cast("dict[str, dict[str, Any]]", json.loads(path.read_text("utf-8"))).items():
            found[name] = _system(name, entry)
    if not found:
        raise DependencyError(
            f"{folder} holds no table of systems: the stable-retro package is damaged; "
            "run pip install --force-reinstall stable-retro==1.0.1"
        )
    for name, (extensions, buttons) in _ELSEWHERE.items():
        found.setdefault(name, _system_elsewhere(name, extensions, buttons))
    return MappingProxyType(found)


def _system_elsewhere(name: str, extensions: tuple[str, ...], buttons: tuple[str | None, ...]) -> System:
    others = [[button] for button in buttons if button is not None and button not in _CROSS]
    entry: dict[str, Any] = {
        "lib": "",
        "ext": [ending.removeprefix(".") for ending in extensions],
        "buttons": buttons,
        "keybinds": [None] * len(buttons),
        "actions": [[[], ["UP"], ["DOWN"]], [[], ["LEFT"], ["RIGHT"]], [[], *others]],
    }
    return _system(name, entry)


def _system(name: str, entry: dict[str, Any]) -> System:
    buttons: tuple[str | None, ...] = tuple(entry["buttons"])
    overlay = entry.get("overlay")
    keys = [None if button is None else _BK2_KEYS.get(button, (button, button[0])) for button in buttons]
    return System(
        name=name,
        core=entry["lib"],
        extensions=(*(f".{ending}" for ending in entry["ext"]), *_MORE_EXTENSIONS.get(name, ())),
        buttons=buttons,
        keybinds=tuple(entry["keybinds"]),
        button_groups=button_groups(entry["actions"]),
        ram_base=entry.get("rambase"),
        types=tuple(entry.get("types", ())),
        overlay=None if overlay is None else (overlay[0], overlay[1], int(overlay[2])),
        supported=name in _SUPPORTED,
        bk2_platform=_BK2_PLATFORMS.get(name, name),
        bk2_names=tuple(key and key[0] for key in keys),
        bk2_letters=tuple(key and key[1] for key in keys),
        screen_hint=_SCREENS.get(name, (320, 240)),
    )


def button_groups(groups: list[list[list[str]]]) -> tuple[ButtonGroup, ...]:
    """The `actions` of a JSON file as tuples."""
    return tuple(tuple(tuple(choice) for choice in group) for group in groups)


def get_system(name: str) -> System:
    """The system of exactly this name (or `Arcade`).

    Raises:
        BadInputError: If there is none.
    """
    system = systems().get(_OTHER_NAMES.get(name, name))
    if system is None:
        raise BadInputError(f"no system is called {name!r}; known systems: {' '.join(systems())}")
    return system


def without_version(game: str) -> str:
    """A game's name without the version that stable-retro's names carry: `Airstriker-Genesis-v0` is one game with
    `Airstriker-Genesis`.
    """
    stem, dash, version = game.rpartition("-")
    return stem if dash and version[:1] == "v" and version[1:].isdigit() else game


def system_of_game(game: str) -> System:
    """The system that a game's name ends in: `Airstriker-Genesis` and `Airstriker-Genesis-v0` run on Genesis.

    Raises:
        BadInputError: If the name ends in no system.
    """
    suffix = without_version(game).rpartition("-")[2]
    system = systems().get(_OTHER_NAMES.get(suffix, suffix))
    if system is None:
        raise BadInputError(
            f"the name {game!r} does not end in a system: expected a name such as MyGame-Nes; "
            f"known systems: {' '.join(systems())}"
        )
    return system


def system_of_rom(path: str | PurePath) -> System:
    """The system whose ROM files end like this one.

    Raises:
        RomError: If no system's do, or if those of several do.
    """
    ending = PurePath(path).suffix.lower()
    found = [system for system in systems().values() if ending in system.extensions and ending not in _AMBIGUOUS]
    if not found:
        known = " ".join(system.extensions[0] for system in systems().values() if system.supported)
        said = f"ends in {ending}, which names no single system" if ending else "has no ending that names its system"
        raise RomError(f"{path}: the file name {said}; rename it, known endings are: {known}")
    return max(found, key=lambda system: system.supported)


def system_of(game_or_rom: str | PurePath) -> System:
    """The system of a game's name or of a ROM file's name."""
    text = str(game_or_rom)
    suffix = without_version(PurePath(text).name).rpartition("-")[2]
    if _OTHER_NAMES.get(suffix, suffix) in systems():
        return system_of_game(PurePath(text).name)
    return system_of_rom(text) if PurePath(text).suffix else system_of_game(text)
