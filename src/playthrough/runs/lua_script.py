"""One run of a BizHawk Lua script, filmed if asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from playthrough.env.bizhawk.gym_module import offer_gym_module
from playthrough.env.bizhawk.host import BizHawkHost, ScriptStopped
from playthrough.errors import BadInputError
from playthrough.runs.encoding import Encoder, encoding, libraries

_SCALE = 2


@dataclass(frozen=True)
class ScriptReport:
    """What a run came to.

    Attributes:
        frames: How many were played.
        seconds: How long that took.
        ended: Whether the script came to its own end.
        exit_code: What it gave to `client.exitCode`.
    """

    frames: int
    seconds: float
    ended: bool
    exit_code: int


def run_script(
    script: Path,
    rom: Path | None,
    *,
    max_frames: int | None = None,
    video: Path | None = None,
    state: Path | None = None,
    system: str | None = None,
    core: str = "exact",
    server: tuple[str, int] | None = None,
    show: Callable[[str], None] = print,
) -> ScriptReport:
    """Run a script to its end, or for `max_frames` frames.

    Args:
        script: The script.
        rom: The game; None if the script opens one.
        max_frames: Where to stop.
        video: Where to film it: `.mp4` or `.gif`.
        state: The savestate to start from.
        system: The ROM's system, where its name does not tell.
        core: The emulator.
        server: (IP, port) that the script's `comm.socketServer*` talk to.
        show: Takes each line that the script prints.

    Raises:
        IntegrationError: If the script is wrong or fails; with the line.
        PlaythroughError: If the ROM, the core, the state or the video cannot be had.
    """
    if not script.is_file():
        raise BadInputError(f"{script}: there is no such script")
    film = None if video is None else _Film(video)
    host = BizHawkHost(
        script.parent,
        rom,
        system=system,
        core=core,
        show=show,
        max_frames=max_frames,
        on_frame=None if film is None else film.add,
    )
    began_s, ended = time.perf_counter(), False
    try:
        if film is not None:
            film.host = host
        offer_gym_module(host)
        if server is not None:
            host.socket.set_ip(server[0])
            host.socket.set_port(server[1])
        if state is not None:
            host.load_state(state)
        try:
            host.run(script)
            ended = True
        except ScriptStopped:
            ended = max_frames is None or host.total_frames < max_frames
        with suppress(ScriptStopped):  # by what the script does on its exit
            host.fire("exit")
        host.finish_frame()
        if film is not None:
            film.finish()
        return ScriptReport(host.total_frames, time.perf_counter() - began_s, ended, host.exit_code)
    finally:
        if film is not None:
            film.discard()
        host.close()


class _Film:
    """The video, begun with the first picture: before, nobody knows its size."""

    def __init__(self, path: Path) -> None:
        libraries()
        self.host: BizHawkHost | None = None
        self._path = path
        self._stack = ExitStack()
        self._encoder: Encoder | None = None
        self._canvas = np.zeros((0, 0, 3), np.uint8)

    def add(self, picture: NDArray[np.uint8], sound: NDArray[np.int16] | None) -> None:
        """Add a frame."""
        picture = picture.repeat(_SCALE, axis=0).repeat(_SCALE, axis=1)
        if self._encoder is None:
            assert self.host is not None
            display = self.host.running_lane.engine.display
            self._canvas = np.zeros_like(picture)
            self._encoder = self._stack.enter_context(
                encoding(self._path, self._canvas.shape, display.frames_per_second, display.sample_rate_hz)
            )
        # A game that the script opens later may be smaller or larger; the film keeps its size.
        height, width = min(len(picture), len(self._canvas)), min(picture.shape[1], self._canvas.shape[1])
        self._canvas[:] = 0
        self._canvas[:height, :width] = picture[:height, :width]
        self._encoder.add(self._canvas, sound)

    def finish(self) -> None:
        """Complete the file."""
        if self._encoder is None:
            raise BadInputError(f"the script advanced no frame, so there is nothing for {self._path}")
        self._stack.close()
        self._encoder = None

    def discard(self) -> None:
        """Leave nothing behind if it was not completed."""
        if self._encoder is not None:
            self._encoder = None
            self._stack.__exit__(RuntimeError, RuntimeError("not completed"), None)
