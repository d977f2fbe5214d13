"""How one layer is refitted, so that it says again what it said in the dense network."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from tts_compress.errors import CheckpointError
from tts_compress.methods.calibration.affine import Affine, Arguments

ROWS_AT_ONCE = 2048
NO_SPREAD = 1e-12  # of mean squares: a variance that is no more is that of float32's rounding


@dataclass
class Spread:
    """Sums of values and of their squares over positions, in float64.

    >>> spread = Spread()
    >>> spread.add(torch.tensor([[1.0], [3.0]]))
    >>> spread.mean.tolist(), spread.variance.tolist()
    ([2.0], [1.0])
    """

    n: int = 0
    total: Tensor | None = None
    squares: Tensor | None = None

    def add(self, values: Tensor) -> None:
        """Counts positions in, ``(positions, features)``."""
        wide = values.double()
        self.n += len(wide)
        self.total = _plus(self.total, wide.sum(0))
        self.squares = _plus(self.squares, wide.square().sum(0))

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


def _plus(total: Tensor | None, more: Tensor) -> Tensor:
    return more if total is None else total.add_(more)


@dataclass
class Moments:
    """Sums of products over positions of what a layer reads and should say, in float64.

    >>> moments = Moments()
    >>> moments.add(torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [5.0]]))
    >>> weight, bias = moments.solve(torch.zeros(1, 1), ridge=1e-9, intercept=True)
    >>> weight.round(decimals=6).tolist(), bias.round(decimals=6).tolist()
    ([[2.0]], [1.0])
    """

    n: int = 0
    xx: Tensor | None = None
    xy: Tensor | None = None
    _waiting: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def add(self, x: Tensor, y: Tensor) -> None:
        """Counts in inputs ``(positions, columns)`` and targets ``(positions, rows)``."""
        self._waiting.append((x, y))
        if sum(len(waiting) for waiting, _ in self._waiting) >= ROWS_AT_ONCE:
            self._take()

    def _take(self) -> None:
        for x, y in self._pieces():
            self.n += len(x)
            wide = functional.pad(x.double(), (0, 1), value=1.0)
            self.xx = _plus(self.xx, wide.T @ wide)
            self.xy = _plus(self.xy, wide.T @ y.double())

    def _pieces(self) -> Iterator[tuple[Tensor, Tensor]]:
        if self._waiting:
            x, y = (torch.cat(parts) for parts in zip(*self._waiting, strict=True))
            self._waiting.clear()
            yield from zip(torch.split(x, ROWS_AT_ONCE), torch.split(y, ROWS_AT_ONCE), strict=True)

    def sums(self, intercept: bool) -> tuple[Tensor, Tensor]:
        """Gives the sums of products of inputs, and of inputs and targets.

        ``(columns, columns)`` and ``(columns, rows)``; about the means, with a bias. Then those of
        inputs that do not vary are zero, and not what is left of them by rounding.
        """
        self._take()
        assert self.xx is not None
        assert self.xy is not None
        xx, xy = self.xx[:-1, :-1], self.xy[:-1]
        if intercept:
            mean_x, mean_y = self.means()
            xx = xx - self.n * torch.outer(mean_x, mean_x)
            xy = xy - self.n * torch.outer(mean_x, mean_y)
            constant = xx.diagonal() <= NO_SPREAD * self.xx[:-1, :-1].diagonal()
            xx[constant], xx[:, constant], xy[constant] = 0.0, 0.0, 0.0
        return xx, xy

    def means(self) -> tuple[Tensor, Tensor]:
        """Gives the means of inputs ``(columns,)`` and targets ``(rows,)``."""
        self._take()
        assert self.xx is not None
        assert self.xy is not None
        return self.xx[:-1, -1] / self.n, self.xy[-1] / self.n

    def solve(self, weight: Tensor, ridge: float, intercept: bool) -> tuple[Tensor, Tensor]:
        """Gives weights ``(rows, columns)`` and a bias ``(rows,)`` by ridge least squares.

        They minimise the squared error, plus the squared distance to the given weights times
        `ridge` times the mean square of an input (about its mean, with a bias).

        Args:
            weight: What the ridge pulls towards.
            ridge: How hard.
            intercept: Whether there is a bias; it is zero otherwise.
        """
        xx, xy = self.sums(intercept)
        mean_x, mean_y = self.means()
        size = xx.diagonal().mean().clamp(min=1e-30)
        damped = xx + ridge * size * torch.eye(len(xx), dtype=xx.dtype, device=xx.device)
        start = weight.double().T
        fitted = start + torch.cholesky_solve(xy - xx @ start, torch.linalg.cholesky(damped))
        bias = mean_y - mean_x @ fitted if intercept else torch.zeros_like(mean_y)
        return fitted.T, bias


@dataclass
class AffineRefit:
    """Makes an affine map say what the dense network's said, from what it reads now.

    What left of whole columns is fitted by least squares; of other maps, the bias is moved to the
    dense mean. An LSTM's gates are fitted on the states of the dense network: with them right, the
    states come out right in turn, while its own would be those of the map before it was refitted.

    Attributes:
        layer: Its name, for messages.
        own: The map that is refitted.
        dense: The same map of the dense network.
        kept: Rows and columns that are fitted; None where only the bias is.
        ridge: See `Moments.solve`.
        method: Starts messages.
    """

    layer: str
    own: Affine
    dense: Affine
    kept: tuple[Tensor, Tensor] | None
    ridge: float
    wanted: Spread = field(default_factory=Spread)
    found: Spread = field(default_factory=Spread)
    moments: Moments = field(default_factory=Moments)
    targets: list[Tensor] = field(default_factory=list)
    states: list[Tensor] = field(default_factory=list)
    method: str = "recalibrate"

    def listen(self, heard: Arguments, output: Tensor, data: Tensor) -> None:
        """Notes what the dense layer said, at the positions where `data` is True."""
        if self.dense.said is None:
            x = self.dense.reads(heard, output)
            self.states.append(x[..., x.shape[-1] - self.dense.n_states :].clone())
            said = functional.linear(x, self.dense.matrix, self.dense.bias)[data]
        else:
            said = self.dense.said(output)[data]
        self.wanted.add(said)
        if self.kept is not None:
            self.targets.append(said[:, self.kept[0]])

    def hear(self, heard: Arguments, output: Tensor, data: Tensor, call: int) -> None:
        """Notes what the layer hears in its own network, in a call of the same number."""
        if self.kept is not None:
            x = self._reads(heard, output, call)[data][:, self.kept[1]]
            self.moments.add(x, self.targets[call])
        elif self.own.said is None:
            x = self._reads(heard, output, call)
            self.found.add(functional.linear(x, self.own.matrix, self.own.bias)[data])
        else:
            self.found.add(self.own.said(output)[data])

    def _reads(self, heard: Arguments, output: Tensor, call: int) -> Tensor:
        x = self.own.reads(heard, output)
        if not self.own.n_states:
            return x
        return torch.cat((x[..., : -self.own.n_states], self.states[call]), -1)

    def fit(self) -> None:
        """Changes the map in place; what is zero stays zero.

        Raises:
            CheckpointError: What the layer hears or says is not finite.
        """
        self._check()
        if self.kept is None:
            self.own.shift(self.wanted.mean - self.found.mean, self.dense)
            return
        rows, columns = self.kept
        matrix, before = self.own.matrix, self.own.bias.double()
        inner = matrix[rows[:, None], columns]
        fitted, bias = self.moments.solve(inner, self.ridge, bool(self.own.biases))
        matrix[rows[:, None], columns] = fitted.to(matrix.dtype)
        self.own.write(matrix)
        after = self.wanted.mean.index_copy(0, rows, bias)  # rows that are gone say the dense mean
        self.own.shift(after - before, self.dense)

    def _check(self) -> None:
        for whose, sums in (
            ("the dense network", self.wanted.total),
            ("the compressed network", self.found.total if self.kept is None else self.moments.xy),
        ):
            if sums is not None and not bool(torch.isfinite(sums).all()):
                raise CheckpointError(
                    f"{self.method}: what {self.layer!r} hears or says of the calibration "
                    f"sentences is not finite in {whose}, got NaN or infinity. "
                    "Use a checkpoint from before the training diverged, or prune less."
                )


@dataclass
class NormRefit:
    """Gives a batch norm's output the mean and standard deviation that it had when dense.

    Channels that hear what they heard, or say nothing, keep their statistics.
    """

    own: nn.BatchNorm1d
    dense: nn.BatchNorm1d
    wanted: Spread = field(default_factory=Spread)
    found: Spread = field(default_factory=Spread)

    def listen(self, heard: Arguments, _: Tensor, data: Tensor) -> None:
        """Notes what the dense layer heard, at the positions where `data` is True."""
        self.wanted.add(heard[0].transpose(1, 2)[data])

    def hear(self, heard: Arguments, _: Tensor, data: Tensor, call: int) -> None:
        """Notes what the layer hears in its own network."""
        self.found.add(heard[0].transpose(1, 2)[data])

    def fit(self) -> None:
        """Changes the running statistics in place."""
        mean, variance = _statistics(self.own)
        dense_mean, dense_variance = _statistics(self.dense)
        wanted, found = self.wanted.variance, self.found.variance
        scale = (dense_variance + self.dense.eps).rsqrt()
        ratio = found / (wanted * scale.square())
        new_variance = torch.where(wanted > 0, ratio - self.own.eps, variance).clamp(min=0)
        said = (self.wanted.mean - dense_mean) * scale
        new_mean = self.found.mean - said * (new_variance + self.own.eps).sqrt()
        stays = (self.wanted.mean == self.found.mean) & (wanted == found)
        stays |= (self.own.weight == 0) & (self.own.bias == 0)
        for name, old, new in (
            ("running_mean", mean, new_mean),
            ("running_var", variance, new_variance),
        ):
            self.own.get_buffer(name).copy_(torch.where(stays, old, new))


def _statistics(norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    return norm.get_buffer("running_mean").double(), norm.get_buffer("running_var").double()
