"""The order in which weights are pruned: one sort answers every sparsity of a sweep."""

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from tts_compress.methods.precision import check_finite


def n_pruned(sparsity: float, n_weights: int) -> int:
    """How many of n weights a sparsity in [0, 1) prunes: the floor of the exact decimal product.

    >>> n_pruned(0.29, 100), int(0.29 * 100)
    (29, 28)
    """
    return int(Fraction(str(sparsity)) * n_weights)


@dataclass(frozen=True)
class Cut:
    """Where a ranking is cut: all below the threshold go, and the first `n_ties` equal to it."""

    threshold: float
    n_ties: int


class MagnitudeRanking:
    """Weights by magnitude, ties by position: first tensor first, then row by row.

    It keeps the sorted magnitudes and no positions; those of ties are found when pruning.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """Sorts the magnitudes of all weights together.

        Raises:
            CheckpointError: A weight is NaN or infinite.
        """
        dtype = functools.reduce(torch.promote_types, (w.dtype for w in weights.values()))
        if dtype in (torch.float16, torch.bfloat16):
            dtype = torch.float32
        magnitudes = torch.empty(sum(w.numel() for w in weights.values()), dtype=dtype)
        parts = torch.split(magnitudes, [w.numel() for w in weights.values()])
        for part, weight in zip(parts, weights.values(), strict=True):
            part.copy_(weight.detach().abs().flatten())
        self._sorted = magnitudes.numpy()
        self._sorted.sort()
        if not np.isfinite(self._sorted[-1:]).all():  # NaN and infinity come last
            for name, weight in weights.items():
                check_finite("magnitude", name, weight)

    def cut(self, sparsity: float) -> Cut:
        """Gives the cut that leaves exactly n - floor(sparsity * n) weights."""
        count = n_pruned(sparsity, len(self._sorted))
        if count == 0:
            return Cut(0.0, 0)
        threshold = self._sorted[count - 1]
        return Cut(float(threshold), count - int(np.searchsorted(self._sorted, threshold)))


@torch.no_grad()
def prune(weights: Mapping[str, Tensor], cut: Cut) -> None:
    """Sets what a cut takes to zero, in place.

    >>> weight = torch.tensor([[3.0, -1.0, 2.0], [1.0, -5.0, 1.0], [4.0, 1.0, 6.0]])
    >>> cut = MagnitudeRanking({"weight": weight}).cut(0.34)  # 3 of 9; four are as small as 1
    >>> cut
    Cut(threshold=1.0, n_ties=3)
    >>> prune({"weight": weight}, cut)
    >>> weight
    tensor([[ 3.,  0.,  2.],
            [ 0., -5.,  0.],
            [ 4.,  1.,  6.]])
    """
    if cut.threshold == 0:
        return  # whatever is taken is zero already
    n_ties = cut.n_ties
    for weight in weights.values():
        magnitude = weight.abs().contiguous()
        taken = magnitude < cut.threshold
        ties = (magnitude == cut.threshold).flatten().nonzero()[:n_ties, 0]
        n_ties -= len(ties)
        taken.view(-1)[ties] = True
        weight.masked_fill_(taken, 0.0)


def fingerprint(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 of weights with their names and shapes, by which a ranking is found again."""
    digest = hashlib.sha256()
    for name, weight in weights.items():
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}\n".encode())
        values = weight.detach().cpu().flatten()
        digest.update(values.view(torch.uint8).numpy().data)
    return digest.hexdigest()
