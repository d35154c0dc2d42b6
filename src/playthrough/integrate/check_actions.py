"""Buttons that do nothing: each is pressed for a while, alone and with others, and compared with nobody playing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.engine import Observe
from playthrough.engine.systems import MENU_BUTTONS
from playthrough.env.options import EnvOptions
from playthrough.env.vector import RetroVectorEnv
from playthrough.errors import LaneError
from playthrough.game.actions import ActionMap
from playthrough.integrate.check_case import Case
from playthrough.integrate.check_finding import Finding

_WARM_UPS_FRAMES = (60, 480)
"""How long everybody waits, or plays at random, before buttons are compared."""
_PRESSED_FRAMES = 40
_RELEASED_FRAMES = 40
_PICTURE_EVERY_FRAMES = 8
_MAX_LANES = 16


def check_actions(options: EnvOptions, case: Case) -> Iterator[Finding]:
    """Press every button for a while and see what becomes of it.

    A button has an effect if the picture differs while it is held, or the memory after it was let go. Each is tried by
    itself and together with every other, soon after the start and again some time later.

    Args:
        options: The game.
        case: How it was played: whether the variables ever hung on what was pressed.

    Raises:
        LaneError: If the emulator is lost; the message says what was held.
    """
    env = RetroVectorEnv(
        replace(
            options,
            num_envs=_MAX_LANES,
            observation="rgb",
            actions="all",
            isolation="process",
            autoreset_mode="disabled",
        )
    )
    try:
        integration = env.integration
        system = integration.system
        groups = ActionMap.create("discrete", system, integration.scenario.actions).groups
        allowed = 0
        for group in groups:
            for mask in group:
                allowed |= mask
        bits = {name: 1 << i for i, name in enumerate(system.buttons) if name}
        playing = {name: bit for name, bit in bits.items() if name not in MENU_BUTTONS}
        contexts = [0, *playing.values()]
        wanted = sorted({context | bit for bit in playing.values() for context in contexts} | set(contexts))
        effective: set[str] = set()
        for warm_up in _WARM_UPS_FRAMES:
            outcomes: dict[int, tuple[bytes, ...]] = {}
            for start in range(0, len(wanted), _MAX_LANES):
                outcomes |= _try(env, wanted[start : start + _MAX_LANES], warm_up, groups)
            effective |= {
                name
                for name, bit in playing.items()
                if any(outcomes[context | bit] != outcomes[context] for context in contexts if not context & bit)
            }
    finally:
        env.close()
    path = integration.scenario_path
    pressed = {name for name, bit in playing.items() if allowed & bit}
    if pressed and not pressed & effective and _nothing_matters(case):
        yield Finding(
            "warning",
            "no effect",
            "nothing that an agent can press has an effect",
            f"{' '.join(sorted(pressed))} were held for {_PRESSED_FRAMES} frames each, and random play had the same "
            "variables on every frame as nobody playing",
            "start from a state in which the game is played, or list other buttons under actions",
            path,
        )
        return
    idle, missing = sorted(pressed - effective), sorted(effective - pressed)
    if idle:
        yield Finding(
            "note",
            "no effect",
            f"{', '.join(idle)} had no effect in the first seconds, alone or with another button",
            f"held for {_PRESSED_FRAMES} frames, {' and '.join(map(str, _WARM_UPS_FRAMES))} frames after the start: "
            "the same picture, and the same memory afterwards",
            "leave them out of the actions if that is so everywhere: fewer choices are learnt faster",
            path,
        )
    if missing and integration.scenario.actions:
        yield Finding(
            "note",
            "no effect",
            f"{', '.join(missing)} would have an effect, but no action presses them",
            "the scenario's actions leave them out",
            "add them to actions if an agent shall use them",
            path,
        )


def _nothing_matters(case: Case) -> bool:
    """Whether the first episode of random play had the same variables as that of nobody playing."""
    first = {play.name: play for play in reversed(case.plays)}
    idle = first.get("nothing pressed")
    others = [play for name, play in first.items() if name.startswith("random")]
    if idle is None or not others:
        return False
    frames = min(play.num_frames for play in (idle, *others))
    return all((play.samples[:frames] == idle.samples[:frames]).all() for play in others)


def _try(
    env: RetroVectorEnv, held: list[int], warm_up: int, groups: Sequence[Sequence[int]]
) -> dict[int, tuple[bytes, ...]]:
    """What holding each of some masks leads to, one on each lane, after all played the same for a while."""
    env.reset(seed=0)
    masks: NDArray[np.uint16] = np.zeros((env.num_envs, env.options.players), np.uint16)
    masks[: len(held), 0] = held
    released = np.zeros_like(masks)
    random = np.random.default_rng(warm_up)
    for _ in range(warm_up // _WARM_UPS_FRAMES[0] - 1):
        _hold(env, released + np.uint16(sum(int(random.choice(group)) for group in groups)), _WARM_UPS_FRAMES[0])
    _hold(env, released, _WARM_UPS_FRAMES[0])
    seen: list[list[bytes]] = [[] for _ in held]
    for _ in range(_PRESSED_FRAMES // _PICTURE_EVERY_FRAMES):
        pictures = _hold(env, masks, _PICTURE_EVERY_FRAMES)
        for lane in range(len(held)):
            seen[lane].append(pictures[lane].tobytes())
    _hold(env, released, _RELEASED_FRAMES)
    ram = env.engine.read_ram()
    return {mask: (*seen[lane], ram[lane].tobytes()) for lane, mask in enumerate(held)}


def _hold(env: RetroVectorEnv, masks: NDArray[np.uint16], num_frames: int) -> NDArray[np.uint8]:
    """Press buttons, uint16 (lanes, players), for some frames, whatever ends; the pictures after the last."""
    pressed = np.ascontiguousarray(np.repeat(masks[:, None], num_frames, axis=1))
    frames, observe = np.full(env.num_envs, num_frames, np.int32), np.full(env.num_envs, Observe.PUSH, np.uint8)
    result = env.engine.run(pressed, frames, observe, stopping=False)
    for lane, reason in result.lost.items():
        names = env.integration.system.names_of(int(masks[lane, 0]))
        raise LaneError(f"holding {' '.join(names) or 'nothing'}, {reason}")
    return result.observations
