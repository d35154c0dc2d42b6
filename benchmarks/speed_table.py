"""The table of speed: next to what the cores themselves can do, and to every other way to run these games.

Both sides of a ratio run the same ROM from the same start, with random buttons of the same kind, drawn beforehand and
held for the same frames, in turns and after a warm-up; the figure is the median of eleven short rounds. A step that
only resets is no decision and does not count, on any side.

    python -m benchmarks speed_table                    all of it, some minutes
    python -m benchmarks speed_table --only vector      a section, or a part such as vector:Break; may be repeated
    python -m benchmarks speed_table --out rows.json    as JSON, or as CSV
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from benchmarks import sides
from benchmarks.bare_loop import BareLoop
from benchmarks.games import GAMES, Game, prepare
from benchmarks.peer import PeerError
from benchmarks.rounds import ROUNDS, Comparison, in_turns
from benchmarks.speed_rows import asynchronous, first_observation, importing, isolation, lanes, memory, resets, threads
from benchmarks.table import Row, print_rows, write_rows

WARM_UP_S = 1.5
PROCESSES = 2

# Of each game: against A, against B with the same core, and fast against B as its user runs it.
TARGETS = {
    "Airstriker-Genesis": (3.3, 1.3, 3.0),
    "Breakout-Atari2600": (3.0, 1.15, 1.15),
    "Wickling-Nes": (3.0, 1.15, 1.15),
}
SHARE_TARGET = 0.93

# Of each game, one environment: against stable-retro's step.
SINGLE_TARGETS = {"Airstriker-Genesis": 1.2, "Breakout-Atari2600": 1.7, "Wickling-Nes": 1.7, "Tiny-GameBoy": 2.2}
SINGLE_SHARE_TARGET = 0.90


def vector(game: Game, seconds: float, rounds: int) -> Iterator[Row]:
    """Eight lanes of `gray84` on two threads at frame skip 4."""
    name = game.integration.name
    against_a, against_b, fast_against_b = TARGETS[name]
    with ExitStack() as stack:
        missing: dict[str, str] = {}

        def start(label: str, make: Callable[[], sides.Side]) -> None:
            try:
                all_sides[label] = make()
                stack.callback(all_sides[label].close)
            except PeerError as error:
                missing[label] = str(error)

        all_sides: dict[str, sides.Side] = {}
        start("ours", lambda: sides.ours(game))
        start("endless", lambda: sides.ours(game, fresh=True, scenario=str(game.endless)))
        start("fast", lambda: sides.ours(game, fast=True))
        start("A", lambda: sides.stable_retro(game))
        start("A lean", lambda: sides.stable_retro(game, lean=True))
        start("B same", lambda: sides.turbo(game, same_cores=True))
        start("B own", lambda: sides.turbo(game, same_cores=False))
        if "ours" in missing or "endless" in missing:
            raise PeerError(missing.get("ours") or missing["endless"])
        for side in all_sides.values():
            side.steps_per_second(WARM_UP_S)
        # Bare loops start again as often as our lanes do, so that both play the same parts of the game.
        loops = {"limit": BareLoop(game, all_sides["ours"].peer, processes=PROCESSES, frame_skip=sides.FRAME_SKIP)}
        endless_frames = max(1, int(sides.FRAME_SKIP * all_sides["endless"].steps * seconds / WARM_UP_S / sides.LANES))
        if "fast" in all_sides:
            loops["fast limit"] = BareLoop(
                game, all_sides["fast"].peer, processes=PROCESSES, frame_skip=sides.FRAME_SKIP, skip_unseen=True
            )
        for loop in loops.values():
            stack.callback(loop.close)
            loop.steps_per_second(0.3)
        timed: dict[str, Callable[[], float]] = {}
        for label, side in all_sides.items():
            timed[label] = lambda side=side: side.steps_per_second(seconds)
        for label, loop in loops.items():
            every = all_sides["ours" if label == "limit" else "fast"].frames_per_episode
            timed[label] = lambda loop=loop, every=every: loop.steps_per_second(seconds, every)
        timed["endless limit"] = lambda: loops["limit"].steps_per_second(seconds, endless_frames)
        figures = in_turns(timed, rounds)

        def row(claim: str, one: str, other: str, target: float | None, note: str = "") -> Row:
            for label in (one, other):
                if label not in figures:
                    return Row("vector", claim, name, target=target, note=missing.get(label, f"no {label}"))
            said = [
                f"{all_sides[label].episodes_per_1000_steps:.1f}" if label in all_sides else "as many"
                for label in (one, other)
            ]
            ends = "" if one == "endless" else f"episodes per 1000 steps {said[0]}, {said[1]}"
            comparison = Comparison(figures[one], figures[other])
            return Row.of("vector", claim, name, comparison, target=target, note="; ".join(filter(None, [note, ends])))

        fast_core = all_sides["fast"].peer.ready["core_name"] if "fast" in all_sides else ""
        yield row("exact, share of the limit", "ours", "limit", SHARE_TARGET)
        yield row("exact, share of the limit, endless", "endless", "endless limit", SHARE_TARGET, "no episode ends")
        yield row("exact against A, stable-retro", "ours", "A", against_a)
        yield row("exact against A with lean wrappers", "ours", "A lean", None)
        yield row("exact against B, turbo, same core", "ours", "B same", against_b)
        yield row("fast against B as its user runs it", "fast", "B own", fast_against_b, fast_core)
        yield row("fast, share of a loop with its core", "fast", "fast limit", SHARE_TARGET, fast_core)
        yield row("fast against exact", "fast", "ours", None, fast_core)


def single(game: Game, seconds: float, rounds: int) -> Iterator[Row]:
    """One environment: `rgb`, every frame, variables and reward. No episode ends: resets have rows of their own."""
    name = game.integration.name
    with ExitStack() as stack:
        one = sides.ours(game, single=True, fresh=True, scenario=str(game.endless))
        stack.callback(one.close)
        other = sides.stable_retro_alone(game, endless=True)
        stack.callback(other.close)
        every = max(1, int(seconds * one.steps_per_second(WARM_UP_S / 2)))
        other.steps_per_second(WARM_UP_S / 2)
        loop = BareLoop(game, one.peer)
        stack.callback(loop.close)
        loop.steps_per_second(0.2)
        figures = in_turns(
            {
                "ours": lambda: one.steps_per_second(seconds),
                "limit": lambda: loop.steps_per_second(seconds, every),
                "stable-retro": lambda: other.steps_per_second(seconds),
            },
            rounds,
        )
        for claim, label, target in (
            ("one environment, rgb, share of the limit", "limit", SINGLE_SHARE_TARGET),
            ("one environment against stable-retro's step", "stable-retro", SINGLE_TARGETS[name]),
        ):
            comparison = Comparison(figures["ours"], figures[label])
            yield Row.of("single", claim, name, comparison, target=target, unit="frames/s", note="no episode ends")


def atari(game: Game, seconds: float, rounds: int) -> Iterator[Row]:
    """Next to the Arcade Learning Environment's vector environments, which run another emulator: a goal."""
    name = game.integration.name
    claims = {
        "ale": "fast against C, ale-py's AtariVectorEnv (a goal)",
        "envpool": "fast against C, EnvPool (a goal)",
    }
    with ExitStack() as stack:
        one = sides.ours(game, fast=True)
        stack.callback(one.close)
        others: dict[str, sides.Side] = {}
        for which, claim in claims.items():
            try:
                others[which] = sides.atari(which)
                stack.callback(others[which].close)
            except PeerError as error:
                yield Row("atari", claim, name, note=str(error))
        for side in (one, *others.values()):
            side.steps_per_second(WARM_UP_S / 2)
        timed = {"ours": lambda: one.steps_per_second(seconds)}
        for which, side in others.items():
            timed[which] = lambda side=side: side.steps_per_second(seconds)
        figures = in_turns(timed, rounds)
        for which, side in others.items():
            note = f"episodes per 1000 steps {one.episodes_per_1000_steps:.1f}, {side.episodes_per_1000_steps:.1f}"
            comparison = Comparison(figures["ours"], figures[which])
            yield Row.of("atari", claims[which], name, comparison, note=f"another emulator; {note}")


Section = Callable[[Game, float, int], Iterator[Row]]

SECTIONS: tuple[tuple[str, Section, Sequence[str]], ...] = (
    ("vector", vector, GAMES),
    ("single", single, (*GAMES, "Tiny-GameBoy")),
    ("resets", resets, (*GAMES, "Tiny-GameBoy")),
    ("lanes", lanes, ("Airstriker-Genesis", "Wickling-Nes")),
    ("memory", memory, GAMES),
    ("threads", threads, ("Airstriker-Genesis",)),
    ("start", importing, ("",)),
    ("start", first_observation, GAMES),
    ("isolation", isolation, GAMES),
    ("asynchronous", asynchronous, ("Airstriker-Genesis",)),
    ("atari", atari, ("Breakout-Atari2600",)),
)


def measure(only: Sequence[str], seconds: float, rounds: int, console: Console) -> list[Row]:
    """Measure the wanted rows one after another; a side that cannot run skips its rows and says why."""
    rows: list[Row] = []
    for section, measured, names in SECTIONS:
        for name in names:
            if only and not any(f"{section}:{name}".startswith(text) for text in only):
                continue
            console.print(f"[dim]{section} {name}[/dim]")
            before = _busy_s()
            try:
                rows += measured(prepare(name) if name else None, seconds, rounds)  # type: ignore[arg-type]
            except PeerError as error:
                rows.append(Row(section, section, name, note=str(error)))
            after = _busy_s()
            disturbed = (after[0] - before[0]) / max(after[1] - before[1], 1e-9)
            if disturbed > 0.05:
                console.print(f"[bold yellow]other programs used {disturbed:.0%} of the processors meanwhile[/]")
    return rows


def _busy_s() -> tuple[float, float]:
    """Seconds that processors have worked for others than this process and its ended children, and all there were."""
    own = sum(os.times()[:4])
    ticks = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    scale = os.sysconf("SC_CLK_TCK")
    idle = ticks[3] + ticks[4]
    return (sum(ticks) - idle) / scale - own, sum(ticks) / scale


def main(arguments: Sequence[str] = ()) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks speed_table")
    parser.add_argument("--only", action="append", default=[], help="a section, or one of its games: vector:Breakout")
    parser.add_argument("--out", type=Path, help="also write the rows to this .json or .csv file")
    parser.add_argument("--seconds", type=float, default=0.25, help="length of one round of one side")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = parser.parse_args(arguments)
    rows = measure(chosen.only, chosen.seconds, chosen.rounds, Console(stderr=True))
    title = (
        f"Ratios, median of {chosen.rounds} rounds; frame skip 4, gray84, 8 lanes, 2 threads unless a row says other"
    )
    print_rows(rows, Console(width=None if Console().is_terminal else 200), title)
    if chosen.out:
        write_rows(rows, chosen.out)
