"""Pictures of a run of NEAT: fitness, species and time by generation."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from playthrough.runs.species_colors import species_color

_BEST, _MEAN, _SPECIES, _SPREAD = "#0b7285", "#e8590c", "#495057", "#ffd8a8"
_TIMES = (
    ("evaluate_s", "playing", "#1c7ed6"),
    ("reproduce_s", "crossover and mutation", "#f59f00"),
    ("speciate_s", "dividing into species", "#ae3ec9"),
)
_NAMED_SPECIES = 8


def draw_fitness(figure_class: Any, columns: Mapping[str, Sequence[float]]) -> Any:
    """Fitness by generation, and how many species there were."""
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


def draw_time(figure_class: Any, columns: Mapping[str, Sequence[float]]) -> Any:
    """Where the time of each generation went."""
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


def draw_species(
    figure_class: Any, genomes: Sequence[Mapping[str, str]], columns: Mapping[str, Sequence[float]]
) -> Any:
    """How many genomes each species had, generation by generation, and how different genomes were.

    Args:
        figure_class: matplotlib's Figure.
        genomes: The rows of `genomes.csv`.
        columns: Those of `metrics.csv`, by name.
    """
    sizes: dict[int, Counter[int]] = defaultdict(Counter)
    best: dict[int, float] = {}
    counted: set[tuple[str, str]] = set()
    for row in genomes:
        if (row["generation"], row["genome"]) not in counted:
            counted.add((row["generation"], row["genome"]))
            species = int(row["species"])
            sizes[species][int(row["generation"])] += 1
            best[species] = max(best.get(species, float("-inf")), float(row["fitness"]))
    generations = sorted({generation for counts in sizes.values() for generation in counts})
    order = sorted(sizes)  # species are numbered as they appear, so the oldest lie at the bottom
    figure = figure_class(figsize=(9, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    bands = [[sizes[species][generation] for generation in generations] for species in order]
    colors = [tuple(channel / 255 for channel in species_color(species)) for species in order]
    if len(generations) == 1:  # an area needs two
        bottom = 0
        for band, color in zip(bands, colors, strict=True):
            above.bar(generations, band, bottom=bottom, color=color, edgecolor="white", linewidth=0.4)
            bottom += band[0]
    else:
        above.stackplot(generations, bands, colors=colors, edgecolor="white", linewidth=0.4)
    _name_the_largest(above, generations, bands, order, best)
    above.set_ylabel("genomes")
    above.set_title(f"{len(order)} species over time")
    above.margins(x=0, y=0)
    above.spines[["top", "right"]].set_visible(False)
    below.plot(columns["generation"], columns.get("mean_distance", []) or [0] * len(columns["generation"]), color=_MEAN)
    below.set_ylabel("mean genetic\ndistance")
    below.set_ylim(bottom=0)
    _finish(below)
    return figure


def _name_the_largest(
    axes: Any,
    generations: Sequence[int],
    bands: Sequence[Sequence[int]],
    species: Sequence[int],
    best: Mapping[int, float],
) -> None:
    """Write into the widest bands which species they are, and what their best genome reached."""
    for index in sorted(range(len(bands)), key=lambda index: -max(bands[index]))[:_NAMED_SPECIES]:
        widest = max(range(len(generations)), key=lambda number: bands[index][number])
        middle = sum(band[widest] for band in bands[:index]) + bands[index][widest] / 2
        share = widest / max(1, len(generations) - 1)
        side = "left" if share < 0.1 else "right" if share > 0.9 else "center"
        text = f"{species[index]}: {best[species[index]]:,.0f}"
        axes.text(generations[widest], middle, text, ha=side, va="center", fontsize=8, color="#212529")


def _finish(axes: Any) -> None:
    axes.set_xlabel("generation")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
