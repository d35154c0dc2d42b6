"""Training a deep agent by the program itself, and everything that is done with its run."""

from __future__ import annotations

import io
import re
import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli.conftest import Program, Run
from playthrough.cli import train_panel
from playthrough.cli.train_panel import TrainPanel
from playthrough.game.roms import list_playable

GAME = "Breakout-Atari2600"
SMALL = (
    *("--set", "env.max_episode_steps=25", "--set", "ppo.rollout_steps=16", "--set", "ppo.batch_size=16"),
    *("--set", "ppo.epochs=1", "--set", "ppo.evaluation_episodes=2", "--set", "env.observation=ram"),
    *("--lanes", "2", "--threads", "1", "--set", "video=false"),
)
pytestmark = pytest.mark.skipif(GAME not in list_playable(), reason="Breakout's ROM is not here (it comes with ale-py)")


@pytest.fixture(scope="module")
def deep_folder(tmp_path_factory: pytest.TempPathFactory, program: Program) -> Path:
    """A small run of PPO, made by the program itself; tests that change it copy it."""
    folder = tmp_path_factory.mktemp("deep") / "run"
    arguments = ["train", GAME, "--algo", "ppo", "--steps", "64", *SMALL, "--out", str(folder), "--judge", "4"]
    done = program(*arguments)
    assert done.returncode == 0, done.stderr
    (folder.parent / "stdout.txt").write_text(done.stdout)
    return folder


def test_train_and_judge(deep_folder: Path):
    text = (deep_folder.parent / "stdout.txt").read_text()
    assert "It sees 128 numbers and chooses from Discrete(4), on 2 lanes, 1 thread" in text
    line = r"^step 64 of 64: mean return \d+\.\d, best evaluation \d+\.\d, [\d,]+ steps/s, 00:00 left$"
    assert re.search(line, text, re.MULTILINE)
    assert re.search(r"^Best evaluation [\d.]+, after (32|64) steps$", text, re.MULTILINE)
    assert text.count("95 % interval") == 2
    assert f"playthrough train --resume {deep_folder} --steps 128" in text


def test_resume_counts_steps(run: Run, deep_folder: Path, tmp_path: Path):
    folder = Path(shutil.copytree(deep_folder, tmp_path / "copy"))
    wrong = run("train", "--resume", folder, "--generations", "3")
    assert wrong.exit_code == 2 and "the algorithm ppo counts decisions; use --steps" in wrong.stderr
    kept = run("train", "--resume", folder, "--lanes", "4")
    assert kept.exit_code == 2 and "lanes: a run of ppo keeps its environment and its lanes" in kept.stderr
    result = run("train", "--resume", folder, "--steps", "96")
    assert result.exit_code == 0, result.stderr
    assert "changed for agent step 64 and later: ppo.steps=96" in result.stdout and "step 96 of 96" in result.stdout


def test_eval_has_numbers_and_the_reference(run: Run, deep_folder: Path):
    result = run("eval", deep_folder, "--episodes", "4")
    assert result.exit_code == 0, result.stderr
    assert re.search(r"Who +Episodes +Mean +Standard error +Median", result.stdout)
    assert re.search(r"run's best +4 +\d+\.\d +\d+\.\d +\d+\.\d\n", result.stdout)
    assert re.search(r"Reference run .* from Start: mean return of its last ten episodes 31\.4", result.stdout)
    assert f"playthrough train --resume {deep_folder} --steps N" in result.stdout
    assert result.stdout == run("eval", deep_folder, "--episodes", "4", "--lanes", "1", "--threads", "1").stdout


def test_watch_as_gif_and_in_a_window(run: Run, deep_folder: Path):
    result = run("watch", deep_folder, "--gif", "film.gif")
    assert result.exit_code == 0, result.stderr
    assert Path("film.gif").read_bytes().startswith(b"GIF89a") and "--steps N" in result.stdout
    window = run("watch", deep_folder, "--speed", "0")
    assert window.exit_code == 0 and "run's best plays Breakout-Atari2600, seed 10000" in window.stdout
    looked = run("watch", deep_folder, "--saliency")
    assert looked.exit_code == 2 and "--saliency is for a video" in looked.stderr


def test_replay_as_gif(run: Run, deep_folder: Path):
    result = run("replay", deep_folder / "best.bk2", "--gif", "movie.gif")
    assert result.exit_code == 0, result.stderr
    assert "Equal to the recording" in result.stdout and Path("movie.gif").stat().st_size > 1000
    assert not (deep_folder / "best.mp4").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--algo", "ppo", "--generations", "3"), "the algorithm ppo counts decisions, not generations; use --steps"),
        (("--algo", "ppo", "--set", "ppo.batch_sise=8"), "did you mean 'batch_size'?"),
        (("--algo", "ppo", "--set", "ppo.batch_size=1"), "--set ppo.batch_size=1: batch_size must be 2 or more steps"),
        (("--algo", "ppo", "--set", "ppo.clip_range=much"), "expected a number, found 'much'"),
        (("--algo", "ppo", "--set", "rainbow.n_step=1"), "the algorithm is ppo; its settings stand in [ppo]"),
        (("--algo", "rainbow", "--set", "rainbow.v_max=-20"), "v_max must be more than v_min"),
        (("--algo", "a3c"), "did you mean 'a2c'?"),
        (("--algo", "ppo", "--set", "ppo.device=cuda:99"), "cuda"),
    ],
)
def test_bad_options(run: Run, arguments: tuple[str, ...], expected: str):
    result = run("train", GAME, *arguments, "--out", "run")
    assert result.exit_code == 2 and expected in result.stderr
    assert not Path("run/config.toml").exists()


def test_the_live_panel(monkeypatch: pytest.MonkeyPatch):
    from rich.console import Console

    terminal = Console(file=io.StringIO(), force_terminal=True, width=110, color_system=None)
    monkeypatch.setattr(train_panel, "out", lambda: terminal)
    monkeypatch.setattr("playthrough.cli.console.out", lambda: terminal)
    config: Any = SimpleNamespace(game=GAME, algo="ppo", seed=1, deep=SimpleNamespace(steps=10_000))
    start: Any = SimpleNamespace(
        config=config, folder=Path("runs/x"), core="stella", observation=(4, 84, 84), actions="Discrete(4)", lanes=8,
        threads=2, device="cpu", agent_steps=0,
    )  # fmt: skip
    with TrainPanel() as panel:
        panel.learning(start)
        for update in (1, 2, 3):
            report: Any = SimpleNamespace(metrics={"loss": 0.125, "entropy": 1.5, "clip_range": 0.1})
            totals: Any = SimpleNamespace(
                agent_steps=1024 * update, updates=update, episodes=7, frames=4096, mean_return=float(update),
                best_return=9.0, evaluation=2.5, best_evaluation=3.5, best_agent_steps=1024, steps_per_second=777.0,
                time_left_s=3700.0,
            )  # fmt: skip
            panel.updated(report, totals)
        time.sleep(0.5)
    shown = terminal.file.getvalue()  # type: ignore[attr-defined]
    last = shown[shown.rindex("╭") :]
    for expected in ("3,072", "of 10,000", "3.0", "3.5", "777", "0.125", "1.5", "1:01:40", "after 1,024 steps", "▁▅█"):
        assert expected in last, expected
