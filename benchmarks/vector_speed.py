"""Eight lanes of `gray84` at frame skip 4 against stable-retro with Gymnasium's wrappers in AsyncVectorEnv.

Both sides run the same core, ROM and start state, with random buttons, on the same processors, in turns.
"""

from __future__ import annotations

import time
from pathlib import Path

import playthrough as pt
from benchmarks.rounds import compare
from benchmarks.stable_retro_peer import Peer
from playthrough.game.integration import load_integration
from playthrough.game.roms import find_rom

LANES, STEPS = 8, 150
GAMES = ("Airstriker-Genesis", "Breakout-Atari2600")


def main() -> None:
    """Print a ratio per game."""
    for game in GAMES:
        integration = load_integration(game)
        rom: Path | None = find_rom(integration).path if integration.system.name == "Atari2600" else None
        env = pt.make_vec(game, num_envs=LANES, observation="gray84", frame_skip=4)
        env.reset(seed=0)
        env.action_space.seed(0)
        peer = Peer(integration.folder.name, LANES, rom)

        def ours(env: pt.RetroVectorEnv = env) -> float:
            actions = [env.action_space.sample() for _ in range(STEPS)]
            begin = time.perf_counter()
            for action in actions:
                env.step(action)
            return STEPS * LANES / (time.perf_counter() - begin)

        def theirs(peer: Peer = peer) -> float:
            return peer.agent_steps_per_second(STEPS)

        comparison = compare(ours, theirs)
        env.close()
        peer.close()
        print(
            f"{game}: {LANES} lanes of gray84 against stable-retro in AsyncVectorEnv: "
            f"{comparison.line('agent steps/s')}"
        )


if __name__ == "__main__":
    main()
