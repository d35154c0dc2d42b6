"""docs/bizhawk-scripts.md says what the host supports, and everything on it works."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny_cores import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGE = (DOCS / "bizhawk-scripts.md").read_text("utf-8")
MY_SCRIPT = "for _ = 1, 5000 do gui.text(10, 10, emu.framecount()); emu.frameadvance() end\n"


def load_generator() -> Any:
    spec = importlib.util.spec_from_file_location("bizhawk_functions", DOCS / "bizhawk_functions.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_up_to_date() -> None:
    assert load_generator().page_with_table(PAGE) == PAGE, "run: python docs/bizhawk_functions.py"


@pytest.mark.parametrize("program", re.findall(r"```py\n(.*?)```", PAGE, re.DOTALL), ids=range(PAGE.count("```py\n")))
def test_the_python_on_the_page_runs(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    exec(program, {})


COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.strip().splitlines()]


@pytest.mark.parametrize("line", COMMANDS, ids=range(len(COMMANDS)))
def test_the_commands_on_the_page_run(line: str, tmp_path: Path) -> None:
    for name in ("examples", "games"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    (tmp_path / "my_script.lua").write_text(MY_SCRIPT)
    (tmp_path / "game.nes").symlink_to(REPOSITORY / "games" / "Wickling-Nes" / "rom.nes")
    program, *arguments = line.split()
    assert program in ("playthrough", "python")
    if program == "playthrough":
        pytest.importorskip("av")
        arguments = ["-m", "playthrough", *arguments]
    elif "maskable" in arguments:
        pytest.importorskip("sb3_contrib")
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    for video in (word for word in arguments if word.endswith(".mp4")):
        assert (tmp_path / video).stat().st_size > 5_000
