"""From an environment's options to emulators in other programs."""

from __future__ import annotations

import socket

from playthrough.engine.bizhawk import BizHawk, BizHawkByHand
from playthrough.engine.bizhawk_tool import BizHawkTool, BizHawkToolByHand
from playthrough.engine.fceux import Fceux
from playthrough.engine.probes import Probe
from playthrough.engine.remote import RemoteEngine
from playthrough.engine.remote_process import Program
from playthrough.engine.screen import Speed
from playthrough.env.options import EnvOptions
from playthrough.env.progress import growing_columns
from playthrough.errors import CapabilityError
from playthrough.game.integration import Integration
from playthrough.game.rom_files import Rom

_START_TIMEOUT_S = 60.0
_ATTACH_TIMEOUT_S = 900.0


def open_remote(options: EnvOptions, integration: Integration, rom: Rom) -> RemoteEngine:
    """The emulators that the options ask for, one for each lane.

    Raises:
        CapabilityError: If they cannot do what the options ask for.
        PlaythroughError: If they cannot be had.
    """
    name = options.engine
    if options.client != "lua" and name != "bizhawk":
        raise CapabilityError(f"client={options.client!r} is for engine='bizhawk', not {name!r}")
    if options.core != "exact":
        raise CapabilityError(f"engine {name!r} has no libretro cores: leave out core={str(options.core)!r}")
    if options.sound:
        raise CapabilityError(f"engine {name!r} gives no sound: leave out sound=True")
    bind, port = _address(options)
    program = _program(options, integration, rom)
    if options.players > program.num_ports:
        raise CapabilityError(f"engine {name!r} has {program.num_ports} pads, not {options.players}")
    return RemoteEngine(
        program,
        rom.data,
        num_lanes=options.num_envs,
        start_timeout_s=_ATTACH_TIMEOUT_S if options.attach else _START_TIMEOUT_S,
        bind=bind,
        port=port,
        ram_word_bytes=integration.system.ram_word_bytes,
        speed=Speed.UNTHROTTLED if options.mode == "FAST_RUN" else Speed.REAL_TIME,
    )


def _program(options: EnvOptions, integration: Integration, rom: Rom) -> Program:
    if options.engine == "fceux":
        if options.attach:
            raise CapabilityError("attach is for engine='bizhawk': FCEUX is started by this program")
        return Fceux(integration.system, rom.data)
    system, debug = integration.system, options.mode == "DEBUG"
    if options.client == "tool":
        position = _position(options, integration)
        if options.attach:
            return BizHawkToolByHand(system, position=position)
        return BizHawkTool(system, rom.data, rom.path, position=position, debug=debug)
    return BizHawkByHand(system) if options.attach else BizHawk(system, rom.data, rom.path, debug=debug)


def _position(options: EnvOptions, integration: Integration) -> Probe | None:
    """Of what the tool's window shows the furthest: the first progress variable, or the first that is to grow."""
    if options.progress:
        named = integration.variables.get(options.progress[0])
        return named.probe if named else None
    compiled = integration.scenario.compile(integration.variables)
    growing = growing_columns(compiled)
    return compiled.probes[growing[0]] if growing else None


def _address(options: EnvOptions) -> tuple[str, int]:
    """Where to listen.

    An emulator that a person starts needs a port that stays the same, and an address that it can be told.
    """
    host, colon, number = options.bind.rpartition(":") if ":" in options.bind else (options.bind, "", "0")
    try:
        socket.inet_pton(socket.AF_INET, host)
        port = int(number)
    except (OSError, ValueError):
        port = -1
    if not 0 <= port < 65536:
        raise ValueError(f"bind must be an IPv4 address such as 192.168.1.5, or 192.168.1.5:9000, not {options.bind!r}")
    if options.attach and (not colon or not port or host == "0.0.0.0"):
        raise ValueError(
            f"attach=True needs bind='ADDRESS:PORT' with an address of this machine that the other one reaches and a "
            f"port of your choice, not {options.bind!r}"
        )
    return host, port
