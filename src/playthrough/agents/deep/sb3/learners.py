"""The learner: plays, learns, reports, and gives its whole state."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from time import perf_counter
from typing import Any, cast

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from sb3_contrib import QRDQN, MaskablePPO, RecurrentPPO
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.utils import LinearSchedule

from playthrough.agents.deep.learner import ArrayState, UpdateReport
from playthrough.agents.deep.sb3.network import (
    POLICIES,
    device_of,
    is_bf16,
    load_optimiser,
    load_parameters,
    look_at_bytes,
    network_arguments,
    network_values,
    optimiser_arguments,
    optimiser_state,
    parameters_of,
)
from playthrough.agents.deep.sb3.options import (
    A2cOptions,
    MaskablePpoOptions,
    OnPolicyOptions,
    PpoOptions,
    QrdqnOptions,
    RecurrentPpoOptions,
    Sb3Options,
)
from playthrough.agents.deep.sb3.policy import MEMORY, Sb3Policy
from playthrough.agents.deep.sb3.randomness import RandomStreams
from playthrough.agents.deep.sb3.replay import MakeArray, StepReplay, new_array
from playthrough.agents.deep.sb3.rollout import ResidentMaskableRolloutBuffer, ResidentRolloutBuffer
from playthrough.agents.deep.sb3.vec_env import GymnasiumVecEnv, RewardRule

_PARAMETERS = "parameters"
_LANES_PER_THREAD = 32  # that look at pictures while playing


class Sb3Learner:
    """One of stable-baselines3's algorithms, an update at a time.

    1. Play: the library's own `collect_rollouts`, on all lanes.
    2. Learn: its own `train`.
    3. Report what both said.

    The same options, environment and seed give the same updates, whether or not the run was stored and restored in
    between, and whatever else draws random numbers meanwhile.

    Args:
        options: Which algorithm, and how.
        env: Lanes to play on, a `gymnasium.vector.VectorEnv` in `AutoresetMode.SAME_STEP`.
        seed: Seed of the run, not negative.
        state: Go on from here; the lanes of `env` must have been put back to where they were then.
        make_array: QR-DQN: gives the arrays of what it learns from, by name, shape and dtype. They are not in the
            state, so a run that goes on needs the same ones.

    Raises:
        ValueError: If the environment, an option or the state does not fit.
    """

    def __init__(
        self,
        options: Sb3Options,
        env: Any,
        seed: int,
        *,
        state: ArrayState | None = None,
        make_array: MakeArray = new_array,
    ) -> None:
        self.options = options
        self._make_array = make_array
        rule = RewardRule(options.reward_scale, options.reward_clip, options.normalise_returns, options.gamma)
        self._env = GymnasiumVecEnv(env, rule, normalise_observations=options.normalise_observations)
        is_picture = self._env.input.is_picture
        self._device = device_of(options.device, is_picture=is_picture)
        self._bf16 = is_bf16(options.precision, self._device, is_picture=is_picture)
        self._random = RandomStreams(self._device)
        self._update = 0
        with self._random:
            self._model: Any = self._make_model(seed)
            if options.channels_last and is_picture:
                self._model.policy.to(memory_format=torch.channels_last)
            if self._bf16:
                look_at_bytes(self._model.policy)
            self._model.set_logger(Logger(folder=None, output_formats=[]))
            if state is not None:
                self._load(state)
            self._callback = self._begin(fresh=state is None)
        if state is not None:
            self._random.load(state)

    @property
    def agent_steps(self) -> int:
        """Decisions so far, of all lanes together."""
        return self._model.num_timesteps

    @property
    def policy(self) -> Sb3Policy:
        """What has been learned so far; it changes with the next update. Each has a memory of its own."""
        exploration = self.options.exploration_final if isinstance(self.options, QrdqnOptions) else 0.0
        return Sb3Policy(
            self.options.algo,
            self._model.policy,
            network_values(self.options),
            self._env.input,
            cast("Any", self._env.action_space),
            exploration,
        )

    def run_update(self) -> UpdateReport:
        """Play some, learn from it."""
        metrics: defaultdict[str, list[float]] = defaultdict(list)
        with self._random, _Threads(self.options.num_learner_threads):
            if isinstance(self.options, QrdqnOptions):
                seconds = self._learn_from_replay(self.options, metrics)
            else:
                rollouts = self.options.rollouts_per_update if isinstance(self.options, A2cOptions) else 1
                rounds = [self._play_and_learn(metrics) for _ in range(rollouts)]
                seconds = (sum(collect for collect, _ in rounds), sum(learn for _, learn in rounds))
        self._update += 1
        return UpdateReport(
            agent_steps=self.agent_steps,
            update=self._update,
            episodes=self._env.take_episodes(),
            metrics={name: float(np.mean(values)) for name, values in metrics.items()},
            collect_s=seconds[0],
            learn_s=seconds[1],
        )

    def _play_and_learn(self, metrics: dict[str, list[float]]) -> tuple[float, float]:
        model, begin = self._model, perf_counter()
        with _Threads(self._num_playing_threads()):
            model.collect_rollouts(self._env, self._callback, model.rollout_buffer, model.n_steps)
        model._update_current_progress_remaining(model.num_timesteps, self.options.steps)
        played = perf_counter()
        model.train()
        self._note(metrics)
        return played - begin, perf_counter() - played

    def _num_playing_threads(self) -> int:
        """PyTorch's, while playing. A second one for few pictures costs the emulators more than it gives."""
        return max(1, min(torch.get_num_threads(), self._env.num_envs // _LANES_PER_THREAD))

    def _learn_from_replay(self, options: QrdqnOptions, metrics: dict[str, list[float]]) -> tuple[float, float]:
        model, collect_s, learn_s = self._model, 0.0, 0.0
        until = self.agent_steps + options.update_steps
        while self.agent_steps < until:
            begin = perf_counter()
            model.collect_rollouts(
                self._env,
                self._callback,
                model.train_freq,
                model.replay_buffer,
                learning_starts=options.learning_starts,
            )
            played = perf_counter()
            if self.agent_steps > options.learning_starts:
                model.train(batch_size=options.batch_size, gradient_steps=model.gradient_steps)
            self._note(metrics)
            collect_s, learn_s = collect_s + played - begin, learn_s + perf_counter() - played
        return collect_s, learn_s

    def _note(self, metrics: dict[str, list[float]]) -> None:
        """Take what the algorithm told its logger."""
        for key, value in self._model.logger.name_to_value.items():
            name = _METRICS.get(key)
            if name is not None and math.isfinite(value):
                metrics[name].append(-float(value) if name == "entropy" else float(value))
        self._model.logger.dump()

    # Making the model ------------------------------------------------------------------------------------------------

    def _make_model(self, seed: int) -> Any:
        options = self.options
        policy_arguments = network_arguments(
            options.algo, network_values(options), self._env.input, bf16=self._bf16
        ) | optimiser_arguments(options, self._device)
        common: dict[str, Any] = {
            "policy": POLICIES[options.algo],
            "env": self._env,
            "gamma": options.gamma,
            "seed": seed,
            "device": self._device,
            "policy_kwargs": policy_arguments,
        }
        if isinstance(options, QrdqnOptions):
            return self._make_qrdqn(options, common)
        if not isinstance(options, OnPolicyOptions):
            raise ValueError(f"expected the options of {', '.join(POLICIES)}, got {type(options).__name__}")
        common |= {
            "n_steps": options.rollout_steps,
            "learning_rate": _schedule(options.learning_rate, falls=options.linear_learning_rate),
            "gae_lambda": options.gae_lambda,
            "ent_coef": options.entropy_coefficient,
            "vf_coef": options.value_coefficient,
            "max_grad_norm": options.max_grad_norm,
        }
        resident: dict[str, Any] = {"rollout_buffer_kwargs": {"channels_last": options.channels_last}}
        if isinstance(options, A2cOptions):
            common["normalize_advantage"] = options.normalise_advantages
            return A2C(**common, **resident, rollout_buffer_class=ResidentRolloutBuffer)
        assert isinstance(options, PpoOptions)
        common |= {
            "batch_size": options.batch_size,
            "n_epochs": options.epochs,
            "clip_range": _schedule(options.clip_range, falls=options.linear_clip_range),
            "target_kl": options.target_kl,
        }
        if isinstance(options, RecurrentPpoOptions):
            return RecurrentPPO(**common)
        if isinstance(options, MaskablePpoOptions):
            return MaskablePPO(**common, **resident, rollout_buffer_class=ResidentMaskableRolloutBuffer)
        return PPO(**common, **resident, rollout_buffer_class=ResidentRolloutBuffer)

    def _make_qrdqn(self, options: QrdqnOptions, common: dict[str, Any]) -> Any:
        if not isinstance(self._env.action_space, spaces.Discrete):
            actions = cast("Any", self._env.action_space)
            raise ValueError(f'qrdqn needs actions in Discrete(n), got {actions}: use actions="discrete"')
        common_steps = math.gcd(self._env.num_envs, options.steps_per_gradient)
        return QRDQN(
            **common,
            learning_rate=options.learning_rate,
            buffer_size=options.buffer_size,
            learning_starts=options.learning_starts,
            batch_size=options.batch_size,
            train_freq=options.steps_per_gradient // common_steps,
            gradient_steps=self._env.num_envs // common_steps,
            target_update_interval=options.target_update_steps,
            exploration_fraction=options.exploration_fraction,
            exploration_final_eps=options.exploration_final,
            max_grad_norm=options.max_grad_norm,
            replay_buffer_class=StepReplay,
            replay_buffer_kwargs={"make_array": self._make_array},
            optimize_memory_usage=True,
        )

    def _begin(self, *, fresh: bool) -> Any:
        """What `learn` does first. A learner that goes on keeps its observations and its place in the schedules."""
        steps = self._model.num_timesteps
        _, callback = self._model._setup_learn(self.options.steps, reset_num_timesteps=fresh)
        self._model.num_timesteps = steps
        self._model._total_timesteps = self.options.steps
        return callback

    # State -----------------------------------------------------------------------------------------------------------

    def state(self) -> ArrayState:
        """Everything but the environment's lanes and QR-DQN's arrays, as copies."""
        model = self._model
        random_arrays, random_values = self._random.state()
        arrays: dict[str, NDArray[Any]] = {
            **parameters_of(model.policy, _PARAMETERS),
            **optimiser_state(model.policy.optimizer),
            **random_arrays,
            **self._env.arrays(),
            "last/observations": np.array(model._last_obs),
            "last/starts": np.array(model._last_episode_starts),
        }
        values: dict[str, Any] = {
            "update": self._update,
            "agent_steps": model.num_timesteps,
            "gradient_rounds": model._n_updates,
            "progress_remaining": model._current_progress_remaining,
            "random": random_values,
            "random_actions": model.action_space.np_random.bit_generator.state,
        }
        if isinstance(self.options, RecurrentPpoOptions):
            for name, tensor in zip(MEMORY, _flat(model._last_lstm_states), strict=True):
                arrays[f"memory/{name}"] = tensor.detach().cpu().numpy().copy()
        if isinstance(self.options, QrdqnOptions):
            replay = model.replay_buffer
            values["replay"] = {"position": replay.pos, "is_full": replay.full}
            values["calls"], values["exploration"] = model._n_calls, model.exploration_rate
        return ArrayState(self.options.algo, arrays, values)

    def _load(self, state: ArrayState) -> None:
        if state.kind != self.options.algo:
            raise ValueError(f"the state is that of {state.kind}, the options are those of {self.options.algo}")
        model, arrays, values = self._model, state.arrays, state.values
        load_parameters(model.policy, _PARAMETERS, arrays)
        load_optimiser(model.policy.optimizer, arrays)
        self._env.load(state)
        if arrays["last/observations"].shape[:1] != (self._env.num_envs,):
            raise ValueError(
                f"the state has {len(arrays['last/observations'])} lanes, the environment {self._env.num_envs}"
            )
        model._last_obs = np.array(arrays["last/observations"])
        model._last_episode_starts = np.array(arrays["last/starts"])
        self._update = int(values["update"])
        model.num_timesteps = int(values["agent_steps"])
        model._n_updates = int(values["gradient_rounds"])
        model._current_progress_remaining = float(values["progress_remaining"])
        model.action_space.np_random.bit_generator.state = values["random_actions"]
        if isinstance(self.options, RecurrentPpoOptions):
            tensors = [torch.from_numpy(np.array(arrays[f"memory/{name}"])).to(self._device) for name in MEMORY]
            model._last_lstm_states = RNNStates((tensors[0], tensors[1]), (tensors[2], tensors[3]))
        if isinstance(self.options, QrdqnOptions):
            replay = model.replay_buffer
            replay.pos, replay.full = int(values["replay"]["position"]), bool(values["replay"]["is_full"])
            model._n_calls, model.exploration_rate = int(values["calls"]), float(values["exploration"])


_METRICS = {
    "train/loss": "loss",
    "train/policy_gradient_loss": "policy_loss",
    "train/policy_loss": "policy_loss",
    "train/value_loss": "value_loss",
    "train/entropy_loss": "entropy",
    "train/approx_kl": "approx_kl",
    "train/clip_fraction": "clip_fraction",
    "train/clip_range": "clip_range",
    "train/explained_variance": "explained_variance",
    "train/learning_rate": "learning_rate",
    "rollout/exploration_rate": "exploration",
}


def _flat(states: RNNStates) -> tuple[torch.Tensor, ...]:
    return (*states.pi, *states.vf)


def _schedule(start: float, *, falls: bool) -> float | Callable[[float], float]:
    return cast("Callable[[float], float]", LinearSchedule(start, 0.0, 1.0)) if falls else start


class _Threads:
    """Runs the networks on so many threads, and leaves PyTorch as it was."""

    def __init__(self, number: int | None) -> None:
        self._number = number
        self._before = torch.get_num_threads()

    def __enter__(self) -> None:
        if self._number is not None:
            torch.set_num_threads(self._number)

    def __exit__(self, *error: object) -> None:
        if self._number is not None:
            torch.set_num_threads(self._before)
