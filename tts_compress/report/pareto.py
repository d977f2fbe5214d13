"""What is worth choosing among the runs of several recipes: a table, a csv and a plot.

A run is on a frontier if none of the same voice is as good in both measures and better in one;
sizes and speeds within a hundredth are as good as each other.
"""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tts_compress.errors import ArtifactError
from tts_compress.report import columns
from tts_compress.report.axes import scale_cost, scale_quality, scale_size
from tts_compress.report.columns import MEGA
from tts_compress.report.frontier import EQUAL, frontier
from tts_compress.report.labels import Point, name_points
from tts_compress.report.plots import COLORS, GREY, MARKERS, QUALITY, legend_below, save
from tts_compress.report.reading import read_rows
from tts_compress.report.rows import Row
from tts_compress.report.sizes import compared_by
from tts_compress.report.tables import write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = (
    columns.PARAMETERS,
    columns.MACS,
    columns.NONZERO_MACS,
    columns.REAL_TIME,
    columns.SPEED,
    columns.GZIP,
    columns.GZIP_OF_DENSE,
    columns.FILE,
    columns.FILE_OF_DENSE,
    columns.MEL,
    columns.MCD,
    columns.WORD_ERRORS.sure(),
    columns.FAILED,
)
FRONTIERS = ("size", "speed")


@dataclass(frozen=True)
class Axis:
    """What a frontier trades for quality.

    Attributes:
        name: What it is called in tables.
        label: What it is called in plots.
        cost: A run's value, lower is better; None if it was not taken.
        shown: What a plot shows of it.
    """

    name: str
    label: str
    cost: Callable[[Row], float | None]
    shown: Callable[[float], float]


def _slowness(row: Row) -> float | None:
    return -row.values["speedup"] if "speedup" in row.values else None


SPEED = Axis("speed", "measured speed (times dense)", _slowness, lambda c: -c)


def axes_of(rows: Sequence[Row]) -> tuple[Axis, Axis]:
    """Gives the size that runs are compared by, and speed."""
    by = compared_by(rows)
    size = Axis("size", by.label, lambda row: row.values.get(by.metric), lambda cost: cost / MEGA)
    return size, SPEED


@dataclass(frozen=True)
class Voice:
    """The runs of one dense network on the same sentences.

    Attributes:
        name: Its architecture and how many parameters it has.
        rows: The dense run, then those of every recipe.
        quality: The metric that its frontiers are of.
        frontiers: For each axis by name, the ids of the runs on it.
    """

    name: str
    rows: tuple[Row, ...]
    quality: str
    frontiers: dict[str, frozenset[str]]


def write_pareto(folders: Sequence[Path], path: Path, console: Console) -> None:
    """Writes a Markdown table, a csv and a plot of the runs of several recipes.

    Args:
        folders: Folders of results, ``runs/<recipe>``.
        path: Where to write: ``docs/pareto`` gives pareto.md, pareto.csv and pareto.png in docs.
        console: Where the written files are named.

    Raises:
        ArtifactError: A folder holds no results, or none was given.
    """
    voices = read_voices(folders)
    path.parent.mkdir(parents=True, exist_ok=True)
    written = [path.with_name(path.name + ending) for ending in (".md", ".csv", ".png")]
    write(written[0], "\n".join(markdown(voice) for voice in voices))
    write(written[1], _csv(voices))
    plot(voices, written[2])
    for voice in voices:
        for name, ids in voice.frontiers.items():
            chosen = ", ".join(" + ".join(row.stages) for row in voice.rows if row.run_id in ids)
            line = f"{voice.name}, {name} against {QUALITY[voice.quality][1]}: {chosen}"
            console.print(line, soft_wrap=True, markup=False, highlight=False)
    console.print(*written, soft_wrap=True, markup=False, highlight=False)


def read_voices(folders: Sequence[Path]) -> list[Voice]:
    """Gives the runs of several recipes, those of one dense run together.

    Raises:
        ArtifactError: A folder holds no results, or none was given.
    """
    if not folders:
        raise ArtifactError("pareto: needs results, got no folder. Give some, as runs/<recipe>.")
    found: dict[str, dict[str, Row]] = {}
    names: dict[str, str] = {}
    for folder in folders:
        _, rows = read_rows(folder)
        dense = rows[0]
        rows[0] = replace(dense, values={"speedup": 1.0, **dense.values})  # that of itself
        names.setdefault(dense.run_id, _voice_name(folder, dense))
        found.setdefault(dense.run_id, {}).update({row.run_id: row for row in rows})
    return [_voice(names[run_id], tuple(rows.values())) for run_id, rows in found.items()]


def best(rows: Sequence[Row], axis: Axis, quality: str) -> frozenset[str]:
    """Gives the ids of the runs that no other beats in cost and quality, lower being better.

    A run in which more sentences fail than in the dense one, the first, is on none, since some
    qualities are of the sentences that did not fail.
    """
    points = {
        row.run_id: (cost, row.values[quality])
        for row in rows
        if (cost := axis.cost(row)) is not None
        and quality in row.values
        and row.n_failed <= rows[0].n_failed
    }
    ids = list(points)
    places = frontier(list(points.values()), "lower", "lower", equal_x=EQUAL)
    return frozenset(ids[place] for place in places)


def markdown(voice: Voice) -> str:
    """Gives the table of one voice; runs on a frontier are bold."""
    dense = voice.rows[0]
    shown = columns.shown(columns.of_size(COLUMNS, voice.rows), voice.rows)
    headings = ["method", "setting", "then", *(column.heading for column in shown), "frontier"]
    lines = [
        f"**{voice.name}**\n",
        "| " + " | ".join(headings) + " |",
        "| " + " | ".join(["---"] * 3 + ["---:"] * len(shown) + ["---"]) + " |",
    ]
    for row in _ordered(voice):
        on = [name for name, ids in voice.frontiers.items() if row.run_id in ids]
        what = ["dense", "", ""] if row is dense else [row.method, row.setting, row.treatment]
        if on:
            what = [f"**{part}**" if part else "" for part in what]
        cells = [*what, *(column.cell(row, dense) for column in shown), ", ".join(on)]
        lines.append("| " + " | ".join(cells) + " |")
    notes = columns.share_note(voice.rows, shown)
    notes += [note for note in columns.notes(voice.rows, shown) if "bootstrap" in note]
    return "\n".join([*lines, *(f"\n{note}" for note in notes)]) + "\n"


def plot(voices: Sequence[Voice], path: Path) -> None:
    """Draws size and speed of every run against its quality, a row of panels for each voice.

    A method has a colour, a treatment a marker; runs off the frontier are pale.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.4 * len(voices)), layout="constrained")
    panels = figure.subplots(len(voices), 2, squeeze=False, sharey="row")
    methods = list(dict.fromkeys(r.method for v in voices for r in v.rows[1:]))
    treatments = list(dict.fromkeys(r.treatment for v in voices for r in v.rows[1:]))
    for voice, row in zip(voices, panels, strict=True):
        for axis, axes in zip(axes_of(voice.rows), row, strict=True):
            _draw(axes, voice, axis, methods, treatments)
        row[0].set_ylabel(QUALITY[voice.quality][0])
        row[0].set_title(voice.name, loc="left")
    handles = [
        *(("s", COLORS[n % len(COLORS)], name) for n, name in enumerate(methods)),
        *((MARKERS[n % len(MARKERS)], GREY, name) for n, name in enumerate(treatments)),
        ("*", "black", "dense"),
    ]
    blank = panels[0][0]
    legend = [blank.plot([], [], m, color=color, label=name)[0] for m, color, name in handles]
    legend += blank.plot([], [], "--", color=GREY, label="frontier")
    n_lines = legend_below(figure, legend)
    figure.set_size_inches(11, 4.4 * len(voices) + 0.2 * n_lines + 0.4)
    save(figure, path)


def _draw(
    axes: "Axes", voice: Voice, axis: Axis, methods: Sequence[str], treatments: Sequence[str]
) -> None:
    """Draws one panel: a point for each run, and a line along the frontier."""
    scale, ids = QUALITY[voice.quality][2], voice.frontiers[axis.name]
    edge, drawn = [], list[Point]()
    for row in voice.rows:
        cost, off = axis.cost(row), row.values.get(voice.quality)
        if cost is None or off is None:
            continue
        point = axis.shown(cost), scale * off
        drawn.append(point)
        chosen = row.run_id in ids
        if chosen:
            edge.append((point, row))
        if row is voice.rows[0]:
            axes.plot(*point, "*", color="black", markersize=12, zorder=5)
            continue
        axes.plot(
            *point,
            MARKERS[treatments.index(row.treatment) % len(MARKERS)],
            color=COLORS[methods.index(row.method) % len(COLORS)],
            alpha=1 if chosen else 0.3,
            markersize=8 if chosen else 6,
            zorder=4 if chosen else 3,
        )
    line = sorted(point for point, _ in edge)
    axes.plot([x for x, _ in line], [y for _, y in line], "--", color=GREY, linewidth=1)
    qualities = [row.values[voice.quality] for row in voice.rows if voice.quality in row.values]
    scale_quality(axes, voice.quality, [scale * value for value in qualities])
    if axis is SPEED:
        scale_cost(axes)
    else:
        scale_size(axes, [x for x, _ in drawn])
    name_points(axes, [pair for pair in edge if pair[1] is not voice.rows[0]], drawn)
    axes.set_xlabel(axis.label)
    axes.grid(alpha=0.3)


def _voice(name: str, rows: tuple[Row, ...]) -> Voice:
    quality = "word_error_rate" if "word_error_rate" in rows[0].values else "mcd_dtw_db"
    frontiers = {axis.name: best(rows, axis, quality) for axis in axes_of(rows)}
    return Voice(name, rows, quality, frontiers)


def _voice_name(folder: Path, dense: Row) -> str:
    """Gives what network the dense run is of, or the folder's name where that is not said."""
    try:
        text = (folder / dense.run_id / "run.json").read_text(encoding="utf-8")
        name = str(json.loads(text)["architecture"])
    except (OSError, ValueError, KeyError, TypeError):
        name = folder.name
    size = columns.PARAMETERS.cell(dense, dense)
    return f"{name}, {size} parameters" if size else name


def _ordered(voice: Voice) -> list[Row]:
    """Gives the dense run, then each method's runs, those of one treatment together."""
    dense, *rows = voice.rows
    methods = list(dict.fromkeys(row.method for row in rows))
    treatments = list(dict.fromkeys(row.treatment for row in rows))
    rows.sort(key=lambda row: (methods.index(row.method), treatments.index(row.treatment)))
    return [dense, *rows]


def _csv(voices: Sequence[Voice]) -> str:
    """Gives one line a run with the mean of every metric; an empty cell was not taken."""
    metrics = sorted({metric for voice in voices for row in voice.rows for metric in row.values})
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    frontiers = [f"{name}_frontier" for name in FRONTIERS]
    writer.writerow(["voice", "run", "name", "method", "setting", "then", *frontiers, *metrics])
    for voice in voices:
        for row in _ordered(voice):
            on = ["yes" if row.run_id in voice.frontiers[name] else "" for name in FRONTIERS]
            what = (
                [row.method, row.setting, row.treatment] if row is not voice.rows[0] else [""] * 3
            )
            values = [f"{row.values[m]:.9g}" if m in row.values else "" for m in metrics]
            writer.writerow([voice.name, row.run_id, row.name, *what, *on, *values])
    return file.getvalue()
