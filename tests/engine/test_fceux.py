"""FCEUX, the real program, as an engine."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from engine.conformance import EngineConformance, Subject
from engine.same_game import played
from numpy.typing import NDArray

import playthrough as pt
from playthrough.engine.engine import Engine
from playthrough.engine.fceux import Fceux, find_fceux
from playthrough.engine.probes import DataType, Probe
from playthrough.engine.remote import RemoteEngine
from playthrough.engine.screen import Box, Speed, Text
from playthrough.engine.systems import get_system
from playthrough.errors import CapabilityError, DependencyError, EngineError
from playthrough.game.integration import load_integration
from playthrough.game.roms import find_rom
from playthrough.game.states import Recipe

GAME = "Wickling-Nes"
NES = get_system("Nes")
RIGHT = 1 << 7

try:
    find_fceux()
except DependencyError as missing:
    pytest.skip(f"{missing}", allow_module_level=True)


def rom() -> bytes:
    return find_rom(load_integration(GAME)).data


def open_fceux(lanes: int = 1, **settings: float) -> RemoteEngine:
    return RemoteEngine(Fceux(NES, rom()), rom(), num_lanes=lanes, **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def level() -> bytes:
    """A savestate in Level1-2."""
    engine = open_fceux()
    masks = Recipe.read(load_integration(GAME).recipes["Level1-2"], NES).masks(NES)
    engine.run(masks[None].astype(np.uint16), np.array([len(masks)], np.int32), np.zeros(1, np.uint8))
    state = engine.save(0)
    engine.close()
    return state


class TestFceux(EngineConformance):
    @pytest.fixture
    def subject(self, level: bytes) -> Iterator[Subject]:
        opened: list[Engine] = []

        def open_lanes(lanes: int) -> Engine:
            opened.append(open_fceux(lanes))
            return opened[-1]

        # The frame counter, and the player's place in the level.
        counter, place = Probe(9, DataType.parse("|u1")), Probe(0x710, DataType.parse(">u2"))
        yield Subject(open_lanes, counter, place, RIGHT, level)
        for engine in opened:
            engine.close()


# The same game in both emulators --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("game", "state"), [(GAME, "Level1-2"), (GAME, "Level2-1"), ("Tiny-Nes", "power-on")])
def test_variables_rewards_and_memory_are_those_of_the_embedded_core(game: str, state: str) -> None:
    embedded, remote = played("libretro", game, state, 2000), played("fceux", game, state, 2000)
    assert embedded[1].sum() > 300, "hardly anything happened: this proves little"
    for ours, theirs in zip(embedded, remote, strict=True):
        if ours.dtype == np.uint8:  # without the stack: below its top lie addresses of where interrupts met the program
            ours, theirs = np.delete(ours, np.s_[0x100:0x200], 1), np.delete(theirs, np.s_[0x100:0x200], 1)
        assert not np.flatnonzero((ours != theirs).reshape(2000, -1).any(1)).tolist()[:1], "first frame that differs"


@pytest.mark.parametrize("observation", ["rgb", "gray84", "grid8", "ram", "variables"])
def test_observations_look_like_those_of_the_embedded_core(observation: str) -> None:
    seen: list[NDArray[np.float64]] = []
    for engine in ("libretro", "fceux"):
        env = pt.make_vec(GAME, num_envs=2, engine=engine, state="Level1-1", observation=observation, frame_skip=4)
        env.reset(seed=0)
        for _ in range(20):
            observations, *_ = env.step(np.zeros(env.action_space.shape, np.int8))
        assert observations.shape == env.observation_space.shape
        seen.append(observations.astype(float))
        env.close()
    embedded, remote = seen
    assert embedded.shape == remote.shape
    if observation in ("ram", "variables"):
        np.testing.assert_array_equal(embedded, remote)
    else:  # every emulator has colours of its own, at the same places
        assert np.corrcoef(embedded.ravel(), remote.ravel())[0, 1] > 0.9
    np.testing.assert_array_equal(remote[0], remote[1])


def test_an_environment_says_what_fceux_lacks() -> None:
    for options, words in (
        ({"sound": True}, "no sound"),
        ({"core": "fast"}, "no libretro cores"),
        ({"players": 3, "actions": "all"}, "2 pads"),
    ):
        with pytest.raises(CapabilityError, match=words):
            pt.make_vec(GAME, engine="fceux", **options)
    with pytest.raises(CapabilityError, match="Nes games; this game is one of Genesis"):
        pt.make_vec("Airstriker-Genesis", engine="fceux")
    with pytest.raises(CapabilityError, match="'libretro', 'fceux', 'bizhawk'"):
        pt.make_vec(GAME, engine="mesen")


def test_a_lost_emulator_truncates_its_episode_and_says_so() -> None:
    env = pt.make_vec(GAME, num_envs=2, engine="fceux", state="Level1-1", observation="gray84", frame_skip=4)
    env.reset(seed=0)
    still = np.zeros(env.action_space.shape, np.int8)
    env.step(still)
    process = env.engine._lanes[1].process
    os.kill(process.pid, signal.SIGKILL)
    _, _, terminated, truncated, infos = env.step(still)
    assert truncated.tolist() == [False, True] and not terminated.any()
    assert "ended by signal 9" in infos["lost"][1] and infos["lost"][0] is None
    env.step(still)
    observations, _, _, truncated, _ = env.step(still)
    assert not truncated.any() and observations[1].any()
    env.close()


def test_a_snapshot_of_an_environment_goes_on_alike() -> None:
    env = pt.make_vec(GAME, num_envs=2, engine="fceux", state="Level1-1", observation="gray84", frame_skip=4)
    env.reset(seed=0)
    random = np.random.default_rng(2)
    actions = random.integers(0, 2, (20, *env.action_space.shape)).astype(np.int8)
    actions[:, 1] = actions[:, 0]
    for action in actions[:10]:
        env.step(action)
    snapshot = env.save_state(0)
    first = [env.step(action) for action in actions[10:]]
    env.load_state(1, snapshot)
    for action, (seen, reward, *_) in zip(actions[10:], first, strict=True):
        again, reward_again, *_ = env.step(action)
        np.testing.assert_array_equal(again[1], seen[0])
        assert reward_again[1] == reward[0]
    env.close()


def test_drawings_show_in_renderings_and_nowhere_else() -> None:
    env = pt.make(GAME, engine="fceux", state="Level1-1", observation="rgb", render_mode="rgb_array")
    plain = pt.make(GAME, engine="fceux", state="Level1-1", observation="rgb")
    still = np.zeros(env.action_space.shape, np.int8)
    env.reset(seed=0)
    plain.reset(seed=0)
    red = Box(10, 20, 30, 40, color=0xFFFF0000)
    env.unwrapped.lanes.draw(0, [red, Text(100, 100, "fitness 12", background=0xFF000000)])
    for _ in range(3):
        expected, *_ = plain.step(still)
        np.testing.assert_array_equal(env.step(still)[0], expected)
        drawn = env.render()
        changed = np.argwhere((drawn != expected).any(-1))
        assert changed.min(0).tolist() == [20, 10] and (drawn[[20, 59], 10:40] == drawn[20, 10]).all()
        assert (drawn[20:60, [10, 39]] == drawn[20, 10]).all(), "a whole frame, in its place"
        assert drawn[20, 10, 0] > 150 > drawn[20, 10, 1:].max(), "it is red"
        assert (changed > (99, 99)).all(1).sum() > 100, "the text"
    os.kill(env.unwrapped.lanes.engine._lanes[0].process.pid, signal.SIGKILL)
    env.step(still)
    env.reset(seed=0)
    env.step(still)
    assert (env.render()[20, 10:40] == drawn[20, 10]).all(), "an emulator that was started again is drawn on"
    env.unwrapped.lanes.draw(0, [])
    plain.reset(seed=0)
    plain.step(still)
    for _ in range(2):
        expected, *_ = plain.step(still)
        env.step(still)
    np.testing.assert_array_equal(env.render(), expected)
    env.close()
    plain.close()


def test_real_time_is_as_slow_as_the_console() -> None:
    env = pt.make(GAME, engine="fceux", state="power-on", observation="variables", frame_skip=30)
    env.reset(seed=0)
    still = np.zeros(env.action_space.shape, np.int8)
    env.unwrapped.lanes.set_speed(Speed.REAL_TIME)
    began_s = time.monotonic()
    env.step(still)
    assert time.monotonic() - began_s > 0.4, "30 frames are half a second"
    env.unwrapped.lanes.set_speed(Speed.PAUSED)
    with pytest.raises(EngineError, match="paused"):
        env.step(still)
    env.unwrapped.lanes.set_speed(Speed.UNTHROTTLED)
    env.step(still)
    env.close()


def test_the_programs_in_the_documentation_run(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "other-emulators.md").read_text(encoding="utf-8")
    programs = [program for program in re.findall(r"```py\n(.*?)```", page, re.DOTALL) if 'engine="fceux"' in program]
    assert len(programs) == 2
    for program in programs:
        exec(program, {})
    assert capsys.readouterr().out.startswith("(4, 84, 84) ")
