"""Searches on Airstriker and Breakout that are over in seconds."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from small_deep_run import GAME as BREAKOUT

pytest.importorskip("optuna")

from playthrough.errors import BadInputError, ConfigError
from playthrough.runs.config import load_config, resolve
from playthrough.runs.tune import TrialReport, TunePlan, TuneResult, tune

RECIPE = """
game = "Airstriker-Genesis"
algo = "neat"
seed = 3
lanes = 2
threads = 1
[goal]
fitness = 100_000
[env]
observation = { kind = "grid", divisor = 32 }
frame_skip = 8
shaping = { time = { each_frame = true, reward = 1 } }
[neat]
generations = 9
episodes_per_genome = 1
[tune]
trials = 4
generations = 2
startup_trials = 1
warmup_reports = 0
[tune.ranges]
"neat.config.pop_size" = { low = 3, high = 5 }
"neat.config.weight_mutate_power" = { low = 0.1, high = 2.0, log = true }
env.max_episode_steps = { choices = [4, 60] }
"""
DEEP_RECIPE = f"""
game = "{BREAKOUT}"
algo = "ppo"
lanes = 2
threads = 1
[env]
observation = "ram x2"
max_episode_steps = 25
noop_max = 4
[ppo]
rollout_steps = 16
batch_size = 16
epochs = 1
evaluation_episodes = 2
[tune]
trials = 2
steps = 64
[tune.ranges]
"ppo.learning_rate" = {{ low = 1e-4, high = 1e-2, log = true }}
"ppo.hidden_sizes" = {{ choices = [[8], [16, 16]] }}
"""


class Follower:
    """Remembers what a search said, and stops it like a power cut."""

    def __init__(self, cut_at: tuple[int, float] | None = None) -> None:
        self.reports: list[TrialReport] = []
        self._cut_at = cut_at

    def began(self, num_trials: int, folder: Path) -> None: ...

    def message(self, text: str) -> None: ...

    def trial(self, report: TrialReport) -> None:
        self.reports.append(report)
        if self._cut_at and report.state == "running" and (report.number, report.share) >= self._cut_at:
            raise SystemError("the power is gone")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(RECIPE)
    return path


def outcome(result: TuneResult) -> list[tuple[Any, ...]]:
    return [(trial.number, trial.state, trial.settings, trial.value) for trial in result.trials]


def test_a_search_that_was_cut_off_goes_on_as_if_it_had_not(recipe: Path, tmp_path: Path) -> None:
    plan = TunePlan.of(recipe=recipe)
    whole = tune(plan, tmp_path / "whole", Follower())
    assert not whole.interrupted and len(whole.trials) == 4
    # Time is all that is rewarded, so those with little of it are pruned; the first one never is.
    states = {trial.settings["env.max_episode_steps"]: trial.state for trial in whole.trials[1:]}
    assert states == {"60": "finished", "4": "pruned"}, outcome(whole)
    with pytest.raises(SystemError):
        tune(plan, tmp_path / "cut", Follower(cut_at=(1, 0.5)))
    first = tune(TunePlan.of(recipe=recipe, trials=2), tmp_path / "cut", Follower())
    assert outcome(first) == outcome(whole)[:2]
    assert outcome(tune(plan, tmp_path / "cut", Follower())) == outcome(whole)

    best = whole.best
    assert best and best.value == max(trial.value or 0.0 for trial in whole.trials)
    run = load_config(best.folder / "config.toml")
    assert run.neat.options.generations == 2 and run.env["max_episode_steps"] == 60 and run.goal is None
    assert (best.folder / "best.bk2").exists()
    with (best.folder / "metrics.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 2
    assert whole.recipe
    found = resolve(recipe=whole.recipe)
    assert found.neat.options.generations == 9 and found.goal is not None and found.env["max_episode_steps"] == 60
    assert f"pop_size = {best.settings['neat.config.pop_size']}" in " ".join(found.neat.config.split())
    assert {path.stem for path in whole.plots} >= {"history", "slices", "importances"}
    assert all(path.stat().st_size > 5000 for path in whole.plots)

    with pytest.raises(BadInputError, match="another seed"):
        tune(TunePlan.of(recipe=recipe, seed=4), tmp_path / "whole", Follower())


def test_a_deep_search(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "deep.toml"
    path.write_text(DEEP_RECIPE)
    result = tune(TunePlan.of(recipe=path), tmp_path / "deep", Follower())
    assert [trial.state for trial in result.trials] == ["finished", "finished"]
    assert result.best and result.recipe
    options: Any = resolve(recipe=result.recipe).settings
    assert str(list(options.options.hidden_sizes)) == result.best.settings["ppo.hidden_sizes"]
    assert f"{options.options.learning_rate}" == result.best.settings["ppo.learning_rate"]
    assert options.options.steps == 1_000_000


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("[tune.ranges]", "[tune.nothing]", r"no \[tune.ranges\]"),
        ("neat.config.pop_size", "neat.config.popsize", "popsize"),
        ("low = 3, high = 5", "low = 5, high = 3", "a larger one"),
        ("low = 3, high = 5", "low = 3, hihg = 5", "hihg"),
        ("low = 0.1, high", "low = 0.0, high", "above 0"),
        ("choices = [4, 60]", "choices = []", "at least one"),
        ("choices = [4, 60]", "choices = [4, 'many']", "max_episode_steps"),
        ("trials = 4", "trials = 0", "at least 1"),
        ("env.max_episode_steps = ", "env.max_steps = ", "max_steps"),
    ],
)
def test_ranges_that_are_wrong_are_told_at_once(recipe: Path, before: str, after: str, message: str) -> None:
    assert before in RECIPE
    recipe.write_text(RECIPE.replace(before, after))
    with pytest.raises(ConfigError, match=message):
        TunePlan.of(recipe=recipe)


def test_a_recipe_with_ranges_still_trains(recipe: Path) -> None:
    assert resolve(recipe=recipe).neat.options.generations == 9
    with pytest.raises(ConfigError, match="write one with a table"):
        TunePlan.of(game="Boxing-Atari2600", algo="a2c")
