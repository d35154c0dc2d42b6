"""The kinds of recipes that are there for games whose ROM is not here, on games whose ROM is: they really learn."""

from __future__ import annotations

from pathlib import Path

import pytest

from playthrough.runs.config import resolve
from playthrough.runs.train import train

ROOT = Path(__file__).parents[2]
PPO = ("ppo.rollout_steps=16", "ppo.batch_size=16", "ppo.epochs=1", "ppo.evaluation_episodes=2")
RAINBOW = (
    *("rainbow.steps_per_update=16", "rainbow.buffer_size=2000", "rainbow.learn_start=32", "rainbow.batch_size=8"),
    *("rainbow.hidden=16", "rainbow.precision='fp32'", "rainbow.evaluation_episodes=2"),
)


@pytest.mark.parametrize(
    ("name", "settings"),
    [("wickling-tiles-rainbow", RAINBOW), ("wickling-duel-ppo", PPO), ("boxing-ppo", PPO), ("enduro-ppo", PPO)],
)
def test_a_recipe_learns(name: str, settings: tuple[str, ...], tmp_path: Path) -> None:
    small = ("lanes=2", "threads=1", "video=false", "env.max_episode_steps=25")
    config = resolve(
        recipe=ROOT / "recipes" / f"{name}.toml", overrides=(*small, *settings), steps=64, out=tmp_path / "run"
    )
    train(config)
    assert (tmp_path / "run" / "metrics.csv").read_text().count("\n") >= 2
