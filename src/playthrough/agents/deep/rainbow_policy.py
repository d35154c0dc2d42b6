"""What Rainbow has learned, as an agent that plays."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from playthrough.agents.deep.learner import ArrayState, Decision
from playthrough.agents.deep.normaliser import RunningNormaliser
from playthrough.agents.deep.rainbow_network import NetworkDesign, Prepared, RainbowNetwork, pick_device
from playthrough.agents.deep.rainbow_observations import NUMBERS, View
from playthrough.agents.deep.replay import Seen
from playthrough.errors import StateError

OBSERVATIONS = "observations"
"""Names of arrays in a state that say what numbers are like begin so."""


class RainbowPolicy:
    """Takes the action with the highest Q-value.

    With `sample=True` it plays as it does while it learns: with noise in the weights, other noise for every lane and
    step, or, where the network has none, with a random action now and then.

    Args:
        network: Judges actions; it may go on learning.
        normaliser: Of numbers, where the network's design has them normalised; it may go on counting.
        epsilon: The share of random actions in `sample=True` where the network has no noise.
        seed: Of the policy's own random numbers.
    """

    def __init__(
        self,
        network: RainbowNetwork,
        normaliser: RunningNormaliser | None = None,
        *,
        epsilon: float = 0.01,
        seed: int = 0,
    ) -> None:
        self.network, self.normaliser = network, normaliser
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
        seen = self.network.design.view.see(observations)
        noise = self.network.make_noise(self._random, len(seen.observations)) if sample else None
        scores = self.q_values(seen, noise)
        allowed = scores if masks is None else np.where(masks, scores, -np.inf)
        actions: NDArray[Any] = allowed.argmax(1)
        if sample and noise is None:
            guess = self._random.random(scores.shape)
            guess = guess if masks is None else np.where(masks, guess, -1.0)
            actions = np.where(self._random.random(len(actions)) < self._epsilon, guess.argmax(1), actions)
        return Decision(actions, scores, allowed.max(1))

    @torch.no_grad()
    def q_values(self, seen: Seen, noise: Tensor | None = None) -> NDArray[np.float32]:
        """The mean return that each action promises, float32 (rows, actions)."""
        logits = self.network(self.prepare(seen), None if noise is None else noise.to(self._device))
        return self.network.q_values(logits).cpu().numpy()

    def prepare(self, seen: Seen) -> Prepared:
        """What was seen as the network takes it."""
        main, numbers = seen.observations, seen.beside.get(NUMBERS)
        if self.normaliser is not None:
            main, numbers = (self.normaliser(main), None) if numbers is None else (main, self.normaliser(numbers))
        beside = None if numbers is None else to_device(numbers, self._device)
        return self.network.prepare(to_device(main, self._device), beside)

    @property
    def _device(self) -> torch.device:
        return self.network.returns.device

    def saliency(self, observations: Any) -> NDArray[np.float32] | None:
        """How much each pixel of the newest picture would change the chosen action's Q-value, the most is 1.

        The gradient's absolute value, as Wang et al. 2016, section 4.2, show it.
        """
        view = self.network.design.view
        if not view.is_picture:
            return None
        prepared = self.prepare(view.see(observations))
        pictures = prepared.main.requires_grad_()
        best = self.network.q_values(self.network(prepared)).amax(1).sum()
        (gradient,) = torch.autograd.grad(best, pictures)
        num_past = view.shape[0] if view.is_stack else 1
        newest = gradient[:, -(gradient.shape[1] // num_past) :].abs().amax(1)
        most = newest.amax((1, 2), keepdim=True)
        return (newest / most.clamp(min=1e-12)).cpu().numpy()

    def state(self) -> ArrayState:
        """Everything that it takes to make this policy again."""
        values: dict[str, Any] = {"design": asdict(self.network.design), "epsilon": self._epsilon}
        view = values["design"]["view"]
        view |= {name: list(view[name]) for name in ("shape", "numbers")}
        arrays = parameter_arrays(self.network)
        if self.normaliser is not None:
            arrays |= self.normaliser.arrays(OBSERVATIONS)
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
            view: dict[str, Any] = dict(given["view"])
            view |= {name: tuple(view[name]) for name in ("shape", "numbers")}
            given["view"] = View(**view)
            design = NetworkDesign(**given)
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"the policy's state does not say what network it has: {error}") from error
        network = make_network(design, 0, pick_device(device))
        load_parameters(network, state.arrays)
        normaliser = make_normaliser(design)
        if normaliser is not None:
            load_normaliser(normaliser, state)
        return cls(network, normaliser, epsilon=float(state.values.get("epsilon", 0.01)))


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


def make_normaliser(design: NetworkDesign) -> RunningNormaliser | None:
    """What normalises a network's numbers; None where they are not."""
    shape = design.view.numbers_shape
    return RunningNormaliser(shape) if design.normalised and shape is not None else None


def load_normaliser(normaliser: RunningNormaliser, state: ArrayState) -> None:
    """Go on with what a state says numbers are like.

    Raises:
        StateError: It says nothing, or that of other numbers.
    """
    expected, mean = normaliser.statistics.mean.shape, state.arrays.get(f"{OBSERVATIONS}/mean")
    if mean is None or mean.shape != expected:
        found = "nothing" if mean is None else f"shape {mean.shape}"
        raise StateError(f"the state does not say what numbers of shape {expected} are like: got {found}")
    normaliser.load(OBSERVATIONS, state)


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
