"""Score, lives and game over, on plays whose numbers were made up."""

from __future__ import annotations

import numpy as np

from playthrough.integrate.episodes import Play
from playthrough.integrate.guess_lives import guess_game_over, guess_lives
from playthrough.integrate.guess_score import guess_score
from playthrough.integrate.recording import Recording

FRAMES, PLAYS, OVER = 1800, 4, 1500


def bcd(values: np.ndarray) -> np.ndarray:
    """Two decimal digits in a byte."""
    return values // 10 % 10 * 16 + values % 10


def made_up() -> tuple[Recording, list[Play]]:
    """Plays with a score in two BCD bytes that are not neighbours, lives in some bits of a byte, clocks and noise."""
    random = np.random.default_rng(5)
    names = ("score_low", "score_high", "lives", "clock", "noise", "over", "timer", "coin")
    memory = {name: np.zeros((PLAYS, FRAMES), np.int64) for name in names}
    for play in range(PLAYS):
        events = np.sort(random.choice(OVER - 100, 40, replace=False)) + 50
        score = np.zeros(FRAMES, np.int64)
        for event in events:
            score[event:] += int(random.choice([5, 10, 25, 50]))
        memory["score_low"][play], memory["score_high"][play] = bcd(score % 100), bcd(score // 100)
        lives = np.full(FRAMES, 3)
        for at in (*np.sort(random.choice(np.arange(200, 1300, 150), 2, replace=False)), OVER):
            lives[at:] -= 1
        memory["lives"][play] = lives | 0x50
        memory["clock"][play] = np.arange(FRAMES) % 256
        memory["noise"][play] = random.integers(0, 256, FRAMES)
        memory["over"][play, OVER:] = 0x80
        memory["timer"][play] = bcd(np.arange(FRAMES) // 60)
        memory["coin"][play] = random.integers(0, 3, FRAMES)
    ram = np.stack([memory[name].reshape(-1) for name in names], axis=1).astype(np.uint8)
    addresses = np.array([0x80, 0x83, 0x86, 0x89, 0x8C, 0x8F, 0x92, 0x95])
    total = PLAYS * FRAMES
    zeros = np.zeros(total, np.int16)
    recording = Recording(
        addresses=addresses,
        ram=ram,
        play=np.repeat(np.arange(PLAYS, dtype=np.int32), FRAMES),
        masks=zeros.astype(np.uint16),
        dx=zeros,
        dy=zeros,
        known=zeros.astype(np.bool_),
        pictures=zeros.astype(np.uint32),
    )
    plays = [Play(number * FRAMES, (number + 1) * FRAMES, number * FRAMES + OVER) for number in range(PLAYS)]
    return recording, plays


def test_a_score_whose_bytes_are_not_neighbours() -> None:
    best = guess_score(*made_up())[0]
    parts = [(part.address, str(part.type), part.weight) for part in best.parts]
    assert parts == [(0x80, "|d1", 1), (0x83, "|d1", 100)]
    assert list(best.variables) == ["score1s", "score100s"]


def test_a_clock_is_no_score() -> None:
    ranked = {guess.parts[0].address: guess.likeness for guess in guess_score(*made_up())}
    assert ranked.get(0x92, 0.0) < 0.3 * ranked[0x80]
    assert not {0x89, 0x8C, 0x95} & ranked.keys()


def test_lives_in_some_bits_of_a_byte() -> None:
    best = guess_lives(*made_up())[0]
    assert best.parts[0].address == 0x86
    assert best.end is not None
    assert best.end & 0x0F == 0, "the game is over with the last one"
    assert best.parts[0].mask in (0x0F, 0x07, 0x03)


def test_game_over_has_a_value_of_its_own() -> None:
    found = guess_game_over(*made_up())
    assert {guess.parts[0].address: guess.end for guess in found} == {0x8F: 0x80, 0x86: 0x50}  # and the last life
    recording, plays = made_up()
    assert guess_game_over(recording, [Play(play.begin, play.end, None) for play in plays]) == []
