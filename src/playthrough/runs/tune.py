"""Searches for good settings: many short runs, chosen by Optuna from the ranges of a recipe's [tune] table.

1. Take settings from the ranges: at first at random, then where the best ones were (TPE, Bergstra et al. 2011).
2. Train with them, an ordinary run in a folder of its own. Every evaluation, or generation, is reported.
3. End it early where it is worse than the median of the others at the same time.
4. Keep what came of it in `study.db`, and go on from 1.

A search that ended early goes on where it was, also in the middle of a trial. The same seed chooses the same settings
as long as the runs come to the same.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from playthrough.errors import BadInputError, ConfigError, DependencyError, PlaythroughError, RunError
from playthrough.game.atomic_file import write_file
from playthrough.runs.config import RunConfig, resolve
from playthrough.runs.folder import RunFolder
from playthrough.runs.recipes import find_recipe, recipe_for
from playthrough.runs.settings import Draft
from playthrough.runs.train import resume, train
from playthrough.runs.tune_settings import TuneSettings, read_tune_settings
from playthrough.runs.watcher import DeepTotals, Silence, Totals, TrainResult

if TYPE_CHECKING:
    import optuna

    from playthrough.agents.deep.learner import UpdateReport
    from playthrough.agents.neat import GenerationReport

TrialState = Literal["running", "finished", "pruned", "failed"]

_ASKED = "asked"
_STUDY = "tune"
_LEAST_FOR_PLOTS = 2


@dataclass(frozen=True)
class TrialReport:
    """One trial.

    Attributes:
        number: Which, from 0.
        state: How it stands.
        settings: What was chosen for it, as TOML, by path.
        value: The best evaluation, or fitness, that it has come to; None before the first.
        share: How much of it is done, from 0 to 1.
        folder: Its run.
        error: Why it failed.
    """

    number: int
    state: TrialState
    settings: dict[str, str]
    value: float | None
    share: float
    folder: Path
    error: str | None = None


@dataclass(frozen=True)
class TuneResult:
    """What a search left behind.

    Attributes:
        folder: Where everything is.
        trials: All of them, in order.
        interrupted: Whether somebody ended it before its time.
        recipe: The best settings as a recipe; None if no trial was finished.
        plots: Pictures.
    """

    folder: Path
    trials: tuple[TrialReport, ...]
    interrupted: bool
    recipe: Path | None = None
    plots: tuple[Path, ...] = ()

    @property
    def best(self) -> TrialReport | None:
        """The finished trial with the highest value."""
        finished = [trial for trial in self.trials if trial.state == "finished" and trial.value is not None]
        return max(finished, key=lambda trial: trial.value or 0.0, default=None)


class TuneWatcher(Protocol):
    """Whoever wants to know how a search goes."""

    def began(self, num_trials: int, folder: Path) -> None:
        """There will be so many trials in all."""
        ...

    def trial(self, report: TrialReport) -> None:
        """A trial began, got on, or ended."""
        ...

    def message(self, text: str) -> None:
        """Something that a person should read."""
        ...


class _PrunedError(Exception):
    """A trial is not worth its time."""


@dataclass(frozen=True)
class TunePlan:
    """What a search is to do.

    Attributes:
        recipe: The recipe's file.
        overrides: Settings on top of it, `key=value` each.
        options: Settings by path with underscores, as `resolve` takes them.
        settings: The ranges, and how many trials.
        seed: Of the choice of settings.
    """

    recipe: Path
    overrides: tuple[str, ...]
    options: dict[str, Any]
    settings: TuneSettings
    seed: int

    @classmethod
    def of(
        cls,
        *,
        game: str | None = None,
        recipe: str | Path | None = None,
        overrides: Sequence[str] = (),
        trials: int | None = None,
        steps: int | None = None,
        generations: int | None = None,
        **options: Any,
    ) -> TunePlan:
        """Read a recipe's ranges, and make sure that both ends of each make a run.

        Args:
            game: Whose shipped recipe it is, with `options["algo"]`, where `recipe` names none.
            recipe: The name of a shipped recipe, or a file.
            overrides: `key=value` each.
            trials: How many, instead of the recipe's number.
            steps: Of each trial, likewise.
            generations: For neat, likewise.
            **options: Other settings, as `resolve` takes them.

        Raises:
            ConfigError: If the recipe has no ranges, or one does not make a run.
        """
        if recipe is None and game is None:
            raise ConfigError("say what to tune: a GAME that has a recipe, or --recipe FILE")
        found = find_recipe(recipe) if recipe is not None else recipe_for(str(game), options.get("algo") or "neat")
        if found is None:
            raise ConfigError(
                f"there is no recipe for {game} with {options.get('algo') or 'neat'}; write one with a table "
                "[tune.ranges], and name it with --recipe FILE"
            )
        draft = Draft.read(found)
        kept: list[str] = []
        for assignment in overrides:
            if assignment.strip().startswith("tune."):
                draft.override(assignment)
            else:
                kept.append(assignment)
        for name, value in (("trials", trials), ("steps", steps), ("generations", generations)):
            if value is not None and isinstance(draft.table.get("tune"), dict):
                draft.set(("tune", name), value, f"--{name}")
        settings = read_tune_settings(draft)
        options = {"game": game, **options}
        seed: Any = draft.table.get("seed", 0) if options.get("seed") is None else options["seed"]
        plan = cls(found, tuple(kept), options, settings, seed)
        trial = Path("trial")
        plan.config(out=trial)
        for key, searched in settings.ranges.items():
            for end in searched.ends():
                plan.config({key: end}, out=trial)
        return plan

    def config(self, chosen: dict[str, str] | None = None, *, out: Path | None = None) -> RunConfig:
        """The run of a trial, or without a folder the recipe of the whole with these settings.

        Raises:
            ConfigError: If the settings do not fit.
        """
        assignments = [*self.overrides, *(f"{key}={value}" for key, value in (chosen or {}).items())]
        options = dict(self.options)
        if out is not None:
            assignments += ["video=false", "goal={}"]
            options |= {"out": out, "steps": self.settings.steps, "neat__generations": self.settings.generations}
        return resolve(recipe=self.recipe, overrides=assignments, **options)

    def text(self) -> str:
        """What must be the same for a search to go on."""
        settings = {name: value for name, value in asdict(self.settings).items() if name != "trials"}
        whole = replace(self.config(), threads=None)  # nothing depends on these
        return json.dumps([whole.to_toml(), settings, self.seed], sort_keys=True, default=str)


def tune(plan: TunePlan, folder: Path, watcher: TuneWatcher) -> TuneResult:
    """Search, or go on with a search.

    Args:
        plan: What to search.
        folder: Where the study and all runs are.
        watcher: Told how it goes.

    Raises:
        BadInputError: If the folder holds another search.
        DependencyError: If Optuna is not installed.
        PlaythroughError: If the first trial fails.
    """
    require_optuna()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make the folder {folder}: {error.strerror}") from error
    with RunFolder(folder).lock():
        search = _Search(plan, folder, watcher)
        try:
            interrupted = search.carry_out()
        except KeyboardInterrupt:  # between two runs; within one, the run ends by itself
            interrupted = True
        result = TuneResult(folder, tuple(search.reports()), interrupted)
        recipe = None
        if result.best is not None:
            recipe = folder / "best.toml"
            write_file(recipe, plan.config(result.best.settings).to_toml().encode())
        plots = _draw_plots(search.study, folder / "plots", watcher.message)
        return TuneResult(folder, result.trials, interrupted, recipe, plots)


def require_optuna() -> None:
    """Make sure that Optuna is there.

    Raises:
        DependencyError: If it is not.
    """
    try:
        import optuna
    except ImportError as error:
        raise DependencyError("tuning needs Optuna: pip install 'playthrough[tune]'") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)


class _Search:
    """Trial after trial, until there are as many as were asked for."""

    def __init__(self, plan: TunePlan, folder: Path, watcher: TuneWatcher) -> None:
        import optuna

        self._plan, self._folder, self._watcher = plan, folder, watcher
        settings = plan.settings
        pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
        if settings.pruner == "median":
            pruner = optuna.pruners.MedianPruner(settings.startup_trials, settings.warmup_reports)
        self.study = optuna.create_study(
            storage=f"sqlite:///{(folder / 'study.db').absolute()}",
            study_name=_STUDY,
            direction="maximize",
            pruner=pruner,
            load_if_exists=True,
        )
        asked = self.study.user_attrs.get(_ASKED)
        if asked is None:
            self.study.set_user_attr(_ASKED, plan.text())
        elif asked != plan.text():
            raise BadInputError(
                f"{folder} holds a search with another recipe, other ranges or another seed; "
                "go on with the same ones, or choose another folder: --out DIR"
            )

    def carry_out(self) -> bool:
        """Whether somebody interrupted."""
        wanted = self._plan.settings.trials
        self._watcher.began(wanted, self._folder)
        for report in self.reports():
            self._watcher.trial(report)
        for trial in self._unfinished():
            if not self._carry_out(trial):
                return True
        while len(self.study.get_trials(deepcopy=False)) < wanted:
            if not self._carry_out(self._ask()):
                return True
        return False

    def reports(self) -> list[TrialReport]:
        """All trials until now."""
        words: dict[str, TrialState] = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed"}
        reports: list[TrialReport] = []
        for trial in self.study.get_trials(deepcopy=False):
            reports.append(
                TrialReport(
                    trial.number,
                    words.get(trial.state.name, "running"),
                    trial.user_attrs.get("settings", {}),
                    trial.value if trial.value is not None else trial.user_attrs.get("best"),
                    trial.user_attrs.get("share", 0.0),
                    self._run_folder(trial.number),
                    trial.user_attrs.get("error"),
                )
            )
        return reports

    def _unfinished(self) -> list[optuna.Trial]:
        """Trials in whose middle the search ended."""
        import optuna

        running = self.study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.RUNNING])
        return [optuna.Trial(self.study, trial._trial_id) for trial in running]  # pyright: ignore[reportPrivateUsage]

    def _ask(self) -> optuna.Trial:
        self._choose_for(len(self.study.get_trials(deepcopy=False)))
        return self.study.ask()

    def _choose_for(self, number: int) -> None:
        """Give a trial random numbers of its own, so that it does not matter how often a search was interrupted."""
        import optuna

        seed = np.random.SeedSequence([self._plan.seed, number]).generate_state(1)[0]
        self.study.sampler = optuna.samplers.TPESampler(seed=int(seed))

    def _run_folder(self, number: int) -> Path:
        return self._folder / f"trial-{number:03d}"

    def _carry_out(self, trial: optuna.Trial) -> bool:
        """Train with a trial's settings; False if somebody interrupted."""
        import optuna

        self._choose_for(trial.number)
        ranges = self._plan.settings.ranges
        chosen = {key: searched.suggest(trial, key) for key, searched in ranges.items()}
        trial.set_user_attr("settings", chosen)
        out = self._run_folder(trial.number)
        follower = _Follower(trial, chosen, out, self._watcher)
        try:
            follower.prune_if_due()  # a search may have ended before it came to that
            result = self._train(chosen, out, follower)
        except _PrunedError:
            self.study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            follower.tell("pruned")
            return True
        except PlaythroughError as error:
            trial.set_user_attr("error", str(error))
            self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
            follower.tell("failed", str(error))
            if not any(report.state in ("finished", "pruned") for report in self.reports()):
                raise  # it is not about this trial's settings
            return True
        if result.status == "interrupted":
            return False
        follower.value, follower.share = best_of(result.totals), 1.0
        trial.set_user_attr("share", 1.0)
        self.study.tell(trial, follower.value)
        follower.tell("finished")
        return True

    def _train(self, chosen: dict[str, str], out: Path, follower: _Follower) -> TrainResult:
        if RunFolder(out).config.is_file():
            return resume(out, watcher=follower)
        return train(self._plan.config(chosen, out=out), watcher=follower)


class _Follower(Silence):
    """Watches a trial's run: reports its evaluations, or generations, and ends it where Optuna says so."""

    def __init__(self, trial: optuna.Trial, chosen: dict[str, str], folder: Path, watcher: TuneWatcher) -> None:
        self._trial, self._chosen, self._folder, self._watcher = trial, chosen, folder, watcher
        self._steps = self._generations = 1
        # A search that goes on finds here what the trial had come to.
        self._num_reported: int = trial.user_attrs.get("reports", 0)
        self.value: float | None = trial.user_attrs.get("best")
        self.share: float = trial.user_attrs.get("share", 0.0)

    def started(self, start: Any) -> None:
        """See `Watcher`."""
        self._generations = start.config.neat.options.generations
        self.tell("running")

    def learning(self, start: Any) -> None:
        """See `Watcher`."""
        self._steps = start.config.deep.steps
        self.tell("running")

    def generation(self, report: GenerationReport, totals: Totals) -> None:
        """See `Watcher`."""
        self.share = totals.generations / self._generations
        self._report(totals.generations, totals.best_fitness, totals.best_fitness)

    def updated(self, report: UpdateReport, totals: DeepTotals) -> None:
        """See `Watcher`."""
        self.share = min(1.0, totals.agent_steps / self._steps)
        self._report(totals.evaluations, totals.evaluation, totals.best_evaluation)

    def _report(self, number: int, value: float | None, best: float | None) -> None:
        """Take in the evaluation, or generation, of this number, from 1."""
        self.value = best
        if value is not None and number > self._num_reported:
            self._num_reported = number
            self._trial.report(value, number)
            for name, now in (("best", best), ("share", self.share), ("reports", number)):
                self._trial.set_user_attr(name, now)
            self.tell("running")
            self.prune_if_due()
        else:
            self.tell("running")

    def prune_if_due(self) -> None:
        """End the trial where it is worse than the others were.

        Raises:
            _PrunedError: If it is.
        """
        if self._num_reported and self.share < 1.0 and self._trial.should_prune():
            raise _PrunedError

    def tell(self, state: TrialState, error: str | None = None) -> None:
        """Say how the trial stands."""
        report = TrialReport(self._trial.number, state, self._chosen, self.value, self.share, self._folder, error)
        self._watcher.trial(report)


def best_of(totals: Totals | DeepTotals) -> float:
    """What a run that went to its end is judged by: its best evaluation, or its best fitness."""
    value = totals.best_evaluation if isinstance(totals, DeepTotals) else totals.best_fitness
    assert value is not None  # the last update is evaluated in any case
    return value


def _draw_plots(study: optuna.Study, folder: Path, say: Callable[[str], None]) -> tuple[Path, ...]:
    """Optuna's own plots, those that there are enough trials for."""
    try:
        import matplotlib
    except ImportError:
        say("no plots were drawn: they need matplotlib (pip install 'playthrough[runs]')")
        return ()
    import optuna

    matplotlib.use("Agg")  # files only: no window, no screen needed
    from matplotlib import pyplot

    kinds = optuna.visualization.matplotlib
    drawers: dict[str, Callable[[], Any]] = {
        "history": lambda: kinds.plot_optimization_history(study),
        "evaluations": lambda: kinds.plot_intermediate_values(study),
        "slices": lambda: kinds.plot_slice(study),
        "parallel": lambda: kinds.plot_parallel_coordinate(study),
        "importances": lambda: kinds.plot_param_importances(
            study, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
        ),
    }
    finished = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])
    if len(finished) < _LEAST_FOR_PLOTS:
        return ()
    folder.mkdir(exist_ok=True)
    paths: list[Path] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna calls all of these experimental
        for name, draw in drawers.items():
            axes = np.atleast_1d(draw()).ravel()[0]
            path = folder / f"{name}.png"
            axes.figure.savefig(path, dpi=110, bbox_inches="tight")
            pyplot.close(axes.figure)
            paths.append(path)
    return tuple(paths)
