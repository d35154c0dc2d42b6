"""Videos: the game beside what its player sees, thinks and presses, with sound."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
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
from playthrough.runs.encoding import Encoder, encoding, libraries
from playthrough.runs.episode import AgentStep, record_episode
from playthrough.runs.panel import WIDTH, Panel, PanelNumbers, network_size
from playthrough.runs.replay import play_movie, replay_env
from playthrough.runs.score_drawing import ScoreMoment, glowing

_SMALLEST_HEIGHT = 400
_PAUSE_S = 0.7
"""How long each champion's last picture stays."""

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
    return _film(movie, Path(video), game, subtitle, _Notes(), on_frame, options)


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
    return _film(read, Path(video), options.game, source.name, notes, on_frame, replayed)


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


def film_champions(
    champions: Sequence[AnyTrainedAgent], video: str | Path, *, speed: int = 4, on_frame: OnFrame | None = None
) -> Path:
    """Make a time-lapse: the best episode of each champion, one after the other.

    Args:
        champions: In the order in which they were found.
        video: The `.mp4` or `.gif` file; an older one is replaced.
        speed: How many times faster than the game; the last champion plays at half of that.
        on_frame: Called after every frame that is shown.

    Raises:
        DependencyError: If PyAV or Pillow is not installed.
        RunError: If a file cannot be written.
    """
    libraries()
    with tempfile.TemporaryDirectory(prefix="playthrough-") as folder, ExitStack() as stack:
        encoder: Encoder | None = None
        for number, agent in enumerate(champions):
            notes = _Notes(agent)
            movie, episode = Path(folder) / f"{number}.bk2", agent.episode
            options = agent.config.env_options()
            max_steps = agent.config.max_steps
            recorded = record_episode(
                agent, options, movie, episode.seed, state=episode.start_state, max_steps=max_steps, on_step=notes.take
            )
            read = read_movie(movie)
            notes.shift(len(read.inputs) - recorded.frames)
            replayed: dict[str, Any] = {"scenario": options.scenario, "info": options.info, "core": options.core}
            with closing(_Shots(read, options.game, agent.name, notes, replayed)) as shots:
                if encoder is None:
                    encoder = stack.enter_context(encoding(Path(video), shots.shape, shots.frames_per_second, 48_000))
                every = max(1, speed // 2) if number == len(champions) - 1 else speed
                for count, (picture, _) in enumerate(shots):
                    if count % every == 0 or count == len(read.inputs) - 1:
                        encoder.add(picture, None)
                    if on_frame is not None:
                        on_frame(count + 1, len(read.inputs))
                for _ in range(round(shots.frames_per_second * _PAUSE_S)):
                    encoder.add(shots.canvas, None)
    return Path(video)


class _Notes:
    """Notes down what an agent thinks while an episode is played."""

    def __init__(self, source: AgentSource | None = None) -> None:
        self._source = source
        self._frames = 0
        self.drawing: Drawing | None = None
        self.thoughts: list[Thought] = []

    def take(self, step: AgentStep, env: RetroEnv) -> None:
        lanes = env.lanes
        if self._frames == 0 and self._source:
            height = _game_size(lanes.picture(0).shape)[1]
            self.drawing = self._source.drawing(lanes, network_size(height, len(lanes.variables)))
        if self.drawing is None:
            return
        moment = self.drawing.moment(step, lanes)
        self.thoughts.append(Thought(self._frames, moment))
        self._frames = step.frames

    def shift(self, frames: int) -> None:
        self.thoughts = [Thought(thought.first_frame + frames, thought.moment) for thought in self.thoughts]


class _Shots:
    """The pictures of a film, with the sound of each: the game on the left, the player's panel on the right.

    Args:
        movie: What is replayed.
        game: The game, where the movie does not say it.
        subtitle: What stands below the game's name.
        notes: What the player thought.
        options: Further fields of EnvOptions.
    """

    def __init__(
        self, movie: Movie, game: str | Path | None, subtitle: str, notes: _Notes, options: dict[str, Any]
    ) -> None:
        self._movie, self._notes = movie, notes
        self._env = env = replay_env(movie, game=game, pictures=True, sound=True, **options)
        display = env.engine.display
        self.frames_per_second, self.sample_rate_hz = display.frames_per_second, display.sample_rate_hz
        self._width, self._height = width, height = _game_size(env.single_observation_space.shape or ())
        self._panel = Panel(height, movie.system, env.integration.name, subtitle, notes.drawing, len(env.variables))
        self.canvas = np.zeros((height + height % 2, width + WIDTH + (width + WIDTH) % 2, 3), np.uint8)
        """The picture that was shown last."""
        self.shape = self.canvas.shape

    def __iter__(self) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int16] | None]]:
        env, movie, width, height = self._env, self._movie, self._width, self._height
        waiting = self._notes.thoughts[::-1]
        moment = waiting[-1].moment if waiting else None
        total_reward = 0.0
        for frame in play_movie(movie, env, pictures=True, sound=True):
            while waiting and waiting[-1].first_frame <= frame.number:
                moment = waiting.pop().moment
            total_reward += float(frame.rewards[0])
            if frame.picture is not None:
                _enlarge(frame.picture, self.canvas[:height, :width])
                if isinstance(moment, ScoreMoment) and moment.heat is not None:
                    self.canvas[:height, :width] = glowing(self.canvas[:height, :width], moment.heat)
            numbers = PanelNumbers(
                seconds=frame.number / self.frames_per_second,
                frame=frame.number,
                total_reward=total_reward,
                variables=dict(zip(env.variables, frame.values.tolist(), strict=True)),
            )
            pressed = [movie.system.names_of(int(mask)) for mask in frame.masks]
            self.canvas[:height, width : width + WIDTH] = self._panel.draw(moment, pressed, numbers)
            yield self.canvas, frame.sound

    def close(self) -> None:
        """End the emulator."""
        self._env.close()


def _film(
    movie: Movie,
    path: Path,
    game: str | Path | None,
    subtitle: str,
    notes: _Notes,
    on_frame: OnFrame | None,
    options: dict[str, Any],
) -> Path:
    libraries()
    with (
        closing(_Shots(movie, game, subtitle, notes, options)) as shots,
        encoding(path, shots.shape, shots.frames_per_second, shots.sample_rate_hz) as encoder,
    ):
        for number, (picture, sound) in enumerate(shots, 1):
            encoder.add(picture, sound)
            if on_frame is not None:
                on_frame(number, len(movie.inputs))
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
