"""Peer C: the Arcade Learning Environment's own vector environments, ale-py's and EnvPool's.

They run another emulator (a Stella without a picture for skipped frames): a goal, not an equal.
"""

from __future__ import annotations

from typing import Any

from benchmarks.peer import config_of_this_process, play, serve

NUM_ACTIONS = 512


def make(config: dict[str, Any]) -> Any:
    """One of the two, with the same preprocessing as everywhere here."""
    lanes, threads = config["lanes"], config["threads"]
    if config["which"] == "envpool":
        import envpool

        return envpool.make(
            "Breakout-v5",
            env_type="gymnasium",
            num_envs=lanes,
            num_threads=threads,
            noop_max=1,
            use_fire_reset=False,
            episodic_life=False,
            reward_clip=False,
        )
    from ale_py.vector_env import AtariVectorEnv

    return AtariVectorEnv(
        game="breakout",
        num_envs=lanes,
        num_threads=threads,
        noop_max=0,
        use_fire_reset=False,
        reward_clipping=False,
    )


def main() -> None:
    """Serve."""
    import numpy as np

    config = config_of_this_process()
    env = make(config)
    env.reset()
    # Uniform over ALE's own four actions.
    actions = list(np.random.default_rng(0).integers(0, 4, (NUM_ACTIONS, config["lanes"])).astype(np.int32))

    def step(action: Any) -> int:
        _, _, terminated, truncated, _ = env.step(action)
        return int((terminated | truncated).sum())

    def run(seconds: float) -> dict[str, Any]:
        result = play(step, actions, config["lanes"], seconds)
        result["steps"] -= result["episodes"]
        return result

    serve({"run": run})


if __name__ == "__main__":
    main()
