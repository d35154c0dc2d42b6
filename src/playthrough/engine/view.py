"""What an agent sees of a remote lane: its last frames and its stack, as `_native` keeps them for an embedded one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from playthrough import _native
from playthrough.engine.engine import Display, Observe, PixelSpec
from playthrough.engine.wire import RawPicture
from playthrough.errors import StateError

_XRGB8888 = 1


class Painter:
    """Makes frames of raw pictures, through the pipeline that embedded lanes have.

    Args:
        display: What counts of a raw picture: a part of this size in its middle.
        pixels: What becomes of it; the stack and the brighter of two are the view's.
    """

    def __init__(self, display: Display, pixels: PixelSpec) -> None:
        height, width = pixels.size or (0, 0)
        self._display = display
        self._screen = _native.Screen(display.width, display.height, False)
        self._spec = _native.PixelSpec(
            gray=pixels.gray,
            resize=pixels.resize,
            width=width,
            height=height,
            max_of_two=False,
            stack=0,
            crop=_native.Crop(*pixels.crop),
            rotation=display.rotation,
        )

    def __call__(self, picture: RawPicture) -> NDArray[np.uint8]:
        """One frame: uint8 (height, width[, 3])."""
        width, height = self._display.width, self._display.height
        left, top = (picture.width - width) // 2, (picture.height - height) // 2
        whole = np.frombuffer(picture.pixels, ">u4").reshape(picture.height, picture.width)
        part = whole[top : top + height, left : left + width].astype(np.uint32)
        data = part.view(np.uint8).reshape(-1)
        return _native.process_picture(data, 4 * width, width, height, _XRGB8888, self._spec, self._screen)

    def fits(self, picture: RawPicture) -> bool:
        """Whether a raw picture is large enough."""
        return picture.width >= self._display.width and picture.height >= self._display.height


class View:
    """The past of one lane's observations.

    Args:
        display: Of the game.
        pixels: What an observation is.
        sample_bytes: Size of the probes' bytes of one frame.
    """

    def __init__(self, display: Display, pixels: PixelSpec, sample_bytes: int) -> None:
        self._pixels = pixels
        shape = PixelSpec(pixels.gray, pixels.resize, pixels.size, crop=pixels.crop).shape(display)
        if pixels.gray:
            shape = (*shape, 1)
        self._newest, self._older = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        self._stack = np.zeros((pixels.stack, *shape), np.uint8)
        self.before = bytes(sample_bytes)
        """The probes' bytes on the last frame."""

    def saw(self, frame: NDArray[np.uint8]) -> None:
        """A run ended on this frame, or is about to."""
        self._older, self._newest = self._newest, frame.reshape(self._newest.shape)

    def show(self, observe: int, out: NDArray[np.uint8]) -> None:
        """Write the observation: uint8 of PixelSpec.shape."""
        if observe in (Observe.SKIP, Observe.KEEP):
            return
        if self._pixels.stack and observe == Observe.SHOW:
            out[...] = self._stack.reshape(out.shape)
            return
        frame = self._newest
        if self._pixels.max_of_two:
            if observe == Observe.FILL:
                self._older = frame
            else:
                frame = np.maximum(frame, self._older)
        if not self._pixels.stack:
            out[...] = frame.reshape(out.shape)
            return
        if observe == Observe.FILL:
            self._stack[:] = frame
        else:
            self._stack[:-1] = self._stack[1:]
            self._stack[-1] = frame
        out[...] = self._stack.reshape(out.shape)

    def save(self) -> bytes:
        """All of it."""
        return b"".join((self.before, self._newest.tobytes(), self._older.tobytes(), self._stack.tobytes()))

    def load(self, history: bytes) -> None:
        """Put back what `save` gave.

        Raises:
            StateError: If it was taken with other observations or variables.
        """
        arrays = self._newest, self._older, self._stack
        expected = len(self.before) + sum(array.nbytes for array in arrays)
        if len(history) != expected:
            raise StateError(
                f"the snapshot was taken with other observations or variables: its history has {len(history)} bytes, "
                f"expected {expected}"
            )
        end = len(self.before)
        self.before = history[:end]
        restored: list[NDArray[np.uint8]] = []
        for array in arrays:
            part = np.frombuffer(history, np.uint8, array.nbytes, end)
            restored.append(part.reshape(array.shape).copy())
            end += array.nbytes
        self._newest, self._older, self._stack = restored
