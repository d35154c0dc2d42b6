"""Infos name the start state of the running episode, on its first and on its last step."""

from __future__ import annotations

import numpy as np

import playthrough as pt

OPTIONS = {"max_episode_steps": 3, "observation": "variables", "state": ["Level1", "power-on"], "frame_skip": 2}


def test_on_reset_and_on_the_last_step() -> None:
    env = pt.make_vec("Airstriker-Genesis", num_envs=3, autoreset_mode="same_step", **OPTIONS)
    none = env.action_space.sample() * 0
    _, infos = env.reset(options={"state": ["power-on", "Level1", "power-on"]})
    assert infos["start_state"].tolist() == ["power-on", "Level1", "power-on"] and infos["_start_state"].all()
    for _ in range(2):
        *_, infos = env.step(none)
        assert "start_state" not in infos
    *_, truncated, infos = env.step(none)
    assert truncated.all()
    assert infos["final_info"]["start_state"].tolist() == ["power-on", "Level1", "power-on"]
    assert set(infos["start_state"]) <= {"Level1", "power-on"}
    env.close()


def test_the_step_that_resets_names_the_new_one() -> None:
    env = pt.make_vec("Airstriker-Genesis", num_envs=2, **OPTIONS)
    none = env.action_space.sample() * 0
    env.reset(seed=0)
    env.reset(seed=0, options={"reset_mask": np.array([True, False])})
    told = [env.step(none)[-1] for _ in range(4)]
    assert ["start_state" in infos for infos in told] == [False, False, True, True]
    assert all(infos["_start_state"].all() for infos in told[2:])
    env.close()


def test_an_episode_from_a_snapshot_has_no_name_of_a_state() -> None:
    env = pt.make("Airstriker-Genesis", observation="variables")
    assert env.reset(seed=0)[1]["start_state"] == "Level1"
    snapshot = env.save_state()
    assert env.load_state(snapshot)[1]["start_state"] == "Level1"
    assert env.reset(options={"state": snapshot})[1]["start_state"] == "snapshot"
    env.close()
