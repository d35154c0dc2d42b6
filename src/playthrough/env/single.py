"""RetroEnv: one lane as a plain Gymnasium environment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from playthrough.env.batches import rows
from playthrough.env.infos import plain_of_lane_0
from playthrough.env.options import EnvOptions
from playthrough.env.vector import RetroVectorEnv
from playthrough.errors import DependencyError


class RetroEnv(gym.Env[NDArray[Any], Any]):
    """One game as a Gymnasium environment: a RetroVectorEnv with one lane and no lane axis.

    Args:
        options: What game, from where, seen and played how.

    Raises:
        PlaythroughError: If the game, its ROM, a core or a state cannot be had; the message says what to do.
        ValueError: If an option has a wrong value.
    """

    def __init__(self, options: EnvOptions) -> None:
        self.lanes = RetroVectorEnv(replace(options, num_envs=1, autoreset_mode="disabled"))
        """The lane behind it, with everything that is not Gymnasium's."""
        self.observation_space = self.lanes.single_observation_space
        self.action_space = self.lanes.single_action_space
        self.metadata: dict[str, Any] = {
            key: value for key, value in self.lanes.metadata.items() if key != "autoreset_mode"
        }
        self.render_mode = options.render_mode
        self._window: Any = None
        if self.render_mode == "human":
            from playthrough.env.window import Window

            try:
                self._window = Window(self.lanes.integration.name, self.metadata["render_fps"])
            except DependencyError:
                self.lanes.close()
                raise

    @property
    def buttons(self) -> tuple[str | None, ...]:
        """The pad's buttons, in the order of `MultiBinary` actions."""
        return self.lanes.integration.buttons

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Start an episode.

        Args:
            seed: Of no-op starts, sticky actions and the choice among start states.
            options: `state`: a start state to begin with this time, by name, file or bytes.
        """
        super().reset(seed=seed)
        self.lanes.random[0] = self.np_random
        observations, infos = self.lanes.reset(options=options)
        self._show()
        return rows(observations, 0), plain_of_lane_0(infos)

    def step(self, action: Any) -> tuple[NDArray[Any], float, bool, bool, dict[str, Any]]:
        """Decide once and run up to `frame_skip` frames; the frame on which the game ends is the last.

        Whoever does not reset after the end goes on playing what comes then, as in stable-retro.
        """
        return self.press(self.lanes.actions.to_buttons(np.asarray(action)[None]))

    def press(self, pads: NDArray[np.uint16]) -> tuple[NDArray[Any], float, bool, bool, dict[str, Any]]:
        """`step` with the buttons themselves, uint16 (1, players)."""
        self.lanes.go_on()
        outcome = self.lanes.advance(pads, self.lanes.everybody)
        if self._window is not None:
            self._show()
        return (
            rows(outcome.observations, 0),
            float(outcome.rewards[0, 0]),
            bool(outcome.terminated[0]),
            bool(outcome.truncated[0]),
            self.lanes.info_of_lane_0(outcome),
        )

    def render(self) -> NDArray[np.uint8] | None:
        """The picture, uint8 (height, width, 3), cropped and upright."""
        if self.render_mode == "rgb_array":
            return self.lanes.picture(0)
        if self.render_mode is None:
            gym.logger.warn("render() needs render_mode='rgb_array' or 'human' when the environment is made")
        return None

    def sound(self) -> NDArray[np.int16]:
        """The sound since the last call, int16 (samples, 2); needs `sound=True`."""
        return self.lanes.sound(0)

    def save_state(self) -> bytes:
        """Everything that decides how the episode goes on."""
        return self.lanes.save_state(0)

    def load_state(self, snapshot: bytes) -> tuple[NDArray[Any], dict[str, Any]]:
        """Go on from a snapshot, in this or another process; from there on everything is the same, bit for bit."""
        observations, infos = self.lanes.load_state(0, snapshot)
        self._np_random = self.lanes.random[0]
        return rows(observations, 0), plain_of_lane_0(infos)

    def get_action_meaning(self, action: Any) -> list[str] | list[list[str]]:
        """The names of the buttons that an action presses; a list per player for more than one."""
        return self.lanes.actions.meaning(action)

    def close(self) -> None:
        """End the emulator, finish the movie, close the window."""
        self.lanes.close()
        if self._window is not None:
            self._window.close()
            self._window = None

    def _show(self) -> None:
        if self._window is not None:
            self._window.show(self.lanes.picture(0))
