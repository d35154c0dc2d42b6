"""Observations of many lanes: one array with a leading lane axis, or a dict of such."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray


def rows(observations: Any, lanes: Any) -> Any:
    """The observation of one lane (a number), or those of several (an array of numbers or a mask)."""
    if isinstance(observations, dict):
        parts = cast("dict[str, NDArray[Any]]", observations)
        return {name: part[lanes] for name, part in parts.items()}
    return observations[lanes]


def batch_of_one(observation: Any) -> Any:
    """One lane's observation with a lane axis."""
    if isinstance(observation, dict):
        parts = cast("dict[str, Any]", observation)
        return {name: np.asarray(part)[np.newaxis] for name, part in parts.items()}
    return np.asarray(observation)[np.newaxis]


def copied(observations: Any) -> Any:
    """The same in memory of its own."""
    if isinstance(observations, dict):
        parts = cast("dict[str, NDArray[Any]]", observations)
        return {name: part.copy() for name, part in parts.items()}
    return observations.copy()


def joined(batches: Sequence[Any]) -> Any:
    """Several batches, one behind the other."""
    if isinstance(batches[0], dict):
        names = cast("dict[str, Any]", batches[0])
        return {name: np.concatenate([batch[name] for batch in batches]) for name in names}
    return np.concatenate(batches)
