"""The tiny games: each is what its source says, and every system's memory, pads and picture are as declared."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from power_on import run_from_power_on
from tiny_games import GAMES, STATE_BYTES, TINY_GAMES, TinyGame

import playthrough as pt
from playthrough.engine.cores import find_core
from playthrough.game.integration import list_games, load_integration
from playthrough.game.roms import find_rom, list_playable

pytestmark = pytest.mark.parametrize("game", TINY_GAMES, ids=lambda game: game.system_name)


@pytest.fixture
def env(game: TinyGame) -> Iterator[pt.RetroEnv]:
    """The game at its start, every button open."""
    env = pt.make(game.folder, actions="all", players=game.players)
    env.reset()
    yield env
    env.close()


def look(env: pt.RetroEnv, action: Any) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
    observation, *_, info = env.step(action)
    return observation, info


def poke(env: pt.RetroEnv, name: str, data: bytes) -> None:
    env.lanes.engine.write_memory(0, address_of(env, name), data)


def address_of(env: pt.RetroEnv, name: str) -> int:
    return env.lanes.integration.variables[name].probe.address


def test_the_source_builds_it(game: TinyGame, tmp_path: Path) -> None:
    missing = [tool for tool in ("make", game.tool) if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"building {game.name} needs {' and '.join(missing)}, which is not installed (see its Makefile)")
    for folder in GAMES.glob("Tiny-*"):  # some include another's source
        shutil.copytree(folder / "src", tmp_path / folder.name / "src", ignore=shutil.ignore_patterns("build"))
    made = tmp_path / game.name
    built = subprocess.run(["make", "-C", made / "src"], capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    rom = f"rom{game.system.extensions[0]}"
    assert (made / rom).read_bytes() == (game.folder / rom).read_bytes()
    assert (made / "rom.sha").read_bytes() == (game.folder / "rom.sha").read_bytes()


def test_it_is_listed_and_its_rom_is_known(game: TinyGame, env: pt.RetroEnv) -> None:
    assert game.name in list_games()
    assert game.name in list_playable()
    rom = find_rom(env.lanes.integration)
    assert rom.known
    content = rom.data[16:] if game.system_name == "Nes" else rom.data
    assert hashlib.sha1(content).hexdigest() == rom.sha1


def test_memory_is_mapped_and_ordered_as_the_bus_sees_it(game: TinyGame, env: pt.RetroEnv) -> None:
    engine = env.lanes.engine
    assert tuple(engine.memory_blocks(0)) == game.blocks
    order = "big" if game.system_name == "Genesis" else "little"
    _, info = look(env, game.press(0))
    assert engine.read_memory(0, address_of(env, "counter"), 2) == info["counter"].to_bytes(2, order)
    assert engine.read_memory(0, address_of(env, "digits"), 4) == b"0000"
    poke(env, "score", (0x1995).to_bytes(2, order))
    poke(env, "x", (-300).to_bytes(2, order, signed=True))
    poke(env, "counter", (0xFFFE).to_bytes(2, order))
    _, info = look(env, game.press(0, "LEFT"))
    assert (info["score"], info["x"]) == (1995, -301)
    assert info["counter"] == info["counter_end"] == 0xFFFF
    _, info = look(env, game.press(0))
    assert info["counter"] == info["counter_end"] == 0


def test_every_button_of_every_pad_sets_its_own_bit(game: TinyGame, env: pt.RetroEnv) -> None:
    assert set(game.pad) == set(game.buttons)
    pads = ["pad1", "pad2"][: game.players]
    for player, pad in enumerate(pads):
        for button in game.buttons:
            _, info = look(env, game.press(player, button))
            if button == "PAUSE":
                # It is no bit but an interrupt, which happens on the frame after.
                assert info[pad] == 0
                _, info = look(env, game.press(player, button))
            heard = button not in game.unheard and (player == 0 or button not in game.console)
            assert info[pad] == (game.pad[button] if heard else 0), f"{button} of {pad}"
            assert all(info[other] == 0 for other in pads if other != pad), f"{button} of {pad} is on another pad"
            _, info = look(env, game.press(player))
            assert info[pad] == 0


def test_the_rules(game: TinyGame, env: pt.RetroEnv) -> None:
    _, info = env.reset()
    assert (info["score"], info["digits"], info["lives"], info["x"]) == (0, 0, 3, 10)

    score = 0
    for press in range(1, 10):
        for held in range(3):
            _, reward, *_, info = env.step(game.press(0, game.score))
            score += 125 if held == 0 else 0
            assert reward == (125 if held == 0 else 0)
            assert (info["score"], info["digits"]) == (score, score)
        look(env, game.press(0))
        assert score == 125 * press
    assert info["lives"] == 3

    x = info["x"]
    for _ in range(20):
        look(env, game.press(0, "LEFT"))
    _, info = look(env, game.press(0, "RIGHT"))
    assert info["x"] == x - 19 < 0

    for lives in (2, 1, 0, -1):
        _, _, terminated, _, info = env.step(game.press(0, game.life))
        assert info["lives"] == lives
        assert terminated == (lives == -1)
        look(env, game.press(0))
    for action in (game.press(0, game.score), game.press(0, "RIGHT"), game.press(0, game.life)):
        _, after = look(env, action)
        assert {name: after[name] for name in ("score", "x", "lives")} == {
            "score": info["score"],
            "x": info["x"],
            "lives": -1,
        }


def test_the_picture_shows_the_memory_of_its_own_frame(game: TinyGame, env: pt.RetroEnv) -> None:
    assert env.observation_space.shape == (*game.size, 3)
    start = address_of(env, "counter")
    before = None
    for action in game.inputs(3, 200):
        observation, _ = look(env, action.reshape(-1))
        assert game.shown(observation) == env.lanes.engine.read_memory(0, start, STATE_BYTES)
        assert before is None or (observation != before).any()
        before = observation


def test_the_recipe_leads_to_the_start_state(game: TinyGame, tmp_path: Path) -> None:
    """The same game under another name, without the savestate's bytes."""
    folder = tmp_path / f"Recipe-{game.system_name}"
    shutil.copytree(game.folder, folder, ignore=shutil.ignore_patterns("*.state", "src"))
    envs = [pt.make(path, actions="all", players=game.players) for path in (game.folder, folder)]
    stored, played = (env.reset() for env in envs)
    for action in game.inputs(8, 60):
        assert {**played[1], "rewards": None} == {**stored[1], "rewards": None}
        np.testing.assert_array_equal(played[0], stored[0])
        stored, played = (look(env, action.reshape(-1)) for env in envs)
    assert stored[1]["x"] != 0
    for env in envs:
        env.close()


def test_it_reads_no_memory_that_it_did_not_write(game: TinyGame, tmp_path: Path) -> None:
    """Whatever was in RAM at power-on, the same inputs lead to the same game."""
    core = find_core("exact", game.system).path
    rom = find_rom(load_integration(game.folder)).data
    masks = game.inputs(4, 150) @ (1 << np.arange(len(game.system.buttons)))
    (first, left), (second, right) = (
        run_from_power_on(core, game, rom, masks, np.random.default_rng(seed), tmp_path / f"{seed}") for seed in (1, 2)
    )
    assert len(set(first)) == len(first) > 100
    assert second == first
    # It is another RAM indeed; only this game clears all of it.
    assert (left == right) == (game.system_name == "Atari2600")
