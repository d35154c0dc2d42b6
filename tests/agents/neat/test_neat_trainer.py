"""Training runs: they learn, repeat, stop and go on."""

from __future__ import annotations

import copy
import json
import random
import time
import zipfile
from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from neat_setups import TUTORIAL, Lights, make_cartpole, make_config

from playthrough.agents.neat import GenerationReport, NeatOptions, NeatTrainer, decode, encode, evaluate
from playthrough.errors import ConfigError, StateError


def without_times(report: GenerationReport) -> GenerationReport:
    return replace(report, evaluate_s=0.0, reproduce_s=0.0, speciate_s=0.0)


def lights_config(**changes: str) -> Any:
    return make_config(
        **{"num_inputs": "30", "num_outputs": "4", "fitness_threshold": "1e9", "node_add_prob": "0.6", **changes}
    )


def run(trainer: NeatTrainer, generations: int) -> list[GenerationReport]:
    return [without_times(trainer.run_generation()) for _ in range(generations)]


def test_cartpole_is_learned_to_its_goal() -> None:
    config = make_config(pop_size="50")
    trainer = NeatTrainer(config, make_cartpole(8), seed=1, options=NeatOptions(generations=30, episodes_per_genome=3))
    report = None
    while not trainer.finished:
        report = trainer.run_generation()
    assert trainer.goal_reached
    assert report is not None and report.goal_reached
    assert trainer.best_genome is not None
    assert trainer.best_genome.fitness == report.best_fitness >= 475
    # Also from starts that it has never seen.
    (again,) = evaluate([trainer.best_genome], make_cartpole(8), config, run_seed=999, episodes=20)
    assert again.fitness > 300


def test_lanes_do_not_change_a_run() -> None:
    config = make_config()
    runs = []
    for num_lanes in (1, 3, 8):
        trainer = NeatTrainer(config, make_cartpole(num_lanes), seed=11, options=NeatOptions(generations=3))
        runs.append((run(trainer, 3), encode(trainer.state())))
    assert runs[0] == runs[1] == runs[2]
    other = NeatTrainer(config, make_cartpole(3), seed=12, options=NeatOptions(generations=3))
    assert run(other, 3) != runs[0][0]


def test_a_run_goes_on_as_if_it_had_never_stopped() -> None:
    whole = NeatTrainer(lights_config(), Lights(3, 30, 4), seed=4)
    expected = run(whole, 5)
    first = NeatTrainer(lights_config(), Lights(2, 30, 4), seed=4)
    reports = run(first, 2)
    stored = encode(first.state())
    second = NeatTrainer.restore(lights_config(), Lights(5, 30, 4), decode(stored))
    assert second.generation == 2
    assert second.best_genome is not None and first.best_genome is not None
    assert second.best_genome.fitness == first.best_genome.fitness
    reports += run(second, 3)
    assert reports == expected
    assert encode(second.state()) == encode(whole.state())
    assert second.ancestors == whole.ancestors


def test_cartpole_goes_on_at_generation_2_of_5() -> None:
    config = make_config(fitness_threshold="1e9")
    whole = NeatTrainer(config, make_cartpole(4), seed=21)
    expected = run(whole, 5)
    first = NeatTrainer(config, make_cartpole(4), seed=21)
    reports = run(first, 2)
    second = NeatTrainer.restore(config, make_cartpole(2), decode(encode(first.state())))
    assert reports + run(second, 3) == expected
    assert encode(second.state()) == encode(whole.state())


def test_other_random_numbers_do_not_disturb_a_run_nor_it_them() -> None:
    config = lights_config()
    calm = NeatTrainer(config, Lights(3, 30, 4), seed=4)
    expected = run(calm, 3)
    random.seed(99)
    undisturbed = [random.random() for _ in range(4)]
    random.seed(99)
    drawn = [random.random()]
    disturbed = NeatTrainer(config, Lights(3, 30, 4), seed=4)
    other = NeatTrainer(config, Lights(3, 30, 4), seed=5)  # shares the configuration
    reports = []
    for _ in range(3):
        drawn.append(random.random())
        other.run_generation()
        reports += run(disturbed, 1)
    assert reports == expected
    assert drawn == undisturbed


@pytest.mark.parametrize("phase", ["evaluate", "reproduce", "speciate"])
def test_an_interrupt_leaves_the_last_finished_generation(phase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = run(NeatTrainer(lights_config(), Lights(3, 30, 4), seed=4), 4)
    trainer = NeatTrainer(lights_config(), Lights(3, 30, 4), seed=4)
    reports = run(trainer, 2)
    before = trainer.state()

    def interrupt(after: int, function: Any) -> Any:
        calls = 0

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > after:
                raise KeyboardInterrupt
            return function(*args, **kwargs)

        return wrapped

    with monkeypatch.context() as patch:
        if phase == "evaluate":
            patch.setattr(trainer, "_on_genome", interrupt(6, lambda _: None))
        else:
            genome_type = trainer._evolution.config.genome_type
            name, after = ("mutate", 9) if phase == "reproduce" else ("distance", 30)
            patch.setattr(genome_type, name, interrupt(after, getattr(genome_type, name)))
        with pytest.raises(KeyboardInterrupt):
            trainer.run_generation()
    assert trainer.generation == 2
    after = trainer.state()
    if phase == "evaluate":
        assert encode(after) == encode(before)
    again = NeatTrainer.restore(lights_config(), Lights(2, 30, 4), decode(encode(after)))
    assert reports + run(trainer, 2) == expected
    assert reports + run(again, 2) == expected


def test_the_report_adds_up() -> None:
    trainer = NeatTrainer(lights_config(compatibility_threshold="1.5"), Lights(3, 30, 4), seed=4)
    for generation in range(4):
        report = trainer.run_generation()
        fitnesses = {result.key: result.fitness for result in report.genomes}
        assert report.generation == generation
        assert report.best_fitness == max(fitnesses.values()) == fitnesses[report.best_genome]
        assert report.mean_fitness == pytest.approx(np.mean(list(fitnesses.values())))
        assert report.fitness_stdev == pytest.approx(np.std(list(fitnesses.values())))
        assert report.frames == 4 * report.agent_steps > 0
        assert sorted(key for species in report.species for key in species.members) == sorted(fitnesses)
        for species in report.species:
            assert species.size == len(species.members)
            assert species.best_fitness == max(fitnesses[key] for key in species.members)
            assert 0 <= species.stagnation <= species.age <= generation
        assert report.evaluate_s > 0 and report.reproduce_s > 0 and report.speciate_s > 0
    assert len(report.species) > 1


@pytest.mark.parametrize(("criterion", "threshold"), [("max", 30.0), ("mean", 18.0), ("min", 2.0)])
def test_the_goal_follows_the_criterion(criterion: str, threshold: float) -> None:
    changes = {"fitness_criterion": criterion, "fitness_threshold": str(threshold)}
    trainer = NeatTrainer(lights_config(**changes), Lights(3, 30, 4), seed=4, options=NeatOptions(generations=40))
    of = {"max": max, "mean": lambda values: sum(values) / len(values), "min": min}[criterion]
    while not trainer.finished:
        report = trainer.run_generation()
        assert report.goal_reached == (of([result.fitness for result in report.genomes]) >= threshold)
    assert trainer.goal_reached
    assert NeatTrainer.restore(lights_config(**changes), Lights(3, 30, 4), trainer.state()).finished
    endless = NeatTrainer(
        lights_config(**changes, no_fitness_termination="True"), Lights(3, 30, 4), 4, NeatOptions(generations=2)
    )
    run(endless, 2)
    assert endless.finished and not endless.goal_reached


def test_the_best_genome_keeps_the_fitness_that_it_had() -> None:
    # Fitness is noisy here: elites are played again and do worse.
    trainer = NeatTrainer(lights_config(), Lights(3, 30, 4), seed=4)
    bests = [report.best_fitness for report in run(trainer, 8)]
    assert any(later < earlier for earlier, later in pairwise(bests))
    assert trainer.best_genome is not None and trainer.best_genome.fitness == max(bests)


def test_a_configuration_for_another_environment_is_refused() -> None:
    with pytest.raises(ConfigError, match="Write num_inputs = 30"):
        NeatTrainer(make_config(), Lights(3, 30, 4), seed=1)
    with pytest.raises(ValueError, match="not negative"):
        NeatTrainer(lights_config(), Lights(3, 30, 4), seed=-1)
    state = NeatTrainer(make_config(), make_cartpole(1), seed=1).state()
    with pytest.raises(ConfigError, match=r"the run to be continued has 4\. Write num_inputs = 4"):
        NeatTrainer.restore(lights_config(), Lights(3, 30, 4), state)


def test_a_checkpoint_of_150_large_genomes_is_small_and_quick() -> None:
    trainer = NeatTrainer(make_config(TUTORIAL, pop_size="150"), Lights(2), seed=0)
    started = time.process_time()
    state = trainer.state()
    data = encode(state)
    encode_s = time.process_time() - started
    assert sum(len(genome.connections) for genome in trainer.population.values()) > 1_000_000
    assert len(data) < 20e6
    started = time.process_time()
    decoded = decode(data)
    decode_s = time.process_time() - started
    assert encode(decoded) == data
    assert encode_s < 4 and decode_s < 2, "several times what it takes on an idle machine"


def checkpoint() -> bytes:
    return encode(NeatTrainer(lights_config(), Lights(1, 30, 4), seed=4).state())


def test_damaged_checkpoints_are_refused() -> None:
    data = checkpoint()
    for damaged in (b"", data[:100], data[: len(data) // 2], data[:-1], b"x" * 500, data[:50] + b"xxxx" + data[54:]):
        with pytest.raises(StateError, match="damaged or cut short"):
            decode(damaged)
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 0x40
    with pytest.raises(StateError):
        decode(bytes(flipped))
    other = BytesIO()
    with zipfile.ZipFile(other, "w") as file:
        file.writestr("state.json", json.dumps({"format": "something else"}))
    with pytest.raises(StateError, match="expected a NEAT checkpoint"):
        decode(other.getvalue())


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: state.pop("seed"),
        lambda state: state["evolution"].pop("species"),
        lambda state: state["evolution"]["population"].update(weight=np.zeros(3)),
        lambda state: state["evolution"]["species"][0].update(representative=10**6),
        lambda state: state["evolution"]["random"].update(words=np.zeros(3, dtype=np.uint32)),
        lambda state: state["evolution"].update(ancestors=None),
    ],
)
def test_damaged_states_are_refused(damage: Any) -> None:
    state = copy.deepcopy(NeatTrainer(lights_config(), Lights(1, 30, 4), seed=4).state())
    damage(state)
    with pytest.raises(StateError, match="damaged"):
        NeatTrainer.restore(lights_config(), Lights(1, 30, 4), state)
