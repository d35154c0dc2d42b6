"""PPO in one file, read from top to bottom, on our vector environment and nothing but PyTorch.

It follows CleanRL's ppo_atari.py (Huang et al. 2022). `python examples/plain_pytorch_loop.py --updates 1000` learns
Breakout, given its ROM; `--game Airstriker-Genesis` needs none.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

import playthrough as pt

# What to learn, and how.
parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--game", default="Breakout-Atari2600")
parser.add_argument("--updates", type=int, default=1000, help="rounds of playing and learning")
parser.add_argument("--lanes", type=int, default=8, help="games side by side")
parser.add_argument("--steps", type=int, default=128, help="steps per lane and update")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
batch_size, epochs, learning_rate, gamma, gae_lambda = 256, 4, 2.5e-4, 0.99, 0.95
clip_range, entropy_coefficient, value_coefficient, max_grad_norm = 0.1, 0.01, 0.5, 0.5
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.manual_seed(args.seed)

# Where: each step is four frames, an observation is four pictures of 84 x 84, lanes that end start anew at once.
env = pt.make_vec(
    args.game,
    num_envs=args.lanes,
    observation="gray84",
    actions="discrete",
    frame_skip=4,
    noop_max=30,
    autoreset_mode="same_step",
)
num_actions = int(env.single_action_space.n)


def layer(made: nn.Module, gain: float = 2**0.5) -> nn.Module:
    """Orthogonal weights, as PPO begins with."""
    nn.init.orthogonal_(made.weight, gain)
    nn.init.zeros_(made.bias)
    return made


class Agent(nn.Module):
    """Three convolutions see; one layer decides, one judges."""

    def __init__(self) -> None:
        super().__init__()
        self.eye = nn.Sequential(
            layer(nn.Conv2d(4, 32, 8, stride=4)),
            nn.ReLU(),
            layer(nn.Conv2d(32, 64, 4, stride=2)),
            nn.ReLU(),
            layer(nn.Conv2d(64, 64, 3)),
            nn.ReLU(),
            nn.Flatten(),
            layer(nn.Linear(64 * 7 * 7, 512)),
            nn.ReLU(),
        )
        self.actor = layer(nn.Linear(512, num_actions), gain=0.01)
        self.critic = layer(nn.Linear(512, 1), gain=1.0)

    def forward(self, pictures: torch.Tensor) -> tuple[Categorical, torch.Tensor]:
        seen = self.eye(pictures.float() / 255)
        return Categorical(logits=self.actor(seen)), self.critic(seen).squeeze(-1)


agent = Agent().to(device)
optimizer = torch.optim.Adam(agent.parameters(), lr=learning_rate, eps=1e-5)

# What one update remembers: (steps, lanes).
shape = (args.steps, args.lanes)
pictures = torch.zeros((*shape, 4, 84, 84), dtype=torch.uint8, device=device)
actions = torch.zeros(shape, dtype=torch.long, device=device)
log_probs, rewards, values, ends = (torch.zeros(shape, device=device) for _ in range(4))

observations, _ = env.reset(seed=args.seed)
returns, finished = np.zeros(args.lanes), []
begin = time.perf_counter()

for update in range(1, args.updates + 1):
    optimizer.param_groups[0]["lr"] = learning_rate * (1 - (update - 1) / args.updates)

    # Play.
    for step in range(args.steps):
        pictures[step] = torch.from_numpy(observations).to(device)
        with torch.no_grad():
            policy, values[step] = agent(pictures[step])
            actions[step] = policy.sample()
            log_probs[step] = policy.log_prob(actions[step])
        observations, paid, terminated, truncated, infos = env.step(actions[step].cpu().numpy())
        ended = terminated | truncated
        learned = np.sign(paid)
        if truncated.any():  # cut off, not over: what the critic expects of the rest counts as paid
            cut = np.flatnonzero(truncated & ~terminated)
            final = torch.from_numpy(np.stack([infos["final_obs"][lane] for lane in cut])) if cut.size else None
            if final is not None:
                with torch.no_grad():
                    learned[cut] += gamma * agent(final.to(device))[1].cpu().numpy()
        rewards[step] = torch.from_numpy(learned)
        ends[step] = torch.from_numpy(ended)
        returns += paid
        finished += returns[ended].tolist()
        returns[ended] = 0

    # How much better than expected was each action? (Schulman et al. 2016, generalised advantage estimation)
    with torch.no_grad():
        next_value = agent(torch.from_numpy(observations).to(device))[1]
    advantages = torch.zeros(shape, device=device)
    advantage = torch.zeros(args.lanes, device=device)
    for step in reversed(range(args.steps)):
        goes_on = 1 - ends[step]
        surprise = rewards[step] + gamma * next_value * goes_on - values[step]
        advantages[step] = advantage = surprise + gamma * gae_lambda * goes_on * advantage
        next_value = values[step]
    targets = advantages + values

    # Learn: more of what went better, but no probability moves far (Schulman et al. 2017).
    flat = [tensor.flatten(0, 1) for tensor in (pictures, actions, log_probs, advantages, targets)]
    for _ in range(epochs):
        for rows in torch.randperm(args.steps * args.lanes, device=device).split(batch_size):
            seen, taken, old_log_prob, gain, target = (tensor[rows] for tensor in flat)
            policy, value = agent(seen)
            ratio = (policy.log_prob(taken) - old_log_prob).exp()
            gain = (gain - gain.mean()) / (gain.std() + 1e-8)
            policy_loss = -torch.min(gain * ratio, gain * ratio.clamp(1 - clip_range, 1 + clip_range)).mean()
            value_loss = (value - target).square().mean()
            loss = policy_loss + value_coefficient * value_loss - entropy_coefficient * policy.entropy().mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), max_grad_norm)
            optimizer.step()

    agent_steps = update * args.steps * args.lanes
    mean = f"{np.mean(finished[-100:]):.1f}" if finished else "none yet"
    print(
        f"update {update}: {agent_steps} steps, {agent_steps / (time.perf_counter() - begin):.0f} steps/s, "
        f"loss {loss.item():.3f}, reward of the last 100 episodes: {mean}",
        flush=True,
    )
env.close()
