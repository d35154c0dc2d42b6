"""One running game under study: played frame by frame, looked into, changed, wound back.

A number in memory is found by playing and looking. This is what all finders here play on: a single lane of an engine,
with the memory of the game as one array of bytes in the order of the bus, so that an index into it is an address that
`data.json` can name.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.engine import Engine, Observe, PixelSpec
from playthrough.engine.systems import System
from playthrough.env.emulator import open_engine
from playthrough.env.options import EnvOptions
from playthrough.env.starts import StartStates
from playthrough.errors import BadInputError, CapabilityError, LaneError
from playthrough.game.integration import Integration, load_integration

VIDEO_MEMORY = {
    "GameBoy": ((0x8000, 0xA000), (0xFE00, 0xFEA0)),
    "GbColor": ((0x8000, 0xA000), (0xFE00, 0xFEA0)),
    "GbAdvance": ((0x04000000, 0x08000000),),
}
"""What a core maps beside a game's own memory: tiles, colours, sprites, registers. (start, end) by system."""

_PATTERN = bytes((0xA5, 0x3C, 0x69, 0xF0, 0x0F, 0x96, 0xC3, 0x5A))


class Machine:
    """A game on one lane.

    Args:
        options: The game, its core, and the state that it starts from. What an agent sees and does means nothing here.

    Raises:
        PlaythroughError: If the game, its ROM, a core or the state cannot be had.
        CapabilityError: If the engine cannot be wound back, shown and written to.
    """

    def __init__(self, options: EnvOptions) -> None:
        self.options = replace(options, num_envs=1, num_threads=1)
        self.integration: Integration = load_integration(options.game, info=options.info, scenario=options.scenario)
        self._starts = StartStates(
            self.integration, lambda: open_engine(self.options, self.integration), options.state, options.players
        )
        self._engine = open_engine(self.options, self.integration)
        try:
            can = self._engine.capabilities
            if not (can.snapshots and can.video and can.poke):
                raise CapabilityError(
                    f"the engine {options.engine} cannot be wound back, shown and written to, which finding takes; "
                    "use the libretro engine"
                )
            self._engine.configure((), None, PixelSpec(gray=True))
            self._picture: NDArray[np.uint8] = np.zeros(PixelSpec(gray=True).shape(self._engine.display), np.uint8)
            self.start()
            self._memory = OwnMemory(self._engine, self.system)
        except BaseException:
            self._engine.close()
            raise
        self.addresses = self._memory.addresses
        """The address of each byte of `ram()`."""

    @property
    def system(self) -> System:
        """What the game runs on."""
        return self.integration.system

    @property
    def frames_per_second(self) -> float:
        """The game's speed."""
        return self._engine.display.frames_per_second

    def start(self, state: bytes | None = None) -> None:
        """Put the game to its start state, or to the bytes of a savestate; none is a power-on. No frame is run."""
        self._engine.load({0: self._starts.choices[0][1] if state is None else state})

    def save(self) -> bytes:
        """Where the game is, for `load`."""
        return self._engine.save_exact(0)

    def savestate(self) -> bytes:
        """The core's own savestate, for a file."""
        return self._engine.save(0)

    def load(self, snapshot: bytes) -> None:
        """Go back to where `save` was called."""
        self._engine.load({0: snapshot})

    def run(self, masks: NDArray[np.uint16] | Sequence[int]) -> NDArray[np.uint8]:
        """Play frames, and show the last.

        Args:
            masks: What is pressed on each frame, (frames,) for one player or (frames, players).

        Returns:
            The picture after them in gray, uint8 (height, width); do not change it.
        """
        buttons = np.asarray(masks, np.uint16)
        buttons = buttons.reshape(1, len(buttons), -1)
        if not buttons.shape[1]:
            return self._picture
        frames = np.array([buttons.shape[1]], np.int32)
        result = self._engine.run(np.ascontiguousarray(buttons), frames, _PUSH)
        for reason in result.lost.values():
            raise LaneError(reason)
        self._picture = result.observations[0]
        return self._picture

    def picture(self) -> NDArray[np.uint8]:
        """What the game shows, uint8 (height, width, 3)."""
        return self._engine.picture(0)

    def ram(self) -> NDArray[np.uint8]:
        """The memory, uint8 (bytes,), in the order of `addresses`."""
        return self._memory.ram()

    def read(self, address: int, width: int) -> bytes:
        """Bytes from an address on."""
        return self._engine.read_memory(0, address, width)

    def poke(self, address: int, data: bytes) -> None:
        """Write bytes from an address on."""
        self._engine.write_memory(0, address, data)

    def mask(self, *buttons: str) -> int:
        """The button mask with these pressed."""
        return self.system.mask_of(buttons)

    @contextmanager
    def trial(self) -> Generator[None]:
        """What happens inside did not happen afterwards."""
        snapshot = self.save()
        try:
            yield
        finally:
            self.load(snapshot)

    def close(self) -> None:
        """End the emulator."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_PUSH = np.array([Observe.PUSH], np.uint8)


class OwnMemory:
    """The memory of a game on one lane, as one array of bytes.

    Args:
        engine: Where the game runs.
        system: What it runs on.
        lane: Its lane.
    """

    def __init__(self, engine: Engine, system: System, lane: int = 0) -> None:
        self._engine, self._lane = engine, lane
        self._blocks = own_blocks(engine, system, lane)
        self.addresses: NDArray[np.int64] = np.concatenate(
            [np.arange(start, start + size, dtype=np.int64) for start, size in self._blocks]
        )
        """The address of each byte of `ram()`."""

    def ram(self) -> NDArray[np.uint8]:
        """The memory now, uint8 (bytes,), in the order of `addresses`."""
        data = b"".join(self._engine.read_memory(self._lane, start, size) for start, size in self._blocks)
        return np.frombuffer(data, np.uint8)


def own_blocks(engine: Engine, system: System, lane: int = 0) -> list[tuple[int, int]]:
    """The blocks of memory that hold a game's numbers: neither video memory nor a second sight of another block."""
    hidden = VIDEO_MEMORY.get(system.name, ())
    blocks = [
        (start, size)
        for start, size in engine.memory_blocks(lane)
        if not any(low <= start < high for low, high in hidden)
    ]
    if not blocks:
        raise BadInputError(f"core {engine.core_name} shows no memory of this game, so nothing can be found in it")
    mirrors: set[int] = set()
    by_size = sorted(blocks, key=lambda block: block[1])
    for number, (start, size) in enumerate(by_size):
        larger = by_size[number + 1 :]
        if size >= len(_PATTERN) and _is_seen_in(engine, lane, start, larger):
            mirrors.add(start)
    return [block for block in blocks if block[0] not in mirrors]


def _is_seen_in(engine: Engine, lane: int, start: int, others: list[tuple[int, int]]) -> bool:
    """Whether bytes written at `start` appear in another block."""
    before = engine.read_memory(lane, start, len(_PATTERN))
    engine.write_memory(lane, start, _PATTERN)
    try:
        return any(_PATTERN in engine.read_memory(lane, other, size) for other, size in others)
    finally:
        engine.write_memory(lane, start, before)
