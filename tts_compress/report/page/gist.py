"""The answer in one line: the smallest run that is as good as dense, if that can be said."""

from collections.abc import Callable

from tts_compress.report.measures import MEASURES
from tts_compress.report.page.voices import Voice
from tts_compress.report.rows import Row
from tts_compress.report.sizes import GZIP, compared_by

MARGIN = 0.02  # of word errors: what a candidate may be above dense and still be called as good


def gist(voice: Voice) -> str | None:
    """Says which run is the smallest that is as good as dense; None if nothing can be said.

    As good is: the upper end of the 95 % interval of the paired difference in word error rate is
    at most two points; where no recognizer listened: the speech is no farther from dense than that
    of dense with another seed. A run with more failed sentences than dense is never as good.
    """
    dense = voice.dense.row if voice.dense else None
    if dense is None and voice.runs:
        return "The dense run is not done, so no run can be compared with it."
    if dense is None or GZIP.metric not in dense.values or len(voice.rows) < 2:
        return None
    rule = _rule(voice, dense)
    if rule is None:
        return None
    good, text = rule
    by = compared_by(voice.rows)
    metric = by.metric
    others = [row for row in voice.rows if row is not dense and metric in row.values]
    fit = [row for row in others if row.n_failed <= dense.n_failed and good(row)]
    if not fit:
        return f"No run is {text}."
    best = min(fit, key=lambda row: row.values[metric])
    size, whole = best.values[metric], dense.values[metric]
    shown = MEASURES[metric].shown
    return (
        f"Smallest run that is {text}: {best.name}, {shown(size)} "
        f"({100 * size / whole:.0f} % of dense, {shown(whole)}, both {by.how})."
    )


def _rule(voice: Voice, dense: Row) -> tuple[Callable[[Row], bool], str] | None:
    measure = "word_error_rate"
    if any(measure in row.differences for row in voice.rows):
        text = (
            f"at most {100 * MARGIN:.0f} points of word error rate above dense at the upper end "
            "of its 95 % interval"
        )
        return lambda row: _at_most(row, measure, MARGIN), text
    noise = dense.values.get("mcd_dtw_db_noise")
    if noise is None:
        return None
    text = f"at most as far from dense as dense with another seed ({noise:.2f} dB MCD)"
    return lambda row: row.values.get("mcd_dtw_db", noise + 1) <= noise, text


def _at_most(row: Row, measure: str, margin: float) -> bool:
    return measure in row.differences and row.differences[measure].high <= margin
