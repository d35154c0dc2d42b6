"""Drawing over a game's picture: boxes, lines, ellipses and text with transparency, on plain arrays."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from playthrough.errors import BadInputError

Picture = NDArray[np.uint8]
_Where = tuple[slice, slice] | tuple[NDArray[np.intp], NDArray[np.intp]]

GLYPH_WIDTH, GLYPH_HEIGHT = 4, 6
"""Of a letter with its gap, in pixels."""

# Five rows of three dots per letter, top row first, as octal digits: 4 is the left dot, 1 the right one.
_GLYPHS = {
    "0": "75557", "1": "26227", "2": "71747", "3": "71717", "4": "55711", "5": "74717", "6": "74757", "7": "71122",
    "8": "75757", "9": "75717", "A": "25755", "B": "65656", "C": "34443", "D": "65556", "E": "74647", "F": "74644",
    "G": "34553", "H": "55755", "I": "72227", "J": "11152", "K": "55655", "L": "44447", "M": "57755", "N": "65555",
    "O": "25552", "P": "65644", "Q": "25563", "R": "65655", "S": "34216", "T": "72222", "U": "55557", "V": "55552",
    "W": "55775", "X": "55255", "Y": "55222", "Z": "71247", " ": "00000", ".": "00002", ",": "00024", ":": "02020",
    ";": "02024", "!": "22202", "?": "71202", "'": "22000", '"': "55000", "(": "12221", ")": "42224", "[": "32223",
    "]": "62226", "<": "12421", ">": "42124", "=": "07070", "+": "02720", "-": "00700", "*": "05250", "/": "11244",
    "\\": "44211", "_": "00007", "|": "22222", "%": "51245", "#": "57575", "&": "25653", "@": "75547", "$": "36236",
    "^": "25000", "~": "03600", "`": "42000", "{": "32623", "}": "62326",
}  # fmt: skip

# The names of .NET's colours that scripts use.
_NAMES = {
    "transparent": 0x00FFFFFF, "black": 0xFF000000, "white": 0xFFFFFFFF, "red": 0xFFFF0000, "lime": 0xFF00FF00,
    "blue": 0xFF0000FF, "green": 0xFF008000, "yellow": 0xFFFFFF00, "cyan": 0xFF00FFFF, "aqua": 0xFF00FFFF,
    "magenta": 0xFFFF00FF, "fuchsia": 0xFFFF00FF, "gray": 0xFF808080, "grey": 0xFF808080, "silver": 0xFFC0C0C0,
    "maroon": 0xFF800000, "olive": 0xFF808000, "navy": 0xFF000080, "purple": 0xFF800080, "teal": 0xFF008080,
    "orange": 0xFFFFA500, "pink": 0xFFFFC0CB, "brown": 0xFFA52A2A, "gold": 0xFFFFD700, "violet": 0xFFEE82EE,
    "indigo": 0xFF4B0082, "lightgray": 0xFFD3D3D3, "darkgray": 0xFFA9A9A9, "lightblue": 0xFFADD8E6,
    "lightgreen": 0xFF90EE90, "darkred": 0xFF8B0000, "darkgreen": 0xFF006400, "darkblue": 0xFF00008B,
}  # fmt: skip


def parse_color(text: str) -> int:
    """A colour's name, `#RRGGBB` or `#AARRGGBB`, as 0xAARRGGBB.

    Raises:
        BadInputError: If it is none.
    """
    digits = text.removeprefix("#")
    if text.startswith("#") and len(digits) in (6, 8):
        try:
            return int(digits, 16) | (0xFF000000 if len(digits) == 6 else 0)
        except ValueError:
            pass
    color = _NAMES.get(text.lower().replace(" ", ""))
    if color is None:
        raise BadInputError(f"unknown colour {text!r}; expected 0xAARRGGBB, '#AARRGGBB', or one of: {' '.join(_NAMES)}")
    return color


def fill(picture: Picture, x: int, y: int, x2: int, y2: int, color: int) -> None:
    """Paint the rectangle from (x, y) to (x2, y2), both included."""
    height, width = picture.shape[:2]
    rows, columns = slice(max(y, 0), min(y2 + 1, height)), slice(max(x, 0), min(x2 + 1, width))
    if rows.start < rows.stop and columns.start < columns.stop:
        _blend(picture, (rows, columns), color)


def box(picture: Picture, x: int, y: int, x2: int, y2: int, line: int, background: int) -> None:
    """A frame, and what is inside of it."""
    x, x2 = min(x, x2), max(x, x2)
    y, y2 = min(y, y2), max(y, y2)
    fill(picture, x + 1, y + 1, x2 - 1, y2 - 1, background)
    fill(picture, x, y, x2, y, line)
    if y2 > y:
        fill(picture, x, y2, x2, y2, line)
    fill(picture, x, y + 1, x, y2 - 1, line)
    if x2 > x:
        fill(picture, x2, y + 1, x2, y2 - 1, line)


def line(picture: Picture, x1: int, y1: int, x2: int, y2: int, color: int) -> None:
    """A line with both its ends."""
    if x1 == x2 or y1 == y2:
        fill(picture, min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2), color)
        return
    # Far ends would only cost time: what lies outside of the picture is left out.
    num_points = min(max(abs(x2 - x1), abs(y2 - y1)), 10_000) + 1
    columns = np.rint(np.linspace(x1, x2, num_points)).astype(int)
    rows = np.rint(np.linspace(y1, y2, num_points)).astype(int)
    _blend_points(picture, rows, columns, color)


def ellipse(picture: Picture, x: int, y: int, width: int, height: int, color: int, background: int) -> None:
    """The ellipse in the rectangle (x, y, width, height), and what is inside of it."""
    if width <= 0 or height <= 0:
        return
    rows, columns = np.mgrid[
        max(y, 0) : min(y + height + 1, picture.shape[0]), max(x, 0) : min(x + width + 1, picture.shape[1])
    ]
    across, down = columns - x - width / 2, rows - y - height / 2
    inside = (across / max(width / 2 - 1, 0.5)) ** 2 + (down / max(height / 2 - 1, 0.5)) ** 2 <= 1
    edge = ((across / (width / 2)) ** 2 + (down / (height / 2)) ** 2 <= 1) & ~inside
    _blend_points(picture, rows[inside], columns[inside], background)
    _blend_points(picture, rows[edge], columns[edge], color)


def text(picture: Picture, x: int, y: int, message: str, color: int, background: int, anchor: str = "topleft") -> None:
    """Text in small capitals.

    Args:
        picture: To paint on.
        x: Of the upper left corner, or how far from the edge that the anchor names.
        y: Likewise.
        message: What to write; line ends begin new lines.
        color: Of the letters, 0xAARRGGBB.
        background: Of the box behind them.
        anchor: `topleft`, `topright`, `bottomleft` or `bottomright`.
    """
    lines = message.split("\n")
    height = GLYPH_HEIGHT * len(lines)
    for number, words in enumerate(lines):
        width = GLYPH_WIDTH * len(words)
        left = picture.shape[1] - x - width if anchor.endswith("right") else x
        top = (picture.shape[0] - y - height if anchor.startswith("bottom") else y) + number * GLYPH_HEIGHT
        if not words:
            continue
        fill(picture, left - 1, top - 1, left + width - 1, top + GLYPH_HEIGHT - 1, background)
        rows, columns = _dots(words)
        _blend_points(picture, rows + top, columns + left, color)


@lru_cache(maxsize=1024)
def _dots(words: str) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    rows: list[int] = []
    columns: list[int] = []
    for place, letter in enumerate(words):
        glyph = _GLYPHS.get(letter.upper(), "77777")
        for row, digit in enumerate(glyph):
            for column in range(3):
                if int(digit) >> (2 - column) & 1:
                    rows.append(row)
                    columns.append(place * GLYPH_WIDTH + column)
    return np.array(rows, np.intp), np.array(columns, np.intp)


def _blend_points(picture: Picture, rows: NDArray[np.intp], columns: NDArray[np.intp], color: int) -> None:
    inside = (rows >= 0) & (rows < picture.shape[0]) & (columns >= 0) & (columns < picture.shape[1])
    if inside.any():
        _blend(picture, (rows[inside], columns[inside]), color)


def _blend(picture: Picture, where: _Where, color: int) -> None:
    alpha = color >> 24 & 0xFF
    if alpha == 0:
        return
    new = np.array([color >> 16 & 0xFF, color >> 8 & 0xFF, color & 0xFF])
    if alpha == 0xFF:
        picture[where] = new
    else:
        picture[where] = (picture[where].astype(np.int64) * (255 - alpha) + new * alpha) // 255
