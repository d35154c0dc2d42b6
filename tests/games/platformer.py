"""Wickling, our platformer, as the tests see it: its folder, its movies, and one console played frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import playthrough as pt
from playthrough.engine.systems import get_system
from playthrough.game.movies import Movie, read_movie

REPOSITORY = Path(__file__).parents[2]
GAME = REPOSITORY / "games" / "Wickling-Nes"
LEVELS = ("Level1-1", "Level1-2", "Level1-3", "Level2-1")
RAM_BYTES = 2048
NES = get_system("Nes")

LAG_FRAMES = 0x785
PLAY, GOAL, DYING, GAME_OVER, DUEL = 2, 3, 4, 5, 7


def movie_of(level: str) -> Movie:
    """The movie that finishes a level."""
    return read_movie(GAME / "movies" / f"{level}.bk2")


def symbols() -> dict[str, int]:
    """Every name of the symbol file with its address."""
    lines = (GAME / "wickling.sym").read_text().splitlines()
    return {name: int(address, 16) for address, name in (line.split() for line in lines)}


@dataclass
class Play:
    """What an environment gave, step by step (a step is a frame).

    Attributes:
        rewards: Of every step, one row per player.
        infos: The variables after the reset and after every step; one more than rewards.
        terminated: Whether the last step ended the game.
    """

    rewards: list[np.ndarray] = field(default_factory=list)
    infos: list[dict[str, int]] = field(default_factory=list)
    terminated: bool = False

    def changes(self, name: str) -> np.ndarray:
        """The change of a variable at every step."""
        return np.diff([info[name] for info in self.infos])

    def rewards_of(self, player: int) -> np.ndarray:
        """One player's reward at every step."""
        return np.array([rewards[player] for rewards in self.rewards])


def play(state: str, scenario: str, pads: Iterator[list[str]], players: int = 1, until_end: bool = True) -> Play:
    """Play the buttons of every frame (one text per player, names joined by `+`)."""
    env = pt.make_vec(
        GAME,
        num_envs=1,
        state=state,
        scenario=scenario,
        actions="all",
        players=players,
        observation="ram",
        autoreset_mode="disabled",
    )
    try:
        _, infos = env.reset(seed=0)
        names = env.variables
        result = Play(infos=[{name: int(infos[name][0]) for name in names}])
        for texts in pads:
            masks = [NES.mask_of(text.split("+")) if text else 0 for text in texts]
            action = np.array([[mask >> bit & 1 for mask in masks for bit in range(len(NES.buttons))]], np.int8)
            _, _, terminated, _, infos = env.step(action)
            result.rewards.append(np.array(infos["rewards"][0]))
            result.infos.append({name: int(infos[name][0]) for name in names})
            result.terminated = bool(terminated[0])
            if result.terminated and until_end:
                break
            env.go_on()
        return result
    finally:
        env.close()


def pads_of(movie: Movie) -> Iterator[list[str]]:
    """The buttons of a movie for an environment, whose reset has run the first frame."""
    for masks in movie.inputs[1:]:
        yield ["+".join(NES.names_of(int(mask))) for mask in masks]
