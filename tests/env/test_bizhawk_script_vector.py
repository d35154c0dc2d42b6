"""Lanes of a processor script: each plays as a single environment does, whatever the threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from tiny_cores import REPOSITORY

import playthrough as pt
from playthrough.errors import IntegrationError

WICKLING = REPOSITORY / "games" / "Wickling-Nes" / "rom.nes"
EXAMPLE = REPOSITORY / "examples" / "wickling_processor.lua"

# Episodes of three to five decisions, as the random numbers say.
SHORT = """
local bizhawk = require("bizhawk")
local this = { NAME = "Short", ACTION_SPACE = { "int 0 3" }, OBSERVATION_SPACE = { "int[*]" } }
this.setup = function(self, env) self.env = env end
this.reset = function(self)
    client.reboot_core()
    self.left, self.number = math.random(3, 5), math.random(1000)
    emu.frameadvance()
end
this.step = function(self, action)
    if action[1] == 3 then error("three is too much") end
    emu.frameadvance()
    self.left = self.left - 1
    return self.number + action[1], self.left == 0
end
this.getObservation = function(self) return { self.left, self.number } end
this.getInfo = function(self) return { number = self.number } end
bizhawk.run(this)
"""


@pytest.fixture
def short(tmp_path: Path) -> Path:
    path = tmp_path / "short.lua"
    path.write_text(SHORT)
    return path


def test_lanes_play_as_single_environments_do() -> None:
    venv = pt.make_script_vec(EXAMPLE, WICKLING, num_envs=3, num_threads=2, frameskip=3)
    singles = [pt.make_script(EXAMPLE, WICKLING, frameskip=3) for _ in range(3)]
    observations, infos = venv.reset(seed=5)
    expected = [env.reset(seed=5 + lane) for lane, env in enumerate(singles)]
    assert venv.observation_space.contains(observations) and venv.single_action_space == spaces.Discrete(12)
    for step in range(12):
        np.testing.assert_array_equal(observations, [outcome[0] for outcome in expected])
        np.testing.assert_array_equal(infos["action_mask"], [outcome[-1]["action_mask"] for outcome in expected])
        actions = np.array([(8, 10, 4)[(step + lane) % 3] for lane in range(3)])
        observations, rewards, terminated, truncated, infos = venv.step(actions)
        expected = [env.step(action) for env, action in zip(singles, actions, strict=True)]
        np.testing.assert_array_equal(rewards, [outcome[1] for outcome in expected])
        assert infos["frames"].tolist() == [4 * (step + 1)] * 3 and not (terminated | truncated).any()
    assert len(set(rewards.tolist())) > 1
    venv.close()
    for env in singles:
        env.close()


@pytest.mark.parametrize("mode", ["next_step", "same_step"])
def test_lanes_start_anew_as_gymnasiums_own_vector_environments_do(short: Path, mode: str) -> None:
    modes = {"next_step": gym.vector.AutoresetMode.NEXT_STEP, "same_step": gym.vector.AutoresetMode.SAME_STEP}
    ours = pt.make_script_vec(short, WICKLING, num_envs=2, autoreset_mode=mode)
    theirs = gym.vector.SyncVectorEnv([lambda: pt.make_script(short, WICKLING)] * 2, autoreset_mode=modes[mode])
    for venv in (ours, theirs):
        venv.reset(seed=[3, 9])
    for step in range(15):
        actions = np.array([step % 3, (step + 1) % 3])
        got, wanted = ours.step(actions), theirs.step(actions)
        for one, other in zip(got[:4], wanted[:4], strict=True):
            np.testing.assert_array_equal(one, other)
        for name in ("number", "frames", "_number"):
            np.testing.assert_array_equal(got[4][name], wanted[4][name])
        assert ("final_obs" in got[4]) == ("final_obs" in wanted[4])
        for lane in np.flatnonzero(got[4].get("_final_obs", [])):
            np.testing.assert_array_equal(got[4]["final_obs"][lane], wanted[4]["final_obs"][lane])
            assert got[4]["final_info"]["number"][lane] == wanted[4]["final_info"]["number"][lane]
    ours.close()
    theirs.close()


def test_infos_of_different_kinds_stay_what_they_are(short: Path) -> None:
    """Lua has whole numbers and fractions, and an empty table may be a list or a dict."""
    said = """{
        number = self.number,
        half = self.left % 2 == 0 and self.left or self.left + 0.5,
        word = self.left % 2 == 0 and 1 or "odd",
        list = self.left % 2 == 0 and {} or { 1, 2 },
        part = { big = self.left % 2 == 0 and 0 or 0.25, alike = { 1, self.left } },
    }"""
    short.write_text(SHORT.replace("{ number = self.number }", said))
    venv = pt.make_script_vec(short, WICKLING, num_envs=4)
    lefts = set()
    for seed in range(3):
        _, infos = venv.reset(seed=seed)
        for lane, env in enumerate(venv.lanes):
            alone = env.reset()[1]
            lefts.add(alone["part"]["alike"][1] % 2)
            for name in ("number", "half", "word", "list"):
                assert infos[name][lane] == alone[name], name
            assert infos["part"]["big"][lane] == alone["part"]["big"]
            assert infos["part"]["alike"][lane] == alone["part"]["alike"]
        assert infos["number"].dtype == int and infos["_part"].all() and infos["part"]["_big"].all()
    assert lefts == {0, 1}
    venv.close()


def test_in_disabled_a_lane_waits_until_it_is_reset(short: Path) -> None:
    venv = pt.make_script_vec(short, WICKLING, num_envs=2, autoreset_mode="disabled")
    observations, _ = venv.reset(seed=[1, 2])
    lefts = observations[:, 0].tolist()
    for _ in range(lefts[0]):
        observations, rewards, terminated, *_ = venv.step(np.zeros(2, np.int64))
    assert terminated[0] and observations[0, 0] == 0
    frames = venv.lanes[0].host.total_frames
    observations, rewards, terminated, truncated, _ = venv.step(np.zeros(2, np.int64))
    assert venv.lanes[0].host.total_frames == frames and rewards[0] == 0 and not (terminated[0] or truncated[0])
    assert observations[0, 0] == 0
    observations, infos = venv.reset(seed=[1, None], options={"reset_mask": np.array([True, False])})
    assert observations[0, 0] == lefts[0] and infos["_number"].tolist() == [True, False]
    venv.close()


def test_several_parts_make_a_tuple_of_batches(short: Path) -> None:
    short.write_text(SHORT.replace('"int[*]"', '"int 0 9", "float[*]"').replace('"int 0 3"', '"int 0 2", "bool"'))
    venv = pt.make_script_vec(short, WICKLING, num_envs=2)
    observations, _ = venv.reset(seed=0)
    assert venv.observation_space.contains(observations)
    assert [part.shape for part in observations] == [(2,), (2, 1)]
    observations, *_ = venv.step(venv.action_space.sample())
    assert venv.observation_space.contains(observations)
    venv.close()


def test_a_lane_that_fails_says_so_and_nothing_hangs(short: Path) -> None:
    venv = pt.make_script_vec(short, WICKLING, num_envs=2, num_threads=2)
    venv.reset(seed=0)
    with pytest.raises(IntegrationError, match=r"short\.lua:\d+: three is too much"):
        venv.step(np.array([0, 3]))
    venv.close()
    short.write_text("error('no')")
    with pytest.raises(IntegrationError, match="no"):
        pt.make_script_vec(short, WICKLING, num_envs=2)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"num_envs": 0}, "num_envs"), ({"num_threads": 0}, "num_threads"), ({"autoreset_mode": "never"}, "never")],
)
def test_wrong_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pt.make_script_vec(EXAMPLE, WICKLING, **options)


def test_wrong_resets(short: Path) -> None:
    venv = pt.make_script_vec(short, WICKLING, num_envs=2, autoreset_mode="disabled")
    with pytest.raises(gym.error.ResetNeeded):
        venv.step(np.zeros(2, np.int64))
    for reset in (
        {"options": {"state": "Level1"}},
        {"options": {"reset_mask": [1, 0]}},
        {"seed": [1]},
    ):
        with pytest.raises(ValueError):
            venv.reset(**reset)  # type: ignore[arg-type]
    venv.close()
