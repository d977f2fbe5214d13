"""Steps and levels of one matrix: by hand, and against what they promise."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_compress.encodings import Item, entropy_bytes
from tts_compress.methods.calibration.sensitivity import Curvature
from tts_compress.methods.quantizing import allocation
from tts_compress.methods.quantizing.allocation import scaled
from tts_compress.methods.quantizing.least_cost import least_cost_levels


def alone(n):
    return np.eye(n)


def curvature(rows, columns, seed=0, shared=0.0):
    """A curvature whose rows, and columns, act together as far as `shared` says."""
    generator = torch.Generator().manual_seed(seed)

    def moments(n):
        x = torch.randn(4 * n, n, generator=generator, dtype=torch.float64)
        x += shared * torch.randn(4 * n, 1, generator=generator, dtype=torch.float64)
        x *= torch.logspace(-1, 1, n, dtype=torch.float64)
        return x.T @ x / (4 * n)

    along = moments(columns)
    return Curvature(moments(rows), along / along.trace())


def weights(rows=24, columns=40, seed=1):
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


def change(weight, form, how):
    """What is said changes by this, to second order."""
    error = weight.double() - form.dense().double()
    return float((how.rows @ error @ how.columns * error).sum())


def test_bits_cost_by_the_mean_so_far():
    one = np.ones((1, 1))
    # The first mean is 0.5: each step of magnitude is log2(3) bits, and a sign one more.
    # 0.9 is off by 0.81 as 0 and by 0.01 as 1, so 0.8 is worth 2.585 bits up to a bit of 0.309.
    assert least_cost_levels(0.9 * one, one, one, one, one, 0.30) == 1
    assert least_cost_levels(0.9 * one, one, one, one, one, 0.32) == 0
    # Of importance 4, an error counts four times as much, and so does its bit.
    assert least_cost_levels(0.9 * one, one, 4 * one, one, one, 1.2) == 1
    assert least_cost_levels(-1.8 * one, 0.5 * one, one, one, one, 1e-9) == -4


def test_errors_are_made_up_for_along_a_row_and_along_a_column():
    step, lower = np.ones((1, 2)), np.array([[1.0, 0.0], [1.0, 1.0]])
    row = np.array([[0.4, 0.4]])
    assert least_cost_levels(row, step, step, alone(1), alone(2), 1e-9).tolist() == [[0, 0]]
    assert least_cost_levels(row, step, step, alone(1), lower, 1e-9).tolist() == [[0, 1]]
    column, steps = row.T.copy(), step.T.copy()
    assert least_cost_levels(column, steps, steps, lower, alone(1), 1e-9).tolist() == [[0], [1]]


def test_the_example_of_the_method():
    how = Curvature(torch.eye(2).double(), torch.tensor([16.0, 1.0]).double().diag() / 17)
    weight = torch.tensor([[0.9, 2.2], [0.4, -0.3]])
    form = scaled(weight, how, bit=0.0348)
    assert float(form.step) == 1
    assert form.columns.tolist() == [-4, 4]  # steps of a half and of two
    assert form.rows.tolist() == [0, 0]
    assert form.dense().tolist() == [[1, 2], [0.5, 0]]


def test_with_cheap_bits_every_error_is_small_and_adds_the_same():
    weight, how = weights(), curvature(24, 40, shared=1.0)
    bit = 1e-6
    form = scaled(weight, how, bit)
    assert (form.levels != 0).float().mean() > 0.9
    # An even error of a step s has the mean square s^2 / 12; damping makes up the difference.
    assert change(weight, form, how) < 1.5 * weight.numel() * allocation.STEP * bit / 12


def test_errors_that_are_made_up_for_take_fewer_bytes():
    weight, how = weights(), curvature(24, 40, shared=3.0)
    together = scaled(weight, how, 1e-4)
    apart = Curvature(how.rows.diagonal().diag(), how.columns.diagonal().diag())
    plain = scaled(weight, apart, 1e-4)
    assert entropy_bytes([Item(together.dense(), together)]) < 0.9 * entropy_bytes(
        [Item(plain.dense(), plain)]
    )
    assert change(weight, together, how) < 1.2 * change(weight, plain, how)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99), st.floats(-6, 0), st.floats(0.3, 3))
def test_a_dearer_bit_gives_no_more_bytes_and_no_less_change(seed, power, more):
    weight, how = weights(seed=seed), curvature(24, 40, seed)
    forms = [scaled(weight, how, 10.0**exponent) for exponent in (power, power + more)]
    sizes = [entropy_bytes([Item(form.dense(), form)]) for form in forms]
    assert sizes[1] <= sizes[0]
    assert change(weight, forms[1], how) >= 0.9 * change(weight, forms[0], how)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99), st.floats(-8, 0))
def test_zeros_stay_and_it_is_the_same_each_time(seed, power):
    weight = weights(seed=seed)
    pruned = torch.rand(weight.shape, generator=torch.Generator().manual_seed(seed)) < 0.5
    weight[pruned] = 0
    how = curvature(24, 40, seed, shared=1.0)
    first, second = (scaled(weight, how, 10.0**power) for _ in range(2))
    assert not first.levels[pruned].any()
    assert torch.equal(first.dense(), second.dense())


def test_what_nothing_depends_on_becomes_zero():
    assert not scaled(weights(), None, 1e-9).levels.any()
    tiny = Curvature(1e-30 * torch.eye(24).double(), torch.eye(40).double() / 40)
    assert not scaled(weights(), tiny, 1e-3).levels.any()


def test_steps_are_no_smaller_than_the_levels_reach():
    form = scaled(weights(), curvature(24, 40), bit=1e-40)
    assert 1000 < int(form.levels.int().abs().max()) <= 32767
    assert form.step == form.step.bfloat16().float()


def test_a_large_weight_of_a_coarse_step_does_not_make_fine_steps_coarser():
    how = Curvature(torch.eye(2).double(), torch.tensor([1.0, 1e-9]).double().diag())
    weight = torch.tensor([[1e-2, 1.0], [-1e-2, 1.0]])
    form = scaled(weight, how, 1e-18)
    assert form.columns.tolist() == [-13, 13]  # steps of the second are 90 times those of the first
    assert form.levels.int().abs().min() > 10_000


def test_vectors_and_convolutions_keep_their_shapes():
    vector, convolution = torch.tensor([0.5, -1.0, 0.0]), torch.ones(2, 3, 4)
    how = Curvature(torch.eye(1).double(), torch.eye(3).double() / 3)
    assert scaled(vector, how, 1e-6).dense() == pytest.approx(vector, abs=0.01)
    assert scaled(convolution, curvature(2, 12), 1e-9).dense().shape == (2, 3, 4)


def test_a_row_of_one_weight_has_no_exponent():
    form = scaled(weights(5, 1), Curvature(curvature(5, 2).rows, torch.ones(1, 1).double()), 1e-4)
    assert form.rows.tolist() == [0] * 5
    assert math.isfinite(float(form.step))
