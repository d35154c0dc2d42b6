"""Numbers in a line: small bars, and times."""

from __future__ import annotations

from datetime import timedelta

SPARKLINE_WIDTH = 48
_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: list[float], width: int = SPARKLINE_WIDTH) -> str:
    """The last values as a line of small bars, the lowest of them lowest."""
    shown = values[-width:]
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((value - low) * scale)] for value in shown)


def number(value: float | None, digits: int = 1) -> str:
    """A number with so many digits after the point."""
    return "-" if value is None else f"{value:.{digits}f}"


def duration(seconds: float | None) -> str:
    """A time in hours, minutes and seconds."""
    return "-" if seconds is None else str(timedelta(seconds=round(seconds))).removeprefix("0:")
