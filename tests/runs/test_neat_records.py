"""What a run of NEAT leaves behind besides its best agent: genomes, ways, lineage, champions, movies of the goal."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from small_run import Listener, metrics_without_times

from playthrough.agents.neat import decode
from playthrough.errors import ConfigError, RunError
from playthrough.runs.config import RunConfig, load_config, resolve
from playthrough.runs.folder import RunFolder
from playthrough.runs.genomes_file import lineage, read_genomes, read_traces
from playthrough.runs.neat_agent import champions_of
from playthrough.runs.replay import replay
from playthrough.runs.train import resume, train

SETTINGS = (
    "env.observation=tiles",
    'env.actions=[["RIGHT"], ["RIGHT", "A"], ["LEFT"]]',
    "env.frame_skip=6",
    "env.shaping.way={best='x', reward=1}",
    "env.shaping.bonk={loss='lives', reward=-50}",
    "env.shaping.goal={when='x >= 260', reward=9, ends=true}",
    "env.no_progress_frames=90",
    'env.progress=["x_best"]',
    "neat.config.pop_size=12",
    "neat.config.num_inputs=auto",
    "neat.config.num_outputs=auto",
    "neat.episodes_per_genome=1",
    'neat.frontier={cells=["x / 32"], explore=1, max_steps=20, settle_steps=5}',
    "neat.num_species=3",
    "env.max_episode_steps=200",
)


def small(out: Path, *overrides: str, generations: int = 3) -> RunConfig:
    chosen = (*SETTINGS, *overrides)
    return resolve(game="Wickling-Nes", overrides=chosen, out=out, seed=3, neat__generations=generations, video=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunFolder]:
    folder = tmp_path_factory.mktemp("records") / "run"
    train(small(folder, "goal={}"), watcher=Listener())
    yield RunFolder(folder)


def test_every_genome_has_a_row_that_says_what_became_of_it(run: RunFolder) -> None:
    rows = read_genomes(run.genomes)
    assert [(row["generation"]) for row in rows] == [str(g) for g in range(3) for _ in range(12)]
    for row in rows:
        assert row["end"] in ("game", "goal", "no progress", "time limit")
        reached = row["end"] == "goal"
        assert (int(row["x_best"]) >= 260) == reached  # the step in which he got there may have brought him back again
        assert float(row["reward"]) == float(row["fitness"])
        assert int(row["frames"]) > 0 and int(row["connections"]) > 0
    ends = {row["end"] for row in rows}
    assert len(ends) >= 2, "a test that sees one kind of end sees nothing"
    metrics = metrics_without_times(run.path)
    for generation, row in enumerate(metrics):
        fitnesses = [float(entry["fitness"]) for entry in rows if entry["generation"] == str(generation)]
        assert float(row["best_fitness"]) == pytest.approx(max(fitnesses))
        assert float(row["mean_distance"]) > 0


def test_lineage_goes_back_to_the_first_generation_parent_by_parent(run: RunFolder) -> None:
    rows = read_genomes(run.genomes)
    best = json.loads(run.best_genome.read_text())["key"]
    line = list(csv.DictReader(run.lineage.open()))
    assert line == lineage(rows, int(line[-1]["genome"]))
    assert line[-1]["genome"] == str(best)
    assert line[0]["parent_1"] == ""
    for parent, child in pairwise(line):
        assert parent["genome"] in (child["parent_1"], child["parent_2"])


def test_ways_are_those_that_were_gone(run: RunFolder) -> None:
    rows = {row["genome"]: row for row in read_genomes(run.genomes) if row["generation"] == "1"}
    names, traces = read_traces(run.traces / "000001.npz")
    assert names == ("x", "y") and len(traces) == len(rows) == 12
    for trace in traces:
        row = rows[str(trace.genome)]
        assert (str(trace.values[-1, 0]), str(trace.values[-1, 1])) == (row["x"], row["y"])
        assert str(trace.species) == row["species"]
        assert np.abs(np.diff(trace.values[:, 0])).max() <= 6 * 4, "nobody is faster than four pixels a frame"


def test_champions_are_kept_whenever_somebody_is_better(run: RunFolder) -> None:
    fitness = [float(row["best_fitness_so_far"]) for row in metrics_without_times(run.path)]
    found = [g for g in range(3) if g == 0 or fitness[g] > fitness[g - 1]]
    assert sorted(int(path.stem) for path in run.champions.glob("*.json")) == found
    champions = champions_of(run, load_config(run.config), most=5)
    assert [champion.episode.reward for champion in champions] == [fitness[g] for g in found]
    assert len(champions_of(run, load_config(run.config), most=1)) == 1


def test_whoever_reaches_the_goal_leaves_a_movie(tmp_path: Path) -> None:
    listener = Listener()
    result = train(small(tmp_path / "run", 'goal.conditions=["x >= 260"]', generations=8), watcher=listener)
    assert result.goal_reached
    movies = list(RunFolder(tmp_path / "run").goals.glob("*.bk2"))
    rows = read_genomes(RunFolder(tmp_path / "run").genomes)
    last = max(int(row["generation"]) for row in rows)
    reached = {row["genome"] for row in rows if row["generation"] == str(last) and int(row["x"]) >= 260}
    assert {path.stem.split("-")[1] for path in movies} == reached != set()
    for movie in movies:
        assert replay(movie).variables["x"] >= 260


def test_a_resumed_run_has_the_same_records(run: RunFolder, tmp_path: Path) -> None:
    config = small(tmp_path / "run", "goal={}", generations=2)
    train(config, watcher=Listener())
    folder = RunFolder(tmp_path / "run")
    with folder.genomes.open("a") as file:
        file.write("2,999,1,,,3,9,1,1,0,,1,1,game\n3,12")  # a generation that was played when the process was killed
    resume(folder.path, changes=["neat.generations=3"], watcher=Listener())
    assert folder.genomes.read_text() == run.genomes.read_text()
    assert metrics_without_times(folder.path) == metrics_without_times(run.path)
    for generation in range(3):
        name = f"{generation:06d}.npz"
        (_, mine), (_, theirs) = read_traces(folder.traces / name), read_traces(run.traces / name)
        assert [trace.genome for trace in mine] == [trace.genome for trace in theirs]
        assert all(np.array_equal(a.values, b.values) for a, b in zip(mine, theirs, strict=True))


def test_a_frontier_of_unknown_variables_is_refused_before_anything_is_played(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no variable 'rings'; there are: .*coins"):
        train(small(tmp_path / "run", 'neat.frontier={cells=["rings"]}'), watcher=Listener())


def test_a_trace_of_unknown_variables_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"trace: no variable 'screenx'"):
        train(small(tmp_path / "run", 'neat.trace=["screenx", "y"]'), watcher=Listener())


def test_other_rules_begin_with_an_empty_frontier(run: RunFolder, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(run.path, tmp_path / "run"))
    known = decode(RunFolder(folder).latest_checkpoint()[0].trainer)["frontier"]
    assert len(known["keys"]) > 3
    resume(folder, changes=["neat.generations=4", "env.frame_skip=5"], watcher=Listener())
    fresh = decode(RunFolder(folder).latest_checkpoint()[0].trainer)["frontier"]
    assert fresh["visits"].sum() < known["visits"].sum(), "episodes of one generation, not of four"


def test_ghosts_need_ways(tmp_path: Path, run: RunFolder) -> None:
    from playthrough.runs.ghosts import draw_ghosts

    with pytest.raises(RunError, match="has no generation 7; it has 0 to 2"):
        draw_ghosts(run, 7)
    (tmp_path / "config.toml").write_text("")
    with pytest.raises(RunError, match="has noted no ways"):
        draw_ghosts(RunFolder(tmp_path))
