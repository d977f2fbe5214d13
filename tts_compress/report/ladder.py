"""The size ladder: what each run's network takes in ever better ways to store it."""

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tts_compress.report.labels import RED
from tts_compress.report.measures import measure
from tts_compress.report.rows import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RUNGS = {
    "float32_bytes": "float32",
    "gzip_bytes": "float32, gzip",
    "float16_bytes": "float16",
    "packed_bytes": "packed",
    "packed_gzip_bytes": "packed, gzip",
    "packed_zstd_bytes": "packed, zstd",
    "artifact_bytes": "coded file",
}
BOUND = "entropy_bytes"
COLORS = ("#9aa7b4",) * (len(RUNGS) - 1) + ("#1f77b4",)  # the file that is left stands out
PAPER = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.6}
SMALL: dict[str, Any] = {"textcoords": "offset points", "fontsize": "small"}
MOST_PANELS = 12
TITLE, TITLE_LINES = 46, 4  # characters and lines of a run's name
MEGA = 1e6


def has_ladder(row: Row) -> bool:
    """Whether all that a ladder shows was taken of a run."""
    return {*RUNGS, BOUND} <= row.values.keys()


def times_smaller(row: Row, dense: Row, metric: str) -> float:
    """How many times smaller than the dense network's tensors in float32 a size is."""
    return dense.values["float32_bytes"] / row.values[metric]


def ladder_table(name: str, rows: Sequence[Row]) -> str:
    """Gives the ladder of a recipe's runs in Markdown, the dense one first; empty without one.

    Every cell says the size in MB and how many times smaller than dense in float32 that is.
    """
    if not rows or not has_ladder(rows[0]):
        return ""
    metrics = {**RUNGS, BOUND: measure(BOUND).label}
    lines = [["run", *metrics.values()]]
    lines.append(["---", *["---:"] * len(metrics)])
    for row in filter(has_ladder, rows):
        cells = (
            f"{row.values[metric] / MEGA:.2f} ({times_smaller(row, rows[0], metric):.1f}x)"
            for metric in metrics
        )
        lines.append([row.name.replace("|", "\\|"), *cells])
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    note = (
        "Sizes in MB, and how many times smaller than the dense network in float32 that is: "
        "the tensors that its file holds, without tables that it computes."
    )
    return f"**{name}: sizes**\n\n{table}\n\n{note}\n"


def plot_ladder(name: str, rows: Sequence[Row], path: Path) -> None:
    """Draws a panel for each run: a bar for each size on a logarithmic axis, and the bound.

    Of many runs, those drawn are the dense one, the last and others evenly between.
    """
    from matplotlib.figure import Figure

    from tts_compress.report.plots import save

    drawn = _spread([row for row in rows if has_ladder(row)])
    names = [
        textwrap.fill(row.name, TITLE, max_lines=TITLE_LINES, placeholder=" …") for row in drawn
    ]
    columns = min(3, len(drawn))
    lines = math.ceil(len(drawn) / columns)
    more = 0.17 * max(name.count("\n") for name in names)
    height = 0.9 + (2.3 + more) * lines
    figure = Figure(figsize=(0.9 + 3.6 * columns, height), layout="constrained")
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, row, name_of_run in zip(panels, drawn, names, strict=False):
        _draw_run(axes, row, rows[0])
        axes.set_title(name_of_run, fontsize="medium", loc="left")
    for axes in panels[len(drawn) :]:
        axes.axis("off")
    for axes in panels[len(drawn) - columns : len(drawn)]:
        axes.tick_params(labelbottom=True)  # the lowest of each column
    figure.suptitle(f"{name}: size on disk, and times smaller than dense in float32")
    figure.supxlabel("size (MB)", fontsize="medium")
    save(figure, path)


def _spread(rows: Sequence[Row]) -> list[Row]:
    if len(rows) <= MOST_PANELS:
        return list(rows)
    places = {round(n * (len(rows) - 1) / (MOST_PANELS - 1)) for n in range(MOST_PANELS)}
    return [rows[place] for place in sorted(places)]


def _draw_run(axes: "Axes", row: Row, dense: Row) -> None:
    sizes = [row.values[metric] / MEGA for metric in RUNGS]
    places = range(len(RUNGS))
    axes.barh(places, sizes, color=COLORS, height=0.74)
    bound = row.values[BOUND] / MEGA
    axes.axvline(bound, color=RED, linestyle="--", linewidth=1)
    axes.set_xscale("log")
    whole = dense.values["float32_bytes"] / MEGA
    smallest = min(*sizes, bound)
    axes.set_xlim(min(0.6 * smallest, axes.get_xlim()[0]), max(9 * whole, axes.get_xlim()[1]))
    axes.xaxis.set_major_formatter("{x:g}")
    for place, metric in enumerate(RUNGS):
        text = f"{sizes[place]:.2f}  {times_smaller(row, dense, metric):.1f}x"
        axes.annotate(text, (sizes[place], place), (4, 0), va="center", bbox=PAPER, **SMALL)
    text = f"{measure(BOUND).label} {bound:.2f}"
    axes.annotate(text, (bound, -0.75), (3, 0), va="bottom", color=RED, **SMALL)
    axes.set_yticks(places, list(RUNGS.values()))
    axes.set_ylim(len(RUNGS) - 0.4, -1.2)
    axes.spines[["top", "right"]].set_visible(False)
