"""From what a core shows to what an agent sees, slowly and readably: the reference for native/video.cpp."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playthrough.engine.engine import PixelSpec

Picture = NDArray[np.uint8]

RGB1555, XRGB8888, RGB565 = 0, 1, 2
BITS = {RGB1555: (10, 5, 5, 5, 0, 5), RGB565: (11, 5, 5, 6, 0, 5), XRGB8888: (16, 8, 8, 8, 0, 8)}
"""Where red, green and blue begin, and how many bits each has."""


def convert(raw: Picture, pitch: int, width: int, height: int, form: int) -> Picture:
    """A core's bytes to (height, width, 3): bits are shifted up, not replicated."""
    kind = np.dtype("<u4" if form == XRGB8888 else "<u2")
    out = np.zeros((height, width, 3), np.uint8)
    for y in range(height):
        values = raw[y * pitch : y * pitch + width * kind.itemsize].view(kind)
        for channel in range(3):
            shift, bits = BITS[form][2 * channel : 2 * channel + 2]
            out[y, :, channel] = (values >> shift & ((1 << bits) - 1)) << (8 - bits)
    return out


def fit(picture: Picture, width: int, height: int) -> Picture:
    """Cut off, or filled up with black, at the right and below."""
    out = np.zeros((height, width, 3), np.uint8)
    part = picture[:height, :width]
    out[: part.shape[0], : part.shape[1]] = part
    return out


def crop(picture: Picture, x: int, y: int, width: int, height: int) -> Picture:
    """A width or height of 0, or one that is too large, goes to the edge."""
    rows, columns = picture.shape[:2]
    right = columns if width == 0 or x + width > columns else x + width
    bottom = rows if height == 0 or y + height > rows else y + height
    return picture[y:bottom, x:right]


def luma(picture: Picture) -> Picture:
    red, green, blue = (picture[..., channel].astype(np.int32) for channel in range(3))
    return ((4899 * red + 9617 * green + 1868 * blue + 8192) >> 14).astype(np.uint8)


@cache
def area_weights(source: int, target: int) -> NDArray[np.int64]:
    """(target, source): how much of each input pixel an output pixel covers, in 1/target of one."""
    edges = np.arange(source + 1) * target
    weights = np.zeros((target, source), np.int64)
    for i in range(target):
        for j in range(source):
            weights[i, j] = max(0, min(edges[j + 1], (i + 1) * source) - max(edges[j], i * source))
    return weights


@cache
def bilinear_weights(source: int, target: int) -> NDArray[np.int64]:
    """(target, source): the two neighbours of an output pixel's centre, in 1/2048."""
    weights = np.zeros((target, source), np.int64)
    for i in range(target):
        position = min(max((i + 0.5) * (source / target) - 0.5, 0.0), source - 1.0)
        first = min(int(position), max(0, source - 2))
        second = int(np.floor((position - first) * 2048 + 0.5))
        weights[i, first] += 2048 - second
        if source > 1:
            weights[i, first + 1] += second
    return weights


def shrink(picture: NDArray[Any], size: tuple[int, int], filter_name: str) -> Picture:
    """Weighted means in whole numbers, halves rounded up."""
    weights = area_weights if filter_name == "area" else bilinear_weights
    down, across = (weights(source, target) for source, target in zip(picture.shape[:2], size, strict=True))
    total = int(down[0].sum() * across[0].sum())
    sums = np.einsum("ij,jk...->ik...", down, picture.astype(np.int64))
    sums = np.einsum("ij,kj...->ki...", across, sums)
    return ((sums + total // 2) // total).astype(np.uint8)


def process(picture: Picture, spec: PixelSpec, rotation: int) -> Picture:
    """An rgb picture of the screen's size to what an agent sees of it."""
    picture = np.rot90(crop(picture, *spec.crop), rotation)
    if spec.size is None:
        return luma(picture) if spec.gray else picture
    # The area filter shrinks the luma; the bilinear one shrinks the colours, as the tutorials do.
    if spec.gray and spec.resize == "area":
        return shrink(luma(picture), spec.size, "area")
    shrunk = shrink(picture, spec.size, spec.resize)
    return luma(shrunk) if spec.gray else shrunk
