"""Every system beside stable-retro, on the tiny games: pictures, variables of every type, rewards, ends and movies.

Beside it stand promises that stable-retro does not make: savestates and snapshots leave nothing of the past.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from numpy.typing import NDArray
from oracle import client
from oracle.compare import Look, first_difference, play
from tiny_games import TINY_GAMES, TinyGame

import playthrough as pt
from playthrough.runs.replay import replay

pytestmark = pytest.mark.parametrize("game", TINY_GAMES, ids=lambda game: game.system_name)

FRAMES = 600
RESETS = (77, 300)

TYPES = (
    *("|u1", "|i1", "|d1", "|n1", "<u2", ">u2", "=u2", "<i2", ">i2", "<d2", ">d2", "<n2", ">n2", "<u3", ">u3"),
    *("<u4", ">u4", "><u4", "<>u4", ">=u4", "<=u4", "<i4", ">i4", "<d4", ">d4", "><d4", "<n4", ">n4", ">d3", ">n5"),
)


def info_of_all_types(game: TinyGame, folder: Path) -> Path:
    """A file of variables: the game's own, and every type where its score is, at even and odd addresses."""
    variables: dict[str, Any] = json.loads((game.folder / "data.json").read_text())["info"]
    score = variables["score"]["address"]
    for number, kind in enumerate(TYPES):
        for offset in (0, 1):
            variables[f"{number} {kind} +{offset}"] = {"address": score + offset, "type": kind}
    variables["masked"] = {"address": score, "type": "<u2", "mask": 0x0FF0}
    path = folder / "all_types.json"
    path.write_text(json.dumps({"info": variables}))
    return path


def make(game: TinyGame, **options: Any) -> pt.RetroEnv:
    return pt.make(game.folder, **{"actions": "all", "players": game.players} | options)


def looks(env: pt.RetroEnv, actions: NDArray[np.uint8], *, past_the_end: bool = True) -> list[Look]:
    """What each action (frames, players, buttons) leads to."""
    found: list[Look] = []
    for action in actions:
        observation, _, terminated, _, info = env.step(action.reshape(-1))
        found.append(Look.at(observation, variables_of(info, env)))
        if terminated and not past_the_end:
            break
    return found


def variables_of(info: dict[str, Any], env: pt.RetroEnv) -> dict[str, int]:
    return {name: info[name] for name in env.lanes.variables}


def test_from_the_start_state(game: TinyGame, tmp_path: Path) -> None:
    """All players, all buttons, all types; and the movie of the first episode."""
    actions = game.inputs(5, FRAMES)
    info = info_of_all_types(game, tmp_path)
    peer = {"folder": game.folder, "info": str(info), "players": game.players, "all_buttons": True}
    with client.start(game.name, actions, **peer, resets=RESETS, record_to=tmp_path) as running:
        env = make(game, info=info)
        played = play(env, actions, resets=RESETS)
        reference = running.result()
    assert first_difference(played, reference) is None
    assert reference.present.all() and len(reference.names) == len(env.lanes.variables)
    assert len(reference.reset_after) >= 4, "too few episodes ended"
    assert len({screen.tobytes() for screen in reference.screen}) > FRAMES - 10

    # Their movie, replayed here: what stable-retro writes down of the first episode, and nothing that it loses.
    frames = reference.reset_after[1] + 1
    written = actions[:frames].copy()
    written[:, :, [game.system.buttons.index(button) for button in game.lost]] = 0
    env.reset()
    expected = looks(env, written)[-1].values
    env.close()
    here = replay(reference.movies[0], game=game.folder, info=info)
    assert here.frames == frames + 1
    assert here.variables == expected
    if not game.lost:
        assert here.variables == reference.variables(frames - 1)
        np.testing.assert_allclose(here.rewards, reference.rewards[:frames].sum(axis=0))


class RamShown(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Puts a digest of the whole memory into the info."""

    def step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = super().step(action)
        ram = self.unwrapped.lanes.engine.read_ram()[0]
        return observation, reward, terminated, truncated, info | {"ram": hashlib.md5(ram.tobytes()).digest()}


def test_from_power_on(game: TinyGame) -> None:
    """Without a state stable-retro's reset does not switch the console on again, so that there is only one episode."""
    actions = game.inputs(6, FRAMES, players=1)
    with client.start(game.name, actions, folder=game.folder, state=None, reset_on_done=False) as running:
        env = make(game, players=1, actions="buttons", state="power-on")
        played = play(RamShown(env), actions, reset_on_done=False)
        env.close()
        reference = running.result()
    assert first_difference(played, reference) is None
    assert reference.done.any() and reference.rewards.sum() > 0
    ram_differs = [i for i, frame in enumerate(played.frames) if frame.values["ram"] != reference.ram[i].tobytes()]
    assert not ram_differs


def test_a_movie_recorded_here_is_theirs(game: TinyGame, tmp_path: Path) -> None:
    env = make(game, record=tmp_path)
    env.reset()
    # Their player cannot press what their movies lose.
    actions = game.inputs(7, 200, without=game.lost)
    frames = looks(env, actions, past_the_end=False)
    env.close()
    (path,) = tmp_path.glob("*.bk2")
    there = client.run(game.name, movie=path, folder=game.folder, players=game.players)
    np.testing.assert_array_equal(there.actions, actions[: len(frames)])
    for number, frame in enumerate(frames):
        assert there.variables(number) == frame.values, f"frame {number}"
        assert there.screen[number].tobytes() == frame.screen, f"frame {number}"
    here = replay(path)
    assert here.variables == frames[-1].values
    assert here.traced and here.diverged_at is None


def test_our_own_movies_keep_every_button(game: TinyGame, tmp_path: Path) -> None:
    env = make(game, record=tmp_path)
    env.reset()
    frames = looks(env, game.inputs(9, 300), past_the_end=False)
    env.close()
    (path,) = tmp_path.glob("*.bk2")
    here = replay(path)
    assert here.traced and here.diverged_at is None
    assert here.variables == frames[-1].values
    assert here.variables["lives"] == -1 and here.variables["score"] > 0
    assert here.ended_at == len(frames)


def test_the_past_leaves_nothing(game: TinyGame) -> None:
    """The start state after any history, and a console switched on again, are those of a fresh one."""
    past, actions = game.inputs(10, 137), game.inputs(11, 90)
    for state in (None, "power-on"):
        fresh, used = make(game, state=state), make(game, state=state)
        used.reset()
        looks(used, past)
        first, second = (
            Look.at(observation, variables_of(info, used)) for observation, info in (fresh.reset(), used.reset())
        )
        assert first == second
        assert looks(fresh, actions) == looks(used, actions)
        fresh.close()
        used.close()


def test_a_snapshot_goes_on_in_another_lane(game: TinyGame) -> None:
    """In the middle of an episode, into a lane with another past and into another environment, bit for bit."""
    options: dict[str, Any] = {"actions": "all", "players": game.players, "autoreset_mode": "disabled"}
    lanes = pt.make_vec(game.folder, num_envs=3, num_threads=2, **options)
    pasts = [game.inputs(seed, 40, without=(game.life,)) for seed in (1, 2, 3)]
    lanes.reset(seed=0)
    for step in range(40):
        lanes.step(np.stack([pasts[lane][step].reshape(-1) for lane in range(3)]))
    snapshot = lanes.save_state(0)
    elsewhere = make(game)
    elsewhere.load_state(snapshot)
    assert (lanes.values[2] != lanes.values[0]).any()
    lanes.load_state(2, snapshot)
    for action in game.inputs(4, 300):
        actions = np.repeat(action.reshape(1, -1), 3, 0)
        observations, rewards, terminations, _, _ = lanes.step(actions)
        observation, reward, terminated, _, _ = elsewhere.step(actions[0])
        np.testing.assert_array_equal(observations[0], observations[2])
        np.testing.assert_array_equal(observations[0], observation)
        np.testing.assert_array_equal(lanes.values[0], lanes.values[2])
        np.testing.assert_array_equal(lanes.values[0], elsewhere.lanes.values[0])
        assert rewards[0] == rewards[2] == reward
        assert terminations[0] == terminations[2] == terminated
        if terminated:
            break
    else:
        pytest.fail("the episode did not end")
    lanes.close()
    elsewhere.close()
