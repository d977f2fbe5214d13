"""Tests and intervals of ratings, with the listener as the unit.

Answers of one listener are not independent: who rates low rates everything low, and likes what he
likes. So tests compare listeners' own means, one number a listener and system, and never pool
trials. That says whether a difference holds for other listeners with these sentences; intervals
(`bootstrap.interval`) and the mixed model (`mixed.fit`) say so for other sentences, too.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tts_compress.listening.analysis.bootstrap import Cells, interval, levels
from tts_compress.listening.analysis.mixed import Model

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
MOST_EXACT = 50  # differences


class SignedRank(NamedTuple):
    """A test of paired differences.

    Attributes:
        n: How many differences there are.
        p: Two-sided p value; not a number if there are none.
        median: Median of the differences.
        rank_biserial: Share of the ranks that speak for the first, less that of those that speak
            against, -1 to 1.
    """

    n: int
    p: float
    median: float
    rank_biserial: float


def signed_rank(differences: Sequence[float] | Array) -> SignedRank:
    """Wilcoxon's signed-rank test of differences against 0.

    Differences of 0 are ranked with the others, and their ranks left out, as Pratt has it: to
    leave them out before ranking would let listeners who heard no difference speak for one. The p
    value is exact up to 50 listeners, also where differences are alike, as means of few answers
    often are; scipy's normal approximation beyond.

    >>> signed_rank([2, 1, -1, 3, 4, 5])
    SignedRank(n=6, p=0.09375, median=2.5, rank_biserial=0.8571428571428571)

    Source:
        Wilcoxon (1945), Biometrics Bulletin 1(6); Pratt (1959), JASA 54; Kerby (2014), The simple
        difference formula, for the effect size.
    """
    from scipy.stats import rankdata, wilcoxon

    values = np.asarray(differences, float)
    if not len(values):
        return SignedRank(0, float("nan"), float("nan"), float("nan"))
    if not values.any():
        return SignedRank(len(values), 1.0, 0.0, 0.0)
    magnitudes = np.abs(values).round(9)  # means of the same ratings in another order are alike
    ranks = (rankdata(magnitudes) * np.sign(values))[magnitudes > 0]
    if len(values) <= MOST_EXACT:
        p = _exact(ranks)
    else:
        p = float(wilcoxon(values.round(9), zero_method="pratt", method="asymptotic").pvalue)
    effect = float(ranks.sum() / np.abs(ranks).sum())
    return SignedRank(len(values), p, float(np.median(values)), effect)


def _exact(ranks: Array) -> float:
    """Two-sided p value of the sum of positive ranks, over all ways to give them signs.

    Source:
        Streitberg and Roehmel (1986), Exact distributions for permutation and rank tests, for the
        count of all ways, rank by rank.
    """
    doubled = np.rint(2 * np.abs(ranks)).astype(int)  # ranks that are alike may be halves
    chances = np.zeros(doubled.sum() + 1)
    chances[0] = 1.0
    for rank in doubled:
        chances[rank:] = (chances[rank:] + chances[:-rank]) / 2
        chances[:rank] /= 2
    positive = int(doubled[ranks > 0].sum())
    least = min(chances[: positive + 1].sum(), chances[positive:].sum())
    return float(min(1.0, 2 * least))


def holm(p_values: Sequence[float]) -> list[float]:
    """P values of one family, corrected; those that are not numbers stay so.

    >>> holm([0.01, 0.04, 0.03, 0.005])
    [0.03, 0.06, 0.06, 0.02]

    Source:
        Holm (1979), A simple sequentially rejective multiple test procedure, Scand. J. Stat. 6.
    """
    from statsmodels.stats.multitest import multipletests

    values = np.asarray(p_values, float)
    known = np.isfinite(values)
    if known.any():
        values[known] = multipletests(values[known], method="holm")[1]
    return [float(value) for value in values]


def listener_means(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Each listener's own mean of each system: listeners by systems."""
    return rows.pivot_table(index="listener", columns="system", values="value", aggfunc="mean")


def friedman(means: "pd.DataFrame") -> tuple[float, float]:
    """Friedman's test of whether all systems are alike, of listeners who rated them all.

    Returns:
        Its chi-squared, and its p value; not numbers below 3 systems or 2 listeners.

    Source:
        Friedman (1937), JASA 32.
    """
    from scipy.stats import friedmanchisquare

    whole = means.dropna()
    if len(whole) < 2 or whole.shape[1] < 3 or whole.nunique(axis=1).max() < 2:
        return float("nan"), float("nan")
    result = friedmanchisquare(*(whole[name] for name in whole))
    return float(result.statistic), float(result.pvalue)


def describe(
    rows: "pd.DataFrame", systems: Sequence[str], scale: tuple[float, float]
) -> "pd.DataFrame":
    """One line a system: its ratings' mean, median, quartiles and intervals.

    Args:
        rows: With ``listener``, ``sentence``, ``system``, ``role`` and ``value``.
        systems: Which systems, in order.
        scale: Ends of the scale, where intervals end, too.

    Returns:
        ``low`` and ``high`` are the two-way bootstrap's; ``votes_low`` and ``votes_high`` take
        every vote as independent, as opinion scores are commonly given after ITU-T P.800 and
        P.808 (mean and Student's t of the votes), and are too narrow for it.
    """
    import pandas as pd
    from scipy.stats import t

    where = levels(rows)
    lines = []
    for system in systems:
        own = rows[rows["system"] == system]
        values = own["value"].to_numpy(float)
        if not len(values):
            continue
        found = interval(Cells.of(own, *where))
        half = float("nan")
        if len(values) > 1:
            half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
        ends = (found.low, found.high, found.mean - half, found.mean + half)
        low, high, votes_low, votes_high = np.clip(ends, *scale)
        quartiles = np.quantile(values, [0.25, 0.5, 0.75])
        lines.append(
            {
                "system": system,
                "role": own["role"].iloc[0],
                "ratings": len(values),
                "listeners": own["listener"].nunique(),
                "mean": found.mean,
                "low": low,
                "high": high,
                "median": quartiles[1],
                "q1": quartiles[0],
                "q3": quartiles[2],
                "votes_low": votes_low,
                "votes_high": votes_high,
            }
        )
    return pd.DataFrame(lines)


def compare(
    rows: "pd.DataFrame", systems: Sequence[str], base: str, model: Model | None = None
) -> "pd.DataFrame":
    """One line a pair of systems: its difference, interval and tests.

    Pairs with `base` come first and are a family of their own for Holm's correction, since they
    are what the test was made for; all other pairs are the second family.

    Args:
        rows: With ``listener``, ``sentence``, ``system`` and ``value``.
        systems: What is compared, in order.
        base: What the others are planned to be compared with.
        model: Whose contrasts to add, as ``mixed_...``.

    Returns:
        ``difference`` is the mean of ``system`` less that of ``versus``.
    """
    import pandas as pd

    where = levels(rows)
    means = listener_means(rows)
    known = [name for name in systems if name in means]
    pairs = [(name, base) for name in known if name != base and base in known]
    pairs += [(b, a) for a, b in combinations([n for n in known if n != base], 2)]
    lines: list[dict[str, Any]] = []
    for system, versus in pairs:
        first, second = (
            Cells.of(rows[rows["system"] == name], *where) for name in (system, versus)
        )
        found = interval(first, second)
        test = signed_rank((means[system] - means[versus]).dropna().to_numpy())
        line = {"system": system, "versus": versus, "planned": versus == base}
        line |= {"listeners": test.n, "difference": found.mean, "low": found.low}
        line |= {"high": found.high, "median": test.median, "rank_biserial": test.rank_biserial}
        lines.append(line | {"p": test.p} | (model.contrast(system, versus) if model else {}))
    return with_holm(pd.DataFrame(lines))


def with_holm(table: "pd.DataFrame") -> "pd.DataFrame":
    """Adds ``p_holm``, of the planned pairs and of the others as two families."""
    if len(table):
        for planned in (True, False):
            family = table["planned"] == planned
            table.loc[family, "p_holm"] = holm(table.loc[family, "p"].tolist())
    return table
