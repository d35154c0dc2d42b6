"""The peer: stable-retro in Gymnasium's wrappers and AsyncVectorEnv, in a process of its own.

Run as a program it answers each line on standard input, a number of steps, with agent steps per second. It is what a
user of stable-retro writes: frame skip 4 with the maximum of the last two frames, grayscale, 84x84 by area, 4 stacked.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path


class Peer:
    """The peer process.

    Args:
        game: A game of stable-retro's.
        lanes: How many environments.
        rom: A ROM file, where stable-retro has none.
    """

    def __init__(self, game: str, lanes: int, rom: Path | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), game, str(lanes), str(rom or "")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("peer: "):
                return line.removeprefix("peer: ").strip()
        raise RuntimeError("the peer process ended")

    def agent_steps_per_second(self, steps: int) -> float:
        """Run so many steps of all lanes."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        return float(self._answer())

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def _make(game: str, folder: str) -> object:
    import cv2
    import gymnasium as gym
    import numpy as np
    import stable_retro

    cv2.setNumThreads(1)
    if folder:
        stable_retro.data.Integrations.add_custom_path(folder)

    class MaxAndSkip(gym.Wrapper):
        """Four frames per step, the maximum of the last two."""

        def step(self, action):
            total, frames = 0.0, []
            for _ in range(4):
                frame, reward, terminated, truncated, info = self.env.step(action)
                frames.append(frame)
                total += reward
                if terminated or truncated:
                    break
            return np.maximum(frames[-1], frames[-2 if len(frames) > 1 else -1]), total, terminated, truncated, info

    class Gray84(gym.ObservationWrapper):
        """Grayscale, then 84x84 by area."""

        def __init__(self, env):
            super().__init__(env)
            self.observation_space = gym.spaces.Box(0, 255, (84, 84), np.uint8)

        def observation(self, frame):
            return cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (84, 84), interpolation=cv2.INTER_AREA)

    integrations = stable_retro.data.Integrations.ALL if folder else stable_retro.data.Integrations.STABLE
    env = stable_retro.make(game, inttype=integrations, render_mode=None)
    return gym.wrappers.FrameStackObservation(Gray84(MaxAndSkip(env)), 4)


def _serve(game: str, lanes: int, rom: str) -> None:
    import functools
    import importlib.util

    import gymnasium as gym

    folder = ""
    if rom:
        folder = tempfile.mkdtemp()
        package = importlib.util.find_spec("stable_retro")
        assert package is not None and package.origin is not None
        shutil.copytree(Path(package.origin).parent / "data/stable" / game, Path(folder) / game)
        shutil.copy(rom, Path(folder) / game / "rom.a26")
    env = gym.vector.AsyncVectorEnv([functools.partial(_make, game, folder)] * lanes, shared_memory=True)
    env.reset(seed=0)
    env.action_space.seed(0)
    print("peer: ready", flush=True)
    for line in sys.stdin:
        actions = [env.action_space.sample() for _ in range(int(line))]
        begin = time.perf_counter()
        for action in actions:
            env.step(action)
        print(f"peer: {len(actions) * lanes / (time.perf_counter() - begin)}", flush=True)
    env.close()


if __name__ == "__main__":
    _serve(*[sys.argv[1], int(sys.argv[2]), sys.argv[3]])
