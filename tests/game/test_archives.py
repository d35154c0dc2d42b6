"""Archives: what is in them is read, and what they could do to the reader does not happen."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import py7zr
import pytest

from playthrough.errors import RomError
from playthrough.game import archives
from playthrough.game import seven_zip as seven_zip_module
from playthrough.game.archives import ArchiveFile, Budget, archive_kind, read_archive
from playthrough.game.seven_zip import SevenZipReader

CONTENT = os.urandom(3000)


@pytest.fixture
def seven_zip():
    with SevenZipReader() as reader:
        yield reader


def read(path: Path, reader: SevenZipReader, size_bytes: int | None = None) -> list[ArchiveFile]:
    kind = archive_kind(path.read_bytes()[:8], path.name)
    assert kind is not None
    budget = Budget.of_archive(path.stat().st_size if size_bytes is None else size_bytes)
    return list(read_archive(kind, path, path.name, budget, reader))


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "."), data)
    return packed.getvalue()


def make(path: Path, **files: bytes) -> Path:
    if path.suffix == ".7z":
        with py7zr.SevenZipFile(path, "w") as archive:
            for name, data in files.items():
                archive.writestr(data, name.replace("__", "."))
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(*files.values()))
    else:
        path.write_bytes(zipped(**files))
    return path


@pytest.mark.parametrize("ending", [".zip", ".7z", ".gz"])
def test_each_kind_is_read_whatever_it_is_called(ending: str, tmp_path: Path, seven_zip: SevenZipReader):
    path = make(tmp_path / f"a{ending}", game__nes=CONTENT)
    assert [file.data for file in read(path, seven_zip)] == [CONTENT]
    renamed = path.rename(tmp_path / "download")
    assert [file.data for file in read(renamed, seven_zip)] == [CONTENT]


def test_several_files_and_folders(tmp_path: Path, seven_zip: SevenZipReader):
    for name in ("a.zip", "a.7z"):
        path = make(tmp_path / name, **{"x/y/a__nes": CONTENT, "b__md": CONTENT[::-1]})
        found = {file.name: file.data for file in read(path, seven_zip)}
        assert found == {"x/y/a.nes": CONTENT, "b.md": CONTENT[::-1]}


@pytest.mark.parametrize("ending", [".zip", ".7z", ".gz"])
def test_cut_and_changed_archives_are_refused_not_believed(ending: str, tmp_path: Path, seven_zip: SevenZipReader):
    whole = make(tmp_path / f"a{ending}", game__nes=CONTENT).read_bytes()
    path = tmp_path / f"b{ending}"
    for length in range(8, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(RomError, match=r"damaged|cannot be unpacked"):
            read(path, seven_zip)
    for at in range(8, len(whole), 131):
        path.write_bytes(whole[:at] + bytes((whole[at] ^ 0x55,)) + whole[at + 1 :])
        try:
            files = read(path, seven_zip)
        except RomError:
            continue
        # What a changed archive still gives is what its checksums vouch for, or a file that was not read.
        assert all(file.data in (CONTENT, None) for file in files)


@pytest.mark.parametrize("ending", [".zip", ".7z"])
def test_bombs_are_given_up(ending: str, tmp_path: Path, seven_zip: SevenZipReader, monkeypatch: pytest.MonkeyPatch):
    path = make(tmp_path / f"bomb{ending}", **{f"{number}__nes": bytes(1 << 20) for number in range(5)})
    assert path.stat().st_size < 1 << 15
    assert len(read(path, seven_zip)) == 5  # it is small enough, after all
    monkeypatch.setattr(archives, "_FREE_BYTES", 2 << 20)
    with pytest.raises(RomError, match="bomb"):
        read(path, seven_zip)


def test_a_bomb_that_lies_about_its_sizes(tmp_path: Path, seven_zip: SevenZipReader):
    data = bytearray(zipped(**{f"{number}__nes": bytes(4 << 20) for number in range(3)}))
    size = (4 << 20).to_bytes(4, "little")
    while size in data:  # in the directory and in front of each file
        at = data.index(size)
        data[at : at + 4] = (2000).to_bytes(4, "little")
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    files = read(path, seven_zip)
    assert [file.data for file in files] == [None] * 3 and all("cannot be unpacked" in file.reason for file in files)


def test_a_gzip_bomb(tmp_path: Path, seven_zip: SevenZipReader):
    path = tmp_path / "a.nes.gz"
    with gzip.open(path, "wb", 1) as file:
        for _ in range(70):
            file.write(bytes(1 << 20))
    (found,) = read(path, seven_zip)
    assert found.data is None and "more than any cartridge holds" in found.reason


def test_large_and_tiny_files_in_a_zip_are_not_read(tmp_path: Path, seven_zip: SevenZipReader):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in {"big.nes": bytes(65 << 20), "small.nes": b"x" * 100, "game.nes": CONTENT}.items():
            archive.writestr(name, data)
    reasons = {file.name: file.reason for file in read(path, seven_zip)}
    assert "68,157,440 bytes are more than any cartridge holds" in reasons["big.nes"]
    assert "too few" in reasons["small.nes"] and reasons["game.nes"] == ""


def test_more_files_than_anybody_has_roms(tmp_path: Path, seven_zip: SevenZipReader, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archives, "_MAX_FILES", 5)
    for name in ("a.zip", "a.7z"):
        path = make(tmp_path / name, **{f"{number}__nes": CONTENT for number in range(6)})
        with pytest.raises(RomError, match="more than 5 files"):
            list(read_archive(name[2:], path, name, Budget(1 << 30, 5), seven_zip))


@pytest.mark.parametrize("disk_numbers", [b"\0\0\0\0", b"PK\x05\x06"])
def test_a_directory_that_would_fill_the_memory(
    disk_numbers: bytes, tmp_path: Path, seven_zip: SevenZipReader, monkeypatch: pytest.MonkeyPatch
):
    data = bytearray(zipped(**{f"{number}__nes": CONTENT for number in range(50)}))
    data[-18:-14] = disk_numbers  # which zipfile does not look at: not the start of another end record
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    assert len(read(path, seven_zip)) == 50
    size_bytes = int.from_bytes(data[-10:-6], "little")
    monkeypatch.setattr(archives, "_MAX_DIRECTORY_BYTES", size_bytes - 1)
    with pytest.raises(RomError, match=f"directory of {size_bytes:,} bytes is far too large"):
        read(path, seven_zip)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_unpacks_without_a_bound_is_not_unpacked(method: int, tmp_path: Path, seven_zip: SevenZipReader):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("packed.nes", bytes(4000))
        archive.writestr("game.nes", CONTENT, zipfile.ZIP_STORED)
    packed, game = read(tmp_path / "a.zip", seven_zip)
    assert packed.data is None and "another method than deflate; unpack the archive" in packed.reason
    assert game.data == CONTENT


def test_encrypted(tmp_path: Path, seven_zip: SevenZipReader):
    with py7zr.SevenZipFile(tmp_path / "a.7z", "w", password="secret") as archive:
        archive.writestr(CONTENT, "game.nes")
    with pytest.raises(RomError, match="encrypted"):
        read(tmp_path / "a.7z", seven_zip)
    data = bytearray(make(tmp_path / "a.zip", game__nes=CONTENT).read_bytes())
    for start in (data.index(b"PK\x03\x04") + 6, data.index(b"PK\x01\x02") + 8):
        data[start] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    (found,) = read(tmp_path / "a.zip", seven_zip)
    assert found.data is None and "encrypted" in found.reason


@pytest.mark.parametrize("name", ["../../outside.nes", "/outside.nes", "..\\..\\outside.nes", "a/../../outside.nes"])
@pytest.mark.parametrize("ending", [".zip", ".7z"])
def test_nothing_is_written_wherever_a_name_leads(
    name: str, ending: str, tmp_path: Path, seven_zip: SevenZipReader, monkeypatch: pytest.MonkeyPatch
):
    inside = tmp_path / "a" / "b" / "c"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    path = inside / f"x{ending}"
    if ending == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, CONTENT)
    else:
        with py7zr.SevenZipFile(path, "w") as archive:
            archive.writestr(CONTENT, "N" * len(name))
        raw = path.read_bytes()
        if (stored := ("N" * len(name)).encode("utf-16-le")) in raw:
            path.write_bytes(raw.replace(stored, name.encode("utf-16-le")))
    try:
        assert {file.data for file in read(path, seven_zip)} <= {CONTENT}
    except RomError:
        assert ending == ".7z"  # py7zr refuses such an archive as a whole
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [path.name]


def test_the_7z_reader_survives_a_reader_that_dies(tmp_path: Path):
    path = make(tmp_path / "a.7z", game__nes=CONTENT)
    with SevenZipReader() as reader:
        assert read(path, reader)[0].data == CONTENT
        assert reader._process is not None
        reader._process.kill()
        reader._process.wait()
        with pytest.raises(RomError, match="ended the process that read it"):
            read(path, reader)
        assert read(path, reader)[0].data == CONTENT


def test_a_7z_in_a_7z_is_read_while_the_outer_one_waits(tmp_path: Path, seven_zip: SevenZipReader):
    contents = [os.urandom(300_000) for _ in range(3)]  # more than a pipe holds
    inner = [make(tmp_path / f"{number}.7z", a__nes=data).read_bytes() for number, data in enumerate(contents)]
    outer = make(tmp_path / "outer.7z", **{f"{number}__7z": data for number, data in enumerate(inner)})
    found: list[bytes | None] = []
    for file in read_archive("7z", outer, outer.name, Budget(1 << 30), seven_zip):
        assert file.data is not None
        found += [game.data for game in read_archive("7z", file.data, file.name, Budget(1 << 30), seven_zip)]
    assert found == contents


def test_a_reader_that_does_not_listen_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(seven_zip_module, "_START", "import time; time.sleep(20)")
    monkeypatch.setattr(seven_zip_module, "_TIMEOUT_S", 0.5)
    with SevenZipReader() as reader, pytest.raises(RomError, match="takes too long"):
        list(reader.read(bytes(1 << 20), 1 << 20, 1 << 20, 1))


def test_without_py7zr_there_is_a_hint(tmp_path: Path):
    path = make(tmp_path / "a.7z", game__nes=CONTENT)
    program = (
        "import sys; sys.modules['py7zr'] = None\n"
        "import importlib.util; find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'py7zr' else find(name, *rest)\n"
        "import playthrough as pt; print(pt.import_roms(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "pip install 'playthrough[archives]'" in done.stdout, done.stderr
