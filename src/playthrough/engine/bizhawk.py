"""BizHawk: found, and started with our Lua client, a configuration of its own and no questions asked."""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from playthrough.engine.bizhawk_systems import button_names, memory_map
from playthrough.engine.engine import Display
from playthrough.engine.remote_process import CLIENTS, Invitation
from playthrough.engine.systems import DISC_SHEETS, System
from playthrough.engine.text_connection import TextConnection
from playthrough.engine.wire import Connection, Hello
from playthrough.errors import CoreError, DependencyError

_log = logging.getLogger("playthrough.engine")
_VERSIONS = "2.9 to 2.11"
_VERSION = re.compile(r"2\.(?:9|10|11)(?:\.\d+)?(?!\d)")
_FRAMES_PER_SECOND = {"Nes": 60.0988, "Snes": 60.0985, "GameBoy": 59.7275, "GbColor": 59.7275, "GbAdvance": 59.7275}
_LIBRARIES = "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"
# EmuHawk asks in a window, and waits for a click, if its configuration is another version's, at a first start, about
# updates, and about what to save.
_SETTINGS: dict[str, Any] = {
    "FirstBoot": False,
    "SkipSuperuserPrivsCheck": True,
    "SkipOutdatedOsCheck": True,
    "UpdateAutoCheckEnabled": False,
    "SuppressAskSave": True,
    "RunInBackground": True,
    "SoundEnabled": False,
    "SoundOutputMethod": 3,  # none
    "ClockThrottle": False,
    "Unthrottled": True,
    "VSync": False,
    "AutoMinimizeSkipping": False,  # a skipped picture would be an old one
    "FrameSkip": 0,
    "DispSpeedupFeatures": 0,
    "OpposingDirPolicy": 2,  # left and right at once reach the game, as in every other engine
    "BackupSaveram": False,
    "AutosaveSaveRAM": False,
}


def find_bizhawk() -> Path:
    """The folder of BizHawk: what `BIZHAWK_DIR` names, or the one that EmuHawk is in on the search path.

    Raises:
        DependencyError: If there is none.
    """
    named = os.environ.get("BIZHAWK_DIR", "")
    folder = Path(named).expanduser() if named else None
    if folder is None:
        found = shutil.which("EmuHawk") or shutil.which("EmuHawkMono.sh")
        folder = Path(found).resolve().parent if found else None
    if folder is None or not any((folder / name).is_file() for name in ("EmuHawk.exe", "EmuHawkMono.sh")):
        place = f"{folder} holds no EmuHawk.exe" if folder is not None else "BizHawk was not found"
        raise DependencyError(
            f"{place}: unpack BizHawk {_VERSIONS} and name its folder in the environment variable BIZHAWK_DIR"
        )
    return folder.absolute()


def emuhawk_command(folder: Path) -> list[str]:
    """How EmuHawk is started on this system.

    Raises:
        DependencyError: If something is missing for that.
    """
    program = folder / "EmuHawk.exe"
    if sys.platform == "win32":
        return [str(program)]
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        raise DependencyError(
            "EmuHawk opens a window, and there is no display; run your program as xvfb-run -a COMMAND"
        )
    mono = shutil.which("mono")
    # The script that BizHawk 2.9 brings refuses to start a second EmuHawk, and every lane is one.
    if program.is_file() and mono:
        return [mono, str(program)]
    script = folder / "EmuHawkMono.sh"
    if script.is_file():
        return [str(script)]
    raise DependencyError(f"{program} needs Mono on this system (Debian: apt-get install mono-complete)")


def library_path(folder: Path) -> str:
    """Where EmuHawk finds its native libraries: `LD_LIBRARY_PATH`.

    Args:
        folder: Of BizHawk.
    """
    places = (str(folder / "dll"), str(folder), os.environ.get("LD_LIBRARY_PATH", ""), *_LIBRARIES)
    return os.pathsep.join(filter(None, places))


def read_config(folder: Path) -> dict[str, Any]:
    """EmuHawk's own configuration, of the version that wrote it.

    Raises:
        DependencyError: If it is missing, or another version's.
    """
    path = folder / "config.ini"
    try:
        config = _mapping(json.loads(path.read_text("utf-8-sig")))
    except FileNotFoundError:
        raise DependencyError(f"{path} is missing: start EmuHawk once by hand, which writes it, and close it") from None
    except (OSError, ValueError) as error:
        raise DependencyError(f"{path} cannot be read ({error}): start EmuHawk once by hand and close it") from None
    version = config.get("LastWrittenFrom")
    if not _VERSION.fullmatch(str(version)):
        raise DependencyError(f"{path} was written by BizHawk {version}; expected {_VERSIONS}")
    return config


def private_config(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The same configuration with our settings, and with a place for battery RAM where no game has any yet."""
    private = {**config, **_SETTINGS}
    private["Rewind"] = {**_mapping(config.get("Rewind")), "Enabled": False}
    private["Savestates"] = {**_mapping(config.get("Savestates")), "SaveScreenshot": False, "MakeBackups": False}
    paths = _mapping(config.get("PathEntries"))
    entries = cast("list[dict[str, Any]]", paths.get("Paths", []))
    moved = [
        {**entry, "Path": str(folder / "SaveRAM")} if "Save RAM" in str(entry.get("Type")) else entry
        for entry in entries
    ]
    if moved:
        private["PathEntries"] = {**paths, "Paths": moved}
    return private


def _mapping(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


class BizHawk:
    """BizHawk with a game.

    Args:
        system: What it emulates.
        rom: The ROM's bytes.
        path: The ROM's file. Discs are read from there.
        debug: Whether EmuHawk shows messages over the game.

    Raises:
        DependencyError: If it is not installed.
    """

    name = "bizhawk"
    num_ports = 8
    origin = (0, 0)
    hint = f"Is it BizHawk {_VERSIONS}, does it start by hand, and does it run this ROM there?"

    def __init__(self, system: System, rom: bytes, path: Path, *, debug: bool = False) -> None:
        self._system, self._rom, self._path, self._debug = system, rom, path, debug
        # The picture is as large as the core makes it.
        self.display = Display(0, 0, 0, _FRAMES_PER_SECOND.get(system.name, 60.0), 0.0)
        self._folder = find_bizhawk()
        self._command = emuhawk_command(self._folder)
        self._config = read_config(self._folder)

    def start(self, folder: Path, invitation: Invitation, output: int) -> subprocess.Popen[bytes] | None:
        """See `Program.start`."""
        config = folder / "config.ini"
        config.write_text(json.dumps(self.private_config(folder)), "utf-8")
        rom = self._path.absolute()
        if rom.suffix.lower() not in DISC_SHEETS:
            rom = folder / f"rom{self._system.extensions[0]}"
            rom.write_bytes(self._rom)
        variables = {
            **invitation.environment(),
            **self.client_environment(),
            "PLAYTHROUGH_FOLDER": str(folder),
            "MONO_CRASH_NOFILE": "1",
            "MONO_WINFORMS_XIM_STYLE": "disabled",
            "LD_LIBRARY_PATH": library_path(self._folder),
        }
        try:
            return subprocess.Popen(
                [*self._command, *self.client_arguments(invitation), f"--config={config}", str(rom)],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for this process to decide on
                env=os.environ | variables,
            )
        except OSError as error:
            raise DependencyError(f"cannot start {self._command[0]}: {error.strerror}") from None

    def private_config(self, folder: Path) -> dict[str, Any]:
        """EmuHawk's configuration for one lane."""
        return private_config(self._config, folder)

    def client_arguments(self, invitation: Invitation) -> list[str]:
        """EmuHawk's arguments that start our client in it."""
        return arguments(invitation, CLIENTS / "bizhawk.lua")

    def client_environment(self) -> dict[str, str]:
        """What the client must know, besides the invitation."""
        return client_environment(self._system, debug=self._debug)

    def speaker(self, connection: socket.socket) -> Connection:
        """See `Program.speaker`."""
        return TextConnection(connection)

    def refusal(self, output: str) -> str:
        """See `Program.refusal`. What EmuHawk says of a ROM, it says in a window."""
        return ""

    def check(self, hello: Hello) -> None:
        """See `Program.check`."""
        check_version(hello)


class BizHawkByHand(BizHawk):
    """BizHawk with a game, started by a person, perhaps on another machine.

    Args:
        system: What it emulates.
    """

    hint = "Was it started as the command says that was printed, and can it reach this machine?"
    preparation = f"with the files of {CLIENTS} in a folder named clients beside EmuHawk.exe"

    def __init__(self, system: System) -> None:
        self._system, self._debug = system, False
        self.display = Display(0, 0, 0, _FRAMES_PER_SECOND.get(system.name, 60.0), 0.0)

    def start(self, folder: Path, invitation: Invitation, output: int) -> None:
        """See `Program.start`. Says what to do."""
        variables = invitation.environment() | self.client_environment()
        del variables["PLAYTHROUGH_CLIENTS"]
        words = ["EmuHawk.exe", *self.client_arguments(invitation), "ROM"]
        _log.warning(
            "start BizHawk where it is to run, %s:\n%s\n  %s",
            self.preparation,
            "\n".join(f'  set "{name}={value}"' for name, value in variables.items()),
            shlex.join(words),
        )

    def client_arguments(self, invitation: Invitation) -> list[str]:
        """See `BizHawk.client_arguments`."""
        return arguments(invitation, Path("clients", "bizhawk.lua"))


def client_environment(system: System, *, debug: bool) -> dict[str, str]:
    """What the client must know of a system, as environment variables."""
    return {
        "PLAYTHROUGH_MEMORY": memory_map(system),
        "PLAYTHROUGH_BUTTONS": button_names(system),
        "PLAYTHROUGH_MODE": "DEBUG" if debug else "",
    }


def arguments(invitation: Invitation, script: Path) -> list[str]:
    """EmuHawk's arguments; this spelling is understood by all versions."""
    return [f"--socket_ip={invitation.host}", f"--socket_port={invitation.port}", f"--lua={script}"]


def check_version(hello: Hello) -> None:
    """Refuse a BizHawk that the client was not written for.

    Raises:
        CoreError: If it is one.
    """
    name, _, version = hello.program.partition(" ")
    if name != "BizHawk" or not _VERSION.match(version):
        raise CoreError(f"expected BizHawk {_VERSIONS}, found {hello.program}")
