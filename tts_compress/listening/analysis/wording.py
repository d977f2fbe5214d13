"""What the numbers say, in sentences; each follows from a line of a table."""

import math
from typing import TYPE_CHECKING, Any

from tts_compress.listening.analysis.answers import RATED, SCALES
from tts_compress.listening.analysis.power import (
    binomial_power,
    choices_needed,
    detectable,
    listeners_needed,
)
from tts_compress.listening.analysis.results import Results
from tts_compress.listening.analysis.tables import p_value
from tts_compress.listening.built import Kind

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
    text = p_value(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def findings(results: Results, everyone: Results) -> list[str]:
    """One sentence for each pair that the test was made to compare, and what it could not see.

    Args:
        results: Of the listeners who count.
        everyone: Of all listeners, which `open_pairs` needs.
    """
    table = results.comparisons
    if not len(table):
        return []
    planned = [line for _, line in table[table["planned"]].iterrows()]
    unsure = open_pairs(results, everyone)
    said = [_finding(line, results, _pair(line) not in unsure) for line in planned]
    unclear = table[table["planned"] & ~(table["p_holm"] < CLEAR)]
    limit = _limit(results, unclear) if len(unclear) else None
    return [*said, *([limit] if limit else [])]


def open_pairs(results: Results, everyone: Results) -> set[tuple[str, str]]:
    """System and what it is compared with, of the differences that screening can have made.

    A MUSHRA listener who takes a system for the hidden reference rates the reference lower, and is
    left out for that. So a difference that is clear only among those who are left is open.

    Args:
        results: Of the listeners who count.
        everyone: Of all listeners.
    """
    if results.kind != "mushra":
        return set()
    sure = _clear(everyone)
    return {
        pair for pair, is_clear in _clear(results).items() if is_clear and not sure.get(pair, True)
    }


def _finding(line: "pd.Series[Any]", results: Results, sure: bool) -> str:
    """What is said of a pair; `sure` is false if its difference can be made by the screening."""
    if not sure:
        return _open(line)
    if _is_clear(line) and _contrary(line):
        return _torn(line)
    say = {"ab": _preference, "abx": _discrimination, "cmos": _comparison}
    return say.get(results.kind, _rating)(line, results)


def changed(kept: Results, everyone: Results) -> list[str]:
    """What would be said otherwise if nobody were left out."""
    if not len(kept.comparisons) or not len(everyone.comparisons):
        return []
    clear = _clear(kept)
    return [
        f"{pair[0]} and {pair[1]} differ clearly only "
        f"{'without' if clear[pair] else 'with'} those who were left out."
        for pair, is_clear in _clear(everyone).items()
        if clear.get(pair, is_clear) != is_clear
    ]


def _pair(line: "pd.Series[Any]") -> tuple[str, str]:
    return line["system"], line["versus"]


def _is_clear(line: "pd.Series[Any]") -> bool:
    return bool(line["p_holm"] < CLEAR)


def _clear(results: Results) -> dict[tuple[str, str], bool]:
    return {_pair(line): _is_clear(line) for _, line in results.comparisons.iterrows()}


def _contrary(line: "pd.Series[Any]") -> bool:
    """Whether the ranks, which the p value is of, and the mean point in different directions."""
    mean = line["share"] - 0.5 if "share" in line else line["difference"]
    return bool(mean * line.get("rank_biserial", mean) < 0)


def _torn(line: "pd.Series[Any]") -> str:
    system, versus = _pair(line)
    if line["rank_biserial"] < 0:
        system, versus = versus, system
    return (
        f"More listeners speak for {system} than for {versus} ({_holm(line)}), but those who speak "
        f"for {versus} do so by more, and the mean is on their side."
    )


def _open(line: "pd.Series[Any]") -> str:
    system, versus = _pair(line)
    return (
        f"Whether {system} differs from {versus} is open: it does so clearly only among those who "
        f"passed the screening ({_size(line, 1)[2]}), which leaves out who rates the reference low."
    )


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
        f"of each {'system' if results.kind in RATED else 'pair'}, if they are {source}."
    )


def _rating(line: "pd.Series[Any]", results: Results) -> str:
    system, versus = line["system"], line["versus"]
    size = _size(line, 1 if results.kind == "mushra" else 2)
    if line["p_holm"] < CLEAR:
        below = "below" if line["difference"] < 0 else "above"
        said = f"Listeners rated {system} {size[0]} points {below} {versus} ({size[1]})."
        return said + _other_sentences(line, 0.0)
    return f"No clear difference between {system} and {versus} was found ({size[2]})."


def _comparison(line: "pd.Series[Any]", results: Results) -> str:
    system, versus = line["system"], line["versus"]
    size = _size(line, 2)
    if line["p_holm"] < CLEAR:
        worse = "worse" if line["difference"] < 0 else "better"
        said = f"Listeners heard {system} as {size[0]} points {worse} than {versus} ({size[1]})."
        return said + _other_sentences(line, 0.0)
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
        said = f"Listeners preferred {system} to {versus} {often} ({size}{ties})."
        return said + _other_sentences(line, 0.5)
    unclear = f"No clear preference between {system} and {versus} was found"
    return f"{unclear} ({100 * share:.0f} % for {system}, {size})."


def _discrimination(line: "pd.Series[Any]", results: Results) -> str:
    pair = f"{line['system']} from {line['versus']}"
    ends = _percent(line["share"], line["low"], line["high"])
    size = f"{100 * line['share']:.0f} % right, {ends}; {_holm(line)}"
    if line["p_holm"] < CLEAR:
        return f"Listeners can tell {pair} ({size})." + _other_sentences(line, 0.5)
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
            return f"With {n} trials not even 100 % right answers would be found reliably."
        return (
            f"With {n} trials, {100 * share:.0f} % right answers would have been found in 80 % of "
            "tests (at 5 %, uncorrected), and fewer less often."
        )
    least_n = _fewest(int(results.comparisons["planned"].sum()))
    if results.n_listeners < least_n:
        count = "1 listener" if results.n_listeners == 1 else f"{results.n_listeners} listeners"
        return f"With {count} no difference can be shown by these tests, which need {least_n}."
    if results.spread is None:
        return None
    least = detectable(results.spread, results.n_listeners)
    of = "system" if results.kind in RATED else "pair"
    each = f"{results.n_listeners} listeners and {results.spread.trials:.3g} trials of each {of}"
    if results.kind == "ab":
        what = f"a share of {100 * min(1.0, 0.5 + least):.0f} %"
    else:
        what = f"a difference of {least:.{1 if results.kind == 'mushra' else 2}f} points"
    return f"With {each}, {what} would have been found in 80 % of tests (at 5 %, uncorrected)."


def _fewest(n_tests: int) -> int:
    """Least number of listeners with whom the signed-rank test of one of so many can be clear."""
    return next(n for n in range(1, 100) if n_tests * 2.0 ** (1 - n) < CLEAR)


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


def _other_sentences(line: "pd.Series[Any]", chance: float) -> str:
    if line["low"] <= chance <= line["high"]:
        return (
            f" The interval, which is for other sentences, too, includes "
            f"{'50 %' if chance else '0'}: for those, nothing is shown yet."
        )
    return ""


def largest_difference(kind: Kind) -> float:
    """Difference that no two systems can exceed, in points; of shares, above 1/2."""
    low, high = SCALES.get(kind, (0.5, 1.0))
    return high if kind == "cmos" else high - low
