from __future__ import annotations

from pathlib import Path

from PIL import Image
from small_run import Listener

from playthrough.runs.folder import RunFolder
from playthrough.runs.plots import draw_plots
from playthrough.runs.watcher import TrainResult


def test_plots_are_pictures_with_something_on_them(finished_run: tuple[TrainResult, Listener]) -> None:
    for path in finished_run[0].plots:
        image = Image.open(path).convert("RGB")
        assert image.width >= 800
        assert len(set(image.resize((200, 120)).get_flattened_data())) > 20


def test_a_single_generation_can_be_plotted_and_none_gives_none(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", "Airstriker-Genesis", "neat")
    assert draw_plots(folder) == ()
    columns = ["best_fitness", "mean_fitness", "fitness_stdev", "num_species", "best_fitness_so_far", "frames"]
    times = ["evaluate_s", "reproduce_s", "speciate_s"]
    folder.metrics.write_text(",".join(["generation", *columns, *times]) + "\n0" + ",1" * 9 + "\n")
    assert [path.name for path in draw_plots(folder)] == ["fitness.png", "time.png"]
