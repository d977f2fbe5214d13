"""How many listeners a difference needs, and what difference a test could have found.

Without answers to measure from, what listeners commonly scatter is taken (`typical`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

POWER, LEVEL = 0.8, 0.05
WILCOXON = 3 / np.pi  # its asymptotic relative efficiency to the t test, if all is normal
MOST = 10_000  # listeners that are looked for
SOS, ALIKE = 0.25, 0.5
Parts = tuple[float, float, float]  # variances of listeners and of trials, trials a listener


@dataclass(frozen=True)
class Spread:
    """How differences of two systems scatter.

    Attributes:
        listener: Standard deviation of listeners' true mean differences.
        trial: Standard deviation of one trial's difference around its listener's.
        trials: How many trials a listener has of each system.
        measured: Whether it comes from answers.
    """

    listener: float
    trial: float
    trials: float
    measured: bool = True

    def error(self, trials: float | None = None) -> float:
        """Standard deviation of the mean difference that one listener gives."""
        return float(np.hypot(self.listener, self.trial / np.sqrt(trials or self.trials)))


def typical(low: float, high: float, trials: float, *, single: bool = False) -> Spread:
    """What to expect on a scale of ratings before anyone has rated.

    Votes of one stimulus have a variance of a (high - x)(x - low) where x is their mean: that is
    the SOS hypothesis, with a = 0.25 here, and x at three quarters of the scale. Half of that is
    taken as shared by both systems of a pair (correlation 0.5, an assumption), and what is left
    as half the listeners' and half the trials'.

    Args:
        low: Lower end of the scale.
        high: Upper end.
        trials: Trials of one listener and system.
        single: A rating is itself of a difference (CMOS), of which x is in the middle.

    Source:
        Hossfeld, Schatz and Egger (2011), SOS: The MOS is not enough!, QoMEX.
    """
    x = (low + high) / 2 if single else low + 0.75 * (high - low)
    vote = SOS * (high - x) * (x - low)
    of_pair = vote if single else 2 * vote * (1 - ALIKE)
    part = float(np.sqrt(of_pair / 2))
    return Spread(part, part, trials, measured=False)


def spread(rows: "pd.DataFrame", pairs: Sequence[tuple[str, str]]) -> Spread | None:
    """Measures how differences scatter, from ratings, pooled over pairs of systems.

    Where a listener rated both systems of a sentence, the difference of the two is what scatters;
    else the two means' variances are added. Variances are those of one-way analysis of variance
    with the listener as the group; a negative one counts as 0.

    Args:
        rows: With ``listener``, ``sentence``, ``system`` and ``value``.
        pairs: Which systems to pair.

    Returns:
        None if fewer than 3 listeners rated some pair, or none rated anything twice.
    """
    return _pooled(_parts(rows, *pair) for pair in pairs)


def spread_of(rows: "pd.DataFrame") -> Spread | None:
    """`spread` of rows whose ``value`` is a difference itself, pooled over their pairs."""
    return _pooled(_variances(own) for _, own in rows.groupby(["system", "versus"]))


def _pooled(found: Iterable[Parts | None]) -> Spread | None:
    parts = [part for part in found if part is not None]
    if not parts:
        return None
    listener, trial, trials = np.mean(parts, axis=0)
    return Spread(float(np.sqrt(max(listener, 0.0))), float(np.sqrt(trial)), float(trials))


def _parts(rows: "pd.DataFrame", system: str, versus: str) -> Parts | None:
    table = rows[rows["system"].isin((system, versus))].pivot_table(
        index=["listener", "sentence"], columns="system", values="value"
    )
    if table.shape[1] < 2:
        return None
    paired = (table[system] - table[versus]).dropna()
    if len(paired) >= 0.8 * len(table):
        return _variances(paired.rename("value").reset_index())
    means = table.groupby("listener").mean().dropna()
    counts = table.groupby("listener").count().loc[means.index]
    within = table.groupby("listener").var().mean()
    if len(means) < 3 or within.isna().any():
        return None
    of_means = float((means[system] - means[versus]).var())
    trials = float(counts.mean().mean())
    return of_means - float(within.sum()) / trials, float(within.sum()), trials


def _variances(rows: "pd.DataFrame") -> Parts | None:
    """Variance between and within listeners, and trials a listener."""
    own = rows.groupby("listener")["value"].agg(["mean", "var", "count"])
    repeated = own[own["count"] > 1]
    if len(own) < 3 or repeated.empty:
        return None
    weights = repeated["count"] - 1
    within = float((repeated["var"] * weights).sum() / weights.sum())
    return (
        float(own["mean"].var()) - within * float((1 / own["count"]).mean()),
        within,
        float(own["count"].mean()),
    )


def power_paired(difference: float, deviation: float, listeners: float) -> float:
    """Power of a two-sided paired t test at 5 %.

    >>> round(power_paired(0.5, 1.0, 34), 4)
    0.8078

    Source:
        Cohen (1988), Statistical Power Analysis, 2nd ed., chapter 2; noncentral t.
    """
    from scipy.stats import nct, t

    if listeners < 2:
        return 0.0
    if deviation == 0:
        return 1.0 if difference else LEVEL
    df, shift = listeners - 1, abs(difference) / deviation * np.sqrt(listeners)
    critical = t.ppf(1 - LEVEL / 2, df)
    if shift > critical + 10:  # certain, and too far out for the noncentral t to be computed
        return 1.0
    return float(nct.sf(critical, df, shift) + nct.sf(critical, df, -shift))


def power_of(difference: float, spread: Spread, listeners: int) -> float:
    """Power of Wilcoxon's test of listeners' means: that of t with 3/pi of the listeners."""
    return power_paired(difference, spread.error(), WILCOXON * listeners)


def listeners_needed(difference: float, spread: Spread, power: float = POWER) -> int | None:
    """Least number of listeners with which Wilcoxon's test finds a difference so often.

    Returns:
        None if ten thousand are too few, or the difference is 0.
    """
    if not difference or power_of(difference, spread, MOST) < power:
        return None
    least = 6  # with fewer, no result of the signed-rank test reaches 5 %
    low, high = least - 1, MOST
    while high - low > 1:
        middle = (low + high) // 2
        found = power_of(difference, spread, middle) >= power
        low, high = (low, middle) if found else (middle, high)
    return high


def detectable(spread: Spread, listeners: int, power: float = POWER) -> float:
    """Least difference that so many listeners show so often; infinite for fewer than 6."""
    from scipy.optimize import brentq

    error = spread.error()
    if listeners < 6 or error == 0:
        return 0.0 if error == 0 else float("inf")
    return error * float(
        brentq(lambda d: power_paired(d, 1.0, WILCOXON * listeners) - power, 0.0, 50.0)
    )


def choices_needed(share: float, power: float = POWER, *, one_sided: bool = False) -> int | None:
    """Least number of independent choices with which the exact binomial test finds a share.

    The power of an exact test goes up and down with n; from the number given, it stays.

    >>> choices_needed(0.65, one_sided=True)
    76

    Args:
        share: True share of the choices, such as 0.6 preferred or told right.
        power: How often it is to be found.
        one_sided: Only shares above 1/2 are looked for, as in ABX.
    """
    if share == 0.5:
        return None
    powers = [binomial_power(share, n, one_sided=one_sided) for n in range(1, 2001)]
    short = [n for n, value in enumerate(powers, start=1) if value < power]
    return short[-1] + 1 if short[-1] < 2000 else None


def binomial_power(share: float, n: int, *, one_sided: bool = False) -> float:
    """Power of the exact binomial test against 1/2, of n independent choices, at 5 %."""
    from scipy.stats import binom

    tail = LEVEL if one_sided else LEVEL / 2
    critical = int(binom.isf(tail, n, 0.5)) + 1  # P(hits >= critical) <= tail
    power = float(binom.sf(critical - 1, n, share))
    return power if one_sided else power + float(binom.cdf(n - critical, n, share))
