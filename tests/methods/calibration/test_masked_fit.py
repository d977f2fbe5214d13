import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tts_compress.methods.calibration.masked_fit import masked_least_squares


def matrix(rows, columns, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, columns, generator=generator, dtype=torch.float64)


def test_what_is_left_takes_over_what_both_inputs_say():
    # Variances 1, correlation 0.5: half of what left moves over.
    xx = torch.tensor([[1.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    dense = torch.tensor([[2.0, 1.0], [0.0, 4.0], [4.0, 2.0]], dtype=torch.float64)
    kept = torch.tensor([[True, False], [False, True], [False, True]])
    found = masked_least_squares(xx, xx @ dense.T, dense * kept, kept, ridge=0)
    torch.testing.assert_close(found, torch.tensor([[2.5, 0], [0, 4], [0, 4]]).double())


@given(st.integers(1, 12), st.integers(0, 999))
def test_each_row_is_the_least_squares_of_the_columns_it_keeps(columns, seed):
    x, y = matrix(3 * columns + 3, columns, seed), matrix(3 * columns + 3, 4, seed + 1)
    kept = matrix(4, columns, seed + 2) > 0
    start = matrix(4, columns, seed + 3) * kept
    found = masked_least_squares(x.T @ x, x.T @ y, start, kept, ridge=0)
    assert not found[~kept].any()
    for row, mask in enumerate(kept):
        if mask.any():
            expected = torch.linalg.lstsq(x[:, mask], y[:, row : row + 1]).solution[:, 0]
            torch.testing.assert_close(found[row, mask], expected, rtol=1e-6, atol=1e-9)


@given(st.integers(2, 9), st.integers(0, 99), st.floats(0.001, 10))
def test_the_ridge_pulls_towards_the_weights_that_are(columns, seed, ridge):
    x, y = matrix(5, columns, seed), matrix(5, 3, seed + 1)
    kept = matrix(3, columns, seed + 2) > -0.5
    start = matrix(3, columns, seed + 3) * kept
    found = masked_least_squares(x.T @ x, x.T @ y, start, kept, ridge)
    size = float((x.T @ x).diagonal().mean())

    def cost(weights):
        error = (y - x @ weights.T).square().sum()
        return float(error + ridge * size * (weights - start).square().sum())

    moved = torch.where(kept, 1e-3 * matrix(3, columns, seed + 4), 0.0)
    assert cost(found) <= min(cost(start), cost(found + moved), cost(found - moved)) * (1 + 1e-12)


def test_rows_that_keep_the_same_columns_are_as_if_alone():
    x, y = matrix(30, 6, 0), matrix(30, 5, 1)
    kept = torch.tensor([[1, 1, 0, 0, 1, 0]] * 3 + [[0] * 6] + [[1] * 6]).bool()
    start = matrix(5, 6, 2) * kept
    together = masked_least_squares(x.T @ x, x.T @ y, start, kept, 0.1)
    for row in range(5):
        own = slice(row, row + 1)
        alone = masked_least_squares(x.T @ x, (x.T @ y)[:, own], start[own], kept[own], 0.1)
        torch.testing.assert_close(together[own], alone, rtol=1e-12, atol=1e-12)
    assert not together[3].any()


def test_a_column_that_hears_nothing_keeps_its_weights():
    x, y = matrix(9, 3, 0), matrix(9, 1, 1)
    x[:, 1] = 0
    start = torch.tensor([[1.0, 7.0, 2.0]]).double()
    found = masked_least_squares(x.T @ x, x.T @ y, start, start != 0, 0.01)
    assert found[0, 1].item() == pytest.approx(7)
