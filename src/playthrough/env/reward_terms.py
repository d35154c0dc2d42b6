"""What each term of a scenario paid: the reward of a step, taken apart.

A term is a variable that the scenario rewards, or what every frame brings. A script decides about everything at once,
so all that it pays is one term. The amounts are those that the engine adds up, in single precision and in its order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.probes import Measure, Op, RewardTerm, StopNode
from playthrough.game.scenario import CompiledScenario, Scenario

EACH_FRAME = "each frame"
"""The name of what a scenario pays as time goes by."""

SCRIPT = "script"
"""The name of what a script pays."""


@dataclass(frozen=True)
class RewardTerms:
    """The terms of all players.

    Attributes:
        names: Of each term: the variable, `each frame`, or `script`; a second player's end in ` (player 2)`.
        players: Whose each term is, from 0.
        compiled: The terms as the engine has them; none where a script decides.
    """

    names: tuple[str, ...]
    players: tuple[int, ...]
    compiled: tuple[RewardTerm, ...]

    @classmethod
    def of(cls, scenario: Scenario, compiled: CompiledScenario, num_players: int) -> RewardTerms:
        """The terms that players get something from."""
        if compiled.needs_script:
            players = tuple(range(num_players if scenario.python else max(1, len(scenario.rewards))))[:num_players]
            return cls(tuple(_named(SCRIPT, player) for player in players), players, ())
        terms = tuple(term for term in compiled.terms if term.player < num_players)
        names = (EACH_FRAME if term.measure is None else compiled.names[term.measure.probe] for term in terms)
        return cls(
            tuple(_named(name, term.player) for name, term in zip(names, terms, strict=True)),
            tuple(term.player for term in terms),
            terms,
        )

    def amounts(
        self, samples: NDArray[np.int64], before: NDArray[np.int64], rewards: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """What each term paid on each frame, float32 (frames, terms).

        Args:
            samples: The variables after each frame, int64 (frames, variables).
            before: The same before the first frame, int64 (variables,).
            rewards: What each player got in all, float64 (frames, players) or, over all the frames, (1, players): what
                scripts pay is not known otherwise.
        """
        if not self.compiled:
            return rewards[:, list(self.players)].astype(np.float32)
        amounts = np.zeros((len(samples), len(self.compiled)), np.float32)
        past = np.concatenate([before[None], samples[:-1]]) if len(samples) else samples
        for column, term in enumerate(self.compiled):
            if term.measure is None:
                amounts[:, column] = np.float32(term.reward)
                continue
            measured = measure(term.measure, samples, past).astype(np.float32)
            factor = np.where(measured > 0, np.float32(term.reward), np.float32(term.penalty))
            amounts[:, column] = np.where(measured != 0, measured * factor, np.float32(0))
        return amounts

    def of_step(
        self,
        samples: NDArray[np.int64],
        before: NDArray[np.int64],
        frames_run: NDArray[np.int32],
        rewards: NDArray[np.float64],
    ) -> NDArray[Any]:
        """What each term paid in a step of several lanes: an object array (lanes,) of dicts, name to amount.

        Args:
            samples: int64 (lanes, frames, variables).
            before: The frame before the first, int64 (lanes, variables).
            frames_run: int32 (lanes,).
            rewards: float64 (lanes, players), what the scenario paid.
        """
        paid = np.empty(len(samples), object)
        for lane, num_frames in enumerate(frames_run.tolist()):
            amounts = self.amounts(samples[lane, :num_frames], before[lane], rewards[lane][None])
            paid[lane] = dict(zip(self.names, amounts.sum(axis=0, dtype=np.float64).tolist(), strict=True))
        return paid


def measure(asked: Measure, samples: NDArray[np.int64], past: NDArray[np.int64]) -> NDArray[np.int64]:
    """A measure on many frames at a time, int64 (frames,); `Measure.evaluate` is its readable form.

    Args:
        asked: What is measured.
        samples: The variables after each frame, int64 (frames, variables).
        past: The same one frame earlier.
    """
    value = samples[:, asked.probe]
    if asked.measurement == "delta":
        value = value - past[:, asked.probe]  # what 64 bits cannot hold wraps around
    reference = asked.reference
    match asked.op:
        case Op.NONE:
            return value
        case Op.EQUAL:
            answer = value == reference
        case Op.NOT_EQUAL:
            answer = value != reference
        case Op.NEGATIVE_EQUAL:
            answer = value == -reference
        case Op.LESS_THAN:
            answer = value < reference
        case Op.GREATER_THAN:
            answer = value > reference
        case Op.LESS_OR_EQUAL:
            answer = value <= reference
        case Op.GREATER_OR_EQUAL:
            answer = value >= reference
        case Op.ZERO:
            answer = value == 0
        case Op.NONZERO:
            answer = value != 0
        case Op.POSITIVE:
            answer = value > 0
        case Op.NEGATIVE:
            answer = value < 0
        case Op.SIGN:
            return np.sign(value)
    return np.asarray(answer, np.int64)


def ends(stop: StopNode, samples: NDArray[np.int64], past: NDArray[np.int64]) -> NDArray[np.bool_]:
    """On which of many frames an episode would end, bool (frames,); `StopNode.evaluate` is its readable form."""
    answers = [measure(asked, samples, past) > 0 for asked in stop.measures]
    answers += [ends(node, samples, past) for node in stop.nodes]
    if not answers:
        return np.full(len(samples), stop.condition == "all")
    return (np.logical_and if stop.condition == "all" else np.logical_or).reduce(answers)


def _named(name: str, player: int) -> str:
    return name if player == 0 else f"{name} (player {player + 1})"
