"""Pictures that nobody sees are left out where a core can, and nothing else changes by that."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from engine.opening import open_game, open_tiny
from tiny_cores import TINY_VARIABLES

from playthrough.engine import cores
from playthrough.engine.cores import CoreRules, find_core
from playthrough.engine.engine import Engine, Observe, PixelSpec
from playthrough.engine.libretro import LibretroEngine
from playthrough.engine.probes import DataType, Measure, Op, Probe, StopNode
from playthrough.engine.systems import get_system
from playthrough.game.integration import load_integration
from playthrough.game.roms import find_rom
from playthrough.game.states import Recipe

GRAY = PixelSpec(gray=True, resize="area", size=(42, 42), max_of_two=True, stack=4)
SKIPPING = ("tiny_skip", "tiny_frameskip", "tiny_hook")
PICTURES = Probe(0x100, DataType.parse("<u2"))
SELECT = 1 << 2


def probe(name: str) -> Probe:
    address, kind = TINY_VARIABLES[name]
    return Probe(address, DataType.parse(kind))


def step(engine: Engine, buttons: np.ndarray, observe: Observe = Observe.PUSH):
    frames = np.full(engine.num_lanes, buttons.shape[1], np.int32)
    return engine.run(buttons, frames, np.full(engine.num_lanes, observe, np.uint8))


def step_frame_by_frame(engine: Engine, buttons: np.ndarray):
    """The same step with every picture shown: single frames, of which an observation needs the last two."""
    for frame in range(buttons.shape[1]):
        result = step(engine, buttons[:, frame : frame + 1], Observe.KEEP)
        if result.ended[0]:
            break
    return frame + 1, bool(result.ended[0]), step(engine, buttons[:, :0], Observe.PUSH).observations


@pytest.fixture
def tiny_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cores._RULES, "tiny_frameskip", CoreRules(skips_when_sound_is_late=True))


@pytest.mark.usefixtures("tiny_rules")
@pytest.mark.parametrize("name", SKIPPING)
@pytest.mark.parametrize(("frame_skip", "drawn"), [(1, 1), (2, 2), (4, 2), (8, 2)])
def test_only_the_pictures_of_an_observation_are_drawn(
    tiny_cores: Mapping[str, Path], name: str, frame_skip: int, drawn: int
) -> None:
    engine = open_tiny(tiny_cores, name)
    engine.configure([PICTURES], None, GRAY)
    engine.load({0: b""})
    step(engine, np.zeros((1, 1, 1), np.uint16))
    before = step(engine, np.zeros((1, 1, 1), np.uint16)).samples[0, -1, 0]
    for _ in range(5):
        result = step(engine, np.zeros((1, frame_skip, 1), np.uint16))
    assert result.samples[0, -1, 0] - before == 5 * drawn
    engine.close()


@pytest.mark.usefixtures("tiny_rules")
@pytest.mark.parametrize("name", SKIPPING)
@pytest.mark.parametrize("observe", [Observe.PUSH, Observe.SKIP])
def test_the_game_is_the_same_with_and_without_skipping(
    tiny_cores: Mapping[str, Path], name: str, observe: Observe
) -> None:
    left, right = open_tiny(tiny_cores, name), open_tiny(tiny_cores, "tiny_rgb565")
    probes = [probe(name) for name in ("frame", "history", "score", "random")]
    for engine in (left, right):
        engine.configure(probes, None, GRAY)
        engine.load({0: b""})
    random = np.random.default_rng(3)
    for _ in range(40):
        buttons = random.integers(0, 1 << 10, (1, random.integers(1, 7), 2)).astype(np.uint16)
        one, other = step(left, buttons, observe), step(right, buttons, observe)
        np.testing.assert_array_equal(one.samples, other.samples)
        if observe is Observe.PUSH:
            np.testing.assert_array_equal(one.observations, other.observations)
        np.testing.assert_array_equal(left.picture(0), right.picture(0))
    left.close()
    right.close()


@pytest.mark.usefixtures("tiny_rules")
@pytest.mark.parametrize("name", SKIPPING)
@pytest.mark.parametrize("press", range(6))
def test_a_game_that_ends_on_a_skipped_frame_shows_that_frame(
    tiny_cores: Mapping[str, Path], name: str, press: int
) -> None:
    lives = StopNode(measures=(Measure(0, "absolute", Op.EQUAL, 2),))
    skipping, shown = open_tiny(tiny_cores, name), open_tiny(tiny_cores, "tiny_rgb565")
    for engine in (skipping, shown):
        engine.configure([probe("lives"), probe("history")], lives, GRAY)
        engine.load({0: b""})
    buttons = np.zeros((1, 6, 1), np.uint16)
    buttons[0, press:] = SELECT
    for engine in (skipping, shown):
        step(engine, buttons[:, :0])
        engine.run(np.zeros((1, 4, 1), np.uint16), np.array([4], np.int32), np.array([Observe.PUSH], np.uint8))
    one = step(skipping, buttons)
    frames, ended, observation = step_frame_by_frame(shown, buttons)
    assert one.frames_run[0] == frames == press + 1
    assert one.ended[0] and ended
    np.testing.assert_array_equal(one.observations, observation)
    np.testing.assert_array_equal(skipping.read_ram()[:, :0x100], shown.read_ram()[:, :0x100])
    # And the game goes on from there as it would have.
    more = np.full((1, 5, 1), 1 << 8, np.uint16)
    frames_all, observe = np.array([5], np.int32), np.array([Observe.PUSH], np.uint8)
    after = [engine.run(more, frames_all, observe, stopping=False) for engine in (skipping, shown)]
    np.testing.assert_array_equal(after[0].samples, after[1].samples)
    np.testing.assert_array_equal(after[0].observations, after[1].observations)
    skipping.close()
    shown.close()


def test_sound_is_heard_once_and_only_where_somebody_listens(tiny_cores: Mapping[str, Path]) -> None:
    lives = StopNode(measures=(Measure(0, "absolute", Op.EQUAL, 2),))
    engine = open_tiny(tiny_cores, "tiny_hook")
    engine.configure([probe("lives"), Probe(0x102, DataType.parse("<u2"))], lives, GRAY)
    engine.load({0: b""})
    silent = step(engine, np.zeros((1, 4, 1), np.uint16)).samples[0, :, 1]
    assert silent[-1] == silent[0]
    engine.capture_sound(0, True)
    step(engine, np.zeros((1, 4, 1), np.uint16))
    assert len(engine.take_sound(0)) == 4 * 735
    step(engine, np.full((1, 4, 1), SELECT, np.uint16))  # ends at once: played twice for its picture
    assert len(engine.take_sound(0)) == 735
    engine.close()


class TestPicoDrive:
    """The wheel's own core that leaves out pictures, on a real game, through its end."""

    @staticmethod
    def opened() -> tuple[LibretroEngine, Probe, np.ndarray]:
        game = load_integration("Airstriker-Genesis")
        system = get_system("Genesis")
        engine = LibretroEngine(find_core("picodrive", system), system, find_rom(game).data)
        recipe = Recipe.read(game.recipes["Level1"], system).masks(system)
        return engine, game.variables["lives"].probe, recipe

    def assert_snapshot_goes_on(self, engine: LibretroEngine) -> None:
        """Also past the frames that were played twice for their picture."""
        buttons = np.random.default_rng(1).choice([0, 1 << 6, 1], (1, 60, 1)).astype(np.uint16)
        fresh = self.opened()[0]
        fresh.configure((), None, GRAY)
        snapshot = engine.save_exact(0)
        fresh.load({0: snapshot})
        for one in (engine, fresh):
            one.run(buttons, np.array([60], np.int32), np.zeros(1, np.uint8), stopping=False)
        np.testing.assert_array_equal(engine.read_ram(), fresh.read_ram())
        fresh.close()

    def test_same_game_and_pictures_as_frame_by_frame(self) -> None:
        engines = [self.opened()[0] for _ in range(2)]
        _, lives, recipe = self.opened()
        lost_one = StopNode(measures=(Measure(0, "delta", Op.NEGATIVE),))
        for engine in engines:
            engine.configure([lives], None, GRAY)
            engine.load({0: b""})
            step(engine, recipe[None])
            engine.configure([lives], lost_one, GRAY)
        skipping, shown = engines
        start = skipping.save(0)
        random = np.random.default_rng(0)
        ends = 0
        for press in range(3):
            skipping.load({0: start})
            shown.load({0: start})
            for engine in engines:
                step(engine, np.zeros((1, 1, 1), np.uint16), Observe.FILL)
            for _ in range(120):
                held = random.choice([0, 1 << 6, 1 << 7, 1])
                buttons = np.full((1, 4 if press else 7, 1), held, np.uint16)
                one = step(skipping, buttons)
                frames, ended, observation = step_frame_by_frame(shown, buttons)
                assert one.frames_run[0] == frames
                np.testing.assert_array_equal(one.observations, observation)
                np.testing.assert_array_equal(skipping.read_ram(), shown.read_ram())
                if ended:
                    ends += 1
                    self.assert_snapshot_goes_on(skipping)
                    break
        assert ends >= 2
        for engine in engines:
            engine.close()


def test_the_exact_cores_draw_every_picture() -> None:
    for game in ("Airstriker-Genesis", "Breakout-Atari2600"):
        engine = open_game(game)
        assert not engine.skips_pictures
        engine.close()
