"""Runs of deep learners: from nothing to a film, killed, interrupted, and gone on with."""

from __future__ import annotations

import csv
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import fmean

import pytest
import torch
from small_deep_run import DeepListener, deep_metrics, small_deep_config

from playthrough.env.vector import RetroVectorEnv
from playthrough.errors import ConfigError, StateError
from playthrough.game.roms import list_playable
from playthrough.runs.agent import DeepTrainedAgent, RandomPlay, load_agent
from playthrough.runs.deep_checkpoint import latest_deep_checkpoint
from playthrough.runs.deep_run import EVALUATION_SEED, evaluation_options
from playthrough.runs.episode import record_episode
from playthrough.runs.folder import RunFolder
from playthrough.runs.judge import evaluate_agent, play_episodes
from playthrough.runs.replay import replay
from playthrough.runs.train import resume, train
from playthrough.runs.video import film_agent
from playthrough.runs.watcher import DeepTotals, TrainResult

HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(
    "Breakout-Atari2600" not in list_playable(), reason="Breakout's ROM is not here (it comes with ale-py)"
)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def deep_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainResult, DeepListener]:
    """Four updates of PPO in one go."""
    listener = DeepListener()
    folder = tmp_path_factory.mktemp("deep") / "run"
    return train(small_deep_config(folder, "ppo"), watcher=listener), listener


def test_a_run_leaves_everything(deep_run: tuple[TrainResult, DeepListener]) -> None:
    result, listener = deep_run
    assert isinstance(result.totals, DeepTotals)
    assert (result.status, result.totals.agent_steps, result.totals.updates) == ("finished", 128, 4)
    for path in (result.genome, result.movie, *result.plots):
        assert path is not None and path.stat().st_size > 500, path
    folder = RunFolder.open(result.folder)
    assert json.loads(folder.versions.read_text())["libraries"]["torch"]
    rows = deep_metrics(result.folder)
    assert [row["agent_steps"] for row in rows] == ["32", "64", "96", "128"]
    assert [bool(row["evaluation_mean"]) for row in rows] == [False, True, False, True]
    assert all(math.isfinite(float(row["loss"])) for row in rows)
    assert [path.name for path in sorted(folder.checkpoints.iterdir())] == ["00000064", "00000096", "00000128"]
    assert len(list(folder.tensorboard.iterdir())) == 1
    assert not list(result.folder.rglob(".*")) and not list(result.folder.rglob("*.pkl"))
    assert [totals.agent_steps for _, totals in listener.updates] == [32, 64, 96, 128]
    assert listener.results == [result]
    with folder.episodes.open() as file:
        episodes = list(csv.DictReader(file))
    assert len(episodes) == result.totals.episodes == sum(len(report.episodes) for report, _ in listener.updates) > 0
    assert {row["end"] for row in episodes} == {"time limit"} and {row["start_state"] for row in episodes} == {"Start"}


def test_the_movie_is_the_best_episode_of_the_evaluation(deep_run: tuple[TrainResult, DeepListener]) -> None:
    result, listener = deep_run
    agent = load_agent(result.folder)
    assert isinstance(agent, DeepTrainedAgent) and result.movie is not None
    assert agent.stored.evaluation_mean == result.totals.best_evaluation  # type: ignore[union-attr]
    report = replay(result.movie)
    assert report.diverged_at is None and report.rewards == (agent.episode.reward,)
    assert not [text for text in listener.messages if "does not repeat" in text]


def test_whoever_seems_better_than_the_best_plays_on(tmp_path: Path) -> None:
    """Two episodes say little; the mean that is kept is that of six."""
    slow = (
        "env.max_episode_steps=150",
        "ppo.evaluate_every=32",
        "env.observation='variables'",
        "ppo.learning_rate=1e-9",
    )
    result = train(small_deep_config(tmp_path / "run", "ppo", *slow, steps=160))
    agent = load_agent(result.folder)
    assert isinstance(agent, DeepTrainedAgent) and isinstance(result.totals, DeepTotals)
    with closing(RetroVectorEnv(evaluation_options(agent.config, 2))) as env:
        played = [episode.reward for episode in play_episodes(agent, env, 6, EVALUATION_SEED)]
    assert fmean(played) == result.totals.best_evaluation
    assert fmean(played[:2]) in [float(row["evaluation_mean"]) for row in deep_metrics(result.folder)]
    assert fmean(played[:2]) != fmean(played), "this proves nothing"


def test_an_agent_plays_the_same_on_any_lane(deep_run: tuple[TrainResult, DeepListener]) -> None:
    agent = load_agent(deep_run[0].folder)
    options = agent.config.env_options(state=["Start", "power-on"])
    one, three = (evaluate_agent(agent, options, episodes=4, seed=5, lanes=lanes, threads=1) for lanes in (1, 3))
    assert one == three
    assert {state: len(rewards) for state, rewards in one.by_start_state().items()} == {"Start": 2, "power-on": 2}
    assert evaluate_agent(RandomPlay(), options, episodes=4, seed=5) != one


def test_it_is_filmed_with_what_it_sees_and_thinks(deep_run: tuple[TrainResult, DeepListener], tmp_path: Path) -> None:
    from dataclasses import replace

    import numpy as np
    from PIL import Image

    agent = load_agent(deep_run[0].folder)
    assert isinstance(agent, DeepTrainedAgent)
    options = agent.config.env_options()
    pictures = []
    for name, source in (("plain", agent), ("looks", replace(agent, with_saliency=True))):
        film_agent(source, options, tmp_path / f"{name}.gif", seed=1, max_steps=20)
        with Image.open(tmp_path / f"{name}.gif") as gif:
            assert gif.n_frames > 10  # type: ignore[attr-defined]
            gif.seek(10)
            pictures.append(np.asarray(gif.convert("RGB")).astype(int))
    plain, looks = pictures
    assert plain.shape == looks.shape and (plain != looks)[:, : plain.shape[1] // 2].any(), "nothing glows"
    assert len(np.unique(plain[30:110, 330:400].reshape(-1, 3), axis=0)) > 3, "there is no view"


@pytest.mark.parametrize("algo", ["ppo", "rainbow"])
def test_a_run_that_goes_on_equals_one_in_one_go(
    algo: str, tmp_path: Path, deep_run: tuple[TrainResult, DeepListener]
) -> None:
    whole = deep_run[0].folder
    if algo != "ppo":
        whole = tmp_path / "whole"
        train(small_deep_config(whole, algo))
    parts = tmp_path / "parts"
    config = small_deep_config(parts, algo)
    schedule = f"{algo}.steps=128"

    class StopAfterTwo(DeepListener):
        def updated(self, report: object, totals: object) -> None:
            super().updated(report, totals)
            if len(self.updates) == 2:
                import signal

                signal.raise_signal(signal.SIGINT)

    stopped = train(config, watcher=StopAfterTwo())
    assert stopped.status == "interrupted" and stopped.totals.agent_steps == 64
    assert len(deep_metrics(parts)) == 2 and stopped.movie is not None and stopped.plots
    result = resume(parts, changes=[schedule])
    assert result.status == "finished" and result.totals.agent_steps == 128
    assert deep_metrics(parts) == deep_metrics(whole)
    assert (parts / "episodes.csv").read_bytes() == (whole / "episodes.csv").read_bytes()
    last, other = (latest_deep_checkpoint(RunFolder(folder))[0] for folder in (parts, whole))
    assert last.learner.arrays.keys() == other.learner.arrays.keys()
    assert all((last.learner.arrays[name] == other.learner.arrays[name]).all() for name in other.learner.arrays)
    assert list(last.lanes) == list(other.lanes)
    assert (parts / "best.safetensors").read_bytes() == (whole / "best.safetensors").read_bytes()


IN_ANOTHER_PROCESS = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import torch
from small_deep_run import DeepListener, small_deep_config
from playthrough.runs.train import train
torch.set_num_threads(1)

class Watcher(DeepListener):
    def updated(self, report, totals):
        if totals.updates == 3:
            os.kill(os.getpid(), signal.SIGKILL)

folder, _, algo, observation = sys.argv[1:]
config = small_deep_config(Path(folder), algo, f"{algo}.checkpoint_every=64", observation=observation)
train(config, watcher=Watcher())
"""


@pytest.mark.parametrize(("algo", "observation"), [("qrdqn", "ram"), ("rainbow", "gray84")])
def test_a_killed_run_goes_on_from_its_checkpoint(algo: str, observation: str, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS, str(killed), str(HERE), algo, observation]
    assert subprocess.run(command, capture_output=True, timeout=120).returncode == -9
    assert latest_deep_checkpoint(RunFolder(killed))[0].agent_steps == 64
    assert len(deep_metrics(killed)) == 3 and list((killed / "replay").glob("*.npy"))
    resume(killed)
    whole = tmp_path / "whole"
    train(small_deep_config(whole, algo, observation=observation))
    assert deep_metrics(killed) == deep_metrics(whole)


@pytest.mark.parametrize("algo", ["a2c", "maskable", "recurrent"])
def test_each_algorithm_learns_remembers_and_plays(algo: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train(small_deep_config(folder, algo, steps=64, observation="ram"))
    assert resume(folder, changes=[f"{algo}.steps=96"]).totals.agent_steps == 96
    agent = load_agent(folder)
    played = record_episode(agent, agent.config.env_options(), tmp_path / "again.bk2", agent.episode.seed)
    assert played.reward == agent.episode.reward


def test_a_goal_ends_a_run(tmp_path: Path) -> None:
    config = small_deep_config(tmp_path / "run", "ppo", "goal.fitness=-1.0", observation="ram")
    result = train(config)
    assert result.goal_reached and result.totals.agent_steps == 64
    listener = DeepListener()
    resume(tmp_path / "run", watcher=listener)
    assert [text for text in listener.messages if "nothing is left to train: the goal was reached" in text]


def test_a_deep_run_keeps_its_environment(tmp_path: Path, deep_run: tuple[TrainResult, DeepListener]) -> None:
    folder = Path(shutil.copytree(deep_run[0].folder, tmp_path / "run"))
    for change in ("env.frame_skip=2", "lanes=4"):
        with pytest.raises(ConfigError, match=rf"{change.partition('=')[0]}: a run of ppo keeps"):
            resume(folder, changes=[change])
    with pytest.raises(ConfigError, match="batch_size must be 2 or more"):
        resume(folder, changes=["ppo.batch_size=1"])


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, deep_run: tuple[TrainResult, DeepListener]) -> None:
    folder = Path(shutil.copytree(deep_run[0].folder, tmp_path / "run"))
    newest = folder / "checkpoints" / "00000128" / "learner.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1] + b"\x7f")
    listener = DeepListener()
    resume(folder, watcher=listener)
    assert [text for text in listener.messages if "checksum does not fit; going on from agent step 96" in text]
    assert deep_metrics(folder) == deep_metrics(deep_run[0].folder)


def test_a_foreign_policy_is_refused(tmp_path: Path, deep_run: tuple[TrainResult, DeepListener]) -> None:
    folder = Path(shutil.copytree(deep_run[0].folder, tmp_path / "run"))
    described = json.loads((folder / "best.json").read_text())

    def refused(match: str, **changes: object) -> None:
        (folder / "best.json").write_text(json.dumps(described | changes))
        with pytest.raises(StateError, match=match):
            agent = load_agent(folder)
            record_episode(agent, agent.config.env_options(), tmp_path / "x.bk2", 1)

    refused("unknown kind 'os.system'", kind="os.system")
    refused("has format 99", format=99)
    refused("no space that policies know", action_space={"kind": "eval", "n": 3})
    refused(
        "do not fit together", values={"hidden_sizes": [64, 64], "normalised": False, "exploration": 0.0}, kind="qrdqn"
    )
    elsewhere = {"file": "/etc/../../best.safetensors", "sha256": "0" * 64}
    refused(f"{folder / 'best.safetensors'} is not the one", parameters=elsewhere)
    (folder / "best.safetensors").write_bytes(b"\x80\x04cos\nsystem\n")  # what a pickle would look like
    import hashlib

    digest = hashlib.sha256((folder / "best.safetensors").read_bytes()).hexdigest()
    refused("is no safetensors file", parameters={"file": "best.safetensors", "sha256": digest})


def test_a_policy_for_other_actions_does_not_play(deep_run: tuple[TrainResult, DeepListener]) -> None:
    agent = load_agent(deep_run[0].folder)
    with pytest.raises(ConfigError, match=r"knows actions in Discrete\(4\), but the environment has"):
        evaluate_agent(agent, agent.config.env_options(actions=[[], ["BUTTON"]]), episodes=2)
    with pytest.raises(ConfigError, match="does not suit Breakout-Atari2600: rainbow chooses one of a number"):
        train(small_deep_config(deep_run[0].folder.with_name("other"), "rainbow", "env.actions='buttons'"))


WITHOUT_TORCH = """
import sys
sys.modules["sb3_contrib"] = None
from pathlib import Path
from playthrough.errors import DependencyError
from playthrough.runs.config import resolve
from playthrough.runs.train import train
assert "torch" not in sys.modules, "torch was imported before anything was trained"
try:
    train(resolve(game="Breakout-Atari2600", algo="ppo", out=Path(sys.argv[1])))
except DependencyError as error:
    print(error)
"""


def test_without_the_libraries_the_message_says_what_to_install(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(tmp_path / "run")], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "deep reinforcement learning needs sb3-contrib: pip install 'playthrough[deep]'"
    assert not (tmp_path / "run").exists()
