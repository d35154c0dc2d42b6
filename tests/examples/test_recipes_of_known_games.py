"""Recipes and integrations for games whose ROM is not here: everything about them that can be checked without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from playthrough.engine.engine import Display
from playthrough.env.observation import Scene, observation_of
from playthrough.env.options import EnvOptions
from playthrough.env.progress import progress_columns
from playthrough.env.shaping import Shaping
from playthrough.game.actions import ActionMap
from playthrough.game.integration import Integration, load_integration
from playthrough.game.reference import ScenarioReference
from playthrough.game.scenario import open_session
from playthrough.game.variables import Memory, writes_of
from playthrough.runs.config import resolve
from playthrough.runs.recipes import list_recipes

ROOT = Path(__file__).parents[2]
PREFIXES = ("smb-", "sonic2-", "sf2-", "mariokart-", "wickling-tiles-")
RECIPES = sorted(path.stem for path in (ROOT / "recipes").glob("*.toml") if path.stem.startswith(PREFIXES))
RAM = {"Nes": (0, 0x800), "Genesis": (0xFF0000, 0x10000), "Snes": (0x7E0000, 0x20000)}


def memory_of(integration: Integration) -> Memory:
    start, size = RAM[integration.system.name]
    return Memory({start: bytearray(size)})


def poke(integration: Integration, memory: Memory, **values: int) -> dict[str, int]:
    """Write variables, and say what all of them are now."""
    for name, value in values.items():
        for address, data in writes_of(integration.variables[name].probe, value):
            memory.write(address, data)
    return {name: memory.value(variable.probe) for name, variable in integration.variables.items()}


def test_there_are_recipes_for_the_games_people_come_for() -> None:
    assert {"smb-neat", "smb-ppo", "smb-tiles-rainbow", "sonic2-neat", "sonic2-ppo", "mariokart-ppo"} < set(RECIPES)
    assert {"sf2-genesis-ppo", "sf2-genesis-selfplay", "sf2-snes-ppo"} < set(RECIPES)
    assert all(name in list_recipes() for name in RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_resolves(name: str) -> None:
    config = resolve(recipe=ROOT / "recipes" / f"{name}.toml")
    chosen: dict[str, Any] = dict(config.env)
    integration = load_integration(config.game, info=chosen.get("info"), scenario=chosen.get("scenario"))
    options = EnvOptions(game=config.game, **chosen)
    compiled = integration.scenario.compile(integration.variables)
    memory = memory_of(integration)
    for variable in integration.variables.values():
        memory.value(variable.probe)  # every address lies in the console's memory
    actions = ActionMap.create(options.actions, integration.system, integration.scenario.actions)
    assert actions.space is not None
    if options.no_progress_frames:
        assert progress_columns(options, compiled)
    if options.shaping:
        Shaping(options.shaping, compiled.names, 1)
    if isinstance(options.state, str) and integration.states:
        assert options.state in integration.states
    start, size = RAM[integration.system.name]
    probes = {name: variable.probe for name, variable in integration.variables.items()}
    display = Display(*integration.system.screen_hint, 0, 60.0, 0.0)
    scene = Scene(display, integration.scenario.crop_of(0), probes, size, ((start, size),), integration.tiles)
    assert observation_of(options.observation).space(scene).shape


def test_mario_progress_over_both_scroll_bytes() -> None:
    game = load_integration("SuperMarioBros-Nes", info="progress-data", scenario="progress")
    before, now = memory_of(game), memory_of(game)
    poke(game, before, lives=2, xscroll=255, score=1000)
    values = poke(game, now, lives=2, xscroll=257, score=1200, coins=1)
    assert (values["xscrollHi"], values["xscrollLo"]) == (1, 1)
    assert ScenarioReference(game.scenario, game.variables).evaluate(now, before) == (False, [2 + 10 + 20])
    poke(game, now, lives=1)
    assert ScenarioReference(game.scenario, game.variables).evaluate(now, before)[0]


def test_mario_with_only_a_to_decide() -> None:
    game = load_integration("SuperMarioBros-Nes", info="progress-data", scenario="tiles_only_a")
    memory, session = memory_of(game), open_session(game.scenario, game.variables)
    before = poke(game, memory, lives=2, x=40, player_state=8)
    session.start_episode(memory, before)
    for changes, expected, done in (
        ({"x": 41}, 0.02, False),
        ({"x": 41}, -0.002, False),
        ({"player_state": 11}, -1.0, True),
        ({"player_state": 8}, -0.002, False),
        ({"player_state": 4}, 100.0, True),
    ):
        now = poke(game, memory, **changes)
        result = session.frame(memory, now, before)
        assert (result.rewards[0], result.done) == (pytest.approx(expected), done)
        before = now
    assert game.tiles is not None
    left, right, up, down = game.tiles.window
    assert (left + right + 1, up + down + 1) == (10, 6)


def test_mario_kart_pays_five_terms() -> None:
    game = load_integration("MarioKart-Snes")
    assert len(game.variables) == 8
    memory, session = memory_of(game), open_session(game.scenario, game.variables)
    road, lap = 0x40, 128
    before = poke(game, memory, laps=lap, num_checkpoints=30, checkpoint=2, surface=road, current_frame=10)
    session.start_episode(memory, before)
    frame = 10
    for changes, expected in (
        ({}, -1),
        ({"checkpoint": 3}, 299),
        ({"collision": 1}, -11),
        ({"collision": 0, "surface": 0x54}, -16),
        ({"surface": road, "backward": 16}, -3),
        ({"backward": 0, "laps": lap + 1, "checkpoint": 0}, 300 * 27 - 1),
    ):
        frame += 1
        now = poke(game, memory, current_frame=frame, **changes)
        result = session.frame(memory, now, before)
        assert (result.rewards[0], result.done) == (expected, False)
        before = now
    for _ in range(20 * 60):
        result = session.frame(memory, before, before)
    assert result.rewards[0] == 0
    assert session.frame(memory, before, before).done, "no checkpoint for 20 seconds"
    finished = open_session(game.scenario, game.variables)
    finished.start_episode(memory, before)
    assert finished.frame(memory, poke(game, memory, laps=lap + 5), before).done


@pytest.mark.parametrize(
    ("name", "scenario"),
    [("StreetFighterIISpecialChampionEdition-Genesis", "health"), ("StreetFighterII-Snes", None)],
)
def test_street_fighters_earn_the_difference(name: str, scenario: str | None) -> None:
    game = load_integration(name, scenario=scenario)
    before, now = memory_of(game), memory_of(game)
    poke(game, before, health=176, enemy_health=176)
    poke(game, now, health=170, enemy_health=160)
    done, rewards = ScenarioReference(game.scenario, game.variables).evaluate(now, before)
    assert (done, rewards) == (False, [10.0, -10.0])


def test_sonic_is_paid_for_the_furthest_x_and_the_signpost() -> None:
    config = resolve(recipe=ROOT / "recipes" / "sonic2-neat.toml")
    game = load_integration(config.game, scenario="furthest")
    names = list(game.variables)
    shaping = Shaping(EnvOptions(game=config.game, **config.env).shaping or {}, names, 1)

    def values(x: int) -> np.ndarray:
        row = np.zeros((1, len(names)), np.int64)
        row[0, names.index("screen_x")], row[0, names.index("screen_x_end")] = x, 1000
        return row

    shaping.start(np.array([True]), values(100))
    paid = []
    for x in (150, 120, 160, 1000):
        rewards, reached = shaping.step(values(x)[:, None], np.array([1], np.int32), np.zeros(1))
        paid.append(float(rewards[0]))
    assert paid == [50, 0, 10, 100840]
    assert bool(reached[0])
