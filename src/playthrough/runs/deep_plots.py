"""Pictures of a deep run: what it earned, and what its learner said."""

from __future__ import annotations

import math
from typing import Any

_MEAN, _EVALUATION, _BEST, _OTHER = "#e8590c", "#0b7285", "#2f9e44", "#495057"
_NOT_THE_LEARNERS = {
    *("agent_steps", "frames", "update", "episodes", "mean_return", "best_return", "elapsed_s", "collect_s", "learn_s"),
    *("evaluation_mean", "evaluation_standard_error", "best_evaluation"),
}
_MOST_PANELS = 9


def draw_learning(figure_class: Any, columns: dict[str, list[float]]) -> Any:
    """Returns by agent steps: of training's last hundred episodes, and of the evaluations.

    Args:
        figure_class: matplotlib's Figure.
        columns: Of metrics.csv, by name; NaN where there is no number.
    """
    figure = figure_class(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    steps = columns["agent_steps"]
    axes.plot(steps, columns["mean_return"], color=_MEAN, linewidth=1.5, label="training, last 100 episodes")
    at = [row for row, mean in enumerate(columns["evaluation_mean"]) if not math.isnan(mean)]
    axes.errorbar(
        [steps[row] for row in at],
        [columns["evaluation_mean"][row] for row in at],
        [columns["evaluation_standard_error"][row] for row in at],
        color=_EVALUATION,
        marker="o",
        markersize=4,
        capsize=3,
        label="evaluation ± standard error",
    )
    axes.step(steps, columns["best_evaluation"], color=_BEST, where="post", linestyle=":", label="best evaluation")
    axes.set_ylabel("return of an episode")
    axes.set_title("Return by agent steps", pad=26)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, fontsize=9)
    _finish(axes)
    return figure


def draw_training(figure_class: Any, columns: dict[str, list[float]]) -> Any:
    """Each of the learner's own numbers by agent steps, and how fast it was.

    Args:
        figure_class: matplotlib's Figure.
        columns: Of metrics.csv, by name; NaN where there is no number.
    """
    names = [name for name in columns if name not in _NOT_THE_LEARNERS and not all(map(math.isnan, columns[name]))]
    names = names[:_MOST_PANELS]
    figure = figure_class(figsize=(11, 2.4 * max(1, -(-len(names) // 3)) + 0.5), layout="constrained")
    grid = figure.subplots(max(1, -(-len(names) // 3)), 3, squeeze=False)
    panels = [axes for row in grid for axes in row]
    for axes, name in zip(panels, names, strict=False):
        axes.plot(columns["agent_steps"], columns[name], color=_OTHER, linewidth=1.2)
        axes.set_title(name.replace("_", " "), fontsize=10)
        _finish(axes)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    return figure


def _finish(axes: Any) -> None:
    axes.set_xlabel("agent steps", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
