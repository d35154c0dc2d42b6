"""Our protocol against GymBizHawk's, on the same emulator: FCEUX, gray 84x84, four frames per step, two instances.

Goal: 3 times the steps per second. GymBizHawk itself drives BizHawk; here its protocol drives FCEUX, without its
defects (see gymbizhawk_peer.lua), each instance in a process of its own under Gymnasium's AsyncVectorEnv. It is
measured with the memory as text in every step, and without. Our side looks at two pictures per step and takes the
brighter of each pixel.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

import playthrough as pt
from benchmarks.gymbizhawk_peer import NUM_ACTIONS, GymBizHawkOnFceux
from benchmarks.rounds import in_turns
from playthrough.game.integration import load_integration
from playthrough.game.roms import find_rom

GAME = "Wickling-Nes"
ACTIONS = [[], ["RIGHT"], ["RIGHT", "A"], ["RIGHT", "B"], ["LEFT"]]
PEERS = {"text RAM and PNG": True, "PNG alone": False}
GOAL = 3.0


def play(venv: Any, seconds: float, random: np.random.Generator) -> float:
    """Steps per second of all instances together."""
    begin, steps = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        for _ in range(10):
            venv.step(random.integers(0, NUM_ACTIONS, venv.num_envs))
        steps += 10 * venv.num_envs
    return steps / (time.perf_counter() - begin)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each round")
    options = parser.parse_args(arguments if arguments is not None else [])
    rom: Path = find_rom(load_integration(GAME)).path
    sides = {
        "ours": pt.make_vec(
            GAME,
            num_envs=options.instances,
            engine="fceux",
            state="Level1-1",
            observation="gray84",
            frame_skip=4,
            actions=ACTIONS,
        ),
        **{
            name: gym.vector.AsyncVectorEnv([partial(GymBizHawkOnFceux, rom, ram)] * options.instances)
            for name, ram in PEERS.items()
        },
    }
    random = np.random.default_rng(0)
    try:
        for venv in sides.values():
            venv.reset(seed=0)
            play(venv, 0.5, random)
        figures = in_turns(
            {name: partial(play, venv, options.seconds, random) for name, venv in sides.items()}, options.rounds
        )
    finally:
        for venv in sides.values():
            venv.close()
    ours = np.array(figures["ours"])
    print(f"ours: {np.median(ours):.0f} steps/s ({options.instances} instances of FCEUX)")
    for name in list(sides)[1:]:
        ratio = float(np.median(ours / np.array(figures[name])))
        verdict = f"; goal {GOAL:g}x {'reached' if ratio >= GOAL else 'NOT reached'}"
        print(f"GymBizHawk's protocol, {name}: {np.median(figures[name]):.0f} steps/s; ours {ratio:.2f}x{verdict}")


if __name__ == "__main__":
    main()
