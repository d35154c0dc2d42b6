"""What a recipe says about self-play: the table [selfplay]. Where it stands, a run is one of self-play."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from playthrough.agents.deep.selfplay import LeagueOptions
from playthrough.env.options import EnvOptions
from playthrough.env.seats import Mirror
from playthrough.runs.settings import Draft, plain, read_fields

_THE_SAME = "an agent sees the same, and as often, in both games: write it in [env]"
_NOT_HERE = {
    **dict.fromkeys(("observation", "frame_skip"), _THE_SAME),
    "players": "self-play is for two",
}


def _nothing() -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True)
class SelfPlaySettings(LeagueOptions):
    """How a learner plays against itself and its past selves.

    [env] describes the game that the agent is for: it is evaluated, filmed and watched there. It learns in the same
    game, with the changes that `env` names here.
    """

    env: Mapping[str, Any] = field(
        default_factory=_nothing,
        metadata={"help": "what differs from [env] in the game for two, such as its start state"},
    )
    opponents: tuple[str, ...] = field(
        default=(),
        metadata={"help": "who is always in the league beside the past selves: `random`, `idle`, or run folders"},
    )
    mirror: Mirror = field(
        default_factory=Mirror, metadata={"help": "how player 2 sees the game, so that it looks as it does to player 1"}
    )

    @property
    def training_env(self) -> dict[str, Any]:
        """What differs from [env] where the learner plays against others."""
        return {"players": 2, **self.env}

    def table(self) -> dict[str, Any]:
        """The recipe's table that says all of this."""
        return {entry.name: plain(getattr(self, entry.name)) for entry in fields(self)}


def read_selfplay(draft: Draft, table: Mapping[str, Any], not_in_env: Mapping[str, str]) -> SelfPlaySettings:
    """The settings of a recipe's table.

    Args:
        draft: Where the table comes from.
        table: It.
        not_in_env: Settings of the environment that stand elsewhere, each with where.

    Raises:
        ConfigError: If one is unknown or wrong.
    """
    values = read_fields(SelfPlaySettings, draft, ("selfplay",), table)
    if "env" in values:
        values["env"] = read_fields(EnvOptions, draft, ("selfplay", "env"), values["env"], {**not_in_env, **_NOT_HERE})
    try:
        return SelfPlaySettings(**values)
    except ValueError as error:
        draft.fail(("selfplay", str(error).split(" ", 1)[0]), str(error))
