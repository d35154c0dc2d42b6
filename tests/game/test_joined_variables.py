"""Joined variables: one number of several variables' bytes, the same everywhere a variable counts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from game.conftest import AskStableRetro, MakeGame

from playthrough.engine.probes import Op, StopNode
from playthrough.env.options import EnvOptions
from playthrough.env.single import RetroEnv
from playthrough.errors import IntegrationError
from playthrough.game.variables import Memory, load_variables, writes_of

WICKLING = Path(__file__).parents[2] / "games" / "Wickling-Nes"
BYTE = "|u1"


def variables(**places: tuple[int, str]) -> dict[str, Any]:
    return {name: {"address": address, "type": kind} for name, (address, kind) in places.items()}


def write(folder: Path, info: dict[str, Any], joined: Any) -> Path:
    path = folder / "data.json"
    path.write_text(json.dumps({"info": info, "joined": joined}, indent=1))
    return path


@pytest.mark.parametrize(
    ("places", "parts", "memory", "value"),
    [
        ({"hi": (2, BYTE), "lo": (4, BYTE)}, ["hi", "lo"], "0000 01 ff 02", 0x102),
        ({"hi": (4, BYTE), "lo": (2, BYTE)}, ["hi", "lo"], "0000 01 ff 02", 0x201),
        ({"hi": (0, "|i1"), "lo": (3, "<u2")}, ["hi", "lo"], "ff 0000 02 01", -0x10000 + 0x102),
        ({"a": (0, "|d1"), "b": (3, "|d1")}, ["a", "b"], "12 0000 34", 1234),
        ({"a": (0, ">n2"), "b": (4, "|n1")}, ["a", "b"], "31 32 0000 33", 123),
        ({"a": (0, BYTE), "b": (2, BYTE), "c": (4, BYTE)}, ["a", "b", "c"], "01 00 02 00 03", 0x10203),
    ],
)
def test_value(tmp_path: Path, places: dict[str, tuple[int, str]], parts: list[str], memory: str, value: int) -> None:
    loaded = load_variables(write(tmp_path, variables(**places), {"joined": parts}))
    assert list(loaded) == [*places, "joined"]
    image = Memory({0: bytearray.fromhex(memory)})
    probe = loaded["joined"].probe
    assert image.value(probe) == value
    low, high = probe.range()
    assert low <= value <= high


def test_writing_leaves_the_bytes_between_alone(tmp_path: Path) -> None:
    loaded = load_variables(write(tmp_path, variables(hi=(0, BYTE), lo=(2, BYTE)), {"x": ["hi", "lo"]}))
    image = Memory({0: bytearray.fromhex("01aa02")})
    for address, data in writes_of(loaded["x"].probe, 0x304):
        image.write(address, data)
    assert image.read(0, 3) == bytes.fromhex("03aa04")


@pytest.mark.parametrize(
    ("joined", "message"),
    [
        (["hi", "lo"], 'expected "joined" to be an object'),
        ({"x": ["hi"]}, "expected a list of different variables' names"),
        ({"x": ["hi", "hi"]}, "expected a list of different variables' names"),
        ({"x": ["hi", "low"]}, "no variable 'low'; did you mean 'lo'"),
        ({"hi": ["hi", "lo"]}, "has a variable of this name too"),
        ({"frames": ["hi", "lo"]}, "this name stands for something else"),
        ({"x": ["hi", "lo"], "y": ["hi", "x"]}, "no variable 'x'"),
        ({"x": ["hi", "digit"]}, "must be all binary"),
        ({"x": ["hi", "masked"]}, "has a mask"),
        ({"x": ["hi", "far"]}, "bytes apart"),
        ({"x": ["hi", "wide", "wider"]}, "bytes; at most 8"),
    ],
)
def test_mistakes(tmp_path: Path, joined: Any, message: str) -> None:
    info = variables(hi=(0, BYTE), lo=(2, BYTE), digit=(3, "|d1"), far=(900, BYTE), wide=(8, "<u4"), wider=(16, "<u4"))
    info["masked"] = {"address": 5, "type": BYTE, "mask": 15}
    path = write(tmp_path, info, joined)
    with pytest.raises(IntegrationError, match=message) as raised:
        load_variables(path)
    assert raised.value.path == path
    assert raised.value.line


def test_stable_retro_passes_over_it(make_game: MakeGame, ask_stable_retro: AskStableRetro) -> None:
    info = variables(hi=(0xFF0000, BYTE), lo=(0xFF0002, BYTE))
    folder = make_game(info, {"reward": {"variables": {"lo": {"reward": 1}}}})
    write(folder, info, {"x": ["hi", "lo"]})
    operations = [["poke", 0xFF0000, "010002"], ["reset"], ["poke", 0xFF0002, "05"], ["update"]]
    answers = ask_stable_retro([{"folder": str(folder), "operations": operations}])[0]
    assert answers[0]["loaded"] is True
    assert answers[-1]["info"] == {"hi": 1, "lo": 5}
    assert answers[-1]["rewards"] == [3.0]


@pytest.fixture
def wickling(tmp_path: Path) -> Callable[..., EnvOptions]:
    """Our game with the scroll position joined, and a scenario."""

    def options(scenario: dict[str, Any], script: str = "", **more: Any) -> EnvOptions:
        folder = tmp_path / "Wickling-Nes"
        folder.mkdir()
        for name in ("rom.nes", "rom.sha", "metadata.json", "Level1-1.state"):
            shutil.copy(WICKLING / name, folder)
        data = json.loads((WICKLING / "data.json").read_text())
        (folder / "data.json").write_text(json.dumps({**data, "joined": {"xscroll": ["xscrollHi", "xscrollLo"]}}))
        (folder / "scenario.json").write_text(json.dumps(scenario))
        if script:
            (folder / "script.lua").write_text(script)
        return EnvOptions(game=folder, actions=[["RIGHT", "B"], ["RIGHT", "B", "A"]], observation="variables", **more)

    return options


@pytest.mark.parametrize("isolation", ["none", "process"])
@pytest.mark.parametrize(
    "script", ["", "function pay() local d = data.xscroll - (last or 0); last = data.xscroll; return d end"]
)
def test_in_an_environment(wickling: Callable[..., EnvOptions], isolation: str, script: str) -> None:
    done = {"variables": {"xscroll": {"op": "greater-than", "reference": 150}}}
    reward: dict[str, Any] = {"variables": {"xscroll": {"reward": 1, "penalty": 1}}}
    scenario: dict[str, Any] = {"done": done, "reward": reward}
    if script:
        scenario |= {"reward": {"script": "lua:pay"}, "scripts": ["script.lua"]}
    env = RetroEnv(wickling(scenario, script, isolation=isolation))
    try:
        column = env.lanes.variables.index("xscroll")
        observation, info = env.reset(seed=1)
        assert observation[column] == info["xscroll"] == 0
        random, total, snapshot = np.random.default_rng(0), 0.0, b""
        for step in range(2000):
            observation, gained, terminated, _, info = env.step(int(random.random() < 0.5))
            total += float(gained)
            assert info["xscroll"] == 256 * info["xscrollHi"] + info["xscrollLo"] == observation[column]
            assert total == info["xscroll"]
            if step == 20:
                snapshot = env.save_state()
            if terminated:
                break
        assert info["xscroll"] > 150
        env.load_state(snapshot)
        assert env.lanes.values[0, column] <= 150
    finally:
        env.close()


def test_other_emulators_are_told_the_same(tmp_path: Path) -> None:
    from playthrough.engine.probes import Measure
    from playthrough.engine.samples import SampleReader
    from playthrough.engine.wire import encode_configuration

    loaded = load_variables(write(tmp_path, variables(hi=(0, "|i1"), lo=(2, "<u2")), {"x": ["hi", "lo"]}))
    probes = [variable.probe for variable in loaded.values()]
    raw = bytes.fromhex("ff") + bytes.fromhex("0102") + bytes.fromhex("ff770102")
    values = SampleReader(probes).read(raw)
    assert values.tolist() == [[-1, 0x201, -0x10000 + 0x201]]
    stop = StopNode("any", (Measure(2, "absolute", Op.LESS_THAN, 0),))
    assert encode_configuration(probes, stop)
