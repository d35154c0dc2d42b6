"""What Rainbow has learned, as an agent that plays."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from playthrough.agents.deep.learner import ArrayState, Decision
from playthrough.agents.deep.rainbow_network import NetworkDesign, RainbowNetwork, pick_device
from playthrough.errors import StateError

MEAN, SPREAD = "numbers_mean", "numbers_spread"
"""Under these names a state holds what numbers are like."""


class RainbowPolicy:
    """Takes the action with the highest Q-value.

    With `sample=True` it plays as it does while it learns: with noise in the weights, other noise for every lane and
    step, or, where the network has none, with a random action now and then.

    Args:
        network: Judges actions; it may go on learning.
        epsilon: The share of random actions in `sample=True` where the network has no noise.
        seed: Of the policy's own random numbers.
    """

    def __init__(self, network: RainbowNetwork, *, epsilon: float = 0.01, seed: int = 0) -> None:
        self.network = network
        self._epsilon = epsilon
        self._random = np.random.default_rng(seed)

    @property
    def score_name(self) -> str:
        """What `Decision.scores` are."""
        return "Q-value"

    @property
    def memory(self) -> None:
        """It remembers nothing from step to step."""
        return None

    @memory.setter
    def memory(self, memory: dict[str, NDArray[Any]]) -> None:
        raise ValueError("a rainbow policy remembers nothing from step to step")

    def decide(
        self,
        observations: Any,
        starts: NDArray[np.bool_],
        *,
        sample: bool = False,
        masks: NDArray[np.bool_] | None = None,
    ) -> Decision:
        """Decide for every lane."""
        view = self.network.design.view
        main, numbers = view.main_of(observations), view.numbers_of(observations)
        noise = self.network.make_noise(self._random, len(main)) if sample else None
        scores = self.q_values(main, numbers, noise)
        allowed = scores if masks is None else np.where(masks, scores, -np.inf)
        actions: NDArray[Any] = allowed.argmax(1)
        if sample and noise is None:
            guess = self._random.random(scores.shape)
            guess = guess if masks is None else np.where(masks, guess, -1.0)
            actions = np.where(self._random.random(len(actions)) < self._epsilon, guess.argmax(1), actions)
        return Decision(actions, scores, allowed.max(1))

    @torch.no_grad()
    def q_values(
        self, main: NDArray[Any], numbers: NDArray[np.float32] | None = None, noise: Tensor | None = None
    ) -> NDArray[np.float32]:
        """The mean return that each action promises, float32 (lanes, actions).

        Args:
            main: Pictures, or numbers where there are none.
            numbers: Those beside the pictures.
            noise: From `RainbowNetwork.make_noise`.
        """
        device = self.network.returns.device
        beside = None if numbers is None else to_device(numbers, device)
        logits = self.network(to_device(main, device), None if noise is None else noise.to(device), beside)
        return self.network.q_values(logits).cpu().numpy()

    def saliency(self, observations: Any) -> NDArray[np.float32] | None:
        """How much each pixel of the newest picture would change the chosen action's Q-value, the most is 1.

        The gradient's absolute value, as Wang et al. 2016, section 4.2, show it.
        """
        design = self.network.design
        if not design.is_picture:
            return None
        device, numbers = self.network.returns.device, design.view.numbers_of(observations)
        prepared = self.network.prepare(
            to_device(design.view.main_of(observations), device),
            None if numbers is None else to_device(numbers, device),
        )
        pictures = prepared.main.requires_grad_()
        best = self.network.q_values(self.network.judge(prepared)).amax(1).sum()
        (gradient,) = torch.autograd.grad(best, pictures)
        num_past = design.observation_shape[0] if design.is_stack else 1
        newest = gradient[:, -(gradient.shape[1] // num_past) :].abs().amax(1)
        most = newest.amax((1, 2), keepdim=True)
        return (newest / most.clamp(min=1e-12)).cpu().numpy()

    def state(self) -> ArrayState:
        """Everything that it takes to make this policy again."""
        values: dict[str, Any] = {"design": asdict(self.network.design), "epsilon": self._epsilon}
        for name in ("observation_shape", "number_keys"):
            values["design"][name] = list(values["design"][name])
        arrays = parameter_arrays(self.network)
        if self.network.design.normalised:
            arrays |= {MEAN: to_array(self.network.numbers_mean), SPREAD: to_array(self.network.numbers_spread)}
        return ArrayState("rainbow", arrays, values)

    @classmethod
    def from_state(cls, state: ArrayState, device: str = "auto") -> RainbowPolicy:
        """The policy that a state was taken of.

        Raises:
            StateError: The state is of another kind of policy, or damaged.
        """
        if state.kind != "rainbow":
            raise StateError(f"expected the state of a rainbow policy, got one of kind {state.kind!r}")
        try:
            given: dict[str, Any] = dict(state.values["design"])
            given["observation_shape"] = tuple(given["observation_shape"])
            given["number_keys"] = tuple(given.get("number_keys", ()))
            design = NetworkDesign(**given)
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"the policy's state does not say what network it has: {error}") from error
        network = make_network(design, 0, pick_device(device))
        load_parameters(network, state.arrays)
        if design.normalised:
            load_expectation(network, state.arrays)
        return cls(network, epsilon=float(state.values.get("epsilon", 0.01)))


def make_network(design: NetworkDesign, seed: int, device: torch.device) -> RainbowNetwork:
    """A network with random parameters; the process's own random numbers are left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = RainbowNetwork(design)
    # Convolutions are faster with a pixel's channels side by side.
    return cast(Any, network).to(device=device, memory_format=torch.channels_last)


def to_device(array: NDArray[Any], device: torch.device) -> Tensor:
    """An array as a tensor; towards a GPU through memory that can be copied while the processor goes on."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def to_array(tensor: Tensor) -> NDArray[Any]:
    """A tensor's numbers, as a copy."""
    return tensor.detach().cpu().contiguous().numpy().copy()


def parameter_arrays(network: RainbowNetwork) -> dict[str, NDArray[Any]]:
    """A network's parameters by name."""
    return {name: to_array(parameter) for name, parameter in network.named_parameters()}


def load_expectation(network: RainbowNetwork, arrays: dict[str, NDArray[Any]]) -> None:
    """Tell a network what numbers are like.

    Raises:
        StateError: That is not said, or of other numbers.
    """
    given = [arrays.get(MEAN), arrays.get(SPREAD)]
    shapes = [None if part is None else part.shape for part in given]
    if given[0] is None or given[1] is None or {*shapes} != {network.design.numbers_shape}:
        raise StateError(
            f"the state belongs to another network: expected the mean and the standard deviation of numbers of shape "
            f"{network.design.numbers_shape}, got {shapes}"
        )
    network.expect(given[0], given[1])


@torch.no_grad()
def load_parameters(network: RainbowNetwork, arrays: dict[str, NDArray[Any]]) -> None:
    """Give a network these parameters.

    Raises:
        StateError: They are another network's.
    """
    for name, parameter in network.named_parameters():
        array = arrays.get(name)
        if array is None or array.shape != tuple(parameter.shape):
            found = "nothing" if array is None else f"shape {array.shape}"
            raise StateError(
                f"the state belongs to another network: expected {name} of shape {tuple(parameter.shape)}, got {found}"
            )
        parameter.copy_(torch.from_numpy(array))
