import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tts_compress.methods.quantizing.granularity import Sharing
from tts_compress.quantized import matrix_shape, spread

TENSOR = torch.arange(1.0, 11).reshape(2, 5)


@pytest.mark.parametrize(
    ("granularity", "table", "parts"),
    [
        ("tensor", (1, 1), [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]),
        ("channel", (2, 1), [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]),
        ("group", (2, 2), [[1, 2, 3], [4, 5, 0], [6, 7, 8], [9, 10, 0]]),
    ],
)
def test_parts_of_a_matrix(granularity, table, parts):
    sharing = Sharing.of(TENSOR.shape, granularity, 4)  # two groups, as even as can be
    assert sharing.table == table
    assert sharing.split(TENSOR).tolist() == parts


shapes = st.lists(st.integers(1, 9), max_size=3).map(tuple)


@given(shapes, st.sampled_from(["tensor", "channel", "group"]), st.integers(1, 12))
def test_joined_parts_are_the_tensor_and_share_what_a_table_spreads(shape, granularity, size):
    sharing = Sharing.of(shape, granularity, size)
    rows, columns = matrix_shape(shape)
    values = torch.arange(1.0, rows * columns + 1).reshape(shape)
    parts = sharing.split(values)
    assert len(parts) == sharing.table[0] * sharing.table[1]
    assert torch.equal(sharing.join(parts), values)
    if granularity == "group":
        assert parts.shape[1] <= size
    numbers = torch.arange(len(parts)).reshape(sharing.table)
    of_parts = sharing.split(spread(numbers, rows, columns).reshape(shape))
    for number, (part, of_part) in enumerate(zip(parts, of_parts, strict=True)):
        assert set(of_part[part != 0].tolist()) == {number}
