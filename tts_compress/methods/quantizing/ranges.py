"""Ranges of evenly spaced values: how far they reach, and so how far apart they are.

Weights are given in parts that share a range, ``(parts, width)`` in float64; ranges are columns,
``(parts, 1)``. Each holds zero, and zero is one of its values.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

OCTAVES = torch.arange(1, 25) / 4
AROUND = torch.tensor([-3, -2, -1, 1, 2, 3]) / 16


@dataclass(frozen=True, eq=False)
class Grid:
    """Evenly spaced values.

    Attributes:
        scale: Distance of neighbours, positive and exact in bfloat16, ``(parts, 1)``.
        low: The level of the lowest, ``(parts, 1)``.
        high: The level of the highest.
    """

    scale: Tensor
    low: Tensor
    high: Tensor

    def levels(self, parts: Tensor) -> Tensor:
        """Gives the level of the nearest value of each weight, ``(parts, width)``."""
        return (parts / self.scale).round_().clamp_(self.low, self.high)

    def error(self, parts: Tensor) -> Tensor:
        """Gives the sum of the squared distances to the nearest values, ``(parts, 1)``."""
        distances = self.levels(parts).mul_(self.scale).sub_(parts)
        return distances.square_().sum(1, keepdim=True)


def grid(low: Tensor, high: Tensor, bits: int, symmetric: bool) -> Grid:
    """Gives the narrowest grid of 2^bits values, or one less if symmetric, that spans a range.

    Scales are rounded up to bfloat16, so that no end of the range is more than half a step away.

    >>> span = torch.tensor([[-1.0]]).double(), torch.tensor([[2.0]]).double()
    >>> grid(*span, 2, symmetric=False)
    Grid(scale=tensor([[1.]], dtype=torch.float64), low=tensor([[-1.]], dtype=torch.float64), \
high=tensor([[2.]], dtype=torch.float64))
    >>> grid(*span, 2, symmetric=True).scale.item()
    2.0
    """
    if symmetric:
        top = 2 ** (bits - 1) - 1
        scale = _rounded_up(torch.maximum(-low, high) / top)
        return Grid(scale, torch.full_like(scale, -top), torch.full_like(scale, top))
    scale = _rounded_up((high - low) / (2**bits - 1))
    lowest = (low / scale).round()
    return Grid(scale, lowest, lowest + 2**bits - 1)


def _rounded_up(scale: Tensor) -> Tensor:
    """Gives the next bfloat16 that is no smaller; 1 for 0, where any scale does."""
    nearest = scale.bfloat16()
    above = (nearest.view(torch.int16) + 1).view(torch.bfloat16)
    rounded = torch.where(nearest.double() < scale, above, nearest).double()
    return torch.where(scale == 0, 1.0, rounded)


def minmax(parts: Tensor) -> tuple[Tensor, Tensor]:
    """Gives the smallest and the largest weight, or zero.

    >>> low, high = minmax(torch.tensor([[-1.0, 3.0], [1.0, 2.0]]))
    >>> low.tolist(), high.tolist()
    ([[-1.0], [0.0]], [[3.0], [2.0]])
    """
    low, high = parts.aminmax(dim=1, keepdim=True)
    return low.clamp(max=0), high.clamp(min=0)


def percentiles(parts: Tensor, percentile: float, symmetric: bool) -> tuple[Tensor, Tensor]:
    """Gives what the largest floor((100 - percentile) % of n) of n weights are beyond.

    Zeros do not count, since they are pruned weights or padding. If not symmetric, so many are
    beyond each end.

    >>> weights = torch.tensor([[1.0, -5.0, 0.0, 2.0, -3.0]])
    >>> percentiles(weights, 75, symmetric=True)[1].item()
    3.0
    >>> low, high = percentiles(weights, 75, symmetric=False)
    >>> low.item(), high.item()
    (-3.0, 1.0)
    """
    counted = (parts.abs() if symmetric else parts).masked_fill(parts == 0, torch.inf)
    ascending = counted.sort(dim=1).values
    n = (parts != 0).sum(1, keepdim=True)
    beyond = (n * (100 - percentile) / 100 + 1e-9).long()
    high = ascending.gather(1, (n - beyond - 1).clamp(min=0))
    low = -high if symmetric else ascending.gather(1, beyond.clamp(max=parts.shape[1] - 1))
    nothing = n == 0
    return low.masked_fill(nothing, 0).clamp(max=0), high.masked_fill(nothing, 0).clamp(min=0)


def least_squares(parts: Tensor, bits: int, symmetric: bool) -> Grid:
    """Gives the grid of the least squared error that is found within `minmax`.

    Fractions of the range are tried down to 1/64, in quarters of octaves, then around the best in
    16ths and 64ths; at last the scale that is best for the levels. It is never worse than `minmax`.

    Source: Choukroun et al. 2019, "Low-bit quantization of neural networks for efficient
    inference", section 3.2.

    >>> weights = torch.tensor([[4.0, 3.0, -1.0]]).double()
    >>> least_squares(weights, 2, symmetric=True).scale.item()
    3.5
    """
    low, high = minmax(parts)
    fraction = torch.ones_like(low)
    least = grid(low, high, bits, symmetric).error(parts)

    def attempt(tried: Tensor) -> None:
        nonlocal fraction, least
        error = grid(low * tried, high * tried, bits, symmetric).error(parts)
        fraction, least = torch.where(error < least, tried, fraction), torch.minimum(error, least)

    for octaves in OCTAVES:
        attempt(torch.ones_like(fraction) * 2**-octaves)
    for finer in (AROUND, AROUND / 4):
        middle = fraction
        for octaves in finer:
            attempt((middle * 2**octaves).clamp(max=1))
    best = grid(low * fraction, high * fraction, bits, symmetric)
    levels = best.levels(parts)
    squares = levels.square().sum(1, keepdim=True)
    scale = ((levels * parts).sum(1, keepdim=True) / squares.clamp(min=1)).bfloat16().double()
    moved = Grid(torch.where(scale > 0, scale, best.scale), best.low, best.high)
    scale = torch.where(moved.error(parts) < least, moved.scale, best.scale)
    return Grid(scale, best.low, best.high)
