"""Our PPO against stable-baselines3's on stable-retro, end to end: playing and learning, nothing else is timed.

Both sides have 8 lanes, frame skip 4 with the maximum of the last two frames, 84x84 gray, 4 stacked, clipped rewards,
the network of three convolutions, 128 steps per lane and update, minibatches of 256, and 4 epochs. The peer is what a
user of stable-retro writes: SubprocVecEnv with stable-baselines3's own Atari wrappers, and PPO as it is.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

LANES, STEPS, BATCH, EPOCHS, UPDATES_PER_ROUND = 8, 128, 256, 4, 2
GAMES = ("Airstriker-Genesis", "Breakout-Atari2600")


class Peer:
    """The peer process: it answers each line with agent steps per second of so many updates."""

    def __init__(self, game: str, rom: Path | None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.ppo_speed", game, str(rom or "")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[1],
        )
        self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("peer: "):
                return line.removeprefix("peer: ").strip()
        raise RuntimeError("the peer process ended")

    def agent_steps_per_second(self) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{UPDATES_PER_ROUND}\n")
        self._process.stdin.flush()
        return float(self._answer())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def main(games: Iterable[str] = GAMES, rounds: int = 5) -> None:
    """Print a ratio per game."""
    import playthrough as pt
    from benchmarks.rounds import compare
    from playthrough.agents.deep.sb3.learners import Sb3Learner
    from playthrough.agents.deep.sb3.options import PpoOptions
    from playthrough.game.integration import load_integration
    from playthrough.game.roms import find_rom

    for game in games:
        integration = load_integration(game)
        rom = find_rom(integration).path if integration.system.name == "Atari2600" else None
        env = pt.make_vec(
            game,
            num_envs=LANES,
            num_threads=2,
            observation="gray84",
            actions="discrete",
            frame_skip=4,
            autoreset_mode="same_step",
        )
        options = PpoOptions(rollout_steps=STEPS, batch_size=BATCH, epochs=EPOCHS)
        learner = Sb3Learner(options, env, seed=0)
        peer = Peer(f"{game}-v0", rom)  # as stable-retro calls it

        def ours(learner: Sb3Learner = learner) -> float:
            begin = time.perf_counter()
            for _ in range(UPDATES_PER_ROUND):
                learner.run_update()
            return UPDATES_PER_ROUND * LANES * STEPS / (time.perf_counter() - begin)

        comparison = compare(ours, peer.agent_steps_per_second, rounds)
        env.close()
        peer.close()
        print(
            f"{game}: PPO against stable-baselines3's on stable-retro: {comparison.line('agent steps/s')}", flush=True
        )


class _MakeEnv:
    """One environment of the peer's, made in its own process."""

    def __init__(self, game: str, folder: str) -> None:
        self._game, self._folder = game, folder

    def __call__(self) -> object:
        import cv2
        import stable_retro
        from stable_baselines3.common.atari_wrappers import ClipRewardEnv, MaxAndSkipEnv, WarpFrame
        from stable_baselines3.common.monitor import Monitor

        cv2.setNumThreads(1)
        if self._folder:
            stable_retro.data.Integrations.add_custom_path(self._folder)
        integrations = stable_retro.data.Integrations.ALL if self._folder else stable_retro.data.Integrations.STABLE
        env = stable_retro.make(
            self._game,
            inttype=integrations,
            use_restricted_actions=stable_retro.Actions.DISCRETE,
            render_mode=None,
        )
        return ClipRewardEnv(WarpFrame(MaxAndSkipEnv(Monitor(env), 4)))


def _serve(game: str, rom: str) -> None:
    import importlib.util

    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import SubprocVecEnv, VecFrameStack, VecTransposeImage

    folder = ""
    if rom:
        folder = tempfile.mkdtemp()
        package = importlib.util.find_spec("stable_retro")
        assert package is not None and package.origin is not None
        shutil.copytree(Path(package.origin).parent / "data/stable" / game, Path(folder) / game)
        shutil.copy(rom, Path(folder) / game / "rom.a26")
    env = VecTransposeImage(VecFrameStack(SubprocVecEnv([_MakeEnv(game, folder)] * LANES), 4))
    model = PPO(
        "CnnPolicy",
        env,
        n_steps=STEPS,
        batch_size=BATCH,
        n_epochs=EPOCHS,
        learning_rate=2.5e-4,
        clip_range=0.1,
        ent_coef=0.01,
        seed=0,
    )
    assert model.observation_space.shape == (4, 84, 84)
    print("peer: ready", flush=True)
    is_first = True
    for line in sys.stdin:
        steps = int(line) * LANES * STEPS
        if is_first:
            model._setup_learn(steps)  # so that starting the games is not timed
        begin = time.perf_counter()
        model.learn(steps, log_interval=None, reset_num_timesteps=False)
        print(f"peer: {steps / (time.perf_counter() - begin)}", flush=True)
        is_first = False
    env.close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _serve(sys.argv[1], sys.argv[2])
    else:
        main()
