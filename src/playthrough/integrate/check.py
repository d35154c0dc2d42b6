"""The scenario doctor: what is wrong with an integration, with evidence and the next step to take.

It reads the files, then plays the game: its movies, and several simple ways to play. The checks stand in files of
their own: `check_files` (what the files say), `check_rewards`, `check_ends`, `check_types` and `check_actions` (what
happened).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from playthrough.engine.engine import Engine
from playthrough.env.emulator import open_engine
from playthrough.env.options import EnvOptions
from playthrough.env.reward_terms import RewardTerms
from playthrough.errors import BadInputError, IntegrationError, LaneError, RomError
from playthrough.game.integration import Integration, load_integration
from playthrough.game.states import POWER_ON
from playthrough.integrate.check_actions import check_actions
from playthrough.integrate.check_case import Case
from playthrough.integrate.check_ends import check_ends, lives_left
from playthrough.integrate.check_files import check_files, check_meaning, check_memory, check_states
from playthrough.integrate.check_finding import CheckReport, Finding, lost, worst_first
from playthrough.integrate.check_plays import Play, own_movies, play_movie, random_plays
from playthrough.integrate.check_rewards import check_rewards
from playthrough.integrate.check_score import ScoreAt, check_score
from playthrough.integrate.check_types import check_types

NUM_FRAMES = 3000
"""How long each way to play goes on, in frames."""


def check(
    options: EnvOptions,
    *,
    movies: Sequence[str | Path] = (),
    num_frames: int = NUM_FRAMES,
    score_at: Sequence[ScoreAt] = (),
    on_frame: Callable[[int, int], None] = lambda done, total: None,
) -> CheckReport:
    """Look for everything that is wrong with an integration.

    Args:
        options: The game, and which variables, scenario, start state and core.
        movies: Movies to look at beside those of the integration's own folder.
        num_frames: How long each simple way to play goes on; 0 for movies alone.
        score_at: What the screen shows on frames of the first movie.
        on_frame: Called with the frames played and all of them, while the simple ways are played.

    Raises:
        GameNotFoundError: If there is no such game.
        BadInputError: If a movie cannot be replayed, or is missing.
    """
    findings, is_loadable = check_files(options.game, options.info, options.scenario)
    if not is_loadable:
        return CheckReport(str(options.game), worst_first(findings))
    try:
        integration = load_integration(options.game, info=options.info, scenario=options.scenario)
    except IntegrationError as error:
        return CheckReport(str(options.game), worst_first([*findings, Finding.of_error(error, "files")]))
    findings += check_meaning(integration)
    players = max(options.players, len(integration.scenario.rewards))
    options = replace(options, players=players)
    try:
        engine = open_engine(replace(options, isolation="process"), integration)
    except RomError as error:
        step = "playthrough import PATH finds ROMs"
        findings.append(Finding("note", "rom", "without the ROM only the files were checked", str(error), step))
        return CheckReport(integration.name, worst_first(findings))
    frames_per_second = engine.display.frames_per_second
    findings += _check_emulator(integration, engine)
    if any(finding.kind in ("address", "states", "core") and finding.level == "error" for finding in findings):
        return CheckReport(integration.name, worst_first(findings))
    try:
        plays, losses = _play(options, integration, movies, num_frames, on_frame)
    except IntegrationError as error:  # a script that fails while it runs
        findings.append(Finding.of_error(error, "script", "correct the script at this place"))
        return CheckReport(integration.name, worst_first(findings))
    losses += _lost(plays, integration)
    if not losses or any(play.num_frames for play in plays):
        case = _case(options, integration, plays, frames_per_second)
        for check_part in (check_rewards, check_ends, lives_left, check_types):
            findings += check_part(case)
        if num_frames and not losses:  # who breaks down cannot be compared
            try:
                findings += check_actions(options, case)
            except LaneError as error:
                losses.append(lost(f"while buttons were tried one by one: {error}"))
        findings += check_score(case, score_at)
    return CheckReport(integration.name, worst_first([*losses, *findings]), tuple(_describe(play) for play in plays))


def _lost(plays: Sequence[Play], integration: Integration) -> list[Finding]:
    """Plays in which the emulator broke down, as one finding."""
    found = [play for play in plays if play.lost is not None]
    if not found:
        return []
    play, others = found[0], len(found) - 1
    pressed = integration.system.names_of(int(np.bitwise_or.reduce(play.lost_masks, axis=None)))
    num_frames = len(play.lost_masks)
    when = f"after frame {play.num_frames}"
    if num_frames:
        how_long = "on the next frame" if num_frames == 1 else f"in the next {num_frames} frames"
        when += f", {how_long}, pressing {' '.join(pressed) or 'nothing'}"
    return [
        lost(
            f"from {play.start}, in the play '{play.name}', {when}: {play.lost}"
            + (f"; so was it in {others} more plays" if others > 1 else "; so was it in another play" * others)
        )
    ]


def _check_emulator(integration: Integration, engine: Engine) -> list[Finding]:
    try:
        return [*check_memory(integration, engine), *check_states(integration, engine)]
    except LaneError as error:
        return [lost(f"as soon as it was started: {error}")]
    finally:
        engine.close()


def _play(
    options: EnvOptions,
    integration: Integration,
    movies: Sequence[str | Path],
    num_frames: int,
    on_frame: Callable[[int, int], None],
) -> tuple[list[Play], list[Finding]]:
    """The movies and the simple ways, and which of them could not even be started."""
    plays: list[Play] = []
    losses: list[Finding] = []
    chosen = {"scenario": options.scenario, "info": options.info}
    core = None if options.core == "exact" else options.core
    for movie, is_own in [*((movie, False) for movie in movies), *((movie, True) for movie in own_movies(integration))]:
        try:
            plays.append(play_movie(movie, game=options.game, core=core, **chosen)[0])
        except LaneError as error:
            losses.append(lost(f"in the movie {Path(movie).name}: {error}"))
        except BadInputError as error:
            if not is_own or isinstance(error, IntegrationError):
                raise
            continue  # an old movie of the folder's, for another core or game
    if num_frames:
        try:
            plays += random_plays(options, num_frames, on_frame)
        except LaneError as error:
            start = integration.default_state(options.players) or POWER_ON if options.state is None else options.state
            losses.append(lost(f"at the start from {'bytes' if isinstance(start, bytes) else start}: {error}"))
    return plays, losses


def _case(options: EnvOptions, integration: Integration, plays: Sequence[Play], frames_per_second: float) -> Case:
    compiled = integration.scenario.compile(integration.variables)
    terms = RewardTerms.of(integration.scenario, compiled, options.players)
    in_terms = tuple(_in_terms(play, terms, options.players) for play in plays)
    return Case(integration, terms, in_terms, frames_per_second)


def _in_terms(play: Play, terms: RewardTerms, num_players: int) -> Play:
    """A play with what all the terms paid, whose ever: a movie may have fewer players than the scenario, or more."""
    rewards = np.zeros((play.num_frames, num_players))
    common = min(num_players, play.rewards.shape[1])
    rewards[:, :common] = play.rewards[:, :common]
    return replace(play, amounts=terms.amounts(play.samples[1:], play.samples[0], rewards))


def _describe(play: Play) -> str:
    paid = "".join(
        f", player {i + 1}: {sum(row):g}" if i else f"{sum(row):g}"
        for i, row in enumerate(play.rewards[: play.num_played].T.tolist())
    )
    end = "no end" if play.ended_at is None else f"end on frame {play.ended_at}"
    return f"{play.name}: {play.num_played} frames, reward {paid or '0'}, {end}"
