"""From what spoke for each action to the actions: one is drawn, with random numbers that the caller owns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from playthrough.agents.deep.learner import Decision

GUESSED = 0.01
"""The share of random actions of an agent that takes the highest Q-value: so that it is not stuck for good."""


def draw_actions(
    decision: Decision,
    score_name: str,
    *,
    is_buttons: bool,
    random: Sequence[np.random.Generator],
    masks: NDArray[np.bool_] | None = None,
) -> NDArray[Any]:
    """One action per lane: drawn from probabilities, or the one with the highest Q-value nearly always.

    Args:
        decision: What a policy says, for every lane.
        score_name: What its scores are; see `Policy.score_name`.
        is_buttons: Whether there is a score for every button, rather than for every action.
        random: Each lane's own random numbers, so that the same episode is played on any lane.
        masks: bool (lanes, actions): which actions are allowed; the decision was made with them.
    """
    scores = decision.scores
    if scores is None:
        return decision.actions
    num_scores = int(scores.shape[1])
    if score_name != "probability":
        guesses = [generator.random() < GUESSED for generator in random]
        allowed = [np.arange(num_scores)] * len(random) if masks is None else [np.flatnonzero(mask) for mask in masks]
        drawn = [
            int(choices[generator.integers(len(choices))]) for generator, choices in zip(random, allowed, strict=True)
        ]
        return np.where(guesses, drawn, decision.actions)
    if is_buttons:
        chances = np.array([[generator.random() for _ in range(num_scores)] for generator in random])
        return (chances < scores).astype(np.int8)
    cumulated = scores.cumsum(axis=1, dtype=np.float64)
    chances = np.array([generator.random() for generator in random])[:, None] * cumulated[:, -1:]
    return cast("NDArray[Any]", (cumulated <= chances).sum(axis=1))
