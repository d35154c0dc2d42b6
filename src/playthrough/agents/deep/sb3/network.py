"""The networks: stable-baselines3's own policy classes, with the convolutions made fast where that is asked for."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.qrdqn.policies import QRDQNPolicy
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor, NatureCNN

from playthrough.agents.deep.sb3.observations import ObservationInput, Packing
from playthrough.agents.deep.sb3.options import (
    A2cOptions,
    Precision,
    QrdqnOptions,
    RecurrentPpoOptions,
    Sb3Options,
)

POLICIES: dict[str, type[BasePolicy]] = {
    "ppo": ActorCriticPolicy,
    "a2c": ActorCriticPolicy,
    "maskable": MaskableActorCriticPolicy,
    "recurrent": RecurrentActorCriticPolicy,
    "qrdqn": QRDQNPolicy,
}


class FastNatureCNN(NatureCNN):
    """`NatureCNN` with the same parameters, computed in bfloat16 where that is asked for.

    Only what is between the picture and the 512 features is in bfloat16, which is nearly all of the work; the features,
    the small layers on top of them and all losses stay in float32. It takes pictures as they are, from 0 to 255: these
    are whole in bfloat16, so bytes become that in one step, and the first layer's weights are divided instead.

    Args:
        observation_space: Pictures, channels first.
        bf16: Whether to compute in bfloat16.
        normalized_image: stable-baselines3 says so when it leaves dividing by 255 to the network.
    """

    def __init__(self, observation_space: spaces.Box, bf16: bool = False, normalized_image: bool = True) -> None:
        super().__init__(observation_space)
        self.bf16 = bf16
        self._converted: list[torch.Tensor] = []
        self._converted_versions: list[int] = []

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Features of pictures, bytes or numbers from 0 to 255, as float32 (lanes, 512)."""
        if not self.bf16:
            return super().forward(observations.float() / 255.0)
        layers = [layer for layer in (*self.cnn, *self.linear) if isinstance(layer, _WEIGHTED)]
        seen = observations.to(torch.bfloat16)
        weights = self._bf16_weights(layers)
        for layer, weight, bias in zip(layers, weights[::2], weights[1::2], strict=True):
            if isinstance(layer, torch.nn.Conv2d):
                seen = torch.nn.functional.conv2d(seen, weight, bias, layer.stride).relu()
            else:
                seen = torch.nn.functional.linear(seen.flatten(1), weight, bias).relu()
        return seen.float()

    def _bf16_weights(self, layers: list[torch.nn.Conv2d | torch.nn.Linear]) -> list[torch.Tensor]:
        """Weights and biases in bfloat16; without gradients those of the last call, while they have not changed."""
        parameters = [cast("torch.Tensor", part) for layer in layers for part in (layer.weight, layer.bias)]
        versions = [parameter._version for parameter in parameters]
        if torch.is_grad_enabled():
            self._converted_versions = []
        elif self._converted_versions == versions:
            return self._converted
        scaled = [parameters[0] / 255.0, *parameters[1:]]
        converted = [parameter.to(torch.bfloat16) for parameter in scaled]
        if not torch.is_grad_enabled():
            self._converted, self._converted_versions = converted, versions
        return converted


_WEIGHTED = (torch.nn.Conv2d, torch.nn.Linear)


class PictureAndNumbers(BaseFeaturesExtractor):
    """The features of a picture, and beside them the numbers as they are.

    Args:
        observation_space: Rows of bytes.
        packing: Where in them is what.
        bf16: Whether convolutions are computed in bfloat16.
    """

    def __init__(self, observation_space: spaces.Box, packing: Packing, bf16: bool = False) -> None:
        picture = spaces.Box(0, 255, packing.picture, np.uint8)
        look = FastNatureCNN(picture, bf16)
        super().__init__(observation_space, look.features_dim + packing.num_numbers)
        self.look, self._packing = look, packing

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Features of packed observations, bytes or the same as numbers, as float32 (lanes, 512 + num_numbers)."""
        as_bytes = observations[:, : 4 * self._packing.num_numbers].detach().to(torch.uint8)
        numbers = as_bytes.clone(memory_format=torch.contiguous_format).view(torch.float32)
        return torch.cat([self.look(self._packing.pictures_in(observations)), numbers], dim=1)


def look_at_bytes(policy: Any) -> None:
    """Spare a policy with a `FastNatureCNN` stable-baselines3's conversion of all pictures to float32."""
    network = cast("Any", policy.quantile_net if isinstance(policy, QRDQNPolicy) else policy)

    def features_of(pictures: torch.Tensor, _: Any = None) -> torch.Tensor:
        return network.features_extractor(pictures)

    network.extract_features = features_of


def device_of(name: str, *, is_picture: bool) -> torch.device:
    """The device that an option names.

    Raises:
        ValueError: If there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if is_picture and torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device must be auto, cpu, cuda, or such as cuda:1, not {name!r}: {error}") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device is {name}, but PyTorch finds no GPU here: use auto or cpu")
    return device


def is_bf16(precision: Precision, device: torch.device, *, is_picture: bool) -> bool:
    """Whether convolutions are computed in bfloat16."""
    if precision != "auto":
        return precision == "bf16" and is_picture
    if not is_picture:
        return False
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = cast("dict[str, Any]", torch.cpu.get_capabilities())
    return device.type == "cpu" and bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def network_values(options: Sb3Options) -> dict[str, Any]:
    """What else than parameters a network needs to be built again."""
    values: dict[str, Any] = {"hidden_sizes": list(options.hidden_sizes)}
    if isinstance(options, RecurrentPpoOptions):
        values["lstm_size"] = options.lstm_size
    if isinstance(options, QrdqnOptions):
        values["num_quantiles"] = options.num_quantiles
    return values


def network_arguments(
    algo: str, values: dict[str, Any], seen: ObservationInput, *, bf16: bool = False
) -> dict[str, Any]:
    """The arguments of stable-baselines3's policy class, for observations as they are `seen`."""
    sizes = list(values["hidden_sizes"]) if seen.num_numbers else []
    extractor: tuple[type[BaseFeaturesExtractor], dict[str, Any]] = (FlattenExtractor, {})
    if seen.packing:
        extractor = PictureAndNumbers, {"packing": seen.packing, "bf16": bf16}
    elif seen.is_picture:
        extractor = FastNatureCNN, {"bf16": bf16}
    arguments: dict[str, Any] = {
        "features_extractor_class": extractor[0],
        "features_extractor_kwargs": extractor[1],
        "normalize_images": False,  # FastNatureCNN does
        "net_arch": sizes if algo == "qrdqn" else {"pi": sizes, "vf": sizes},
    }
    if algo == "qrdqn":
        arguments["n_quantiles"] = values["num_quantiles"]
    if algo == "recurrent":
        arguments |= {"lstm_hidden_size": values["lstm_size"], "enable_critic_lstm": False}
    return arguments


def optimiser_arguments(options: Sb3Options, device: torch.device) -> dict[str, Any]:
    """The policy class's arguments for the optimiser; what stable-baselines3 takes, fused where that is possible."""
    if isinstance(options, A2cOptions):
        return {}  # A2C says itself that it is RMSprop
    epsilon = 0.01 / options.batch_size if isinstance(options, QrdqnOptions) else 1e-5
    arguments: dict[str, Any] = {"eps": epsilon}
    if options.fused_optimiser and device.type in ("cpu", "cuda"):
        arguments["fused"] = True
    return {"optimizer_class": torch.optim.Adam, "optimizer_kwargs": arguments}


def parameters_of(module: Any, prefix: str) -> dict[str, np.ndarray[Any, Any]]:
    """Copies of a module's parameters, under names with a prefix."""
    named = cast("dict[str, torch.Tensor]", module.state_dict())
    return {f"{prefix}/{name}": np.array(tensor.detach().cpu().numpy(), order="C") for name, tensor in named.items()}


def load_parameters(module: Any, prefix: str, arrays: dict[str, np.ndarray[Any, Any]]) -> None:
    """Put parameters into a module.

    Raises:
        ValueError: If they are those of another network.
    """
    start = f"{prefix}/"
    named = {
        name.removeprefix(start): torch.from_numpy(np.array(array, order="C"))
        for name, array in arrays.items()
        if name.startswith(start)
    }
    try:
        module.load_state_dict(named)
    except RuntimeError as error:
        raise ValueError(f"the parameters belong to another network: {error}") from None


def optimiser_state(optimiser: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Copies of what an optimiser remembers of each parameter."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    for number, parameter in enumerate(parameters):
        for key, value in optimiser.state.get(parameter, {}).items():
            array = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value
            arrays[f"optimiser/{number}/{key}"] = np.array(array, order="C")
    return arrays


def load_optimiser(optimiser: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> None:
    """Put back what an optimiser remembered. Its tensors must lie in memory as the parameters do."""
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    for name, array in arrays.items():
        if not name.startswith("optimiser/"):
            continue
        _, number, key = name.split("/")
        parameter = parameters[int(number)]
        if array.shape == tuple(parameter.shape):
            optimiser.state[parameter][key] = torch.empty_like(parameter).detach().copy_(torch.from_numpy(array.copy()))
        else:
            device = parameter.device if optimiser.defaults.get("fused") else "cpu"
            optimiser.state[parameter][key] = torch.from_numpy(array.copy()).to(device)
