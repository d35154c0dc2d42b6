"""What is wrong with a reward, judged by what it paid while the game was played."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.probes import Op
from playthrough.env.reward_terms import EACH_FRAME
from playthrough.integrate.check_case import Case, PaidVariable, changes, paid, wraps
from playthrough.integrate.check_finding import Finding, Level
from playthrough.integrate.check_plays import Play

_MIN_CHANGES = 3
_UNPAID_SHARE = 0.25
_EXCURSION_FRAMES = 180
_SPIKE_FACTOR = 20
_WINDOW_FRAMES = 30


def check_rewards(case: Case) -> Iterator[Finding]:
    """All findings about rewards."""
    yield from zero_rewards(case)
    yield from wrapping(case)
    yield from rocking(case)
    yield from spikes(case)
    yield from cancelling(case)
    yield from signs(case)
    yield from rises_for_nothing(case)
    yield from paid_for_standing(case)
    yield from paid_for_nothing(case)
    yield from first_reward(case)


def _finding(case: Case, level: Level, kind: str, message: str, evidence: str, step: str, name: str = "") -> Finding:
    path = case.integration.scenario_path
    return Finding(level, kind, message, evidence, step, path, case.reward_line(name) if name else None)


def _where(play: Play, frame: int) -> str:
    return f"frame {frame} of the play '{play.name}'"


def zero_rewards(case: Case) -> Iterator[Finding]:
    """Terms that paid nothing in any play: for certain wrong where the variable moved."""
    if not case.terms.names:
        return
    moved = False
    unmoved: list[str] = []
    for term in case.paid_variables():
        if any(paid(play, term.term).any() for play in case.plays):
            continue
        rises = falls = 0
        example = ""
        for play in case.plays:
            steps = changes(play, term.column)
            rises, falls = rises + int(np.count_nonzero(steps > 0)), falls + int(np.count_nonzero(steps < 0))
            if not example and steps.any():
                frame = int(np.flatnonzero(steps)[0]) + 1
                values = play.samples[frame - 1 : frame + 1, term.column].tolist()
                example = f", first from {values[0]} to {values[1]} on {_where(play, frame)}"
        if rises + falls < _MIN_CHANGES:
            if rises + falls == 0:
                unmoved.append(term.name)
            continue
        unpaid_rises = rises >= _MIN_CHANGES and term.compiled.reward == 0
        if not unpaid_rises and case.is_lives(term.name):
            continue  # a life that is won would pay, and none was won
        moved = moved or unpaid_rises
        yield _finding(
            case,
            "error" if unpaid_rises else "warning",
            "reward always zero",
            f"{term.name!r} changes, but its reward is always zero",
            f"it rose {rises} times and fell {falls} times{example}",
            f"{_factors(term)}: give the factor for the direction that shall count",
            term.name,
        )
    everything = any(play.amounts.any() for play in case.plays)
    if everything or moved:
        if unmoved:
            text = ", ".join(dict.fromkeys(unmoved))
            step = "check the addresses, or show the doctor a movie in which they change: --movie FILE"
            yield _finding(
                case, "note", "never paid", f"no play changed {text}, so nothing is known of that reward", "", step
            )
        return
    frames = sum(play.num_played for play in case.plays)
    shown = any(play.is_movie and play.num_played > 300 for play in case.plays)
    message = "the reward was zero on every frame of every play"
    evidence = f"{frames} frames in {len(case.plays)} episodes; {', '.join(unmoved) or 'the script'} never changed it"
    step = "check the addresses, or show the doctor a movie in which something is earned: --movie FILE"
    yield _finding(case, "warning" if shown else "note", "reward always zero", message, evidence, step)


def _factors(term: PaidVariable) -> str:
    return f"reward is {term.compiled.reward:g} and penalty is {term.compiled.penalty:g}"


def wrapping(case: Case) -> Iterator[Finding]:
    """Counters that run over the edge of their type: one small step reads as a huge one backwards."""
    for term in case.growing():
        variable = case.variable(term.column)
        for play in case.plays:
            alone = [
                frame for frame in wraps(play, term.column, variable) if not _is_made_good(case, play, term, int(frame))
            ]
            if not alone:
                continue
            frame = alone[0]
            before, after = play.samples[frame - 1 : frame + 1, term.column].tolist()
            high = next(
                (case.names[i] for i in range(len(case.names)) if _is_high_byte(play, i, term.column, alone)), None
            )
            joined = f'"joined": {{"{_joined_name(term.name)}": ["{high or "HIGH"}", "{term.name}"]}}'
            step = f"join it with its higher byte in data.json, {joined}, and reward the joined variable"
            if high is None:
                step += "; the higher byte changes by one on these frames: playthrough integrate search finds it"
            amount = float(play.amounts[frame - 1, term.term]) + 0.0  # no minus zero
            yield _finding(
                case,
                "error",
                "wrapping",
                f"{term.name!r} wraps: its change is {after - before:+d} where the game moved by "
                f"{_short_way(after - before, variable.probe.range()):+d}",
                f"{before} -> {after} on {_where(play, frame)}, paid {amount:+g}; {len(alone)} times in this play",
                step,
                term.name,
            )
            break


def _short_way(step: int, limits: tuple[int, int]) -> int:
    size = limits[1] - limits[0] + 1
    return (step + size // 2) % size - size // 2


def _joined_name(name: str) -> str:
    for ending in ("Lo", "_lo", "_low", "Low", "lo"):
        if name.endswith(ending) and len(name) > len(ending):
            return name.removesuffix(ending)
    return f"{name}_joined"


def _is_made_good(case: Case, play: Play, term: PaidVariable, frame: int) -> bool:
    """Whether the other terms of the same player outweigh a wrap, as those of a higher byte do."""
    own = float(play.amounts[frame - 1, term.term])
    others = sum(
        float(play.amounts[frame - 1, other])
        for other, player in enumerate(case.terms.players)
        if player == term.compiled.player and other != term.term
    )
    if own == 0:  # a fall that costs nothing is right if the higher byte's rise pays nothing either
        return False
    return bool(others * own < 0 and abs(own + others) <= abs(own) / 4)


def _is_high_byte(play: Play, column: int, wrapped: int, frames: list[int]) -> bool:
    """Whether a variable counts a wrapping one's rounds."""
    if column == wrapped:
        return False
    steps = np.diff(play.samples[:, column])
    on_wraps = [abs(int(steps[frame - 1])) == 1 for frame in frames]
    return all(on_wraps) and int(np.count_nonzero(steps)) <= 3 * len(frames)


def rocking(case: Case) -> Iterator[Finding]:
    """Rewards for what was lost for nothing before: agents earn them by going back and forth, or by waiting."""
    for term in case.growing():
        reward, penalty = term.compiled.reward, term.compiled.penalty
        if reward <= 0 or penalty > reward / 2:
            continue
        best: tuple[float, Play, int, int, int] | None = None
        jumps = 0.0
        for play in case.plays:
            steps = changes(play, term.column)
            steps[wraps(play, term.column, case.variable(term.column)) - 1] = 0
            usual = np.median(np.abs(steps[steps != 0])) if steps.any() else 0
            rises, falls = int(steps[steps > 0].sum()), -int(steps[steps < 0].sum())
            num_falls = int(np.count_nonzero(steps < 0))
            if num_falls >= 10 and falls >= _UNPAID_SHARE * rises and min(rises, falls) > 8 * max(usual, 1):
                gained = float(paid(play, term.term).sum())
                if best is None or gained > best[0]:
                    best, jumps = (gained, play, rises, falls, num_falls), float(usual)
        if best is None or best[0] <= 0:
            continue
        gained, play, rises, falls, num_falls = best
        start, end = play.samples[0, term.column], play.samples[play.num_played, term.column]
        low, high = case.variable(term.column).probe.range()
        if case.is_score(term.name) or jumps > (high - low) / 16:
            yield _finding(
                case,
                "warning",
                "spike",
                f"{term.name!r} jumps up and down, and each rise pays: it does not look like what its name says",
                f"the play '{play.name}' rose by {rises}, fell by {falls} on {num_falls} frames, went from {start} to "
                f"{end}, and was paid {gained:g}",
                "check the address and the type in data.json",
                term.name,
            )
            continue
        yield _finding(
            case,
            "warning",
            "rocking",
            f"going back and forth pays: {term.name!r} earns {reward:g} for a step up and {0 - penalty:g} for one down",
            f"the play '{play.name}' rose by {rises}, fell by {falls} on {num_falls} frames, went from {start} to "
            f"{end}, and was paid {gained:g}",
            f'give {term.name!r} "penalty": {reward:g}, or reward only a new best (a script, or [shaping] in a recipe)',
            term.name,
        )


def spikes(case: Case) -> Iterator[Finding]:
    """Variables that the game uses for something else for a while: they jump away and come back."""
    for term in case.growing():
        variable = case.variable(term.column)
        size = variable.probe.range()[1] - variable.probe.range()[0] + 1
        for play in case.plays:
            values, steps = play.samples[: play.num_played + 1, term.column], changes(play, term.column)
            if np.count_nonzero(steps) < 2:
                continue
            edges = set(wraps(play, term.column, variable).tolist())
            usual = max(float(np.median(np.abs(steps[steps != 0]))), 1.0)
            away = None
            for frame in np.flatnonzero(np.abs(steps) >= min(_SPIKE_FACTOR * usual, size / 2)) + 1:
                frame = int(frame)
                if frame in edges or abs(steps[frame - 1]) < 8:
                    continue
                if away is not None and frame - away <= _EXCURSION_FRAMES:
                    back = abs(int(values[frame]) - int(values[away - 1])) <= 4 * usual
                    got = float(paid(play, term.term)[away - 1 : frame].sum())
                    if back and abs(got) >= _SPIKE_FACTOR / 2 * usual * max(abs(term.compiled.reward), 1e-9):
                        before, there, after = (int(values[i]) for i in (away - 1, away, frame))
                        yield _finding(
                            case,
                            "warning",
                            "spike",
                            f"{term.name!r} jumps away and comes back: the game seems to use it for something else",
                            f"{before} -> {there} on {_where(play, away)}, back to {after} on frame {frame}, "
                            f"paid {got:+g}; its usual change is {usual:g}",
                            "find the address that keeps the value (a copy), or pay only while the game's mode says "
                            "that it is played",
                            term.name,
                        )
                        away = None
                        break
                away = frame
            else:
                continue
            break


def cancelling(case: Case) -> Iterator[Finding]:
    """Terms that take away what others give: pairs, or all of a player's terms together."""
    for player in sorted(set(case.terms.players)):
        terms = [
            term
            for term, owner in enumerate(case.terms.players)
            if owner == player and not case.terms.names[term].startswith(EACH_FRAME)
        ]
        groups = [list(pair) for pair in combinations(terms, 2)] + ([terms] if len(terms) > 2 else [])
        for group in groups:
            parts = [play.amounts[: play.num_played, group].astype(np.float64) for play in case.plays]
            windows = np.concatenate([_by_window(part) for part in parts])
            used = windows[windows.any(axis=1)]
            together = int(np.count_nonzero((used != 0).sum(axis=1) > 1))
            cancelled = np.abs(used.sum(axis=1)) <= 0.1 * np.abs(used).max(axis=1, initial=0)
            if together < 2 * _MIN_CHANGES or cancelled.mean() < 0.9:
                continue
            play, part = next((play, part) for play, part in zip(case.plays, parts, strict=True) if part.any())
            start = int(np.flatnonzero(part.any(axis=1))[0]) // _WINDOW_FRAMES * _WINDOW_FRAMES
            sums = part[start : start + _WINDOW_FRAMES].sum(axis=0)
            names = [case.terms.names[term] for term in group]
            amounts = ", ".join(f"{name} {amount:+g}" for name, amount in zip(names, sums, strict=True))
            yield _finding(
                case,
                "error",
                "cancelling",
                f"the terms {', '.join(names)} cancel each other out",
                f"{amounts} from frame {start + 1} to {start + _WINDOW_FRAMES} of the play '{play.name}'; the sum is "
                f"nearly zero in {cancelled.mean():.0%} of {len(used)} such stretches",
                "remove one of them, or correct its sign",
                names[-1],
            )
            break


def _by_window(amounts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sums over stretches of frames, float64 (stretches, terms)."""
    starts = np.arange(0, len(amounts), _WINDOW_FRAMES)
    return np.add.reduceat(amounts, starts, axis=0) if len(starts) else amounts


def signs(case: Case) -> Iterator[Finding]:
    """Points that cost something, and lost lives that pay."""
    for term in case.paid_variables():
        for play in case.plays:
            steps, amounts = changes(play, term.column), paid(play, term.term)
            punished = np.flatnonzero((steps > 0) & (amounts < 0)) + 1
            rewarded = np.flatnonzero((steps < 0) & (amounts > 0)) + 1
            if case.is_score(term.name) and len(punished) and not _has_counterpart(case, term):
                frame, what = int(punished[0]), "every point costs something"
                step = 'give "reward" a positive factor'
            elif case.is_lives(term.name) and len(rewarded):
                frame, what = int(rewarded[0]), "losing a life pays"
                step = 'a "penalty" is multiplied by the negative change: give it a positive factor'
            else:
                continue
            before, after = play.samples[frame - 1 : frame + 1, term.column].tolist()
            evidence = f"{before} -> {after} paid {amounts[frame - 1]:+g} on {_where(play, frame)}"
            message = f"{term.name!r} has the wrong sign: {what}"
            yield _finding(case, "warning", "wrong sign", message, evidence, step, term.name)
            break


def rises_for_nothing(case: Case) -> Iterator[Finding]:
    """Scores of which only the falls count."""
    for term in case.growing():
        if term.compiled.reward or not term.compiled.penalty or not case.is_score(term.name):
            continue
        for play in case.plays:
            steps = changes(play, term.column)
            rises = np.flatnonzero(steps > 0) + 1
            if not len(rises) or not (steps < 0).any():
                continue
            frame = int(rises[0])
            before, after = play.samples[frame - 1 : frame + 1, term.column].tolist()
            yield _finding(
                case,
                "warning",
                "unpaid",
                f"{term.name!r} rises too, and only its falls count",
                f"{before} -> {after} paid nothing on {_where(play, frame)}; {_factors(term)}",
                f'add "reward": {term.compiled.penalty:g}',
                term.name,
            )
            break


def _has_counterpart(case: Case, term: PaidVariable) -> bool:
    """Whether something else pays the same player for growing: the points that cost are then the opponent's."""
    return any(
        other.compiled.player == term.compiled.player and other.compiled.reward > 0
        for other in case.growing()
        if other.term != term.term
    )


def paid_for_standing(case: Case) -> Iterator[Finding]:
    """Values that are paid again on each frame, although nothing happens to them."""
    for term in case.paid_variables():
        measure = term.compiled.measure
        assert measure is not None
        if measure.measurement != "absolute":
            continue
        again = total = 0
        for play in case.plays:
            amounts, steps = paid(play, term.term), changes(play, term.column)
            again, total = again + np.count_nonzero(amounts[steps == 0]), total + len(amounts)
        if again < 100 or again < total / 20:
            continue
        play = next(play for play in case.plays if paid(play, term.term).any())
        frame = int(np.flatnonzero(paid(play, term.term))[0]) + 1
        value, amount = int(play.samples[frame, term.column]), float(play.amounts[frame - 1, term.term])
        plain = measure.op is Op.NONE
        yield _finding(
            case,
            "warning" if plain else "note",
            "paid every frame",
            f"{term.name!r} is paid again on every frame, also while it stays the same",
            f"{value} pays {amount:+g} on {_where(play, frame)}, and so on {again} of {total} frames without a change",
            'leave out "measurement": "absolute", so that changes are paid',
            term.name,
        )


def paid_for_nothing(case: Case) -> Iterator[Finding]:
    """Rewards that come as steadily to somebody who presses nothing."""
    idle = [play for play in case.plays if play.name == "nothing pressed"]
    active = [play for play in case.plays if play.name != "nothing pressed" and not play.is_movie]
    if not idle or not active:
        return

    def rate(plays: list[Play], term: int) -> float:
        return sum(float(paid(play, term).sum()) for play in plays) / max(sum(play.num_played for play in plays), 1)

    for number, name in enumerate(case.terms.names):
        amounts = np.concatenate([paid(play, number) for play in idle])
        steady = np.count_nonzero(amounts > 0)
        if name.startswith(EACH_FRAME) or steady < 20:
            continue
        idle_rate, active_rate = rate(idle, number), rate(active, number)
        if idle_rate <= 0 or idle_rate < 0.8 * active_rate:
            continue
        measure = case.terms.compiled[number].measure if case.terms.compiled else None
        if measure is not None and measure.measurement == "absolute":
            continue  # said already
        frames = len(amounts)
        yield _finding(
            case,
            "warning",
            "paid for nothing",
            f"{name!r} pays without anything being done: it looks like a clock, or moves by itself",
            f"pressing nothing earned {amounts.sum():g} in {frames} frames, on {steady} of them; other plays earned "
            f"{active_rate * frames:g} in as many",
            "reward another variable, or check the address",
            name,
        )


def first_reward(case: Case) -> Iterator[Finding]:
    """When a reward is possible at all."""
    found: list[tuple[int, float, Play, int]] = []
    for play in case.plays:
        kept = [i for i, name in enumerate(case.terms.names) if not name.startswith(EACH_FRAME)]
        amounts = play.amounts[: play.num_played, kept]
        frames = np.flatnonzero((amounts > 0).any(axis=1))
        if len(frames):
            frame = int(frames[0])
            column = int(np.argmax(amounts[frame] > 0))
            found.append((frame + 1, float(amounts[frame, column]), play, kept[column]))
    if not found:
        return
    frame, amount, play, term = min(found, key=lambda item: item[0])
    seconds = frame / case.frames_per_second
    yield _finding(
        case,
        "note",
        "first reward",
        f"the first frame on which a reward came is {frame} (after {seconds:.1f} s)",
        f"{amount:+g} for {case.terms.names[term]!r} in the play '{play.name}'",
        "a time limit, or no_progress_frames, has to be longer than that",
    )
