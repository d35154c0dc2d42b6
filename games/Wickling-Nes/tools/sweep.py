"""Holds right with every periodic jump pattern and reports how far each gets: none may finish a level.

python games/Wickling-Nes/tools/sweep.py                      the full sweep: 21 828 patterns on each of the levels
python games/Wickling-Nes/tools/sweep.py --sample 300         a random sample
python games/Wickling-Nes/tools/sweep.py --level Level1-2 --period-step 1
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import playthrough as pt

GAME = Path(__file__).parents[1]
LEVELS = ("Level1-1", "Level1-2", "Level1-3", "Level2-1")
CHUNK_FRAMES = 60
NO_PROGRESS_FRAMES = 600


@dataclass(frozen=True)
class Pattern:
    """Hold right; press A for `duty` of every `period` frames, beginning `phase` frames into it.

    Attributes:
        period: In frames.
        duty: Frames of a period in which A is down.
        phase: In frames.
        run: Whether B is held too.
    """

    period: int
    duty: int
    phase: int
    run: bool

    def masks(self, begin: int, frames: int) -> np.ndarray:
        """The buttons of some frames, uint16 (frames,)."""
        down = (np.arange(begin, begin + frames) + self.phase) % self.period < self.duty
        right = 1 << 7 | (1 if self.run else 0)
        return (right | (down.astype(np.uint16) << 8)).astype(np.uint16)


@dataclass(frozen=True)
class Result:
    """How a pattern ended: the furthest x in pixels, whether it finished, and after how many frames."""

    pattern: Pattern
    x: int
    finished: bool
    frames: int


def all_patterns(period_step: int = 4) -> list[Pattern]:
    """Every period from 8 to 128 frames with every duty and phase in steps of 4; and A never or always; each walking
    and running."""
    return [Pattern(8, duty, 0, run) for run in (False, True) for duty in (0, 8)] + [
        Pattern(period, duty, phase, run)
        for run in (False, True)
        for period in range(8, 129, period_step)
        for duty in range(4, period, 4)
        for phase in range(0, period, 4)
    ]


def play(level: str, patterns: Sequence[Pattern], lanes: int = 32, threads: int | None = None) -> Iterator[Result]:
    """Play each pattern from the start of a level until it dies, finishes, or makes no progress for ten seconds."""
    env = pt.make_vec(
        GAME, num_envs=min(lanes, len(patterns)), num_threads=threads, state=level, observation="variables"
    )
    try:
        env.reset(seed=0)
        engine, names = env.engine, env.variables
        x, done = names.index("x"), names.index("levels_done")
        start = engine.save(0)
        waiting = list(reversed(patterns))
        playing: list[Pattern | None] = [None] * env.num_envs
        frames = np.zeros(env.num_envs, np.int64)
        best, best_at = np.zeros((2, env.num_envs), np.int64)
        while True:
            for lane, pattern in enumerate(playing):
                if pattern is None and waiting:
                    playing[lane] = waiting.pop()
                    engine.load({lane: start})
                    frames[lane] = best[lane] = best_at[lane] = 0
            active = [lane for lane, pattern in enumerate(playing) if pattern]
            if not active:
                return
            buttons = np.zeros((env.num_envs, CHUNK_FRAMES, 1), np.uint16)
            limits = np.zeros(env.num_envs, np.int32)
            for lane in active:
                buttons[lane, :, 0] = playing[lane].masks(int(frames[lane]), CHUNK_FRAMES)
                limits[lane] = CHUNK_FRAMES
            result = engine.run(buttons, limits, np.zeros(env.num_envs, np.uint8))
            for lane in active:
                ran = int(result.frames_run[lane])
                frames[lane] += ran
                samples = result.samples[lane, :ran]
                if samples[:, x].max() > best[lane]:
                    best[lane], best_at[lane] = samples[:, x].max(), frames[lane]
                if result.ended[lane] or frames[lane] - best_at[lane] >= NO_PROGRESS_FRAMES:
                    yield Result(playing[lane], int(best[lane]), bool(samples[-1, done]), int(frames[lane]))
                    playing[lane] = None
    finally:
        env.close()


def main() -> int:
    """Sweep and report; the exit code is 1 if a pattern finished a level."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--level", action="append", choices=LEVELS, help="a level; all by default")
    parser.add_argument("--period-step", type=int, default=4, help="between periods, in frames (4)")
    parser.add_argument("--sample", type=int, help="only so many patterns, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--threads", type=int, help="one per processor by default")
    options = parser.parse_args()
    patterns = all_patterns(options.period_step)
    if options.sample:
        patterns = random.Random(options.seed).sample(patterns, min(options.sample, len(patterns)))
    walkover = False
    for level in options.level or LEVELS:
        results = list(play(level, patterns, threads=options.threads))
        finished = [result for result in results if result.finished]
        walkover |= bool(finished)
        reach = sorted(results, key=lambda result: result.x)
        print(
            f"{level}: {len(finished)} of {len(results)} patterns finish; furthest x {reach[-1].x}, "
            f"median {reach[len(reach) // 2].x} ({sum(result.frames for result in results)} frames)",
            flush=True,
        )
        for result in [*finished, *reach[-3:]]:
            print(f"  {'finished' if result.finished else 'reached'} x {result.x}: {result.pattern}", flush=True)
    return int(walkover)


if __name__ == "__main__":
    sys.exit(main())
