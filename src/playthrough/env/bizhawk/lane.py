"""The lane that a script plays on: one libretro core, frame by frame, with its memory as BizHawk names it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.bizhawk_systems import Console, Domain
from playthrough.engine.cores import find_core
from playthrough.engine.engine import Observe, PixelSpec
from playthrough.engine.libretro import LibretroEngine
from playthrough.engine.systems import System, get_system, system_of_rom
from playthrough.env.bizhawk.consoles import PAGE_BYTES, console_of, mapped_pieces
from playthrough.errors import BadInputError, PlaythroughError, StateError
from playthrough.game.integration import load_integration
from playthrough.game.rom_files import Rom, read_rom
from playthrough.game.roms import find_rom
from playthrough.game.states import read_state

_MAGIC = b"playthrough script state 1\n"
_NUM_PORTS = 2


def find_script_rom(rom: str | Path, system: str | None = None) -> tuple[Path, str | None]:
    """A ROM for a script: a file, or the ROM of a game that is known by name.

    Args:
        rom: The file, or a name such as `Airstriker-Genesis`.
        system: The system's name, if it was given.

    Returns:
        The file, and the system's name; None where the file's name tells it.

    Raises:
        BadInputError: If it is neither.
        PlaythroughError: If the game's ROM cannot be had.
    """
    path = Path(rom)
    if path.exists() or path.name != str(rom) or path.suffix:
        return path, system
    try:
        integration = load_integration(str(rom))
    except PlaythroughError:
        raise BadInputError(f"{rom}: there is no such ROM file, and no game of this name") from None
    return find_rom(integration).path, system or integration.system.name


class ScriptLane:
    """One emulator that a script drives.

    Args:
        rom: The ROM file.
        system: The system's name such as `Nes`; None where the file's name tells it.
        core: `exact`, a core's name, or a core file.
    """

    def __init__(self, rom: Path, system: str | None = None, core: str | Path = "exact") -> None:
        if not rom.is_file():
            raise BadInputError(f"{rom}: there is no such ROM file")
        self.system: System = system_of_rom(rom) if system is None else get_system(system)
        self.rom: Rom = read_rom(rom, self.system)
        self.engine = LibretroEngine(
            find_core(core, self.system), self.system, self.rom.data, rom_name=str(rom), num_lanes=1
        )
        self.engine.configure((), None, PixelSpec())
        self.blocks = self.engine.memory_blocks(0)
        self.console: Console = console_of(self.system, self.blocks)
        self.domains: dict[str, Domain] = {}
        self._pieces: dict[str, list[tuple[int, int, int]]] = {}
        for domain in self.console.domains:
            pieces = mapped_pieces(domain, self.blocks)
            if pieces:
                self.domains[domain.name] = domain
                self._pieces[domain.name] = pieces
        self._buttons = np.zeros((1, 1, _NUM_PORTS), np.uint16)
        self._one_frame = np.ones(1, np.int32)
        self._observe = np.full(1, Observe.KEEP, np.uint8)
        self._results = (np.empty(1, np.int32), np.empty(1, np.bool_), np.empty((1, 1, 0), np.int64))
        shape = PixelSpec().shape(self.engine.display)
        self._observation = np.empty((1, int(np.prod(shape))), np.uint8)

    @property
    def main_domain(self) -> Domain:
        """The main memory."""
        return next(iter(self.domains.values()))

    def show_pictures(self, on: bool) -> None:
        """Say whether anybody will ask for a picture."""
        self._observe[0] = Observe.KEEP if on else Observe.SKIP

    def advance(self, first: int, second: int) -> None:
        """Run a frame with these buttons of both players pressed."""
        self._buttons[0, 0] = first, second
        frames_run, ended, samples = self._results
        self.engine.run_into(
            self._buttons,
            self._one_frame,
            self._observe,
            frames_run,
            ended,
            samples,
            self._observation,
            stopping=False,
        )

    def picture(self) -> NDArray[np.uint8]:
        """What the game shows, uint8 (height, width, 3)."""
        return self.engine.picture(0)

    def page(self, domain: str, number: int) -> bytes:
        """A page of a memory domain, up to the first address that the core does not show."""
        first = number * PAGE_BYTES
        found = b""
        for start, bus, size_bytes in self._pieces[domain]:
            at = first + len(found)
            if start <= at < start + size_bytes:
                wanted = min(first + PAGE_BYTES - at, start + size_bytes - at)
                found += self.engine.read_memory(0, bus + at - start, wanted)
            if len(found) == PAGE_BYTES:
                break
        return found

    def write(self, domain: str, address: int, data: bytes) -> None:
        """Write into a memory domain.

        Raises:
            BadInputError: If the core does not show the address.
        """
        for start, bus, size_bytes in self._pieces[domain]:
            if start <= address and address + len(data) <= start + size_bytes:
                self.engine.write_memory(0, bus + address - start, data)
                return
            if start <= address < start + size_bytes:  # it goes on in the next piece
                here = start + size_bytes - address
                self.write(domain, address, data[:here])
                self.write(domain, address + here, data[here:])
                return
        raise BadInputError(f"the core does not show address {address:#x} of the memory domain {domain}")

    def main_memory(self) -> NDArray[np.uint8]:
        """The main memory's bytes, uint8 (size,)."""
        data = b"".join(
            self.engine.read_memory(0, bus, size_bytes) for _, bus, size_bytes in self._pieces[self.main_domain.name]
        )
        return np.frombuffer(data, np.uint8)

    def power_on(self) -> None:
        """Switch the console off and on."""
        self.engine.load({0: b""})

    def save(self, num_frames: int) -> bytes:
        """A snapshot, with the number of frames that the script counted."""
        return _MAGIC + num_frames.to_bytes(8, "little") + self.engine.save_exact(0)

    def load(self, state: bytes) -> int:
        """Go on from a snapshot, or from a core's own savestate.

        Returns:
            The frames that were counted; 0 where the state does not say.

        Raises:
            StateError: If the core refuses it.
        """
        num_frames = 0
        if state.startswith(_MAGIC):
            head = len(_MAGIC)
            num_frames = int.from_bytes(state[head : head + 8], "little")
            state = state[head + 8 :]
            if not state:
                raise StateError("this script's savestate is cut short")
        self.engine.load({0: state})
        return num_frames

    def load_file(self, path: Path) -> int:
        """Go on from a file: a script's, a core's own, plain or gzipped. Returns the frames that were counted."""
        with path.open("rb") as file:
            is_own = file.read(len(_MAGIC)) == _MAGIC
        return self.load(path.read_bytes() if is_own else read_state(path))

    def close(self) -> None:
        """End the emulator."""
        self.engine.close()
