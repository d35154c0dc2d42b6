"""From an environment's options to a running engine."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from playthrough.engine.cores import find_core
from playthrough.engine.engine import Engine
from playthrough.engine.libretro import LibretroEngine
from playthrough.env.fast_core import proven_core
from playthrough.env.options import EnvOptions
from playthrough.errors import BadInputError, CapabilityError, CropError, IntegrationError
from playthrough.game.integration import Integration
from playthrough.game.roms import find_rom

if TYPE_CHECKING:
    from playthrough.engine.isolated import IsolatedEngine

_log = logging.getLogger("playthrough.game")


def open_engine(options: EnvOptions, integration: Integration) -> Engine:
    """The engine that the options ask for, with the game's ROM in every lane.

    Raises:
        CapabilityError: If there is no such engine.
        PlaythroughError: If the core or the ROM cannot be had.
    """
    if options.engine != "libretro":
        raise CapabilityError(f"there is no engine {options.engine!r}; expected 'libretro'")
    rom = find_rom(integration)
    if options.core == "fast":
        core = proven_core(options, integration, rom)
    else:
        core = find_core(options.core, integration.system)
    if not rom.known and integration.rom_hashes:
        _log.warning(
            "%s is not a ROM that the integration of %s was made for (its SHA-1 is %s): variables may mean nothing",
            rom.path,
            integration.name,
            rom.sha1,
        )
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
