"""Configuration files of every age, and the mistakes in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from neat_setups import CARTPOLE, TUTORIAL, config_with

from playthrough.agents.neat import load_neat_config
from playthrough.agents.neat.config import neat_parameters
from playthrough.errors import ConfigError


def load(text: Path | str, **needed: int) -> tuple[Any, list[str]]:
    return load_neat_config(text, **needed)


def test_the_tutorials_file_loads_unchanged() -> None:
    config, filled_in = load(TUTORIAL, num_inputs=1120, num_outputs=12)
    assert filled_in == [
        "[NEAT] no_fitness_termination = False",
        "[DefaultGenome] single_structural_mutation = false",
        "[DefaultGenome] structural_mutation_surer = default",
        "[DefaultGenome] bias_init_type = gaussian",
        "[DefaultGenome] response_init_type = gaussian",
        "[DefaultGenome] weight_init_type = gaussian",
        "[DefaultGenome] enabled_rate_to_true_add = 0.0",
        "[DefaultGenome] enabled_rate_to_false_add = 0.0",
    ]
    genome = config.genome_config
    assert genome.single_structural_mutation is False  # neat-python 2.0.0 alone reads its default as true
    assert genome.activation_options == ["sigmoid", "gauss"]
    assert (genome.initial_connection, genome.connection_fraction) == ("partial_nodirect", 0.5)
    assert (config.pop_size, config.fitness_threshold, config.reset_on_extinction) == (30, 100000.0, True)
    assert config.stagnation_config.max_stagnation == 50


def test_a_file_of_today_needs_nothing_filled_in() -> None:
    assert load(CARTPOLE)[1] == []


def test_comments_and_spaces_are_no_part_of_a_value() -> None:
    text = config_with(activation_options="sigmoid   gauss\ttanh  # the old three", pop_size="40 # more")
    config, _ = load("# NEAT\n; old style\n" + text)
    assert config.genome_config.activation_options == ["sigmoid", "gauss", "tanh"]
    assert config.pop_size == 40


def test_the_list_of_parameters_is_neat_pythons() -> None:
    config, _ = load(CARTPOLE)
    known = {section: {p.name: p.value_type for p in parameters} for section, parameters in neat_parameters().items()}
    assert known["DefaultGenome"] == {p.name: p.value_type for p in config.genome_config._params}
    assert set(known["NEAT"]) >= {"pop_size", "fitness_criterion", "fitness_threshold", "no_fitness_termination"}


def replaced(old: str, new: str) -> str:
    text = TUTORIAL.read_text()
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (replaced("conn_add_prob", "con_add_prob"), [":61:", "'con_add_prob' in [DefaultGenome]", "'conn_add_prob'?"]),
        (replaced("pop_size  ", "popsize  "), [":11:", "'popsize' in [NEAT]", "did you mean 'pop_size'?"]),
        (replaced("max_stagnation       = 50", "pop_size = 1"), ["belongs in [NEAT]"]),
        (replaced("[DefaultStagnation]", "[DefaultStagnaton]"), [":14:", "[DefaultStagnation]", "[DefaultStagnaton]"]),
        (replaced("weight_init_mean        = 0.1", ""), ["[DefaultGenome] lacks weight_init_mean"]),
        (replaced("sigmoid gauss", "sigmoid gaus"), [":39:", "'gaus'", "did you mean 'gauss'?"]),
        (replaced("= sum product", "= som product"), ["aggregation_options", "did you mean 'sum'?"]),
        (replaced("= 30\nreset", "= many\nreset"), [":11:", "pop_size: expected a whole number, found 'many'"]),
        (replaced("= 30\nreset", "= 1\nreset"), ["pop_size: expected at least 2"]),
        (replaced("partial_nodirect 0.5", "partial_nodirect"), ["such as partial_nodirect 0.5"]),
        (replaced("partial_nodirect 0.5", "partial_nodirect 1.5"), ["a fraction"]),
        (replaced("partial_nodirect 0.5", "partial_indirect 0.5"), ["did you mean 'partial_nodirect'?"]),
        (replaced("feed_forward            = False", "feed_forward = 7"), ["expected True or False, found '7'"]),
        (replaced("fitness_criterion     = max", "fitness_criterion = most"), [":9:", "unknown value 'most'"]),
        (replaced("enabled_default         = True", "enabled_default = maybe"), ["unknown value 'maybe'"]),
        (replaced("elitism            = 2", "elitism = 2\nelitism = 3"), [":27:", "'elitism' stands twice"]),
        (replaced("[NEAT]", "[DefaultStagnation]"), ["begins twice"]),
        (replaced("[NEAT]", "pop_size = 3"), [":3:", "expected a section"]),
        (replaced("pop_size              = 30", "pop_size"), [":11:", "expected a line such as"]),
        (replaced("bias_max_value          = 30.0", "bias_max_value = -40"), ["min/max"]),
        (config_with(min_species_size="0", elitism="0"), ["min_species_size: expected at least 1"]),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, messages: list[str], tmp_path: Path) -> None:
    file = tmp_path / "neat.cfg"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        load(file)
    assert str(error.value).startswith(f"{file}:")
    for message in messages:
        assert message in str(error.value)
    assert error.value.exit_code == 2


def test_sizes_that_do_not_fit_the_environment_are_stated() -> None:
    with pytest.raises(ConfigError, match=r":84: num_inputs = 1120 does not fit.* 840 .*Write num_inputs = 840"):
        load(TUTORIAL, num_inputs=840)
    with pytest.raises(ConfigError, match=r":85: num_outputs = 12 does not fit.* 9 .*Write num_outputs = 9"):
        load(TUTORIAL, num_outputs=9)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.cfg: cannot be read: No such file"):
        load(tmp_path / "missing.cfg")
    (tmp_path / "binary.cfg").write_bytes(b"[NEAT]\n\xff\xfe")
    with pytest.raises(ConfigError, match="not a text file"):
        load(tmp_path / "binary.cfg")
