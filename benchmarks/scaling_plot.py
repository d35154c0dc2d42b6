"""Draws what `scaling` measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib

if TYPE_CHECKING:
    from benchmarks.scaling import Point

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, NullLocator

COLOURS = {"Airstriker-Genesis": "#3b6fd4", "Breakout-Atari2600": "#d9822b", "Wickling-Nes": "#2e9e6b"}
LIMIT_COLOUR, OWN_COLOUR, TEXT = "#c9ced6", "#3b6fd4", "#2b2f36"
STYLE = {
    "font.size": 10,
    "font.family": "DejaVu Sans",
    "axes.edgecolor": "#9aa1ab",
    "axes.labelcolor": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlecolor": TEXT,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#e6e9ee",
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "legend.frameon": False,
}


def draw(points: Sequence[Point], image: Path) -> None:
    """Draw all panels into one picture."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(2, 3, figsize=(14, 7.6), layout="constrained")
        _lines(axes[0, 0], points, "lanes", "lanes", "One environment or many", logarithmic=True)
        _lines(axes[0, 1], points, "threads", "threads", "Threads")
        _lines(axes[0, 2], points, "frame skip", "frames per step", "Frame skip", logarithmic=True)
        _observations(axes[1, 0], points)
        _systems(axes[1, 1], points)
        _memory(axes[1, 2], points)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=len(labels))
        image.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(image, dpi=110)
        plt.close(figure)


def _of(points: Sequence[Point], panel: str) -> dict[str, list[Point]]:
    games: dict[str, list[Point]] = {}
    for point in points:
        if point.panel == panel:
            games.setdefault(point.game, []).append(point)
    return games


def _thousands(axis: Any) -> None:
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1000:g}k" if value else "0"))


def _lines(axes: Any, points: Sequence[Point], panel: str, label: str, title: str, logarithmic: bool = False) -> None:
    for game, found in _of(points, panel).items():
        values = [int(point.value) for point in found]
        axes.plot(values, [point.frames_per_second for point in found], "o-", color=COLOURS[game], label=game, lw=2)
        if logarithmic:
            axes.set_xscale("log", base=2)
        axes.set_xticks(values, [str(value) for value in values])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(bottom=0)
    _thousands(axes.yaxis)
    axes.set_title(title)
    axes.set_xlabel(label)
    axes.set_ylabel("frames per second")


def _observations(axes: Any, points: Sequence[Point]) -> None:
    games = _of(points, "observation")
    width = 0.8 / len(games)
    for number, (game, found) in enumerate(games.items()):
        places = [place + (number - (len(games) - 1) / 2) * width for place in range(len(found))]
        axes.bar(places, [point.frames_per_second for point in found], width * 0.92, color=COLOURS[game])
        axes.set_xticks(range(len(found)), [point.value for point in found])
    _thousands(axes.yaxis)
    axes.set_title("What the agent sees")
    axes.set_ylabel("frames per second")


def _systems(axes: Any, points: Sequence[Point]) -> None:
    found = sorted((point for point in points if point.panel == "system"), key=lambda point: point.limit or 0)
    places = range(len(found))
    axes.barh(places, [point.limit or 0 for point in found], 0.8, color=LIMIT_COLOUR, label="bare loops of the core")
    axes.barh(places, [point.frames_per_second for point in found], 0.45, color=OWN_COLOUR, label="playthrough")
    axes.set_yticks(places, [point.value for point in found])
    for place, point in enumerate(found):
        share = point.frames_per_second / point.limit if point.limit else 0
        reach = max(point.limit or 0, point.frames_per_second)
        axes.text(reach, place, f" {share:.0%}", va="center", color=TEXT, fontsize=9)
    axes.grid(True, axis="x")
    axes.grid(False, axis="y")
    axes.margins(x=0.1)
    _thousands(axes.xaxis)
    axes.set_title("System: a tiny ROM of each, and its limit")
    axes.set_xlabel("frames per second")
    axes.legend(loc="lower right", fontsize=9)


def _memory(axes: Any, points: Sequence[Point]) -> None:
    for game, found in _of(points, "lanes").items():
        lanes = [int(point.value) for point in found]
        axes.plot(lanes, [point.memory_mib or 0 for point in found], "o-", color=COLOURS[game], lw=2)
        axes.set_xticks(lanes, [str(value) if value not in (2, 4) else "" for value in lanes])
    axes.set_ylim(bottom=0)
    axes.set_title("Memory of the process")
    axes.set_xlabel("lanes")
    axes.set_ylabel("MiB")
