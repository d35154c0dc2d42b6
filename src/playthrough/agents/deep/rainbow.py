"""Rainbow (Hessel et al. 2018): deep Q-learning with six improvements, each of which can be switched off.

1. Act on every lane by the highest Q-value, with noise in the weights.
2. Remember what happened, in a replay buffer.
3. Draw steps from it by priority. What a step promises is the rewards of the next n steps and, from there, the return
   of the best action: chosen by the network itself, judged by an older copy, the target network.
4. Move the distribution of returns towards that; how far off it was is the step's new priority.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any, cast

import gymnasium
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from playthrough.agents.deep.learner import ArrayState, FinishedEpisode, UpdateReport, require_same_step
from playthrough.agents.deep.rainbow_network import (
    NetworkDesign,
    Noise,
    RainbowNetwork,
    computes_bf16,
    pick_device,
    project,
)
from playthrough.agents.deep.rainbow_observations import NUMBERS, View
from playthrough.agents.deep.rainbow_options import RainbowOptions
from playthrough.agents.deep.rainbow_policy import (
    OBSERVATIONS,
    RainbowPolicy,
    load_normaliser,
    load_parameters,
    make_network,
    make_normaliser,
    parameter_arrays,
    to_array,
    to_device,
)
from playthrough.agents.deep.replay import Batch, MakeArray, ReplayBuffer, ReplayShape, Seen, make_zeros
from playthrough.agents.lanes import LaneEnv, allowed_actions, batch_of_one, lane_info
from playthrough.errors import StateError

__all__ = ["RainbowLearner", "RainbowOptions", "RainbowPolicy"]

MASKS = "masks"
"""In `Seen.beside`: which actions are allowed, bool (rows, actions)."""


class RainbowLearner:
    """Learns to play with Rainbow.

    The same environment, options and seed give the same learner on a processor with one thread, whether or not it was
    stored and restored in between. To go on, make the environment, reset it, load its lanes' snapshots, and make a
    learner with the stored state and the arrays that it wrote before.

    Args:
        env: Lanes to play on, which start anew in the same step.
        options: How to learn.
        seed: Seed of the run, not negative.
        make_array: Makes the replay buffer's large arrays.
        spare_steps: Decisions of all lanes together that can follow on `state()` without touching what it refers to in
            those arrays, so that a run that is killed goes on exactly; none: a tenth of the buffer's size.
        state: What another learner's `state()` gave, to go on from there.

    Raises:
        ValueError: The environment has other actions or observations than Rainbow learns with.
        StateError: The state is not one of such a learner.
    """

    def __init__(
        self,
        env: LaneEnv,
        options: RainbowOptions | None = None,
        seed: int = 0,
        *,
        make_array: MakeArray = make_zeros,
        spare_steps: int | None = None,
        state: ArrayState | None = None,
    ) -> None:
        require_same_step(env)
        self._env, self.options = env, options or RainbowOptions()
        self.design = NetworkDesign.of(self.options, View.of(env.single_observation_space), _count_actions(env))
        self._device = pick_device(self.options.device)
        precision = self.options.precision
        suits = self.design.view.is_picture and computes_bf16(self._device)
        self._bf16 = precision == "bf16" or (precision == "auto" and suits)
        self._online = make_network(self.design, seed, self._device)
        self._target = make_network(self.design, seed, self._device).requires_grad_(False)
        self._optimizer = torch.optim.Adam(
            self._online.parameters(),
            lr=self.options.learning_rate,
            eps=self.options.adam_epsilon,
            fused=self._device.type in ("cpu", "cuda"),
        )
        self._normaliser = make_normaliser(self.design)
        self._policy = RainbowPolicy(self._online, self._normaliser, epsilon=self.options.epsilon_to, seed=seed)
        self._seen = self._see(*env.reset(seed=seed)) if state is None else _stored_sight(state)
        self._replay = ReplayBuffer(
            ReplayShape(
                env.num_envs,
                self.options.buffer_size,
                self.design.view.shape,
                np.uint8 if self.design.view.is_bytes else np.float32,
                stacked=self.options.stacked and self.design.view.is_stack,
                n_step=self.options.n_step,
                gamma=self.options.gamma,
                alpha=self.options.alpha if self.options.prioritised else 0.0,
                spare=self.options.buffer_size // 10 if spare_steps is None else spare_steps,
                beside={name: (part.shape[1:], part.dtype) for name, part in self._seen.beside.items()},
            ),
            make_array,
        )
        # Acting and learning have random numbers of their own: one does not change with how often the other happens.
        self._act_random, self._learn_random = (
            np.random.default_rng(sequence) for sequence in np.random.SeedSequence(seed).spawn(2)
        )
        self._agent_steps = self._updates = self._gradient_steps = 0
        self._rewards = np.zeros(env.num_envs, np.float64)
        self._steps = np.zeros(env.num_envs, np.int64)
        self._unsettled: tuple[NDArray[np.int64], Tensor] | None = None
        self.steps_lost = 0
        """Steps of the replay buffer that a stored state referred to and that were overwritten since; 0 is exact."""
        if state is None:
            self._replay.start(self._seen)
            self._count(self._seen)
        else:
            self._load(state)

    @property
    def agent_steps(self) -> int:
        """Decisions so far, of all lanes together."""
        return self._agent_steps

    @property
    def gradient_steps(self) -> int:
        """Gradient steps so far."""
        return self._gradient_steps

    @property
    def policy(self) -> RainbowPolicy:
        """What has been learned so far; it changes with the next update."""
        return self._policy

    def run_update(self) -> UpdateReport:
        """Play some steps on every lane, with the gradient steps that belong to them."""
        episodes: list[FinishedEpisode] = []
        learned: list[Tensor] = []
        learn_s, begin = 0.0, perf_counter()
        for _ in range(self.options.steps_per_update):
            actions = self._act()
            learn_begin = perf_counter()
            # A GPU computes on while the environment steps: nobody waits for it before the next priorities are needed.
            while self._gradient_steps < self._gradient_steps_due() and not self._replay.is_empty:
                learned.append(self._learn())
            learn_s += perf_counter() - learn_begin
            episodes += self._step(actions)
        self._updates += 1
        metrics: dict[str, float] = {
            "gradient_steps": self._gradient_steps,
            "replay_steps": len(self._replay),
            "learning_rate": self.options.learning_rate,
        }
        if self.options.prioritised:
            metrics["beta"] = self.options.beta(self._agent_steps)
        if not self.options.noisy:
            metrics["epsilon"] = self.options.epsilon(self._agent_steps)
        if learned:
            means = cast("list[float]", torch.stack(learned).mean(0).tolist())
            metrics |= dict(zip(("loss", "q_value", "gradient_norm"), means, strict=True))
        whole_s = perf_counter() - begin
        return UpdateReport(
            self._agent_steps, self._updates, tuple(episodes), metrics, max(0.0, whole_s - learn_s), learn_s
        )

    # Playing ---------------------------------------------------------------------------------------------------------

    def _act(self) -> NDArray[np.int64]:
        masks, epsilon = self._seen.beside[MASKS], self.options.epsilon(self._agent_steps)
        guesses: NDArray[np.int64] = np.where(masks, self._act_random.random(masks.shape), -1.0).argmax(1)
        if epsilon >= 1.0:
            return guesses
        noise = self._online.make_noise(self._act_random, len(masks))
        best: NDArray[np.int64] = np.where(masks, self._policy.q_values(self._seen, noise), -np.inf).argmax(1)
        if epsilon == 0.0:
            return best
        return np.where(self._act_random.random(len(masks)) < epsilon, guesses, best)

    def _step(self, actions: NDArray[np.int64]) -> list[FinishedEpisode]:
        observations, rewards, terminated, truncated, infos = self._env.step(actions)
        seen, ended = self._see(observations, infos), terminated | truncated
        if self._replay.shape.stacked and self._updates == 0:
            self._check_stacks(seen.observations, ended)
        self._settle_priorities()
        scaled = rewards * self.options.reward_scale
        paid = np.sign(scaled) if self.options.reward_clip == "sign" else scaled
        told = cast("dict[str, Any]", infos.get("final_info", {}))
        last_infos = {lane: lane_info(told, lane) for lane in np.flatnonzero(ended).tolist()}
        finals = {lane: self._see_last(infos["final_obs"][lane], info) for lane, info in last_infos.items()}
        self._replay.add(actions, paid, terminated, truncated, seen, finals)
        self._count(seen)
        self._seen = seen
        self._rewards += rewards
        self._steps += 1
        self._agent_steps += len(actions)
        episodes: list[FinishedEpisode] = []
        for lane, info in last_infos.items():
            episodes.append(FinishedEpisode(lane, float(self._rewards[lane]), int(self._steps[lane]), info))
        self._rewards[ended], self._steps[ended] = 0.0, 0
        return episodes

    def _check_stacks(self, observations: NDArray[Any], ended: NDArray[np.bool_]) -> None:
        """One picture per step is all that is kept, so the others must be those of the steps before."""
        if not np.array_equal(observations[~ended, :-1], self._seen.observations[~ended, 1:]):
            raise ValueError(
                f"expected observations of shape {observations.shape[1:]} to be stacks of past pictures, oldest first, "
                "but one step did not shift them by one: set stacked=False to store them whole"
            )

    def _see(self, observations: Any, infos: dict[str, Any]) -> Seen:
        """What is seen, in memory of its own, and what is allowed there: everything, unless the infos say otherwise."""
        seen, num_actions = self.design.view.see(observations), self.design.num_actions
        rows = len(seen.observations)
        masks = allowed_actions(infos, rows, num_actions)
        masks = np.ones((rows, num_actions), np.bool_) if masks is None else masks.copy()
        return Seen(seen.observations.copy(), {**seen.beside, MASKS: masks})

    def _see_last(self, observation: Any, info: dict[str, Any]) -> Seen:
        masks = {name: batch_of_one(mask) for name, mask in info.items() if name == "action_mask"}
        return self._see(batch_of_one(observation), masks)

    def _count(self, seen: Seen) -> None:
        if self._normaliser is not None:
            self._normaliser.learn(seen.beside.get(NUMBERS, seen.observations))

    # Learning --------------------------------------------------------------------------------------------------------

    def _gradient_steps_due(self) -> int:
        start = max(self.options.learn_start, self._env.num_envs * (self.options.n_step + 1))
        return max(0, self._agent_steps - start) // self.options.train_every * self.options.gradient_steps

    def _learn(self) -> Tensor:
        """One gradient step; gives its loss, the mean Q-value and the gradient's norm."""
        options = self.options
        self._settle_priorities()
        batch = self._replay.sample(options.batch_size, self._learn_random, options.beta(self._agent_steps))
        with self._autocast():
            noise = self._make_noise(self._online)
        goal = self._goal(batch, noise)
        with self._autocast():
            logits = self._online(self._policy.prepare(batch.seen), noise)
        actions = self._there(batch.actions)
        chosen = logits[torch.arange(len(actions), device=self._device), actions].float()
        if self.design.atoms > 1:
            guess = chosen.log_softmax(1)
            losses = -(goal * guess).sum(1)
            # What there is to learn is the distance to the goal, not how spread the goal itself is.
            priorities = losses.detach() + torch.xlogy(goal, goal).sum(1)
            q_value = (guess.detach().exp() * self._online.returns).sum(1).mean()
        else:
            chosen = chosen.squeeze(1)
            losses = functional.smooth_l1_loss(chosen, goal, reduction="none")
            priorities = (chosen.detach() - goal).abs()
            q_value = chosen.detach().mean()
        loss = (self._there(batch.weights) * losses).mean()
        self._optimizer.zero_grad()
        loss.backward()
        self._online.take_gradients(noise)
        norm = torch.nn.utils.get_total_norm([p.grad for p in self._online.parameters() if p.grad is not None])
        if options.max_gradient_norm and (self._device.type != "cpu" or norm > options.max_gradient_norm):
            torch.nn.utils.clip_grads_with_norm_(self._online.parameters(), options.max_gradient_norm, norm)
        self._optimizer.step()
        self._gradient_steps += 1
        if self._gradient_steps % options.target_every == 0:
            self._copy_to_target()
        self._unsettled = batch.slots, priorities
        return torch.stack((loss.detach(), q_value, norm))

    @torch.no_grad()
    def _goal(self, batch: Batch, noise: Noise) -> Tensor:
        """What the steps' returns should be: (batch, atoms) probabilities, or (batch,) means."""
        with self._autocast():
            following = self._policy.prepare(batch.following)
            judged = self._target(following, self._make_noise(self._target))
            chooser = self._online(following, noise) if self.options.double else judged
        forbidden = ~self._there(batch.following.beside[MASKS])
        best = self._online.q_values(chooser).masked_fill_(forbidden, -torch.inf).argmax(1)
        judged = judged[torch.arange(len(best), device=self._device), best].float()
        rewards, discounts = self._there(batch.returns), self._there(batch.discounts)
        if self.design.atoms == 1:
            return rewards + discounts * judged.squeeze(1)
        return project(judged.softmax(1), rewards, discounts, self._target.returns)

    def _settle_priorities(self) -> None:
        if self._unsettled is not None:
            slots, priorities = self._unsettled
            self._replay.update_priorities(slots, priorities.clamp(min=0.0).cpu().numpy())
            self._unsettled = None

    def _make_noise(self, network: RainbowNetwork) -> Noise:
        noise = network.make_noise(self._learn_random)
        return None if noise is None else network.fix(self._there(noise.numpy()))

    def _there(self, array: NDArray[Any]) -> Tensor:
        return to_device(array, self._device)

    def _autocast(self) -> torch.autocast:
        # One for each way through a network: what it casts without gradients must not be used again with them.
        return torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16)

    @torch.no_grad()
    def _copy_to_target(self) -> None:
        for target, online in zip(self._target.parameters(), self._online.parameters(), strict=True):
            target.copy_(online)

    # Storing ---------------------------------------------------------------------------------------------------------

    def state(self) -> ArrayState:
        """Everything from which a new learner goes on, except the replay buffer's large arrays."""
        self._settle_priorities()
        replay = self._replay.state()
        arrays = {f"online.{name}": array for name, array in parameter_arrays(self._online).items()}
        arrays |= {f"target.{name}": array for name, array in parameter_arrays(self._target).items()}
        for name, parameter in self._online.named_parameters():
            for key, value in self._optimizer.state[parameter].items():
                arrays[f"adam.{key}.{name}"] = to_array(value)
        arrays |= {f"replay.{name}": array for name, array in replay.arrays.items()}
        arrays |= {f"beside.{name}": part for name, part in self._seen.beside.items()}
        if self._normaliser is not None:
            arrays |= self._normaliser.arrays(OBSERVATIONS)
        arrays |= {"seen": self._seen.observations, "rewards": self._rewards.copy(), "steps": self._steps.copy()}
        values = {
            "agent_steps": self._agent_steps,
            "updates": self._updates,
            "gradient_steps": self._gradient_steps,
            "act_random": self._act_random.bit_generator.state,
            "learn_random": self._learn_random.bit_generator.state,
            "replay": replay.values,
        }
        return ArrayState("rainbow-learner", arrays, values)

    def _load(self, state: ArrayState) -> None:
        arrays, values = state.arrays, state.values
        load_parameters(self._online, _under("online.", arrays))
        load_parameters(self._target, _under("target.", arrays))
        if self._normaliser is not None:
            load_normaliser(self._normaliser, state)
        for name, parameter in self._online.named_parameters():
            for key in ("step", "exp_avg", "exp_avg_sq"):
                stored = arrays.get(f"adam.{key}.{name}")
                if stored is None:
                    continue  # it had not learned yet
                like = torch.zeros((), device=self._device) if key == "step" else torch.empty_like(parameter)
                self._optimizer.state[parameter][key] = like.detach().copy_(torch.from_numpy(stored))
        self.steps_lost = self._replay.load(ArrayState("replay", _under("replay.", arrays), values["replay"]))
        self._rewards, self._steps = arrays["rewards"].copy(), arrays["steps"].copy()
        self._agent_steps, self._updates = int(values["agent_steps"]), int(values["updates"])
        self._gradient_steps = int(values["gradient_steps"])
        self._act_random.bit_generator.state = values["act_random"]
        self._learn_random.bit_generator.state = values["learn_random"]


def _under(prefix: str, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _stored_sight(state: ArrayState) -> Seen:
    if state.kind != "rainbow-learner":
        raise StateError(f"expected the state of a rainbow learner, got one of kind {state.kind!r}")
    beside = {name: part.copy() for name, part in _under("beside.", state.arrays).items()}
    return Seen(state.arrays["seen"].copy(), beside)


def _count_actions(env: LaneEnv) -> int:
    actions = env.single_action_space
    if not isinstance(actions, gymnasium.spaces.Discrete) or actions.start != 0:
        raise ValueError(
            f"rainbow chooses one of a number of actions, got {actions}: make the environment with "
            'actions="discrete" or a list of button lists'
        )
    return int(actions.n)
