"""Fixtures for the whole test suite: tiny real cores, and a game for them."""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]

# Tests see an empty home, and leave the user's alone.
os.environ["PLAYTHROUGH_HOME"] = tempfile.mkdtemp(prefix="playthrough-tests-")
atexit.register(shutil.rmtree, os.environ["PLAYTHROUGH_HOME"], ignore_errors=True)
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


@pytest.fixture(scope="session")
def tiny_cores() -> TinyCores:
    """Compiled tiny cores by name: `tiny_cores["tiny_crash"]` is the path of a core that crashes."""
    return TinyCores(REPOSITORY / ".made" / "tiny_cores")


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


@pytest.fixture
def tiny_game(tmp_path: Path) -> Callable[..., Path]:
    """Makes an integration folder for the tiny cores: `tiny_game(seed=1, frame=0, choice=0)` returns its path.

    The folder is named `<name>`, holds `rom.nes`, and its parent holds nothing else, so the parent can be given to
    `add_integrations`. `data` and `scenario` replace the JSON files' contents.
    """

    def make(
        seed: int = 0,
        frame: int = 0,
        choice: int = 0,
        name: str = "TinyCore-Nes-v0",
        data: dict[str, object] | None = None,
        scenario: dict[str, object] | None = None,
    ) -> Path:
        folder = tmp_path / "integrations" / name
        folder.mkdir(parents=True)
        rom = tiny_rom(seed, frame, choice)
        variables = {key: {"address": address, "type": type_} for key, (address, type_) in TINY_VARIABLES.items()}
        (folder / "rom.nes").write_bytes(rom)
        # An NES game is known by what follows the 16 bytes of its file's header.
        (folder / "rom.sha").write_text(hashlib.sha1(rom[16:]).hexdigest() + "\n")
        (folder / "data.json").write_text(json.dumps(data or {"info": variables}))
        (folder / "scenario.json").write_text(json.dumps(scenario or TINY_SCENARIO))
        (folder / "metadata.json").write_text("{}")
        return folder

    return make
