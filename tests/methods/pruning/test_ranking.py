from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tts_compress.errors import CheckpointError
from tts_compress.methods.pruning.ranking import Cut, MagnitudeRanking, fingerprint, n_pruned, prune

SPARSITIES = st.floats(0, 1, exclude_max=True) | st.decimals(0, "0.999", places=3).map(float)
# Few different values, so that ties are common; both zeros and the smallest number are among them.
VALUES = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 1e-45, 3e38])
TENSORS = st.lists(st.lists(VALUES, min_size=1, max_size=12), min_size=1, max_size=4).map(
    lambda rows: {str(i): torch.tensor(row) for i, row in enumerate(rows)}
)


def pruned(weights, sparsity):
    weights = {name: w.clone() for name, w in weights.items()}
    prune(weights, MagnitudeRanking(weights).cut(sparsity))
    return torch.cat(list(weights.values()))


def by_argsort(weights, sparsity):
    """The definition: a stable sort of magnitudes, the first floor(s * n) to zero."""
    flat = torch.cat(list(weights.values())).numpy().copy()
    order = np.argsort(np.abs(flat), kind="stable")
    flat[order[: int(Fraction(str(sparsity)) * len(flat))]] = 0
    return torch.from_numpy(flat)


@given(TENSORS, SPARSITIES)
def test_equals_a_stable_sort(weights, sparsity):
    assert torch.equal(pruned(weights, sparsity), by_argsort(weights, sparsity))


@given(st.integers(1, 200), SPARSITIES, st.randoms())
def test_exact_count(n, sparsity, random):
    weights = {"w": torch.tensor([random.choice([1.0, -1.0, 2.0]) for _ in range(n)])}
    left = int(pruned(weights, sparsity).count_nonzero())
    assert left == n - int(Fraction(str(sparsity)) * n)


@given(TENSORS, SPARSITIES, SPARSITIES)
def test_more_sparsity_prunes_the_same_and_more(weights, one, other):
    low, high = sorted((one, other))
    first, second = pruned(weights, low), pruned(weights, high)
    assert ((first != 0) | (second == 0)).all()
    twice = {"all": first.clone()}
    prune(twice, MagnitudeRanking(twice).cut(high))
    assert torch.equal(twice["all"], second)


@pytest.mark.parametrize(
    ("sparsity", "n", "count"),
    [(0.1, 30, 3), (0.29, 100, 29), (0.57, 100, 57), (0.0, 9, 0), (0.99, 10, 9), (1e-05, 10**5, 1)],
)
def test_count_is_of_the_decimal_that_is_written(sparsity, n, count):
    assert n_pruned(sparsity, n) == count


def test_ties_fall_in_the_order_of_tensors():
    weights = {"b": torch.tensor([2.0, 1.0]), "a": torch.tensor([[-1.0, 1.0]])}
    ranking = MagnitudeRanking(weights)
    assert ranking.cut(0.5) == Cut(1.0, 2)
    prune(weights, ranking.cut(0.5))
    assert weights["b"].tolist() == [2.0, 0.0]
    assert weights["a"].tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_types_and_strides(dtype):
    weight = torch.tensor([[4.0, 1.0], [3.0, 2.0]], dtype=dtype).T
    assert not weight.is_contiguous()
    prune({"w": weight}, MagnitudeRanking({"w": weight}).cut(0.5))
    assert weight.tolist() == [[4.0, 3.0], [0.0, 0.0]]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_not_finite(value):
    weights = {"good": torch.ones(3), "bad": torch.tensor([1.0, value])}
    with pytest.raises(CheckpointError, match="'bad' is not finite, got 1 NaN or infinite of 2"):
        MagnitudeRanking(weights)


def test_fingerprint_sees_names_shapes_and_bits():
    weight = torch.tensor([[1.0, 0.0]])
    prints = {
        fingerprint({"a": weight}),
        fingerprint({"b": weight}),
        fingerprint({"a": weight.T}),
        fingerprint({"a": torch.tensor([[1.0, -0.0]])}),
    }
    assert len(prints) == 4
    assert fingerprint({"a": weight}) == fingerprint({"a": weight.clone()})
