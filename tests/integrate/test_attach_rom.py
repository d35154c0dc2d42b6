"""A ROM that no game knows is attached to one after a trial: for what fits, against what does not, whatever it does."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import ale_py
import pytest
from tiny_cores import TinyCores, tiny_rom

import playthrough as pt
from playthrough.engine.systems import wheel_folder
from playthrough.errors import GameNotFoundError, RomError
from playthrough.game.integration import add_integrations, load_integration
from playthrough.game.roms import find_rom
from playthrough.integrate.attach_rom import attach_rom, find_candidate, try_rom

STABLE = wheel_folder() / "data" / "stable"
ATARI = Path(ale_py.__file__).parent / "roms"
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLAYTHROUGH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def without_rom(folder: Path, source: Path, name: str) -> str:
    """A copy of a shipped integration, made for a ROM that nobody has."""
    shutil.copytree(source, folder / name, ignore=lambda _, names: [n for n in names if n.startswith("rom.")])
    (folder / name / "rom.sha").write_text("0" * 40)
    add_integrations(folder / name)
    return name


def another_version(data: bytes, at: int) -> bytes:
    """The same game with another byte where nothing happens."""
    assert data[at - 1 : at + 2] == bytes((data[at],)) * 3, "padding was expected here"
    return data[:at] + bytes((data[at] ^ 0x40,)) + data[at + 1 :]


def test_another_version_of_a_game_is_attached(tmp_path: Path, home: Path):
    game = without_rom(tmp_path, STABLE / "SpaceInvaders-Atari2600-v0", "Invaders-Atari2600")
    source = tmp_path / "Invaders (Hack).a26"
    source.write_bytes(another_version((ATARI / "space_invaders.bin").read_bytes(), 3076))
    before = load_integration(game).rom_hashes
    name, rom = find_candidate(source, game)
    told: list[str] = []
    trial = try_rom(rom, name, lambda start, done, total: told.append(start))
    assert not trial.doubtful, trial
    assert "variables had come to the values of Start" in trial.speaks_for[0]
    assert {variable.name: variable.at_start for variable in trial.variables}["lives"] == (3, 3)
    assert {"Start", "power-on"} == set(told)
    assert not (home / "roms").exists() and not list(home.glob(".trial-*")), "a trial leaves nothing behind"
    kept = attach_rom(trial)
    sha1 = hashlib.sha1(source.read_bytes()).hexdigest()
    assert kept.parent == home / "roms" and kept.read_bytes() == source.read_bytes()
    assert load_integration(game).rom_hashes == (*before, sha1)
    assert find_rom(load_integration(game)).known and game in pt.list_playable()
    remembered = home / "integrations" / game / "attached.sha"
    assert remembered.read_text() == f"{sha1}  Invaders (Hack).a26\n"
    env = pt.make(game)
    env.reset(seed=1)
    env.step(env.action_space.sample())
    env.close()
    again = pt.import_roms(source)
    assert again.games == [game] and not again.imported[0].new
    with pytest.raises(RomError, match="has its ROM already"):
        find_candidate(source, game)
    remembered.write_text("")
    assert game not in pt.list_playable()


def test_another_game_is_doubtful(tmp_path: Path):
    game = without_rom(tmp_path, STABLE / "Breakout-Atari2600-v0", "Bricks-Atari2600")
    _, rom = find_candidate(ATARI / "pong.bin", game)
    trial = try_rom(rom, game)
    assert trial.doubtful and not trial.speaks_for
    assert any("score: no decimal digits" in line for line in trial.speaks_against), trial.speaks_against


def test_the_integrations_own_movies_show_that_a_rom_plays_the_same(tmp_path: Path):
    name = without_rom(tmp_path, REPOSITORY / "games" / "Tiny-Nes", "Copied-Nes")
    env = pt.make("Tiny-Nes", record=tmp_path / name)
    env.action_space.seed(1)
    env.reset(seed=1)
    for _ in range(200):
        env.step(env.action_space.sample())
    env.close()
    data = (REPOSITORY / "games" / "Tiny-Nes" / "rom.nes").read_bytes()
    for same in (True, False):
        # The last bytes of the header do nothing; the program's first bytes do.
        source = tmp_path / "x.nes"
        source.write_bytes(data[:15] + b"\0" + (data[16:] if same else data[16:40] + b"\xea" * 200 + data[240:]))
        trial = try_rom(find_candidate(source, name)[1], name)
        assert any(".bk2 plays the same: all variables on " in line for line in trial.speaks_for) == same, trial
        assert trial.doubtful != same


@pytest.mark.parametrize("frame", [3, 200])
def test_a_rom_that_crashes_its_core_costs_nothing(frame: int, tmp_path: Path, tiny_cores: TinyCores, tiny_game):
    folder: Path = tiny_game(name="Crash-Nes")
    (folder / "rom.nes").unlink()
    add_integrations(folder.parent)
    (tmp_path / "x.nes").write_bytes(tiny_rom(1, frame))
    _, rom = find_candidate(tmp_path / "x.nes", "Crash-Nes")
    trial = try_rom(rom, "Crash-Nes", core=tiny_cores["tiny_crash"])
    assert trial.doubtful and "takes the emulator down" in trial.speaks_against[0], trial


def test_what_cannot_be_attached(tmp_path: Path):
    game = without_rom(tmp_path, STABLE / "Breakout-Atari2600-v0", "Bricks-Atari2600")
    folder = tmp_path / "roms"
    folder.mkdir()
    with pytest.raises(RomError, match=r"there is no ROM in"):
        find_candidate(folder, game)
    (folder / "notes.txt").write_text("hello")
    with pytest.raises(RomError, match=r"there is no ROM in .*notes\.txt: it is a text"):
        find_candidate(folder, game)
    for name in ("a.a26", "b.a26"):
        (folder / name).write_bytes((ATARI / "pong.bin").read_bytes() + name.encode())
    with pytest.raises(RomError, match=r"holds 2 ROMs \(a\.a26, b\.a26\); name the one"):
        find_candidate(folder, game)
    with pytest.raises(RomError, match="content is that of one for Nes"):
        find_candidate(REPOSITORY / "games" / "Wickling-Nes" / "rom.nes", game)
    with pytest.raises(RomError, match="has its ROM already"):
        find_candidate(folder / "a.a26", "Pong-Atari2600")
    with pytest.raises(GameNotFoundError):
        find_candidate(folder / "a.a26", "Pongg-Atari2600")
