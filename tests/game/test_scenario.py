from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from playthrough.engine.systems import wheel_folder
from playthrough.errors import IntegrationError
from playthrough.game.map_order import map_order
from playthrough.game.reference import ScenarioReference, float32, int_to_float32
from playthrough.game.scenario import Scenario, find_scenario, load_scenario, open_session
from playthrough.game.scenario_file import OPS
from playthrough.game.variables import Memory, Variable, encode_value, load_variables

WORK_RAM = 0xFF0000
TYPES = ["|u1", "|i1", ">u2", "<i2", ">u4", ">i8", "<u8", ">d4", "><d4", ">n5", "|d1"]
BYTE = {"address": 0, "type": "|u1"}


def load(folder: Path, file: str = "scenario.json") -> tuple[Scenario, dict[str, Variable]]:
    variables = load_variables(folder / "data.json")
    return load_scenario(folder / file, variables), variables


# ---------------------------------------------------------------- equality with stable-retro


def random_criterion(rng: random.Random, with_factors: bool) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    if rng.random() < 0.7:
        spec["op"] = rng.choice(list(OPS))
    if rng.random() < 0.5:
        spec["measurement"] = rng.choice(["absolute", "delta"])
    if rng.random() < 0.6:
        spec["reference"] = rng.choice([0, 1, -1, 2, 3, 255, -2.9, 2.9, 128])
    if with_factors and rng.random() < 0.8:
        spec["reward"] = rng.choice([1, 0.1, -0.3, 1e-3, 2.5, 7, 1e9])
    if with_factors and rng.random() < 0.6:
        spec["penalty"] = rng.choice([1, 0.1, -0.3, 1e-3, 2.5, 7, 3.3e-7])
    return spec


def random_done(rng: random.Random, names: list[str], depth: int = 0) -> dict[str, Any]:
    done: dict[str, Any] = {}
    if rng.random() < 0.8:
        done["variables"] = {n: random_criterion(rng, False) for n in rng.sample(names, rng.randint(0, 3))}
    if rng.random() < 0.5:
        done["condition"] = rng.choice(["any", "all"])
    if depth < 2 and rng.random() < 0.5:
        done["nodes"] = {f"node{i}": random_done(rng, names, depth + 1) for i in range(rng.randint(0, 2))}
    return done


def random_reward(rng: random.Random, names: list[str]) -> dict[str, Any]:
    reward: dict[str, Any] = {}
    if rng.random() < 0.9:
        reward["variables"] = {n: random_criterion(rng, True) for n in rng.sample(names, rng.randint(0, len(names)))}
    if rng.random() < 0.3:
        reward["time"] = random_criterion(rng, True)
    return reward


def random_variables(rng: random.Random) -> dict[str, Any]:
    names = ["".join(rng.choices("abcdexyz_", k=rng.randint(1, 14))) for _ in range(rng.randint(3, 16))]
    variables: dict[str, Any] = {}
    for name in names:
        variables[name] = {"address": WORK_RAM + rng.randint(0, 40), "type": rng.choice(TYPES)}
        if rng.random() < 0.3:
            variables[name]["mask"] = rng.choice([15, 240, 128, -113, 1, 2**64 - 1])
    while len(variables) < 3:
        variables[f"more{len(variables)}"] = {"address": WORK_RAM, "type": "|u1"}
    return variables


@pytest.mark.parametrize("seed", [1, 2])
def test_random_scenarios_give_the_same_bits_as_stable_retro(make_game, ask_stable_retro, seed: int):
    rng = random.Random(seed)
    cases: list[dict[str, Any]] = []
    images: list[list[bytes]] = []
    for _ in range(100):
        variables = random_variables(rng)
        names = list(variables)
        scenario: dict[str, Any] = {"done": random_done(rng, names)} if rng.random() < 0.8 else {}
        if rng.random() < 0.7:
            scenario["reward"] = random_reward(rng, names)
        else:
            scenario["rewards"] = [random_reward(rng, names), random_reward(rng, names)]
        raw, case_images, operations = bytearray(rng.randbytes(64)), [], []
        for frame in range(9):
            for _ in range(rng.randint(0, 6)):
                raw[rng.randrange(64)] = rng.choice([0, 1, 2, 255, 254, rng.randrange(256)])
            case_images.append(bytes(raw))
            operations += [["poke", WORK_RAM, raw.hex()], ["reset" if frame == 0 else "update"]]
        images.append(case_images)
        cases.append({"folder": str(make_game(variables, scenario)), "operations": operations, "players": 2})

    num_rewarded = num_done = 0
    for case, case_images, answers in zip(cases, images, ask_stable_retro(cases), strict=True):
        scenario, variables = load(Path(case["folder"]))
        reference, compiled = ScenarioReference(scenario, variables), scenario.compile(variables)
        session = open_session(scenario, variables)
        memories = [Memory({WORK_RAM: image}) for image in case_images]
        values = [{name: memory.value(v.probe) for name, v in variables.items()} for memory in memories]
        session.start_episode(memories[0], values[0])
        for i in range(1, len(memories)):
            theirs = answers[i + 1]
            done, rewards = reference.evaluate(memories[i], memories[i - 1])
            assert (done, ([*rewards, 0.0, 0.0])[:2]) == (theirs["done"], theirs["rewards"]), (case["folder"], i)
            assert values[i] == theirs["info"]
            result = session.frame(memories[i], values[i], values[i - 1])
            assert (result.done, result.rewards) == (done, rewards or [0.0])
            now, before = list(values[i].values()), list(values[i - 1].values())
            assert (compiled.stop is not None and compiled.stop.evaluate(now, before)) == done
            assert added_up(compiled.terms, now, before, len(rewards)) == rewards
            num_rewarded += any(rewards)
            num_done += done
    assert num_rewarded > 300
    assert 100 < num_done < 700


def added_up(terms: Any, now: list[int], before: list[int], num_players: int) -> list[float]:
    """What an engine makes of the compiled terms: float32 products, added in float32 in their order."""
    totals = [0.0] * num_players
    for term in terms:
        measured = (
            1 if term.measure is None else term.measure.evaluate(now[term.measure.probe], before[term.measure.probe])
        )
        factor = term.reward if measured > 0 else term.penalty
        product = float32(int_to_float32(int(measured)) * float32(factor)) if measured else 0.0
        totals[term.player] = float32(totals[term.player] + product)
    return totals


def test_names_are_walked_in_the_order_of_stable_retros_map(make_game, ask_stable_retro):
    rng = random.Random(3)
    lists = [
        list({"".join(rng.choices("abcdefghij_0123éü", k=rng.randint(1, 40))) for _ in range(size)})
        for size in (1, 2, 3, 12, 13, 14, 15, 29, 30, 31, 59, 60, 130, 300)
    ]
    cases = [{"folder": str(make_game(dict.fromkeys(names, BYTE))), "operations": []} for names in lists]
    answers = ask_stable_retro(cases)
    assert [answer[0]["order"] for answer in answers] == [map_order(names) for names in lists]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (16777217, 16777216.0),
        (16777219, 16777220.0),
        (-16777217, -16777216.0),
        (2**63 - 1, 2.0**63),
        ((1 << 60) + (1 << 36) + 1, float((1 << 60) + (1 << 37))),  # rounding by way of a 64-bit float gives 2**60
        (7, 7.0),
    ],
)
def test_whole_numbers_become_the_nearest_float32(value: int, expected: float):
    assert int_to_float32(value) == expected


def blocks_of_systems() -> dict[str, dict[int, int]]:
    return {
        "Nes": {0: 0x800, 0x6000: 0x2000},
        "Snes": {0: 0x2000, 0x700000: 0x8000, 0x7E0000: 0x20000},
        "Genesis": {WORK_RAM: 0x10000},
        "Sms": {0xC000: 0x10000},
        "GameGear": {0xC000: 0x10000},
        "GameBoy": {0x8000: 0x8000},
        "GbColor": {0x8000: 0x8000},
        "GbAdvance": {0x2000000: 0x40000, 0x3000000: 0x8000},
        "PCEngine": {0xF80000: 0x8000},
        "Atari2600": {0x80: 0x80},
    }


def test_every_scenario_of_the_wheel_evaluates_on_random_memory():
    num_images, step = 200, 97
    rng = random.Random(5)
    pool = rng.randbytes(0x40000 + num_images * step)
    images: dict[str, list[Memory]] = {
        system: [
            Memory({start: bytearray(pool[i * step : i * step + size]) for start, size in blocks.items()})
            for i in range(num_images)
        ]
        for system, blocks in blocks_of_systems().items()
    }
    num_loaded = num_evaluated = num_scripts = 0
    for folder in sorted((wheel_folder() / "data").glob("*/*")):
        if not (folder / "data.json").is_file():
            continue
        variables = load_variables(folder / "data.json")
        memories = images.get(folder.name.removesuffix("-v0").rpartition("-")[2])
        for path in sorted(folder.glob("*.json")):
            if path.name in ("data.json", "metadata.json"):
                continue
            scenario = load_scenario(path, variables)
            compiled = scenario.compile(variables)
            assert compiled.names == tuple(variables)
            num_loaded += 1
            if memories is None:
                continue
            num_evaluated += 1
            if not scenario.needs_script:
                reference = ScenarioReference(scenario, variables)
                for now, before in zip(memories[1:], memories, strict=False):
                    reference.evaluate(now, before)
                continue
            num_scripts += 1
            session = open_session(scenario, variables)
            previous: dict[str, int] = {}
            for i, memory in enumerate(memories):
                for name in {"zone", "act"} & variables.keys():  # the Sonic scripts know the levels that exist only
                    probe = variables[name].probe
                    memory.write(probe.address, encode_value(probe.type, 0))
                values = {name: memory.value(variable.probe) for name, variable in variables.items()}
                if i == 0:
                    session.start_episode(memory, values)
                else:
                    session.frame(memory, values, previous)
                previous = values
            assert session.save()
    assert num_loaded >= 1040
    assert num_evaluated >= 1030
    assert num_scripts >= 49


# ---------------------------------------------------------------- forms of the file


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        (None, False),
        ({}, False),
        ({"condition": "all"}, True),
        ({"condition": "all", "nodes": {"a": {}}}, False),
        ({"nodes": {"a": {"condition": "all"}}}, True),
        ({"variables": {"x": {}}}, True),
        ({"variables": {"x": {"op": "zero"}, "y": {"op": "zero"}}}, True),
        ({"variables": {"x": {"op": "zero"}, "y": {"op": "zero"}}, "condition": "all"}, False),
        ({"variables": {"x": {"measurement": "delta", "op": "negative"}}}, False),
    ],
)
def test_done_over_nothing_and_conditions(make_game, done: Any, expected: bool):
    folder = make_game({"x": BYTE, "y": {"address": 1, "type": "|u1"}}, {} if done is None else {"done": done})
    scenario, variables = load(folder)
    now, before = Memory({0: b"\x05\x00"}), Memory({0: b"\x05\x00"})
    assert ScenarioReference(scenario, variables).evaluate(now, before)[0] is expected
    stop = scenario.compile(variables).stop
    assert (stop is not None and stop.evaluate([5, 0], [5, 0])) is expected


def test_reward_and_the_first_of_rewards_are_one(make_game):
    both = {
        "reward": {"variables": {"x": {"reward": 1, "measurement": "absolute"}}},
        "rewards": [
            {"variables": {"x": {"reward": 100, "measurement": "absolute"}, "y": {"reward": 0.5}}},
            {"time": {"reward": 0.25}},
        ],
    }
    scenario, variables = load(make_game({"x": BYTE, "y": {"address": 1, "type": "|u1"}}, both))
    rewards = ScenarioReference(scenario, variables).evaluate(Memory({0: b"\x05\x07"}), Memory({0: b"\x00\x03"}))[1]
    assert rewards == [5 + 4 * 0.5, 0.25]


def test_crop_and_crops_and_actions(make_game):
    one = load(make_game({}, {"crop": [0, 16, 256, 200]}))[0]
    assert (one.crop_of(0), one.crop_of(3)) == ((0, 16, 256, 200), (0, 16, 256, 200))
    each = load(make_game({}, {"crops": [[0, 0, 8, 8], [8, 0, 8, 8]], "actions": [[[], ["UP"]], [["A", "B"]]]}))[0]
    assert (each.crop_of(1), each.crop_of(2)) == ((8, 0, 8, 8), (0, 0, 0, 0))
    assert each.actions == (((), ("UP",)), (("A", "B"),))
    assert load(make_game({}, {}))[0].crop_of(0) == (0, 0, 0, 0)


def test_unknown_keys_are_ignored(make_game):
    assert load(make_game({"x": BYTE}, {"comment": 1, "reward": {"variables": {"x": {"note": "?"}}}}))[0].rewards


@pytest.mark.parametrize(
    ("scenario", "line", "message"),
    [
        ({"done": {"variables": {"lifes": {"op": "zero"}}}}, 4, "no variable 'lifes'.*lives, score"),
        ({"reward": {"variables": {"scor": {}}}}, 4, "no variable 'scor'.*lives, score"),
        ({"done": {"nodes": {"a": {"variables": {"zz": {}}}}}}, 6, "no variable 'zz'"),
        ({"done": {"variables": {"lives": {"op": "zer0"}}}}, 5, "unknown op 'zer0'.*greater-than.*zero"),
        ({"reward": {"variables": {"score": {"measurement": "change"}}}}, 5, "'change'.*absolute, delta"),
        ({"done": {"condition": "none"}}, 3, "unknown condition 'none'.*any, all"),
        ({"reward": {"variables": {"score": {"reward": "1"}}}}, 5, "reward to be a number"),
        ({"reward": {"variables": {"score": {"reward": True}}}}, 5, "reward to be a number"),
        ({"reward": {"variables": []}}, 3, "'variables' to be an object"),
        ({"reward": {"script": "lua:f"}}, 3, '"scripts" lists no file'),
        ({"reward": {"script": "js:f"}, "scripts": ["x.lua"]}, 3, "lua:reward"),
        ({"scripts": ["gone.lua"]}, 2, "no script 'gone.lua'.*other.lua"),
        ({"crop": [1, 2, 3]}, 2, r"\[x, y, width, height\]"),
        ({"crop": [1, 2, 3, -4]}, 2, "pixels from 0 to 65536"),
        ({"actions": [[["UP", 3]]]}, 2, "names of buttons"),
        ({"rewards": {}}, 2, "'rewards' to be a list"),
    ],
)
def test_what_is_wrong_in_a_scenario_is_located(make_game, scenario: Any, line: int, message: str):
    variables = {"score": BYTE, "lives": BYTE}
    folder = make_game(variables, scenario, other_lua="", x_lua="")
    with pytest.raises(IntegrationError, match=f"(?s){message}") as raised:
        load(folder)
    assert (raised.value.path, raised.value.line) == (folder / "scenario.json", line)


def test_a_reference_to_unmapped_memory_names_the_address(make_game):
    folder = make_game({"x": {"address": 0x99, "type": "|u1"}}, {"done": {"variables": {"x": {"op": "zero"}}}})
    scenario, variables = load(folder)
    with pytest.raises(IntegrationError, match="0x99"):
        ScenarioReference(scenario, variables).evaluate(Memory({0: b"\0"}), Memory({0: b"\0"}))


def test_the_first_folder_wins_and_in_a_folder_the_program(tmp_path: Path):
    first, second = tmp_path / "a", tmp_path / "b"
    for folder, names in ((first, ["only.py", "both.py"]), (second, ["both.json", "scenario.json", "data.json"])):
        folder.mkdir()
        for name in names:
            (folder / name).write_text("{}")
    folders = [first, second]
    assert find_scenario(folders) == second / "scenario.json"
    assert find_scenario(folders, "both") == first / "both.py"
    assert find_scenario([second, first], "both") == second / "both.json"
    (first / "both.json").write_text("{}")
    assert find_scenario(folders, "both") == first / "both.py"
    (first / "both.json").unlink()
    assert find_scenario(folders, "both.py") == first / "both.py"
    assert find_scenario(folders, "only") == first / "only.py"
    assert find_scenario(folders, str(second / "both.json")) == second / "both.json"
    with pytest.raises(IntegrationError, match=r"no scenario 'new'.*both\.json, both\.py, only\.py, scenario\.json"):
        find_scenario(folders, "new")


def test_compiling_leaves_scripted_parts_to_the_session(make_game):
    half = {
        "done": {"variables": {"x": {"op": "zero"}}},
        "rewards": [{"script": "lua:f"}, {"variables": {"x": {"reward": 2}}}],
        "scripts": ["s.lua"],
    }
    scenario, variables = load(make_game({"x": BYTE}, half, s_lua="function f() return 1 end"))
    compiled = scenario.compile(variables)
    assert compiled.needs_script
    assert compiled.stop is not None
    assert [term.player for term in compiled.terms] == [1]
    assert not load(make_game({"x": BYTE}, json.loads("{}")))[0].compile(variables).needs_script
