"""The columns of every table: a heading, and how a run's value is written."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tts_compress.report.rows import Row

MEGA = 1e6


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        heading: What it is called.
        cell: Writes a row's value, given the dense network's row; empty if it was not taken.
    """

    heading: str
    cell: Callable[[Row, Row], str]


def number(value: float | None, digits: int, ending: str = "") -> str:
    """Writes a number; nothing if there is none."""
    return "" if value is None or not math.isfinite(value) else f"{value:.{digits}f}{ending}"


def failures(row: Row) -> str:
    """Writes how many of a run's sentences failed."""
    return f"{row.n_failed} of {row.counts['failed']}" if "failed" in row.values else ""


def _of(metric: str, digits: int, scale: float = 1.0, ending: str = "") -> Callable[..., str]:
    def cell(row: Row, dense: Row) -> str:
        value = row.values.get(metric)
        return "" if value is None else number(value * scale, digits, ending)

    return cell


def _of_dense(row: Row, dense: Row) -> str:
    size, whole = row.values.get("gzip_bytes"), dense.values.get("state_dict_bytes")
    return "" if size is None or not whole else number(100 * size / whole, 1, " %")


PARAMETERS = Column("params", _of("n_parameters", 2, 1 / MEGA, " M"))
MACS = Column("MMAC/s", _of("macs_per_second", 0, 1 / MEGA))
NONZERO_MACS = Column("nonzero", _of("effective_macs_per_second", 0, 1 / MEGA))
GZIP = Column("gzip MB", _of("gzip_bytes", 2, 1 / MEGA))
OF_DENSE = Column("of dense", _of_dense)
MEL = Column("mel dB", _of("mel_mae_db", 2))
MCD = Column("MCD dB", _of("mcd_dtw_db", 2))
WORD_ERRORS = Column("WER", _of("word_error_rate", 1, 100, " %"))
FAILED = Column("failed", lambda row, dense: failures(row))
REAL_TIME = Column("RTF", _of("real_time_factor", 3))
SPEED = Column("speed", _of("speedup", 2, 1, " x"))


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
