"""Plots of one recipe's runs: size, multiplications and speed against how far the speech is off."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tts_compress.files import replaced
from tts_compress.report.columns import MEGA, failures
from tts_compress.report.rows import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RED, GREY = "#d62728", "#777777"
COLORS = ("#1f77b4", "#e68a00", "#2ca02c", "#9467bd", "#17a2b8", "#8c564b", "#e377c2", "#7f7f7f")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
ERROR_TICKS = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150)
UNDATED = {"png": "Software", "pdf": "CreationDate", "svg": "Date"}  # what would differ
Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, bottom, right and top
Of = tuple[str, float]  # a metric, and what it is multiplied by to be shown
Series = dict[tuple[str, str], list[Row]]
SIZE_OF: Of = ("gzip_bytes", 1 / MEGA)
WORK_OF: Of = ("effective_macs_per_second", 1 / MEGA)
SPEED_OF: Of = ("speedup", 1.0)


def plot_size(name: str, rows: Sequence[Row], path: Path) -> None:
    """Draws size on disk against mel-cepstral distortion, one point a run.

    The runs of one method and treatment are one line. Where sentences failed, points are hollow
    and red, and say how many.
    """
    figure = _figure(8, 5)
    axes = figure.add_subplot()
    for key, label, style in (
        ("state_dict_bytes", "dense, float32", "-"),
        ("gzip_bytes", "dense, gzip", "--"),
    ):
        if key in rows[0].values:
            size = rows[0].values[key] / MEGA
            axes.axvline(size, color=GREY, linestyle=style, label=f"{label}: {size:.2f} MB")
    draw(axes, rows, SIZE_OF, "mcd_dtw_db")
    axes.set_xlabel("size on disk (MB)")
    axes.set_title(f"{name}: size against distance from the dense network")
    axes.legend(loc="upper right")
    save(figure, path)


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
    figure.legend(*work.get_legend_handles_labels(), loc="outside lower center", ncols=4)
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


def scale_quality(axes: "Axes", measure: str, values: Sequence[float]) -> None:
    """Lets distances begin at 0, and spreads low error rates, which are those to choose from."""
    if measure == "word_error_rate" and min(values, default=0) > 0:
        low, high = 0.8 * min(values), 1.25 * max(values)
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        ticks = [tick for tick in ERROR_TICKS if low < tick < high]
        axes.set_yticks(ticks, [f"{tick}" for tick in ticks])
        axes.set_yticks([], minor=True)
    else:
        axes.set_ylim(0, 1.08 * max(values, default=0) or 1)


def _scale_cost(axes: "Axes") -> None:
    """Lets costs begin at 0 unless all are alike, with room for what is written beside the last."""
    low, high = axes.get_xlim()
    low = 0 if low < high / 2 else low - 0.1 * (high - low)
    axes.set_xlim(low, high + 0.14 * (high - low))


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


def draw(axes: "Axes", rows: Sequence[Row], x_of: Of, measure: str) -> None:
    """Draws a line for each series against a measure of quality, with intervals, and names points.

    Args:
        axes: Where to.
        rows: The runs, the dense one first; those that lack a measure are left out.
        x_of: What to draw it against.
        measure: A metric of `QUALITY`.
    """
    y_label, _, scale = QUALITY[measure]
    metric, x_scale = x_of

    def point(row: Row) -> Point:
        return x_scale * row.values[metric], scale * row.values[measure]

    drawn = [row for row in rows[1:] if {metric, measure} <= row.values.keys()]
    series = series_of(drawn)
    for number, ((method, treatment), runs) in enumerate(series.items()):
        color, marker = COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)]
        label = _legend(method, treatment, series)
        axes.plot(*_xy([point(row) for row in runs]), "-", color=color, linewidth=1)
        _draw_intervals(axes, [(point(row)[0], row) for row in runs], measure, color)
        sound = [point(row) for row in runs if not row.n_failed]
        failing = [point(row) for row in runs if row.n_failed]
        lines = [
            *axes.plot(*_xy(sound), marker, color=color, label=label, clip_on=False, zorder=4),
            *axes.plot(*_xy(failing), marker, color=RED, mfc="white", clip_on=False, zorder=4),
        ]
        for line in lines:
            line.set_in_layout(False)  # one without points would take all the room
    if any(row.n_failed for row in drawn):
        axes.plot([], [], "o", color=RED, mfc="white", label="sentences failed")
    _draw_dense(axes, rows[0], measure, scale)
    floor = [rows[0]] if measure in rows[0].values else []
    scale_quality(
        axes, measure, [scale * end for row in drawn + floor for end in _ends(row, measure)]
    )
    _scale_cost(axes)
    axes.set_ylabel(y_label)
    axes.grid(alpha=0.3)
    name_points(axes, [(point(row), row) for row in drawn])


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


def _legend(method: str, treatment: str, series: Series) -> str:
    """Names a series by what sets it apart from the others."""
    n_methods, n_treatments = (len(set(names)) for names in zip(*series, strict=True))
    parts = [method] if n_methods > 1 or n_treatments == 1 else []
    return ", ".join(parts + ([treatment] if n_treatments > 1 else []))


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


def name_points(axes: "Axes", points: Sequence[tuple[Point, Row]]) -> None:
    """Writes how much was removed and what failed beside each point where there is room."""
    from matplotlib import rcParams

    size = 0.9 * rcParams["font.size"]
    em = size * axes.figure.dpi / 72
    places = [tuple(axes.transData.transform(point)) for point, _ in points]
    taken: list[Box] = []
    for (x, y), (point, row) in sorted(zip(places, points, strict=True), key=lambda p: p[0]):
        failed = f", {failures(row)} failed" if row.n_failed else ""
        text = row.setting + failed
        marks = [_box(left, up, 0.7 * em, 0.7 * em) for left, up in places if (left, up) != (x, y)]
        within = (axes.bbox.x0, axes.bbox.x1)
        side = _free_side((x, y), 0.55 * em * len(text), em, [*taken, *marks], within)
        if not row.setting or side is None:
            continue
        sign, box = side
        taken.append(box)
        axes.annotate(
            text,
            point,
            xytext=(sign * 0.65 * size, 0.4 * size),
            textcoords="offset points",
            ha="left" if sign > 0 else "right",
            fontsize=size,
            zorder=3.5,
            color=RED if failed else "black",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5},
        ).set_in_layout(False)


def _free_side(
    place: Point, width: float, em: float, taken: Sequence[Box], within: tuple[float, float]
) -> tuple[int, Box] | None:
    """Gives on which side of a point a text covers nothing, and where that is; None if on none.

    Args:
        place: The point, in pixels.
        width: Width of the text, in pixels.
        em: Height of its letters.
        taken: What must not be covered.
        within: Where the plot begins and ends.
    """
    for sign in (1, -1):
        box = _box(place[0] + sign * (0.6 * em + width / 2), place[1] + 0.8 * em, width, em)
        inside = within[0] <= box[0] and box[2] <= within[1]
        if inside and not any(_overlap(box, other) for other in taken):
            return sign, box
    return None


def _box(x: float, y: float, width: float, height: float) -> Box:
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
