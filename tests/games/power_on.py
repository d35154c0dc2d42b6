"""A libretro frontend that fills the console's RAM with random bytes before the first instruction runs.

It is not ours on purpose: ours never shows a console before its first frame.
"""

from __future__ import annotations

import ctypes
import hashlib
import shutil
from ctypes import CFUNCTYPE, POINTER, byref, c_bool, c_char_p, c_int, c_int16, c_size_t, c_uint, c_uint64, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tiny_games import STATE_BYTES, TinyGame

from playthrough.engine.cores import core_rules, find_core
from playthrough.game.variables import load_variables

BOOT_FRAMES = 20
"""Until then a game may still be clearing its memory."""

_GET_CAN_DUPE, _GET_SYSTEM_DIRECTORY, _SET_PIXEL_FORMAT, _GET_VARIABLE, _GET_LOG = 3, 9, 10, 15, 27
_SET_QUIRKS, _SET_MEMORY_MAPS = 44, 36 | 0x10000
_SYSTEM_RAM = 2
_PIXEL_BYTES = {1: 4, 2: 2}


class _Descriptor(ctypes.Structure):
    _fields_ = (
        ("flags", c_uint64),
        ("pointer", c_void_p),
        ("offset", c_size_t),
        ("start", c_size_t),
        ("select", c_size_t),
        ("disconnect", c_size_t),
        ("size", c_size_t),
        ("space", c_char_p),
    )


class _Map(ctypes.Structure):
    _fields_ = (("descriptors", POINTER(_Descriptor)), ("count", c_uint))


class _Variable(ctypes.Structure):
    _fields_ = (("key", c_char_p), ("value", c_char_p))


class _Game(ctypes.Structure):
    _fields_ = (("path", c_char_p), ("data", c_char_p), ("size", c_size_t), ("meta", c_char_p))


def run_from_power_on(
    core: Path, game: TinyGame, rom: bytes, masks: NDArray[Any], random: np.random.Generator, folder: Path
) -> tuple[list[bytes], bytes]:
    """Play masks (frames, players) from power-on with random bytes in RAM.

    Args:
        folder: Gets a copy of the library, so that nothing of another run is left in it.

    Returns:
        A digest of each frame's picture and variables, from BOOT_FRAMES on; and RAM that the game does not use.
    """
    folder.mkdir()
    rom_path = folder / f"rom{game.system.extensions[0]}"
    rom_path.write_bytes(rom)
    library = ctypes.CDLL(str(shutil.copy(core, folder / core.name)))
    options = {key.encode(): value.encode() for key, value in core_rules(find_core(core, game.system)).options.items()}
    maps: list[tuple[int, int, int]] = []
    pixel_bytes = 2
    frame = 0
    picture = b""

    @CFUNCTYPE(None, c_int, c_char_p)
    def log(level: int, text: bytes) -> None:
        pass

    @CFUNCTYPE(c_bool, c_uint, c_void_p)
    def environment(command: int, data: int) -> bool:
        nonlocal pixel_bytes
        if command == _GET_CAN_DUPE:
            c_bool.from_address(data).value = True
        elif command == _GET_SYSTEM_DIRECTORY:
            c_char_p.from_address(data).value = str(folder).encode()
        elif command == _SET_PIXEL_FORMAT:
            pixel_bytes = _PIXEL_BYTES[c_int.from_address(data).value]
        elif command == _GET_VARIABLE:
            variable = _Variable.from_address(data)
            if variable.key not in options:
                return False
            variable.value = options[variable.key]
        elif command == _GET_LOG:
            c_void_p.from_address(data).value = ctypes.cast(log, c_void_p).value
        elif command == _SET_MEMORY_MAPS:
            found = _Map.from_address(data)
            for i in range(found.count):
                descriptor = found.descriptors[i]
                start, select = descriptor.start, descriptor.select
                size = descriptor.size or ((~select & ~start) + 1) & select
                if descriptor.pointer and not descriptor.flags & 1:
                    maps.append((start, size, descriptor.pointer))
        else:
            return command == _SET_QUIRKS
        return True

    @CFUNCTYPE(None, c_void_p, c_uint, c_uint, c_size_t)
    def video(data: int | None, width: int, height: int, pitch: int) -> None:
        nonlocal picture
        if data:
            rows = np.frombuffer(ctypes.string_at(data, pitch * height), np.uint8).reshape(height, pitch)
            picture = rows[:, : width * pixel_bytes].tobytes()

    @CFUNCTYPE(None, c_int16, c_int16)
    def sample(left: int, right: int) -> None:
        pass

    @CFUNCTYPE(c_size_t, c_void_p, c_size_t)
    def samples(data: int, count: int) -> int:
        return count

    @CFUNCTYPE(None)
    def poll() -> None:
        pass

    @CFUNCTYPE(c_int16, c_uint, c_uint, c_uint, c_uint)
    def pressed(port: int, device: int, index: int, button: int) -> int:
        return int(port < masks.shape[1] and button < 16 and int(masks[frame, port]) >> button & 1)

    for name, callback in (
        ("environment", environment),
        ("video_refresh", video),
        ("audio_sample", sample),
        ("audio_sample_batch", samples),
        ("input_poll", poll),
        ("input_state", pressed),
    ):
        getattr(library, f"retro_set_{name}")(callback)
    library.retro_init()
    info = _Game(str(rom_path).encode(), rom, len(rom), None)
    library.retro_load_game.restype = c_bool
    assert library.retro_load_game(byref(info))
    if not maps:
        library.retro_get_memory_data.restype = c_void_p
        library.retro_get_memory_size.restype = c_size_t
        assert game.system.ram_base is not None
        size, pointer = library.retro_get_memory_size(_SYSTEM_RAM), library.retro_get_memory_data(_SYSTEM_RAM)
        maps.append((game.system.ram_base, size, pointer))
    for address, size in game.ram:
        for start, length, pointer in maps:
            first, last = max(address, start), min(address + size, start + length)
            if first < last:
                ctypes.memmove(pointer + first - start, random.bytes(last - first), last - first)
    counter = load_variables(game.folder / "data.json")["counter"].probe.address
    start, _, pointer = next(block for block in maps if block[0] <= counter < block[0] + block[1])
    digests: list[bytes] = []
    for frame in range(len(masks)):
        library.retro_run()
        if frame >= BOOT_FRAMES:
            state = ctypes.string_at(pointer + (counter - start & ~1), STATE_BYTES + 1)
            digests.append(hashlib.sha1(picture + state).digest())
    unused = ctypes.string_at(pointer + counter - start + 2 * STATE_BYTES, STATE_BYTES)
    library.retro_unload_game()
    library.retro_deinit()
    return digests, unused
