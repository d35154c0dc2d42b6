"""NEAT: networks that grow by evolution (Stanley and Miikkulainen, 2002).

neat-python holds the algorithm: genomes, species, reproduction, and the configuration files that people already have.
Around it stand a loader that accepts those files from all its versions (`load_neat_config`), compiled networks and
genetic distance with the same results (`playthrough._neat`), an evaluation on the lanes of a vector environment
(`evaluate`), and a trainer whose state is plain data (`NeatTrainer`).

    config, filled_in = load_neat_config("neat-config.cfg")
    trainer = NeatTrainer(config, env, seed=1)
    while not trainer.finished:
        print(trainer.run_generation())
"""

from __future__ import annotations

from importlib.util import find_spec

from playthrough.errors import DependencyError

if find_spec("neat") is None:
    raise DependencyError("NEAT needs neat-python: pip install 'playthrough[neat]'")

from playthrough.agents.neat.checkpoint import decode, encode
from playthrough.agents.neat.config import NeatSource, load_neat_config
from playthrough.agents.neat.evaluation import EpisodeResult, GenomeResult, episode_seed, evaluate
from playthrough.agents.neat.frontier import FrontierOptions
from playthrough.agents.neat.genome import Genome
from playthrough.agents.neat.genome_file import genome_from_json, genome_to_json
from playthrough.agents.neat.network import NetworkShape, compile_network
from playthrough.agents.neat.player import NeatPlayer
from playthrough.agents.neat.spaces import ActionDecoder, as_inputs, inputs_needed, outputs_needed
from playthrough.agents.neat.trainer import GenerationReport, NeatOptions, NeatTrainer, SpeciesReport

__all__ = [
    "ActionDecoder",
    "EpisodeResult",
    "FrontierOptions",
    "GenerationReport",
    "Genome",
    "GenomeResult",
    "NeatOptions",
    "NeatPlayer",
    "NeatSource",
    "NeatTrainer",
    "NetworkShape",
    "SpeciesReport",
    "as_inputs",
    "compile_network",
    "decode",
    "encode",
    "episode_seed",
    "evaluate",
    "genome_from_json",
    "genome_to_json",
    "inputs_needed",
    "load_neat_config",
    "outputs_needed",
]
