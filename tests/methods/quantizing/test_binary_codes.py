import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_compress.methods.quantizing.binary_codes import alternating, codes, error, greedy, values


def row(*numbers):
    return torch.tensor([numbers]).double()


def least(parts, scales):
    return error(parts, scales, codes(parts, scales))


def test_greedy_scales_by_hand():
    assert greedy(row(3.0, -1.0), 1).tolist() == [[2]]
    # Mean magnitude 4; left 1, -1, 3, -3 of mean magnitude 2.
    assert greedy(row(5.0, 3.0, -1.0, -7.0), 2).tolist() == [[2, 4]]


def test_alternating_scales_by_hand():
    # Greedy: 6.75, then 1.125 of what is left: the values 5.625 and 7.875, and least squares of the
    # codes of 6 and 9 are 7.5 - 1.5 and 7.5 + 1.5.
    parts = row(6.0, 6.0, -6.0, -9.0)
    assert greedy(parts, 2).tolist() == [[1.125, 6.75]]
    assert least(parts, greedy(parts, 2)).item() == 1.6875
    assert alternating(parts, 2).tolist() == [[1.5, 7.5]]
    assert least(parts, alternating(parts, 2)).item() == 0


def test_codes_are_those_of_the_nearest_values():
    scales = row(1.0, 2.0, 2.5)  # two of the values are out of order: 1 + 2 - 2.5 and -1 - 2 + 2.5
    assert values(scales).tolist() == [[-5.5, -3.5, -1.5, 0.5, -0.5, 1.5, 3.5, 5.5]]
    numbers = row(-9.0, -3.0, -0.4, 0.4, 1.6, 5.0)
    assert codes(numbers, scales).tolist() == [[0, 1, 4, 3, 5, 7]]


def test_zeros_count_nowhere():
    with_zeros = row(5.0, 0.0, 3.0, -1.0, 0.0, -7.0)
    for find in (greedy, alternating):
        assert torch.equal(find(with_zeros, 2), find(row(5.0, 3.0, -1.0, -7.0), 2))
        assert find(row(0.0, 0.0), 2).tolist() == [[0, 0]]
    assert least(with_zeros, row(2.0, 4.0)).item() == 4


numbers = st.lists(
    st.lists(st.integers(-40, 40), min_size=5, max_size=5), min_size=1, max_size=4
).map(lambda rows: torch.tensor(rows).double() / 4)


@given(numbers, st.integers(1, 4))
@settings(max_examples=25)
def test_alternating_is_never_worse_than_greedy(parts, bits):
    before, after = greedy(parts, bits), alternating(parts, bits)
    assert bool((least(parts, after) <= least(parts, before)).all())
    for scales in (before, after):
        assert torch.equal(scales, scales.bfloat16().double())
        assert bool((scales.diff(dim=1) >= 0).all() and (scales >= 0).all())


@given(numbers, st.integers(1, 4))
@settings(max_examples=25)
def test_codes_are_the_best_of_all(parts, bits):
    scales = greedy(parts, bits)
    signs = [[-1, 1] for _ in range(bits)]
    sums = [sum(s * scales[:, b] for b, s in enumerate(pick)) for pick in itertools.product(*signs)]
    distances = torch.stack([(parts - total[:, None]).abs() for total in sums]).amin(0)
    found = (values(scales).gather(1, codes(parts, scales)) - parts).abs()
    torch.testing.assert_close(found, distances, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("bits", "decibel"), [(1, 4.4), (2, 9.2), (3, 14.3), (4, 19.3)])
def test_a_normal_distribution_has_nearly_the_least_error_there_is(bits, decibel):
    """Of 2^bits free values, Max 1960 has 4.40, 9.30, 14.62 and 20.22 dB."""
    parts = torch.randn(1, 20_000, generator=torch.Generator().manual_seed(0)).double()
    found = least(parts, alternating(parts, bits))
    assert 10 * torch.log10(parts.square().sum() / found).item() == pytest.approx(decibel, abs=0.1)
