"""What an agent sees: pixels, the console's memory, or the game's variables.

An observation is a small object with a space and a way to make a batch of itself. A name such as `gray84` stands for
one; whoever needs another writes `Pixels(gray=True, size=(64, 64), stack=2)`, or a class of their own. `variables x8`
is the variables of the last eight steps, `gray84 + variables` a dict of both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, cast

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from playthrough.engine.engine import Display, Engine, PixelSpec
from playthrough.engine.probes import Probe
from playthrough.env.past import Past
from playthrough.env.tiles import Tiles
from playthrough.game.integration import Integration
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

    @classmethod
    def of(cls, integration: Integration, engine: Engine) -> Scene:
        """What a game shows on an engine that runs it."""
        return cls(
            engine.display,
            integration.scenario.crop_of(0),
            {name: variable.probe for name, variable in integration.variables.items()},
            engine.ram_size_bytes,
            tuple(engine.memory_blocks(0)),
            integration.tiles,
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What the lanes hold after a step.

    Attributes:
        pixels: uint8 (lanes, ...), as the observation's PixelSpec made them.
        variables: int64 (lanes, variables).
        ram: Reads the memory of all lanes, uint8 (lanes, bytes).
        names: The variables' names.
        past: What windows remember.
    """

    pixels: NDArray[np.uint8]
    variables: NDArray[np.int64]
    ram: Any = field(repr=False)
    names: tuple[str, ...] = ()
    past: Past | None = field(default=None, repr=False)


class Observation(Protocol):
    """Something that an agent can look at."""

    def pixel_spec(self, scene: Scene) -> PixelSpec | None:
        """What the engine has to make of each picture; None if no picture is needed."""
        ...

    def space(self, scene: Scene) -> spaces.Space[Any]:
        """The space of one lane's observations."""
        ...

    def batch(self, seen: Seen) -> Any:
        """The observations of all lanes, an array of their own, or a dict of such."""
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
        scale: What each is multiplied by, for networks that take numbers as they are: a flag of 0 or 1 is easily missed
            beside eighty tiles, and a score of 10 000 drowns everything else.
    """

    names: tuple[str, ...] | None = None
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not np.isfinite(self.scale) or self.scale == 0:
            raise ValueError(f"scale must be a number other than 0, not {self.scale!r}")

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
        bounds = np.sort(np.array([scene.variables[name].range() for name in names]) * self.scale, axis=1)
        bounds = bounds.astype(np.float32)
        return spaces.Box(bounds[:, 0], bounds[:, 1], dtype=np.float32)

    def batch(self, seen: Seen) -> NDArray[np.float32]:
        """See `Observation`."""
        values = seen.variables
        if self.names is not None:
            values = values[:, [seen.names.index(name) for name in self.names]]
        return values.astype(np.float32) * np.float32(self.scale)


@dataclass(frozen=True, slots=True)
class Window:
    """The past steps of an observation of numbers, oldest first; the first of an episode fills it.

    Attributes:
        observation: What there is of each step.
        steps: How many steps, the present one included.
    """

    observation: str | Observation
    steps: int

    def __post_init__(self) -> None:
        if type(self.steps) is not int or self.steps < 1:
            raise ValueError(f"steps must be a whole number, 1 or more, not {self.steps!r}")
        inner = observation_of(self.observation)
        if isinstance(inner, Pixels):
            raise ValueError("a window holds numbers; a picture has a stack of its own: Pixels(stack=4)")
        if isinstance(inner, Window | Together):
            raise ValueError("a window holds one observation, no window and no dict; give each part its own window")

    def pixel_spec(self, scene: Scene) -> PixelSpec | None:
        """See `Observation`."""
        return observation_of(self.observation).pixel_spec(scene)

    def space(self, scene: Scene) -> spaces.Box:
        """See `Observation`."""
        inner = observation_of(self.observation).space(scene)
        if not isinstance(inner, spaces.Box):
            raise ValueError(f"a window needs observations in a Box, not {inner}")
        bounds = cast("tuple[NDArray[Any], NDArray[Any]]", (inner.low, inner.high))
        low, high = (np.repeat(bound[np.newaxis], self.steps, axis=0) for bound in bounds)
        return spaces.Box(low, high, dtype=cast("Any", inner.dtype))

    def batch(self, seen: Seen) -> NDArray[Any]:
        """See `Observation`."""
        assert seen.past is not None  # an environment gives one
        return seen.past.extended(observation_of(self.observation).batch(seen))


@dataclass(frozen=True, slots=True)
class Together:
    """Several observations at once, as a dict.

    Attributes:
        parts: Each by its name. At most one is made of the picture.
    """

    parts: Mapping[str, Observation]

    def pixel_spec(self, scene: Scene) -> PixelSpec | None:
        """See `Observation`."""
        specs = {name: part.pixel_spec(scene) for name, part in self.parts.items()}
        seeing = [name for name, spec in specs.items() if spec is not None]
        if len(seeing) > 1:
            raise ValueError(f"only one part of an observation can be made of the picture, not {' and '.join(seeing)}")
        return specs[seeing[0]] if seeing else None

    def space(self, scene: Scene) -> spaces.Dict:
        """See `Observation`."""
        return spaces.Dict({name: part.space(scene) for name, part in self.parts.items()})

    def batch(self, seen: Seen) -> dict[str, NDArray[Any]]:
        """See `Observation`."""
        return {name: part.batch(seen) for name, part in self.parts.items()}


PRESETS: dict[str, Observation] = {
    "rgb": Pixels(),
    "gray84": Pixels(gray=True, size=(84, 84), max_of_two=True, stack=4),
    "grid8": Grid(),
    "ram": Ram(),
    "variables": Variables(),
}


KINDS: dict[str, type[Any]] = {kind.__name__.lower(): kind for kind in (Pixels, Grid, Ram, Variables, Window)}
"""The observations that can be described by their attributes."""

_PART_NAMES = {"rgb": "picture", "gray84": "picture", "grid8": "grid"}
"""What a part of a dict is called where nobody gives it a name, if not as its preset."""

ObservationChoice = str | Observation | Mapping[str, str | Observation]
"""A preset's name, with ` x8` for a window; several with ` + ` between them; an observation; or a dict of those."""


def observation_of(choice: ObservationChoice) -> Observation:
    """The observation that a name stands for, or the one given.

    Raises:
        ValueError: If there is no such name.
    """
    if isinstance(choice, Mapping):
        if not choice or not all(isinstance(name, str) for name in choice):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"observation must have a name for each of its parts, not {choice!r}")
        return Together({name: _part(part) for name, part in choice.items()})
    if not isinstance(choice, str):
        if not all(hasattr(choice, name) for name in ("pixel_spec", "space", "batch")):
            raise ValueError(f"observation must be a name or an Observation, not {choice!r}")
        # Its own copy of what a name stands for, as that may remember what it found out about the game.
        return Window(observation_of(choice.observation), choice.steps) if isinstance(choice, Window) else choice
    names = [name.strip() for name in choice.split("+")]
    if len(names) == 1:
        return _named(names[0])
    keys = [_PART_NAMES.get(preset, preset) for preset in (name.split(" ")[0] for name in names)]
    if len(set(keys)) < len(keys):
        raise ValueError(f"observation has two parts of the same kind: {choice!r}; write a dict to give each a name")
    return Together({key: _named(name) for key, name in zip(keys, names, strict=True)})


def _named(choice: str) -> Observation:
    preset, _, steps = choice.partition(" ")
    if preset == "tiles":
        found: Observation = Tiles()
    elif preset in PRESETS:
        found = PRESETS[preset]
    else:
        raise ValueError(f"observation must be one of {', '.join(PRESETS)}, tiles, or an Observation, not {choice!r}")
    if not steps:
        return found
    if not (number := re.fullmatch(r"\s*x(\d+)", steps)):
        raise ValueError(f"observation must be a name such as {preset!r} or '{preset} x8', not {choice!r}")
    return Window(found, int(number[1]))


def _part(choice: str | Observation) -> Observation:
    part = observation_of(choice)
    if isinstance(part, Together):
        raise ValueError(f"a part of an observation must be a single one, not {choice!r}")
    return part


def windows_of(observation: Observation) -> list[Window]:
    """The windows in an observation, in the order in which they are asked."""
    parts = observation.parts.values() if isinstance(observation, Together) else [observation]
    return [part for part in parts if isinstance(part, Window)]
