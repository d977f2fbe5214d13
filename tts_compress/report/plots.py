"""Plots of one recipe's runs: size, multiplications and speed against how far the speech is off."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tts_compress.files import replaced
from tts_compress.report.axes import scale_cost, scale_quality, scale_size
from tts_compress.report.columns import MEGA
from tts_compress.report.labels import RED, Point, apart, name_points
from tts_compress.report.rows import Row
from tts_compress.report.sizes import CODED, GZIP, compared_by

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY = "#777777"
COLORS = ("#1f77b4", "#e68a00", "#2ca02c", "#9467bd", "#17a2b8", "#8c564b", "#e377c2", "#7f7f7f")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
UNDATED = {"png": "Software", "pdf": "CreationDate", "svg": "Date"}  # what would differ
Of = tuple[str, float]  # a metric, and what it is multiplied by to be shown
Series = dict[tuple[str, str], list[Row]]
WORK_OF: Of = ("effective_macs_per_second", 1 / MEGA)
SPEED_OF: Of = ("speedup", 1.0)


def plot_size(name: str, rows: Sequence[Row], path: Path) -> None:
    """Draws the size that runs are compared by against mel-cepstral distortion, one point a run.

    The runs of one method and treatment are one line. Where sentences failed, points are hollow
    and red, and say how many.
    """
    figure = _figure(8, 5.6)
    axes = figure.add_subplot()
    by = compared_by(rows)
    lines = ((by.float32, "dense, float32", "-"), (by.metric, by.dense, "--"))
    marked = []
    for metric, label, style in lines:
        if metric in rows[0].values:
            marked.append(size := rows[0].values[metric] / MEGA)
            axes.axvline(size, color=GREY, linestyle=style, label=f"{label}: {size:.2f} MB")
    draw(axes, rows, size_of(rows), "mcd_dtw_db", marked)
    axes.set_xlabel(by.label)
    axes.set_title(f"{name}: size against distance from the dense network")
    legend_below(figure, axes.get_legend_handles_labels()[0])
    save(figure, path)


def size_of(rows: Sequence[Row]) -> Of:
    """Gives the size that runs are compared by, in MB."""
    return compared_by(rows).metric, 1 / MEGA


def legend_below(figure: "Figure", handles: "Sequence[Artist]") -> int:
    """Names what was drawn below it, in as many columns as fit, and gives how many lines."""
    room = 11 * figure.get_size_inches()[0]  # characters
    longest = max(len(f"{handle.get_label()}") for handle in handles)
    n_columns = max(1, min(5, int(room / (8 + longest))))
    figure.legend(handles=handles, loc="outside lower center", ncols=n_columns)
    return math.ceil(len(handles) / n_columns)


def plot_speed(name: str, rows: Sequence[Row], path: Path) -> None:
    """Draws what has to be multiplied, and how fast that is, against how far the speech is off.

    That is the word error rate where a recognizer listened, the mel-cepstral distortion elsewhere.
    """
    measure = quality_of(rows)
    figure = _figure(11, 5)
    work, speed = figure.subplots(1, 2, sharey=True)
    macs = "effective_macs_per_second"
    if macs in rows[0].values:
        work.axvline(rows[0].values[macs] / MEGA, color=GREY, linestyle="--", label="dense")
    draw(work, rows, WORK_OF, measure)
    work.set_xlabel(
        "million multiply-accumulates with weights that are not zero,\nper second of audio"
    )
    speed.axvline(1, color=GREY, linestyle="--")
    draw(speed, rows, SPEED_OF, measure)
    speed.set_xlabel("measured speed on one thread\n(times that of the dense network)")
    speed.set_ylabel("")
    legend_below(figure, work.get_legend_handles_labels()[0])
    figure.suptitle(f"{name}: work and speed against {QUALITY[measure][1]}")
    save(figure, path)


QUALITY = {
    "mcd_dtw_db": (
        "mel-cepstral distortion against dense (dB)",
        "distance from the dense network",
        1.0,
    ),
    "word_error_rate": ("word error rate (%)", "word error rate", 100.0),
}


def quality_of(rows: Sequence[Row]) -> str:
    """Gives the metric of quality: the word error rate where a recognizer listened to a run."""
    listened = any("word_error_rate" in row.values for row in rows[1:])
    return "word_error_rate" if listened else "mcd_dtw_db"


def series_of(rows: Sequence[Row]) -> Series:
    """Gives the rows of each method and treatment, in the order of their first runs."""
    series: Series = {}
    for row in rows:
        series.setdefault((row.method, row.treatment), []).append(row)
    return series


def save(figure: "Figure", path: Path) -> None:
    """Writes a figure as png, pdf or svg, whole or not at all, and always the same bytes."""
    kind = path.suffix.removeprefix(".")
    with replaced(path) as partial:
        figure.savefig(partial, format=kind, dpi=150, metadata={UNDATED[kind]: None})


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def draw(
    axes: "Axes", rows: Sequence[Row], x_of: Of, measure: str, marked: Sequence[float] = ()
) -> None:
    """Draws a line for each series against a measure of quality, with intervals, and names points.

    Args:
        axes: Where to.
        rows: The runs, the dense one first; those that lack a measure are left out.
        x_of: What to draw it against.
        measure: A metric of `QUALITY`.
        marked: Other places across that are to be seen, such as the dense network's.
    """
    (y_label, _, scale), (metric, x_scale) = QUALITY[measure], x_of

    def point(row: Row) -> Point:
        return x_scale * row.values[metric], scale * row.values[measure]

    drawn = [row for row in rows[1:] if {metric, measure} <= row.values.keys()]
    series = series_of(drawn)
    for number, (label, runs) in enumerate(zip(_legend(series), series.values(), strict=True)):
        color, marker = COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)]
        axes.plot(*_xy([point(row) for row in runs]), "-", color=color, linewidth=1)
        _draw_intervals(axes, [(point(row)[0], row) for row in runs], measure, color)
        sound = [point(row) for row in runs if not row.n_failed]
        failing = [point(row) for row in runs if row.n_failed]
        _draw_markers(axes, sound, marker=marker, color=color, label=label)
        _draw_markers(axes, failing, marker=marker, color=RED, mfc="white")
    if any(row.n_failed for row in drawn):
        axes.plot([], [], "o", color=RED, mfc="white", label="sentences failed")
    _draw_dense(axes, rows[0], measure, scale)
    floor = [rows[0]] if measure in rows[0].values else []
    ends = [scale * end for row in drawn + floor for end in _ends(row, measure)]
    scale_quality(axes, measure, ends)
    if metric in (CODED.metric, GZIP.metric):
        scale_size(axes, [*marked, *(point(row)[0] for row in drawn)])
    else:
        scale_cost(axes)
    axes.set_ylabel(y_label)
    axes.grid(alpha=0.3)
    name_points(axes, [(point(row), row) for row in drawn])


def _draw_markers(axes: "Axes", points: Sequence[Point], **style: Any) -> None:
    (line,) = axes.plot(*_xy(points), linestyle="", clip_on=False, zorder=4, **style)
    line.set_in_layout(False)  # one without points would take all the room


def _draw_intervals(
    axes: "Axes", points: Sequence[tuple[float, Row]], measure: str, color: str
) -> None:
    """Draws the 95 % interval of each run that has one."""
    scale = QUALITY[measure][2]
    for x, row in points:
        if measure in row.intervals:
            low, high = (scale * end for end in _ends(row, measure)[1:])
            axes.plot([x, x], [low, high], "_-", color=color, alpha=0.5, linewidth=1, zorder=2)


def _ends(row: Row, measure: str) -> list[float]:
    """Gives what a run needs room for: its mean, and the ends of its interval."""
    ends = row.intervals.get(measure)
    return [row.values[measure], *([ends.low, ends.high] if ends else [])]


def _legend(series: Series) -> list[str]:
    """Names each series by what sets it apart from the others."""
    n_methods, n_treatments = (len(set(names)) for names in zip(*series, strict=True))
    methods = apart([method for method, _ in series], " + ")
    names = []
    for method, (_, treatment) in zip(methods, series, strict=True):
        parts = [method] if n_methods > 1 or n_treatments == 1 else []
        names.append(", ".join(parts + ([treatment] if n_treatments > 1 else [])))
    return names


def _xy(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _draw_dense(axes: "Axes", dense: Row, measure: str, scale: float) -> None:
    """Draws how far the dense network is off itself, with another seed, or misheard."""
    if measure == "word_error_rate" and measure in dense.values:
        rate = scale * dense.values[measure]
        axes.axhline(rate, color=GREY, linestyle=":", label=f"dense: {rate:.1f} %")
        if measure in dense.intervals:
            low, high = (scale * end for end in _ends(dense, measure)[1:])
            axes.axhspan(low, high, color=GREY, alpha=0.12, linewidth=0)
    elif measure == "mcd_dtw_db" and "mcd_dtw_db_noise" in dense.values:
        floor = dense.values["mcd_dtw_db_noise"]
        label = f"dense, another seed: {floor:.2f} dB"
        axes.axhline(floor, color=GREY, linestyle=":", label=label)
