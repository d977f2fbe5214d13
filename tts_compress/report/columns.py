"""The columns of every table: a heading, and how a run's value is written."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tts_compress.report.measures import measure
from tts_compress.report.rows import RESIZED, Row
from tts_compress.report.sizes import CODED, Size, compared_by
from tts_compress.report.sizes import GZIP as GZIPPED

MEGA = 1e6
ATTENTION_FAILURES = ("repeats", "skips", "no_stop", "early_stop")


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        heading: What it is called.
        text: Writes a row's value, given the dense network's row; empty if it was not taken.
        metric: The metric that it shows, if it shows one as it is.
        interval: Whether its 95 % interval is written, too.
    """

    heading: str
    text: Callable[[Row, Row], str]
    metric: str = ""
    interval: bool = False

    def cell(self, row: Row, dense: Row) -> str:
        """Writes a row's value, as ``5.8 %``, or ``5.8 % [4.1, 7.6]`` with its interval.

        An interval without width, as of the dense network's distance to itself, is not written.
        """
        text, ends = self.text(row, dense), row.intervals.get(self.metric)
        if not self.interval or not text or ends is None or ends.low == ends.high:
            return text
        known = measure(self.metric)
        low, high = (number(known.scale * end, known.digits) for end in (ends.low, ends.high))
        return f"{text} [{low}, {high}]"

    def sure(self) -> "Column":
        """Gives the same column with intervals."""
        return replace(self, interval=bool(self.metric))


def number(value: float | None, digits: int, ending: str = "") -> str:
    """Writes a number; nothing if there is none."""
    return "" if value is None or not math.isfinite(value) else f"{value:.{digits}f}{ending}"


def failures(row: Row) -> str:
    """Writes how many of a run's sentences failed."""
    return f"{row.n_failed} of {row.counts['failed']}" if "failed" in row.values else ""


def attention_failures(row: Row) -> str:
    """Writes in how many sentences attention repeated, skipped, never stopped or stopped early."""
    taken = [row.sentences[name] for name in ATTENTION_FAILURES if name in row.sentences]
    sentences = set[int]().union(*taken)
    off = [n for n in sentences if any(values.get(n) for values in taken)]
    return f"{len(off)} of {len(sentences)}" if sentences else ""


def _of(metric: str, ending: str = "") -> Column:
    known = measure(metric)

    def text(row: Row, dense: Row) -> str:
        value = row.values.get(metric)
        return "" if value is None else number(value * known.scale, known.digits, ending)

    return Column(known.heading, text, metric)


def _of_dense(of: Size) -> Column:
    """Gives what part of the dense network in float32 a size is."""

    def text(row: Row, dense: Row) -> str:
        size, whole = row.values.get(of.metric), dense.values.get(of.float32)
        return "" if size is None or not whole else number(100 * size / whole, 1, " %")

    return Column("of dense", text)


PARAMETERS = _of("n_parameters", " M")
MACS = _of("macs_per_second")
NONZERO_MACS = _of("effective_macs_per_second")
GZIP, GZIP_OF_DENSE = _of(GZIPPED.metric), _of_dense(GZIPPED)
FILE, FILE_OF_DENSE = _of(CODED.metric), _of_dense(CODED)
FLOAT32 = {size: _of(size.float32) for size in (GZIPPED, CODED)}
MEL = _of("mel_mae_db")
MCD = _of("mcd_dtw_db")
F0 = _of("f0_rmse_cents")
VOICING = _of("voicing_error", " %")
WORD_ERRORS = _of("word_error_rate", " %")
RECORDED = _of("word_error_rate_recording", " %").sure()
CHARACTER_ERRORS = _of("character_error_rate", " %")
FAILED = Column("failed", lambda row, dense: failures(row))
ATTENTION = Column("attention", lambda row, dense: attention_failures(row))
REAL_TIME = _of("real_time_factor")
SPEED = _of("speedup", " x")

COLUMNS = (
    PARAMETERS,
    MACS,
    GZIP,
    GZIP_OF_DENSE,
    FILE,
    FILE_OF_DENSE,
    MEL,
    MCD,
    F0,
    VOICING,
    WORD_ERRORS,
    CHARACTER_ERRORS,
    FAILED,
    ATTENTION,
    REAL_TIME,
    SPEED,
)
QUALITY = (MEL, MCD, F0, VOICING, WORD_ERRORS, CHARACTER_ERRORS)
OF_SHAPE = (PARAMETERS, MACS)
OF_SIZE = {GZIPPED: (GZIP, GZIP_OF_DENSE), CODED: (FILE, FILE_OF_DENSE)}
SHARES = (GZIP_OF_DENSE, FILE_OF_DENSE)


def of_runs(rows: Sequence[Row]) -> list[Column]:
    """Gives the columns that say something of a recipe's runs, those of quality with intervals.

    Weights and multiply-accumulates are left out where every run has those of the dense network.
    """
    given = [c for c in of_size(COLUMNS, rows) if resized(rows) or c not in OF_SHAPE]
    return [column.sure() if column in QUALITY else column for column in shown(given, rows)]


def of_size(columns: Sequence[Column], rows: Sequence[Row]) -> list[Column]:
    """Gives the columns without those of sizes that the runs are not compared by."""
    by = compared_by(rows)
    others = [column for size, pair in OF_SIZE.items() if size != by for column in pair]
    return [column for column in columns if column not in others]


def share_note(rows: Sequence[Row], columns: Sequence[Column]) -> list[str]:
    """Gives what a share is of, for tables that have no line for that."""
    whole = FLOAT32[compared_by(rows)].cell(rows[0], rows[0])
    if not whole or not any(column in SHARES for column in columns):
        return []
    return [f"Of dense: the size by that of the dense network in float32, {whole} MB."]


def notes(rows: Sequence[Row], columns: Sequence[Column]) -> list[str]:
    """Gives what must be said below a table of runs, the dense one first."""
    lines = []
    floor = rows[0].values
    if "mcd_dtw_db_noise" in floor:
        lines.append(
            "Noise floor (dense, another seed): "
            f"MCD {floor['mcd_dtw_db_noise']:.2f} dB, mel {floor['mel_mae_db_noise']:.2f} dB."
        )
    if "word_error_rate_recording" in floor:
        rate = RECORDED.cell(rows[0], rows[0])
        lines.append(f"Recordings of the same sentences: WER {rate}.")
    cells = (column.cell(row, rows[0]) for row in rows for column in columns)
    if any("[" in text for text in [*lines, *cells]):
        lines.append("In brackets: 95 % bootstrap intervals over sentences.")
    removed = [row for row in rows[1:] if row.name.endswith(f" + {RESIZED}")]
    if removed:
        some = "All" if len(removed) == len(rows) - 1 else f"{len(removed)} of {len(rows) - 1}"
        lines.append(f"{some} compressed networks are resized.")
    return lines


def shown(columns: Sequence[Column], rows: Sequence[Row]) -> list[Column]:
    """Gives the columns in which some row has a value."""
    dense = rows[0]
    return [column for column in columns if any(column.cell(row, dense) for row in rows)]


def width(column: Column, rows: Sequence[Row]) -> int:
    """Gives the characters of a column's widest cell, its heading included."""
    return max(len(column.heading), *(len(column.cell(row, rows[0])) for row in rows))


def resized(rows: Sequence[Row]) -> bool:
    """Whether a network has other shapes than the dense one, and so other costs."""
    return len({row.values.get("n_parameters") for row in rows}) > 1
