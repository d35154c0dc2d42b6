"""A trained agent as the other player, while a person plays.

The person decides on every frame, the agent as seldom as it learned to. So it watches a copy of the game that runs
along, pressed on frame by frame as the person's is, in which it sees exactly what it saw while it learned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from playthrough.env.batches import rows
from playthrough.env.options import EnvOptions, StartState
from playthrough.env.seats import Mirror, Seats
from playthrough.env.vector import RetroVectorEnv
from playthrough.errors import ConfigError
from playthrough.game.integration import load_integration
from playthrough.runs.agent import AnyTrainedAgent


@dataclass
class _OneSeat:
    """What an agent that holds one pad must fit."""

    single_observation_space: gymnasium.Space[Any]
    single_action_space: gymnasium.Space[Any]
    num_envs: int = 1


class AgentPartner:
    """An agent as a `Partner`.

    Args:
        trained: Who plays.
        options: The game for two, as the person plays it.
        seat: Where the person sits: 1 or 2. The agent takes the other seat.
        seed: Of what it draws.

    Raises:
        ConfigError: If the agent learned another game, or does not fit this one.
    """

    def __init__(self, trained: AnyTrainedAgent, options: EnvOptions, seat: int, *, seed: int) -> None:
        selfplay, training = trained.config.selfplay, trained.config.training_env
        # Where the game for two has actions of its own, these are what the agent knows of it.
        learned = trained.config.env_options(**({"actions": training["actions"]} if "actions" in training else {}))
        game, known = load_integration(options.game).name, load_integration(learned.game).name
        if game != known:
            raise ConfigError(f"{trained.name} learned {known} and cannot play {game}")
        self._env = RetroVectorEnv(
            replace(
                options,
                actions=learned.actions,
                observation=learned.observation,
                frame_skip=learned.frame_skip,
                sound=False,
                record=None,
                render_mode=None,
            )
        )
        self._person, self._mine = seat - 1, 2 - seat
        self._seed = seed
        try:
            self._seats = Seats(self._env, Mirror() if selfplay is None else selfplay.mirror)
            self._agent = trained.agent(_OneSeat(self._seats.observation_space, self._seats.action_space))
        except BaseException:
            self._env.close()
            raise
        self._frames: list[NDArray[np.uint16]] = []
        self._pressed = 0

    def begin(self, state: StartState) -> None:
        """See `Partner`."""
        observations, _ = self._env.reset(options={"state": state})
        self._agent.begin(0, self._seed)
        self._seed += 1
        self._decide(observations)

    def pads(self, person: int) -> NDArray[np.uint16]:
        """See `Partner`."""
        buttons = np.zeros((1, 2), np.uint16)
        buttons[0, self._person], buttons[0, self._mine] = person, self._pressed
        return self._seats.on_pads(buttons)[0]

    def played(self, pads: NDArray[np.uint16]) -> None:
        """See `Partner`."""
        self._frames.append(pads)
        if len(self._frames) == self._env.options.frame_skip:
            self._decide(self._env.follow(np.stack(self._frames)[None]))

    def save(self) -> tuple[bytes, list[NDArray[np.uint16]], int]:
        """See `Partner`."""
        return self._env.save_state(0), list(self._frames), self._pressed

    def load(self, saved: tuple[bytes, list[NDArray[np.uint16]], int]) -> None:
        """See `Partner`."""
        snapshot, frames, self._pressed = saved
        self._env.load_state(0, snapshot)
        self._frames = list(frames)

    def close(self) -> None:
        """End the copy of the game."""
        self._env.close()

    def _decide(self, observations: Any) -> None:
        seen = rows(self._seats.observations(observations), np.s_[:, self._mine])
        self._frames = []
        self._pressed = int(self._seats.buttons(self._agent.act(seen), self._mine)[0])
