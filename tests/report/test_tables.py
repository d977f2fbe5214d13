"""Tables as files, of records made by hand."""

import csv

import numpy as np
import pyarrow.parquet
import pytest

from tts_compress.records import Record
from tts_compress.report import columns
from tts_compress.report.reading import Results, RunResult
from tts_compress.report.rows import Row, row_of, with_intervals
from tts_compress.report.tables import (
    best_of,
    escaped,
    latex,
    markdown,
    recipes_csv,
    runs_csv,
    write_tables,
)

NAMES = ("dense", "magnitude 20 %", "magnitude 40 %", "magnitude 60 %")
DISTANCES = {  # of ten sentences: 40 % is off as much as 20 %, 60 % far more
    "dense": [0.0] * 10,
    "magnitude 20 %": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    "magnitude 40 %": [2, 1, 4, 3, 6, 5, 8, 7, 10, 9],
    "magnitude 60 %": [5, 6, 7, 8, 9, 10, 11, 12, 13, 14],
}


def row(name, distances, size, failed=0):
    taken = {"mcd_dtw_db": distances, "failed": [n < failed for n in range(len(distances))]}
    records = [
        Record(name, metric, number, float(value), "unit")
        for metric, values in taken.items()
        for number, value in enumerate(values, 1)
    ]
    sizes = {"gzip_bytes": size, "state_dict_bytes": 16e6}
    records += [
        Record(name, metric, None, float(value), "bytes") for metric, value in sizes.items()
    ]
    return row_of(f"id {name}", name, records)


@pytest.fixture
def rows():
    sizes = [9e6, 8e6, 7e6, 6e6]
    made = [row(name, DISTANCES[name], size) for name, size in zip(NAMES, sizes, strict=True)]
    return with_intervals(made, made[0])


@pytest.fixture
def results(tmp_path, rows):
    runs = [RunResult(row.run_id, row.name, tmp_path / row.run_id, "done", row=row) for row in rows]
    failed = RunResult("f", "magnitude 99 %", tmp_path / "f", "failed", "broke")
    return Results("sizes_&_speeds", tmp_path, (*runs, failed))


def test_the_csv_has_intervals_and_differences(results):
    lines = list(csv.DictReader(recipes_csv([results]).splitlines()))
    assert [(line["run"], line["status"]) for line in lines][3:] == [
        ("id magnitude 60 %", "done"),
        ("f", "failed"),
    ]
    given = list(lines[0])
    start = given.index("mcd_dtw_db")
    assert given[start : start + 6] == [
        "mcd_dtw_db",
        "mcd_dtw_db_low",
        "mcd_dtw_db_high",
        "mcd_dtw_db_difference",
        "mcd_dtw_db_difference_low",
        "mcd_dtw_db_difference_high",
    ]
    first = {name: float(lines[1][name]) for name in given[start : start + 6]}
    assert first["mcd_dtw_db"] == first["mcd_dtw_db_difference"] == 5.5
    assert 3 < first["mcd_dtw_db_low"] < 4 < 7 < first["mcd_dtw_db_high"] < 8
    assert lines[0]["mcd_dtw_db_difference"] == ""
    assert "gzip_bytes_low" not in given
    assert set(list(lines[4].values())[4:]) == {""}


def test_the_csv_of_one_recipe_begins_with_the_run(rows):
    lines = list(csv.reader(runs_csv(rows).splitlines()))
    assert lines[0][:5] == ["run", "name", "failed", "failed_low", "failed_high"]
    assert lines[1][:2] == ["id dense", "dense"]


def test_the_parquet_has_every_value(results, tmp_path):
    write_tables([results], tmp_path / "out")
    table = pyarrow.parquet.read_table(tmp_path / "out" / "results.parquet")
    assert table.column_names == [
        *("recipe", "run", "name", "method", "setting", "then"),
        *("metric", "unit", "sentence", "value"),
    ]
    lines = table.to_pylist()
    assert len(lines) == 4 * (2 * 10 + 2)
    size = next(line for line in lines if line["name"] == NAMES[2] and line["sentence"] is None)
    assert (size["metric"], size["value"]) == ("gzip_bytes", 7e6)
    assert (size["method"], size["setting"], size["then"]) == ("magnitude", "40 %", "bare")
    distances = [
        line["value"]
        for line in lines
        if line["name"] == NAMES[2] and line["metric"] == "mcd_dtw_db"
    ]
    assert distances == DISTANCES[NAMES[2]]


def test_markdown_and_latex_have_the_same_cells(rows):
    table = markdown("r", rows).splitlines()
    assert table[:4] == [
        "**r**",
        "",
        "| run | gzip MB | of dense | MCD dB | failed |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    assert table[4] == "| dense | 9.00 | 56.2 % | 0.00 | 0 of 10 |"
    assert table[5].startswith("| magnitude 20 % | 8.00 | 50.0 % | **5.50 [3.40, 7.60]** |")
    assert table[7].startswith("| magnitude 60 % | 6.00 | 37.5 % | 9.50 [7.40, 11.60] |")
    assert table[-3:] == [
        "Of dense: the size by that of the dense network in float32, 16.00 MB.",
        "In brackets: 95 % bootstrap intervals over sentences.",
        "Bold: the best, and what cannot be told apart from it (paired, 95 %).",
    ]
    tex = latex("r", rows).splitlines()
    assert tex[1:6] == [
        r"\begin{tabular}{lrrrr}",
        r"\toprule",
        r"run & gzip MB & of dense & MCD dB & failed \\",
        r"\midrule",
        r"dense & 9.00 & 56.2 \% & 0.00 & 0 of 10 \\",
    ]
    assert tex[6].startswith(r"magnitude 20 \% & 8.00 & 50.0 \% & \textbf{5.50 [3.40, 7.60]} &")
    assert r"\bottomrule" in tex


def test_best_are_those_that_cannot_be_told_apart(rows):
    column = columns.MCD.sure()
    assert best_of(column, rows) == {rows[1].run_id, rows[2].run_id}
    assert best_of(columns.GZIP.sure(), rows) == frozenset()  # a size is chosen, not found
    assert best_of(columns.FAILED, rows) == frozenset()
    assert best_of(column, rows[:3]) == frozenset()  # all are equal
    assert best_of(column, rows[:1]) == frozenset()


def test_who_fails_is_not_best(rows):
    sparse = row("magnitude 80 %", [0.1] * 10, 1e6, failed=1)
    more = with_intervals([*rows, sparse], rows[0])
    assert best_of(columns.MCD.sure(), more) == {rows[1].run_id, rows[2].run_id}


def test_a_recipe_without_its_dense_run_is_in_the_csv_alone(tmp_path):
    runs = (RunResult("a0", "dense", tmp_path / "a0", "running"),)
    paths = write_tables([Results("r", tmp_path, runs)], tmp_path / "out")
    assert [path.name for path in paths] == [
        *("results.csv", "results.md", "results.tex", "results.parquet")
    ]
    assert paths[0].read_text() == "recipe,run,name,status\nr,a0,dense,running\n"
    assert paths[1].read_text() == paths[2].read_text() == ""
    assert pyarrow.parquet.read_table(paths[3]).num_rows == 0


def test_latex_reads_every_character():
    assert escaped("a_b & 5 % of #1 {x} ~^\\ <$>") == (
        r"a\_b \& 5 \% of \#1 \{x\} \textasciitilde{}\textasciicircum{}\textbackslash{} "
        r"\textless{}\$\textgreater{}"
    )


def test_attention_fails_in_a_sentence_however_often():
    sentences = {"repeats": {1: 2.0, 2: 0.0, 3: 0.0}, "skips": {1: 1.0, 2: 0.0, 3: 0.0}}
    sentences["no_stop"] = {1: 0.0, 2: 0.0, 3: 1.0}
    assert columns.attention_failures(Row("a", "x", {}, {}, sentences)) == "2 of 3"
    assert columns.attention_failures(Row("a", "x", {}, {})) == ""


def test_the_fewest_sentences_have_no_brackets():
    made = [row(name, np.array(DISTANCES[name][:5]), 9e6) for name in NAMES]
    assert "[" not in markdown("r", with_intervals(made, made[0]))
