"""Cores in supervised processes: what happens to one of them happens to nobody else."""

from __future__ import annotations

import gc
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from engine.conformance import EngineConformance, Subject, assert_same_future, look, play
from engine.opening import open_game, start_state
from numpy.typing import NDArray
from tiny_cores import TinyCores, tiny_rom
from tiny_games import TINY_GAMES, TinyGame

from playthrough.engine.cores import CoreFile, find_core
from playthrough.engine.engine import Engine, Observe, PixelSpec
from playthrough.engine.isolated import IsolatedEngine
from playthrough.engine.libretro import LibretroEngine
from playthrough.engine.probes import DataType, Probe
from playthrough.engine.systems import get_system
from playthrough.errors import CoreError, EngineError, LaneError, StateError
from playthrough.game.integration import load_integration
from playthrough.game.roms import find_rom

B, SELECT, START, RIGHT, A = (1 << i for i in (0, 2, 3, 7, 8))
CRASH, HANG, GIVE_UP, LEAVE = START, START | A, START | B, START | SELECT
STACKED = PixelSpec(gray=True, resize="area", size=(12, 16), max_of_two=True, stack=3)


def probe(address: int, kind: str) -> Probe:
    return Probe(address, DataType.parse(kind))


COUNTER, SHIP = probe(0, "<u2"), probe(0x20, "<i2")


def isolated_tiny(
    tiny_cores: TinyCores, name: str = "tiny_fragile", *, lanes: int = 1, threads: int = 1, timeout_s: float = 10.0
) -> IsolatedEngine:
    core = CoreFile(tiny_cores[name], name, get_system("Nes"))
    return IsolatedEngine(
        core,
        get_system("Nes"),
        tiny_rom(),
        rom_name="tiny.nes",
        num_lanes=lanes,
        num_threads=threads,
        timeout_s=timeout_s,
    )


def started_tiny(tiny_cores: TinyCores, lanes: int, **settings: float) -> IsolatedEngine:
    engine = isolated_tiny(tiny_cores, lanes=lanes, **settings)  # type: ignore[arg-type]
    engine.configure((COUNTER, SHIP), None, STACKED)
    engine.load(dict.fromkeys(range(lanes), b""))
    engine.run(np.zeros((lanes, 1, 1), np.uint16), np.ones(lanes, np.int32), fill(lanes), stopping=False)
    return engine


def fill(lanes: int) -> NDArray[np.uint8]:
    return np.full(lanes, Observe.FILL, np.uint8)


def random_buttons(seed: int, lanes: int, frames: int) -> NDArray[np.uint16]:
    return (np.random.default_rng(seed).integers(0, 2, (lanes, frames, 1)) * RIGHT).astype(np.uint16)


def process_of(engine: IsolatedEngine, worker: int = 0) -> int:
    process = engine._pool.workers[worker].process
    assert process is not None
    return process.pid


class Leaks:
    """What this process holds that outlives it or fills it up."""

    def __init__(self) -> None:
        self.before = self.now()

    @staticmethod
    def now() -> tuple[int, int, int]:
        gc.collect()
        children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
        shared = [line for line in Path("/proc/self/maps").read_text().splitlines() if "playthrough-lanes" in line]
        return len(list(Path("/proc/self/fd").iterdir())), len(children), len(shared)


@pytest.fixture(autouse=True)
def nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    leaks = Leaks()
    yield
    assert leaks.now() == leaks.before
    assert not [path for path in folder.iterdir() if "worker" in path.name]


# The same engine -----------------------------------------------------------------------------------------------------


class TestTinyCoreInProcesses(EngineConformance):
    @pytest.fixture
    def subject(self, tiny_cores: TinyCores) -> Iterator[Subject]:
        opened: list[Engine] = []

        def open_lanes(lanes: int) -> Engine:
            opened.append(isolated_tiny(tiny_cores, "tiny_rgb565", lanes=lanes, threads=2))
            return opened[-1]

        yield Subject(open_lanes, COUNTER, SHIP, RIGHT)
        for engine in opened:
            engine.close()


@pytest.mark.parametrize(
    "game",
    [game for game in TINY_GAMES if game.system_name not in ("Nes", "Genesis")],
    ids=lambda game: game.system_name,
)
def test_a_core_of_every_system_goes_on_unchanged_when_its_process_is_killed(game: TinyGame) -> None:
    system = get_system(game.system_name)
    rom = next(path for path in game.folder.iterdir() if path.name.startswith("rom.") and path.suffix != ".sha")
    engine = IsolatedEngine(find_core("exact", system), system, rom.read_bytes(), num_lanes=2, num_threads=1)
    plain = LibretroEngine(find_core("exact", system), system, rom.read_bytes(), num_lanes=2, num_threads=1)
    for each in (engine, plain):
        each.configure((), None, PixelSpec())
        each.load({0: b"", 1: b""})
    inputs = game.inputs(3, 60, players=1)
    masks = (inputs.reshape(60, -1) << np.arange(inputs.reshape(60, -1).shape[1])).sum(1).astype(np.uint16)
    buttons = np.repeat(masks[None, :, None], 2, 0)
    for step in range(10):
        if step == 4:
            engine._pool.journal.stale = True  # from a new anchor
        if step == 6:
            os.kill(process_of(engine), signal.SIGKILL)
        part = buttons[:, 6 * step : 6 * step + 6]
        left, right = play(engine, part, Observe.PUSH), play(plain, part, Observe.PUSH)
        assert not left.lost
        np.testing.assert_array_equal(left.observations, right.observations)
        np.testing.assert_array_equal(engine.read_ram(), plain.read_ram())
    engine.close()
    plain.close()


# Lost lanes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("death", "reason"),
    [
        (CRASH, r"core tiny_fragile crashed \(SIGSEGV\)"),
        (GIVE_UP, r"core tiny_fragile crashed \(SIGABRT\)"),
        (LEAVE, "core tiny_fragile ended its process with exit status 3"),
        (HANG, "core tiny_fragile hung: no frame for 0.4 s"),
    ],
)
def test_a_lane_that_is_lost_is_put_back_to_its_start_and_nobody_else_notices(
    tiny_cores: TinyCores, death: int, reason: str
) -> None:
    engine, undisturbed = (started_tiny(tiny_cores, 5, threads=2, timeout_s=0.4) for _ in range(2))
    for step in range(12):
        buttons = random_buttons(step, 5, 4)
        expected = play(undisturbed, buttons, Observe.PUSH)
        if step == 7:
            before = look(engine)
            buttons[2, 2] = death
        result = play(engine, buttons, Observe.PUSH)
        others = [0, 1, 2, 3, 4] if step < 7 else [0, 1, 3, 4]
        for name in ("frames_run", "ended", "samples", "observations"):
            np.testing.assert_array_equal(getattr(result, name)[others], getattr(expected, name)[others])
        if step != 7:
            assert not result.lost
            continue
        assert list(result.lost) == [2] and re.fullmatch(reason, result.lost[2])
        assert result.frames_run[2] == 0 and not result.ended[2]
        np.testing.assert_array_equal(result.observations[2], before[2])
        np.testing.assert_array_equal(look(engine)[2], before[2])
    assert play(engine, np.zeros((5, 1, 1), np.uint16)).samples[2, 0, 0] == 2 + 4 * 4 + 1, "power-on, and 4 steps"
    engine.close()
    undisturbed.close()


def test_all_lanes_of_a_process_can_be_lost_at_once(tiny_cores: TinyCores) -> None:
    engine = started_tiny(tiny_cores, 4, threads=2)
    result = play(engine, np.full((4, 2, 1), CRASH, np.uint16), Observe.PUSH)
    assert sorted(result.lost) == [0, 1, 2, 3] and not result.frames_run.any()
    assert play(engine, random_buttons(0, 4, 3)).frames_run.tolist() == [3] * 4
    engine.close()


def test_a_lane_that_cannot_be_kept_alive_is_an_error(tiny_cores: TinyCores) -> None:
    engine = started_tiny(tiny_cores, 2)
    deadly = np.zeros((2, 1, 1), np.uint16)
    deadly[1] = CRASH
    for _ in range(2):
        assert list(play(engine, deadly).lost) == [1]
    with pytest.raises(LaneError, match="lane 1 was lost 3 times in a row: core tiny_fragile crashed"):
        play(engine, deadly)
    assert not play(engine, random_buttons(0, 2, 3)).lost
    for _ in range(2):
        assert list(play(engine, deadly).lost) == [1], "a whole run in between begins the count anew"
    engine.close()


def test_a_core_that_is_gone_is_an_error_of_the_right_lane(tiny_cores: TinyCores, tmp_path: Path) -> None:
    path = tmp_path / "tiny_fragile_libretro.so"
    path.write_bytes(tiny_cores["tiny_fragile"].read_bytes())
    system = get_system("Nes")
    engine = IsolatedEngine(CoreFile(path, "tiny_fragile", system), system, tiny_rom(), num_lanes=3, num_threads=2)
    engine.configure((), None, PixelSpec())
    path.unlink()
    buttons = np.array([0, CRASH, 0], np.uint16).reshape(3, 1, 1)
    with pytest.raises(LaneError, match=r"lane 1: .* cannot be read"):
        engine.run(buttons, np.ones(3, np.int32), np.zeros(3, np.uint8))
    engine.close()


def test_the_way_back_leads_through_everything_that_happened(tiny_cores: TinyCores) -> None:
    engine, undisturbed = started_tiny(tiny_cores, 3), started_tiny(tiny_cores, 3)
    for each in (engine, undisturbed):
        each.capture_sound(0, True)
        play(each, random_buttons(1, 3, 5), Observe.PUSH)
        snapshot, history = each.save_exact(1), each.save_history(1)
        play(each, random_buttons(2, 3, 5), Observe.PUSH)
        each.write_memory(0, 0x200, b"written")
        each.take_sound(0)
        play(each, random_buttons(3, 3, 5), Observe.PUSH)
        each.load_history(0, history)
        each.load({0: snapshot})
        each.load({1: b""})
        play(each, random_buttons(4, 3, 5), Observe.KEEP)
        each.write_memory(0, 0x210, b"again")
        play(each, random_buttons(5, 3, 5), Observe.PUSH)
    buttons = random_buttons(6, 3, 4)
    expected = play(undisturbed, buttons, Observe.PUSH)
    buttons[2, 3] = CRASH
    result = play(engine, buttons, Observe.PUSH)
    assert list(result.lost) == [2]
    np.testing.assert_array_equal(result.observations[:2], expected.observations[:2])
    np.testing.assert_array_equal(result.samples[:2], expected.samples[:2])
    np.testing.assert_array_equal(engine.read_ram()[:2], undisturbed.read_ram()[:2])
    np.testing.assert_array_equal(engine.take_sound(0), undisturbed.take_sound(0))
    for lane in (0, 1):
        assert engine.save_history(lane) == undisturbed.save_history(lane)
    engine.close()
    undisturbed.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_that_is_killed_or_stopped_in_mid_run_comes_back(tiny_cores: TinyCores, number: int) -> None:
    engine, undisturbed = started_tiny(tiny_cores, 4, threads=2, timeout_s=0.4), started_tiny(tiny_cores, 4, threads=2)
    killed, lost = 0, 0
    for step in range(3):
        buttons = random_buttons(step, 4, 3000)
        assassin = threading.Timer(0.02, os.kill, (process_of(engine, step % 2), number))
        assassin.start()
        before = process_of(engine, step % 2)
        result = play(engine, buttons, Observe.PUSH)
        assassin.join()
        expected = play(undisturbed, buttons, Observe.PUSH)
        killed += process_of(engine, step % 2) != before
        for lane in range(4):
            if lane in result.lost:
                lost += 1
                state, history = undisturbed.save_exact(lane), undisturbed.save_history(lane)
                engine.load({lane: state})
                engine.load_history(lane, history)
                continue
            np.testing.assert_array_equal(result.samples[lane], expected.samples[lane])
            np.testing.assert_array_equal(result.observations[lane], expected.observations[lane])
    assert killed and lost <= killed
    engine.close()
    undisturbed.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_that_dies_while_nothing_runs_costs_nothing(tiny_cores: TinyCores, number: int) -> None:
    engine, undisturbed = started_tiny(tiny_cores, 2, timeout_s=0.4), started_tiny(tiny_cores, 2)
    for each in (engine, undisturbed):
        play(each, random_buttons(0, 2, 50), Observe.PUSH)
    engine._pool.workers[0]._load_timeout_s = 0.4
    for call in (
        lambda: play(engine, random_buttons(1, 2, 5), Observe.PUSH).lost,
        lambda: engine.read_memory(0, 0, 2) and None,
        lambda: engine.load({1: b""}),
        lambda: engine.save_exact(0) and None,
        lambda: engine.read_ram() is None,
    ):
        os.kill(process_of(engine), number)
        if number == signal.SIGKILL:
            time.sleep(0.01)
        assert not call()
    play(undisturbed, random_buttons(1, 2, 5), Observe.PUSH)
    undisturbed.load({1: b""})
    assert_same_future(engine, undisturbed, random_buttons(2, 1, 10))
    engine.close()
    undisturbed.close()


def test_interrupting_a_call_undoes_it(tiny_cores: TinyCores) -> None:
    engine, undisturbed = started_tiny(tiny_cores, 2), started_tiny(tiny_cores, 2)
    buttons = random_buttons(0, 2, 6)
    buttons[1, 5] = HANG
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        play(engine, buttons, Observe.PUSH)
    timer.join()
    buttons = random_buttons(0, 2, 6)
    np.testing.assert_array_equal(
        play(engine, buttons, Observe.PUSH).observations, play(undisturbed, buttons, Observe.PUSH).observations
    )
    assert_same_future(engine, undisturbed, random_buttons(1, 1, 10))
    engine.close()
    undisturbed.close()


# States that kill ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mark", "reason"), [(0xDE, "crashed"), (0xAD, "hung")])
def test_a_state_that_kills_is_refused_and_every_lane_stays_where_it_is(
    tiny_cores: TinyCores, mark: int, reason: str
) -> None:
    engine, undisturbed = started_tiny(tiny_cores, 3), started_tiny(tiny_cores, 3)
    engine._pool.workers[0]._load_timeout_s = 0.4
    for each in (engine, undisturbed):
        play(each, random_buttons(0, 3, 20), Observe.PUSH)
    good = engine.save(2)
    bad = bytearray(good)
    bad[0x100] = mark
    with pytest.raises(StateError, match=f"lane 1: core tiny_fragile {reason}.* as it loaded this state"):
        engine.load({1: bytes(bad), 2: b""})
    undisturbed.load({2: b""})
    for step in range(3):
        buttons = random_buttons(step, 3, 4)
        left, right = play(engine, buttons, Observe.PUSH), play(undisturbed, buttons, Observe.PUSH)
        assert not left.lost
        np.testing.assert_array_equal(left.samples, right.samples)
        np.testing.assert_array_equal(left.observations, right.observations)
    engine.close()
    undisturbed.close()


def test_no_damaged_savestate_of_a_real_core_hurts() -> None:
    integration = load_integration("Airstriker-Genesis")
    rom, start = find_rom(integration).data, start_state("Airstriker-Genesis")
    core = find_core("exact", integration.system)
    engine = IsolatedEngine(core, integration.system, rom, num_lanes=2, num_threads=1, timeout_s=2)
    engine.configure((probe(0xFF0294, ">u2"),), None, PixelSpec())
    engine.load({0: start, 1: start})
    random = np.random.default_rng(0)
    survived = 0
    for _ in range(40):
        state = bytearray(start)
        for _ in range(int(random.integers(1, 200))):
            state[int(random.integers(16, len(state)))] = int(random.integers(256))
        try:
            engine.load({1: bytes(state[: int(random.integers(len(state) // 2, 2 * len(state)))])})
            survived += 1
        except StateError:
            pass
        try:
            result = play(engine, np.zeros((2, 2, 1), np.uint16))
        except LaneError:
            continue
        assert 0 not in result.lost and result.frames_run[0] == 2
    assert survived
    plain = open_game("Airstriker-Genesis")
    plain.configure((probe(0xFF0294, ">u2"),), None, PixelSpec())
    plain.load({0: start})
    engine.load({0: start})
    assert_same_future(engine, plain, np.zeros((1, 10, 1), np.uint16))
    engine.close()
    plain.close()


# Beginnings and ends -------------------------------------------------------------------------------------------------


def test_a_core_that_cannot_start_is_refused_with_its_last_words(tiny_cores: TinyCores, tmp_path: Path) -> None:
    with pytest.raises(CoreError, match=r"tiny\.nes"):
        isolated_tiny(tiny_cores, "tiny_noload", lanes=2, threads=2)
    with pytest.raises(CoreError, match="does not export retro_"):
        isolated_tiny(tiny_cores, "tiny_missing")
    source = tmp_path / "deadly.c"
    library = tmp_path / "deadly_libretro.so"
    source.write_text(
        "#include <stdio.h>\n#include <stdlib.h>\n"
        '__attribute__((constructor)) static void die(void) { fputs("no licence\\n", stderr); abort(); }\n'
    )
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    with pytest.raises(CoreError, match=r"core deadly crashed \(SIGABRT\) .*no licence"):
        IsolatedEngine(CoreFile(library, "deadly", get_system("Nes")), get_system("Nes"), tiny_rom())
    with pytest.raises(ValueError, match="num_lanes"):
        isolated_tiny(tiny_cores, lanes=0)


def test_what_a_core_logs_arrives_with_the_number_of_its_lane(
    tiny_cores: TinyCores, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "playthrough.core"):
        engine = isolated_tiny(tiny_cores, "tiny_log", lanes=3, threads=2)
        engine.configure((), None, PixelSpec())
        caplog.clear()
        play(engine, np.zeros((3, 120, 1), np.uint16))
    lines = {record.getMessage().strip() for record in caplog.records}
    assert {f"tiny_log, lane {lane}: frame 60" for lane in range(3)} <= lines
    engine.close()


def test_a_closed_engine_says_so_and_a_forgotten_one_ends(tiny_cores: TinyCores) -> None:
    engine = started_tiny(tiny_cores, 2, threads=2)
    pids = [process_of(engine, worker) for worker in range(2)]
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.read_ram()
    forgotten = started_tiny(tiny_cores, 1)
    pids.append(process_of(forgotten))
    del forgotten
    gc.collect()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_forked_process_must_not_use_the_engine(tiny_cores: TinyCores) -> None:
    engine = started_tiny(tiny_cores, 2, threads=2)
    child = os.fork()
    if child == 0:
        try:
            engine.read_ram()
        except RuntimeError as error:
            engine.close()
            os._exit(0 if "forked" in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not play(engine, random_buttons(0, 2, 3)).lost, "and the child's end of it ended nothing here"
    engine.close()


def test_another_thread_has_to_wait_its_turn(tiny_cores: TinyCores) -> None:
    engine = started_tiny(tiny_cores, 1, timeout_s=0.5)
    slow = threading.Thread(target=play, args=(engine, np.full((1, 1, 1), HANG, np.uint16)))
    slow.start()
    time.sleep(0.1)
    with pytest.raises(RuntimeError, match="another thread"):
        engine.read_ram()
    slow.join()
    engine.close()


@pytest.mark.parametrize("buttons", [0, HANG])
def test_the_processes_die_with_the_program(tiny_cores: TinyCores, buttons: int, tmp_path: Path) -> None:
    tests = Path(__file__).parents[1]
    program = f"""
import sys, threading
sys.path[:0] = [{str(tests)!r}]
from pathlib import Path
import numpy as np
from engine.test_isolated import *
engine = started_tiny({{"tiny_fragile": Path({str(tiny_cores["tiny_fragile"])!r})}}, 2, threads=2)
print(*(process_of(engine, worker) for worker in range(2)), flush=True)
play(engine, np.full((2, 1, 1), {buttons}, np.uint16))
input()
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)}
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    assert parent.stdout is not None and parent.stdin is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    time.sleep(0.1)
    parent.kill()
    parent.communicate()
    deadline_s = time.monotonic() + 5
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < deadline_s, "they outlive it"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_25_crashes_leave_nothing_behind(tiny_cores: TinyCores) -> None:
    engine = started_tiny(tiny_cores, 3)
    leaks = Leaks()
    deadly = random_buttons(0, 3, 2)
    deadly[1, 1] = CRASH
    for _ in range(25):
        assert list(play(engine, deadly).lost) == [1]
        assert not play(engine, random_buttons(1, 3, 2)).lost
    assert leaks.now() == leaks.before
    engine.close()
