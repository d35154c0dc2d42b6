"""A snapshot holds everything: what follows from it is the same, here and in another process."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import playthrough as pt
from playthrough.game.integration import remove_integrations

GO_ON = """
import hashlib, json, sys
from pathlib import Path
import numpy as np
import playthrough as pt

request = json.loads(Path(sys.argv[1]).read_text())
env = pt.make(request["game"], **request["options"])
env.load_state(Path(request["snapshot"]).read_bytes())
for seed in range(request["steps"]):
    action = np.random.default_rng(seed).integers(0, 2, env.action_space.n).astype(np.int8)
    observation, reward, terminated, truncated, info = env.step(action)
    print(hashlib.sha1(observation.tobytes()).hexdigest(), reward, terminated, truncated, info["frames"])
    if terminated or truncated:
        break
"""


def go_on(env: pt.RetroEnv, steps: int) -> list[str]:
    """The same as GO_ON, in this process and without loading anything."""
    lines: list[str] = []
    for seed in range(steps):
        action = np.random.default_rng(seed).integers(0, 2, env.action_space.n).astype(np.int8)
        observation, reward, terminated, truncated, info = env.step(action)
        lines.append(
            f"{hashlib.sha1(observation.tobytes()).hexdigest()} {reward} {terminated} {truncated} {info['frames']}"
        )
        if terminated or truncated:
            break
    return lines


@pytest.mark.parametrize(
    ("game", "options"),
    [
        ("Airstriker-Genesis", {"observation": "gray84", "frame_skip": 4, "repeat_action_probability": 0.3}),
        ("Airstriker-Genesis", {"observation": "rgb", "no_progress_frames": 150}),
        ("Boxing-Atari2600", {"observation": "gray84", "frame_skip": 4}),  # a Lua scenario
        ("Breakout-Atari2600", {"observation": "rgb"}),  # a core whose savestates are incomplete
        ("Jamesbond-Atari2600", {"observation": "gray84", "frame_skip": 4, "delay_action_probability": 0.3}),
    ],
)
def test_a_new_process_goes_on_bit_for_bit(game: str, options: dict[str, object], tmp_path: Path) -> None:
    env = pt.make(game, **options)
    env.reset(seed=11)
    for step in range(60):
        action = np.random.default_rng(1000 + step).integers(0, 2, env.action_space.n).astype(np.int8)
        env.step(action)
    snapshot = tmp_path / "snapshot"
    snapshot.write_bytes(env.save_state())
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"game": game, "options": options, "snapshot": str(snapshot), "steps": 120}))
    here = go_on(env, 120)
    env.close()
    there = subprocess.run([sys.executable, "-c", GO_ON, str(request)], capture_output=True, text=True, check=True)
    assert there.stdout.splitlines() == here
    assert len({line.split()[0] for line in here}) > 10, "nothing moved: this proves nothing"


def test_a_snapshot_is_a_start_state_for_any_lane() -> None:
    env = pt.make_vec("Airstriker-Genesis", num_envs=3, observation="gray84", frame_skip=4, autoreset_mode="disabled")
    env.reset(seed=0)
    for _ in range(30):
        env.step(np.ones((3, 12), np.int8))
    snapshot = env.save_state(1)
    observations, infos = env.reset(seed=[5, None, 6], options={"state": [snapshot, None, snapshot]})
    assert infos["frames"].tolist() == [120, 0, 120]
    np.testing.assert_array_equal(observations[0], observations[2])
    assert (observations[0] != observations[1]).any()
    env.close()


def test_what_does_not_fit_is_refused() -> None:
    env = pt.make("Airstriker-Genesis")
    env.reset(seed=0)
    snapshot = env.save_state()
    with pytest.raises(pt.PlaythroughError, match="damaged"):
        env.load_state(snapshot[:-1])
    with pytest.raises(pt.PlaythroughError, match="no snapshot"):
        env.load_state(b"junk")
    other = pt.make("Pong-Atari2600")
    with pytest.raises(pt.PlaythroughError, match="belongs to the game Airstriker-Genesis"):
        other.load_state(snapshot)
    smaller = pt.make("Airstriker-Genesis", observation="gray84")
    with pytest.raises(pt.PlaythroughError, match="other observations"):
        smaller.load_state(snapshot)
    for one in (env, other, smaller):
        one.close()


def test_an_episode_begun_from_a_snapshot_has_its_own_end() -> None:
    env = pt.make_vec("Airstriker-Genesis", num_envs=1, max_episode_steps=5, autoreset_mode="disabled")
    env.reset(seed=1)
    for _ in range(5):
        *_, truncated, _ = env.step(np.zeros((1, 12), np.int8))
    assert truncated[0]
    snapshot = env.save_state(0)
    _, infos = env.reset(options={"state": snapshot})
    assert infos["frames"][0] == 5
    ends = [bool(env.step(np.zeros((1, 12), np.int8))[3][0]) for _ in range(5)]
    assert ends == [False, False, False, False, True]
    env.close()


def test_a_refused_snapshot_changes_nothing() -> None:
    gray = pt.make("Airstriker-Genesis", observation="gray84")
    gray.reset(seed=0)
    snapshot = gray.save_state()
    env = pt.make("Airstriker-Genesis", observation="ram")
    env.reset(seed=0)
    for _ in range(3):
        env.step(np.ones(12, np.int8))
    before = env.save_state()
    damaged = bytearray(before)
    damaged[len(damaged) // 2] ^= 1
    for refused, why in ((snapshot, "other observations"), (bytes(damaged), "checksum")):
        with pytest.raises(pt.PlaythroughError, match=why):
            env.load_state(refused)
        assert env.save_state() == before
    gray.close()
    env.close()


def test_playing_a_recipe_leaves_other_lanes_alone(tmp_path: Path) -> None:
    folder = tmp_path / "Airstriker-Genesis"
    folder.mkdir()
    (folder / "Late.recipe.json").write_text('{"start": "Level1", "players": 1, "inputs": [[1500, ""]]}')
    pt.add_integrations(tmp_path)
    try:
        env = pt.make_vec("Airstriker-Genesis", num_envs=2, observation="ram", autoreset_mode="disabled")
        env.reset(seed=1)
        for _ in range(20):
            env.step(np.zeros((2, 12), np.int8))
        before = env.save_state(0)
        mask = np.array([False, True])
        observations, _ = env.reset(options={"state": [None, "Late"], "reset_mask": mask})
        assert env.save_state(0) == before
        direct = pt.make("Airstriker-Genesis", state="Late", observation="ram")
        np.testing.assert_array_equal(direct.reset(seed=1)[0], observations[1])
        env.close()
        direct.close()
    finally:
        remove_integrations(tmp_path)
