"""Integration folders as stable-retro has them and as people publish them, unchanged."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest

import playthrough as pt
from playthrough.engine.systems import wheel_folder
from playthrough.errors import StateError
from playthrough.game.integration import (
    add_integrations,
    integration_folders,
    load_integration,
    remove_integrations,
)

WHEEL = wheel_folder() / "data"
# Most folders there only replace files of a stable game.
EXPERIMENTAL = next(path.parent.name for path in sorted((WHEEL / "experimental").glob("*-*/scenario.json")))
GAMES = {
    "stable": "Airstriker-Genesis-v0",
    "contrib": "SonicTheHedgehogCustomKevin-Genesis",
    "experimental": EXPERIMENTAL,
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLAYTHROUGH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def published(root: Path) -> dict[str, str]:
    """A copy of stable-retro's layout with one renamed game of each kind; returns name and kind."""
    found: dict[str, str] = {}
    for kind, name in GAMES.items():
        source = WHEEL / kind / name
        game = f"Published{source.name}"
        shutil.copytree(source, root / kind / game)
        (root / kind / "__init__.py").write_text("")
        found[game.removesuffix("-v0")] = kind
    return found


@pytest.mark.parametrize("place", ["data", ".", "retro/data", "custom_integrations"])
def test_stable_retros_layout_at_any_depth(place: str, tmp_path: Path):
    root = tmp_path / "some-repository"
    games = published(root / place)
    (root / "docs-and-more").mkdir()
    (root / "README.md").write_text("hello")
    before = integration_folders()
    add_integrations(root)
    for game, kind in games.items():
        mine = load_integration(game)
        assert mine.folder.parent == root / place / kind
        assert mine.variables and game in pt.list_games()
    assert integration_folders()[0] == root / place / "stable"
    remove_integrations(root)
    assert integration_folders() == before


def test_an_environment_from_a_copied_folder_equals_the_shipped_one(tmp_path: Path):
    shutil.copytree(WHEEL / "stable" / "Airstriker-Genesis-v0", tmp_path / "Integrations" / "Copied-Genesis")
    (tmp_path / "Integrations" / "Copied-Genesis" / "metadata.json").unlink()
    pt.add_integrations(tmp_path / "Integrations")
    ours, theirs = pt.make("Copied-Genesis", state="Level1"), pt.make("Airstriker-Genesis")
    for env in (ours, theirs):
        env.reset(seed=1)
        env.action_space.seed(2)
    for _ in range(60):
        (_, reward, *_, info), (_, expected, *_, expected_info) = (
            env.step(env.action_space.sample()) for env in (ours, theirs)
        )
        assert reward == expected and info["score"] == expected_info["score"]
    ours.close()
    theirs.close()


def test_several_hashes_with_the_marks_of_other_systems(tmp_path: Path):
    game = tmp_path / "Integrations" / "Copied-Genesis"
    shutil.copytree(WHEEL / "stable" / "Airstriker-Genesis-v0", game)
    first = (game / "rom.sha").read_text().strip()
    (game / "rom.sha").write_bytes(b"\xef\xbb\xbf" + b"A" * 40 + b"\r\n" + first.upper().encode() + b"\r\n\r\n")
    for path in game.glob("*.json"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    add_integrations(game.parent)
    mine = load_integration("Copied-Genesis")
    assert mine.rom_hashes == ("a" * 40, first) and mine.default_state() == "Level1"
    assert "Copied-Genesis" in pt.list_playable()


def test_a_scenario_with_lua(tmp_path: Path):
    source = next(path for path in sorted((WHEEL / "stable").iterdir()) if (path / "script.lua").is_file())
    shutil.copytree(source, tmp_path / "Integrations" / f"Copied{source.name}")
    add_integrations(tmp_path / "Integrations")
    mine = load_integration(f"Copied{source.name}")
    assert mine.scenario.compile(mine.variables).needs_script
    assert mine.scenario_path.is_relative_to(tmp_path)


def test_a_state_of_another_version_of_the_core_is_explained(tmp_path: Path):
    game = tmp_path / "Integrations" / "Copied-Genesis"
    shutil.copytree(WHEEL / "stable" / "Airstriker-Genesis-v0", game)
    old = gzip.decompress((game / "Level1.state").read_bytes())
    (game / "Level1.state").write_bytes(gzip.compress(old[: len(old) // 2]))
    add_integrations(game.parent)
    with pytest.raises(StateError, match=r"savestate of .* bytes"):
        pt.make("Copied-Genesis").reset()


def test_one_damaged_folder_hides_no_other_game(tmp_path: Path):
    for name in ("Good-Genesis", "Bad-Genesis"):
        shutil.copytree(WHEEL / "stable" / "Airstriker-Genesis-v0", tmp_path / name)
    (tmp_path / "Bad-Genesis" / "rom.sha").write_text("nonsense")
    add_integrations(tmp_path)
    assert "Good-Genesis" in pt.list_playable() and "Bad-Genesis" not in pt.list_playable()
    pt.import_roms(WHEEL / "stable" / "Airstriker-Genesis-v0" / "rom.md")
