"""Ghost race: all genomes of a generation at once, in one picture of the level.

Each genome's way was noted while it was evaluated (`traces/GENERATION.npz`), so nothing is played again but the best
agent's movie: from it come the picture of the level, and the place and shape of the player in it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from playthrough.errors import RunError
from playthrough.game.atomic_file import write_file
from playthrough.game.movies import read_movie
from playthrough.runs.encoding import encoding, libraries
from playthrough.runs.folder import RunFolder
from playthrough.runs.genomes_file import Trace, read_traces
from playthrough.runs.panorama import Panorama, panorama_of
from playthrough.runs.replay import play_movie, replay_env
from playthrough.runs.species_colors import species_color
from playthrough.runs.video import OnFrame

if TYPE_CHECKING:
    from PIL import Image

_SPRITE = 24
"""Pixels along each side of what is taken for the player."""
_ROW_WIDTH = 1280
"""A level that is wider is folded into rows, as a text is."""
_VIEW = (640, 360)
"""Width and height of the film's window on the level, in pixels of the game at most."""
_BACKGROUND, _TEXT, _DIM = (24, 26, 32), (235, 238, 245), (150, 156, 170)
_LONGEST_FILM_S = 40.0
_FILM_RATE = 30.0


@dataclass(frozen=True, eq=False)
class Course:
    """A level with somebody's way through it.

    Attributes:
        panorama: The level.
        origin: Where in it the top left corner of a player at (x, y) = (0, 0) would be, (row, column).
        down: 1 where y grows downwards, -1 where it grows upwards.
        sprite: The player, uint8 (rows, columns, 4), the last channel saying where he is.
        frame_skip: Frames of each step.
        frames_per_second: Of the game.
    """

    panorama: Panorama
    origin: tuple[int, int]
    down: int
    sprite: NDArray[np.uint8]
    frame_skip: int
    frames_per_second: float

    def places(self, values: NDArray[np.int64]) -> NDArray[np.float64]:
        """Where in the level somebody is, (steps, 2) as (column, row) of his middle, from x and y after each step."""
        half = _SPRITE / 2
        columns = values[:, 0] + self.origin[1] + half
        rows = self.down * values[:, 1] + self.origin[0] + half
        return np.stack([columns, rows], axis=1).astype(np.float64)


def draw_ghosts(
    folder: RunFolder | str | Path, generation: int | None = None, *, picture: str | Path | None = None
) -> Path:
    """Draw the ways of all genomes of a generation over the level.

    Args:
        folder: A run of NEAT.
        generation: Which one; None for the last.
        picture: The file; by default `ghosts.png` among the run's plots.

    Raises:
        RunError: If the run has noted no ways.
        DependencyError: If PyAV or Pillow is not installed.
    """
    run = folder if isinstance(folder, RunFolder) else RunFolder.open(folder)
    number, names, traces = _traces_of(run, generation)
    course = _course_of(run, names)
    image = _picture_of(course, traces, _title(run, number, traces))
    path = run.plots / "ghosts.png" if picture is None else Path(picture)
    data = io.BytesIO()
    image.save(data, "png", optimize=True)
    write_file(path, data.getvalue())
    return path


def film_ghosts(
    folder: RunFolder | str | Path,
    video: str | Path,
    generation: int | None = None,
    *,
    on_frame: OnFrame | None = None,
) -> Path:
    """Film the race: all genomes of a generation start together, and the window follows whoever leads.

    Args:
        folder: A run of NEAT.
        video: The `.mp4` or `.gif` file.
        generation: Which one; None for the last.
        on_frame: Called after every picture.

    Raises:
        RunError: If the run has noted no ways, or the video cannot be written.
        DependencyError: If PyAV or Pillow is not installed.
    """
    run = folder if isinstance(folder, RunFolder) else RunFolder.open(folder)
    number, names, traces = _traces_of(run, generation)
    course = _course_of(run, names)
    race = _Race(course, traces, _title(run, number, traces))
    with encoding(Path(video), race.shape, _FILM_RATE, 48_000) as encoder:
        times = race.times()
        for number, time in enumerate(times, 1):
            encoder.add(race.draw(time), None)
            if on_frame is not None:
                on_frame(number, len(times))
    return Path(video)


def _traces_of(run: RunFolder, generation: int | None) -> tuple[int, tuple[str, ...], list[Trace]]:
    """A generation's number, its two traced variables, and its ways."""
    files = {int(path.stem): path for path in run.traces.glob("*.npz") if path.stem.isdecimal()}
    if not files:
        raise RunError(
            f"{run.path} has noted no ways: its game has no variables x and y, "
            'or say which two they are: --set neat.trace=["screen_x", "screen_y"]'
        )
    number = max(files) if generation is None else generation
    if number not in files:
        raise RunError(f"{run.path} has no generation {number}; it has {min(files)} to {max(files)}")
    names, traces = read_traces(files[number])
    if len(names) < 2:
        raise RunError(f"{files[number]} notes {', '.join(names)}; a ghost race needs two variables, across and down")
    # The best come last, over the others.
    return number, names[:2], sorted(traces, key=lambda trace: trace.fitness)


def _title(run: RunFolder, generation: int, traces: Sequence[Trace]) -> str:
    species = len({trace.species for trace in traces})
    best = max(trace.fitness for trace in traces)
    return (
        f"{run.path.resolve().name} · generation {generation} · {len(traces)} genomes, {species} species "
        f"· best fitness {best:,.0f}"
    )


def _course_of(run: RunFolder, names: tuple[str, ...]) -> Course:
    """The level, from the movie of the run's best agent."""
    from playthrough.runs.config import load_config

    libraries()
    config = load_config(run.config)
    movie = read_movie(run.best_movie)
    skip = int(config.env.get("frame_skip", 1))
    pictures: list[NDArray[np.uint8]] = []
    values: list[list[int]] = []
    with closing(replay_env(movie, game=config.game, pictures=True)) as env:
        columns = [list(env.variables).index(name) for name in names]
        rate = env.engine.display.frames_per_second
        for frame in play_movie(movie, env, pictures=True):
            if frame.number % skip == 0 and frame.picture is not None:
                pictures.append(frame.picture.copy())
                values.append([int(frame.values[column]) for column in columns])
            if frame.ended:
                break
    panorama = panorama_of(pictures)
    origin, down = _find_player(panorama, pictures, np.array(values))
    sprite = _cut_out(panorama, pictures, np.array(values), origin, down)
    return Course(panorama, origin, down, sprite, skip, rate)


def _find_player(
    panorama: Panorama, pictures: Sequence[NDArray[np.uint8]], values: NDArray[np.int64]
) -> tuple[tuple[int, int], int]:
    """Where the player's picture is, relative to his x and y: where something always stands before the level.

    Whatever else moves is elsewhere relative to him in every picture, so over all of them only he adds up.
    """
    height, width = panorama.rows[1] - panorama.rows[0], pictures[0].shape[1]
    best: tuple[float, tuple[int, int], int] = (-1.0, (0, 0), 1)
    for down in (1, -1):
        heat = np.zeros((4 * height, 4 * width))
        for number, picture in enumerate(pictures):
            rows, columns = np.nonzero(panorama.foreground(number, picture))
            rows = rows + panorama.cameras[number, 0] - down * values[number, 1] + 2 * height
            columns = columns + panorama.cameras[number, 1] - values[number, 0] + 2 * width
            inside = (rows >= 0) & (rows < heat.shape[0]) & (columns >= 0) & (columns < heat.shape[1])
            heat[rows[inside], columns[inside]] += 1
        summed = np.cumsum(np.cumsum(np.pad(heat, ((1, 0), (1, 0))), axis=0), axis=1)
        box = summed[_SPRITE:, _SPRITE:] - summed[:-_SPRITE, _SPRITE:] - summed[_SPRITE:, :-_SPRITE]
        box += summed[:-_SPRITE, :-_SPRITE]
        row, column = divmod(int(np.argmax(box)), box.shape[1])
        if box[row, column] > best[0]:
            best = (float(box[row, column]), (row - 2 * height, column - 2 * width), down)
    return best[1], best[2]


def _cut_out(
    panorama: Panorama,
    pictures: Sequence[NDArray[np.uint8]],
    values: NDArray[np.int64],
    origin: tuple[int, int],
    down: int,
) -> NDArray[np.uint8]:
    """The player, from the picture in which his size is the usual one."""
    cuts: list[NDArray[np.uint8]] = []
    for number, picture in enumerate(pictures):
        y = down * int(values[number, 1]) + origin[0] - int(panorama.cameras[number, 0])
        x = int(values[number, 0]) + origin[1] - int(panorama.cameras[number, 1])
        mask = panorama.foreground(number, picture)
        if y < 0 or x < 0 or y + _SPRITE > mask.shape[0] or x + _SPRITE > mask.shape[1]:
            continue
        place = (slice(y, y + _SPRITE), slice(x, x + _SPRITE))
        alpha = (mask[place] * 255).astype(np.uint8)
        cuts.append(np.dstack([picture[panorama.rows[0] : panorama.rows[1]][place], alpha]))
    if not cuts:
        disc = np.hypot(*(np.indices((_SPRITE, _SPRITE)) - _SPRITE / 2 + 0.5)) < _SPRITE / 4
        return np.dstack([np.full((_SPRITE, _SPRITE, 3), 255, np.uint8), (disc * 255).astype(np.uint8)])
    sizes = [int((cut[:, :, 3] > 0).sum()) for cut in cuts]
    return cuts[int(np.argsort(sizes)[len(sizes) // 2])]


def _picture_of(course: Course, traces: Sequence[Trace], title: str) -> Image.Image:
    from PIL import Image, ImageDraw, ImageFont

    level = Image.fromarray(course.panorama.picture)
    # Darker, so that the ways stand out.
    level = Image.blend(level, Image.new("RGB", level.size, _BACKGROUND), 0.35)
    layer = Image.new("RGBA", level.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    for trace in traces:
        color = species_color(trace.species)
        points = course.places(trace.values)
        is_best = trace is traces[-1]
        flat: list[float] = points.reshape(-1).tolist()
        if is_best:
            draw.line(flat, fill=(255, 255, 255, 255), width=3)
        draw.line(flat, fill=(*color, 255 if is_best else 110), width=2 if is_best else 1)
    for trace in traces:  # ends over all ways
        x, y = course.places(trace.values)[-1].tolist()
        y = min(y, level.height - 5)
        draw.line((x - 3, y - 3, x + 3, y + 3), fill=(*species_color(trace.species), 255), width=2)
        draw.line((x - 3, y + 3, x + 3, y - 3), fill=(*species_color(trace.species), 255), width=2)
    level.paste(layer, (0, 0), layer)
    rows = -(-level.width // _ROW_WIDTH)
    width = min(level.width, _ROW_WIDTH)
    image = Image.new("RGB", (width, 30 + rows * (level.height + 6)), _BACKGROUND)
    for row in range(rows):
        part = level.crop((row * width, 0, min(level.width, (row + 1) * width), level.height))
        image.paste(part, (0, 30 + row * (level.height + 6)))
    ImageDraw.Draw(image).text((8, 15), title, font=ImageFont.load_default(14), fill=_TEXT, anchor="lm")
    return image


class _Race:
    """Draws one moment of the race after the other."""

    def __init__(self, course: Course, traces: Sequence[Trace], title: str) -> None:
        from PIL import Image

        self._course, self._traces, self._title = course, traces, title
        self._ways = [course.places(trace.values) for trace in traces]
        level = course.panorama.picture
        self._view = (min(_VIEW[0], level.shape[1]), min(_VIEW[1], level.shape[0]))
        self._factor = max(1, 1280 // self._view[0])
        self._map_height = max(24, round(level.shape[0] * self._view[0] * self._factor / level.shape[1] * 0.8))
        width, height = self._view[0] * self._factor, self._view[1] * self._factor + self._map_height + 40
        self.shape = (height + height % 2, width + width % 2, 3)
        self._map = Image.fromarray(level).resize((self.shape[1], self._map_height), Image.Resampling.BOX)
        self._level = Image.fromarray(level)
        self._sprites = [self._tinted(trace, last=trace is traces[-1]) for trace in traces]
        self._camera = 0.0

    def times(self) -> list[float]:
        """Moments, in steps; a long race is shown faster."""
        longest = max(len(way) for way in self._ways)
        steps_per_second = self._course.frames_per_second / self._course.frame_skip
        pace = max(steps_per_second, longest / _LONGEST_FILM_S)
        count = int(longest / pace * _FILM_RATE) + int(_FILM_RATE)
        return [number * pace / _FILM_RATE for number in range(count)]

    def draw(self, time: float) -> NDArray[np.uint8]:
        """The picture of a moment, uint8 (height, width, 3)."""
        from PIL import Image, ImageDraw, ImageFont

        places = [self._place(way, time) for way in self._ways]
        running = [time <= len(way) for way in self._ways]
        leader = max((place[0] for place, runs in zip(places, running, strict=True) if runs), default=None)
        if leader is not None:
            wanted = min(max(leader - 0.6 * self._view[0], 0.0), self._level.width - self._view[0])
            self._camera += 0.2 * (wanted - self._camera)
        left, top = int(self._camera), self._level.height - self._view[1]
        scene = self._level.crop((left, top, left + self._view[0], top + self._view[1])).convert("RGBA")
        for (x, y), runs, (bright, faint) in zip(places, running, self._sprites, strict=True):
            sprite = bright if runs else faint
            scene.alpha_composite(sprite, *_inside(scene.size, sprite.size, (x - left, y - top)))
        canvas = Image.new("RGB", (self.shape[1], self.shape[0]), _BACKGROUND)
        scene = scene.convert("RGB").resize(
            (scene.width * self._factor, scene.height * self._factor), Image.Resampling.NEAREST
        )
        canvas.paste(scene, (0, 40))
        canvas.paste(self._map, (0, 40 + scene.height))
        draw = ImageDraw.Draw(canvas)
        scale = self.shape[1] / self._level.width
        for (x, y), trace, runs in zip(places, self._traces, running, strict=True):
            size = 3 if runs else 1
            mx, my = x * scale, 40 + scene.height + y * self._map_height / self._level.height
            draw.ellipse((mx - size, my - size, mx + size, my + size), fill=species_color(trace.species))
        font = ImageFont.load_default(18)
        draw.text((12, 20), self._title, font=font, fill=_TEXT, anchor="lm")
        seconds = time * self._course.frame_skip / self._course.frames_per_second
        still = f"{sum(running)} still running · {seconds:.1f} s"
        draw.text((self.shape[1] - 12, 20), still, font=font, fill=_DIM, anchor="rm")
        return np.asarray(canvas)

    def _place(self, way: NDArray[np.float64], time: float) -> tuple[float, float]:
        step = min(time, len(way) - 1.0)
        before, share = int(step), step - int(step)
        after = min(before + 1, len(way) - 1)
        x, y = (way[before] * (1 - share) + way[after] * share).tolist()
        return x, y

    def _tinted(self, trace: Trace, *, last: bool) -> tuple[Any, Any]:
        """The player in the colour of a species, running and come to an end."""
        from PIL import Image

        sprite = self._course.sprite.astype(np.float64)
        color = np.array(species_color(trace.species), np.float64)
        mixed = sprite.copy()
        mixed[:, :, :3] = sprite[:, :, :3] if last else 0.35 * sprite[:, :, :3] + 0.65 * color
        faint = mixed.copy()
        mixed[:, :, 3] *= 1.0 if last else 0.8
        faint[:, :, 3] *= 0.25
        return Image.fromarray(mixed.astype(np.uint8), "RGBA"), Image.fromarray(faint.astype(np.uint8), "RGBA")


def _inside(
    scene: tuple[int, int], sprite: tuple[int, int], middle: tuple[float, float]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where a sprite goes, and from which of its pixels on: one beyond the edge is cut off."""
    x, y = round(middle[0] - sprite[0] / 2), round(middle[1] - sprite[1] / 2)
    source = (min(max(0, -x), sprite[0]), min(max(0, -y), sprite[1]))
    return (min(max(x, 0), scene[0]), min(max(y, 0), scene[1])), source
