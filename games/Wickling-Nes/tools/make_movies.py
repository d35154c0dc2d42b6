"""Finds a way through each level and writes it as a movie: the proof that every level can be finished.

    python games/Wickling-Nes/tools/make_movies.py [--level Level1-1] [--seconds 300]

The search keeps the earliest savestate of every cell that it has seen (a place, whether the candle is in the air, and
what it carries), goes back to cells near the front, and tries a few random moves from there. It needs no knowledge of
the level, and about a minute for each.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import playthrough as pt
from playthrough.engine.systems import get_system
from playthrough.game.integration import load_integration
from playthrough.game.movies import MovieWriter
from playthrough.game.states import load_state_bytes

GAME = Path(__file__).parents[1]
LEVELS = ("Level1-1", "Level1-2", "Level1-3", "Level2-1")
NUM_LANES = 8
FRONT_CELLS = 80
MOVES_PER_TRY = 5
FRAMES_AFTER_THE_GOAL = 120
NES = get_system("Nes")

# What is tried: buttons, frames, how often.
MOVES = (
    ("RIGHT+B", 8, 6), ("RIGHT+B", 4, 2), ("RIGHT+B+A", 8, 3), ("RIGHT+B+A", 16, 3), ("RIGHT+B+A", 24, 4),
    ("", 8, 1), ("RIGHT", 8, 2), ("RIGHT+A", 12, 2), ("LEFT", 8, 1),
)  # fmt: skip
MOVES_BACK = (("LEFT", 16, 5), ("LEFT+A", 16, 3), ("LEFT+A", 24, 3))


@dataclass
class Cell:
    """The earliest way found to one place.

    Attributes:
        state: The savestate there.
        before: The cell that it was reached from.
        inputs: Button masks from there, one per frame.
        frames: Frames since the start of the level.
        tries: How often it was gone on from.
    """

    state: bytes
    before: Cell | None
    inputs: list[int]
    frames: int
    tries: int = 0

    def all_inputs(self) -> list[int]:
        """The button masks since the start of the level."""
        parts: list[list[int]] = []
        cell: Cell | None = self
        while cell:
            parts.append(cell.inputs)
            cell = cell.before
        return [mask for part in reversed(parts) for mask in part]


def place_of(ram: np.ndarray, frames: int) -> tuple[int, ...]:
    """What makes two situations different: door, key, x, y, in the air, and where moving platforms are by now."""
    x = int(ram[0x6D]) * 256 + int(ram[0x86])
    return int(ram[0x783]), int(ram[0x782]), x // 10, int(ram[0xCE]) // 16, int(ram[0x1D]), frames // 32 % 3


def progress_of(place: tuple[int, ...], key_first: bool) -> int:
    """How far a place is: to the right; where a key is needed, first to the left."""
    door, key, x, *_ = place
    if key_first and not key:
        return -x
    return 2000 * door + 1000 * key + x


def find_way(level: str, seconds: float, seed: int = 1) -> list[int] | None:
    """Button masks that lead from a level's start to its beacon; None if none was found in time."""
    key_first = level == "Level2-1"
    moves = [*MOVES, *(MOVES_BACK if key_first else ())]
    choices = [([NES.mask_of(buttons.split("+")) if buttons else 0] * frames) for buttons, frames, _ in moves]
    weights = [weight for *_, weight in moves]
    draw = random.Random(seed)
    env = pt.make_vec(GAME, num_envs=NUM_LANES, state=level, actions="all", observation="ram")
    env.reset(seed=0)
    engine = env.engine
    cells = {place_of(engine.read_ram()[0], 0): Cell(engine.save(0), None, [0], 1)}
    no_picture = np.zeros(NUM_LANES, np.uint8)
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            places = list(cells)
            front = sorted(places, key=lambda place: progress_of(place, key_first))[-FRONT_CELLS:]
            origins = []
            for _ in range(NUM_LANES):
                one = cells[draw.choice(front) if draw.random() < 0.8 else draw.choice(places)]
                other = cells[draw.choice(front)]
                origins.append(min(one, other, key=lambda cell: cell.tries))
                origins[-1].tries += 1
            engine.load({lane: cell.state for lane, cell in enumerate(origins)})
            inputs: list[list[int]] = [[] for _ in origins]
            alive = [True] * NUM_LANES
            for _ in range(MOVES_PER_TRY):
                chosen = draw.choices(choices, weights, k=NUM_LANES)
                lengths = np.array([len(move) for move in chosen], np.int32)
                buttons = np.zeros((NUM_LANES, int(lengths.max()), 1), np.uint16)
                for lane, move in enumerate(chosen):
                    buttons[lane, : len(move), 0] = move
                engine.run(buttons, lengths, no_picture)
                ram = engine.read_ram()
                for lane, move in enumerate(chosen):
                    inputs[lane] += move
                    frames = origins[lane].frames + len(inputs[lane])
                    if alive[lane] and ram[lane, 0x780]:
                        return Cell(b"", origins[lane], inputs[lane], frames).all_inputs()
                    alive[lane] &= ram[lane, 0x0E] == 8
                    place = place_of(ram[lane], frames)
                    known = cells.get(place)
                    if alive[lane] and (known is None or frames < known.frames):
                        cells[place] = Cell(engine.save(lane), origins[lane], list(inputs[lane]), frames)
    finally:
        env.close()
    return None


def write_movie(level: str, inputs: Sequence[int]) -> Path:
    """Write the movie; its first frame is the one that a reset runs."""
    state = load_state_bytes(load_integration(GAME), level)
    path = GAME / "movies" / f"{level}.bk2"
    with MovieWriter(path, NES, GAME.name, state=state, core="fceumm") as movie:
        for mask in [*inputs, *[0] * FRAMES_AFTER_THE_GOAL]:
            movie.frame([mask])
    return path


def main() -> int:
    """Search and write; the exit code is 1 if a level was not finished."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--level", action="append", choices=LEVELS, help="a level; all by default")
    parser.add_argument("--seconds", type=float, default=300, help="longest search per level (300)")
    parser.add_argument("--seed", type=int, default=1, help="of the search")
    options = parser.parse_args()
    failed = False
    for level in options.level or LEVELS:
        inputs = find_way(level, options.seconds, options.seed)
        failed |= inputs is None
        print(f"{level}: " + (f"{len(inputs)} frames, {write_movie(level, inputs).name}" if inputs else "not finished"))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
