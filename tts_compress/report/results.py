"""One row a run: results.csv, a table for the terminal, and the plots of size and speed."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tts_compress.report import columns
from tts_compress.report.columns import Column, notes
from tts_compress.report.ladder import has_ladder, plot_ladder
from tts_compress.report.plots import plot_size, plot_speed
from tts_compress.report.reading import read_rows
from tts_compress.report.rows import Row, indented
from tts_compress.report.sizes import compared_by
from tts_compress.report.tables import runs_csv, write

GIVEN_UP = (  # first to last where there is no room: a column's interval, or all of it
    columns.MEL.sure(),
    columns.VOICING.sure(),
    columns.CHARACTER_ERRORS.sure(),
    columns.F0.sure(),
    columns.MCD.sure(),
    columns.VOICING,
    columns.CHARACTER_ERRORS,
    columns.REAL_TIME,
    columns.MEL,
    columns.F0,
    columns.PARAMETERS,
    columns.ATTENTION,
    columns.WORD_ERRORS.sure(),
    columns.MACS,
    *columns.SHARES,
)
NAME_WIDTH = 28  # of the names of runs; longer ones take lines where there is no room


def write_results(folder: Path, console: Console) -> None:
    """Writes results.csv and the plots of a folder of results, and prints its table.

    ``size_distance.png`` is there where distances were taken, ``speed_distance.png`` where speeds
    were, too, ``sizes.png`` where the size ladder was.
    """
    name, rows = read_rows(folder)
    write(folder / "results.csv", runs_csv(rows))
    console.print(results_table(name, rows, console.width))
    written = [folder / "results.csv", *write_plots(name, rows, folder)]
    console.print(*written, soft_wrap=True, markup=False, highlight=False)


def write_plots(name: str, rows: Sequence[Row], folder: Path) -> list[Path]:
    """Writes the plots of a recipe's runs that can be drawn, and gives their files."""
    written = []
    for plot, needed, file in (
        (plot_size, {compared_by(rows).metric, "mcd_dtw_db"}, "size_distance.png"),
        (plot_speed, {"speedup", "effective_macs_per_second", "mcd_dtw_db"}, "speed_distance.png"),
    ):
        if any(needed <= row.values.keys() for row in rows[1:]):
            plot(name, rows, folder / file)
            written.append(folder / file)
    if has_ladder(rows[0]):
        plot_ladder(name, rows, folder / "sizes.png")
        written.append(folder / "sizes.png")
    return written


def results_table(name: str, rows: Sequence[Row], width: int = 110) -> Table:
    """Gives the table that people choose from: sizes, distances, failures and speed.

    The first line is the dense network as float32 tensors, the size of every ratio; the second is
    the same network stored as the others are, as a coded file or through gzip, so that what coding
    saves is not taken for what compression saves. A column without a value is left out, and so are
    weights and multiply-accumulates where every run has those of the dense network; where there is
    no room, so are others, which results.csv has.

    Args:
        name: Title of the table.
        rows: The runs, the dense one first.
        width: Characters that there is room for.
    """
    table = Table(
        title=name,
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("run", overflow="fold")
    dense = rows[0]
    size = compared_by(rows)
    names = [size.dense, *indented(rows[1:])]
    given = _chosen(rows, width - min(NAME_WIDTH, max(map(len, names))))
    for column in given:
        table.add_column(column.heading, justify="right", no_wrap=True)
    megabytes, share = columns.OF_SIZE[size]
    float32 = {megabytes: columns.FLOAT32[size].cell(dense, dense), share: "100.0 %"}
    table.add_row("dense, float32", *(float32.get(column, "") for column in given))
    for shown, row in zip(names, rows, strict=True):
        table.add_row(escape(shown), *(column.cell(row, dense) for column in given))
    table.caption = "\n".join(notes(rows, given)) or None
    return table


def _chosen(rows: Sequence[Row], width: int) -> list[Column]:
    """Gives the columns that say something and, all together, fit."""
    given = columns.of_runs(rows)
    for column in GIVEN_UP:
        if sum(2 + columns.width(c, rows) for c in given) <= width:
            break
        plain = [replace(column, interval=False)] if column.interval else []
        given = [part for c in given for part in (plain if c == column else [c])]
    return given
