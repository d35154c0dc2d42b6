"""Variables whose type is wrong, judged by the values that they took."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.probes import DataType
from playthrough.game.json_files import line_of
from playthrough.game.variables import encode_value
from playthrough.integrate.check_case import Case
from playthrough.integrate.check_finding import Finding

_MIN_CHANGES = 8
_SMOOTHER = 20
_MAX_MODES = 12
_MAX_CANDIDATES = 3


def check_types(case: Case) -> Iterator[Finding]:
    """All findings about types and about what else the memory shows."""
    yield from decimal(case)
    yield from no_digits(case)
    yield from byte_order(case)
    yield from game_modes(case)


def _traces(case: Case, column: int) -> list[NDArray[np.int64]]:
    return [play.samples[: play.num_played + 1, column] for play in case.plays]


def _finding(case: Case, kind: str, message: str, evidence: str, step: str, name: str) -> Finding:
    path = case.integration.info_path
    return Finding("warning", kind, message, evidence, step, path, line_of(path, "info", name))


def decimal(case: Case) -> Iterator[Finding]:
    """Numbers read as binary that are written in decimal digits: 9 is followed by 16."""
    for column, (name, variable) in enumerate(case.integration.variables.items()):
        kind = variable.probe.type
        if kind.format != "u" or variable.probe.mask is not None or variable.parts:
            continue
        traces = _traces(case, column)
        values = np.unique(np.concatenate(traces))
        if not all(nibble <= 9 for value in values.tolist() for nibble in _nibbles(value, kind.width)):
            continue
        carries, example = 0, ""
        for trace in traces:
            for before, after in zip(trace[:-1].tolist(), trace[1:].tolist(), strict=True):
                if after <= before:
                    continue
                as_decimal = _decimal(after, kind.width) - _decimal(before, kind.width)
                # A carry from one digit to the next makes the binary step larger than the decimal one.
                carried = after & 0xF < before & 0xF or (after >> 4) & 0xF < (before >> 4) & 0xF
                if 0 < as_decimal < after - before and carried:
                    carries += 1
                    example = example or f"{before} ({before:#x}) is followed by {after} ({after:#x})"
        if carries >= 3 and len(values) >= _MIN_CHANGES:
            right = DataType(kind.order, "d", kind.width)
            yield _finding(
                case,
                "type",
                f"{name!r} is read as {kind}, but counts in decimal digits",
                f"{example}; none of its {len(values)} values has a digit above 9, and {carries} times one was carried",
                f'give it the type "{right}"',
                name,
            )


def no_digits(case: Case) -> Iterator[Finding]:
    """Numbers read as decimal whose bytes hold more than the digits 0 to 9."""
    base = case.integration.system.ram_base
    if base is None or case.integration.system.overlay is not None:
        return
    for name, variable in case.integration.variables.items():
        start, kind = variable.probe.address - base, variable.probe.type
        if kind.format != "d" or start < 0 or variable.parts:
            continue
        seen = [
            (play.name, int(frame), raw)
            for play in case.plays
            if play.ram.shape[1:] and start + kind.width <= play.ram.shape[1]
            for frame, raw in zip(play.ram_frames, play.ram[:, start : start + kind.width], strict=True)
            if frame <= play.num_played
        ]
        wrong = [(where, frame, raw) for where, frame, raw in seen if ((raw & 0xF) > 9).any() or ((raw >> 4) > 9).any()]
        ones = kind.byte_offsets()[-1]
        no_ones = sum((raw[ones] & 0xF) > 9 for _, _, raw in wrong)
        # A leading digit can be blank; the last one never is.
        if len(wrong) < 3 or (len({raw.tobytes() for _, _, raw in wrong}) < 2 and no_ones < 3):
            continue
        where, frame, raw = wrong[0]
        yield _finding(
            case,
            "type",
            f"{name!r} is read as {kind}, but its bytes are no decimal digits",
            f"they are {raw.tobytes().hex(' ')} (hexadecimal) on frame {frame} of the play '{where}', and held digits "
            f"above 9 in {len(wrong)} of {len(seen)} looks",
            "check the address, or give it a binary type (u)",
            name,
        )


def _nibbles(value: int, width: int) -> list[int]:
    return [value >> 4 * i & 0xF for i in range(2 * width)]


def _decimal(value: int, width: int) -> int:
    return sum((value >> 4 * i & 0xF) * 10**i for i in range(2 * width))


def byte_order(case: Case) -> Iterator[Finding]:
    """Numbers of several bytes that jump as they are read, and move smoothly with their bytes the other way round."""
    for column, (name, variable) in enumerate(case.integration.variables.items()):
        kind = variable.probe.type
        if kind.width < 2 or kind.order not in ("<", ">") or variable.probe.mask is not None or variable.parts:
            continue
        other = replace(kind, order="<" if kind.order == ">" else ">")
        mine = theirs = 0
        num_changes = 0
        example = ""
        for trace in _traces(case, column):
            swapped = _reread(trace, kind, other)
            steps, other_steps = np.diff(trace), np.diff(swapped)
            num_changes += np.count_nonzero(steps)
            mine, theirs = mine + int(np.abs(steps).sum()), theirs + int(np.abs(other_steps).sum())
            if not example and steps.any():
                frame = int(np.flatnonzero(steps)[0])
                example = f"{trace[frame]} -> {trace[frame + 1]} is {swapped[frame]} -> {swapped[frame + 1]}"
        if num_changes >= _MIN_CHANGES and mine > _SMOOTHER * theirs > 0:
            yield _finding(
                case,
                "type",
                f"{name!r} is read as {kind}, but its bytes seem to stand the other way round",
                f"{example}; it moved by {mine} in all, and by {theirs} as {other}",
                f'give it the type "{other}"',
                name,
            )


def _reread(values: NDArray[np.int64], kind: DataType, other: DataType) -> NDArray[np.int64]:
    """What the same bytes are as another type."""
    unique, places = np.unique(values, return_inverse=True)
    return np.array([other.decode(encode_value(kind, value)) for value in unique.tolist()], np.int64)[places]


def game_modes(case: Case) -> Iterator[Finding]:
    """Bytes that stay the same while the game is played, and change when it ends: worth a variable."""
    plays = [play for play in case.plays if play.ended_at is not None and len(play.ram) > 4]
    if len(plays) < 2 or case.integration.system.overlay is not None:
        return
    during: list[NDArray[np.uint8]] = []
    after: list[NDArray[np.uint8]] = []
    steady: NDArray[np.bool_] | None = None
    for play in plays:
        assert play.ended_at is not None
        inside = play.ram[play.ram_frames <= max(play.ended_at - 4, 4)]
        outside = play.ram[play.ram_frames > play.ended_at + 60]
        if len(inside) < 3 or len(outside) < 4:
            continue
        same = (inside == inside[0]).all(axis=0) & ((outside == outside[-1]).mean(axis=0) > 0.5)
        steady = same if steady is None else steady & same
        during.append(inside[0])
        after.append(outside[-1])
    if steady is None or len(during) < 2:
        return
    one_value = (np.array(during) == during[0]).all(axis=0)
    other_value = (np.array(after) == after[0]).all(axis=0) & (after[0] != during[0])
    small = (during[0] < _MAX_MODES) & (after[0] < _MAX_MODES)
    found = np.flatnonzero(steady & one_value & other_value & small)
    base = case.integration.system.ram_base or 0
    known = {
        variable.probe.address + offset
        for variable in case.integration.variables.values()
        for offset in range(variable.probe.type.width)
    }
    places = [int(place) for place in found if base + int(place) not in known]
    if not places:
        return
    listed = ", ".join(
        f"{base + place:#x} ({during[0][place]} in play, {after[0][place]} after it)"
        for place in places[:_MAX_CANDIDATES]
    )
    yield Finding(
        "note",
        "game mode",
        f"{len(places)} byte{'s look' if len(places) > 1 else ' looks'} like a game mode",
        f"the same on every frame of {len(during)} episodes, and another value after each end: {listed}",
        "a variable of it tells play from menus, and helps a script that pays only while the game is played",
        case.integration.info_path,
    )
