from __future__ import annotations

import errno
import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from peer_process import ask_peer

from playthrough.engine.systems import get_system
from playthrough.errors import RunError, StateError
from playthrough.game.integration import Integration, load_integration
from playthrough.game.states import Recipe, find_state, load_state_bytes, pack_state, save_state, unpack_state

NES = get_system("Nes")


@pytest.fixture
def game(tmp_path: Path) -> Integration:
    folder = tmp_path / "Mine-Nes"
    folder.mkdir()
    (folder / "data.json").write_text('{"info": {}}')
    (folder / "scenario.json").write_text("{}")
    save_state(folder / "Level1.state", b"savestate")
    Recipe("power-on", 1, ((10, ("START",)),)).write(folder / "Level2.recipe.json")
    return load_integration(folder)


def test_shipped_states_unpack_to_what_the_core_serialised():
    airstriker = load_integration("Airstriker-Genesis")
    state = load_state_bytes(airstriker, "Level1")
    assert len(state) == 1036288
    assert load_state_bytes(airstriker, "Level1.state") == state
    assert load_state_bytes(airstriker, airstriker.states["Level1"]) == state


def test_a_default_state_with_a_dot_too_many_is_found():
    hockey = load_integration("NHL94-Genesis")
    assert find_state(hockey, hockey.default_state() or "").name == "PenguinsVsSenators.start.state"


def test_a_missing_state_lists_those_there_are(game: Integration):
    with pytest.raises(StateError, match="Mine-Nes has no state 'Level9'; its states: Level1, Level2"):
        load_state_bytes(game, "Level9")
    with pytest.raises(StateError, match="there is no state file"):
        load_state_bytes(game, game.folder / "nothing.state")


def test_a_recipe_is_no_savestate(game: Integration):
    assert find_state(game, "Level2").name == "Level2.recipe.json"
    with pytest.raises(StateError, match="is a recipe"):
        load_state_bytes(game, "Level2")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda packed: packed[:-9], "damaged or cut off"),
        (lambda packed: packed[:12] + b"\xff\xff" + packed[14:], "damaged or cut off"),
        (lambda _: b"", "the file is empty"),
        (lambda _: b"RAW STATE", "packed with gzip"),
        (lambda _: gzip.compress(b""), "the savestate in the file is empty"),
    ],
)
def test_a_damaged_state_names_the_file(game: Integration, damage: object, message: str):
    path = game.states["Level1"]
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(StateError, match=rf"Level1\.state.*{message}"):
        load_state_bytes(game, "Level1")


def test_the_same_savestate_gives_the_same_file():
    data = os.urandom(1000)
    assert pack_state(data) == pack_state(data)
    assert unpack_state(pack_state(data)) == data == gzip.decompress(pack_state(data))


def test_a_full_disk_leaves_the_older_state(game: Integration, monkeypatch: pytest.MonkeyPatch):
    path = game.states["Level1"]

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    before = sorted(game.folder.iterdir())
    with pytest.raises(RunError, match=r"could not write .*Level1\.state .*the disk is full"):
        save_state(path, b"another")
    assert load_state_bytes(game, "Level1") == b"savestate"
    assert sorted(game.folder.iterdir()) == before


def test_a_folder_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="could not write"):
        save_state(tmp_path / "file" / "x.state", b"data")
    with pytest.raises(ValueError, match="empty"):
        save_state(tmp_path / "x.state", b"")


@pytest.mark.parametrize("players", [1, 2])
def test_recipes_keep_every_frame(players: int, tmp_path: Path):
    random = np.random.default_rng(4)
    masks = np.repeat(random.integers(0, 512, (30, players)) & ~2, random.integers(1, 20, 30), axis=0).astype(np.uint16)
    recipe = Recipe.from_masks(masks, NES, "Level1")
    recipe.write(tmp_path / "x.recipe.json")
    again = Recipe.read(tmp_path / "x.recipe.json", NES)
    assert again == recipe
    assert (again.start, again.players, again.num_frames) == ("Level1", players, len(masks))
    assert again.masks(NES).dtype == np.uint16
    assert (again.masks(NES) == masks).all()


def test_a_recipe_is_readable(tmp_path: Path):
    masks = [0] * 120 + [NES.mask_of(["START"])] + [NES.mask_of(["B", "RIGHT"])] * 300
    Recipe.from_masks(np.array(masks), NES).write(tmp_path / "x.recipe.json")
    assert (tmp_path / "x.recipe.json").read_text() == (
        '{\n  "start": "power-on",\n  "players": 1,\n  "inputs": [\n'
        '    [120, ""],\n    [1, "START"],\n    [300, "B+RIGHT"]\n  ]\n}\n'
    )


def test_an_empty_recipe(tmp_path: Path):
    recipe = Recipe.from_masks(np.zeros((0, 1), np.uint16), NES)
    recipe.write(tmp_path / "x.recipe.json")
    assert Recipe.read(tmp_path / "x.recipe.json", NES).masks(NES).shape == (0, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "valid JSON"),
        ("[]", "expected a JSON object"),
        ('{"inputs": [], "button": 1}', "unknown key 'button'"),
        ('{"start": 5, "inputs": []}', '"start" must be "power-on" or the name of a state, found 5'),
        ('{"players": 0, "inputs": []}', '"players" must be a whole number from 1'),
        ("{}", '"inputs" must be a list'),
        ('{"inputs": [[1, ""], 5]}', r'input 2: expected \[frames, "BUTTON\+BUTTON"\], found 5'),
        ('{"inputs": [[1]]}', "input 1: expected"),
        ('{"inputs": [[1, "A"]], "players": 2}', "input 1: expected .*2 texts"),
        ('{"inputs": [[0, "A"]]}', "input 1: the number of frames must be a whole number from 1, found 0"),
        ('{"inputs": [[true, "A"]]}', "input 1: the number of frames"),
        ('{"inputs": [[1, "X+A"]]}', "input 1: Nes has no button 'X'; its buttons are: B SELECT"),
        ('{"inputs": [[1, "A+"]]}', "input 1: Nes has no button ''"),
        ('{"inputs": [[999999999999, "A"]]}', "more than 2160000 frames"),
    ],
)
def test_a_wrong_recipe_names_file_and_input(text: str, message: str, tmp_path: Path):
    path = tmp_path / "x.recipe.json"
    path.write_text(text)
    with pytest.raises(StateError, match=rf"(?s)x\.recipe\.json.*{message}"):
        Recipe.read(path, NES)


def test_masks_that_press_no_button_are_refused():
    with pytest.raises(ValueError, match="no buttons of Nes"):
        Recipe.from_masks(np.array([2]), NES)


def test_shipped_states_are_those_that_stable_retro_lists():
    listed = ask_peer([{"do": "games"}])[0][""]
    for name in ("8Eyes-Nes", "MortalKombatII-Genesis", "Breakout-Atari2600"):
        loaded = load_integration(name)
        assert sorted(loaded.states) == listed[f"{name}-v0"]
        assert all(load_state_bytes(loaded, state) for state in loaded.states)
