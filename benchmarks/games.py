"""The games that are measured, laid out so that every side can run them."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peer import ROOT
from playthrough.game.integration import Integration, load_integration
from playthrough.game.roms import find_rom

BUILD = ROOT / "build" / "bench"
"""What the benchmarks make: compiled, linked, installed. Nothing of it is kept in the repository."""

GAMES = ("Airstriker-Genesis", "Breakout-Atari2600", "Wickling-Nes")
"""The table's three."""


@dataclass(frozen=True)
class Game:
    """A game at hand.

    Attributes:
        name: On every side.
        integration: Ours.
        folder: Holds a folder of that name with the integration and its ROM.
        rom: The ROM's file there.
        endless: A scenario beside it in which no episode ends, to compare with loops that know no episodes.
    """

    name: str
    integration: Integration
    folder: Path
    rom: Path
    endless: Path


def prepare(name: str) -> Game:
    """Lay out a game's files.

    Raises:
        PlaythroughError: If the game or its ROM is not here.
    """
    integration = load_integration(name)
    folder = BUILD / "integrations"
    target = folder / integration.name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    # Of files with the same name the first folder's counts.
    files = {path.name: path for source in reversed(integration.folders) for path in source.iterdir() if path.is_file()}
    for path in files.values():
        if path.stem != "rom" or path.suffix == ".sha":
            (target / path.name).symlink_to(path.resolve())
    rom = target / f"rom{integration.system.extensions[0]}"
    rom.write_bytes(find_rom(integration).path.read_bytes())
    scenario = json.loads(integration.scenario_path.read_text())
    scenario.pop("done", None)
    endless = target / "endless.json"
    endless.write_text(json.dumps(scenario))
    return Game(integration.name, integration, folder, rom, endless)
