"""The ways to read a ROM file. Dumps differ in headers, in the order of bytes, and in padding; cartridges do not.

`groomed` takes off what copying tools add; what stable-retro hashes is among its results. `repaired` goes further, for
a file that is still unknown then: it cuts what was dumped too much, restores padding that was cut, and puts bytes in
order. Its results count only where their SHA-1 is one that somebody expects: that is the proof of the repair.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NES_HEADER_BYTES = 16
COPIER_HEADER_BYTES = 512
SMALLEST_ROM_BYTES = 512
NINTENDO_64_ORDERS = {
    bytes.fromhex("80371240"): "",
    bytes.fromhex("37804012"): "with swapped bytes",
    bytes.fromhex("40123780"): "with swapped words",
}
"""How a Nintendo 64's ROM begins, and how its bytes then stand."""
MAX_ROM_BYTES = 64 << 20
"""stable-retro's limit is 32 MiB, the largest cartridge of a system that runs here."""

_COPIER_ENDINGS = (".smc", ".sfc", ".swc", ".fig", ".pce", ".bin", ".sms", ".gg", ".md", ".gen")
_NES_BANK_BYTES = 0x2000
_BITS_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
_HEADLESS = "without its copier's header"
_SWAPPED_BACK = "with its bytes swapped back"


@dataclass(frozen=True)
class Reading:
    """One way to read a ROM file.

    Attributes:
        sha1: As integrations would know it.
        data: The bytes for the core.
        how: What was done to the file, for people; empty if nothing was, or only what is usual.
    """

    sha1: str
    data: bytes
    how: str = ""


def groomed(raw: bytes, name: str) -> list[Reading]:
    """The usual ways to read a ROM file, the one for a ROM that nobody knows first.

    Args:
        raw: The whole file.
        name: Its name, whose ending hints at a copier's header.
    """
    found: list[Reading] = []
    if raw[:4] == b"NES\x1a":
        # The core needs the header; the SHA-1 is of what follows it.
        found.append(Reading(_sha1(raw[NES_HEADER_BYTES:]), raw))
    found.append(Reading(_sha1(raw), raw))
    body, how = without_copier_header(raw, Path(name).suffix.lower())
    if how:
        found.append(Reading(_sha1(body), body, how))
    return found


def in_order(raw: bytes, name: str) -> Reading:
    """The way to read a file that nobody knows: without a copier's header, its bytes in the cartridge's order."""
    if raw[:4] == b"NES\x1a":
        return groomed(raw, name)[0]
    body, how = without_copier_header(raw, Path(name).suffix.lower())
    if body[0x100:0x104] == b"ESAG":
        body, how = swapped(body), _SWAPPED_BACK
    return Reading(_sha1(body), body, how)


def without_copier_header(raw: bytes, ending: str) -> tuple[bytes, str]:
    """A file without what a copier put before it, and what that was."""
    if (interleaved := smd_body(raw)) is not None or ending == ".smd" or raw[8:11] == b"\xaa\xbb\x06":
        return deinterleaved(raw[COPIER_HEADER_BYTES:] if interleaved is None else interleaved), "put in order"
    if len(raw) % 1024 == COPIER_HEADER_BYTES and len(raw) > COPIER_HEADER_BYTES and ending in _COPIER_ENDINGS:
        return raw[COPIER_HEADER_BYTES:], _HEADLESS
    return raw, ""


def repaired(raw: bytes, name: str) -> Iterator[Reading]:
    """Further ways to read a file, from the likely to the odd. Each costs a pass over the file.

    Args:
        raw: The whole file.
        name: Its name.
    """
    if len(raw) < SMALLEST_ROM_BYTES:
        return
    head = b""
    body, how = without_copier_header(raw, Path(name).suffix.lower())
    if raw[:4] == b"NES\x1a":
        head, body, how = raw[:NES_HEADER_BYTES], raw[NES_HEADER_BYTES:], ""
    elif not how and len(raw) >= COPIER_HEADER_BYTES + SMALLEST_ROM_BYTES:
        # Whatever the file is called, and even if a ROM of an odd size follows.
        headless = raw[COPIER_HEADER_BYTES:]
        yield Reading(_sha1(headless), headless, _HEADLESS)
        if len(raw) % 1024 == COPIER_HEADER_BYTES:
            body, how = headless, _HEADLESS
    also = f"{how}, " if how else ""
    for sha1, size_bytes in _beginnings(body, bool(head)):
        excess = len(body) - size_bytes
        yield Reading(sha1, head + body[:size_bytes], f"{also}without {excess:,} bytes too many at its end")
    for fill, sha1, size_bytes in _paddings(body):
        missing = size_bytes - len(body)
        padded = body + bytes((fill,)) * missing
        yield Reading(sha1, head + padded, f"{also}with the {missing:,} bytes of padding that it lacked")
    for other, order in _other_orders(body, name):
        yield Reading(_sha1(other), other, f"{also}{order}")


def _beginnings(body: bytes, is_nes: bool) -> Iterator[tuple[str, int]]:
    """SHA-1 and size of the beginnings of a ROM that are as long as cartridges are, the longest first."""
    sizes = {factor << shift for factor in (1, 3, 5) for shift in range(9, 27)}
    if is_nes:
        sizes |= set(range(_NES_BANK_BYTES, min(len(body), 128 * _NES_BANK_BYTES), _NES_BANK_BYTES))
    sizes |= {len(body.rstrip(fill)) for fill in (b"\xff", b"\0")}
    hashing, done = _hashing(), 0
    found: list[tuple[str, int]] = []
    for size_bytes in sorted(size for size in sizes if SMALLEST_ROM_BYTES <= size < len(body)):
        hashing.update(memoryview(body)[done:size_bytes])
        done = size_bytes
        found.append((hashing.copy().hexdigest(), size_bytes))
    yield from reversed(found)


def _paddings(body: bytes) -> Iterator[tuple[int, str, int]]:
    """Fill byte, SHA-1 and size of a ROM that lost its padding, up to the next sizes that cartridges have."""
    sizes = sorted(factor << shift for factor in (1, 3) for shift in range(9, 27))
    larger = [size for size in sizes if len(body) < size <= min(2 * len(body), MAX_ROM_BYTES)][:2]
    if not larger:
        return
    start = _hashing()
    start.update(body)
    for size_bytes in larger:
        for fill in (0xFF, 0x00):
            hashing = start.copy()
            hashing.update(bytes((fill,)) * (size_bytes - len(body)))
            yield fill, hashing.hexdigest(), size_bytes


def _other_orders(body: bytes, name: str) -> Iterator[tuple[bytes, str]]:
    """The same bytes in other orders, where something hints at it."""
    if body[0x100:0x104] == b"ESAG":
        yield swapped(body), _SWAPPED_BACK
    if body[:4] in NINTENDO_64_ORDERS and len(body) % 4 == 0:
        pairs, words = swapped(body), reversed_words(body)
        for other in (pairs, words, swapped(words)):
            yield other, _SWAPPED_BACK
    if Path(name).suffix.lower() == ".pce":
        yield body.translate(_BITS_REVERSED), "with the bits of its bytes turned around"


def smd_body(raw: bytes) -> bytes | None:
    """What a Super Magic Drive dumped, without the copier's header, still interleaved; None if the file is none."""
    for start in (COPIER_HEADER_BYTES, 0):
        # Of "SEGA" at 0x100 a block of 16 KiB has the odd letters in its first half, the even ones in its second.
        if raw[start + 0x80 : start + 0x82] == b"EA" and raw[start + 0x2080 : start + 0x2082] == b"SG":
            return raw[start:]
    return None


def deinterleaved(body: bytes) -> bytes:
    """Put a Super Magic Drive dump in order: each 16 KiB block has its odd bytes first, then its even ones."""
    result = bytearray(body)
    for start in range(0, len(body) - 0x3FFF, 0x4000):
        result[start + 1 : start + 0x4000 : 2] = body[start : start + 0x2000]
        result[start : start + 0x4000 : 2] = body[start + 0x2000 : start + 0x4000]
    return bytes(result)


def swapped(data: bytes) -> bytes:
    """With the two bytes of each word exchanged; an odd byte at the end stays."""
    result = bytearray(data)
    whole = len(data) & ~1
    result[0:whole:2], result[1:whole:2] = data[1:whole:2], data[0:whole:2]
    return bytes(result)


def reversed_words(data: bytes) -> bytes:
    """With the four bytes of each word in reverse; their number must be a multiple of four."""
    result = bytearray(data)
    for place in range(4):
        result[place::4] = data[3 - place :: 4]
    return bytes(result)


def _hashing() -> Any:
    return hashlib.sha1(usedforsecurity=False)


def _sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()
