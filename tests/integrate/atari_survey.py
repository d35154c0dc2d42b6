"""How often the first guess is right: Atari games from the bare ROM, compared with ale-py.

    PYTHONPATH=src:tests python -m integrate.atari_survey space_invaders assault

For each game a line with the share of ale-py's rewards that the guessed score gives (with the factor that the screen
adds in zeros), and of its lives; and which of the first guesses is the best.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path

from integrate.atari_oracle import Trajectory, trajectory

from playthrough.env.options import EnvOptions
from playthrough.errors import PlaythroughError
from playthrough.game.states import save_state
from playthrough.integrate.control import find_beginning
from playthrough.integrate.guess import guess
from playthrough.integrate.guessed import Guess
from playthrough.integrate.machine import Machine
from playthrough.integrate.new_game import create_game

ROMS = Path(importlib.util.find_spec("ale_py").origin).parent / "roms"  # type: ignore[union-attr,arg-type]
LOOKED_AT = 3


def best_score(frames: Trajectory, guesses: list[Guess]) -> str:
    """The guess among the first few that agrees most with ale-py's reward."""
    found = [
        (frames.share_of_rewards(made.parts, factor), -place, factor, made)
        for place, made in enumerate(guesses[:LOOKED_AT], 1)
        for factor in (1, 10, 100, 1000)
    ]
    if not found:
        return "none"
    share, place, factor, made = max(found, key=lambda entry: entry[:2])
    where = " ".join(f"{part.address:#x}{part.type}" for part in made.parts)
    return f"{share:.0%} (guess {-place}: {where}, times {factor})"


def best_lives(frames: Trajectory, guesses: list[Guess]) -> str:
    """Likewise, for ale-py's lives."""
    found = [(*frames.share_of_lives(made.parts), -place, made) for place, made in enumerate(guesses[:LOOKED_AT], 1)]
    if not found:
        return "none"
    share, constant, place, made = max(found, key=lambda entry: (entry[0], entry[2]))
    part = made.parts[0]
    mask = "" if part.mask is None else f"&{part.mask:#x}"
    return f"{share:.0%} (guess {-place}: {part.address:#x}{mask}, {constant:+d})"


def main(names: list[str]) -> None:
    """Print a line per game."""
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            game = create_game(ROMS / f"{name}.bin", folder, "Bare", "Atari2600")
            try:
                with Machine(EnvOptions(game=game, state="power-on")) as machine:
                    beginning = find_beginning(machine)
                    save_state(game / "Start.state", machine.savestate())
                with Machine(EnvOptions(game=game, state="Start")) as machine:
                    found = guess(machine, 4, 45)
            except PlaythroughError as error:
                print(f"{name}: {error}", flush=True)
                continue
            frames = trajectory(ROMS / f"{name}.bin")
            print(
                f"{name}: after {beginning.pressed}; score {best_score(frames, found.score)} of "
                f"{int((frames.reward != 0).sum())} rewards; lives {best_lives(frames, found.lives)} "
                f"of {sorted(set(frames.lives.tolist()))}",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
