"""The affine maps of layers: what they read, what they say, and what pruning left of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tts_compress.architectures.bidirectional_lstm import BidirectionalLSTM

Arguments = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Affine:
    """The map ``x -> W x + b`` before the activation of a layer, or of an LSTM's gates.

    Attributes:
        weights: Tensors that are W side by side, ``(rows, columns)`` each; a convolution's has one
            column for each tap of each channel.
        biases: Tensors that add up to b, ``(rows,)`` each; none where the layer has no bias.
        reads: Gives x, ``(..., columns)``, from the arguments and the output of the layer.
        said: Gives ``W x + b``, ``(..., rows)``, from its output; None where that does not tell.
        n_states: How many columns, the last ones, read what the layer itself said before.
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    reads: Callable[[Arguments, Tensor], Tensor]
    said: Callable[[Tensor], Tensor] | None = None
    n_states: int = 0

    @property
    def matrix(self) -> Tensor:
        """W, ``(rows, columns)``, a copy."""
        return torch.cat([weight.detach().flatten(1) for weight in self.weights], 1)

    @property
    def bias(self) -> Tensor:
        """b, ``(rows,)``, a copy; zeros where there is none."""
        bias = self.weights[0].new_zeros(len(self.weights[0]))
        return torch.stack((bias, *self.biases)).detach().sum(0)

    def write(self, matrix: Tensor) -> None:
        """Sets W."""
        widths = [weight[0].numel() for weight in self.weights]
        for weight, part in zip(self.weights, torch.split(matrix, widths, 1), strict=True):
            weight.copy_(part.reshape(weight.shape))

    def shift(self, amount: Tensor, dense: "Affine") -> None:
        """Adds to b, but for rows whose bias was pruned, alone or with the row.

        Args:
            amount: What to add, ``(rows,)``.
            dense: The same map of the dense network, which tells what was pruned.
        """
        if self.biases:
            bias, silent = self.biases[0], (self.matrix == 0).all(1)
            pruned = (bias == 0) & (silent | (dense.biases[0] != 0))
            bias.add_(torch.where(pruned, 0.0, amount).to(bias.dtype))


def affine_maps(layer: nn.Module) -> list[Affine]:
    """Gives the affine maps of a layer: none, one, or one for each direction of an LSTM."""
    if isinstance(layer, nn.Linear):
        return [Affine((layer.weight,), _bias(layer), lambda heard, _: heard[0], lambda y: y)]
    if isinstance(layer, nn.Conv1d):
        return [_convolution(layer)]
    if isinstance(layer, nn.LSTMCell):
        tensors = (layer.weight_ih, layer.weight_hh, layer.bias_ih, layer.bias_hh)
        return [_gates(*tensors, lambda heard, _: torch.cat((heard[0], heard[1][0]), -1))]
    if isinstance(layer, BidirectionalLSTM):
        return [_ahead(layer), _back(layer)]
    return []


def _bias(layer: nn.Linear | nn.Conv1d) -> tuple[Tensor, ...]:
    return () if layer.bias is None else (layer.bias,)


def _convolution(layer: nn.Conv1d) -> Affine:
    def reads(heard: Arguments, _: Tensor) -> Tensor:
        taps = functional.unfold(
            heard[0][:, :, None],
            (1, layer.kernel_size[0]),
            dilation=(1, layer.dilation[0]),
            padding=(0, int(layer.padding[0])),
            stride=(1, layer.stride[0]),
        )
        return taps.transpose(1, 2)

    return Affine((layer.weight,), _bias(layer), reads, lambda y: y.transpose(1, 2))


def _gates(
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor,
    b_hh: Tensor,
    reads: Callable[[Arguments, Tensor], Tensor],
) -> Affine:
    return Affine((w_ih, w_hh), (b_ih, b_hh), reads, n_states=w_hh.shape[1])


LSTM_TENSORS = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


def _ahead(layer: BidirectionalLSTM) -> Affine:
    def reads(heard: Arguments, y: Tensor) -> Tensor:
        before = functional.pad(y[:, :-1, : layer.units[0]], (0, 0, 1, 0))
        return torch.cat((heard[0], before), -1)

    w_ih, w_hh, b_ih, b_hh = (layer.get_parameter(name) for name in LSTM_TENSORS)
    return _gates(w_ih, w_hh, b_ih, b_hh, reads)


def _back(layer: BidirectionalLSTM) -> Affine:
    def reads(heard: Arguments, y: Tensor) -> Tensor:
        """Padding says zero, as the state does that the last symbol of a sentence starts from."""
        after = functional.pad(y[:, 1:, layer.units[0] :], (0, 0, 0, 1))
        return torch.cat((heard[0], after), -1)

    w_ih, w_hh, b_ih, b_hh = (layer.get_parameter(name + "_reverse") for name in LSTM_TENSORS)
    return _gates(w_ih, w_hh, b_ih, b_hh, reads)


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
