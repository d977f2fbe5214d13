"""Blocks that more than one architecture is made of, and the mask that hides padding."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Activation = Literal["linear", "relu", "tanh", "sigmoid"]


def length_mask(lengths: Tensor, longest: int) -> Tensor:
    """True where a padded sequence holds data, ``(batch, longest)``.

    >>> length_mask(torch.tensor([1, 3]), 3).int().tolist()
    [[1, 0, 0], [1, 1, 1]]
    """
    return torch.arange(longest, device=lengths.device) < lengths[:, None]


class Linear(nn.Module):
    """A linear layer one level down, where the public checkpoints have it (``linear_layer``)."""

    def __init__(
        self, n_in: int, n_out: int, bias: bool = True, gain: Activation = "linear"
    ) -> None:
        super().__init__()
        self.linear_layer = nn.Linear(n_in, n_out, bias=bias)
        nn.init.xavier_uniform_(self.linear_layer.weight, nn.init.calculate_gain(gain))

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(..., n_in)`` to ``(..., n_out)``."""
        out: Tensor = self.linear_layer(x)
        return out


class Conv(nn.Module):
    """A same-length convolution one level down, where the public checkpoints have it (``conv``)."""

    def __init__(
        self, n_in: int, n_out: int, kernel: int, bias: bool = True, gain: Activation = "linear"
    ) -> None:
        super().__init__()
        self.conv = nn.Conv1d(n_in, n_out, kernel, padding=(kernel - 1) // 2, bias=bias)
        nn.init.xavier_uniform_(self.conv.weight, nn.init.calculate_gain(gain))

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(batch, n_in, frames)`` to ``(batch, n_out, frames)``."""
        out: Tensor = self.conv(x)
        return out


class FeatureNorm(nn.LayerNorm):
    """A layer norm over the features that are in use.

    A feature whose scale and shift are both exactly zero is out of use: it counts neither in mean
    nor in variance. So a network whose features are zeroed gives what it gives without them.

    >>> norm = FeatureNorm(3)
    >>> norm.weight.data[2] = 0
    >>> norm(torch.tensor([1.0, 3.0, 100.0])).round(decimals=3).tolist()
    [-1.0, 1.0, 0.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(..., features)`` to the same shape."""
        used = (self.weight != 0) | (self.bias != 0)
        if bool(used.all()):
            return super().forward(x)
        share = used.to(x.dtype) / used.sum().clamp(min=1)
        centred = x - (x * share).sum(-1, keepdim=True)
        variance = (centred.square() * share).sum(-1, keepdim=True)
        out: Tensor = centred * torch.rsqrt(variance + self.eps) * self.weight + self.bias
        return out


class ConvStack(nn.Module):
    """Convolutions with batch normalisation, an activation and dropout.

    The input of every convolution is zeroed beyond each sentence's length, so that a sentence in a
    padded batch gets what it gets alone.
    """

    def __init__(
        self,
        n_in: int,
        channels: Sequence[int],
        kernel: int,
        activation: Activation,
        last: Activation,
    ) -> None:
        super().__init__()
        self.activations = [activation] * (len(channels) - 1) + [last]
        widths = [n_in, *channels]
        self.convolutions = nn.ModuleList(
            nn.Sequential(Conv(a, b, kernel, gain=gain), nn.BatchNorm1d(b))
            for a, b, gain in zip(widths[:-1], widths[1:], self.activations, strict=True)
        )

    def convolve(self, x: Tensor, mask: Tensor) -> Tensor:
        """Maps ``(batch, n_in, frames)`` to ``(batch, channels[-1], frames)``.

        Args:
            x: The input.
            mask: 1 at data and 0 at padding, ``(batch, 1, frames)``, in the type of x.
        """
        for layer, activation in zip(self.convolutions, self.activations, strict=True):
            x = layer(x * mask)
            if activation != "linear":
                x = torch.tanh(x) if activation == "tanh" else torch.relu(x)
            x = nn.functional.dropout(x, 0.5, self.training)
        return x * mask


class Postnet(ConvStack):
    """What five convolutions add to a mel, as in Tacotron2 and ming024's FastSpeech2."""

    def __init__(self, n_mels: int, channels: Sequence[int], kernel: int) -> None:
        super().__init__(n_mels, (*channels, n_mels), kernel, activation="tanh", last="linear")

    def forward(self, mel: Tensor, mask: Tensor) -> Tensor:
        """Gives the correction of a mel ``(batch, n_mels, frames)``; mask as in `convolve`."""
        return self.convolve(mel, mask)
