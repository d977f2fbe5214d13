"""Levels of least cost, in error and in bits: compiled arithmetic of `rate_aware`."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

_RATE = 0.125  # of running means
_LARGEST = 32767


def least_cost_levels(
    weights: Matrix, steps: Matrix, importance: Matrix, rows: Matrix, columns: Matrix, bit: float
) -> NDArray[np.int16]:
    """Gives the levels of a matrix, column by column, each chosen for the least cost.

    The error of a choice is that of the weight together with those before it in row and column.
    Its length in bits is that of a sign and of magnitudes which fall off geometrically, with the
    mean of those that came before it in row and column. What is 0 stays 0.

    Args:
        weights: ``(rows, columns)``.
        steps: What a level of 1 is worth, likewise.
        importance: What a squared error costs, likewise.
        rows: How much of the error of row k counts in row i, ``(i, k)``, for k before i.
        columns: How much of the error of column k counts in column j, ``(j, k)``, for k before j.
        bit: What a bit costs.

    Source: Sullivan and Wiegand 1998, "Rate-distortion optimization for video compression", for the
    choice; Tseng et al. 2025, "Model-preserving adaptive rounding", equation 8, for errors that are
    fed on along rows and columns.

    >>> one = np.eye(1)
    >>> levels = [
    ...     least_cost_levels(np.array([[0.9]]), one, one, one, one, bit) for bit in (0.1, 1)
    ... ]
    >>> [int(level[0, 0]) for level in levels]  # an error of 0.01 and 2.6 bits, or of 0.81
    [1, 0]
    """
    levels: NDArray[np.int16] = _levels(weights, steps, importance, rows, columns, bit)
    return levels


@njit(cache=True)
def _cheapest(target: Any, longer: Any, bit: Any) -> Any:
    """Gives 0 or a neighbour of a target in steps; a bit costs as much as this squared error."""
    below = min(np.floor(target), _LARGEST - 1)
    best, least = 0.0, target**2
    for size in (below, below + 1):
        cost = (target - size) ** 2 + bit * (1 + longer * size)
        if size > 0 and cost < least:
            best, least = size, cost
    return best


_MATRIX = "float64[:, ::1]"
_SUMS = {"reassoc", "contract"}  # sums in any order; infinity and NaN are what they are


@njit(f"int16[:, ::1]({', '.join([_MATRIX] * 5)}, float64)", cache=True, fastmath=_SUMS)
def _levels(weights: Any, steps: Any, importance: Any, rows: Any, columns: Any, bit: float) -> Any:
    n_rows, n_columns = weights.shape
    levels = np.zeros((n_rows, n_columns), np.int16)
    errors = np.zeros((n_rows, n_columns))
    met = np.zeros(n_rows)
    row_means = np.full(n_rows, 0.5)
    for j in range(n_columns):
        column_mean = row_means.mean()
        for i in range(n_rows):
            before, across = 0.0, 0.0
            for k in range(j):
                before += errors[i, k] * columns[j, k]
            for k in range(i):
                across += met[k] * rows[i, k]
            target = weights[i, j] + before + across
            mean = 0.5 * (row_means[i] + column_mean)
            longer = np.log2(1 + 1 / mean)
            step, size = steps[i, j], 0.0
            if weights[i, j] != 0:
                size = _cheapest(abs(target) / step, longer, bit / (importance[i, j] * step**2))
            level = size if target > 0 else -size
            levels[i, j] = level
            errors[i, j] = weights[i, j] - level * step
            met[i] = errors[i, j] + before
            row_means[i] += (size - row_means[i]) * _RATE
            column_mean += (size - column_mean) * _RATE
    return levels
