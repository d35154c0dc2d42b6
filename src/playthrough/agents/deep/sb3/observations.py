"""How a Gymnasium observation becomes what the networks take: pictures channels first, vectors normalised."""

from __future__ import annotations

from typing import Any, Literal, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.running_mean_std import RunningMeanStd

from playthrough.agents.deep.learner import ArrayState

Layout = Literal["vector", "channels first", "channels last", "no channels"]

MIN_PICTURE_SIDE = 36
"""The network of three convolutions (Mnih et al. 2015) needs so many pixels along each side."""

_CLIP = 10.0


class RunningNormaliser:
    """Numbers less their running mean, divided by their running standard deviation, cut off at ten of those."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.statistics = RunningMeanStd(shape=shape)

    def learn(self, batch: NDArray[Any]) -> None:
        """Count a batch into the statistics."""
        self.statistics.update(batch)

    def __call__(self, batch: NDArray[Any], *, centred: bool = True) -> NDArray[np.float32]:
        """Normalise a batch; without `centred` only its size."""
        mean = self.statistics.mean if centred else 0.0
        scaled = (batch - mean) / np.sqrt(self.statistics.var + 1e-8)
        return np.clip(scaled, -_CLIP, _CLIP).astype(np.float32)

    def arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        """The statistics, under names with a prefix."""
        statistics = self.statistics
        return {
            f"{prefix}/mean": np.array(statistics.mean, np.float64),
            f"{prefix}/var": np.array(statistics.var, np.float64),
            f"{prefix}/count": np.array(statistics.count, np.float64),
        }

    def load(self, prefix: str, state: ArrayState) -> None:
        """Go on with the statistics of a state."""
        self.statistics.mean = np.array(state.arrays[f"{prefix}/mean"])
        self.statistics.var = np.array(state.arrays[f"{prefix}/var"])
        self.statistics.count = float(state.arrays[f"{prefix}/count"])


class ObservationInput:
    """Prepares the observations of all lanes for the networks.

    Args:
        space: The space of one lane's observations.
        normalise: Whether vectors are normalised.

    Raises:
        ValueError: If the space is neither a picture of bytes nor a vector.
    """

    def __init__(self, space: gymnasium.Space[Any], *, normalise: bool) -> None:
        self.layout = _layout(space)
        box = cast("spaces.Box", space)
        self.normaliser = RunningNormaliser(box.shape) if normalise and not self.is_picture else None
        if self.layout == "channels last":
            height, width, channels = box.shape
            self.space = spaces.Box(0, 255, (channels, height, width), np.uint8)
        elif self.layout == "no channels":
            self.space = spaces.Box(0, 255, (1, *box.shape), np.uint8)
        elif self.normaliser:
            self.space = spaces.Box(-_CLIP, _CLIP, box.shape, np.float32)
        else:
            self.space = box

    @property
    def is_picture(self) -> bool:
        """Whether there is a picture to look at."""
        return self.layout != "vector"

    def __call__(self, batch: NDArray[Any], *, learn: bool = False) -> NDArray[Any]:
        """Prepare a batch; pictures are not copied.

        Args:
            batch: Observations with a leading lane axis.
            learn: Count them into the running mean and deviation.
        """
        if self.layout == "channels last":
            return batch.transpose(0, 3, 1, 2)
        if self.layout == "no channels":
            return batch[:, None]
        if self.normaliser is None:
            return batch
        if learn:
            self.normaliser.learn(batch)
        return self.normaliser(batch)


def _layout(space: gymnasium.Space[Any]) -> Layout:
    if not isinstance(space, spaces.Box):
        raise ValueError(f"expected observations in a Box, a picture or a vector, got {space}")
    shape = space.shape
    if len(shape) == 1:
        return "vector"
    is_bytes = space.dtype == np.uint8 and bool(np.all(space.low == 0)) and bool(np.all(space.high == 255))
    if len(shape) not in (2, 3) or not is_bytes:
        raise ValueError(
            f"expected a vector, or a picture of bytes from 0 to 255 as (height, width[, channels]) or "
            f"(channels, height, width), got {space}"
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
