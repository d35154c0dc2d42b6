"""The ROM doctor: what a file is that is not the ROM of a known game, and folders that mean harm."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import random
import socket
import time
import zipfile
import zlib
from pathlib import Path

import ale_py
import py7zr
import pytest
from made_roms import made_rom

from playthrough.engine.systems import systems, wheel_folder
from playthrough.errors import RunError
from playthrough.game.integration import add_integrations, list_games
from playthrough.game.near_roms import near_roms
from playthrough.game.rom_doctor import Kind, plain_title
from playthrough.game.rom_files import read_rom
from playthrough.game.rom_grooming import swapped
from playthrough.game.rom_headers import read_header
from playthrough.game.rom_import import ImportReport, UnmatchedFile, import_roms

REPOSITORY = Path(__file__).parents[2]
AIRSTRIKER = (wheel_folder() / "data/stable/Airstriker-Genesis-v0/rom.md").read_bytes()
PONG = (Path(ale_py.__file__).parent / "roms" / "pong.bin").read_bytes()
TINY = {
    path.parent.name.rpartition("-")[2]: path.read_bytes()
    for path in REPOSITORY.glob("games/Tiny-*/rom.*")
    if path.suffix != ".sha"
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLAYTHROUGH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    folder = tmp_path / "downloads"
    folder.mkdir()
    return folder


def diagnosed(folder: Path, name: str, content: bytes) -> UnmatchedFile:
    """What is said about a file that is asked for and not imported."""
    (folder / name).write_bytes(content)
    report = import_roms(folder / name)
    assert not report.imported and len(report.unmatched) == 1, report
    return report.unmatched[0]


# Repairs: what fits once the file is in order ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "how"),
    [
        ("headered.md", bytes(512) + AIRSTRIKER, "without its copier's header"),
        ("over.md", AIRSTRIKER + b"\xff" * (len(AIRSTRIKER)), "bytes too many at its end"),
        ("twice.a26", PONG + PONG, "without 2,048 bytes too many at its end"),
        ("swapped.md", swapped(AIRSTRIKER), "with its bytes swapped back"),
        ("swapped.bin", swapped(AIRSTRIKER), "with its bytes swapped back"),
        ("headered and over.bin", bytes(512) + TINY["Snes"] + bytes(0x8000), "without its copier's header, "),
        ("headered.bin", bytes(512) + TINY["Snes"], "without its copier's header"),
        ("over.nes", TINY["Nes"] + bytes(0x4000), "without 16,384 bytes too many at its end"),
    ],
)
def test_a_dump_is_put_in_order(name: str, content: bytes, how: str, downloads: Path):
    (downloads / name).write_bytes(content)
    report = import_roms(downloads)
    assert len(report.imported) == 1, report
    assert how in report.imported[0].how and report.imported[0].how in str(report)
    stored = read_rom(report.imported[0].path)
    assert stored.sha1 == report.imported[0].sha1 and len(stored.data) < len(content) + (name[:7] == "swapped")


def test_padding_that_was_cut_is_restored(downloads: Path, tmp_path: Path):
    whole = random.Random(4).randbytes(40000).ljust(0x10000, b"\xff")
    game = tmp_path / "Integrations" / "Trimmed-GbAdvance"
    game.mkdir(parents=True)
    (game / "rom.sha").write_text(hashlib.sha1(whole).hexdigest())
    (game / "data.json").write_text("{}")
    add_integrations(game.parent)
    (downloads / "x.gba").write_bytes(whole[:40000])
    report = import_roms(downloads)
    assert report.games == ["Trimmed-GbAdvance"] and report.imported[0].path.read_bytes() == whole
    assert "with the 25,536 bytes of padding that it lacked" in report.imported[0].how


# Patches ------------------------------------------------------------------------------------------------------------


def ips(offset: int, data: bytes) -> bytes:
    run = (0x40).to_bytes(3, "big") + bytes(2) + (4).to_bytes(2, "big") + b"\xaa"
    return b"PATCH" + offset.to_bytes(3, "big") + len(data).to_bytes(2, "big") + data + run + b"EOF"


def bps(source: bytes, target: bytes) -> bytes:
    def number(value: int) -> bytes:
        found = bytearray()
        while True:
            digit, value = value & 0x7F, value >> 7
            if value == 0:
                return bytes((*found, digit | 0x80))
            found.append(digit)
            value -= 1

    patch = b"BPS1" + number(len(source)) + number(len(target)) + number(0)
    same = next(at for at in range(len(target)) if source[at] != target[at])
    rest = len(target) - same - 1
    patch += number((same - 1) << 2) + number(0 << 2 | 1) + target[same : same + 1]
    patch += number((rest - 1) << 2 | 2) + number((same + 1) << 1)
    patch += zlib.crc32(source).to_bytes(4, "little") + zlib.crc32(target).to_bytes(4, "little")
    return patch + zlib.crc32(patch).to_bytes(4, "little")


def test_a_patch_beside_a_rom_is_applied(downloads: Path):
    other = bytearray(PONG)
    other[100] ^= 1
    (downloads / "a.a26").write_bytes(other)
    (downloads / "a.bps").write_bytes(bps(bytes(other), PONG))
    report = import_roms(downloads)
    assert "Pong-Atari2600" in report.games and report.imported[0].how == "patched with a.bps"
    assert report.imported[0].path.read_bytes() == PONG


def test_a_rom_that_was_patched_already(downloads: Path):
    hacked = bytearray(PONG)
    hacked[200:203], hacked[0x40:0x44] = b"abc", b"\xaa" * 4
    (downloads / "pong.ips").write_bytes(ips(200, b"abc"))
    found = diagnosed(downloads, "pong.a26", bytes(hacked))
    assert found.kind is Kind.PATCHED and found.game == "Pong-Atari2600"
    assert "patched with it already; the ROM before that is wanted" in found.reason


@pytest.mark.parametrize("patch", [b"PATCH\0\0", b"BPS1" + bytes(30), ips(0xFFFFF0, b"x")[:-3], b"nonsense", b""])
def test_a_damaged_patch_is_named(patch: bytes, downloads: Path):
    (downloads / "x.ips").write_bytes(patch)
    assert "x.ips: " in diagnosed(downloads, "x.a26", random.Random(1).randbytes(4096)).reason


# What else a file can be --------------------------------------------------------------------------------------------


def with_title(system: str, title: bytes) -> bytes:
    """A made ROM with a title in its header."""
    data = bytearray(made_rom(system))
    if system == "Genesis":
        data[0x150:0x180], data[0x18C:0x18E], data[0x1F0:0x1F3] = title.ljust(48), b"01", b"J  "
        data[0x1A4:0x1A8] = (len(data) - 1).to_bytes(4, "big")
    elif system == "Snes":
        data[0x7FC0:0x7FD5] = title.ljust(21)
        data[0x7FD7:0x7FE0] = bytes((8, 0, 0, 0, 1, 0xFF, 0xFF, 0, 0))
    elif system == "GameBoy":
        data[0x134:0x144] = title.ljust(16, b"\0")
    elif system == "GbAdvance":
        data[4:12] = bytes.fromhex("24FFAE51699AA221")
        data[0xA0:0xB0] = title[:12].ljust(12, b"\0") + b"AXXJ"
    return bytes(data)


@pytest.mark.parametrize(
    ("system", "title", "game", "about"),
    [
        ("Genesis", b"SONIC THE             HEDGEHOG 2", "SonicTheHedgehog2-Genesis", "Japan, revision 1"),
        ("Snes", b"SUPER MARIOWORLD", "SuperMarioWorld-Snes", "Japan, revision 1"),
        ("Snes", b"ACTRAISER-2", "ActRaiser2-Snes", "Japan"),
        ("GameBoy", b"ALFRED CHICKEN", "AlfredChicken-GameBoy", "Japan"),
        ("GameBoy", b"ADVENTURE ISLAN", "AdventureIsland-GameBoy", "Japan"),
    ],
)
def test_another_version_is_known_by_the_title_in_its_header(
    system: str, title: bytes, game: str, about: str, downloads: Path
):
    found = diagnosed(downloads, f"x{systems()[system].extensions[0]}", with_title(system, title))
    assert (found.kind, found.game) == (Kind.OTHER_VERSION, game), found
    assert about in found.reason and f"{game} expects another version, with SHA-1 " in found.reason


@pytest.mark.parametrize(
    ("name", "game"),
    [
        ("Super Mario Bros. 3 (Japan) (Rev A).nes", "SuperMarioBros3-Nes"),
        ("Legend of Zelda, The (Europe).nes", "LegendOfZelda-Nes"),
        ("Super Mario Bros 9 (Hack).nes", None),
        ("Entirely Unheard Of.nes", None),
    ],
)
def test_another_version_is_known_by_its_name_where_headers_have_no_title(name: str, game: str | None, downloads: Path):
    found = diagnosed(downloads, name, made_rom("Nes")[:-1] + b"x")
    assert found.game == (game if game in list_games() else None), found
    assert found.kind is (Kind.OTHER_VERSION if found.game else Kind.UNKNOWN)
    assert "mapper 0, 32 KiB of program, 8 KiB of pictures" in found.reason
    assert ("marks it as a hack" in found.reason) == ("Hack" in name)


def test_titles_are_compared_without_what_varies():
    assert plain_title("Legend of Zelda, The (USA) [!]") == plain_title("LegendOfZelda")
    assert plain_title("STREET FIGHTER II") == plain_title("StreetFighter2")
    assert plain_title("Mega Man X") != plain_title("Mega Man 10")


def test_headers_of_real_roms():
    found = {system: read_header(data, systems()[system].extensions[0]) for system, data in TINY.items()}
    for system in ("Nes", "Genesis", "Snes", "GameGear", "Sms"):
        header = found[system]
        assert header is not None and header.system == system, (system, header)
    assert found["Atari2600"] is None
    header = read_header(swapped(AIRSTRIKER))
    assert header is not None and (header.system, header.form) == ("Genesis", "with swapped bytes")


@pytest.mark.parametrize(
    ("name", "content", "kind", "words"),
    [
        ("a.nes", b"", Kind.DAMAGED, "empty"),
        ("a.nes", b"<!DOCTYPE html><html>not found</html>" * 20, Kind.NO_ROM, "a web page"),
        ("a.txt", b"some words\n" * 90, Kind.NO_ROM, "a text"),
        ("a.md", b"# Title\n\nwords\n" * 90, Kind.NO_ROM, "a text"),
        ("a.state", b"GENPLUS-GX 1.7.5" + bytes(900), Kind.NO_ROM, "a savestate of Genesis Plus GX"),
        ("a.srm", random.Random(2).randbytes(8192), Kind.NO_ROM, "a savestate"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(900), Kind.NO_ROM, "a picture"),
        ("a.rar", b"Rar!\x1a\x07" + bytes(900), Kind.NO_ROM, "a RAR archive"),
        ("a.ips", ips(1, b"x"), Kind.NO_ROM, "an IPS patch"),
        ("a.xdelta", b"\xd6\xc3\xc4" + bytes(900), Kind.NO_ROM, "an xdelta patch"),
        ("a.sfc", bytes(0x40000), Kind.NO_ROM, "nothing but bytes of 0x00"),
        ("a.md", with_title("Genesis", b"ANY")[:-5001], Kind.DAMAGED, "5,001 bytes are missing"),
        ("a.a26", PONG[:1500], Kind.DAMAGED, "1,500 bytes are no cartridge's size"),
        ("a.md", AIRSTRIKER + b"\1", Kind.DAMAGED, "it may be Airstriker-Genesis's ROM"),
        ("a.bin", b"\xea" * 90 + b"\x01", Kind.DAMAGED, "91 bytes are too few"),
        ("a.sfc", TINY["Nes"][:-9] + b"something", Kind.DAMAGED, "content is that of one for Nes"),
    ],
)
def test_what_a_file_is_instead(name: str, content: bytes, kind: Kind, words: str, downloads: Path):
    found = diagnosed(downloads, name, content)
    assert (found.kind, words in found.reason) == (kind, True), found
    assert "\n" not in found.reason


def test_a_near_miss_is_remembered_while_it_is_there(downloads: Path):
    path = downloads / "Super Mario Bros (Japan).nes"
    path.write_bytes(made_rom("Nes"))
    import_roms(downloads)
    (near,) = near_roms("SuperMarioBros-Nes")
    assert near.path == path and "expects another version" in near.reason and near.attachable
    path.unlink()
    assert near_roms("SuperMarioBros-Nes") == []


# Folders that mean harm ---------------------------------------------------------------------------------------------


def hostile_folder(folder: Path, outside: Path) -> set[str]:
    """180 ordinary files and 20 hostile ones; returns the names of the hostile ones."""
    chance = random.Random(3)
    roms = sorted((Path(ale_py.__file__).parent / "roms").glob("*.bin"))
    for number in range(180):
        place = folder / f"set {number % 7}"
        place.mkdir(parents=True, exist_ok=True)
        if number < 60:
            (place / f"{number}.a26").write_bytes(roms[number].read_bytes())
        elif number < 120:
            (place / f"{number}.nes").write_bytes(made_rom("Nes")[:-4] + chance.randbytes(4))
        else:
            (place / f"{number}.txt").write_text(f"notes {number}\n")
    hostile = folder / "hostile"
    hostile.mkdir()
    for name in ("sparse.nes", "sparse.zip", "sparse.7z", "sparse.gz"):
        with (hostile / name).open("wb") as file:
            file.truncate(4 << 30)
    with zipfile.ZipFile(hostile / "bomb.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(4):
            archive.writestr(f"{number}.nes", bytes(40 << 20))
    inner = (hostile / "bomb.zip").read_bytes()
    with zipfile.ZipFile(hostile / "nested.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(10):
            archive.writestr(f"{number}.zip", inner)
    (hostile / "bomb.nes.gz").write_bytes(gzip.compress(bytes(80 << 20), 1))
    with zipfile.ZipFile(hostile / "traversal.zip", "w") as archive:
        archive.writestr("../../../traversal.nes", chance.randbytes(4096))
        archive.writestr("/etc/traversal\x1b[2J.nes", chance.randbytes(4096))
    with py7zr.SevenZipFile(hostile / "short.7z", "w") as archive:
        archive.writestr(chance.randbytes(9000), "x.nes")
    (hostile / "short.7z").write_bytes((hostile / "short.7z").read_bytes()[:-20])
    (hostile / "short.zip").write_bytes(inner[:-100])
    (hostile / "short.nes.gz").write_bytes(gzip.compress(chance.randbytes(9000))[:-9])
    (hostile / "noise.zip").write_bytes(b"PK\x03\x04" + chance.randbytes(9000))
    (hostile / "noise.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + chance.randbytes(9000))
    outside.mkdir()
    (outside / "secret.nes").write_bytes(made_rom("Nes"))
    (hostile / "link.nes").symlink_to(outside / "secret.nes")
    (hostile / "folder link").symlink_to(outside, target_is_directory=True)
    (hostile / "loop").symlink_to(hostile / "loop")
    (hostile / "up").symlink_to(folder, target_is_directory=True)
    os.link(folder / "set 0" / "0.a26", hostile / "hard link.a26")
    os.mkfifo(hostile / "pipe.nes")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(hostile / "socket.nes"))
    return {path.name for path in hostile.iterdir()}


def test_a_folder_with_200_files_20_of_them_hostile(
    downloads: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(downloads)
    names = hostile_folder(downloads, tmp_path / "outside")
    assert len(names) == 20 and sum(path.is_file() or path.is_symlink() for path in downloads.rglob("*")) >= 195
    before = {path for path in tmp_path.rglob("*") if home not in path.parents}
    began_s, told = time.process_time(), list[tuple[int, int]]()
    report = import_roms(downloads, progress=lambda done, total: told.append((done, total)))
    assert time.process_time() - began_s < 15
    assert len({rom.path for rom in report.imported}) == len({rom.sha1 for rom in report.imported}) == 20
    assert {Path(rom.source).name for rom in report.imported if "hostile" in rom.source} <= {"hard link.a26"}
    explained = {file.source.partition(": ")[0] for file in report.unmatched + report.ignored + report.imported}
    assert {str(downloads / "hostile" / name) for name in names} - explained == set()
    assert sum(file.kind is Kind.UNKNOWN for file in report.unmatched) >= 60
    said = "\n".join(file.reason for file in report.unmatched)
    assert "4,294,967,296 bytes are more than any cartridge holds" in said and "archive bomb" in said
    assert "leads out of the folder" in said and "leads nowhere" in said and "no ordinary file" in said
    assert all(file.source.isprintable() and file.reason.isprintable() for file in report.unmatched + report.ignored)
    assert {path for path in tmp_path.rglob("*") if home not in path.parents and path != home} == before
    assert told[-1][0] == told[-1][1] and len(told) > 180


def test_archives_in_archives_end_somewhere(downloads: Path):
    path = downloads / "0.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pong.a26", PONG)
    for depth in range(1, 5):
        with zipfile.ZipFile(downloads / f"{depth}.zip", "w") as archive:
            archive.write(downloads / f"{depth - 1}.zip", f"{depth - 1}.zip")
    assert "Pong-Atari2600" in import_roms(downloads / "2.zip").games
    report = import_roms(downloads / "4.zip")
    assert not report.imported and "deep are not read" in report.unmatched[0].reason


def test_a_mixed_archive(downloads: Path):
    with py7zr.SevenZipFile(downloads / "a.7z", "w") as archive:
        archive.writestr(PONG, "x/Pong (USA).bin")
        archive.writestr(gzip.compress(bytes(512) + AIRSTRIKER), "air.bin.gz")
        archive.writestr(b"hello", "readme.txt")
    report = import_roms(downloads)
    assert {"Pong-Atari2600", "Airstriker-Genesis"} <= set(report.games) and report.num_ignored == 1


def test_ctrl_c_and_a_full_disk_keep_what_was_imported(downloads: Path, monkeypatch: pytest.MonkeyPatch):
    (downloads / "1.a26").write_bytes(PONG)
    (downloads / "2.md").write_bytes(AIRSTRIKER)

    def interrupted(done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    report = ImportReport()
    with pytest.raises(KeyboardInterrupt):
        import_roms(downloads, report=report, progress=interrupted)
    assert "Pong-Atari2600" in report.games and report.imported[0].path.read_bytes() == PONG

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    again = ImportReport()
    with pytest.raises(RunError, match="the disk is full"):
        import_roms(downloads, report=again)
    assert again.imported[0].path.is_file() and len(list(again.imported[0].path.parent.iterdir())) == 1
