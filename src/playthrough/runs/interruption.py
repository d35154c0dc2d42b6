"""Ctrl-C and SIGTERM, so that a run ends between two things rather than in the middle of one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Turns both signals into a KeyboardInterrupt where that does no harm, and otherwise remembers them.

    Outside of `allowed`, a signal is only noted in `asked`; the third one ends the process the usual way, whatever it
    is doing. In a thread that is not the main one Python hands out no signals, and nothing is changed.
    """

    def __init__(self) -> None:
        self.asked = False
        self._allowed = False
        self._times = 0
        self._old: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._old[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)
        self._old.clear()

    @contextmanager
    def allowed(self) -> Generator[None]:
        """Within this, a signal raises KeyboardInterrupt; so does one that came before."""
        self._allowed = True
        try:
            if self.asked:
                raise KeyboardInterrupt
            yield
        finally:
            self._allowed = False

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        self._times += 1
        if self._allowed or self._times >= 3:
            self._allowed = False
            raise KeyboardInterrupt
