"""The size that runs are compared by: one decision for tables, plots, Pareto and page."""

from collections.abc import Iterable
from dataclasses import dataclass

from tts_compress.report.rows import Row

OF_CODED = {"artifact_bytes", "float32_bytes"}  # before coded files, nobody took the second


@dataclass(frozen=True)
class Size:
    """A size that was taken of every run of a comparison.

    Attributes:
        metric: Its name in the records, in bytes.
        dense: What the dense network of that size is called.
        how: How a network is stored then.
        label: What the axis of a plot is called.
        float32: Metric of what shares are of: the tensors of the dense network in float32.
    """

    metric: str
    dense: str
    how: str
    label: str
    float32: str


CODED = Size(
    "artifact_bytes",
    "dense, coded",
    "as coded files",
    "size of the coded file (MB)",
    "float32_bytes",
)
GZIP = Size(
    "gzip_bytes", "dense, gzip", "through gzip", "size on disk, gzip (MB)", "state_dict_bytes"
)


def compared_by(rows: Iterable[Row]) -> Size:
    """Gives the coded file where every run that has a size has one, and gzip elsewhere.

    Runs of before there were coded files have ``artifact_bytes`` of a folder of plain tensors,
    which compare with nothing.

    >>> old = Row("a", "dense", {"gzip_bytes": 9e6, "artifact_bytes": 16e6}, {})
    >>> new = Row("b", "", {"gzip_bytes": 3e6, "artifact_bytes": 1e6, "float32_bytes": 16e6}, {})
    >>> compared_by([new]).metric, compared_by([old, new]).metric
    ('artifact_bytes', 'gzip_bytes')
    """
    sized = [row.values for row in rows if {CODED.metric, GZIP.metric} & row.values.keys()]
    return CODED if sized and all(values.keys() >= OF_CODED for values in sized) else GZIP
