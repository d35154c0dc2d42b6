"""The picture of a level, and the race of a generation in it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from playthrough.game.integration import load_integration
from playthrough.runs.config import resolve
from playthrough.runs.folder import RunFolder
from playthrough.runs.genomes_file import read_traces
from playthrough.runs.ghosts import draw_ghosts, film_ghosts
from playthrough.runs.panorama import panorama_of
from playthrough.runs.replay import play_movie, read_movie, replay_env
from playthrough.runs.species_colors import species_color
from playthrough.runs.train import train
from playthrough.runs.watcher import Silence

MOVIES = load_integration("Wickling-Nes").folder / "movies"


def shown(movie_path: Path, frames: int, every: int) -> tuple[list[NDArray[np.uint8]], list[dict[str, int]]]:
    movie = read_movie(movie_path)
    pictures, values = [], []
    with closing(replay_env(movie, pictures=True)) as env:
        for frame in play_movie(movie, env, pictures=True):
            if frame.number % every == 0:
                pictures.append(frame.picture.copy())
                values.append(dict(zip(env.variables, frame.values.tolist(), strict=True)))
            if frame.number >= frames:
                break
    return pictures, values


@pytest.mark.parametrize("level", ["Level1-1", "Level2-1"])
def test_the_camera_is_where_the_game_says(level: str) -> None:
    pictures, values = shown(MOVIES / f"{level}.bk2", 700, every=4)
    panorama = panorama_of(pictures)
    told = np.array([256 * value["xscrollHi"] + value["xscrollLo"] for value in values])
    found = panorama.cameras[:, 1]
    # The variables are one frame ahead of the picture, and nobody runs faster than three pixels a frame.
    assert np.abs((told - told[0]) - (found - found[0])).max() <= 3
    assert told.max() - told.min() > 400
    assert not panorama.cameras[:, 0].any(), "nothing moves up or down"
    assert panorama.rows[0] >= 22 and panorama.rows[1] == 224, "the status bar is left out, and nothing else"
    assert panorama.picture.shape[1] == pictures[0].shape[1] + found.max()


def test_what_moves_by_itself_vanishes() -> None:
    pictures, _ = shown(MOVIES / "Level1-1.bk2", 700, every=4)
    panorama = panorama_of(pictures)
    foreground = [panorama.foreground(number, picture).mean() for number, picture in enumerate(pictures)]
    assert 0.002 < float(np.median(foreground)) < 0.03, "the player and some enemies, no more"


def test_a_screen_that_stands_still_is_its_own_panorama() -> None:
    rng = np.random.default_rng(1)
    level = rng.integers(0, 255, (60, 80, 3), dtype=np.uint8)
    pictures = [level.copy() for _ in range(9)]
    for number, picture in enumerate(pictures):
        picture[20:24, 8 * number : 8 * number + 4] = 255
    panorama = panorama_of(pictures)
    np.testing.assert_array_equal(panorama.picture, level)
    assert not panorama.cameras.any() and panorama.rows == (0, 60)


def test_a_screen_that_scrolls_in_all_directions_is_put_together() -> None:
    rng = np.random.default_rng(2)
    level = np.kron(rng.integers(0, 255, (30, 40, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    way = [(0, 0), (3, 5), (9, 12), (20, 12), (31, 20), (25, 31), (12, 44), (5, 60), (0, 71)]
    panorama = panorama_of([level[y : y + 160, x : x + 200] for y, x in way])
    assert [tuple(camera) for camera in panorama.cameras.tolist()] == way
    seen = np.zeros(panorama.picture.shape[:2], bool)
    for y, x in way:
        seen[y : y + 160, x : x + 200] = True
    np.testing.assert_array_equal(panorama.picture[seen], level[: seen.shape[0], : seen.shape[1]][seen])


def test_a_status_bar_over_a_level_full_of_texture_is_all_that_is_left_out() -> None:
    rng = np.random.default_rng(4)
    level = np.kron(rng.integers(0, 255, (30, 120, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    pictures = [level[:120, x : x + 160].copy() for x in range(0, 200, 6)]
    bar = np.kron(rng.integers(0, 255, (6, 40, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    for picture in pictures:
        picture[:24] = bar
    panorama = panorama_of(pictures)
    assert panorama.rows == (24, 120)
    np.testing.assert_array_equal(panorama.cameras[:, 1], range(0, 200, 6))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("ghosts") / "run"
    overrides = ("neat.config.pop_size=10", "env.max_episode_steps=120", "neat.frontier={cells=['x / 64'], explore=0}")
    config = resolve(recipe="wickling-neat", overrides=overrides, out=folder, seed=2, neat__generations=2, video=False)
    train(config, watcher=Silence())
    return RunFolder(folder)


def test_ways_lead_along_the_ground_on_which_they_were_walked(run: RunFolder) -> None:
    picture = np.asarray(Image.open(draw_ghosts(run, 0)).convert("RGB")).astype(int)
    _, traces = read_traces(run.traces / "000000.npz")
    best = max(traces, key=lambda trace: trace.fitness)
    color = np.array(species_color(best.species))
    rows, _ = np.nonzero((np.abs(picture - color) < 6).all(axis=2))
    assert len(rows) > 100
    # Where the player stands on the ground (y = 184), his middle is some pixels above it and its way a level line.
    on_ground = int(np.bincount(rows).argmax())
    assert 30 + 184 - 24 < on_ground + 8 < 30 + 224 - 24


def test_a_race_is_filmed(run: RunFolder, tmp_path: Path) -> None:
    import av

    seen: list[tuple[int, int]] = []
    video = film_ghosts(run, tmp_path / "race.mp4", on_frame=lambda done, of: seen.append((done, of)))
    with av.open(str(video)) as file:
        frames: list[Any] = list(file.decode(video=0))
    assert len(frames) == len(seen) == seen[-1][1]
    first, last = (frame.to_ndarray(format="rgb24") for frame in (frames[0], frames[-1]))
    changed = np.abs(first.astype(int) - last).max(axis=2) > 60
    assert first.shape == last.shape and 300 < changed.sum() < changed.size / 4, "where they went"
