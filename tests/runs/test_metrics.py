from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from playthrough.runs.metrics import MetricsFile, read_metrics


def write(folder: Path, rows: range, keep: int = 0) -> None:
    metrics = MetricsFile(folder / "metrics.csv", folder / "events", keep)
    for row in rows:
        metrics.append(row, {"generation": row, "best": row * 0.1, "nothing": None})
    metrics.close()


def test_rows_come_back_exactly(tmp_path: Path) -> None:
    write(tmp_path, range(3))
    rows = read_metrics(tmp_path / "metrics.csv")
    assert [float(row["best"]) for row in rows] == [0.0, 0.1, 0.2]
    assert [row["nothing"] for row in rows] == ["", "", ""]


def test_rows_after_the_checkpoint_are_cut(tmp_path: Path) -> None:
    write(tmp_path, range(5))
    write(tmp_path, range(2, 4), keep=2)
    assert [row["generation"] for row in read_metrics(tmp_path / "metrics.csv")] == ["0", "1", "2", "3"]


def test_a_row_that_was_cut_off_is_dropped(tmp_path: Path) -> None:
    write(tmp_path, range(3))
    path = tmp_path / "metrics.csv"
    path.write_bytes(path.read_bytes()[:-3])
    assert [row["generation"] for row in read_metrics(path)] == ["0", "1"]
    write(tmp_path, range(2, 3), keep=2)
    assert [row["generation"] for row in read_metrics(path)] == ["0", "1", "2"]


def test_tensorboard_reads_the_events(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    write(tmp_path, range(4))
    events = accumulator.EventAccumulator(str(tmp_path / "events"))
    events.Reload()
    assert [(event.step, round(event.value, 5)) for event in events.Scalars("best")] == [
        (0, 0.0),
        (1, 0.1),
        (2, 0.2),
        (3, 0.3),
    ]


WITHOUT_TENSORBOARD = """
import sys
from pathlib import Path
sys.modules["tensorboardX"] = None
from playthrough.runs.metrics import MetricsFile
metrics = MetricsFile(Path(sys.argv[1]) / "metrics.csv", Path(sys.argv[1]) / "events")
metrics.append(0, {"generation": 0})
metrics.close()
print(metrics.missing)
"""


def test_without_tensorboardx_the_csv_is_written_and_one_line_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_TENSORBOARD, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "playthrough[runs]" in said
    assert len(read_metrics(tmp_path / "metrics.csv")) == 1
