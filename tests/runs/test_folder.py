from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from playthrough.errors import BadInputError, RunError, StateError
from playthrough.runs.folder import Checkpoint, RunFolder


def checkpoint(generation: int) -> Checkpoint:
    return Checkpoint(generation, {"totals": {"frames": 10 * generation}}, bytes(range(256)) * generation)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", "Airstriker-Genesis", "neat")


def test_the_newest_checkpoint_comes_back(folder: RunFolder) -> None:
    for generation in range(1, 6):
        folder.write_checkpoint(checkpoint(generation))
    newest, problems = folder.latest_checkpoint()
    assert newest == checkpoint(5)
    assert problems == []
    assert [path.name for path in sorted(folder.checkpoints.iterdir())] == [f"00000{n}.ckpt" for n in (3, 4, 5)]


def test_files_of_other_names_are_no_checkpoints(folder: RunFolder) -> None:
    folder.write_checkpoint(checkpoint(1))
    for name in ("².ckpt", "notes.ckpt"):
        (folder.checkpoints / name).write_bytes(b"mine")
    assert folder.latest_checkpoint() == (checkpoint(1), [])
    folder.forget_checkpoints_after(0)
    assert {path.name for path in folder.checkpoints.iterdir()} == {"².ckpt", "notes.ckpt"}


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda data: data[:-1], "cut off"),
        (lambda data: data[:40], "no checkpoint"),
        (lambda data: b"", "no checkpoint"),
        (lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:], "checksum"),
        (lambda data: data[:90] + bytes([data[90] ^ 1]) + data[91:], "checksum"),
        (lambda data: b"X" + data[1:], "no checkpoint"),
        (lambda data: data[:8] + b"\x63" + data[9:], "version 99"),
    ],
)
def test_a_damaged_newest_checkpoint_is_reported_and_the_one_before_is_used(
    folder: RunFolder, damage: object, expected: str
) -> None:
    folder.write_checkpoint(checkpoint(1))
    path = folder.write_checkpoint(checkpoint(2))
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    newest, problems = folder.latest_checkpoint()
    assert newest == checkpoint(1)
    assert len(problems) == 1 and expected in problems[0] and "000002.ckpt" in problems[0]


def test_no_checkpoint_at_all_is_an_error(folder: RunFolder) -> None:
    with pytest.raises(StateError, match="no checkpoint"):
        folder.latest_checkpoint()
    folder.write_checkpoint(checkpoint(1)).write_bytes(b"nonsense")
    with pytest.raises(StateError, match=r"000001\.ckpt is no checkpoint"):
        folder.latest_checkpoint()


def test_a_folder_with_a_run_is_not_used_for_another(folder: RunFolder) -> None:
    folder.write_config("game = 'x'\n")
    with pytest.raises(BadInputError, match="already holds a run"):
        RunFolder.create(folder.path, "Airstriker-Genesis", "neat")


def test_what_is_no_run_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no such folder"):
        RunFolder.open(tmp_path / "nowhere")
    with pytest.raises(BadInputError, match=r"config\.toml"):
        RunFolder.open(tmp_path)


def test_runs_without_a_place_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths = [RunFolder.create(None, "Airstriker-Genesis-v0", "neat").path for _ in range(2)]
    assert paths == [Path("runs/Airstriker-Genesis-neat-001"), Path("runs/Airstriker-Genesis-neat-002")]


HOLDER = """
import sys, time
from playthrough.runs.folder import RunFolder
with RunFolder(sys.argv[1]).lock():
    print("locked", flush=True)
    time.sleep(60)
"""


def test_one_process_at_a_time_and_a_dead_one_does_not_count(folder: RunFolder) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder.path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "locked\n"
        with pytest.raises(RunError, match=f"process {holder.pid}"), folder.lock():
            pass
    finally:
        holder.kill()
        holder.communicate()
    with folder.lock():
        pass
