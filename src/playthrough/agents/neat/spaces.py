"""Between an environment's spaces and a network's inputs and outputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

_OBSERVATION_DTYPES = {np.dtype(np.float64), np.dtype(np.float32), np.dtype(np.uint8)}


def inputs_needed(observation_space: gymnasium.Space[Any]) -> int:
    """How many inputs a network needs (`num_inputs`): one for each value of an observation.

    Raises:
        ValueError: The space is neither a Box nor a Dict of those.
    """
    if isinstance(observation_space, spaces.Dict):
        parts = cast("dict[str, gymnasium.Space[Any]]", observation_space.spaces)
        return sum(inputs_needed(part) for part in parts.values())
    if not isinstance(observation_space, spaces.Box):
        raise ValueError(
            f"expected observations in a Box, or in a Dict of those, got {observation_space}: "
            "wrap the environment in gymnasium.wrappers.FlattenObservation"
        )
    return math.prod(observation_space.shape)


def outputs_needed(action_space: gymnasium.Space[Any]) -> int:
    """How many outputs a network needs (`num_outputs`) to choose actions of this space."""
    return ActionDecoder(action_space).num_outputs


def as_inputs(observations: Any) -> NDArray[Any]:
    """Observations (lanes, ...) as rows (lanes, num_inputs), row-major, with the environment's own values.

    The parts of a dict follow each other in the order of their names.
    """
    if isinstance(observations, Mapping):
        parts = cast("Mapping[str, Any]", observations)
        return np.concatenate([as_inputs(parts[name]).astype(np.float64) for name in sorted(parts)], axis=1)
    array = np.asarray(observations)
    if array.dtype not in _OBSERVATION_DTYPES:
        array = array.astype(np.float64)
    return np.ascontiguousarray(array.reshape(len(array), -1))


class ActionDecoder:
    """Turns a network's outputs into actions.

    - MultiBinary: an output above 0.5 presses its button.
    - Discrete: the largest output, the first of several; of the allowed ones, where masks are given.
    - MultiDiscrete: the same in each of its segments, one output per choice.
    - Box: the outputs, clipped to the bounds.

    Raises:
        ValueError: No rule for the space.
    """

    num_outputs: int

    def __init__(self, action_space: gymnasium.Space[Any]) -> None:
        space = cast("Any", action_space)
        self._decode: Callable[[NDArray[np.float64]], NDArray[Any]]
        self._space = action_space
        if isinstance(action_space, spaces.MultiBinary):
            shape = action_space.shape
            self.num_outputs = math.prod(shape)
            self._decode = lambda outputs: (outputs > 0.5).astype(np.int8).reshape(len(outputs), *shape)
        elif isinstance(action_space, spaces.Discrete):
            start, dtype = int(action_space.start), space.dtype
            self.num_outputs = int(action_space.n)
            self._decode = lambda outputs: (start + _first_largest(outputs)).astype(dtype)
        elif isinstance(action_space, spaces.MultiDiscrete):
            self._decode = _multi_discrete_decoder(space)
            self.num_outputs = int(action_space.nvec.sum())
        elif isinstance(action_space, spaces.Box):
            self.num_outputs = math.prod(action_space.shape)
            self._decode = lambda outputs: np.clip(
                np.nan_to_num(outputs, nan=0.0, posinf=np.inf, neginf=-np.inf).reshape(len(outputs), *space.shape),
                space.low,
                space.high,
            ).astype(space.dtype)
        else:
            raise ValueError(f"expected actions in MultiBinary, Discrete, MultiDiscrete or Box, got {action_space}")

    def __call__(self, outputs: NDArray[np.float64], masks: NDArray[np.bool_] | None = None) -> NDArray[Any]:
        """The actions (lanes, ...) for outputs (lanes, num_outputs).

        Args:
            outputs: What the networks say.
            masks: bool (lanes, actions): which actions are allowed. Where none is, all are.

        Raises:
            ValueError: There are masks, but the actions are not Discrete.
        """
        if masks is None:
            return self._decode(outputs)
        if not isinstance(self._space, spaces.Discrete):
            raise ValueError(f"action masks need Discrete actions, of which one is chosen, not {self._space}")
        chosen = self._space.start + _first_largest_allowed(outputs, masks)
        return chosen.astype(cast("Any", self._space).dtype)

    def chosen(self, outputs: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which outputs have their way, bool (lanes, num_outputs).

        Of those that compete for a choice the strongest does, and of those that are pressed or not whichever is; a
        number does where it is positive. Masks are not considered.
        """
        if isinstance(self._space, spaces.MultiBinary):
            return outputs > 0.5
        if isinstance(self._space, spaces.Box):
            return outputs > 0.0
        sizes = [self.num_outputs]
        if isinstance(self._space, spaces.MultiDiscrete):
            sizes = [int(n) for n in cast("Any", self._space).nvec.ravel()]
        result = np.zeros(outputs.shape, np.bool_)
        begin = 0
        for size in sizes:
            strongest = begin + _first_largest(outputs[:, begin : begin + size])
            result[np.arange(len(outputs)), strongest] = True
            begin += size
        return result


def _first_largest(outputs: NDArray[np.float64]) -> NDArray[np.intp]:
    """The index of each row's largest value; a NaN is never the largest."""
    return np.argmax(np.where(np.isnan(outputs), -np.inf, outputs), axis=1)


def _first_largest_allowed(outputs: NDArray[np.float64], masks: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The same among those that the masks allow, even if nothing but NaN is allowed."""
    worth = np.where(np.isnan(outputs), -np.inf, outputs)
    allowed = masks | ~masks.any(axis=1, keepdims=True)
    best = np.max(worth, axis=1, keepdims=True, where=allowed, initial=-np.inf)
    return np.argmax(allowed & (worth == best), axis=1)


def _multi_discrete_decoder(space: Any) -> Callable[[NDArray[np.float64]], NDArray[Any]]:
    sizes = [int(n) for n in space.nvec.ravel()]
    starts = cast("NDArray[np.integer[Any]]", space.start).ravel()
    ends = np.cumsum(sizes)
    dtype = space.dtype

    def decode(outputs: NDArray[np.float64]) -> NDArray[Any]:
        segments = [outputs[:, end - size : end] for size, end in zip(sizes, ends, strict=True)]
        choices = np.stack([_first_largest(segment) for segment in segments], axis=1)
        return (choices + starts).astype(dtype).reshape(len(outputs), *space.shape)

    return decode
