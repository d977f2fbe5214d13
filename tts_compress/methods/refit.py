"""Affine maps of layers, and how their weights and biases follow given pre-activations again."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from tts_compress.architectures.bidirectional_lstm import BidirectionalLSTM
from tts_compress.errors import CheckpointError

ROWS_AT_ONCE = 2048


@dataclass(frozen=True, eq=False)
class Affine:
    """The map ``x -> W x + b`` before the activation of a layer, or of an LSTM's gates.

    Attributes:
        name: Of the layer, for messages.
        weights: Tensors that are W side by side, ``(rows, columns, ...)``; a convolution's is read
            as one column for each tap of each channel.
        biases: Tensors that add up to b, ``(rows,)`` each; none where the layer has no bias.
        reads: Gives x, ``(..., columns)``, of one row of the batch or all, from the arguments and
            the output of the layer.
        says: Gives ``W x + b``, ``(..., rows)``, likewise.
        n_fed_back: How many columns read what the layer itself said before, the last ones.
    """

    name: str
    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    reads: Callable[[tuple[Tensor, ...], Tensor], Tensor]
    says: Callable[[tuple[Tensor, ...], Tensor], Tensor]
    n_fed_back: int = 0

    @property
    def matrix(self) -> Tensor:
        """W, ``(rows, columns)``."""
        return torch.cat([weight.detach().flatten(1) for weight in self.weights], 1)

    def write(self, matrix: Tensor) -> None:
        """Sets W."""
        widths = [weight[0].numel() for weight in self.weights]
        for weight, part in zip(self.weights, matrix.split(widths, 1), strict=True):
            weight.copy_(part.reshape(weight.shape))


def affine_maps(name: str, layer: nn.Module) -> list[Affine]:
    """Gives the affine maps of a layer: none, one, or one for each direction of an LSTM."""
    if isinstance(layer, nn.Linear):
        biases = () if layer.bias is None else (layer.bias,)
        return [Affine(name, (layer.weight,), biases, lambda a, _: a[0], lambda _, y: y)]
    if isinstance(layer, nn.Conv1d):
        return [_convolution(name, layer)]
    if isinstance(layer, nn.LSTMCell):
        return [_cell(name, layer)]
    if isinstance(layer, BidirectionalLSTM):
        return [_direction(name, layer, suffix) for suffix in ("", "_reverse")]
    return []


def _convolution(name: str, layer: nn.Conv1d) -> Affine:
    def reads(arguments: tuple[Tensor, ...], _: Tensor) -> Tensor:
        x = arguments[0]
        columns = functional.unfold(
            x[:, :, None],
            (1, layer.kernel_size[0]),
            dilation=(1, layer.dilation[0]),
            padding=(0, int(layer.padding[0])),
            stride=(1, layer.stride[0]),
        )
        return columns.transpose(1, 2)

    biases = () if layer.bias is None else (layer.bias,)
    return Affine(name, (layer.weight,), biases, reads, lambda _, y: y.transpose(1, 2))


def _gates(
    name: str,
    tensors: tuple[Tensor, Tensor, Tensor, Tensor],
    reads: Callable[[tuple[Tensor, ...], Tensor], Tensor],
) -> Affine:
    w_ih, w_hh, b_ih, b_hh = tensors

    def says(arguments: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return functional.linear(reads(arguments, output), torch.cat((w_ih, w_hh), 1), b_ih + b_hh)

    return Affine(name, (w_ih, w_hh), (b_ih, b_hh), reads, says, w_hh.shape[1])


def _cell(name: str, layer: nn.LSTMCell) -> Affine:
    tensors = (layer.weight_ih, layer.weight_hh, layer.bias_ih, layer.bias_hh)
    return _gates(name, tensors, lambda a, _: torch.cat((a[0], a[1][0]), -1))


def _direction(name: str, layer: BidirectionalLSTM, suffix: str) -> Affine:
    ahead = layer.units[0]

    def reads(arguments: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if suffix:  # the output is zero at padding, where a sentence's last state comes from
            before = functional.pad(output[:, 1:, ahead:], (0, 0, 0, 1))
        else:
            before = functional.pad(output[:, :-1, :ahead], (0, 0, 1, 0))
        return torch.cat((arguments[0], before), -1)

    w_ih, w_hh, b_ih, b_hh = (
        layer.get_parameter(part + suffix)
        for part in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    )
    return _gates(name, (w_ih, w_hh, b_ih, b_hh), reads)


def kept(matrix: Tensor, dense: Tensor) -> tuple[Tensor, Tensor] | None:
    """Gives the rows and columns that are left of a matrix, if its columns are to be refitted.

    That is if some columns are zero that were not, and there are no zeros beside them and whole
    rows; otherwise None.

    >>> dense = torch.ones(2, 3)
    >>> kept(torch.tensor([[1.0, 0.0, 2.0], [3.0, 0.0, 4.0]]), dense)[1].tolist()
    [0, 2]
    >>> kept(torch.tensor([[1.0, 0.0, 2.0], [3.0, 5.0, 4.0]]), dense) is None
    True
    """
    there = matrix != 0
    rows, columns = there.any(1), there.any(0)
    gone = ~columns & (dense != 0).any(0)
    whole = torch.equal(there, rows[:, None] & columns)
    if not (whole and bool(gone.any()) and bool(rows.any())):
        return None
    return rows.nonzero()[:, 0], columns.nonzero()[:, 0]


@dataclass
class Moments:
    """Sums over positions of what a layer reads and of what it should say, in float64.

    >>> moments = Moments()
    >>> moments.add(torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [5.0]]))
    >>> weight, bias = moments.solve(torch.zeros(1, 1), 1e-12, intercept=True)
    >>> weight.round(decimals=6).tolist(), bias.round(decimals=6).tolist()
    ([[2.0]], [1.0])
    """

    n: int = 0
    xx: Tensor | None = None
    xy: Tensor | None = None
    _waiting: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def add(self, x: Tensor, y: Tensor) -> None:
        """Counts positions in: inputs ``(positions, columns)`` and targets ``(positions, rows)``."""
        self._waiting.append((x, y))
        if sum(len(waiting) for waiting, _ in self._waiting) >= ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        xs, ys = zip(*self._waiting, strict=True)
        self._waiting.clear()
        x = functional.pad(torch.cat(xs).double(), (0, 1), value=1.0)
        y = torch.cat(ys).double()
        self.n += len(x)
        self.xx = x.T @ x if self.xx is None else self.xx.addmm_(x.T, x)
        self.xy = x.T @ y if self.xy is None else self.xy.addmm_(x.T, y)

    def solve(self, weight: Tensor, ridge: float, intercept: bool) -> tuple[Tensor, Tensor]:
        """Gives weights ``(rows, columns)`` and bias ``(rows,)`` of least squares.

        Minimised is the squared error plus `ridge` times the mean square of the (centred) inputs,
        times the squared distance to the given weights.

        Args:
            weight: What the ridge pulls towards.
            ridge: How hard.
            intercept: Whether there is a bias; it is zero otherwise.
        """
        self._flush()
        assert self.xx is not None
        assert self.xy is not None
        xx, xy = self.xx[:-1, :-1], self.xy[:-1]
        mean_x, mean_y = self.xx[:-1, -1] / self.n, self.xy[-1] / self.n
        if intercept:
            xx = xx - self.n * torch.outer(mean_x, mean_x)
            xy = xy - self.n * torch.outer(mean_x, mean_y)
        start = weight.double().T
        size = xx.diagonal().mean().clamp(min=1e-300)
        damped = xx + ridge * size * torch.eye(len(xx), dtype=xx.dtype, device=xx.device)
        step = torch.cholesky_solve(xy - xx @ start, torch.linalg.cholesky(damped))
        fitted = start + step
        bias = mean_y - mean_x @ fitted if intercept else torch.zeros_like(mean_y)
        return fitted.T, bias


@dataclass
class Spread:
    """Sums of values and their squares over positions, in float64."""

    n: int = 0
    total: Tensor | None = None
    squares: Tensor | None = None

    def add(self, y: Tensor) -> None:
        """Counts positions in, ``(positions, features)``."""
        wide = y.double()
        self.n += len(wide)
        self.total = wide.sum(0) + (0 if self.total is None else self.total)
        self.squares = wide.square().sum(0) + (0 if self.squares is None else self.squares)

    @property
    def mean(self) -> Tensor:
        """Mean of each feature, ``(features,)``."""
        assert self.total is not None
        return self.total / self.n

    @property
    def variance(self) -> Tensor:
        """Variance of each feature, ``(features,)``."""
        assert self.squares is not None
        return (self.squares / self.n - self.mean.square()).clamp(min=0)


def shift_bias(affine: Affine, dense: Affine, shift: Tensor) -> None:
    """Adds to the bias of a map, but for rows that were pruned with theirs."""
    if not affine.biases:
        return
    bias, before = affine.biases[0], dense.biases[0]
    silent = (affine.matrix == 0).all(1)
    pruned = (bias == 0) & ((before != 0) | silent)
    bias.add_(torch.where(pruned, 0.0, shift).to(bias.dtype))
