"""Pruning by any score, in a tensor or in each of its rows."""

import torch
from torch import Tensor

from tts_compress.methods.pruning.ranking import n_pruned


@torch.no_grad()
def prune_lowest(weight: Tensor, scores: Tensor, sparsity: float, axis: int | None) -> None:
    """Sets the weights of the lowest scores to zero, exactly floor(sparsity * n) of n, in place.

    Weights that are zero go first, and count; then those of equal scores by position.

    Args:
        weight: The tensor.
        scores: In its shape, not negative.
        sparsity: Fraction of zeros in the end, unless there are more of them before.
        axis: That whose slices are ranked each on its own: as many are zero in each of them, or
            one more in the first, but for those that had more before. None ranks all together.

    >>> weight = torch.tensor([[3.0, -1.0, 2.0], [6.0, 1.0, -4.0]])
    >>> prune_lowest(weight, weight.abs(), sparsity=0.5, axis=0)
    >>> weight.tolist()
    [[3.0, 0.0, 0.0], [6.0, 0.0, -4.0]]
    """
    ranked = scores.masked_fill(weight == 0, -1.0)
    if axis is not None:
        rows = ranked.movedim(axis, 0)
        places = rows.flatten(1).argsort(dim=1, stable=True).argsort(dim=1).reshape(rows.shape)
        ranked = places.movedim(0, axis).masked_fill(weight == 0, -1)
    first = ranked.flatten().argsort(stable=True)[: n_pruned(sparsity, weight.numel())]
    leave = torch.zeros_like(weight, dtype=torch.bool).flatten()
    leave[first] = True
    weight.masked_fill_(leave.reshape(weight.shape), 0.0)
