"""What the numbers say, in sentences; each follows from a line of a table."""

import math
from typing import TYPE_CHECKING, Any

from tts_compress.listening.analysis.power import (
    binomial_power,
    choices_needed,
    detectable,
    listeners_needed,
)
from tts_compress.listening.analysis.results import SCALES, Results

if TYPE_CHECKING:
    import pandas as pd

CLEAR = 0.05


def say_p(p: float) -> str:
    """P value as papers write it.

    >>> say_p(0.0004), say_p(0.0312), say_p(0.2)
    ('p < 0.001', 'p = 0.031', 'p = 0.20')
    """
    if math.isnan(p):
        return "no test"
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def findings(results: Results) -> list[str]:
    """One sentence for each pair that the test was made to compare, and what it could not see."""
    table = results.comparisons
    if not len(table):
        return []
    say = {"ab": _preference, "abx": _discrimination, "cmos": _comparison}.get(
        results.kind, _rating
    )
    said = [say(line, results) for _, line in table[table["planned"]].iterrows()]
    unclear = table[table["planned"] & ~(table["p_holm"] < CLEAR)]
    limit = _limit(results, unclear) if len(unclear) else None
    return [*said, *([limit] if limit else [])]


def changed(kept: Results, everyone: Results) -> list[str]:
    """What would be said otherwise if nobody were left out."""
    if not len(kept.comparisons) or not len(everyone.comparisons):
        return []
    names = ["system", "versus"]
    clear = {
        tuple(line[names]): bool(line["p_holm"] < CLEAR) for _, line in kept.comparisons.iterrows()
    }
    return [
        f"{system} and {versus} differ clearly only "
        f"{'without' if clear[system, versus] else 'with'} those who were left out."
        for (system, versus), line in everyone.comparisons.set_index(names).iterrows()
        if clear.get((system, versus), line["p_holm"] < CLEAR) != bool(line["p_holm"] < CLEAR)
    ]


def needed(difference: float, results: Results, spread: Any) -> str:
    """How many listeners the next test needs for a difference."""
    if results.kind == "abx" or spread is None:
        share = 0.5 + difference
        n = choices_needed(share, one_sided=results.kind == "abx")
        what = "right answers" if results.kind == "abx" else "preferred"
        if n is None:
            return f"To find {100 * share:.0f} % {what} in 80 % of tests takes over 2,000 trials."
        return (
            f"To find {100 * share:.0f} % {what} in 80 % of tests takes {n} trials in all, such as "
            f"{math.ceil(n / 10)} listeners with 10 each."
        )
    n = listeners_needed(difference, spread)
    source = "as scattered as here" if spread.measured else "as scattered as is common"
    size = (
        f"a share of {100 * (0.5 + difference):.0f} %"
        if results.kind == "ab"
        else (f"a difference of {difference:g} points")
    )
    many = "more than 10,000" if n is None else f"{n}"
    return (
        f"To find {size} in 80 % of tests takes {many} listeners with {spread.trials:.3g} trials "
        f"of each system, if they are {source}."
    )


def _rating(line: "pd.Series[Any]", results: Results) -> str:
    system, versus = line["system"], line["versus"]
    size = _size(line, 1 if results.kind == "mushra" else 2)
    if line["p_holm"] < CLEAR:
        below = "below" if line["difference"] < 0 else "above"
        said = f"Listeners rated {system} {size[0]} points {below} {versus} ({size[1]})."
        return said + _other_sentences(line)
    return f"No clear difference between {system} and {versus} was found ({size[2]})."


def _comparison(line: "pd.Series[Any]", results: Results) -> str:
    system, versus = line["system"], line["versus"]
    size = _size(line, 2)
    if line["p_holm"] < CLEAR:
        worse = "worse" if line["difference"] < 0 else "better"
        said = f"Listeners heard {system} as {size[0]} points {worse} than {versus} ({size[1]})."
        return said + _other_sentences(line)
    return f"Neither {system} nor {versus} was heard as clearly better ({size[2]})."


def _preference(line: "pd.Series[Any]", results: Results) -> str:
    system, versus, share = line["system"], line["versus"], line["share"]
    low, high = line["low"], line["high"]
    if share < 0.5:
        system, versus, share, low, high = versus, system, 1 - share, 1 - high, 1 - low
    size = f"{_percent(share, low, high)}; {_holm(line)}"
    if line["p_holm"] < CLEAR:
        ties = ", ties split" if line["neither"] else ""
        often = f"in {100 * share:.0f} % of choices"
        return f"Listeners preferred {system} to {versus} {often} ({size}{ties})."
    unclear = f"No clear preference between {system} and {versus} was found"
    return f"{unclear} ({100 * share:.0f} % for {system}, {size})."


def _discrimination(line: "pd.Series[Any]", results: Results) -> str:
    pair = f"{line['system']} from {line['versus']}"
    ends = _percent(line["share"], line["low"], line["high"])
    size = f"{100 * line['share']:.0f} % right, {ends}; {_holm(line)}"
    if line["p_holm"] < CLEAR:
        return f"Listeners can tell {pair} ({size})."
    return f"No sign that listeners can tell {pair} ({size}; guessing gives 50 %)."


def _limit(results: Results, unclear: "pd.DataFrame") -> str | None:
    """What a test of this size could have found."""
    if results.kind == "abx":
        n = int(unclear["trials"].min())
        share = next(
            (s / 100 for s in range(51, 101) if binomial_power(s / 100, n, one_sided=True) >= 0.8),
            None,
        )
        if share is None:
            return f"With {n} trials not even 100 % right answers would have been found."
        return (
            f"With {n} trials, {100 * share:.0f} % right answers would have been found in 80 % of "
            "tests, and fewer not."
        )
    if results.spread is None or results.n_listeners < 6:
        return (
            (
                f"With {results.n_listeners} listener{'s' if results.n_listeners != 1 else ''} no "
                "difference can be shown by these tests, which need 6."
            )
            if results.n_listeners < 6
            else None
        )
    least = detectable(results.spread, results.n_listeners)
    each = f"{results.n_listeners} listeners and {results.spread.trials:.3g} trials each"
    if results.kind == "ab":
        what = f"a share of {100 * min(1.0, 0.5 + least):.0f} %"
    else:
        what = f"a difference of {least:.{1 if results.kind == 'mushra' else 2}f} points"
    return f"With {each}, {what} would have been found in 80 % of tests (at 5 %, uncorrected)."


def _size(line: "pd.Series[Any]", digits: int) -> tuple[str, str, str]:
    """Size without its sign; interval and p; and all three."""
    low, high, exact = (
        f"{line[name]:+.{digits}f}".replace("-", "\N{MINUS SIGN}")
        for name in ("low", "high", "difference")
    )
    known = "no interval" if math.isnan(line["low"]) else f"95 % interval {low} to {high}"
    ends = f"{known}; {_holm(line)}"
    return (
        f"{abs(line['difference']):.{digits}f}",
        ends,
        f"{exact}, {ends}",
    )


def _percent(share: float, low: float, high: float) -> str:
    if math.isnan(low):
        return "no interval"
    return f"95 % interval {100 * low:.0f} to {100 * high:.0f} %"


def _holm(line: "pd.Series[Any]") -> str:
    return f"{say_p(line['p_holm'])} after Holm"


def _other_sentences(line: "pd.Series[Any]") -> str:
    if line["low"] <= 0 <= line["high"]:
        return (
            " The interval, which is for other sentences, too, includes 0: so far, that holds for "
            "these sentences."
        )
    return ""


def scale_of(results: Results) -> float:
    """Length of the scale, in points; of shares from 1/2 to 1."""
    low, high = SCALES.get(results.kind, (0.5, 1.0))
    return high - low
