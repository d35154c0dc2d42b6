"""Tiny libretro cores in C and a game for them: what tests import; the fixtures stand in conftest.py."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
CORE_SOURCES = REPOSITORY / "native" / "tests" / "cores"
COMPILE = ("cc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{REPOSITORY / 'native'}")
LIBRARIES = ("-lm", "-lpthread")


class TinyCores(Mapping[str, Path]):
    """The cores of native/tests/cores by name ("tiny_rgb565"), each compiled when it is first asked for.

    The libraries lie in a folder named after the sources' hash, so an edited source is compiled anew, and processes
    that compile at the same time only ever put complete files there.
    """

    def __init__(self, folder: Path) -> None:
        self._sources = {path.stem: path for path in sorted(CORE_SOURCES.glob("tiny_*.c"))}
        digest = hashlib.sha256(repr(COMPILE + LIBRARIES).encode())
        for path in (REPOSITORY / "native" / "libretro.h", CORE_SOURCES / "tiny.h", *self._sources.values()):
            digest.update(path.name.encode() + path.read_bytes())
        self._folder = folder / digest.hexdigest()[:16]

    def __getitem__(self, name: str) -> Path:
        library = self._folder / f"{name}_libretro.so"
        if not library.exists():
            self._compile(self._sources[name], library)
        return library

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    @staticmethod
    def _compile(source: Path, library: Path) -> None:
        if shutil.which(COMPILE[0]) is None:
            pytest.fail("The tests compile tiny libretro cores, but there is no C compiler `cc`; install gcc or clang.")
        library.parent.mkdir(parents=True, exist_ok=True)
        unfinished = library.with_suffix(f".{os.getpid()}")
        compiled = subprocess.run(
            [*COMPILE, "-o", str(unfinished), str(source), *LIBRARIES], capture_output=True, text=True
        )
        if compiled.returncode != 0:
            pytest.fail(f"{source.name} does not compile:\n{compiled.stderr}")
        unfinished.replace(library)


TINY_VARIABLES = {
    "frame": (0x00, "<u2"),
    "frame_big": (0x02, ">u2"),
    "pad1": (0x04, "<u2"),
    "pad2": (0x06, "<u2"),
    "pad3": (0x08, "<u2"),
    "pad4": (0x0A, "<u2"),
    "score2": (0x0C, "<u2"),
    "score": (0x10, ">d3"),
    "score_digits": (0x14, ">n4"),
    "lives": (0x18, "|i1"),
    "random": (0x19, "|u1"),
    "history": (0x1C, "<u4"),
    "history_big": (0x24, "><u4"),
    "history_mixed": (0x28, "<>u4"),
    "x": (0x20, "<i2"),
    "y": (0x22, "<i2"),
}
TINY_SCENARIO = {
    "rewards": [{"variables": {"score": {"reward": 1.0}}}, {"variables": {"score2": {"reward": 1.0}}}],
    "done": {"variables": {"lives": {"op": "equal", "reference": -1}}},
    "actions": [
        [[], ["UP"], ["DOWN"]],
        [[], ["LEFT"], ["RIGHT"]],
        [[], ["B"], ["A"], ["A", "B"]],
        [[], ["SELECT"]],
    ],
}


def tiny_rom(seed: int = 0, frame: int = 0, choice: int = 0) -> bytes:
    """An NES ROM file for the tiny cores; what its first three bytes mean stands in native/tests/cores/tiny.h."""
    header = b"NES\x1a" + bytes([1, 0]) + bytes(10)
    return header + bytes([seed, frame, choice]).ljust(16 * 1024, b"\0")
