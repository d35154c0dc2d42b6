"""`import`, and what `games` and `info` say about ROMs."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import ale_py
import py7zr
from game.made_roms import made_rom

from cli.conftest import Run
from playthrough.engine.systems import wheel_folder

ROMS = Path(ale_py.__file__).parent / "roms"


def own_game(folder: Path) -> str:
    source = wheel_folder() / "data" / "stable" / "SpaceInvaders-Atari2600-v0"
    shutil.copytree(source, folder / "Invaders-Atari2600")
    (folder / "Invaders-Atari2600" / "rom.sha").write_text("0" * 40)
    return "Invaders-Atari2600"


def test_import_ends_with_a_summary(run: Run):
    Path("roms").mkdir()
    shutil.copy(ROMS / "pong.bin", "roms/pong.a26")
    Path("roms/unheard of.nes").write_bytes(made_rom("Nes"))
    Path("roms/Super Mario Bros (Japan).nes").write_bytes(made_rom("Nes")[:-1] + b"x")
    Path("roms/cut.nes").write_bytes(made_rom("Nes")[:1000])
    Path("roms/readme.txt").write_text("hello " * 100)
    result = run("import", "roms")
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    for line in (
        "1 imported",
        "1 not imported: other versions of known games",
        "1 not imported: unknown games",
        "1 not imported: damaged",
        "1 ignored: no ROMs; --all lists them",
    ):
        assert line in lines, result.stdout
    assert "playthrough import 'roms/Super Mario Bros (Japan).nes' --as SuperMarioBros-Nes" in result.stdout
    assert "roms/readme.txt" not in result.stdout
    assert "roms/readme.txt" in run("import", "roms", "--all").stdout
    assert "nearly: see info" in run("games", "SuperMarioBros-Nes").stdout
    info = run("info", "SuperMarioBros-Nes").stdout
    assert "nearly fits: " in info and "Super Mario Bros (Japan).nes" in info
    assert "--as SuperMarioBros-Nes" in info.splitlines()[-2]


def test_attach(run: Run, tmp_path: Path, at_home: Path):
    game = own_game(tmp_path / "integrations")
    data = bytearray((ROMS / "space_invaders.bin").read_bytes())
    data[3076] ^= 0x40
    Path("hack.a26").write_bytes(data)
    options = ("--as", game, "--integrations", tmp_path / "integrations")
    result = run("import", "hack.a26", *options)
    assert result.exit_code == 0, result.output
    assert "variables had come to the values of Start" in result.stdout
    assert "hack.a26 is now a ROM of Invaders-Atari2600" in result.stdout
    assert "which you attached to it" in run("info", game, *options[2:]).stdout
    again = run("import", "hack.a26", *options)
    assert again.exit_code == 2 and "has its ROM already" in again.stderr


def test_what_is_doubtful_is_attached_only_if_the_user_insists(run: Run, tmp_path: Path, at_home: Path):
    game = own_game(tmp_path / "integrations")
    options = ("--as", game, "--integrations", tmp_path / "integrations")
    result = run("import", ROMS / "seaquest.bin", *options)
    assert result.exit_code == 2 and "it is doubtful whether" in result.stderr and "--yes" in result.stderr
    assert not (at_home / "roms").exists()
    result = run("import", ROMS / "seaquest.bin", *options, "--yes")
    assert result.exit_code == 0 and "is now a ROM of" in result.stdout


def test_wrong_use(run: Run):
    assert "one ROM to a game; 2 paths" in run("import", ROMS / "pong.bin", ROMS / "qbert.bin", "--as", "x").stderr
    assert "--yes belongs to --as" in run("import", ROMS / "pong.bin", "--yes").stderr


def test_every_import_of_the_documentation_works(run: Run):
    """The commands of docs/roms.md that name files, with such files; the others are run with all documentation."""
    Path("roms").mkdir()
    shutil.copy(ROMS / "pong.bin", "roms/any name.bin")
    shutil.copy(ROMS / "qbert.bin", "qbert.a26")
    with py7zr.SevenZipFile("roms/set.7z", "w") as archive:
        archive.write("qbert.a26")
    with zipfile.ZipFile("pong.zip", "w") as archive:
        archive.write("roms/any name.bin")
    own_game(Path("my-games"))
    data = bytearray((ROMS / "space_invaders.bin").read_bytes())
    data[3076] ^= 0x40
    Path("Invaders (Europe).a26").write_bytes(data)
    page = (Path(__file__).parents[2] / "docs" / "roms.md").read_text()
    commands = [line for line in page.splitlines() if line.startswith("playthrough import")]
    assert len(commands) == 3
    for command in commands:
        result = run(*shlex.split(command)[1:])
        assert result.exit_code == 0, (command, result.output)


def test_ctrl_c_tells_what_was_imported(at_home: Path):
    Path("roms").mkdir()
    shutil.copy(ROMS / "pong.bin", "roms/0.a26")
    for number in range(1000):
        Path(f"roms/{number + 1:04}.gba").write_bytes(os.urandom(1 << 14))
    process = subprocess.Popen(
        [sys.executable, "-m", "playthrough", "import", "roms"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    give_up_s = time.monotonic() + 60
    while not list(at_home.glob("roms/*.a26")) and time.monotonic() < give_up_s:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 1 and stderr.strip() == "Error: interrupted", stderr
    assert "Pong-Atari2600" in stdout and "1 imported, 0 here already" in stdout
