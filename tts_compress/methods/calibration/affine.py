"""The affine maps of layers: what they read, what they say, and what pruning left of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tts_compress.architectures.bidirectional_lstm import BidirectionalLSTM
from tts_compress.architectures.low_rank import (
    LowRankBidirectionalLSTM,
    LowRankConv1d,
    LowRankConvTranspose1d,
    LowRankLSTMCell,
)

Arguments = tuple[Any, ...]
Reads = Callable[[Arguments, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Affine:
    """The map ``x -> W x + b`` before the activation of a layer, or of an LSTM's gates.

    Attributes:
        weights: Tensors that are W side by side, ``(rows, columns)`` each; a convolution's has one
            column for each tap of each channel. See `as_matrix`.
        biases: Tensors that add up to b, ``(rows,)`` each; none where the layer has no bias.
        reads: Gives x, ``(..., columns)``, from the arguments and the output of the layer.
        said: Gives ``W x + b``, ``(..., rows)``, from its output; None where that does not tell.
        n_states: How many columns, the last ones, read what the layer itself said before.
        transposed: Whether the weight is that of a transposed convolution, whose first axis is that
            of its inputs and whose second is that of its outputs.
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    reads: Reads
    said: Callable[[Tensor], Tensor] | None = None
    n_states: int = 0
    transposed: bool = False

    @property
    def matrix(self) -> Tensor:
        """W, ``(rows, columns)``, a copy."""
        return torch.cat([self.as_matrix(weight.detach()) for weight in self.weights], 1)

    @property
    def widths(self) -> list[int]:
        """How many columns of W each weight is."""
        return [weight.numel() // self.n_rows for weight in self.weights]

    @property
    def n_rows(self) -> int:
        """Rows of W."""
        return self.weights[0].shape[1 if self.transposed else 0]

    def as_matrix(self, values: Tensor) -> Tensor:
        """Gives what has the shape of a weight as its columns of W, ``(rows, columns)``.

        A transposed convolution's ``(inputs, outputs, taps)`` becomes ``(outputs, inputs * taps)``.
        """
        return (values.transpose(0, 1) if self.transposed else values).flatten(1)

    def as_weight(self, columns: Tensor, weight: Tensor) -> Tensor:
        """Gives a weight's columns of W in the shape of the weight."""
        if not self.transposed:
            return columns.reshape(weight.shape)
        return columns.reshape(weight.transpose(0, 1).shape).transpose(0, 1)

    @property
    def bias(self) -> Tensor:
        """b, ``(rows,)``, a copy; zeros where there is none."""
        bias = self.weights[0].new_zeros(self.n_rows)
        return torch.stack((bias, *self.biases)).detach().sum(0)

    def write(self, matrix: Tensor) -> None:
        """Sets W."""
        for weight, part in zip(self.weights, torch.split(matrix, self.widths, 1), strict=True):
            weight.copy_(self.as_weight(part, weight))

    def shift(self, amount: Tensor, dense: "Affine") -> None:
        """Adds to b, but for rows whose bias was pruned, alone or with the row.

        Args:
            amount: What to add, ``(rows,)``.
            dense: The same map of the dense network, which tells what was pruned alone; that of the
                network before this stage cannot.
        """
        if self.biases:
            bias, silent = self.biases[0], (self.matrix == 0).all(1)
            pruned = (bias == 0) & (silent | (dense.biases[0] != 0))
            bias.add_(torch.where(pruned, 0.0, amount).to(bias.dtype))


def affine_maps(layer: nn.Module) -> list[Affine]:
    """Gives the affine maps of a layer: none, one, or one for each direction of an LSTM.

    Where weights are two factors, each is a map; V comes first, which U hears.
    """
    from tts_compress.methods.rebuilding.factor_maps import factor_maps

    if isinstance(layer, nn.Linear):
        return [Affine((layer.weight,), _bias(layer), lambda heard, _: heard[0], lambda y: y)]
    if isinstance(layer, nn.Conv1d):
        reads = convolution_reads(layer)
        return [Affine((layer.weight,), _bias(layer), reads, lambda y: y.transpose(1, 2))]
    if isinstance(layer, nn.ConvTranspose1d):
        reads, said = transposed_reads(layer), lambda y: y.transpose(1, 2)
        return [Affine((layer.weight,), _bias(layer), reads, said, transposed=True)]
    if isinstance(layer, nn.LSTMCell | BidirectionalLSTM):
        return [_gates(layer, suffix, reads) for suffix, reads in lstm_reads(layer).items()]
    return factor_maps(layer)


def _bias(layer: nn.Linear | nn.Conv1d | nn.ConvTranspose1d) -> tuple[Tensor, ...]:
    return () if layer.bias is None else (layer.bias,)


def convolution_reads(layer: nn.Conv1d | LowRankConv1d) -> Reads:
    """Gives what reads every tap of every input of a convolution."""

    def reads(heard: Arguments, _: Tensor) -> Tensor:
        taps = functional.unfold(
            heard[0][:, :, None],
            (1, layer.kernel_size[0]),
            dilation=(1, layer.dilation[0]),
            padding=(0, int(layer.padding[0])),
            stride=(1, layer.stride[0]),
        )
        return taps.transpose(1, 2)

    return reads


def transposed_reads(layer: nn.ConvTranspose1d | LowRankConvTranspose1d) -> Reads:
    """Gives what reads a transposed convolution as a plain one over inputs with zeros between."""
    kernel, stride = layer.kernel_size[0], layer.stride[0]
    margin = kernel - 1 - int(layer.padding[0])

    def reads(heard: Arguments, _: Tensor) -> Tensor:
        x = heard[0]
        stuffed = x.new_zeros(*x.shape[:2], (x.shape[2] - 1) * stride + 1)
        stuffed[:, :, ::stride] = x
        padded = functional.pad(stuffed, (margin, margin + int(layer.output_padding[0])))
        taps = padded.unfold(2, kernel, 1).flip(3)  # (batch, inputs, positions, taps)
        return taps.transpose(1, 2).flatten(2)

    return reads


def lstm_reads(layer: nn.Module) -> dict[str, Reads]:
    """Gives what each direction of an LSTM reads: inputs, then states, by its tensors' suffix.

    Padding says zero, as the state does that the last symbol of a sentence starts from backwards.
    """
    if isinstance(layer, nn.LSTMCell | LowRankLSTMCell):
        return {"": lambda heard, _: torch.cat((heard[0], heard[1][0]), -1)}
    assert isinstance(layer, BidirectionalLSTM | LowRankBidirectionalLSTM)
    ahead = layer.units[0]

    def reads(heard: Arguments, y: Tensor) -> Tensor:
        return torch.cat((heard[0], functional.pad(y[:, :-1, :ahead], (0, 0, 1, 0))), -1)

    def reads_back(heard: Arguments, y: Tensor) -> Tensor:
        return torch.cat((heard[0], functional.pad(y[:, 1:, ahead:], (0, 0, 0, 1))), -1)

    return {"_l0": reads, "_l0_reverse": reads_back}


def _gates(layer: nn.Module, suffix: str, reads: Reads) -> Affine:
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    w_ih, w_hh, b_ih, b_hh = (layer.get_parameter(name + suffix) for name in names)
    return Affine((w_ih, w_hh), (b_ih, b_hh), reads, n_states=w_hh.shape[1])


def kept(matrix: Tensor, dense: Tensor) -> tuple[Tensor, Tensor] | None:
    """Gives the rows and columns that are left of a matrix, if whole columns left it.

    None if no column is zero that was not, or if there are zeros beside whole rows and columns:
    then single weights were pruned.

    >>> dense = torch.ones(2, 3)
    >>> rows, columns = kept(torch.tensor([[1.0, 0.0, 2.0], [3.0, 0.0, 4.0]]), dense)
    >>> rows.tolist(), columns.tolist()
    ([0, 1], [0, 2])
    >>> kept(torch.tensor([[1.0, 0.0, 2.0], [3.0, 5.0, 0.0]]), dense) is None
    True
    """
    there = matrix != 0
    rows, columns = there.any(1), there.any(0)
    gone = ~columns & (dense != 0).any(0)
    whole = torch.equal(there, rows[:, None] & columns)
    if not (whole and bool(gone.any()) and bool(rows.any())):
        return None
    return rows.nonzero()[:, 0], columns.nonzero()[:, 0]
