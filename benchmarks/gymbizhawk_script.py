"""Processor scripts written for GymBizHawk, without BizHawk: frames per second, against BizHawk's usual 200 to 300.

Goal: 10 times 300, with scripts that read at least 208 numbers of the game's memory per frame, see enemies, give
one-hot speeds and forbidden actions, and decide on every frame. Episodes are played to their end; resets count as time,
and so do the frames that the script plays in them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

import playthrough as pt
from benchmarks.rounds import in_turns

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPTS = {
    "Wickling (NES)": (EXAMPLES / "wickling_processor.lua", "Wickling-Nes"),
    "Airstriker (Mega Drive)": (EXAMPLES / "airstriker_processor.lua", "Airstriker-Genesis"),
}
BIZHAWK_FRAMES_PER_SECOND, GOAL = 300, 10


class OneEnv:
    """A single environment that plays at random."""

    def __init__(self, script: Path, rom: str, **options: Any) -> None:
        self.env = pt.make_script(script, rom, **options)
        self._info = self.env.reset(seed=0)[1]
        self.env.action_space.seed(0)

    def frames_per_second(self, seconds: float) -> float:
        begin, before = time.perf_counter(), self.env.host.total_frames
        while time.perf_counter() - begin < seconds:
            action = self.env.action_space.sample(mask=self._info["action_mask"])
            *_, terminated, truncated, self._info = self.env.step(action)
            if terminated or truncated:
                self._info = self.env.reset()[1]
        return (self.env.host.total_frames - before) / (time.perf_counter() - begin)

    def close(self) -> None:
        self.env.close()


class Lanes:
    """Lanes on threads."""

    def __init__(self, script: Path, rom: str, num_lanes: int) -> None:
        self.venv = pt.make_script_vec(script, rom, num_envs=num_lanes, vector=True)
        self.venv.reset(seed=0)
        self._random = np.random.default_rng(0)

    def frames_per_second(self, seconds: float) -> float:
        begin, before = time.perf_counter(), self._frames()
        num_actions = int(self.venv.single_action_space.n)
        while time.perf_counter() - begin < seconds:
            self.venv.step(self._random.integers(0, num_actions, self.venv.num_envs))
        return (self._frames() - before) / (time.perf_counter() - begin)

    def _frames(self) -> int:
        return sum(env.host.total_frames for env in self.venv.lanes)

    def close(self) -> None:
        self.venv.close()


class CoreAlone:
    """The embedded core, with no script."""

    def __init__(self, script: Path, rom: str) -> None:
        self._env = pt.make_script(script, rom)

    def frames_per_second(self, seconds: float) -> float:
        lane, frames, begin = self._env.host.running_lane, 0, time.perf_counter()
        while time.perf_counter() - begin < seconds:
            for _ in range(50):
                lane.advance(0, 0)
            frames += 50
        return frames / (time.perf_counter() - begin)

    def close(self) -> None:
        self._env.close()


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.7, help="of each round")
    parser.add_argument("--lanes", type=int, default=4)
    options = parser.parse_args(arguments if arguments is not None else [])
    for name, (script, rom) in SCRIPTS.items():
        sides: dict[str, Any] = {
            "one environment": OneEnv(script, rom),
            "drawn, every picture fetched": OneEnv(script, rom, observation="BOTH", mode="RUN"),
            f"{options.lanes} lanes": Lanes(script, rom, options.lanes),
            "the core alone": CoreAlone(script, rom),
        }
        figures = in_turns(
            {
                side: lambda player=player: player.frames_per_second(options.seconds)  # type: ignore[misc]
                for side, player in sides.items()
            },
            options.rounds,
        )
        print(name)
        for side, player in sides.items():
            player.close()
            rate = statistics.median(figures[side])
            ratio = rate / BIZHAWK_FRAMES_PER_SECOND
            verdict = (
                f", goal {GOAL}x {'reached' if ratio >= GOAL else 'NOT reached'}" if side == "one environment" else ""
            )
            print(f"  {side}: {rate:.0f} frames/s, {ratio:.1f}x BizHawk's usual {BIZHAWK_FRAMES_PER_SECOND}{verdict}")


if __name__ == "__main__":
    main()
