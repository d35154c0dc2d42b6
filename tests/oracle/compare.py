"""Plays an environment of ours beside stable-retro and finds the first frame on which they differ."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from oracle import client


@dataclass
class Look:
    """What an observation and its info showed."""

    screen: bytes
    values: dict[str, int]

    @classmethod
    def at(cls, observation: NDArray[np.uint8], info: dict[str, Any]) -> Look:
        return cls(hashlib.md5(np.ascontiguousarray(observation)).digest(), dict(info))


@dataclass
class Played:
    """What our environment did; entry i belongs to frame i, and `resets` is by the frame before (-1: the first)."""

    frames: list[Look] = field(default_factory=list)
    rewards: list[list[float]] = field(default_factory=list)
    done: list[bool] = field(default_factory=list)
    resets: dict[int, Look] = field(default_factory=dict)
    pictures: dict[int, NDArray[np.uint8]] = field(default_factory=dict)


def play(
    env: gymnasium.Env[Any, Any],
    actions: NDArray[np.uint8],
    *,
    resets: Collection[int] = (),
    reset_on_done: bool = True,
    pictures: Collection[int] = (),
    frames: int | None = None,
) -> Played:
    """Play buttons of shape (frames, players, buttons), and reset where the reference does.

    Args:
        resets: Frames after which to reset in any case.
        reset_on_done: Whether to reset after a frame on which the episode ended.
        pictures: Frames whose observation is kept.
        frames: Stop after this many.
    """
    played = Played()
    played.resets[-1] = Look.at(*env.reset())
    players = actions.shape[1]
    for frame, action in enumerate(actions[:frames]):
        observation, reward, terminated, truncated, info = env.step(action.reshape(-1))
        played.frames.append(Look.at(observation, info))
        rewards = [float(reward)] if players == 1 else [float(value) for value in info["rewards"]]
        played.rewards.append(rewards)
        played.done.append(bool(terminated))
        if truncated:
            raise AssertionError(f"frame {frame}: truncated, but nothing was there to truncate the episode")
        if frame in pictures:
            played.pictures[frame] = np.array(observation)
        if (frame in resets or (terminated and reset_on_done)) and frame + 1 < len(actions):
            played.resets[frame] = Look.at(*env.reset())
    return played


def _value_differences(ours: Look, names: list[str], row: NDArray[np.int64], present: NDArray[np.bool_]) -> list[str]:
    found = []
    for name, value, known in zip(names, row.tolist(), present.tolist(), strict=True):
        if not known:
            continue
        mine = ours.values.get(name, "missing")
        if mine != value:
            found.append(f"variable {name!r} is {mine}, stable-retro has {value}")
    return found


def first_difference(played: Played, reference: client.Recording) -> tuple[int, list[str]] | None:
    """The first frame on which something differs, and all that differs there; None if nothing does."""
    resets = {after: row for row, after in enumerate(reference.reset_after)}

    def reset_differences(frame: int) -> list[str]:
        if (frame in resets) != (frame in played.resets):
            return [f"a reset followed {'only in stable-retro' if frame in resets else 'only here'}"]
        if frame not in resets:
            return []
        row, ours = resets[frame], played.resets[frame]
        found = _value_differences(ours, reference.names, reference.reset_values[row], reference.reset_present[row])
        if ours.screen != reference.reset_screen[row].tobytes():
            found.append("screen")
        return [f"after the reset that followed: {text}" for text in found]

    if found := reset_differences(-1):
        return -1, found
    for frame, ours in enumerate(played.frames):
        found = _value_differences(ours, reference.names, reference.values[frame], reference.present[frame])
        # stable-retro computes rewards as 32-bit floats.
        mine, theirs = np.float32(played.rewards[frame]).tolist(), reference.rewards[frame].tolist()
        if mine != theirs:
            found.append(f"reward is {mine}, stable-retro has {theirs}")
        if played.done[frame] != bool(reference.done[frame]):
            found.append(f"done is {played.done[frame]}, stable-retro has {bool(reference.done[frame])}")
        if ours.screen != reference.screen[frame].tobytes():
            found.append("screen")
        if found := found or reset_differences(frame):
            return frame, found
    if len(played.frames) != len(reference.done):
        return len(played.frames), [f"{len(played.frames)} frames were played, stable-retro has {len(reference.done)}"]
    return None


def _describe_screens(ours: NDArray[np.uint8], theirs: NDArray[np.uint8], folder: Path, frame: int) -> str:
    from PIL import Image

    paths = [folder / f"frame_{frame}_{side}.png" for side in ("ours", "stable_retro")]
    for path, picture in zip(paths, (ours, theirs), strict=True):
        Image.fromarray(np.ascontiguousarray(picture)).save(path)
    if ours.shape != theirs.shape:
        return f"screen has shape {ours.shape}, stable-retro's {theirs.shape}; see {paths[0]} and {paths[1]}"
    differing = (ours != theirs).any(axis=-1)
    rows, columns = np.nonzero(differing)
    if not len(rows):
        return "screen differed, but was the same when both were run again: something is not deterministic"
    place = f"rows {rows.min()} to {rows.max()}, columns {columns.min()} to {columns.max()}"
    return f"screen: {len(rows)} of {differing.size} pixels differ ({place}); see {paths[0]} and {paths[1]}"


def assert_same_as_reference(
    make_env: Callable[[], gymnasium.Env[Any, Any]],
    game: str,
    actions: NDArray[np.uint8],
    folder: Path,
    *,
    resets: Sequence[int] = (),
    reset_on_done: bool = True,
    **options: Any,
) -> client.Recording:
    """Play the actions here and in stable-retro, and fail on the first frame that is not equal in everything.

    Args:
        make_env: Makes our environment: `observation="rgb", actions="buttons"` or `"all"`, one frame a step.
        actions: Zeros and ones, (frames, players, buttons).
        folder: Where pictures go, should a screen differ.
        resets: Frames after which both sides reset.
        reset_on_done: Whether both sides reset after a frame on which the game is done.
        options: Passed to `client.start`: `rom`, `state`, `players`, ...

    Returns:
        What stable-retro did.
    """
    how = {"resets": list(resets), "reset_on_done": reset_on_done}
    with client.start(game, actions, **how, **options) as running:
        env = make_env()
        try:
            played = play(env, actions, **how)
        finally:
            env.close()
        reference = running.result()
    difference = first_difference(played, reference)
    if difference is None:
        return reference
    frame, found = difference
    if "screen" in found:
        theirs = client.run(game, actions[: frame + 1], **how, **options, screens=[frame]).pictures[frame]
        env = make_env()
        try:
            ours = play(env, actions, **how, pictures=[frame], frames=frame + 1).pictures[frame]
        finally:
            env.close()
        found[found.index("screen")] = _describe_screens(ours, theirs, folder, frame)
    raise AssertionError(f"{game}, frame {frame}:\n  " + "\n  ".join(found))
