"""Self-play on a game of two numbers: who sits where, who plays against whom, and going on exactly."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from playthrough.agents.deep.learner import ArrayState, Decision
from playthrough.agents.deep.selfplay import IDLE, ITSELF, RANDOM, LeagueOptions, SelfPlayEnv


class HigherWins:
    """Two players name a number from 0 to 2 on each of three steps; whoever names the higher one gets 1.

    A player sees the lane, the seat, the step, and what the other one named last.
    """

    num_seats = 2

    def __init__(self, num_envs: int = 4) -> None:
        self.num_envs = num_envs
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.single_observation_space = spaces.Box(0, 9, (4,), np.float32)
        self.single_action_space = spaces.Discrete(3)
        self.idle_action: int | None = 0
        self.named = np.zeros((num_envs, 2), np.int64)
        self.steps = 0
        self.asked: list[np.ndarray] = []

    def _seen(self) -> np.ndarray:
        lanes, seats = np.meshgrid(np.arange(self.num_envs), np.arange(2), indexing="ij")
        return np.stack([lanes, seats, np.full_like(lanes, self.steps), self.named[:, ::-1]], -1).astype(np.float32)

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        self.seed, self.steps = seed, 0
        self.named[:] = 0
        return self._seen(), {}

    def step(self, actions: np.ndarray) -> Any:
        self.asked.append(actions.copy())
        self.named, self.steps = actions.astype(np.int64), self.steps + 1
        first = np.sign(self.named[:, 0] - self.named[:, 1]).astype(np.float64)
        ended = np.full(self.num_envs, self.steps == 3)
        infos: dict[str, Any] = {"named": self.named.copy(), "_named": np.ones(self.num_envs, np.bool_)}
        if self.steps == 3:
            finals = np.full(self.num_envs, None, object)
            for lane, seen in enumerate(self._seen()):
                finals[lane] = seen
            infos |= {"final_obs": finals, "_final_obs": ended, "final_info": dict(infos), "_final_info": ended}
            self.steps, self.named = 0, np.zeros_like(self.named)
        return self._seen(), np.stack([first, -first], 1), ended, np.zeros_like(ended), infos

    def close(self) -> None:
        pass


class Counting:
    """A policy with a memory: it names how often it was asked since the episode began, and `bias` more, modulo 3."""

    score_name = "probability"

    def __init__(self, bias: int, num_lanes: int) -> None:
        self.bias = bias
        self.memory: dict[str, np.ndarray] | None = {"count": np.zeros(num_lanes, np.int64)}

    def decide(self, observations: np.ndarray, starts: np.ndarray, **_: Any) -> Decision:
        assert self.memory is not None
        self.memory = {"count": np.where(starts, 0, self.memory["count"]) + 1}
        return Decision((self.memory["count"] + self.bias) % 3)

    def saliency(self, observations: np.ndarray) -> None:
        return None

    def state(self) -> ArrayState:
        return ArrayState("counting", values={"bias": self.bias})


def counting(bias: int) -> ArrayState:
    return ArrayState("counting", values={"bias": bias})


def selfplay(lanes: HigherWins, *, seed: int = 1, permanent: Any = (), **options: Any) -> SelfPlayEnv:
    league = LeagueOptions(**{"latest_share": 0.5, "league_size": 2, **options})
    return SelfPlayEnv(
        lanes,  # type: ignore[arg-type]
        league,
        seed,
        permanent=dict(permanent),
        make_policy=lambda state: Counting(state.values["bias"], lanes.num_envs),  # type: ignore[arg-type,return-value]
    )


def test_both_seats_of_a_share_of_the_lanes_are_rows() -> None:
    lanes = HigherWins()
    env = selfplay(lanes, permanent={IDLE: None})
    assert env.num_envs == 6
    seen, _ = env.reset(seed=[5, 6, 7, 8, 9, 10])
    assert lanes.seed == [5, 6, 7, 8]  # one for each lane, not for each row
    assert seen[:, 0].tolist() == [0, 1, 2, 3, 0, 1]
    assert seen[[0, 1, 4, 5], 1].tolist() == [0, 0, 1, 1]
    seen, rewards, _, _, infos = env.step(np.array([2, 0, 1, 1, 0, 2]))
    assert lanes.asked[0][:2].tolist() == [[2, 0], [0, 2]]
    assert rewards.tolist() == [1, -1, 1, 1, -1, 1]  # against itself what one wins the other loses; idle names 0
    assert infos["named"].shape == (6, 2) and (infos["named"][4] == infos["named"][0]).all()


def test_sides_change_with_every_episode() -> None:
    lanes = HigherWins()
    env = selfplay(lanes, permanent={IDLE: None}, latest_share=0.0)
    seen, _ = env.reset()
    sides = [seen[:, 1].tolist()]
    for step in range(9):
        seats = seen[:, 1].astype(int)
        seen, rewards, terminated, _, infos = env.step(np.full(4, 2))
        asked = lanes.asked[-1]
        assert (asked[np.arange(4), seats] == 2).all() and (asked[np.arange(4), 1 - seats] == 0).all()
        assert rewards.tolist() == [1] * 4 and terminated.all() == (step % 3 == 2)
        if terminated.all():
            # The last observation is that of the seat on which the episode was played.
            assert [infos["final_obs"][row][1] for row in range(4)] == seats.tolist()
            assert infos["final_info"]["opponent"].tolist() == [IDLE] * 4
            sides.append(seen[:, 1].tolist())
    assert sides == [[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1]]


def test_the_league_is_a_window_and_nobody_leaves_in_the_middle() -> None:
    lanes = HigherWins(8)
    env = selfplay(lanes, latest_share=0.25)
    env.reset()

    def episode() -> list[str]:
        for _ in range(3):
            *_, infos = env.step(np.zeros(env.num_envs, np.int64))
        return infos["final_info"]["opponent"].tolist()

    assert set(episode()) == {ITSELF, RANDOM}  # nobody is in the league yet
    env.add("a", counting(0))
    assert set(episode()) == {ITSELF, RANDOM}  # that episode had begun
    env.step(np.zeros(env.num_envs, np.int64))
    env.add("b", counting(1))
    env.add("c", counting(2))
    assert env.league == ["b", "c"] and sorted(env.members) == ["a", "b", "c"]
    for _ in range(2):
        *_, infos = env.step(np.zeros(env.num_envs, np.int64))
    assert infos["final_info"]["opponent"].tolist() == [ITSELF] * 2 + ["a"] * 6 + [ITSELF] * 2
    assert sorted(env.members) == ["b", "c"]
    assert set(episode()) | set(episode()) == {ITSELF, "b", "c"}


def test_opponents_see_their_own_side_and_remember_their_own_episode() -> None:
    lanes = HigherWins()
    env = selfplay(lanes, permanent={"counts": counting(0)}, latest_share=0.0, league_size=0)
    seen, _ = env.reset()
    for step in range(6):
        seats = seen[:, 1].astype(int)
        seen, *_ = env.step(np.zeros(4, np.int64))
        assert lanes.asked[-1][np.arange(4), 1 - seats].tolist() == [(step % 3 + 1) % 3] * 4


def test_it_goes_on_exactly() -> None:
    def play(env: SelfPlayEnv, steps: int, random: np.random.Generator) -> list[Any]:
        told: list[Any] = []
        for _ in range(steps):
            seen, rewards, *_ = env.step(random.integers(3, size=env.num_envs))
            told.append((seen.tolist(), rewards.tolist()))
        return told

    lanes = HigherWins()
    env = selfplay(lanes, permanent={RANDOM: None})
    env.reset()
    random = np.random.default_rng(4)
    for name in "abc":
        env.add(name, counting(ord(name)))
        play(env, 4, random)
    state, members = env.state(), env.members
    state = ArrayState(state.kind, state.arrays, json.loads(json.dumps(state.values)))
    assert [key for key in state.arrays if key.startswith("memory/")]
    copy = HigherWins()
    copy.named, copy.steps = lanes.named.copy(), lanes.steps
    other = selfplay(copy, permanent={RANDOM: None}, seed=99)
    other.load(state, members)
    again = np.random.default_rng()
    again.bit_generator.state = random.bit_generator.state
    assert play(env, 20, random) == play(other, 20, again)
    assert lanes.asked[-20:] and all((a == b).all() for a, b in zip(lanes.asked[-20:], copy.asked, strict=True))


def test_a_recurrent_policy_gives_and_takes_its_memory() -> None:
    from playthrough.agents.deep import make_learner, make_policy
    from playthrough.agents.deep.sb3.options import RecurrentPpoOptions

    env = selfplay(HigherWins(), permanent={RANDOM: None})
    learner = make_learner(RecurrentPpoOptions(steps=100, rollout_steps=8, batch_size=8, epochs=1, lstm_size=4), env, 1)
    state = learner.policy.state()
    one, other = (make_policy(state, env.single_observation_space, env.single_action_space) for _ in range(2))
    assert one.memory == {}
    seen, starts = np.ones((4, 4), np.float32), np.zeros(4, np.bool_)
    for _ in range(3):
        one.decide(seen, starts)
    assert one.memory is not None
    other.memory = one.memory
    scores = [policy.decide(seen, starts).scores for policy in (one, other)]
    assert scores[0] is not None and (scores[0] == scores[1]).all()
    with pytest.raises(ValueError, match="nothing from step to step"):
        make_learner_policy_without_memory().memory = {}


def make_learner_policy_without_memory() -> Any:
    from playthrough.agents.deep import make_learner
    from playthrough.agents.deep.sb3.options import PpoOptions

    learner = make_learner(
        PpoOptions(steps=100, rollout_steps=8, batch_size=8), selfplay(HigherWins(), permanent={RANDOM: None}), 1
    )
    assert learner.policy.memory is None
    return learner.policy


def test_a_learner_gets_better_than_its_past() -> None:
    """PPO finds out that the highest number wins, with nobody to tell but itself."""
    from playthrough.agents.deep import make_learner, make_policy
    from playthrough.agents.deep.sb3.options import PpoOptions

    lanes = HigherWins(16)
    league = LeagueOptions(league_size=3)
    env: SelfPlayEnv = SelfPlayEnv(
        lanes,  # type: ignore[arg-type]
        league,
        1,
        permanent={},
        make_policy=lambda state: make_policy(state, lanes.single_observation_space, lanes.single_action_space),
    )
    options = PpoOptions(steps=20_000, rollout_steps=32, batch_size=128, learning_rate=3e-3, hidden_sizes=(16,))
    learner = make_learner(options, env, 1)
    for update in range(12):
        report = learner.run_update()
        env.add(str(update), learner.policy.state())
        assert sum(episode.reward for episode in report.episodes if episode.info["opponent"] == ITSELF) == 0
    decision = learner.policy.decide(np.array([[0, 0, 1, 1], [3, 1, 2, 0]], np.float32), np.zeros(2, np.bool_))
    assert decision.scores is not None and (decision.scores[:, 2] > 0.8).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_seats": 3}, "self-play is for two players, the environment has 3"),
        ({"single_action_space": spaces.MultiDiscrete([2, 2])}, "self-play needs actions in Discrete"),
        ({"metadata": {"autoreset_mode": AutoresetMode.DISABLED}}, "expected a vector environment with autoreset_mode"),
        ({"idle_action": None}, "the opponent 'idle' needs an action that presses nothing"),
    ],
)
def test_environments_that_do_not_suit(change: dict[str, Any], message: str) -> None:
    lanes = HigherWins()
    for name, value in change.items():
        setattr(lanes, name, value)
    with pytest.raises(ValueError, match=message):
        selfplay(lanes, permanent={IDLE: None})


def test_options_that_do_not_suit() -> None:
    with pytest.raises(ValueError, match="latest_share must be from 0 to 1, not 2"):
        LeagueOptions(latest_share=2)
    with pytest.raises(ValueError, match="nobody is left to play against"):
        selfplay(HigherWins(), league_size=0)
