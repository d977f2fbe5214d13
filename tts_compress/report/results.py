"""One row a run: results.csv, a table for the terminal, and the plot of size against mel distance.

A folder of results has ``recipe.json`` (``{"name": ..., "runs": [{"id", "name", ...}, ...]}``, the
dense
run first) and a folder of each run's id with ``DONE``, ``records.jsonl`` and ``timings.jsonl``.
"""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from rich import box
from rich.console import Console
from rich.table import Table

from tts_compress.errors import ArtifactError
from tts_compress.records import Record, read_records

MEGABYTE = 1e6


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
        ArtifactError: The folder holds no results.
    """
    index = folder / "recipe.json"
    if not index.is_file():
        raise ArtifactError(
            f"{folder}: no results, recipe.json is missing. Give a folder such as runs/<recipe>."
        )
    recipe = json.loads(index.read_text(encoding="utf-8"))
    rows = []
    for run in recipe["runs"]:
        path = folder / run["id"]
        if (path / "DONE").exists():
            records = [*read_records(path / "records.jsonl"), *read_records(path / "timings.jsonl")]
            rows.append(_row(run["id"], run["name"], records))
    return recipe["name"], rows


def _row(run_id: str, name: str, records: Sequence[Record]) -> Row:
    values: dict[str, list[float]] = {}
    for record in records:
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
    if any("mcd_dtw_db" in row.values for row in rows[1:]):
        plot(name, rows, folder / "size_distance.png")
        console.print(f"{folder / 'results.csv'}  {folder / 'size_distance.png'}", highlight=False)


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Writes one line a run with the mean of every metric; an empty cell was not taken."""
    metrics = sorted({metric for row in rows for metric in row.values})
    partial = path.with_suffix(".tmp")
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
    the
    same network through gzip, so that what gzip alone saves is not mistaken for what pruning saves.
    """
    table = Table(
        title=name,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("run", no_wrap=True)
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
    count = row.counts["failed"]
    return f"{round(row.values['failed'] * count)} of {count}"


def _megabytes(size: float | None) -> str:
    return "" if size is None else f"{size / MEGABYTE:.2f}"


def _percent(share: float | None, digits: int) -> str:
    return "" if share is None else f"{100 * share:.{digits}f} %"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def plot(name: str, rows: Sequence[Row], path: Path) -> None:
    """Draws size on disk against mel-cepstral distortion, one labelled point a run."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    shown = [row for row in rows[1:] if "mcd_dtw_db" in row.values]
    sizes = [row.values["gzip_bytes"] / MEGABYTE for row in shown]
    distances = [row.values["mcd_dtw_db"] for row in shown]
    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    axes.plot(sizes, distances, "o-", color="#1f77b4", label="pruned, gzip")
    for row, x, y in zip(shown, sizes, distances, strict=True):
        if row.values.get("sparsity", 0) >= 0.05:
            label = f"{100 * row.values['sparsity']:.0f} %"
            axes.annotate(label, (x, y), textcoords="offset points", xytext=(6, 4), fontsize=8)
    dense = rows[0].values
    for key, label, style in (
        ("state_dict_bytes", "dense, float32", "-"),
        ("gzip_bytes", "dense, gzip", "--"),
    ):
        axes.axvline(dense[key] / MEGABYTE, color="#777777", linestyle=style, label=label)
    if "mcd_dtw_db_noise" in dense:
        floor = dense["mcd_dtw_db_noise"]
        axes.axhline(floor, color="#d62728", linestyle=":", label="dense, another seed")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("size on disk (MB)")
    axes.set_ylabel("mel-cepstral distortion against dense (dB)")
    axes.set_title(f"{name}: size against distance")
    axes.grid(alpha=0.3)
    axes.legend()
    partial = path.with_suffix(".tmp.png")
    figure.savefig(partial, dpi=150, metadata={"Software": None})
    pyplot.close(figure)
    partial.replace(path)
