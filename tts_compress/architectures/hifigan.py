"""HiFi-GAN's generator: transposed convolutions and residual blocks from mel frames to sound.

The modules carry the tensor names of jik876/hifi-gan without its weight norm, which
`fuse_weight_norm` multiplies out. Every width comes from the settings, per layer, so that a network
made smaller is this same class.

Source: Kong, Kim and Bae 2020, "HiFi-GAN: generative adversarial networks for efficient and high
fidelity speech synthesis"; jik876/hifi-gan, models.py and config_v1.json to config_v3.json.
"""

import functools
import itertools
import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from tts_compress.architectures.base import Architecture
from tts_compress.architectures.couplings import Coupling
from tts_compress.architectures.hifigan_couplings import couplings
from tts_compress.architectures.low_rank import factor
from tts_compress.architectures.settings import ArchitectureSettings, Settings, layer_widths
from tts_compress.errors import CheckpointError

SLOPE = 0.1
LAST_SLOPE = 0.01

_TYPE_1_DILATIONS = (1, 3, 5)
_TYPE_2_DILATIONS = {3: (1, 2), 5: (2, 6), 7: (3, 12)}


class ResblockSettings(Settings):
    """Shape of one residual block.

    `inner` are the widths between the two convolutions of each pair (upstream's resblock "1"); a
    block without pairs (resblock "2") has none.
    """

    kernel: int = 3
    dilations: tuple[int, ...] = _TYPE_1_DILATIONS
    inner: tuple[int, ...] | None = None


class HifiGanSettings(ArchitectureSettings):
    """Every width of a HiFi-GAN generator; `variant` gives the published three, V1 by default.

    `channels` are the widths before the first upsampling and after each; `resblocks` are the blocks
    of all upsamplings in order, equally many for each.
    """

    n_mels: int = 80
    channels: tuple[int, ...] = (512, 256, 128, 64, 32)
    upsample_rates: tuple[int, ...] = (8, 8, 2, 2)
    upsample_kernels: tuple[int, ...] = (16, 16, 4, 4)
    resblocks: Annotated[tuple[ResblockSettings, ...], Field(min_length=1)] = tuple(
        ResblockSettings(kernel=kernel, inner=(width,) * 3)
        for width in (256, 128, 64, 32)
        for kernel in (3, 7, 11)
    )

    @property
    def hop_length(self) -> int:
        """Samples of each frame."""
        return math.prod(self.upsample_rates)

    @classmethod
    def variant(cls, number: int) -> Self:
        """Gives the settings of the published V1, V2 or V3.

        >>> [HifiGanSettings.variant(number).hop_length for number in (1, 2, 3)]
        [256, 256, 256]
        """
        if number == 1:
            return cls()
        if number == 2:
            return cls(
                channels=(128, 64, 32, 16, 8),
                resblocks=tuple(
                    ResblockSettings(kernel=kernel, inner=(width,) * 3)
                    for width in (64, 32, 16, 8)
                    for kernel in (3, 7, 11)
                ),
            )
        return cls(
            channels=(256, 128, 64, 32),
            upsample_rates=(8, 8, 4),
            upsample_kernels=(16, 16, 8),
            resblocks=3
            * tuple(
                ResblockSettings(kernel=kernel, dilations=dilations)
                for kernel, dilations in _TYPE_2_DILATIONS.items()
            ),
        )

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> Self:
        """Reads every width from the tensors of a checkpoint.

        Args:
            tensors: State dict in the public names, weight norm fused.
            config: HiFi-GAN's config.json where given: rates and dilations are in no tensor.
                Without it, each rate is half its kernel and the dilations are those of V1 to V3.

        Raises:
            CheckpointError: The config does not fit the tensors, or is needed and not given.
        """
        pre = tensors["conv_pre.weight"]
        kernels: list[int] = []
        widths = [pre.shape[0]]
        while (up := tensors.get(f"ups.{len(kernels)}.weight")) is not None:
            kernels.append(up.shape[2])
            widths.append(up.shape[1])
        rates = config.get("upsample_rates", [kernel // 2 for kernel in kernels])
        if len(rates) != len(kernels):
            raise CheckpointError(
                f"config: upsample_rates is {rates!r}, the checkpoint has {len(kernels)} "
                "upsamplings. Give the config.json of this checkpoint."
            )
        return cls(
            n_mels=pre.shape[1],
            channels=tuple(widths),
            upsample_rates=tuple(rates),
            upsample_kernels=tuple(kernels),
            resblocks=_resblocks(tensors, config.get("resblock_dilation_sizes")),
        )


def _resblocks(tensors: Mapping[str, Tensor], dilations: Any) -> tuple[ResblockSettings, ...]:
    paired = "resblocks.0.convs1.0.weight" in tensors
    blocks: list[ResblockSettings] = []
    while True:
        name = f"resblocks.{len(blocks)}"
        layers = name + (".convs1.{}.weight" if paired else ".convs.{}.weight")
        widths = layer_widths(tensors, layers)
        if not widths:
            return tuple(blocks)
        kernel = tensors[layers.format(0)].shape[2]
        if dilations is not None:
            spread = dilations[len(blocks) % len(dilations)]
        else:
            spread = _TYPE_1_DILATIONS if paired else _TYPE_2_DILATIONS.get(kernel, ())
        if len(spread) != len(widths):
            raise CheckpointError(
                f"config: {name} has {len(widths)} dilated convolutions of kernel {kernel}, "
                f"resblock_dilation_sizes gives {tuple(spread)!r}. "
                "Give the config.json of this checkpoint."
            )
        inner = widths if paired else None
        blocks.append(ResblockSettings(kernel=kernel, dilations=tuple(spread), inner=inner))


def fuse_weight_norm(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Multiplies out weight norm: a direction v with a length g for each row becomes one weight.

    Both ways in which torch has stored them are known: `weight_g` and `weight_v`, and
    `parametrizations.weight.original0` and `original1`. Other tensors pass as they are.

    >>> pair = {"up.weight_g": torch.tensor([[10.0]]), "up.weight_v": torch.tensor([[3.0, 4.0]])}
    >>> fuse_weight_norm(pair)["up.weight"].tolist()
    [[6.0, 8.0]]

    Source: Salimans and Kingma 2016, "Weight normalization", eq. 2.
    """
    fused: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        for length, direction in _WEIGHT_NORMS:
            if name.endswith(direction) and name.removesuffix(direction) + length in tensors:
                stem = name.removesuffix(direction)
                v, g = tensor.float(), tensors[stem + length].float()
                fused[stem + "weight"] = v * (g / v.flatten(1).norm(dim=1).view_as(g))
                break
            if name.endswith(length) and name.removesuffix(length) + direction in tensors:
                break
        else:
            fused[name] = tensor
    return fused


def split_weight_norm(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Gives each weight as a direction and a length for each row, which `fuse_weight_norm` undoes.

    A row of zeros has length 0, and a direction of ones. Other tensors pass as they are.

    >>> split_weight_norm({"up.weight": torch.tensor([[3.0, 4.0], [0.0, 0.0]])})
    {'up.weight_g': tensor([[5.],
            [0.]]), 'up.weight_v': tensor([[3., 4.],
            [1., 1.]])}
    """
    split: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if not name.endswith(".weight"):
            split[name] = tensor
            continue
        length = tensor.flatten(1).norm(dim=1).reshape(-1, *[1] * (tensor.dim() - 1))
        split[f"{name}_g"] = length
        split[f"{name}_v"] = torch.where(length == 0, 1.0, tensor)
    return split


_WEIGHT_NORMS = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)


def _conv(n_in: int, n_out: int, kernel: int, dilation: int = 1) -> nn.Conv1d:
    padding = dilation * (kernel - 1) // 2
    return nn.Conv1d(n_in, n_out, kernel, padding=padding, dilation=dilation)


class PairedResblock(nn.Module):
    """Residual pairs of a dilated and a plain convolution: upstream's resblock "1"."""

    def __init__(self, width: int, block: ResblockSettings, inner: tuple[int, ...]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(
            _conv(width, middle, block.kernel, dilation)
            for middle, dilation in zip(inner, block.dilations, strict=True)
        )
        self.convs2 = nn.ModuleList(_conv(middle, width, block.kernel) for middle in inner)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(batch, width, length)`` to the same shape."""
        for first, second in zip(self.convs1, self.convs2, strict=True):
            middle = first(functional.leaky_relu(x, SLOPE))
            x = second(functional.leaky_relu(middle, SLOPE)) + x
        return x


class Resblock(nn.Module):
    """Residual dilated convolutions: upstream's resblock "2"."""

    def __init__(self, width: int, block: ResblockSettings) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            _conv(width, width, block.kernel, dilation) for dilation in block.dilations
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(batch, width, length)`` to the same shape."""
        for conv in self.convs:
            x = conv(functional.leaky_relu(x, SLOPE)) + x
        return x


class HifiGan(Architecture):
    """HiFi-GAN's generator with the tensor names of jik876/hifi-gan."""

    architecture: ClassVar[str] = "hifigan"
    Settings: ClassVar[type[HifiGanSettings]] = HifiGanSettings
    public_key: ClassVar[str] = "generator"
    sign: ClassVar[str] = "conv_pre.bias"
    groups: ClassVar[dict[str, tuple[str, ...]]] = {
        "cnn": ("conv_pre.weight*", "resblocks.*.weight*", "conv_post.weight*"),
        "upsample": ("ups.*.weight*",),
        "resblock": ("resblocks.*.weight*",),
    }
    settings: HifiGanSettings

    def __init__(self, settings: HifiGanSettings | None = None) -> None:
        super().__init__()
        settings = settings or HifiGanSettings()
        self.settings = settings
        channels = settings.channels
        self.conv_pre = _conv(settings.n_mels, channels[0], 7)
        self.ups = nn.ModuleList(
            nn.ConvTranspose1d(n_in, n_out, kernel, rate, padding=(kernel - rate) // 2)
            for (n_in, n_out), kernel, rate in zip(
                itertools.pairwise(channels),
                settings.upsample_kernels,
                settings.upsample_rates,
                strict=True,
            )
        )
        per_stage = len(settings.resblocks) // len(self.ups)
        widths = [width for width in channels[1:] for _ in range(per_stage)]
        self.resblocks = nn.ModuleList(
            Resblock(width, block)
            if block.inner is None
            else PairedResblock(width, block, block.inner)
            for width, block in zip(widths, settings.resblocks, strict=True)
        )
        self.conv_post = _conv(channels[-1], 1, 7)
        factor(self, settings.ranks)

    def couplings(self) -> tuple[Coupling, ...]:
        """Gives which axes of which tensors belong together."""
        return couplings(self.settings)

    def as_public(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Gives the tensors with weight norm, which upstream's generators have until they speak."""
        return split_weight_norm(tensors)

    def forward(self, mel: Tensor) -> Tensor:
        """Maps log-mels ``(batch, n_mels, frames)`` to sound ``(batch, 1, samples)`` in [-1, 1]."""
        x = self.conv_pre(mel)
        per_stage = len(self.resblocks) // len(self.ups)
        for stage, up in enumerate(self.ups):
            x = up(functional.leaky_relu(x, SLOPE))
            blocks = self.resblocks[stage * per_stage : (stage + 1) * per_stage]
            x = functools.reduce(torch.add, [block(x) for block in blocks]) / per_stage
        return torch.tanh(self.conv_post(functional.leaky_relu(x, LAST_SLOPE)))
