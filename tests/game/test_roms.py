from __future__ import annotations

import errno
import gzip
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from made_roms import made_rom
from peer_process import ask_peer

from playthrough.engine.systems import get_system, systems, wheel_folder
from playthrough.errors import RomError, RunError
from playthrough.game.integration import add_integrations, load_integration
from playthrough.game.roms import find_rom, import_roms, list_playable, read_rom, roms_folder

AIRSTRIKER = wheel_folder() / "data/stable/Airstriker-Genesis-v0/rom.md"
PLAIN = bytes(range(256)) * 128
SUPPORTED = [name for name, system in systems().items() if system.supported]


def sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLAYTHROUGH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def games(tmp_path: Path) -> Path:
    """A folder with a game per supported system, made for the made ROMs."""
    folder = tmp_path / "Integrations"
    for name in SUPPORTED:
        game = folder / f"Mine-{name}"
        game.mkdir(parents=True)
        (game / "data.json").write_text('{"info": {}}')
        (game / "scenario.json").write_text("{}")
        data = rom_for(name)
        (game / "rom.sha").write_text(sha1(data[16:] if name == "Nes" else data))
    add_integrations(folder)
    return folder


def rom_for(system: str) -> bytes:
    """A made ROM whose SHA-1 no other system's has."""
    data = bytearray(made_rom(system))
    data[-8:] = system.encode()[:8].ljust(8)
    return bytes(data)


def test_roms_that_come_with_the_wheel_and_with_ale_py():
    rom = find_rom(load_integration("Airstriker-Genesis"))
    assert (rom.path, rom.known, rom.core_name) == (AIRSTRIKER, True, "rom.md")
    assert sha1(rom.data) == rom.sha1
    breakout = find_rom(load_integration("Breakout-Atari2600"))
    assert breakout.path.name == "breakout.bin" and breakout.core_name == "breakout.a26"
    assert len(breakout.data) == 2048 and breakout.known
    program = (
        "import sys; from playthrough.game.roms import list_playable; list_playable(); print('ale_py' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"
    )
    playable = list_playable()
    assert {"Airstriker-Genesis", "Breakout-Atari2600", "Pong-Atari2600"} <= set(playable)
    assert playable == sorted(playable) and "SuperMarioBros-Nes" not in playable


def test_every_playable_game_has_a_rom():
    for game in list_playable():
        assert find_rom(load_integration(game)).data


def test_a_missing_rom_names_its_hash_and_the_command():
    with pytest.raises(RomError) as caught:
        find_rom(load_integration("SuperMarioBros-Nes"))
    message = str(caught.value)
    assert "facee9c577a5262dbe33ac4930bb0b58c8c037f7" in message
    assert "playthrough import PATH" in message and str(roms_folder()) in message


@pytest.mark.parametrize("name", SUPPORTED)
def test_an_imported_rom_is_found(name: str, games: Path, home: Path, tmp_path: Path):
    source = tmp_path / f"some game{systems()[name].extensions[0]}"
    source.write_bytes(rom_for(name))
    report = import_roms(source)
    assert report.games == [f"Mine-{name}"] and report.imported[0].new and not report.unmatched
    rom = find_rom(load_integration(f"Mine-{name}"))
    assert rom.data == rom_for(name) and rom.known
    assert rom.path.parent == home / "roms" and rom.core_name.endswith(systems()[name].extensions[0])
    assert f"Mine-{name}" in list_playable()
    again = import_roms([source])
    assert again.games == [f"Mine-{name}"] and not again.imported[0].new
    assert len(list((home / "roms").iterdir())) == 1
    assert "was already there" in str(again)


def test_folders_and_archives_are_searched(games: Path, tmp_path: Path):
    source = tmp_path / "downloads"
    (source / "deep" / "er").mkdir(parents=True)
    (source / "deep" / "er" / "a.nes").write_bytes(rom_for("Nes"))
    (source / ".hidden.sfc").write_bytes(rom_for("Snes"))
    (source / "readme.txt").write_text("hello")
    (source / "b.gb.gz").write_bytes(gzip.compress(rom_for("GameBoy")))
    with zipfile.ZipFile(source / "inner.zip", "w") as archive:
        archive.writestr("folder/c.a26", rom_for("Atari2600"))
    with zipfile.ZipFile(source / "outer.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(source / "inner.zip", "inner.zip")
        archive.writestr("d.sfc", PLAIN)
        archive.writestr("notes.txt", "hello")
    (source / "inner.zip").unlink()
    report = import_roms(source)
    assert report.games == ["Mine-Atari2600", "Mine-GameBoy", "Mine-Nes"]
    assert report.num_ignored == 2
    assert len(report.unmatched) == 1
    assert report.unmatched[0].source.endswith("outer.zip: d.sfc")
    assert report.unmatched[0].reason == f"no known game has its SHA-1 {sha1(PLAIN)}"
    assert "3 ROMs imported, 1 files not recognised; 2 other files ignored" in str(report)


def test_headers_of_copiers_are_taken_off(games: Path, tmp_path: Path):
    (tmp_path / "game.smc").write_bytes(bytes(512) + rom_for("Snes"))
    genesis = rom_for("Genesis")
    interleaved = b"".join(
        genesis[at + 1 : at + 0x4000 : 2] + genesis[at : at + 0x4000 : 2] for at in range(0, len(genesis), 0x4000)
    )
    (tmp_path / "game.smd").write_bytes(bytes((16, 3)) + bytes(6) + b"\xaa\xbb\x06" + bytes(501) + interleaved)
    assert import_roms([tmp_path / "game.smc", tmp_path / "game.smd"]).games == ["Mine-Genesis", "Mine-Snes"]
    assert find_rom(load_integration("Mine-Snes")).data == rom_for("Snes")
    assert find_rom(load_integration("Mine-Genesis")).data == genesis


def test_hashes_equal_stable_retros(tmp_path: Path):
    paths = [tmp_path / f"rom{systems()[name].extensions[0]}" for name in SUPPORTED]
    for name, path in zip(SUPPORTED, paths, strict=True):
        path.write_bytes(made_rom(name))
    theirs = ask_peer([{"do": "sha1_of", "path": str(path)} for path in paths])
    assert [read_rom(path).sha1 for path in paths] == theirs


def test_why_a_file_was_not_imported(games: Path, tmp_path: Path):
    def reason(name: str, content: bytes) -> str:
        (tmp_path / name).write_bytes(content)
        report = import_roms(tmp_path / name)
        assert not report.imported and len(report.unmatched) == 1
        return report.unmatched[0].reason

    assert reason("a.nes", b"") == "the file is empty"
    assert "promises 40976 bytes, it has 1000" in reason("b.nes", rom_for("Nes")[:1000])
    assert "its header is cut off itself" in reason("b2.nes", rom_for("Nes")[:10])
    assert "is the ROM of Mine-Nes, but expected a NES ROM with an iNES header" in reason("c.nes", rom_for("Nes")[16:])
    assert "expected a ROM for Snes, but the file's content is that of one for Nes" in reason(
        "d.sfc", bytes(made_rom("Nes"))
    )
    assert reason("notes.txt", b"hello" * 200) == "it is a text, not a ROM"
    assert "Airstriker-Genesis expects another version, with SHA-1 a8be7b0c" in reason(
        "Airstriker (Europe) [!].md", made_rom("Genesis")
    )
    assert "the archive cannot be unpacked" in reason("x.zip", b"PK\3\4nonsense")
    assert "the archive is damaged" in reason("x.nes.gz", gzip.compress(rom_for("Nes"))[:-20])
    with pytest.raises(RomError, match="there is no file or folder"):
        import_roms(tmp_path / "missing")


def test_nothing_is_written_into_the_wheel(games: Path, home: Path, tmp_path: Path):
    before = sorted(path for path in (wheel_folder() / "data").rglob("rom.*"))
    (tmp_path / "x.md").write_bytes(AIRSTRIKER.read_bytes())
    report = import_roms(tmp_path / "x.md")
    assert report.imported[0].path.parent == home / "roms"
    assert sorted(path for path in (wheel_folder() / "data").rglob("rom.*")) == before


def test_a_full_disk_leaves_nothing_behind(games: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "x.sfc").write_bytes(rom_for("Snes"))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match="the disk is full"):
        import_roms(tmp_path / "x.sfc")
    assert list((home / "roms").iterdir()) == []


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("rom.nes", lambda rom: b"", "the file is empty"),
        ("rom.nes", lambda rom: rom[:20000], "cut off: its header promises 40976 bytes, it has 20000"),
        (
            "rom.nes",
            lambda rom: made_rom("Genesis"),
            "expected a ROM for Nes, but the file's content is that of one for Genesis",
        ),
        ("rom.nes", lambda rom: bytes(40976), "expected a NES ROM with an iNES header"),
    ],
)
def test_a_damaged_rom_in_the_games_folder(file: str, content: Any, message: str, games: Path):
    (games / "Mine-Nes" / file).write_bytes(content(rom_for("Nes")))
    with pytest.raises(RomError, match=message):
        find_rom(load_integration("Mine-Nes"))


def test_another_version_in_the_games_folder_is_used_and_marked(games: Path):
    (games / "Mine-Nes" / "rom.nes").write_bytes(made_rom("Nes"))
    rom = find_rom(load_integration("Mine-Nes"))
    assert rom.data == made_rom("Nes") and not rom.known


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.gb", lambda: made_rom("GameBoy")[:0x4000], "cut off: its header promises 32768 bytes, it has 16384"),
        ("x.md", lambda: made_rom("Genesis")[:300], "300 bytes are too few for a ROM of Genesis"),
        ("x.a26", lambda: b"\xea" * 100, "100 bytes are too few"),
        (
            "x.gba",
            lambda: made_rom("GameBoy"),
            "expected a ROM for GbAdvance, but the file's content is that of one for GameBoy",
        ),
        ("x.bin", lambda: bytes(4096), "names no single system"),
    ],
)
def test_reading_a_wrong_rom(name: str, content: Any, message: str, tmp_path: Path):
    (tmp_path / name).write_bytes(content())
    with pytest.raises(RomError, match=message):
        read_rom(tmp_path / name)


def test_families_share_their_roms_and_the_core_is_told_the_canonical_name(tmp_path: Path):
    (tmp_path / "x.gen").write_bytes(made_rom("Genesis"))
    assert read_rom(tmp_path / "x.gen").core_name == "x.md"
    (tmp_path / "x.gbc").write_bytes(made_rom("GbColor"))
    assert read_rom(tmp_path / "x.gbc").system.name == "GbColor"
    assert read_rom(tmp_path / "x.gbc", get_system("GameBoy")).core_name == "x.gb"


def test_a_rom_that_is_not_there(tmp_path: Path):
    with pytest.raises(RomError, match="cannot read the ROM"):
        read_rom(tmp_path / "x.nes")


def test_the_roms_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, home: Path):
    assert roms_folder() == home / "roms"
    monkeypatch.delenv("PLAYTHROUGH_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert roms_folder().parts[-2:] == ("playthrough", "roms")
