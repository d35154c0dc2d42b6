from __future__ import annotations

import gzip
import json
import time
from pathlib import Path

import pytest
from peer_process import ask_peer

from playthrough.engine.systems import wheel_folder
from playthrough.errors import GameNotFoundError, IntegrationError
from playthrough.game.integration import (
    add_integrations,
    find_game,
    integration_folders,
    known_hashes,
    list_games,
    list_states,
    load_integration,
    remove_integrations,
)

AIRSTRIKER_SHA1 = "a8be7b0ca850119b167f9644e6a4a22e983d61a4"


def make_game(folder: Path, name: str, **files: object) -> Path:
    """A game folder with a data.json and a scenario.json, and more or other files as given."""
    content = {"data": {"info": {"lives": {"address": 5, "type": "|u1"}}}, "scenario": {}, **files}
    game = folder / name
    game.mkdir(parents=True)
    for file, value in content.items():
        if value is not None:
            (game / f"{file}.json").write_text(json.dumps(value))
    return game


def test_airstriker():
    airstriker = load_integration("Airstriker-Genesis")
    assert airstriker.name == "Airstriker-Genesis"
    assert airstriker.system.name == "Genesis"
    assert airstriker.buttons[0] == "B"
    assert airstriker.rom_hashes == (AIRSTRIKER_SHA1,)
    assert list(airstriker.variables) == ["gameover", "lives", "score"]
    assert airstriker.variables["score"].probe.address == 16712270
    assert airstriker.default_state() == "Level1"
    assert list(airstriker.states) == ["Level1"] == list_states("Airstriker-Genesis-v0")
    assert airstriker.info_path.name == "data.json" and airstriker.scenario_path.name == "scenario.json"


def test_names_with_and_without_the_version_are_one_game():
    assert load_integration("Airstriker-Genesis-v0").folder == load_integration("Airstriker-Genesis").folder
    assert find_game("Airstriker-Genesis-v0") == find_game("Airstriker-Genesis")


def test_games_and_states_equal_stable_retros():
    kinds = ask_peer([{"do": "games"}])[0]
    theirs = {game.removesuffix("-v0"): game for kind in kinds.values() for game in kind}
    own = {
        path.name.removesuffix("-v0")
        for folder in integration_folders()
        if wheel_folder() not in folder.parents and folder.is_dir()
        for path in folder.iterdir()
    }
    assert set(list_games()) - own == set(theirs) - own
    stable = kinds[""]
    assert len(stable) > 1000
    for game in list(stable)[::97]:
        assert set(list_states(game)) >= set(stable[game])


def test_every_shipped_game_loads_and_has_its_default_states():
    for game in list_games():
        loaded = load_integration(game)
        assert loaded.system.name == game.rpartition("-")[2] or game.endswith("-Arcade")
        # One shipped rom.sha is empty.
        assert loaded.rom_hashes or game == "VirtuaFighter2-Genesis"
        for players in (1, 2):
            state = loaded.default_state(players)
            there = {*loaded.states, *loaded.recipes}
            assert state is None or state in there or state.rstrip(".") in there


def test_listing_is_fast():
    list_games()
    best_s = min(_timed(list_games) for _ in range(5))
    assert best_s < 0.05


def _timed(function: object) -> float:
    start = time.perf_counter()
    function()  # type: ignore[operator]
    return time.perf_counter() - start


def test_default_state_per_number_of_players():
    kombat = load_integration("MortalKombatII-Genesis")
    assert kombat.default_state(1) == "Level1.JaxVsBaraka"
    assert kombat.default_state(2) == "Level1.LiuKangVsJax.2P"
    assert kombat.default_state(3) == kombat.metadata["default_state"]


def test_reference_runs():
    runs = load_integration("8Eyes-Nes").reference_runs("1Player.Arabia.Level1")
    assert runs[0]["rewards"]["final_10_mean"] == 3090.0
    assert load_integration("8Eyes-Nes").reference_runs("other") == ()
    assert load_integration("Airstriker-Genesis").reference_runs("Level1") == ()


@pytest.mark.parametrize("name", ["Airstrike-Genesis", "airstriker-genesis", "Airstriker"])
def test_an_unknown_game_brings_similar_ones(name: str):
    with pytest.raises(GameNotFoundError, match="Airstriker-Genesis"):
        load_integration(name)


@pytest.mark.parametrize("name", ["", ".", "..", "qqqq"])
def test_a_name_that_is_no_game(name: str):
    with pytest.raises(GameNotFoundError):
        load_integration(name)


def test_a_hash_names_its_games():
    hashes = known_hashes()
    assert hashes[AIRSTRIKER_SHA1] == ["Airstriker-Genesis"]
    assert len(hashes) > 1000


def test_contrib_games_are_found():
    assert load_integration("SonicTheHedgehogCustomKevin-Genesis").folder.parent.name == "contrib"


def test_an_added_folder_of_games(tmp_path: Path):
    game = make_game(tmp_path / "Integrations", "Mine-Nes")
    (game / "rom.sha").write_text(f"{'A' * 40}\n\n{'b' * 40}\n")
    (game / "Start.state").write_bytes(gzip.compress(b"state"))
    (game / "_hidden.state").write_bytes(b"")
    (game / "Later.recipe.json").write_text("{}")
    add_integrations(tmp_path / "Integrations")
    mine = load_integration("Mine-Nes-v0")
    assert mine.rom_hashes == ("a" * 40, "b" * 40)
    assert mine.variables["lives"].probe.address == 5
    assert mine.default_state() is None and mine.metadata == {}
    assert list_states("Mine-Nes") == ["Later", "Start"]
    assert "Mine-Nes" in list_games()
    remove_integrations(tmp_path / "Integrations")
    with pytest.raises(GameNotFoundError):
        load_integration("Mine-Nes")


def test_one_game_folder_can_be_added_or_given_as_a_path(tmp_path: Path):
    game = make_game(tmp_path, "Mine-Nes")
    assert load_integration(game).name == "Mine-Nes"
    assert load_integration(str(game)).folder == game
    add_integrations(game)
    assert load_integration("Mine-Nes").folder == game


def test_a_folder_that_is_searched_anyway_counts_once(tmp_path: Path) -> None:
    games = load_integration("Wickling-Nes").folder.parent
    add_integrations(games)
    assert load_integration("Wickling-Nes").folders == (games / "Wickling-Nes",)


def test_an_added_folder_overrides_a_shipped_game_file_by_file(tmp_path: Path):
    make_game(tmp_path, "Airstriker-Genesis", data=None, scenario={"reward": {"time": {"reward": 1}}})
    shipped = load_integration("Airstriker-Genesis")
    add_integrations(tmp_path)
    mine = load_integration("Airstriker-Genesis")
    assert mine.scenario_path.parent.parent == tmp_path
    assert mine.info_path == shipped.info_path
    assert mine.default_state() == "Level1" and mine.rom_hashes == shipped.rom_hashes
    assert list_states("Airstriker-Genesis") == ["Level1"]


def test_a_folder_without_games_is_refused(tmp_path: Path):
    with pytest.raises(IntegrationError, match="is no folder"):
        add_integrations(tmp_path / "missing")
    with pytest.raises(IntegrationError, match="holds no game"):
        add_integrations(tmp_path)
    with pytest.raises(GameNotFoundError, match="is no game folder"):
        load_integration(tmp_path)
    with pytest.raises(GameNotFoundError, match="there is no game folder"):
        load_integration(tmp_path / "Missing-Nes")


def test_info_and_scenario_by_name_file_name_and_path(tmp_path: Path):
    game = make_game(tmp_path, "Mine-Nes", other={"info": {"score": {"address": 1, "type": "<u2"}}}, hard={})
    add_integrations(tmp_path)
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text('{"info": {"x": {"address": 2, "type": "|u1"}}}')
    for info in ("other", "other.json", game / "other.json", str(game / "other.json")):
        assert list(load_integration("Mine-Nes", info=info).variables) == ["score"]
    assert list(load_integration("Mine-Nes", info=elsewhere).variables) == ["x"]
    assert load_integration("Mine-Nes", scenario="hard").scenario_path == game / "hard.json"
    with pytest.raises(
        IntegrationError, match=r"there is no scenario 'easy' here; found: hard.json, other.json, scenario.json"
    ):
        load_integration("Mine-Nes", scenario="easy")
    with pytest.raises(IntegrationError, match="does not exist"):
        load_integration("Mine-Nes", info=tmp_path / "missing.json")


def test_damaged_files_name_file_and_line(tmp_path: Path):
    game = make_game(tmp_path, "Mine-Nes", metadata={"default_state": 5})
    add_integrations(tmp_path)
    with pytest.raises(IntegrationError, match=r"metadata\.json: default_state must be the name of a state, found 5"):
        load_integration("Mine-Nes").default_state()
    (game / "metadata.json").write_text('{"default_state": \n')
    with pytest.raises(IntegrationError, match=r"metadata\.json:2"):
        load_integration("Mine-Nes")
    (game / "metadata.json").unlink()
    (game / "rom.sha").write_text(f"{'a' * 40}\nnonsense\n")
    with pytest.raises(IntegrationError, match=r"rom\.sha:2: expected a SHA-1"):
        load_integration("Mine-Nes")


def test_a_scenario_with_a_button_that_the_system_lacks(tmp_path: Path):
    game = make_game(tmp_path, "Mine-Nes", scenario={"actions": [[[], ["X"]]]})
    with pytest.raises(IntegrationError, match=r"scenario\.json: actions: Nes has no button 'X'"):
        load_integration(game)


def test_the_system_comes_from_the_name_or_else_from_the_rom(tmp_path: Path):
    game = make_game(tmp_path, "unnamed")
    with pytest.raises(IntegrationError, match="cannot tell the system of 'unnamed'"):
        load_integration(game)
    (game / "rom.sfc").write_bytes(b"")
    assert load_integration(game).system.name == "Snes"
