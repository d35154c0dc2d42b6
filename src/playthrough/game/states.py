"""Start states: savestates in files, and recipes that make a savestate again.

A savestate (`NAME.state`, gzip of what the core serialised) belongs to one core, often to one version of it. A recipe
(`NAME.recipe.json`) says how to get there: power on or another state, then these inputs. It is rebuilt on any core and
survives the core's next version:

    {"start": "power-on", "players": 1, "inputs": [[120, ""], [1, "START"], [300, "RIGHT+B"]]}

Each input holds for a number of frames; with more than one player, one text per player follows.
"""

from __future__ import annotations

import gzip
import itertools
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from playthrough.errors import IntegrationError, StateError
from playthrough.game.atomic_file import write_file
from playthrough.game.json_files import read_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from playthrough.engine.systems import System
    from playthrough.game.integration import Integration

POWER_ON = "power-on"

# Ten hours at 60 frames a second: a recipe longer than this is a slip of the pen.
_MAX_FRAMES = 10 * 3600 * 60


def load_state_bytes(integration: Integration, name: str | Path) -> bytes:
    """The savestate that a name or a path stands for, unpacked.

    Args:
        integration: The game.
        name: A state of the game, with or without `.state`, or the path of a state file.

    Raises:
        StateError: If there is none, if it is a recipe only, or if the file is damaged.
    """
    path = find_state(integration, name)
    if path.name.endswith(".recipe.json"):
        raise StateError(f"{integration.name}: the state {name!r} is a recipe ({path}), which must be played first")
    return read_state(path)


def find_state(integration: Integration, name: str | Path) -> Path:
    """The file of a start state: the savestate if there is one, else its recipe.

    Raises:
        StateError: If there is none; the message lists what there is.
    """
    text = str(name)
    if isinstance(name, Path) or "/" in text or "\\" in text:
        path = Path(name).expanduser()
        if not path.is_file():
            raise StateError(f"there is no state file {path}")
        return path
    short = text.removesuffix(".state").removesuffix(".recipe.json")
    states, recipes = integration.states, integration.recipes
    # Two shipped games name their default state with a dot too many.
    path = states.get(short) or recipes.get(short) or states.get(short.rstrip("."))
    if path is None:
        there = sorted({*states, *recipes})
        raise StateError(
            f"{integration.name} has no state {text!r}; its states: {', '.join(there) or 'none, it starts at power-on'}"
        )
    return path


def read_state(path: Path) -> bytes:
    """The savestate in a `.state` file.

    Raises:
        StateError: If the file cannot be read or is no whole gzip file.
    """
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise StateError(f"cannot read the state {path}: {error.strerror}") from error
    return unpack_state(packed, str(path))


def unpack_state(packed: bytes, where: str = "the state") -> bytes:
    """The savestate in the bytes of a `.state` file.

    Raises:
        StateError: If they are no whole gzip file; the message begins with `where`.
    """
    if packed[:2] != b"\x1f\x8b":
        found = f"begins with {packed[:4]!r}" if packed else "is empty"
        raise StateError(f"{where}: expected a savestate packed with gzip, but the file {found}")
    try:
        data = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise StateError(
            f"{where}: the file is damaged or cut off ({error}); restore it or make the state again"
        ) from error
    if not data:
        raise StateError(f"{where}: the savestate in the file is empty")
    return data


def pack_state(data: bytes) -> bytes:
    """The bytes of a `.state` file. The same savestate gives the same bytes at any time."""
    return gzip.compress(data, mtime=0)


def save_state(path: str | Path, data: bytes) -> None:
    """Write a savestate to a `.state` file, whole or not at all.

    Args:
        path: The file.
        data: What the core serialised.

    Raises:
        ValueError: If there is nothing in it.
        RunError: If it cannot be written; an older file is then untouched.
    """
    if not data:
        raise ValueError("an empty savestate cannot be saved")
    write_file(Path(path), pack_state(data))


@dataclass(frozen=True)
class Recipe:
    """How to reach a start state on any core.

    Attributes:
        start: `power-on`, or the name of another state of the game.
        players: Number of pads.
        inputs: How long (in frames) and what each player presses, as button names joined by `+`, one text per player.
    """

    start: str
    players: int
    inputs: tuple[tuple[int, tuple[str, ...]], ...]

    @property
    def num_frames(self) -> int:
        """How many frames it takes."""
        return sum(frames for frames, _ in self.inputs)

    @classmethod
    def from_masks(cls, masks: NDArray[np.uint16] | Iterable[Any], system: System, start: str = POWER_ON) -> Recipe:
        """Make a recipe from the buttons of every frame.

        Args:
            masks: Button masks, (frames, players) or (frames,) for one player.
            system: Whose buttons they are.
            start: Where they begin.

        Raises:
            ValueError: If a mask presses an id that is no button.
        """
        array = np.asarray(masks, np.uint16)
        array = array[:, None] if array.ndim == 1 else array
        named = sum(1 << i for i, button in enumerate(system.buttons) if button)
        if array.size and int(np.bitwise_or.reduce(array, axis=None)) & ~named:
            raise ValueError(f"the masks press ids that are no buttons of {system.name}")
        changes = np.flatnonzero((array[1:] != array[:-1]).any(axis=1)) + 1
        bounds = [0, *changes.tolist(), len(array)]
        inputs = tuple(
            (end - begin, tuple("+".join(system.names_of(int(mask))) for mask in array[begin]))
            for begin, end in itertools.pairwise(bounds)
            if end > begin
        )
        return cls(start, array.shape[1], inputs)

    def masks(self, system: System) -> NDArray[np.uint16]:
        """The buttons of every frame, uint16 (frames, players).

        Raises:
            ValueError: If the system has no such button.
        """
        result = np.zeros((self.num_frames, self.players), np.uint16)
        frame = 0
        for frames, pads in self.inputs:
            result[frame : frame + frames] = [_mask(pad, system) for pad in pads]
            frame += frames
        return result

    def write(self, path: str | Path) -> None:
        """Write it as readable JSON, one input per line, whole or not at all.

        Raises:
            RunError: If it cannot be written.
        """
        lines = ",\n".join(f"    {json.dumps([frames, *pads])}" for frames, pads in self.inputs)
        text = (
            f'{{\n  "start": {json.dumps(self.start)},\n  "players": {self.players},\n  "inputs": [\n{lines}\n  ]\n}}\n'
        )
        write_file(Path(path), text.encode("utf-8"))

    @classmethod
    def read(cls, path: str | Path, system: System) -> Recipe:
        """Read and check a recipe.

        Raises:
            StateError: If the file is no recipe for this system; the message names the file and the input.
        """
        path = Path(path)
        try:
            content = read_json(path)
        except IntegrationError as error:
            raise StateError(str(error)) from error
        return cls._checked(content, system, str(path))

    @classmethod
    def _checked(cls, entries: dict[str, Any], system: System, where: str) -> Recipe:
        unknown = sorted(entries.keys() - {"start", "players", "inputs"})
        if unknown:
            raise StateError(f'{where}: unknown key {unknown[0]!r}; a recipe has "start", "players" and "inputs"')
        start, players, inputs = entries.get("start", POWER_ON), entries.get("players", 1), entries.get("inputs")
        if not isinstance(start, str) or not start:
            raise StateError(f'{where}: "start" must be "{POWER_ON}" or the name of a state, found {start!r}')
        if type(players) is not int or not 1 <= players <= 8:
            raise StateError(f'{where}: "players" must be a whole number from 1 to 8, found {players!r}')
        if not isinstance(inputs, list):
            raise StateError(f'{where}: "inputs" must be a list such as [[120, ""], [1, "START"]], found {inputs!r}')
        checked: list[tuple[int, tuple[str, ...]]] = []
        total = 0
        for number, entry in enumerate(cast("list[Any]", inputs), 1):
            place = f"{where}: input {number}"
            parts = cast("list[Any]", entry) if isinstance(entry, list) else []
            if len(parts) != players + 1 or not all(isinstance(part, str) for part in parts[1:]):
                texts = '"BUTTON+BUTTON"' if players == 1 else f"{players} texts of buttons"
                raise StateError(f"{place}: expected [frames, {texts}], found {json.dumps(entry)}")
            frames = parts[0]
            if type(frames) is not int or frames < 1:
                raise StateError(f"{place}: the number of frames must be a whole number from 1, found {frames!r}")
            for pad in parts[1:]:
                try:
                    _mask(pad, system)
                except ValueError as error:
                    raise StateError(f"{place}: {error}") from error
            total += frames
            if total > _MAX_FRAMES:
                raise StateError(f"{place}: the recipe takes more than {_MAX_FRAMES} frames")
            checked.append((frames, tuple(parts[1:])))
        return cls(start, players, tuple(checked))


def _mask(pad: str, system: System) -> int:
    return system.mask_of([name.strip() for name in pad.split("+")]) if pad.strip() else 0
