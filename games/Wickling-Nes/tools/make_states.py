"""Plays the recipes of the start states from power-on and writes the savestates beside them.

    python games/Wickling-Nes/tools/make_states.py

Run it after the ROM was rebuilt. The recipes of the levels' starts and of the duel are made here; those in the middle
of a level come from the movies.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import playthrough as pt
from playthrough.engine.systems import get_system
from playthrough.game.movies import read_movie
from playthrough.game.states import Recipe, save_state

GAME = Path(__file__).parents[1]
MODE_PLAY, MODE_DUEL = 2, 7

# What is pressed on the title: frames, buttons.
MENU = {
    "Level1-1": [],
    "Level1-2": ["RIGHT"],
    "Level1-3": ["RIGHT", "RIGHT"],
    "Level2-1": ["LEFT"],
    "Versus": ["DOWN"],
    "Versus2P": ["DOWN", "DOWN"],
}
TITLE_FRAMES = 30
# At this x a state in the middle of the level is taken: name, movie, x of the player.
MIDDLE = {
    "Level1-1-Middle": ("Level1-1", 1700),
    "Level1-2-Middle": ("Level1-2", 1780),
    "Level1-3-Middle": ("Level1-3", 1780),
}


class Console:
    """One game from power-on, frame by frame, remembering what was pressed."""

    def __init__(self, players: int) -> None:
        self.system = get_system("Nes")
        self.env = pt.make_vec(GAME, num_envs=1, players=players, state="power-on", actions="all", observation="ram")
        self.engine = self.env.engine
        self.players = players
        self.masks: list[list[int]] = []
        self.engine.load({0: b""})

    def run(self, masks: list[int], frames: int = 1) -> None:
        """Hold the buttons of each player for some frames."""
        buttons = np.tile(np.array(masks, np.uint16), (1, frames, 1))
        self.engine.run(buttons, np.full(1, frames, np.int32), np.zeros(1, np.uint8))
        self.masks += [masks] * frames

    def byte(self, address: int) -> int:
        """A byte of the console's memory."""
        return self.engine.read_memory(0, address, 1)[0]

    def write(self, name: str) -> None:
        """Write the recipe and the savestate."""
        Recipe.from_masks(np.array(self.masks, np.uint16), self.system).write(GAME / f"{name}.recipe.json")
        save_state(GAME / f"{name}.state", self.engine.save(0))
        print(f"{name}: {len(self.masks)} frames from power-on")


def begin(name: str) -> Console:
    """From power-on to the first frame of play."""
    console = Console(2 if name == "Versus2P" else 1)
    nothing = [0] * console.players

    def press(button: str) -> None:
        console.run([console.system.mask_of([button]), *nothing[1:]])
        console.run(nothing)

    console.run(nothing, TITLE_FRAMES)
    for button in MENU[name]:
        press(button)
    press("START")
    while console.byte(0x770) not in (MODE_PLAY, MODE_DUEL) or console.byte(0x09) == 0:
        console.run(nothing)
    return console


def main() -> None:
    """Write every state."""
    for name in MENU:
        begin(name).write(name)
    for name, (start, x) in MIDDLE.items():
        path = GAME / "movies" / f"{start}.bk2"
        if not path.is_file():
            print(f"{name}: no movie yet")
            continue
        console = begin(start)
        for pads in read_movie(path).inputs:
            console.run([int(pads[0])])
            place = console.byte(0x6D) * 256 + console.byte(0x86)
            if place >= x and console.byte(0x1D) == 0:
                break
        console.write(name)


if __name__ == "__main__":
    main()
