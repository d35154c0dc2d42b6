"""Observations against a slow reference: an environment that shows every frame in colour, and numpy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from engine.picture_reference import Picture, luma, shrink
from gymnasium import spaces
from numpy.typing import NDArray

import playthrough as pt
from playthrough.engine.engine import Display
from playthrough.engine.probes import DataType, Probe
from playthrough.env.observation import Grid, Pixels, Ram, Scene, Seen, Variables, observation_of

TinyGame = Callable[..., Path]
TinyCores = Mapping[str, Path]


class SlowEnv:
    """What an agent would see of a game, made of an environment with `frame_skip=1` and `observation="rgb"`."""

    def __init__(self, env: gym.Env[Any, Any], frame_skip: int) -> None:
        self.env, self.frame_skip = env, frame_skip
        self.frames: list[Picture] = []
        self.stack: list[Picture] = []
        self.cut_short = 0

    def reset(self) -> tuple[Picture, dict[str, Any]]:
        picture, info = self.env.reset(seed=0)
        self.frames = [self.small(picture)]
        self.stack = self.frames * 4
        return np.stack(self.stack), info

    def step(self, action: NDArray[np.int8]) -> tuple[Picture, float, bool, bool, dict[str, Any]]:
        total, rewards = 0.0, 0.0
        for frame in range(self.frame_skip):
            picture, reward, terminated, truncated, info = self.env.step(action)
            self.frames.append(self.small(picture))
            total, rewards = total + float(reward), rewards + info["rewards"]
            if terminated or truncated:
                self.cut_short += frame < self.frame_skip - 1
                break
        self.stack = [*self.stack[1:], np.maximum(self.frames[-1], self.frames[-2])]
        return np.stack(self.stack), total, terminated, truncated, info | {"rewards": rewards}

    @staticmethod
    def small(picture: Picture) -> Picture:
        return shrink(luma(picture), (84, 84), "area")


def assert_steps_equal(fast: Any, slow: Any, where: str) -> None:
    for part, expected in zip(fast[:-1], slow[:-1], strict=True):
        np.testing.assert_array_equal(part, expected, where)
    assert fast[-1].keys() == slow[-1].keys(), where
    for key, value in slow[-1].items():
        np.testing.assert_array_equal(fast[-1][key], value, f"{where} {key}")


@pytest.mark.parametrize(
    ("game", "frame_skip", "steps", "held"),
    [
        ("Airstriker-Genesis", 4, 40, 8),
        ("Airstriker-Genesis", 3, 12, 1),
        ("Airstriker-Genesis", 1, 12, 1),
        ("Breakout-Atari2600", 4, 20, 2),
        ("Seaquest-Atari2600", 4, 20, 5),  # sprites that flicker
        ("Boxing-Atari2600", 4, 20, 3),  # a Lua scenario runs frame by frame
    ],
)
def test_gray84_is_the_slow_reference(game: str, frame_skip: int, steps: int, held: int) -> None:
    fast = pt.make(game, observation="gray84", frame_skip=frame_skip)
    slow = SlowEnv(pt.make(game, observation="rgb"), frame_skip)
    assert fast.observation_space == spaces.Box(0, 255, (4, 84, 84), np.uint8)
    observation, info = fast.reset(seed=0)
    expected, expected_info = slow.reset()
    assert_steps_equal((observation, info), (expected, expected_info), "reset")
    random = np.random.default_rng(0)
    seen = set()
    for step in range(steps):
        if step % held == 0:
            action = random.integers(0, 2, fast.action_space.n).astype(np.int8)
        got, wanted = fast.step(action), slow.step(action)
        assert_steps_equal(got, wanted, f"step {step}")
        seen.add(got[0].tobytes())
        if got[2]:
            break
    assert len(seen) > 5, "nothing moved: this proves nothing"
    fast.close()
    slow.env.close()


def test_a_game_that_ends_in_the_middle_of_a_step_ends_there() -> None:
    """Airstriker, whose ship is lost to whoever holds still."""
    still = np.zeros(12, np.int8)
    for frame_skip in (7, 16):
        fast = pt.make("Airstriker-Genesis", observation="gray84", frame_skip=frame_skip)
        plain = pt.make("Airstriker-Genesis", observation="rgb")
        plain.reset(seed=0)
        pictures: list[Picture] = []
        rewards = np.zeros(0)
        terminated = False
        while not terminated:
            picture, reward, terminated, _, info = plain.step(still)
            pictures = [*pictures[-1:], picture]
            rewards = np.append(rewards, reward)
            assert len(rewards) < 10000, "the game does not end"
        fast.reset(seed=0)
        full_steps, rest = divmod(len(rewards), frame_skip)
        for step in range(full_steps):
            *_, ended, _, _ = fast.step(still)
            assert ended == (step == full_steps - 1 and rest == 0)
        if rest:
            observation, reward, ended, truncated, last_info = fast.step(still)
            assert ended and not truncated
            assert last_info["frames"] == len(rewards) and last_info["episode_end"] == "game"
            assert reward == rewards[-rest:].sum()
            assert {key: last_info[key] for key in ("score", "lives")} == {key: info[key] for key in ("score", "lives")}
            newest, older = SlowEnv.small(pictures[-1]), SlowEnv.small(pictures[-2])
            if rest == 1:
                assert (observation[-1] >= newest).all()
            else:
                np.testing.assert_array_equal(observation[-1], np.maximum(newest, older))
            np.testing.assert_array_equal(fast.unwrapped.lanes.picture(0), pictures[-1])
        fast.close()
        plain.close()


@pytest.mark.parametrize("frame_skip", [2, 4, 5])
@pytest.mark.parametrize("scenario", ["ends.json", "program.py"])
def test_an_end_on_any_frame_of_a_step(
    frame_skip: int, scenario: str, tiny_game: TinyGame, tiny_cores: TinyCores
) -> None:
    folder = tiny_game()
    done = {"lives": {"op": "equal", "reference": -1}, "x": {"op": "greater-than", "reference": 10}}
    rewards = [{"variables": {"score": {"reward": 1.0}}}]
    (folder / "ends.json").write_text(json.dumps({"rewards": rewards, "done": {"variables": done}}))
    (folder / "program.py").write_text(
        "def reward(prev, cur):\n    return cur.score - prev.score\n\n\n"
        "def done(prev, cur):\n    return cur.lives == -1 or cur.x > 10\n"
    )

    def make(**options: Any) -> gym.Env[Any, Any]:
        return pt.make(folder, core=tiny_cores["tiny_rgb565"], actions="all", scenario=scenario, **options)

    fast, slow = make(observation="gray84", frame_skip=frame_skip), SlowEnv(make(observation="rgb"), frame_skip)
    random = np.random.default_rng(frame_skip)
    lengths: list[int] = []
    paid = 0.0
    for episode in range(8):
        assert_steps_equal(fast.reset(seed=0), slow.reset(), f"episode {episode}")
        for step in range(100):
            action = np.zeros(fast.action_space.n, np.int8)
            # SELECT costs a life on the first frame of a step; RIGHT moves on every frame.
            action[0], action[7] = random.integers(0, 2, 2)
            action[2] = episode % 4 == 0 and random.integers(0, 2)
            got, wanted = fast.step(action), slow.step(action)
            assert_steps_equal(got, wanted, f"episode {episode}, step {step}")
            paid += float(got[1])
            if got[2]:
                assert got[-1]["episode_end"] == "game"
                lengths.append(got[-1]["frames"])
                break
    assert len(lengths) == 8 and paid > 0
    assert slow.cut_short >= 2
    fast.close()
    slow.env.close()


def test_a_truncated_step_runs_all_its_frames() -> None:
    env = pt.make("Airstriker-Genesis", observation="gray84", frame_skip=4, max_episode_steps=5)
    env.reset(seed=0)
    for _ in range(5):
        *_, terminated, truncated, info = env.step(np.zeros(12, np.int8))
    assert truncated and not terminated and info["frames"] == 20
    env.close()


# The other observations ---------------------------------------------------------------------------------------------


def scene(width: int, height: int, rotation: int = 0, crop: tuple[int, int, int, int] = (0, 0, 0, 0)) -> Scene:
    return Scene(Display(width, height, rotation, 60.0, 44100.0), crop, {}, 2048)


@pytest.mark.parametrize(
    ("width", "height", "inputs"), [(240, 224, 840), (256, 224, 896), (320, 224, 1120), (160, 210, 520), (7, 5, 1)]
)
def test_a_grid_has_an_eighth_of_the_picture_on_each_side(width: int, height: int, inputs: int) -> None:
    space = Grid().space(scene(width, height))
    assert space.shape == (inputs,) and space.dtype == np.float32
    assert (space.low == 0).all() and (space.high == 1).all()
    assert Grid(divisor=4).space(scene(width, height)).shape == (max(1, height // 4) * max(1, width // 4),)
    assert (Grid(scale=255).space(scene(width, height)).high == 255).all()


@pytest.mark.parametrize("game", ["Airstriker-Genesis", "Breakout-Atari2600", "Pong-Atari2600"])
def test_grid8_is_what_the_tutorials_feed(game: str) -> None:
    """`cv2.resize` to an eighth in colour, then gray, then row by row."""
    cv2 = pytest.importorskip("cv2")
    rgb, grid = pt.make(game), pt.make(game, observation="grid8")
    plain = pt.make(game, observation=Grid(scale=255))
    picture, _ = rgb.reset(seed=0)
    height, width = picture.shape[:2]
    values, _ = grid.reset(seed=0)
    tutorial, _ = plain.reset(seed=0)
    if game == "Airstriker-Genesis":
        assert values.shape == (1120,)
    random = np.random.default_rng(0)
    for _ in range(40):
        expected = luma(shrink(picture, (height // 8, width // 8), "bilinear")).ravel()
        assert values.dtype == tutorial.dtype == np.float32
        np.testing.assert_array_equal(tutorial, expected.astype(np.float32))
        np.testing.assert_allclose(values, expected / 255, rtol=1e-6)
        assert grid.observation_space.contains(values) and plain.observation_space.contains(tutorial)
        theirs = cv2.cvtColor(cv2.resize(picture, (width // 8, height // 8)), cv2.COLOR_RGB2GRAY).ravel()
        assert np.abs(theirs.astype(int) - expected.astype(int)).max() <= 1
        action = random.integers(0, 2, rgb.action_space.n).astype(np.int8)
        for _ in range(5):
            picture, *_ = rgb.step(action)
            values, *_ = grid.step(action)
            tutorial, *_ = plain.step(action)
    for env in (rgb, grid, plain):
        env.close()


def test_a_white_picture_stays_within_the_grids_bounds() -> None:
    white = Seen(np.full((2, 3, 4), 255, np.uint8), np.zeros((2, 0), np.int64), None)
    for scale in (1.0, 255.0, 0.1, 3.0):
        batch = Grid(scale=scale).batch(white)
        assert batch.shape == (2, 12) and batch.dtype == np.float32
        assert Grid(8, scale).space(scene(32, 24)).contains(batch[0])


def test_pixels_of_any_kind() -> None:
    """rgb as it is, gray, shrunk in colour, a stack of two."""
    env = pt.make("Airstriker-Genesis")
    picture, _ = env.reset(seed=0)
    kinds = {
        Pixels(gray=True): luma(picture),
        Pixels(size=(60, 80)): shrink(picture, (60, 80), "area"),
        Pixels(size=(60, 80), resize="bilinear", gray=True, stack=2): np.stack(
            [luma(shrink(picture, (60, 80), "bilinear"))] * 2
        ),
        Pixels(stack=3): np.stack([picture] * 3),
    }
    for kind, expected in kinds.items():
        other = pt.make("Airstriker-Genesis", observation=kind)
        seen, _ = other.reset(seed=0)
        np.testing.assert_array_equal(seen, expected, str(kind))
        assert other.observation_space.contains(seen) and seen.dtype == np.uint8
        other.close()
    env.close()


def test_a_scenarios_crop_is_seen(tiny_game: TinyGame, tiny_cores: TinyCores) -> None:
    folder = tiny_game()
    (folder / "part.json").write_text('{"crop": [10, 5, 40, 0]}')
    (folder / "outside.json").write_text('{"crop": [64, 0, 5, 5]}')
    whole = pt.make(folder, core=tiny_cores["tiny_rgb565"])
    part = pt.make(folder, core=tiny_cores["tiny_rgb565"], scenario="part", render_mode="rgb_array")
    small = pt.make(folder, core=tiny_cores["tiny_rgb565"], scenario="part", observation="gray84")
    picture, _ = whole.reset(seed=0)
    seen, _ = part.reset(seed=0)
    assert part.observation_space.shape == (43, 40, 3)
    np.testing.assert_array_equal(seen, picture[5:, 10:50])
    np.testing.assert_array_equal(part.render(), picture[5:, 10:50])
    np.testing.assert_array_equal(small.reset(seed=0)[0][3], shrink(luma(picture[5:, 10:50]), (84, 84), "area"))
    for observation in ("rgb", "gray84", "grid8"):
        with pytest.raises((pt.PlaythroughError, ValueError), match="crop"):
            pt.make(folder, core=tiny_cores["tiny_rgb565"], scenario="outside", observation=observation)
    for env in (whole, part, small):
        env.close()


def test_ram_and_variables(tiny_game: TinyGame, tiny_cores: TinyCores) -> None:
    folder = tiny_game(seed=7)
    kinds = {"ram": "ram", "all": "variables", "some": Variables(("lives", "frame"))}
    envs = {
        name: pt.make(folder, core=tiny_cores["tiny_rgb565"], actions="all", observation=kind)
        for name, kind in kinds.items()
    }
    action = np.zeros(9, np.int8)
    action[[0, 2, 7]] = 1
    for name, env in envs.items():
        env.reset(seed=0)
        for _ in range(3):
            seen, _, _, _, info = env.step(action)
        assert env.observation_space.contains(seen)
        if name == "ram":
            assert seen.shape == (2048,) and seen[0] == info["frame"] == 6 and seen[0x40] == 7
        elif name == "all":
            names = [key for key in info if key not in ("frames", "rewards", "episode_end")]
            assert seen.tolist() == [np.float32(info[key]) for key in names] and info["score"] == 7
        else:
            assert seen.tolist() == [2.0, 6.0] and seen.dtype == np.float32
        env.close()


def test_bounds_of_variables() -> None:
    probes = {
        "unsigned": Probe(0, DataType.parse("<u2")),
        "signed": Probe(0, DataType.parse("|i1")),
        "decimal": Probe(0, DataType.parse(">d3")),
        "digits": Probe(0, DataType.parse("|n1")),
        "masked": Probe(0, DataType.parse("|u1"), 0x0F),
    }
    space = Variables().space(Scene(Display(1, 1, 0, 60, 1), (0, 0, 0, 0), probes, 1))
    assert space.low.tolist() == [0, -128, 0, 0, 0] and space.high.tolist() == [65535, 127, 999999, 9, 15]


def test_variables_are_scaled(tiny_game: TinyGame, tiny_cores: TinyCores) -> None:
    with pt.make(tiny_game(), core=tiny_cores["tiny_rgb565"], observation=Variables(("frame",), -0.5)) as env:
        seen, info = env.reset(seed=0)
        assert seen.tolist() == [-0.5 * info["frame"]] and info["frame"] > 0
        assert env.observation_space.contains(seen) and env.observation_space.high.tolist() == [0.0]
    with pytest.raises(ValueError, match="scale must be a number other than 0"):
        Variables(scale=0.0)


def test_wrong_choices_say_what_there_is(tiny_game: TinyGame, tiny_cores: TinyCores) -> None:
    with pytest.raises(ValueError, match="rgb, gray84, grid8, ram, variables"):
        observation_of("grey84")
    folder = tiny_game()
    with pytest.raises(ValueError, match="no variable 'health'; there are: frame, frame_big"):
        pt.make(folder, core=tiny_cores["tiny_rgb565"], observation=Variables(("health",)))
    (folder / "empty.json").write_text('{"info": {}}')
    with pytest.raises(ValueError, match="no variables to observe"):
        (folder / "scenario2.json").write_text("{}")
        pt.make(folder, core=tiny_cores["tiny_rgb565"], observation="variables", info="empty", scenario="scenario2")
    assert observation_of("ram") == Ram()
