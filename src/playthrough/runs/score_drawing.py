"""What a deep agent sees and thinks, as a picture: its view, what speaks for each action, and what it expects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from playthrough.env.vector import RetroVectorEnv
from playthrough.runs.network_drawing import shortened, view_of
from playthrough.runs.panel import chosen_outputs, observation_shape, output_labels, shown_part

if TYPE_CHECKING:
    from PIL import Image

    from playthrough.runs.deep_agent import LaneThought
    from playthrough.runs.episode import AgentStep

_BACKGROUND, _LINE = (24, 26, 32), (52, 56, 66)
_TEXT, _DIM, _LIT, _BAR, _NEGATIVE = (206, 210, 220), (130, 136, 150), (255, 196, 61), (84, 140, 200), (170, 90, 96)
_CURVE = (64, 201, 155)
_HEAT = np.array((255, 80, 40), np.float32)
_ROW, _MOST_BARS, _CURVE_HEIGHT, _GAP = 16, 12, 62, 12
_LABEL_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class ScoreMoment:
    """A deep agent at one decision.

    Attributes:
        view: What it saw, the newest picture: uint8 (height, width) or (height, width, 3).
        heat: How much each pixel of it spoke for the decision, uint8 (height, width); None if nobody asked.
        scores: One per action or button.
        score_name: What they are.
        chosen: The actions that were taken.
        values: What it expected until now, one per decision of the episode.
    """

    view: NDArray[np.uint8]
    heat: NDArray[np.uint8] | None
    scores: NDArray[np.float32] | None
    score_name: str
    chosen: frozenset[int]
    values: tuple[float, ...]


class ScoreDrawing:
    """Draws the view, a bar for each of the likeliest actions, and the curve of what was expected.

    Args:
        env: Whose observations and actions there are.
        size: Width and height of the drawing in pixels.
    """

    def __init__(self, env: RetroVectorEnv, size: tuple[int, int]) -> None:
        from PIL import ImageFont

        self._size = size
        self._shape, self._part = observation_shape(env), shown_part(env)
        self._labels = output_labels(env)
        self._font = ImageFont.load_default(12)
        self._values: list[float] = []

    def moment(self, step: AgentStep, env: RetroVectorEnv) -> ScoreMoment:
        """See `Drawing`."""
        thought: LaneThought = step.thought
        if thought.value is not None:
            self._values.append(thought.value)
        heat = None if thought.saliency is None else (thought.saliency * 255).astype(np.uint8)
        return ScoreMoment(
            view_of(step.observation if self._part is None else step.observation[self._part], self._shape),
            heat,
            thought.scores,
            thought.score_name,
            frozenset(chosen_outputs(env, step.action)),
            tuple(self._values),
        )

    def draw(self, moment: ScoreMoment) -> Image.Image:
        """See `Drawing`."""
        from PIL import Image, ImageDraw

        width, height = self._size
        image = Image.new("RGB", self._size, _BACKGROUND)
        draw = ImageDraw.Draw(image)
        top = height - _CURVE_HEIGHT - _GAP
        view = _in_colours(moment.view)
        if moment.heat is not None:
            view = glowing(view, moment.heat)
        scale = min(width * 0.5 / view.shape[1], top / view.shape[0])
        shown_width, shown_height = round(view.shape[1] * scale), round(view.shape[0] * scale)
        seen = Image.fromarray(view).resize((shown_width, shown_height), Image.Resampling.NEAREST)
        image.paste(seen, (0, (top - shown_height) // 2))
        self._draw_bars(draw, moment, shown_width + _GAP, top)
        self._draw_curve(draw, moment, top + _GAP)
        return image

    def _draw_bars(self, draw: Any, moment: ScoreMoment, left: int, height: int) -> None:
        scores = moment.scores
        if scores is None:
            return
        width = self._size[0] - left
        draw.text((left, 0), f"{moment.score_name} of", font=self._font, fill=_DIM)
        room = max(1, min(_MOST_BARS, (height - _ROW) // _ROW))
        named = [action for action in range(len(scores)) if self._labels[action]]
        # The likeliest ones in the order of their numbers, so that a bar stays in its place as long as it can.
        kept = sorted(sorted(named, key=lambda action: -float(scores[action]))[:room])
        kept = kept if moment.chosen <= set(kept) or len(kept) < room else sorted({*kept[:-1], *moment.chosen})[:room]
        if moment.score_name == "probability":
            low, high = 0.0, 1.0
        else:
            low, high = float(scores.min()), float(scores.max())
        label = width * _LABEL_SHARE
        for row, action in enumerate(kept):
            y = _ROW * (row + 1)
            lit = action in moment.chosen
            text = shortened(self._labels[action], self._font, label - 6)
            draw.text((left, y), text, font=self._font, fill=_LIT if lit else _TEXT)
            x, number = left + label, f"{scores[action]:.2f}"
            full = self._size[0] - x - self._font.getlength(number) - 6
            share = (float(scores[action]) - low) / max(high - low, 1e-9)
            draw.rectangle((x, y + 3, x + full, y + _ROW - 4), fill=(38, 41, 50))
            draw.rectangle((x, y + 3, x + max(1.0, share * full), y + _ROW - 4), fill=_LIT if lit else _BAR)
            draw.text((self._size[0], y), number, font=self._font, fill=_LIT if lit else _DIM, anchor="ra")

    def _draw_curve(self, draw: Any, moment: ScoreMoment, top: int) -> None:
        if not moment.values:
            return
        width, bottom = self._size[0], self._size[1] - 4
        values = np.array(moment.values)
        draw.text((0, top - 4), "expected from here on", font=self._font, fill=_DIM)
        draw.text((width, top - 4), f"{values[-1]:.2f}", font=self._font, fill=_CURVE, anchor="ra")
        indices = np.linspace(0, len(values) - 1, min(len(values), width)).astype(int)
        low, high = min(0.0, float(values.min())), max(float(values.max()), 1e-6)
        ys = bottom - (values[indices] - low) / (high - low) * (bottom - top - _ROW)
        zero = bottom + low / (high - low) * (bottom - top - _ROW)
        draw.line((0, zero, width, zero), fill=_LINE)
        if len(indices) > 1:
            xs = np.arange(len(indices)) * (width - 1) / max(1, min(width, len(indices)) - 1)
            draw.line([*zip(xs.tolist(), ys.tolist(), strict=True)], fill=_CURVE, width=2)


def glowing(picture: NDArray[np.uint8], heat: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture with what was looked at glowing.

    Args:
        picture: uint8 (height, width, 3).
        heat: How much each part of it counts, uint8 (rows, columns).
    """
    from PIL import Image

    height, width = picture.shape[:2]
    # A gradient is grainy; what a few neighbours agree on is what was looked at.
    rough = Image.fromarray(heat).resize((max(1, heat.shape[1] // 3), max(1, heat.shape[0] // 3)), Image.Resampling.BOX)
    spread = np.asarray(rough.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    share = ((spread / max(float(spread.max()), 1.0)) ** 1.5 * 0.8)[:, :, None]
    return (picture * (1 - share) + _HEAT * share).astype(np.uint8)


def _in_colours(view: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.repeat(view[:, :, None], 3, axis=2) if view.ndim == 2 else view)
