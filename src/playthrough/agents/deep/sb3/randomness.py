"""The random numbers of a learner, apart from everybody else's.

stable-baselines3 draws from the global generators of PyTorch, NumPy and Python. So that nothing which happens between
two updates changes a run, a learner's streams are put in place for as long as it works, and the others put back after.
"""

from __future__ import annotations

import random
from types import TracebackType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from playthrough.agents.deep.learner import ArrayState


class RandomStreams:
    """A context in which the global generators are this learner's.

    Args:
        device: Where the networks run; a GPU has a generator of its own.
    """

    def __init__(self, device: torch.device) -> None:
        self._gpu = device if device.type == "cuda" else None
        self._mine: dict[str, Any] | None = None
        self._others: dict[str, Any] = {}

    def __enter__(self) -> None:
        self._others = self._read()
        if self._mine is not None:
            self._write(self._mine)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mine = self._read()
        self._write(self._others)

    def _read(self) -> dict[str, Any]:
        streams: dict[str, Any] = {
            "torch": torch.get_rng_state(),
            "numpy": np.random.get_state(),
            "python": random.getstate(),
        }
        if self._gpu is not None:
            streams["gpu"] = torch.cuda.get_rng_state(self._gpu)
        return streams

    def _write(self, streams: dict[str, Any]) -> None:
        torch.set_rng_state(streams["torch"])
        np.random.set_state(streams["numpy"])
        random.setstate(streams["python"])
        if "gpu" in streams and self._gpu is not None:
            torch.cuda.set_rng_state(streams["gpu"], self._gpu)

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """The streams as arrays and plain values; only after the context has been left."""
        if self._mine is None:
            raise RuntimeError("there are no random streams before the learner was made")
        _, key, position, has_gauss, gauss = self._mine["numpy"]
        version, words, python_gauss = self._mine["python"]
        arrays = {
            "random/torch": self._mine["torch"].numpy().copy(),
            "random/numpy": np.array(key, np.uint32),
            "random/python": np.array(words, np.uint32),
        }
        if "gpu" in self._mine:
            arrays["random/gpu"] = self._mine["gpu"].numpy().copy()
        values = {
            "numpy": [int(position), int(has_gauss), float(gauss)],
            "python": [int(version), python_gauss],
        }
        return arrays, values

    def load(self, state: ArrayState) -> None:
        """Go on with the streams of a state."""
        arrays, values = state.arrays, state.values["random"]
        version, python_gauss = values["python"]
        words = tuple(int(word) for word in arrays["random/python"])
        self._mine = {
            "torch": torch.from_numpy(np.array(arrays["random/torch"], np.uint8)),
            "numpy": ("MT19937", np.array(arrays["random/numpy"], np.uint32), *values["numpy"]),
            "python": (version, words, python_gauss),
        }
        if self._gpu is not None and "random/gpu" in arrays:
            self._mine["gpu"] = torch.from_numpy(np.array(arrays["random/gpu"], np.uint8))
