import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from tts_compress.listening.analysis.bootstrap import Cells, Interval, interval, share_interval

LISTENERS = np.array([3.0, -1, 4, 1, -5, 9, -2, 6])
SENTENCES = np.array([2.0, 7, -1, 8, 2])


def cells(total):
    return Cells(np.asarray(total, float), np.ones(np.shape(total)))


def test_cells_add_up_what_a_listener_said_of_a_sentence():
    rows = pd.DataFrame(
        {"listener": ["a", "b", "b"], "sentence": [1, 2, 2], "value": [3.0, 4.0, 6.0]}
    )
    found = Cells.of(rows, ["a", "b"], [1, 2])
    assert found.total.tolist() == [[3, 0], [0, 10]]
    assert found.count.tolist() == [[1, 0], [0, 2]]
    assert found.mean == pytest.approx(13 / 3)


def test_listeners_alone_give_the_variance_of_a_mean():
    found = interval(cells(np.repeat(LISTENERS[:, None], 5, axis=1)))
    assert found.mean == LISTENERS.mean()
    assert found.error == pytest.approx(LISTENERS.std(ddof=1) / np.sqrt(8), rel=0.04)
    assert found.high - found.mean == pytest.approx(t.ppf(0.975, 7) * found.error)


def test_listeners_and_sentences_add_their_variances():
    """Balanced, and nothing else varies: s2/8 + s2/5, at the degrees of freedom of Clark's F'."""
    found = interval(cells(LISTENERS[:, None] + SENTENCES))
    own, other = LISTENERS.var(ddof=1) / 8, SENTENCES.var(ddof=1) / 5
    assert found.error == pytest.approx(np.sqrt(own + other), rel=0.04)
    df = (own + other) ** 2 / (own**2 / 7 + other**2 / 4)
    assert (found.high - found.mean) / found.error == pytest.approx(t.ppf(0.975, df), rel=0.02)


def test_what_both_systems_share_leaves_a_difference():
    """Listeners and sentences are the same for both: only tastes are left."""
    tastes = np.array([1.0, 2, 0, 1, 3, 2, 1, 2])
    shared = LISTENERS[:, None] + SENTENCES
    found = interval(cells(shared + tastes[:, None]), cells(shared))
    assert found.mean == pytest.approx(1.5)
    assert found.error == pytest.approx(tastes.std(ddof=1) / np.sqrt(8), rel=0.04)


def test_intervals_hold_the_truth_as_often_as_they_say():
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        listeners = generator.normal(0, 4, (20, 1))
        sentences = generator.normal(0, 2, (1, 8))
        found = interval(cells(listeners + sentences + generator.normal(0, 6, (20, 8))))
        held += found.low <= 0 <= found.high
    assert 181 <= held <= 199  # 190, give or take three standard errors


def test_same_numbers_each_time():
    assert interval(cells(LISTENERS[:, None] + SENTENCES)) == interval(
        cells(LISTENERS[:, None] + SENTENCES)
    )


def test_one_listener_has_no_interval_and_one_sentence_has():
    alone = interval(cells([[1.0, 2, 3]]))
    assert alone.mean == 2
    assert np.isnan([alone.low, alone.high, alone.error]).all()
    assert np.isfinite(interval(cells([[1.0], [2], [3]])).error)


class TestShare:
    def test_as_clopper_and_pearson_for_independent_choices(self):
        """10 of 20, with the error of 20 independent choices: 27.2 % to 72.8 %."""
        share = Interval(0.5, 0, 1, np.sqrt(0.25 / 20))
        found = share_interval(share, 5, 20)
        assert (found.low, found.high) == pytest.approx((0.27196, 0.72804), abs=1e-5)

    def test_all_alike_counts_listeners(self):
        """0.025 to the power of 1/10 is what 10 of 10 exclude below."""
        found = share_interval(Interval(1.0, 1, 1, 0.0), 10, 100)
        assert (found.low, found.high) == pytest.approx((0.025 ** (1 / 10), 1.0))
        none = share_interval(Interval(0.0, 0, 0, 0.0), 10, 100)
        assert (none.low, none.high) == pytest.approx((0.0, 1 - 0.025 ** (1 / 10)))

    def test_never_narrower_than_independent_choices(self):
        surer = share_interval(Interval(0.5, 0, 1, 1e-6), 5, 20)
        assert surer.low == pytest.approx(0.27196, abs=1e-5)
