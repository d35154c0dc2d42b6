"""The `tiles` observation: the level around the player as a grid of numbers, read from memory.

This is what the well-known Mario networks see. It is small, it knows no colours, and it is the same in every level.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from playthrough.errors import IntegrationError
from playthrough.game.tiles import TileMap

if TYPE_CHECKING:
    from playthrough.env.observation import Scene, Seen


class Tiles:
    """The tiles around the player, float32 (rows, columns): 1 firm, -1 deadly, 0 nothing, as tiles.json says."""

    def __init__(self) -> None:
        self._reader: TileReader | None = None

    def pixel_spec(self, scene: Scene) -> None:
        """See `Observation`."""
        return None

    def space(self, scene: Scene) -> spaces.Box:
        """See `Observation`."""
        if scene.tiles is None:
            raise ValueError("observation 'tiles' needs an integration that describes its tiles in a tiles.json")
        self._reader = TileReader(scene.tiles, scene.memory_blocks)
        numbers = [*scene.tiles.values, *(thing.value for thing in scene.tiles.objects), 0.0]
        return spaces.Box(np.float32(min(numbers)), np.float32(max(numbers)), self._reader.shape, np.float32)

    def batch(self, seen: Seen) -> NDArray[np.float32]:
        """See `Observation`."""
        assert self._reader is not None  # `space` comes first
        return self._reader.read(seen.ram())


class TileReader:
    """Reads the window of tiles around the player for many lanes at once.

    Args:
        tiles: Where everything is.
        memory_blocks: (address, size) of the blocks that `Engine.read_ram` gives, one behind the other.

    Raises:
        IntegrationError: If an address is in none of them.
    """

    def __init__(self, tiles: TileMap, memory_blocks: Sequence[tuple[int, int]]) -> None:
        self._tiles = tiles
        self._offsets: dict[int, int] = {}
        position = 0
        for start, size in sorted(memory_blocks):
            self._offsets |= {start + i: position + i for i in range(min(size, 1 << 16))}
            position += size
        left, right, up, down = tiles.window
        self.shape = (up + down + 1, left + right + 1)
        """(rows, columns) of the window."""
        self._columns = np.arange(-left, right + 1)
        self._rows = np.arange(-up, down + 1)
        self._values = np.array(tiles.values, np.float32)
        size = tiles.rows * tiles.page_columns * tiles.pages
        self._map = np.array([self._at(tiles.address + i) for i in range(size)])

    def _at(self, address: int) -> int:
        if address not in self._offsets:
            raise IntegrationError(f"tiles.json: the address {address:#x} lies outside of the memory")
        return self._offsets[address]

    def read(self, ram: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The windows of all lanes, float32 (lanes, rows, columns), from memory (lanes, bytes)."""
        tiles = self._tiles
        cell_width, cell_height = tiles.cell
        x, y = self._number(ram, tiles.player_x), self._number(ram, tiles.player_y)
        column = (x + tiles.centre[0]) // cell_width
        row = (y + tiles.centre[1] - tiles.top) // cell_height
        columns = column[:, None] + self._columns  # (lanes, columns)
        rows = row[:, None] + self._rows  # (lanes, rows)
        page = columns // tiles.page_columns % tiles.pages
        in_page = (
            np.clip(rows, 0, tiles.rows - 1)[:, :, None] * tiles.page_columns + (columns % tiles.page_columns)[:, None]
        )
        index = page[:, None] * (tiles.rows * tiles.page_columns) + in_page
        kinds = ram[np.arange(len(ram))[:, None, None], self._map[index]]
        inside = ((rows >= 0) & (rows < tiles.rows))[:, :, None] & (columns >= 0)[:, None]
        window = np.where(inside, self._values[kinds], np.float32(0))
        for thing in tiles.objects:
            for slot in range(thing.slots):
                active = ram[:, self._at(thing.active_address + slot)] == thing.active_value
                if not active.any():
                    continue
                left = self._number(ram, tuple(address + slot for address in thing.x))
                top = self._number(ram, tuple(address + slot for address in thing.y)) - tiles.top
                # Tiles whose middle half an object reaches: one that only touches a tile is not in it.
                across = (columns * cell_width + cell_width * 3 // 4 > left[:, None]) & (
                    columns * cell_width + cell_width // 4 < (left + thing.size[0])[:, None]
                )
                along = (rows * cell_height + cell_height * 3 // 4 > top[:, None]) & (
                    rows * cell_height + cell_height // 4 < (top + thing.size[1])[:, None]
                )
                covered = along[:, :, None] & across[:, None] & active[:, None, None]
                window[covered] = thing.value
        return window

    def _number(self, ram: NDArray[np.uint8], addresses: tuple[int, ...]) -> NDArray[np.int64]:
        number = np.zeros(len(ram), np.int64)
        for address in addresses:
            number = number << 8 | ram[:, self._at(address)]
        return number
