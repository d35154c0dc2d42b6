"""Wickling's ROM is what its source builds, and the folder is whole."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from platformer import GAME, LEVELS, REPOSITORY, symbols

import playthrough as pt
from playthrough.game.integration import list_games, list_states, load_integration
from playthrough.game.states import Recipe, load_state_bytes


def test_the_source_builds_the_rom_and_the_symbols(tmp_path: Path) -> None:
    missing = [tool for tool in ("make", "ca65", "ld65") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not found: the ROM is built with make and cc65 (apt-get install cc65)")
    shutil.copytree(GAME / "src", tmp_path / "src")
    subprocess.run(["make", "-s", "-C", str(tmp_path / "src")], check=True, capture_output=True, text=True)
    for name in ("rom.nes", "rom.sha", "wickling.sym"):
        assert (tmp_path / name).read_bytes() == (GAME / name).read_bytes(), f"{name} is not what src/ builds"


def test_the_rom_is_nrom_and_known_by_its_hash() -> None:
    rom = (GAME / "rom.nes").read_bytes()
    assert rom[:8] == b"NES\x1a\x02\x01\x01\x00"
    assert len(rom) == 16 + 32768 + 8192
    assert hashlib.sha1(rom[16:]).hexdigest() == (GAME / "rom.sha").read_text().strip()


def test_the_game_is_listed_with_a_state_for_every_level_and_mode() -> None:
    assert "Wickling-Nes" in list_games()
    expected = {*LEVELS, "Level1-1-Middle", "Level1-2-Middle", "Level1-3-Middle", "Versus", "Versus2P"}
    assert set(list_states("Wickling-Nes")) == expected
    folder = {path.name for path in GAME.iterdir()}
    assert {f"{name}.state" for name in expected} | {f"{name}.recipe.json" for name in expected} <= folder


@pytest.mark.parametrize("name", ["Level1-1", "Level1-2", "Level1-3", "Level2-1", "Level1-2-Middle", "Versus2P"])
def test_a_recipe_leads_to_the_stored_state(name: str) -> None:
    integration = load_integration(GAME)
    recipe = Recipe.read(GAME / f"{name}.recipe.json", integration.system)
    env = pt.make_vec(GAME, num_envs=1, state="power-on", players=recipe.players, observation="ram")
    try:
        rams = []
        for start in (GAME / f"{name}.recipe.json", load_state_bytes(integration, name)):
            env.reset(seed=0, options={"state": start})
            rams.append(env.engine.read_ram()[0].copy())
        assert (rams[0] == rams[1]).all()
    finally:
        env.close()


def test_the_variables_lie_where_the_symbols_say() -> None:
    known = symbols()
    names = {
        "xscrollHi": "scroll_hi", "xscrollLo": "scroll_lo", "x": "player_x_word", "x_best": "best_x_word",
        "x_goal": "goal_x_word", "y": "player_y", "time": "timer", "key": "has_key", "lag": "lag_frames",
        "enemy_health": "health+1", "winner": "duel_winner",
    }  # fmt: skip
    for name, entry in json.loads((GAME / "data.json").read_text())["info"].items():
        label, _, offset = names.get(name, name).partition("+")
        assert known[label] + int(offset or 0) == entry["address"], name


def test_the_page_documents_every_variable() -> None:
    page = (REPOSITORY / "docs" / "our-game.md").read_text()
    for name, entry in json.loads((GAME / "data.json").read_text())["info"].items():
        kind = entry["type"].replace("|", r"\|")
        assert f"| `{name}` | {entry['address']:04X} | `{kind}` |" in page, name
