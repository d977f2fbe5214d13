"""Tables as files: csv and parquet to compute with, Markdown and LaTeX to show.

``results.csv`` is wide, one line a run with its means, intervals and differences: what a plot or a
spreadsheet wants. ``results.parquet`` is long, one line a recorded value with its run and sentence:
what a test, a mixed model or a bootstrap of one's own wants, in pandas, polars, R or DuckDB.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from tts_compress.extras import needed
from tts_compress.files import replaced
from tts_compress.report import columns
from tts_compress.report.columns import Column
from tts_compress.report.ladder import ladder_table
from tts_compress.report.measures import measure
from tts_compress.report.reading import Results, RunResult
from tts_compress.report.rows import ENDINGS, Row, compared

LATEX = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def write_tables(results: Sequence[Results], folder: Path) -> list[Path]:
    """Writes results.csv, results.parquet, results.md and results.tex of some recipes.

    The csv has every run with its status, the others those that are done; a recipe whose dense run
    is not has nothing to be compared with, and no table in Markdown and LaTeX.

    Args:
        results: What was read of each recipe.
        folder: Where to; it is made if need be.

    Returns:
        The files.

    Raises:
        ExtraError: pyarrow is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"results.{ending}" for ending in ("csv", "md", "tex", "parquet")]
    write(paths[0], recipes_csv(results))
    with_rows = [found for found in results if found.dense]
    texts = [
        text
        for found in with_rows
        for text in (markdown(found.name, found.rows), ladder_table(found.name, found.rows))
    ]
    write(paths[1], "\n".join(filter(None, texts)))
    write(paths[2], "\n".join(latex(found.name, found.rows) for found in with_rows))
    with replaced(paths[3]) as partial:
        write_parquet(results, partial)
    return paths


def write(path: Path, text: str) -> None:
    """Writes a text, whole or not at all."""
    with replaced(path) as partial:
        partial.write_text(text, encoding="utf-8")


def runs_csv(rows: Sequence[Row]) -> str:
    """Gives one line a run of one recipe: see `recipes_csv`."""
    return _csv(["run", "name"], [([row.run_id, row.name], row) for row in rows])


def recipes_csv(results: Sequence[Results]) -> str:
    """Gives one line a run with the mean of every metric; an empty cell was not taken.

    Of a metric that has intervals, ``_low`` and ``_high`` are the ends of that of the mean, and
    ``_difference``, ``_difference_low`` and ``_difference_high`` say how far it is from that of the
    dense run, of the sentences that both have.
    """
    lines = [
        ([found.name, run.id, run.name, run.status], run.row)
        for found in results
        for run in found.runs
    ]
    return _csv(["recipe", "run", "name", "status"], lines)


def _csv(headings: Sequence[str], lines: Sequence[tuple[list[str], Row | None]]) -> str:
    numbers = [row.numbers if row else {} for _, row in lines]
    metrics = sorted({metric for _, row in lines if row for metric in row.values})
    names = [f"{metric}{ending}" for metric in metrics for ending in ENDINGS]
    names = [name for name in names if any(name in found for found in numbers)]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*headings, *names])
    for (what, _), found in zip(lines, numbers, strict=True):
        writer.writerow([*what, *(f"{found[name]:.9g}" if name in found else "" for name in names)])
    return file.getvalue()


def write_parquet(results: Sequence[Results], path: Path) -> None:
    """Writes one line a recorded value, of the runs that are done.

    Columns are recipe, run, name, method, setting, then, metric, unit, sentence (null where the
    value is of the whole run) and value.

    Raises:
        ExtraError: pyarrow is not installed.
    """
    pyarrow, parquet = needed("pyarrow", "report"), needed("pyarrow.parquet", "report")
    word = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    words = ("recipe", "run", "name", "method", "setting", "then", "metric", "unit")
    schema = pyarrow.schema(
        [
            *((name, word) for name in words),
            ("sentence", pyarrow.int32()),
            ("value", pyarrow.float64()),
        ]
    )
    lines = [line for found in results for run in found.done for line in _long(found.name, run)]
    parts = list(zip(*lines, strict=True)) if lines else [()] * len(schema)
    arrays = [pyarrow.array(part, field.type) for part, field in zip(parts, schema, strict=True)]
    parquet.write_table(pyarrow.Table.from_arrays(arrays, schema=schema), path)


def _long(recipe: str, run: RunResult) -> Iterator[tuple[str | int | float | None, ...]]:
    row = run.row
    if row is None:
        return
    what = (recipe, run.id, run.name, row.method, row.setting, row.treatment)
    if row.name == "dense":
        what = (recipe, run.id, run.name, "dense", "", "")
    for metric, mean in row.values.items():
        unit = run.units.get(metric, "")
        if metric in row.sentences:
            for sentence, value in row.sentences[metric].items():
                yield (*what, metric, unit, sentence, value)
        else:
            yield (*what, metric, unit, None, mean)


def markdown(name: str, rows: Sequence[Row]) -> str:
    """Gives the table of a recipe's runs, the dense one first, in Markdown."""
    headings, body, notes = _grid(rows)
    lines = [f"**{name}**", ""]
    for cells in (headings, ["---", *["---:"] * (len(headings) - 1)]):
        lines.append("| " + " | ".join(cells) + " |")
    for line in body:
        cells = [text.replace("|", "\\|") for text, _ in line]
        marked = [f"**{c}**" if bold else c for c, (_, bold) in zip(cells, line, strict=True)]
        lines.append("| " + " | ".join(marked) + " |")
    return "\n".join([*lines, "", *notes]) + "\n"


def latex(name: str, rows: Sequence[Row]) -> str:
    """Gives the same table in LaTeX, to be included: a tabular that needs the package booktabs."""
    headings, body, notes = _grid(rows)
    lines = [
        f"% {name}; \\usepackage{{booktabs}}",
        f"\\begin{{tabular}}{{l{'r' * (len(headings) - 1)}}}",
        "\\toprule",
        " & ".join(map(escaped, headings)) + r" \\",
        "\\midrule",
    ]
    for line in body:
        cells = [rf"\textbf{{{escaped(c)}}}" if bold else escaped(c) for c, bold in line]
        lines.append(" & ".join(cells) + r" \\")
    lines += ["\\bottomrule", "\\end{tabular}", *(f"% {note}" for note in notes)]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    r"""Gives a text as LaTeX reads it.

    >>> print(escaped("units_rnn 25 % & more"))
    units\_rnn 25 \% \& more
    """
    return "".join(LATEX.get(character, character) for character in text)


def _grid(rows: Sequence[Row]) -> tuple[list[str], list[list[tuple[str, bool]]], list[str]]:
    """Gives the headings, the cells of each run with whether they are bold, and notes."""
    given = columns.of_runs(rows)
    best = [best_of(column, rows) for column in given]
    body = []
    for row in rows:
        cells = zip(given, best, strict=True)
        name = "dense" if row is rows[0] else " + ".join(row.stages)
        body.append([(name, False), *((c.cell(row, rows[0]), row.run_id in b) for c, b in cells)])
    notes = [*columns.share_note(rows, given), *columns.notes(rows, given)]
    if any(best):
        notes.append("Bold: the best, and what cannot be told apart from it (paired, 95 %).")
    return ["run", *(column.heading for column in given)], body, notes


def best_of(column: Column, rows: Sequence[Row]) -> frozenset[str]:
    """Gives the ids of the compressed runs that are best in a column, where that can be said.

    These are the best mean, and those that cannot be told apart from it: whose paired difference to
    it has an interval with 0 in it. Nobody is best where no run is worse, where a column has no
    intervals, such as of a size that was asked for, or where more sentences failed than in the
    dense run, the first.
    """
    known = measure(column.metric)
    sign = {"lower": 1, "higher": -1, "none": 0}[known.better]
    sound = [
        row
        for row in rows[1:]
        if column.metric in row.intervals and row.n_failed <= rows[0].n_failed
    ]
    if not column.interval or not sign or not sound:
        return frozenset()
    top = min(sound, key=lambda row: sign * row.values[column.metric])
    apart = compared(sound, top, column.metric)
    level = {run for run, ends in apart.items() if ends.low <= 0 <= ends.high}
    return frozenset(level) if len(level) < len(sound) else frozenset()
