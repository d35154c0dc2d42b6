"""Games that the tests can run anywhere: their ROMs come with the installed packages."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from pathlib import Path


def package_folder(name: str) -> Path:
    """The folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"The reference needs the package {name}; install it into this environment.")
    return Path(spec.origin).parent


@cache
def atari_games() -> dict[str, Path]:
    """Stable-retro's Atari games whose ROM, known by its SHA-1, lies in ale-py: name and ROM file."""
    roms = {hashlib.sha1(path.read_bytes()).hexdigest(): path for path in package_folder("ale_py").glob("roms/*.bin")}
    games: dict[str, Path] = {}
    for hashes in sorted(package_folder("stable_retro").glob("data/stable/*-Atari2600*/rom.sha")):
        found = [roms[sha1] for sha1 in hashes.read_text().split() if sha1 in roms]
        if found:
            games[hashes.parent.name] = found[0]
    return games


def reference_games() -> dict[str, Path]:
    """Airstriker, which comes with stable-retro, and the Atari games: name and ROM file."""
    name = "Airstriker-Genesis-v0"
    return {name: package_folder("stable_retro") / "data" / "stable" / name / "rom.md", **atari_games()}
