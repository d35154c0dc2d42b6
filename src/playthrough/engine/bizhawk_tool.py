"""BizHawk with the C# tool in it, in place of the Lua client: messages through a WebSocket, pictures as raw pixels."""

from __future__ import annotations

import hashlib
import shlex
import socket
from pathlib import Path
from typing import Any

from playthrough.engine.bizhawk import BizHawk, BizHawkByHand
from playthrough.engine.probes import Probe
from playthrough.engine.remote_process import CLIENTS, Invitation
from playthrough.engine.systems import System
from playthrough.engine.websocket import WebSocketConnection
from playthrough.engine.wire import encode_probe
from playthrough.errors import DependencyError

SOURCES = CLIENTS / "bizhawk_tool"
TOOL = "PlaythroughTool"
_BIZHAWK_ASSEMBLIES = "BizHawk.Client.Common", "BizHawk.Common", "BizHawk.Emulation.Common"
_ARGUMENTS = [f"--open-ext-tool-dll={TOOL}"]
_NETSTANDARD = "/usr/lib/mono/4.5/Facades/netstandard.dll"


def tool_path(folder: Path) -> Path:
    """Where BizHawk looks for the tool.

    Args:
        folder: Of BizHawk.
    """
    return folder / "ExternalTools" / f"{TOOL}.dll"


def build_command(folder: Path) -> list[str]:
    """How Mono's compiler builds the tool for the BizHawk in this folder."""
    references = [f"-r:{folder / 'dll' / name}.dll" for name in _BIZHAWK_ASSEMBLIES]
    libraries = [f"-r:{_NETSTANDARD}", "-r:System.Drawing.dll", "-r:System.Windows.Forms.dll"]
    command = ["mcs", "-langversion:7.2", "-target:library", f"-out:{tool_path(folder)}", *references, *libraries]
    return [*command, f"-recurse:{SOURCES}/*.cs"]


class BizHawkTool(BizHawk):
    """BizHawk with a game and the tool.

    Args:
        system: What it emulates.
        rom: The ROM's bytes.
        path: The ROM's file.
        position: Where the player's position stands, of which the tool's window shows the furthest; None if unknown.
        debug: Whether EmuHawk shows messages over the game.

    Raises:
        DependencyError: If BizHawk is not installed, or the tool is not built.
    """

    hint = "Does BizHawk start by hand, and does it list Playthrough under Tools, External Tool?"

    def __init__(
        self, system: System, rom: bytes, path: Path, *, position: Probe | None = None, debug: bool = False
    ) -> None:
        super().__init__(system, rom, path, debug=debug)
        self._position, self._tool = position, tool_path(self._folder)
        if not self._tool.is_file():
            raise DependencyError(
                f"{self._tool} is missing; make the folder if need be and build the tool:\n"
                f"{shlex.join(build_command(self._folder))}"
            )

    def speaker(self, connection: socket.socket) -> WebSocketConnection:
        """See `Program.speaker`."""
        return WebSocketConnection(connection)

    def private_config(self, folder: Path) -> dict[str, Any]:
        """See `BizHawk.private_config`. Of a tool that it does not trust, EmuHawk asks in a window."""
        config = super().private_config(folder)
        digest = hashlib.sha512(self._tool.read_bytes()).hexdigest().upper()
        return {**config, "TrustedExtTools": {str(self._tool): f"SHA512:{digest}"}}

    def client_arguments(self, invitation: Invitation) -> list[str]:
        """See `BizHawk.client_arguments`."""
        return _ARGUMENTS

    def client_environment(self) -> dict[str, str]:
        """See `BizHawk.client_environment`."""
        return super().client_environment() | _watch(self._position)


class BizHawkToolByHand(BizHawkByHand):
    """BizHawk with a game and the tool, started by a person, perhaps on another machine.

    Args:
        system: What it emulates.
        position: See `BizHawkTool`.
    """

    preparation = "with the tool built for it (see docs/bizhawk-tool.md)"

    def __init__(self, system: System, *, position: Probe | None = None) -> None:
        super().__init__(system)
        self._position = position

    def speaker(self, connection: socket.socket) -> WebSocketConnection:
        """See `Program.speaker`."""
        return WebSocketConnection(connection)

    def client_arguments(self, invitation: Invitation) -> list[str]:
        """See `BizHawk.client_arguments`."""
        return _ARGUMENTS

    def client_environment(self) -> dict[str, str]:
        """See `BizHawk.client_environment`."""
        return super().client_environment() | _watch(self._position)


def _watch(position: Probe | None) -> dict[str, str]:
    return {"PLAYTHROUGH_POSITION": "" if position is None else encode_probe(position).hex()}
