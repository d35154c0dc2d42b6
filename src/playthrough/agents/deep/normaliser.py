"""Numbers of any size, made alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.wrappers.utils import RunningMeanStd
from numpy.typing import NDArray

from playthrough.agents.deep.learner import ArrayState

FARTHEST = 10.0
"""Standard deviations that a number can be off the mean; what is farther off is cut."""


class RunningNormaliser:
    """Numbers less their running mean, divided by their running standard deviation."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.statistics: Any = RunningMeanStd(shape=shape)

    def learn(self, batch: NDArray[Any]) -> None:
        """Count a batch into the statistics."""
        self.statistics.update(batch)

    def __call__(self, batch: NDArray[Any], *, centred: bool = True) -> NDArray[np.float32]:
        """Normalise a batch; without `centred` only its size."""
        mean = self.statistics.mean if centred else 0.0
        scaled = (batch - mean) / np.sqrt(self.statistics.var + 1e-8)
        return np.clip(scaled, -FARTHEST, FARTHEST).astype(np.float32)

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
