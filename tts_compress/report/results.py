"""One row a run: results.csv, a table for the terminal, and the plot of size against mel distance.

A folder of results has ``recipe.json`` (``{"name": ..., "runs": [{"id", "name"}, ...]}``, the dense
run first) and a folder of each run's id with ``DONE``, ``records.jsonl`` and ``timings.jsonl``.
"""

import csv
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from tts_compress.errors import ArtifactError
from tts_compress.records import read_records

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MEGABYTE = 1e6
BLUE, RED = "#1f77b4", "#d62728"


@dataclass(frozen=True)
class Row:
    """One run: what it is and the mean of each metric; a metric that was not taken is absent."""

    run_id: str
    name: str
    values: Mapping[str, float]
    counts: Mapping[str, int]


def read_rows(folder: Path) -> tuple[str, list[Row]]:
    """Gives the recipe's name and a row for each finished run, in the recipe's order.

    Raises:
        ArtifactError: The folder holds no results, or not those of the dense run, which the others
            are compared with.
    """
    index = folder / "recipe.json"
    if not index.is_file():
        raise ArtifactError(
            f"{folder}: no results, recipe.json is missing. Give a folder such as runs/<recipe>."
        )
    try:
        recipe = json.loads(index.read_text(encoding="utf-8"))
        name, runs = recipe["name"], [(run["id"], run["name"]) for run in recipe["runs"]]
    except (ValueError, TypeError, KeyError) as error:
        raise ArtifactError(
            f"{index}: truncated or altered ({error}). Run the recipe again."
        ) from None
    done = [run for run in runs if (folder / run[0] / "DONE").exists()]
    if runs[:1] != done[:1]:
        raise ArtifactError(f"{folder}: the dense run is not done. Run the recipe again.")
    return name, [_row(*run, folder / run[0]) for run in done]


def _row(run_id: str, name: str, folder: Path) -> Row:
    values: dict[str, list[float]] = {}
    for record in [
        *read_records(folder / "records.jsonl"),
        *read_records(folder / "timings.jsonl"),
    ]:
        values.setdefault(record.metric, []).append(record.value)
    return Row(
        run_id,
        name,
        {metric: fmean(taken) for metric, taken in values.items()},
        {metric: len(taken) for metric, taken in values.items()},
    )


def write_results(folder: Path, console: Console) -> None:
    """Writes results.csv and size_distance.png of a folder of results, and prints its table."""
    name, rows = read_rows(folder)
    write_csv(rows, folder / "results.csv")
    console.print(results_table(name, rows))
    written = [folder / "results.csv"]
    if any("mcd_dtw_db" in row.values for row in rows[1:]):
        written.append(folder / "size_distance.png")
        plot(name, rows, written[-1])
    console.print(*written, soft_wrap=True, markup=False, highlight=False)


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Writes one line a run with the mean of every metric; an empty cell was not taken."""
    metrics = sorted({metric for row in rows for metric in row.values})
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["run", "name", *metrics])
        for row in rows:
            cells = [f"{row.values[m]:.9g}" if m in row.values else "" for m in metrics]
            writer.writerow([row.run_id, row.name, *cells])
    partial.replace(path)


def results_table(name: str, rows: Sequence[Row]) -> Table:
    """Gives the table that people choose from: sizes, distances, failures and speed.

    The first line is the dense network as float32 tensors, the size of every ratio; the second is
    the same network through gzip, so that what gzip saves is not taken for what pruning saves.
    """
    table = Table(
        title=name,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("run", overflow="fold")
    for heading in ("gzip MB", "of dense", "artifact", "mel dB", "MCD dB", "failed", "RTF"):
        table.add_column(heading, justify="right", no_wrap=True)
    if not rows:
        return table
    dense_bytes = rows[0].values["state_dict_bytes"]
    table.add_row("dense, float32", _megabytes(dense_bytes), "100.0 %", "", "", "", "", "")
    for index, row in enumerate(rows):
        v = row.values
        table.add_row(
            "dense, gzip" if index == 0 else row.name,
            _megabytes(v.get("gzip_bytes")),
            _percent(v["gzip_bytes"] / dense_bytes, 1) if "gzip_bytes" in v else "",
            _megabytes(v.get("artifact_bytes")),
            _number(v.get("mel_mae_db"), 2),
            _number(v.get("mcd_dtw_db"), 2),
            _failures(row),
            _number(v.get("real_time_factor"), 3),
        )
    floor = rows[0].values.get("mcd_dtw_db_noise")
    if floor is not None:
        table.caption = (
            f"Noise floor, dense against dense with another seed: "
            f"MCD {floor:.2f} dB, mel {rows[0].values['mel_mae_db_noise']:.2f} dB."
        )
    return table


def _failures(row: Row) -> str:
    if "failed" not in row.values:
        return ""
    return f"{_n_failed(row)} of {row.counts['failed']}"


def _n_failed(row: Row) -> int:
    return round(row.values.get("failed", 0.0) * row.counts.get("failed", 0))


def _megabytes(size: float | None) -> str:
    return "" if size is None else f"{size / MEGABYTE:.2f}"


def _percent(share: float | None, digits: int) -> str:
    return "" if share is None else f"{100 * share:.{digits}f} %"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def plot(name: str, rows: Sequence[Row], path: Path) -> None:
    """Draws size on disk against mel-cepstral distortion, one point a run.

    Runs in which sentences failed are hollow and red, and say how many.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    shown = [row for row in rows[1:] if {"gzip_bytes", "mcd_dtw_db"} <= row.values.keys()]
    shown.sort(key=lambda row: row.values["gzip_bytes"])
    _draw_dense(axes, rows[0].values)
    points = [(row.values["gzip_bytes"] / MEGABYTE, row.values["mcd_dtw_db"]) for row in shown]
    axes.plot(*zip(*points, strict=True), "-", color=BLUE, linewidth=1)
    for label, color, fill, failing in (
        ("compressed, gzip; its sparsity", BLUE, BLUE, False),
        ("the same, where sentences failed", RED, "white", True),
    ):
        chosen = [
            p for p, row in zip(points, shown, strict=True) if failing == bool(_n_failed(row))
        ]
        if chosen:
            x, y = zip(*chosen, strict=True)
            axes.plot(x, y, "o", color=color, mfc=fill, label=label, clip_on=False, zorder=4)
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1.08 * max(y for _, y in points) or 1)
    axes.set_xlabel("size on disk (MB)")
    axes.set_ylabel("mel-cepstral distortion against dense (dB)")
    axes.set_title(f"{name}: size against distance from the dense network")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right")
    _label(axes, points, shown)
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    figure.savefig(partial, format="png", dpi=150, metadata={"Software": None})
    partial.replace(path)


def _draw_dense(axes: "Axes", dense: Mapping[str, float]) -> None:
    """Draws the sizes of the dense network, and how far it is from itself with another seed."""
    for key, label, style in (
        ("state_dict_bytes", "dense, float32", "-"),
        ("gzip_bytes", "dense, gzip", "--"),
    ):
        size = dense[key] / MEGABYTE
        axes.axvline(size, color="#777777", linestyle=style, label=f"{label}: {size:.2f} MB")
    floor = dense.get("mcd_dtw_db_noise")
    if floor is not None:
        label = f"dense, another seed: {floor:.2f} dB"
        axes.axhline(floor, color="#777777", linestyle=":", label=label)


def _label(axes: "Axes", points: Sequence[tuple[float, float]], rows: Sequence[Row]) -> None:
    """Writes sparsity and failures beside each point that stands clear of those with labels."""
    taken: list[tuple[float, float]] = []
    for point, row in zip(points, rows, strict=True):
        x, y = axes.transData.transform(point)
        clear = all(abs(x - other) > 40 or abs(y - above) > 14 for other, above in taken)
        if "sparsity" not in row.values or not clear:
            continue
        taken.append((x, y))
        failed = f", {_failures(row)} failed" if _n_failed(row) else ""
        axes.annotate(
            f"{100 * row.values['sparsity']:.3g} %{failed}",
            point,
            xytext=(6, 4),
            textcoords="offset points",
            fontsize=9,
            color=RED if failed else "black",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5},
        )
