"""JSON files that were changed at random: whatever stands in them, they load, or an error says what is wrong."""

from __future__ import annotations

import copy
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from playthrough.engine.systems import wheel_folder
from playthrough.errors import IntegrationError, PlaythroughError
from playthrough.game.actions import ActionMap
from playthrough.game.integration import load_integration
from playthrough.game.states import Recipe
from playthrough.game.tiles import load_tiles

REPOSITORY = Path(__file__).parents[2]
NUM_MUTATIONS = 300
ODD_VALUES: list[Any] = [
    *(None, True, -1, 0, 2**31, 2**63, 2**64, 10**29, 1e308, -0.5),
    *("", "a", "\0", "lua:x", "time", "delta", "all", "|u9"),
    *([], {}, [[]], [{}], {"": {}}, {"op": []}, [0, 0, 0, 0], "x" * 300, "\ud800", ["\ud800"]),
]
ODD_KEYS = ["op", "variables", "script", "scripts", "crop", "actions", "", "\0"]
ODD_TEXTS = ["9" * 400, "[" * 3000, '{"a":' * 3000, "NaN", "1e999", "\0", '"\\ud800"', ",", "}", "\ufeff"]


def source_files() -> list[Path]:
    games = wheel_folder() / "data" / "stable"
    folders = sorted(folder for folder in games.iterdir() if (folder / "scenario.json").is_file())[::29]
    files = [folder / name for folder in folders for name in ("data.json", "scenario.json", "metadata.json")]
    own = [*REPOSITORY.glob("games/**/tiles.json"), *REPOSITORY.glob("games/**/*.recipe.json")]
    return [path for path in (*files, *own) if path.is_file()]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) inside a JSON value."""
    found: list[tuple[Any, Any]] = []
    inner = [value]
    while inner:
        container = inner.pop()
        keys = list(container) if isinstance(container, dict) else range(len(container))
        for key in keys:
            found.append((container, key))
            if isinstance(container[key], dict | list):
                inner.append(container[key])
    return found


def mutated(text: str, chance: random.Random) -> str:
    """The text with one to three things in it that do not belong there."""
    if chance.random() < 0.3:
        at, length = chance.randrange(len(text) + 1), chance.choice((0, 1, 20))
        return text[:at] + chance.choice(ODD_TEXTS) + text[at + length :]
    content = json.loads(text)
    for _ in range(chance.randint(1, 3)):
        if not (found := places(content)):
            break
        container, key = chance.choice(found)
        if isinstance(container, dict) and chance.random() < 0.3:
            container[chance.choice(ODD_KEYS)] = container.pop(key)
        else:
            container[key] = copy.deepcopy(chance.choice(ODD_VALUES))
    return json.dumps(content)


def load(path: Path) -> None:
    """Read a file as the product does."""
    if path.name == "tiles.json":
        load_tiles(path)
    elif path.name.endswith(".recipe.json"):
        Recipe.read(path, load_integration("Wickling-Nes").system)
    else:
        integration = load_integration(path.parent)
        integration.scenario.compile(integration.variables)
        integration.default_state()
        integration.reference_runs("Level1")
        for kind in ("buttons", "multi_discrete"):
            ActionMap.create(kind, integration.system, integration.scenario.actions)


def fuzz(folder: Path, num_mutations: int, seed: int) -> None:
    chance = random.Random(seed)
    files = source_files()
    assert len(files) > 20
    for number in range(num_mutations):
        source = chance.choice(files)
        game = folder / "Made-Nes"
        shutil.rmtree(game, ignore_errors=True)
        game.mkdir()
        for beside in source.parent.glob("*.[jl]*"):
            shutil.copy(beside, game)
        text = mutated(source.read_text("utf-8-sig"), chance)
        (game / source.name).write_text(text, "utf-8", errors="surrogatepass")
        try:
            load(game / source.name)
        except PlaythroughError as error:
            assert len(str(error).encode()) > 20
        except Exception as error:
            raise AssertionError(f"mutation {number} of {source}: {text[:2000]}") from error


def test_changed_files_load_or_say_what_is_wrong(tmp_path: Path) -> None:
    fuzz(tmp_path, NUM_MUTATIONS, seed=1)


MakeGame = Callable[..., Path]


@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        ({"done": {"variables": {"x": {"op": []}}}}, r"scenario\.json:\d+: unknown op \[\]"),
        ({"done": {"variables": {"x": {"op": "equal", "reference": 2**70}}}}, "fits into 64 bits"),
        ({"actions": [[]]}, "no choice"),
        ({"crop": [0, 0, -1, 5]}, r"scenario\.json:\d+: crop: expected a whole number of pixels"),
        ({"crop": [0, 0, 10**9, 5]}, r"scenario\.json:\d+: crop: .* from 0 to 65536, found 1000000000"),
        ({"scripts": [5]}, "the name of a Lua file, found 5"),
        ({"scripts": ["x" * 300]}, "there is no script"),
    ],
)
def test_odd_values_in_a_scenario(make_game: MakeGame, scenario: dict[str, Any], message: str) -> None:
    folder = make_game({"x": {"address": 1, "type": "|u1"}}, scenario)
    (folder / "rom.sha").write_text("0" * 40)
    game = folder.rename(folder.with_name("Made-Nes"))
    with pytest.raises(IntegrationError, match=message):
        load_integration(game)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"info": {"x": {"address": ' + "9" * 400 + "}}}", "data.json:1:28: a number with 400 digits"),
        ('{"info": {"x": {"address": 1e999}}}', "the number 1e999 is too large"),
        ('{"info": ' * 3000 + "1" + "}" * 3000, "nested"),
        ('{"info": ' * 100 + "1" + "}" * 100, "nested more than 40 deep"),
        ('{"info": {"\\ud800": {"address": 1, "type": "|u1"}}}', "half of a character"),
    ],
)
def test_odd_json(make_game: MakeGame, text: str, message: str) -> None:
    folder = make_game({})
    (folder / "data.json").write_text(text)
    game = folder.rename(folder.with_name("Made-Nes"))
    with pytest.raises(IntegrationError, match=message) as raised:
        load_integration(game)
    assert raised.value.path == game / "data.json"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": 7}, "game must be"),
        ({"name": None}, "game must be"),
        ({"name": "Airstriker-Genesis", "info": 3.5}, "info must be"),
        ({"name": "Airstriker-Genesis", "scenario": ["x"]}, "scenario must be"),
    ],
)
def test_options_of_an_odd_type_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        load_integration(**options)


@pytest.mark.parametrize(
    ("actions", "players", "message"),
    [
        (7, 1, "actions must be"),
        ([1], 1, "each action is a list"),
        ([[1]], 1, "no button 1"),
        ("buttons", None, "players"),
    ],
)
def test_actions_of_an_odd_type_are_named(actions: Any, players: Any, message: str) -> None:
    system = load_integration("Airstriker-Genesis").system
    with pytest.raises((TypeError, ValueError), match=message):
        ActionMap.create(actions, system, None, players)
