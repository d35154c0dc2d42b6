"""What every engine promises, whatever program its emulators run in.

A test file makes a class of its own from `EngineConformance`, with a fixture `subject` that says how to open the engine
and what moves in its game; pytest then runs everything below on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from playthrough.engine.engine import Engine, Observe, PixelSpec, RunResult
from playthrough.engine.probes import DataType, Measure, Op, Probe, StopNode
from playthrough.errors import BadInputError, StateError

PLAIN = PixelSpec()
SMALL = PixelSpec(gray=True, resize="area", size=(12, 16), max_of_two=True, stack=3)


@dataclass(frozen=True)
class Subject:
    """An engine with a game in which something moves.

    Attributes:
        open: Opens the engine with so many lanes.
        start: A savestate from which something moves; nothing for a power-on.
        counter: A number that changes on every frame, buttons or not.
        answer: A number that `button` changes.
        button: A button mask.
    """

    open: Callable[[int], Engine]
    counter: Probe
    answer: Probe
    button: int
    start: bytes = b""

    def started(self, lanes: int = 1, pixels: PixelSpec = PLAIN, stop: StopNode | None = None) -> Engine:
        """A new engine, at the start."""
        engine = self.open(lanes)
        engine.configure((self.counter, self.answer), stop, pixels)
        engine.load(dict.fromkeys(range(lanes), self.start))
        return engine

    def inputs(self, frames: int, seed: int = 0, lanes: int = 1, ports: int = 1) -> NDArray[np.uint16]:
        """The button, pressed at random: uint16 (lanes, frames, ports), the same for all lanes."""
        presses = np.random.default_rng(seed).integers(0, 2, (1, frames, ports)) * self.button
        return np.repeat(presses, lanes, 0).astype(np.uint16)


def play(engine: Engine, buttons: NDArray[np.uint16], observe: Observe = Observe.SKIP) -> RunResult:
    """Run all frames of uint16 (lanes, frames, ports) on every lane."""
    lanes, frames, _ = buttons.shape
    return engine.run(buttons, np.full(lanes, frames, np.int32), np.full(lanes, observe, np.uint8))


def look(engine: Engine, observe: Observe = Observe.SHOW) -> NDArray[np.uint8]:
    """The observations, without running anything."""
    return play(engine, np.zeros((engine.num_lanes, 0, 1), np.uint16), observe).observations


def assert_same_future(left: Engine, right: Engine, buttons: NDArray[np.uint16]) -> None:
    """Lane 0 of both engines goes on alike, in numbers, memory and picture."""
    for half in np.array_split(buttons, 2, axis=1):
        np.testing.assert_array_equal(
            play(left, np.repeat(half, left.num_lanes, 0)).samples[0],
            play(right, np.repeat(half, right.num_lanes, 0)).samples[0],
        )
        np.testing.assert_array_equal(left.read_ram()[0], right.read_ram()[0])
        np.testing.assert_array_equal(left.picture(0), right.picture(0))


class EngineConformance:
    """The promises of `Engine`, on one game."""

    @pytest.fixture
    def subject(self) -> Subject:
        raise NotImplementedError("say which engine to test")

    @pytest.fixture
    def engine(self, subject: Subject) -> Iterator[Engine]:
        engine = subject.started(3)
        yield engine
        engine.close()

    def test_it_says_what_it_shows_and_maps(self, engine: Engine) -> None:
        assert engine.num_lanes == 3 and engine.core_name
        assert engine.display.frames_per_second > 10
        assert engine.ram_size_bytes == sum(size for _, size in engine.memory_blocks(0)) > 0
        assert engine.read_ram().shape == (3, engine.ram_size_bytes)
        if engine.capabilities.video:
            play(engine, np.zeros((3, 1, 1), np.uint16))
            assert engine.picture(0).shape == PixelSpec().shape(engine.display)
            assert engine.display.sample_rate_hz > 1000 or not engine.capabilities.audio

    def test_every_lane_runs_as_many_frames_as_it_is_told(self, subject: Subject, engine: Engine) -> None:
        told = np.array([4, 0, 2], np.int32)
        result = engine.run(subject.inputs(4, lanes=3), told, np.zeros(3, np.uint8))
        np.testing.assert_array_equal(result.frames_run, told)
        assert not result.ended.any()
        counts = result.samples[0, :, 0]
        assert (np.diff(counts) != 0).all(), "the counter stood still"
        np.testing.assert_array_equal(result.samples[2, :2, 0], counts[:2])
        rest = engine.run(np.zeros((3, 4, 1), np.uint16), np.array([0, 4, 2], np.int32), np.zeros(3, np.uint8))
        np.testing.assert_array_equal(rest.samples[1, :, 0], counts)
        np.testing.assert_array_equal(rest.samples[2, :2, 0], counts[2:])

    def test_samples_are_what_the_memory_holds(self, subject: Subject, engine: Engine) -> None:
        for frame in range(5):
            result = play(engine, subject.inputs(1, frame, lanes=3))
            for lane in range(3):
                for column, probe in enumerate((subject.counter, subject.answer)):
                    raw = engine.read_memory(lane, probe.address, probe.type.width)
                    assert result.samples[lane, 0, column] == probe.type.decode(raw)

    def test_one_run_of_many_frames_is_many_runs_of_one(self, subject: Subject) -> None:
        at_once, one_by_one = subject.started(), subject.started()
        buttons = subject.inputs(12)
        result = play(at_once, buttons, Observe.PUSH)
        singles = [play(one_by_one, buttons[:, i : i + 1], Observe.PUSH) for i in range(12)]
        np.testing.assert_array_equal(result.samples[0], np.concatenate([single.samples[0] for single in singles]))
        np.testing.assert_array_equal(result.observations, singles[-1].observations)
        assert len({single.observations.tobytes() for single in singles}) > 1, "a still picture proves nothing"
        at_once.close()
        one_by_one.close()

    def test_every_lane_has_buttons_of_its_own(self, subject: Subject, engine: Engine) -> None:
        buttons = np.zeros((3, 40, 1), np.uint16)
        buttons[1] = subject.inputs(40)
        samples = play(engine, buttons).samples
        np.testing.assert_array_equal(samples[0], samples[2])
        assert (samples[0, :, 1] != samples[1, :, 1]).any()

    def test_a_start_is_the_same_after_any_history(self, subject: Subject) -> None:
        fresh = subject.started()
        for start in {subject.start, b""}:
            used = subject.started()
            play(used, subject.inputs(37, seed=5))
            used.load({0: start})
            fresh.load({0: start})
            assert_same_future(used, fresh, subject.inputs(60, seed=6))
            used.close()
        fresh.close()

    def test_a_savestate_goes_on_alike_after_any_history(self, subject: Subject) -> None:
        used, fresh = subject.started(), subject.started()
        play(used, subject.inputs(25))
        state = used.save(0)
        play(used, subject.inputs(33, seed=1))
        used.load({0: state})
        fresh.load({0: state})
        assert_same_future(used, fresh, subject.inputs(60, seed=2))
        used.close()
        fresh.close()

    def test_an_exact_snapshot_goes_on_as_if_nothing_had_happened(self, subject: Subject) -> None:
        engine, fresh = subject.started(), subject.started()
        play(engine, subject.inputs(25))
        snapshot = engine.save_exact(0)
        fresh.load({0: snapshot})
        assert_same_future(engine, fresh, subject.inputs(60, seed=2))
        again = engine.save_exact(0)
        play(fresh, subject.inputs(7))
        fresh.load({0: again})
        assert_same_future(engine, fresh, subject.inputs(20, seed=3))
        engine.close()
        fresh.close()

    def test_a_state_goes_to_the_lanes_that_it_is_for(self, subject: Subject, engine: Engine) -> None:
        play(engine, subject.inputs(20, lanes=3))
        state = engine.save_exact(1)
        play(engine, subject.inputs(9, lanes=3))
        expected = play(engine, subject.inputs(1, lanes=3)).samples[0]
        engine.load({1: state})
        play(engine, subject.inputs(9, lanes=3))
        buttons = subject.inputs(1, lanes=3)
        result = engine.run(buttons, np.array([0, 1, 0], np.int32), np.zeros(3, np.uint8))
        np.testing.assert_array_equal(result.samples[1], expected)

    def test_the_frame_on_which_a_game_ends_is_the_last(self, subject: Subject) -> None:
        reference = subject.started()
        counts = play(reference, subject.inputs(30)).samples[0, :, 0]
        end = 17
        first = int(np.flatnonzero(counts == counts[end])[0])
        stop = StopNode("any", (Measure(0, "absolute", Op.EQUAL, float(counts[end])),))
        engine = subject.started(2, stop=stop)
        result = engine.run(subject.inputs(30, lanes=2), np.array([30, first], np.int32), np.zeros(2, np.uint8))
        assert result.frames_run.tolist() == [first + 1, first]
        assert result.ended.tolist() == [True, False]
        np.testing.assert_array_equal(result.samples[0, : first + 1, 0], counts[: first + 1])
        reference.close()
        engine.close()

    def test_a_change_is_against_the_frame_before_also_across_runs(self, subject: Subject) -> None:
        reference = subject.started()
        answers = play(reference, subject.inputs(60)).samples[0, :, 1]
        changed = np.flatnonzero(np.diff(answers)) + 1
        assert len(changed), "nothing changed: this proves nothing"
        stop = StopNode("any", (Measure(1, "delta", Op.NONZERO),))
        for chunk in (1, 60):  # the frame before lies in the run before, and in the same run
            engine = subject.started(stop=stop)
            buttons = subject.inputs(60)
            play(engine, buttons[:, :1])
            position, ended = 1, False
            while not ended:
                result = play(engine, buttons[:, position : position + chunk])
                position, ended = position + int(result.frames_run[0]), bool(result.ended[0])
            assert position - 1 == changed[0]
            engine.close()
        reference.close()

    def test_observations_are_asked_for(self, subject: Subject) -> None:
        engine, plain = subject.started(pixels=SMALL), subject.started(pixels=PixelSpec(True, "area", (12, 16)))
        if not engine.capabilities.video:
            pytest.skip("this engine shows no pictures")
        buttons = subject.inputs(40)
        frames = [play(plain, buttons[:, i : i + 1], Observe.PUSH).observations[0] for i in range(40)]
        assert len({frame.tobytes() for frame in frames}) > 5, "hardly anything moved: this proves little"

        filled = play(engine, buttons[:, :1], Observe.FILL).observations[0]
        np.testing.assert_array_equal(filled, np.stack([frames[0]] * 3))
        np.testing.assert_array_equal(look(engine)[0], filled)
        second = play(engine, buttons[:, 1:5], Observe.PUSH).observations[0]
        np.testing.assert_array_equal(second, [frames[0], frames[0], np.maximum(frames[3], frames[4])])
        play(engine, buttons[:, 5:6], Observe.KEEP)
        play(engine, buttons[:, 6:7], Observe.KEEP)
        np.testing.assert_array_equal(look(engine)[0], second)
        third = look(engine, Observe.PUSH)[0]
        np.testing.assert_array_equal(third, [frames[0], second[2], np.maximum(frames[5], frames[6])])
        play(engine, buttons[:, 7:20])
        fourth = play(engine, buttons[:, 20:22], Observe.PUSH).observations[0]
        np.testing.assert_array_equal(fourth, [second[2], third[2], np.maximum(frames[20], frames[21])])
        np.testing.assert_array_equal(play(engine, buttons[:, 22:23], Observe.FILL).observations[0], [frames[22]] * 3)
        engine.close()
        plain.close()

    def test_the_past_of_an_observation_can_be_kept(self, subject: Subject) -> None:
        engine, other = subject.started(pixels=SMALL), subject.started(pixels=SMALL)
        play(engine, subject.inputs(1), Observe.FILL)
        for i in range(3):
            play(engine, subject.inputs(3, seed=i), Observe.PUSH)
        other.load({0: engine.save_exact(0)})
        other.load_history(0, engine.save_history(0))
        np.testing.assert_array_equal(look(other), look(engine))
        for i in range(5):
            buttons = subject.inputs(1 + i % 2, seed=10 + i)
            left, right = play(engine, buttons, Observe.PUSH), play(other, buttons, Observe.PUSH)
            np.testing.assert_array_equal(left.observations, right.observations)
        with pytest.raises(StateError, match="history"):
            other.load_history(0, engine.save_history(0)[:-1])
        engine.close()
        other.close()

    def test_the_picture_is_the_plain_observation(self, subject: Subject, engine: Engine) -> None:
        if not engine.capabilities.video:
            pytest.skip("this engine shows no pictures")
        observations = play(engine, subject.inputs(30, lanes=3), Observe.PUSH).observations
        assert observations.dtype == np.uint8 and observations.max() > 0
        for lane in range(3):
            np.testing.assert_array_equal(engine.picture(lane), observations[lane])
        height, width, _ = observations.shape[1:]
        np.testing.assert_array_equal(engine.picture(0, (5, 7, 20, 10)), observations[0, 7:17, 5:25])
        np.testing.assert_array_equal(engine.picture(0, (5, 7, 0, height)), observations[0, 7:, 5:])
        np.testing.assert_array_equal(engine.picture(0, (5, 7, width, 0)), observations[0, 7:, 5:])

    def test_a_number_outside_of_the_memory_is_refused_by_its_address(self, subject: Subject, engine: Engine) -> None:
        outside = max(start + size for start, size in engine.memory_blocks(0))
        for address, kind in ((outside, "|u1"), (outside - 1, ">u2")):
            with pytest.raises(BadInputError, match=f"{address} .*{engine.core_name}"):
                engine.configure((Probe(address, DataType.parse(kind)),), None, PixelSpec())
        with pytest.raises(BadInputError, match=str(outside)):
            engine.read_memory(0, outside - 1, 2)
        play(engine, subject.inputs(2, lanes=3))

    def test_a_power_on_undoes_what_was_written_to_memory(self, subject: Subject) -> None:
        engine, fresh = subject.started(), subject.started()
        if not engine.capabilities.poke:
            pytest.skip("the memory of this engine cannot be written")
        address, width = subject.answer.address, subject.answer.type.width
        for engine_ran in (False, True):
            for used in (engine, fresh):
                used.load({0: b""})
            if engine_ran:
                play(engine, subject.inputs(3))
            written = bytes(byte ^ 0x55 for byte in engine.read_memory(0, address, width))
            engine.write_memory(0, address, written)
            assert engine.read_memory(0, address, width) == written
            engine.load({0: b""})
            assert_same_future(engine, fresh, subject.inputs(10))
        engine.close()
        fresh.close()

    def test_an_exact_snapshot_knows_what_was_written_to_memory(self, subject: Subject) -> None:
        engine, fresh = subject.started(), subject.started()
        if not engine.capabilities.poke:
            pytest.skip("the memory of this engine cannot be written")
        play(engine, subject.inputs(3))
        engine.write_memory(0, subject.answer.address, b"\x15")
        play(engine, subject.inputs(3))
        engine.write_memory(0, subject.answer.address, b"\x16")
        fresh.load({0: engine.save_exact(0)})
        assert fresh.read_memory(0, subject.answer.address, 1) == b"\x16"
        assert_same_future(engine, fresh, subject.inputs(10))
        outside = max(start + size for start, size in engine.memory_blocks(0))
        last = engine.read_memory(0, outside - 1, 1)
        with pytest.raises(BadInputError, match=str(outside)):
            engine.write_memory(0, outside - 1, bytes((last[0] ^ 255, 0)))
        assert engine.read_memory(0, outside - 1, 1) == last, "a write that fails changes nothing"
        engine.close()
        fresh.close()

    def test_a_state_that_is_none_is_refused_and_the_engine_goes_on(self, subject: Subject) -> None:
        engine, fresh = subject.started(), subject.started()
        play(engine, subject.inputs(20))
        own, exact = engine.save(0), engine.save_exact(0)
        for junk in (b"16 bytes of junk", own[: len(own) // 2], exact[:-1], b"\xff"):
            with pytest.raises(StateError, match=engine.core_name + "|snapshot"):
                engine.load({0: junk})
            after = play(engine, subject.inputs(3)).samples
            for column, probe in enumerate((subject.counter, subject.answer)):
                raw = engine.read_memory(0, probe.address, probe.type.width)
                assert after[0, -1, column] == probe.type.decode(raw)
            fresh.load({0: engine.save_exact(0)})
            assert_same_future(engine, fresh, subject.inputs(5))
        engine.load({0: exact})
        fresh.load({0: exact})
        assert_same_future(engine, fresh, subject.inputs(20))
        engine.close()
        fresh.close()

    def test_pads_that_join_later_are_remembered(self, subject: Subject) -> None:
        engine, fresh = subject.started(), subject.started()
        play(engine, subject.inputs(4))
        play(engine, subject.inputs(4, ports=2))
        play(engine, subject.inputs(4))
        fresh.load({0: engine.save_exact(0)})
        assert_same_future(engine, fresh, subject.inputs(10, ports=2))
        engine.close()
        fresh.close()

    def test_lanes_and_arrays_that_do_not_fit_are_refused(self, subject: Subject, engine: Engine) -> None:
        for lane in (3, -1):
            with pytest.raises(IndexError):
                engine.picture(lane)
            with pytest.raises(IndexError):
                engine.save(lane)
            with pytest.raises(IndexError):
                engine.load({lane: engine.save(0)})
        with pytest.raises(ValueError):
            play(engine, subject.inputs(2, lanes=2))
        with pytest.raises(ValueError, match="players"):
            play(engine, np.zeros((3, 1, 9), np.uint16))

    def test_sound_is_collected_where_it_is_asked_for(self, subject: Subject, engine: Engine) -> None:
        if not engine.capabilities.audio:
            pytest.skip("this engine has no sound")
        engine.capture_sound(1, True)
        play(engine, subject.inputs(60, lanes=3))
        sound = engine.take_sound(1)
        expected = 60 * engine.display.sample_rate_hz / engine.display.frames_per_second
        assert sound.dtype == np.int16 and sound.shape[1] == 2
        assert abs(len(sound) - expected) < 0.05 * expected
        assert len(engine.take_sound(1)) == 0 and len(engine.take_sound(0)) == 0
        engine.capture_sound(1, False)
        play(engine, subject.inputs(3, lanes=3))
        assert len(engine.take_sound(1)) == 0
