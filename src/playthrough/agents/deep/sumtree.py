"""Drawing from a million weights, and changing some of them, in logarithmic time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class SumTree:
    """A binary tree over weights in which every node holds the sum of its children.

    Node 1 is the root; the children of node i are 2i and 2i + 1; the leaves are the weights. Every operation works on
    a batch, level by level. A node is always computed from its children anew, so that no error builds up, and a tree
    with the same leaves is the same tree whatever happened before.

    Args:
        num_leaves: How many weights; all are 0 at first.
    """

    def __init__(self, num_leaves: int) -> None:
        self._depth = max(1, (num_leaves - 1).bit_length())
        self._first = 1 << self._depth
        self._num_leaves = num_leaves
        self._nodes = np.zeros(2 * self._first, np.float64)

    @property
    def total(self) -> float:
        """The sum of all weights."""
        return float(self._nodes[1])

    @property
    def leaves(self) -> NDArray[np.float32]:
        """All weights, as a copy."""
        return self._nodes[self._first : self._first + self._num_leaves].astype(np.float32)

    def weights(self, leaves: NDArray[np.int64]) -> NDArray[np.float64]:
        """The weights of some leaves."""
        return self._nodes[self._first + leaves]

    def set(self, leaves: NDArray[np.int64], weights: NDArray[np.floating] | float) -> None:
        """Change the weights of some leaves; of a leaf that is named twice, the last counts.

        Weights are kept in single precision, so that half the bytes hold them when they are stored.
        """
        nodes = self._nodes
        at = leaves + self._first
        nodes[at] = np.asarray(weights, np.float32)
        for _ in range(self._depth):
            at = at >> 1
            left = at << 1
            nodes[at] = nodes[left] + nodes[left + 1]

    def fill(self, weights: NDArray[np.float32]) -> None:
        """Set all weights."""
        nodes, first = self._nodes, self._first
        nodes[first : first + self._num_leaves] = weights
        while first > 1:
            nodes[first // 2 : first] = nodes[first : 2 * first : 2] + nodes[first + 1 : 2 * first : 2]
            first //= 2

    def find(self, sums: NDArray[np.float64]) -> NDArray[np.int64]:
        """The leaves in which running sums of the weights pass the given numbers, each from 0 to below the total.

        A leaf of weight 0 is never found, whatever was lost in rounding.
        """
        nodes = self._nodes
        at, rest = np.ones(len(sums), np.int64), sums.astype(np.float64)
        for _ in range(self._depth):
            at = at << 1
            left = nodes[at]
            goes_right = (rest >= left) & (nodes[at + 1] > 0.0)
            rest = np.where(goes_right, rest - left, rest)
            at = at + goes_right
        return at - self._first
