"""`playthrough integrate check` as a user meets it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tiny_cores import TINY_SCENARIO, TinyCores

from cli.conftest import Run

ROOT = Path(__file__).parents[2]
MOVIE = ROOT / "games" / "Wickling-Nes" / "movies" / "Level1-1.bk2"


def test_a_right_game(run: Run) -> None:
    result = run("integrate", "check", "Breakout-Atari2600", "--frames", "300")
    assert result.exit_code == 0
    assert "0 errors, 0 warnings" in result.output


def test_a_wrong_game(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "Mine-Nes"
    folder.mkdir()
    (folder / "data.json").write_text('{"info": {"lives": {"address": 1, "type": "|u1"}}}\n')
    (folder / "scenario.json").write_text('{"reward": {"variables": {"live": {"reward": 1}}}}\n')
    result = run("integrate", "check", str(folder))
    assert result.exit_code == 1
    assert "error: there is no variable 'live'" in result.output
    assert "scenario.json:1" in result.output
    assert "did you mean 'lives'?" in result.output


def test_a_core_that_crashes(run: Run, tiny_cores: TinyCores, tiny_game: Callable[..., Path]) -> None:
    core, folder = str(tiny_cores["tiny_crash"]), tiny_game(frame=3, scenario=TINY_SCENARIO | {"rewrads": []})
    result = run("integrate", "check", str(folder), "--core", core, "--frames", "40")
    assert result.exit_code == 1
    output = " ".join(result.output.split())
    assert "error: the emulator was lost" in output
    assert "at the start from power-on: lane 0 was lost 3 times in a row: core tiny_crash crashed (SIGSEGV)" in output
    assert "'rewrads' means nothing here" in output
    assert "1 error, 1 warning" in output


def test_the_ledger(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "rewards.csv"
    result = run("integrate", "check", "Wickling-Nes", "--explain", str(MOVIE), "--csv", str(table))
    assert result.exit_code == 0
    assert "levels_done" in result.output
    assert table.read_text().startswith("frame,term,before,after,amount,total\n46,xscrollLo,0,2,2,2\n")


def test_score_at(run: Run) -> None:
    arguments = ("integrate", "check", "Wickling-Nes", "--scenario", "score", "--frames", "0")
    result = run(*arguments, "--movie", str(MOVIE), "--score-at", "1600=123456")
    assert result.exit_code == 1
    assert "'score' is not the score on the screen" in result.output
    result = run(*arguments, "--score-at", "many")
    assert result.exit_code == 2
    assert "expected FRAME=VALUE" in result.output
