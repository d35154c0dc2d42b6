"""Movies: the buttons of every frame since a start state, as `.bk2` and `.fm2` files.

Frame k of a movie is what was pressed on the k-th frame run after its start state was loaded (or after power-on). A
stable-retro recording of n steps has n + 1 lines: its reset loads the state and runs one frame with nothing pressed,
and that frame is the first line. Whoever replays with an environment therefore skips the first line (the reset ran it)
and gives every other one to a step; whoever drives an engine from the bare state gives it all of them.

Three dialects are read:

- stable-retro's `.bk2`, a zip with `Header.txt` (`MovieVersion Retro`), `Core.bin` (the savestate, unpacked) and
  `Input Log.txt`. Version 1.0.1 writes the key line as `P1 A|P1 Right|...|`, in descending button order, without the
  `LogKey:#Reset|Power|#` before it that older versions wrote; it ends with an exception on a file that has it, and it
  opens no movie without `Core.bin`. Its movies lose PC Engine's I to VI and RUN, the Master System's PAUSE and Atari's
  RESET; ours have keys for them, which stable-retro skips.
- BizHawk's `.bk2` from power-on: `LogKey:#Reset|Power|#P1 Up|...|#P2 Up|...|`, one column between bars per `#`.
- FCEUX's text `.fm2` from power-on: `|commands|RLDUTSBA|RLDUTSBA||`.

Written is stable-retro's.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from playthrough.engine.systems import System, get_system, system_of_game, systems
from playthrough.errors import BadInputError, MovieError
from playthrough.game.atomic_file import write_file
from playthrough.game.input_log import read_log
from playthrough.game.trace import TRACE_FILE, Trace

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LOG, _HEADER, _CORE = "Input Log.txt", "Header.txt", "Core.bin"

# A day at 60 frames a second has a log of about 200 MB.
_MAX_LOG_BYTES = 512 << 20

# BizHawk's platform names that are neither stable-retro's nor the system's own.
_PLATFORMS = {
    "SMS": "Sms",
    "GG": "GameGear",
    "GB": "GameBoy",
    "GBC": "GbColor",
    "GBA": "GbAdvance",
    "PCE": "PCEngine",
    "SGX": "PCEngine",
    "32X": "32x",
}

_FM2_COMMAND = re.compile("[0-9]{1,9}")
_FM2_BUTTONS = ("RIGHT", "LEFT", "DOWN", "UP", "START", "SELECT", "B", "A")


@dataclass(frozen=True, eq=False)
class Movie:
    """What was pressed on every frame.

    Attributes:
        game: The game's name as the file gives it; from other emulators the ROM's.
        platform: The system as the file calls it.
        system: The system.
        players: Number of pads.
        state: The savestate that it starts from; None for power-on.
        inputs: Button masks, uint16 (frames, players).
        header: Everything that the file says about itself.
        dialect: `stable-retro`, `bizhawk` or `fceux`.
        resets: The frames, after the first, on which the console's reset or power button is pressed.
        trace: What the variables were on every frame, if the recording kept it.
    """

    game: str
    platform: str
    system: System
    players: int
    state: bytes | None
    inputs: NDArray[np.uint16]
    header: dict[str, str] = field(default_factory=dict[str, str])
    dialect: str = "stable-retro"
    resets: tuple[int, ...] = ()
    trace: Trace | None = None


class MovieWriter:
    """Records a movie in memory and writes the file in one piece when it is closed.

    Args:
        path: The `.bk2` file; an older one is replaced on closing.
        system: Whose buttons are recorded.
        game: The game's name, which stable-retro looks up to replay the movie.
        players: Number of pads.
        state: The savestate that the first frame follows; None for power-on.
        core: The core that the savestate belongs to.
        variables: Names of the variables whose checksums `frame` gets, if it does.

    Raises:
        ValueError: If the file name does not end in .bk2, or there is no player.
    """

    def __init__(
        self,
        path: str | Path,
        system: System,
        game: str,
        players: int = 1,
        state: bytes | None = None,
        *,
        core: str | None = None,
        variables: tuple[str, ...] = (),
    ) -> None:
        self.path = Path(path)
        if self.path.suffix.lower() != ".bk2":
            raise ValueError(f"movies are written as .bk2 files, not {self.path.name!r}")
        if players < 1:
            raise ValueError(f"players must be 1 or more, not {players}")
        self._system, self._game, self._players, self._state, self._core = system, game, players, state, core
        self._named = sum(1 << i for i, button in enumerate(system.buttons) if button)
        self._masks = array("H")
        self._variables, self._checksums = variables, array("I")
        self._open = True

    @property
    def num_frames(self) -> int:
        """How many frames are recorded."""
        return len(self._masks) // self._players

    def frame(self, masks: Sequence[int] | NDArray[np.uint16], checksum: int | None = None) -> None:
        """Record one frame.

        Args:
            masks: The button mask of every player.
            checksum: Of the variables after the frame; a movie has a trace if every frame came with one.

        Raises:
            ValueError: If there is not one mask per player, or one presses an id that is no button.
        """
        if not self._open:
            raise ValueError(f"the movie {self.path} is closed")
        if len(masks) != self._players:
            raise ValueError(f"expected {self._players} button masks, one per player, found {len(masks)}")
        numbers = [int(mask) for mask in masks]
        for mask in numbers:
            if mask & ~self._named:
                raise ValueError(f"the mask {mask:#x} presses an id that is no button of {self._system.name}")
        self._masks.extend(numbers)
        if checksum is not None:
            self._checksums.append(checksum)

    def close(self) -> None:
        """Write the file. A second call does nothing.

        Raises:
            RunError: If it cannot be written; an older file is then untouched. Closing can be tried again.
        """
        if self._open:
            write_file(self.path, self._packed())
            self._open = False

    def discard(self) -> None:
        """Forget what was recorded; no file is written."""
        self._open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _packed(self) -> bytes:
        system = self._system
        keys = [
            (i, name, letter)
            for i, (name, letter) in enumerate(zip(system.bk2_names, system.bk2_letters, strict=True))
            if name and letter
        ][::-1]
        key_line = "".join(f"P{player + 1} {name}|" for player in range(self._players) for _, name, _ in keys)
        columns = {
            mask: "".join(letter if mask >> i & 1 else "." for i, _, letter in keys) for mask in set(self._masks)
        }
        pads = [columns[mask] for mask in self._masks]
        frames = ["|".join(pads[at : at + self._players]) for at in range(0, len(pads), self._players)]
        log = "\n".join(["[Input]", key_line, *(f"|..|{frame}|" for frame in frames), "[/Input]"])
        header = {
            "MovieVersion": "Retro",
            "Author": "?",
            "emuVersion": "Playthrough",
            "Platform": system.bk2_platform,
            "GameName": self._game,
            "SHA1": "?",
            "Core": self._core or "?",
            "rerecordCount": "1",
        }
        files = {
            _LOG: log.encode("ascii"),
            _HEADER: "".join(f"{key} {value}\n" for key, value in header.items()).encode("utf-8"),
            _CORE: self._state or b"",
        }
        if len(self._checksums) == len(frames):
            files[TRACE_FILE] = Trace(self._variables, np.array(self._checksums, np.uint32)).to_text().encode()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                # The default date is a fixed one: the same recording gives the same file.
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        return packed.getvalue()


def read_movie(path: str | Path) -> Movie:
    """Read a `.bk2` or `.fm2` movie.

    Raises:
        MovieError: If the file is missing or damaged, is of an unknown system, or starts from another emulator's own
            savestate; the message names the file and the line.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise MovieError(f"cannot read the movie {path}: {error.strerror}") from error
    if raw[:2] == b"PK":
        return _read_bk2(path, raw)
    if path.suffix.lower() == ".fm2" or raw[:8] == b"version ":
        return _read_fm2(path, raw)
    raise MovieError(
        f"{path} is no movie: expected a .bk2 (a zip archive) or a text .fm2, found a file that begins with {raw[:8]!r}"
    )


def export_inputs(movie: Movie, system: System | None = None) -> str:
    """The movie as text: per frame one line with the buttons pressed, players separated by a bar, `.` for nothing."""
    system = system or movie.system
    texts = {int(mask): " ".join(system.names_of(int(mask))) or "." for mask in np.unique(movie.inputs)}
    return "".join(" | ".join(texts[mask] for mask in frame) + "\n" for frame in movie.inputs.tolist())


def _read_bk2(path: Path, raw: bytes) -> Movie:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            names = set(archive.namelist())
            missing = sorted({_LOG, _HEADER} - names)
            if missing:
                raise MovieError(f"{path} is no movie: the archive holds no {missing[0]!r}")
            if archive.getinfo(_LOG).file_size > _MAX_LOG_BYTES:
                raise MovieError(f"{path}: the input log is larger than {_MAX_LOG_BYTES} bytes")
            header_text = archive.read(_HEADER).decode("utf-8", "replace")
            log = archive.read(_LOG).decode("utf-8")
            state = archive.read(_CORE) if _CORE in names else b""
            trace = archive.read(TRACE_FILE).decode("ascii") if TRACE_FILE in names else None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, UnicodeDecodeError) as error:
        raise MovieError(f"the movie {path} is damaged or cut off: {error}") from error
    header = _pairs(header_text)
    bizhawk = header.get("MovieVersion", "").startswith("BizHawk")
    if bizhawk and any(
        header.get(f"StartsFrom{what}", "").lower() in ("1", "true") for what in ("Savestate", "SaveRam")
    ):
        raise MovieError(
            f"{path} starts from a savestate of BizHawk's own, which no libretro core loads; "
            "only BizHawk's movies from power-on can be used"
        )
    system = _system_of(path, header)
    lines = log.splitlines()
    begin = next((i for i, line in enumerate(lines) if line.strip() == "[Input]"), None)
    if begin is None or begin + 1 >= len(lines):
        raise MovieError(f"{path}: {_LOG}: expected the line [Input] and a line of keys, found neither")
    inputs, players, resets = read_log(f"{path}: {_LOG}", lines, begin + 1, system)
    return Movie(
        game=header.get("GameName", ""),
        platform=header.get("Platform", system.bk2_platform),
        system=system,
        players=players,
        state=None if bizhawk or not state else state,
        inputs=inputs,
        header=header,
        dialect="bizhawk" if bizhawk else "stable-retro",
        resets=resets,
        trace=None if trace is None else Trace.from_text(trace, f"{path}: {TRACE_FILE}"),
    )


def _system_of(path: Path, header: dict[str, str]) -> System:
    platform = header.get("Platform", "")
    for system in systems().values():
        if platform in (system.bk2_platform, system.name):
            return system
    if platform in _PLATFORMS:
        return get_system(_PLATFORMS[platform])
    try:
        return system_of_game(header.get("GameName", ""))
    except BadInputError as error:
        raise MovieError(f"{path}: the movie is of the platform {platform!r}, which is none that is known") from error


def _pairs(text: str) -> dict[str, str]:
    pairs = (line.partition(" ") for line in text.splitlines() if line.strip())
    return {key: value.strip() for key, _, value in pairs}


def _read_fm2(path: Path, raw: bytes) -> Movie:
    text = raw.decode("utf-8", "replace")
    lines = text.splitlines()
    begin = next((i for i, line in enumerate(lines) if line.startswith("|")), len(lines))
    header = _pairs("\n".join(lines[:begin]))
    if header.get("version") != "3":
        raise MovieError(
            f"{path}, line 1: expected FCEUX's movie version 3, found {lines[0] if lines else 'nothing'!r}"
        )
    if header.get("binary", "0") != "0":
        raise MovieError(f"{path} is a binary .fm2; let FCEUX save it as text")
    if "savestate" in header:
        raise MovieError(
            f"{path} starts from a savestate of FCEUX's own, which no libretro core loads; "
            "only movies from power-on can be used"
        )
    if header.get("fourscore", "0") != "0":
        players = 4
    else:
        ports = [header.get("port0", "1"), header.get("port1", "0")]
        if not set(ports) <= {"0", "1"} or ports[0] != "1":
            raise MovieError(f"{path}: the ports hold {ports}; only pads (1) can be used, and one must be in port 0")
        players = 1 + (ports[1] == "1")
    nes = get_system("Nes")
    bits = [1 << nes.buttons.index(button) for button in _FM2_BUTTONS]
    parsed: dict[str, tuple[list[int], bool]] = {}
    frames: list[list[int]] = []
    resets: list[int] = []
    for number, line in enumerate(lines[begin:], begin + 1):
        if not line.strip():
            continue
        known = parsed.get(line)
        if known is None:
            columns = line.rstrip().split("|")
            pads = columns[2 : 2 + players]
            if columns[0] or not _FM2_COMMAND.fullmatch(columns[1]) or [len(pad) for pad in pads] != [8] * players:
                expected = "|0|" + "RLDUTSBA|" * players
                raise MovieError(f"{path}, line {number}: expected a line such as {expected}, found {line!r}")
            if int(columns[1]) & ~3:
                raise MovieError(f"{path}, line {number}: the command {columns[1]} is neither reset (1) nor power (2)")
            masks = [sum(bit for bit, letter in zip(bits, pad, strict=True) if letter not in ". ") for pad in pads]
            known = parsed[line] = masks, columns[1] != "0"
        if known[1] and frames:
            resets.append(len(frames))
        frames.append(known[0])
    return Movie(
        game=header.get("romFilename", ""),
        platform=nes.bk2_platform,
        system=nes,
        players=players,
        state=None,
        inputs=np.array(frames, np.uint16).reshape(len(frames), players),
        header=header,
        dialect="fceux",
        resets=tuple(resets),
    )
