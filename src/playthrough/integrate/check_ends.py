"""What is wrong with the end of an episode, judged by when it came and by what the game did afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from playthrough.engine.probes import Op
from playthrough.game.scenario import Done
from playthrough.integrate.check_case import Case, changes
from playthrough.integrate.check_finding import Finding, Level
from playthrough.integrate.check_plays import Play

_AT_ONCE_FRAMES = 10
_SOON_FRAMES = 90
_AROUND_FRAMES = 30
_STILL_FRAMES = 600


def check_ends(case: Case) -> Iterator[Finding]:
    """All findings about ends."""
    ended = [play for play in case.plays if play.ended_at is not None and play.by_game]
    if not ended:
        yield from never(case)
        return
    at_once = list(fires_at_once(case, ended))
    yield from at_once
    if not at_once:
        yield from on_level_change(case, ended)
        yield from game_goes_on(case, ended)


def _finding(case: Case, level: Level, kind: str, message: str, evidence: str, step: str) -> Finding:
    return Finding(level, kind, message, evidence, step, case.integration.scenario_path, case.done_line())


def never(case: Case) -> Iterator[Finding]:
    """No play came to its end. That is wrong for certain if the game itself was over."""
    scenario = case.integration.scenario
    frames = sum(play.num_played for play in case.plays)
    if scenario.python is None and scenario.done == Done():
        message, step = "the scenario names no end: episodes never end", 'add "done", or set a time limit'
        yield _finding(case, "warning", "done never fires", message, "", step)
        return
    criteria = [] if scenario.needs_script else [c for c in scenario.done.walk() if c.variable in case.names]
    for play in case.plays:
        for column in case.lives:
            values = play.samples[:, column]
            start, last, lowest = int(values[0]), int(values[-1]), int(values.min())
            steps = np.diff(values)
            # Lives that went down all the way, and a game that then stood still.
            if not (start > lowest and last in (0, -1, lowest) and lowest <= 0) or np.count_nonzero(steps < 0) < 2:
                continue
            frame = int(np.flatnonzero(steps)[-1]) + 1
            after = play.amounts[frame:]
            if len(after) < _STILL_FRAMES or after.any():
                continue
            asked = ", ".join(f"{c.variable} {c.op.name.lower()} {c.reference}" for c in criteria) or "its script"
            yield _finding(
                case,
                "error",
                "done never fires",
                "the game was over, and the episode went on",
                f"{case.names[column]} went from {start} to {last} (frame {frame} of the play '{play.name}'), and for "
                f"{len(after)} frames after that nothing was earned; done asks for {asked}",
                f"let done ask for {case.names[column]} equal {last}",
            )
            return
    for criterion in criteria:
        column, reference = case.names.index(criterion.variable), criterion.reference
        if criterion.measurement != "absolute" or criterion.op is not Op.EQUAL:
            continue
        low, high = case.variable(column).probe.range()
        falls = [play for play in case.plays if _only_falls(play, column)]
        starts = {int(play.samples[0, column]) for play in falls}
        if len(falls) >= 2 and len(falls) >= sum(changes(play, column).any() for play in case.plays) / 2:
            lowest = min(int(play.samples[:, column].min()) for play in falls)
            if max(starts) < reference and not (low == 0 and reference == high):
                yield _finding(
                    case,
                    "warning",
                    "done never fires",
                    f"done waits for {criterion.variable} equal {reference}, but it starts below that and falls",
                    f"it went from {max(starts)} to {lowest}; {frames} frames in {len(case.plays)} plays had no end",
                    f"let done ask for the last value, for example equal {min(lowest, 0)}",
                )
                return
    watched = {c.variable for c in criteria}
    still = [
        name for name in sorted(watched) if not any(changes(play, case.names.index(name)).any() for play in case.plays)
    ]
    reason = f"; {', '.join(still)} never changed" if still else ""
    yield _finding(
        case,
        "note",
        "done never fires",
        "no play came to its end",
        f"{frames} frames in {len(case.plays)} plays{reason}",
        "show the doctor a movie in which the game is lost: --movie FILE; playthrough play records one",
    )


def _only_falls(play: Play, column: int) -> bool:
    steps = changes(play, column)
    return bool((steps < 0).sum() >= 2 and not (steps > 0).any())


def fires_at_once(case: Case, ended: list[Play]) -> Iterator[Finding]:
    """Ends on the first frames of every play, whatever is pressed."""
    plays = [play for play in case.plays if not play.is_movie]
    frames = [play.ended_at for play in plays if play.ended_at is not None]
    if not frames or len(frames) < len({play.name for play in plays}):
        return
    soonest, latest = min(frames), max(frames)
    if latest > _AT_ONCE_FRAMES and not (latest <= _SOON_FRAMES and soonest == latest):
        return
    play = next(play for play in plays if play.ended_at is not None)
    yield _finding(
        case,
        "error",
        "done at once",
        f"every episode ends within its first {latest} frame{'s' if latest > 1 else ''}",
        f"the play '{play.name}' ended on frame {play.ended_at}: {_cause(case, play)}",
        "correct the op or the reference in done, or start from a state in which the game is played",
    )


def _cause(case: Case, play: Play) -> str:
    """What the variables of done were on the frame of an end."""
    scenario, frame = case.integration.scenario, play.ended_at
    assert frame is not None
    if scenario.needs_script:
        return "its script says so"
    parts: list[str] = []
    for criterion in scenario.done.walk():
        if criterion.variable in case.names:
            column = case.names.index(criterion.variable)
            before, now = play.samples[frame - 1 : frame + 1, column].tolist()
            parts.append(f"{criterion.variable} {before} -> {now}")
    return ", ".join(parts) or "done has no condition"


def _changed_around(play: Play, column: int, frame: int, sign: int) -> bool:
    """Whether a variable rose (1) or fell (-1) about when an episode ended."""
    values = play.samples[max(0, frame - _AROUND_FRAMES) : frame + _AROUND_FRAMES, column]
    return bool((np.sign(np.diff(values)) == sign).any())


def on_level_change(case: Case, ended: list[Play]) -> Iterator[Finding]:
    """Ends because a level was reached, and no life was lost."""
    for play in ended:
        frame = play.ended_at
        assert frame is not None
        at = play.samples[frame - 1 : frame + 1]
        risen = [column for column in case.levels if at[1, column] > at[0, column]]
        if not risen or any(_changed_around(play, column, frame, -1) for column in case.lives):
            continue
        names = ", ".join(case.names[column] for column in risen)
        values = ", ".join(f"{case.names[column]} {at[0, column]} -> {at[1, column]}" for column in risen)
        # Whoever pays for the level on the very frame means the level to be the goal.
        meant = any(play.amounts[frame - 1, term.term] > 0 for term in case.paid_variables() if term.column in risen)
        meant = meant or (case.integration.scenario.needs_script and play.rewards[frame - 1, 0] > 0)
        yield _finding(
            case,
            "note" if meant else "warning",
            "done on level change",
            f"an episode ends when {names} changes, with no life lost",
            f"{values} on frame {frame} of the play '{play.name}'"
            + (f", which paid {play.rewards[frame - 1, 0]:+g}" if meant else ", which paid nothing"),
            "right if one level is all that shall be learnt; else ask for the lives in done",
        )
        return


def game_goes_on(case: Case, ended: list[Play]) -> Iterator[Finding]:
    """Ends after which the player goes on playing the same life."""
    suspicious: list[tuple[Play, int]] = []
    for play in ended:
        frame = play.ended_at
        assert frame is not None
        if play.num_frames < frame + 120:
            continue
        at = play.samples[frame - 1 : frame + 1]
        level_changed = any(at[1, column] != at[0, column] for column in case.levels)
        lost = any(_changed_around(play, column, frame, -1) for column in case.lives)
        # A reward soon after the end, while every variable with a name for lives stands as it stood.
        earned = np.flatnonzero((play.amounts[frame : frame + 240] > 0).any(axis=1))
        if not level_changed and not lost and len(earned) >= 3:
            suspicious.append((play, int(earned[0]) + 1))
    if len(suspicious) < max(2, len(ended) / 2):
        return
    play, later = suspicious[0]
    yield _finding(
        case,
        "warning",
        "done too early",
        "the game goes on after the end of the episode",
        f"the play '{play.name}' ended on frame {play.ended_at} ({_cause(case, play)}), no life was lost, and {later} "
        f"frame{'s' if later > 1 else ''} later it earned again; so did {len(suspicious)} of {len(ended)} ends",
        "correct the op or the reference in done, or ask for the lives",
    )


def lives_left(case: Case) -> Iterator[Finding]:
    """Ends by a number of lives that is not the last one."""
    scenario = case.integration.scenario
    if scenario.needs_script:
        return
    for criterion in scenario.done.walk():
        if criterion.measurement != "absolute" or criterion.variable not in case.names:
            continue
        column = case.names.index(criterion.variable)
        if column not in case.lives:
            continue
        ended = [play for play in case.plays if play.ended_at is not None and play.num_frames > play.ended_at]
        more = [found for play in ended if (found := _life_after(case, play, column)) is not None]
        if len(more) < max(2, len(ended) / 3):
            continue
        play, frame, what = more[0]
        then = int(play.samples[play.ended_at or 0, column])
        yield _finding(
            case,
            "warning",
            "done too early",
            "the episode ends with a life left",
            f"{criterion.variable} is {then} when the play '{play.name}' ends on frame {play.ended_at}, and {what} on "
            f"frame {frame}; so in {len(more)} of {len(ended)} ends",
            f"let done ask for what {criterion.variable}, or another variable, is when the game is over",
        )
        return


def _life_after(case: Case, play: Play, column: int) -> tuple[Play, int, str] | None:
    """What shows that the player was still playing after an end: a frame, and what happened on it."""
    frame = play.ended_at
    assert frame is not None
    then, later = int(play.samples[frame, column]), play.samples[frame:, column]
    risen = np.flatnonzero(later > then)
    until = int(risen[0]) if len(risen) else len(later)  # lives that come back belong to the next game
    low, high = case.variable(column).probe.range()
    if low == 0 and then == 0 and len(risen) and later[risen[0]] == high:
        until = len(later)  # one below 0, not a new game
        fell = risen[:1]
    else:
        fell = np.flatnonzero(later[:until] == then - 1)
    if len(fell) and fell[0] > _SOON_FRAMES:
        return play, frame + int(fell[0]), f"falls to {int(later[fell[0]])}"
    steps = np.diff(play.samples[frame : frame + until], axis=0)
    for term in case.growing():
        earned = np.flatnonzero(play.amounts[frame : frame + len(steps), term.term] > 0)
        earned = earned[earned > _SOON_FRAMES]
        if len(earned) and not (steps[:, term.column] < 0).any():
            amount = float(play.amounts[frame + earned[0], term.term])
            return play, frame + int(earned[0]) + 1, f"{term.name} earns {amount:+g}"
    return None
