"""Runs of `playthrough train` for a benchmark: with a seed each, and going on where they were interrupted."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path


def train(
    folder: Path, recipe: str, seed: int, *, threads: int, arguments: Sequence[str] = (), limit_s: float | None = None
) -> None:
    """Train, or go on with a run that was interrupted; what it says lies beside its folder.

    Args:
        folder: Of the run.
        recipe: What to train.
        seed: Of the run.
        threads: Of the run.
        arguments: Of the command line, beyond these; a resumed run keeps those that it began with.
        limit_s: Seconds after which it is ended, however far it is.
    """
    going_on = (folder / "config.toml").is_file()
    what = ["--resume", folder] if going_on else ["--recipe", recipe, "--seed", seed, "--out", folder, *arguments]
    command = [sys.executable, "-m", "playthrough", "train", *map(str, what), "--threads", str(threads)]
    began = time.monotonic()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".txt").open("a") as log:
        try:
            subprocess.run(command, stdout=log, stderr=log, check=True, timeout=limit_s)
        except subprocess.TimeoutExpired:
            log.write(f"ended after {time.monotonic() - began:.0f} s\n")
