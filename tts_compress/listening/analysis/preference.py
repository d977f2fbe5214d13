"""Tests and intervals of trials that compare two systems: preference, ABX and CMOS.

Rows carry ``system`` and ``versus``, and a ``value``: of a preference 1 where the system was
chosen, 0 where the other was, 1/2 where none was; of ABX 1 for a right answer and 0 for a wrong
one; of CMOS how much better the system was heard to be, -3 to 3.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tts_compress.listening.analysis.bootstrap import (
    Cells,
    Interval,
    interval,
    levels,
    share_interval,
)
from tts_compress.listening.analysis.mixed import fit_mean
from tts_compress.listening.analysis.statistics import holm, signed_rank, with_holm

if TYPE_CHECKING:
    import pandas as pd


def binomial(hits: int, n: int, alternative: str = "two-sided") -> float:
    """Exact p value of so many hits in n choices that are right by chance in half of cases.

    >>> round(binomial(9, 10), 4)
    0.0215
    """
    from scipy.stats import binomtest

    return float(binomtest(hits, n, 0.5, alternative=alternative).pvalue) if n else float("nan")


def d_prime_abx(share: float) -> float:
    """Sensitivity d' of an unbiased listener who is right in this share of ABX trials.

    The listener takes the two likelihoods of X as independent of A and B held in memory:
    share = Phi(d'/sqrt 2) Phi(d'/2) + Phi(-d'/sqrt 2) Phi(-d'/2); 0 at chance, infinite at 1.

    Source:
        Macmillan and Creelman (2005), Detection Theory, 2nd ed., chapter 9.
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    if share <= 0.5:
        return 0.0
    if share >= 1:
        return float("inf")

    def right(d: float) -> float:
        a, b = d / np.sqrt(2), d / 2
        return float(norm.cdf(a) * norm.cdf(b) + norm.cdf(-a) * norm.cdf(-b)) - share

    return float(brentq(right, 0, 50))


def preferences(rows: "pd.DataFrame") -> "pd.DataFrame":
    """One line a pair: how often the system was preferred, and whether that can be chance.

    An answer of no preference counts as half a choice for each; the binomial test, which knows no
    halves, leaves them out. Tests of each line:

    - ``p``: Wilcoxon's, of each listener's own share against 1/2: the listener is the unit.
    - ``p_sign``: exact sign test of how many listeners chose it more often than not.
    - ``p_choices``: exact binomial test of all choices, as if each came from another listener; too
      sure where listeners differ in taste.
    """
    return _by_pair(rows, _preference)


def _preference(rows: "pd.DataFrame") -> dict[str, Any]:
    shares = rows.groupby("listener")["value"].mean()
    found = _share(rows)
    chosen, other = (int((rows["value"] == value).sum()) for value in (1, 0))
    more, less = int((shares > 0.5).sum()), int((shares < 0.5).sum())
    test = signed_rank(shares.to_numpy() - 0.5)
    return {
        "share": found.mean,
        "low": found.low,
        "high": found.high,
        "chosen": chosen,
        "other": other,
        "neither": len(rows) - chosen - other,
        "listeners_for": more,
        "listeners_against": less,
        "rank_biserial": test.rank_biserial,
        "p": test.p,
        "p_sign": binomial(more, more + less),
        "p_choices": binomial(chosen, chosen + other),
    }


def discriminations(rows: "pd.DataFrame") -> "pd.DataFrame":
    """One line a pair of an ABX test: how often X was told, and whether that can be guessing.

    If nobody hears a difference, an answer is right by a chance of 1/2, whoever gives it, so the
    binomial test takes all answers together. It asks for more right answers than chance gives
    (one-sided). It is exact for guesses that do not depend on each other. Each listener has each
    stimulus as X equally often, as far as the trials allow: who spreads guesses as evenly makes
    the test a little too sure (6 % instead of 5 % with 8 trials each), and who always names the
    same place is right in half of the trials, which makes it too careful.

    Returns:
        ``able`` counts listeners whose own answers are too good for guessing, at 5 % after Holm's
        correction over listeners; ``d_prime`` is `d_prime_abx` of the share.
    """
    return _by_pair(rows, _discrimination)


def _discrimination(rows: "pd.DataFrame") -> dict[str, Any]:
    found = _share(rows)
    right = int(rows["value"].sum())
    own = rows.groupby("listener")["value"].agg(["sum", "count"])
    p_values = [binomial(int(k), int(n), "greater") for k, n in own.to_numpy()]
    return {
        "share": found.mean,
        "low": found.low,
        "high": found.high,
        "right": right,
        "d_prime": d_prime_abx(found.mean),
        "able": sum(p < 0.05 for p in holm(p_values)),
        "p": binomial(right, len(rows), "greater"),
    }


def comparisons(rows: "pd.DataFrame", *, mixed: bool = True) -> "pd.DataFrame":
    """One line a pair of a CMOS test: how much better the system was heard to be.

    ``p`` is Wilcoxon's, of each listener's own mean against 0.

    Args:
        rows: The answers.
        mixed: Whether to fit the mixed model, too.
    """
    return _by_pair(rows, partial(_comparison, mixed=mixed))


def _comparison(rows: "pd.DataFrame", mixed: bool) -> dict[str, Any]:
    found = interval(Cells.of(rows, *levels(rows)))
    test = signed_rank(rows.groupby("listener")["value"].mean().to_numpy())
    model = fit_mean(rows) if mixed else None
    line = {
        "difference": found.mean,
        "low": found.low,
        "high": found.high,
        "median": test.median,
        "rank_biserial": test.rank_biserial,
        "p": test.p,
    }
    return line | (model.estimate() if model else {})


def _by_pair(
    rows: "pd.DataFrame", of_pair: Callable[["pd.DataFrame"], dict[str, Any]]
) -> "pd.DataFrame":
    """One line a pair, in order of appearance, with Holm's correction over all pairs."""
    import pandas as pd

    lines = []
    for (system, versus), own in rows.groupby(["system", "versus"], sort=False):
        line = {"system": system, "versus": versus, "planned": True}
        line |= {"listeners": own["listener"].nunique(), "trials": len(own)}
        lines.append(line | of_pair(own))
    return with_holm(pd.DataFrame(lines))


def _share(rows: "pd.DataFrame") -> Interval:
    found = interval(Cells.of(rows, *levels(rows)))
    return share_interval(found, rows["listener"].nunique(), len(rows))
