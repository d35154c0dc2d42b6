"""Emulators in other programs: the Engine protocol over one connection for each lane.

One agent step is one question and one answer for each lane, whatever the frame skip. An emulator that dies, hangs or
talks nonsense is started again and put to where it was last loaded; the run says that this lane was lost.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.engine import Capabilities, Masks, Observe, PixelSpec, RunResult
from playthrough.engine.probes import Probe, StopNode
from playthrough.engine.recovery import MAX_LOSSES_IN_A_ROW, Losses, Turn, require_lane
from playthrough.engine.remote_process import LOOPBACK, EmulatorError, Program, RemoteProcess, start_all
from playthrough.engine.remote_state import RemoteStates
from playthrough.engine.samples import SampleReader
from playthrough.engine.screen import Shape, Speed, encode_shapes
from playthrough.engine.view import Painter, View
from playthrough.engine.wire import (
    Kind,
    RawPicture,
    WireError,
    decode_picture,
    decode_ran,
    encode_configuration,
    encode_ranges,
    encode_run,
)
from playthrough.errors import BadInputError, CapabilityError, CoreError, CropError, EngineError, LaneError, StateError

_MAX_PORTS = 8
_SLOWEST_FRAME_S = 0.05
_NO_SHAPES = encode_shapes((), (0, 0))
_DRAWN = b"\1"

T = TypeVar("T")


class RemoteEngine:
    """N emulators, each with one lane.

    Args:
        program: The emulator, with its game.
        rom: The ROM's bytes, which savestates belong to.
        num_lanes: How many emulators to run.
        timeout_s: An emulator hangs when it does not answer for so long, and a little longer for each frame.
        start_timeout_s: How long all of them may take to start.
        bind: The address to listen on while they start.
        port: The port; 0 for any free one.
        speed: How fast they run.
        ram_word_bytes: Embedded cores of some systems keep words of so many bytes the other way round; what `read_ram`
            gives is as theirs.

    Raises:
        CoreError: If an emulator does not start.
        ValueError: If a number is not positive.
    """

    def __init__(
        self,
        program: Program,
        rom: bytes,
        *,
        num_lanes: int = 1,
        timeout_s: float = 10.0,
        start_timeout_s: float = 30.0,
        bind: str = LOOPBACK,
        port: int = 0,
        speed: Speed = Speed.UNTHROTTLED,
        ram_word_bytes: int = 1,
    ) -> None:
        for name, number in {
            "num_lanes": num_lanes,
            "timeout_s": timeout_s,
            "start_timeout_s": start_timeout_s,
        }.items():
            if number <= 0:
                raise ValueError(f"{name} must be positive, not {number}")
        self.num_lanes, self.core_name = num_lanes, program.name
        self.capabilities = Capabilities(
            exact=True, snapshots=True, video=True, audio=False, poke=True, stored_states=False, screen=True
        )
        self._ram_word_bytes = ram_word_bytes
        self._program, self._states = program, RemoteStates(program.name, rom)
        self._timeout_s, self._start_timeout_s, self._address = timeout_s, start_timeout_s, (bind, port)
        self._origins, self._losses = [b""] * num_lanes, Losses(num_lanes)
        self._overlays, self._speed = [_NO_SHAPES] * num_lanes, speed
        self._lanes = [RemoteProcess(program) for _ in range(num_lanes)]
        self._end = weakref.finalize(self, _end_all, self._lanes, os.getpid())
        self._turn = Turn(self._end)
        try:
            start_all(self._lanes, start_timeout_s, *self._address)
            hello = self._lanes[0].hello
            assert hello is not None
            self._blocks = list(hello.blocks)
            self.ram_size_bytes = sum(size for _, size in self._blocks)
            self.display = program.display
            if not self.display.width:
                first = decode_picture(self._ask(0, Kind.PICTURE, b"", Kind.SHOWN))
                self.display = replace(self.display, width=first.width, height=first.height)
            self._set_up((), None, PixelSpec())
            if speed:
                self._set_speed_of_all()
        except BaseException:
            self._end()
            raise

    # What runs sample and show ---------------------------------------------------------------------------------------

    def configure(self, probes: Sequence[Probe], stop: StopNode | None, pixels: PixelSpec) -> None:
        """See `Engine.configure`."""
        with self._alone():
            for probe in probes:
                self._require_mapped(probe.address, probe.type.width, f" of type {probe.type}")
            x, y, *_ = pixels.crop
            if x >= self.display.width or y >= self.display.height:
                raise CropError(
                    f"the crop {list(pixels.crop)} leaves nothing of the picture of {self.core_name}, which has "
                    f"{self.display.width}x{self.display.height} pixels"
                )
            self._set_up(probes, stop, pixels)
            for lane in range(self.num_lanes):
                self._insist(lane, "be configured", Kind.CONFIGURE, self._configuration, Kind.DONE)

    def _set_up(self, probes: Sequence[Probe], stop: StopNode | None, pixels: PixelSpec) -> None:
        self._configuration = encode_configuration(probes, stop)  # first, for it refuses what it cannot say
        self._reader, self._painter = SampleReader(probes), Painter(self.display, pixels)
        self._num_probes, self._max_of_two = len(probes), pixels.max_of_two
        self._observation_shape = pixels.shape(self.display)
        self._views = [View(self.display, pixels, self._reader.sample_bytes) for _ in self._lanes]

    def _require_mapped(self, address: int, size_bytes: int, words: str = "") -> None:
        place, end = address, address + max(size_bytes, 1)
        while place < end:
            mapped_until = max(
                (start + size for start, size in self._blocks if start <= place < start + size), default=0
            )
            if not mapped_until:
                mapped = ", ".join(f"{start:#x}-{start + size - 1:#x}" for start, size in self._blocks)
                named = address if words else place
                raise BadInputError(
                    f"address {named} ({named:#x}){words} lies outside of the memory that {self.core_name} maps: "
                    f"{mapped}"
                )
            place = mapped_until

    def run(
        self, buttons: Masks, max_frames: NDArray[np.int32], observe: NDArray[np.uint8], *, stopping: bool = True
    ) -> RunResult:
        """See `Engine.run`."""
        frames, ports = buttons.shape[1:]
        if ports > _MAX_PORTS:
            raise ValueError(f"{ports} players; a core has at most {_MAX_PORTS} ports")
        lanes = self.num_lanes
        if len(buttons) != lanes or len(max_frames) != lanes or len(observe) != lanes:
            raise ValueError(f"an array does not fit the engine's {self.num_lanes} lanes")
        if self._speed == Speed.PAUSED:
            raise EngineError("the emulators are paused: set another speed before the next step")
        with self._alone():
            lost = dict(self._losses.unreported)
            frames_run = np.zeros(lanes, np.int32)
            ended = np.zeros(lanes, np.bool_)
            samples = np.zeros((lanes, frames, self._num_probes), np.int64)
            observations = np.empty((lanes, *self._observation_shape), np.uint8)
            result = RunResult(frames_run, ended, samples, observations, lost)
            self._losses.unreported.clear()
            told = [min(int(count), frames) for count in max_frames]
            asked = self._post_runs(buttons, told, observe, stopping, lost)
            since_s = time.monotonic()
            for lane, num_pictures in asked.items():
                try:
                    self._take(lane, told[lane], num_pictures, since_s, result)
                except WireError as loss:
                    lost[lane] = self._reason(lane, loss)
                except EmulatorError as problem:
                    lost[lane] = f"{self.core_name} failed: {problem}"
            for lane in asked:
                if lane in lost:
                    self._restart(lane, lost[lane])
            for lane, view in enumerate(self._views):
                if observe[lane] > Observe.KEEP:
                    view.show(Observe.SHOW if lane in lost else int(observe[lane]), result.observations[lane])
            self._losses.count(result)
            return result

    def _post_runs(
        self,
        buttons: Masks,
        told: Sequence[int],
        observe: NDArray[np.uint8],
        stopping: bool,
        lost: dict[int, str],
    ) -> dict[int, int]:
        """Ask every lane that shall run; how many pictures each was asked for."""
        asked: dict[int, int] = {}
        for lane, count in enumerate(told):
            if count <= 0 or lane in lost:
                continue
            asked[lane] = 0 if observe[lane] == Observe.SKIP else 1 + self._max_of_two
            request = encode_run(
                buttons[lane, :count], self._views[lane].before, num_pictures=asked[lane], stopping=stopping
            )
            with suppress(WireError):  # the answer will be missed as well
                self._lanes[lane].ask(Kind.RUN, request, self._timeout_s)
        return asked

    def _take(self, lane: int, frames: int, num_pictures: int, since_s: float, result: RunResult) -> None:
        timeout_s = self._timeout_s + frames * _SLOWEST_FRAME_S
        view, sample_bytes = self._views[lane], self._reader.sample_bytes
        answer = self._lanes[lane].answer(Kind.RAN, timeout_s, since_s)
        ran = decode_ran(answer, sample_bytes, frames, num_pictures)
        for picture in ran.pictures:
            self._require_size(picture)
        if self._num_probes:
            result.samples[lane, : ran.frames] = self._reader.read(ran.samples)
            view.before = bytes(ran.samples[-sample_bytes:])
        for picture in ran.pictures:
            view.saw(self._painter(picture))
        result.frames_run[lane], result.ended[lane] = ran.frames, ran.ended

    def _require_size(self, picture: RawPicture) -> None:
        if not self._painter.fits(picture):
            raise WireError(
                f"showed {picture.width}x{picture.height} pixels; expected at least "
                f"{self.display.width}x{self.display.height}"
            )

    # Losses ----------------------------------------------------------------------------------------------------------

    def _reason(self, lane: int, loss: WireError) -> str:
        return f"{self.core_name} {loss}{self._lanes[lane].fate()}"

    def _restart(self, lane: int, reason: str) -> None:
        """Start a lane's emulator again, and put it to where it was last loaded."""
        process = self._lanes[lane]
        words = process.last_words()
        tried_to_load = False
        for _ in range(MAX_LOSSES_IN_A_ROW):
            try:
                start_all([process], self._start_timeout_s, *self._address)
                self._ask(lane, Kind.CONFIGURE, self._configuration, Kind.DONE)
                self._show_again(lane)
                if tried_to_load:
                    self._origins[lane] = b""  # not even its start can be loaded any more
                tried_to_load = True
                self._ask(lane, Kind.LOAD, self._origins[lane], Kind.DONE)
                return
            except (WireError, EmulatorError):
                continue
            except CoreError as error:
                raise LaneError(f"lane {lane}: {reason}, and it cannot be started again: {error}") from None
        raise LaneError(f"lane {lane}: {reason}, and it cannot be put back{words}")

    def _ask(self, lane: int, kind: Kind, payload: bytes, expected: Kind) -> memoryview:
        process = self._lanes[lane]
        process.ask(kind, payload, self._timeout_s)
        return process.answer(expected, self._timeout_s, time.monotonic())

    def _insist(self, lane: int, what: str, kind: Kind, payload: bytes, expected: Kind) -> memoryview:
        """A question that is no run.

        A lane that is lost by it is restarted and asked once more; the next run reports it.
        """
        return self._insist_on(lane, what, lambda: self._ask(lane, kind, payload, expected))

    def _insist_on(self, lane: int, what: str, act: Callable[[], T]) -> T:
        for attempt in range(2):
            try:
                return act()
            except WireError as loss:
                reason = self._reason(lane, loss)
                self._restart(lane, reason)
                self._losses.unreported[lane] = reason
                if attempt:
                    raise LaneError(f"lane {lane}: {reason}, twice, when it was to {what}") from None
            except EmulatorError as problem:
                raise LaneError(f"lane {lane}: {self.core_name} could not {what}: {problem}") from None
        raise AssertionError  # the loop has returned or raised

    @contextmanager
    def _alone(self) -> Generator[None]:
        """One call at a time, in the process that made the engine. A call that was broken off costs its lanes."""
        with self._turn.taken():
            for lane, process in enumerate(self._lanes):
                if process.waits_for_answer:
                    reason = "the call before was interrupted"
                    self._restart(lane, reason)
                    self._losses.unreported[lane] = reason
            yield

    def _require_lane(self, lane: int) -> None:
        require_lane(lane, self.num_lanes)

    # States ----------------------------------------------------------------------------------------------------------

    def load(self, states: Mapping[int, bytes]) -> None:
        """See `Engine.load`. A state that takes the emulator down with it is refused like any other."""
        with self._alone():
            contents: dict[int, bytes] = {}
            for lane, state in states.items():
                self._require_lane(lane)
                contents[lane] = self._states.unpack(state)
            for lane, content in contents.items():
                try:
                    self._ask(lane, Kind.LOAD, content, Kind.DONE)
                except WireError as loss:
                    reason = self._reason(lane, loss)
                    self._restart(lane, reason)
                    try:
                        self._ask(lane, Kind.LOAD, content, Kind.DONE)
                    except (WireError, EmulatorError) as again:
                        self._restart(lane, reason)
                        self._losses.unreported[lane] = reason
                        raise StateError(
                            f"lane {lane}: {self.core_name} was lost by loading a state: {again}"
                        ) from None
                except EmulatorError as problem:
                    raise StateError(f"lane {lane}: {self.core_name} refuses its state: {problem}") from None
                self._origins[lane] = content
                self._losses.unreported.pop(lane, None)

    def save(self, lane: int) -> bytes:
        """See `Engine.save`."""
        with self._alone():
            self._require_lane(lane)
            try:
                content = bytes(self._ask(lane, Kind.SAVE, b"", Kind.DATA))
            except WireError as loss:  # what was to be saved is gone
                reason = self._reason(lane, loss)
                self._restart(lane, reason)
                self._losses.unreported[lane] = reason
                raise LaneError(f"lane {lane}: {reason}, when its state was to be saved") from None
            except EmulatorError as problem:
                raise LaneError(f"lane {lane}: {self.core_name} cannot save its state: {problem}") from None
            return self._states.pack(content)

    def save_exact(self, lane: int) -> bytes:
        """See `Engine.save_exact`."""
        return self.save(lane)

    def save_history(self, lane: int) -> bytes:
        """See `Engine.save_history`."""
        with self._alone():
            self._require_lane(lane)
            return self._views[lane].save()

    def load_history(self, lane: int, history: bytes) -> None:
        """See `Engine.load_history`."""
        with self._alone():
            self._require_lane(lane)
            self._views[lane].load(history)

    # Picture, sound, memory ------------------------------------------------------------------------------------------

    def picture(self, lane: int, crop: tuple[int, int, int, int] = (0, 0, 0, 0)) -> NDArray[np.uint8]:
        """See `Engine.picture`."""

        def look() -> RawPicture:
            drawn = _DRAWN if self._overlays[lane] != _NO_SHAPES else b""
            picture = decode_picture(self._ask(lane, Kind.PICTURE, drawn, Kind.SHOWN))
            self._require_size(picture)
            return picture

        with self._alone():
            self._require_lane(lane)
            return Painter(self.display, PixelSpec(crop=crop))(self._insist_on(lane, "show its picture", look))

    def draw(self, lane: int, shapes: Sequence[Shape]) -> None:
        """See `Screen.draw`."""
        overlay = encode_shapes(shapes, self._program.origin)
        with self._alone():
            self._require_lane(lane)
            self._overlays[lane] = overlay
            self._insist(lane, "be drawn on", Kind.DRAW, overlay, Kind.DONE)

    def set_speed(self, speed: Speed) -> None:
        """See `Screen.set_speed`."""
        with self._alone():
            self._speed = Speed(speed)
            self._set_speed_of_all()

    def _set_speed_of_all(self) -> None:
        for lane in range(self.num_lanes):
            self._insist(lane, "change its speed", Kind.SPEED, bytes([self._speed]), Kind.DONE)

    def _show_again(self, lane: int) -> None:
        """Tell an emulator that was started again what a person wants to see of it."""
        if self._overlays[lane] != _NO_SHAPES:
            self._ask(lane, Kind.DRAW, self._overlays[lane], Kind.DONE)
        if self._speed:
            self._ask(lane, Kind.SPEED, bytes([self._speed]), Kind.DONE)

    def capture_sound(self, lane: int, on: bool) -> None:
        """See `Engine.capture_sound`."""
        self._require_lane(lane)
        if on:
            raise CapabilityError(f"engine {self.core_name!r} gives no sound; make the environment without sound=True")

    def take_sound(self, lane: int) -> NDArray[np.int16]:
        """See `Engine.take_sound`."""
        self._require_lane(lane)
        return np.zeros((0, 2), np.int16)

    def read_ram(self) -> NDArray[np.uint8]:
        """See `Engine.read_ram`."""
        request = encode_ranges(self._blocks)
        with self._alone():
            ram = np.empty((self.num_lanes, self.ram_size_bytes), np.uint8)
            for lane in range(self.num_lanes):
                ram[lane] = np.frombuffer(self._read(lane, request, self.ram_size_bytes), np.uint8)
            return ram.reshape(self.num_lanes, -1, self._ram_word_bytes)[..., ::-1].reshape(ram.shape)

    def _read(self, lane: int, request: bytes, size_bytes: int) -> memoryview:
        def read() -> memoryview:
            data = self._ask(lane, Kind.READ, request, Kind.DATA)
            if len(data) != size_bytes:
                raise WireError(f"sent {len(data)} bytes of memory instead of {size_bytes}")
            return data

        return self._insist_on(lane, "read its memory", read)

    def memory_blocks(self, lane: int) -> list[tuple[int, int]]:
        """See `Engine.memory_blocks`."""
        self._require_lane(lane)
        return list(self._blocks)

    def read_memory(self, lane: int, address: int, size_bytes: int) -> bytes:
        """See `Engine.read_memory`."""
        with self._alone():
            self._require_lane(lane)
            self._require_mapped(address, size_bytes)
            return bytes(self._read(lane, encode_ranges([(address, size_bytes)]), size_bytes))

    def write_memory(self, lane: int, address: int, data: bytes) -> None:
        """See `Engine.write_memory`."""
        with self._alone():
            self._require_lane(lane)
            self._require_mapped(address, len(data))
            self._insist(lane, "write its memory", Kind.WRITE, address.to_bytes(4, "little") + data, Kind.DONE)

    def close(self) -> None:
        """See `Engine.close`."""
        self._end()


def _end_all(lanes: list[RemoteProcess], process_id: int) -> None:
    if os.getpid() == process_id:  # a forked process has none of its own
        for lane in lanes:
            lane.end()
