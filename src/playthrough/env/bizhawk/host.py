"""BizHawk's Lua functions over one libretro core: any script written for BizHawk runs here, without BizHawk.

A script has its own Lua 5.4 state. Its `emu.frameadvance()` runs the core at once, from inside the call; nobody has to
resume anything. It reads and writes files with the user's rights, as it does in BizHawk, but starts no programs, loads
no compiled code, and does not reach Python. `math.random` starts from the same seed each time, and `pairs` visits
numbers and strings in ascending order, so a script does the same in every process.

Which functions there are is said by `supported_functions`; any other one of BizHawk's raises an error that names it.
"""

from __future__ import annotations

import hashlib
import importlib
import re
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from playthrough.env.bizhawk import painting
from playthrough.env.bizhawk.consoles import pad_lines
from playthrough.env.bizhawk.lane import ScriptLane, find_script_rom
from playthrough.env.bizhawk.socket import ScriptSocket
from playthrough.errors import BadInputError, DependencyError, IntegrationError, PlaythroughError
from playthrough.game.atomic_file import write_file
from playthrough.game.lua_host import from_lua, to_lua

_FOLDER = Path(__file__).parent
_STOPPED, _HOST_FAILED = "the script was stopped", "the host failed"
_NUM_PLAYERS = 2
_PLACE = re.compile(r"^(?P<chunk>[^\n]*?):(?P<line>\d+): ")
MAX_SECONDS = 30
"""How long, in processor time, a script may go on without a frame."""

OnFrame = Callable[[NDArray[np.uint8], NDArray[np.int16] | None], None]
"""Called with each finished picture, uint8 (height, width, 3), and the sound of its frame, int16 (samples, 2)."""


class BizHawkHost:
    """One script and the core that it drives.

    Args:
        folder: The script's; it looks for files and modules there.
        rom: The ROM to start with, or the name of a known game; None if the script opens one itself.
        system: The ROM's system such as `Nes`, where its name does not tell.
        core: `exact`, a core's name, or a core file.
        show: Takes each line that the script prints.
        watched: Whether anybody will look at pictures. Without, nothing is drawn.
        on_frame: Called with every picture once the script has drawn over it.
        max_frames: Stop the script after so many frames.
        slots: The folder of the ten savestate slots; None for the script's.
    """

    def __init__(
        self,
        folder: Path,
        rom: str | Path | None = None,
        *,
        system: str | None = None,
        core: str | Path = "exact",
        show: Callable[[str], None] = print,
        watched: bool = True,
        on_frame: OnFrame | None = None,
        max_frames: int | None = None,
        slots: Path | None = None,
    ) -> None:
        self.lane: ScriptLane | None = None
        self.exit_code = 0
        self.total_frames = 0
        """How many frames were run, whatever the script counts."""
        self._folder, self._core, self._system, self._show = folder.absolute(), core, system, show
        self._watched, self._on_frame, self._max_frames = watched, on_frame, max_frames
        self._slots = folder.absolute() if slots is None else slots
        self._sound: NDArray[np.int16] | None = None
        self._has_new_picture = False
        self._states: dict[str, bytes] = {}
        self.socket = ScriptSocket()
        self._num_states = 0
        self._began_s: float | None = None
        self._pending: BaseException | None = None
        self._paths: dict[str, Path] = {}
        try:
            module = importlib.import_module("lupa.lua54")
        except ImportError as error:
            raise DependencyError(f"Lua 5.4 is missing: install lupa ({error})") from None
        # Latin-1 maps every byte to one character, so strings of any bytes pass unchanged.
        self._runtime: Any = module.LuaRuntime(
            encoding="latin-1",
            source_encoding="latin-1",
            unpack_returned_tuples=True,
            register_eval=False,
            register_builtins=False,
            attribute_filter=_no_attributes,
        )
        offered: dict[str, Callable[..., Any]] = {
            "may_go_on": self._may_go_on,
            "show": self._print,
            "fetch_page": self._fetch_page,
            "write_bytes": self._write_bytes,
            "sha256": _sha256,
            "parse_color": _parse_color,
            "advance": self._advance,
            "show_frame": self.finish_frame,
            "power_on": lambda: self.running_lane.power_on(),
            "system_id": lambda: self.lane.console.system_id if self.lane else "NULL",
            "board_name": lambda: self.running_lane.engine.core_name,
            "display_type": lambda: "PAL" if self.running_lane.engine.display.frames_per_second < 55 else "NTSC",
            "save_file": self._save_file,
            "load_file": self._load_file,
            "slot_path": self._slot_path,
            "keep_state": self._keep_state,
            "take_state": self._take_state,
            "drop_state": self._drop_state,
            "open_rom": self._open_rom,
            "screenshot": self._screenshot,
            "picture_size": lambda: (
                self.running_lane.engine.display.width,
                self.running_lane.engine.display.height,
            ),
            "set_exit_code": self._set_exit_code,
            "socket_ip": lambda: to_lua(self.socket.ip),
            "socket_port": lambda: self.socket.port,
            "socket_set_ip": self._socket_set_ip,
            "socket_set_port": self._socket_set_port,
            "socket_set_timeout": self._socket_set_timeout,
            "socket_send": self._socket_send,
            "socket_send_bytes": self._socket_send_bytes,
            "socket_screenshot": self._socket_screenshot,
            "socket_receive": lambda: self.socket.receive().decode("latin-1"),
            "socket_is_connected": lambda: self.socket.is_connected,
            "socket_is_successful": lambda: self.socket.is_successful,
            "rom_name": lambda: to_lua(self.lane.rom.path.stem) if self.lane else "Null",
            "rom_hash": lambda: self.lane.rom.sha1.upper() if self.lane else "",
        }
        start = self._runtime.execute(
            "local source, more, python, names, watched = ..."
            " local libraries = assert(load(more, '=playthrough'))"
            " return assert(load(source, '=playthrough'))(python, names, watched, libraries)",
            (_FOLDER / "host.lua").read_text("utf-8"),
            (_FOLDER / "libraries.lua").read_text("utf-8"),
            self._runtime.table_from({name: self._guard(function) for name, function in offered.items()}),
            (_FOLDER / "functions.txt").read_text("utf-8"),
            watched,
        )
        self._lua: Any = start
        self._lua.enter_folder(to_lua(str(self._folder)))
        if rom is not None:
            self.open_rom(*find_script_rom(rom, system))

    @property
    def running_lane(self) -> ScriptLane:
        """The lane.

        Raises:
            BadInputError: If no ROM is loaded.
        """
        if self.lane is None:
            raise BadInputError("no ROM is loaded; name one, or let the script call client.openrom")
        return self.lane

    @property
    def num_frames(self) -> int:
        """What `emu.framecount` says."""
        return int(self._lua.num_frames())

    def open_rom(self, path: Path, system: str | None = None) -> None:
        """Load a game, in place of the one that runs.

        Args:
            path: The ROM file.
            system: Its system's name; None for the host's.

        Raises:
            PlaythroughError: If it cannot be had.
        """
        if self.lane is not None and self.lane.rom.path.absolute() == path.absolute():
            self.lane.power_on()
            self._lua.went_back(0)
            return
        lane = ScriptLane(path, system or self._system, self._core)
        if self.lane is not None:
            self.lane.close()
        self.lane = lane
        lane.show_pictures(self._watched)
        if self._on_frame is not None:
            lane.engine.capture_sound(0, True)
        domains = "\n".join(f"{domain.name}={domain.size_bytes}" for domain in lane.domains.values())
        self._lua.set_system(domains, *pad_lines(lane.console, lane.system, _NUM_PLAYERS))

    def load_state(self, path: Path) -> None:
        """Go on from a savestate: a script's, or a core's own."""
        self._lua.went_back(self.running_lane.load_file(path))

    def add_module(self, name: str, source: str, **functions: Callable[..., Any]) -> None:
        """Offer a module to `require`.

        Args:
            name: The module's.
            source: Lua; it gets the host and a table of the functions, and returns the module.
            **functions: Python's part of it.
        """
        self._lua.add_module(
            name, source, self._runtime.table_from({key: self._guard(value) for key, value in functions.items()})
        )

    def run(self, path: Path) -> None:
        """Run a script from its beginning to its end.

        Raises:
            IntegrationError: If it is not valid Lua, or fails; with the line.
        """
        try:
            source = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        except OSError as error:
            raise BadInputError(f"{path}: the script cannot be read: {error.strerror}") from None
        if source.startswith(b"#"):  # Lua skips a first line such as #!/usr/bin/lua; keep the numbers of the lines
            source = b"--" + source
        name = to_lua(path.name)
        self._paths[name] = path
        self._began_s = None
        self._checked(self._lua.run(source.decode("latin-1"), "@" + name))

    def call(self, function: Any, *arguments: Any) -> Any:
        """Call a function of the script's; several results are a tuple.

        Raises:
            IntegrationError: If it fails.
        """
        self._began_s = None
        return self._checked(self._lua.call(function, *arguments))

    def fire(self, kind: str) -> None:
        """Call what the script registered for an event such as `exit`."""
        self.call(self._lua.fire, kind)

    def seed(self, seed: int) -> None:
        """Start the script's random numbers anew."""
        self._lua.seed(seed)

    def picture(self, *, drawn: bool = True) -> NDArray[np.uint8]:
        """The game's picture, uint8 (height, width, 3), with what the script drew over it."""
        picture = self.running_lane.picture().copy()
        if drawn:

            def paint(kind: str, *values: Any) -> tuple[bool, str]:
                try:
                    _paint(picture, kind, values)
                except (ValueError, TypeError, OverflowError) as error:
                    return False, to_lua(f"gui: {error}")
                return True, ""

            self._checked(self._lua.call(self._lua.each_drawing, paint))
        return picture

    def finish_frame(self) -> None:
        """Hand out the last picture, if nobody did: after this, nothing is drawn over it any more."""
        if self._on_frame is not None and self._has_new_picture:
            self._has_new_picture = False
            self._on_frame(self.picture(), self._sound)

    def supported_functions(self) -> set[str]:
        """The functions of BizHawk that work here, such as `memory.read_u8`."""
        return set(str(self._lua.supported()).split())

    def close(self) -> None:
        """End the emulator, and what the script is connected to."""
        self.socket.close()
        if self.lane is not None:
            self.lane.close()
            self.lane = None

    # ------------------------------------------------------------ what the Lua side asks for

    def _may_go_on(self) -> None:
        """Asked while a script runs. Python hands out Ctrl-C while it is asked, which ends the script as well."""
        now_s = time.thread_time()
        if self._began_s is None:
            self._began_s = now_s
        if now_s - self._began_s > MAX_SECONDS:
            raise BadInputError(f"it has run for {MAX_SECONDS} seconds without a frame; is there an endless loop?")

    def _print(self, text: str) -> None:
        self._show(from_lua(text))

    def _advance(self, first: int, second: int) -> None:
        if self._max_frames is not None and self.total_frames >= self._max_frames:
            raise _StopScriptError
        lane = self.running_lane
        lane.advance(first, second)
        self.total_frames += 1
        self._began_s = None
        if self._on_frame is not None:
            self._sound = lane.engine.take_sound(0)
            self._has_new_picture = True

    def _fetch_page(self, domain: str, number: int) -> bytes:
        return self.running_lane.page(domain, number)

    def _write_bytes(self, domain: str, address: int, data: str) -> None:
        self.running_lane.write(domain, address, data.encode("latin-1"))

    def _open_rom(self, path: str) -> bool:
        file = Path(from_lua(path))
        if not file.is_file():
            return False
        self.open_rom(file)
        return True

    def _save_file(self, path: str, num_frames: int) -> bool:
        write_file(Path(from_lua(path)), self.running_lane.save(num_frames))
        return True

    def _load_file(self, path: str) -> int:
        file = Path(from_lua(path))
        return self.running_lane.load_file(file) if file.is_file() else -1

    def _slot_path(self, slot: int) -> str:
        if not 0 <= slot <= 10:
            raise BadInputError(f"savestate slots are 1 to 10, not {slot}")
        return to_lua(str(self._slots / f"{self.running_lane.rom.path.stem}.QuickSave{slot}.State"))

    def _keep_state(self, num_frames: int) -> str:
        self._num_states += 1
        identifier = f"00000000-0000-0000-0000-{self._num_states:012x}"
        self._states[identifier] = self.running_lane.save(num_frames)
        return identifier

    def _take_state(self, identifier: str) -> int:
        if identifier not in self._states:
            raise BadInputError(f"memorysavestate.loadcorestate: there is no state {identifier!r}")
        return self.running_lane.load(self._states[identifier])

    def _drop_state(self, identifier: str) -> None:
        if identifier:
            self._states.pop(identifier, None)
        else:
            self._states.clear()

    def _screenshot(self, path: str) -> None:
        file = Path(from_lua(path)) if path else self._folder / f"{self.running_lane.rom.path.stem}.png"
        write_file(file, png(self._undrawn_picture()))

    def _socket_set_ip(self, ip: str) -> None:
        self.socket.set_ip(from_lua(ip))

    def _socket_set_port(self, port: int) -> None:
        self.socket.set_port(int(port))

    def _socket_set_timeout(self, milliseconds: int) -> None:
        self.socket.set_timeout(int(milliseconds))

    def _socket_send(self, text: str) -> int:
        return self.socket.send(text.encode("latin-1"))

    def _socket_send_bytes(self, text: str) -> int:
        return self.socket.send_bytes(text.encode("latin-1"))

    def _socket_screenshot(self) -> bool:
        return self.socket.send_file(png(self._undrawn_picture())) > 0

    def _undrawn_picture(self) -> NDArray[np.uint8]:
        if not self._watched:
            raise BadInputError("a screenshot needs pictures: make the environment with render_mode='rgb_array'")
        return self.picture(drawn=False)

    def _set_exit_code(self, code: int) -> None:
        self.exit_code = int(code)

    def _guard(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """No Python error may pass through Lua: a script could catch the object and reach Python with it."""

        def guarded(*arguments: Any) -> tuple[Any, ...]:
            if self._pending is not None:
                return False, _HOST_FAILED
            try:
                result = function(*arguments)
            except _StopScriptError:
                return False, _STOPPED
            except PlaythroughError as error:
                return False, to_lua(str(error))
            except BaseException as error:
                self._pending = error
                return False, _HOST_FAILED
            return (True, *cast("tuple[Any, ...]", result)) if isinstance(result, tuple) else (True, result)

        return guarded

    def _checked(self, result: Any) -> Any:
        pending, self._pending = self._pending, None
        if pending is not None:
            raise pending
        values = cast("tuple[Any, ...]", result if isinstance(result, tuple) else (result,))
        if values[0]:
            return values[1] if len(values) == 2 else (values[1:] or None)
        message = str(values[1])
        if message == _STOPPED:
            raise ScriptStopped
        place = _PLACE.match(message)
        path = self._paths.get(place["chunk"]) if place is not None else None
        if place is None or path is None:
            raise IntegrationError(from_lua(message), path=next(iter(self._paths.values()), None))
        raise IntegrationError(from_lua(message[place.end() :]), path=path, line=int(place["line"]))


class ScriptStopped(Exception):
    """The script ended itself with `client.exit`, or has had its frames."""


class _StopScriptError(Exception):
    """Raised where a frame too many was asked for."""


def png(picture: NDArray[np.uint8]) -> bytes:
    """A picture, uint8 (height, width, 3), as a PNG file."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = picture.shape[:2]
    rows = np.zeros((height, 1 + width * 3), np.uint8)  # each row begins with its filter, 0 for none
    rows[:, 1:] = picture.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows.tobytes(), 1))
        + chunk(b"IEND", b"")
    )


def _paint(picture: NDArray[np.uint8], kind: str, values: tuple[Any, ...]) -> None:
    if kind == "text":
        x, y, message, color, background, anchor = values
        painting.text(picture, round(x), round(y), from_lua(message), color, background, anchor)
        return
    a, b, c, d, color, *background = (round(value) for value in values)
    if kind == "line":
        painting.line(picture, a, b, c, d, color)
    elif kind == "box":
        painting.box(picture, a, b, c, d, color, background[0])
    else:
        painting.ellipse(picture, a, b, c, d, color, background[0])


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("latin-1")).hexdigest().upper()


def _parse_color(text: str) -> int:
    return painting.parse_color(from_lua(text))


def _no_attributes(_object: Any, _name: Any, _is_setting: bool) -> Any:
    raise AttributeError("Lua scripts cannot look into Python objects")
