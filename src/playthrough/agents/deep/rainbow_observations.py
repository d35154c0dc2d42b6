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

SMALLEST_PICTURE = 36  # pixels along an edge: NatureCNN's three convolutions leave one of these


def is_picture(shape: tuple[int, ...], is_bytes: bool) -> bool:
    """Whether there is something to look at with convolutions."""
    # Bytes in rows and columns that are too few for a picture are numbers, such as memory of the last eight steps.
    return is_bytes and (len(shape) in (3, 4) or (len(shape) == 2 and min(shape) >= SMALLEST_PICTURE))


@dataclass(frozen=True)
class View:
    """Which part of an observation is what. An observation that is no dict is all there is.

    Attributes:
        shape: Of the picture, or of the numbers where there is none.
        is_bytes: Whether that is uint8, from 0 to 255.
        picture: The picture's key in a dict; None without a dict, or without a picture.
        numbers: The keys of a dict's numbers.
        num_numbers: How many numbers are beside a picture.
    """

    shape: tuple[int, ...]
    is_bytes: bool
    picture: str | None = None
    numbers: tuple[str, ...] = ()
    num_numbers: int = 0

    @classmethod
    def of(cls, space: gymnasium.Space[Any]) -> View:
        """The view of observations in a space.

        Raises:
            ValueError: Rainbow cannot see such.
        """
        if isinstance(space, spaces.Box):
            return cls(tuple(space.shape), space.dtype == np.uint8)
        parts = cast("dict[str, Any]", space.spaces) if isinstance(space, spaces.Dict) else {}
        if not parts or not all(isinstance(part, spaces.Box) for part in parts.values()):
            raise ValueError(f"rainbow sees pictures, vectors, and dicts of such, got {space}")
        pictures = [name for name, part in parts.items() if is_picture(part.shape, part.dtype == np.uint8)]
        if len(pictures) > 1:
            raise ValueError(f"expected at most one picture, got {' and '.join(pictures)} in {space}")
        numbers = tuple(name for name in parts if name not in pictures)
        count = sum(prod(parts[name].shape) for name in numbers)
        if not pictures:
            return cls((count,), False, None, numbers)
        return cls(tuple(parts[pictures[0]].shape), True, pictures[0], numbers, count)

    def main_of(self, observations: Any) -> NDArray[Any]:
        """The pictures of a batch, or its numbers where there is no picture: (rows, *shape)."""
        if self.picture is not None:
            return np.asarray(observations[self.picture])
        return self._rows(observations) if self.numbers else np.asarray(observations)

    def numbers_of(self, observations: Any) -> NDArray[np.float32] | None:
        """The numbers beside the pictures of a batch, (rows, num_numbers); None where there are none."""
        return self._rows(observations) if self.num_numbers else None

    def _rows(self, observations: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        parts = [np.asarray(observations[name]) for name in self.numbers]
        scaled = [part / np.float32(255) if part.dtype == np.uint8 else part for part in parts]
        return np.concatenate([part.reshape(len(part), -1) for part in scaled], axis=1, dtype=np.float32)


def as_batch(observation: Any) -> Any:
    """One lane's observation as a batch of one."""
    if isinstance(observation, Mapping):
        parts = cast("Mapping[str, Any]", observation)
        return {name: np.asarray(part)[np.newaxis] for name, part in parts.items()}
    return np.asarray(observation)[np.newaxis]
