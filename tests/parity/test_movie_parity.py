"""Movies go both ways: recorded here, replayed in stable-retro with equal reward, and the other way round."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from oracle import client
from oracle.games import reference_games
from oracle.inputs import random_actions

import playthrough as pt
from playthrough.game.movies import MovieWriter, read_movie
from playthrough.runs.replay import replay

ROMS = reference_games()
CASES = [
    ("Airstriker-Genesis-v0", 1),
    ("Boxing-Atari2600-v0", 1),
    ("Breakout-Atari2600-v0", 1),
    ("Pong-Atari2600-v0", 2),
]


@pytest.mark.parametrize(("game", "players"), CASES)
def test_recorded_here_replayed_there(game: str, players: int, tmp_path: Path) -> None:
    env = pt.make(game, players=players, record=tmp_path, frame_skip=3, repeat_action_probability=0.25, noop_max=8)
    env.reset(seed=9)
    env.action_space.seed(9)
    total = np.zeros(players)
    for _ in range(500):
        *_, terminated, truncated, info = env.step(env.action_space.sample())
        total += info["rewards"]
        if terminated or truncated:
            break
    env.close()
    (path,) = tmp_path.glob("*.bk2")
    there = client.run(game, movie=path, rom=ROMS[game], players=players, reset_on_done=False)
    assert there.rewards.sum(axis=0).tolist() == total.tolist()
    assert len(there.rewards) == len(read_movie(path).inputs) - 1
    here = replay(path)
    assert here.rewards == tuple(total)
    assert here.traced and here.diverged_at is None
    assert here.variables == there.variables(len(there.rewards) - 1)


@pytest.mark.parametrize(("game", "players"), CASES)
def test_recorded_there_replayed_here(game: str, players: int, tmp_path: Path) -> None:
    actions = random_actions(31, 900, players, 12 if "Genesis" in game else 8)
    recorded = client.run(game, actions, rom=ROMS[game], players=players, record_to=tmp_path, reset_on_done=False)
    here = replay(recorded.movies[0], game=game)
    np.testing.assert_allclose(here.rewards, recorded.rewards.sum(axis=0))
    assert here.frames == 901
    assert here.variables == recorded.variables(899)
    assert not here.traced


def test_a_changed_movie_diverges_where_it_was_changed(tmp_path: Path) -> None:
    env = pt.make("Airstriker-Genesis", record=tmp_path)
    env.reset(seed=1)
    env.action_space.seed(1)
    for _ in range(600):
        env.step(env.action_space.sample())
    env.close()
    (path,) = tmp_path.glob("*.bk2")
    assert replay(path).diverged_at is None
    movie = read_movie(path)
    assert movie.trace is not None
    changed = movie.trace.checksums.copy()
    changed[321:] ^= 1
    other = MovieWriter(
        tmp_path / "other.bk2", movie.system, movie.game, state=movie.state, variables=movie.trace.names
    )
    for masks, checksum in zip(movie.inputs, changed.tolist(), strict=True):
        other.frame(masks, checksum)
    other.close()
    assert replay(other.path).diverged_at == 321
