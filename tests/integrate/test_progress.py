"""Progress found from two minutes of play, on every level of our platformer."""

from __future__ import annotations

import numpy as np
import pytest

from playthrough.env.options import EnvOptions
from playthrough.game.integration import load_integration
from playthrough.integrate.machine import Machine
from playthrough.integrate.progress import ProgressCandidate, find_progress, rank_progress
from playthrough.integrate.recording import Recording


@pytest.mark.parametrize("level", ["Level1-1", "Level1-2", "Level1-3", "Level2-1"])
def test_the_scroll_position_is_among_the_first_three(level: str) -> None:
    variables = load_integration("Wickling-Nes").variables
    right = variables["xscrollLo"].probe.address, variables["xscrollHi"].probe.address
    with Machine(EnvOptions(game="Wickling-Nes", state=level)) as machine:
        candidates, recording = find_progress(machine, seconds=120)
    assert len(recording) == round(120 * machine.frames_per_second)
    first = [candidate for candidate in candidates[:3] if (candidate.low, candidate.high) == right]
    assert first, [(hex(one.low), one.high and hex(one.high), one.score) for one in candidates[:5]]
    assert first[0].unit == pytest.approx(1, abs=0.05)
    assert first[0].exact > 0.9
    assert first[0].variables == {"xscrollHi": (right[1], "|u1"), "xscrollLo": (right[0], "|u1")}
    assert first[0].poked is not None
    assert first[0].poked.box is not None, "the screen follows"


def made_up(view: np.ndarray, columns: dict[int, np.ndarray], jumps: tuple[int, ...] = ()) -> Recording:
    """A recording of memory that was computed."""
    frames = len(view)
    known = np.ones(frames, np.bool_)
    known[list(jumps)] = False
    return Recording(
        addresses=np.array(sorted(columns)),
        ram=np.stack([columns[address].astype(np.uint8) for address in sorted(columns)], axis=1),
        play=np.zeros(frames, np.int32),
        masks=np.zeros(frames, np.uint16),
        dx=np.diff(view, prepend=view[0]).astype(np.int16),
        dy=np.zeros(frames, np.int16),
        known=known,
        pictures=np.zeros(frames, np.uint32),
    )


def course(seed: int = 0) -> np.ndarray:
    """A view that goes right and a little back, in pixels."""
    speeds = np.repeat(np.random.default_rng(seed).choice([3, 2, 0, 1, -1], 150), 12)
    return np.maximum(np.cumsum(speeds), 0)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (lambda x: {0x20: x >> 8, 0x21: x & 255}, (0x21, 0x20, {"xscroll": (0x20, ">u2")})),
        (lambda x: {0x20: x & 255, 0x21: x >> 8}, (0x20, 0x21, {"xscroll": (0x20, "<u2")})),
        (
            lambda x: {0x90: x >> 8, 0x13: x & 255},
            (0x13, 0x90, {"xscrollHi": (0x90, "|u1"), "xscrollLo": (0x13, "|u1")}),
        ),
        (  # four steps to a pixel
            lambda x: {0x20: (4 * x) >> 8, 0x21: (4 * x) & 255},
            (0x21, 0x20, {"xscroll": (0x20, ">u2")}),
        ),
    ],
)
def test_bytes_are_joined_to_words(columns: object, expected: tuple[int, int, dict[str, tuple[int, str]]]) -> None:
    x = course()
    noise = np.random.default_rng(1)
    memory = columns(x) | {  # type: ignore[operator]
        0x50: np.arange(len(x)) & 255,  # a frame counter
        0x51: noise.integers(0, 256, len(x)),
        0x52: (x >> 8) & 1,  # which of two pages is shown
    }
    best: ProgressCandidate = rank_progress(made_up(x, memory))[0]
    assert (best.low, best.high, best.variables) == expected
    assert best.correlation > 0.99


def test_a_view_that_stands_still_has_no_progress() -> None:
    still = np.zeros(600, np.int64)
    assert rank_progress(made_up(still, {1: np.arange(600) & 255})) == []
