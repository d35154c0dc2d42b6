"""What an agent sees: pixels, the console's memory, or the game's variables.

An observation is a small object with a space and a way to make a batch of itself. A name such as `gray84` stands for
one; whoever needs another writes `Pixels(gray=True, size=(64, 64), stack=2)`, or a class of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from playthrough.engine.engine import Display, PixelSpec
from playthrough.engine.probes import Probe
from playthrough.env.tiles import Tiles
from playthrough.game.tiles import TileMap


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to observe in a game.

    Attributes:
        display: The picture.
        crop: The part of it that the scenario counts, (x, y, width, height).
        variables: Where each is in memory, in the order of data.json.
        ram_size_bytes: Size of the console's memory.
        memory_blocks: (address, size in bytes) of its blocks.
        tiles: Where the level's tiles are, if the integration says so.
    """

    display: Display
    crop: tuple[int, int, int, int]
    variables: Mapping[str, Probe]
    ram_size_bytes: int
    memory_blocks: tuple[tuple[int, int], ...] = ()
    tiles: TileMap | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What the lanes hold after a step.

    Attributes:
        pixels: uint8 (lanes, ...), as the observation's PixelSpec made them.
        variables: int64 (lanes, variables).
        ram: Reads the memory of all lanes, uint8 (lanes, bytes).
    """

    pixels: NDArray[np.uint8]
    variables: NDArray[np.int64]
    ram: Any = field(repr=False)


class Observation(Protocol):
    """Something that an agent can look at."""

    def pixel_spec(self, scene: Scene) -> PixelSpec | None:
        """What the engine has to make of each picture; None if no picture is needed."""
        ...

    def space(self, scene: Scene) -> spaces.Space[Any]:
        """The space of one lane's observations."""
        ...

    def batch(self, seen: Seen) -> NDArray[Any]:
        """The observations of all lanes, an array of their own."""
        ...


@dataclass(frozen=True, slots=True)
class Pixels:
    """The picture, cropped as the scenario says.

    Attributes:
        gray: One channel of luma instead of red, green and blue.
        size: (height, width) to shrink to; None keeps the game's.
        resize: `area` (each pixel is the mean of what it covers) or `bilinear`.
        max_of_two: Take the brighter of the last two emulated frames, pixel by pixel, against flicker.
        stack: How many past observations one holds, oldest first; 0 for the current one without a stack axis.
    """

    gray: bool = False
    size: tuple[int, int] | None = None
    resize: Literal["area", "bilinear"] = "area"
    max_of_two: bool = False
    stack: int = 0

    def __post_init__(self) -> None:
        if self.resize not in ("area", "bilinear"):
            raise ValueError(f"resize must be 'area' or 'bilinear', not {self.resize!r}")
        if self.size is not None and (len(self.size) != 2 or not all(type(n) is int and n > 0 for n in self.size)):
            raise ValueError(f"size must be (height, width) in pixels, two whole numbers, not {self.size!r}")
        if type(self.stack) is not int or self.stack < 0:
            raise ValueError(f"stack must be a whole number, 0 or more, not {self.stack!r}")

    def pixel_spec(self, scene: Scene) -> PixelSpec:
        """See `Observation`."""
        resize = "none" if self.size is None else self.resize
        return PixelSpec(self.gray, resize, self.size, self.max_of_two, self.stack, scene.crop)

    def space(self, scene: Scene) -> spaces.Box:
        """See `Observation`."""
        return spaces.Box(0, 255, self.pixel_spec(scene).shape(scene.display), np.uint8)

    def batch(self, seen: Seen) -> NDArray[np.uint8]:
        """See `Observation`."""
        return seen.pixels


@dataclass(frozen=True, slots=True)
class Grid:
    """A coarse grayscale picture as one row of numbers, what NEAT's networks are fed.

    Attributes:
        divisor: How many pixels of the game make one, along each side.
        scale: What white becomes; the well-known tutorials feed 255.
    """

    divisor: int = 8
    scale: float = 1.0

    def __post_init__(self) -> None:
        if type(self.divisor) is not int or self.divisor < 1:
            raise ValueError(f"divisor must be a whole number, 1 or more, not {self.divisor!r}")

    def _size(self, scene: Scene) -> tuple[int, int]:
        height, width, _ = PixelSpec(crop=scene.crop).shape(scene.display)
        return max(1, height // self.divisor), max(1, width // self.divisor)

    def pixel_spec(self, scene: Scene) -> PixelSpec:
        """See `Observation`."""
        return PixelSpec(gray=True, resize="bilinear", size=self._size(scene), crop=scene.crop)

    def space(self, scene: Scene) -> spaces.Box:
        """See `Observation`."""
        height, width = self._size(scene)
        return spaces.Box(0.0, np.float32(self.scale), (height * width,), np.float32)

    def batch(self, seen: Seen) -> NDArray[np.float32]:
        """See `Observation`."""
        return seen.pixels.reshape(len(seen.pixels), -1) * np.float32(self.scale / 255)


@dataclass(frozen=True, slots=True)
class Ram:
    """The console's whole memory, as the core keeps it."""

    def pixel_spec(self, scene: Scene) -> None:
        """See `Observation`."""
        return None

    def space(self, scene: Scene) -> spaces.Box:
        """See `Observation`."""
        return spaces.Box(0, 255, (scene.ram_size_bytes,), np.uint8)

    def batch(self, seen: Seen) -> NDArray[np.uint8]:
        """See `Observation`."""
        return seen.ram()


@dataclass(frozen=True, slots=True)
class Variables:
    """The game's variables as numbers.

    Attributes:
        names: Which, in this order; None for all in the order of data.json.
    """

    names: tuple[str, ...] | None = None

    def pixel_spec(self, scene: Scene) -> None:
        """See `Observation`."""
        return None

    def space(self, scene: Scene) -> spaces.Box:
        """See `Observation`."""
        names = tuple(scene.variables) if self.names is None else self.names
        unknown = [name for name in names if name not in scene.variables]
        if unknown:
            raise ValueError(f"there is no variable {unknown[0]!r}; there are: {', '.join(scene.variables)}")
        if not names:
            raise ValueError("the integration has no variables to observe; use 'rgb', 'gray84' or 'ram'")
        bounds = np.array([scene.variables[name].range() for name in names], np.float32)
        return spaces.Box(bounds[:, 0], bounds[:, 1], dtype=np.float32)

    def batch(self, seen: Seen) -> NDArray[np.float32]:
        """See `Observation`."""
        return seen.variables.astype(np.float32)


PRESETS: dict[str, Observation] = {
    "rgb": Pixels(),
    "gray84": Pixels(gray=True, size=(84, 84), max_of_two=True, stack=4),
    "grid8": Grid(),
    "ram": Ram(),
    "variables": Variables(),
}


def observation_of(choice: str | Observation) -> Observation:
    """The observation that a name stands for, or the one given.

    Raises:
        ValueError: If there is no such name.
    """
    if not isinstance(choice, str):
        if not all(hasattr(choice, name) for name in ("pixel_spec", "space", "batch")):
            raise ValueError(f"observation must be a name or an Observation, not {choice!r}")
        return choice
    if choice == "tiles":
        return Tiles()
    if choice not in PRESETS:
        raise ValueError(f"observation must be one of {', '.join(PRESETS)}, tiles, or an Observation, not {choice!r}")
    return PRESETS[choice]


def select_columns(observation: Observation, variables: Sequence[str]) -> list[int] | None:
    """Which variables a `Variables` observation picks; None for all."""
    if isinstance(observation, Variables) and observation.names is not None:
        return [list(variables).index(name) for name in observation.names]
    return None
