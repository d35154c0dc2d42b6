"""A new game's folder, from nothing but its ROM: playable at once, and meaning nothing yet."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from playthrough.engine.systems import System, system_of_rom, systems
from playthrough.errors import BadInputError, RomError
from playthrough.game.atomic_file import write_file
from playthrough.game.home import user_integrations
from playthrough.game.integration import known_hashes
from playthrough.game.rom_files import Rom, read_rom

_FORBIDDEN = re.compile(r"[^A-Za-z0-9]+")


def create_game(
    rom_path: str | Path,
    folder: str | Path | None = None,
    name: str | None = None,
    system: str | None = None,
) -> Path:
    """Make the integration folder of a ROM.

    Args:
        rom_path: The ROM file.
        folder: Where the game's folder goes; the user's own integrations if not given.
        name: What the game is called, with or without its system at the end; made from the file's name if not given.
        system: What it runs on, where the file's name does not say it.

    Returns:
        The new folder, `<folder>/<Name>-<System>`.

    Raises:
        RomError: If the file is no whole ROM of a system that runs.
        BadInputError: If the name is none for a game, or there is such a folder already.
    """
    path = Path(rom_path).expanduser()
    if not path.is_file():
        raise RomError(f"there is no ROM file {path}")
    rom = read_rom(path, _system(path, name, system))
    if not rom.system.supported:
        raise RomError(f"{path} is a {rom.system.name} ROM, and this system does not run yet")
    game = _game_name(path, name, rom.system)
    target = Path(folder).expanduser() / game if folder is not None else user_integrations() / game
    if target.exists():
        raise BadInputError(f"{target} is there already; choose another --name or --folder, or remove it first")
    _write(target, rom)
    return target


def games_of(rom_path: str | Path, system: str | None = None) -> list[str]:
    """The games that are integrated already for this very ROM."""
    rom = read_rom(rom_path, _system(Path(rom_path), None, system))
    return known_hashes().get(rom.sha1, [])


def _system(path: Path, name: str | None, system: str | None) -> System | None:
    """The system that was said, else the one in the name; None leaves it to the file's ending."""
    said = system or (name or "").rpartition("-")[2]
    if said in systems():
        return systems()[said]
    if system is not None:
        known = " ".join(entry.name for entry in systems().values() if entry.supported)
        raise BadInputError(f"no system is called {system!r}; those that run: {known}")
    try:
        return system_of_rom(path)
    except RomError as error:
        found = _by_content(path)
        if found is None:
            raise RomError(f"{error}; or say which system it is with --system") from error
        return found


def _by_content(path: Path) -> System | None:
    """The one system that takes the bytes of a file whose name says nothing."""
    size_bytes = path.stat().st_size
    head = path.read_bytes()[:0x200] if size_bytes else b""
    table = systems()
    if head.startswith(b"NES\x1a"):
        return table["Nes"]
    if head[0x100:0x104] == b"SEGA":
        return table["Genesis"]
    # The sizes of Atari's cartridges; every other system's smallest is larger or has a header of its own.
    if path.suffix.lower() in (".bin", "") and size_bytes in (2048, 4096, 8192, 16384):
        return table["Atari2600"]
    return None


def _game_name(path: Path, name: str | None, system: System) -> str:
    if name is None:
        words = _FORBIDDEN.split(re.sub(r"[(\[].*?[)\]]", " ", path.stem))
        base = "".join(word[:1].upper() + word[1:] for word in words if word)
    else:
        base = name.removesuffix(f"-{system.name}")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_]*", base):
        raise BadInputError(
            f"{base!r} cannot be a game's name; expected letters and digits, as in MyGame; say --name MyGame"
        )
    return f"{base}-{system.name}"


def _write(folder: Path, rom: Rom) -> None:
    content: dict[str, dict[str, Any]] = {
        "data.json": {"info": {}},
        "scenario.json": {"reward": {"variables": {}}, "done": {"variables": {}}},
        "metadata.json": {},
    }
    write_file(folder / f"rom{rom.system.extensions[0]}", rom.data)
    write_file(folder / "rom.sha", f"{rom.sha1}\n".encode())
    for name, entries in content.items():
        write_json(folder / name, entries)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write one of a game's JSON files, readable, whole or not at all.

    Raises:
        RunError: If it cannot be written.
    """
    write_file(path, (json.dumps(content, indent=2) + "\n").encode())
