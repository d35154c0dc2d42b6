"""Inputs as text, as `export_inputs` writes them: one line per frame with the buttons pressed.

    .
    RIGHT
    RIGHT B | LEFT

A dot is nothing, a bar separates players, `#` begins a comment. Empty lines say nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from playthrough.errors import MovieError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from playthrough.engine.systems import System


def read_inputs(path: str | Path, system: System) -> NDArray[np.uint16]:
    """The buttons of every frame in a text file, uint16 (frames, players).

    Raises:
        MovieError: If the file cannot be read or a line is wrong; the message names file and line.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise MovieError(f"cannot read the inputs {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise MovieError(f"{path} is no text (byte {error.start}); expected a line of buttons per frame") from error
    known: dict[str, list[int]] = {}
    frames: list[list[int]] = []
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        if text not in known:
            try:
                known[text] = [system.mask_of([word for word in pad.split() if word != "."]) for pad in text.split("|")]
            except ValueError as error:
                raise MovieError(f"{path}:{number}: {error}") from None
        if frames and len(known[text]) != len(frames[0]):
            raise MovieError(f"{path}:{number}: expected {len(frames[0])} players, found {len(known[text])}")
        frames.append(known[text])
    if not frames:
        raise MovieError(f"{path} holds no inputs; expected a line per frame such as 'RIGHT B', or '.' for nothing")
    return np.array(frames, np.uint16)
