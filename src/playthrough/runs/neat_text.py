"""NEAT configuration files as text: the one that is used where nobody gives one, and changes to single settings."""

from __future__ import annotations

import re

from playthrough.errors import ConfigError
from playthrough.runs.settings import suggest

AUTO = "auto"
"""What `num_inputs` and `num_outputs` may say, to be filled in from the environment."""

DEFAULT_NEAT_TEXT = """\
# neat-python's settings for a game of which nothing is known; `auto` is filled in from the environment.

[NEAT]
fitness_criterion = max
fitness_threshold = 0
no_fitness_termination = True
pop_size = 60
reset_on_extinction = True

[DefaultGenome]
num_inputs = auto
num_outputs = auto
single_structural_mutation = False
structural_mutation_surer = default
bias_init_type = gaussian
response_init_type = gaussian
weight_init_type = gaussian
enabled_rate_to_true_add = 0.0
enabled_rate_to_false_add = 0.0
num_hidden = 0
feed_forward = False
initial_connection = full_nodirect
activation_default = tanh
activation_options = tanh
activation_mutate_rate = 0.0
aggregation_default = sum
aggregation_options = sum
aggregation_mutate_rate = 0.0
bias_init_mean = 0.0
bias_init_stdev = 1.0
bias_max_value = 30.0
bias_min_value = -30.0
bias_mutate_power = 0.5
bias_mutate_rate = 0.7
bias_replace_rate = 0.1
response_init_mean = 1.0
response_init_stdev = 0.0
response_max_value = 30.0
response_min_value = -30.0
response_mutate_power = 0.0
response_mutate_rate = 0.0
response_replace_rate = 0.0
weight_init_mean = 0.0
weight_init_stdev = 1.0
weight_max_value = 30.0
weight_min_value = -30.0
weight_mutate_power = 0.5
weight_mutate_rate = 0.8
weight_replace_rate = 0.1
conn_add_prob = 0.5
conn_delete_prob = 0.3
node_add_prob = 0.2
node_delete_prob = 0.1
enabled_default = True
enabled_mutate_rate = 0.02
compatibility_disjoint_coefficient = 1.0
compatibility_weight_coefficient = 0.5

[DefaultSpeciesSet]
compatibility_threshold = 3.0

[DefaultStagnation]
species_fitness_func = max
max_stagnation = 20
species_elitism = 2

[DefaultReproduction]
elitism = 2
survival_threshold = 0.2
"""


def fill_in_sizes(text: str, num_inputs: int, num_outputs: int) -> str:
    """Write the numbers into a configuration that says `num_inputs = auto` or `num_outputs = auto`."""
    for key, number in (("num_inputs", num_inputs), ("num_outputs", num_outputs)):
        text = re.sub(rf"(?m)^({key}\s*[=:]\s*){AUTO}[ \t]*$", rf"\g<1>{number}", text)
    return text


def change_neat_value(text: str, key: str, value: str, origin: str) -> str:
    """Set one of neat-python's settings, whatever its section.

    Args:
        text: A configuration.
        key: The setting, such as `pop_size`.
        value: What it becomes.
        origin: Who asks, for messages.

    Raises:
        ConfigError: If there is no such setting, or the text has no such section.
    """
    from playthrough.agents.neat.config import neat_parameters

    sections = {str(entry.name): section for section, known in neat_parameters().items() for entry in known}
    if key not in sections:
        raise ConfigError(f"{origin}: neat-python has no setting {key!r}; {suggest(key, sections)}")
    header = re.search(rf"(?m)^\[{sections[key]}\][^\n]*\n", text)
    if header is None:
        raise ConfigError(f"{origin}: the NEAT configuration has no section [{sections[key]}] to set {key} in")
    following = re.search(r"(?m)^\[", text[header.end() :])
    end = len(text) if following is None else header.end() + following.start()
    body = text[header.end() : end]
    changed, count = re.subn(
        rf"(?mi)^({re.escape(key)}\s*[=:][ \t]*)[^\n#]*?([ \t]*(?:#[^\n]*)?)$", lambda m: f"{m[1]}{value}{m[2]}", body
    )
    if not count:
        changed = f"{key} = {value}\n{body}"
    return text[: header.end()] + changed + text[end:]
