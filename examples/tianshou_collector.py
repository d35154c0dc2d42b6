"""Tianshou's Collector and PPO on our vector environment.

Tianshou 2 takes anything that has the methods of `Lanes` below. It resets lanes by itself and sometimes steps only a
few of them, so our environment is made with `autoreset_mode="disabled"`, where lanes are reset by a mask and a lane
that has ended stays as it is.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np
import torch
from torch import nn

import playthrough as pt

try:
    from tianshou.algorithm import PPO
    from tianshou.algorithm.modelfree.reinforce import ProbabilisticActorPolicy
    from tianshou.algorithm.optim import AdamOptimizerFactory
    from tianshou.data import Collector, CollectStats, VectorReplayBuffer
    from tianshou.utils.torch_utils import policy_within_training_step
except ImportError as error:
    sys.exit(f"this example needs Tianshou: pip install tianshou==2.0.1 ({error})")


class Lanes:
    """Our lanes as Tianshou asks for them: by number, without autoreset."""

    is_async = False

    def __init__(self, env: pt.RetroVectorEnv) -> None:
        self.env = env
        self.env_num = env.num_envs
        self.action_space = [env.single_action_space] * env.num_envs
        self.observation_space = [env.single_observation_space] * env.num_envs

    def __len__(self) -> int:
        return self.env_num

    def _lanes(self, lanes: Any) -> np.ndarray:
        return np.arange(self.env_num) if lanes is None else np.atleast_1d(lanes)

    def reset(self, env_id: Any = None, **options: Any) -> tuple[np.ndarray, np.ndarray]:
        lanes = self._lanes(env_id)
        mask = np.isin(np.arange(self.env_num), lanes)
        observations, _ = self.env.reset(seed=options.get("seed"), options={"reset_mask": mask})
        return observations[lanes], np.array([{} for _ in lanes], object)

    def step(self, action: Any, id: Any = None) -> tuple[np.ndarray, ...]:
        lanes = self._lanes(id)
        actions = np.zeros(self.env_num, np.int64)
        actions[lanes] = action
        observations, rewards, terminated, truncated, _ = self.env.step(actions)
        infos = np.array([{"env_id": lane} for lane in lanes], object)
        return observations[lanes], np.sign(rewards[lanes]), terminated[lanes], truncated[lanes], infos

    def seed(self, seed: int | None = None) -> None:
        self.action_space[0].seed(seed)

    def close(self) -> None:
        self.env.close()


class Eye(nn.Module):
    """Three convolutions and a layer on top."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(4, 32, 8, stride=4),
            nn.ReLU(),
            nn.Conv2d(32, 64, 4, stride=2),
            nn.ReLU(),
            nn.Conv2d(64, 64, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, 512),
            nn.ReLU(),
            nn.Linear(512, outputs),
        )

    def see(self, pictures: Any) -> torch.Tensor:
        return self.layers(torch.as_tensor(pictures, dtype=torch.float32) / 255)


class Actor(Eye):
    def forward(self, obs: Any, state: Any = None, info: Any = None) -> tuple[torch.Tensor, Any]:
        return self.see(obs), state


class Critic(Eye):
    def forward(self, obs: Any, **_: Any) -> torch.Tensor:
        return self.see(obs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--game", default="Breakout-Atari2600")
    parser.add_argument("--updates", type=int, default=100)
    parser.add_argument("--lanes", type=int, default=8)
    parser.add_argument("--steps", type=int, default=128, help="steps per lane and update")
    args = parser.parse_args()

    env = pt.make_vec(
        args.game,
        num_envs=args.lanes,
        observation="gray84",
        actions="discrete",
        frame_skip=4,
        autoreset_mode="disabled",
    )
    space = env.single_action_space
    policy = ProbabilisticActorPolicy(
        actor=Actor(int(space.n)),
        dist_fn=lambda logits: torch.distributions.Categorical(logits=logits),
        action_space=space,
        action_scaling=False,
        action_bound_method=None,
    )
    algorithm = PPO(policy=policy, critic=Critic(1), optim=AdamOptimizerFactory(lr=2.5e-4), eps_clip=0.1)
    buffer = VectorReplayBuffer(args.steps * args.lanes, args.lanes)
    collector: Collector[CollectStats] = Collector(algorithm, Lanes(env), buffer)
    collector.reset()
    for update in range(1, args.updates + 1):
        with policy_within_training_step(policy):
            stats = collector.collect(n_step=args.steps * args.lanes)
            algorithm.update(buffer=buffer, batch_size=256, repeat=4)
        collector.reset_buffer(keep_statistics=True)
        print(f"update {update}: {stats.n_collected_episodes} episodes ended, returns {stats.returns}", flush=True)
    env.close()


if __name__ == "__main__":
    main()
