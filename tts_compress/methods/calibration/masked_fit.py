"""Least squares for the weights that pruning left: each row of a matrix has its own."""

from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import Tensor

from tts_compress.methods.calibration.regression import Regression


def masked_least_squares(
    xx: Tensor, xy: Tensor, start: Tensor, kept: Tensor, ridge: float
) -> Tensor:
    """Gives the matrix with zeros outside of a mask whose ``W x`` is nearest to y over all data.

    Each row is solved on its own, by Cholesky factors of the part of `xx` that it reads; rows that
    keep the same columns share one.

    Args:
        xx: Sums of products of inputs, float64 ``(columns, columns)``.
        xy: Sums of products of inputs and targets, float64 ``(columns, rows)``.
        start: What the ridge pulls towards, float64 ``(rows, columns)``.
        kept: True at the weights that may differ from zero, ``(rows, columns)``.
        ridge: How hard, in units of the mean square of an input.

    With inputs 1 and 1 + u, where u is independent of 1, the first of two equal weights takes over
    what the second said of what both read::

        1.0  1.0  ->  2.0  0.0

    >>> xx = torch.tensor([[1.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
    >>> start = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    >>> xy = xx @ torch.tensor([[1.0], [1.0]], dtype=torch.float64)
    >>> masked_least_squares(xx, xy, start, start != 0, ridge=0).tolist()
    [[2.0, 0.0]]
    """
    size = xx.diagonal().mean().clamp(min=1e-30)
    found = torch.where(kept, start, 0.0)
    residual = xy.T - found @ xx
    damped = xx + ridge * size * torch.eye(len(xx), dtype=xx.dtype, device=xx.device)
    for rows, columns in _patterns(kept):
        factor = torch.linalg.cholesky(damped[columns][:, columns])
        missing = residual[rows][:, columns].T
        found[rows[:, None], columns] += torch.cholesky_solve(missing, factor).T
    return found


def _patterns(kept: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Gives the rows that keep the same columns, with these; not those that keep none."""
    rows: defaultdict[bytes, list[int]] = defaultdict(list)
    for row, mask in enumerate(kept.cpu().numpy()):
        rows[mask.tobytes()].append(row)
    return [
        (torch.tensor(same, device=kept.device), kept[same[0]].nonzero()[:, 0])
        for same in rows.values()
        if bool(kept[same[0]].any())
    ]


@dataclass
class MaskedRefit(Regression):
    """Gives the weights of a map that are not zero new values, by least squares.

    Attributes:
        ridge: See `masked_least_squares`.
    """

    ridge: float

    def change(self, matrix: Tensor, xx: Tensor, xy: Tensor) -> Tensor:
        """Gives the fitted map."""
        return masked_least_squares(xx, xy, matrix, matrix != 0, self.ridge)
