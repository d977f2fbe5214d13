import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tts_compress.methods.quantizing.feedback import cholesky_diagonal, factors, feedback


def nearest(_, asked):
    return asked.round()


def matrix(rows, columns, seed, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, columns, generator=generator, dtype=torch.float64) * scale


def hessian_of(columns, seed):
    """Of as many inputs as columns and some more, which are correlated."""
    x = matrix(columns + 5, columns, seed) @ matrix(columns, columns, seed + 1)
    return x.T @ x


def distortion(weights, chosen, hessian):
    errors = weights - chosen
    return float((errors @ hessian * errors).sum())


def damped(hessian, damping):
    return hessian + damping * hessian.diagonal().mean() * torch.eye(len(hessian)).to(hessian)


def test_what_is_off_is_fed_on_as_far_as_inputs_say_the_same():
    hessian = torch.tensor([[1.0, 0.9], [0.9, 1.0]])
    weights = torch.tensor([[1.0, 0.8], [0.48, 0.48]])
    assert feedback(weights, hessian, nearest, damping=0).tolist() == [[1, 1], [0, 1]]
    asked = {}
    feedback(weights, hessian, lambda j, a: asked.setdefault(j, a).round(), damping=0)
    torch.testing.assert_close(asked[1], torch.tensor([0.8, 0.48 + 0.9 * 0.48]).double())


def test_in_another_order_the_other_column_makes_up_for_it():
    hessian = torch.tensor([[1.0, 0.5], [0.5, 4.0]])
    weights = torch.tensor([[0.3, 0.4]])
    # Column 1 first: 0.4 to 0; then 0.3 + 0.4 * 0.5 / 1 is asked of column 0.
    order, asked = torch.tensor([1, 0]), {}
    feedback(weights, hessian, lambda j, a: asked.setdefault(j, a).round(), 0, order)
    assert list(asked) == [1, 0]
    assert asked[0].item() == pytest.approx(0.3 + 0.4 * 0.5)


def gptq(weights, hessian, damping):
    """Algorithm 1 of the paper, one column at a time, with the inverse."""
    inverse = torch.linalg.inv(damped(hessian, damping))
    upper = torch.linalg.cholesky(inverse, upper=True)
    left, chosen = weights.clone(), torch.zeros_like(weights)
    for j in range(weights.shape[1]):
        chosen[:, j] = left[:, j].round()
        error = (left[:, j] - chosen[:, j]) / upper[j, j]
        left[:, j:] -= error[:, None] * upper[j, j:]
    return chosen


@pytest.mark.parametrize("block", [1, 5, 128])
def test_equals_algorithm_1_of_the_paper(block):
    weights, hessian = matrix(6, 24, seed=0, scale=3), hessian_of(24, seed=1)
    found = feedback(weights, hessian, nearest, damping=0.01, block=block)
    assert torch.equal(found, gptq(weights, hessian, 0.01))
    assert not torch.equal(found, weights.round())


@given(st.integers(1, 9), st.integers(0, 99), st.floats(0.001, 1), st.booleans())
def test_distortion_is_what_the_diagonal_says(columns, seed, damping, backwards):
    weights, hessian = matrix(3, columns, seed), hessian_of(columns, seed + 1)
    order = torch.arange(columns).flip(0) if backwards else None
    left = {}

    def choose(j, asked):
        left[j] = asked - asked.round()
        return asked.round()

    chosen = feedback(weights, hessian, choose, damping, order)
    costs = cholesky_diagonal(hessian, damping, order)
    expected = sum(float(costs[j] * error.square().sum()) for j, error in left.items())
    total = distortion(weights, chosen, damped(hessian, damping))
    assert total == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_it_is_better_than_plain_rounding_where_inputs_are_correlated():
    weights, hessian = matrix(20, 40, seed=3), hessian_of(40, seed=4)
    found = feedback(weights, hessian, nearest, damping=0.01)
    assert distortion(weights, found, hessian) < 0.4 * distortion(weights, weights.round(), hessian)


def test_of_independent_inputs_each_weight_is_rounded_alone():
    weights = matrix(4, 6, seed=0, scale=3)
    for hessian in (torch.diag(torch.arange(1.0, 7)), torch.zeros(6, 6)):
        assert torch.equal(feedback(weights, hessian, nearest), weights.round())


def test_columns_that_hear_nothing_are_rounded_alone():
    weights, hessian = matrix(4, 6, seed=0, scale=3), hessian_of(6, seed=1)
    hessian[2], hessian[:, 2] = 0, 0
    found = feedback(weights, hessian, nearest)
    assert torch.equal(found[:, 2], weights[:, 2].round())
    live = torch.tensor([0, 1, 3, 4, 5])
    mean = hessian.diagonal().mean() / hessian[live][:, live].diagonal().mean()
    alone = feedback(weights[:, live], hessian[live][:, live], nearest, damping=0.01 * float(mean))
    assert torch.equal(found[:, live], alone)


def test_zeros_stay_and_others_make_up_for_them():
    weights, hessian = matrix(5, 8, seed=0), hessian_of(8, seed=1)
    kept = matrix(5, 8, seed=2) > 0
    found = feedback(weights, hessian, lambda j, asked: torch.where(kept[:, j], asked, 0.0), 1e-9)
    assert not found[~kept].any()
    masked = weights * kept
    assert distortion(weights, found, hessian) < distortion(weights, masked, hessian)


def test_blocks_are_seen_before_they_are_chosen():
    weights, hessian = matrix(3, 7, seed=0), hessian_of(7, seed=1)
    order, seen = torch.tensor([6, 0, 5, 1, 4, 2, 3]), []
    done = []

    def ahead(columns, asked):
        assert not set(columns.tolist()) & set(done)
        seen.append((columns.tolist(), asked.clone()))

    def choose(j, asked):
        if j == seen[-1][0][0]:  # the first of a block is asked for what was shown
            torch.testing.assert_close(asked, seen[-1][1][:, 0])
        done.append(j)
        return asked.round()

    feedback(weights, hessian, choose, 0.01, order, ahead, block=3)
    assert [columns for columns, _ in seen] == [[6, 0, 5], [1, 4, 2], [3]]
    assert done == order.tolist()


def test_factors_multiply_to_the_damped_matrix():
    hessian = hessian_of(6, seed=0)
    unit, diagonal = factors(hessian, 0.1)
    torch.testing.assert_close(unit * diagonal @ unit.T, damped(hessian, 0.1))
    assert torch.equal(unit, unit.triu())
    assert torch.equal(unit.diagonal(), torch.ones(6).double())
