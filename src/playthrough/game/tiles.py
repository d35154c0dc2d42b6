"""A game's level as tiles: `tiles.json` says where in memory the level around the player is, and who is in it.

    {
      "cell": [16, 16],                          size of a tile in pixels, [width, height]
      "map": {
        "address": "0x0500",                     the first tile; pages of rows x page_columns bytes, row by row
        "rows": 13, "page_columns": 16,
        "pages": 2,                              column c of the level stands on page (c / page_columns) mod pages
        "top": 32,                               the pixel row at which the first row begins
        "values": {"1": [1, 2], "-1": [12]}      what a tile is to an agent: 1 firm, -1 deadly; 0 for all others
      },
      "player": {"x": ["0x6D", "0x86"], "y": ["0xCE"], "centre": [8, 16]},
      "objects": [{"name": "enemies", "slots": 6,
                   "active": {"address": "0x0F", "equals": 1},
                   "x": ["0x6E", "0x87"], "y": ["0xCF"], "size": [16, 16],
                   "value": -1}],
      "window": {"left": 2, "right": 7, "up": 5, "down": 2}
    }

Positions are pixels in the level, given by the addresses of their bytes, the highest byte first. Slot i of objects lies
i bytes behind slot 0. `centre` is added to the player's position to find the tile that the window stands around.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from playthrough.errors import IntegrationError
from playthrough.game.json_files import line_of, read_json

_MAX_TILES, _MAX_WINDOW = 4096, 127


@dataclass(frozen=True)
class TileObjects:
    """Things that move on the tiles.

    Attributes:
        name: What they are.
        slots: How many there can be.
        active_address: Says of slot 0 whether it is in use.
        active_value: What it holds then.
        x: Addresses of the position's bytes, the highest first.
        y: Likewise.
        size: (width, height) in pixels.
        value: What they are to an agent.
    """

    name: str
    slots: int
    active_address: int
    active_value: int
    x: tuple[int, ...]
    y: tuple[int, ...]
    size: tuple[int, int]
    value: float


@dataclass(frozen=True)
class TileMap:
    """Where the level is in memory; see the module's text.

    Attributes:
        cell: Size of a tile, (width, height) in pixels.
        address: Of the first tile.
        rows: Of tiles.
        page_columns: Columns of tiles on a page.
        pages: How many pages the level goes round on.
        top: Pixel row at which the first row begins.
        values: What each kind of tile is to an agent, 256 numbers.
        player_x: Addresses of the position's bytes, the highest first.
        player_y: Likewise.
        centre: (x, y) in pixels from the player's position to the middle of the window.
        objects: Things that move on the tiles; later ones cover earlier ones.
        window: Tiles to the left, to the right, above and below that an agent sees.
    """

    cell: tuple[int, int]
    address: int
    rows: int
    page_columns: int
    pages: int
    top: int
    values: tuple[float, ...]
    player_x: tuple[int, ...]
    player_y: tuple[int, ...]
    centre: tuple[int, int]
    objects: tuple[TileObjects, ...]
    window: tuple[int, int, int, int]


def load_tiles(path: Path) -> TileMap:
    """Read a `tiles.json`.

    Raises:
        IntegrationError: If something is missing or has a wrong type; the message names the file and the key.
    """
    reader = _Reader(path)
    top = reader.table(read_json(path), "tiles.json")
    level, player = reader.table(top.get("map"), "map"), reader.table(top.get("player"), "player")
    window = reader.table(top.get("window"), "window")
    values = [0.0] * 256
    for value, kinds in reader.table(level.get("values"), "values").items():
        for kind in cast("list[Any]", kinds) if isinstance(kinds, list) else [None]:
            values[reader.number(kind, "values", 0, 255)] = reader.real(value, "values")
    objects: list[TileObjects] = []
    for entry in reader.entries(top.get("objects", []), "objects"):
        thing = reader.table(entry, "objects")
        active = reader.table(thing.get("active"), "active")
        objects.append(
            TileObjects(
                name=str(thing.get("name", "objects")),
                slots=reader.number(thing.get("slots", 1), "slots", 1, 256),
                active_address=reader.number(active.get("address"), "address"),
                active_value=reader.number(active.get("equals"), "equals"),
                x=reader.numbers(thing.get("x"), "x"),
                y=reader.numbers(thing.get("y"), "y"),
                size=reader.pair(thing.get("size"), "size"),
                value=reader.real(thing.get("value"), "value"),
            )
        )
    return TileMap(
        cell=reader.pair(top.get("cell"), "cell"),
        address=reader.number(level.get("address"), "address"),
        rows=reader.number(level.get("rows"), "rows", 1, _MAX_TILES),
        page_columns=reader.number(level.get("page_columns"), "page_columns", 1, _MAX_TILES),
        pages=reader.number(level.get("pages", 1), "pages", 1, _MAX_TILES),
        top=reader.number(level.get("top", 0), "top"),
        values=tuple(values),
        player_x=reader.numbers(player.get("x"), "x"),
        player_y=reader.numbers(player.get("y"), "y"),
        centre=reader.pair(player.get("centre", [0, 0]), "centre", 0),
        objects=tuple(objects),
        window=tuple(reader.number(window.get(side), side, 0, _MAX_WINDOW) for side in ("left", "right", "up", "down")),  # type: ignore[arg-type]
    )


class _Reader:
    """Checks types, and says where a wrong one stands."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def _fail(self, key: str, expected: str, found: Any) -> IntegrationError:
        return IntegrationError(
            f"{key}: expected {expected}, found {found!r}", path=self._path, line=line_of(self._path, key)
        )

    def table(self, value: Any, key: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._fail(key, "an object {...}", value)
        return cast("dict[str, Any]", value)

    def entries(self, value: Any, key: str) -> list[Any]:
        if not isinstance(value, list):
            raise self._fail(key, "a list [...]", value)
        return cast("list[Any]", value)

    def number(self, value: Any, key: str, low: int = 0, high: int = 2**32 - 1) -> int:
        try:
            number = int(value, 0) if isinstance(value, str) else value
        except ValueError:
            number = None
        if type(number) is not int or not low <= number <= high:
            raise self._fail(key, f'a whole number from {low} to {high} (or one such as "0x0500")', value)
        return number

    def numbers(self, value: Any, key: str) -> tuple[int, ...]:
        if not isinstance(value, list) or not value:
            raise self._fail(key, "a list of addresses, the highest byte's first", value)
        return tuple(self.number(entry, key) for entry in cast("list[Any]", value))

    def pair(self, value: Any, key: str, low: int = 1) -> tuple[int, int]:
        if not isinstance(value, list) or len(cast("list[Any]", value)) != 2:
            raise self._fail(key, "[width, height]", value)
        width, height = cast("list[Any]", value)
        return self.number(width, key, low), self.number(height, key, low)

    def real(self, value: Any, key: str) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise self._fail(key, "a number", value)
        return number
