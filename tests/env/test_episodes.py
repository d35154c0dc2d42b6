"""How an episode begins, goes on and ends, on a tiny game whose every number is known."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import playthrough as pt
from playthrough.game.states import Recipe

Make = Callable[..., pt.RetroEnv]

B, SELECT, UP = 0, 2, 4
BUTTONS = 9


def press(*buttons: int) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
    """An action that presses these."""
    action = np.zeros(BUTTONS, np.int8)
    action[list(buttons)] = 1
    return action


@pytest.fixture
def make(tiny_game: Callable[..., Path], tiny_cores: Any, request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes the tiny game an environment; `scenario_py` adds a Python scenario, `files` other files."""
    made: list[pt.RetroEnv] = []
    folder: list[Path] = []

    def make_one(
        *, scenario_py: str | None = None, files: dict[str, bytes] | None = None, **options: Any
    ) -> pt.RetroEnv:
        if not folder:
            folder.append(tiny_game(scenario=options.pop("meaning", None)))
        if scenario_py is not None:
            (folder[0] / "program.py").write_text(scenario_py)
            options["scenario"] = "program"
        for name, content in (files or {}).items():
            (folder[0] / name).write_bytes(content)
        env = pt.make(str(folder[0]), core=tiny_cores["tiny_rgb565"], actions=options.pop("actions", "all"), **options)
        made.append(env)
        return env

    yield make_one
    for env in made:
        env.close()


def test_the_frame_on_which_a_game_ends_is_the_last_of_its_step(make: Make) -> None:
    env = make(frame_skip=5, observation="rgb")
    env.reset(seed=0)
    slow = make(frame_skip=1, observation="rgb")
    slow.reset(seed=0)
    # A life goes with each press of SELECT.
    for step in range(8):
        observation, _, ended, _, info = env.step(press(SELECT) if step % 2 == 0 else press())
        assert ended == (step == 6), step
        if ended:
            break
    frames = info["frames"]
    for frame in range(frames):
        picture, _, slow_ended, _, slow_info = slow.step(press(SELECT) if frame // 5 % 2 == 0 else press())
        assert slow_ended == (frame == frames - 1)
    assert slow_ended and slow_info["lives"] == info["lives"] == -1
    np.testing.assert_array_equal(observation, picture)
    assert info["episode_end"] == "game"
    assert frames == 31, "the last step ended on its first frame"


def test_rewards_of_all_frames_of_a_step_are_paid(make: Make) -> None:
    fast, slow = make(frame_skip=6), make(frame_skip=1)
    fast.reset()
    slow.reset()
    for held in (press(B), press(), press(B, UP), press(UP)):
        _, reward, *_ = fast.step(held)
        assert reward == sum(slow.step(held)[1] for _ in range(6))
        assert reward == (7 if held[B] else 0)


def test_a_time_limit_truncates(make: Make) -> None:
    env = make(max_episode_steps=4, frame_skip=3)
    env.reset()
    ends = [env.step(press())[2:] for _ in range(4)]
    assert [truncated for _, truncated, _ in ends] == [False, False, False, True]
    assert not any(terminated for terminated, _, _ in ends)
    assert ends[-1][2]["episode_end"] == "time limit" and ends[-1][2]["frames"] == 12


def test_getting_nowhere_truncates(make: Make) -> None:
    env = make(no_progress_frames=30, progress=["score"])
    for reset in range(2):
        env.reset()
        steps, scored, truncated, info = 0, 0, False, {}
        while not truncated and steps < 100:
            # Points until frame 20, nothing afterwards.
            _, reward, terminated, truncated, info = env.step(press(B) if steps < 20 and steps % 2 == 0 else press())
            steps += 1
            assert not terminated
            if reward > 0:
                scored = steps
        assert info["episode_end"] == "no progress"
        assert steps == scored + 30, reset


def test_progress_has_to_be_a_variable(make: Make) -> None:
    with pytest.raises(ValueError, match="progress must name variables of frame"):
        make(no_progress_frames=30, progress=["scroll"])


def pads(env: pt.RetroEnv, actions: list[Any]) -> list[int]:
    """What the game saw of the first pad on each step's last frame."""
    return [env.step(action)[4]["pad1"] for action in actions]


def test_repeated_actions_are_drawn_on_each_frame(make: Make) -> None:
    wanted = [press(B) if i % 2 else press(UP) for i in range(4000)]
    masks = [1 << B if i % 2 else 1 << UP for i in range(4000)]
    env = make(repeat_action_probability=0.25)
    env.reset(seed=3)
    seen = pads(env, wanted)
    share = np.mean([saw != mask for saw, mask in zip(seen, masks, strict=True)])
    # The other button shows after an odd number of repeats in a row: p (1 - p) + p^3 (1 - p) + ... = p / (1 + p).
    assert abs(share - 0.2) < 0.03
    env.reset(seed=3)
    assert pads(env, wanted) == seen
    env.reset(seed=4)
    assert pads(env, wanted) != seen


def test_delayed_actions_keep_the_old_one_for_one_frame(make: Make) -> None:
    env = make(delay_action_probability=1.0, frame_skip=1)
    env.reset(seed=0)
    assert pads(env, [press(B), press(UP), press(UP), press(B)]) == [0, 0, 0, 0], "a step of one frame is too short"
    env = make(delay_action_probability=1.0, frame_skip=2)
    env.reset(seed=0)
    assert pads(env, [press(B), press(UP), press()]) == [1 << B, 1 << UP, 0]


def test_no_op_starts_wait_a_random_number_of_frames(make: Make) -> None:
    env = make(noop_max=5)
    waits = Counter(env.reset(seed=seed)[1]["frame"] for seed in range(80))
    first = make().reset()[1]["frame"]
    assert sorted(waits) == [first + wait for wait in range(6)]
    assert env.reset(seed=1)[1]["frames"] == 0, "waiting is no part of the episode"


def test_start_states_are_drawn_by_their_weights(make: Make) -> None:
    env = make()
    env.reset()
    for _ in range(50):
        env.step(press())
    state = env.lanes.engine.save(0)
    later = env.step(press())[4]["frame"]
    both = make(files={"Later.state": gzip.compress(state)}, state={"power-on": 1.0, "Later": 3.0})
    starts = Counter(both.reset(seed=seed)[1]["frame"] for seed in range(200))
    assert len(starts) == 2 and 120 < starts[later] < 180
    assert env.reset(options={"state": "Later"})[1]["frame"] == later
    assert env.reset(options={"state": state})[1]["frame"] == later
    assert env.reset(options={"state": gzip.compress(state)})[1]["frame"] == later


def test_a_recipe_is_played_from_power_on(make: Make, tmp_path: Path) -> None:
    played = make()
    played.reset()
    masks = [1 << B] * 7 + [0] * 3 + [1 << B | 1 << UP] * 5
    recipe = tmp_path / "Recipe"
    Recipe.from_masks(np.array(masks, np.uint16), played.lanes.integration.system).write(recipe)
    env = make(files={"Played.recipe.json": recipe.read_bytes()}, state="Played")
    _, info = env.reset()
    # A recipe begins at power-on, and the reset's own frame follows it.
    by_hand = make()
    by_hand.lanes.engine.load({0: b""})
    values = None
    for mask in [*masks, 0]:
        result = by_hand.lanes.engine.run(np.array([[[mask]]], np.uint16), np.ones(1, np.int32), np.zeros(1, np.uint8))
        values = dict(zip(by_hand.lanes.variables, result.samples[0, -1].tolist(), strict=True))
    assert values is not None
    assert {name: info[name] for name in values} == values
    assert info["score"] > 0


PROGRAM = """
best = 0

def reward(prev, cur):
    global best
    gained = max(0, cur.score - best)
    best = max(best, cur.score)
    return [gained, -1]

def done(prev, cur):
    return cur.lives == 1

def truncated(prev, cur):
    return cur.score >= 40
"""


def test_a_python_program_is_a_scenario(make: Make) -> None:
    env = make(scenario_py=PROGRAM, players=2, frame_skip=3)
    env.reset()
    shoot, rest = np.concatenate([press(B), press()]), np.concatenate([press(), press()])
    total = 0.0
    for step in range(11):
        _, reward, terminated, truncated, info = env.step(rest if step % 2 else shoot)
        total += reward
        assert not terminated
        assert truncated == (step == 10), step
    assert total == info["score"] == 42 and info["episode_end"] == "script"
    assert info["frames"] == 31 and info["rewards"].tolist() == [7.0, -1.0]
    env.reset()
    lose = np.concatenate([press(SELECT), press()])
    ends = [env.step(action)[2:4] for action in (lose, rest, lose)]
    assert ends == [(False, False), (False, False), (True, False)]
    env.reset()
    assert env.step(shoot)[1] == 7.0, "the program remembered another episode"


def test_scripts_and_json_give_the_same(make: Make) -> None:
    """Frame by frame in Python, and all frames at once in native code."""
    program = "def reward(prev, cur): return cur.score - prev.score\ndef done(prev, cur): return cur.lives == -1\n"
    scenario = {
        "reward": {"variables": {"score": {"reward": 1.0, "penalty": 1.0}}},
        "done": {"variables": {"lives": {"op": "equal", "reference": -1}}},
    }
    options: dict[str, Any] = {
        "observation": pt.Pixels(gray=True, size=(20, 30), max_of_two=True, stack=3),
        "frame_skip": 4,
        "repeat_action_probability": 0.2,
        "noop_max": 4,
    }
    json = make(meaning=scenario, **options)
    python = make(scenario_py=program, **options)
    for seed in range(3):
        ours, theirs = json.reset(seed=seed), python.reset(seed=seed)
        np.testing.assert_array_equal(ours[0], theirs[0])
        random = np.random.default_rng(seed)
        for _ in range(60):
            action = random.integers(0, 2, BUTTONS).astype(np.int8)
            action[SELECT] = random.random() < 0.3
            one, other = json.step(action), python.step(action)
            np.testing.assert_array_equal(one[0], other[0])
            assert one[1:4] == other[1:4]
            assert one[4]["frames"] == other[4]["frames"] and one[4]["score"] == other[4]["score"]
            if one[2]:
                break
        assert one[2], "no episode ended: this proves nothing of the last frames"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"state": 3.5}, "state must be a start state's name"),
        ({"state": [3]}, "state must be a start state's name"),
        ({"state": {"Level1": "x"}}, "the weight of a start state must be a number"),
        ({"record": 5}, "record must be"),
        ({"progress": 5}, "progress must be"),
        ({"sound": "x"}, "sound must be"),
        ({"core": 5}, "core must be"),
    ],
)
def test_an_option_of_a_wrong_type_is_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        pt.make("Airstriker-Genesis", **options)
