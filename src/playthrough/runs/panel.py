"""The side panel of a video: the network at work, the pads, the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from playthrough.engine.systems import System
from playthrough.env.observation import Together, Window, observation_of
from playthrough.env.vector import RetroVectorEnv
from playthrough.runs.network_drawing import shortened
from playthrough.runs.pad_drawing import SIZE as PAD_SIZE
from playthrough.runs.pad_drawing import draw_pad

if TYPE_CHECKING:
    from PIL import Image

    from playthrough.runs.agent_source import Drawing

WIDTH = 420
"""Width of the panel in pixels."""

_BACKGROUND = (24, 26, 32)
_TITLE, _TEXT, _DIM, _ACCENT = (240, 242, 247), (206, 210, 220), (130, 136, 150), (255, 196, 61)
_MARGIN = 14
_HEAD, _FOOT = 54, 128
_ROW, _NUM_BESIDE, _NUM_COLUMNS, _GAP = 15, 4, 3, 16
"""Height of a variable's row; how many rows there are beside the pads; columns below them, and what lies between."""
_LEAST_NETWORK = 160
_MOST_PADS = 2


@dataclass(frozen=True)
class PanelNumbers:
    """What stands in the panel as text.

    Attributes:
        seconds: Played so far.
        frame: Of the movie.
        total_reward: Earned so far.
        variables: The game's variables by name.
    """

    seconds: float
    frame: int
    total_reward: float
    variables: Mapping[str, int]


def network_size(height: int, num_variables: int) -> tuple[int, int]:
    """Width and height of what is left for a network in a panel of this height that shows so many variables."""
    return WIDTH - 2 * _MARGIN, height - _HEAD - _FOOT - _rows_below(height, num_variables) * _ROW


def _rows_below(height: int, num_variables: int) -> int:
    """Rows of variables below the pads: as many as are needed, but some room is the network's."""
    room = (height - _HEAD - _FOOT - _LEAST_NETWORK) // _ROW
    return max(0, min(-(-(num_variables - _NUM_BESIDE) // _NUM_COLUMNS), room))


class Panel:
    """Draws the panel, and remembers the parts that stay the same from frame to frame.

    Args:
        height: In pixels.
        system: Whose pads are shown.
        title: The game.
        subtitle: Who plays.
        drawing: Draws what the player thinks; None where there is nothing to draw.
        num_variables: How many variables the game has.
    """

    def __init__(
        self,
        height: int,
        system: System,
        title: str,
        subtitle: str,
        drawing: Drawing | None,
        num_variables: int,
    ) -> None:
        from PIL import Image, ImageDraw, ImageFont

        self._height, self._system, self._drawing = height, system, drawing
        self._num_rows_below = _rows_below(height, num_variables)
        self._network_size = network_size(height, num_variables)
        self._small = ImageFont.load_default(12)
        self._large = ImageFont.load_default(24)
        self._empty = Image.new("RGB", (WIDTH, height), _BACKGROUND)
        draw = ImageDraw.Draw(self._empty)
        heading, width = ImageFont.load_default(19), WIDTH - 2 * _MARGIN
        draw.text((_MARGIN, 10), shortened(title, heading, width), font=heading, fill=_TITLE)
        draw.text((_MARGIN, 34), shortened(subtitle, self._small, width), font=self._small, fill=_DIM)
        draw.line((0, 0, 0, height), fill=(52, 56, 66), width=2)
        self._pads: dict[tuple[tuple[str, ...], ...], Image.Image] = {}
        self._moment: Any = None
        self._network: Image.Image = self._empty
        self._earned: list[float] = []
        self._shown: object = None
        self._numbers: Image.Image = self._empty
        self._below: Image.Image = self._empty

    def draw(self, moment: Any, pressed: Sequence[Sequence[str]], numbers: PanelNumbers) -> NDArray[np.uint8]:
        """The panel of one frame, uint8 (height, WIDTH, 3).

        Args:
            moment: What is thought, after the newest decision; None where nothing is.
            pressed: Names of the buttons that each player presses.
            numbers: The text.
        """
        from PIL import ImageDraw

        image = self._empty.copy()
        self._earned.append(numbers.total_reward)
        if self._drawing is not None and moment is not None:
            if moment is not self._moment:
                self._network, self._moment = self._drawing.draw(moment), moment
            image.paste(self._network, (_MARGIN, _HEAD))
        draw = ImageDraw.Draw(image)
        if self._drawing is None:
            self._draw_curve(draw)
        foot = _HEAD + self._network_size[1]
        draw.line((_MARGIN, foot, WIDTH - _MARGIN, foot), fill=(52, 56, 66))
        pads = self._pads_of(tuple(tuple(names) for names in pressed))
        image.paste(pads, (_MARGIN, foot + (_FOOT - pads.height) // 2))
        x, y = _MARGIN + pads.width + 20, foot + 10
        self._draw_numbers(numbers, WIDTH - x)
        image.paste(self._numbers, (x, y))
        if self._num_rows_below:
            image.paste(self._below, (_MARGIN, foot + _FOOT - 4))
        minutes, seconds = divmod(numbers.seconds, 60)
        time = f"{int(minutes)}:{seconds:04.1f}   frame {numbers.frame}"
        draw.text((x, y + 31), time, font=self._small, fill=_DIM)
        return np.asarray(image)

    def _draw_numbers(self, numbers: PanelNumbers, width: int) -> None:
        """What was earned and the variables: they change more rarely than the time, which stands between them."""
        from PIL import Image, ImageDraw

        shown = (numbers.total_reward, tuple(numbers.variables.items()))
        if shown == self._shown:
            return
        self._shown = shown
        self._numbers = Image.new("RGB", (width, _FOOT - 12), _BACKGROUND)
        draw = ImageDraw.Draw(self._numbers)
        earned = f"{numbers.total_reward:,.10g}"
        draw.text((0, 0), earned, font=self._large, fill=_ACCENT)
        draw.text((self._large.getlength(earned) + 6, 11), "earned", font=self._small, fill=_DIM)
        entries = [(name, str(value)) for name, value in shown[1]]
        room = _NUM_BESIDE + _NUM_COLUMNS * self._num_rows_below
        if len(entries) > room:
            entries = [*entries[: room - 1], (f"and {len(entries) - room + 1} more", "")]
        for row, entry in enumerate(entries[:_NUM_BESIDE]):
            self._draw_variable(draw, entry, 0, 49 + _ROW * row, width - _MARGIN)
        self._below = Image.new("RGB", (WIDTH - _MARGIN, max(1, _ROW * self._num_rows_below)), _BACKGROUND)
        draw = ImageDraw.Draw(self._below)
        cell = (WIDTH - 2 * _MARGIN + _GAP) / _NUM_COLUMNS
        for index, entry in enumerate(entries[_NUM_BESIDE:]):
            column, row = divmod(index, self._num_rows_below)
            self._draw_variable(draw, entry, column * cell, _ROW * row, cell - _GAP)

    def _draw_variable(self, draw: Any, entry: tuple[str, str], x: float, y: float, width: float) -> None:
        name, value = entry
        room = width - self._small.getlength(value) - 6
        draw.text((x, y), shortened(name, self._small, room), font=self._small, fill=_DIM)
        draw.text((x + width, y), value, font=self._small, fill=_TEXT, anchor="ra")

    def _draw_curve(self, draw: Any) -> None:
        """What was earned until now, where there is no network to show."""
        width, height = self._network_size
        left, top, bottom = _MARGIN, _HEAD + 24, _HEAD + height - 14
        draw.text((left, _HEAD), "earned so far", font=self._small, fill=_DIM)
        draw.line((left, bottom, left + width, bottom), fill=(52, 56, 66))
        count = len(self._earned)
        indices = np.linspace(0, count - 1, min(count, width)).astype(int)
        earned = np.array(self._earned)[indices]
        low, high = min(0.0, float(earned.min())), max(float(earned.max()), 1e-9)
        xs = left + np.arange(len(earned)) * (width / max(1, width - 1))
        ys = bottom - (earned - low) / max(high - low, 1e-9) * (bottom - top)
        if len(earned) > 1:
            draw.line([*zip(xs.tolist(), ys.tolist(), strict=True)], fill=_ACCENT, width=2)

    def _pads_of(self, pressed: tuple[tuple[str, ...], ...]) -> Image.Image:
        from PIL import Image

        if pressed not in self._pads:
            pads = [draw_pad(self._system, names) for names in pressed[:_MOST_PADS]]
            width, height = PAD_SIZE
            if len(pads) > 1:
                # They lie above each other, in a room that is little more than that of one.
                width, height = width * 58 // height, 58
                pads = [pad.resize((width, height), Image.Resampling.LANCZOS) for pad in pads]
            image = Image.new("RGB", (width, height * len(pads)), _BACKGROUND)
            for player, pad in enumerate(pads):
                image.paste(pad, (0, height * player))
            self._pads[pressed] = image
        return self._pads[pressed]


def observation_shape(env: RetroVectorEnv) -> tuple[int, ...]:
    """The shape in which one lane's observation, or its `shown_part`, is a picture, or that of its numbers."""
    observation = observation_of(env.options.observation)
    part = shown_part(env)
    if part is not None:
        observation = cast("Together", observation).parts[part]
    spec = observation.pixel_spec(env.scene)
    if spec is None:
        return cast("tuple[int, ...]", observation.space(env.scene).shape)
    past = (observation.steps,) if isinstance(observation, Window) else ()
    return (*past, *spec.shape(env.scene.display))


def shown_part(env: RetroVectorEnv) -> str | None:
    """Which part of a dict of observations is drawn: the picture, else the first; None where there is no dict."""
    observation = observation_of(env.options.observation)
    if not isinstance(observation, Together):
        return None
    parts = observation.parts
    return next((name for name, part in parts.items() if part.pixel_spec(env.scene)), next(iter(parts)))


def output_labels(env: RetroVectorEnv) -> list[str]:
    """A word for each of a network's outputs: the buttons that it stands for; none for one that presses nothing."""
    space, actions = cast("Any", env.single_action_space), env.actions
    if isinstance(space, spaces.MultiBinary):
        named = [name or "" for name in actions.system.buttons]
        players = actions.num_players
        if players == 1:
            return named
        return [f"{player + 1} {name}" if name else "" for player in range(players) for name in named]
    if isinstance(space, spaces.MultiDiscrete) and actions.kind == "multi_discrete":
        groups = [group for _ in range(actions.num_players) for group in actions.groups]
        return [_word(actions.names(choice)) for group in groups for choice in group]
    if isinstance(space, spaces.MultiDiscrete):
        return [_word(actions.names(choice)) for _ in range(actions.num_players) for choice in actions.choices]
    count = int(space.n)
    if actions.num_players == 1:
        return [_word(actions.names(int(actions.to_buttons(np.array([i]))[0, 0]))) for i in range(count)]
    return [str(i) for i in range(count)]


def chosen_outputs(env: RetroVectorEnv, action: Any) -> list[int]:
    """Which of a network's outputs an action comes from."""
    space = cast("Any", env.single_action_space)
    numbers = np.asarray(action).ravel()
    if isinstance(space, spaces.MultiBinary):
        return np.flatnonzero(numbers).tolist()
    if isinstance(space, spaces.MultiDiscrete):
        offsets = np.concatenate([[0], np.cumsum(cast("NDArray[np.int64]", space.nvec).ravel())[:-1]])
        return (offsets + numbers).tolist()
    return [int(numbers[0])]


def _word(names: Sequence[str]) -> str:
    return " ".join(names) or "nothing"
