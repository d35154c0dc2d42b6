"""Engines on the cores and ROMs that every machine with the tests has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from game.made_roms import made_rom
from oracle.games import atari_games
from tiny_cores import tiny_rom

from playthrough.engine.cores import CoreFile, find_core
from playthrough.engine.libretro import LibretroEngine
from playthrough.engine.systems import get_system
from playthrough.game.integration import load_integration
from playthrough.game.roms import find_rom
from playthrough.game.states import find_state, read_state

SYSTEMS = ("Nes", "Snes", "Genesis", "Sms", "GameGear", "GameBoy", "GbColor", "GbAdvance", "PCEngine", "Atari2600")
"""Those that run."""


def open_tiny(
    tiny_cores: Mapping[str, Path],
    name: str,
    *,
    lanes: int = 1,
    threads: int = 1,
    system: str = "Nes",
    seed: int = 0,
    frame: int = 0,
    choice: int = 0,
) -> LibretroEngine:
    """A tiny core with a ROM; seed, frame and choice are explained in native/tests/cores/tiny.h."""
    core = CoreFile(tiny_cores[name], name, get_system(system))
    rom = tiny_rom(seed, frame, choice)
    return LibretroEngine(core, get_system(system), rom, rom_name="tiny.nes", num_lanes=lanes, num_threads=threads)


def open_made(system: str, lanes: int = 1) -> LibretroEngine:
    """A core of the wheel with a made-up ROM that does next to nothing."""
    return LibretroEngine(find_core("exact", system), get_system(system), made_rom(system), num_lanes=lanes)


def open_game(game: str, lanes: int = 1, threads: int = 1) -> LibretroEngine:
    """Airstriker, or an Atari game, on the core of the wheel."""
    system = load_integration(game).system
    rom = (
        atari_games()[game + "-v0"].read_bytes()
        if system.name == "Atari2600"
        else find_rom(load_integration(game)).data
    )
    return LibretroEngine(find_core("exact", system), system, rom, num_lanes=lanes, num_threads=threads)


def start_state(game: str) -> bytes:
    """Where episodes of a game start."""
    integration = load_integration(game)
    name = integration.default_state(1)
    assert name is not None
    return read_state(find_state(integration, name))
