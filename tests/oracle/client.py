"""Starts the reference and reads what it recorded."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

PROGRAM = Path(__file__).with_name("reference.py")


@dataclass(frozen=True)
class Recording:
    """What stable-retro did. Row i of an array belongs to frame i, a row of a `reset_` array to a reset.

    Attributes:
        screen: MD5 of the picture, uint8 (frames, 16).
        ram: MD5 of stable-retro's `get_ram`, uint8 (frames, 16).
        names: Of the variables.
        values: Of the variables, int64 (frames, names).
        present: Whether stable-retro reported the variable, bool (frames, names).
        rewards: Of each player, float64 (frames, players).
        done: bool (frames,).
        reset_after: The frame before each reset; -1 for the first.
        reset_screen, reset_ram, reset_values, reset_present: As above, right after each reset.
        actions: What was pressed, uint8 (frames, players, buttons).
        buttons: Their names, "" where a bit has none.
        initial_state: The raw savestate of the core from which every episode began.
        movies: Files that were recorded.
        pictures: Raw pictures of the frames asked for, uint8 (height, width, 3).
    """

    screen: NDArray[np.uint8]
    ram: NDArray[np.uint8]
    names: list[str]
    values: NDArray[np.int64]
    present: NDArray[np.bool_]
    rewards: NDArray[np.float64]
    done: NDArray[np.bool_]
    reset_after: list[int]
    reset_screen: NDArray[np.uint8]
    reset_ram: NDArray[np.uint8]
    reset_values: NDArray[np.int64]
    reset_present: NDArray[np.bool_]
    actions: NDArray[np.uint8]
    buttons: list[str]
    initial_state: bytes
    movies: list[Path]
    pictures: dict[int, NDArray[np.uint8]]

    @classmethod
    def load(cls, path: Path) -> Recording:
        with np.load(path) as file:
            arrays: dict[str, Any] = dict(file)
        pictures = {int(key[7:]): arrays.pop(key) for key in list(arrays) if key.startswith("screen_")}
        arrays["names"], arrays["buttons"] = arrays["names"].tolist(), arrays["buttons"].tolist()
        arrays["reset_after"] = arrays["reset_after"].tolist()
        arrays["initial_state"] = arrays["initial_state"].tobytes()
        arrays["movies"] = [Path(movie) for movie in arrays["movies"].tolist()]
        return cls(pictures=pictures, **arrays)

    def variables(self, frame: int) -> dict[str, int]:
        """The variables of a frame, by name."""
        row = zip(self.names, self.values[frame].tolist(), self.present[frame].tolist(), strict=True)
        return {name: value for name, value, present in row if present}


class ReferenceRun:
    """The reference at work, beside this process; a context manager that ends it if nobody waited for it."""

    def __init__(self, request: dict[str, Any], actions: NDArray[Any] | None) -> None:
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        self._out = folder / "recording.npz"
        self._request = {**request, "out": str(self._out)}
        if actions is not None:
            np.save(folder / "actions.npy", actions)
            self._request["actions"] = str(folder / "actions.npy")
        (folder / "request.json").write_text(json.dumps(self._request))
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(folder / "request.json")],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def result(self, timeout_s: float = 300) -> Recording:
        """Wait for the end.

        Raises:
            RuntimeError: If the reference failed; the message has what it printed.
        """
        output, _ = self._process.communicate(timeout=timeout_s)
        if self._process.returncode != 0:
            raise RuntimeError(
                f"stable-retro exited with {self._process.returncode} for {self._request['game']}:\n{output[-3000:]}"
            )
        return Recording.load(self._out)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
        self._folder.cleanup()


def start(
    game: str,
    actions: NDArray[Any] | None = None,
    *,
    rom: Path | None = None,
    folder: Path | None = None,
    state: str | Path | None = "default",
    scenario: str | None = None,
    info: str | None = None,
    players: int = 1,
    all_buttons: bool = False,
    resets: Sequence[int] = (),
    reset_on_done: bool = True,
    screens: Sequence[int] = (),
    record_to: Path | None = None,
    movie: Path | None = None,
) -> ReferenceRun:
    """Start stable-retro on a game; reference.py describes the arguments.

    Args:
        actions: Zeros and ones, (frames, players, buttons); None with a movie.
        state: A name or a .state file; None is power on, "default" the game's own.
    """
    request: dict[str, Any] = {"game": game, "players": players, "all_buttons": all_buttons}
    request |= {"resets": list(resets), "reset_on_done": reset_on_done, "screens": list(screens)}
    optional = {
        "rom": rom,
        "folder": folder,
        "scenario": scenario,
        "info": info,
        "record_to": record_to,
        "movie": movie,
    }
    request |= {name: str(value) for name, value in optional.items() if value is not None}
    if state != "default":
        request["state"] = None if state is None else str(state)
    return ReferenceRun(request, actions)


def run(game: str, actions: NDArray[Any] | None = None, *, timeout_s: float = 300, **options: Any) -> Recording:
    """`start`, then wait for the result."""
    with start(game, actions, **options) as reference:
        return reference.result(timeout_s)
