"""What a person sees of an emulator in another program: what is drawn over its game, and how fast it goes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, cast

from playthrough.engine.engine import Engine
from playthrough.errors import CapabilityError

_COUNT = struct.Struct("<H")
_SHAPE = struct.Struct("<BhhHHIIH")
_TEXT, _BOX = 1, 2

WHITE, SHADE, NOTHING = 0xFFFFFFFF, 0x80000000, 0
"""Colours: 0xAARRGGBB, where AA is 0 for invisible."""


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text over the game, in the emulator's own font.

    Attributes:
        x: Of its left edge, in pixels of the game's picture.
        y: Of its upper edge.
        text: What it says.
        color: 0xAARRGGBB.
        background: Behind the letters.
    """

    x: int
    y: int
    text: str
    color: int = WHITE
    background: int = SHADE


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle over the game.

    Attributes:
        x: Of its left edge, in pixels of the game's picture.
        y: Of its upper edge.
        width: In pixels, the lines included.
        height: Likewise.
        color: Of its lines, 0xAARRGGBB.
        background: What fills it.
    """

    x: int
    y: int
    width: int
    height: int
    color: int = WHITE
    background: int = NOTHING


Shape = Text | Box


class Speed(IntEnum):
    """How fast emulators run while they are asked to."""

    UNTHROTTLED = 0
    REAL_TIME = 1
    PAUSED = 2


class Screen(Protocol):
    """An engine whose emulators can be watched."""

    def draw(self, lane: int, shapes: Sequence[Shape]) -> None:
        """Draw over a lane's game, in place of what was drawn before.

        It stays on every following frame, also in later episodes, until the next call. Agents never see it.

        Raises:
            ValueError: If a shape has a number that is out of range.
        """
        ...

    def set_speed(self, speed: Speed) -> None:
        """Say how fast all emulators run. While they are paused, no step can be taken."""
        ...


def screen_of(engine: Engine) -> Screen:
    """The engine, to be drawn on.

    Raises:
        CapabilityError: If its emulators have no screen of their own.
    """
    if not engine.capabilities.screen:
        raise CapabilityError(
            f"{engine.core_name} runs inside this program and has no screen of its own: draw on the picture that "
            "render() gives, or choose another engine (docs/other-emulators.md)"
        )
    return cast("Screen", engine)


def encode_shapes(shapes: Sequence[Shape], origin: tuple[int, int]) -> bytes:
    """What is to be drawn over the game.

    Args:
        shapes: In the order in which they are drawn.
        origin: (x, y) of the game's picture in the emulator's.

    Raises:
        ValueError: If a number does not fit.
    """
    parts = [_COUNT.pack(len(shapes))]
    for shape in shapes:
        text = shape.text.encode() if isinstance(shape, Text) else b""
        width, height = (0, 0) if isinstance(shape, Text) else (shape.width, shape.height)
        x, y = origin[0] + shape.x, origin[1] + shape.y
        kind = _TEXT if isinstance(shape, Text) else _BOX
        try:
            parts.append(_SHAPE.pack(kind, x, y, width, height, shape.color, shape.background, len(text)) + text)
        except struct.error as error:
            raise ValueError(f"{shape} cannot be drawn: {error}") from None
    return b"".join(parts)
