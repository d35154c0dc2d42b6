"""Several players as a PettingZoo parallel environment: `pt.make_parallel`.

Needs PettingZoo: pip install 'playthrough[multiplayer]'.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from playthrough.env.batches import batch_of_one, rows
from playthrough.env.options import EnvOptions
from playthrough.env.seats import Mirror, Seats
from playthrough.env.single import RetroEnv
from playthrough.errors import DependencyError

try:
    from pettingzoo import ParallelEnv
except ImportError as error:
    raise DependencyError("games for several agents need PettingZoo: pip install 'playthrough[multiplayer]'") from error


class RetroParallelEnv(ParallelEnv[str, Any, Any]):
    """One game in which every player is an agent of its own, `player_1`, `player_2` and so on.

    All of them see the same game; an episode ends for all at once. What the scenario pays each player is that player's
    reward.

    Args:
        options: What game, from where, seen and played how; `players` says how many agents there are.
        mirror: How players from the second on see the game; None for as it is.

    Raises:
        PlaythroughError: If the game, its ROM, a core or a state cannot be had; the message says what to do.
        ValueError: If an option has a wrong value.
    """

    def __init__(self, options: EnvOptions, mirror: Mirror | None = None) -> None:
        self.game = RetroEnv(options)
        """The game behind it, with everything that is not PettingZoo's: snapshots, sound, the integration."""
        try:
            self._seats = Seats(self.game.lanes, mirror)
        except BaseException:
            self.game.close()
            raise
        self.metadata: dict[str, Any] = {**self.game.metadata, "name": self.game.lanes.integration.name}
        self.render_mode = options.render_mode
        self.possible_agents = [f"player_{number}" for number in range(1, options.players + 1)]
        self.agents: list[str] = []
        # A space draws random numbers of its own, so each player has one.
        self.observation_spaces = {agent: deepcopy(self._seats.observation_space) for agent in self.possible_agents}
        self.action_spaces = {agent: deepcopy(self._seats.action_space) for agent in self.possible_agents}

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """What a player sees."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """What a player can do."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Start an episode for all players.

        Args:
            seed: Of no-op starts, sticky actions and the choice among start states.
            options: `state`: a start state to begin with this time. Others are left to whoever knows them.
        """
        known = {name: value for name, value in (options or {}).items() if name == "state"}
        observation, info = self.game.reset(seed=seed, options=known)
        self.agents = self.possible_agents.copy()
        return self._seen(observation), {agent: dict(info) for agent in self.agents}

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Decide once for every player.

        Args:
            actions: One for each of `agents`.

        Raises:
            ValueError: If one is missing, or does not fit.
        """
        if missing := [agent for agent in self.agents if agent not in actions]:
            raise ValueError(f"there is no action for {missing[0]}; expected one for each of {', '.join(self.agents)}")
        if not self.agents:
            return {}, {}, {}, {}, {}
        pads = self._seats.pads(np.stack([np.asarray(actions[agent]) for agent in self.agents])[None])
        observation, _, terminated, truncated, info = self.game.press(pads)
        agents = self.agents
        seen = self._seen(observation)
        if terminated or truncated:
            self.agents = []
        return (
            seen,
            {agent: float(reward) for agent, reward in zip(agents, info["rewards"], strict=True)},
            dict.fromkeys(agents, terminated),
            dict.fromkeys(agents, truncated),
            {agent: dict(info) for agent in agents},
        )

    def render(self) -> NDArray[np.uint8] | None:
        """The picture, uint8 (height, width, 3), cropped and upright."""
        return self.game.render()

    def close(self) -> None:
        """End the emulator, finish the movie, close the window."""
        self.game.close()

    def _seen(self, observation: Any) -> dict[str, Any]:
        seen = self._seats.observations(batch_of_one(observation))
        return {agent: rows(seen, (0, seat)) for seat, agent in enumerate(self.agents)}


def make_parallel(game: str, players: int = 2, *, mirror: Mirror | None = None, **options: Any) -> RetroParallelEnv:
    """Make a game for several players a PettingZoo parallel environment.

    Args:
        game: Its name, with or without `-v0`, or the path of its integration folder.
        players: How many play.
        mirror: How players from the second on see the game, such as `Mirror(flip=True)`; None for as it is.
        **options: As of `make`; `actions` are those of one player.

    Raises:
        PlaythroughError: If the game, its ROM, a core or a state cannot be had; the message says what to do.
        ValueError, TypeError: If an option is unknown or has a wrong value.
    """
    for name in ("num_envs", "num_threads", "autoreset_mode"):
        if name in options:
            raise TypeError(f"{name} is an option of make_vec; make_parallel() gives one environment")
    return RetroParallelEnv(EnvOptions(game=game, players=players, **options), mirror)
