from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from playthrough.engine import cores
from playthrough.engine.cores import CoreFile, add_core_folder, core_rules, find_core, list_cores, wheel_folder
from playthrough.engine.systems import systems
from playthrough.errors import CoreError

WHEEL_CORES = wheel_folder() / "cores"


@pytest.fixture(autouse=True)
def no_added_folders(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cores, "_added", [])
    monkeypatch.delenv("PLAYTHROUGH_CORES", raising=False)


@pytest.mark.parametrize("system", [name for name, system in systems().items() if system.supported])
@pytest.mark.parametrize("preset", ["exact", "fast"])
def test_every_supported_system_has_a_core(preset: str, system: str):
    core = find_core(preset, system)
    assert core.path.parent == WHEEL_CORES and core.path.is_file()
    assert core.name == systems()[system].core
    assert core.system is systems()[system]


def test_a_system_that_does_not_run_is_refused_with_those_that_do():
    with pytest.raises(CoreError, match=r"no embedded core runs N64: choose engine='bizhawk'"):
        find_core("exact", "N64")
    with pytest.raises(CoreError, match=r"FBNeo does not run yet; systems that run: .*Genesis"):
        find_core("exact", "FBNeo")


def test_a_core_by_name_and_by_path():
    by_name = find_core("picodrive", "Genesis")
    assert find_core("picodrive_libretro", "Genesis") == by_name
    assert find_core(by_name.path, "Genesis") == by_name
    assert find_core(str(by_name.path), "Genesis").name == "picodrive"


def test_a_folder_of_the_users_comes_first_and_exact_stays_the_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    wheel = find_core("exact", "Nes")
    shutil.copy(wheel.path, tmp_path)
    shutil.copy(wheel.path, tmp_path / wheel.path.name.replace("fceumm", "my_own"))
    monkeypatch.setenv("PLAYTHROUGH_CORES", f"/nowhere:{tmp_path}")
    assert find_core("fceumm", "Nes").path.parent == tmp_path
    assert find_core("my_own", "Nes").name == "my_own"
    assert find_core("exact", "Nes") == wheel
    monkeypatch.delenv("PLAYTHROUGH_CORES")
    add_core_folder(tmp_path)
    assert find_core("fceumm", "Nes").path.parent == tmp_path
    assert {core.name: core.status for core in list_cores()}["my_own"] == "unknown"


def test_an_unknown_core_error_says_where_it_looked_and_what_there_is():
    with pytest.raises(CoreError) as caught:
        find_core("nope", "Genesis")
    message = str(caught.value)
    assert "nope_libretro" in message and str(WHEEL_CORES) in message
    assert "cores here for Genesis: genesis_plus_gx picodrive" in message


def test_a_core_of_another_system_is_refused():
    with pytest.raises(CoreError, match=r"the core fceumm .* runs Nes, not Genesis"):
        find_core("fceumm", "Genesis")


def test_a_file_that_is_no_core_is_refused(tmp_path: Path):
    text = tmp_path / "x_libretro.so"
    text.write_text("hello")
    with pytest.raises(CoreError, match="no shared library"):
        find_core(text, "Nes")
    with pytest.raises(CoreError, match="there is no core file"):
        find_core(tmp_path / "missing.so", "Nes")
    with pytest.raises(CoreError, match="is no folder"):
        add_core_folder(tmp_path / "missing")
    text.unlink()
    with pytest.raises(CoreError, match="holds no core"):
        add_core_folder(tmp_path)


def test_the_list_names_every_core_of_the_wheel_with_its_systems():
    listed = {core.name: core for core in list_cores()}
    assert {core.path for core in listed.values()} >= set(WHEEL_CORES.glob("*_libretro.*"))
    assert listed["genesis_plus_gx"].systems[:3] == ("Genesis", "Sms", "GameGear")
    assert listed["genesis_plus_gx"].status == "runs"
    assert listed["parallel_n64"].status == "not yet"


def test_rules_of_the_wheels_cores():
    def rules(name: str, system: str):
        return core_rules(find_core(name, system))

    genesis = rules("exact", "Genesis")
    assert genesis.options == {
        "genesis_plus_gx_bram": "per game",
        "genesis_plus_gx_render": "single field",
        "genesis_plus_gx_blargg_ntsc_filter": "disabled",
    }
    assert genesis.screen("rom.md", (256, 192)) == (320, 224)
    assert genesis.screen("rom.SMS", (320, 224)) == (256, 192)
    assert genesis.screen("rom.gg", (320, 224)) == (160, 144)
    assert rules("exact", "Atari2600").screen("rom.a26", (320, 228)) == (160, 228)
    assert rules("exact", "PCEngine").screen("rom.pce", (352, 240)) == (256, 242)
    assert rules("exact", "Snes").screen("rom.sfc", (256, 224)) == (256, 224)
    assert rules("exact", "Atari2600").reset_before_unserialize
    assert [rules("exact", name).reload for name in ("Atari2600", "GameBoy", "Nes")] == ["game", "library", "none"]
    assert rules("exact", "Nes").clear_blocks == ((0x6000, 0x8000),)
    assert rules("picodrive", "Genesis").srand
    for name, system in systems().items():
        if system.supported:
            assert rules("exact", name).live_screen


def test_only_the_wheels_own_build_has_its_live_buffer_read(tmp_path: Path):
    foreign = CoreFile(tmp_path / "genesis_plus_gx_libretro.so", "genesis_plus_gx")
    assert not core_rules(foreign).live_screen
    assert core_rules(foreign).options
    assert core_rules(CoreFile(tmp_path / "other_libretro.so", "other")).state_sizes == "any"
