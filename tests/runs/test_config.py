from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from playthrough.env.observation import Grid
from playthrough.env.options import EnvOptions
from playthrough.errors import BadInputError, ConfigError
from playthrough.runs.config import RunConfig, load_config, resolve
from playthrough.runs.deep_settings import play_actions
from playthrough.runs.neat_text import DEFAULT_NEAT_TEXT
from playthrough.runs.recipes import find_recipe, list_recipes, recipe_for
from playthrough.runs.train import train

RECIPE = """\
game = "Airstriker-Genesis"
seed = 4

[goal]
fitness = 300
conditions = ["score >= 300", "lives > 0"]

[env]
observation = { kind = "grid", divisor = 16, scale = 255.0 }
actions = [[], ["B"], ["LEFT", "B"]]
frame_skip = 4
state = { Level1 = 2, power-on = 1 }

[neat]
config = "settings.cfg"
generations = 7
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    text = find_recipe("airstriker-neat").with_suffix(".cfg").read_text()
    (tmp_path / "settings.cfg").write_text(text)
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


def test_a_recipe_becomes_typed_settings(recipe: Path) -> None:
    config = resolve(recipe=recipe)
    options = config.env_options()
    assert (config.seed, config.algo, config.neat.options.generations) == (4, "neat", 7)
    assert options.observation == Grid(16, 255.0)
    assert options.actions == ((), ("B",), ("LEFT", "B"))
    assert options.state == {"Level1": 2.0, "power-on": 1.0}
    assert config.goal is not None and config.goal.met(300, [{"score": 300, "lives": 1}])
    assert not config.goal.met(300, [{"score": 300, "lives": 1}, {"score": 300, "lives": 0}])
    assert not config.goal.met(299, [{"score": 300, "lives": 1}])
    assert "[DefaultGenome]" in config.neat.config


def test_what_is_written_down_is_read_again(recipe: Path, tmp_path: Path) -> None:
    config = resolve(recipe=recipe, overrides=['description="a \\"quoted\\" line"', "env.no_progress_frames=300"])
    path = tmp_path / "config.toml"
    path.write_text(config.to_toml())
    assert load_config(path) == config


def test_overrides_and_options_come_after_the_recipe(recipe: Path) -> None:
    overrides = ["env.frame_skip=8", "env.state=Level1", "neat.config.pop_size=12", "seed=5", "env.observation=gray84"]
    config = resolve(recipe=recipe, overrides=overrides, seed=6, lanes=3, neat__generations=2, algo=None)
    assert config.env["frame_skip"] == 8
    assert config.env["state"] == "Level1"
    assert config.env["observation"] == "gray84"
    assert (config.seed, config.neat.options.generations, config.lane_options().num_envs) == (6, 2, 3)
    assert "\npop_size = 12\n" in config.neat.config


def test_only_what_differs_from_the_defaults_is_kept(recipe: Path) -> None:
    assert "frame_skip" not in resolve(recipe=recipe, overrides=["env.frame_skip=1"]).env


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("frame_skip = 4", "frame_skp = 4", ["recipe.toml:11", "[env] frame_skp", "did you mean 'frame_skip'?"]),
        ("frame_skip = 4", 'frame_skip = "4"', ["recipe.toml:11", "[env] frame_skip", "a whole number", "'4'"]),
        ("frame_skip = 4", "frame_skip = 0", ["recipe.toml:11", "frame_skip must be a whole number, 1 or more"]),
        ("frame_skip = 4", "num_envs = 4", ["num_envs", "lanes = NUMBER"]),
        ("divisor = 16", "divisr = 16", ["[env] observation", "'divisr'", "did you mean 'divisor'?"]),
        ('kind = "grid"', 'kind = "gird"', ["[env] observation", "pixels, grid, ram, variables", "'gird'"]),
        ("generations = 7", "generation = 7", ["[neat] generation", "did you mean 'generations'?"]),
        ("generations = 7", "generations = 0", ["[neat] generations", "at least 1"]),
        ("seed = 4", "sed = 4", ["recipe.toml:2", "did you mean 'seed'?"]),
        ("seed = 4", "seed = -4", ["recipe.toml:2", "not negative"]),
        ("seed = 4", 'algo = "neet"', ["recipe.toml:2: algo", "did you mean 'neat'?"]),
        ("seed = 4", "seed = = 4", ["recipe.toml", "not valid TOML", "line 2"]),
        ('"score >= 300"', '"score is 300"', ["[goal]"[1:-1], "'score >= 300'", "'score is 300'"]),
        ('"settings.cfg"', '"setings.cfg"', ["[neat] config", "setings.cfg"]),
        ('game = "Airstriker-Genesis"', "", ["game is missing"]),
    ],
)
def test_mistakes_are_explained(recipe: Path, old: str, new: str, expected: list[str]) -> None:
    assert old in RECIPE
    recipe.write_text(RECIPE.replace(old, new))
    with pytest.raises(ConfigError) as error:
        resolve(recipe=recipe)
    assert not [part for part in expected if part not in str(error.value)], str(error.value)
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("env.frame_skp=8", ["--set env.frame_skp=8", "did you mean 'frame_skip'?"]),
        ("env.frame_skip=many", ["--set env.frame_skip=many", "a whole number", "'many'"]),
        ("frame_skip", ["'frame_skip'", "key=value"]),
        ("neat.config.pop_siz=3", ["--set neat.config.pop_siz=3", "did you mean 'pop_size'?"]),
        ("seed.x=3", ["seed is not a table"]),
        ("neat=3", ["neat"]),
    ],
)
def test_wrong_overrides_are_explained(recipe: Path, override: str, expected: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        resolve(recipe=recipe, overrides=[override])
    assert not [part for part in expected if part not in str(error.value)], str(error.value)


def test_a_game_finds_its_recipe_by_either_name() -> None:
    assert recipe_for("Airstriker-Genesis") == recipe_for("Airstriker-Genesis-v0") == find_recipe("airstriker-neat")
    assert recipe_for("Sonic-Genesis") is None


def test_an_unknown_recipe_is_explained() -> None:
    with pytest.raises(ConfigError, match="did you mean 'airstriker-neat'"):
        find_recipe("airstriker-neet")


@pytest.mark.parametrize("name", list_recipes())
def test_every_shipped_recipe_resolves(name: str) -> None:
    config = resolve(recipe=name)
    assert config.description
    assert config.lane_options().game == config.game


def test_a_game_without_a_recipe_has_settings_that_fit_it() -> None:
    config = resolve(game="Pong-Atari2600")
    assert config.env["observation"] == "grid8"
    assert "num_inputs = auto" in config.neat.config
    assert "num_inputs = 840" in config.with_sizes(840, 8).neat.config


def test_an_unknown_game_is_refused() -> None:
    with pytest.raises(BadInputError, match="Airstrike-Genesis"):
        resolve(game="Airstrike-Genesis")


def test_a_run_keeps_what_makes_it_that_run(recipe: Path, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(resolve(recipe=recipe).to_toml())
    assert load_config(path, ["neat.generations=9"]).neat.options.generations == 9
    for change in ("seed=3", "game=Pong-Atari2600", "algo=neat"):
        with pytest.raises(ConfigError, match="start a new run"):
            load_config(path, [change])
    with pytest.raises(ConfigError, match="--set out=elsewhere: a run stays in its folder"):
        load_config(path, ["out=elsewhere"])


def test_every_option_of_an_environment_can_be_set_or_says_why_not(recipe: Path) -> None:
    refused: list[str] = []
    for entry in dataclasses.fields(EnvOptions):
        value = {
            "state": "Level1",
            "observation": "ram",
            "core": "exact",
            "engine": "libretro",
            "isolation": "none",
            "client": "lua",
            "mode": "RUN",
            "bind": "127.0.0.1",
            "attach": "false",
            "explain_rewards": "true",
        }.get(entry.name)
        if value is None:
            value = {
                "progress": '["score"]',
                "actions": '"all"',
                "shaping": "{t={gain='score', reward=1}}",
                "action_mask": "{B='score > 0'}",
                "scenario": "scenario",
                "info": "data",
            }.get(entry.name)
        if value is None:
            value = "1" if "probability" not in entry.name else "0.5"
        try:
            resolve(recipe=recipe, overrides=[f"env.{entry.name}={value}"])
        except ConfigError as error:
            assert "cannot be set here" in str(error)
            refused.append(entry.name)
    assert set(refused) == {"game", "num_envs", "num_threads", "autoreset_mode", "render_mode", "record", "sound"}


def test_a_run_config_is_frozen(recipe: Path) -> None:
    config = resolve(recipe=recipe)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.seed = 3  # type: ignore[misc]
    assert isinstance(config, RunConfig)


def neat_error(recipe: Path, *overrides: str) -> str:
    """What training says about NEAT's settings."""
    with pytest.raises(ConfigError) as raised:
        train(resolve(recipe=recipe, overrides=overrides, out=recipe.parent / "run"))
    return str(raised.value)


def test_mistakes_in_neats_settings_are_placed(tmp_path: Path) -> None:
    recipe, settings = tmp_path / "made.toml", tmp_path / "made.cfg"
    head = 'game = "Airstriker-Genesis"\n[env]\nobservation = "grid8"\n[neat]\n'
    lines = DEFAULT_NEAT_TEXT.split("\n")
    line = 1 + next(number for number, text in enumerate(lines) if text.startswith("pop_size"))
    wrong = DEFAULT_NEAT_TEXT.replace("pop_size = 60", "pop_size = many")
    settings.write_text(wrong)
    recipe.write_text(head + 'config = "made.cfg"\n')
    assert neat_error(recipe).startswith(f"{settings}:{line}: pop_size: expected a whole number, found 'many'")
    settings.write_text(DEFAULT_NEAT_TEXT.replace("\nelitism = 2", "\nelitism = two"))
    elitism = 1 + next(number for number, text in enumerate(lines) if text.startswith("elitism"))
    # A setting that is new to the file moves no line of it in messages.
    assert neat_error(recipe, "neat.config.min_species_size=3").startswith(f"{settings}:{elitism}: elitism: ")
    settings.write_text(DEFAULT_NEAT_TEXT)
    assert neat_error(recipe, "neat.config.pop_size=many").startswith("--set neat.config.pop_size=many: pop_size: ")
    assert neat_error(recipe, "neat.config.num_inputs=5").startswith("--set neat.config.num_inputs=5: num_inputs = 5")
    recipe.write_text(f'{head}config = """\n{wrong}"""\n')
    assert neat_error(recipe).startswith(f"{recipe}:{5 + line}: pop_size: ")
    assert recipe.read_text().split("\n")[5 + line - 1] == "pop_size = many"


def test_a_deep_run_has_defaults_of_its_own_and_keeps_them(tmp_path: Path) -> None:
    config = resolve(game="Tiny-Atari2600", algo="ppo", steps=5000, overrides=("env.frame_skip=1", "ppo.epochs=2"))
    assert config.deep is not None and (config.deep.steps, config.deep.options.gamma) == (5000, 0.99)
    options = config.lane_options(autoreset_mode="same_step")
    assert (options.observation, options.frame_skip, options.noop_max, options.num_envs) == ("gray84", 1, 30, 8)
    assert (config.deep.evaluate_every, config.deep.checkpoint_every(8)) == (500, 250)
    path = tmp_path / "config.toml"
    path.write_text(config.to_toml())
    assert load_config(path) == config
    assert load_config(path, ["ppo.steps=9000"]).deep != config.deep


def test_a_replay_buffer_asks_for_checkpoints_before_it_is_overwritten() -> None:
    rare = ("rainbow.buffer_size=10_000", "rainbow.checkpoint_every=100_000")
    deep = resolve(game="Tiny-Atari2600", algo="rainbow", overrides=rare).deep
    assert deep is not None and deep.checkpoint_every(8) == 1000 - 2 * 256
    assert (deep.spare_steps(8) or 0) >= deep.checkpoint_every(8) + 2 * 256


def test_deep_agents_press_no_button_that_opens_a_menu() -> None:
    assert play_actions("Tiny-Atari2600") == "discrete"
    choices = play_actions("Tiny-GameBoy")
    assert isinstance(choices, list) and [] in choices and ["UP", "A"] in [sorted(c, key="UP A".find) for c in choices]
    pressed = {button for choice in choices for button in choice}
    assert "SELECT" not in pressed and {"A", "B", "UP", "LEFT"} <= pressed
    assert len({tuple(choice) for choice in choices}) == len(choices) >= 9


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ('algo = "ppo"\n[ppo]\nclip_rang = 1', ["recipe.toml:4: [ppo] clip_rang", "did you mean 'clip_range'?"]),
        ('algo = "ppo"\n[ppo]\nsteps = 0', ["recipe.toml:4: [ppo] steps", "must be a positive number"]),
        (
            'algo = "ppo"\n[neat]\ngenerations = 3',
            ["recipe.toml:3: neat", "the algorithm is ppo; its settings stand in [ppo]"],
        ),
        ('algo = "rainbow"\n[rainbow]\nevaluation_episodes = 1', ["evaluation_episodes must be 2 or more, not 1"]),
        ('algo = "ppo"\n[ppo]\nreward_clip = "sign"', ["recipe.toml:4", "expected true or false, found 'sign'"]),
    ],
)
def test_what_is_wrong_with_a_deep_recipe_is_named(tmp_path: Path, recipe: str, expected: list[str]) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(f'game = "Tiny-Atari2600"\n{recipe}\n')
    with pytest.raises(ConfigError) as error:
        resolve(recipe=path)
    for text in expected:
        assert text in str(error.value)


def test_a_recipe_changes_single_settings_of_a_neat_file(tmp_path: Path) -> None:
    recipe = tmp_path / "made.toml"
    (tmp_path / "made.cfg").write_text(DEFAULT_NEAT_TEXT)
    head = 'game = "Airstriker-Genesis"\n[env]\nobservation = "grid8"\n[neat]\nconfig = "made.cfg"\n'
    recipe.write_text(head + "[neat.changes]\npop_size = 12\nfeed_forward = true\nweight_mutate_rate = 0.25\n")
    text = resolve(recipe=recipe).neat.config
    assert "\npop_size = 12\n" in text and "\nfeed_forward = True\n" in text and "\nweight_mutate_rate = 0.25\n" in text
    # The command line comes last, and what a run writes down holds the changes already.
    config = resolve(recipe=recipe, overrides=["neat.config.pop_size=9"])
    assert "\npop_size = 9\n" in config.neat.config and "changes" not in config.to_toml()
    for wrong, said in (
        ("pop_siz = 3", "did you mean 'pop_size'?"),
        ("pop_size = 'many'", "pop_size: expected a whole number, found 'many'"),
        ("pop_size = [3]", "expected a value on one line, found [3]"),
    ):
        recipe.write_text(f"{head}[neat.changes]\n{wrong}\n")
        assert neat_error(recipe).startswith(f"{recipe}:7: [neat.changes] pop_siz") and said in neat_error(recipe)
    recipe.write_text(head + "changes = 3\n")
    assert "expected a table of neat-python's settings" in neat_error(recipe)
