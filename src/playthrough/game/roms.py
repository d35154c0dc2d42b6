"""The ROMs that are here: in a game's folder, imported by the user, or in the ale-py package."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from playthrough.engine.systems import System, system_of_game
from playthrough.errors import BadInputError, RomError
from playthrough.game.integration import known_games
from playthrough.game.rom_files import Rom, read_rom
from playthrough.game.rom_import import ImportedRom, ImportReport, import_roms
from playthrough.game.rom_store import roms_folder, stored_roms

if TYPE_CHECKING:
    from playthrough.game.integration import Integration

__all__ = [
    "ImportReport",
    "ImportedRom",
    "Rom",
    "find_rom",
    "import_roms",
    "list_playable",
    "read_rom",
    "roms_folder",
]


def find_rom(integration: Integration) -> Rom:
    """The ROM of a game: in its own folder, in the user's, or in the ale-py package.

    Raises:
        RomError: If it is nowhere, or if what is there is damaged.
    """
    path = _rom_in_folders(integration.folders, integration.system)
    if path is None:
        path = _rom_by_hash(integration.rom_hashes, integration.system)
    if path is not None:
        return read_rom(path, integration.system, integration.rom_hashes)
    hashes = " or ".join(integration.rom_hashes) or "unknown (its folder has no rom.sha)"
    raise RomError(
        f"the ROM of {integration.name} is missing; expected one for {integration.system.name} with SHA-1 {hashes}. "
        f"If you have it, run: playthrough import PATH (it goes to {roms_folder()})"
    )


def list_playable() -> list[str]:
    """The names of all games whose ROM is here and whose system runs, sorted. ROM files are not read."""
    imported = stored_roms()
    found: list[str] = []
    for game, folders, hashes in known_games():
        try:
            system = system_of_game(game)
        except BadInputError:
            # A folder whose name ends in no system cannot be looked up either; load_integration explains it.
            continue
        atari = _ale_roms() if system.name == "Atari2600" else {}
        here = any(sha1 in imported or sha1 in atari for sha1 in hashes) or _rom_in_folders(folders, system)
        if system.supported and here:
            found.append(game)
    return sorted(found)


def _rom_in_folders(folders: tuple[Path, ...], system: System) -> Path | None:
    for folder in folders:
        for extension in system.extensions:
            path = folder / f"rom{extension}"
            if path.is_file():
                return path
    return None


def _rom_by_hash(hashes: tuple[str, ...], system: System) -> Path | None:
    imported = stored_roms()
    atari = _ale_roms() if system.name == "Atari2600" else {}
    for sha1 in hashes:
        path = imported.get(sha1)
        if path is not None:
            return path
        if sha1 in atari:
            return atari[sha1]
    return None


@cache
def _ale_roms() -> dict[str, Path]:
    """The Atari ROMs that the ale-py package brings, by SHA-1; found without importing it."""
    spec = importlib.util.find_spec("ale_py")
    if spec is None or spec.origin is None:
        return {}
    found: dict[str, Path] = {}
    for path in sorted((Path(spec.origin).parent / "roms").glob("*.bin")):
        found[hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()] = path
    return found
