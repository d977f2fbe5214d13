"""Plots for a paper: size and speed against quality, as wide as a column, in PDF and SVG."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tts_compress.report.columns import MEGA
from tts_compress.report.names import Names
from tts_compress.report.plots import (
    GREY,
    QUALITY,
    SPEED_OF,
    Of,
    draw,
    quality_of,
    save,
    size_of,
)
from tts_compress.report.reading import Results
from tts_compress.report.rows import Row
from tts_compress.report.sizes import compared_by

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 3.4, 2.5  # inches; a column of IEEE, ISCA and ACM papers is 3.2 to 3.5 wide
LINE = 0.13  # inches of a line of the legend
LONG = 34  # characters of a legend of which two stand side by side
STYLE: dict[Any, Any] = {
    "font.size": 7,
    "axes.linewidth": 0.6,
    "axes.labelsize": 7,
    "lines.linewidth": 0.8,
    "lines.markersize": 4,
    "legend.fontsize": 6,
    "legend.frameon": False,
    "legend.handlelength": 1.5,
    "legend.columnspacing": 1.0,
    "pdf.fonttype": 42,  # TrueType, embedded: publishers refuse Type 3
    "svg.hashsalt": "tts_compress",  # the same ids each time
}


def write_figures(results: Sequence[Results], folder: Path) -> list[Path]:
    """Writes size and speed of every recipe's runs against their quality, with 95 % intervals.

    Quality is the word error rate where a recognizer listened, the mel-cepstral distortion
    elsewhere. What a recipe's runs lack is not drawn.

    Args:
        results: What was read of each recipe.
        folder: Where to; it is made if need be.

    Returns:
        The files, ``<recipe>-size.pdf`` and so on, ``<recipe>-2-size.pdf`` of another folder whose
        recipe has the same name; the same results give the same bytes.
    """
    from matplotlib import rc_context

    folder.mkdir(parents=True, exist_ok=True)
    names, written = Names(), list[Path]()
    for found in results:
        for name, (x_of, x_label) in _axes(found).items():
            with rc_context(STYLE):
                figure = _figure(found.rows, x_of, x_label)
                for ending in ("pdf", "svg"):
                    stem = names.of(f"{found.folder}", found.name)
                    written.append(folder / f"{stem}-{name}.{ending}")
                    save(figure, written[-1])
    return written


def _axes(found: Results) -> dict[str, tuple[Of, str]]:
    """Gives what there is to draw quality against, and what that is called."""
    if not found.dense:
        return {}
    rows = found.rows
    axes = {
        "size": (size_of(rows), compared_by(rows).label),
        "speed": (SPEED_OF, "measured speed (times dense)"),
    }
    return {name: axis for name, axis in axes.items() if _drawable(rows, axis[0])}


def _drawable(rows: Sequence[Row], x_of: Of) -> bool:
    return any({x_of[0], quality_of(rows)} <= row.values.keys() for row in rows[1:])


def _figure(rows: Sequence[Row], x_of: Of, x_label: str) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.add_subplot()
    dense = 1.0 if x_of is SPEED_OF else rows[0].values.get(x_of[0], 0.0) / MEGA
    axes.axvline(dense, color=GREY, linestyle="--", linewidth=0.8, label="dense")
    draw(axes, rows, x_of, quality_of(rows), [dense])
    axes.set_xlabel(x_label)
    axes.set_ylabel(QUALITY[quality_of(rows)][0])
    handles, labels = axes.get_legend_handles_labels()
    n_columns = 2 if max(map(len, labels)) <= LONG else 1
    figure.set_size_inches(WIDTH, HEIGHT + LINE * math.ceil(len(labels) / n_columns))
    figure.legend(handles, labels, loc="outside lower center", ncols=n_columns)
    return figure
