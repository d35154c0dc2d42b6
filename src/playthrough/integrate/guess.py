"""Score, lives and game over, found without being told anything.

A score only rises while a game lasts, rarely and by different amounts, at moments that depend on how somebody plays,
and starts from the same value every time. Lives begin with the same small number, fall by one, rarely, and stop falling
when the game stops listening. A number that says that the game is over has one value then that it never had before.
From several plays with different random buttons every number in memory is judged by that; poking shows what is on the
screen.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from playthrough.integrate.episodes import Play, play_episodes
from playthrough.integrate.guess_lives import guess_game_over, guess_lives
from playthrough.integrate.guess_score import guess_score
from playthrough.integrate.guessed import Guess
from playthrough.integrate.machine import Machine
from playthrough.integrate.poking import Poking
from playthrough.integrate.recording import Recording

_POKE_FRAMES = 30
_POKED = 12


@dataclass(frozen=True, eq=False)
class Guesses:
    """What was found, the likeliest first.

    Attributes:
        score: Numbers that may be the score.
        lives: Numbers that may be the lives that are left.
        game_over: Numbers that may say that the game is over.
        plays: What was played.
        recording: And what memory did.
    """

    score: list[Guess]
    lives: list[Guess]
    game_over: list[Guess]
    plays: list[Play] = field(repr=False)
    recording: Recording = field(repr=False)


def guess(machine: Machine, num_plays: int = 6, seconds: float = 60, seed: int = 0) -> Guesses:
    """Play at random from the start state and propose score, lives and game over.

    Args:
        machine: The game, from a state in which it listens.
        num_plays: How often to play.
        seconds: How long at most each time, in the game's time.
        seed: Of what is pressed.
    """
    recording, plays = play_episodes(machine, num_plays, seconds, seed)
    machine.start()
    machine.run(np.zeros(_POKE_FRAMES, np.uint16))
    poking = Poking(machine, np.zeros(_POKE_FRAMES, np.uint16))
    score = _on_the_screen(machine, poking, guess_score(recording, plays))
    lives = _on_the_screen(machine, poking, guess_lives(recording, plays))
    return Guesses(score, lives, guess_game_over(recording, plays), plays, recording)


def _on_the_screen(machine: Machine, poking: Poking, guesses: list[Guess]) -> list[Guess]:
    """The first guesses, poked: what is drawn in a small place of the screen is likelier, a copy less likely."""
    judged: list[Guess] = []
    for number, made in enumerate(guesses):
        if number >= _POKED:
            judged.append(made)
            continue
        part = made.parts[0]
        raw = machine.read(part.address, part.type.width)
        at = part.type.byte_offsets()[-1]
        changed = bytearray(raw)
        # Another digit in the lowest byte (BCD stays BCD), or one more or less in what a mask keeps.
        changed[at] ^= (part.mask & -part.mask) if part.mask else 0x01 if made.name == "lives" else 0x11
        poked = poking.write(part.address, bytes(changed))
        small = poked.box is not None and poked.share < 0.03
        worth = {"original": 1.0, "unused": 0.85, "copy": 0.5}[poked.verdict]
        if poked.box is None:  # a score is always drawn, lives only where one begins
            worth *= 0.7 if made.name == "score" else 1.1
        elif small:
            worth *= 1.25
        judged.append(replace(made, poked=poked, likeness=made.likeness * worth))
    judged.sort(key=lambda guess: guess.likeness, reverse=True)
    if judged and judged[0].name == "score" and len(judged[0].parts) == 1:
        part = judged[0].parts[0]
        address, kind, _ = poking.widened(part.address, part.type)
        judged[0] = replace(judged[0], parts=(replace(part, address=address, type=kind),))
    return [replace(made, likeness=min(made.likeness, 1.0)) for made in judged]
