"""`core="fast"`: only where a game is proven to mean the same, from recipes, and asked once."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest

import playthrough as pt
from playthrough.env.fast_core import alike
from playthrough.errors import StateError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLAYTHROUGH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_airstriker_runs_on_picodrive_from_the_same_start(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "playthrough.core")
    exact = pt.make("Airstriker-Genesis", observation="gray84", frame_skip=4)
    fast = pt.make("Airstriker-Genesis", observation="gray84", frame_skip=4, core="fast")
    assert fast.unwrapped.lanes.engine.core_name == "picodrive"
    assert "checking once" in caplog.text
    pictures, infos = zip(*(env.reset(seed=0) for env in (exact, fast)), strict=True)
    for name in ("lives", "score", "gameover"):
        assert infos[0][name] == infos[1][name]
    assert pictures[0].shape == pictures[1].shape
    assert np.abs(pictures[0].astype(int) - pictures[1]).mean() < 2
    caplog.clear()
    again = pt.make("Airstriker-Genesis", core="fast")
    assert again.unwrapped.lanes.engine.core_name == "picodrive"
    assert "checking once" not in caplog.text
    for env in (exact, fast, again):
        env.close()
    (entry,) = json.loads((home / "cache" / "fast-cores.json").read_text()).values()
    assert entry["same"] is True
    assert entry["game"] == "Airstriker-Genesis"


def test_a_damaged_memory_of_verdicts_is_made_anew(home: Path) -> None:
    (home / "cache").mkdir(parents=True)
    (home / "cache" / "fast-cores.json").write_text("{not json")
    env = pt.make("Airstriker-Genesis", core="fast")
    assert env.unwrapped.lanes.engine.core_name == "picodrive"
    env.close()


def test_a_system_without_a_faster_core_runs_on_the_exact_one() -> None:
    env = pt.make("Breakout-Atari2600", core="fast")
    assert env.unwrapped.lanes.engine.core_name == "stella"
    assert env.reset()[1]["lives"] == 5
    env.close()


def test_bytes_of_a_savestate_stay_on_the_core_that_made_them(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "playthrough.core")
    exact = pt.make_vec("Airstriker-Genesis", num_envs=1)
    exact.reset(seed=0)
    state = exact.engine.save(0)
    exact.close()
    env = pt.make("Airstriker-Genesis", core="fast", state=state)
    assert env.unwrapped.lanes.engine.core_name == "genesis_plus_gx"
    assert "bytes of a savestate belong to the core that made them" in caplog.text
    env.close()


def test_a_game_that_goes_differently_stays_on_the_exact_core(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recipe that leads elsewhere than the stored state."""
    caplog.set_level(logging.INFO, "playthrough.core")
    folder = tmp_path / "games" / "Airstriker-Genesis"
    folder.mkdir(parents=True)
    (folder / "Level1.recipe.json").write_text('{"start": "power-on", "players": 1, "inputs": [[100, ""]]}')
    pt.add_integrations(tmp_path / "games")
    try:
        env = pt.make("Airstriker-Genesis", core="fast")
    finally:
        from playthrough.game.integration import remove_integrations

        remove_integrations(tmp_path / "games")
    assert env.unwrapped.lanes.engine.core_name == "genesis_plus_gx"
    assert "the state Level1 differs" in caplog.text
    env.close()


def test_another_state_without_a_recipe_is_refused_with_advice() -> None:
    env = pt.make("Airstriker-Genesis", core="fast")
    exact = pt.make_vec("Airstriker-Genesis", num_envs=1)
    exact.reset(seed=0)
    with pytest.raises(StateError, match="recipe"):
        env.reset(options={"state": exact.engine.save(0)})
    env.close()
    exact.close()


def test_snapshots_and_determinism_on_the_fast_core() -> None:
    envs = [
        pt.make_vec(
            "Airstriker-Genesis", num_envs=lanes, num_threads=threads, core="fast", observation="gray84", frame_skip=4
        )
        for lanes, threads in ((1, 1), (2, 2))
    ]
    random = np.random.default_rng(0)
    for env in envs:
        env.reset(seed=5)
    actions = random.integers(0, 2, (150, *envs[0].single_action_space.shape))
    snapshot = b""
    for step, action in enumerate(actions):
        if step == 60:
            snapshot = envs[1].save_state(0)
        results = [env.step(np.repeat(action[None], env.num_envs, 0)) for env in envs]
        for left, right in zip(results[0][:4], results[1][:4], strict=True):
            np.testing.assert_array_equal(left[0], right[0])
    end = envs[0].engine.read_ram()[0].copy()
    envs[1].load_state(1, snapshot)
    for action in actions[60:]:
        envs[1].step(np.repeat(action[None], 2, 0))
    np.testing.assert_array_equal(envs[1].engine.read_ram()[1], end)
    for env in envs:
        env.close()


def test_alike_forgives_a_shift_but_no_other_values() -> None:
    exact = np.repeat(np.arange(30), 10)
    assert alike(exact, np.roll(exact, 3)[:]) > 0.97
    assert alike(exact, exact + 5) < 0.2
    assert alike(np.zeros(300, int), np.zeros(300, int)) == 1.0
