"""Self-play: one learner in a game for two, against itself and against its past selves.

    lane 0   seat 1: the learner    seat 2: the learner          against itself: both seats learn
    lane 1   seat 1: the learner    seat 2: a past self
    lane 2   seat 1: a past self    seat 2: the learner          sides change with every episode

1. A share of the lanes, `latest_share`, is played by the learner on both seats; each seat is a row of its own for it.
2. On each other lane an opponent from the league sits on one side: a past self, or one who is there for good. It is
   drawn anew for every episode, each as likely as any other; while the league is empty it plays at random.
3. Every `snapshot_every_steps` agent steps whoever carries out the training takes a snapshot of the learner's policy
   and adds it to the league; the oldest leaves when there are more than `league_size`. An opponent that plays at that
   time finishes its episode.

To the learner this is an environment for one player, with as many lanes as there are rows. (Fictitious self-play with a
window of past opponents: Bansal et al. 2018, "Emergent Complexity via Multi-Agent Competition", section 3.2; the league
is a plain one, without the roles of Vinyals et al. 2019.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from playthrough.agents.deep.draws import draw_actions
from playthrough.agents.deep.learner import ArrayState, Policy, require_same_step

ITSELF = "itself"
"""What the info `opponent` says where the learner played both sides."""

RANDOM, IDLE = "random", "idle"
"""Opponents that are no policies: one presses anything, the other nothing."""


def _option(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, kw_only=True)
class LeagueOptions:
    """Whom a learner plays against."""

    latest_share: float = _option(0.5, "share of the lanes on which the learner plays both sides, against itself")
    league_size: int = _option(10, "how many past selves the league holds")
    snapshot_every_steps: int = _option(50_000, "agent steps after which another past self joins the league")

    def __post_init__(self) -> None:
        for name, right, expected in (
            ("latest_share", 0 <= self.latest_share <= 1, "from 0 to 1"),
            ("league_size", self.league_size >= 0, "0 or more"),
            ("snapshot_every_steps", self.snapshot_every_steps >= 1, "1 or more"),
        ):
            if not right:
                raise ValueError(f"{name} must be {expected}, not {getattr(self, name)!r}")


class SeatedEnv(Protocol):
    """Lanes on which two players decide, each for itself; lanes that end start anew in the same step."""

    num_envs: int
    num_seats: int
    metadata: dict[str, Any]
    single_observation_space: gymnasium.Space[Any]
    single_action_space: gymnasium.Space[Any]

    @property
    def idle_action(self) -> Any:
        """The action that presses nothing; None where every action presses something."""
        ...

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Starts all lanes; observations (lanes, seats, ...)."""
        ...

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Actions and observations are (lanes, seats, ...), rewards (lanes, seats), each `final_obs` (seats, ...)."""
        ...

    def close(self) -> None:
        """Ends the lanes."""
        ...


class SelfPlayEnv:
    """A game for two as an environment for one; see this file's beginning.

    Row r below the number of lanes is the learner's seat on lane r; the rows after that are second seats of the lanes
    on which it plays both. Its infos are those of the lanes; in `final_info` is the `opponent` of the episode.

    Args:
        env: The lanes.
        options: Whom the learner plays against.
        seed: Of the draws: who plays where, and what opponents do.
        permanent: Opponents that are always in the league, by name: the state of a policy, or None for `random` and
            `idle`.
        make_policy: Makes a policy of its state.

    Raises:
        ValueError: If the environment is not one for two, cannot be played by such opponents, or nobody would be left
            to play against.
    """

    def __init__(
        self,
        env: SeatedEnv,
        options: LeagueOptions,
        seed: int,
        *,
        permanent: Mapping[str, ArrayState | None],
        make_policy: Callable[[ArrayState], Policy],
    ) -> None:
        require_same_step(env)
        if env.num_seats != 2:
            raise ValueError(f"self-play is for two players, the environment has {env.num_seats}")
        if not isinstance(env.single_action_space, spaces.Discrete | spaces.MultiBinary):
            raise ValueError(f"self-play needs actions in Discrete(n) or MultiBinary(n), got {env.single_action_space}")
        if IDLE in permanent and env.idle_action is None:
            raise ValueError("the opponent 'idle' needs an action that presses nothing; add [] to the actions")
        self._env, self._options, self._make_policy = env, options, make_policy
        self.metadata = env.metadata
        self.single_observation_space, self.single_action_space = env.single_observation_space, env.single_action_space
        self._is_buttons = isinstance(env.single_action_space, spaces.MultiBinary)
        lanes = env.num_envs
        self._num_both = round(options.latest_share * lanes)
        if self._num_both < lanes and not permanent and not options.league_size:
            raise ValueError("league_size is 0 and there are no opponents: nobody is left to play against")
        self._row_lane: NDArray[np.intp] = np.concatenate([np.arange(lanes), np.arange(self._num_both)])
        self.num_envs = len(self._row_lane)
        self._is_against = np.arange(lanes) >= self._num_both
        self._permanent = tuple(permanent)
        self.league: list[str] = []
        """The past selves who are drawn from now on, by name, the oldest first."""
        self._states: dict[str, ArrayState | None] = dict(permanent)
        self._policies: dict[str, Policy] = {}
        sequences = np.random.SeedSequence([seed, 2]).spawn(1 + lanes)
        self._draws = np.random.default_rng(sequences[0])
        self._random = [np.random.default_rng(sequence) for sequence in sequences[1:]]
        self._opponents: list[str] = [""] * lanes
        self._seats = np.arange(lanes) % 2  # of the learner; the first step of an episode changes sides
        self._starts = np.ones(lanes, np.bool_)
        self._seen: Any = None

    # The league ------------------------------------------------------------------------------------------------------

    def add(self, name: str, policy: ArrayState) -> None:
        """Let a past self join the league; the oldest leaves it if it is full."""
        if not self._options.league_size:
            return
        self._states[name] = policy
        self.league.append(name)
        del self.league[: -self._options.league_size]
        self._forget()

    @property
    def members(self) -> dict[str, ArrayState]:
        """The policies of all who are in the league, or still play, by name."""
        return {name: state for name, state in self._states.items() if state is not None}

    def _forget(self) -> None:
        needed = {*self._permanent, *self.league, *self._opponents}
        for name in self._states.keys() - needed:
            del self._states[name]
            self._policies.pop(name, None)

    def _begin(self, lanes: Sequence[int]) -> None:
        """Another opponent on the other side for each of these lanes."""
        self._starts[lanes] = True
        for lane in lanes:
            if not self._is_against[lane]:
                continue
            candidates = [*self._permanent, *self.league] or [RANDOM]
            self._opponents[lane] = candidates[int(self._draws.integers(len(candidates)))]
            self._seats[lane] ^= 1
        self._forget()

    # Playing ---------------------------------------------------------------------------------------------------------

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start episodes on all lanes."""
        lane_seeds = seed if seed is None or isinstance(seed, int) else list(seed)[: self._env.num_envs]
        seen, infos = self._env.reset(seed=lane_seeds, options=options)
        self._begin(range(self._env.num_envs))
        self._seen = seen
        return _at(seen, (self._row_lane, self._row_seats)), self._infos_of_rows(infos)

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[Any, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Decide once for every row."""
        given = np.asarray(actions)
        lanes = self._env.num_envs
        joint = np.zeros((lanes, 2, *given.shape[1:]), given.dtype)
        seats = self._row_seats
        joint[self._row_lane, seats] = given
        for lane, action in self._answers().items():
            joint[lane, 1 - self._seats[lane]] = action
        seen, rewards, terminated, truncated, infos = self._env.step(joint)
        told = self._infos_of_rows(infos)
        if "final_obs" in infos:
            finals = np.full(self.num_envs, None, object)
            for row in np.flatnonzero(told["_final_obs"]):
                finals[row] = _at(infos["final_obs"][self._row_lane[row]], seats[row])
            told["final_obs"] = finals
        row_rewards = rewards[self._row_lane, seats]
        self._seen, self._starts[:] = seen, False
        ended = np.flatnonzero(terminated | truncated)
        if ended.size:
            self._begin(ended.tolist())
        rows = self._row_lane
        return _at(seen, (rows, self._row_seats)), row_rewards, terminated[rows], truncated[rows], told

    def close(self) -> None:
        """End the lanes."""
        self._env.close()

    @property
    def _row_seats(self) -> NDArray[np.intp]:
        lanes = self._env.num_envs
        first = np.where(self._is_against, self._seats, 0)
        return np.concatenate([first, np.ones(self.num_envs - lanes, first.dtype)])

    def _infos_of_rows(self, infos: dict[str, Any]) -> dict[str, Any]:
        rows = _rows(infos, self._row_lane)
        if "final_info" in rows:
            names = [self._opponents[lane] or ITSELF for lane in cast("list[int]", self._row_lane.tolist())]
            rows["final_info"]["opponent"] = np.array(names, object)
        return rows

    def _answers(self) -> dict[int, Any]:
        """What the opponents do, by lane."""
        playing: dict[str, list[int]] = {}
        for lane, name in enumerate(self._opponents):
            if name:
                playing.setdefault(name, []).append(lane)
        answers: dict[int, Any] = {}
        for name, lanes in playing.items():
            answers |= dict(zip(lanes, self._decide(name, lanes), strict=True))
        return answers

    def _decide(self, name: str, lanes: list[int]) -> Sequence[Any]:
        if name == IDLE:
            return [self._env.idle_action] * len(lanes)
        if name == RANDOM:
            space = cast("Any", self.single_action_space)
            if self._is_buttons:
                return [self._random[lane].integers(0, 2, space.n, np.int8) for lane in lanes]
            return [self._random[lane].integers(space.n) for lane in lanes]
        policy = self._policy(name)
        # A policy with a memory has one for every lane, and needs to see them all.
        asked = list(range(self._env.num_envs)) if policy.memory is not None else lanes
        decision = policy.decide(_at(self._seen, (asked, 1 - self._seats[asked])), self._starts[asked])
        random = [self._random[lane] for lane in lanes]
        if asked is not lanes:
            decision = decision.of(lanes)
        return cast(
            "Sequence[Any]", draw_actions(decision, policy.score_name, is_buttons=self._is_buttons, random=random)
        )

    def _policy(self, name: str) -> Policy:
        if name not in self._policies:
            state = self._states[name]
            assert state is not None
            self._policies[name] = self._make_policy(state)
        return self._policies[name]

    # State -----------------------------------------------------------------------------------------------------------

    def state(self) -> ArrayState:
        """Everything but the lanes and the league's policies: who plays where, what they remember, random numbers."""
        is_dict = isinstance(self._seen, dict)
        parts = cast("dict[str, NDArray[Any]]", self._seen if is_dict else {"": self._seen})
        arrays: dict[str, NDArray[Any]] = {"seats": self._seats.copy(), "starts": self._starts.copy()}
        arrays |= {f"seen/{name}": part.copy() for name, part in parts.items()}
        for name, policy in self._policies.items():
            arrays |= {f"memory/{name}/{part}": array for part, array in (policy.memory or {}).items()}
        values: dict[str, Any] = {
            "league": list(self.league),
            "members": sorted(self.members),
            "opponents": list(self._opponents),
            "draws": self._draws.bit_generator.state,
            "random": [generator.bit_generator.state for generator in self._random],
        }
        return ArrayState("selfplay", arrays, values)

    def load(self, state: ArrayState, members: Mapping[str, ArrayState]) -> None:
        """Go on from a state; the lanes must have been put back already.

        Args:
            state: From `state`.
            members: The policies that it names as `members`.

        Raises:
            ValueError: If it is of another number of lanes.
        """
        if len(state.values["opponents"]) != self._env.num_envs:
            raise ValueError(
                f"the state has {len(state.values['opponents'])} lanes, the environment {self._env.num_envs}"
            )
        self._seats, self._starts = np.array(state.arrays["seats"]), np.array(state.arrays["starts"])
        seen = {key.removeprefix("seen/"): array for key, array in state.arrays.items() if key.startswith("seen/")}
        self._seen = seen.get("", seen)
        self.league, self._opponents = list(state.values["league"]), list(state.values["opponents"])
        self._states |= members
        self._draws.bit_generator.state = state.values["draws"]
        for generator, stored in zip(self._random, state.values["random"], strict=True):
            generator.bit_generator.state = stored
        for name in members:
            start = f"memory/{name}/"
            memory = {key.removeprefix(start): array for key, array in state.arrays.items() if key.startswith(start)}
            if memory:
                self._policy(name).memory = memory


def _at(observations: Any, index: Any) -> Any:
    """Some of the observations (lanes, seats, ...), or of a dict of such."""
    if isinstance(observations, dict):
        return {name: part[index] for name, part in cast("dict[str, NDArray[Any]]", observations).items()}
    return observations[index]


def _rows(infos: dict[str, Any], rows: NDArray[np.intp]) -> dict[str, Any]:
    """The infos of lanes as infos of rows."""
    return {
        key: _rows(cast("dict[str, Any]", value), rows) if isinstance(value, dict) else value[rows]
        for key, value in infos.items()
    }
