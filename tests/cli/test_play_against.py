"""A person, whose keys come from a file, against an agent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cli.conftest import Run
from playthrough.env.options import EnvOptions
from playthrough.env.vector import RetroVectorEnv
from playthrough.game.movies import read_movie
from playthrough.runs.agent import load_agent
from playthrough.runs.config import resolve
from playthrough.runs.partner import AgentPartner
from playthrough.runs.replay import replay
from playthrough.runs.train import train

pytest.importorskip("pygame")

SETTINGS = (
    *("env.state='Versus'", "env.scenario='versus'", "env.observation='variables x2'", "env.frame_skip=4"),
    *("env.actions=[['LEFT'],['RIGHT'],['B']]", "env.max_episode_steps=20", "video=false", "threads=1"),
    *("ppo.rollout_steps=8", "ppo.batch_size=16", "ppo.epochs=1", "ppo.evaluation_episodes=2"),
    *("selfplay.env.state='Versus2P'", "selfplay.mirror.flip=true"),
)


@pytest.fixture(scope="module")
def duellist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("duel") / "run"
    config = resolve(game="Wickling-Nes", algo="ppo", overrides=SETTINGS, steps=24, lanes=2, out=folder)
    return train(config).folder


@pytest.mark.parametrize("seat", [1, 2])
def test_a_person_against_an_agent(run: Run, duellist: Path, seat: int) -> None:
    Path("in.txt").write_text("A\n" * 80)
    arguments = ("play", "Wickling-Nes", "--scenario", "versus", "--inputs", "in.txt", "--speed", "0", "--mute")
    result = run(*arguments, "--against", duellist, "--seat", seat)
    assert result.exit_code == 0, result.stderr
    movie = read_movie("movies/Wickling-Nes-Versus2P-001.bk2")
    pads = movie.inputs[1:]  # the first frame is the reset's
    jump, moves = movie.system.mask_of(["A"]), {movie.system.mask_of([name]) for name in ("LEFT", "RIGHT", "B")}
    person, agent = pads[:, seat - 1], pads[:, 2 - seat]
    assert (person == jump).all() and len(person) == 80
    assert set(agent.tolist()) <= moves and len(set(agent.tolist())) > 1
    assert (agent.reshape(-1, 4) == agent[::4, None]).all()  # it decides on every fourth frame
    report = replay("movies/Wickling-Nes-Versus2P-001.bk2", scenario="versus")
    assert report.traced and report.diverged_at is None
    other = run("play", "Tiny-Nes", "--state", "Start", "--against", duellist, "--frames", 1)
    assert other.exit_code == 2 and "learned Wickling-Nes and cannot play Tiny-Nes" in other.stderr
    wrong = run("play", "Wickling-Nes", "--seat", 2)
    assert wrong.exit_code == 2 and "add --against RUN" in wrong.stderr


def test_an_agent_sees_what_it_learned_to_see(duellist: Path) -> None:
    """The copy of the game that it watches holds what a step of its own environment would have shown."""
    agent = load_agent(duellist)
    options = EnvOptions(game="Wickling-Nes", state="Versus2P", scenario="versus", players=2, actions="all")
    partner = AgentPartner(agent, options, 2, seed=1)
    seen: list[np.ndarray] = []
    act = partner._agent.act  # type: ignore[attr-defined]
    partner._agent.act = lambda observations: seen.append(observations) or act(observations)  # type: ignore[method-assign]
    partner.begin("Versus2P")
    person = np.random.default_rng(0).choice([0, 1 << 7, 1 << 8], 40)
    pressed = []
    for number, keys in enumerate(person):
        if number == 20:
            moment = partner.save()
        pads = partner.pads(int(keys))
        partner.played(pads)
        pressed.append(pads)
    changed = {"actions": "all", "observation": "variables x2", "frame_skip": 1}
    env = RetroVectorEnv(EnvOptions(**{**vars(options), **changed}))
    env.reset()
    for number in range(0, 40, 4):
        for pads in pressed[number : number + 4]:
            bits = np.arange(len(env.integration.buttons))
            observations, *_ = env.step((pads[:, None] >> bits & 1).astype(np.int8).reshape(1, -1))
        assert (seen[number // 4 + 1][:, -1] == observations[:, -1]).all()
    assert len(seen) == 11 and (seen[0] != seen[-1]).any()
    partner.load(moment)
    assert (partner.pads(int(person[20])) == pressed[20]).all()
    env.close()
    partner.close()
