"""Videos: the game beside what its player sees, thinks and presses, with sound."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.env.options import EnvOptions, StartState
from playthrough.env.single import RetroEnv
from playthrough.game.movies import Movie, read_movie
from playthrough.runs.agent import AnyTrainedAgent
from playthrough.runs.agent_source import AgentSource, Drawing
from playthrough.runs.encoding import encoding, libraries
from playthrough.runs.episode import AgentStep, record_episode
from playthrough.runs.panel import WIDTH, Panel, PanelNumbers, network_size
from playthrough.runs.replay import play_movie, replay_env
from playthrough.runs.score_drawing import ScoreMoment, glowing

_SMALLEST_HEIGHT = 400

OnFrame = Callable[[int, int], None]
"""Called with how many frames are filmed, and how many there are."""


@dataclass(frozen=True, eq=False)
class Thought:
    """What an agent thought about one decision.

    Attributes:
        first_frame: The movie's frame from which on its buttons are pressed.
        moment: What there is to draw of it.
    """

    first_frame: int
    moment: Any


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
        video: The `.mp4` or `.gif` file; an older one is replaced.
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
    """Let an agent play one episode, and make a video of it with its thoughts beside.

    Args:
        source: Whose agent plays.
        options: The environment, as the agent knows it.
        video: The `.mp4` or `.gif` file; an older one is replaced.
        seed: Of the episode.
        state: Where it starts; None for the environment's own start.
        max_steps: Stop after so many decisions.
        movie: Where its `.bk2` is to stay; None if it need not.
        on_frame: Called after every frame.

    Raises:
        DependencyError: If PyAV or Pillow is not installed.
        RunError: If a file cannot be written.
    """
    libraries()
    notes = _Notes(source)
    with tempfile.TemporaryDirectory(prefix="playthrough-") as folder:
        path = Path(folder) / "episode.bk2" if movie is None else Path(movie)
        recorded = record_episode(source, options, path, seed, state=state, max_steps=max_steps, on_step=notes.take)
        read = read_movie(path)
    # Before the agent's first frame come the reset's and the no-ops'.
    notes.shift(len(read.inputs) - recorded.frames)
    replayed: dict[str, Any] = {"scenario": options.scenario, "info": options.info, "core": options.core}
    return _film(read, Path(video), options.game, source.name, notes.drawing, notes.thoughts, on_frame, replayed)


def film_best(agent: AnyTrainedAgent, *, on_frame: OnFrame | None = None) -> Path:
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
        max_steps=agent.config.max_steps,
        on_frame=on_frame,
    )


class _Notes:
    """Notes down what an agent thinks while an episode is played."""

    def __init__(self, source: AgentSource) -> None:
        self._source = source
        self._frames = 0
        self.drawing: Drawing | None = None
        self.thoughts: list[Thought] = []

    def take(self, step: AgentStep, env: RetroEnv) -> None:
        lanes = env.lanes
        if self._frames == 0:
            height = _game_size(lanes.picture(0).shape)[1]
            self.drawing = self._source.drawing(lanes, network_size(height, len(lanes.variables)))
        if self.drawing is None:
            return
        moment = self.drawing.moment(step, lanes)
        self.thoughts.append(Thought(self._frames, moment))
        self._frames = step.frames

    def shift(self, frames: int) -> None:
        self.thoughts = [Thought(thought.first_frame + frames, thought.moment) for thought in self.thoughts]


def _film(
    movie: Movie,
    path: Path,
    game: str | Path | None,
    subtitle: str,
    drawing: Drawing | None,
    thoughts: Sequence[Thought],
    on_frame: OnFrame | None,
    options: dict[str, Any],
) -> Path:
    libraries()
    with closing(replay_env(movie, game=game, pictures=True, sound=True, **options)) as env:
        display = env.engine.display
        width, height = _game_size(env.single_observation_space.shape or ())
        panel = Panel(height, movie.system, env.integration.name, subtitle, drawing, len(env.variables))
        canvas = np.zeros((height + height % 2, width + WIDTH + (width + WIDTH) % 2, 3), np.uint8)
        with encoding(path, canvas.shape, display.frames_per_second, display.sample_rate_hz) as encoder:
            waiting = list(thoughts)[::-1]
            moment = waiting[-1].moment if waiting else None
            total_reward = 0.0
            for frame in play_movie(movie, env, pictures=True, sound=True):
                while waiting and waiting[-1].first_frame <= frame.number:
                    moment = waiting.pop().moment
                total_reward += float(frame.rewards[0])
                if frame.picture is not None:
                    _enlarge(frame.picture, canvas[:height, :width])
                    if isinstance(moment, ScoreMoment) and moment.heat is not None:
                        canvas[:height, :width] = glowing(canvas[:height, :width], moment.heat)
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
