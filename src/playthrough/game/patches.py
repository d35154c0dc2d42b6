"""Patches as people publish them beside a ROM: IPS, and BPS by byuu, which names its source and target by CRC-32."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from playthrough.errors import RomError
from playthrough.game.rom_grooming import MAX_ROM_BYTES

PATCH_ENDINGS = (".ips", ".bps")
MAX_PATCH_BYTES = 16 << 20

_IPS_END = b"EOF"


@dataclass(frozen=True)
class Patched:
    """What a patch makes of a ROM.

    Attributes:
        data: The patched ROM.
        already: Whether the ROM had been patched before: it is what the patch makes.
    """

    data: bytes
    already: bool


def apply_patch(patch: bytes, rom: bytes) -> Patched:
    """Apply a patch to a ROM.

    Raises:
        RomError: If it is no whole IPS or BPS patch, or for another ROM.
    """
    if patch[:5] == b"PATCH":
        data = _apply_ips(patch, rom)
        return Patched(data, data == rom)
    if patch[:4] == b"BPS1":
        return _apply_bps(patch, rom)
    raise RomError("expected an IPS or a BPS patch (PATCH or BPS1 first)")


def _apply_ips(patch: bytes, rom: bytes) -> bytes:
    """IPS: records of a 3-byte offset, a 2-byte size and the data; size 0 is a run of one byte."""
    result = bytearray(rom)
    at = 5
    while patch[at : at + 3] != _IPS_END:
        offset, size_bytes = int.from_bytes(patch[at : at + 3], "big"), int.from_bytes(patch[at + 3 : at + 5], "big")
        at += 5
        if size_bytes:
            data = patch[at : at + size_bytes]
        else:
            size_bytes = int.from_bytes(patch[at : at + 2], "big")
            data = patch[at + 2 : at + 3] * size_bytes
            at += 3 - size_bytes
        at += size_bytes
        if at > len(patch) or len(data) != size_bytes:
            raise RomError("the IPS patch is cut off")
        if offset > len(result):
            result += bytes(offset - len(result))
        result[offset : offset + size_bytes] = data
    cut = patch[at + 3 :]
    return bytes(result[: int.from_bytes(cut, "big")] if len(cut) == 3 else result)


def _apply_bps(patch: bytes, rom: bytes) -> Patched:
    """BPS: numbers of variable length, then reads from source, patch and what was written, with CRC-32 at the end."""
    if len(patch) < 19 or zlib.crc32(patch[:-4]) != int.from_bytes(patch[-4:], "little"):
        raise RomError("the BPS patch is damaged")
    source_crc, target_crc = (int.from_bytes(patch[i : i + 4], "little") for i in (len(patch) - 12, len(patch) - 8))
    if zlib.crc32(rom) == target_crc:
        return Patched(rom, already=True)
    if zlib.crc32(rom) != source_crc:
        raise RomError("the BPS patch is for another ROM")
    reader = _BpsReader(patch[4:-12])
    source_bytes, target_bytes, note_bytes = reader.number(), reader.number(), reader.number()
    reader.take(note_bytes)
    if source_bytes != len(rom) or target_bytes > MAX_ROM_BYTES:
        raise RomError("the BPS patch is for a ROM of another size")
    result = bytearray()
    source_at = target_at = 0
    while reader.more and len(result) < target_bytes:
        number = reader.number()
        action, length = number & 3, (number >> 2) + 1
        if length > target_bytes - len(result):
            raise RomError("the BPS patch writes more than it promises")
        if action == 0:
            result += rom[len(result) : len(result) + length]
        elif action == 1:
            result += reader.take(length)
        elif action == 2:
            source_at += reader.signed()
            result += rom[max(source_at, 0) : max(source_at + length, 0)]
            source_at += length
        else:
            target_at += reader.signed()
            if not 0 <= target_at < len(result):
                raise RomError("the BPS patch reads what it has not written")
            for _ in range(length):  # what is copied may be written by this very copy
                result.append(result[target_at])
                target_at += 1
    if zlib.crc32(result) != target_crc:
        raise RomError("the BPS patch did not make what it promises")
    return Patched(bytes(result), already=False)


class _BpsReader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def more(self) -> bool:
        return self._at < len(self._data)

    def take(self, length: int) -> bytes:
        taken = self._data[self._at : self._at + length]
        if len(taken) != length:
            raise RomError("the BPS patch is cut off")
        self._at += length
        return taken

    def number(self) -> int:
        """Seven bits a byte, the last one marked; each further byte counts on from where the shorter numbers end."""
        value, shift = 0, 1
        for _ in range(9):
            byte = self.take(1)[0]
            value += (byte & 0x7F) * shift
            if byte & 0x80:
                return value
            shift <<= 7
            value += shift
        raise RomError("the BPS patch holds a number without an end")

    def signed(self) -> int:
        number = self.number()
        return -(number >> 1) if number & 1 else number >> 1
