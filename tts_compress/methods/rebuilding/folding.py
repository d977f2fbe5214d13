"""Convolutions with the batch norms after them, and how the ones take over from the others."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tts_compress.architectures.blocks import ConvStack


@dataclass(frozen=True, eq=False)
class Normalised:
    """A convolution and the batch norm after it.

    Attributes:
        names: Of what folding changes, in the network.
        weight: What makes the channels, ``(channels, ...)``.
        bias: One number for each channel, as in all of the norm.
        norm: The batch norm.
    """

    names: tuple[str, ...]
    weight: Tensor
    bias: Tensor
    norm: nn.BatchNorm1d

    @torch.no_grad()
    def fold(self) -> None:
        """Gives the convolution the work of the norm, which becomes that of a new network.

        Channels that say nothing keep a scale of 0.
        """
        norm, weight, bias = self.norm, self.weight.double(), self.bias.double()
        mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
        scale = norm.weight.double() * torch.rsqrt(variance.double() + norm.eps)
        shift = (bias - mean.double()) * scale + norm.bias.double()
        unit = (1 + norm.eps) ** 0.5  # what a norm of variance 1 divides by
        folded = weight * (scale * unit).reshape(-1, *[1] * (weight.dim() - 1)) + 0.0
        self.weight.copy_(folded)
        self.bias.copy_(shift * unit + 0.0)
        norm.weight.copy_((self.weight != 0).flatten(1).any(1) | (self.bias != 0))
        norm.bias.zero_()
        mean.zero_()
        variance.fill_(1)


def convolutions(model: nn.Module) -> Iterator[Normalised]:
    """Gives the convolutions of a network that have a batch norm.

    Of one that is two factors, the second makes the channels.

    >>> stack = ConvStack(2, (3,), 5, activation="relu", last="relu")
    >>> [pair.names[:2] for pair in convolutions(stack)]
    [('convolutions.0.0.conv.weight', 'convolutions.0.0.conv.bias')]
    """
    for path, stack in model.named_modules():
        if not isinstance(stack, ConvStack):
            continue
        for index, layer in enumerate(stack.convolutions):
            prefix = f"{path}.convolutions.{index}".lstrip(".")
            conv, norm = layer.get_submodule("0.conv"), layer.get_submodule("1")
            assert isinstance(norm, nn.BatchNorm1d)
            weight = "weight" if isinstance(conv, nn.Conv1d) else "weight_u"
            names = [f"{prefix}.0.conv.{own}" for own in (weight, "bias")]
            names += [f"{prefix}.1.{own}" for own in ("weight", "bias")]
            names += [f"{prefix}.1.running_{own}" for own in ("mean", "var")]
            parameters = conv.get_parameter(weight), conv.get_parameter("bias")
            yield Normalised(tuple(names), *parameters, norm)
