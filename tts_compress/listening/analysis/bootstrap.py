"""Intervals that hold for other listeners and other sentences: the two-way cluster bootstrap."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
REPLICATES, SEED = 2000, 0


@dataclass(frozen=True)
class Cells:
    """What was answered, added up for each listener and sentence.

    Attributes:
        total: Sum of the values, ``(listeners, sentences)``.
        count: How many values there are, of the same shape.
    """

    total: Array
    count: Array

    @classmethod
    def of(cls, rows: "pd.DataFrame", listeners: list[Any], sentences: list[Any]) -> "Cells":
        """Adds up the column ``value`` of rows, at the given listeners and sentences."""
        shape = len(listeners), len(sentences)
        total, count = np.zeros(shape), np.zeros(shape)
        where = (
            [listeners.index(name) for name in rows["listener"]],
            [sentences.index(name) for name in rows["sentence"]],
        )
        np.add.at(total, where, rows["value"].to_numpy(float))
        np.add.at(count, where, 1.0)
        return cls(total, count)

    @property
    def mean(self) -> float:
        """Mean of all values."""
        return float(self.total.sum() / self.count.sum())


def levels(rows: "pd.DataFrame") -> tuple[list[Any], list[Any]]:
    """Listeners and sentences of some rows, in order."""
    return sorted(rows["listener"].unique()), sorted(rows["sentence"].unique())


@dataclass(frozen=True)
class Interval:
    """A mean and how sure it is.

    Attributes:
        mean: The mean, or the difference of two.
        low: Lower end of the 95 % interval.
        high: Upper end.
        error: Standard error.
    """

    mean: float
    low: float
    high: float
    error: float


def interval(cells: Cells, base: Cells | None = None) -> Interval:
    """95 % interval of a mean, or of its difference from the mean of `base`.

    Listeners and sentences are drawn anew, independently of each other; what a listener answered
    of a sentence counts as often as both were drawn. So the interval holds for other listeners and
    other sentences of the kind. Of n listeners n - 1 are drawn, and likewise of sentences, which
    makes the variance unbiased where one of them is all that varies.

    What scatters from answer to answer comes into that variance three times: with the listeners,
    with the sentences, and with both at once. Drawing listeners alone gives L, sentences alone S,
    both B = L + S + A, of which the last part is from answer to answer; the variance of the mean
    is L + S - A, so 2 (L + S) - B, and never less than the larger of L and S. The half width is
    its root times Student's t at the degrees of freedom that Clark gives to F' of two random
    factors.

    Args:
        cells: Of the answers.
        base: Of other answers by the same listeners of the same sentences.

    Source:
        Owen (2007), The pigeonhole bootstrap, Ann. Appl. Stat. 1(2), and Owen and Eckles (2012),
        Bootstrapping data arrays of arbitrary order, Ann. Appl. Stat. 6(3), for the scheme and its
        bias. Cameron, Gelbach and Miller (2011), Robust inference with multiway clustering,
        J. Bus. Econ. Stat. 29(2), for L + S - A. Rao and Wu (1988), Resampling inference with
        complex survey data, JASA 83, for n - 1. Clark (1973), The language-as-fixed-effect
        fallacy, J. Verb. Learn. Verb. Behav. 12, for the degrees of freedom.
    """
    from scipy.stats import t

    mean = cells.mean - (base.mean if base else 0.0)
    n_listeners, n_sentences = cells.total.shape
    generator = np.random.default_rng(SEED)
    by_listener = _weights(generator, n_listeners)
    by_sentence = _weights(generator, n_sentences)
    even = np.ones((1, n_listeners)), np.ones((1, n_sentences))
    both, listeners, sentences = (
        float(np.var(differences, ddof=1)) if len(differences) > 1 else 0.0
        for differences in (
            _means(cells, base, by_listener, by_sentence),
            _means(cells, base, by_listener, even[1]),
            _means(cells, base, even[0], by_sentence),
        )
    )
    if n_listeners < 2:
        return Interval(mean, float("nan"), float("nan"), float("nan"))
    df = _degrees(listeners, n_listeners, sentences, n_sentences)
    error = float(np.sqrt(max(2 * (listeners + sentences) - both, listeners, sentences)))
    half = float(t.ppf(0.975, df)) * error
    return Interval(mean, mean - half, mean + half, error)


def _weights(generator: np.random.Generator, n: int) -> Array:
    """How often each of n is drawn, ``(replicates, n)``; one alone is always there."""
    if n == 1:
        return np.ones((REPLICATES, 1))
    return generator.multinomial(n - 1, np.full(n, 1 / n), REPLICATES).astype(float)


def _means(cells: Cells, base: Cells | None, listeners: Array, sentences: Array) -> Array:
    """Mean of each replicate, or its difference; those in which nothing is left are left out."""

    def weighted(values: Array) -> Array:
        return np.asarray((listeners @ values * sentences).sum(axis=1))

    with np.errstate(invalid="ignore", divide="ignore"):
        means = weighted(cells.total) / weighted(cells.count)
        if base:
            means = means - weighted(base.total) / weighted(base.count)
    return means[np.isfinite(means)]


def _degrees(listeners: float, n_listeners: int, sentences: float, n_sentences: int) -> float:
    """Degrees of freedom of two variances that are added up, each of its own sample."""
    parts = listeners**2 / (n_listeners - 1)
    if n_sentences > 1:
        parts += sentences**2 / (n_sentences - 1)
    return (listeners + sentences) ** 2 / parts if parts > 0 else n_listeners - 1.0


def share_interval(share: Interval, n_listeners: int, n_choices: int) -> Interval:
    """95 % interval of a share, which ends at 0 and 1.

    Clopper and Pearson's exact interval of as many independent choices as would have the standard
    error that the bootstrap found; of as many as there are listeners where all chose alike.

    Source:
        Korn and Graubard (1998), Confidence intervals for proportions with small expected number
        of positive counts estimated from survey data, Survey Methodology 24.
    """
    from scipy.stats import beta

    p = share.mean
    n = float(n_listeners)
    if 0 < p < 1 and share.error > 0:
        n = min(p * (1 - p) / share.error**2, n_choices)
    hits = p * n
    low = float(beta.ppf(0.025, hits, n - hits + 1)) if p > 0 else 0.0
    high = float(beta.ppf(0.975, hits + 1, n - hits)) if p < 1 else 1.0
    return Interval(p, low, high, share.error)
