"""Peer: NEAT as the tutorials for it do it.

One emulator of stable-retro, a decision on every frame, OpenCV for the picture, its pixels appended to a list one by
one, and neat-python's own recurrent networks.
"""

from __future__ import annotations

import time
from typing import Any

import cv2
import neat
import numpy as np

from benchmarks.peer import config_of_this_process, serve
from benchmarks.stable_retro_peer import make_one
from playthrough.agents.neat import load_neat_config


def main() -> None:
    """Play one generation whenever asked."""
    asked = config_of_this_process()
    env = make_one(asked["game"], asked["folder"])
    config, _ = load_neat_config(asked["config"])
    population = neat.Population(config, seed=1)
    height, width, _ = env.observation_space.shape
    columns, rows = width // 8, height // 8

    def evaluate(genome: Any) -> int:
        picture, _ = env.reset()
        network = neat.nn.RecurrentNetwork.create(genome, config)
        pixels: list[float] = []
        frames, ended = 0, False
        while not ended and frames < asked["frames"]:
            picture = cv2.resize(picture, (columns, rows))
            picture = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
            picture = np.reshape(picture, (rows, columns))
            for row in picture:
                for pixel in row:
                    pixels.append(pixel)
            outputs = network.activate(pixels)
            picture, _, terminated, truncated, _ = env.step([output > 0.5 for output in outputs])
            ended = terminated or truncated
            pixels.clear()
            frames += 1
        return frames

    def run() -> dict[str, Any]:
        begin = time.perf_counter()
        frames = sum(evaluate(genome) for genome in population.population.values())
        return {"frames": frames, "seconds": time.perf_counter() - begin}

    serve({"run": run})
    env.close()


if __name__ == "__main__":
    main()
