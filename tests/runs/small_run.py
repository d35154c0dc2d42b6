"""A run on Airstriker that is over in seconds."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from playthrough.runs.config import RunConfig, resolve
from playthrough.runs.watcher import Silence

TIMES = ("evaluate_s", "reproduce_s", "speciate_s", "elapsed_s")
SETTINGS = (
    "env.observation={kind='grid', divisor=32}",
    "env.frame_skip=8",
    "neat.episodes_per_genome=1",
    "neat.max_steps_per_episode=80",
    "neat.config.num_inputs=auto",
    "neat.config.pop_size=5",
)


def small_config(out: Path, *overrides: str, generations: int = 5, video: bool = False, **options: Any) -> RunConfig:
    options |= {"out": out, "neat__generations": generations, "video": video}
    return resolve(game="Airstriker-Genesis", overrides=(*SETTINGS, *overrides), **options)


def metrics_without_times(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return [{key: value for key, value in row.items() if key not in TIMES} for row in csv.DictReader(file)]


class Listener(Silence):
    """Remembers what a run said."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.starts: list[Any] = []
        self.progress: list[Any] = []
        self.totals: list[Any] = []
        self.results: list[Any] = []

    def started(self, start: Any) -> None:
        self.starts.append(start)

    def evaluated(self, progress: Any) -> None:
        self.progress.append(progress)

    def generation(self, report: Any, totals: Any) -> None:
        self.totals.append(totals)

    def message(self, text: str) -> None:
        self.messages.append(text)

    def finished(self, result: Any) -> None:
        self.results.append(result)
