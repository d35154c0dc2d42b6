"""games, info, import, cores, doctor and help: what a newcomer asks first."""

from __future__ import annotations

import tomllib
import zipfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import ale_py
import pytest

import playthrough as pt
from cli.conftest import Program, Run
from playthrough.cli.doctor import EXTRAS
from playthrough.cli.options import GameOptions
from playthrough.engine.systems import systems
from playthrough.env.options import EnvOptions
from playthrough.game.integration import load_integration

REPOSITORY = Path(__file__).parents[2]
COMMANDS = ["games", "info", "import", "play", "watch", "train", "tune", "replay", "eval", "states", "cores", "doctor"]


def rows(output: str) -> dict[str, list[str]]:
    """The rows of a table by their first word."""
    return {line.split()[0]: line.split() for line in output.splitlines() if line.strip()}


def test_games_shows_the_playable_ones_first(run: Run):
    result = run("games")
    assert result.exit_code == 0
    names = [line.split()[0] for line in result.stdout.splitlines() if " here " in line]
    assert names == pt.list_playable()
    assert f"{len(names)} of {len(pt.list_games())} known games can be played here." in result.stdout
    assert f"The other {len(pt.list_games()) - len(names)} lack their ROM" in result.stdout
    assert "playthrough import PATH" in result.stdout


def test_games_on_a_narrow_screen_keeps_names_whole(program: Program):
    text = program("games", COLUMNS="40").stdout
    assert {line.split()[0] for line in text.splitlines() if line.endswith("here")} == set(pt.list_playable())


def test_games_by_pattern_and_system(run: Run):
    found = rows(run("games", "airs*").stdout)
    assert found["Airstriker-Genesis"] == ["Airstriker-Genesis", "Genesis", "here", "Level1"]
    mario = rows(run("games", "SuperMarioBros-Nes-v0").stdout)
    assert mario["SuperMarioBros-Nes"][1:3] == ["Nes", "missing"]
    atari = run("games", "--system", "atari2600", "--playable").stdout
    assert "Pong-Atari2600" in atari and "missing" not in atari and "Airstriker" not in atari
    everything = run("games", "--all").stdout
    assert sum("-Snes " in line for line in everything.splitlines()) == sum(
        name.endswith("-Snes") for name in pt.list_games()
    )
    unsupported = rows(run("games", "--system", "32x").stdout)
    games_of_32x = [name for name in unsupported if name.endswith("-32x")]
    assert games_of_32x and all("BizHawk" in unsupported[name] for name in games_of_32x)
    assert "which only BizHawk runs: --engine bizhawk" in run("info", games_of_32x[0]).stdout


def test_games_of_the_users_own(run: Run, game: Callable[..., Path]):
    folder = game("Made-Genesis", rom__sha=b"0" * 40 + b"\n")
    result = run("games", "made-", "--integrations", folder.parent)
    assert rows(result.stdout)["Made-Genesis"][2] == "missing"
    assert run("games", "made-gen").exit_code == 2


def test_info(run: Run):
    text = run("info", "Airstriker-Genesis").stdout
    found = rows(text)
    assert found["score"] == ["score", "0xff024e", ">u4"]
    assert "Level1 (default), power-on" in text
    assert found["0"] == ["0", "B", "X"] and found["11"] == ["11", "Z", "D"]
    assert "nothing | UP | DOWN" in text
    assert found["grid8"][-1] == "1120" and found["variables"][-1] == "3" and found["ram"][-1] == "65536"
    assert found["buttons"][-1] == "12" and found["discrete"][-1] == "126" and found["multi_discrete"][-1] == "20"
    assert "a8be7b0ca850119b167f9644e6a4a22e983d61a4" in text


def test_info_gives_the_numbers_of_the_environment(run: Run):
    env = pt.make("Pong-Atari2600", observation="grid8", actions="discrete")
    found = rows(run("info", "Pong-Atari2600").stdout)
    assert found["grid8"][-1] == str(env.observation_space.shape[0])
    assert found["discrete"][-1] == str(env.action_space.n)
    env.close()


def test_info_without_the_rom(run: Run):
    text = run("info", "SonicTheHedgehog-Genesis").stdout
    assert (
        f"SHA-1 {load_integration('SonicTheHedgehog-Genesis').rom_hashes[0]}" in text
        and "playthrough import PATH" in text
    )
    assert rows(text)["grid8"][-1] == "1120"
    assert "GreenHillZone.Act1 (default)" in text
    ninjas = run("info", "3NinjasKickBack-Genesis").stdout
    assert "ppo-10M from 1Player.Colt.Level1: mean return of its last ten episodes 2000" in ninjas
    assert "contest, scenario, xpos" in text


def test_import(run: Run, tmp_path: Path, at_home: Path):
    rom = Path(ale_py.__file__).parent / "roms" / "pong.bin"
    with zipfile.ZipFile("games.zip", "w") as archive:
        archive.write(rom, "some name.a26")
        archive.writestr("readme.txt", "hello")
    result = run("import", "games.zip")
    assert result.exit_code == 0
    assert "imported" in rows(result.stdout)["Pong-Atari2600"]
    assert "1 imported, 0 here already, 0 not recognised; 1 other file ignored." in result.stdout
    assert [path.read_bytes() for path in (at_home / "roms").iterdir()] == [rom.read_bytes()]
    assert "was here already" in run("import", "games.zip").stdout
    assert run("info", "Pong-Atari2600").stdout.count(str(at_home / "roms")) == 1


def test_cores(run: Run):
    found = rows(run("cores").stdout)
    for system in systems().values():
        status = system.status.split()
        assert found[system.name][1 : 2 + len(status)] == [system.core or "-", *status]
    assert found["PSX"][1:4] == ["-", "in", "BizHawk"] and found["N64"][2:4] == ["in", "BizHawk"]
    assert sum(system.supported for system in systems().values()) == 10


def test_further_cores(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "nestopia_libretro.so").write_bytes(b"\x7fELF")
    monkeypatch.setenv("PLAYTHROUGH_CORES", str(tmp_path))
    found = rows(run("cores").stdout)
    assert found["nestopia"] == ["nestopia", "Nes", str(tmp_path / "nestopia_libretro.so")]


def test_doctor(run: Run, monkeypatch: pytest.MonkeyPatch):
    result = run("doctor")
    assert result.exit_code == 0, result.stdout
    for name in (system.name for system in systems().values() if system.supported):
        assert any(line.split()[:2] == ["ok", name] for line in result.stdout.splitlines()), name
    assert "frames per second" in result.stdout
    packages = [line.split()[1] for line in result.stdout.splitlines() if line.strip()]
    assert packages.count("pillow") == 1
    monkeypatch.setenv("PLAYTHROUGH_HOME", "/proc/nowhere")
    broken = run("doctor")
    assert broken.exit_code == 1
    assert any(line.split()[:3] == ["NO", "Your", "folder"] for line in broken.stdout.splitlines())


def test_doctor_knows_all_extras():
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {extra: {text.split(">=")[0].split("==")[0] for text in texts} for extra, texts in extras.items()}
    named.pop("all")
    assert {extra: set(names) for extra, names in EXTRAS.items()} == named


def test_every_command_teaches(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")
    overview = run("--help").stdout
    for command in COMMANDS:
        assert f"│ {command} " in overview
        usage_and_examples = run(command, "--help").stdout.count(f"playthrough {command}")
        assert usage_and_examples >= 3 or command == "states"
    assert run("states", "record", "--help").stdout.count("playthrough states record") >= 4


def test_game_options_are_those_of_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")
    defaults = {field.name: field.default for field in fields(EnvOptions)}
    mine = {field.name: field.default for field in fields(GameOptions) if field.name != "integrations"}
    assert mine == {name: defaults[name] for name in mine}
    for command in ("info", "play", "watch", "train", "tune", "replay", "eval"):
        text = run(command, "--help").stdout
        for option in ("--state", "--scenario", "--info", "--integrations", "--core", "--engine"):
            assert option in text, (command, option)


def test_help_and_lists_import_nothing_heavy(program: Program):
    for arguments in ("--help",), ("games",), ("cores",):
        done = program(*arguments, PYTHONPROFILEIMPORTTIME="1")
        assert done.returncode == 0
        imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        assert "typer" in imported
        assert not imported & {"numpy", "gymnasium", "lupa", "matplotlib", "pygame", "playthrough._native"}, arguments


def test_version(run: Run):
    assert run("--version").stdout == f"playthrough {pt.__version__}\n"
