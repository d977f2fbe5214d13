"""Pruning by any score, in a tensor or in each of its rows."""

import torch
from torch import Tensor

from tts_compress.methods.ranking import n_pruned


@torch.no_grad()
def prune_lowest(weight: Tensor, scores: Tensor, sparsity: float, axis: int | None) -> None:
    """Sets the weights of the lowest scores to zero, exactly floor(sparsity * n) of n, in place.

    Weights that are zero go first, then those of equal scores by position.

    Args:
        weight: The tensor.
        scores: In its shape, not negative.
        sparsity: Fraction of zeros in the end, unless there are more of them before.
        axis: That whose slices are ranked each on its own; as many leave each of them, or one
            more. None ranks all together.

    >>> weight = torch.tensor([[3.0, -1.0, 2.0], [6.0, 1.0, -4.0]])
    >>> prune_lowest(weight, weight.abs(), sparsity=0.5, axis=0)
    >>> weight.tolist()
    [[3.0, 0.0, 2.0], [6.0, 0.0, 0.0]]
    """
    ranked = scores.masked_fill(weight == 0, -1.0)
    moved = ranked[None] if axis is None else ranked.movedim(axis, 0)
    rows = moved.flatten(1)
    total = n_pruned(sparsity, rows.numel())
    before = torch.arange(len(rows) + 1, device=rows.device) * total // len(rows)
    ranks = rows.argsort(dim=1, stable=True).argsort(dim=1)
    leave = (ranks < before.diff()[:, None]).reshape(moved.shape)
    weight.masked_fill_(leave[0] if axis is None else leave.movedim(0, axis), 0.0)
