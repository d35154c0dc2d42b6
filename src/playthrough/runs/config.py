"""What a run is: the game, how it is seen and played, who learns, from which seed, until when.

A recipe is a TOML file:

    game = "Airstriker-Genesis"
    seed = 1
    [goal]
    fitness = 300
    [env]                   # EnvOptions
    frame_skip = 4
    [neat]                  # NeatOptions, and neat-python's file
    config = "airstriker-neat.cfg"
    generations = 10

The last table bears the name of the algorithm; that of a deep learner holds its options, such as those of PpoOptions,
and those of RunSteps. A table [selfplay] (SelfPlaySettings) lets it learn against itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from playthrough.env.options import Autoreset, EnvOptions
from playthrough.errors import ConfigError, IntegrationError
from playthrough.runs.deep_settings import (
    DEEP_ENV_NAMES,
    DEEP_LANES,
    DEEP_OPTIONS,
    DeepSettings,
    deep_env,
    read_deep_settings,
)
from playthrough.runs.goal import Goal
from playthrough.runs.neat_text import DEFAULT_NEAT_TEXT, change_neat_value, fill_in_sizes
from playthrough.runs.recipes import find_recipe, recipe_for
from playthrough.runs.selfplay_settings import SelfPlaySettings, read_selfplay
from playthrough.runs.settings import Draft, plain, read_fields, suggest
from playthrough.runs.toml_text import toml_text

if TYPE_CHECKING:
    from playthrough.agents.neat import NeatOptions, NeatSource

Algorithm = Literal["neat", "ppo", "a2c", "qrdqn", "maskable", "recurrent", "rainbow"]

_NOT_IN_ENV = {
    "game": "game stands at the top of the recipe",
    "num_envs": "say lanes = NUMBER at the top of the recipe",
    "num_threads": "say threads = NUMBER at the top of the recipe",
    "autoreset_mode": "each algorithm uses its own",
    "render_mode": "training shows nothing; use `playthrough watch`",
    "record": "the best agent's movie is written anyway",
    "sound": "training is silent; the video has sound",
}
_FIXED_ON_RESUME = {
    "game": "a run keeps its game; start a new run for another",
    "algo": "a run keeps its algorithm; start a new run for another",
    "seed": "a run keeps its seed; start a new run for another",
    "out": "a run stays in its folder; copy the folder, and resume the copy",
}
_DEFAULT_LANES = 8


def _no_settings() -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class NeatSettings:
    """What NEAT is told.

    Attributes:
        config: The text of a neat-python configuration; its num_inputs and num_outputs may be `auto`.
        options: How the population is trained.
        source: Where the text comes from, for messages.
    """

    config: str
    options: NeatOptions
    source: NeatSource | None = field(default=None, compare=False)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything that decides on a run.

    Attributes:
        game: The game's name.
        algo: Who learns.
        description: What the recipe is for, in a sentence.
        seed: Of all random numbers.
        lanes: How many emulators run; None for a number that suits the threads. What NEAT comes to does not depend on
            it; deep learners learn from all lanes together.
        threads: On how many threads; None for one per processor. The results do not depend on it.
        out: The run folder; None for a new one under `runs`.
        goal: When to stop before the end.
        video: Whether the best agent is filmed at the end.
        env: Settings of EnvOptions that differ from its defaults.
        selfplay: How the learner plays against itself; None where it plays the game for one.
        settings: Those of the algorithm.
    """

    game: str
    algo: Algorithm = "neat"
    description: str = ""
    seed: int = 0
    lanes: int | None = None
    threads: int | None = None
    out: Path | None = None
    goal: Goal | None = None
    video: bool = True
    env: Mapping[str, Any] = field(default_factory=_no_settings)
    selfplay: SelfPlaySettings | None = None
    settings: NeatSettings | DeepSettings

    @property
    def neat(self) -> NeatSettings:
        """Settings of the algorithm `neat`.

        Raises:
            ConfigError: If it is another one.
        """
        if isinstance(self.settings, DeepSettings):
            raise ConfigError(f"expected a run of neat, found one of {self.algo}")
        return self.settings

    @property
    def deep(self) -> DeepSettings | None:
        """Settings of a deep learner; None for `neat`."""
        return self.settings if isinstance(self.settings, DeepSettings) else None

    @property
    def max_steps(self) -> int | None:
        """Decisions after which the algorithm itself ends an episode."""
        return None if self.deep else self.neat.options.max_steps_per_episode

    @property
    def training_env(self) -> dict[str, Any]:
        """What differs from `env` in the game that is learned in."""
        return {} if self.selfplay is None else self.selfplay.training_env

    def env_options(self, **changes: Any) -> EnvOptions:
        """The environment of this run.

        Args:
            **changes: Fields of EnvOptions that are to differ.
        """
        options: dict[str, Any] = {"game": self.game, **self.env, **changes}
        return EnvOptions(**options)

    def lane_options(self, *, autoreset_mode: Autoreset = "disabled", **changes: Any) -> EnvOptions:
        """The environment of this run on all its lanes, isolated unless it says otherwise: training goes on."""
        threads = self.threads
        lanes = self.lanes or max(_DEFAULT_LANES, 4 * (threads or 1))
        options = {"num_envs": lanes, "num_threads": threads, "autoreset_mode": autoreset_mode}
        options |= {"isolation": self.env.get("isolation", "process"), **changes}
        return self.env_options(**options)

    def with_sizes(self, num_inputs: int, num_outputs: int) -> RunConfig:
        """This configuration with every `auto` filled in."""
        text = fill_in_sizes(self.neat.config, num_inputs, num_outputs)
        return replace(self, settings=replace(self.neat, config=text))

    def to_toml(self) -> str:
        """The configuration as a recipe that says it all; `out` is left to the reader."""
        table = {
            entry.name: plain(getattr(self, entry.name))
            for entry in fields(self)
            if entry.name not in ("out", "settings", "selfplay") and getattr(self, entry.name) != entry.default
        }
        if self.selfplay is not None:
            table["selfplay"] = self.selfplay.table()
        # The seed is part of a run even where it is the usual one.
        head = {"game": self.game, "algo": self.algo, "seed": self.seed}
        if self.deep:
            return toml_text({**head, **table, **head, self.algo: self.deep.table()})
        options = self.neat.options
        neat = {entry.name: plain(getattr(options, entry.name)) for entry in fields(options)}
        return toml_text({**head, **table, **head, "neat": {**neat, "config": self.neat.config}})


def resolve(
    *,
    game: str | None = None,
    recipe: str | Path | None = None,
    overrides: Sequence[str] = (),
    steps: int | None = None,
    **options: Any,
) -> RunConfig:
    """The configuration of a new run.

    Args:
        game: The game; its shipped recipe is used where there is one and `recipe` names none.
        recipe: The name of a shipped recipe, or a file.
        overrides: `key=value` each, such as `env.frame_skip=8` or `neat.config.pop_size=40`.
        steps: Agent steps in all, for the algorithms that count those.
        **options: Settings by path with dots replaced by two underscores, such as `seed=3` or `neat__generations=20`;
            those that are None say nothing. They come last.

    Raises:
        ConfigError: If a setting is unknown or wrong; the message names the file, the key, and what is expected.
        GameNotFoundError: If there is no such game.
    """
    if recipe is None:
        if game is None:
            raise ConfigError("say which game to train on, or which recipe to use")
        algo = options.get("algo") or "neat"
        found = recipe_for(game, algo)
        draft = Draft.read(found) if found else _draft_for(game, algo)
    else:
        found = find_recipe(recipe)
        draft = Draft.read(found)
    algo = options.get("algo") or draft.table.get("algo", "neat")
    if steps is not None and algo == "neat":
        raise ConfigError("--steps: the algorithm neat counts generations, not decisions; use --generations")
    if options.get("neat__generations") is not None and algo != "neat":
        raise ConfigError(f"--generations: the algorithm {algo} counts decisions, not generations; use --steps")
    source = _apply(draft, overrides, {"game": game, **options, f"{algo}__steps": steps}, found)
    return _build(draft, source)


def load_config(path: Path, changes: Sequence[str] = ()) -> RunConfig:
    """The configuration in a run folder, with changes.

    Args:
        path: `config.toml`.
        changes: `key=value` each. What makes a run another run (game, algo, seed, out) cannot be changed.

    Raises:
        ConfigError: If the file or a change is wrong.
    """
    draft = Draft.read(path)
    for change in changes:
        key = change.partition("=")[0].strip()
        if key in _FIXED_ON_RESUME:
            raise ConfigError(f"--set {change}: {_FIXED_ON_RESUME[key]}")
    source = _apply(draft, changes, {}, path)
    return _build(draft, source)


def _draft_for(game: str, algo: str) -> Draft:
    """What is a good start for a game that has no recipe."""
    if algo != "neat":
        return Draft(f"the default settings for {game}", {"game": game, "algo": algo})
    env: dict[str, Any] = {
        "observation": "grid8",
        "frame_skip": 4,
        "max_episode_steps": 4500,
        "noop_max": 30,
        "repeat_action_probability": 0.25,
    }
    if _grows_a_reward(game):
        env["no_progress_frames"] = 900
    table: dict[str, Any] = {"game": game, "env": env, "neat": {"config": DEFAULT_NEAT_TEXT, "generations": 50}}
    return Draft(f"the default settings for {game}", table)


def _grows_a_reward(game: str) -> bool:
    """Whether the environment finds out by itself what progress is."""
    from playthrough.env.progress import progress_columns
    from playthrough.game.integration import load_integration

    integration = load_integration(game)
    try:
        compiled = integration.scenario.compile(integration.variables)
        return bool(progress_columns(EnvOptions(game=game, no_progress_frames=1), compiled))
    except (ValueError, IntegrationError):
        return False


def _apply(draft: Draft, overrides: Sequence[str], options: Mapping[str, Any], file: Path | None) -> NeatSource | None:
    """Put overrides and options into a draft, and the text of NEAT's file in the place of its path.

    Returns:
        Where that text comes from; None if NEAT is not who learns.
    """
    neat_values: dict[str, str] = {}
    origins: dict[str, str] = {}
    for assignment in overrides:
        key, equals, value = assignment.partition("=")
        if key.strip().startswith("neat.config.") and equals:
            name = key.strip().removeprefix("neat.config.")
            neat_values[name], origins[name] = value.strip(), f"--set {assignment}"
            if "\n" in value.strip():
                raise ConfigError(f"{origins[name]}: expected a value on one line")
        else:
            draft.override(assignment)
    for name, value in options.items():
        if value is not None:
            path = tuple(name.split("__"))
            draft.set(path, plain(value), f"--{path[-1].replace('_', '-')}" if name != "game" else "GAME")
    if draft.table.get("algo", "neat") in DEEP_OPTIONS:
        if neat_values:
            raise ConfigError(f"{next(iter(origins.values()))}: the algorithm is {draft.table['algo']}, not neat")
        return None
    from playthrough.agents.neat import NeatSource

    neat = draft.table.get("neat", {})
    if not isinstance(neat, dict):
        draft.fail(("neat",), "expected a table")
    settings = dict(cast("dict[str, Any]", neat))
    text = settings.get("config", DEFAULT_NEAT_TEXT)
    if not isinstance(text, str):
        draft.fail(("neat", "config"), f"expected a file or a text, found {text!r}")
    if "config" not in settings:
        where, first_line = "the default NEAT configuration", 1
    elif "\n" in text:
        where, first_line = draft.place_of_text(("neat", "config"))
    else:
        from_file = file is not None and ("neat", "config") not in draft.origins
        path = file.parent / text if from_file and file is not None else Path(text)
        text, where, first_line = _read_neat_file(draft, path), str(path), 1
    changes = settings.pop("changes", {})
    if not isinstance(changes, dict):
        draft.fail(("neat", "changes"), "expected a table of neat-python's settings")
    for name, value in cast("dict[str, Any]", changes).items():
        if not isinstance(value, str | int | float) or "\n" in str(value):
            draft.fail(("neat", "changes", name), f"expected a value on one line, found {value!r}")
        if name not in neat_values:
            neat_values[name], origins[name] = str(value), draft.place(("neat", "changes", name))
    source = NeatSource(where, text, first_line, origins)
    for name, value in neat_values.items():
        text = change_neat_value(text, name, value, origins[name])
    draft.table["neat"] = {**settings, "config": text}
    return source


def _read_neat_file(draft: Draft, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        draft.fail(("neat", "config"), f"cannot read {path}: {error.strerror}")
    except UnicodeDecodeError:
        draft.fail(("neat", "config"), f"{path} is not a text file in UTF-8")


def _build(draft: Draft, source: NeatSource | None) -> RunConfig:
    table = {name: value for name, value in draft.table.items() if name != "tune"}  # that is for `tune`
    algorithms = get_args(Algorithm)
    if (algo := table.get("algo", "neat")) not in algorithms:
        draft.fail(("algo",), f"{suggest(str(algo), algorithms)}, found {algo!r}")
    for other in algorithms:
        if other != algo and other in table:
            draft.fail((other,), f"the algorithm is {algo}; its settings stand in [{algo}]")
    plays_itself = "selfplay" in table
    if plays_itself and source is not None:
        draft.fail(("selfplay",), f"{algo} cannot play against itself; expected a deep algorithm such as ppo")
    sections = {name: table.pop(name, {}) for name in ("env", "goal", "selfplay", algo)}
    for name, section in sections.items():
        if not isinstance(section, Mapping):
            draft.fail((name,), f"expected a table [{name}], found {section!r}")
    if "game" not in table:
        raise ConfigError(f'{draft.name}: game is missing; write game = "NAME", see `playthrough games`')
    _forbid_typos(draft, table, (*sections, "neat"))
    values = read_fields(RunConfig, draft, (), table, {**dict.fromkeys(sections, "write a table"), "settings": ""})
    for name in ("lanes", "threads"):
        if values.get(name) is not None and values[name] < 1:
            draft.fail((name,), f"expected at least 1, found {values[name]}")
    if values.get("seed", 0) < 0:
        draft.fail(("seed",), f"expected a number that is not negative, found {values['seed']}")
    goal = None
    if sections["goal"]:
        goal_values = read_fields(Goal, draft, ("goal",), sections["goal"])
        try:
            goal = Goal(**goal_values)
        except ValueError as error:
            draft.fail(("goal",), str(error))
    if source is None:
        settings = read_deep_settings(draft, algo, sections[algo])
        values["lanes"] = values.get("lanes") or DEEP_LANES
        env_table = deep_env(sections["env"], values["game"])
        kept = ("isolation", *DEEP_ENV_NAMES)
    else:
        settings = _neat_settings(draft, sections["neat"], source)
        # NEAT's networks have an input for every number: a whole picture is nothing to be had by saying nothing.
        env_table = {"observation": "grid8", **sections["env"]}
        kept = ("isolation",)
    env = read_fields(EnvOptions, draft, ("env",), env_table, _NOT_IN_ENV)
    defaults = {entry.name: entry.default for entry in fields(EnvOptions) if entry.default is not MISSING}
    # What has another default here stays, even where it is what EnvOptions would say.
    env = {name: value for name, value in env.items() if name in kept or value != defaults.get(name)}
    selfplay = read_selfplay(draft, sections["selfplay"], _NOT_IN_ENV) if plays_itself else None
    config = RunConfig(**values, goal=goal, env=env, selfplay=selfplay, settings=settings)
    for where, changes in ((("env",), {}), (("selfplay", "env"), config.training_env)):
        try:
            config.lane_options(**changes)
        except ValueError as error:
            draft.fail((*where, str(error).split(" ", 1)[0]), str(error))
    return config


def _forbid_typos(draft: Draft, table: Mapping[str, Any], sections: Sequence[str]) -> None:
    known = [entry.name for entry in fields(RunConfig) if entry.name != "settings"]
    known += [name for name in sections if name not in known]
    for key in table:
        if key not in known:
            draft.fail((key,), f"unknown setting; {suggest(key, known)}")


def _neat_settings(draft: Draft, table: Mapping[str, Any], source: NeatSource) -> NeatSettings:
    from playthrough.agents.neat import NeatOptions

    settings = {key: value for key, value in table.items() if key != "config"}
    options = NeatOptions(**read_fields(NeatOptions, draft, ("neat",), settings))
    for name in ("generations", "episodes_per_genome", "max_steps_per_episode", "num_network_threads"):
        value = getattr(options, name)
        if value is not None and value < 1:
            draft.fail(("neat", name), f"expected at least 1, found {value}")
    return NeatSettings(table["config"], options, source)
