"""Rainbow's network, and what it computes with returns' distributions.

Noise is handed in with the observations, never kept: a network without noise in hand is its own mean, and no mode can
be forgotten.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from playthrough.agents.deep.rainbow_observations import SMALLEST_PICTURE, View
from playthrough.agents.deep.rainbow_options import RainbowOptions

NUMBERS_WIDTH = 64  # of the layer that numbers beside a picture go through


@dataclass(frozen=True)
class NetworkDesign:
    """Everything that decides what parameters a network has and what they mean.

    Attributes:
        view: What is seen.
        num_actions: Actions to choose from.
        hidden: Width of the layers behind the trunk.
        dueling: One stream for the value, one for the advantages.
        sigma: Noise in the weights at the beginning; None for weights without noise.
        atoms: Returns of a distribution; 1 for the mean alone.
        v_min: The smallest of them.
        v_max: The largest of them.
        normalised: Whether numbers come normalised; the network takes their logarithm otherwise.
    """

    view: View
    num_actions: int
    hidden: int = 512
    dueling: bool = True
    sigma: float | None = 0.5
    atoms: int = 51
    v_min: float = -10.0
    v_max: float = 10.0
    normalised: bool = False

    @classmethod
    def of(cls, options: RainbowOptions, view: View, num_actions: int) -> NetworkDesign:
        """The design that options stand for."""
        return cls(
            view,
            num_actions,
            options.hidden,
            options.dueling,
            options.sigma if options.noisy else None,
            options.atoms if options.distributional else 1,
            options.v_min,
            options.v_max,
            options.normalise_observations and view.numbers_shape is not None,
        )


@dataclass(frozen=True)
class FixedWeights:
    """A noisy layer's weights under one noise.

    Attributes:
        weight: (outputs, inputs); gradients arrive here.
        bias: (outputs,).
        into: The noise of the inputs.
        out: The noise of the outputs.
    """

    weight: Tensor
    bias: Tensor
    into: Tensor
    out: Tensor


class NoisyLinear(nn.Module):
    """A linear layer whose weights are a mean and a noise of learned size.

    Factorised Gaussian noise and initial values of Fortunato et al. 2018, section 3. The noise of a weight is that of
    its input times that of its output, so no noisy matrix is needed to give every row of a batch noise of its own: what
    comes in and what goes out is scaled. Where all rows have the same noise, a noisy matrix (`fix`) is faster.

    Matrices are large: the noisy one and the gradients stay in memory that is used again and again, because asking the
    system for new pages takes longer than computing what goes there.
    """

    def __init__(self, num_inputs: int, num_outputs: int, sigma: float, noise_from: int) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(num_inputs)
        self.mean_weight = nn.Parameter(torch.empty(num_outputs, num_inputs).uniform_(-bound, bound))
        self.mean_bias = nn.Parameter(torch.empty(num_outputs).uniform_(-bound, bound))
        self.sigma_weight = nn.Parameter(torch.full((num_outputs, num_inputs), sigma * bound))
        self.sigma_bias = nn.Parameter(torch.full((num_outputs,), sigma * bound))
        self._memories: dict[str, Tensor] = {}
        self._inputs = slice(noise_from, noise_from + num_inputs)
        self._outputs = slice(noise_from + num_inputs, noise_from + num_inputs + num_outputs)

    @property
    def noise_to(self) -> int:
        """Where the next layer's noise begins."""
        return self._outputs.stop

    @torch.no_grad()
    def fix(self, noise: Tensor, dtype: torch.dtype) -> FixedWeights:
        """The weights under one row of noise, until the next call."""
        into, out = noise[0, self._inputs], noise[0, self._outputs]
        scaled = torch.mul(self.sigma_weight, out[:, None], out=self._memory("scaled", torch.float32))
        weight = torch.addcmul(self.mean_weight, scaled, into, out=scaled)
        if dtype != torch.float32:
            weight = self._memory("weight", dtype).copy_(weight)
        bias = torch.addcmul(self.mean_bias, self.sigma_bias, out).to(dtype)
        learns = self.mean_weight.requires_grad
        return FixedWeights(weight.detach().requires_grad_(learns), bias.requires_grad_(learns), into, out)

    @torch.no_grad()
    def take_gradients(self, fixed: FixedWeights) -> None:
        """Pass the gradients of the weights under noise on to the mean and to the noise's size."""
        assert fixed.weight.grad is not None and fixed.bias.grad is not None
        gradient = self._memory("gradient", torch.float32).copy_(fixed.weight.grad)
        self.mean_weight.grad, self.mean_bias.grad = gradient, fixed.bias.grad.float()
        scaled = torch.mul(gradient, fixed.out[:, None], out=self._memory("sigma_gradient", torch.float32))
        self.sigma_weight.grad = scaled.mul_(fixed.into)
        self.sigma_bias.grad = self.mean_bias.grad * fixed.out
        fixed.weight.grad = fixed.bias.grad = None

    def _memory(self, name: str, dtype: torch.dtype) -> Tensor:
        if name not in self._memories:
            self._memories[name] = torch.empty_like(self.mean_weight, dtype=dtype, requires_grad=False)
        return self._memories[name]

    def forward(self, inputs: Tensor, noise: Noise) -> Tensor:
        """The layer's outputs, (batch, outputs); without noise those of the mean."""
        if isinstance(noise, dict):
            return functional.linear(inputs, noise[self].weight, noise[self].bias)
        outputs = functional.linear(inputs, self.mean_weight, self.mean_bias)
        if noise is None:
            return outputs
        noisy = functional.linear(inputs * noise[:, self._inputs], self.sigma_weight, self.sigma_bias)
        return outputs + noisy * noise[:, self._outputs]


Noise = Tensor | dict[NoisyLinear, FixedWeights] | None
"""Noise from `RainbowNetwork.make_noise`, or what `RainbowNetwork.fix` made of it; None for the mean of the weights."""


class PlainLinear(nn.Linear):
    """A linear layer that takes noise and does nothing with it."""

    noise_to = 0

    def forward(self, inputs: Tensor, noise: Noise) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The layer's outputs, (batch, outputs)."""
        return super().forward(inputs)


@dataclass(frozen=True)
class Prepared:
    """Observations as the layers take them.

    Attributes:
        main: Pictures, or numbers where there are none.
        numbers: Those beside the pictures, float32 (rows, numbers).
    """

    main: Tensor
    numbers: Tensor | None = None


class RainbowNetwork(nn.Module):
    """NatureCNN (Mnih et al. 2015) for pictures, one layer for numbers, and then one stream or two.

    Args:
        design: What it looks like.

    Raises:
        ValueError: Pictures are too small.
    """

    def __init__(self, design: NetworkDesign) -> None:
        super().__init__()
        self.design = design
        self.register_buffer("returns", torch.linspace(design.v_min, design.v_max, design.atoms), persistent=False)
        self.returns: Tensor
        if design.view.is_picture:
            with torch.no_grad():
                pictures = self._pictures(torch.zeros(1, *design.view.shape, dtype=torch.uint8))
            channels, height, width = pictures.shape[1:]
            if min(height, width) < SMALLEST_PICTURE:
                raise ValueError(
                    f"expected pictures of at least {SMALLEST_PICTURE} pixels along each edge, got "
                    f"{height}x{width} (observations of shape {design.view.shape}); observation='gray84' has 84"
                )
            self.trunk = nn.Sequential(
                nn.Conv2d(channels, 32, 8, stride=4),
                nn.ReLU(inplace=True),
                nn.Conv2d(32, 64, 4, stride=2),
                nn.ReLU(inplace=True),
                nn.Conv2d(64, 64, 3),
                nn.ReLU(inplace=True),
                nn.Flatten(),
            )
            with torch.no_grad():
                num_features = self.trunk(pictures).shape[1]
        else:
            self.trunk = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(design.view.shape), design.hidden), nn.ReLU())
            num_features = design.hidden
        self.beside: nn.Sequential | None = None
        if design.view.num_beside:
            self.beside = nn.Sequential(nn.Linear(design.view.num_beside, NUMBERS_WIDTH), nn.ReLU())
            num_features += NUMBERS_WIDTH
        streams, hidden = (2 if design.dueling else 1), design.hidden
        self.noise_size = 0
        self.hidden = self._linear(num_features, streams * hidden)
        self.advantage = self._linear(hidden, design.num_actions * design.atoms)
        self.value = self._linear(hidden, design.atoms) if design.dueling else None

    def _linear(self, num_inputs: int, num_outputs: int) -> NoisyLinear | PlainLinear:
        if self.design.sigma is None:
            return PlainLinear(num_inputs, num_outputs)
        layer = NoisyLinear(num_inputs, num_outputs, self.design.sigma, self.noise_size)
        self.noise_size = layer.noise_to
        return layer

    def _pictures(self, observations: Tensor) -> Tensor:
        if observations.ndim == 3:
            observations = observations[:, None]
        elif self.design.view.has_colours_last:
            observations = observations.movedim(-1, -3)
        if observations.ndim == 5:
            observations = observations.flatten(1, 2)
        return observations.to(self._dtype(), memory_format=torch.channels_last).mul_(1 / 255)

    def prepare(self, main: Tensor, numbers: Tensor | None = None) -> Prepared:
        """Observations as the layers want them; pictures in the numbers that are computed with."""
        if self.design.view.is_picture:
            return Prepared(self._pictures(main), None if numbers is None else self._numbers(numbers))
        if self.design.view.is_bytes and not self.design.normalised:
            return Prepared(main.float().mul_(1 / 255))
        return Prepared(self._numbers(main))

    def _numbers(self, numbers: Tensor) -> Tensor:
        numbers = numbers.float()
        if self.design.normalised:
            return numbers
        # Small ones pass as they are, large ones shrink (symlog, Hafner et al. 2023).
        return numbers.sign() * numbers.abs().log1p()

    def forward(self, prepared: Prepared, noise: Noise = None) -> Tensor:
        """Logits of each action's returns, or its mean return alone: (batch, actions, atoms).

        Args:
            prepared: From `prepare`.
            noise: One row for all, or one per row of the batch.
        """
        features = self.trunk(prepared.main)
        device = features.device.type
        if self.beside is not None:
            # Numbers can be places on the screen, for which bfloat16 is too coarse.
            with torch.autocast(device, enabled=False):
                beside = self.beside(prepared.numbers)
            features = torch.cat([features, beside.to(features.dtype)], 1)
        hidden = functional.relu(self.hidden(features, noise)).float()
        # The last layers always compute in single precision: what tells one action from another is a small difference.
        with torch.autocast(device, enabled=False):
            return self._streams(hidden, noise)

    def _streams(self, hidden: Tensor, noise: Noise) -> Tensor:
        atoms, width = self.design.atoms, self.design.hidden
        advantages = self.advantage(hidden[:, :width], noise).unflatten(1, (-1, atoms))
        if self.value is None:
            return advantages
        value = self.value(hidden[:, width:], noise).unsqueeze(1)
        return value + advantages - advantages.mean(1, keepdim=True)  # Wang et al. 2016, equation 9

    def q_values(self, logits: Tensor) -> Tensor:
        """The mean return of each action, (batch, actions), in float32."""
        logits = logits.float()
        if self.design.atoms == 1:
            return logits.squeeze(2)
        return (logits.softmax(2) * self.returns).sum(2)

    def make_noise(self, random: np.random.Generator, rows: int = 1) -> Tensor | None:
        """Noise for `forward`, (rows, noise_size); None for a network without.

        f(x) = sign(x) sqrt(|x|) of Gaussian x: Fortunato et al. 2018, section 3.
        """
        if not self.noise_size:
            return None
        noise = random.standard_normal((rows, self.noise_size), np.float32)
        np.multiply(np.sign(noise), np.sqrt(np.abs(noise)), out=noise)
        return torch.from_numpy(noise)

    def fix(self, noise: Tensor | None) -> Noise:
        """All noisy weights under one row of noise, for several batches, until the next call.

        After the gradients were computed, `take_gradients` passes them on to the parameters.
        """
        if noise is None:
            return None
        dtype = self._dtype()
        return {
            layer: layer.fix(noise, dtype if layer is self.hidden else torch.float32)
            for layer in self.children()
            if isinstance(layer, NoisyLinear)
        }

    def take_gradients(self, noise: Noise) -> None:
        """Pass gradients of weights under noise on to the parameters."""
        if isinstance(noise, dict):
            for layer, fixed in noise.items():
                layer.take_gradients(fixed)

    def _dtype(self) -> torch.dtype:
        device = self.returns.device.type
        return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else torch.float32


def project(probabilities: Tensor, rewards: Tensor, discounts: Tensor, returns: Tensor) -> Tensor:
    """The distribution of `rewards + discounts * return`, put on the same evenly spaced returns again.

    Bellemare et al. 2017, equation 7: each outcome is shared among its two neighbours, by how near they are.

    Args:
        probabilities: (batch, atoms), of the returns that follow.
        rewards: (batch,), what is paid before.
        discounts: (batch,), what the returns that follow count; 0 where nothing does.
        returns: (atoms,).
    """
    spacing = returns[1] - returns[0]
    outcomes = (rewards[:, None] + discounts[:, None] * returns).clamp(returns[0], returns[-1])
    nearness = (1.0 - (outcomes[:, :, None] - returns).abs() / spacing).clamp_(min=0.0)  # (batch, from, to)
    return torch.bmm(probabilities[:, None], nearness).squeeze(1)


def pick_device(device: str) -> torch.device:
    """The device that an option's value stands for."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


def computes_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is a type that the device computes with, not one that it imitates."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    flags = Path("/proc/cpuinfo")  # Linux alone tells; elsewhere single precision is safe
    return device.type == "cpu" and flags.exists() and "avx512_bf16" in flags.read_text()
