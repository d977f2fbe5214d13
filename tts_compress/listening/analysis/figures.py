"""Plots of a listening test: for a page (SVG that follows its colors), a paper (PDF), and slides.

What is drawn in `INK` and `PAPER` takes the page's colors where the SVG is put into the page.
"""

import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tts_compress.files import replaced
from tts_compress.listening.analysis.answers import SCALES
from tts_compress.listening.analysis.power import Spread, power_of
from tts_compress.listening.analysis.results import Results

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, PAPER = "#16181d", "#fefefe"
RED, GREY, BLUE = "#d62728", "#8a8f98", "#1f77b4"
COLORS = ("#1f77b4", "#e68a00", "#2ca02c", "#9467bd", "#17a2b8", "#8c564b", "#e377c2", "#7f7f7f")
WIDTH = 6.0  # inches; small enough for its letters to be read on a phone
LABELS = {
    "mushra": "rating (0 bad, 100 excellent)",
    "acr": "opinion (1 bad, 5 excellent)",
    "dcr": "degradation (1 very annoying, 5 inaudible)",
}


def plot_ratings(results: Results, rows: "pd.DataFrame") -> "Figure":
    """Draws ratings: quartiles and median, every listener's own mean, the mean and its interval."""
    names = results.systems["system"].tolist()
    axes = _axes(len(names))
    kept = rows[rows["check"] == ""]
    means = kept.groupby(["system", "listener"])["value"].mean()
    for place, line in enumerate(results.systems.itertuples()):
        color = _color(line.role, place)
        axes.barh(
            place, line.q3 - line.q1, left=line.q1, height=0.5, color=color, alpha=0.22, zorder=2
        )
        axes.plot([line.median] * 2, [place - 0.25, place + 0.25], color=color, lw=2, zorder=3)
        own = means[line.system].to_numpy()
        axes.scatter(
            own, place + _spread_out(len(own)), s=11, color=color, alpha=0.75, lw=0, zorder=4
        )
        _point(axes, line.mean, (line.low, line.high), place)
    axes.set_yticks(range(len(names)), names)
    low, high = SCALES[results.kind]
    margin = 0.02 * (high - low)
    axes.set_xlim(low - margin, high + margin)
    axes.set_xlabel(LABELS[results.kind])
    return axes.figure  # type: ignore[return-value]


def plot_differences(results: Results, unsure: Collection[tuple[str, str]] = ()) -> "Figure":
    """Draws differences of pairs with their intervals; clear ones of 0 are filled.

    Args:
        results: Of the listeners who count.
        unsure: Pairs that are not filled in any case, since screening can have made the difference.
    """
    table = results.comparisons[results.comparisons["planned"]]
    axes = _axes(len(table))
    axes.axvline(0, color=INK, lw=1, zorder=1)
    for place, line in enumerate(table.itertuples()):
        clear = line.p_holm < 0.05 and (line.system, line.versus) not in unsure
        _point(axes, line.difference, (line.low, line.high), place, clear=clear)
        text = f"{line.difference:+.{1 if results.kind == 'mushra' else 2}f}"
        _say(axes, text.replace("-", "\N{MINUS SIGN}"), line.difference, place)
    several = table["versus"].nunique() > 1
    names = [f"{a}\nto {b}" if several else a for a, b in table[["system", "versus"]].to_numpy()]
    axes.set_yticks(range(len(table)), names)
    base = table["versus"].iloc[0]
    unit = "points " if results.kind != "mushra" else ""
    other = "the other" if several else base
    axes.set_xlabel(f"{unit}above (right) or below (left) {other}".strip())
    _around_zero(axes)
    return axes.figure  # type: ignore[return-value]


def plot_preferences(results: Results) -> "Figure":
    """Draws whom listeners chose as bars that fill the width, with the interval of the share."""
    table = results.comparisons
    axes = _axes(len(table), room=0.95)
    for place, line in enumerate(table.itertuples()):
        n = line.chosen + line.other + line.neither
        left = 0.0
        for count, color in ((line.chosen, BLUE), (line.neither, GREY), (line.other, COLORS[1])):
            width = 100 * count / n
            axes.barh(place, width, left=left, height=0.5, color=color, alpha=0.45)
            if width > 8:
                at = left + width / 2
                axes.text(at, place + 0.37, f"{width:.0f} %", ha="center", va="center", color=INK)
            left += width
        _point(axes, 100 * line.share, (100 * line.low, 100 * line.high), place)
        axes.text(0, place - 0.36, line.system, color=BLUE, va="center")
        axes.text(100, place - 0.36, line.versus, color=COLORS[1], ha="right", va="center")
        axes.plot([50, 50], [place - 0.25, place + 0.25], color=INK, lw=1, ls="--", zorder=3)
    axes.set_yticks([])
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of choices (%); point: share with ties split, and its interval")
    return axes.figure  # type: ignore[return-value]


def plot_discriminations(results: Results, rows: "pd.DataFrame") -> "Figure":
    """Draws how often X was told, with listeners' own shares and chance."""
    table = results.comparisons
    axes = _axes(len(table))
    own = rows[rows["check"] == ""].groupby(["system", "versus", "listener"])["value"].mean()
    for place, line in enumerate(table.itertuples()):
        shares = 100 * own[line.system][line.versus].to_numpy()
        axes.scatter(
            shares,
            place + 0.15 + 2 * np.abs(_spread_out(len(shares))),
            s=11,
            color=BLUE,
            alpha=0.6,
            lw=0,
        )
        clear = line.p_holm < 0.05
        _point(axes, 100 * line.share, (100 * line.low, 100 * line.high), place, clear=clear)
    axes.axvline(50, color=INK, lw=1, ls="--", zorder=1)
    names = [f"{line.system}\nor {line.versus}" for line in table.itertuples()]
    axes.set_yticks(range(len(table)), names)
    axes.set_xlim(-2, 102)
    axes.set_xlabel("right answers (%); guessing gives 50 %")
    return axes.figure  # type: ignore[return-value]


def plot_listeners(agreement: "pd.DataFrame") -> "Figure":
    """Draws every listener: agreement with the others against how much is told apart.

    Args:
        agreement: ``listener``, ``agreement``, ``use``, ``kept``, and as attributes the labels of
            both axes.
    """
    axes = _plane()
    for kept, color, face, label in (
        (True, BLUE, BLUE, "counts"),
        (False, RED, "none", "left out"),
    ):
        some = agreement[agreement["kept"] == kept]
        if len(some):
            axes.scatter(
                some["agreement"],
                some["use"],
                s=34,
                color=color,
                facecolor=face,
                label=label,
                lw=1.4,
                alpha=0.85,
                zorder=3,
            )
        if not kept:
            for line in some.itertuples():
                axes.annotate(
                    line.listener,
                    (line.agreement, line.use),
                    xytext=(5, 4),
                    textcoords="offset points",
                    color=RED,
                    fontsize=9,
                )
    axes.margins(0.08)
    axes.set_xlabel(agreement.attrs["x"])
    axes.set_ylabel(agreement.attrs["y"])
    axes.legend(loc="best", frameon=False, labelcolor=INK)
    return axes.figure  # type: ignore[return-value]


def plot_power(
    spread: Spread,
    differences: Sequence[float],
    n_listeners: int,
    name_of: Callable[[float], str],
) -> "Figure":
    """Draws how often differences of some sizes are found, against the number of listeners."""
    axes = _plane()
    most = max(60, 2 * n_listeners)
    numbers = np.unique(np.round(np.linspace(6, most, 40))).astype(int)
    for color, difference in zip(COLORS, differences, strict=False):
        powers = [100 * power_of(difference, spread, int(n)) for n in numbers]
        axes.plot(numbers, powers, color=color, lw=1.8, label=name_of(difference))
    axes.axhline(80, color=INK, lw=1, ls="--")
    if n_listeners:
        axes.axvline(n_listeners, color=GREY, lw=1, label="this test")
    axes.set_ylim(0, 102)
    axes.set_xlim(0, most)
    axes.set_xlabel("listeners")
    axes.set_ylabel("tests that find it (%)")
    axes.figure.legend(loc="outside upper center", ncols=3, frameon=False, labelcolor=INK)
    return axes.figure  # type: ignore[return-value]


def save(figure: "Figure", path: Path) -> str:
    """Writes a figure as PNG, SVG and PDF, the same bytes each time.

    Args:
        figure: The figure.
        path: Where to, without the ending.

    Returns:
        The SVG as part of a page, in the page's colors.
    """
    import matplotlib as mpl

    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # what was laid out once is so in all formats
    with mpl.rc_context({"svg.hashsalt": path.name}):
        for ending, metadata in (
            ("png", {"Software": None}),
            ("pdf", {"CreationDate": None}),
            ("svg", {"Date": None}),
        ):
            with replaced(path.with_suffix(f".{ending}")) as partial:
                clear = ending == "svg"
                figure.savefig(
                    partial, format=ending, dpi=150, metadata=metadata, transparent=clear
                )
    svg = path.with_suffix(".svg").read_text(encoding="utf-8")
    svg = re.sub("<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    return svg.replace(INK, "var(--ink)").replace(PAPER, "var(--paper)")


def _axes(n_rows: int, room: float = 0.55) -> "Axes":
    """Axes for rows from the top down."""
    axes = _plane(1.0 + room * max(n_rows, 1.5))
    axes.grid(axis="y", visible=False)
    axes.set_ylim(n_rows - 0.5, -0.5)
    return axes


def _plane(height: float = 4.2) -> "Axes":
    """Axes alone in a figure, with all that is written in `INK`."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    inked = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    style: Any = {"font.size": 11.5} | dict.fromkeys(inked, INK)
    with mpl.rc_context(style):
        axes = Figure(figsize=(WIDTH, height), layout="constrained").add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GREY, alpha=0.25)
    axes.set_axisbelow(True)
    return axes


def _point(
    axes: "Axes", mean: float, ends: tuple[float, float], place: float, *, clear: bool = True
) -> None:
    axes.plot(ends, [place] * 2, color=INK, lw=1.8, zorder=6, solid_capstyle="round")
    face = INK if clear else PAPER
    axes.plot([mean], [place], "o", ms=7, mfc=face, mec=INK, mew=1.6, zorder=7)


def _say(axes: "Axes", text: str, x: float, place: float) -> None:
    axes.annotate(
        text, (x, place), xytext=(0, 9), textcoords="offset points", ha="center", color=INK
    )


def _color(role: str, place: int) -> str:
    return {"reference": "#2ca02c", "anchor": GREY}.get(role, COLORS[0])


def _spread_out(n: int) -> Any:
    """Heights at which points that lie on each other are told apart; the same each time."""
    return 0.2 * (((np.arange(n) * 0.618) % 1) - 0.5)


def _around_zero(axes: "Axes") -> None:
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, -0.15 * (high - low)), max(high, 0.15 * (high - low)))
