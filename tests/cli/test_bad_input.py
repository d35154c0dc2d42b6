"""Bad input of every kind: one clear message, exit code 2, and nothing else."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from game.made_roms import made_rom

from cli.conftest import Program, Run
from playthrough import _neat
from playthrough.engine.systems import wheel_folder

GameMaker = Callable[..., Path]
AIRSTRIKER_STATE = wheel_folder() / "data" / "stable" / "Airstriker-Genesis-v0" / "Level1.state"


def refused(run: Run, *arguments: object) -> str:
    """The one message of a command that must end with exit code 2."""
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("Error: ") == 1 and "Traceback" not in result.stderr
    return result.stderr.removeprefix("Error: ").strip()


@pytest.mark.parametrize(
    ("name", "rom_file", "rom", "expected"),
    [
        ("Made-Genesis", "rom__md", b"", "rom.md: the file is empty"),
        (
            "Made-Nes",
            "rom__nes",
            made_rom("Nes")[:1000],
            "rom.nes: the file is cut off: its header promises 40976 bytes",
        ),
        (
            "Made-Nes",
            "rom__nes",
            made_rom("GameBoy"),
            "expected a ROM for Nes, but the file's content is that of one for GameBoy",
        ),
    ],
)
@pytest.mark.parametrize("command", [("info",), ("watch", "--agent", "random", "--video", "x.mp4")])
def test_roms(run: Run, game: GameMaker, name: str, rom_file: str, rom: bytes, expected: str, command: tuple[str, ...]):
    folder = game(name, **{rom_file: rom})
    assert expected in refused(run, command[0], name, *command[1:], "--integrations", folder.parent)


@pytest.mark.parametrize(
    ("name", "rom", "expected"),
    [
        ("empty.nes", b"", "empty.nes was not imported: the file is empty"),
        ("cut.nes", made_rom("Nes")[:1000], "the file is cut off"),
        ("other.nes", made_rom("GameBoy"), "content is that of one for GameBoy"),
        ("unknown.nes", made_rom("Nes"), "no known game has its SHA-1 "),
    ],
)
def test_imports(run: Run, name: str, rom: bytes, expected: str):
    Path(name).write_bytes(rom)
    assert expected in refused(run, "import", name)


def test_import_of_a_folder_says_why_for_each_file(run: Run):
    Path("roms").mkdir()
    Path("roms/a [!].nes").write_bytes(b"")
    Path("roms/b.nes").write_bytes(made_rom("Nes"))
    result = run("import", "roms")
    assert result.exit_code == 2
    lines = [line for line in result.stdout.splitlines() if ".nes" in line]
    assert ["a [!].nes" in lines[0], "empty" in lines[0], "no known game has its SHA-1" in lines[1]] == [True] * 3
    assert "no ROM of a known game in roms" in result.stderr


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"data": '{"info": {\n  "lives": {"address": 1, "type": "|u1"},\n}}'},
            "data.json:2:41: this comma is the last thing before a closing bracket",
        ),
        (
            {"data": {"info": {"lives": {"address": 0xFF0010, "type": "|q1"}}}},
            "data.json:1: variable 'lives': '|q1' is no variable type",
        ),
        (
            {"data": {"info": {"lives": {"address": 0x10, "type": "|u1"}}}},
            "address 16 (0x10) of type |u1 lies outside of the memory that core genesis_plus_gx maps: 0xff0000",
        ),
        (
            {"scenario": {"reward": {"variables": {"points": {"reward": 1}}}}},
            "scenario.json:1: there is no variable 'points' in data.json; there are: lives",
        ),
        (
            {
                "scenario": {"reward": {"script": "lua:points"}, "scripts": ["made.lua"]},
                "made__lua": b"function score() return 1 end",
            },
            "scenario.json: no script defines the Lua function 'points'; there are: score",
        ),
    ],
)
def test_integrations(run: Run, game: GameMaker, files: dict[str, object], expected: str):
    folder = game("Made-Genesis", rom__md=made_rom("Genesis"), **files)
    assert expected in refused(run, "info", "Made-Genesis", "--integrations", folder.parent)
    assert expected in refused(run, "info", folder)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (AIRSTRIKER_STATE.read_bytes()[:500], "x.state: the file is damaged or cut off"),
        (b"", "x.state: expected a savestate packed with gzip, but the file is empty"),
        (
            gzip.compress(bytes(1200), mtime=0),
            "no savestate of core genesis_plus_gx and this game: it has 1200 bytes, expected",
        ),
    ],
)
def test_savestates(run: Run, state: bytes, expected: str):
    Path("x.state").write_bytes(state)
    assert expected in refused(run, "info", "Airstriker-Genesis", "--state", "./x.state")
    assert expected in refused(run, "play", "Airstriker-Genesis", "--state", "./x.state", "--frames", "1")


def test_savestate_of_another_core(run: Run):
    Path("x.state").write_bytes(AIRSTRIKER_STATE.read_bytes())
    message = refused(run, "info", "Airstriker-Genesis", "--core", "picodrive", "--state", "./x.state")
    assert "picodrive" in message and "another core" in message


def test_core_files(run: Run):
    Path("text_libretro.so").write_text("no machine code")
    Path("other_libretro.so").write_bytes(Path(str(_neat.__file__)).read_bytes())
    text = refused(run, "info", "Airstriker-Genesis", "--core", "./text_libretro.so")
    assert "text_libretro.so is no libretro core: it is no shared library" in text
    other = refused(run, "info", "Airstriker-Genesis", "--core", "./other_libretro.so")
    assert "other_libretro.so is no libretro core: it does not export retro_" in other
    assert "runs Atari2600, not Genesis" in refused(run, "info", "Airstriker-Genesis", "--core", "stella")
    assert "genesis_plus_gx picodrive" in refused(run, "info", "Airstriker-Genesis", "--core", "genesis_minus")


def neat_file(num_inputs: int, num_outputs: int) -> str:
    """A whole NEAT configuration."""
    from playthrough.runs.neat_text import DEFAULT_NEAT_TEXT, change_neat_value

    text = change_neat_value(DEFAULT_NEAT_TEXT, "num_inputs", str(num_inputs), "test")
    return change_neat_value(text, "num_outputs", str(num_outputs), "test")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            neat_file(1120, 12).replace("pop_size", "popsize"),
            "unknown key 'popsize' in [NEAT]: did you mean 'pop_size'?",
        ),
        (
            neat_file(1119, 12),
            "num_inputs = 1119 does not fit: the observations have 1120 values. Write num_inputs = 1120",
        ),
        (neat_file(1120, 9), "num_outputs = 9 does not fit: the actions need 12 values. Write num_outputs = 12"),
    ],
)
def test_neat_files(run: Run, text: str, expected: str):
    Path("made.cfg").write_text(text)
    recipe = Path("made.toml")
    recipe.write_text('game = "Airstriker-Genesis"\n[env]\nobservation = "grid8"\n[neat]\nconfig = "made.cfg"\n')
    assert expected in refused(run, "train", "--recipe", recipe, "--out", "run")
    assert not Path("run").exists()


def test_names(run: Run):
    assert "did you mean Airstriker-Genesis" in refused(run, "info", "Airstrker-Genesis")
    assert "has no state 'Level9'; its states: Level1" in refused(
        run, "play", "Airstriker-Genesis", "--state", "Level9"
    )
    assert "expected one of 'libretro', 'fceux'" in refused(run, "info", "Airstriker-Genesis", "--engine", "mame")
    assert "The ROM" not in refused(run, "play", "SuperMarioBros-Nes")
    assert "facee9c577a5262dbe33ac4930bb0b58c8c037f7" in refused(run, "play", "SuperMarioBros-Nes")
    assert "no game matches 'qqqq'" in refused(run, "games", "qqqq")
    assert "no system is called 'Neo'" in refused(run, "games", "--system", "Neo")
    assert "runs/none is no run folder" in refused(run, "eval", "runs/none")
    assert "add --agent random" in refused(run, "watch", "Airstriker-Genesis")
    assert "cannot read the movie none.bk2" in refused(run, "replay", "none.bk2")


def test_wrong_values(run: Run):
    assert "say what to train" in refused(run, "train")
    assert "unknown setting" in refused(run, "train", "Airstriker-Genesis", "--set", "nonsense=3")
    assert "--set frame_skip" not in refused(run, "train", "Airstriker-Genesis", "--set", "env.frame_skip=none")
    assert "counts generations" in refused(run, "train", "Airstriker-Genesis", "--steps", "100")
    assert "leave out GAME, --seed" in refused(run, "train", "Airstriker-Genesis", "--resume", "x", "--seed", "1")
    for arguments in (
        ("info",),
        ("nonsense",),
        ("play", "Airstriker-Genesis", "--players", "3"),
        ("info", "x", "--no"),
    ):
        assert run(*arguments).exit_code == 2


FAULT = """
import sys
from playthrough.cli.main import main
from playthrough.env import vector
def reset(self, *, seed=None, options=None):
    raise ValueError("numbers do not add up")
if sys.argv.pop(1) == "reset":
    vector.RetroVectorEnv.reset = reset
main()
"""


def test_a_fault_of_ours_is_not_the_users(program: Program):
    def code(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", FAULT, *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    fault = code("reset", "info", "Airstriker-Genesis")
    assert fault.returncode == 1
    assert "Traceback" in fault.stderr and "numbers do not add up (this should not happen" in fault.stderr
    wrong = code("none", "train", "Airstriker-Genesis", "--set", "env.repeat_action_probability=2.0")
    assert wrong.returncode == 2 and "Traceback" not in wrong.stderr
    # The command line cannot say this, but a recipe could: the environment refuses it while it is made.
    option = "from playthrough.cli import main; from playthrough.env.options import EnvOptions\n"
    option += "try: EnvOptions(game='x', frame_skip='4')\nexcept ValueError as error: sys.exit(main._report(error))"
    asked = subprocess.run(
        [sys.executable, "-c", "import sys\n" + option],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 2 and "frame_skip must be" in asked.stderr and "Traceback" not in asked.stderr


def test_bad_input_in_a_program_of_its_own(program: Program):
    Path("text_libretro.so").write_text("no machine code")
    done = program("info", "Airstriker-Genesis", "--core", "./text_libretro.so")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.strip().splitlines()) == 1 and "is no libretro core" in done.stderr
    for where in (("--debug", "info"), ("info", "--debug")):
        debugged = program(*where, "Airstriker-Genesis", "--core", "./text_libretro.so")
        assert debugged.returncode == 2 and "Traceback" in debugged.stderr


def test_no_screen(program: Program):
    done = program("play", "Airstriker-Genesis", SDL_VIDEODRIVER="", DISPLAY="", WAYLAND_DISPLAY="")
    assert done.returncode == 2 and "there is no screen here" in done.stderr
    done = program(
        "watch", "Airstriker-Genesis", "--agent", "random", SDL_VIDEODRIVER="", DISPLAY="", WAYLAND_DISPLAY=""
    )
    assert done.returncode == 2 and "--video FILE.mp4" in done.stderr
