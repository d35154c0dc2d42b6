"""What a run asks of a deep learner, whatever library learns inside.

A learner plays on a vector environment that starts ended lanes anew in the same step, and learns from what happened.
It never touches the disk: its state is arrays and plain values, which a run writes down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray


@dataclass(frozen=True)
class FinishedEpisode:
    """One episode that ended during an update.

    Attributes:
        lane: Where it was played.
        reward: The sum of its rewards as the environment paid them, before clipping or scaling.
        steps: Decisions it took.
        info: What the environment said on its last step: its variables, `frames`, `episode_end`, `start_state`.
    """

    lane: int
    reward: float
    steps: int
    info: Mapping[str, Any]


@dataclass(frozen=True)
class UpdateReport:
    """One update: some play, and what was learned from it.

    Attributes:
        agent_steps: Decisions since the beginning, of all lanes together.
        update: How many updates there have been, this one included.
        episodes: Those that ended meanwhile, in order.
        metrics: The learner's own numbers by name, such as `loss`, `entropy`, `learning_rate`.
        collect_s: Seconds spent playing.
        learn_s: Seconds spent learning.
    """

    agent_steps: int
    update: int
    episodes: tuple[FinishedEpisode, ...]
    metrics: Mapping[str, float]
    collect_s: float
    learn_s: float


@dataclass(frozen=True)
class ArrayState:
    """A learner's or a policy's state in a form that anybody can write and read without executing anything.

    Attributes:
        kind: Who can read it, such as `ppo` or `rainbow`.
        arrays: Numbers by name.
        values: The rest, as JSON knows it.
    """

    kind: str
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])
    values: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Decision:
    """What a policy decides for every lane.

    Attributes:
        actions: One action per lane, as the environment's `step` takes them.
        scores: What spoke for each action, (lanes, actions): probabilities or Q-values; None where actions cannot be
            counted up.
        values: How much the policy expects to get from here, (lanes,); None where it has no opinion.
    """

    actions: NDArray[Any]
    scores: NDArray[np.float32] | None = None
    values: NDArray[np.float32] | None = None

    def of(self, lanes: Sequence[int]) -> Decision:
        """What is decided for some of the lanes, in their order."""
        rows = list(lanes)
        scores, values = self.scores, self.values
        return Decision(
            self.actions[rows], None if scores is None else scores[rows], None if values is None else values[rows]
        )


class Policy(Protocol):
    """A trained agent. It may remember things from step to step, for a fixed number of lanes."""

    @property
    def score_name(self) -> str:
        """What `Decision.scores` are: `probability` or `Q-value`."""
        ...

    @property
    def memory(self) -> dict[str, NDArray[Any]] | None:
        """What is remembered of all lanes from step to step, by name; None for a policy without a memory."""
        ...

    @memory.setter
    def memory(self, memory: dict[str, NDArray[Any]]) -> None: ...

    def decide(
        self,
        observations: Any,
        starts: NDArray[np.bool_],
        *,
        sample: bool = False,
        masks: NDArray[np.bool_] | None = None,
    ) -> Decision:
        """Decide for every lane.

        Args:
            observations: Of all lanes, an array or a dict of arrays.
            starts: bool (lanes,): where an episode begins, so that what is remembered of the one before counts no more.
            sample: Draw actions from the policy's probabilities instead of taking the best.
            masks: bool (lanes, actions): which actions are allowed.
        """
        ...

    def saliency(self, observations: Any) -> NDArray[np.float32] | None:
        """How much each pixel speaks for the decision, (lanes, height, width) from 0 to 1; None without a picture."""
        ...

    def state(self) -> ArrayState:
        """Everything that it takes to make this policy again."""
        ...


class Learner(Protocol):
    """A deep learner in the middle of its work."""

    @property
    def agent_steps(self) -> int:
        """Decisions so far, of all lanes together."""
        ...

    @property
    def policy(self) -> Policy:
        """What has been learned so far; it changes with the next update."""
        ...

    def run_update(self) -> UpdateReport:
        """Play some, learn from it."""
        ...

    def state(self) -> ArrayState:
        """Everything from which a new learner goes on exactly, together with snapshots of the environment's lanes.

        A large replay buffer is not in it: that is in the arrays the learner was given to keep it in.
        """
        ...


def require_same_step(env: Any) -> None:
    """Checks that an environment starts ended lanes anew in the same step.

    Raises:
        ValueError: It does not.
    """
    mode = env.metadata.get("autoreset_mode")
    if mode is None or AutoresetMode(mode) is not AutoresetMode.SAME_STEP:
        raise ValueError(
            f"expected a vector environment with autoreset_mode SAME_STEP, got {mode}: "
            'make it with autoreset_mode="same_step" (Gymnasium: AutoresetMode.SAME_STEP)'
        )
