"""Exact k-means of numbers on a line, with one centre held at zero."""

import math
from typing import Literal

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tts_compress.quantized import Codebook, matrix_shape

TableType = Literal["float16", "int8"]
Floats = NDArray[np.float64]

CODES = 1 << 16  # of float16
NEGATIVE = 1 << 15
INFINITE = 0x7C00
LARGEST = 65504.0


def codebook(
    weight: Tensor, entries: int, n_tables: int, dtype: TableType, importance: Tensor | None = None
) -> Codebook:
    """Gives a tensor as entries of tables, one for each of some groups of rows.

    Args:
        weight: The tensor.
        entries: How many a table has at most, with the zero.
        n_tables: How many tables; each has ``ceil(rows / n_tables)`` rows.
        dtype: What entries are rounded to, see `rounded`.
        importance: What the squared error of each weight is multiplied by, in the shape of the
            tensor; 1 where left out. Each counts at least a millionth of their mean, so that those
            that are never read have a value near to theirs, too.
    """
    matrix = weight.detach().cpu().reshape(matrix_shape(weight.shape))
    if importance is not None:
        important = importance.detach().cpu().double().reshape(matrix.shape)
        importance = important + (1e-6 * float(important.mean()) or 1.0)
    n_rows = -(-len(matrix) // n_tables)
    tables, levels = [], []
    for start in range(0, len(matrix), n_rows):
        rows = slice(start, start + n_rows)
        centers = kmeans(matrix[rows], entries, None if importance is None else importance[rows])
        table = rounded(centers, dtype)
        tables.append(table)
        levels.append(nearest(matrix[rows], table))
    return Codebook(torch.cat(levels).reshape(weight.shape), _side_by_side(tables))


def kmeans(values: Tensor, k: int, importance: Tensor | None = None) -> Tensor:
    """Gives the k centres, of which one is zero, that numbers are nearest to in squared error.

    It is the optimum, not a local one: of what is read as float16, in which voices are stored, so
    that a histogram stands for any number of weights. Centres lie on either side of zero, so that
    each side is solved for every number of centres, then the best split of them is taken.

    Args:
        values: Numbers in any shape.
        k: How many centres; fewer are needed if there are not so many different numbers.
        importance: What the squared error of each is multiplied by; 1 where left out.

    Returns:
        Float64, ascending, ``(k,)`` or fewer.

    Source: Wu 1991, "Optimal quantization by matrix searching"; Gronlund et al. 2017, "Fast exact
    k-means, k-medians and Bregman divergence clustering in 1D", section 2.2, for one side.

    >>> kmeans(torch.tensor([0.25, -0.25, 1.75, 2.25, -3.0, 5.0]), 4).tolist()
    [-3.0, 0.0, 2.0, 5.0]
    """
    histogram = _histogram(values, importance)
    below = _Side(histogram[NEGATIVE : NEGATIVE + INFINITE], k - 1)
    above = _Side(histogram[:INFINITE], k - 1)
    n_below, n_above = below.n, above.n
    if n_below + n_above >= k:
        rest = [above.errors[min(k - 1 - n, above.k)] for n in range(below.k + 1)]
        n_below = int(np.argmin(below.errors + rest))
        n_above = min(above.k, k - 1 - n_below)
    centers = (-below.centers(n_below)[::-1], [0.0], above.centers(n_above))
    return torch.from_numpy(np.concatenate(centers))


class _Side:
    """The numbers on one side of zero, by magnitude, and their best clusters for each k.

    Attributes:
        n: How many different ones there are.
        k: How many centres they can have.
        errors: Squared error with so many centres beside the zero, ``(k + 1,)``.
    """

    def __init__(self, histogram: Floats, k: int) -> None:
        codes = np.flatnonzero(histogram)
        codes = codes[codes > 0]
        self.values = codes.astype(np.uint16).view(np.float16).astype(np.float64)
        self.weights = histogram[codes]
        self.n = len(codes)
        self.k = min(k, self.n)
        moments = self.weights * self.values ** np.arange(3)[:, None]
        sums = np.pad(np.cumsum(moments, 1), ((0, 0), (1, 0)))
        self.errors, self._starts = _partition(sums, self.k)

    def centers(self, k: int) -> Floats:
        """Gives the k centres beside the zero, by magnitude."""
        if k == 0:
            return np.zeros(0)
        starts, end = np.zeros(k, np.int64), self.n
        for cluster in range(k, 0, -1):
            starts[cluster - 1] = end = self._starts[cluster, end]
        totals = np.add.reduceat(self.weights * self.values, starts)
        return totals / np.add.reduceat(self.weights, starts)


def _histogram(values: Tensor, importance: Tensor | None) -> Floats:
    """Gives the total importance of each float16 number, by its bits."""
    codes = values.detach().clamp(-LARGEST, LARGEST).half().flatten().view(torch.int16)
    weights = None if importance is None else importance.double().flatten().numpy()
    return np.bincount(codes.numpy().view(np.uint16), weights, CODES).astype(np.float64)


@numba.njit(cache=True)
def _partition(sums: Floats, k: int) -> tuple[Floats, NDArray[np.int32]]:
    """Finds the least squared error of ascending numbers in 0 to k clusters and one about zero.

    The cluster about zero holds what comes first. Where the last cluster of the first i numbers
    starts rises with i, so each i looks only between the starts of two that were solved before.

    Args:
        sums: Weights, weights times numbers, and times their squares, added up, ``(3, n + 1)``.
        k: How many clusters at most, n or fewer.

    Returns:
        The errors, ``(k + 1,)``, and where the last of j clusters of the first i numbers starts,
        ``(k + 1, n + 1)``.
    """
    n = sums.shape[1] - 1
    starts = np.zeros((k + 1, n + 1), np.int32)
    before, now, errors = sums[2].copy(), np.zeros(n + 1), np.zeros(k + 1)
    errors[0] = before[n]
    for j in range(1, k + 1):
        start, last = starts[j], n - j + 1
        now[:j] = np.inf
        width = 1
        while 2 * width <= last:
            width *= 2
        while width:
            for p in range(width, last + 1, 2 * width):
                end = p + j - 1
                low = start[end - width] if p > width else j - 1
                high = min(start[end + width], end - 1) if p + width <= last else end - 1
                best = np.inf
                for m in range(low, high + 1):
                    total = sums[1, end] - sums[1, m]
                    square = total * total / (sums[0, end] - sums[0, m])
                    error = before[m] + (sums[2, end] - sums[2, m] - square)
                    if error < best:
                        best, start[end] = error, m
                now[end] = best
            width //= 2
        before, now = now, before
        errors[j] = before[n]
    return errors, starts


def rounded(centers: Tensor, dtype: TableType) -> Tensor:
    """Gives a table of what a file can store cheaply, ascending, without what fell together.

    Args:
        centers: Float64, ascending.
        dtype: "float16", or "int8": at most 127 times a power of two, so that float16 holds it too.

    >>> rounded(torch.tensor([-1.1, 0.0, 0.001, 100.0]), "int8").tolist()
    [-1.0, 0.0, 100.0]
    """
    if dtype == "int8":
        exponent = torch.ceil(torch.log2(centers.abs().max().clamp(min=2**-24) / 127))
        centers = torch.round(centers * 2**-exponent) * 2**exponent
    # What rounding made -0.0 becomes 0.0.
    table: Tensor = torch.unique(centers.clamp(-LARGEST, LARGEST).half().float() + 0.0)
    return table


def nearest(values: Tensor, table: Tensor) -> Tensor:
    """Gives the entry that each number is nearest to, int16, counted from the zero.

    >>> nearest(torch.tensor([-9.0, 0.4, 0.6, 7.0]), torch.tensor([-2.0, 0.0, 1.0])).tolist()
    [-1, 0, 1, 1]
    """
    middles = (table[1:] + table[:-1]) / 2
    zero = int((table == 0).int().argmax())
    return (torch.bucketize(values.float().contiguous(), middles, out_int32=True) - zero).short()


def _side_by_side(tables: list[Tensor]) -> Tensor:
    """Stacks tables; the shorter ones end with larger entries, which nothing uses."""
    width = max(len(table) for table in tables)
    rows = []
    for table in tables:
        power = 2.0 ** math.frexp(float(table[-1]))[1]
        rows.append(torch.cat((table, power * torch.arange(1.0, width - len(table) + 1))))
    return torch.stack(rows)
