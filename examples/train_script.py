"""Train an agent on a processor script written for GymBizHawk: with NEAT or PPO, which both keep to the valid actions.

    python examples/train_script.py examples/wickling_processor.lua --rom games/Wickling-Nes/rom.nes --rounds 20
    python examples/train_script.py examples/airstriker_processor.lua --rom Airstriker-Genesis --algo maskable

The script is used as it is. NEAT's best genome goes to `best.json`; with `--video best.mp4` it is filmed with what the
script draws.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import playthrough as pt

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("script")
parser.add_argument("--rom", help="the ROM file, or a game's name; else the script's own ROM")
parser.add_argument("--setup", default="", help="the text for the script's setup")
parser.add_argument("--algo", choices=("neat", "maskable"), default="neat")
parser.add_argument("--rounds", type=int, default=20, help="generations, or updates")
parser.add_argument("--lanes", type=int, default=8, help="games side by side")
parser.add_argument("--frameskip", type=int, default=7, help="further steps of the script for each decision")
parser.add_argument("--max-steps", type=int, default=500, help="NEAT: decisions of the longest episode")
parser.add_argument("--population", type=int, default=60, help="NEAT: genomes in a generation")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", type=Path, default=Path("best.json"), help="NEAT: where the best genome goes")
parser.add_argument("--video", type=Path, help="NEAT: where to film it")
args = parser.parse_args()

# `vector=True` makes one vector of all values that the script gives, whatever kinds it declares.
options = {"frameskip": args.frameskip, "setup_str": args.setup, "vector": True}


def evolve() -> None:
    """NEAT starts a lane anew when it wants to play another genome there: the lanes must not do it by themselves.

    Where the script says which actions are valid, the best of those is taken.
    """
    from playthrough.agents.neat import (
        NeatOptions,
        NeatPlayer,
        NeatTrainer,
        genome_to_json,
        inputs_needed,
        load_neat_config,
        outputs_needed,
    )
    from playthrough.runs.neat_text import DEFAULT_NEAT_TEXT, change_neat_value, fill_in_sizes

    venv = pt.make_script_vec(args.script, args.rom, num_envs=args.lanes, autoreset_mode="disabled", **options)
    sizes = inputs_needed(venv.single_observation_space), outputs_needed(venv.single_action_space)
    text = change_neat_value(DEFAULT_NEAT_TEXT, "pop_size", str(args.population), "--population")
    config, _ = load_neat_config(fill_in_sizes(text, *sizes))
    neat_options = NeatOptions(generations=args.rounds, max_steps_per_episode=args.max_steps)
    trainer = NeatTrainer(config, venv, seed=args.seed, options=neat_options)
    best_seed = args.seed
    while not trainer.finished:
        report = trainer.run_generation()
        best = max((result for result in report.genomes), key=lambda result: result.fitness)
        if trainer.best_genome is not None and best.fitness == trainer.best_genome.fitness:
            best_seed = best.episodes[0].seed
        print(
            f"generation {report.generation}: best {report.best_fitness:.1f}, mean {report.mean_fitness:.1f}, "
            f"{report.frames / report.evaluate_s:.0f} frames/s",
            flush=True,
        )
    genome, shape = trainer.best_genome, trainer.network_shape
    venv.close()
    assert genome is not None
    args.out.write_text(genome_to_json(genome, shape))
    print(f"best fitness {genome.fitness:.1f}: {args.out}")
    if args.video is None:
        return

    from playthrough.runs.encoding import encoding

    env = pt.make_script(args.script, args.rom, render_mode="rgb_array", **options)
    player = NeatPlayer(genome, shape, env.observation_space, env.action_space, 1)
    observation, info = env.reset(seed=best_seed)
    height, width = (side // 2 * 2 for side in env.render().shape[:2])
    total = 0.0
    with encoding(args.video, (height, width, 3), env.metadata["render_fps"], 48_000) as film:
        for _ in range(args.max_steps):
            masks = info["action_mask"][np.newaxis] > 0 if "action_mask" in info else None
            action = player.act(observation[np.newaxis], masks)[0]
            observation, reward, terminated, truncated, info = env.step(action)
            total += reward
            film.add(np.ascontiguousarray(env.render()[:height, :width]), None)
            if terminated or truncated:
                break
    env.close()
    print(f"played again, {total:.1f}: {args.video}")


def learn() -> None:
    """PPO learns from lanes that start anew within a step, and chooses among the actions that `action_mask` allows."""
    from playthrough.agents.deep import make_learner
    from playthrough.agents.deep.sb3.options import MaskablePpoOptions

    venv = pt.make_script_vec(args.script, args.rom, num_envs=args.lanes, autoreset_mode="same_step", **options)
    ppo = MaskablePpoOptions(steps=args.rounds * args.lanes * 128, reward_clip=False, normalise_returns=True)
    learner = make_learner(ppo, venv, args.seed)
    for _ in range(args.rounds):
        report = learner.run_update()
        rewards = [episode.reward for episode in report.episodes]
        mean = f"{np.mean(rewards):.1f}" if rewards else "-"
        speed = args.lanes * 128 / (report.collect_s + report.learn_s)
        print(
            f"update {report.update}: {report.agent_steps} steps, mean reward {mean}, {speed:.0f} steps/s", flush=True
        )
    venv.close()


if __name__ == "__main__":
    evolve() if args.algo == "neat" else learn()
