"""Processor scripts written for GymBizHawk as environments."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from tiny_cores import REPOSITORY

import playthrough as pt
from playthrough.env.bizhawk.spaces import ScriptSpace
from playthrough.errors import EngineError, IntegrationError, PlaythroughError

WICKLING = REPOSITORY / "games" / "Wickling-Nes" / "rom.nes"
EXAMPLE = REPOSITORY / "examples" / "wickling_processor.lua"

PROCESSOR = """
local bizhawk = require("bizhawk")
local this = {{ NAME = "Small", ROM = "{rom}", HASH = "",
    ACTION_SPACE = {{ {actions} }}, OBSERVATION_SPACE = {{ {observations} }} }}
this.setup = function(self, env, setup_str) self.env, self.text = env, setup_str end
this.reset = function(self) client.reboot_core(); self.steps = 0; emu.frameadvance() end
this.step = function(self, action)
    self.action, self.steps = action, self.steps + 1
    {step}
end
this.getObservation = function(self) return {{ {values} }} end
{more}
bizhawk.run(this{log})
"""


@pytest.fixture
def processor(tmp_path: Path) -> Callable[..., Path]:
    def write(
        actions: str = '"bool"',
        observations: str = '"int[*]"',
        step: str = "emu.frameadvance(); return 1, false, false",
        values: str = "self.steps, emu.framecount()",
        more: str = "",
        log: str = "",
    ) -> Path:
        path = tmp_path / "processor.lua"
        path.write_text(
            PROCESSOR.format(
                rom=WICKLING, actions=actions, observations=observations, step=step, values=values, more=more, log=log
            )
        )
        return path

    return write


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"observation": "IMAGE"},
        {"observation": "BOTH"},
        {"observation": "RAM", "frameskip": 3},
        {"flat_actions": False, "setup_str": "2"},
    ],
    ids=str,
)
def test_the_example_is_an_environment_by_gymnasiums_rules(options: dict[str, Any]) -> None:
    env = pt.make_script(EXAMPLE, WICKLING, render_mode="rgb_array", **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*not having a spec.*")
        check_env(env)
    env.close()


def test_the_example_plays_and_draws() -> None:
    env = pt.make_script(EXAMPLE, render_mode="rgb_array")  # it names its ROM itself
    assert env.name == "Wickling" and env.action_space == spaces.Discrete(12)
    _, info = env.reset(seed=1)
    assert info["x"] == 32 and info["goal_x"] == 3504
    # Running alone and, at the left end, walking left is forbidden: (0, x, run) and (1, x, x).
    start = info["action_mask"].tolist()
    right = 2 * 4
    total = 0.0
    for _ in range(60):
        observation, reward, terminated, truncated, info = env.step(right)
        total += reward
    assert info["x"] == info["best_x"] > 100 and total > 5 and not terminated and not truncated
    assert start == [1, 0, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1] or start == [1, 0, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1]
    assert observation[:7].tolist() == [0, 0, 0, 0, 1, 0, 0]  # walking at speed 1
    plain, drawn = env.host.picture(drawn=False), env.render()
    assert drawn is not None and (plain != drawn).any(axis=2).sum() > 1000
    env.close()


def test_backup_and_restore_repeat_the_same_play() -> None:
    env = pt.make_script(EXAMPLE, WICKLING)
    env.reset(seed=1)
    for _ in range(40):
        env.step(8)

    def play() -> list[list[float]]:
        return [[*env.step(action)[0], *env.step(action)[1:2]] for action in (10, 10, 8, 11, 9) * 6]

    number = env.backup()
    first = play()
    env.restore(number)
    assert play() == first
    assert env.step(8)[4]["backup"] == 1
    with pytest.raises(ValueError, match="no backup"):
        env.restore(1)
    env.close()


def test_frameskip_is_that_many_more_steps_of_the_processor(processor: Callable[..., Path]) -> None:
    env = pt.make_script(processor(), frameskip=3)
    env.reset()
    observation, reward, *_ = env.step(1)
    assert observation.tolist() == [4, 5] and reward == 4.0
    env.close()


def test_an_episode_that_ends_stops_the_frameskip(processor: Callable[..., Path]) -> None:
    env = pt.make_script(processor(step="emu.frameadvance(); return 1, self.steps == 2"), frameskip=9)
    env.reset()
    observation, reward, terminated, truncated, _ = env.step(0)
    assert (reward, terminated, truncated, observation.tolist()) == (2.0, True, False, [2, 3])
    env.close()


def test_a_step_may_advance_many_frames_or_none(processor: Callable[..., Path]) -> None:
    env = pt.make_script(processor(step="for _ = 1, 7 do emu.frameadvance() end return 0, false, true"))
    env.reset()
    observation, _, terminated, truncated, _ = env.step(0)
    assert observation.tolist() == [1, 8] and not terminated and truncated
    env.close()
    env = pt.make_script(processor(step="return 0, false"), frameskip=2)
    env.reset()
    assert env.step(0)[0].tolist() == [3, 3]  # the frames that the three steps left out are played
    env.close()


def test_a_reset_with_nothing_done_since_is_left_out(processor: Callable[..., Path]) -> None:
    path = processor(more="this.reset = function(self) print('reset'); self.steps = 0; emu.frameadvance() end")
    env = pt.make_script(path)
    assert env.host.total_frames == 1
    env.reset()
    assert env.host.total_frames == 1
    env.step(0)
    env.reset()
    assert env.host.total_frames == 3
    env.reset(seed=5)
    assert env.host.total_frames == 4
    env.close()


def test_a_seed_decides_the_scripts_random_numbers(processor: Callable[..., Path]) -> None:
    path = processor(values="math.random(1000000), math.random(1000000)")
    first, second = pt.make_script(path), pt.make_script(path)
    numbers = [env.reset(seed=7)[0].tolist() for env in (first, second, first)]
    assert numbers[0] == numbers[1] == numbers[2] != first.reset(seed=8)[0].tolist()
    first.close()
    second.close()


def test_actions_arrive_as_declared(processor: Callable[..., Path]) -> None:
    path = processor(
        actions='"bool[2]", "int 3 5", "int", "float -1 1"',
        more="this.getInfo = function(self) local a = self.action or {} "
        "return { list = a, types = {type(a[1]), math.type(a[3]), math.type(a[5])} } end",
    )
    env = pt.make_script(path)
    assert isinstance(env.action_space, spaces.Tuple)
    assert [type(space).__name__ for space in env.action_space] == ["Discrete", "Discrete", "Discrete", "Box", "Box"]
    info = env.step((1, 0, 4, np.array([-9]), np.array([0.5], np.float32)))[4]
    assert info["list"] == [True, False, 4, -9, 0.5] and info["types"] == ["boolean", "integer", "float"]
    env.action_space.seed(3)
    for _ in range(5):
        env.step(env.action_space.sample())
    for wrong in ((1, 0, 6, [0], [0.0]), (1, 0, 4), (1, 0, 4, [0], [2.0])):
        with pytest.raises(ValueError):
            env.step(wrong)
    env.close()


def test_declared_observations_become_spaces() -> None:
    space = ScriptSpace("bool,int 0 0x0F,int[2] -1 1,int,float[2] 0 1,float[*]", 10)
    assert isinstance(space.space, spaces.Tuple)
    assert space.space.spaces[:4] == (
        spaces.Discrete(2),
        spaces.Discrete(16),
        spaces.Discrete(3, start=-1),
        spaces.Discrete(3, start=-1),
    )
    assert [(part.shape, part.dtype) for part in space.space.spaces[4:]] == [
        ((1,), np.int64),
        ((2,), np.float32),
        ((3,), np.float32),
    ]
    value = space.decode(np.array([1, 15, -1, 0, 99, 0.5, 1, 7, 8, 9], float))
    assert space.space.contains(value) and value[4].tolist() == [99] and value[6].tolist() == [7, 8, 9]
    vector = ScriptSpace("bool,int -3 4,float[2]", 4, vector=True).space
    assert isinstance(vector, spaces.Box) and vector.low.tolist() == [0, -3, -np.inf, -np.inf]


@pytest.mark.parametrize(
    ("declaration", "words"),
    [
        ("byte", "'byte' declares no space"),
        ("int 1", "'int 1' declares no space"),
        ("int 5 1", "lower bound"),
        ("int a b", "bounds"),
        ("bool,bool", "gives 3 values, but OBSERVATION_SPACE declares 2"),
    ],
)
def test_wrong_declarations_are_explained(declaration: str, words: str) -> None:
    with pytest.raises(IntegrationError, match=words):
        ScriptSpace(declaration, 3)


def test_invalid_actions_are_a_mask_or_a_list(processor: Callable[..., Path]) -> None:
    more = "this.getInvalidActions = function(self) return {{false, 2}, {true, self.steps}} end"
    env = pt.make_script(processor(actions='"bool", "int 0 2"', more=more))
    assert env.action_space == spaces.Discrete(6)
    assert env.reset()[1]["action_mask"].tolist() == [1, 1, 0, 0, 1, 1]
    assert env.step(env.action_space.sample(mask=env.step(0)[4]["action_mask"]))[4]["action_mask"][5] == 0
    env.close()
    more = "this.getInvalidActions = function(self) return {{1, 2}, {-1, 3}} end"
    env = pt.make_script(processor(actions='"int -1 9999", "int 0 9"', more=more))
    info = env.reset()[1]
    assert isinstance(env.action_space, spaces.Tuple) and info["invalid_actions"] == [(1, 2), (-1, 3)]
    assert env.get_invalid_actions() == [[1, 2], [-1, 3]]
    env.close()


def test_setup_text_mode_and_log(processor: Callable[..., Path], tmp_path: Path) -> None:
    path = processor(
        more="this.setup = function(self, env, text) self.env = env; env:log_info('setup ' .. text) end\n"
        "this.getInfo = function(self) self.env:log_debug('step'); return {mode = self.env.mode} end",
        log=', "own.log"',
    )
    env = pt.make_script(path, setup_str="level=2", mode="RUN")
    assert env.reset()[1]["mode"] == "RUN"
    env.set_mode("FAST_RUN")
    assert env.step(0)[4]["mode"] == "FAST_RUN"
    env.close()
    own = (tmp_path / "own.log").read_text().splitlines()
    assert [line.partition(": ")[2] for line in own] == ["setup level=2", "step"]
    pt.make_script(path, log_path=tmp_path / "mine.log").close()
    assert "setup " in (tmp_path / "mine.log").read_text() and len((tmp_path / "own.log").read_text().splitlines()) == 2


def test_keys_are_pressed_by_name(processor: Callable[..., Path]) -> None:
    path = processor(
        step='self.env:setKeys({"P1 A", "", action[1] and "P1 Up" or "Nothing"}); emu.frameadvance();'
        " self.pad = joypad.get(1) return 0, false",
        more="this.getInfo = function(self) return self.pad end",
    )
    env = pt.make_script(path)
    info = env.step(1)[4]
    assert [name for name in info if info[name] is True] == ["A", "Up"]
    assert [name for name, down in env.step(0)[4].items() if down is True] == ["A"]
    env.close()


def test_the_older_names_of_the_spaces_are_understood(processor: Callable[..., Path]) -> None:
    path = processor()
    text = (
        path.read_text()
        .replace("ACTION_SPACE", "ACTION")
        .replace('OBSERVATION_SPACE = { "int[*]" }', 'OBSERVATION = "int"')
    )
    path.write_text(text)
    env = pt.make_script(path)
    assert env.action_space == spaces.Discrete(2) and env.observation_space.shape == (2,)
    env.close()


def test_what_is_wrong_with_a_script_is_said(processor: Callable[..., Path], tmp_path: Path) -> None:
    path = processor(step="error('no luck')")
    env = pt.make_script(path)
    with pytest.raises(IntegrationError, match=r"processor\.lua:\d+: no luck"):
        env.step(0)
    env.close()
    with pytest.raises(EngineError, match="closed"):
        env.step(0)
    env = pt.make_script(processor(step="return nil"))
    with pytest.raises(IntegrationError, match="no reward"):
        env.step(0)
    env.close()
    path.write_text("local bizhawk = require('bizhawk')")
    with pytest.raises(IntegrationError, match="no processor"):
        pt.make_script(path)
    path.write_text("require('bizhawk').run({})")
    with pytest.raises(PlaythroughError, match="names no ROM"):
        pt.make_script(path)
    with pytest.raises(PlaythroughError, match="no such script"):
        pt.make_script(tmp_path / "none.lua")
    for options in ({"observation": "SOUND"}, {"mode": "TRAIN"}, {"frameskip": -1}, {"render_mode": "human"}):
        with pytest.raises(ValueError, match=next(iter(options))):
            pt.make_script(EXAMPLE, **options)  # type: ignore[arg-type]


def test_a_learner_that_knows_only_gymnasium_gets_better() -> None:
    """A search over the weights of a linear policy: the simplest learner that there is."""
    env = gym.wrappers.FlattenObservation(pt.make_script(EXAMPLE, WICKLING, frameskip=7))
    rng = np.random.default_rng(0)

    def fitness(weights: np.ndarray) -> float:
        observation, info = env.reset(seed=0)
        total, ended = 0.0, False
        for _ in range(60):
            scores = np.where(info["action_mask"], weights @ observation, -np.inf)
            observation, reward, terminated, truncated, info = env.step(int(scores.argmax()))
            total, ended = total + float(reward), terminated or truncated
            if ended:
                break
        return total

    best = np.zeros((12, *env.observation_space.shape))
    first = score = fitness(best)
    for _ in range(15):
        candidate = best + rng.normal(size=best.shape)
        value = fitness(candidate)
        if value > score:
            best, score = candidate, value
    assert first < 0 < 10 < score
    env.close()
