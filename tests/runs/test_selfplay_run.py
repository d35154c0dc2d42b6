"""Self-play as a run: Wickling's duel for two, in which the agent learns for the duel against the console."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from small_deep_run import DeepListener, deep_metrics

from playthrough.engine.systems import get_system
from playthrough.errors import ConfigError, StateError
from playthrough.game.movies import read_movie
from playthrough.runs.agent import load_agent
from playthrough.runs.config import RunConfig, load_config, resolve
from playthrough.runs.deep_checkpoint import latest_deep_checkpoint
from playthrough.runs.folder import RunFolder
from playthrough.runs.judge import evaluate_agent
from playthrough.runs.partner import AgentPartner
from playthrough.runs.replay import replay
from playthrough.runs.train import resume, train
from playthrough.runs.watcher import TrainResult

RECIPE = """
game = "Wickling-Nes"
seed = 3
lanes = 4
threads = 1
video = false

[env]
state = "Versus"
scenario = "versus"
observation = { kind = "window", steps = 2, observation = { kind = "variables", names = ["health", "enemy_health"] } }
actions = [[], ["LEFT"], ["RIGHT"], ["B"]]
frame_skip = 4
noop_max = 4
max_episode_steps = 20

[selfplay]
env = { state = "Versus2P" }
mirror = { flip = true, swap = [["health", "enemy_health"]] }
league_size = 2
snapshot_every_steps = 48
"""

_ALGO = {
    "ppo": "rollout_steps = 8\nbatch_size = 16\nepochs = 1\nhidden_sizes = [8]",
    "recurrent": "rollout_steps = 8\nbatch_size = 16\nepochs = 1\nlstm_size = 8",
    "rainbow": "steps_per_update = 8\nlearn_start = 24\nbuffer_size = 400\nbatch_size = 8\nhidden = 8\natoms = 11",
}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def duel_config(out: Path, *overrides: str, algo: str = "ppo", steps: int = 192) -> RunConfig:
    out.parent.mkdir(parents=True, exist_ok=True)
    recipe = out.with_suffix(".toml")
    table = f"[{algo}]\n{_ALGO[algo]}\nevaluate_every = 96\nevaluation_episodes = 2\ncheckpoint_every = 1\n"
    recipe.write_text(f'algo = "{algo}"\n{RECIPE}\n{table}')
    return resolve(recipe=recipe, out=out, overrides=overrides, steps=steps)


@pytest.fixture(scope="module")
def duel(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainResult, DeepListener]:
    """Four updates: four lanes, two of them with the learner on both seats, are 48 steps each."""
    listener = DeepListener()
    return train(duel_config(tmp_path_factory.mktemp("duel") / "run"), watcher=listener), listener


def test_a_run_learns_for_two_and_is_judged_alone(duel: tuple[TrainResult, DeepListener]) -> None:
    result, listener = duel
    assert result.status == "finished" and result.totals.agent_steps == 192  # type: ignore[union-attr]
    assert result.totals.frames == 4 * 8 * 4 * 4
    opponents = {str(episode.info["opponent"]) for report, _ in listener.updates for episode in report.episodes}
    assert opponents == {"itself", "random"}  # the first episodes ended before anybody else could begin one
    # The last three checkpoints refer to all four: each has a league of two.
    stored = {path.name for path in (result.folder / "league").iterdir()}
    assert stored == {f"{steps:08d}.{kind}" for steps in (48, 96, 144, 192) for kind in ("json", "safetensors")}
    checkpoint, _ = latest_deep_checkpoint(RunFolder(result.folder))
    assert checkpoint.opponents is not None and checkpoint.opponents.values["league"] == ["00000144", "00000192"]
    assert not list(result.folder.rglob("*.pkl"))
    agent = load_agent(result.folder)
    options = agent.config.env_options()
    assert (options.state, options.players) == ("Versus", 1)
    assert result.movie is not None
    assert replay(result.movie, scenario="versus").rewards == (agent.episode.reward,)
    assert len(evaluate_agent(agent, options, episodes=2, lanes=2).episodes) == 2


def test_what_a_run_writes_down_can_be_read(duel: tuple[TrainResult, DeepListener]) -> None:
    config = load_config(duel[0].folder / "config.toml")
    settings = config.selfplay
    assert settings is not None and settings.mirror.swap == (("health", "enemy_health"),) and settings.mirror.flip
    assert config.training_env == {"players": 2, "state": "Versus2P"} and settings.latest_share == 0.5
    assert settings == duel[1].starts[0].config.selfplay


class StopAfter(DeepListener):
    def __init__(self, updates: int) -> None:
        super().__init__()
        self.stop = updates

    def updated(self, report: Any, totals: Any) -> None:
        super().updated(report, totals)
        if len(self.updates) == self.stop:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("algo", ["ppo", "recurrent", "rainbow"])
def test_a_run_that_goes_on_equals_one_in_one_go(
    algo: str, tmp_path: Path, duel: tuple[TrainResult, DeepListener]
) -> None:
    steps = 192 if algo == "ppo" else 384
    whole = duel[0].folder
    if algo != "ppo":
        whole = train(duel_config(tmp_path / "whole", algo=algo, steps=steps)).folder
    stopped = train(duel_config(tmp_path / "parts", algo=algo, steps=steps), watcher=StopAfter(3))
    assert stopped.status == "interrupted" and stopped.totals.agent_steps == 144  # type: ignore[union-attr]
    (stopped.folder / "league" / ".00000999.json.12345678.tmp").write_text("half")
    parts = resume(stopped.folder).folder
    assert deep_metrics(parts) == deep_metrics(whole)
    assert (parts / "episodes.csv").read_bytes() == (whole / "episodes.csv").read_bytes()
    last, other = (latest_deep_checkpoint(RunFolder(folder))[0] for folder in (parts, whole))
    for mine, theirs in ((last.learner, other.learner), (last.opponents, other.opponents)):
        assert mine is not None and theirs is not None and mine.arrays.keys() == theirs.arrays.keys()
        assert all((mine.arrays[name] == theirs.arrays[name]).all() for name in theirs.arrays)
        assert json.dumps(mine.values) == json.dumps(theirs.values)
    assert list(last.lanes) == list(other.lanes)
    league = [sorted(path.name for path in (folder / "league").iterdir()) for folder in (parts, whole)]
    assert league[0] == league[1]


def test_a_run_can_be_the_opponent(duel: tuple[TrainResult, DeepListener], tmp_path: Path) -> None:
    listener = DeepListener()
    against = f"selfplay.opponents=['{duel[0].folder}']"
    config = duel_config(
        tmp_path / "run", against, "selfplay.league_size=0", "selfplay.latest_share=0.0", "lanes=2", steps=48
    )
    result = train(config, watcher=listener)
    episodes = [episode for report, _ in listener.updates for episode in report.episodes]
    assert episodes and {episode.info["opponent"] for episode in episodes} == {"opponent-1"}
    assert (result.folder / "league" / "opponent-1.safetensors").is_file()
    shutil.rmtree(result.folder / "league")
    with pytest.raises(StateError, match=r"opponent-1.json cannot be read"):
        resume(result.folder, changes=["ppo.steps=96"])
    with pytest.raises(ConfigError, match="selfplay: a run of ppo keeps its environment"):
        resume(duel[0].folder, changes=["selfplay.league_size=3"])


def test_what_actions_press_may_differ_where_it_learns(tmp_path: Path) -> None:
    """In the game for two all actions press B as well; there are as many as in the other game."""
    both = "selfplay.env.actions=[['B'], ['LEFT', 'B'], ['RIGHT', 'B'], ['B']]"
    result = train(duel_config(tmp_path / "run", both, steps=96))
    agent = load_agent(result.folder)
    assert agent.config.env_options().actions == ((), ("LEFT",), ("RIGHT",), ("B",))
    assert agent.config.env_options(**agent.config.training_env).actions[0] == ("B",)  # type: ignore[index]
    assert result.movie is not None
    b = get_system("Nes").mask_of(["B"])
    pressed = (read_movie(result.movie).inputs[:, 0] & b) > 0
    assert pressed.mean() < 0.7, "the movie is of the other game"
    options = agent.config.env_options(state="Versus2P", players=2)
    with closing(AgentPartner(agent, options, 1, seed=0)) as partner:
        partner.begin("Versus2P")
        assert partner.pads(0)[1] & b
    wrong = duel_config(tmp_path / "wrong", "selfplay.env.actions=[['B'], ['LEFT']]")
    with pytest.raises(ConfigError, match=r"Discrete\(2\)"):
        train(wrong)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["selfplay.latest_share=2"], "latest_share must be from 0 to 1, not 2"),
        (["selfplay.env.frame_skip=2"], "an agent sees the same, and as often, in both games: write it in"),
        (["selfplay.mirror.flop=true"], "unknown setting 'flop'; did you mean 'flip'"),
        (["selfplay.leauge_size=3"], "unknown setting; did you mean 'league_size'"),
        (["selfplay.env.noop_max=-1"], "noop_max must be a whole number of frames"),
    ],
)
def test_a_recipe_that_is_wrong(overrides: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        duel_config(tmp_path / "run", *overrides)


def test_neat_does_not_play_itself() -> None:
    with pytest.raises(ConfigError, match="neat cannot play against itself; expected a deep algorithm such as ppo"):
        resolve(game="Wickling-Nes", algo="neat", overrides=["selfplay.league_size=3"])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["selfplay.mirror.swap=[['health','x']]"], "the observation has no variable 'x'; it has health, enemy_health"),
        (["env.actions='multi_discrete'"], "self-play needs actions in Discrete"),
        (["selfplay.opponents=['idle']", "env.actions=[['A'],['B']]"], "'idle' needs an action that presses nothing"),
    ],
)
def test_a_game_that_does_not_suit(overrides: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"selfplay.*{message}"):
        train(duel_config(tmp_path / "run", *overrides))
