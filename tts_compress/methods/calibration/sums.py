"""Sums over positions, in float64, of what layers hear and say."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

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
