import torch
from hypothesis import given
from hypothesis import strategies as st

from tts_compress.methods.pruning.blocks import BlockPruning
from tts_compress.methods.pruning.ranking import n_pruned


@given(
    st.integers(1, 6),
    st.integers(1, 12),
    st.integers(1, 5),
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 99),
)
def test_blocks_add_up_to_the_sparsity(rows, columns, block, sparsity, seed):
    generator = torch.Generator().manual_seed(seed)
    kept = torch.rand(rows, columns + 3, generator=generator) < 0.7
    before = kept.clone()
    pruning = BlockPruning(0, columns, kept, sparsity)
    order = torch.randperm(columns + 3, generator=generator)
    for numbers in order.split(block):
        pruning.prune(numbers, torch.rand(rows, len(numbers), generator=generator))
    zeros = int((~kept[:, :columns]).sum())
    assert zeros == max(n_pruned(sparsity, rows * columns), int((~before[:, :columns]).sum()))
    assert not (kept & ~before).any()
    assert torch.equal(kept[:, columns:], before[:, columns:])


def test_the_cheapest_of_a_block_leave_and_the_first_of_equals():
    kept = torch.tensor([[True, True, False], [True, True, True]])
    pruning = BlockPruning(0, 3, kept, sparsity=0.5)
    pruning.prune(torch.tensor([2, 0, 1]), torch.tensor([[0.0, 2.0, 1.0], [5.0, 1.0, 9.0]]))
    assert kept.int().tolist() == [[1, 0, 0], [0, 1, 1]]
