"""The peer: Tianshou 2.0.1's Rainbow on random pictures, in a process and an environment of its own.

Run as a program it answers each line on standard input, a number of updates, with updates per second. Network, batch,
replay buffer and optimiser are those of Tianshou's own Atari example.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import venv
from pathlib import Path

FOLDER = Path(__file__).parent.parent / ".made" / "tianshou"
PACKAGES = ("torch==2.13.0", "gymnasium==1.4.0", "tianshou==2.0.1")
LANES, BATCH, NUM_ACTIONS, REMEMBERED = 8, 32, 6, 10_000


def tianshou_python() -> Path | None:
    """Python with Tianshou: what TIANSHOU_PYTHON names, or one that is made on demand; None where it cannot be had."""
    named = os.environ.get("TIANSHOU_PYTHON")
    if named:
        return Path(named)
    python = FOLDER / "bin" / "python"
    if not (FOLDER / "ready").exists():
        venv.create(FOLDER, with_pip=True, clear=True)
        if subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=False).returncode != 0:
            return None
        (FOLDER / "ready").touch()
    return python


class TianshouPeer:
    """The peer process.

    Args:
        python: Python with Tianshou.
    """

    def __init__(self, python: Path) -> None:
        self._process = subprocess.Popen(
            [python, str(Path(__file__))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("peer: "):
                return line.removeprefix("peer: ").strip()
        raise RuntimeError("the peer process ended")

    def updates_per_second(self, updates: int) -> float:
        """Run so many updates."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{updates}\n")
        self._process.stdin.flush()
        return float(self._answer())

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def _serve() -> None:
    import gymnasium as gym
    import numpy as np
    from tianshou.algorithm.modelfree.c51 import C51Policy
    from tianshou.algorithm.modelfree.rainbow import RainbowDQN
    from tianshou.algorithm.optim import AdamOptimizerFactory
    from tianshou.data import Batch, PrioritizedVectorReplayBuffer
    from tianshou.env.atari.atari_network import RainbowNet, ScaledObsInputActionReprNet
    from tianshou.utils.torch_utils import policy_within_training_step

    net = ScaledObsInputActionReprNet(RainbowNet(c=4, h=84, w=84, action_shape=[NUM_ACTIONS]))
    algorithm = RainbowDQN(
        policy=C51Policy(model=net, action_space=gym.spaces.Discrete(NUM_ACTIONS)),
        optim=AdamOptimizerFactory(lr=1e-4),
        gamma=0.99,
        n_step_return_horizon=3,
        target_update_freq=500,
    )
    buffer = PrioritizedVectorReplayBuffer(
        REMEMBERED,
        buffer_num=LANES,
        alpha=0.5,
        beta=0.4,
        ignore_obs_next=True,
        save_only_last_obs=True,
        stack_num=4,
        weight_norm=True,
    )
    random = np.random.default_rng(0)
    for _ in range(1_000 // LANES):
        pictures = random.integers(0, 256, (LANES, 4, 84, 84), dtype=np.uint8)
        buffer.add(
            Batch(
                obs=pictures,
                act=random.integers(NUM_ACTIONS, size=LANES),
                rew=random.normal(size=LANES),
                terminated=np.zeros(LANES, bool),
                truncated=np.zeros(LANES, bool),
                obs_next=pictures,
                info=Batch(),
            )
        )
    print("peer: ready", flush=True)
    for line in sys.stdin:
        begin = time.perf_counter()
        with policy_within_training_step(algorithm.policy):
            for _ in range(int(line)):
                algorithm.update(buffer, sample_size=BATCH)
        print(f"peer: {int(line) / (time.perf_counter() - begin)}", flush=True)


if __name__ == "__main__":
    _serve()
