"""How a Gymnasium observation becomes what Rainbow looks at: a picture, numbers, or numbers beside a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from playthrough.agents.deep.replay import Seen

SMALLEST_PICTURE = 36  # pixels along an edge: NatureCNN's three convolutions leave one of these

NUMBERS = "numbers"
"""In `Seen.beside`: the numbers beside a picture."""


@dataclass(frozen=True)
class View:
    """Which part of an observation is what. An observation that is no dict is all there is.

    Attributes:
        shape: Of the picture, or of the numbers where there is none.
        is_bytes: Whether that is uint8, from 0 to 255.
        picture: The picture's key in a dict; None without a dict, or without a picture.
        numbers: The keys of a dict's numbers.
        num_beside: How many numbers are beside a picture.
    """

    shape: tuple[int, ...]
    is_bytes: bool
    picture: str | None = None
    numbers: tuple[str, ...] = ()
    num_beside: int = 0

    @classmethod
    def of(cls, space: gymnasium.Space[Any]) -> View:
        """The view of observations in a space.

        Raises:
            ValueError: Rainbow cannot see such.
        """
        if isinstance(space, spaces.Box):
            return cls(space.shape, space.dtype == np.uint8)
        parts = cast("dict[str, Any]", space.spaces) if isinstance(space, spaces.Dict) else {}
        if not parts or not all(isinstance(part, spaces.Box) for part in parts.values()):
            raise ValueError(f"rainbow sees pictures, vectors, and dicts of such, got {space}")
        views = {name: cls(part.shape, part.dtype == np.uint8) for name, part in parts.items()}
        pictures = [name for name, view in views.items() if view.is_picture]
        if len(pictures) > 1:
            raise ValueError(f"expected at most one picture, got {' and '.join(pictures)} in {space}")
        numbers = tuple(name for name in views if name not in pictures)
        count = sum(prod(views[name].shape) for name in numbers)
        if not pictures:
            return cls((count,), False, None, numbers)
        return cls(views[pictures[0]].shape, True, pictures[0], numbers, count)

    @property
    def is_picture(self) -> bool:
        """Whether there is something to look at with convolutions."""
        shape = self.shape
        # Bytes in rows and columns that are too few for a picture are numbers, such as memory of the last eight steps.
        return self.is_bytes and (len(shape) in (3, 4) or (len(shape) == 2 and min(shape) >= SMALLEST_PICTURE))

    @property
    def has_colours_last(self) -> bool:
        """Whether the last axis is red, green and blue."""
        return self.is_picture and len(self.shape) > 2 and self.shape[-1] <= 4

    @property
    def is_stack(self) -> bool:
        """Whether the first axis can be one of past pictures."""
        return self.is_picture and len(self.shape) == (4 if self.has_colours_last else 3)

    @property
    def numbers_shape(self) -> tuple[int, ...] | None:
        """Of the numbers, beside a picture or alone; None where there are none."""
        if not self.is_picture:
            return self.shape
        return (self.num_beside,) if self.num_beside else None

    def see(self, observations: Any) -> Seen:
        """What is seen in a batch: pictures or numbers, and beside pictures float32 (rows, num_beside)."""
        if self.picture is not None:
            picture = np.asarray(observations[self.picture])
            return Seen(picture, {NUMBERS: self._rows(observations)} if self.numbers else {})
        return Seen(self._rows(observations) if self.numbers else np.asarray(observations))

    def _rows(self, observations: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        parts = [np.asarray(observations[name]) for name in self.numbers]
        return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1, dtype=np.float32)
