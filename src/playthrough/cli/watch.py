"""`playthrough watch`."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from playthrough.cli.console import command, counted, say, try_next
from playthrough.cli.eval import more_of
from playthrough.cli.movie_window import show_movie
from playthrough.cli.options import GameOptions, examples, takes_game
from playthrough.cli.play import Scale, Speed
from playthrough.cli.progress import progress
from playthrough.cli.screen import require_window

if TYPE_CHECKING:
    from playthrough.env.options import EnvOptions, StartState
    from playthrough.runs.agent import AgentSource

# What an agent that never learnt to end a game is given: a minute of most systems.
_RANDOM_FRAME_SKIP, _RANDOM_MAX_STEPS = 4, 900


@takes_game
def watch(
    chosen: GameOptions,
    what: Annotated[
        str, typer.Argument(metavar="RUN|GAME", help="A folder that `train` made, or a game with --agent random.")
    ],
    agent: Annotated[Literal["random"] | None, typer.Option(help="Let random buttons play a GAME.")] = None,
    episodes: Annotated[int, typer.Option(metavar="N", help="How many episodes.", min=1)] = 1,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", help="The chance in the first episode; else that of the agent's best episode."),
    ] = None,
    video: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a video (.mp4) instead of opening a window.")
    ] = None,
    gif: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write its first half minute as a moving picture (.gif)."),
    ] = None,
    saliency: Annotated[
        bool, typer.Option("--saliency", help="In a video: show which pixels a deep agent looks at.")
    ] = False,
    speed: Speed = 1.0,
    scale: Scale = 3,
) -> None:
    """Watch an agent play: the best of a run, or one that presses buttons at random.

    It opens a window; where there is no screen, --video FILE writes a film with sound instead.
    """
    from playthrough.errors import BadInputError
    from playthrough.runs.agent import DeepTrainedAgent, RandomPlay, load_agent

    source: AgentSource
    state, max_steps = None, None
    if agent == "random":
        source = RandomPlay()
        options = chosen.env_options(what, frame_skip=_RANDOM_FRAME_SKIP, max_episode_steps=_RANDOM_MAX_STEPS)
    elif not Path(what).is_dir():
        raise BadInputError(f"{what} is no run folder; to watch a game that nobody was trained on, add --agent random")
    else:
        trained = source = load_agent(what)
        if saliency and isinstance(trained, DeepTrainedAgent):
            source = replace(trained, with_saliency=True)
        options = trained.config.env_options(**chosen.given)
        max_steps = trained.config.max_steps
        state = None if chosen.state else trained.episode.start_state
        seed = trained.episode.seed if seed is None else seed
    files = [file for file in (video, gif) if file is not None]
    if saliency and not files:
        raise BadInputError("--saliency is for a video; add --video FILE.mp4 or --gif FILE.gif")
    if not files:
        require_window("write a video instead: --video FILE.mp4")
    for number in range(episodes):
        episode = _Episode(source, options, (seed or 0) + number, state, max_steps)
        for file in files:
            episode.film(file.with_stem(f"{file.stem}-{number + 1}") if episodes > 1 else file)
        if not files and not episode.show(speed, scale):
            break
    where = chosen.as_arguments()
    if agent == "random":
        try_next(command("play", what) + where, command("train", what, "--algo", "neat") + where)
    else:
        try_next(
            command("eval", what, "--episodes", 30) + where, command("train", "--resume", what, *more_of(Path(what)))
        )


@dataclass(frozen=True)
class _Episode:
    """What is played: by whom, in which environment, from which seed and start, for how many decisions at most."""

    source: AgentSource
    options: EnvOptions
    seed: int
    state: StartState | None
    max_steps: int | None

    def film(self, video: Path) -> None:
        """Write it as a video."""
        from playthrough.runs.video import film_agent

        with progress("filming") as advance:
            film_agent(
                self.source,
                self.options,
                video,
                seed=self.seed,
                state=self.state,
                max_steps=self.max_steps,
                on_frame=advance,
            )
        say(f"{self.source.name} plays {Path(self.options.game).name}, seed {self.seed}", "bold")
        say(f"Video: {video}")

    def show(self, speed: float, scale: int) -> bool:
        """Play it unseen, then show its movie: so every frame is seen, not only those on which the agent decides."""
        from playthrough.runs.episode import record_episode

        options = self.options
        with tempfile.TemporaryDirectory(prefix="playthrough-") as folder:
            movie = Path(folder) / "episode.bk2"
            episode = record_episode(self.source, options, movie, self.seed, state=self.state, max_steps=self.max_steps)
            say(f"{self.source.name} plays {Path(options.game).name}, seed {self.seed}", "bold")
            say(f"Reward {episode.reward:g} in {counted(episode.frames, 'frame')} (ended by: {episode.end}). Esc ends.")
            title = f"{self.source.name} plays {Path(options.game).name}"
            replayed = {"scenario": options.scenario, "info": options.info, "core": options.core}
            return show_movie(movie, title, game=options.game, speed=speed, scale=scale, **replayed)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        **examples(
            "playthrough watch Airstriker-Genesis --agent random",
            "playthrough watch runs/first                              # its best episode",
            "playthrough watch runs/first --episodes 3 --seed 100 --video film.mp4",
            "playthrough watch runs/breakout --saliency --gif breakout.gif   # what it looks at",
        )
    )(watch)
