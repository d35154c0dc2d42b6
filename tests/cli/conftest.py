"""Running `playthrough` as a user does: in this process where that is enough, as a program where it is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from playthrough.cli.main import app
from playthrough.game import integration as integrations

Run = Callable[..., Result]
Program = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own to work in, and another for what the user keeps."""
    home = tmp_path / "home"
    monkeypatch.setenv("PLAYTHROUGH_HOME", str(home))
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    monkeypatch.delenv("PLAYTHROUGH_DEBUG", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return home


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("games", "sonic")`: the command's exit code, stdout and stderr. Each call knows only its own folders."""

    def call(*arguments: object) -> Result:
        monkeypatch.setattr(integrations, "_added", [])
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="playthrough")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture(scope="session")
def program() -> Program:
    """`program("games")` runs `python -m playthrough games`."""

    def call(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "playthrough", *(str(argument) for argument in arguments)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return call


@pytest.fixture
def game(tmp_path: Path) -> Callable[..., Path]:
    """`game("Made-Genesis", data={...}, **{"rom.md": bytes})` makes a game folder; its parent is for --integrations."""

    def make(name: str, *, data: Any = None, scenario: Any = None, **files: bytes) -> Path:
        folder = tmp_path / "integrations" / name
        folder.mkdir(parents=True)
        data = {"info": {"lives": {"address": 0xFF0010, "type": "|u1"}}} if data is None else data
        for file, content in (("data", data), ("scenario", {} if scenario is None else scenario), ("metadata", {})):
            (folder / f"{file}.json").write_text(content if isinstance(content, str) else json.dumps(content))
        for file, content in files.items():
            (folder / file.replace("__", ".")).write_bytes(content)
        return folder

    return make


def inputs_file(path: Path, num_frames: int, seed: int = 1, buttons: tuple[str, ...] = ("B", "LEFT", "RIGHT")) -> Path:
    """Random buttons as text, the first frame with nothing, as a reset has it."""
    import random

    choice = random.Random(seed)
    lines = [" ".join(button for button in buttons if choice.random() < 0.4) or "." for _ in range(num_frames - 1)]
    path.write_text("\n".join([".", *lines]) + "\n")
    return path
