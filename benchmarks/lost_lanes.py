"""A core that crashes or hangs takes nothing with it: so many times over, through the environment.

    python -m benchmarks lost_lanes [--times 1000]

Of four lanes one dies every few steps, at random, by a crash or (one time in ten) by hanging; the others are compared,
step by step, with lanes in this process that are never disturbed. At the end nothing may be left: no process, no file,
no descriptor, no shared memory.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import playthrough as pt
from benchmarks.games import BUILD
from benchmarks.peer import ROOT

NUM_LANES, DEADLY_LANE = 4, 2
HANG_EVERY = 10
HANG_TIMEOUT_S = 0.3
NOTHING, RIGHT, CRASH, HANG = range(4)
ACTIONS = [[], ["RIGHT"], ["START"], ["START", "A"]]


def main(arguments: Sequence[str] = ()) -> None:
    """Lose lanes, and print what it cost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks lost_lanes", description=__doc__)
    parser.add_argument("--times", type=int, default=100, help="how many lanes are lost")
    times = parser.parse_args(arguments).times
    folder = BUILD / "lost_lanes"
    core = _compile(folder)
    game = _integration(folder)
    table = Table("autoreset", "lost", "crashes", "hangs", "others differ", "s each", *Held.NAMES, title="Lost lanes")
    modes = ("next_step", "same_step", "disabled")
    clean = True
    for index, mode in enumerate(modes):
        share = times // len(modes) + (index < times % len(modes))
        with tempfile.TemporaryDirectory() as temporary:
            tempfile.tempdir = temporary
            before = Held.now(temporary)
            found = _lose(game, core, mode, share)
            after = Held.now(temporary)
            tempfile.tempdir = None
        kept = [f"{late - early:+d}" for early, late in zip(before, after, strict=True)]
        clean = clean and before == after and not found["differ"] and found["lost"] == share
        row = [found["lost"], found["crashes"], found["hangs"], found["differ"], f"{found['s'] / max(share, 1):.2f}"]
        table.add_row(mode, *(str(cell) for cell in row), *kept)
    Console().print(table)
    print("nothing was left behind, and nobody else noticed" if clean else "SOMETHING WAS LEFT BEHIND OR DIFFERED")


class Held:
    """What this process holds."""

    NAMES = ("processes", "descriptors", "mappings", "files")

    @staticmethod
    def now(temporary: str) -> tuple[int, int, int, int]:
        """One number for each name."""
        gc.collect()
        task = f"/proc/self/task/{threading.get_native_id()}"
        processes = len(Path(f"{task}/children").read_text().split())
        shared = Path("/proc/self/maps").read_text().count("playthrough-lanes")
        return processes, len(list(Path("/proc/self/fd").iterdir())), shared, len(list(Path(temporary).iterdir()))


def _lose(game: Path, core: Path, mode: str, times: int) -> dict[str, Any]:
    options: dict[str, Any] = {
        "num_envs": NUM_LANES,
        "num_threads": 2,
        "core": str(core),
        "actions": ACTIONS,
        "observation": "gray84",
        "frame_skip": 4,
        "autoreset_mode": mode,
    }
    env, undisturbed = pt.make_vec(str(game), isolation="process", **options), pt.make_vec(str(game), **options)
    for worker in env.engine._workers:  # type: ignore[attr-defined]  # ten seconds, a hundred times, prove no more
        worker._timeout_s = HANG_TIMEOUT_S
    random = np.random.default_rng(0)
    others = np.arange(NUM_LANES) != DEADLY_LANE
    found = {"lost": 0, "crashes": 0, "hangs": 0, "differ": 0, "s": 0.0}
    env.reset(seed=0)
    undisturbed.reset(seed=0)
    begin_s = time.perf_counter()
    while found["lost"] < times:
        for step in range(int(random.integers(1, 5))):
            actions = random.integers(0, 2, NUM_LANES)
            calm = actions.copy()
            if step == 0:
                actions[DEADLY_LANE] = HANG if found["lost"] % HANG_EVERY == HANG_EVERY - 1 else CRASH
            observations, rewards, _, truncated, infos = env.step(actions)
            expected, expected_rewards, _, _, _ = undisturbed.step(calm)
            same = (observations[others] == expected[others]).all() and (rewards == expected_rewards)[others].all()
            found["differ"] += int(not same or truncated[others].any())
            final = infos.get("final_info", infos) if mode == "same_step" else infos
            if truncated[DEADLY_LANE]:
                found["lost"] += 1
                found["hangs" if "hung" in final["lost"][DEADLY_LANE] else "crashes"] += 1
                if mode == "disabled":
                    env.reset(options={"reset_mask": ~others})
                break
        else:
            continue
        if mode == "next_step":
            env.step(random_calm := random.integers(0, 2, NUM_LANES))
            undisturbed.step(random_calm)
    found["s"] = time.perf_counter() - begin_s
    env.close()
    undisturbed.close()
    return found


def _compile(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / "tiny_fragile_libretro.so"
    source = ROOT / "native" / "tests" / "cores" / "tiny_fragile.c"
    command = ["cc", "-shared", "-fPIC", "-O1", f"-I{ROOT / 'native'}", "-o", str(library), str(source)]
    subprocess.run(command, check=True)
    return library


def _integration(folder: Path) -> Path:
    game = folder / "Fragile-Nes-v0"
    game.mkdir(exist_ok=True)
    rom = b"NES\x1a" + bytes([1, 0]) + bytes(10 + 16 * 1024)
    (game / "rom.nes").write_bytes(rom)
    (game / "rom.sha").write_text(hashlib.sha1(rom[16:]).hexdigest() + "\n")
    (game / "data.json").write_text(json.dumps({"info": {"x": {"address": 0x20, "type": "<i2"}}}))
    (game / "scenario.json").write_text(json.dumps({"reward": {"variables": {"x": {"reward": 1.0}}}}))
    (game / "metadata.json").write_text("{}")
    return game
