"""Self-play in a run: the learner's environment, the league on disk, and what a checkpoint keeps of both."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from playthrough.agents.deep import make_policy
from playthrough.agents.deep.selfplay import IDLE, RANDOM, SelfPlayEnv
from playthrough.env.seats import SeatedLanes
from playthrough.env.vector import RetroVectorEnv
from playthrough.errors import ConfigError, StateError
from playthrough.runs.config import RunConfig
from playthrough.runs.deep_agent import DeepTrainedAgent, require_spaces
from playthrough.runs.deep_checkpoint import policies_in_checkpoints
from playthrough.runs.folder import RunFolder
from playthrough.runs.league_folder import LeagueFolder
from playthrough.runs.selfplay_settings import SelfPlaySettings

if TYPE_CHECKING:
    from playthrough.agents.deep.learner import ArrayState, Policy

_ARE_NO_POLICIES = (RANDOM, IDLE)


class Opponents:
    """Those who play against the learner of a run.

    Args:
        config: The run's.
        settings: How it plays against itself.
        folder: The run.
        env: The lanes of the game for two.

    Raises:
        ConfigError: If the game for two does not fit the one that the agent is for.
    """

    def __init__(self, config: RunConfig, settings: SelfPlaySettings, folder: RunFolder, env: RetroVectorEnv) -> None:
        self._config, self._settings, self._folder = config, settings, folder
        self._league = LeagueFolder(folder.league)
        try:
            self.lanes = SeatedLanes(env, settings.mirror)
        except ValueError as error:
            raise ConfigError(f"[selfplay] does not suit {config.game}: {error}") from error
        self._spaces = (self.lanes.single_observation_space, self.lanes.single_action_space)
        with closing(RetroVectorEnv(config.lane_options(num_envs=1))) as alone:
            spaces = (cast("Any", alone.single_observation_space), cast("Any", alone.single_action_space))
            require_spaces("[selfplay]", self._spaces, spaces)
        self._env: SelfPlayEnv

    def begin(self, state: ArrayState | None) -> SelfPlayEnv:
        """The learner's environment.

        Args:
            state: What a checkpoint kept of it; its lanes must have been put back already. None for a new run.

        Raises:
            ConfigError: If an opponent does not exist, or does not fit.
            StateError: If the league's files are missing or damaged.
        """
        names = self._settings.opponents
        files = {
            name: name if name in _ARE_NO_POLICIES else f"opponent-{number}" for number, name in enumerate(names, 1)
        }
        if state is None:
            self._league.keep(())
            for name, file in files.items():
                if name not in _ARE_NO_POLICIES:
                    self._league.write(file, self._policy_of(name))
        permanent = {file: None if file in _ARE_NO_POLICIES else self._league.read(file) for file in files.values()}
        try:
            self._env = SelfPlayEnv(
                self.lanes,
                self._settings,
                self._config.seed,
                permanent=permanent,
                make_policy=lambda policy: make_policy(policy, *self._spaces),
            )
            if state is not None:
                self._env.load(state, {name: self._league.read(name) for name in state.values["members"]})
        except ValueError as error:
            raise ConfigError(f"[selfplay] does not suit {self._config.game}: {error}") from error
        except KeyError as error:
            raise StateError(f"the checkpoint does not say who plays against the learner: {error}") from error
        return self._env

    def joined_by(self, policy: Policy, agent_steps: int) -> None:
        """Let the learner's policy join the league, if it is time."""
        newest = int(self._env.league[-1]) if self._env.league else 0
        if agent_steps - newest < self._settings.snapshot_every_steps or not self._settings.league_size:
            return
        name, state = f"{agent_steps:08d}", policy.state()
        self._league.write(name, state)
        self._env.add(name, state)

    def state(self) -> ArrayState:
        """What a checkpoint keeps."""
        return self._env.state()

    def forget_others(self) -> None:
        """Remove the files of policies that neither play nor stand in a checkpoint."""
        self._league.keep({*self._env.members, *policies_in_checkpoints(self._folder)})

    def _policy_of(self, run: str) -> ArrayState:
        from playthrough.runs.agent import load_agent

        agent: Any = load_agent(run)
        if not isinstance(agent, DeepTrainedAgent):
            raise ConfigError(f"[selfplay] opponents: {run} is a run of neat; expected one of a deep learner")
        require_spaces(agent.name, (agent.stored.observation_space, agent.stored.action_space), self._spaces)
        return agent.stored.state
