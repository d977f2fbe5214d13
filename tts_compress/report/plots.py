"""Plots of one recipe's runs: size, multiplications and speed against how far the speech is off."""

from collections.abc import Callable, Mapping, Sequence
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
Point = tuple[float, float]
Series = dict[tuple[str, str], list[Row]]


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
        size = rows[0].values[key] / MEGA
        axes.axvline(size, color=GREY, linestyle=style, label=f"{label}: {size:.2f} MB")
    _draw(axes, rows, lambda v: v["gzip_bytes"] / MEGA, ("gzip_bytes", "mcd_dtw_db"))
    axes.set_xlabel("size on disk (MB)")
    axes.set_title(f"{name}: size against distance from the dense network")
    axes.legend(loc="upper right")
    save(figure, path)


def plot_speed(name: str, rows: Sequence[Row], path: Path) -> None:
    """Draws what has to be multiplied, and how fast that is, against how far the speech is off.

    That is the word error rate where a recognizer listened, the mel-cepstral distortion elsewhere.
    """
    measure = "word_error_rate"
    if not any(measure in row.values for row in rows[1:]):
        measure = "mcd_dtw_db"
    figure = _figure(11, 5)
    work, speed = figure.subplots(1, 2, sharey=True)
    macs = "effective_macs_per_second"
    if macs in rows[0].values:
        work.axvline(rows[0].values[macs] / MEGA, color=GREY, linestyle="--", label="dense")
    _draw(work, rows, lambda v: v[macs] / MEGA, (macs, measure))
    work.set_xlabel(
        "million multiply-accumulates with weights that are not zero,\nper second of audio"
    )
    speed.axvline(1, color=GREY, linestyle="--")
    _draw(speed, rows, lambda v: v["speedup"], ("speedup", measure))
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


def scale_quality(axes: "Axes", measure: str, values: Sequence[float]) -> None:
    """Lets distances begin at 0, and spreads low error rates, which are those to choose from."""
    if measure == "word_error_rate" and min(values, default=0) > 0:
        axes.set_yscale("log")
        axes.set_ylim(0.8 * min(values), 1.25 * max(values))
        ticks = [tick for tick in ERROR_TICKS if 0.8 * min(values) < tick < 1.25 * max(values)]
        axes.set_yticks(ticks, [f"{tick}" for tick in ticks])
        axes.set_yticks([], minor=True)
    else:
        axes.set_ylim(0, 1.08 * max(values, default=0) or 1)


def series_of(rows: Sequence[Row]) -> Series:
    """Gives the rows of each method and treatment, in the order of their first runs."""
    series: Series = {}
    for row in rows:
        series.setdefault((row.method, row.treatment), []).append(row)
    return series


def save(figure: "Figure", path: Path) -> None:
    """Writes a figure, whole or not at all, and always the same bytes."""
    with replaced(path) as partial:
        figure.savefig(partial, format="png", dpi=150, metadata={"Software": None})


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _draw(
    axes: "Axes",
    rows: Sequence[Row],
    x_of: Callable[[Mapping[str, float]], float],
    needed: tuple[str, str],
) -> None:
    """Draws a line for each series, and names its points; `needed` are the metrics of both axes."""
    y_label, _, scale = QUALITY[needed[1]]

    def point(row: Row) -> Point:
        return x_of(row.values), scale * row.values[needed[1]]

    drawn = [row for row in rows[1:] if set(needed) <= row.values.keys()]
    series = series_of(drawn)
    for number, ((method, treatment), runs) in enumerate(series.items()):
        color, marker = COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)]
        points = [point(row) for row in runs]
        label = _legend(method, treatment, series)
        axes.plot(*zip(*points, strict=True), "-", color=color, linewidth=1)
        sound = [point(row) for row in runs if not row.n_failed]
        axes.plot(
            *_xy(sound), marker, color=color, label=label, linestyle="", clip_on=False, zorder=4
        )
        failing = [point(row) for row in runs if row.n_failed]
        if failing:
            axes.plot(*_xy(failing), marker, color=RED, mfc="white", clip_on=False, zorder=4)
    if any(row.n_failed for row in drawn):
        axes.plot([], [], "o", color=RED, mfc="white", label="the same, where sentences failed")
    _draw_dense(axes, rows[0], needed[1], scale)
    floor = [scale * rows[0].values[needed[1]]] if needed[1] in rows[0].values else []
    scale_quality(axes, needed[1], [point(row)[1] for row in drawn] + floor)
    axes.set_xlim(0, 1.14 * axes.get_xlim()[1])  # room for what is written beside the last point
    axes.set_ylabel(y_label)
    axes.grid(alpha=0.3)
    name_points(axes, [(point(row), row) for row in drawn])


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
    elif measure == "mcd_dtw_db" and "mcd_dtw_db_noise" in dense.values:
        floor = dense.values["mcd_dtw_db_noise"]
        label = f"dense, another seed: {floor:.2f} dB"
        axes.axhline(floor, color=GREY, linestyle=":", label=label)


def name_points(axes: "Axes", points: Sequence[tuple[Point, Row]]) -> None:
    """Writes how much was removed and what failed beside each point that stands clear."""
    taken: list[Point] = []
    for point, row in sorted(points, key=lambda pair: pair[0]):
        x, y = axes.transData.transform(point)
        clear = all(abs(x - other) > 40 or abs(y - above) > 14 for other, above in taken)
        if not row.setting or not clear:
            continue
        taken.append((x, y))
        failed = f", {failures(row)} failed" if row.n_failed else ""
        axes.annotate(
            row.setting + failed,
            point,
            xytext=(6, 4),
            textcoords="offset points",
            fontsize=9,
            zorder=6,
            color=RED if failed else "black",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5},
        )
