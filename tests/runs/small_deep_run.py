"""Deep runs on Breakout that are over in seconds."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from small_run import Listener

from playthrough.runs.config import RunConfig, resolve

GAME = "Breakout-Atari2600"
DEEP_TIMES = ("steps_per_second", "collect_s", "learn_s", "elapsed_s")
_ENV = ("env.max_episode_steps=25", "env.noop_max=4", "lanes=2", "threads=1")
_SMALL: dict[str, tuple[str, ...]] = {
    "ppo": ("ppo.rollout_steps=16", "ppo.batch_size=16", "ppo.epochs=1"),
    "a2c": ("a2c.rollout_steps=4", "a2c.rollouts_per_update=4"),
    "maskable": ("maskable.rollout_steps=16", "maskable.batch_size=16", "maskable.epochs=1"),
    "recurrent": (
        "recurrent.rollout_steps=16",
        "recurrent.batch_size=16",
        "recurrent.epochs=1",
        "recurrent.lstm_size=8",
    ),
    "qrdqn": (
        *("qrdqn.update_steps=32", "qrdqn.buffer_size=2000", "qrdqn.learning_starts=32", "qrdqn.batch_size=8"),
        "qrdqn.num_quantiles=5",
    ),
    "rainbow": (
        *("rainbow.steps_per_update=16", "rainbow.buffer_size=2000", "rainbow.learn_start=32", "rainbow.batch_size=8"),
        *("rainbow.hidden=16", "rainbow.precision='fp32'", "rainbow.atoms=11"),
    ),
}


class DeepListener(Listener):
    """Remembers what a deep run said as well."""

    def __init__(self) -> None:
        super().__init__()
        self.updates: list[Any] = []

    def learning(self, start: Any) -> None:
        self.starts.append(start)

    def updated(self, report: Any, totals: Any) -> None:
        self.updates.append((report, totals))


def small_deep_config(
    out: Path, algo: str, *overrides: str, steps: int = 128, observation: str = "gray84", **options: Any
) -> RunConfig:
    settings = (*_ENV, *_SMALL[algo], f"{algo}.evaluate_every=64", f"{algo}.evaluation_episodes=2", "video=false")
    settings += (f"env.observation='{observation}'", f"{algo}.checkpoint_every=1")
    return resolve(game=GAME, algo=algo, steps=steps, out=out, overrides=(*settings, *overrides), seed=3, **options)


def deep_metrics(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return [{key: value for key, value in row.items() if key not in DEEP_TIMES} for row in csv.DictReader(file)]
