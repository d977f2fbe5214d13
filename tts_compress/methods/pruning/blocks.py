"""Which weights of a map leave while it is done column by column, block by block."""

from dataclasses import dataclass

import torch
from torch import Tensor

from tts_compress.methods.pruning.ranking import n_pruned


@dataclass
class BlockPruning:
    """Takes the cheapest weights of each block, so that a sparsity is met exactly in the end.

    Attributes:
        start: First column of the weight whose sparsity counts.
        end: The column after its last.
        kept: True at the weights that are left, ``(rows, columns)`` of the whole map; changed.
        sparsity: Fraction of zeros in the end, unless there are more of them before.

    >>> kept = torch.ones(2, 4, dtype=torch.bool)
    >>> pruning = BlockPruning(0, 4, kept, sparsity=0.5)
    >>> pruning.prune(torch.tensor([0, 1]), torch.tensor([[1.0, 4.0], [3.0, 2.0]]))
    >>> pruning.prune(torch.tensor([2, 3]), torch.tensor([[5.0, 5.0], [5.0, 6.0]]))
    >>> kept.int().tolist()
    [[0, 1, 0, 0], [1, 0, 1, 1]]
    """

    start: int
    end: int
    kept: Tensor
    sparsity: float

    def __post_init__(self) -> None:
        own = self.kept[:, self.start : self.end]
        self._free = int(own.sum())
        zeros = own.numel() - self._free
        self._leave = max(n_pruned(self.sparsity, own.numel()) - zeros, 0)
        self._seen = self._taken = 0

    def prune(self, columns: Tensor, costs: Tensor) -> None:
        """Takes a block's share of those that leave; ties fall by row, then by order of columns.

        Args:
            columns: Numbers of the block's columns, ``(block,)``; others' do not count.
            costs: What it costs to take each weight, ``(rows, block)``.
        """
        own = (columns >= self.start) & (columns < self.end)
        kept, costs = self.kept[:, columns[own]], costs[:, own]
        self._seen += int(kept.sum())
        quota = self._leave * self._seen // max(self._free, 1) - self._taken
        cheapest = costs.masked_fill(~kept, torch.inf).flatten().argsort(stable=True)[:quota]
        kept.view(-1)[cheapest] = False
        self.kept[:, columns[own]] = kept
        self._taken += quota
