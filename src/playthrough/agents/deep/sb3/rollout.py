"""Rollouts that stay where they are: the buffers of stable-baselines3 without their copies.

The minibatches are the same as theirs, number for number.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, cast

import numpy as np
import torch
from sb3_contrib.common.maskable.buffers import MaskableRolloutBuffer, MaskableRolloutBufferSamples
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.type_aliases import RolloutBufferSamples

_NAMES = ("observations", "actions", "values", "log_probs", "advantages", "returns")


class ResidentRolloutBuffer(RolloutBuffer):
    """A `RolloutBuffer` whose arrays are made once, go to the device once per rollout, and are drawn from there.

    Args:
        *arguments: As of `RolloutBuffer`.
        channels_last: Give pictures with their channels last in memory.
        **named_arguments: As of `RolloutBuffer`.
    """

    names: tuple[str, ...] = _NAMES

    def __init__(self, *arguments: Any, channels_last: bool = False, **named_arguments: Any) -> None:
        self._is_made = False
        self._channels_last = channels_last
        self._tensors: list[torch.Tensor] = []
        super().__init__(*arguments, **named_arguments)

    def reset(self) -> None:
        """Begin a rollout. Every number will be written before it is read, so none is cleared."""
        self._tensors = []
        if self._is_made:
            self.pos, self.full = 0, False
            return
        super().reset()
        if self.device.type == "cuda":  # pages that cannot be swapped out are copied without waiting
            pinned = torch.zeros(self.observations.shape, dtype=torch.from_numpy(self.observations[:1]).dtype)
            self.observations = pinned.pin_memory().numpy()
        self._is_made = True

    def get(self, batch_size: int | None = None) -> Generator[Any, None, None]:
        """Minibatches, in stable-baselines3's order."""
        num_lanes, num_steps = self.n_envs, self.buffer_size
        lanes, steps = np.divmod(np.random.permutation(num_steps * num_lanes), num_steps)
        rows = torch.from_numpy(steps * num_lanes + lanes).to(self.device)
        if not self._tensors:
            self._tensors = [self._tensor(name) for name in self.names]
        batches = cast("tuple[torch.Tensor, ...]", rows.split(batch_size or len(rows)))
        for batch in batches:
            observations, *others = [tensor.index_select(0, batch) for tensor in self._tensors]
            yield self._samples(observations.permute(0, 3, 1, 2) if self._turns_pictures else observations, *others)

    def _tensor(self, name: str) -> torch.Tensor:
        array: np.ndarray[Any, Any] = getattr(self, name)
        numbers = array if name == "observations" else array.astype(np.float32, copy=False)
        shape = array.shape[2:] if array.ndim > 2 else ()
        tensor = torch.from_numpy(numbers.reshape(-1, *shape)).to(self.device, non_blocking=True)
        if name == "observations" and self._turns_pictures:
            return tensor.permute(0, 2, 3, 1).contiguous()  # once, not in every epoch
        return tensor

    @property
    def _turns_pictures(self) -> bool:
        return self._channels_last and len(self.obs_shape) == 3

    def _samples(self, *tensors: torch.Tensor) -> Any:
        return RolloutBufferSamples(*tensors)


class ResidentMaskableRolloutBuffer(ResidentRolloutBuffer, MaskableRolloutBuffer):
    """The same with the masks of the actions."""

    names = (*_NAMES, "action_masks")

    def _samples(self, *tensors: torch.Tensor) -> Any:
        return MaskableRolloutBufferSamples(*tensors)
