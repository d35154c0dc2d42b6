"""What has been learned: decisions, what spoke for them, and where they looked."""

from __future__ import annotations

from typing import Any, cast

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from sb3_contrib.common.recurrent.type_aliases import RNNStates

from playthrough.agents.deep.learner import ArrayState, Decision
from playthrough.agents.deep.sb3.network import POLICIES, load_parameters, network_arguments, parameters_of
from playthrough.agents.deep.sb3.observations import ObservationInput

_NETWORK = "network"
MEMORY = ("actor_hidden", "actor_cell", "critic_hidden", "critic_cell")
"""What an LSTM remembers, in stable-baselines3's order."""


class Sb3Policy:
    """A policy of stable-baselines3's as `playthrough.agents.deep.learner.Policy` asks for it.

    It draws random actions from a stream of its own, so the same observations from the beginning give the same actions.

    Args:
        algo: Which algorithm it is of.
        module: stable-baselines3's policy; it is used, not copied.
        values: What else than parameters builds the network.
        observation_input: Prepares observations.
        action_space: Of one lane.
        exploration: QR-DQN: the chance of a random action where actions are drawn.
    """

    def __init__(
        self,
        algo: str,
        module: Any,
        values: dict[str, Any],
        observation_input: ObservationInput,
        action_space: gymnasium.Space[Any],
        exploration: float = 0.0,
    ) -> None:
        self._algo = algo
        self._module = module
        self._values = values
        self._input = observation_input
        self._is_buttons = isinstance(action_space, spaces.MultiBinary)
        self._exploration = exploration
        self._memory: RNNStates | None = None
        self._random = np.random.default_rng(0)

    @property
    def score_name(self) -> str:
        """`probability`, of actions or of buttons, or `Q-value`: the mean of an action's quantiles."""
        return "Q-value" if self._algo == "qrdqn" else "probability"

    @property
    def memory(self) -> dict[str, NDArray[Any]] | None:
        """What `recurrent` remembers, (layers, lanes, neurons) each; empty before the first step."""
        if self._algo != "recurrent":
            return None
        if self._memory is None:
            return {}
        parts = (*self._memory.pi, *self._memory.vf)
        return {name: _array(part).copy() for name, part in zip(MEMORY, parts, strict=True)}

    @memory.setter
    def memory(self, memory: dict[str, NDArray[Any]]) -> None:
        if self._algo != "recurrent":
            raise ValueError(f"a policy of {self._algo} remembers nothing from step to step")
        parts = [torch.from_numpy(np.array(memory[name])).to(self._module.device) for name in MEMORY]
        self._memory = RNNStates((parts[0], parts[1]), (parts[2], parts[3]))

    def decide(
        self,
        observations: Any,
        starts: NDArray[np.bool_],
        *,
        sample: bool = False,
        masks: NDArray[np.bool_] | None = None,
    ) -> Decision:
        """See `Policy`."""
        with torch.no_grad():
            scores, values, _ = self._evaluate(self._tensor(observations), np.asarray(starts), remember=True)
        if self._algo == "qrdqn":
            return self._decide_by_worth(scores, sample=sample, masks=masks)
        if self._is_buttons:
            chosen = self._random.random(scores.shape) < scores if sample else scores > 0.5
            return Decision(chosen.astype(np.int8), scores, values)
        if masks is not None:
            # Where forbidden actions leave the others nothing, those are all alike.
            scores = np.where(masks, np.maximum(scores, np.finfo(np.float32).tiny), np.float32(0))
            scores /= scores.sum(axis=1, keepdims=True)
        if not sample:
            return Decision(scores.argmax(axis=1), scores, values)
        cumulated = scores.cumsum(axis=1, dtype=np.float64)
        drawn = self._random.random((len(scores), 1)) * cumulated[:, -1:]
        return Decision((cumulated <= drawn).sum(axis=1), scores, values)

    def _decide_by_worth(
        self, worth: NDArray[np.float32], *, sample: bool, masks: NDArray[np.bool_] | None
    ) -> Decision:
        allowed = np.ones(worth.shape, np.bool_) if masks is None else masks
        best = np.where(allowed, worth, -np.inf)
        actions: NDArray[np.int64] = best.argmax(axis=1)
        if sample:
            anything: NDArray[np.int64] = np.where(allowed, self._random.random(worth.shape), -1.0).argmax(axis=1)
            actions = np.where(self._random.random(len(worth)) < self._exploration, anything, actions)
        return Decision(actions, worth, best.max(axis=1).astype(np.float32))

    def saliency(self, observations: Any) -> NDArray[np.float32] | None:
        """The gradient of the chosen action's log probability, or Q-value, after each pixel (Simonyan et al. 2014)."""
        if not self._input.is_picture:
            return None
        tensor = self._tensor(observations).float().requires_grad_(True)
        with torch.enable_grad():
            starts = np.zeros(len(tensor), np.bool_)
            _, _, chosen = self._evaluate(tensor, starts, remember=False)
            (gradient,) = torch.autograd.grad(chosen.sum(), tensor)
        size = self._input.pictures_in(gradient).abs().sum(dim=1).cpu().numpy().astype(np.float32)
        largest = size.max(axis=(1, 2), keepdims=True)
        return np.divide(size, largest, out=np.zeros_like(size), where=largest > 0)

    def state(self) -> ArrayState:
        """See `Policy`."""
        module = self._module.quantile_net if self._algo == "qrdqn" else self._module
        arrays = parameters_of(module, _NETWORK)
        if self._input.normaliser:
            arrays |= self._input.normaliser.arrays("observations")
        values = {**self._values, "exploration": self._exploration, "normalised": self._input.normaliser is not None}
        return ArrayState(self._algo, arrays, values)

    def _tensor(self, observations: NDArray[Any]) -> torch.Tensor:
        return torch.as_tensor(self._input(observations), device=self._module.device)

    def _evaluate(
        self, tensor: torch.Tensor, starts: NDArray[np.bool_], *, remember: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], torch.Tensor]:
        """The scores of all actions, the values, and what spoke for the best action as a tensor (lanes,)."""
        module = self._module
        module.set_training_mode(False)
        if self._algo == "qrdqn":
            worth = cast("torch.Tensor", module.quantile_net(tensor).mean(dim=1))
            best = worth.max(dim=1).values
            return _array(worth), _array(best), best
        if self._algo == "recurrent":
            memory = self._memory_for(len(tensor))
            begun = torch.as_tensor(starts, dtype=torch.float32, device=module.device)
            _, values, log_probability, memory = module(tensor, memory, begun, deterministic=True)
            if remember:
                self._memory = memory
        else:
            _, values, log_probability = module(tensor, deterministic=True)
        return _array(module.action_dist.distribution.probs), _array(values).reshape(-1), log_probability

    def _memory_for(self, num_lanes: int) -> RNNStates:
        memory = self._memory
        if memory is None or memory.pi[0].shape[1] != num_lanes:
            lstm = self._module.lstm_actor
            nothing = torch.zeros(lstm.num_layers, num_lanes, lstm.hidden_size, device=self._module.device)
            return RNNStates((nothing, nothing), (nothing, nothing))
        return memory


def policy_from_state(
    state: ArrayState, observation_space: gymnasium.Space[Any], action_space: gymnasium.Space[Any], device: str = "cpu"
) -> Sb3Policy:
    """Make a policy again.

    Args:
        state: From `Sb3Policy.state`.
        observation_space: Of one lane.
        action_space: Of one lane.
        device: Where it shall run.

    Raises:
        ValueError: If it is no policy of these, or one for other observations or actions.
    """
    if state.kind not in POLICIES:
        raise ValueError(f"expected a policy of {', '.join(POLICIES)}, got {state.kind!r}")
    values = {name: value for name, value in state.values.items() if name not in ("exploration", "normalised")}
    observation_input = ObservationInput(observation_space, normalise=bool(state.values["normalised"]))
    if observation_input.normaliser:
        observation_input.normaliser.load("observations", state)
    arguments = network_arguments(state.kind, values, observation_input)
    make = cast("Any", POLICIES[state.kind])
    with torch.random.fork_rng(devices=[]):  # a network begins with random numbers, and nobody else's shall move
        module = make(observation_input.space, action_space, _no_learning, **arguments).to(device)
    load_parameters(module.quantile_net if state.kind == "qrdqn" else module, _NETWORK, state.arrays)
    exploration = float(state.values["exploration"])
    return Sb3Policy(state.kind, module, values, observation_input, action_space, exploration)


def _no_learning(progress_remaining: float) -> float:
    return 0.0


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    return tensor.detach().cpu().numpy().astype(np.float32)
