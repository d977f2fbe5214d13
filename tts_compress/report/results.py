"""One row a run: results.csv, a table for the terminal, and the plots of size and speed."""

import csv
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tts_compress.files import replaced
from tts_compress.report import columns
from tts_compress.report.columns import Column
from tts_compress.report.plots import plot_size, plot_speed
from tts_compress.report.rows import RESIZED, Row, indented, read_rows

COLUMNS = (
    columns.PARAMETERS,
    columns.MACS,
    columns.GZIP,
    columns.OF_DENSE,
    columns.MEL,
    columns.MCD,
    columns.WORD_ERRORS,
    columns.FAILED,
    columns.REAL_TIME,
    columns.SPEED,
)
OF_SHAPE = (columns.PARAMETERS, columns.MACS)
IF_WIDE = (columns.REAL_TIME, columns.MEL, columns.OF_DENSE, columns.PARAMETERS)
NAME_WIDTH = 28  # of the names of runs; longer ones take lines where there is no room


def write_results(folder: Path, console: Console) -> None:
    """Writes results.csv and the plots of a folder of results, and prints its table.

    ``size_distance.png`` is there where distances were taken, ``speed_distance.png`` where speeds
    were, too.
    """
    name, rows = read_rows(folder)
    write_csv(rows, folder / "results.csv")
    console.print(results_table(name, rows, console.width))
    written = [folder / "results.csv"]
    for plot, needed, file in (
        (plot_size, {"gzip_bytes", "mcd_dtw_db"}, "size_distance.png"),
        (plot_speed, {"speedup", "effective_macs_per_second", "mcd_dtw_db"}, "speed_distance.png"),
    ):
        if any(needed <= row.values.keys() for row in rows[1:]):
            plot(name, rows, folder / file)
            written.append(folder / file)
    console.print(*written, soft_wrap=True, markup=False, highlight=False)


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Writes one line a run with the mean of every metric; an empty cell was not taken."""
    metrics = sorted({metric for row in rows for metric in row.values})
    with replaced(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["run", "name", *metrics])
        for row in rows:
            cells = [f"{row.values[m]:.9g}" if m in row.values else "" for m in metrics]
            writer.writerow([row.run_id, row.name, *cells])


def results_table(name: str, rows: Sequence[Row], width: int = 110) -> Table:
    """Gives the table that people choose from: sizes, distances, failures and speed.

    The first line is the dense network as float32 tensors, the size of every ratio; the second is
    the same network through gzip, so that what gzip saves is not taken for what pruning saves. A
    column without a value is left out, and so are weights and multiply-accumulates where every run
    has those of the dense network; where there is no room, so are others, which results.csv has.

    Args:
        name: Title of the table.
        rows: The runs, the dense one first.
        width: Characters that there is room for.
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
    if not rows:
        return table
    dense = rows[0]
    names = ["dense, gzip", *indented(rows[1:])]
    given = _chosen(rows, width - min(NAME_WIDTH, max(map(len, names))))
    for column in given:
        table.add_column(column.heading, justify="right", no_wrap=True)
    float32 = {
        columns.GZIP: columns.number(dense.values["state_dict_bytes"] / columns.MEGA, 2),
        columns.OF_DENSE: "100.0 %",
    }
    table.add_row("dense, float32", *(float32.get(column, "") for column in given))
    for shown, row in zip(names, rows, strict=True):
        table.add_row(escape(shown), *(column.cell(row, dense) for column in given))
    table.caption = _caption(rows)
    return table


def _chosen(rows: Sequence[Row], width: int) -> list[Column]:
    """Gives the columns that say something and, all together, fit."""
    given = [c for c in COLUMNS if columns.resized(rows) or c not in OF_SHAPE]
    given = columns.shown(given, rows)
    for column in IF_WIDE:
        if sum(2 + columns.width(c, rows) for c in given) > width:
            given = [other for other in given if other is not column]
    return given


def _caption(rows: Sequence[Row]) -> str | None:
    lines = []
    floor = rows[0].values
    if "mcd_dtw_db_noise" in floor:
        lines.append(
            f"Noise floor, dense against dense with another seed: "
            f"MCD {floor['mcd_dtw_db_noise']:.2f} dB, mel {floor['mel_mae_db_noise']:.2f} dB."
        )
    removed = [row for row in rows[1:] if row.name.endswith(f" + {RESIZED}")]
    if removed:
        some = "All" if len(removed) == len(rows) - 1 else f"{len(removed)} of {len(rows) - 1}"
        lines.append(f"{some} compressed networks are resized.")
    return "\n".join(lines) or None
