"""The reward ledger says what the environment paid, payment by payment."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import playthrough as pt
from playthrough.integrate.ledger import explain

WICKLING = Path(__file__).parents[2] / "games" / "Wickling-Nes"
MOVIE = WICKLING / "movies" / "Level1-1.bk2"


def test_every_payment_of_a_movie() -> None:
    ledger = explain(MOVIE)
    assert ledger.play.ended_at == 1636
    played = ledger.play.rewards[:1636, 0].sum()
    assert played == 4328
    assert sum(ledger.totals.values()) == ledger.play.rewards.sum()
    entries = list(ledger.entries())
    last = next(entry for entry in entries if entry.term == "levels_done")
    assert (last.frame, last.before, last.after, last.amount) == (1636, 0, 1, 1000)
    assert last.total == played
    assert len(entries) == sum(ledger.payments.values())
    rows = list(csv.DictReader(ledger.to_csv().splitlines()))
    assert len(rows) == len(entries)
    assert float(rows[-1]["total"]) == ledger.play.rewards.sum()


@pytest.mark.parametrize(("scenario", "players"), [(None, 1), ("speedrun", 1), ("versus", 2)])
def test_an_environment_says_the_same_on_request(scenario: str | None, players: int) -> None:
    env = pt.make_vec(
        "Wickling-Nes", num_envs=2, scenario=scenario, players=players, frame_skip=4, explain_rewards=True
    )
    try:
        _, infos = env.reset(seed=3)
        assert "reward_terms" not in infos
        random = np.random.default_rng(3)
        for _ in range(150):
            actions = random.integers(0, 2, env.action_space.shape or ())
            *_, infos = env.step(actions)
            for lane in range(2):
                paid = infos["reward_terms"][lane]
                for player, reward in enumerate(infos["rewards"][lane]):
                    mine = (value for name, value in paid.items() if name.endswith("(player 2)") == (player == 1))
                    assert sum(mine) == pytest.approx(reward)
    finally:
        env.close()


def test_a_script_is_one_term() -> None:
    env = pt.make("Boxing-Atari2600", explain_rewards=True, frame_skip=4)
    try:
        env.reset(seed=1)
        for _ in range(100):
            _, reward, *_, info = env.step(env.action_space.sample())
            assert info["reward_terms"] == {"script": reward}
    finally:
        env.close()
