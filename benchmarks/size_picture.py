"""The curves of `size.py` as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

Curve = Sequence[tuple[float, float]]  # dB, bytes
COLORS = {
    "ours": "#d62728",
    "NNCodec": "#1f77b4",
    "k-means + gzip": "#2ca02c",
    "uniform + zstd": "#9467bd",
    "float16": "#555555",
}
LEAST_DB, MOST_DB = 0.02, 8.0


def draw(subjects: Mapping[str, Mapping[str, Curve]], path: Path) -> None:
    """Draws bytes against distance of every subject, both on logarithmic axes, and names curves."""
    columns = min(2, len(subjects)) or 1
    rows = -(-len(subjects) // columns)
    figure = Figure(figsize=(6.2 * columns, 4.4 * rows), layout="constrained")
    for number, (name, curves) in enumerate(subjects.items(), 1):
        axes = figure.add_subplot(rows, columns, number)
        for contender, color in COLORS.items():
            _draw_curve(axes, contender, curves.get(contender, ()), color)
        _frame(axes, name)
    figure.savefig(path, dpi=130)


def _draw_curve(axes: Axes, name: str, curve: Curve, color: str) -> None:
    points = sorted((db, n / 1e6) for db, n in curve if LEAST_DB <= db <= MOST_DB)
    if not points:
        return
    xs, ys = zip(*points, strict=True)
    axes.plot(xs, ys, "o-", color=color, markersize=4, linewidth=2.4 if name == "ours" else 1.4)
    left = name == "ours"  # below the others, whose names stand above
    axes.annotate(
        name,
        points[0],
        xytext=(-6, -4) if left else (5, 4),
        ha="right" if left else "left",
        textcoords="offset points",
        color=color,
    )


def _frame(axes: Axes, name: str) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = [0.03, 0.1, 0.3, 1, 3]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    low, high = axes.get_ylim()
    sizes = [s * 10**e for e in (-2, -1, 0, 1, 2) for s in (1, 2, 5) if low < s * 10**e < high]
    axes.set_yticks(sizes, [f"{size:g}" for size in sizes])
    axes.set_yticks([], minor=True)
    axes.grid(alpha=0.3)
    axes.set_xlabel("mel difference to dense (dB)")
    axes.set_ylabel("size (MB)")
    axes.set_title(name)
