from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from small_run import Listener, metrics_without_times, small_config

from playthrough.errors import BadInputError, ConfigError, RunError
from playthrough.runs.agent import load_agent
from playthrough.runs.folder import RunFolder
from playthrough.runs.metrics import read_metrics
from playthrough.runs.replay import replay
from playthrough.runs.train import resume, train
from playthrough.runs.watcher import TrainResult

HERE = Path(__file__).parent

# A run in a process of its own, which something happens to; the second argument says what.
IN_ANOTHER_PROCESS = """
import os, resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from small_run import Listener, small_config
from playthrough.errors import PlaythroughError
from playthrough.runs.train import train

folder, accident = Path(sys.argv[1]), sys.argv[2]

class Watcher(Listener):
    def evaluated(self, progress):
        if (progress.generation, progress.num_done) == (2, 2):
            if accident == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if accident == "interrupt":
                os.kill(os.getpid(), signal.SIGINT)
            if accident == "terminate":
                os.kill(os.getpid(), signal.SIGTERM)
            if accident == "full disk":
                newest = max((folder / "checkpoints").iterdir()).stat().st_size
                resource.setrlimit(resource.RLIMIT_FSIZE, (newest // 2, newest // 2))

try:
    result = train(small_config(folder, lanes=2), watcher=Watcher())
except PlaythroughError as error:
    print(error)
    sys.exit(error.exit_code)
print(result.status, result.totals.generations)
"""


def run_with_accident(folder: Path, accident: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS, str(folder), accident, str(HERE)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_run_leaves_everything(finished_run: tuple[TrainResult, Listener]) -> None:
    result, listener = finished_run
    assert result.status == "finished"
    assert result.totals.generations == 5
    for path in (result.genome, result.movie, result.video, *result.plots):
        assert path is not None and path.stat().st_size > 1000, path
    assert len(result.plots) == 3
    folder = RunFolder.open(result.folder)
    versions = json.loads(folder.versions.read_text())
    assert versions["core"] == "genesis_plus_gx" and versions["libraries"]["neat-python"]
    assert "num_inputs = 70" in folder.config.read_text()
    rows = read_metrics(folder.metrics)
    assert [row["generation"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert sum(int(row["frames"]) for row in rows) == result.totals.frames
    assert list(folder.tensorboard.iterdir())
    assert not list(result.folder.rglob(".*")), "temporary files are left"
    assert listener.results == [result]


def test_the_watcher_hears_of_every_genome_and_generation(finished_run: tuple[TrainResult, Listener]) -> None:
    _, listener = finished_run
    assert [start.first_generation for start in listener.starts] == [0]
    assert (listener.starts[0].num_inputs, listener.starts[0].population, listener.starts[0].lanes) == (70, 5, 4)
    assert [(p.generation, p.num_done) for p in listener.progress] == [(g, n) for g in range(5) for n in range(1, 6)]
    assert [totals.generations for totals in listener.totals] == [1, 2, 3, 4, 5]
    assert listener.totals[-1].time_left_s == 0
    assert all(totals.frames_per_second > 0 for totals in listener.totals)


def test_the_movie_is_the_episode_that_made_the_best_genome_the_best(
    finished_run: tuple[TrainResult, Listener],
) -> None:
    result, listener = finished_run
    agent = load_agent(result.folder)
    assert result.movie is not None
    report = replay(result.movie)
    assert report.rewards == (agent.episode.reward,)
    assert report.traced and report.diverged_at is None
    assert agent.genome.fitness == result.totals.best_fitness
    assert agent.episode.generation == result.totals.best_generation
    assert not [text for text in listener.messages if "does not repeat" in text]


def test_a_killed_run_resumes_as_if_it_had_never_stopped(
    tmp_path: Path, finished_run: tuple[TrainResult, Listener]
) -> None:
    whole = finished_run[0].folder
    folder = tmp_path / "killed"
    assert run_with_accident(folder, "kill").returncode == -9
    assert [row["generation"] for row in metrics_without_times(folder)] == ["0", "1"]
    listener = Listener()
    result = resume(folder, changes=["lanes=3", "threads=1"], watcher=listener)
    assert listener.starts[0].first_generation == 2
    assert result.status == "finished"
    assert metrics_without_times(folder) == metrics_without_times(whole)
    assert (folder / "best.json").read_bytes() == (whole / "best.json").read_bytes()
    assert (folder / "best.bk2").read_bytes() == (whole / "best.bk2").read_bytes()


@pytest.mark.parametrize("accident", ["interrupt", "terminate"])
def test_ctrl_c_and_sigterm_end_a_run_cleanly(
    tmp_path: Path, accident: str, finished_run: tuple[TrainResult, Listener]
) -> None:
    folder = tmp_path / "interrupted"
    process = run_with_accident(folder, accident)
    assert process.stdout.splitlines()[-1] == "interrupted 2", process.stderr
    assert process.returncode == 0
    assert RunFolder(folder).latest_checkpoint()[0].generation == 2
    assert metrics_without_times(folder) == metrics_without_times(finished_run[0].folder)[:2]
    assert {"best.json", "best.bk2", "plots"} <= {path.name for path in folder.iterdir()}


def test_a_full_disk_ends_with_exit_code_1_and_the_previous_checkpoint_valid(
    tmp_path: Path, finished_run: tuple[TrainResult, Listener]
) -> None:
    folder = tmp_path / "full"
    process = run_with_accident(folder, "full disk")
    assert process.returncode == 1, process.stderr
    assert "could not write" in process.stdout and "000003.ckpt" in process.stdout
    checkpoint, problems = RunFolder(folder).latest_checkpoint()
    assert (checkpoint.generation, problems) == (2, [])
    resume(folder)
    assert metrics_without_times(folder) == metrics_without_times(finished_run[0].folder)


def test_a_damaged_checkpoint_costs_one_generation(tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    train(small_config(folder, generations=2))
    before = metrics_without_times(folder)
    newest = folder / "checkpoints" / "000002.ckpt"
    newest.write_bytes(newest.read_bytes()[:-100])
    listener = Listener()
    resume(folder, watcher=listener)
    assert [text for text in listener.messages if "000002.ckpt is cut off" in text and "generation 1" in text]
    assert metrics_without_times(folder) == before


def test_a_finished_run_goes_on_when_it_is_given_more_generations(
    tmp_path: Path, finished_run: tuple[TrainResult, Listener]
) -> None:
    folder = tmp_path / "longer"
    train(small_config(folder, generations=1))
    result = resume(folder, changes=["neat.generations=2"])
    assert result.totals.generations == 2
    assert metrics_without_times(folder) == metrics_without_times(finished_run[0].folder)[:2]


def test_a_goal_ends_training(tmp_path: Path) -> None:
    config = small_config(tmp_path / "goal", "goal.conditions=['score >= 0', 'lives <= 3']")
    listener = Listener()
    result = train(config, watcher=listener)
    assert (result.status, result.goal_reached, result.totals.generations) == ("goal", True, 1)
    assert [text for text in listener.messages if "goal reached" in text and "generation 0" in text]
    assert resume(tmp_path / "goal").totals.generations == 1


def test_a_goal_about_an_unknown_variable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'score'"):
        train(small_config(tmp_path / "goal", "goal.conditions=['scor >= 1']"))
    assert not (tmp_path / "goal").exists()


def test_a_configuration_that_does_not_fit_says_the_right_number(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="num_inputs = 70"):
        train(small_config(tmp_path / "run", "neat.config.num_inputs=71"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["env.observation=gray85"], "gray84"),
        (["env.actions=[['Q']]"], "'Q'"),
        (["env.state=Level9"], "Level1"),
        (["env.no_progress_frames=9", "env.progress=['speed']"], "'speed'"),
    ],
)
def test_an_environment_that_cannot_be_made_is_the_users_mistake(
    tmp_path: Path, overrides: list[str], expected: str
) -> None:
    with pytest.raises(BadInputError, match=expected):
        train(small_config(tmp_path / "run", *overrides))
    assert not (tmp_path / "run").exists()


def test_a_folder_in_use_is_refused(finished_run: tuple[TrainResult, Listener]) -> None:
    folder = RunFolder(finished_run[0].folder)
    with folder.lock(), pytest.raises(RunError, match="another process"):
        resume(folder.path)
