"""Bootstrap intervals of numbers made by hand, and how often they hold the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tts_compress.report.intervals import (
    FEWEST,
    Interval,
    difference_of,
    interval,
    intervals,
    mean_of,
    rate_of,
)

VALUES = st.lists(st.floats(-1e3, 1e3), min_size=FEWEST, max_size=30)


def numbered(values):
    return dict(enumerate(map(float, values), 1))


def test_a_mean_agrees_with_scipy_but_for_the_expansion():
    values = np.random.default_rng(3).normal(5, 2, size=200)
    found = interval(mean_of(numbered(values)))
    expected = stats.bootstrap(
        [values], np.mean, n_resamples=4999, method="percentile", rng=0
    ).confidence_interval
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(expected, abs=0.02)
    few = values[:20]
    narrow = stats.bootstrap([few], np.mean, n_resamples=4999, method="percentile", rng=0)
    wide = interval(mean_of(numbered(few)))
    plain = narrow.confidence_interval
    assert 1.04 < (wide.high - wide.low) / (plain.high - plain.low) < 1.16  # sqrt(20/19) t / z: 1.1


def test_a_pooled_rate_is_of_sums():
    errors, words = numbered([1, 0, 0, 0, 0, 9]), numbered([10, 10, 10, 10, 10, 50])
    found = interval(rate_of(errors, words))
    assert found.mean == 0.1  # the mean of the rates is 0.05
    assert 0 <= found.low < 0.1 < found.high <= 0.18


def test_a_paired_difference_is_of_what_both_have():
    ours, theirs = {n: n + 0.5 for n in range(1, 9)}, {n: float(n) for n in range(2, 12)}
    assert interval(difference_of([ours], [theirs])) == Interval(0.5, 0.5, 0.5)


def test_a_difference_of_rates_of_other_sums():
    seconds, longer = numbered([1, 2, 1, 2, 1, 2]), numbered([2, 4, 2, 4, 2, 4])
    work = numbered([10, 20, 10, 20, 10, 20])
    found = interval(difference_of([work, longer], [work, seconds]))
    assert (found.mean, found.low, found.high) == pytest.approx((-5, -5, -5))


@pytest.mark.parametrize("n_sentences", range(FEWEST))
def test_of_few_sentences_nothing_is_said(n_sentences):
    assert interval(mean_of(numbered(range(n_sentences)))) is None
    assert intervals({"few": mean_of(numbered(range(n_sentences)))}) == {}


@given(VALUES)
def test_the_mean_is_inside_and_the_ends_are_among_the_values(values):
    found = interval(mean_of(numbered(values)))
    assert found.mean == pytest.approx(np.mean(values), abs=1e-9)
    assert found.low <= found.mean <= found.high
    assert min(values) - 1e-9 <= found.low
    assert found.high <= max(values) + 1e-9


@given(VALUES)
def test_equal_runs_do_not_differ(values):
    same = numbered(values)
    assert interval(difference_of([same], [same])) == Interval(0.0, 0.0, 0.0)
    words = dict.fromkeys(same, 7.0)
    assert interval(difference_of([same, words], [same, words])) == Interval(0.0, 0.0, 0.0)


@given(VALUES, st.floats(-1e3, 1e3))
def test_what_is_added_to_all_moves_the_interval(values, more):
    before = interval(mean_of(numbered(values)))
    after = interval(mean_of(numbered(value + more for value in values)))
    assert (after.low, after.high) == pytest.approx((before.low + more, before.high + more))


def test_more_sentences_say_it_more_surely():
    widths = []
    for n_sentences in (6, 12, 24, 48, 96):
        found = interval(mean_of(numbered([0, 1] * (n_sentences // 2))))
        widths.append(found.high - found.low)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < widths[0] / 3


def test_samples_of_one_size_are_of_the_same_draws_whatever_stands_beside_them():
    one, other = numbered(range(10)), numbered(range(5, 15))
    both = intervals({"one": mean_of(one), "few": mean_of({1: 1.0}), "other": mean_of(other)})
    assert list(both) == ["one", "other"]
    assert both["one"] == interval(mean_of(one))
    assert both["other"].low == pytest.approx(both["one"].low + 5)


@pytest.mark.parametrize("n_sentences", [6, 10, 20, 48])
def test_the_truth_is_inside_95_times_of_100(n_sentences):
    """Of 1,000 normal samples; plain percentiles hold it 85 times of 100 for 6 sentences."""
    drawn = np.random.default_rng(n_sentences).normal(3, 2, size=(1000, n_sentences))
    found = intervals({number: mean_of(numbered(one)) for number, one in enumerate(drawn)})
    covered = np.mean([ends.low <= 3 <= ends.high for ends in found.values()])
    assert 0.92 <= covered <= 0.975


def test_a_paired_difference_is_surer_than_two_means():
    generator = np.random.default_rng(0)
    hard = generator.normal(0, 5, size=20)  # some sentences are hard for every network
    dense, ours = numbered(hard), numbered(hard + 0.5 + generator.normal(0, 0.1, size=20))
    paired, alone = interval(difference_of([ours], [dense])), interval(mean_of(ours))
    assert 0 < paired.low < 0.5 < paired.high < 1
    assert alone.high - alone.low > 20 * (paired.high - paired.low)


def test_a_rate_that_a_draw_may_not_have_has_no_interval():
    tops, bottoms = numbered([1, 0, 2, 0, 1, 1]), numbered([0, 4, 4, 4, 4, 4])
    whole = numbered([4] * 6)
    assert interval(rate_of(tops, bottoms)) is None
    assert interval(difference_of([tops, whole], [tops, bottoms])) is None
    assert interval(rate_of(tops, whole)) is not None
