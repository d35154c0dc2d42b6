"""The order in which stable-retro walks a map of names.

It adds rewards up in 32-bit floats while it walks a `std::unordered_map<std::string, ...>`, and such a sum depends on
the order. The order follows from libstdc++'s hash (MurmurHash2, 64 bits) and the way its table grows, so it can be
computed.
"""

from __future__ import annotations

from collections.abc import Iterable

_MULTIPLIER = 0xC6A4A7935BD1E995
_SEED = 0xC70F6907
_MASK = 0xFFFF_FFFF_FFFF_FFFF
# Numbers of buckets as the table grows: the primes that libstdc++ steps through, each at least twice the one before.
_BUCKETS = (13, 29, 59, 127, 257, 541, 1109, 2357, 5087, 10273)


def map_order(names: Iterable[str]) -> list[str]:
    """The names in the order in which stable-retro meets them.

    The parser hands them over sorted by their bytes. A name whose bucket is empty comes to the front of the whole map,
    any other one to the front of its bucket; when the table grows, all are inserted anew in their present order.
    """
    growth = iter(_BUCKETS)
    capacity = 0
    hashed: list[tuple[int, str]] = []
    for name in sorted(names, key=str.encode):
        if len(hashed) == capacity:
            capacity = next(growth)
            moved, hashed = hashed, []
            for item in moved:
                _insert(hashed, item, capacity)
        _insert(hashed, (_hash(name.encode()), name), capacity)
    return [name for _, name in hashed]


def _insert(hashed: list[tuple[int, str]], item: tuple[int, str], capacity: int) -> None:
    bucket = item[0] % capacity
    position = next((i for i, (code, _) in enumerate(hashed) if code % capacity == bucket), 0)
    hashed.insert(position, item)


def _hash(data: bytes) -> int:
    """libstdc++'s `std::hash<std::string>` (`_Hash_bytes` of libsupc++/hash_bytes.cc, 64 bits)."""
    whole = len(data) - len(data) % 8
    code = _SEED ^ len(data) * _MULTIPLIER & _MASK
    for start in range(0, whole, 8):
        word = int.from_bytes(data[start : start + 8], "little") * _MULTIPLIER & _MASK
        code = (code ^ _mix(word) * _MULTIPLIER & _MASK) * _MULTIPLIER & _MASK
    if whole < len(data):
        code = (code ^ int.from_bytes(data[whole:], "little")) * _MULTIPLIER & _MASK
    return _mix(_mix(code) * _MULTIPLIER & _MASK)


def _mix(value: int) -> int:
    return value ^ value >> 47
