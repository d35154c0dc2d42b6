"""The smaller rows of the table of speed: resets, lanes, memory, threads, starting, isolation, asynchronous use."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from statistics import median

from benchmarks import sides
from benchmarks.bare_loop import BareLoop
from benchmarks.games import Game
from benchmarks.rounds import Comparison, in_turns
from benchmarks.table import Row

MIB = 1 << 20
HEAVY_MODULES = ("numpy", "gymnasium", "torch", "cv2", "PIL", "rich", "lupa", "matplotlib", "stable_retro", "typer")


def resets(game: Game, seconds: float, rounds: int) -> Iterator[Row]:
    """A reset against the core's own load of a savestate and the frame that follows it, between stretches of play."""
    name = game.integration.name
    count, gap = 12, 120  # two seconds of the game between resets
    with ExitStack() as stack:
        one, other = sides.ours(game, single=True), sides.stable_retro_alone(game)
        stack.callback(one.close)
        stack.callback(other.close)
        loop = BareLoop(game, one.peer)
        stack.callback(loop.close)
        times: dict[str, list[float]] = {"ours": [], "core": [], "load": [], "stable-retro": []}
        slowest = 0.0
        for number in range(rounds + 1):
            question = {"do": "resets", "count": count, "gap": gap}
            ours, theirs = one.peer.ask(question)["reset_us"], other.peer.ask(question)["reset_us"]
            bare = loop.loads(count, gap)
            if number == 0:
                continue
            slowest = max(slowest, *ours)
            for label, figures in (
                ("ours", ours),
                ("core", bare["start_us"]),
                ("load", bare["load_us"]),
                ("stable-retro", theirs),
            ):
                times[label].append(median(figures))
        load = median(times["load"])
        note = f"microseconds: reset, the core's load and one frame; its load alone {load:.0f}; slowest {slowest:.0f}"
        for claim, label, target, more in (
            ("reset, its cost in the core's own", "core", 1.15, note),
            ("reset, its cost in stable-retro's", "stable-retro", 1.0, ""),
        ):
            comparison = Comparison(times["ours"], times[label])
            yield Row.of("resets", claim, name, comparison, target=target, at_most=True, unit="us", note=more)


def lanes(game: Game, seconds: float, rounds: int) -> Iterator[Row]:
    """Steps per second of all lanes together, with 1, 8, 64 and 256 lanes."""
    name = game.integration.name
    with ExitStack() as stack:
        counts = (1, 8, 64, 256)
        all_sides: dict[int, sides.Side] = {}
        for count in counts:
            all_sides[count] = sides.ours(game, num_envs=count, num_threads=min(count, sides.THREADS))
            stack.callback(all_sides[count].close)
            all_sides[count].steps_per_second(0.5)
        timed = {str(count): _round(side, seconds) for count, side in all_sides.items()}
        figures = in_turns(timed, rounds)
        for count in counts:
            if count != 8:
                comparison = Comparison(figures[str(count)], figures["8"])
                target = 0.9 if count == 64 else None
                note = "one thread" if count == 1 else ""
                yield Row.of(
                    "lanes",
                    f"{count} {'lane' if count == 1 else 'lanes'} against 8",
                    name,
                    comparison,
                    target=target,
                    note=note,
                )


def memory(game: Game, seconds: float, rounds: int) -> Iterator[Row]:
    """Memory that one more lane takes, next to a process of stable-retro's with one environment."""
    sizes: list[int] = []
    for count in (8, 64):
        side = sides.ours(game, num_envs=count)
        side.steps_per_second(0.3)
        sizes.append(side.peer.ask({"do": "memory"})["rss"])
        side.close()
    other = sides.stable_retro_alone(game)
    other.steps_per_second(0.3)
    theirs = other.peer.ask({"do": "memory"})["rss"]
    other.close()
    per_lane = (sizes[1] - sizes[0]) / 56
    yield Row(
        "memory",
        "memory of a lane in a stable-retro process's",
        game.integration.name,
        per_lane / theirs,
        0.1,
        ours=per_lane / MIB,
        theirs=theirs / MIB,
        unit="MiB",
        at_most=True,
    )


def threads(game: Game, seconds: float, rounds: int) -> Iterator[Row]:
    """Sixteen threads against one, where there are so many processors."""
    claim = "16 threads against 1, 64 lanes"
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if processors < 16:
        yield Row("threads", claim, game.integration.name, target=14.0, note=f"{processors} processors here")
        return
    with ExitStack() as stack:
        many, one = (sides.ours(game, num_envs=64, num_threads=count) for count in (16, 1))
        for side in (many, one):
            stack.callback(side.close)
            side.steps_per_second(0.5)
        figures = in_turns({"ours": _round(many, seconds), "theirs": _round(one, seconds)}, rounds)
        yield Row.of("threads", claim, game.integration.name, Comparison(**figures), target=14.0)


def importing(game: None, seconds: float, rounds: int) -> Iterator[Row]:
    """How long `import playthrough` takes, beyond starting Python, and what it imports."""
    times: list[float] = []
    for _ in range(rounds):
        taken = [_run_s(code) for code in ("import playthrough", "pass")]
        times.append(taken[0] - taken[1])
    code = f"import sys, playthrough; print(*[name for name in {HEAVY_MODULES!r} if name in sys.modules])"
    heavy = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    yield Row(
        "start",
        "import playthrough, seconds",
        ratio=median(times),
        target=0.15,
        least=min(times),
        most=max(times),
        at_most=True,
        note=f"heavy modules: {heavy or 'none'}",
    )
    yield Row("start", "heavy modules that it imports", ratio=float(len(heavy.split())), target=0.0, at_most=True)


def first_observation(game: Game, seconds: float, rounds: int) -> Iterator[Row]:
    """From `make_vec` with 64 lanes to the first observation, in a fresh process."""
    times: list[float] = []
    for _ in range(min(rounds, 3)):
        side = sides.ours(game, num_envs=64)
        times.append(side.peer.ready["first_observation_s"])
        side.close()
    claim = "make_vec of 64 lanes to first observation, s"
    name = game.integration.name
    yield Row("start", claim, name, median(times), 1.0, least=min(times), most=max(times), at_most=True)


def isolation(game: Game, seconds: float, rounds: int) -> Iterator[Row]:
    """Lanes in supervised worker processes against lanes in the own process."""
    from playthrough.env.options import EnvOptions

    claim, name = "isolation=process against none", game.integration.name
    if "isolation" not in {field.name for field in dataclasses.fields(EnvOptions)}:
        yield Row("isolation", claim, name, target=0.95, note="there is no option `isolation`")
        return
    with ExitStack() as stack:
        apart, within = sides.ours(game, isolation="process"), sides.ours(game)
        for side in (apart, within):
            stack.callback(side.close)
            side.steps_per_second(0.8)
        figures = in_turns({"ours": _round(apart, seconds), "theirs": _round(within, seconds)}, rounds)
        note = f"episodes per 1000 steps {apart.episodes_per_1000_steps:.1f}, {within.episodes_per_1000_steps:.1f}"
        yield Row.of("isolation", claim, name, Comparison(**figures), target=0.95, note=note)


def asynchronous(game: Game, seconds: float, rounds: int) -> Iterator[Row]:
    """`send` and `recv` against `step`, with a learner on an accelerator that takes as long as the lanes."""
    from playthrough.env.vector import RetroVectorEnv

    claim, name = "send and recv against step", game.integration.name
    if not (hasattr(RetroVectorEnv, "send") and hasattr(RetroVectorEnv, "recv")):
        yield Row("asynchronous", claim, name, target=1.5, note="there is no `send` and `recv`")
        return
    with ExitStack() as stack:
        side = sides.ours(game)
        stack.callback(side.close)
        learner_s = sides.LANES / side.steps_per_second(0.8) / 2

        def learn(asynchronously: bool) -> Callable[[], float]:
            def figure() -> float:
                question = {"do": "learn", "seconds": seconds, "learner_s": learner_s, "asynchronous": asynchronously}
                answer = side.peer.ask(question)
                return answer["steps"] / answer["seconds"]

            return figure

        figures = in_turns({"ours": learn(True), "theirs": learn(False)}, rounds)
        note = f"the learner waits {1e6 * learner_s:.0f} us for each half of the lanes"
        yield Row.of("asynchronous", claim, name, Comparison(**figures), target=1.5, note=note)


def _round(side: sides.Side, seconds: float) -> Callable[[], float]:
    return lambda: side.steps_per_second(seconds)


def _run_s(code: str) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - begin
