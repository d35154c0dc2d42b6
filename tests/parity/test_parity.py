"""Frame by frame, an environment is stable-retro's: picture, variables, reward and done."""

from __future__ import annotations

from pathlib import Path

import pytest
from oracle import client
from oracle.compare import assert_same_as_reference, first_difference, play
from oracle.games import atari_games, reference_games
from oracle.inputs import random_actions

import playthrough as pt

FRAMES = 3000
RESETS = (300,)
"""Some games do not end within these frames, and a reset must be equal after any history."""

ROMS = reference_games()


def num_buttons(game: str) -> int:
    return 12 if game.endswith("Genesis-v0") else 8


def test_all_games_that_the_packages_bring_are_compared() -> None:
    assert len(ROMS) == 33


@pytest.mark.parametrize("game", ROMS)
def test_one_player(game: str, tmp_path: Path) -> None:
    reference = assert_same_as_reference(
        lambda: pt.make(game, observation="rgb", actions="buttons"),
        game,
        random_actions(2024, FRAMES, 1, num_buttons(game)),
        tmp_path,
        resets=RESETS,
        rom=ROMS[game],
    )
    assert len({screen.tobytes() for screen in reference.screen}) > 100, "the game did not move: this proves nothing"


@pytest.mark.parametrize("game", ["Pong-Atari2600-v0", "FishingDerby-Atari2600-v0"])
def test_two_players(game: str, tmp_path: Path) -> None:
    assert_same_as_reference(
        lambda: pt.make(game, observation="rgb", actions="buttons", players=2),
        game,
        random_actions(7, FRAMES, 2, num_buttons(game)),
        tmp_path,
        resets=RESETS,
        rom=ROMS[game],
        players=2,
    )


@pytest.mark.parametrize("game", ["Airstriker-Genesis-v0", "Breakout-Atari2600-v0"])
def test_every_button_reaches_the_core(game: str, tmp_path: Path) -> None:
    """START, SELECT and impossible combinations go through unfiltered with `actions="all"`."""
    assert_same_as_reference(
        lambda: pt.make(game, observation="rgb", actions="all"),
        game,
        random_actions(11, 1000, 1, num_buttons(game)),
        tmp_path,
        rom=ROMS[game],
        all_buttons=True,
    )


@pytest.mark.parametrize("game", ["Airstriker-Genesis-v0", "Breakout-Atari2600-v0", "MontezumaRevenge-Atari2600-v0"])
def test_ram(game: str) -> None:
    """The `ram` observation holds the bytes of stable-retro's `get_ram`."""
    actions = random_actions(13, 600, 1, num_buttons(game))
    env = pt.make(game, observation="ram", actions="buttons")
    played = play(env, actions)
    env.close()
    reference = client.run(game, actions, rom=ROMS[game])
    differing = [i for i, look in enumerate(played.frames) if look.screen != reference.ram[i].tobytes()]
    assert not differing, f"{len(differing)} frames differ, the first is frame {differing[0]}"


def test_a_difference_is_found() -> None:
    """The comparison itself: one changed button must show."""
    game = "Airstriker-Genesis-v0"
    actions = random_actions(3, 400, 1, 12)
    changed = actions.copy()
    changed[100:130, 0, 6:8] ^= 1
    env = pt.make(game, observation="rgb", actions="buttons")
    played = play(env, actions)
    env.close()
    assert first_difference(played, client.run(game, actions)) is None
    difference = first_difference(played, client.run(game, changed))
    assert difference is not None and 100 <= difference[0] < 140


def test_boxing_is_rewarded_by_its_lua_script() -> None:
    """The parity test of Boxing is about Lua only as long as its random player gets hit."""
    game = "Boxing-Atari2600-v0"
    recording = client.run(game, random_actions(2024, FRAMES, 1, 8), rom=atari_games()[game])
    assert len(set(recording.rewards.ravel().tolist())) > 2
