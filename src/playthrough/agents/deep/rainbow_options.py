"""What can be chosen about Rainbow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


def _option(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class RainbowOptions:
    """How Rainbow learns. Every one of its six parts can be switched off.

    The defaults are those of Hessel et al. 2018, table 1, with the earlier start, larger learning rate and gradient
    clipping of the data-efficient variant (van Hasselt et al. 2019, appendix E).
    """

    steps: int = _option(200_000, "decisions of all lanes together, over which beta is annealed")
    double: bool = _option(True, "double Q-learning: one network chooses the next action, the other judges it")
    dueling: bool = _option(True, "a stream for the state's value and one for the actions' advantages")
    prioritised: bool = _option(True, "draw steps from the replay buffer by how much there was to learn from them")
    distributional: bool = _option(True, "learn the distribution of returns (C51) instead of their mean")
    noisy: bool = _option(True, "explore by noise in the network's weights instead of by random actions")
    n_step: int = _option(3, "rewards that are summed before the rest is estimated; 1 switches it off")
    alpha: float = _option(0.5, "how much priorities count, from 0 to 1")
    beta_from: float = _option(0.4, "how far importance weights make up for priorities, at the beginning")
    beta_to: float = _option(1.0, "the same, at the end")
    atoms: int = _option(51, "returns that the distribution is made of")
    v_min: float = _option(-10.0, "the smallest of them")
    v_max: float = _option(10.0, "the largest of them; discounted returns should lie between")
    sigma: float = _option(0.5, "how much noise there is in the weights at the beginning")
    epsilon_from: float = _option(1.0, "without noise: the share of random actions at the beginning")
    epsilon_to: float = _option(0.01, "without noise: the share of random actions in the end")
    epsilon_steps: int | None = _option(None, "without noise: steps until the end's share; none: a tenth of all")
    gamma: float = _option(0.99, "discount per step")
    learning_rate: float = _option(1e-4, "Adam's step size")
    adam_epsilon: float = _option(1.5e-4, "Adam's epsilon")
    batch_size: int = _option(32, "steps per gradient step")
    buffer_size: int = _option(200_000, "steps to remember; a million 84x84 pictures take 7 GB")
    learn_start: int = _option(2_000, "steps with random actions before anything is learned")
    train_every: int = _option(4, "decisions of all lanes together per gradient step")
    gradient_steps: int = _option(1, "gradient steps each time")
    target_every: int = _option(2_000, "gradient steps between two copies to the target network")
    max_gradient_norm: float = _option(10.0, "gradients are clipped to this norm; 0 leaves them alone")
    reward_clip: Literal["none", "sign"] = _option("sign", "learn from the rewards' signs alone, or from them as paid")
    reward_scale: float = _option(1.0, "what rewards are multiplied with, before they are clipped")
    normalise_observations: bool = _option(
        True, "all but pictures: subtract each number's running mean and divide by its standard deviation"
    )
    hidden: int = _option(512, "width of the layers behind the convolutions, or of those of a vector's network")
    stacked: bool = _option(True, "pictures along the first axis are past ones: store each but once")
    steps_per_update: int = _option(32, "steps of every lane between two reports")
    device: str = _option("auto", "where the network is: auto, cpu, cuda")
    precision: Literal["auto", "fp32", "bf16"] = _option(
        "auto", "of convolutions and the layer behind them while learning: fp32, bf16; auto: bf16 where it is fast"
    )

    def __post_init__(self) -> None:
        for name in ("steps", "n_step", "batch_size", "buffer_size", "train_every", "gradient_steps", "target_every"):
            self._require(getattr(self, name) >= 1, name, "1 or more")
        for name in ("hidden", "steps_per_update", "learning_rate", "adam_epsilon", "reward_scale"):
            self._require(getattr(self, name) > 0, name, "more than 0")
        for name in ("learn_start", "max_gradient_norm", "sigma"):
            self._require(getattr(self, name) >= 0, name, "0 or more")
        for name in ("alpha", "beta_from", "beta_to", "gamma", "epsilon_from", "epsilon_to"):
            self._require(0.0 <= getattr(self, name) <= 1.0, name, "from 0 to 1")
        self._require(self.atoms >= 2, "atoms", "2 or more")
        self._require(self.v_min < self.v_max, "v_max", f"more than v_min, which is {self.v_min}")
        self._require(self.reward_clip in ("none", "sign"), "reward_clip", "none or sign")
        self._require(self.precision in ("auto", "fp32", "bf16"), "precision", "auto, fp32 or bf16")

    def _require(self, right: bool, name: str, expected: str) -> None:
        if not right:
            raise ValueError(f"{name} must be {expected}, not {getattr(self, name)!r}")

    def beta(self, agent_steps: int) -> float:
        """How far importance weights count after so many steps."""
        return _between(self.beta_from, self.beta_to, agent_steps / self.steps) if self.prioritised else 0.0

    def epsilon(self, agent_steps: int) -> float:
        """The share of random actions after so many steps."""
        if agent_steps < self.learn_start:
            return 1.0
        if self.noisy:
            return 0.0
        steps = self.epsilon_steps if self.epsilon_steps is not None else self.steps // 10
        return _between(self.epsilon_from, self.epsilon_to, (agent_steps - self.learn_start) / max(1, steps))


def _between(first: float, last: float, progress: float) -> float:
    return first + (last - first) * min(1.0, progress)
