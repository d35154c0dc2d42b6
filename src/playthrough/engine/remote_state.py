"""Savestates of emulators in other programs: the emulator's own bytes, behind a head that says whose they are."""

from __future__ import annotations

import hashlib
import struct
import zlib

from playthrough.errors import StateError

_MAGIC = b"playthrough remote 1"
_HEAD = struct.Struct("<20s16s20sII")


class RemoteStates:
    """Packs and unpacks the savestates of one emulator and one game.

    Args:
        name: The emulator's.
        rom: The ROM's bytes.
    """

    def __init__(self, name: str, rom: bytes) -> None:
        self._name, self._rom_id = name, hashlib.sha1(rom, usedforsecurity=False).digest()

    def pack(self, content: bytes) -> bytes:
        """A savestate that knows where it belongs."""
        head = (_MAGIC, self._name.encode()[:16], self._rom_id, len(content), zlib.crc32(content))
        return _HEAD.pack(*head) + content

    def unpack(self, state: bytes) -> bytes:
        """The emulator's own bytes; none for a power-on.

        Raises:
            StateError: If it is damaged, or belongs elsewhere.
        """
        if not state:
            return b""
        problem = ""
        content = state[_HEAD.size :]
        if not state.startswith(_MAGIC) or len(state) < _HEAD.size:
            problem = "it begins with other bytes"
        else:
            _, name, rom_id, size_bytes, checksum = _HEAD.unpack_from(state)
            if name.rstrip(b"\0") != self._name.encode()[:16]:
                problem = f"it is one of {name.rstrip(bytes(1)).decode('ascii', 'replace')}"
            elif rom_id != self._rom_id:
                problem = "it belongs to another ROM"
            elif len(content) != size_bytes:
                problem = f"it has {len(content)} bytes, expected {size_bytes}"
            elif zlib.crc32(content) != checksum:
                problem = "it is damaged"
        if problem:
            raise StateError(
                f"this is no savestate of {self._name} and this game: {problem}. A recipe (playthrough states "
                "record) can be rebuilt on any emulator"
            )
        return content
