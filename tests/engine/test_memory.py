"""Memory: where a core keeps it, numbers read from it, and what follows from the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from engine.conformance import play
from engine.opening import open_game, open_made, open_tiny, start_state
from numpy.typing import NDArray

from playthrough.engine.engine import PixelSpec
from playthrough.engine.libretro import RewardSum, native_stop
from playthrough.engine.probes import DataType, Measure, Op, Probe, RewardTerm, StopNode
from playthrough.errors import BadInputError

TinyCores = Mapping[str, Path]
NOTHING = np.zeros((1, 1, 1), np.uint16)


def probe(address: int, kind: str, mask: int | None = None) -> Probe:
    return Probe(address, DataType.parse(kind), mask)


# Where it is --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("system", "base"), [("Nes", 0), ("Sms", 0xC000), ("Atari2600", 0x80)])
def test_a_block_without_a_map_lies_at_the_systems_base(tiny_cores: TinyCores, system: str, base: int) -> None:
    engine = open_tiny(tiny_cores, "tiny_rgb565", system=system, seed=99)
    assert engine.memory_blocks(0) == [(base, 2048)] and engine.ram_size_bytes == 2048
    engine.configure((probe(base, "<u2"), probe(base + 0x19, "|u1"), probe(base + 0x40, "|u1")), None, PixelSpec())
    samples = play(engine, NOTHING).samples[0, 0]
    assert samples[0] == 3 and samples[2] == engine.read_memory(0, base + 0x40, 1)[0]
    assert engine.read_ram()[0, 0x19] == samples[1]
    engine.close()


def test_a_cores_own_map(tiny_cores: TinyCores) -> None:
    engine = open_tiny(tiny_cores, "tiny_maps", lanes=2)
    # The lengths follow from the select masks; the constant block is left out; one block has no memory behind it.
    assert engine.memory_blocks(0) == [(0, 0x800), (0x2000, 0x100), (0x6000, 0x40)]
    assert engine.ram_size_bytes == 0x800 + 0x100 + 0x40
    probes = [probe(0, "<u2"), probe(0x2000, "|u1"), probe(0x20FF, "|u1"), probe(0x6000, "<u4"), probe(0x603F, "|u1")]
    engine.configure(probes, None, PixelSpec())
    samples = play(engine, np.zeros((2, 5, 1), np.uint16)).samples
    assert samples[0, -1].tolist() == [7, 7, (7 + 0xFF) & 255, 0, 0]
    ram = engine.read_ram()
    assert (
        bytes(ram[0, 0x800:0x900]) == engine.read_memory(0, 0x2000, 0x100) == bytes((7 + i) & 255 for i in range(256))
    )
    assert not ram[:, 0x900:].any()
    engine.write_memory(0, 0x6000, b"\xaa")
    assert engine.read_memory(0, 0x6000, 1) == b"\xaa" and engine.read_memory(1, 0x6000, 1) == b"\0"
    for address in (0x800, 0x1FFF, 0x2100, 0x5FFF, 0x6040, 0x8000, 0xFFFF, 1 << 40):
        with pytest.raises(BadInputError, match=rf"address {address} \({address:#x}\) of type \|u1 .*tiny_maps"):
            engine.configure([probe(address, "|u1")], None, PixelSpec())
        with pytest.raises(BadInputError, match=f"address {address} is not mapped by core tiny_maps"):
            engine.read_memory(0, address, 1)
    for address in (0x7FF, 0x20FF):
        with pytest.raises(BadInputError, match=f"address {address} .* of type >u2"):
            engine.configure([probe(address, ">u2")], None, PixelSpec())
    engine.close()


def test_negative_addresses_are_refused(tiny_cores: TinyCores) -> None:
    engine = open_tiny(tiny_cores, "tiny_rgb565")
    with pytest.raises(BadInputError, match="address -1 "):
        engine.configure([probe(-1, "|u1")], None, PixelSpec())
    engine.close()


def test_words_of_the_genesis_lie_swapped_in_the_core() -> None:
    """The bus's byte A is the core's byte A ^ 1; stable-retro's `get_ram` gives the core's."""
    engine = open_game("Airstriker-Genesis")
    engine.load({0: start_state("Airstriker-Genesis")})
    engine.configure([probe(0xFF0000 + i, "|u1") for i in range(0x240, 0x2A0)], None, PixelSpec())
    samples = play(engine, np.zeros((1, 90, 1), np.uint16)).samples[0, -1]
    ram = engine.read_ram()[0]
    assert len(set(samples.tolist())) > 3
    assert samples.tolist() == [ram[i ^ 1] for i in range(0x240, 0x2A0)]
    assert engine.read_memory(0, 0xFF0240, 0x60) == bytes(samples.astype(np.uint8))
    # The low byte of a big-endian counter moves fastest.
    engine.configure([probe(0xFF0294, ">u2"), probe(0xFF0294, "|u1"), probe(0xFF0295, "|u1")], None, PixelSpec())
    words = play(engine, np.zeros((1, 30, 1), np.uint16)).samples[0]
    assert (np.diff(words[:, 0]) == 1).all() or (np.diff(words[:, 2]) % 256 == 1).all()
    np.testing.assert_array_equal(words[:, 0], words[:, 1] * 256 + words[:, 2])
    engine.write_memory(0, 0xFF0300, b"\x12\x34\x56")
    assert bytes(engine.read_ram()[0, 0x300:0x304])[:2] == b"\x34\x12"
    assert engine.read_memory(0, 0xFF0300, 3) == b"\x12\x34\x56"
    engine.close()


def test_fceumms_uncleared_work_ram_is_cleared() -> None:
    """It is malloc'd and keeps what the heap held; two games could differ by it."""
    for _ in range(3):
        engine = open_made("Nes")
        assert not any(engine.read_memory(0, 0x6000, 0x2000))
        engine.write_memory(0, 0x6000, b"\xff" * 0x2000)
        engine.load({0: b""})
        assert not any(engine.read_memory(0, 0x6000, 0x2000))
        engine.write_memory(0, 0x6000, b"\xff" * 0x2000)
        engine.close()


# Numbers ------------------------------------------------------------------------------------------------------------

ORDERS = ["|", "<", ">", "=", "<>", "><", "<=", ">=", "<<", ">>"]


def test_every_type_reads_as_the_reference_says(tiny_cores: TinyCores) -> None:
    engine = open_tiny(tiny_cores, "tiny_rgb565")
    random = np.random.default_rng(0)
    kinds = [DataType(order, form, width) for order in ORDERS for form in "uidn" for width in range(1, 9)]  # type: ignore[arg-type]
    probes = [Probe(0x400 + int(random.integers(0, 200)), kind) for kind in kinds]
    masks = [0x7F, 0xFF00, 0xFFFFFFFF, 1, (1 << 63) - 1]
    probes += [Probe(one.address, one.type, masks[i % len(masks)]) for i, one in enumerate(probes)]
    for fill in range(6):
        memory = random.integers(0, 256, 256, np.uint8) if fill < 4 else np.full(256, 255 * (fill - 4), np.uint8)
        engine.write_memory(0, 0x400, memory.tobytes())
        engine.configure(probes, None, PixelSpec())
        samples = play(engine, NOTHING).samples[0, 0].tolist()
        for one, sample in zip(probes, samples, strict=True):
            raw = memory.tobytes()[one.address - 0x400 :][: one.type.width]
            value = one.type.decode(raw)
            expected = value if one.mask is None else value & one.mask
            assert sample == expected, f"{one.type} mask {one.mask} of {raw.hex()}"
            low, high = one.range()
            assert low <= sample <= high or (one.type.width == 8 and one.type.format == "u")
    engine.close()


def test_a_game_keeps_numbers_in_many_types(tiny_cores: TinyCores) -> None:
    """One number in several types at once, as real games keep scores and counters."""
    engine = open_tiny(tiny_cores, "tiny_rgb565")
    kinds = {
        "frame": (0, "<u2"),
        "same": (2, ">u2"),
        "score": (0x10, ">d3"),
        "digits": (0x14, ">n4"),
        "lives": (0x18, "|i1"),
    }
    kinds |= {"hash": (0x1C, "<u4"), "words": (0x24, "><u4"), "mixed": (0x28, "<>u4"), "x": (0x20, "<i2")}
    engine.configure([probe(*kind) for kind in kinds.values()], None, PixelSpec())
    buttons = np.zeros((1, 700, 1), np.uint16)
    buttons[0, ::2] = 1 | 1 << 6  # B is worth 7 points each time it goes down; LEFT counts x down
    buttons[0, 600::2] |= 1 << 2
    samples = dict(zip(kinds, play(engine, buttons).samples[0].T, strict=True))
    np.testing.assert_array_equal(samples["frame"], np.arange(3, 703))
    np.testing.assert_array_equal(samples["same"], samples["frame"])
    np.testing.assert_array_equal(samples["digits"], samples["score"] % 10000)
    np.testing.assert_array_equal(samples["words"], samples["hash"])
    np.testing.assert_array_equal(samples["mixed"], samples["hash"])
    assert samples["score"][599] == 300 * 7 and samples["lives"].min() == -1 and samples["x"].min() == -304
    engine.close()


# What follows from them ---------------------------------------------------------------------------------------------


def random_measure(random: np.random.Generator, num_probes: int) -> Measure:
    reference = float(random.choice([0, 1, 2, -1, 3, 100, 0.5, 255]))
    return Measure(
        int(random.integers(num_probes)),
        random.choice(["absolute", "delta"]),
        Op(int(random.integers(len(Op)))),
        reference,
    )


def random_stop(random: np.random.Generator, num_probes: int, depth: int = 0) -> StopNode:
    measures = tuple(random_measure(random, num_probes) for _ in range(random.integers(0, 4)))
    nodes = ()
    if depth < 3:
        nodes = tuple(random_stop(random, num_probes, depth + 1) for _ in range(random.integers(0, 3)))
    return StopNode(random.choice(["any", "all"]), measures, nodes)


def random_samples(random: np.random.Generator, *shape: int) -> NDArray[np.int64]:
    """Small numbers that often repeat, some bytes, and a few of every size that a double holds exactly."""
    kinds = random.integers(0, 3, shape)
    small, byte = random.integers(-2, 4, shape), random.integers(0, 256, shape)
    large = random.integers(-(1 << 52), 1 << 52, shape) >> random.integers(0, 52, shape)
    return np.choose(kinds, [small, byte, large])


def test_random_stop_programs_say_what_the_reference_says() -> None:
    random = np.random.default_rng(0)
    answers: list[bool] = []
    for _ in range(400):
        program = random_stop(random, 5)
        native = native_stop(program)
        for now, before in zip(random_samples(random, 8, 5), random_samples(random, 8, 5), strict=True):
            answers.append(native.evaluate(now, before))
            assert answers[-1] == program.evaluate(now.tolist(), before.tolist()), program
    assert 0.2 < np.mean(answers) < 0.8


def test_empty_programs() -> None:
    nothing = np.zeros(1, np.int64)
    assert native_stop(StopNode("all")).evaluate(nothing, nothing) is True
    assert native_stop(StopNode("any")).evaluate(nothing, nothing) is False
    assert native_stop(StopNode("all", (), (StopNode("any"),))).evaluate(nothing, nothing) is False


def test_changes_of_8_byte_numbers_wrap_around() -> None:
    now, before = np.array([-(1 << 63)]), np.array([(1 << 63) - 1])
    for op in (Op.POSITIVE, Op.NEGATIVE):
        program = StopNode("any", (Measure(0, "delta", op),))
        assert native_stop(program).evaluate(now, before) == program.evaluate(now.tolist(), before.tolist())
    assert native_stop(StopNode("any", (Measure(0, "delta", Op.EQUAL, 1),))).evaluate(now, before)


def test_random_stop_programs_stop_a_run_on_the_same_frame(tiny_cores: TinyCores) -> None:
    random = np.random.default_rng(1)
    engine = open_tiny(tiny_cores, "tiny_rgb565")
    probes = (probe(0, "|u1"), probe(0x19, "|u1"), probe(0x10, ">d3"), probe(0x18, "|i1"), probe(0x20, "<i2"))
    buttons = (random.integers(0, 256, (1, 60, 1)) & 0xC5).astype(np.uint16)
    engine.configure(probes, None, PixelSpec())
    samples = play(engine, buttons).samples[0].tolist()
    stopped = 0
    for _ in range(150):
        program = random_stop(random, len(probes))
        engine.configure(probes, program, PixelSpec())
        engine.load({0: b""})
        before = [0] * len(probes)
        expected = 60
        for frame, now in enumerate(samples):
            if program.evaluate(now, before):
                expected = frame + 1
                break
            before = now
        result = play(engine, buttons)
        assert result.frames_run[0] == expected, program
        assert result.ended[0] == program.evaluate(
            samples[expected - 1], samples[expected - 2] if expected > 1 else [0] * 5
        )
        assert result.samples[0, :expected].tolist() == samples[:expected]
        stopped += 1 < expected < 60
    assert stopped > 10
    engine.close()


def test_random_rewards_are_the_references_in_single_precision() -> None:
    """Per frame in single precision as stable-retro adds them up, and over the frames of a step in double."""
    random = np.random.default_rng(0)
    paid = 0
    for _ in range(150):
        terms = []
        for _ in range(random.integers(0, 6)):
            measure = random_measure(random, 4) if random.random() < 0.9 else None
            reward, penalty = (float(number) for number in random.choice([0, 1, -1, 0.1, 2.5, -0.3, 1e-3, 777], 2))
            terms.append(RewardTerm(int(random.integers(0, 3)), measure, reward, penalty))
        samples, before = random_samples(random, 3, 5, 4), random_samples(random, 3, 4)
        frames_run = random.integers(0, 6, 3).astype(np.int32)
        got = RewardSum(terms, 2)(samples, before, frames_run)
        assert got.shape == (3, 2) and got.dtype == np.float64
        for lane in range(3):
            for player in range(2):
                expected, past = 0.0, before[lane].tolist()
                for now in samples[lane, : frames_run[lane]].tolist():
                    frame = np.float32(0)
                    for term in terms:
                        if term.player != player:
                            continue
                        if term.measure is None:
                            frame += np.float32(term.reward)
                            continue
                        value = np.float32(term.measure.evaluate(now[term.measure.probe], past[term.measure.probe]))
                        frame += value * np.float32(term.reward if value > 0 else term.penalty)
                        # The readable reference, in double precision, is the same number but for rounding.
                        assert value * (term.reward if value > 0 else term.penalty) == pytest.approx(
                            term.evaluate(now, past), rel=1e-5
                        )
                    expected += float(frame)
                    past = now
                assert got[lane, player] == expected
                paid += expected != 0
    assert paid > 100


def test_a_reward_for_time_has_no_probe() -> None:
    pay = RewardSum([RewardTerm(0, None, reward=-0.25), RewardTerm(0, Measure(0, "delta"), 1.0, 2.0)], 1)
    samples = np.array([[[5], [3], [3]]], np.int64)
    assert pay(samples, np.array([[4]]), np.array([3], np.int32)).tolist() == [[1 - 4 + 0 - 0.75]]
    assert pay(samples, np.array([[4]]), np.array([0], np.int32)).tolist() == [[0.0]]
