"""The readable evaluation of a scenario's JSON, one frame at a time; the fast path in the engine has to agree with it.

Rewards are 32-bit floats as in stable-retro: a measured number becomes a float32, is multiplied by a float32 factor,
and the terms are added in float32 in the order of the terms, so that the same scenario gives the same bits.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping

from playthrough.engine.probes import Measure
from playthrough.errors import IntegrationError
from playthrough.game.scenario import Criterion, Done, Reward, Scenario
from playthrough.game.variables import Memory, Variable, to_int64

Lookup = Callable[[str], int]


def float32(value: float) -> float:
    """The nearest 32-bit float; the product or sum of two 32-bit floats is rounded once, as the hardware does it."""
    return ctypes.c_float(value).value


def int_to_float32(value: int) -> float:
    """The 32-bit float nearest to a whole number of 64 bits, ties to the even one."""
    magnitude = abs(value)
    excess = magnitude.bit_length() - 24
    if excess > 0:  # Going through a 64-bit float would round twice.
        kept, rest = magnitude >> excess, magnitude & (1 << excess) - 1
        half = 1 << excess - 1
        kept += rest > half or (rest == half and kept & 1)
        magnitude = kept << excess
    return float(-magnitude if value < 0 else magnitude)


def evaluate_done(done: Done, value: Lookup, delta: Lookup) -> bool:
    """Whether the episode ends on this frame.

    Args:
        done: What the scenario says; its script is not looked at.
        value: A variable's value on this frame.
        delta: Its change since the frame before.
    """
    wanted = done.condition == "any"
    for criterion in done.criteria:
        if (_measured(criterion, value, delta) > 0) is wanted:
            return wanted
    for node in done.nodes:
        if evaluate_done(node, value, delta) is wanted:
            return wanted
    return not wanted


def evaluate_reward(reward: Reward, value: Lookup, delta: Lookup) -> float:
    """One player's reward on this frame, a 32-bit float."""
    total = float32(reward.time)
    for term in reward.terms:
        measured = int_to_float32(_measured(term.criterion, value, delta))
        if measured:
            measured = float32(measured * float32(term.reward if measured > 0 else term.penalty))
        total = float32(total + measured)
    return total


def _measured(criterion: Criterion, value: Lookup, delta: Lookup) -> int:
    # stable-retro looks both up in any case, so a name that is not in memory is an error in any case.
    name, change = criterion.variable, delta(criterion.variable)
    number = value(name) if criterion.measurement == "absolute" else change
    return int(Measure(0, "absolute", criterion.op, criterion.reference).evaluate(number, number))


class ScenarioReference:
    """Evaluates the JSON of a scenario on two images of the memory."""

    def __init__(self, scenario: Scenario, variables: Mapping[str, Variable]) -> None:
        self.scenario, self.variables = scenario, variables

    def evaluate(self, now: Memory, before: Memory) -> tuple[bool, list[float]]:
        """The end first, then each player's reward.

        Args:
            now: The memory on this frame.
            before: The memory one frame ago; right after a reset it is `now`, so that all changes are 0.

        Returns:
            Whether the episode ends, and one reward per player that the scenario names.
        """

        def value(name: str) -> int:
            return now.value(self._variable(name).probe)

        def delta(name: str) -> int:
            probe = self._variable(name).probe
            return to_int64(now.value(probe) - before.value(probe))

        done = evaluate_done(self.scenario.done, value, delta)
        return done, [evaluate_reward(reward, value, delta) for reward in self.scenario.rewards]

    def _variable(self, name: str) -> Variable:
        if name not in self.variables:
            known = ", ".join(sorted(self.variables)) or "none"
            raise IntegrationError(f"there is no variable {name!r}; there are: {known}", path=self.scenario.path)
        return self.variables[name]
