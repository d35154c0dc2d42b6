"""Lanes on threads: the same results on any number of them, and nothing left behind."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from engine.conformance import play
from engine.opening import open_game, open_tiny, start_state
from numpy.typing import NDArray

from playthrough.engine.engine import Observe, PixelSpec
from playthrough.engine.libretro import LibretroEngine
from playthrough.engine.probes import DataType, Probe

TinyCores = Mapping[str, Path]
PIXELS = PixelSpec(True, "area", (84, 84), max_of_two=True, stack=2)
FRAME = Probe(0, DataType.parse("<u2"))


def watch_lanes(engine: LibretroEngine, probes: list[Probe], start: bytes) -> list[tuple[bytes, ...]]:
    """What each lane gives on 12 runs; the buttons depend on the lane alone, and some lanes start anew."""
    lanes = engine.num_lanes
    engine.configure(probes, None, PIXELS)
    engine.load(dict.fromkeys(range(lanes), start))
    randoms = [np.random.default_rng(lane) for lane in range(lanes)]
    seen: list[list[bytes]] = [[] for _ in range(lanes)]
    for run in range(12):
        buttons = np.stack([random.integers(0, 256, (4, 2)) & 0xF1 for random in randoms]).astype(np.uint16)
        told = np.array([(lane + run) % 5 for lane in range(lanes)], np.int32)
        result = engine.run(buttons, told, np.full(lanes, Observe.PUSH, np.uint8))
        for lane in range(lanes):
            ran = result.frames_run[lane]
            seen[lane].append(result.samples[lane, :ran].tobytes() + result.observations[lane].tobytes())
        if run == 5:
            engine.load({lane: start for lane in range(lanes) if lane % 3 == 1})
    ram = engine.read_ram()
    return [(*seen[lane], ram[lane].tobytes(), engine.picture(lane).tobytes()) for lane in range(lanes)]


@pytest.mark.parametrize("game", ["tiny", "Airstriker-Genesis", "Breakout-Atari2600"])
def test_lanes_and_threads_change_nothing(game: str, tiny_cores: TinyCores) -> None:
    address = {"tiny": 0x1C, "Airstriker-Genesis": 0xFF0268, "Breakout-Atari2600": 0xC8}[game]
    probes = [Probe(address, DataType.parse("<u2"))]
    start = b"" if game == "tiny" else start_state(game)

    def watch(lanes: int, threads: int) -> list[tuple[bytes, ...]]:
        if game == "tiny":
            engine = open_tiny(tiny_cores, "tiny_rgb565", lanes=lanes, threads=threads)
        else:
            engine = open_game(game, lanes, threads)
        assert engine.num_threads == min(lanes, threads)
        seen = watch_lanes(engine, probes, start)
        engine.close()
        return seen

    eight = watch(8, 1)
    assert len(set(eight)) == 8, "the lanes did the same: this proves nothing"
    for lanes, threads in ((8, 2), (8, 3), (2, 2), (1, 3), (5, 3)):
        assert watch(lanes, threads) == eight[:lanes], f"{lanes} lanes on {threads} threads"


@pytest.mark.parametrize("threads", [1, 2])
def test_python_goes_on_while_lanes_run(threads: int) -> None:
    engine = open_game("Airstriker-Genesis", 2, threads)
    engine.configure((), None, PixelSpec())
    counted, running = 0, True

    def count() -> None:
        nonlocal counted
        while running:
            counted += 1
            time.sleep(0.001)

    counter = threading.Thread(target=count)
    counter.start()
    try:
        buttons = np.zeros((2, 600, 1), np.uint16)
        play(engine, buttons)  # by now the counter counts
        before, began = counted, time.monotonic()
        play(engine, buttons)
        after, took_s = counted, time.monotonic() - began
    finally:
        running = False
        counter.join()
    assert took_s > 0.02, "too fast to tell"
    # With the lock held it could count twice at most: right before and right after.
    assert after - before >= 5
    engine.close()


def test_two_engines_at_once_in_two_threads_of_python(tiny_cores: TinyCores) -> None:
    def open_one(game: str) -> LibretroEngine:
        if game == "tiny":
            return open_tiny(tiny_cores, "tiny_rgb565", lanes=3, threads=2)
        return open_game(game, 3, 2)

    games = {"tiny": (0x1C, b""), "Airstriker-Genesis": (0xFF0268, start_state("Airstriker-Genesis"))}
    alone: dict[str, list[tuple[bytes, ...]]] = {}
    for game, (address, start) in games.items():
        engine = open_one(game)
        alone[game] = watch_lanes(engine, [Probe(address, DataType.parse("<u2"))], start)
        engine.close()
    together: dict[int, list[tuple[bytes, ...]]] = {}

    def work(index: int, game: str) -> None:
        address, start = games[game]
        engine = open_one(game)
        together[index] = watch_lanes(engine, [Probe(address, DataType.parse("<u2"))], start)
        engine.close()

    names = ["Airstriker-Genesis", "tiny", "Airstriker-Genesis", "tiny"]
    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(names)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, game in enumerate(names):
        assert together[index] == alone[game]


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def open_files() -> list[str]:
    folder = Path("/proc/self/fd")
    return sorted(str(link.readlink()) for link in folder.iterdir() if link.is_symlink())


def in_use(word: str) -> int:
    """Open files, mapped libraries and threads whose name or kind says so."""
    return Path("/proc/self/maps").read_text().count(word)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("game", ["tiny", "Airstriker-Genesis", "Breakout-Atari2600"])
def test_an_engine_that_is_closed_leaves_nothing(game: str, tiny_cores: TinyCores) -> None:
    def use() -> None:
        engine = open_tiny(tiny_cores, "tiny_rgb565", lanes=2, threads=2) if game == "tiny" else open_game(game)
        engine.configure((), None, PIXELS)
        play(engine, np.zeros((engine.num_lanes, 4, 1), np.uint16), Observe.PUSH)
        engine.load({0: b""})
        engine.close()
        gc.collect()

    for _ in range(5):
        use()
    files, size, threads = len(open_files()), resident_bytes(), len(list(Path("/proc/self/task").iterdir()))
    libraries = in_use("memfd:")
    for _ in range(30):
        use()
    assert len(open_files()) == files
    assert in_use("memfd:") == libraries
    assert len(list(Path("/proc/self/task").iterdir())) == threads
    # 30 engines, each with two cores one after the other; one of Genesis has 10 MB.
    assert resident_bytes() - size < 30_000_000


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("name", ["tiny_noload", "tiny_missing", "tiny_badversion", "tiny_thread"])
def test_a_core_that_is_refused_leaves_nothing(name: str, tiny_cores: TinyCores) -> None:
    from playthrough.errors import CoreError

    def refuse() -> None:
        with pytest.raises(CoreError):
            open_tiny(tiny_cores, name, lanes=2, threads=2)

    refuse()
    gc.collect()
    files, folders = len(open_files()), rom_folders()
    for _ in range(10):
        refuse()
    gc.collect()
    assert len(open_files()) == files
    assert rom_folders() <= folders


def rom_folders() -> set[Path]:
    import tempfile

    return set(Path(tempfile.gettempdir()).glob(f"playthrough-{os.getpid()}-*/rom.nes"))


def run_in_fork(work: object, timeout_s: float = 20) -> tuple[int, str]:
    """Exit status and output of a function in a forked process; -1 if it did not end in time."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, repr(work()).encode())  # type: ignore[operator]
            os._exit(0)
        except BaseException as error:
            os.write(writing, f"{type(error).__name__}: {error}".encode())
            os._exit(1)
    os.close(writing)
    deadline = time.monotonic() + timeout_s
    status = -1
    while time.monotonic() < deadline:
        ended, raw = os.waitpid(child, os.WNOHANG)
        if ended:
            status = os.waitstatus_to_exitcode(raw)
            break
        time.sleep(0.01)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
    text = os.read(reading, 10000).decode()
    os.close(reading)
    return status, text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_is_told_instead_of_hanging(tiny_cores: TinyCores) -> None:
    engine = open_tiny(tiny_cores, "tiny_rgb565", lanes=2, threads=2)
    engine.configure((FRAME,), None, PixelSpec())
    play(engine, np.zeros((2, 1, 1), np.uint16))
    status, text = run_in_fork(lambda: play(engine, np.zeros((2, 1, 1), np.uint16)))
    assert status == 1 and "an engine cannot be used in a forked process; make it there" in text

    def close_and_open() -> NDArray[np.int64]:
        engine.close()
        other = open_tiny(tiny_cores, "tiny_rgb565", lanes=2, threads=2)
        other.configure((FRAME,), None, PixelSpec())
        return play(other, np.zeros((2, 1, 1), np.uint16)).samples.ravel().tolist()

    assert run_in_fork(close_and_open) == (0, "[3, 3]")
    assert play(engine, np.zeros((2, 1, 1), np.uint16)).samples.ravel().tolist() == [4, 4], "the parent goes on"
    engine.close()
