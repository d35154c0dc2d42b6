"""Games made for one test, and stable-retro's own answers about them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MakeGame = Callable[..., Path]
AskStableRetro = Callable[[list[dict[str, Any]]], list[list[dict[str, Any]]]]


@pytest.fixture
def make_game(tmp_path: Path) -> MakeGame:
    """Write a new folder with data.json, scenario.json and further files; returns the folder."""
    count = 0

    def make(variables: dict[str, Any], scenario: Any = None, **files: str) -> Path:
        nonlocal count
        count += 1
        folder = tmp_path / f"game{count}"
        folder.mkdir()
        (folder / "data.json").write_text(json.dumps({"info": variables}, indent=1))
        (folder / "scenario.json").write_text(json.dumps(scenario or {}, indent=1))
        for name, text in files.items():
            (folder / name.replace("_lua", ".lua").replace("_py", ".py")).write_text(text)
        return folder

    return make


@pytest.fixture
def ask_stable_retro(tmp_path: Path) -> AskStableRetro:
    """stable-retro's answers, from a process of its own; see stable_retro_oracle.py for requests and answers."""

    def ask(cases: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
        request, answer = tmp_path / "request.json", tmp_path / "answer.json"
        request.write_text(json.dumps([{"scenario": "scenario.json", **case} for case in cases]))
        program = Path(__file__).with_name("stable_retro_oracle.py")
        done = subprocess.run(
            [sys.executable, str(program), str(request), str(answer)], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return json.loads(answer.read_text())

    return ask
