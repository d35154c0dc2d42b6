"""What to press, in one line: `wait 120, START 5, RIGHT+A 60`.

Buttons joined by `+` and for how many frames, one if nothing is said; `wait` presses nothing. With two players a bar
separates their buttons: `RIGHT|LEFT 30`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.systems import System
from playthrough.errors import BadInputError

_MAX_FRAMES = 10 * 3600 * 60


def parse_press(text: str, system: System, players: int = 1) -> NDArray[np.uint16]:
    """The buttons of every frame, uint16 (frames, players).

    Raises:
        BadInputError: If a part is no buttons and frames, or the system has no such button.
    """
    frames: list[tuple[int, list[int]]] = []
    total = 0
    for part in filter(None, (part.strip() for part in text.split(","))):
        pads, count = _split(part)
        masks = [_mask(pad, system, part) for pad in pads.split("|")]
        if len(masks) > players:
            raise BadInputError(f"{part!r} presses for {len(masks)} players; {players} play")
        total += count
        if total > _MAX_FRAMES:
            raise BadInputError(f"{part!r}: that is more than {_MAX_FRAMES} frames")
        frames.append((count, masks + [0] * (players - len(masks))))
    if not frames:
        raise BadInputError("there is nothing to press; expected something like 'wait 60, START 5'")
    return np.repeat(np.array([masks for _, masks in frames], np.uint16), [count for count, _ in frames], axis=0)


def _split(part: str) -> tuple[str, int]:
    words = part.rsplit(maxsplit=1)
    if not words[-1].isdecimal():
        return part, 1
    try:
        count = int(words[-1])
    except ValueError:  # more digits than int reads
        count = _MAX_FRAMES + 1
    return (words[0] if len(words) == 2 else "wait"), max(count, 1)


def _mask(pad: str, system: System, part: str) -> int:
    if pad.strip().lower() in ("", "wait", "."):
        return 0
    try:
        return system.mask_of([name.strip() for name in pad.split("+")])
    except ValueError as error:
        raise BadInputError(
            f"cannot tell what {part!r} presses: {error}; expected something like 'RIGHT+A 60' or 'wait 30'"
        ) from None
