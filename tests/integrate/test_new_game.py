"""A game begun from nothing but its ROM, and given a meaning."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import playthrough as pt
from playthrough.errors import BadInputError, RomError
from playthrough.game.integration import find_game, load_integration
from playthrough.integrate.meaning import adopt_progress, set_done, set_joined, set_reward, set_variable
from playthrough.integrate.new_game import create_game, games_of
from playthrough.integrate.progress import ProgressCandidate

GAMES = Path(__file__).parents[2] / "games"
ENDINGS = {"Nes": "nes", "Genesis": "md", "Snes": "sfc", "GbAdvance": "gba", "Sms": "sms"}
ROMS = {system: GAMES / f"Tiny-{system}" / f"rom.{ending}" for system, ending in ENDINGS.items()}


@pytest.mark.parametrize("system", ROMS)
def test_a_new_game_is_playable_at_once(system: str, tmp_path: Path) -> None:
    folder = create_game(ROMS[system], tmp_path, "Mine")
    assert folder.name == f"Mine-{system}"
    env = pt.make(folder)
    try:
        env.reset(seed=1)
        _, reward, terminated, _, info = env.step(env.action_space.sample())
        assert (reward, terminated, set(info) - {"frames", "rewards"}) == (0.0, False, set())
    finally:
        env.close()
    assert load_integration(folder).rom_hashes == load_integration(f"Tiny-{system}").rom_hashes
    assert f"Tiny-{system}" in games_of(ROMS[system])


def test_the_name_comes_from_the_file_and_the_system_from_its_content(tmp_path: Path) -> None:
    rom = tmp_path / "my great game (USA) [!].bin"
    shutil.copy(ROMS["Genesis"], rom)
    assert create_game(rom, tmp_path).name == "MyGreatGame-Genesis"
    with pytest.raises(BadInputError, match="is there already"):
        create_game(rom, tmp_path)


def test_without_a_folder_it_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYTHROUGH_HOME", str(tmp_path))
    create_game(ROMS["Nes"], name="Mine-Nes")
    assert find_game("Mine-Nes")[1] == (tmp_path / "integrations" / "Mine-Nes",)


def test_what_is_no_game(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no ROM")
    with pytest.raises(RomError, match="--system"):
        create_game(text, tmp_path)
    with pytest.raises(RomError, match="there is no ROM file"):
        create_game(tmp_path / "missing.nes", tmp_path)
    with pytest.raises(BadInputError, match="cannot be a game's name"):
        create_game(ROMS["Nes"], tmp_path, "../up")
    with pytest.raises(BadInputError, match="no system is called"):
        create_game(text, tmp_path, system="Amiga")
    assert not [path for path in tmp_path.iterdir() if path != text]


def test_a_meaning_from_commands_is_what_the_environment_pays(tmp_path: Path) -> None:
    folder = create_game(ROMS["Nes"], tmp_path, "Mine")
    for name in ("score", "lives"):
        probe = load_integration("Tiny-Nes").variables[name].probe
        set_variable(load_integration(folder), name, probe.address, str(probe.type))
    set_reward(load_integration(folder), "score", 0.5)
    set_done(load_integration(folder), "lives", "equal", -1)
    env = pt.make(folder, actions=[[], ["A"], ["B"]])
    try:
        env.reset()
        env.step(0)
        assert env.step(1)[1] == 62.5
        ended = [env.step(2 * (frame % 2))[2] for frame in range(8)]
        assert ended.index(True) == 7
    finally:
        env.close()


@pytest.mark.parametrize(("unit", "reward"), [(-0.98, -1), (0.98, 1), (-0.3, -1), (-2.1, -0.5), (16, 0.0625)])
def test_progress_is_paid_by_the_pixel_in_its_own_direction(unit: float, reward: float, tmp_path: Path) -> None:
    folder = create_game(ROMS["Nes"], tmp_path, "Mine")
    adopt_progress(load_integration(folder), ProgressCandidate("x", 0x20, None, unit, 1.0, 1.0, 0, 0.0, 1.0))
    terms = json.loads((folder / "scenario.json").read_text())["reward"]["variables"]
    assert terms == {"xscroll": {"reward": reward, "penalty": reward}}


def test_a_meaning_that_cannot_be(tmp_path: Path) -> None:
    folder = create_game(ROMS["Nes"], tmp_path, "Mine")
    integration = load_integration(folder)
    with pytest.raises(BadInputError, match="no variable type"):
        set_variable(integration, "score", 0x10, "u2")
    with pytest.raises(BadInputError, match="cannot be a variable's name"):
        set_variable(integration, "my score", 0x10, "|u1")
    with pytest.raises(BadInputError, match="has no variable 'score'"):
        set_reward(integration, "score", 1)
    set_variable(integration, "hi", 0x10, "|u1")
    set_variable(load_integration(folder), "lo", 0x13, "|u1")
    set_joined(load_integration(folder), "whole", ["hi", "lo"])
    assert list(load_integration(folder).variables) == ["hi", "lo", "whole"]
    with pytest.raises(BadInputError, match="needs a number to compare with"):
        set_done(load_integration(folder), "hi", "equal")
    assert json.loads((folder / "scenario.json").read_text()) == {
        "reward": {"variables": {}},
        "done": {"variables": {}},
    }


def test_a_shipped_game_is_not_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAYTHROUGH_HOME", str(tmp_path))
    before = (GAMES / "Tiny-Nes" / "data.json").read_bytes()
    path = set_variable(load_integration("Tiny-Nes"), "mine", 0x20, "|u1")
    assert path.is_relative_to(tmp_path)
    assert (GAMES / "Tiny-Nes" / "data.json").read_bytes() == before
    assert "mine" in load_integration("Tiny-Nes").variables
    assert "score" in load_integration("Tiny-Nes").variables
