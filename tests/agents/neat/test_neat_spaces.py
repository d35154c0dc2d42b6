"""Spaces on both sides of a network."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from playthrough.agents.neat import ActionDecoder, inputs_needed, outputs_needed
from playthrough.agents.neat.spaces import as_inputs

NAN = float("nan")


@pytest.mark.parametrize(
    ("space", "outputs", "action"),
    [
        (spaces.MultiBinary(4), [0.5, 0.51, -3.0, NAN], [0, 1, 0, 0]),
        (spaces.MultiBinary((2, 2)), [1.0, 0.0, 0.0, 1.0], [[1, 0], [0, 1]]),
        (spaces.Discrete(3), [0.2, 0.9, 0.9], 1),
        (spaces.Discrete(3, start=5), [NAN, -2.0, -1.0], 7),
        (spaces.MultiDiscrete([2, 3]), [0.0, 1.0, 0.3, 0.3, 0.1], [1, 0]),
        (spaces.MultiDiscrete([2, 2], start=[10, 20]), [0.0, 1.0, 1.0, 0.0], [11, 20]),
        (spaces.Box(-1.0, 2.0, (2, 2), np.float32), [-5.0, 0.25, 9.0, NAN], [[-1.0, 0.25], [2.0, 0.0]]),
    ],
)
def test_outputs_become_actions(space: gymnasium.Space[Any], outputs: list[float], action: Any) -> None:
    assert outputs_needed(space) == len(outputs)
    actions = ActionDecoder(space)(np.array([outputs, [0.0] * len(outputs)]))
    np.testing.assert_array_equal(actions[0], action)
    assert space.contains(actions[0])
    assert space.contains(actions[1])


@pytest.mark.parametrize(
    ("outputs", "allowed", "action"),
    [
        ([0.2, 0.9, 0.5], [1, 0, 1], 7),
        ([0.2, 0.9, 0.9], [1, 1, 1], 6),
        ([0.9, 0.2, 0.2], [0, 1, 1], 6),
        ([0.9, NAN, -5.0], [0, 1, 1], 7),
        ([0.9, NAN, NAN], [0, 0, 1], 7),
        ([0.9, 0.1, -float("inf")], [0, 0, 1], 7),
        ([0.1, 0.2, 0.3], [0, 0, 0], 7),  # what forbids everything forbids nothing
    ],
)
def test_the_largest_allowed_output_is_chosen(outputs: list[float], allowed: list[int], action: int) -> None:
    space = spaces.Discrete(3, start=5)
    actions = ActionDecoder(space)(np.array([outputs, [9.0, 1.0, 2.0]]), np.array([allowed, [0, 1, 1]], np.bool_))
    assert actions.tolist() == [action, 7]
    assert actions.dtype == space.dtype


@pytest.mark.parametrize(
    ("space", "outputs", "chosen"),
    [
        (spaces.MultiBinary(4), [0.5, 0.51, -3.0, NAN], [0, 1, 0, 0]),
        (spaces.Discrete(3, start=5), [NAN, -2.0, -1.0], [0, 0, 1]),
        (spaces.MultiDiscrete([2, 3]), [0.0, 1.0, 0.3, 0.3, 0.1], [0, 1, 1, 0, 0]),
        (spaces.Box(-1.0, 2.0, (3,), np.float32), [-5.0, 0.25, NAN], [0, 1, 0]),
    ],
)
def test_outputs_that_have_their_way(space: gymnasium.Space[Any], outputs: list[float], chosen: list[int]) -> None:
    said = ActionDecoder(space).chosen(np.array([outputs, [1.0] * len(outputs)]))
    assert said[0].tolist() == [bool(flag) for flag in chosen]


def test_masks_need_actions_of_which_one_is_chosen() -> None:
    with pytest.raises(ValueError, match="Discrete actions, of which one is chosen, not MultiBinary"):
        ActionDecoder(spaces.MultiBinary(2))(np.zeros((1, 2)), np.ones((1, 2), np.bool_))


def test_spaces_without_a_rule_are_refused() -> None:
    with pytest.raises(ValueError, match="expected actions in MultiBinary"):
        outputs_needed(spaces.Text(3))
    with pytest.raises(ValueError, match="FlattenObservation"):
        inputs_needed(spaces.Dict({"a": spaces.Discrete(2)}))


def test_observations_keep_their_values_row_by_row() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert inputs_needed(spaces.Box(0, 255, (3, 4), np.uint8)) == 12
    assert as_inputs(pixels).dtype == np.uint8
    np.testing.assert_array_equal(as_inputs(pixels), np.arange(24).reshape(2, 12))
    np.testing.assert_array_equal(as_inputs(pixels.transpose(0, 2, 1))[0, :3], [0, 4, 8])
    assert as_inputs(pixels.astype(np.int64)).dtype == np.float64
