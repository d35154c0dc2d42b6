"""The user's ROM folder. A file's name there ends in the SHA-1 that the game knows it by, so that the folder is its own
index, and two imports at a time cannot lose each other's.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from playthrough.engine.systems import System
from playthrough.errors import RomError
from playthrough.game.atomic_file import write_file
from playthrough.game.home import home_folder

_STORED_NAME = re.compile(r".+\.([0-9a-f]{40})\.\w+")


def roms_folder() -> Path:
    """Where imported ROMs are kept: `roms` in the folder that PLAYTHROUGH_HOME names, else in the user's own."""
    return home_folder() / "roms"


def stored_roms() -> dict[str, Path]:
    """The user's ROMs by SHA-1.

    Raises:
        RomError: If the folder cannot be listed.
    """
    found: dict[str, Path] = {}
    try:
        with os.scandir(roms_folder()) as entries:
            for entry in entries:
                match = _STORED_NAME.fullmatch(entry.name)
                if match is not None and entry.is_file():
                    found[match[1]] = Path(entry.path)
    except FileNotFoundError:
        return found
    except OSError as error:
        raise RomError(f"cannot list the ROM folder {roms_folder()}: {error.strerror}") from error
    return found


def store_rom(game: str, system: System, sha1: str, data: bytes) -> tuple[Path, bool]:
    """Keep a ROM.

    Returns:
        Where it is, and whether it is new there.

    Raises:
        RunError: If it cannot be written.
    """
    there = stored_roms().get(sha1)
    if there is not None:
        return there, False
    path = roms_folder() / f"{game}.{sha1}{system.extensions[0]}"
    write_file(path, data)
    return path, True
