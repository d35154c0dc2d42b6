"""Which libretro core runs a system, where its file is, and what it needs to run faithfully.

Only tables and lookup: nothing here loads a core. Cores come with the stable-retro wheel; others are found in folders
that the user names, in RetroArch's and in Debian's.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from playthrough.engine.systems import System, get_system, systems, wheel_folder
from playthrough.errors import CoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CoreFile",
    "CoreRules",
    "add_core_folder",
    "core_folders",
    "core_rules",
    "fast_cores",
    "find_core",
    "list_cores",
    "wheel_folder",
]

LIBRARY_SUFFIX = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")


@dataclass(frozen=True, slots=True)
class CoreRules:
    """What one core needs beyond the libretro API to give the same game every time.

    Attributes:
        options: Answers to `GET_VARIABLE`; every other key stays unanswered, so that the core uses its own default.
        reload: What a clean load of a savestate takes, because the core keeps state outside of it: `none`; `game`
            (unload the game and load it again); `library` (load the core's library again).
        complete_states: Whether a savestate taken in mid-episode holds all that decides how the game goes on. Where it
            does not, an exact snapshot is the state that the lane started from and its inputs since.
        reset_before_unserialize: Whether the game is reset before a savestate is loaded.
        remembered_buttons: Which buttons (bit i is libretro's id i) the core compares with the frame before, from
            memory outside of its savestates. After one was held, a frame without is run before a savestate is loaded.
        clear_blocks: Bus addresses [start, end) to fill with zeros after the game was loaded, because the core leaves
            garbage of the heap there.
        screen_by_extension: Size (width, height) in pixels by the last letter of the ROM file's name.
        screen_size: Size (width, height) in pixels; 0 stands for what the core announces when the game is loaded.
        live_screen: Whether pixels are read at this fixed size from the core's buffer, also outside the part that the
            core announced for a frame. Safe only with the cores that this was tested with.
        state_sizes: Which savestate lengths the core takes: its own exactly, its own or more, or it decides itself.
        state_magic_bytes: How many leading bytes all its savestates of a game share. Checked beforehand for cores that
            end the process when they are given what they cannot read.
        plug_in_pads: Whether a pad is plugged into each of the first two ports after the game was loaded. Some cores
            have none until then; the wheel's have, and stable-retro never does it.
        skips_when_sound_is_late: Whether its options make it leave out pictures while the sound buffer runs empty. The
            engine then reports that on the frames that nobody will see.
        harmless_words: What a message holds that sounds worse than it is.
        srand: Whether the C library's random numbers are seeded with 1 before the game is loaded.
    """

    options: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    reload: Literal["none", "game", "library"] = "none"
    complete_states: bool = True
    reset_before_unserialize: bool = False
    remembered_buttons: int = 0xFFFF
    clear_blocks: tuple[tuple[int, int], ...] = ()
    screen_by_extension: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]], hash=False)
    screen_size: tuple[int, int] = (0, 0)
    live_screen: bool = False
    state_sizes: Literal["exact", "at-least", "any"] = "any"
    state_magic_bytes: int = 0
    plug_in_pads: bool = True
    skips_when_sound_is_late: bool = False
    harmless_words: tuple[bytes, ...] = ()
    srand: bool = False

    def screen(self, rom_name: str, announced: tuple[int, int]) -> tuple[int, int]:
        """Size (width, height) of the picture in pixels for as long as the game runs.

        Args:
            rom_name: The ROM file's name.
            announced: The core's base (width, height) right after it loaded the game.
        """
        fixed = self.screen_by_extension.get(rom_name[-1:].lower(), self.screen_size)
        return fixed[0] or announced[0], fixed[1] or announced[1]


# Found by comparing every core, frame by frame, with stable-retro 1.0.1. Genesis Plus GX must get exactly these three
# answers: it reads unanswered options from the answer before, and crashes where there was none.
_RULES: dict[str, CoreRules] = {
    "genesis_plus_gx": CoreRules(
        options={
            "genesis_plus_gx_bram": "per game",
            "genesis_plus_gx_render": "single field",
            "genesis_plus_gx_blargg_ntsc_filter": "disabled",
        },
        screen_by_extension={"d": (320, 224), "s": (256, 192), "g": (160, 144)},
        live_screen=True,
        remembered_buttons=1 << 3,  # START, which is the pause button of a Master System
        state_sizes="exact",
        state_magic_bytes=16,
    ),
    "fceumm": CoreRules(
        remembered_buttons=0,
        clear_blocks=((0x6000, 0x8000),),
        live_screen=True,
        state_sizes="exact",
        state_magic_bytes=4,
    ),
    "snes9x": CoreRules(remembered_buttons=0, live_screen=True, state_sizes="at-least", state_magic_bytes=9),
    "gambatte": CoreRules(reload="library", live_screen=True, state_sizes="exact", state_magic_bytes=3),
    "mgba": CoreRules(remembered_buttons=0, live_screen=True, state_sizes="exact", state_magic_bytes=4),
    "mednafen_pce_fast": CoreRules(
        remembered_buttons=0, screen_size=(256, 242), live_screen=True, state_sizes="at-least", state_magic_bytes=8
    ),
    "stella": CoreRules(
        reload="game",
        reset_before_unserialize=True,
        screen_size=(160, 0),
        live_screen=True,
        state_sizes="at-least",
        state_magic_bytes=17,
    ),
    "picodrive": CoreRules(
        options={"picodrive_frameskip": "auto"},
        screen_by_extension={"d": (320, 224), "s": (256, 192), "g": (160, 144)},
        complete_states=False,
        state_sizes="exact",
        skips_when_sound_is_late=True,
        harmless_words=(b"wanted to map @",),
        srand=True,
    ),
}

# Systems of cores that are widely installed, beside the ones that the wheel's table gives.
_MORE_SYSTEMS: dict[str, tuple[str, ...]] = {
    "picodrive": ("Genesis", "Sms", "GameGear", "32x"),
    "blastem": ("Genesis",),
    "nestopia": ("Nes",),
    "quicknes": ("Nes",),
    "mesen": ("Nes",),
    "bsnes": ("Snes",),
    "snes9x2005": ("Snes",),
    "snes9x2010": ("Snes",),
    "sameboy": ("GameBoy", "GbColor"),
    "gearboy": ("GameBoy", "GbColor"),
    "mgba": ("GbAdvance", "GameBoy", "GbColor"),
    "vba_next": ("GbAdvance",),
    "vbam": ("GbAdvance", "GameBoy", "GbColor"),
    "gpsp": ("GbAdvance",),
    "gearsystem": ("Sms", "GameGear"),
    "smsplus": ("Sms", "GameGear"),
    "mednafen_pce": ("PCEngine",),
    "stella2014": ("Atari2600",),
}

# By system, the best first. Measured: PicoDrive runs Genesis games 2.1 times as fast as Genesis Plus GX, and leaves out
# pictures as well.
_FASTER: dict[str, tuple[str, ...]] = {"Genesis": ("picodrive",)}
_PICTURE_HOOK = b"stable_retro_run_skip_render"

_added: list[Path] = []


@dataclass(frozen=True, slots=True)
class CoreFile:
    """A libretro core on this disk.

    Attributes:
        path: The library file.
        name: The core's name, such as `genesis_plus_gx`.
        system: The system that it was looked up for; None in a listing.
        systems: Names of all systems that it is known to run.
    """

    path: Path
    name: str
    system: System | None = None
    systems: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """`runs` if it runs one of the supported systems, `not yet` if not, `unknown` where no system is known."""
        if not self.systems:
            return "unknown"
        return "runs" if any(get_system(name).supported for name in self.systems) else "not yet"


def core_rules(core: CoreFile) -> CoreRules:
    """The rules of a core; a core that is not the wheel's own build never has its live buffer read."""
    rules = _RULES.get(core.name, CoreRules())
    if core.path.parent == wheel_folder() / "cores":
        return replace(rules, plug_in_pads=False)
    return replace(rules, live_screen=False)


def add_core_folder(folder: str | Path) -> None:
    """Search this folder for cores, before all others.

    Raises:
        CoreError: If it is no folder or holds no core.
    """
    path = Path(folder).expanduser().absolute()
    if not path.is_dir():
        raise CoreError(f"{path} is no folder; expected one with files named NAME_libretro{LIBRARY_SUFFIX}")
    if not _cores_in(path):
        raise CoreError(f"{path} holds no core; expected files named NAME_libretro{LIBRARY_SUFFIX}")
    if path in _added:
        _added.remove(path)
    _added.insert(0, path)


def core_folders() -> list[Path]:
    """Where cores are searched by name, the first found wins. Folders that do not exist are left out."""
    folders = list(_added)
    folders += [Path(text).expanduser() for text in os.environ.get("PLAYTHROUGH_CORES", "").split(os.pathsep) if text]
    folders.append(wheel_folder() / "cores")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    folders.append(config / "retroarch" / "cores")
    if sys.platform == "darwin":
        folders.append(Path.home() / "Library/Application Support/RetroArch/cores")
    folders += [Path("/usr/lib/x86_64-linux-gnu/libretro"), Path("/usr/lib/libretro")]
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


def find_core(name_or_path: str | Path, system: System | str) -> CoreFile:
    """The core to run a system with.

    Args:
        name_or_path: `exact` (the wheel's core for the system, which the savestates are made for), `fast` (the same:
            which of `fast_cores` runs a game is for the environment to prove), a core's name such as `picodrive`, or
            the path of a core file.
        system: The system to run.

    Raises:
        CoreError: If there is no such core, if it is no library, or if it is known to run other systems only.
    """
    if isinstance(system, str):
        system = get_system(system)
    text = str(name_or_path)
    if text in ("exact", "fast"):
        if system.status == "in BizHawk":
            raise CoreError(
                f"no embedded core runs {system.name}: choose engine='bizhawk' (docs/only-bizhawk.md tells how)"
            )
        if not system.supported:
            running = " ".join(name for name, other in systems().items() if other.supported)
            raise CoreError(f"{system.name} does not run yet; systems that run: {running}")
        path = wheel_folder() / "cores" / _file_name(system.core)
        if not path.is_file():
            raise CoreError(
                f"the stable-retro wheel should hold the {system.name} core {path}, which is not there; "
                "run pip install --force-reinstall stable-retro==1.0.1"
            )
        return _core_file(path, system)
    if isinstance(name_or_path, Path) or "/" in text or os.sep in text or text.endswith((".so", ".dylib", ".dll")):
        return _core_at(Path(text).expanduser(), system)
    name = text.removesuffix("_libretro")
    folders = core_folders()
    for folder in folders:
        if (folder / _file_name(name)).is_file():
            return _core_at(folder / _file_name(name), system)
    there = [core.name for core in list_cores() if system.name in core.systems]
    searched = "".join(f"\n  {folder}" for folder in folders)
    raise CoreError(
        f"found no core named {name!r} ({_file_name(name)}); searched:{searched}\n"
        f"cores here for {system.name}: {' '.join(dict.fromkeys(there)) or 'none'}; "
        "name a folder with the environment variable PLAYTHROUGH_CORES, or give the path of a core file"
    )


def fast_cores(system: System) -> list[CoreFile]:
    """Cores of a system that are faster than its exact one, the best first; whether a game runs on them is not known.

    A core that exports stable-retro-turbo's hook leaves out pictures that nobody sees. Such cores are found in folders
    that the user names.
    """
    exact = wheel_folder() / "cores" / _file_name(system.core)
    found: list[CoreFile] = []
    for name in (system.core, *_FASTER.get(system.name, ())):
        for path in (folder / _file_name(name) for folder in core_folders()):
            if path == exact or not path.is_file():
                continue
            if name != system.core or _PICTURE_HOOK in path.read_bytes():
                found.append(_core_file(path, system))
                break
    return found


def list_cores() -> list[CoreFile]:
    """Every core that `find_core` would find by name, in the order of the search."""
    found: dict[str, CoreFile] = {}
    for folder in core_folders():
        for path in _cores_in(folder):
            core = _core_file(path, None)
            found.setdefault(core.name, core)
    return list(found.values())


def _core_at(path: Path, system: System) -> CoreFile:
    if not path.is_file():
        raise CoreError(f"there is no core file {path}; expected one named NAME_libretro{LIBRARY_SUFFIX}")
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise CoreError(f"cannot read the core {path}: {error.strerror}") from error
    # ELF; Mach-O in both byte orders and as a universal file; a Windows library.
    if magic[:4] not in (
        b"\x7fELF",
        b"\xcf\xfa\xed\xfe",
        b"\xfe\xed\xfa\xcf",
        b"\xca\xfe\xba\xbe",
    ) and not magic.startswith(b"MZ"):
        raise CoreError(f"{path} is no libretro core: it is no shared library (it begins with {magic!r})")
    core = _core_file(path.absolute(), system)
    if core.systems and system.name not in core.systems:
        raise CoreError(
            f"the core {core.name} ({path}) runs {' '.join(core.systems)}, not {system.name}; "
            f"use core='exact' for {system.core}"
        )
    return core


def _core_file(path: Path, system: System | None) -> CoreFile:
    name = path.name.removesuffix(path.suffix).removesuffix("_libretro")
    named = [other.name for other in systems().values() if other.core == name]
    return CoreFile(path, name, system, tuple(dict.fromkeys((*named, *_MORE_SYSTEMS.get(name, ())))))


def _file_name(name: str) -> str:
    return f"{name}_libretro{LIBRARY_SUFFIX}"


def _cores_in(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob(f"*_libretro{LIBRARY_SUFFIX}"))
    except OSError as error:
        raise CoreError(f"cannot look for cores in {folder}: {error.strerror}") from error
