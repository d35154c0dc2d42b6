"""A window that shows a game. Needs pygame: pip install 'playthrough[play]'."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.errors import DependencyError

_log = logging.getLogger("playthrough.window")


def window_available() -> bool:
    """Whether pygame is installed."""
    return importlib.util.find_spec("pygame") is not None


class Window:
    """Shows pictures at the game's speed, scaled up by whole numbers.

    Args:
        title: In the title bar.
        frames_per_second: How often a picture is shown; None as fast as they come.
        scale: How many screen pixels one of the game's pixels takes, along each side.

    Raises:
        DependencyError: If pygame is not installed.
    """

    def __init__(self, title: str, frames_per_second: float | None, scale: int = 3) -> None:
        try:
            import pygame
        except ImportError:
            raise DependencyError("a window needs pygame: run pip install 'playthrough[play]'") from None
        self._pygame: Any = pygame
        self._title, self._fps, self._scale = title, frames_per_second, scale
        self._surface: Any = None
        if sys.platform.startswith("linux") and not any(
            os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
        ):
            _log.warning("there is no display: the window stays invisible (use render_mode='rgb_array' for pictures)")
            os.environ["SDL_VIDEODRIVER"] = "dummy"
        pygame.display.init()
        self._clock = pygame.time.Clock()
        self.open = True
        """Whether the user has not closed it."""

    def show(self, picture: NDArray[np.uint8]) -> None:
        """Show a picture, uint8 (height, width, 3), and wait until its time is over."""
        pygame = self._pygame
        height, width = picture.shape[:2]
        size = (width * self._scale, height * self._scale)
        if self._surface is None or self._surface.get_size() != size:
            self._surface = pygame.display.set_mode(size)
            pygame.display.set_caption(self._title)
        image = pygame.surfarray.make_surface(picture.swapaxes(0, 1))
        pygame.transform.scale(image, size, self._surface)
        pygame.display.flip()
        for event in pygame.event.get((pygame.QUIT,)):
            self.open = self.open and event.type != pygame.QUIT
        if self._fps:
            self._clock.tick(self._fps)

    def close(self) -> None:
        """Close the window."""
        if self.open:
            self._pygame.display.quit()
        self.open = False
