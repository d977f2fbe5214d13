from math import comb, inf

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon
from statsmodels.stats.power import TTestPower

from tts_compress.listening.analysis import power
from tts_compress.listening.analysis.power import Spread


@pytest.mark.parametrize(("n", "d"), [(5, 1.5), (20, 0.3), (34, 0.5), (90, 0.3)])
def test_paired_as_statsmodels(n, d):
    expected = TTestPower().power(d, n, 0.05)
    assert power.power_paired(2 * d, 2.0, n) == pytest.approx(expected, abs=1e-6)


def test_paired_as_g_power():
    """G*Power's first example of matched pairs: d = 0.5, 34 pairs, power 0.8078."""
    assert power.power_paired(0.5, 1, 34) == pytest.approx(0.8078, abs=1e-4)
    assert power.power_paired(0.5, 1, 33) < 0.8


def test_ends():
    assert power.power_paired(1, 0, 10) == 1
    assert power.power_paired(1, 0.001, 60) == 1
    assert power.power_paired(1, 1, 1) == 0
    assert power.listeners_needed(0, Spread(1, 1, 4)) is None
    assert power.detectable(Spread(1, 1, 4), 5) == inf


def test_listeners_needed_and_detectable_agree():
    spread = Spread(4, 9, 8)
    n = power.listeners_needed(3, spread)
    assert power.power_of(3, spread, n) >= 0.8 > power.power_of(3, spread, n - 1)
    assert power.detectable(spread, n) <= 3 < power.detectable(spread, n - 1)


def test_formula_as_simulation():
    """1,000 tests of 20 listeners with 4 trials, and with no difference at all."""
    generator = np.random.default_rng(0)
    tastes = generator.normal(0, 4, (1000, 20))
    noise = generator.normal(0, 6, (1000, 20, 4)).mean(axis=2)
    for difference in (0, 3.5):
        found = (wilcoxon(difference + tastes + noise, axis=1).pvalue < 0.05).mean()
        assert found == pytest.approx(power.power_of(difference, Spread(4, 6, 4), 20), abs=0.04)


def least(share, tail):
    """First number of choices of which enough right ones have a power of 80 %, by adding up."""
    for n in range(5, 200):
        chance = np.array([comb(n, k) for k in range(n + 1)]) / 2**n
        true = [comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n + 1)]
        critical = next(k for k in range(n + 2) if chance[k:].sum() <= tail)
        if sum(true[critical:]) >= 0.8:
            return n, critical, sum(true[critical:])
    raise AssertionError


def test_binomial_by_adding_up():
    n, _, expected = least(0.65, 0.05)
    assert n == 69  # as G*Power gives for g = 0.15, one tail
    assert power.binomial_power(0.65, n, one_sided=True) == pytest.approx(expected)
    assert power.binomial_power(0.5, 200) < 0.05
    n = power.choices_needed(0.65, one_sided=True)
    later = [power.binomial_power(0.65, k, one_sided=True) for k in range(n - 1, n + 300)]
    assert later[0] < 0.8 <= min(later[1:])
    assert power.choices_needed(0.5) is None


def simulated(paired):
    """Ratings of two systems with known scatter; of the same sentences, or of others."""
    generator = np.random.default_rng(3)
    lines = []
    for listener in range(400):
        own = generator.normal(50, 10)
        tastes = generator.normal(0, 3, 2)
        for system, taste in zip("ab", tastes, strict=True):
            for sentence in range(6):
                value = own + taste + generator.normal(0, 5)
                shown = sentence + (0 if paired or system == "a" else 6)
                lines.append((listener, shown, system, value))
    return pd.DataFrame(lines, columns=["listener", "sentence", "system", "value"])


@pytest.mark.parametrize("paired", [True, False])
def test_spread_is_recovered(paired):
    found = power.spread(simulated(paired), [("a", "b")])
    assert found.listener == pytest.approx(3 * 2**0.5, rel=0.12)
    assert found.trial == pytest.approx(5 * 2**0.5, rel=0.05)
    assert found.trials == 6
    assert found.measured


def test_spread_needs_listeners_and_repetition():
    rows = simulated(paired=True)
    assert power.spread(rows[rows["listener"] < 2], [("a", "b")]) is None
    assert power.spread(rows[rows["sentence"] == 0], [("a", "b")]) is None
    assert power.spread(rows, [("a", "c")]) is None


def test_typical_by_hand():
    """At 75 of 100, votes have a variance of 0.25 x 25 x 75 = 468.75; half is shared."""
    found = power.typical(0, 100, 4)
    assert found.listener == pytest.approx((468.75 / 2) ** 0.5)
    assert not found.measured
    # a difference itself, at the middle of -3 to 3: 0.25 x 9
    assert power.typical(-3, 3, 4, single=True).trial == pytest.approx((2.25 / 2) ** 0.5)
