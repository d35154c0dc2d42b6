"""docs/integrate-your-game.md, done as a new user would: every command in order, in one folder, with a fresh home."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from playthrough.game.json_files import read_json

REPOSITORY = Path(__file__).parents[1]
GUIDE = REPOSITORY / "docs" / "integrate-your-game.md"
WICKLING = REPOSITORY / "games" / "Wickling-Nes"


def commands() -> list[str]:
    """The commands of the guide, in its order."""
    blocks = re.findall(r"```bash\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.strip().splitlines()]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The folder and the home after all commands, and what each command printed."""
    folder = tmp_path_factory.mktemp("guide")
    shutil.copy(WICKLING / "rom.nes", folder / "my-game.nes")
    shutil.copy(WICKLING / "movies" / "Level1-1.bk2", folder / "my-play.bk2")
    environment = os.environ | {"PLAYTHROUGH_HOME": str(folder / "home"), "COLUMNS": "300"}
    printed: dict[str, str] = {}
    for command in commands():
        program, *arguments = shlex.split(command)
        assert program == "playthrough", command
        ran = subprocess.run(
            [sys.executable, "-m", "playthrough", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        # The doctor's advice is advice; that it works is what counts here.
        assert ran.returncode == 0 or (arguments[1] == "check" and "rror" not in ran.stderr), (
            f"{command}\n{ran.stdout}\n{ran.stderr}"
        )
        printed[command] = ran.stdout
    return folder, printed


def test_the_guide_leads_to_the_numbers_that_the_shipped_integration_has(done: tuple[Path, dict[str, str]]) -> None:
    folder, _ = done
    made = read_json(folder / "home" / "integrations" / "Candle-Nes" / "data.json")
    shipped = read_json(WICKLING / "data.json")["info"]
    for name in ("xscrollHi", "xscrollLo", "lives", "score"):
        assert made["info"][name] == shipped[name], name
    assert made["joined"] == {"xscroll": ["xscrollHi", "xscrollLo"]}
    scenario = json.loads((folder / "home" / "integrations" / "Candle-Nes" / "scenario.json").read_text())
    assert scenario["reward"]["variables"] == {"xscroll": {"reward": 1, "penalty": 1}, "score": {"reward": 0.1}}
    assert scenario["done"]["variables"] == {"lives": {"op": "negative", "measurement": "delta"}}


def test_each_finder_names_the_right_address_first(done: tuple[Path, dict[str, str]]) -> None:
    _, printed = done
    by_word = {shlex.split(command)[2]: text for command, text in printed.items() if "integrate" in command}
    assert re.search(r"xscrollHi +0x71a", by_word["progress"])
    lives = by_word["guess"].partition("Lives")[2]
    assert "0x75a" in lives.partition("Game over")[0]
    assert "integrate variable Candle-Nes score 0x7dd '>n6'" in by_word["find"]


def test_what_was_written_and_drawn_is_there(done: tuple[Path, dict[str, str]]) -> None:
    folder, printed = done
    for name in ("start.png", "progress.png", "frames.png", "now.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    game = folder / "home" / "integrations" / "Candle-Nes"
    assert {"Start.state", "Start.recipe.json", "Roofs.state", "rom.nes", "rom.sha"} <= {p.name for p in game.iterdir()}
    assert read_json(game / "metadata.json") == {"default_state": "Start"}
    replayed = next(text for command, text in printed.items() if "--movie" in command)
    assert re.search(r"reward 3\d{3}", replayed), "the movie finishes the level: 3328 pixels, and a tenth of its score"
