"""Start states: listed, and recorded as bytes and as a recipe that lead to the same moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import playthrough as pt
from cli.conftest import Run, inputs_file
from playthrough.engine.systems import get_system, wheel_folder
from playthrough.game.states import Recipe, read_state


def picture_at(state: str | Path, **options: object) -> np.ndarray:
    env = pt.make("Airstriker-Genesis", state=state, **options)
    picture, _ = env.reset()
    env.close()
    return picture


def test_list(run: Run):
    result = run("states", "Airstriker-Genesis")
    assert result.exit_code == 0
    assert any(line.split()[:3] == ["Level1", "(default)", "bytes"] for line in result.stdout.splitlines())
    assert "power-on" in result.stdout
    assert run("states", "list", "Airstriker-Genesis").stdout == result.stdout


def test_record_from_inputs(run: Run, at_home: Path):
    result = run(
        "states", "record", "Airstriker-Genesis", "Deep", "--state", "Level1", "--inputs", inputs_file(Path("i"), 400)
    )
    assert result.exit_code == 0, result.stderr
    folder = at_home / "integrations" / "Airstriker-Genesis"
    assert sorted(path.name for path in folder.iterdir()) == ["Deep.recipe.json", "Deep.state"]
    assert pt.list_states("Airstriker-Genesis") == ["Deep", "Level1"]
    listed = run("states", "Airstriker-Genesis").stdout
    assert any(line.split()[:4] == ["Deep", "bytes", "+", "recipe"] for line in listed.splitlines())
    bytes_picture = picture_at("Deep")
    assert not np.array_equal(bytes_picture, picture_at("Level1"))
    (folder / "Deep.state").unlink()
    assert np.array_equal(picture_at("Deep"), bytes_picture)
    assert run("play", "Airstriker-Genesis", "--state", "Deep", "--frames", "3", "--speed", "0").exit_code == 0


def test_a_recipe_is_followed_on_another_core(run: Run, at_home: Path):
    inputs = inputs_file(Path("i"), 300, buttons=("START",))
    assert run("states", "record", "Airstriker-Genesis", "Title", "--inputs", inputs).exit_code == 0
    folder = at_home / "integrations" / "Airstriker-Genesis"
    recipe = Recipe.read(folder / "Title.recipe.json", get_system("Genesis"))
    assert (recipe.start, recipe.num_frames) == ("power-on", 300)
    (folder / "Title.state").unlink()
    assert picture_at("Title", core="picodrive").any()


def test_record_from_a_movie(run: Run, at_home: Path):
    run("play", "Airstriker-Genesis", "--inputs", inputs_file(Path("i"), 300), "--speed", "0")
    movie = "movies/Airstriker-Genesis-Level1-001.bk2"
    result = run("states", "record", "Airstriker-Genesis", "Half", "--movie", movie, "--frames", "150", "--out", "kept")
    assert result.exit_code == 0, result.stderr
    recipe = Recipe.read("kept/Half.recipe.json", get_system("Genesis"))
    assert (recipe.start, recipe.num_frames) == ("Level1", 150)
    assert not (at_home / "integrations").exists()
    whole = run("states", "record", "Airstriker-Genesis", "Whole", "--movie", movie, "--out", "kept")
    assert whole.exit_code == 0
    assert read_state(Path("kept/Half.state")) != read_state(Path("kept/Whole.state"))
    assert "playthrough play Airstriker-Genesis --state kept/Half.state" in result.stdout
    assert (
        run("play", "Airstriker-Genesis", "--state", "kept/Half.state", "--frames", "2", "--speed", "0").exit_code == 0
    )


def test_a_movie_from_an_unknown_savestate_has_no_recipe(run: Run, at_home: Path):
    run("states", "record", "Airstriker-Genesis", "Deep", "--inputs", inputs_file(Path("i"), 100))
    run("play", "Airstriker-Genesis", "--state", "Deep", "--frames", "20", "--speed", "0")
    for path in (at_home / "integrations" / "Airstriker-Genesis").iterdir():
        path.unlink()
    movie = "movies/Airstriker-Genesis-Deep-001.bk2"
    result = run("states", "record", "Airstriker-Genesis", "Deeper", "--movie", movie)
    assert result.exit_code == 0
    assert "There is no recipe" in result.stdout
    assert sorted(path.name for path in (at_home / "integrations" / "Airstriker-Genesis").iterdir()) == ["Deeper.state"]


def test_a_game_of_the_users_own_keeps_its_states(run: Run, game: Callable[..., Path]):
    rom = wheel_folder() / "data" / "stable" / "Airstriker-Genesis-v0" / "rom.md"
    folder = game("Mine-Genesis", rom__md=rom.read_bytes())
    inputs = inputs_file(Path("i"), 60)
    result = run("states", "record", "Mine-Genesis", "Start", "--inputs", inputs, "--integrations", folder.parent)
    assert result.exit_code == 0, result.stderr
    assert (folder / "Start.state").is_file() and (folder / "Start.recipe.json").is_file()


@pytest.mark.parametrize("name", ["../x", "power-on", "", "_hidden", "a/b"])
def test_names_that_could_not_be_found_again(run: Run, name: str):
    result = run("states", "record", "Airstriker-Genesis", name, "--inputs", inputs_file(Path("i"), 10))
    assert result.exit_code == 2 and "cannot be a state's name" in result.stderr


def test_recording_in_the_window(run: Run, at_home: Path, monkeypatch: pytest.MonkeyPatch):
    pygame = pytest.importorskip("pygame")
    from playthrough.env.session import PlayWindow

    events = PlayWindow.events

    def press_at_frame_50(window: PlayWindow) -> list[object]:
        press_at_frame_50.calls += 1
        if press_at_frame_50.calls == 50:
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_F5))
        return events(window)

    press_at_frame_50.calls = 0
    monkeypatch.setattr(PlayWindow, "events", press_at_frame_50)
    result = run("states", "record", "Airstriker-Genesis", "Soon", "--speed", "0")
    assert result.exit_code == 0, result.stderr
    recipe = Recipe.read(at_home / "integrations/Airstriker-Genesis/Soon.recipe.json", get_system("Genesis"))
    # The reset's frame, and one for each picture that was shown before F5.
    assert (recipe.start, recipe.num_frames) == ("power-on", 50)
    press_at_frame_50.calls = 100
    left = run("states", "record", "Airstriker-Genesis", "Never", "--speed", "0", "--frames", "5")
    assert left.exit_code == 2 and "press F5" in left.stderr
