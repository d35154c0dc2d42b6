"""From a ROM to an environment: find where a game keeps its numbers, and prove it.

A new game's folder (`new_game`), memory search step by step (`search`), by demonstration (`demonstration`), progress
that scrolls (`progress`), score and lives that nobody pointed at (`guess`); and poking, which tells a number that the
game lives by from a copy of it (`poking`).
"""
