"""Gymnasium's vector infos: an array per key over all lanes, and beside each a mask of the lanes that have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Infos = dict[str, Any]


def lanes_of(mask: NDArray[np.bool_]) -> list[int]:
    """The numbers of the lanes in a mask."""
    return np.flatnonzero(mask).tolist()


def joined(infos: Mapping[int, Infos], num_lanes: int) -> Infos:
    """The infos of single lanes as those of all, as Gymnasium's vector environments put them together.

    But a whole number in one lane and a fraction in another are both kept as they are, and where lanes say things of
    different kinds, they stay what they are.
    """
    together: Infos = {}
    for key in dict.fromkeys(key for info in infos.values() for key in info):
        said = {lane: info[key] for lane, info in infos.items() if key in info}
        mask = np.zeros(num_lanes, np.bool_)
        mask[list(said)] = True
        together[key], together["_" + key] = _joined_values(key, said, num_lanes), mask
    return together


def _joined_values(key: str, said: Mapping[int, Any], num_lanes: int) -> Any:
    values = list(said.values())
    if all(isinstance(value, dict) for value in values) and any(values) and key != "final_obs":
        return joined(said, num_lanes)
    array = np.full(num_lanes, None, object)
    if key == "final_obs":
        pass
    elif all(type(value) is bool for value in values):
        array = np.zeros(num_lanes, np.bool_)
    elif all(type(value) in (int, float) for value in values):
        array = np.zeros(num_lanes, int if all(type(value) is int for value in values) else float)
    elif all(isinstance(value, np.ndarray) for value in values) and len({value.shape for value in values}) == 1:
        array = np.zeros((num_lanes, *values[0].shape), np.result_type(*values))
    for lane, value in said.items():
        array[lane] = value
    return array


def only(infos: Infos, lanes: NDArray[np.bool_]) -> Infos:
    """The infos of some lanes; the others hold nothing, as if they had never said anything."""
    picked: Infos = {}
    for key, value in infos.items():
        if key.startswith("_"):
            picked[key] = value & lanes
        else:
            empty = np.full_like(value, None) if value.dtype == object else np.zeros_like(value)
            picked[key] = np.where(_along(lanes, value), value, empty)
    return picked


def replaced(infos: Infos, lanes: NDArray[np.bool_], newer: Infos) -> Infos:
    """Infos in which some lanes say something newer."""
    merged = only(infos, ~lanes)
    for key, value in newer.items():
        old = merged.get(key)
        if key.startswith("_"):
            merged[key] = value if old is None else value | old
        else:
            merged[key] = value if old is None else np.where(_along(lanes, value), value, old)
    return {key: value for key, value in merged.items() if value.any() or not _of_nobody(merged, key)}


def plain_of_lane_0(infos: Infos) -> dict[str, Any]:
    """One environment's info: numbers as Python's own, and only the keys that it has."""
    info: dict[str, Any] = {}
    for key, values in infos.items():
        if "_" + key in infos and infos["_" + key][0]:
            value = values[0]
            info[key] = value.item() if isinstance(value, np.generic) else value
    return info


def _along(lanes: NDArray[np.bool_], value: NDArray[Any]) -> NDArray[np.bool_]:
    return lanes.reshape(-1, *[1] * (value.ndim - 1))


def _of_nobody(infos: Infos, key: str) -> bool:
    """Whether a key, or a mask, belongs to no lane at all."""
    mask = infos[key] if key.startswith("_") else infos.get("_" + key)
    return mask is not None and not mask.any()
