"""Videos: the game beside what its player sees, thinks and presses, with sound."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.env.options import EnvOptions, StartState
from playthrough.env.single import RetroEnv
from playthrough.errors import DependencyError, RunError
from playthrough.game.movies import Movie, read_movie
from playthrough.runs.agent import AgentSource, TrainedAgent
from playthrough.runs.episode import AgentStep, record_episode
from playthrough.runs.network_drawing import NetworkDrawing, NetworkMoment
from playthrough.runs.panel import (
    WIDTH,
    Panel,
    PanelNumbers,
    chosen_outputs,
    network_size,
    observation_shape,
    output_labels,
)
from playthrough.runs.replay import play_movie, replay_env

_SMALLEST_HEIGHT = 400
_SOUND_RATE_HZ = 48_000

OnFrame = Callable[[int, int], None]
"""Called with how many frames are filmed, and how many there are."""


@dataclass(frozen=True, eq=False)
class Thought:
    """What a network did with one decision.

    Attributes:
        first_frame: The movie's frame from which on its buttons are pressed.
        moment: The network.
    """

    first_frame: int
    moment: NetworkMoment


def film_movie(
    movie_path: str | Path,
    video: str | Path,
    *,
    game: str | Path | None = None,
    subtitle: str | None = None,
    on_frame: OnFrame | None = None,
    **options: Any,
) -> Path:
    """Make a video of a movie.

    Args:
        movie_path: A `.bk2` or `.fm2`.
        video: The `.mp4` file; an older one is replaced.
        game: The game, where the movie does not say it.
        subtitle: What stands below the game's name; by default the movie's.
        on_frame: Called after every frame.
        **options: Further fields of EnvOptions: scenario, info, core.

    Raises:
        DependencyError: If PyAV or Pillow is not installed.
        MovieError: If the movie is damaged.
        RunError: If the video cannot be written.
    """
    movie = read_movie(movie_path)
    subtitle = Path(movie_path).name if subtitle is None else subtitle
    return _film(movie, Path(video), game, subtitle, None, (), on_frame, options)


def film_agent(
    source: AgentSource,
    options: EnvOptions,
    video: str | Path,
    *,
    seed: int = 0,
    state: StartState | None = None,
    max_steps: int | None = None,
    movie: str | Path | None = None,
    on_frame: OnFrame | None = None,
) -> Path:
    """Let an agent play one episode, and make a video of it with its network at work.

    Args:
        source: Whose agent plays.
        options: The environment, as the agent knows it.
        video: The `.mp4` file; an older one is replaced.
        seed: Of the episode.
        state: Where it starts; None for the environment's own start.
        max_steps: Stop after so many decisions.
        movie: Where its `.bk2` is to stay; None if it need not.
        on_frame: Called after every frame.

    Raises:
        DependencyError: If PyAV or Pillow is not installed.
        RunError: If a file cannot be written.
    """
    _libraries()
    notes = _Notes(source)
    with tempfile.TemporaryDirectory(prefix="playthrough-") as folder:
        path = Path(folder) / "episode.bk2" if movie is None else Path(movie)
        recorded = record_episode(source, options, path, seed, state=state, max_steps=max_steps, on_step=notes.take)
        read = read_movie(path)
    # Before the agent's first frame come the reset's and the no-ops'.
    notes.shift(len(read.inputs) - recorded.frames)
    replayed: dict[str, Any] = {"scenario": options.scenario, "info": options.info, "core": options.core}
    return _film(read, Path(video), options.game, source.name, notes.drawing, notes.thoughts, on_frame, replayed)


def film_best(agent: TrainedAgent, *, on_frame: OnFrame | None = None) -> Path:
    """Make `best.mp4` in a run folder: the episode that made the best agent the best.

    Raises:
        DependencyError: If PyAV or Pillow is not installed.
        RunError: If the video cannot be written.
    """
    return film_agent(
        agent,
        agent.config.env_options(),
        agent.folder.best_video,
        seed=agent.episode.seed,
        state=agent.episode.start_state,
        max_steps=agent.config.neat.options.max_steps_per_episode,
        on_frame=on_frame,
    )


class _Notes:
    """Notes down what a network thinks while an episode is played."""

    def __init__(self, source: AgentSource) -> None:
        self._source = source
        self._frames = 0
        self.drawing: NetworkDrawing | None = None
        self.thoughts: list[Thought] = []

    def take(self, step: AgentStep, env: RetroEnv) -> None:
        genome, shape = self._source.genome, self._source.shape
        if genome is None or shape is None:
            return
        lanes = env.lanes
        if self.drawing is None:
            height = _game_size(lanes.picture(0).shape)[1]
            self.drawing = NetworkDrawing(
                genome,
                shape,
                observation_shape(lanes),
                output_labels(lanes),
                network_size(height, len(lanes.variables)),
            )
        moment = self.drawing.moment(step.observation, step.node_values, chosen_outputs(lanes, step.action))
        self.thoughts.append(Thought(self._frames, moment))
        self._frames = step.frames

    def shift(self, frames: int) -> None:
        self.thoughts = [Thought(thought.first_frame + frames, thought.moment) for thought in self.thoughts]


def _film(
    movie: Movie,
    path: Path,
    game: str | Path | None,
    subtitle: str,
    drawing: NetworkDrawing | None,
    thoughts: Sequence[Thought],
    on_frame: OnFrame | None,
    options: dict[str, Any],
) -> Path:
    _libraries()
    with closing(replay_env(movie, game=game, pictures=True, sound=True, **options)) as env:
        display = env.engine.display
        width, height = _game_size(env.single_observation_space.shape or ())
        panel = Panel(height, movie.system, env.integration.name, subtitle, drawing, len(env.variables))
        canvas = np.zeros((height + height % 2, width + WIDTH + (width + WIDTH) % 2, 3), np.uint8)
        with _encoder(path, canvas.shape, display.frames_per_second, display.sample_rate_hz) as encoder:
            waiting = list(thoughts)[::-1]
            moment = waiting[-1].moment if waiting else None
            total_reward = 0.0
            for frame in play_movie(movie, env, pictures=True, sound=True):
                while waiting and waiting[-1].first_frame <= frame.number:
                    moment = waiting.pop().moment
                total_reward += float(frame.rewards[0])
                if frame.picture is not None:
                    _enlarge(frame.picture, canvas[:height, :width])
                numbers = PanelNumbers(
                    seconds=frame.number / display.frames_per_second,
                    frame=frame.number,
                    total_reward=total_reward,
                    variables=dict(zip(env.variables, frame.values.tolist(), strict=True)),
                )
                pressed = [movie.system.names_of(int(mask)) for mask in frame.masks]
                canvas[:height, width : width + WIDTH] = panel.draw(moment, pressed, numbers)
                encoder.add(canvas, frame.sound)
                if on_frame is not None:
                    on_frame(frame.number + 1, len(movie.inputs))
    return path


def _game_size(picture_shape: tuple[int, ...]) -> tuple[int, int]:
    """Width and height of the game in the video: enlarged by whole numbers, wide pixels made wide."""
    height, width = picture_shape[0], picture_shape[1]
    stretch = 2 if width < height else 1
    factor = max(1, -(-_SMALLEST_HEIGHT // height))
    return width * stretch * factor, height * factor


def _enlarge(picture: NDArray[np.uint8], canvas: NDArray[np.uint8]) -> None:
    """Repeat each pixel until the canvas is full."""
    rows, columns = canvas.shape[0] // picture.shape[0], canvas.shape[1] // picture.shape[1]
    wide = np.repeat(picture, columns, axis=1)
    for row in range(rows):
        canvas[row::rows] = wide


def _libraries() -> ModuleType:
    """PyAV, with Pillow known to be there."""
    try:
        import_module("PIL")
        return import_module("av")
    except ImportError as error:
        raise DependencyError("videos need PyAV and Pillow: pip install 'playthrough[runs]'") from error


@contextmanager
def _encoder(
    path: Path, shape: tuple[int, ...], frames_per_second: float, sample_rate_hz: float
) -> Generator[_Encoder]:
    """An encoder for a file that appears when it is complete, or not at all."""
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.mp4")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            encoder = _Encoder(temporary, shape, frames_per_second, sample_rate_hz)
            with closing(encoder):
                yield encoder
                encoder.finish()
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"could not write the video {path}: {error.strerror or error}; nothing was changed") from error


class _Encoder:
    """Writes H.264 and AAC into an MP4 file.

    Args:
        path: The file.
        shape: (height, width, 3) of all pictures, even numbers.
        frames_per_second: Of the game.
        sample_rate_hz: Of its sound.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], frames_per_second: float, sample_rate_hz: float) -> None:
        av: Any = _libraries()
        self._av = av
        self._file = av.open(str(path), "w", options={"movflags": "faststart"})
        self._rate = Fraction(frames_per_second).limit_denominator(10_000)
        self._video = self._file.add_stream("libx264", rate=self._rate)
        self._video.height, self._video.width = shape[0], shape[1]
        self._video.pix_fmt = "yuv420p"
        self._video.options = {"preset": "veryfast", "crf": "23"}
        self._source_rate_hz = round(sample_rate_hz)
        self._sound = self._file.add_stream("aac", rate=_SOUND_RATE_HZ, layout="stereo")
        self._sound.bit_rate = 128_000
        self._resampler = av.AudioResampler(format="fltp", layout="stereo", rate=_SOUND_RATE_HZ, frame_size=1024)
        self._num_pictures = self._num_samples = 0

    def add(self, picture: NDArray[np.uint8], sound: NDArray[np.int16] | None) -> None:
        """Add a frame: uint8 (height, width, 3), and the sound that comes with it, int16 (samples, 2)."""
        image = self._av.VideoFrame.from_ndarray(picture, format="rgb24")
        image.pts, image.time_base = self._num_pictures, 1 / self._rate
        self._num_pictures += 1
        self._file.mux(self._video.encode(image))
        if sound is not None and len(sound):
            samples = self._av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="s16", layout="stereo")
            samples.sample_rate = self._source_rate_hz
            samples.pts, samples.time_base = self._num_samples, Fraction(1, self._source_rate_hz)
            self._num_samples += len(sound)
            self._add_sound(samples)

    def finish(self) -> None:
        """Write what the codecs still hold back."""
        if self._num_samples:
            self._add_sound(None)
            self._file.mux(self._sound.encode(None))
        self._file.mux(self._video.encode(None))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _add_sound(self, samples: Any) -> None:
        for frame in self._resampler.resample(samples):
            self._file.mux(self._sound.encode(frame))
