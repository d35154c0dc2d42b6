"""Training and everything that is done with a run, on Airstriker."""

from __future__ import annotations

import io
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli.conftest import Program, Run, inputs_file
from playthrough.cli import train_panel
from playthrough.cli.sparkline import duration, sparkline
from playthrough.cli.train_panel import TrainPanel
from playthrough.game.movies import read_movie

SMALL = (
    *("--set", "env.max_episode_steps=60", "--set", "env.frame_skip=4", "--set", "neat.config.pop_size=6"),
    *("--set", "neat.episodes_per_genome=1"),
)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, program: Program) -> Path:
    """A small run, made by the program itself; tests that change it copy it."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    arguments = [
        "train",
        "Airstriker-Genesis",
        "--algo",
        "neat",
        "--generations",
        "2",
        "--seed",
        "5",
        "--out",
        str(folder),
    ]
    done = program(*arguments, *SMALL)
    assert done.returncode == 0, done.stderr
    (folder.parent / "stdout.txt").write_text(done.stdout)
    return folder


def test_train(trained: Path):
    text = (trained.parent / "stdout.txt").read_text()
    assert "generation 0: best " in text and "generation 1: best " in text
    assert re.search(r"generation 1: best -?\d+\.\d, mean -?\d+\.\d, \d+ species, [\d,]+ frames/s, 00:00 left", text)
    files = dict(re.findall(r"^(Agent|Movie|Video):\s+(\S+)$", text, re.MULTILINE))
    assert set(files) == {"Agent", "Movie", "Video"} and all(Path(file).is_file() for file in files.values())
    plots = re.findall(r"^Plot:\s+(\S+)$", text, re.MULTILINE)
    assert len(plots) == 3 and all(Path(plot).is_file() for plot in plots)
    assert text.rstrip().splitlines()[-2:] == [
        f"  playthrough watch {trained}",
        f"  playthrough eval {trained} --episodes 30",
    ]
    assert "goal reached" not in text


def test_goal_and_resume(run: Run):
    Path("made.toml").write_text(
        'game = "Airstriker-Genesis"\n[env]\nobservation = "variables"\n[goal]\nfitness = -9.0\n'
    )
    result = run("train", "--recipe", "made.toml", *SMALL, "--out", "run")
    assert result.exit_code == 0, result.stderr
    assert re.search(r"^goal reached after 1 generation and [\d,]+ frames$", result.stdout, re.MULTILINE)
    again = run("train", "--recipe", "made.toml", *SMALL, "--out", "run")
    assert again.exit_code == 2 and "already holds a run" in again.stderr
    fresh = run("train", "--recipe", "made.toml", *SMALL, "--out", "run", "--fresh", "--seed", "9")
    assert fresh.exit_code == 0 and "seed 9" in fresh.stdout


def test_a_folder_that_holds_no_run_is_never_deleted(run: Run):
    Path("precious").mkdir()
    Path("precious/diary.txt").write_text("dear diary")
    run("train", "Airstriker-Genesis", *SMALL, "--generations", "1", "--out", "precious", "--fresh")
    assert Path("precious/diary.txt").read_text() == "dear diary"


def test_resume(run: Run, trained: Path, tmp_path: Path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    result = run("train", "--resume", copy, "--generations", "3", "--lanes", "2")
    assert result.exit_code == 0, result.stderr
    assert "generation 2: best" in result.stdout and "generation 1: best" not in result.stdout
    assert "changed for generation 2 and later: neat.generations=3" in result.stdout


def test_ctrl_c(tmp_path: Path):
    folder = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-m", "playthrough", "train", "Airstriker-Genesis", "--out", str(folder), *SMALL],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("generation 0"):
            process.send_signal(signal.SIGINT)
            break
    rest, errors = process.communicate(timeout=60)
    text = "".join(lines) + rest
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert re.search(r"^interrupted; all that was finished is saved \(generations: \d+\)$", text, re.MULTILINE)
    assert f"playthrough train --resume {folder}" in text
    assert (folder / "best.bk2").is_file()


def test_watch(run: Run, trained: Path):
    result = run("watch", trained, "--speed", "0")
    assert result.exit_code == 0, result.stderr
    movie = read_movie(trained / "best.bk2")
    # The movie has the reset's frame and the no-ops of the start besides the agent's.
    match = re.search(r"Reward (-?[\d.]+) in (\d+) frames", result.stdout)
    assert match and 0 < int(match[2]) < len(movie.inputs)
    best = "found in generation"
    told = re.search(r"Best fitness (-?[\d.]+), " + best, (trained.parent / "stdout.txt").read_text())
    assert told and float(told[1]) == float(match[1])


def test_watch_as_video(run: Run, trained: Path):
    av = pytest.importorskip("av")
    result = run("watch", trained, "--video", "film.mp4", "--episodes", "2", "--seed", "3")
    assert result.exit_code == 0, result.stderr
    for name in ("film-1.mp4", "film-2.mp4"):
        with av.open(name) as film:
            assert film.streams.video[0].frames > 100 and film.streams.audio
    assert "seed 3" in result.stdout and "seed 4" in result.stdout


def test_watch_random(run: Run):
    result = run("watch", "Pong-Atari2600", "--agent", "random", "--seed", "2", "--speed", "0")
    assert result.exit_code == 0, result.stderr
    assert "random play plays Pong-Atari2600, seed 2" in result.stdout
    assert result.stdout == run("watch", "Pong-Atari2600", "--agent", "random", "--seed", "2", "--speed", "0").stdout


def test_eval(run: Run, trained: Path):
    result = run("eval", trained, "--episodes", "4")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.count("95 % interval") == 2 and "random play: " in result.stdout
    assert "intervals" in result.stdout.splitlines()[2]
    assert result.stdout == run("eval", trained, "--episodes", "4", "--lanes", "2", "--threads", "1").stdout


def test_replay(run: Run, trained: Path, tmp_path: Path):
    movie = tmp_path / "best.bk2"
    movie.write_bytes((trained / "best.bk2").read_bytes())
    result = run("replay", movie, "--inputs", "buttons.txt")
    assert result.exit_code == 0, result.stderr
    assert "Equal to the recording on every frame." in result.stdout
    assert f"Video: {tmp_path / 'best.mp4'}" in result.stdout and (tmp_path / "best.mp4").stat().st_size > 10_000
    assert len(Path("buttons.txt").read_text().splitlines()) == len(read_movie(movie).inputs)
    window = run("replay", movie, "--window", "--speed", "0")
    assert window.exit_code == 0 and "Video" not in window.stdout
    numbers = run("replay", movie, "--no-video")
    assert numbers.exit_code == 0 and "At the end: gameover " in numbers.stdout


def test_replay_says_where_a_movie_diverges(run: Run):
    from playthrough.game.movies import MovieWriter
    from playthrough.game.trace import checksum

    run("play", "Airstriker-Genesis", "--inputs", inputs_file(Path("in.txt"), 200), "--speed", "0")
    made = read_movie("movies/Airstriker-Genesis-Level1-001.bk2")
    assert made.trace is not None
    with MovieWriter(
        "wrong.bk2", made.system, made.game, 1, made.state, core="genesis_plus_gx", variables=made.trace.names
    ) as writer:
        for number, (mask, check) in enumerate(zip(made.inputs, made.trace.checksums, strict=True)):
            writer.frame(mask, int(check) if number != 120 else checksum([1, 2, 3]))
    result = run("replay", "wrong.bk2", "--no-video")
    assert result.exit_code == 0
    assert "Diverges from frame 120 on" in result.stdout
    exclusive = run("replay", "wrong.bk2", "--no-video", "--window")
    assert exclusive.exit_code == 2 and "exclude one another" in exclusive.stderr


def test_a_movie_is_not_played_in_another_game(run: Run, trained: Path, tmp_path: Path):
    movie = tmp_path / "best.bk2"
    movie.write_bytes((trained / "best.bk2").read_bytes())
    other = run("replay", movie, "--no-video", "--game", "SonicTheHedgehog-Genesis")
    assert (
        other.exit_code == 2 and "the movie is of Airstriker-Genesis, not of SonicTheHedgehog-Genesis" in other.stderr
    )
    system = run("replay", movie, "--no-video", "--game", "Pong-Atari2600")
    assert system.exit_code == 2 and "a game for Genesis, but Pong-Atari2600 runs on Atari2600" in system.stderr
    assert run("replay", movie, "--no-video", "--game", "Airstriker-Genesis-v0").exit_code == 0


def test_commands_to_try_next_can_be_pasted(run: Run, trained: Path, tmp_path: Path):
    movie = tmp_path / "my best (1).bk2"
    movie.write_bytes((trained / "best.bk2").read_bytes())
    lines = run("replay", movie, "--no-video").stdout.splitlines()
    command = next(line for line in lines if line.endswith("--window"))
    assert shlex.split(command) == ["playthrough", "replay", str(movie), "--window"]


def test_panel(monkeypatch: pytest.MonkeyPatch):
    from rich.console import Console

    terminal = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    monkeypatch.setattr(train_panel, "out", lambda: terminal)
    monkeypatch.setattr("playthrough.cli.console.out", lambda: terminal)
    config: Any = SimpleNamespace(
        game="Airstriker-Genesis", algo="neat", seed=1, neat=SimpleNamespace(options=SimpleNamespace(generations=9))
    )
    start: Any = SimpleNamespace(
        config=config, folder=Path("runs/x"), population=60, num_inputs=1120, num_outputs=12, lanes=8, threads=2,
        core="genesis_plus_gx", filled_in=("[NEAT] a = b",), first_generation=0,
    )  # fmt: skip
    with TrainPanel() as panel:
        panel.message("the NEAT configuration lacks a setting, filled in: [NEAT] a = b")
        panel.started(start)
        for generation in range(3):
            report: Any = SimpleNamespace(
                generation=generation, best_fitness=100.0 * generation, mean_fitness=12.5, species=[1, 2, 3, 4]
            )
            totals: Any = SimpleNamespace(
                best_fitness=200.0, best_generation=2, frames=123456, frames_per_second=9876.5, time_left_s=3700.0
            )
            panel.generation(report, totals)
        panel.message("something happened")
        time.sleep(0.5)
    shown = terminal.file.getvalue()
    last = shown[shown.rindex("╭") :]
    for expected in ("of 9", "200.0", "12.5", "4", "9,876", "123,456 frames", "1:01:40", "▁▅█", "0/60 genomes"):
        assert expected in last, expected
    assert shown.count("filled in") == 1 and "something happened" in shown


def test_sparkline_and_duration():
    assert sparkline([]) == "" and sparkline([3.0]) == "▁"
    assert sparkline([0.0, 7.0, 3.5]) == "▁█▅"
    assert len(sparkline([float(n) for n in range(1000)], width=20)) == 20
    assert (duration(None), duration(59.6), duration(3661)) == ("-", "01:00", "1:01:01")
