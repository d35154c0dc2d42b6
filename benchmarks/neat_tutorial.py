"""NEAT next to the tutorials' way of it: frames per second of evaluating a generation.

Both play Airstriker with the same core, 1 120 inputs (the picture at an eighth of its size, in gray), recurrent
networks of the same configuration and seed, 30 genomes, and a decision on every frame. Theirs is one emulator, OpenCV
and neat-python's networks; ours is as many threads as there are processors. Rounds are played in turns.

    python -m benchmarks neat_tutorial [--rounds N]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import playthrough as pt
from benchmarks.games import prepare
from benchmarks.peer import Peer
from benchmarks.rounds import compare
from playthrough.agents.neat import NeatOptions, NeatTrainer, load_neat_config
from playthrough.agents.neat.evaluation import evaluate
from playthrough.env.observation import Grid

CONFIG = Path(__file__).parent.parent / "tests" / "agents" / "neat" / "tutorial-0.92.cfg"
GAME = "Airstriker-Genesis"
FRAMES = 120
"""Of an episode at most; the tutorials cut off whoever gets nowhere for so long."""


def main(arguments: Sequence[str] = ()) -> None:
    """Compare both."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks neat_tutorial")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args(arguments)
    config, _ = load_neat_config(CONFIG)
    threads = os.cpu_count() or 1
    with (
        Peer.of_module(
            "neat_tutorial_peer",
            {"game": GAME, "folder": str(prepare(GAME).folder), "config": str(CONFIG), "frames": FRAMES},
        ) as peer,
        closing(
            pt.make_vec(
                GAME,
                num_envs=8,
                num_threads=threads,
                observation=Grid(scale=255.0),
                autoreset_mode="disabled",
            )
        ) as env,
    ):
        trainer = NeatTrainer(config, env, seed=1, options=NeatOptions())
        genomes = list(trainer.population.values())

        def ours() -> float:
            begin = time.perf_counter()
            results = evaluate(genomes, env, trainer.network_shape, run_seed=1, max_steps=FRAMES, num_threads=threads)
            return sum(result.frames for result in results) / (time.perf_counter() - begin)

        def theirs() -> float:
            answer = peer.ask({"do": "run"})
            return answer["frames"] / answer["seconds"]

        print(f"{GAME}, {len(genomes)} genomes, 1120 inputs, recurrent, a decision every frame, {threads} threads")
        print(f"  against the tutorials' way: {compare(ours, theirs, asked.rounds).line('frames/s')}")


if __name__ == "__main__":
    main()
