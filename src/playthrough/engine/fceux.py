"""FCEUX: found, and started without a window."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

from playthrough.engine.engine import Display
from playthrough.engine.remote_process import CLIENTS, Invitation
from playthrough.engine.systems import System
from playthrough.engine.wire import Connection, Hello
from playthrough.errors import CapabilityError, DependencyError

# The driver that draws in memory: the default one asks for OpenGL, which the offscreen platform does not have.
# A console that was just switched on has its RAM full of 255, as in the embedded core.
_CONFIG = "SDL.VideoDriver = 2\nSDL.VideoVsync = 0\nSDL.Vsync = 0\nSDL.Sound = 0\nSDL.RamInitMethod = 1\n"
_RAW_PICTURE = 256, 240
# FCEUX stays up without a game, and runs no script then; what it prints is all that tells.
_REFUSALS = "Unknown ROM file format", "is not supported at all", "Error opening", "Invalid NES header"
_REFUSAL = re.compile(f"^.*(?:{'|'.join(_REFUSALS)}).*$", re.MULTILINE)
_NTSC_FRAMES_PER_SECOND = 60.099826520671044


def find_fceux() -> Path:
    """The program: what `FCEUX` names, or the first on the search path (Debian keeps games elsewhere).

    Raises:
        DependencyError: If there is none.
    """
    chosen = os.environ.get("FCEUX", "fceux")
    found = shutil.which(chosen, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/games")))
    if found is None:
        raise DependencyError(
            f"there is no emulator {chosen!r} here; install FCEUX 2.6 with Lua (Debian: apt-get install fceux "
            "lua-socket), or name its program in the environment variable FCEUX"
        )
    return Path(found)


class Fceux:
    """FCEUX with a game.

    Args:
        system: Must be the NES.
        rom: The ROM's bytes.
        path: The program; None to look for it.

    Raises:
        CapabilityError: If it does not run the system.
        DependencyError: If it is not installed.
    """

    name = "fceux"
    num_ports = 2
    hint = (
        "Is it FCEUX 2.6 with Lua, is LuaSocket for Lua 5.1 installed (Debian: apt-get install lua-socket), and does "
        "it run this ROM?"
    )

    def __init__(self, system: System, rom: bytes, path: Path | None = None) -> None:
        if system.name != "Nes":
            raise CapabilityError(f"engine 'fceux' runs Nes games; this game is one of {system.name}")
        self._rom, self._path = rom, path or find_fceux()
        width, height = system.screen_hint
        # What the embedded core shows is the part in the middle.
        self.display = Display(width, height, 0, _NTSC_FRAMES_PER_SECOND, 0.0)
        self.origin = (_RAW_PICTURE[0] - width) // 2, (_RAW_PICTURE[1] - height) // 2

    def speaker(self, connection: socket.socket) -> Connection:
        """See `Program.speaker`."""
        return Connection(connection)

    def refusal(self, output: str) -> str:
        """See `Program.refusal`."""
        line = _REFUSAL.search(output)
        return "" if line is None else line[0].strip()

    def check(self, hello: Hello) -> None:
        """See `Program.check`."""

    def start(self, folder: Path, invitation: Invitation, output: int) -> subprocess.Popen[bytes]:
        """See `Program.start`."""
        states = folder / ".fceux" / "fcs"
        states.mkdir(parents=True)
        (folder / ".fceux" / "fceux.cfg").write_text(_CONFIG)
        rom = folder / "rom.nes"
        rom.write_bytes(self._rom)
        try:
            return subprocess.Popen(
                [str(self._path), "--sound", "0", "--loadlua", str(CLIENTS / "fceux.lua"), str(rom)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for this process to decide on
                env={
                    **os.environ,
                    **invitation.environment(),
                    "QT_QPA_PLATFORM": "offscreen",
                    "SDL_AUDIODRIVER": "dummy",
                    "HOME": str(folder),
                    "XDG_RUNTIME_DIR": str(folder),
                    "TMPDIR": str(folder),
                    "PLAYTHROUGH_STATE": str(states / "rom.fc0"),
                },
            )
        except OSError as error:
            raise DependencyError(f"cannot start {self._path}: {error.strerror}") from None
