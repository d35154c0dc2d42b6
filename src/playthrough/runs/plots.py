"""Pictures of a run: how well it learned, and where the time went."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from playthrough.errors import DependencyError
from playthrough.game.atomic_file import write_file
from playthrough.runs.deep_plots import draw_learning, draw_training
from playthrough.runs.folder import RunFolder
from playthrough.runs.metrics import read_metrics

_BEST, _MEAN, _SPECIES, _SPREAD = "#0b7285", "#e8590c", "#495057", "#ffd8a8"
_TIMES = (
    ("evaluate_s", "playing", "#1c7ed6"),
    ("reproduce_s", "crossover and mutation", "#f59f00"),
    ("speciate_s", "dividing into species", "#ae3ec9"),
)


def draw_plots(folder: RunFolder | str | Path) -> tuple[Path, ...]:
    """Draw how well a run learned, and what learning was like, from its metrics.

    Args:
        folder: The run.

    Returns:
        The pictures; none if nothing is finished.

    Raises:
        DependencyError: If matplotlib is not installed.
        RunError: If they cannot be written.
    """
    run = folder if isinstance(folder, RunFolder) else RunFolder.open(folder)
    rows = read_metrics(run.metrics)
    if not rows:
        return ()
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DependencyError("plots need matplotlib: pip install 'playthrough[runs]'") from error

    columns = {name: [float(row[name] or "nan") for row in rows] for name in rows[0]}
    if "generation" in columns:
        figures = {"fitness.png": _fitness(Figure, columns), "time.png": _time(Figure, columns)}
    else:
        figures = {"learning.png": draw_learning(Figure, columns), "training.png": draw_training(Figure, columns)}
    paths: list[Path] = []
    for name, figure in figures.items():
        figure.suptitle(f"{run.path.resolve().name}", x=0.02, ha="left", fontsize=11, color="#495057")
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=120)
        write_file(run.plots / name, picture.getvalue())
        paths.append(run.plots / name)
    return tuple(paths)


def _fitness(figure_class: Any, columns: dict[str, list[float]]) -> Any:
    figure = figure_class(figsize=(9, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    generations = columns["generation"]
    mean, spread = columns["mean_fitness"], columns["fitness_stdev"]
    marker = "o" if len(generations) < 30 else None
    above.fill_between(
        generations,
        [m - s for m, s in zip(mean, spread, strict=True)],
        [m + s for m, s in zip(mean, spread, strict=True)],
        color=_SPREAD,
        alpha=0.6,
        linewidth=0,
        label="mean ± standard deviation",
    )
    above.plot(generations, mean, color=_MEAN, label="mean", marker=marker, markersize=4)
    above.plot(
        generations, columns["best_fitness"], color=_BEST, label="best", marker=marker, markersize=4, linewidth=2
    )
    above.step(
        generations, columns["best_fitness_so_far"], color=_BEST, where="post", linestyle=":", label="best so far"
    )
    above.set_ylabel("fitness")
    above.set_title("Fitness by generation", pad=26)
    above.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False, fontsize=9)
    below.step(generations, columns["num_species"], color=_SPECIES, where="mid", linewidth=1)
    below.set_ylabel("species")
    below.set_ylim(bottom=0)
    below.yaxis.get_major_locator().set_params(integer=True)
    _finish(below)
    above.grid(alpha=0.25)
    above.spines[["top", "right"]].set_visible(False)
    return figure


def _time(figure_class: Any, columns: dict[str, list[float]]) -> Any:
    figure = figure_class(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    generations = columns["generation"]
    bottom = [0.0] * len(generations)
    for name, label, color in _TIMES:
        axes.bar(generations, columns[name], bottom=bottom, color=color, label=label, width=0.85)
        bottom = [low + high for low, high in zip(bottom, columns[name], strict=True)]
    rate = sum(columns["frames"]) / max(sum(columns["evaluate_s"]), 1e-9)
    axes.set_ylabel("seconds")
    axes.set_title(f"Time by generation ({rate:,.0f} frames per second)")
    axes.set_ylim(0, max(bottom) * 1.2)
    axes.legend(loc="upper right", frameon=False, ncols=3)
    _finish(axes)
    return figure


def _finish(axes: Any) -> None:
    axes.set_xlabel("generation")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
