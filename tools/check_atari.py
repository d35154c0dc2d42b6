"""Compares the Atari integrations of the stable-retro wheel with the Arcade Learning Environment.

    python tools/check_atari.py > docs/atari-integrations.md

Every game whose ROM ale-py brings is played in ale-py itself, at random. After each frame the integration reads its
variables from ale-py's own RAM, and its rewards, its end and its lives are compared with what ale-py says. `--doctor`
adds what the scenario doctor says about each game, which takes about ten seconds a game.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import playthrough as pt
from playthrough.env.options import EnvOptions
from playthrough.errors import PlaythroughError
from playthrough.game.integration import Integration, load_integration
from playthrough.game.reference import ScenarioReference
from playthrough.game.roms import find_rom
from playthrough.game.scenario import open_session
from playthrough.game.variables import Memory
from playthrough.integrate.check import check

RAM = 0x80
NUM_FRAMES = 6000
HOLD_FRAMES = 12


@dataclass
class Comparison:
    """What one game came to.

    Attributes:
        game: Its name.
        rewards: For each frame on which either paid: the frame, ale-py's reward, and the integration's.
        ends: For each episode: the frame on which ale-py ended it, and the first on which the integration did.
        lives: Variables named like lives, and on which share of the frames each equals ale-py's lives plus a constant.
        doctor: Errors and warnings of the scenario doctor.
    """

    game: str
    rewards: list[tuple[int, float, float]] = field(default_factory=list)
    ends: list[tuple[int, int | None]] = field(default_factory=list)
    lives: dict[str, tuple[float, int]] = field(default_factory=dict)
    doctor: list[str] = field(default_factory=list)


def episodes(integration: Integration, comparison: Comparison, seed: int) -> Iterator[None]:
    """Play in ale-py, and compare frame by frame."""
    from ale_py import ALEInterface, LoggerMode

    ALEInterface.setLoggerMode(LoggerMode.Error)
    ale = ALEInterface()
    ale.setInt("random_seed", seed)
    ale.setFloat("repeat_action_probability", 0.0)
    ale.loadROM(str(find_rom(integration).path))
    random = np.random.default_rng(seed)
    actions = ale.getLegalActionSet()
    scenario, variables = integration.scenario, integration.variables
    lives = {name: [] for name in variables if "live" in name.lower() or "life" in name.lower()}
    true_lives: list[int] = []

    def memory() -> Memory:
        return Memory({RAM: bytearray(ale.getRAM().tobytes())})

    def values() -> dict[str, int]:
        now = memory()
        return {name: now.value(variable.probe) for name, variable in variables.items()}

    frame = 0
    while frame < NUM_FRAMES:
        ale.reset_game()
        before, previous, start, mine = memory(), values(), frame, None
        session = open_session(scenario, variables) if scenario.needs_script else None
        if session:
            session.start_episode(before, previous)
        reference = ScenarioReference(scenario, variables)
        action = actions[0]
        while not ale.game_over() and frame < NUM_FRAMES:
            if frame % HOLD_FRAMES == 0:
                action = actions[int(random.integers(len(actions)))]
            paid = float(ale.act(action))
            frame += 1
            now, current = memory(), values()
            if session:
                result = session.frame(now, current, previous)
                done, reward = result.done, result.rewards[0]
            else:
                done, rewards = reference.evaluate(now, before)
                reward = rewards[0] if rewards else 0.0
            if done and mine is None:
                mine = frame - start
            if (paid or reward) and mine in (None, frame - start):
                comparison.rewards.append((frame, paid, reward))
            for name, history in lives.items():
                history.append(current[name])
            true_lives.append(ale.lives())
            before, previous = now, current
        if ale.game_over():
            comparison.ends.append((frame - start, mine))
        elif mine is not None:
            comparison.ends.append((0, mine))
        yield
    for name, history in lives.items():
        offsets = np.array(history) - np.array(true_lives)
        offset = int(np.bincount(offsets - offsets.min()).argmax() + offsets.min())
        comparison.lives[name] = float((offsets == offset).mean()), offset


def compare(game: str, *, doctor: bool) -> Comparison:
    """Compare one game."""
    comparison = Comparison(game)
    for _ in episodes(load_integration(game), comparison, seed=1):
        pass
    if doctor:
        report = check(EnvOptions(game=game), num_frames=2000)
        comparison.doctor = [
            f"{finding.level}: {finding.message}" for finding in report.findings if finding.level != "note"
        ]
    return comparison


def verdict_of_rewards(rewards: list[tuple[int, float, float]]) -> str:
    """What the payments of both show, in words."""
    if not rewards:
        return "not seen"
    theirs, mine = (sum(row[i] for row in rewards) for i in (1, 2))
    exact = [paid == reward for _, paid, reward in rewards]
    if all(exact):
        return f"equal ({len(rewards)} payments, {theirs:g} points)"
    both = [reward / paid for _, paid, reward in rewards if paid and reward]
    if len(both) == len(rewards) and max(both) - min(both) < 1e-6:
        return f"**factor {both[0]:g}**: {mine:g} against {theirs:g} points"
    frame, paid, reward = next(row for row, same in zip(rewards, exact, strict=True) if not same)
    near = _equal_within(rewards, frames=8)
    if near:
        return f"equal, up to {near} frames apart ({theirs:g} points)"
    return f"**differs**: {mine:g} against {theirs:g} points; first on frame {frame}: {reward:+g} against {paid:+g}"


def _equal_within(rewards: list[tuple[int, float, float]], frames: int) -> int | None:
    """How many frames apart the same payments come, if both pay the same a little earlier or later."""
    theirs = [(frame, paid) for frame, paid, _ in rewards if paid]
    mine = [(frame, reward) for frame, _, reward in rewards if reward]
    if len(theirs) != len(mine):
        return None
    apart = [abs(a[0] - b[0]) for a, b in zip(theirs, mine, strict=True)]
    same = all(a[1] == b[1] for a, b in zip(theirs, mine, strict=True))
    return max(apart) if same and max(apart) <= frames else None


def verdict_of_ends(ends: list[tuple[int, int | None]]) -> str:
    """What the ends of both show, in words."""
    if not ends:
        return "not seen"
    missing = [theirs for theirs, mine in ends if mine is None]
    early = [(theirs, mine) for theirs, mine in ends if mine is not None and (not theirs or mine < theirs - 1)]
    if missing:
        return (
            f"**missing**: ale-py ended on frame {missing[0]}, the integration did not ({len(missing)} of {len(ends)})"
        )
    if early:
        theirs, mine = early[0]
        later = f"on frame {theirs}" if theirs else "later"
        return f"**early**: on frame {mine}, ale-py {later} ({len(early)} of {len(ends)})"
    return f"equal ({len(ends)} episodes)"


def verdict_of_lives(lives: dict[str, tuple[float, int]]) -> str:
    """How the variables named like lives relate to ale-py's lives."""
    parts = []
    for name, (share, offset) in lives.items():
        relation = "ale-py's" if offset == 0 else f"ale-py's {offset:+d}"
        parts.append(f"`{name}` = {relation}" if share > 0.98 else f"**`{name}`** is {relation} on {share:.0%} only")
    return "; ".join(parts) or "none"


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("games", nargs="*", help="Which games; all whose ROM is here.")
    parser.add_argument("--doctor", action="store_true", help="Ask the scenario doctor too.")
    options = parser.parse_args()
    games = options.games or [
        game for game in pt.list_playable() if game.endswith("-Atari2600") and not game.startswith("Tiny-")
    ]
    print(Path(__file__).with_name("check_atari.md").read_text().strip(), end="\n\n")
    print("| game | reward | end | lives | doctor |\n|---|---|---|---|---|")
    for game in games:
        try:
            result = compare(game, doctor=options.doctor)
        except PlaythroughError as error:
            print(f"| {game} | {error} | | | |", flush=True)
            continue
        cells = (
            verdict_of_rewards(result.rewards),
            verdict_of_ends(result.ends),
            verdict_of_lives(result.lives),
            "; ".join(result.doctor) or "nothing",
        )
        print(f"| {game.removesuffix('-Atari2600')} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
