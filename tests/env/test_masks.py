"""Action masks from conditions on variables, on a real game."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import playthrough as pt
from playthrough.env.masks import ActionMasks
from playthrough.game.actions import ActionMap
from playthrough.runs.agent_source import RandomPlay

GAME = "Airstriker-Genesis"
ACTIONS = [[], ["B"], ["LEFT"], ["LEFT", "B"]]


def test_infos_say_what_is_allowed_now() -> None:
    env = pt.make(GAME, observation="variables", actions=ACTIONS, frame_skip=4, action_mask={"B": "score < 20"})
    _, info = env.reset(seed=0)
    masks = [info["action_mask"]]
    for step in range(220):
        assert masks[-1].tolist() == ([1, 1, 1, 1] if info["score"] < 20 else [1, 0, 1, 0])
        action = int(env.action_space.sample(mask=masks[-1])) if step > 100 else (1 if step % 4 == 0 else 0)
        *_, terminated, truncated, info = env.step(action)
        masks.append(info["action_mask"])
        if terminated or truncated:
            break
    assert {tuple(mask) for mask in masks} == {(1, 1, 1, 1), (1, 0, 1, 0)}
    env.close()


def test_random_play_keeps_to_it() -> None:
    rules = {"B": "score > 99999", "LEFT": "lives > 99"}
    env = pt.make_vec(GAME, num_envs=3, observation="variables", actions=ACTIONS, action_mask=rules)
    env.reset(seed=0)
    assert env.action_masks().tolist() == [[True, False, False, False]] * 3
    agent = RandomPlay().agent(env)
    assert {int(action) for _ in range(10) for action in agent.act(np.zeros((3, 3)))} == {0}
    env.close()


def masks_of(rules: dict[str, str], actions: Any = ACTIONS, values: Any = ((5, 0), (0, 3))) -> list[list[int]]:
    env = pt.make(GAME, observation="variables", actions=actions)
    try:
        masks = ActionMasks(rules, ActionMap.create(actions, env.lanes.integration.system), ["ammo", "x"])
        return masks(np.array(values)).astype(int).tolist()
    finally:
        env.close()


def test_rules_of_buttons_together() -> None:
    assert masks_of({"LEFT+B": "ammo >= 5"}) == [[1, 1, 1, 1], [1, 1, 1, 0]]
    assert masks_of({"B": "ammo > 0", "LEFT": "x > ammo"}) == [[1, 1, 0, 0], [1, 0, 1, 0]]
    # What would forbid everything forbids nothing.
    assert masks_of({"B": "ammo > 0"}, [["B"], ["B", "LEFT"]]) == [[1, 1], [1, 1]]


@pytest.mark.parametrize(
    ("rules", "actions", "message"),
    [
        ({"B": "ammo > 0"}, "buttons", "of which one is chosen"),
        ({"FIRE": "ammo > 0"}, ACTIONS, "no button 'FIRE'"),
        ({"RIGHT": "ammo > 0"}, ACTIONS, "no action presses"),
        ({"B": "ammo"}, ACTIONS, "expected a condition"),
        ({"B": "shells > 0"}, ACTIONS, "no variable 'shells'"),
    ],
)
def test_rules_that_are_none(rules: dict[str, str], actions: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        masks_of(rules, actions)
