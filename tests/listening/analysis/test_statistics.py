"""Published worked examples, and numbers by hand."""

from math import isnan, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import PermutationMethod, wilcoxon

from tts_compress.listening.analysis import statistics
from tts_compress.listening.analysis.preference import binomial
from tts_compress.listening.analysis.statistics import holm, signed_rank

# Depression scale factors of nine patients before and after a tranquilizer: Hollander and Wolfe
# (1973), Nonparametric Statistical Methods, table 3.1; V = 40, one-sided p = 0.01953.
BEFORE = (1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30)
AFTER = (0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29)
# NAG Library, example of g08aef (Siegel 1956): statistic 8.583, without a correction of the one
# pair of ties; with it, 8.583 / (1 - 6 / 432).
FRIEDMAN = (
    (1, 2, 1, 1, 3, 2, 3, 1, 3, 3, 2, 2, 3, 2, 2.5, 3, 3, 2),
    (3, 3, 3, 2, 1, 3, 2, 3, 1, 1, 3, 3, 2, 3, 2.5, 2, 2, 3),
    (2, 1, 2, 3, 2, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1),
)

ROUNDING = (
    (5.40, 5.50, 5.55),
    (5.85, 5.70, 5.75),
    (5.20, 5.60, 5.50),
    (5.55, 5.50, 5.40),
    (5.90, 5.85, 5.70),
    (5.45, 5.55, 5.60),
    (5.40, 5.40, 5.35),
    (5.45, 5.50, 5.35),
    (5.25, 5.15, 5.00),
    (5.85, 5.80, 5.70),
    (5.25, 5.20, 5.10),
    (5.65, 5.55, 5.45),
    (5.60, 5.35, 5.45),
    (5.05, 5.00, 4.95),
    (5.50, 5.50, 5.40),
    (5.45, 5.55, 5.50),
    (5.55, 5.55, 5.35),
    (5.45, 5.50, 5.55),
    (5.50, 5.45, 5.25),
    (5.65, 5.60, 5.40),
    (5.70, 5.65, 5.55),
    (6.30, 6.30, 6.25),
)


def rows_of(values, role="system"):
    """Rows of {system: {(listener, sentence): rating}}."""
    return pd.DataFrame(
        [
            {"listener": who, "sentence": s, "system": name, "role": role, "value": float(v)}
            for name, cells in values.items()
            for (who, s), v in cells.items()
        ]
    )


class TestSignedRank:
    def test_published_example(self):
        test = signed_rank(np.subtract(BEFORE, AFTER))
        assert test.p == pytest.approx(2 * 0.01953, abs=1e-5)
        assert test.rank_biserial == pytest.approx((40 - 5) / 45)  # V and what is left of 45

    def test_trials_of_a_listener_are_averaged_before(self):
        """The published differences as means of two trials that differ by one."""
        halves = {(i, s): v + (s - 1.5) for i, v in enumerate(BEFORE) for s in (1, 2)}
        others = {(i, s): v + (s - 1.5) for i, v in enumerate(AFTER) for s in (1, 2)}
        rows = rows_of({"before": halves, "after": others})
        line = statistics.compare(rows, ["after", "before"], "after").iloc[0]
        assert line["listeners"] == 9
        assert line["p"] == pytest.approx(0.0390625)
        assert line["difference"] == pytest.approx(np.mean(BEFORE) - np.mean(AFTER))
        assert line["median"] == pytest.approx(0.49)

    def test_no_difference_of_a_listener_speaks_for_neither(self):
        """Ranks 2 to 6 are left, all of one sign: 2 of 2^5 outcomes are so far out."""
        assert signed_rank([0, 1, 2, 3, 4, 5]).p == pytest.approx(2 / 2**5)

    @pytest.mark.parametrize("n", [6, 11, 25, 50])
    def test_as_scipy_where_no_two_are_alike(self, n):
        differences = np.random.default_rng(n).normal(0.3, 1, n)
        expected = wilcoxon(differences, method="exact").pvalue
        assert signed_rank(differences).p == pytest.approx(expected)

    def test_as_scipy_counts_all_signs_where_some_are_alike(self):
        differences = [1, 1, 2, -1, 0, 3, 3, 0, -2, 4, 4, 4]
        expected = wilcoxon(differences, zero_method="pratt", method=PermutationMethod()).pvalue
        assert signed_rank(differences).p == pytest.approx(expected)

    def test_many_listeners_are_approximated(self):
        differences = np.random.default_rng(0).normal(0.3, 1, 60)
        exact = wilcoxon(differences, method="exact").pvalue
        assert signed_rank(differences).p == pytest.approx(exact, abs=0.002)

    def test_all_zero_and_none(self):
        assert signed_rank([0, 0]) == (2, 1.0, 0.0, 0.0)
        assert isnan(signed_rank([]).p)

    @given(st.lists(st.integers(-100, 100), min_size=1, max_size=12))
    def test_swapping_systems_changes_signs_alone(self, values):
        there, back = signed_rank(values), signed_rank([-v for v in values])
        assert there.p == pytest.approx(back.p)
        assert there.rank_biserial == pytest.approx(-back.rank_biserial)
        assert there.median == pytest.approx(-back.median)


class TestHolm:
    def test_worked_example(self):
        """0.005 x 4, 0.01 x 3, 0.03 x 2, then no less than before."""
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])

    def test_what_was_not_tested_does_not_count(self):
        corrected = holm([0.02, float("nan"), 0.04])
        assert corrected[0] == pytest.approx(0.04)
        assert isnan(corrected[1])

    def test_planned_pairs_are_a_family_of_their_own(self):
        table = pd.DataFrame({"planned": [True, True, False], "p": [0.01, 0.04, 0.03]})
        corrected = statistics.with_holm(table)["p_holm"]
        assert corrected.tolist() == pytest.approx([0.02, 0.04, 0.03])


class TestFriedman:
    def test_published_example(self):
        statistic, p = statistics.friedman(pd.DataFrame(np.transpose(FRIEDMAN)))
        assert statistic * (1 - 6 / 432) == pytest.approx(8.583, abs=5e-4)
        assert p == pytest.approx(0.013, abs=5e-4)

    def test_published_example_of_rounding_first_base(self):
        """Hollander and Wolfe (1973), table 7.1; R's friedman.test gives 11.143, p = 0.003805."""
        means = pd.DataFrame(ROUNDING, columns=["round out", "narrow", "wide"])
        statistic, p = statistics.friedman(means)
        assert statistic == pytest.approx(11.1429, abs=1e-4)
        assert p == pytest.approx(0.003805, abs=1e-6)

    def test_listeners_who_missed_a_system_are_left_out(self):
        whole = pd.DataFrame(np.transpose(FRIEDMAN))
        whole.loc[18] = [1, 2, np.nan]
        assert statistics.friedman(whole)[0] == pytest.approx(8.704, abs=5e-4)

    def test_two_systems_or_all_alike_need_no_such_test(self):
        assert isnan(statistics.friedman(pd.DataFrame({"a": [1, 2], "b": [2, 3]}))[1])
        assert isnan(statistics.friedman(pd.DataFrame({"a": [1, 1], "b": [1, 1], "c": [1, 1]}))[1])


class TestDescribe:
    def test_by_hand(self):
        rows = rows_of({"a": {(0, 1): 1, (0, 2): 2, (1, 1): 4, (1, 2): 5}})
        line = statistics.describe(rows, ["a"], (1, 5)).iloc[0]
        assert (line["mean"], line["median"], line["ratings"], line["listeners"]) == (3, 3, 4, 2)
        assert (line["q1"], line["q3"]) == (1.75, 4.25)
        # s = sqrt(10 / 3), t(3) = 3.182: 3 +- 2.905, and the scale ends at 1 and 5
        assert (line["votes_low"], line["votes_high"]) == (1, 5)
        wide = statistics.describe(rows, ["a"], (-10, 10)).iloc[0]
        assert wide["votes_high"] - 3 == pytest.approx(3.18245 * sqrt(10 / 3) / 2, abs=1e-4)

    def test_systems_nobody_rated_are_left_out(self):
        rows = rows_of({"a": {(0, 1): 1}})
        assert statistics.describe(rows, ["a", "b"], (1, 5))["system"].tolist() == ["a"]


def test_compare_takes_base_first_and_then_all_pairs():
    rows = rows_of({name: {(who, 1): who + i for who in range(6)} for i, name in enumerate("abc")})
    table = statistics.compare(rows, ["a", "b", "c"], "b")
    pairs = [tuple(pair) for pair in table[["system", "versus"]].to_numpy()]
    assert pairs == [("a", "b"), ("c", "b"), ("c", "a")]
    assert table["planned"].tolist() == [True, True, False]
    assert table["difference"].tolist() == pytest.approx([-1, 1, 2])


def test_false_positives_at_5_percent():
    """1,000 tests without a difference; the listener rates high or low, the sentences differ."""
    generator = np.random.default_rng(4)
    found = 0
    for _ in range(1000):
        listeners = generator.normal(0, 12, (20, 1, 1))
        sentences = generator.normal(0, 8, (1, 6, 1))
        tastes = generator.normal(0, 5, (20, 1, 2))
        noise = generator.normal(0, 8, (20, 6, 2))
        ratings = np.clip(np.round(60 + listeners + sentences + tastes + noise), 0, 100)
        means = ratings.mean(axis=1)
        found += signed_rank(means[:, 1] - means[:, 0]).p < 0.05
    assert 32 <= found <= 68


def test_false_positives_of_choices():
    """1,000 tests of listeners with tastes of their own, none on average; and of guessing."""
    generator = np.random.default_rng(5)
    by_listener = guessing = 0
    for _ in range(1000):
        share = 1 / (1 + np.exp(-generator.normal(0, 1.5, 21)))
        shares = generator.binomial(9, share) / 9
        by_listener += signed_rank(shares - 0.5).p < 0.05
        guessing += binomial(generator.binomial(200, 0.5), 200, "greater") < 0.05
    assert 32 <= by_listener <= 68
    assert 25 <= guessing <= 68  # an exact test of 200 answers has a level of 3.8 %


def test_a_difference_is_found():
    generator = np.random.default_rng(6)
    found = sum(
        signed_rank(generator.normal(5, 6, 20)).p < 0.05 for _ in range(100)
    )  # 3.7 standard errors
    assert found >= 85
