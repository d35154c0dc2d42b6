"""Rainbow's updates per second against Tianshou's, on the same network and batch.

Both sides learn from random 84x84 pictures, 4 stacked: batch 32, 3 steps, 51 atoms, dueling, double, noisy layers of
512, priorities. Ours in single precision and, where the processor computes with it, in bfloat16, the default there.
How long the replay buffer takes, at a million steps, is printed as well.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from benchmarks.rounds import compare
from benchmarks.tianshou_peer import BATCH, LANES, NUM_ACTIONS, REMEMBERED, TianshouPeer, tianshou_python
from playthrough.agents.deep.rainbow import RainbowLearner, RainbowOptions
from playthrough.agents.deep.rainbow_network import computes_bf16
from playthrough.agents.deep.replay import ReplayBuffer, ReplayShape, Seen

UPDATES, ROUNDS = 30, 5


class RandomPictures:
    """Lanes that show noise, at no cost."""

    num_envs = LANES
    single_observation_space = gym.spaces.Box(0, 255, (4, 84, 84), np.uint8)
    single_action_space = gym.spaces.Discrete(NUM_ACTIONS)

    def __init__(self) -> None:
        self.metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self._random = np.random.default_rng(0)
        self._pictures = self._random.integers(0, 256, (LANES, 4, 84, 84), dtype=np.uint8)

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        return self._pictures, {}

    def step(self, actions: Any) -> tuple[Any, ...]:
        newest = self._random.integers(0, 256, (LANES, 1, 84, 84), dtype=np.uint8)
        self._pictures = np.concatenate([self._pictures[:, 1:], newest], 1)
        nobody = np.zeros(LANES, np.bool_)
        return self._pictures, self._random.normal(size=LANES), nobody, nobody, {}


def our_updates_per_second(precision: str) -> Callable[[], float]:
    options = RainbowOptions(
        batch_size=BATCH,
        buffer_size=REMEMBERED,
        learn_start=1_000,
        train_every=4,
        target_every=500,
        steps_per_update=UPDATES * 4 // LANES,
        precision=precision,
    )
    learner = RainbowLearner(RandomPictures(), options)
    while learner.gradient_steps == 0:
        learner.run_update()

    def measure() -> float:
        before = learner.gradient_steps
        report = learner.run_update()
        return (learner.gradient_steps - before) / report.learn_s

    return measure


def replay_times_us() -> tuple[float, float]:
    """Drawing 32 of a million steps, and changing their priorities."""
    lanes = 500
    buffer = ReplayBuffer(ReplayShape(lanes, 1_000_000, (4, 2, 2), n_step=3, alpha=0.5))
    seen = Seen(np.zeros((lanes, 4, 2, 2), np.uint8))
    buffer.start(seen)
    nobody = np.zeros(lanes, np.bool_)
    for _ in range(2_100):
        buffer.add(np.zeros(lanes), np.zeros(lanes), nobody, nobody, seen)
    random, rounds, draw_s, change_s = np.random.default_rng(0), 300, 0.0, 0.0
    for _ in range(rounds):
        begin = perf_counter()
        batch = buffer.sample(BATCH, random, 0.5)
        draw_s, begin = draw_s + perf_counter() - begin, perf_counter()
        buffer.update_priorities(batch.slots, random.random(BATCH))
        change_s += perf_counter() - begin
    return draw_s / rounds * 1e6, change_s / rounds * 1e6


def main() -> None:
    """Print a ratio per precision."""
    draw_us, change_us = replay_times_us()
    print(
        f"replay buffer of a million steps: drawing {BATCH} takes {draw_us:.0f} us, new priorities {change_us:.0f} us"
    )
    python = tianshou_python()
    if python is None:
        print("skipped: Tianshou 2.0.1 cannot be installed here; TIANSHOU_PYTHON can name a Python that has it")
        return
    peer = TianshouPeer(python)
    precisions = ["fp32", "bf16"] if computes_bf16(torch.device("cpu")) else ["fp32"]
    for precision in precisions:
        comparison = compare(our_updates_per_second(precision), lambda: peer.updates_per_second(UPDATES), ROUNDS)
        print(f"Rainbow, {precision}, against Tianshou's in fp32: {comparison.line('updates/s')}", flush=True)
    peer.close()


if __name__ == "__main__":
    main()
