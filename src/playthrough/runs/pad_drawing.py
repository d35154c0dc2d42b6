"""A console's pad as a small picture, its pressed buttons lit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from playthrough.engine.systems import MENU_BUTTONS, System

if TYPE_CHECKING:
    from PIL import Image

SIZE = (184, 88)
"""Width and height of a pad in pixels."""

_SCALE = 3  # drawn larger and shrunk, for smooth edges
_BODY, _EDGE = (44, 48, 58), (70, 76, 90)
_UP, _UP_TEXT = (72, 78, 92), (170, 176, 190)
_LIT, _LIT_TEXT = (255, 196, 61), (30, 24, 0)
_ARROWS = {"UP": (0, -1), "DOWN": (0, 1), "LEFT": (-1, 0), "RIGHT": (1, 0)}
_SHOULDERS = ("L", "L2", "R2", "R")


def draw_pad(system: System, pressed: Collection[str]) -> Image.Image:
    """A pad, RGB.

    Args:
        system: Whose buttons it has.
        pressed: Names of those that are pressed.
    """
    from PIL import Image, ImageDraw

    width, height = SIZE
    image = Image.new("RGB", (width * _SCALE, height * _SCALE), (24, 26, 32))
    draw = ImageDraw.Draw(image)
    names = [name for name in system.buttons if name]
    _box(draw, (2, 12, width - 2, height - 2), 30, _BODY, _EDGE)
    _cross(draw, (44, 50), [name for name in _ARROWS if name in names], pressed)
    small = [name for name in MENU_BUTTONS if name in names]
    for index, name in enumerate(small):
        y = 50 + (index - (len(small) - 1) / 2) * 14
        _box(draw, (77, y - 5, 105, y + 5), 5, _LIT if name in pressed else _UP, _EDGE)
        _text(draw, (91, y), name[:6], 7, name in pressed)
    for name in (name for name in _SHOULDERS if name in names):
        x = 26 + 30 * _SHOULDERS.index(name) + (30 if name.startswith("R") else 0)
        _box(draw, (x, 3, x + 28, 13), 5, _LIT if name in pressed else _UP, _EDGE)
        _text(draw, (x + 14, 8), name, 8, name in pressed)
    face = [name for name in names if name not in (*_ARROWS, *MENU_BUTTONS, *_SHOULDERS)]
    radius = 9 if len(face) <= 4 else 8
    for name, (x, y) in _places(face).items():
        lit = name in pressed
        circle = [(x - radius) * _SCALE, (y - radius) * _SCALE, (x + radius) * _SCALE, (y + radius) * _SCALE]
        draw.ellipse(circle, fill=_LIT if lit else _UP, outline=_EDGE, width=_SCALE)
        _text(draw, (x, y), name if len(name) <= 3 else "", 10, lit)
    return image.resize(SIZE, Image.Resampling.BOX)


def _places(face: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Where the face buttons are, as on the real pads."""
    centre_x, centre_y = 142.0, 50.0
    if {"A", "B", "C"} <= set(face):
        rows = [["X", "Y", "Z"], ["A", "B", "C"]] if "X" in face else [["A", "B", "C"]]
    elif {"A", "B", "X", "Y"} == set(face):
        diamond = {"X": (0, -1), "A": (1, 0), "B": (0, 1), "Y": (-1, 0)}
        return {name: (centre_x + dx * 17, centre_y + dy * 17) for name, (dx, dy) in diamond.items()}
    elif len(face) > 3:
        half = (len(face) + 1) // 2
        rows = [list(face[half:]), list(face[:half])]
    else:
        rows = [sorted(face, reverse=True)]
    places: dict[str, tuple[float, float]] = {}
    for row, names in enumerate(rows):
        for column, name in enumerate(names):
            x = centre_x + (column - (len(names) - 1) / 2) * 21
            y = centre_y + (row - (len(rows) - 1) / 2) * 21 - (column - (len(names) - 1) / 2) * 4
            places[name] = (x, y)
    return {name: place for name, place in places.items() if name in face}


def _cross(draw: Any, centre: tuple[int, int], names: Collection[str], pressed: Collection[str]) -> None:
    x, y = centre
    if not names:
        return
    arm = 12
    _box(draw, (x - arm * 1.5, y - arm / 2, x + arm * 1.5, y + arm / 2), 3, _UP, None)
    _box(draw, (x - arm / 2, y - arm * 1.5, x + arm / 2, y + arm * 1.5), 3, _UP, None)
    for name in names:
        if name in pressed:
            dx, dy = _ARROWS[name]
            middle = (x + dx * arm, y + dy * arm)
            _box(draw, (middle[0] - 6, middle[1] - 6, middle[0] + 6, middle[1] + 6), 3, _LIT, None)


def _box(draw: Any, box: tuple[float, float, float, float], radius: int, fill: Any, outline: Any) -> None:
    corners = [value * _SCALE for value in box]
    draw.rounded_rectangle(corners, radius * _SCALE, fill=fill, outline=outline, width=_SCALE)


def _text(draw: Any, centre: tuple[float, float], text: str, size: int, lit: bool) -> None:
    from PIL import ImageFont

    font = ImageFont.load_default(size * _SCALE)
    place = (centre[0] * _SCALE, centre[1] * _SCALE)
    draw.text(place, text, font=font, fill=_LIT_TEXT if lit else _UP_TEXT, anchor="mm")
