"""Pictures of a run: how well it learned, and where the time went."""

from __future__ import annotations

import io
from pathlib import Path

from playthrough.errors import DependencyError
from playthrough.game.atomic_file import write_file
from playthrough.runs.deep_plots import draw_learning, draw_training
from playthrough.runs.folder import RunFolder
from playthrough.runs.genomes_file import read_genomes
from playthrough.runs.metrics import read_metrics
from playthrough.runs.neat_plots import draw_fitness, draw_species, draw_time


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
        figures = {"fitness.png": draw_fitness(Figure, columns), "time.png": draw_time(Figure, columns)}
        if run.genomes.is_file() and (genomes := read_genomes(run.genomes)):
            figures["species.png"] = draw_species(Figure, genomes, columns)
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
