import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_compress.methods.quantizing.ranges import grid, least_squares, minmax, percentiles


def row(*values):
    return torch.tensor([values]).double()


def made(found):
    return found.scale.item(), found.low.item(), found.high.item()


def test_a_symmetric_grid_has_one_value_less():
    assert made(grid(row(-3.0), row(2.0), 3, symmetric=True)) == (1, -3, 3)


def test_an_asymmetric_grid_reaches_from_end_to_end_through_zero():
    assert made(grid(row(-2.0), row(5.0), 3, symmetric=False)) == (1, -2, 5)
    assert made(grid(row(0.0), row(7.0), 3, symmetric=False)) == (1, 0, 7)
    assert made(grid(row(-7.0), row(0.0), 3, symmetric=False)) == (1, -7, 0)


def test_scales_are_rounded_up_to_bfloat16_and_positive():
    assert made(grid(row(-1.001), row(1.0), 2, symmetric=True))[0] == 1.0078125
    assert made(grid(row(-1.0), row(1.0), 2, symmetric=True))[0] == 1
    assert made(grid(row(0.0), row(0.0), 4, symmetric=True)) == (1, -7, 7)


def test_percentiles_leave_out_the_largest_and_count_no_zeros():
    weights = torch.zeros(2, 200).double()
    weights[0, :100] = torch.arange(1, 101)
    weights[1, :50] = -torch.arange(1, 51)
    low, high = percentiles(weights, 98, symmetric=True)
    assert (low.tolist(), high.tolist()) == ([[-98], [-49]], [[98], [49]])
    low, high = percentiles(weights, 98, symmetric=False)
    assert (low.tolist(), high.tolist()) == ([[0], [-49]], [[98], [0]])


def test_all_are_within_the_percentile_100_and_nothing_where_all_is_zero():
    weights = torch.tensor([[1.0, -4.0, 0.0], [0.0, 0.0, 0.0]])
    for symmetric, lows in ((True, [[-4], [0]]), (False, [[-4], [0]])):
        low, high = percentiles(weights, 100, symmetric)
        assert (low.tolist(), high.tolist()) == (lows, [[4 if symmetric else 1], [0]])


def test_least_squares_by_hand():
    assert made(least_squares(row(4.0, 3.0, -1.0), 2, symmetric=True)) == (3.5, -1, 1)
    assert made(least_squares(row(0.0, 1.0, -6.0), 2, symmetric=True)) == (6, -1, 1)
    assert made(least_squares(row(*[1.0] * 20, 4.0), 2, symmetric=True))[0] == 1.140625  # of 24/21


weights = st.lists(
    st.lists(st.floats(-(2.0**20), 2.0**20, width=32), min_size=6, max_size=6), min_size=1
).map(lambda rows: torch.tensor(rows).double())


@given(weights, st.integers(2, 8), st.booleans())
@settings(max_examples=50)
def test_no_weight_within_minmax_is_more_than_half_a_step_away(parts, bits, symmetric):
    found = grid(*minmax(parts), bits, symmetric)
    rounded = found.levels(parts) * found.scale
    assert bool(((rounded - parts).abs() <= found.scale / 2).all())
    assert bool((rounded[parts == 0] == 0).all())
    assert bool((found.scale == found.scale.bfloat16()).all())
    assert bool((found.high - found.low == 2**bits - 1 - symmetric).all())


@given(weights, st.integers(2, 8), st.booleans())
@settings(max_examples=50)
def test_least_squares_are_never_worse_than_minmax(parts, bits, symmetric):
    found = least_squares(parts, bits, symmetric)
    assert bool((found.error(parts) <= grid(*minmax(parts), bits, symmetric).error(parts)).all())
    assert bool((found.low <= 0).all() and (found.high >= 0).all())


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
def test_least_squares_are_nearly_those_of_a_fine_search(bits, symmetric):
    normal = torch.randn(1, 4000, generator=torch.Generator().manual_seed(0)).double()
    parts = torch.cat((normal, normal * normal.abs() + 0.2))
    found = least_squares(parts, bits, symmetric).error(parts)
    low, high = minmax(parts)
    fractions = torch.arange(0.02, 1, 0.002)
    errors = [grid(low * f, high * f, bits, symmetric).error(parts) for f in fractions]
    assert bool((found <= 1.02 * torch.stack(errors).amin(0)).all())
