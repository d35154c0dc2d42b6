"""What it takes to be an engine: N emulators (lanes) that run together, whatever program they run in.

An environment talks to this protocol alone. One call of `run` is one decision of every agent: it plays up to
`max_frames` frames, samples the probes after each of them, stops on the frame where the stop program says that the game
ended, and hands back what the agents see. An engine declares what it can do; asking for more is an error when an
environment is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.probes import Probe, StopNode

Masks = NDArray[np.uint16]
"""Pressed buttons, bit i is the system's button i: (lanes, frames, ports)."""


NOTHING_LOST: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do.

    Attributes:
        exact: From the same savestate and buttons, everything that follows is the same, bit for bit.
        snapshots: It saves and loads states at any moment.
        video: It shows pictures.
        audio: It plays sound.
        poke: Its memory can be written.
        stored_states: It takes the savestates that integrations store, which the wheel's cores made; any other engine
            rebuilds start states from their recipes.
        screen: Its emulators can be drawn on and slowed down; see `screen.Screen`.
    """

    exact: bool
    snapshots: bool
    video: bool
    audio: bool
    poke: bool
    stored_states: bool = True
    screen: bool = False


@dataclass(frozen=True, slots=True)
class Display:
    """The picture and the sound of a running game.

    Attributes:
        width: Of the picture in pixels, before crop and rotation; the same on every frame.
        height: Likewise.
        rotation: Quarter turns counter-clockwise that make the picture upright.
        frames_per_second: Of the emulated system.
        sample_rate_hz: Of its sound.
    """

    width: int
    height: int
    rotation: int
    frames_per_second: float
    sample_rate_hz: float


@dataclass(frozen=True, slots=True)
class PixelSpec:
    """What becomes of a picture before an agent sees it.

    Attributes:
        gray: One channel of luma instead of red, green and blue.
        resize: The filter; `none` keeps the size.
        size: (height, width) of the result in pixels; None without a filter.
        max_of_two: Take the brighter of the last two emulated frames, pixel by pixel.
        stack: How many results one observation holds, oldest first; 0 for one result without a stack axis.
        crop: (x, y, width, height) of the part that counts; a width or height of 0 goes to the edge.
    """

    gray: bool = False
    resize: Literal["none", "area", "bilinear"] = "none"
    size: tuple[int, int] | None = None
    max_of_two: bool = False
    stack: int = 0
    crop: tuple[int, int, int, int] = (0, 0, 0, 0)

    def shape(self, display: Display) -> tuple[int, ...]:
        """The shape of one observation: ([stack,] height, width[, 3])."""
        x, y, width, height = self.crop
        width = display.width - x if width == 0 or x + width > display.width else width
        height = display.height - y if height == 0 or y + height > display.height else height
        if display.rotation % 2:
            width, height = height, width
        size = self.size if self.size is not None else (height, width)
        return (*((self.stack,) if self.stack else ()), *size, *(() if self.gray else (3,)))


class Observe(IntEnum):
    """What to do with the last picture of a run."""

    SKIP = 0
    """Nobody will ask for it."""
    KEEP = 1
    """Remember it as one of the last two frames."""
    PUSH = 2
    """It completes an observation."""
    FILL = 3
    """It begins an episode: the whole stack shows it."""
    SHOW = 4
    """The observation as it stands, again."""


@dataclass(slots=True)
class RunResult:
    """What one run of all lanes gave.

    Attributes:
        frames_run: int32 (lanes,).
        ended: bool (lanes,), whether the stop program was true on the last frame.
        samples: int64 (lanes, frames, probes); rows past a lane's frames_run mean nothing.
        observations: uint8 (lanes, *PixelSpec.shape); meaningless for lanes that were not asked to observe.
        lost: Why lanes were lost in this run, by lane: their emulator is gone, and a new one is where the old one was
            started. Such a lane ran no frame and did not end; its observation is its last one.
    """

    frames_run: NDArray[np.int32]
    ended: NDArray[np.bool_]
    samples: NDArray[np.int64]
    observations: NDArray[np.uint8]
    lost: Mapping[int, str] = field(default_factory=lambda: NOTHING_LOST)


class Engine(Protocol):
    """N lanes of one game. Methods that take a lane raise IndexError for one that does not exist."""

    @property
    def num_lanes(self) -> int:
        """How many emulators run."""
        ...

    @property
    def core_name(self) -> str:
        """Which emulator runs, for messages and for snapshots."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What this engine can do."""
        ...

    @property
    def display(self) -> Display:
        """The picture and sound of the game."""
        ...

    @property
    def ram_size_bytes(self) -> int:
        """Size of what `read_ram` gives for one lane."""
        ...

    def configure(self, probes: Sequence[Probe], stop: StopNode | None, pixels: PixelSpec) -> None:
        """Say what every following run samples, stops on and shows.

        Raises:
            BadInputError: If a probe's address is not mapped; the message names it.
        """
        ...

    def run(
        self, buttons: Masks, max_frames: NDArray[np.int32], observe: NDArray[np.uint8], *, stopping: bool = True
    ) -> RunResult:
        """Advance lane i by up to `max_frames[i]` frames; 0 leaves it where it is.

        Args:
            buttons: uint16 (lanes, frames, ports), what is pressed on each frame.
            max_frames: int32 (lanes,), at most the number of frames in `buttons`.
            observe: uint8 (lanes,), of `Observe`.
            stopping: Whether the stop program counts.

        Raises:
            LaneError: If a lane fails; the message names lane and core.
        """
        ...

    def load(self, states: Mapping[int, bytes]) -> None:
        """Put lanes into savestates or exact snapshots, all buttons released; empty bytes are a power-on.

        Raises:
            StateError: If a core refuses its state.
        """
        ...

    def save(self, lane: int) -> bytes:
        """The core's own savestate of one lane: a place to start from."""
        ...

    def save_exact(self, lane: int) -> bytes:
        """What makes `load` go on exactly from here.

        Most savestates do. Some cores keep state outside of them; then it is where the lane started, and its inputs
        since.
        """
        ...

    def save_history(self, lane: int) -> bytes:
        """The past frames and values that the next observation and the next delta need."""
        ...

    def load_history(self, lane: int, history: bytes) -> None:
        """Put back what `save_history` gave, after `load`."""
        ...

    def picture(self, lane: int, crop: tuple[int, int, int, int] = (0, 0, 0, 0)) -> NDArray[np.uint8]:
        """What one lane shows now, upright: uint8 (height, width, 3)."""
        ...

    def capture_sound(self, lane: int, on: bool) -> None:
        """Begin or end to collect a lane's sound."""
        ...

    def take_sound(self, lane: int) -> NDArray[np.int16]:
        """The sound since the last call: int16 (samples, 2)."""
        ...

    def read_ram(self) -> NDArray[np.uint8]:
        """The memory of all lanes: uint8 (lanes, ram_size_bytes)."""
        ...

    def memory_blocks(self, lane: int) -> list[tuple[int, int]]:
        """(address, size in bytes) of each mapped block of the system's bus."""
        ...

    def read_memory(self, lane: int, address: int, size_bytes: int) -> bytes:
        """Bytes as the system's bus sees them."""
        ...

    def write_memory(self, lane: int, address: int, data: bytes) -> None:
        """Write bytes as the system's bus sees them."""
        ...

    def close(self) -> None:
        """End all emulators. Nothing else may be called afterwards."""
        ...
