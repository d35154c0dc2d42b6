"""From an environment's options to a running engine."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, get_args

from playthrough.engine.cores import find_core
from playthrough.engine.engine import Engine
from playthrough.engine.libretro import LibretroEngine
from playthrough.env.fast_core import proven_core
from playthrough.env.options import EngineName, EnvOptions
from playthrough.errors import BadInputError, CapabilityError, CropError, IntegrationError
from playthrough.game.integration import Integration
from playthrough.game.rom_files import Rom
from playthrough.game.roms import find_rom

if TYPE_CHECKING:
    from playthrough.engine.isolated import IsolatedEngine

_log = logging.getLogger("playthrough.game")


def open_engine(options: EnvOptions, integration: Integration) -> Engine:
    """The engine that the options ask for, with the game's ROM in every lane.

    Raises:
        CapabilityError: If there is no such engine, or it cannot do what is asked of it.
        PlaythroughError: If the core or the ROM cannot be had.
    """
    if options.engine not in get_args(EngineName):
        raise CapabilityError(
            f"there is no engine {options.engine!r}; expected one of {', '.join(map(repr, get_args(EngineName)))}"
        )
    rom = find_rom(integration)
    if options.engine != "libretro":
        from playthrough.env.remote_emulator import open_remote

        engine = open_remote(options, integration, rom)
        _warn_of_unknown(rom, integration)
        return engine
    if options.mode != "FAST_RUN" or options.attach or options.client != "lua":
        name = "attach" if options.attach else "mode" if options.mode != "FAST_RUN" else "client"
        raise CapabilityError(f"{name} is for emulators in other programs: choose engine='bizhawk' or 'fceux'")
    if options.core == "fast":
        core = proven_core(options, integration, rom)
    else:
        core = find_core(options.core, integration.system)
    _warn_of_unknown(rom, integration)
    kind: type[LibretroEngine] | type[IsolatedEngine] = LibretroEngine
    if options.isolation == "process":
        from playthrough.engine.isolated import IsolatedEngine

        kind = IsolatedEngine
    return kind(
        core,
        integration.system,
        rom.data,
        rom_name=str(rom.path),
        num_lanes=options.num_envs,
        num_threads=options.num_threads,
    )


def _warn_of_unknown(rom: Rom, integration: Integration) -> None:
    if not rom.known and integration.rom_hashes:
        _log.warning(
            "%s is not a ROM that the integration of %s was made for (its SHA-1 is %s): variables may mean nothing",
            rom.path,
            integration.name,
            rom.sha1,
        )


@contextmanager
def place_errors(integration: Integration) -> Generator[None]:
    """Say in an error about memory which file of the integration is to blame."""
    try:
        yield
    except IntegrationError:
        raise
    except BadInputError as error:
        path = integration.scenario_path if isinstance(error, CropError) else integration.info_path
        raise IntegrationError(f"{integration.name}: {error}", path=path) from None
