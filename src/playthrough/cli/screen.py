"""Whether a window can be opened here."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec


def has_display() -> bool:
    """Whether there is a screen, or a stand-in for one that somebody asked for with SDL_VIDEODRIVER."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"))


def can_open_window() -> bool:
    """Whether there is a screen, and pygame to draw on it."""
    return find_spec("pygame") is not None and has_display()


def require_window(instead: str) -> None:
    """Refuse to go on without a window.

    Args:
        instead: What else the user can do.

    Raises:
        DependencyError: If pygame is not installed.
        CapabilityError: If there is no screen.
    """
    from playthrough.errors import CapabilityError, DependencyError

    if find_spec("pygame") is None:
        raise DependencyError(f"a window needs pygame: run pip install 'playthrough[play]'; or {instead}")
    if not has_display():
        raise CapabilityError(f"there is no screen here to open a window on; {instead}")
