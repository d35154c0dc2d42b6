"""How a Gymnasium observation becomes what the networks take: pictures channels first, numbers normalised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Literal, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from playthrough.agents.deep.normaliser import FARTHEST, RunningNormaliser

Layout = Literal["numbers", "channels first", "channels last", "no channels"]

MIN_PICTURE_SIDE = 36
"""The network of three convolutions (Mnih et al. 2015) needs so many pixels along each side."""


@dataclass(frozen=True)
class Packing:
    """Where in a row of bytes the numbers lie, float32, and behind them the picture.

    A picture's bytes and other numbers cannot share an array as they are, and stable-baselines3's buffers for dicts are
    slower and many. So both travel as bytes, and the network takes them apart.

    Attributes:
        num_numbers: How many numbers.
        picture: Its shape, channels first.
    """

    num_numbers: int
    picture: tuple[int, int, int]

    @property
    def size_bytes(self) -> int:
        """Of the whole row."""
        return 4 * self.num_numbers + prod(self.picture)

    def pack(self, numbers: NDArray[np.float32], pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Rows of bytes, (lanes, size_bytes)."""
        as_bytes = np.ascontiguousarray(numbers, np.float32).view(np.uint8)
        return np.concatenate([as_bytes, pictures.reshape(len(pictures), -1)], axis=1)

    def pictures_in(self, rows: Any) -> Any:
        """The pictures in rows, or what belongs to their pixels; an array or a tensor."""
        return rows[:, 4 * self.num_numbers :].reshape(-1, *self.picture)


class ObservationInput:
    """Prepares the observations of all lanes for the networks.

    An observation is a picture of bytes, numbers in an array of any shape, or a dict of such with at most one picture.

    Args:
        space: The space of one lane's observations.
        normalise: Whether numbers are normalised.

    Raises:
        ValueError: If the space is something else.
    """

    def __init__(self, space: gymnasium.Space[Any], *, normalise: bool) -> None:
        whole: dict[str, Any] = {"": space}
        parts = cast("dict[str, Any]", space.spaces) if isinstance(space, spaces.Dict) else whole
        layouts: dict[str, Layout] = {name: _layout(part) for name, part in parts.items()}
        seen = [name for name, layout in layouts.items() if layout != "numbers"]
        if len(seen) > 1:
            raise ValueError(f"expected at most one picture, got {' and '.join(seen)} in {space}")
        self._is_dict = isinstance(space, spaces.Dict)
        self._picture = seen[0] if seen else None
        self._numbers = [name for name, layout in layouts.items() if layout == "numbers"]
        self._layout: Layout = "numbers" if self._picture is None else layouts[self._picture]
        boxes = {name: cast("spaces.Box", part) for name, part in parts.items()}
        self.num_numbers = sum(prod(boxes[name].shape) for name in self._numbers)
        self.normaliser = RunningNormaliser((self.num_numbers,)) if normalise and self.num_numbers else None
        self.picture_space = None if self._picture is None else _channels_first(boxes[self._picture], self._layout)
        """The space of the picture, channels first; None without one."""
        self.packing: Packing | None = None
        """How numbers and picture are put together, where there are both."""
        if self.picture_space is None:
            self.space = self._space_of_numbers(boxes)
        elif not self.num_numbers:
            self.space = self.picture_space
        else:
            self.packing = Packing(self.num_numbers, cast("Any", self.picture_space.shape))
            self.space = spaces.Box(0, 255, (self.packing.size_bytes,), np.uint8)

    def _space_of_numbers(self, boxes: Mapping[str, spaces.Box]) -> spaces.Box:
        if self.normaliser:
            return spaces.Box(-FARTHEST, FARTHEST, (self.num_numbers,), np.float32)
        if not self._is_dict:
            return cast("spaces.Box", spaces.flatten_space(boxes[""]))
        low, high = (
            np.concatenate([getattr(boxes[name], bound).reshape(-1) for name in self._numbers])
            for bound in ("low", "high")
        )
        return spaces.Box(low.astype(np.float32), high.astype(np.float32), dtype=np.float32)

    @property
    def is_picture(self) -> bool:
        """Whether there is a picture to look at."""
        return self._picture is not None

    def __call__(self, batch: Any, *, learn: bool = False) -> NDArray[Any]:
        """Prepare a batch; pictures alone are not copied.

        Args:
            batch: Observations with a leading lane axis, or a dict of such.
            learn: Count numbers into the running mean and deviation.
        """
        parts = cast("Mapping[str, NDArray[Any]]", batch) if self._is_dict else {"": np.asarray(batch)}
        if not self._numbers:
            return self._prepared_picture(parts)
        rows = [parts[name].reshape(len(parts[name]), -1) for name in self._numbers]
        numbers = rows[0] if len(rows) == 1 else np.concatenate(rows, axis=1, dtype=np.float32)
        if self.normaliser:
            if learn:
                self.normaliser.learn(numbers)
            numbers = self.normaliser(numbers)
        if self.packing is None:
            return numbers.astype(np.float32, copy=False) if self._is_dict else numbers
        return self.packing.pack(numbers, self._prepared_picture(parts))

    def _prepared_picture(self, parts: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        picture = parts[cast("str", self._picture)]
        if self._layout == "channels last":
            return picture.transpose(0, 3, 1, 2)
        return picture[:, None] if self._layout == "no channels" else picture

    def pictures_in(self, prepared: Any) -> Any:
        """The pictures of prepared observations, or what belongs to their pixels, (lanes, channels, height, width)."""
        return prepared if self.packing is None else self.packing.pictures_in(prepared)


def _channels_first(box: spaces.Box, layout: Layout) -> spaces.Box:
    shape = box.shape
    if layout == "channels last":
        shape = (shape[2], *shape[:2])
    elif layout == "no channels":
        shape = (1, *shape)
    return spaces.Box(0, 255, shape, np.uint8)


def _layout(space: gymnasium.Space[Any]) -> Layout:
    if not isinstance(space, spaces.Box):
        raise ValueError(f"expected a picture or a vector, in a Box, or a Dict of such, got {space}")
    shape = space.shape
    is_bytes = space.dtype == np.uint8 and bool(np.all(space.low == 0)) and bool(np.all(space.high == 255))
    if not is_bytes and len(shape) == 3 and sorted(shape)[1] >= MIN_PICTURE_SIDE:
        raise ValueError(f"expected pictures of bytes from 0 to 255 (uint8), got {space}")
    # Bytes in rows and columns that are too few for a picture are numbers, such as the memory of the last eight steps.
    if not is_bytes or len(shape) == 1 or (len(shape) == 2 and min(shape) < MIN_PICTURE_SIDE):
        return "numbers"
    if len(shape) not in (2, 3):
        raise ValueError(
            f"expected pictures of bytes as (height, width[, channels]) or (channels, height, width), got {space}"
        )
    sides, layout = _sides(shape)
    if min(sides) < MIN_PICTURE_SIDE:
        raise ValueError(
            f"the network needs pictures of at least {MIN_PICTURE_SIDE} x {MIN_PICTURE_SIDE} pixels, got {space}"
        )
    return layout


def _sides(shape: tuple[int, ...]) -> tuple[tuple[int, int], Layout]:
    if len(shape) == 2:
        return (shape[0], shape[1]), "no channels"
    smallest = shape.index(min(shape))
    if smallest == 1:
        raise ValueError(f"expected the channels of a picture first or last, got the shape {shape}")
    return ((shape[1], shape[2]), "channels first") if smallest == 0 else ((shape[0], shape[1]), "channels last")
