from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys

import pytest

from playthrough.engine.systems import (
    get_system,
    system_of,
    system_of_game,
    system_of_rom,
    systems,
    wheel_folder,
    without_version,
)
from playthrough.errors import BadInputError, RomError

SUPPORTED = ["Nes", "Snes", "Genesis", "Sms", "GameGear", "GameBoy", "GbColor", "GbAdvance", "PCEngine", "Atari2600"]


def test_ten_systems_run_and_the_others_in_bizhawk_or_not_yet():
    assert sorted(name for name, system in systems().items() if system.supported) == sorted(SUPPORTED)
    for name in ("32x", "Saturn", "N64", "NintendoDs", "SCD", "PSX", "Lynx"):
        assert systems()[name].status == "in BizHawk"
    assert systems()["FBNeo"].status == "not yet" and systems()["Nes"].status == "runs"
    assert {system.status for system in systems().values() if system.supported} == {"runs"}


def test_genesis_is_what_the_integrations_expect():
    genesis = get_system("Genesis")
    assert genesis.buttons == ("B", "A", "MODE", "START", "UP", "DOWN", "LEFT", "RIGHT", "C", "Y", "X", "Z")
    assert (genesis.core, genesis.extensions[0], genesis.ram_base) == ("genesis_plus_gx", ".md", 0xFF0000)
    assert genesis.overlay == ("=", ">", 2)
    assert genesis.button_groups[0] == ((), ("UP",), ("DOWN",))
    assert ">u4" in genesis.types
    assert genesis.bk2_platform == "GEN"


@pytest.mark.parametrize("name", SUPPORTED)
def test_every_button_has_a_movie_key_of_its_own(name: str):
    system = get_system(name)
    named = [i for i, button in enumerate(system.buttons) if button]
    assert [i for i, key in enumerate(system.bk2_names) if key] == named
    letters = [system.bk2_letters[i] for i in named]
    assert len({*letters}) == len(letters)
    assert all(letter is not None and len(letter) == 1 and letter not in ".| " for letter in letters)


def test_masks_and_names_are_inverse():
    nes = get_system("Nes")
    assert nes.mask_of(["B", "RIGHT"]) == 0b1000_0001
    assert nes.names_of(0b1_1000_0001) == ["B", "RIGHT", "A"]
    assert nes.names_of(0b10) == []
    with pytest.raises(ValueError, match=r"Nes has no button 'X'; its buttons are: B SELECT START"):
        nes.mask_of(["X"])


@pytest.mark.parametrize(
    ("game", "system"),
    [
        ("Airstriker-Genesis", "Genesis"),
        ("Airstriker-Genesis-v0", "Genesis"),
        ("A-B-Nes", "Nes"),
        ("X-Arcade", "FBNeo"),
    ],
)
def test_a_game_name_ends_in_its_system(game: str, system: str):
    assert system_of_game(game).name == system
    assert system_of(game).name == system


def test_a_name_without_a_system_is_refused():
    with pytest.raises(BadInputError, match="'Airstriker' does not end in a system"):
        system_of_game("Airstriker")
    with pytest.raises(BadInputError, match="no system is called 'Atari'"):
        get_system("Atari")


@pytest.mark.parametrize(
    ("file", "system"),
    [
        ("a/rom.md", "Genesis"),
        ("Mario (E).NES", "Nes"),
        ("x.smc", "Snes"),
        ("x.gg", "GameGear"),
        ("x.a26", "Atari2600"),
    ],
)
def test_a_rom_file_ends_in_its_systems_extension(file: str, system: str):
    assert system_of_rom(file).name == system
    assert system_of(file).name == system


@pytest.mark.parametrize("file", ["breakout.bin", "rom", "notes.txt"])
def test_an_ending_that_says_nothing_is_refused(file: str):
    with pytest.raises(RomError, match=r"known endings are: .*\.nes"):
        system_of_rom(file)


def test_versions_of_names():
    assert without_version("Airstriker-Genesis-v0") == "Airstriker-Genesis"
    assert without_version("Airstriker-Genesis-v12") == "Airstriker-Genesis"
    assert without_version("Airstriker-Genesis") == "Airstriker-Genesis"
    assert without_version("Game-v") == "Game-v"


def test_systems_travel_to_other_processes_and_cannot_be_changed():
    nes = get_system("Nes")
    assert pickle.loads(pickle.dumps(nes)) == nes
    with pytest.raises(dataclasses.FrozenInstanceError):
        nes.name = "Other"  # type: ignore[misc]


def test_the_wheel_is_found_without_importing_it():
    code = (
        "import sys; from playthrough.engine.systems import wheel_folder, systems; systems();"
        "assert (wheel_folder() / 'cores').is_dir(); print('stable_retro' in sys.modules, 'gymnasium' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    assert wheel_folder().name == "stable_retro"
