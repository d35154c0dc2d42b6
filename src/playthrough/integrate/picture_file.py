"""Pictures on disk: what a game shows, a movie at a glance, a number's course beside the view's."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from playthrough.errors import BadInputError, DependencyError
from playthrough.game.atomic_file import write_file

if TYPE_CHECKING:
    from playthrough.integrate.progress import ProgressCandidate
    from playthrough.integrate.recording import Recording


def save_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a picture, uint8 (height, width, 3), as a .png file.

    Raises:
        BadInputError: If the file's name ends in something else.
        RunError: If it cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise BadInputError(f"pictures are written as .png files, not {path.name!r}")
    height, width, _ = picture.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each row begins with the number of its filter: none
    rows[:, 1:] = picture.reshape(height, -1)
    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b""))
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    write_file(path, b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def draw_sheet(path: Path, pictures: dict[int, NDArray[np.uint8]], columns: int = 6) -> None:
    """Write pictures of a movie side by side, each with the number of its frame.

    Raises:
        DependencyError: If Matplotlib is not installed.
    """
    figure_of = _figure()
    rows = -(-len(pictures) // columns)
    figure = figure_of(figsize=(2.4 * columns, 2.4 * rows))
    for number, (frame, picture) in enumerate(pictures.items(), 1):
        axes = figure.add_subplot(rows, columns, number)
        axes.imshow(picture)
        axes.set_title(f"{frame}", fontsize=9)
        axes.set_axis_off()
    figure.tight_layout(pad=0.4)
    figure.savefig(str(path), dpi=110)


def draw_progress(
    path: Path, recording: Recording, candidates: list[ProgressCandidate], frames_per_second: float
) -> None:
    """Write the course of candidates over time, and of the view.

    Raises:
        DependencyError: If Matplotlib is not installed.
    """
    figure = _figure()(figsize=(11, 2.6 * (len(candidates) + 1)))
    seconds = np.arange(len(recording)) / frames_per_second
    view = figure.add_subplot(len(candidates) + 1, 1, 1)
    for axis, moved in (("x", recording.dx), ("y", recording.dy)):
        if moved.any():
            view.plot(seconds, _course(moved.astype(np.int64), recording), label=f"view, {axis}", linewidth=1)
    view.set_title("How far the view moved in each play, in pixels", loc="left", fontsize=10)
    view.legend(loc="upper left", fontsize=8)
    for number, candidate in enumerate(candidates, 2):
        axes = figure.add_subplot(len(candidates) + 1, 1, number, sharex=view)
        axes.plot(seconds, _values(recording, candidate), color="tab:orange", linewidth=0.8)
        names = ", ".join(f"{name} {at:#x} {kind}" for name, (at, kind) in candidate.variables.items())
        axes.set_title(f"{number - 1}. {names}   (score {candidate.score:.2f})", loc="left", fontsize=10)
    for axes in figure.axes:
        for frame in np.flatnonzero(~recording.within)[1:]:
            axes.axvline(frame / frames_per_second, color="0.85", linewidth=0.5, zorder=0)
    figure.axes[-1].set_xlabel("seconds of play; a line is where a new play begins")
    figure.tight_layout()
    figure.savefig(str(path), dpi=110)


def _course(moved: NDArray[np.int64], recording: Recording) -> NDArray[np.int64]:
    """The sum of the motion since each play began."""
    total = np.cumsum(moved)
    starts = np.flatnonzero(~recording.within)
    which = np.searchsorted(starts, np.arange(len(moved)), side="right") - 1
    return total - total[starts][which]


def _values(recording: Recording, candidate: ProgressCandidate) -> NDArray[np.int64]:
    low, high = recording.column(candidate.low), candidate.high
    values = np.zeros(len(recording), np.int64) if low is None else recording.ram[:, low].astype(np.int64)
    column = None if high is None else recording.column(high)
    return values if column is None else values + 256 * recording.ram[:, column].astype(np.int64)


def _figure() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DependencyError("drawing needs Matplotlib: run pip install 'playthrough[runs]'") from error
    return Figure
