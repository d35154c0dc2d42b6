"""Pictures: from what a core shows to what an agent sees, against a slow and readable reference."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine.conformance import PLAIN, play
from engine.opening import open_game, open_tiny, start_state
from engine.picture_reference import RGB565, RGB1555, XRGB8888, Picture, convert, fit, luma, process

from playthrough import _native
from playthrough.engine.engine import Observe, PixelSpec
from playthrough.engine.libretro import LibretroEngine
from playthrough.engine.probes import DataType, Measure, Op, Probe, StopNode
from playthrough.errors import BadInputError

TinyCores = Mapping[str, Path]


def native(
    raw: Picture,
    pitch: int,
    width: int,
    height: int,
    form: int,
    spec: PixelSpec,
    rotation: int,
    screen: tuple[int, int],
) -> Picture:
    rows, columns = spec.size or (0, 0)
    native_spec = _native.PixelSpec(
        spec.gray, spec.resize, columns, rows, spec.max_of_two, spec.stack, _native.Crop(*spec.crop), rotation
    )
    out = _native.process_picture(raw, pitch, width, height, form, native_spec, _native.Screen(*screen, False))
    return out[..., 0] if spec.gray else out


# Random pictures ----------------------------------------------------------------------------------------------------


def random_case(random: np.random.Generator) -> dict[str, Any]:
    width, height = (int(number) for number in random.integers(1, 90, 2))
    form = int(random.integers(0, 3))
    pitch = width * (4 if form == XRGB8888 else 2) + int(random.choice([0, 4, 36]))
    screen = (width, height)
    if random.random() < 0.3:
        screen = tuple(int(number) for number in random.integers(1, 90, 2))
    x, y = (int(random.integers(0, size)) if random.random() < 0.5 else 0 for size in screen)
    cut = (int(random.integers(0, size + 5)) if random.random() < 0.5 else 0 for size in screen)
    filter_name = str(random.choice(["none", "area", "bilinear"]))
    size = None if filter_name == "none" else tuple(int(number) for number in random.integers(1, 50, 2))
    spec = PixelSpec(bool(random.integers(0, 2)), filter_name, size, crop=(x, y, *cut))  # type: ignore[arg-type]
    raw = random.integers(0, 256, pitch * height, np.uint8)
    if random.random() < 0.2:
        raw[:] = 255
    return {
        "raw": raw,
        "pitch": pitch,
        "width": width,
        "height": height,
        "form": form,
        "spec": spec,
        "rotation": int(random.integers(0, 4)),
        "screen": screen,
    }


@pytest.mark.parametrize("seed", range(8))
def test_random_pictures_are_processed_as_the_reference_does(seed: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(60):
        case = random_case(random)
        picture = convert(case["raw"], case["pitch"], case["width"], case["height"], case["form"])
        expected = process(fit(picture, *case["screen"]), case["spec"], case["rotation"])
        said = {key: value for key, value in case.items() if key != "raw"}
        np.testing.assert_array_equal(native(**case), expected, str(said))


@pytest.mark.parametrize("form", [RGB1555, RGB565])
def test_every_colour_of_16_bits(form: int) -> None:
    raw = np.arange(1 << 16, dtype="<u2").view(np.uint8)
    for spec in (PixelSpec(), PixelSpec(gray=True)):
        picture = native(raw, 512, 256, 256, form, spec, 0, (256, 256))
        np.testing.assert_array_equal(picture, process(convert(raw, 512, 256, 256, form), spec, 0))


def test_halves_are_rounded_up_and_nothing_else_is() -> None:
    """Sums next to a whole number, where a multiplication in place of the division could slip."""
    sums = []
    for value in (0, 63, 127, 128, 191, 254, 255):
        for pixels in ((value, value, value, max(0, value - 1)), (value, value, max(0, value - 1), max(0, value - 1))):
            sums.append(pixels)
    # Found by search: with weights of 1843 and 205 the sum of these is 1/2^22 below a whole number and a half.
    hard = [(191, 160, 232, 151), (206, 218, 236, 150), (165, 175, 161, 153)]
    for pixels in (*sums, *hard):
        raw = np.repeat(np.array(pixels, "<u4") * 0x010101, 1).view(np.uint8)
        for size in ((5, 5), (7, 7), (1, 1), (3, 3)):
            for filter_name in ("bilinear", "area"):
                spec = PixelSpec(True, filter_name, size)  # type: ignore[arg-type]
                expected = process(convert(raw, 8, 2, 2, XRGB8888), spec, 0)
                np.testing.assert_array_equal(native(raw, 8, 2, 2, XRGB8888, spec, 0, (2, 2)), expected, str(pixels))
    raw = np.random.default_rng(0).integers(150, 256, (900, 1600, 1), np.uint8).repeat(4, 2).reshape(-1)
    for spec in (PixelSpec(True, "area", (23, 17)), PixelSpec(True, "bilinear", (23, 17))):
        expected = process(convert(raw, 6400, 1600, 900, XRGB8888), spec, 0)
        np.testing.assert_array_equal(native(raw, 6400, 1600, 900, XRGB8888, spec, 0, (1600, 900)), expected)


@pytest.mark.parametrize("outside", [(64, 0, 0, 0), (0, 48, 10, 10), (1000, 1000, 0, 0)])
@pytest.mark.parametrize("spec", [{}, {"gray": True, "resize": "area", "size": (8, 8)}])
def test_a_crop_that_leaves_nothing_is_refused(
    tiny_cores: TinyCores, outside: tuple[int, int, int, int], spec: dict[str, Any]
) -> None:
    engine = open_tiny(tiny_cores, "tiny_rgb565")
    with pytest.raises(
        BadInputError, match="leaves nothing of the picture of core tiny_rgb565, which has 64x48 pixels"
    ):
        engine.configure((), None, PixelSpec(**spec, crop=outside))
    with pytest.raises(ValueError, match="leaves nothing"):
        native(np.zeros(64 * 48 * 2, np.uint8), 128, 64, 48, RGB565, PixelSpec(**spec, crop=outside), 0, (64, 48))
    engine.close()


# Real pictures against OpenCV ---------------------------------------------------------------------------------------

GAMES = ["Airstriker-Genesis", "Breakout-Atari2600", "Pong-Atari2600", "Seaquest-Atari2600", "Enduro-Atari2600"]


@pytest.fixture(scope="module", params=GAMES)
def pictures(request: pytest.FixtureRequest) -> tuple[list[Picture], dict[str, list[Picture]]]:
    """Pictures of a game while it is played: in colour, and as they are shrunk by each filter."""
    specs = {
        "area 84": PixelSpec(True, "area", (84, 84)),
        "area 84 colour": PixelSpec(False, "area", (84, 84)),
        "bilinear 1/8": PixelSpec(True, "bilinear"),
        "bilinear 84 colour": PixelSpec(False, "bilinear", (84, 84)),
    }
    engine = open_game(request.param, lanes=1)
    display, state = engine.display, start_state(request.param)
    specs["bilinear 1/8"] = PixelSpec(True, "bilinear", (display.height // 8, display.width // 8))
    buttons = np.random.default_rng(0).integers(0, 256, (1, 200, 1)).astype(np.uint16) & 0xF1
    seen: dict[str, list[Picture]] = {}
    for name, spec in {"rgb": PixelSpec(), **specs}.items():
        engine.configure((), None, spec)
        engine.load({0: state})
        for i in range(0, 200, 10):
            seen.setdefault(name, []).append(play(engine, buttons[:, i : i + 10], Observe.PUSH).observations[0])
    engine.close()
    return seen.pop("rgb"), seen


def test_shrunk_game_pictures_are_opencvs(pictures: tuple[list[Picture], dict[str, list[Picture]]]) -> None:
    cv2 = pytest.importorskip("cv2")
    plain, seen = pictures
    assert len({picture.tobytes() for picture in plain}) > 5
    for name, shrunk in seen.items():
        for picture, ours in zip(plain, shrunk, strict=True):
            gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
            np.testing.assert_array_equal(gray, luma(picture))
            size = ours.shape[1::-1]
            if name.startswith("area"):
                theirs = cv2.resize(gray if ours.ndim == 2 else picture, size, interpolation=cv2.INTER_AREA)
            else:
                theirs = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
                theirs = cv2.cvtColor(theirs, cv2.COLOR_RGB2GRAY) if ours.ndim == 2 else theirs
            difference = np.abs(theirs.astype(int) - ours.astype(int))
            assert difference.max() <= 1, name
            assert difference.mean() < 0.05, name


def test_game_pictures_are_the_references(pictures: tuple[list[Picture], dict[str, list[Picture]]]) -> None:
    plain, seen = pictures
    for name, shrunk in seen.items():
        filter_name = name.split()[0]
        for picture, ours in zip(plain[::4], shrunk[::4], strict=True):
            spec = PixelSpec(ours.ndim == 2, filter_name, ours.shape[:2])  # type: ignore[arg-type]
            np.testing.assert_array_equal(ours, process(picture, spec, 0), name)


# What cores do with their pictures ----------------------------------------------------------------------------------


def watch(engine: LibretroEngine, frames: int = 40, spec: PixelSpec = PLAIN) -> list[Picture]:
    """What an agent sees after each frame."""
    engine.configure((), None, spec)
    buttons = np.random.default_rng(0).integers(0, 1 << 12, (1, frames, 2)).astype(np.uint16)
    return [play(engine, buttons[:, i : i + 1], Observe.PUSH).observations[0] for i in range(frames)]


@pytest.mark.parametrize("name", ["tiny_0rgb1555", "tiny_xrgb8888", "tiny_pitch"])
@pytest.mark.parametrize("spec", [PixelSpec(), PixelSpec(True, "area", (20, 30)), PixelSpec(crop=(9, 5, 31, 0))])
def test_every_pixel_format_shows_the_same_colours(tiny_cores: TinyCores, name: str, spec: PixelSpec) -> None:
    usual, other = open_tiny(tiny_cores, "tiny_rgb565"), open_tiny(tiny_cores, name)
    expected = watch(usual, spec=spec)
    assert len({picture.tobytes() for picture in expected}) > 30
    np.testing.assert_array_equal(watch(other, spec=spec), expected)
    for engine in (usual, other):
        engine.close()


@pytest.mark.parametrize("turns", range(4))
def test_a_turned_picture_is_upright(tiny_cores: TinyCores, turns: int) -> None:
    usual, turned = open_tiny(tiny_cores, "tiny_rgb565"), open_tiny(tiny_cores, "tiny_rotated", choice=turns)
    assert (turned.display.width, turned.display.height, turned.display.rotation) == (64, 48, turns)
    for spec in (PixelSpec(), PixelSpec(True, crop=(3, 5, 20, 30)), PixelSpec(True, "area", (20, 30))):
        usual.load({0: b""})
        turned.load({0: b""})
        upright = [process(fit(picture, 64, 48), spec, turns) for picture in watch(usual, 10)]
        seen = watch(turned, 10, spec)
        # The second byte of the ROM asks for the turns, and shows in no picture.
        np.testing.assert_array_equal(seen, upright)
        assert seen[0].shape == spec.shape(turned.display)
    np.testing.assert_array_equal(turned.picture(0, (3, 5, 20, 30)), np.rot90(usual.picture(0, (3, 5, 20, 30)), turns))
    for engine in (usual, turned):
        engine.close()


def test_a_picture_that_changes_its_size_is_cut_or_filled_up(tiny_cores: TinyCores) -> None:
    """The core crashes whoever reads past the picture that it announced."""
    usual, engine = open_tiny(tiny_cores, "tiny_rgb565"), open_tiny(tiny_cores, "tiny_geometry")
    sizes = [(64, 48), (32, 24), (96, 72), (50, 30), (72, 40)]
    for frame, (picture, whole) in enumerate(zip(watch(engine, 100), watch(usual, 100), strict=True), start=3):
        width, height = sizes[frame // 8 % 5]
        shown = min(width, 64), min(height, 48)
        assert picture.shape == (48, 64, 3)
        np.testing.assert_array_equal(picture, fit(whole[: shown[1], : shown[0]], 64, 48), f"frame {frame}")
    # The pictures of two frames, kept while a game may end on any of them.
    spec = PixelSpec(True, "area", (20, 30), max_of_two=True, stack=2, crop=(5, 3, 0, 40))
    engine.load({0: b""})
    engine.configure([Probe(0, DataType.parse("<u2"))], StopNode("any", (Measure(0, "absolute", Op.EQUAL, 95),)), spec)
    for _ in range(30):
        play(engine, np.zeros((1, 4, 1), np.uint16), Observe.PUSH)
    assert engine.picture(0, (60, 40, 0, 0)).shape == (8, 4, 3)
    for one in (usual, engine):
        one.close()


def test_a_frame_without_a_picture_shows_the_one_before(tiny_cores: TinyCores) -> None:
    usual, engine = open_tiny(tiny_cores, "tiny_rgb565"), open_tiny(tiny_cores, "tiny_dupe")
    whole, seen = watch(usual), watch(engine)
    for i, frame in enumerate(range(3, 43)):
        np.testing.assert_array_equal(seen[i], whole[i] if frame % 2 else seen[i - 1])
    assert len({picture.tobytes() for picture in seen}) == 20
    for one in (usual, engine):
        one.close()


@pytest.mark.parametrize("name", ["tiny_skip", "tiny_frameskip"])
def test_no_core_leaves_pictures_out(tiny_cores: TinyCores, name: str) -> None:
    """Some do when the frontend offers a way to ask for it, and then differ from stable-retro."""
    usual, engine = open_tiny(tiny_cores, "tiny_rgb565"), open_tiny(tiny_cores, name)
    expected, seen = watch(usual), watch(engine)
    np.testing.assert_array_equal(seen, expected)
    assert int.from_bytes(engine.read_memory(0, 0x100, 2), "little") == 42
    for one in (usual, engine):
        one.close()


@pytest.mark.parametrize("skip", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("stops", [False, True])
def test_the_brighter_of_the_last_two_frames(tiny_cores: TinyCores, skip: int, stops: bool) -> None:
    """Also where the game ends in the middle of a run: then the last two frames are those before the end."""
    spec = PixelSpec(True, "area", (20, 30), max_of_two=True, stack=3)
    usual, engine = open_tiny(tiny_cores, "tiny_rgb565"), open_tiny(tiny_cores, "tiny_rgb565")
    frames = [process(picture, spec, 0) for picture in watch(usual, 45)]
    ends = {20, 27, 33} if stops else set()
    stop = StopNode("any", tuple(Measure(0, "absolute", Op.EQUAL, frame + 3) for frame in ends))
    engine.configure([Probe(0, DataType.parse("<u2"))], stop if stops else None, spec)
    buttons = np.random.default_rng(0).integers(0, 1 << 12, (1, 45, 2)).astype(np.uint16)
    play(engine, buttons[:, :1], Observe.FILL)
    stack, position, cut_short = [frames[0]] * 3, 1, 0
    while position + skip <= 45:
        result = play(engine, buttons[:, position : position + skip], Observe.PUSH)
        position += int(result.frames_run[0])
        cut_short += int(result.frames_run[0] < skip)
        assert result.ended[0] == (position - 1 in ends)
        stack = [*stack[1:], np.maximum(frames[position - 1], frames[position - 2])]
        np.testing.assert_array_equal(result.observations[0], stack, f"after frame {position - 1}")
    assert cut_short > 0 or not stops or skip == 1
    for one in (usual, engine):
        one.close()
