"""Reads neat-python's configuration files, those of every version."""

from __future__ import annotations

import configparser
import difflib
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, cast

import neat
from neat.config import Config, ConfigParameter
from neat.genes import DefaultConnectionGene, DefaultNodeGene
from neat.genome import DefaultGenomeConfig

from playthrough._neat import ACTIVATIONS, AGGREGATIONS
from playthrough.agents.neat.genome import Genome
from playthrough.agents.neat.network import NetworkShape
from playthrough.agents.neat.reproduction import Reproduction
from playthrough.errors import ConfigError

# What older versions took for granted and newer ones demand. 2.0.0 does know a default for
# single_structural_mutation, but as the text 'false', which counts as true.
_FILLED_IN = {
    "NEAT": {"no_fitness_termination": "False"},
    "DefaultGenome": {
        "single_structural_mutation": "false",
        "structural_mutation_surer": "default",
        "bias_init_type": "gaussian",
        "response_init_type": "gaussian",
        "weight_init_type": "gaussian",
        "enabled_rate_to_true_add": "0.0",
        "enabled_rate_to_false_add": "0.0",
    },
}

# DefaultGenomeConfig makes this list in its constructor: too late to explain what is wrong with a file.
_GENOME_PARAMETERS = [
    ConfigParameter("num_inputs", int),
    ConfigParameter("num_outputs", int),
    ConfigParameter("num_hidden", int),
    ConfigParameter("feed_forward", bool),
    ConfigParameter("compatibility_disjoint_coefficient", float),
    ConfigParameter("compatibility_weight_coefficient", float),
    ConfigParameter("conn_add_prob", float),
    ConfigParameter("conn_delete_prob", float),
    ConfigParameter("node_add_prob", float),
    ConfigParameter("node_delete_prob", float),
    ConfigParameter("single_structural_mutation", bool),
    ConfigParameter("structural_mutation_surer", str),
    ConfigParameter("initial_connection", str, "unconnected"),
]

_TYPE_NAMES = {int: "a whole number", float: "a number", bool: "True or False"}

_CHOICES: dict[tuple[str, str], tuple[str, ...]] = {
    ("NEAT", "fitness_criterion"): ("max", "min", "mean"),
    ("DefaultStagnation", "species_fitness_func"): ("max", "min", "mean", "median", "median2"),
    ("DefaultGenome", "activation_default"): (*ACTIVATIONS, "random", "none"),
    ("DefaultGenome", "activation_options"): ACTIVATIONS,
    ("DefaultGenome", "aggregation_default"): (*AGGREGATIONS, "random", "none"),
    ("DefaultGenome", "aggregation_options"): AGGREGATIONS,
    ("DefaultGenome", "initial_connection"): tuple(DefaultGenomeConfig.allowed_connectivity),
    ("DefaultGenome", "enabled_default"): ("true", "false", "yes", "no", "on", "off", "1", "0", "random", "none"),
    ("DefaultGenome", "structural_mutation_surer"): (
        *("true", "false", "yes", "no", "on", "off", "1", "0", "default"),
    ),
    ("DefaultGenome", "bias_init_type"): ("gaussian", "normal", "uniform"),
    ("DefaultGenome", "response_init_type"): ("gaussian", "normal", "uniform"),
    ("DefaultGenome", "weight_init_type"): ("gaussian", "normal", "uniform"),
    ("DefaultGenome", "time_constant_init_type"): ("gaussian", "normal", "uniform"),
}


@dataclass(frozen=True)
class NeatSource:
    """Where the text of a configuration comes from, so that messages can point at it.

    Attributes:
        name: The file.
        text: Its text as it stands there, before any setting was changed.
        first_line: The line of the file on which the text begins; not 1 where it is part of a larger file.
        changes: Who set a setting to another value than the file's, by the setting's name.
    """

    name: str
    text: str
    first_line: int = 1
    changes: Mapping[str, str] = field(default_factory=dict[str, str])


def load_neat_config(
    path_or_text: Path | str,
    *,
    num_inputs: int | None = None,
    num_outputs: int | None = None,
    source: NeatSource | None = None,
) -> tuple[neat.Config, list[str]]:
    """Loads a NEAT configuration as it was written for any version of neat-python.

    Args:
        path_or_text: The file, or its text (anything with a line break).
        num_inputs: What the environment gives, to be compared with the file's.
        num_outputs: What the environment takes.
        source: Where a text comes from; without it, messages speak of the NEAT configuration.

    Returns:
        The configuration, and one line for each setting that the file lacks and that was filled in.

    Raises:
        ConfigError: The file is missing or wrong; the message names line, key, and what was meant.
    """
    if isinstance(path_or_text, str) and "\n" in path_or_text:
        text = path_or_text
        source = source or NeatSource("NEAT configuration", text)
    else:
        path = Path(path_or_text)
        name = str(path)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{name}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{name}: is not a text file in UTF-8 (byte {error.start})") from error
        source = NeatSource(name, text)
    return _ConfigFile(source, text).load(num_inputs, num_outputs)


def neat_parameters() -> dict[str, list[Any]]:
    """Every setting by section, as neat-python's ConfigParameter objects."""
    gene_types = cast("tuple[Any, Any]", (DefaultNodeGene, DefaultConnectionGene))
    return {
        "NEAT": vars(Config)["_Config__params"],
        "DefaultStagnation": cast("Any", neat.DefaultStagnation.parse_config({}))._params,
        "DefaultReproduction": cast("Any", neat.DefaultReproduction.parse_config({}))._params,
        "DefaultSpeciesSet": cast(
            "Any", neat.DefaultSpeciesSet.parse_config({"compatibility_threshold": "3.0"})
        )._params,
        "DefaultGenome": [
            *_GENOME_PARAMETERS,
            *(parameter for gene in gene_types for parameter in gene.get_config_params()),
        ],
    }


class _ConfigFile:
    """One file on its way to a neat.Config."""

    def __init__(self, source: NeatSource, text: str) -> None:
        self._source = source
        self._lines = _line_numbers(source.text)
        self._known = neat_parameters()
        self._parser = self._parsed(source.text)
        if text != source.text:
            self._parser = self._parsed(text)

    def _parsed(self, text: str) -> configparser.ConfigParser:
        parser = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=("#",))
        try:
            parser.read_string(text)
        except configparser.Error as error:
            line = getattr(error, "lineno", None) or next((line for line, _ in getattr(error, "errors", [])), None)
            self._fail(_explain(error), line)
        return parser

    def load(self, num_inputs: int | None, num_outputs: int | None) -> tuple[neat.Config, list[str]]:
        self._check_sections()
        self._check_keys()
        filled_in = self._fill_in()
        self._check_missing()
        for section, parameters in self._known.items():
            for parameter in parameters:
                if self._parser.has_option(section, parameter.name):
                    self._check_value(section, parameter)
        self._check_sizes()
        self._check_fit("num_inputs", num_inputs, "the observations have")
        self._check_fit("num_outputs", num_outputs, "the actions need")
        return self._build(), filled_in

    def _check_sections(self) -> None:
        for section in self._known:
            if not self._parser.has_section(section):
                similar = difflib.get_close_matches(section, self._parser.sections(), n=1)
                found = f"found [{similar[0]}] instead" if similar else "add it"
                self._fail(f"the section [{section}] is missing: {found}", self._line(similar[0]) if similar else None)

    def _check_keys(self) -> None:
        for section, parameters in self._known.items():
            names = [parameter.name for parameter in parameters]
            for key in self._parser[section]:
                if key in names or key in self._parser.defaults():
                    continue
                elsewhere = [other for other, known in self._known.items() if any(key == p.name for p in known)]
                if elsewhere:
                    advice = f"it belongs in [{elsewhere[0]}]"
                else:
                    similar = difflib.get_close_matches(key, names, n=1)
                    advice = f"did you mean '{similar[0]}'?" if similar else "remove it"
                self._fail(f"unknown key '{key}' in [{section}]: {advice}", self._line(section, key), key)

    def _fill_in(self) -> list[str]:
        filled_in: list[str] = []
        for section, values in _FILLED_IN.items():
            for key, value in values.items():
                if not self._parser.has_option(section, key):
                    self._parser.set(section, key, value)
                    filled_in.append(f"[{section}] {key} = {value}")
        return filled_in

    def _check_missing(self) -> None:
        for section, parameters in self._known.items():
            missing = [
                parameter.name
                for parameter in parameters
                if parameter.default is None
                and not parameter.optional
                and not self._parser.has_option(section, parameter.name)
            ]
            if missing:
                self._fail(f"[{section}] lacks {', '.join(missing)}", self._line(section))

    def _check_value(self, section: str, parameter: Any) -> None:
        key = str(parameter.name)
        line = self._line(section, key)
        # neat-python splits lists at each single space, and takes the empty texts between two spaces for names.
        value = " ".join(self._parser.get(section, key).split())
        self._parser.set(section, key, value)
        try:
            if section == "NEAT":
                parameter.parse(section, self._parser)
            else:
                parameter.interpret({key: value})
        except (RuntimeError, ValueError):
            expected = _TYPE_NAMES.get(parameter.value_type, "another value")
            self._fail(f"{key}: expected {expected}, found '{value}'", line, key)
        choices = _CHOICES.get((section, key))
        if choices is None:
            return
        words = value.split(" ")
        if key == "initial_connection":
            words = self._connection_words(words, line)
        for word in words if parameter.value_type is list else words[:1]:
            if word not in choices and (key.endswith(("_options", "connection")) or word.lower() not in choices):
                similar = difflib.get_close_matches(word, choices, n=1)
                advice = f"did you mean '{similar[0]}'?" if similar else f"choose from {' '.join(choices)}"
                self._fail(f"{key}: unknown value '{word}': {advice}", line, key)

    def _connection_words(self, words: list[str], line: int | None) -> list[str]:
        if words[0].startswith("partial"):
            try:
                fits = len(words) == 2 and 0.0 <= float(words[1]) <= 1.0
            except ValueError:
                fits = False
            if not fits:
                self._fail(
                    f"initial_connection: '{words[0]}' needs a fraction, such as {words[0]} 0.5",
                    line,
                    "initial_connection",
                )
        return words[:1]

    def _check_sizes(self) -> None:
        minima = {("NEAT", "pop_size"): 2, ("DefaultGenome", "num_inputs"): 1, ("DefaultGenome", "num_outputs"): 1}
        for (section, key), minimum in minima.items():
            if self._parser.getint(section, key) < minimum:
                self._fail(f"{key}: expected at least {minimum}", self._line(section, key), key)
        reproduction = self._parser["DefaultReproduction"]
        if max(reproduction.getint("min_species_size", 1), reproduction.getint("elitism", 0)) < 1:
            line = self._line("DefaultReproduction", "min_species_size")
            changed = next((key for key in ("elitism", "min_species_size") if key in self._source.changes), None)
            self._fail("min_species_size: expected at least 1 where elitism is 0", line, changed)

    def _check_fit(self, key: str, needed: int | None, whose: str) -> None:
        found = self._parser.getint("DefaultGenome", key)
        if needed is not None and found != needed:
            line = self._line("DefaultGenome", key)
            self._fail(f"{key} = {found} does not fit: {whose} {needed} values. Write {key} = {needed}", line, key)

    def _build(self) -> neat.Config:
        # neat.Config reads nothing but files.
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "neat.cfg"
            with file.open("w", encoding="utf-8") as stream:
                self._parser.write(stream)
            try:
                return neat.Config(Genome, Reproduction, neat.DefaultSpeciesSet, neat.DefaultStagnation, str(file))
            except (RuntimeError, NameError, ValueError, AssertionError) as error:
                raise ConfigError(f"{self._source.name}: {error}") from error

    def _line(self, section: str, key: str | None = None) -> int | None:
        return self._lines.get((section, key))

    def _fail(self, message: str, line: int | None, key: str | None = None) -> NoReturn:
        name, changes = self._source.name, self._source.changes
        place = name if line is None else f"{name}:{line + self._source.first_line - 1}"
        raise ConfigError(f"{changes.get(key or '', place)}: {message}") from None


def check_fits(shape: NetworkShape, num_inputs: int, num_outputs: int) -> None:
    """Checks a network's shape against an environment.

    Raises:
        ConfigError: With the right number.
    """
    for key, found, needed in (
        ("num_inputs", shape.num_inputs, num_inputs),
        ("num_outputs", shape.num_outputs, num_outputs),
    ):
        if found != needed:
            raise ConfigError(
                f"NEAT configuration: {key} = {found} does not fit this environment. Write {key} = {needed}"
            )


def _explain(error: configparser.Error) -> str:
    """What is wrong with the form of a file."""
    if isinstance(error, configparser.DuplicateOptionError):
        return f"'{error.option}' stands twice in [{error.section}]: remove one"
    if isinstance(error, configparser.DuplicateSectionError):
        return f"the section [{error.section}] begins twice: join them"
    if isinstance(error, configparser.MissingSectionHeaderError):
        return "expected a section such as [NEAT] before the first setting"
    return "expected a line such as 'pop_size = 150'"


def _line_numbers(text: str) -> dict[tuple[str, str | None], int]:
    """Where each section (with the key None) and each key of a section stands, from 1."""
    lines: dict[tuple[str, str | None], int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\[([^\]]+)\]", line):
            section = header[1]
            lines.setdefault((section, None), number)
        elif entry := re.match(r"([^\s#;=:][^=:]*?)\s*[=:]", line):
            lines.setdefault((section, entry[1].lower()), number)
    return lines
