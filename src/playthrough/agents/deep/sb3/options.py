"""Every option of the learners, declared once. The command line and the recipes derive from here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

Precision = Literal["auto", "fp32", "bf16"]


def _option(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Sb3Options:
    """What all of the algorithms share."""

    algo: ClassVar[str] = ""

    steps: int = _option(1_000_000, "agent steps in all, of all lanes together; schedules end there")
    gamma: float = _option(0.99, "what a reward one step later is worth")
    reward_clip: bool = _option(True, "learn from the sign of each reward: -1, 0 or 1")
    reward_scale: float = _option(1.0, "what rewards are multiplied with before they are learned from")
    normalise_returns: bool = _option(False, "divide rewards by the running standard deviation of the returns")
    normalise_observations: bool = _option(
        True, "all but pictures: subtract each number's running mean and divide by its standard deviation"
    )
    hidden_sizes: tuple[int, ...] = _option((64, 64), "all but pictures alone: neurons of each hidden layer")
    device: str = _option("auto", "where networks run: cpu, cuda, cuda:1; auto: a GPU for pictures, if there is one")
    precision: Literal["auto", "fp32", "bf16"] = _option(
        "auto", "of the convolutions: fp32, bf16, or auto: bf16 for pictures where the processor is fast at it"
    )
    channels_last: bool = _option(True, "pictures only: keep channels last in memory, which is faster")
    fused_optimiser: bool = _option(True, "update all parameters in one call, which is faster (Adam only)")
    num_learner_threads: int | None = _option(None, "threads of the networks on a CPU; none: as PyTorch chooses")

    def __post_init__(self) -> None:
        self._require("steps", self.steps > 0, "a positive number of agent steps")
        self._require("gamma", 0 <= self.gamma <= 1, "from 0 to 1")
        self._require("precision", self.precision in ("auto", "fp32", "bf16"), "auto, fp32 or bf16")
        threads = self.num_learner_threads
        self._require("num_learner_threads", threads is None or threads > 0, "1 or more, or none")

    def _require(self, name: str, right: bool, expected: str) -> None:
        if not right:
            raise ValueError(f"{self.algo}: {name} must be {expected}, not {getattr(self, name)!r}")


@dataclass(frozen=True)
class OnPolicyOptions(Sb3Options):
    """What those share that learn from what they have just played."""

    rollout_steps: int = _option(128, "steps per lane between two rounds of learning")
    learning_rate: float = _option(2.5e-4, "size of the optimiser's steps")
    linear_learning_rate: bool = _option(True, "let the learning rate fall to 0 at the last step")
    gae_lambda: float = _option(0.95, "generalised advantage estimation: 0 trusts the value network, 1 the returns")
    entropy_coefficient: float = _option(0.01, "how much trying things out is worth")
    value_coefficient: float = _option(0.5, "weight of the value network's loss")
    max_grad_norm: float = _option(0.5, "longest gradient; longer ones are shortened")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("rollout_steps", self.rollout_steps > 0, "1 or more steps")
        self._require("learning_rate", self.learning_rate > 0, "positive")


@dataclass(frozen=True)
class PpoOptions(OnPolicyOptions):
    """Proximal policy optimisation (Schulman et al. 2017). The defaults are those of SB3's zoo for Atari games."""

    algo: ClassVar[str] = "ppo"

    batch_size: int = _option(256, "steps per gradient step")
    epochs: int = _option(4, "how often each step is learned from")
    clip_range: float = _option(0.1, "how far an action's probability may move per round of learning")
    linear_clip_range: bool = _option(True, "let the clip range fall to 0 at the last step")
    target_kl: float | None = _option(None, "stop a round of learning when the policy has moved this far")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("batch_size", self.batch_size > 1, "2 or more steps")
        self._require("epochs", self.epochs > 0, "1 or more")


@dataclass(frozen=True)
class MaskablePpoOptions(PpoOptions):
    """PPO that never takes an action which the environment's `action_mask` forbids (Huang and Ontanon 2022)."""

    algo: ClassVar[str] = "maskable"


@dataclass(frozen=True)
class RecurrentPpoOptions(PpoOptions):
    """PPO with a memory: an LSTM between the picture and the decision."""

    algo: ClassVar[str] = "recurrent"

    lstm_size: int = _option(128, "neurons of the memory")


@dataclass(frozen=True)
class A2cOptions(OnPolicyOptions):
    """Advantage actor-critic (Mnih et al. 2016), synchronous, with RMSprop.

    Longer rollouts and normalised advantages learn from fewer steps than the zoo's settings, which are made for many
    millions; so does PyTorch's RMSprop, which does not begin as if all gradients so far had been of size one.
    """

    algo: ClassVar[str] = "a2c"

    rollout_steps: int = _option(16, "steps per lane between two rounds of learning")
    learning_rate: float = _option(7e-4, "size of the optimiser's steps")
    value_coefficient: float = _option(0.25, "weight of the value network's loss")
    normalise_advantages: bool = _option(True, "learn from advantages less their mean, divided by their deviation")
    rollouts_per_update: int = _option(8, "rollouts, each learned from, that one report is about")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("rollouts_per_update", self.rollouts_per_update > 0, "1 or more")


@dataclass(frozen=True)
class QrdqnOptions(Sb3Options):
    """Quantile regression DQN (Dabney et al. 2018)."""

    algo: ClassVar[str] = "qrdqn"

    learning_rate: float = _option(5e-5, "size of the optimiser's steps")
    buffer_size: int = _option(
        50_000, "steps to learn from, the latest; a `gray84` step takes 28 kB, so these take 1.4 GB and a tenth more"
    )
    learning_starts: int = _option(5_000, "agent steps played at random before learning")
    batch_size: int = _option(32, "steps per gradient step")
    steps_per_gradient: int = _option(4, "agent steps per gradient step")
    target_update_steps: int = _option(10_000, "agent steps between two copies into the target network")
    exploration_fraction: float = _option(0.1, "part of all steps in which random actions become rare")
    exploration_final: float = _option(0.01, "chance of a random action from then on")
    num_quantiles: int = _option(200, "numbers that describe the distribution of each action's return")
    max_grad_norm: float | None = _option(None, "longest gradient; longer ones are shortened; none: any length")
    update_steps: int = _option(1024, "agent steps, with their gradient steps, that one report is about")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("buffer_size", "batch_size", "steps_per_gradient", "target_update_steps", "update_steps"):
            self._require(name, getattr(self, name) > 0, "1 or more")


OPTIONS: dict[str, type[Sb3Options]] = {
    options.algo: options for options in (PpoOptions, A2cOptions, QrdqnOptions, MaskablePpoOptions, RecurrentPpoOptions)
}
"""The algorithms by name."""
