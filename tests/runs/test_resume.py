"""Going on with a run that is not as it was left: other rules, damaged numbers, leftovers, nothing to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from small_run import Listener, metrics_without_times, small_config

from playthrough.errors import ConfigError, StateError
from playthrough.runs.agent import load_agent
from playthrough.runs.folder import RunFolder
from playthrough.runs.metrics import MetricsFile, read_metrics
from playthrough.runs.train import resume, train


@pytest.fixture(scope="module")
def run_of_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two") / "run"
    train(small_config(folder, generations=2))
    return folder


@pytest.fixture
def folder(run_of_two: Path, tmp_path: Path) -> Path:
    """A copy of a run of two generations."""
    return Path(shutil.copytree(run_of_two, tmp_path / "run"))


def told(listener: Listener, *words: str) -> str:
    """The one message with all these words."""
    (text,) = [text for text in listener.messages if all(word in text for word in words)]
    return text


def test_after_a_change_of_the_rules_the_old_best_counts_no_more(folder: Path) -> None:
    # A fitness that no episode of the new rules can reach.
    before = {name: (folder / name).read_bytes() for name in ("best.json", "best.bk2")}
    listener = Listener()
    result = resume(folder, changes=["env.max_episode_steps=3", "neat.generations=3"], watcher=listener)
    text = told(listener, "env.max_episode_steps changed", "from generation 2 on, fitness means something else")
    assert "counts no more and is kept as best-before-2.json, best-before-2.bk2" in text
    assert {name: (folder / name.replace("best", "best-before-2")).read_bytes() for name in before} == before
    assert result.totals.best_generation == 2
    agent = load_agent(folder)
    assert agent.episode.generation == 2 and agent.genome.fitness == result.totals.best_fitness
    assert float(read_metrics(folder / "metrics.csv")[-1]["best_fitness_so_far"]) == result.totals.best_fitness
    assert not [text for text in listener.messages if "does not repeat" in text]
    again = Listener()
    resume(folder, changes=["neat.generations=4"], watcher=again)
    assert not [text for text in again.messages if "fitness means" in text]


def test_rules_that_were_edited_in_the_configuration_are_noticed_too(folder: Path) -> None:
    config = folder / "config.toml"
    config.write_text(config.read_text().replace("frame_skip = 8", "frame_skip = 9"))
    listener = Listener()
    resume(folder, changes=["neat.generations=3", "lanes=2"], watcher=listener)
    assert told(listener, "fitness means something else").startswith("env.frame_skip changed")


def test_a_change_of_the_rules_of_a_finished_run_is_refused(folder: Path) -> None:
    before = {
        path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix in (".json", ".ckpt")
    }
    with pytest.raises(ConfigError, match=r"env\.frame_skip has no effect: all 2 generations .*--generations 4"):
        resume(folder, changes=["env.frame_skip=9"])
    assert {path: path.read_bytes() for path in before} == before


def test_other_networks_are_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"have 70 inputs and 4 outputs.*observations have 280 values"):
        resume(folder, changes=["env.observation={kind='grid', divisor=16}", "neat.generations=3"])


def test_a_run_that_is_finished_says_so(folder: Path) -> None:
    listener = Listener()
    assert resume(folder, watcher=listener).totals.generations == 2
    text = told(listener, "nothing is left to train")
    assert "all 2 generations are played" in text and "--generations 4" in text
    with pytest.raises(ConfigError, match="a run stays in its folder"):
        resume(folder, changes=["out=elsewhere"])


def test_a_run_whose_goal_is_reached_says_so_and_goes_on_without_it(tmp_path: Path) -> None:
    train(small_config(tmp_path / "run", "goal.conditions=['lives <= 3']", generations=2))
    listener = Listener()
    assert resume(tmp_path / "run", watcher=listener).totals.generations == 1
    assert "--set goal={}" in told(listener, "nothing is left to train: the goal was reached")
    assert resume(tmp_path / "run", changes=["goal={}"]).totals.generations == 2


def test_a_fitness_threshold_that_was_reached_can_be_raised(tmp_path: Path) -> None:
    threshold = ("neat.config.fitness_threshold=-1", "neat.config.no_fitness_termination=False")
    assert train(small_config(tmp_path / "run", *threshold, generations=2)).status == "goal"
    result = resume(tmp_path / "run", changes=["neat.config.fitness_threshold=1000000"])
    assert (result.status, result.totals.generations) == ("finished", 2)


def test_what_a_killed_process_left_half_written_goes_with_the_next_resume(folder: Path) -> None:
    names = ("checkpoints/.000003.ckpt.0a1b2c3d.tmp", ".best.json.00ff00ff.tmp", "plots/.fitness.png.12345678.tmp")
    others = (".best.json", "checkpoints/.000003.ckpt.tmp", ".mine.json.00ff00ff.tmp")
    for name in (*names, *others, ".best.123.mp4"):
        (folder / name).write_text("half")
    with RunFolder(folder).lock():
        pass
    assert (folder / names[0]).exists(), "only a resume removes them"
    resume(folder)
    assert not [name for name in (*names, ".best.123.mp4") if (folder / name).exists()]
    assert all((folder / name).exists() for name in others)


def test_damaged_numbers_are_reported_and_kept(folder: Path) -> None:
    path = folder / "metrics.csv"
    lines = path.read_bytes().split(b"\n")
    damaged = b"\n".join([lines[0], b"1,2\xff\x00", *lines[2:]])
    path.write_bytes(damaged)
    listener = Listener()
    resume(folder, changes=["neat.generations=3"], watcher=listener)
    text = told(listener, "metrics.csv is damaged: line 2 of it cannot be read", "kept as metrics-damaged-1.csv")
    assert text in (folder / "log.txt").read_text()
    assert (folder / "metrics-damaged-1.csv").read_bytes() == damaged
    assert [row["generation"] for row in metrics_without_times(folder)] == ["1", "2"]
    assert len((folder / "plots" / "fitness.png").read_bytes()) > 1000


@pytest.mark.parametrize(
    ("damage", "lost", "kept"),
    [
        (lambda text: "", "lines 2, 3, 4 of it", []),
        (lambda text: text.replace("generation,best", "§§§,best"), "lines 2, 3, 4 of it", []),
        (lambda text: text.replace("\n1,", "\nx,"), "line 3 of it", ["0", "2"]),
        (lambda text: text.replace("\n0,", "\n0,0,"), "line 2 of it", ["1", "2"]),
        (lambda text: text[: text.index("\n2,") + 1], "line 4 of it", ["0", "1"]),
    ],
)
def test_every_lost_line_is_named(tmp_path: Path, damage: object, lost: str, kept: list[str]) -> None:
    path = tmp_path / "metrics.csv"
    first = MetricsFile(path, tmp_path / "events")
    for generation in range(4):
        first.append(generation, {"generation": generation, "best": 0.5})
    first.close()
    path.write_text(damage(path.read_text()), "utf-8")  # type: ignore[operator]
    second = MetricsFile(path, tmp_path / "events", keep=3)
    assert second.damage is not None and lost in second.damage
    second.append(3, {"generation": 3, "best": 0.5, "new": 1})
    second.close()
    assert [row["generation"] for row in read_metrics(path)] == [*kept, "3"]
    assert read_metrics(path)[-1]["new"] == "1"


def test_a_whole_file_has_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    first = MetricsFile(path, tmp_path / "events")
    for generation in range(4):
        first.append(generation, {"generation": generation, "best": None})
    first.close()
    path.write_bytes(path.read_bytes() + b"4,")  # cut off by a crash, after the checkpoint
    again = MetricsFile(path, tmp_path / "events", keep=4)
    again.close()
    assert again.damage is None and len(read_metrics(path)) == 4


def test_a_checkpoint_of_an_older_version_goes_on(folder: Path) -> None:
    run = RunFolder(folder)
    checkpoint, _ = run.latest_checkpoint()
    progress = {name: value for name, value in checkpoint.progress.items() if name != "rules"}
    run.write_checkpoint(type(checkpoint)(checkpoint.generation, progress, checkpoint.trainer))
    listener = Listener()
    resume(folder, changes=["neat.generations=3"], watcher=listener)
    assert not [text for text in listener.messages if "fitness means" in text]


def test_without_a_best_agent_watching_says_what_to_do(folder: Path) -> None:
    (folder / "best.json").unlink()
    with pytest.raises(StateError, match="no best agent yet"):
        load_agent(folder)
    assert json.loads((folder / "versions.json").read_text())["core"]
