"""A network at work: what it sees on the left, its nodes in the middle, what it does on the right."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

    from playthrough.agents.neat import Genome, NetworkShape

_SCALE = 2  # drawn larger and shrunk, for smooth lines
_BACKGROUND = (24, 26, 32)
_POSITIVE, _NEGATIVE = (64, 201, 155), (255, 99, 105)
_DIM, _TEXT, _LIT = (92, 98, 112), (206, 210, 220), (255, 196, 61)
_MOST_LINKS = 140
"""How many links are drawn at most: those through which most flows."""
_FAINTEST = 0.02
"""A link through which less flows, as a share of the strongest, is not drawn."""
_DOTS_HEIGHT = 22 * _SCALE
_LABEL_ROOM = 9 * _SCALE
"""An output with less room than this has a label only while it is chosen."""
_WIDEST_LABEL = 0.3
"""Of the drawing's width."""
_LARGEST_VIEW = 96
"""Rows and columns of a view; a larger one is thinned out."""


@dataclass(frozen=True, eq=False)
class NetworkMoment:
    """A network after one decision.

    Attributes:
        view: What it saw, as a picture: uint8 (height, width) or (height, width, 3).
        links: The links through which most flows, the strongest first, int32 (links,).
        strengths: How much, as a share of the strongest, float32 (links,).
        values: What its outputs and hidden nodes hold, by key.
        chosen: The outputs that decided.
    """

    view: NDArray[np.uint8]
    links: NDArray[np.int32]
    strengths: NDArray[np.float32]
    values: Mapping[int, float]
    chosen: frozenset[int]


class NetworkDrawing:
    """Draws a genome's network again and again, with what flows through it.

    Links are green where their weight is positive, red where it is negative, and brighter the more flows through them.
    The outputs that decided on the action are lit.

    Args:
        genome: Whose network.
        shape: Its shape.
        observation_shape: Of what it sees: (height, width), (stack, height, width), (height, width, 3), or (values,).
        labels: A word for each output; one without is not drawn.
        size: Width and height of the drawing in pixels.
        first: The input with which what it sees begins; any other input is a dot below it.
    """

    def __init__(
        self,
        genome: Genome,
        shape: NetworkShape,
        observation_shape: tuple[int, ...],
        labels: Sequence[str],
        size: tuple[int, int],
        first: int = 0,
    ) -> None:
        from PIL import ImageFont

        self._size = (size[0] * _SCALE, size[1] * _SCALE)
        self._num_outputs = shape.num_outputs
        self._view_shape = observation_shape
        self._seen = range(first, first + int(np.prod(observation_shape)))
        self._font = ImageFont.load_default(12 * _SCALE)
        self._label_width = self._size[0] * _WIDEST_LABEL
        self._labels = [shortened(label, self._font, self._label_width) for label in labels]
        # What an output without a name says is nobody's business: it presses nothing.
        self._outputs = [key for key in range(shape.num_outputs) if labels[key]]
        hidden_outputs = set(range(shape.num_outputs)) - set(self._outputs)
        links = [gene for gene in genome.connections.values() if gene.enabled and not hidden_outputs & {*gene.key}]
        self._source = np.array([gene.key[0] for gene in links], np.int64)
        self._target = np.array([gene.key[1] for gene in links], np.int64)
        self._weight = np.array([gene.weight for gene in links], np.float64)
        self._view_box = self._place_view()
        self._hidden = [key for key in genome.nodes if key >= shape.num_outputs]
        self._places = self._place_nodes()
        starts = [self._places[key] for key in self._source.tolist()]
        ends = [self._places[key] for key in self._target.tolist()]
        self._lines = np.array([(*a, *b) for a, b in zip(starts, ends, strict=True)]).reshape(-1, 4)
        self._backdrop = self._draw_backdrop()

    def moment(self, observation: NDArray[Any], values: Mapping[int, float], chosen: Collection[int]) -> NetworkMoment:
        """What there is to draw of one decision; much smaller than the observation.

        Args:
            observation: What the network saw, all of its inputs.
            values: What its nodes hold, by key.
            chosen: The outputs that decided.
        """
        inputs = np.asarray(observation).reshape(-1).astype(np.float64)
        held = np.array([values.get(key, 0.0) if key >= 0 else inputs[-key - 1] for key in self._source.tolist()])
        flow = np.abs(self._weight * held)
        strongest = np.argsort(flow)[::-1][:_MOST_LINKS]
        highest = max(float(flow[strongest[0]]), 1e-9) if len(strongest) else 1.0
        strengths = flow[strongest] / highest
        visible = strengths >= _FAINTEST
        return NetworkMoment(
            view=view_of(inputs[self._seen.start : self._seen.stop], self._view_shape),
            links=strongest[visible].astype(np.int32),
            strengths=strengths[visible].astype(np.float32),
            values={key: values.get(key, 0.0) for key in (*range(self._num_outputs), *self._hidden)}
            | {key: float(inputs[-key - 1]) for key in self._others()},
            chosen=frozenset(chosen),
        )

    def draw(self, moment: NetworkMoment) -> Image.Image:
        """One moment as a picture, RGB."""
        from PIL import Image, ImageDraw

        image = self._backdrop.copy()
        x, y, width, height = self._view_box
        seen = Image.fromarray(moment.view).convert("RGB").resize((width, height), Image.Resampling.NEAREST)
        image.paste(seen, (x, y))
        draw = ImageDraw.Draw(image, "RGBA")
        draw.rectangle((x - 1, y - 1, x + width, y + height), outline=_DIM)
        # The strongest come last, over the others.
        for index, strength in zip(moment.links[::-1].tolist(), moment.strengths[::-1].tolist(), strict=True):
            self._draw_link(draw, index, strength)
        self._draw_nodes(draw, moment.values, moment.chosen)
        return image.resize((self._size[0] // _SCALE, self._size[1] // _SCALE), Image.Resampling.BOX)

    def _draw_link(self, draw: Any, index: int, strength: float) -> None:
        color = _POSITIVE if self._weight[index] > 0 else _NEGATIVE
        x0, y0, x1, y1 = self._lines[index].tolist()
        alpha = int(30 + 200 * strength)
        width = 1 + round(strength * _SCALE)
        if self._source[index] == self._target[index]:
            draw.arc((x0 - 14, y0 - 26, x0 + 14, y0 + 2), 0, 360, fill=(*color, alpha), width=width)
            return
        draw.line((x0, y0, x1, y1), fill=(*color, alpha), width=width)
        if self._source[index] < 0:
            draw.rectangle((x0 - 2, y0 - 2, x0 + 2, y0 + 2), fill=(*color, min(255, alpha + 40)))

    def _draw_nodes(self, draw: Any, values: Mapping[int, float], chosen: Collection[int]) -> None:
        for key in self._others():
            x, y = self._places[key]
            draw.rectangle((x - 6, y - 6, x + 6, y + 6), fill=_shade(values.get(key, 0.0)), outline=_TEXT)
        for key in self._hidden:
            x, y = self._places[key]
            draw.ellipse((x - 8, y - 8, x + 8, y + 8), fill=_shade(values.get(key, 0.0)), outline=_TEXT)
        room = self._size[1] / max(1, len(self._outputs))
        radius = min(11, max(4, self._size[1] // (3 * max(1, len(self._outputs)))))
        for key in self._outputs:
            x, y = self._places[key]
            lit = key in chosen
            box = (x - radius, y - radius, x + radius, y + radius)
            draw.ellipse(box, fill=_LIT if lit else _shade(values.get(key, 0.0)), outline=_TEXT)
            if lit or room >= _LABEL_ROOM:
                draw.text((x + 20, y), self._labels[key], font=self._font, fill=_LIT if lit else _TEXT, anchor="lm")

    def _draw_backdrop(self) -> Image.Image:
        """Everything that never changes: all links, faintly."""
        from PIL import Image, ImageDraw

        image = Image.new("RGB", self._size, _BACKGROUND)
        draw = ImageDraw.Draw(image, "RGBA")
        order = np.argsort(np.abs(self._weight))[::-1][:400]
        for index in order.tolist():
            color = _POSITIVE if self._weight[index] > 0 else _NEGATIVE
            draw.line(tuple(self._lines[index].tolist()), fill=(*color, 16), width=1)
        return image

    def _place_view(self) -> tuple[int, int, int, int]:
        """x, y, width and height of what it sees."""
        height, width = view_size(self._view_shape)
        most_width, most_height = self._size[0] * 0.5, self._size[1] - 8 - (_DOTS_HEIGHT if self._others() else 0)
        cell = min(most_width / width, most_height / height)
        cell = max(1, int(cell)) if cell >= 1 else cell
        box_width, box_height = max(1, int(width * cell)), max(1, int(height * cell))
        return 4, (self._size[1] - box_height) // 2, box_width, box_height

    def _others(self) -> list[int]:
        """The inputs that are used and not seen, in their order."""
        return sorted({key for key in self._source.tolist() if key < 0 and -key - 1 not in self._seen}, reverse=True)

    def _place_nodes(self) -> dict[int, tuple[float, float]]:
        places: dict[int, tuple[float, float]] = {}
        x, y, width, height = self._view_box
        rows, columns = view_size(self._view_shape)
        for key in {key for key in self._source.tolist() if key < 0}:
            if -key - 1 not in self._seen:
                continue
            row, column = divmod(_cell_of(-key - 1 - self._seen.start, self._view_shape), columns)
            places[key] = (x + (column + 0.5) * width / columns, y + (row + 0.5) * height / rows)
        others = self._others()
        for number, key in enumerate(others):
            places[key] = (x + (number + 0.5) * width / len(others), y + height + _DOTS_HEIGHT / 2)
        longest = max((self._font.getlength(label) for label in self._labels), default=0)
        right = self._size[0] - 28 - min(longest, self._label_width)
        for row, key in enumerate(self._outputs):
            places[key] = (right, self._size[1] * (row + 0.5) / len(self._outputs))
        left = x + width
        # A hidden node stands halfway between what it reads and what reads it.
        for _ in range(4):
            for index, key in enumerate(self._hidden):
                ends = [*self._source[self._target == key].tolist(), *self._target[self._source == key].tolist()]
                known = [places[end][1] for end in ends if end in places and end != key]
                middle = sum(known) / len(known) if known else self._size[1] / 2
                share = 0.3 + 0.5 * ((index * 0.618) % 1.0)
                spread = ((index * 0.382) % 1.0 - 0.5) * 0.15 * self._size[1]
                places[key] = (left + share * (right - left), min(max(middle + spread, 14), self._size[1] - 14))
        return places


def shortened(text: str, font: Any, width: float) -> str:
    """A text that is no wider than `width` in a font, with an ellipsis in the place of what has no room."""
    if font.getlength(text) <= width:
        return text
    length = len(text)
    while length and font.getlength(text[:length].rstrip() + "…") > width:
        length -= 1
    return text[:length].rstrip() + "…"


def view_size(observation_shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of an observation when it is shown: numbers that are no picture make a square."""
    if len(observation_shape) == 1:
        columns = max(1, int(np.ceil(np.sqrt(observation_shape[0]))))
        return -(-observation_shape[0] // columns), columns
    if len(observation_shape) == 3 and observation_shape[2] != 3:
        return observation_shape[1], observation_shape[2]
    return observation_shape[0], observation_shape[1]


def view_of(observation: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """An observation as a small picture, the newest of a stack: uint8 (height, width) or (height, width, 3).

    Args:
        observation: Pixels from 0 to 255, a grid from 0 to 1 (or to 255), or any numbers; of its shape, or in a row.
        shape: (height, width), (stack, height, width), (height, width, 3), or (values,).
    """
    rows, columns = view_size(shape)
    if len(shape) == 1:
        numbers = np.zeros(rows * columns)
        numbers[: shape[0]] = observation
        image = (numbers / (1 + np.abs(numbers)) if numbers.max() > 1 or numbers.min() < 0 else numbers) * 255
        image = np.clip(np.abs(image), 0, 255).reshape(rows, columns)
    else:
        image = observation.reshape(shape)
        image = image[-1] if image.ndim == 3 and shape[2] != 3 else image
        if image.ndim == 2 and image.min() < 0:  # what counts as bad is red
            good, bad = np.maximum(image, 0), np.abs(image)
            image = np.stack([bad, good, good], axis=2) / max(1.0, float(bad.max()))
        if image.dtype != np.uint8:
            image = np.clip(image * (255 if image.max() <= 1 else 1), 0, 255)
    step = max(1, -(-max(rows, columns) // _LARGEST_VIEW))
    return np.ascontiguousarray(image[::step, ::step].astype(np.uint8))


def _cell_of(index: int, observation_shape: tuple[int, ...]) -> int:
    """In which cell of the view an input lies."""
    rows, columns = view_size(observation_shape)
    if len(observation_shape) == 3 and observation_shape[2] == 3:
        return index // 3
    return index % (rows * columns)


def _shade(value: float) -> tuple[int, int, int]:
    strength = min(1.0, abs(value))
    base = np.array((50, 54, 64))
    mixed = base + (np.array((235, 238, 245)) - base) * strength if value > 0 else base - 20 * strength
    return int(mixed[0]), int(mixed[1]), int(mixed[2])
