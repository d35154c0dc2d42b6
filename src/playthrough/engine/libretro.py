"""Libretro cores in this process: the Engine protocol over `_native`."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough import _native
from playthrough.engine.cores import CoreFile, core_rules, wheel_folder
from playthrough.engine.engine import Capabilities, Display, Masks, PixelSpec, RunResult
from playthrough.engine.probes import Measure, Probe, RewardTerm, StopNode
from playthrough.engine.systems import System
from playthrough.errors import BadInputError, CoreError, CropError, EngineError, LaneError, StateError

_log = logging.getLogger("playthrough.core")
_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)
_MAX_PORTS = 8
_INPUTS_MAGIC = b"playthrough inputs 2\n"


class LibretroEngine:
    """N lanes of a libretro core on T threads, each lane a private copy of the core's library.

    Args:
        core: The core's file.
        system: What it emulates.
        rom: The ROM's bytes, without any copier's header.
        rom_name: The ROM's file name, for messages.
        num_lanes: How many emulators to run.
        num_threads: On how many threads; None for one per lane up to the number of processors.

    Raises:
        CoreError: If the core cannot be loaded or refuses the ROM.
        ValueError: If a number is not positive.
    """

    def __init__(
        self,
        core: CoreFile,
        system: System,
        rom: bytes,
        *,
        rom_name: str = "rom",
        num_lanes: int = 1,
        num_threads: int | None = None,
    ) -> None:
        if num_lanes < 1:
            raise ValueError(f"num_lanes must be at least 1, not {num_lanes}")
        if num_threads is None:
            num_threads = min(num_lanes, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
        if num_threads < 1:
            raise ValueError(f"num_threads must be at least 1, not {num_threads}")
        self.core_name = core.name
        self._rules = core_rules(core)
        self._stored_states = core.path == wheel_folder() / "cores" / core.path.name and core.name == system.core
        # Some cores read the file themselves, and tell the system from its name; it must live as long as they do.
        folder = Path(tempfile.mkdtemp(prefix=f"playthrough-{os.getpid()}-"))
        self._remove_folder = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        rom_path = folder / f"rom{system.extensions[0]}"
        rom_path.write_bytes(rom)
        try:
            self._native = _native.VectorEngine(
                core_path=str(core.path),
                core_name=core.name,
                rom_path=str(rom_path),
                rom=rom,
                system_directory=str(core.path.parent),
                options=dict(self._rules.options),
                reload=self._rules.reload,
                complete_states=self._rules.complete_states,
                reset_before_unserialize=self._rules.reset_before_unserialize,
                remembered_buttons=self._rules.remembered_buttons,
                seed_c_random=self._rules.srand,
                plug_in_pads=self._rules.plug_in_pads,
                skips_when_sound_is_late=self._rules.skips_when_sound_is_late,
                cleared_ranges=[(start, end - 1) for start, end in self._rules.clear_blocks],
                ram_base=system.ram_base,
                swap_bytes=system.overlay is not None,
                num_lanes=num_lanes,
                num_threads=num_threads,
            )
        except (_native.CoreError, _native.LaneError) as error:
            self._remove_folder()
            raise CoreError(str(error).replace(str(rom_path), rom_name)) from None
        self._drain_log()
        base_width, base_height, _, _, _, fps, sample_rate = self._native.av_info()
        width, height = self._rules.screen(rom_path.name, (base_width, base_height))
        self.display = Display(width, height, self._native.rotation(), fps, sample_rate)
        self._screen = _native.Screen(width, height, self._rules.live_screen)
        self.ram_size_bytes = sum(size for _, size in self._native.memory_blocks(0))
        self._own_state: tuple[int, bytes] | None = None
        self._num_probes = 0
        self._observation_shape: tuple[int, ...] = ()

    @property
    def num_lanes(self) -> int:
        """How many emulators run."""
        return self._native.num_lanes

    @property
    def num_threads(self) -> int:
        """On how many threads they run."""
        return self._native.num_threads

    @property
    def skips_pictures(self) -> bool:
        """Whether frames that nobody sees cost less."""
        return self._native.skips_pictures()

    @property
    def capabilities(self) -> Capabilities:
        """Everything: the cores are in this process."""
        return Capabilities(
            exact=True, snapshots=True, video=True, audio=True, poke=True, stored_states=self._stored_states
        )

    def configure(self, probes: Sequence[Probe], stop: StopNode | None, pixels: PixelSpec) -> None:
        """See `Engine.configure`."""
        self._require_mapped(probes)
        x, y, *_ = pixels.crop
        if x >= self.display.width or y >= self.display.height:
            raise CropError(
                f"the crop {list(pixels.crop)} leaves nothing of the picture of core {self.core_name}, which has "
                f"{self.display.width}x{self.display.height} pixels"
            )
        height, width = pixels.size or (0, 0)
        spec = _native.PixelSpec(
            gray=pixels.gray,
            resize=pixels.resize,
            width=width,
            height=height,
            max_of_two=pixels.max_of_two,
            stack=pixels.stack,
            crop=_native.Crop(*pixels.crop),
            rotation=self.display.rotation,
        )
        self._native.configure(
            [native_probe(probe) for probe in probes], stop and native_stop(stop), spec, self._screen
        )
        self._num_probes = len(probes)
        self._observation_shape = pixels.shape(self.display)

    def _require_mapped(self, probes: Sequence[Probe]) -> None:
        blocks = self._native.memory_blocks(0)
        for probe in probes:
            for address in range(probe.address, probe.address + probe.type.width):
                if not any(start <= address < start + size for start, size in blocks):
                    mapped = ", ".join(f"{start:#x}-{start + size - 1:#x}" for start, size in blocks)
                    raise BadInputError(
                        f"address {probe.address} ({probe.address:#x}) of type {probe.type} lies outside of the memory "
                        f"that core {self.core_name} maps: {mapped or 'nothing'}"
                    )

    def run(
        self, buttons: Masks, max_frames: NDArray[np.int32], observe: NDArray[np.uint8], *, stopping: bool = True
    ) -> RunResult:
        """See `Engine.run`."""
        lanes, frames, ports = buttons.shape
        if ports > _MAX_PORTS:
            raise ValueError(f"{ports} players; a core has at most {_MAX_PORTS} ports")
        frames_run = np.empty(lanes, np.int32)
        ended = np.empty(lanes, np.bool_)
        samples = np.empty((lanes, frames, self._num_probes), np.int64)
        observations = np.empty((lanes, *self._observation_shape), np.uint8)
        flat = observations.reshape(lanes, -1)
        self.run_into(buttons, max_frames, observe, frames_run, ended, samples, flat, stopping=stopping)
        return RunResult(frames_run, ended, samples, observations)

    def run_into(
        self,
        buttons: Masks,
        max_frames: NDArray[np.int32],
        observe: NDArray[np.uint8],
        frames_run: NDArray[np.int32],
        ended: NDArray[np.bool_],
        samples: NDArray[np.int64],
        observations: NDArray[np.uint8],
        *,
        stopping: bool,
    ) -> None:
        """See `Engine.run`; the results go into these arrays, an observation as one row of bytes."""
        try:
            self._native.run(buttons, max_frames, stopping, observe, frames_run, ended, samples, observations)
        except (_native.LaneError, _native.CoreError, _native.StateError) as error:
            raise LaneError(f"{error} (core {self.core_name})") from None
        finally:
            if _log.isEnabledFor(logging.WARNING):
                self._drain_log()

    def watch(self, cells: NDArray[np.int64]) -> None:
        """Write what is going on into memory that others see: [the busy lane or -1, frames run so far]."""
        self._native.watch(cells)

    def load(self, states: Mapping[int, bytes]) -> None:
        """See `Engine.load`."""
        for lane, state in states.items():
            if start := _start_of(state):
                self._require_own_state(lane, start)
        try:
            self._native.load(list(states.items()))
        except _native.StateError as error:
            raise StateError(str(error)) from None
        except (_native.LaneError, _native.CoreError) as error:
            raise LaneError(f"{error} (core {self.core_name})") from None

    def _require_own_state(self, lane: int, state: bytes) -> None:
        if self._own_state is None:
            try:
                self._own_state = self._native.state_size(lane), self._native.save_state(lane)[:64]
            except (_native.CoreError, _native.StateError) as error:
                raise LaneError(f"lane {lane}: {error}") from None
        size, beginning = self._own_state
        problem = ""
        if self._rules.state_sizes == "exact" and len(state) != size:
            problem = f"it has {len(state)} bytes, expected {size}"
        elif self._rules.state_sizes == "at-least" and len(state) < size:
            problem = f"it has {len(state)} bytes, expected at least {size}"
        elif (magic := self._rules.state_magic_bytes) and state[:magic] != beginning[:magic]:
            problem = "it begins with other bytes than this core's own"
        if problem:
            raise StateError(
                f"this is no savestate of core {self.core_name} and this game: {problem}; is it damaged, or was it "
                "made by another core? A recipe (playthrough states record) can be rebuilt on any core"
            )

    def save(self, lane: int) -> bytes:
        """See `Engine.save`."""
        try:
            return self._native.save_state(lane)
        except _native.StateError as error:
            raise StateError(f"lane {lane}: {error}") from None
        except _native.CoreError as error:
            raise LaneError(f"lane {lane}: {error}") from None

    def save_exact(self, lane: int) -> bytes:
        """See `Engine.save_exact`."""
        try:
            return self._native.save_exact(lane)
        except _native.StateError as error:
            raise StateError(f"lane {lane}: {error}") from None
        except _native.CoreError as error:
            raise LaneError(f"lane {lane}: {error}") from None

    def save_history(self, lane: int) -> bytes:
        """See `Engine.save_history`."""
        return self._native.save_history(lane)

    def load_history(self, lane: int, history: bytes) -> None:
        """See `Engine.load_history`."""
        try:
            self._native.load_history(lane, history)
        except _native.StateError as error:
            raise StateError(str(error)) from None

    def picture(self, lane: int, crop: tuple[int, int, int, int] = (0, 0, 0, 0)) -> NDArray[np.uint8]:
        """See `Engine.picture`."""
        return self._native.screen(lane, self._screen, _native.Crop(*crop), self.display.rotation)

    def capture_sound(self, lane: int, on: bool) -> None:
        """See `Engine.capture_sound`."""
        self._native.capture_audio(lane, on)

    def take_sound(self, lane: int) -> NDArray[np.int16]:
        """See `Engine.take_sound`."""
        return self._native.take_audio(lane)

    def read_ram(self) -> NDArray[np.uint8]:
        """See `Engine.read_ram`."""
        ram = np.empty((self.num_lanes, self.ram_size_bytes), np.uint8)
        self.read_ram_into(ram)
        return ram

    def read_ram_into(self, ram: NDArray[np.uint8]) -> None:
        """See `Engine.read_ram`; uint8 (lanes, ram_size_bytes)."""
        self._native.read_ram(ram)

    def memory_blocks(self, lane: int) -> list[tuple[int, int]]:
        """See `Engine.memory_blocks`."""
        return self._native.memory_blocks(lane)

    def read_memory(self, lane: int, address: int, size_bytes: int) -> bytes:
        """See `Engine.read_memory`."""
        try:
            return self._native.read_memory(lane, address, size_bytes)
        except _native.MemoryError as error:
            raise BadInputError(f"{error} by core {self.core_name}") from None

    def write_memory(self, lane: int, address: int, data: bytes) -> None:
        """See `Engine.write_memory`."""
        try:
            self._native.write_memory(lane, address, data)
        except _native.MemoryError as error:
            raise BadInputError(f"{error} by core {self.core_name}") from None

    def close(self) -> None:
        """See `Engine.close`."""
        if "_native" in self.__dict__:
            del self._native
            self._remove_folder()

    def __getattr__(self, name: str) -> Any:
        if name == "_native":
            raise EngineError("this environment is closed; make a new one")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _drain_log(self) -> None:
        for lane, level, text in self._native.take_log():
            if any(words in text for words in self._rules.harmless_words):
                level = 0
            _log.log(_LEVELS[min(level, 3)], "%s, lane %d: %s", self.core_name, lane, text.decode("utf-8", "replace"))


def _start_of(state: bytes) -> bytes:
    """The core's own savestate in a savestate or an exact snapshot; nothing for a power-on."""
    if not state.startswith(_INPUTS_MAGIC):
        return state
    head = len(_INPUTS_MAGIC)
    size_bytes = int.from_bytes(state[head : head + 8], "little")
    return state[head + 5 * 8 :][:size_bytes]


def native_probe(probe: Probe) -> _native.Probe:
    """A probe for `_native`."""
    mask = (1 << 64) - 1 if probe.mask is None else probe.mask & ((1 << 64) - 1)
    return _native.Probe(probe.address, probe.type.format, probe.type.byte_offsets(), mask)


def native_measure(measure: Measure) -> _native.Measure:
    """A measure for `_native`."""
    return _native.Measure(measure.probe, measure.measurement == "delta", int(measure.op), measure.reference)


def native_stop(stop: StopNode) -> _native.StopNode:
    """A stop program for `_native`."""
    return _native.StopNode(
        stop.condition == "all",
        [native_measure(measure) for measure in stop.measures],
        [native_stop(node) for node in stop.nodes],
    )


class RewardSum:
    """Adds up rewards from samples, for every engine alike.

    Args:
        terms: What is paid for.
        num_players: How many rewards there are.
    """

    def __init__(self, terms: Sequence[RewardTerm], num_players: int) -> None:
        self._num_players = num_players
        nothing = _native.Measure(-1, False, 0, 0)
        self._terms = [
            _native.RewardTerm(
                term.player,
                nothing if term.measure is None else native_measure(term.measure),
                term.reward,
                term.penalty,
            )
            for term in terms
            if term.player < num_players
        ]

    def __call__(
        self, samples: NDArray[np.int64], before: NDArray[np.int64], frames_run: NDArray[np.int32]
    ) -> NDArray[np.float64]:
        """Rewards of one step.

        Args:
            samples: int64 (lanes, frames, probes).
            before: int64 (lanes, probes), of the frame before the first.
            frames_run: int32 (lanes,).

        Returns:
            float64 (lanes, players).
        """
        rewards = np.empty((len(samples), self._num_players), np.float64)
        _native.sum_rewards(self._terms, samples, before, frames_run, rewards)
        return rewards
