"""What `playthrough tune` searches: the table [tune] of a recipe.

[tune]
trials = 20
steps = 50_000                      # of each trial; for neat: generations = 5

[tune.ranges]                       # any setting of the recipe, by its path
"ppo.learning_rate" = { low = 1e-5, high = 1e-3, log = true }
"ppo.gamma" = { choices = [0.98, 0.99, 0.995] }
"env.frame_skip" = { low = 2, high = 8, step = 2 }
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, cast

from playthrough.runs.settings import Draft, read_fields
from playthrough.runs.toml_text import toml_value

if TYPE_CHECKING:
    from optuna.trial import Trial


@dataclass(frozen=True, kw_only=True)
class TuneRange:
    """Where one setting is searched: from low to high, or among choices.

    Attributes:
        low: The smallest value; with `high` whole, only whole numbers are tried.
        high: The largest.
        log: Try as many values from 0.001 to 0.01 as from 0.01 to 0.1.
        step: Only low, low + step, low + 2 step, ...
        choices: The values themselves, of any kind.
    """

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    step: int | float | None = None
    choices: tuple[Any, ...] | None = None

    def __post_init__(self) -> None:
        if self.choices is not None:
            if not self.choices or (self.low, self.high, self.step, self.log) != (None, None, None, False):
                raise ValueError("expected choices = [...] with at least one of them, and nothing else beside")
            return
        if self.low is None or self.high is None or self.low >= self.high:
            raise ValueError("expected low = NUMBER and high = a larger one, or choices = [...]")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log = true needs a low above 0, and no step")
        if self.step is not None and self.step <= 0:
            raise ValueError("step must be more than 0")

    def suggest(self, trial: Trial, key: str) -> str:
        """A value for a trial, as TOML."""
        if self.choices is not None:
            # Optuna stores texts and numbers; a list, such as one of layer sizes, is a text to it.
            return trial.suggest_categorical(key, [toml_value(choice) for choice in self.choices])
        low, high, step = self.low, self.high, self.step
        if isinstance(low, int) and isinstance(high, int) and isinstance(step, int | None):
            return toml_value(trial.suggest_int(key, low, high, step=step or 1, log=self.log))
        return toml_value(trial.suggest_float(key, cast("float", low), cast("float", high), step=step, log=self.log))

    def ends(self) -> tuple[str, ...]:
        """The first and the last value, as TOML; of choices, all."""
        values = (self.low, self.high) if self.choices is None else self.choices
        return tuple(toml_value(value) for value in values)


def _no_ranges() -> Mapping[str, TuneRange]:
    return {}


@dataclass(frozen=True, kw_only=True)
class TuneSettings:
    """How a search goes.

    Attributes:
        trials: How many runs in all.
        steps: Agent steps of each; None for the recipe's.
        generations: For neat: generations of each; None for the recipe's.
        pruner: `median` ends a trial that is worse than the median of the others at the same time, by its evaluations
            or generations; `none` lets all go to their end.
        startup_trials: So many trials go to their end before others are pruned.
        warmup_reports: A trial has so many evaluations or generations before it can be pruned.
        ranges: The settings that are searched, by their paths.
    """

    trials: int = 20
    steps: int | None = None
    generations: int | None = None
    pruner: Literal["median", "none"] = "median"
    startup_trials: int = 5
    warmup_reports: int = 2
    ranges: Mapping[str, TuneRange] = field(default_factory=_no_ranges)


def read_tune_settings(draft: Draft) -> TuneSettings:
    """The table [tune] of a recipe.

    Raises:
        ConfigError: If there is none, or something in it is wrong.
    """
    table = draft.table.get("tune")
    if not isinstance(table, Mapping) or not isinstance(cast("Any", table).get("ranges"), Mapping):
        draft.fail(
            ("tune",),
            "there is no [tune.ranges] that says what to search; write such as "
            '"ppo.learning_rate" = { low = 1e-5, high = 1e-3, log = true }',
        )
    given = dict(cast("Mapping[str, Any]", table))
    given["ranges"] = _flat(draft, given["ranges"], ())
    settings = TuneSettings(**read_fields(TuneSettings, draft, ("tune",), given))
    if not settings.ranges:
        draft.fail(("tune", "ranges"), "expected at least one setting to search")
    for name, least in (("trials", 1), ("steps", 1), ("generations", 1), ("startup_trials", 0), ("warmup_reports", 0)):
        value = getattr(settings, name)
        if value is not None and value < least:
            draft.fail(("tune", name), f"expected at least {least}, found {value}")
    return settings


def _flat(draft: Draft, table: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """Ranges by their whole paths: `ppo.gamma` may be written with or without quotation marks."""
    known = {entry.name for entry in fields(TuneRange)}
    flat: dict[str, Any] = {}
    for key, value in table.items():
        here = (*path, key)
        if not isinstance(value, Mapping):
            draft.fail(("tune", "ranges"), f"{'.'.join(here)}: expected a table such as {{ low = 1, high = 2 }}")
        inner = cast("Mapping[str, Any]", value)
        if all(isinstance(item, Mapping) for item in inner.values()) and not known & inner.keys():
            flat |= _flat(draft, inner, here)
        else:
            flat[".".join(here)] = inner
    return flat
