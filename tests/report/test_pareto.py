"""What is worth choosing, of records made by hand."""

import csv
import io
import json
import re
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from tts_compress.errors import ArtifactError
from tts_compress.records import Record, write_records
from tts_compress.report.pareto import SPEED, axes_of, best, read_voices, write_pareto
from tts_compress.report.rows import Row

# megabytes, times as fast, words wrong, sentences failed
DENSE = (10, None, 0.05, 0)
HEADS = {
    "dense": DENSE,
    "heads keep 3": (9, 1.2, 0.05, 0),
    "heads keep 1": (8, 1.5, 0.5, 0),
    "heads keep 1 + recalibrated": (8, 1.4, 0.1, 0),
}
MAGNITUDE = {
    "dense": DENSE,
    "magnitude 50 %": (5, 1.0, 0.2, 0),
    "magnitude 90 %": (1, 1.0, 0.2, 2),  # too good to be true, since two failed
}


def write(folder, runs, dense="d0", architecture=None):
    """Writes a folder of results."""
    ids = [dense, *(f"{folder.name}{number}" for number in range(1, len(runs)))]
    folder.mkdir()
    index = [{"id": run, "name": name} for run, name in zip(ids, runs, strict=True)]
    (folder / "recipe.json").write_text(json.dumps({"name": folder.name, "runs": index}))
    for run, (size, speed, wrong, failed) in zip(ids, runs.values(), strict=True):
        (folder / run).mkdir()
        if architecture:
            asked = json.dumps({"architecture": architecture})
            (folder / run / "run.json").write_text(asked)
        values = {"gzip_bytes": size * 1e6, "word_error_rate": wrong, "n_parameters": 4e6}
        records = [Record(run, metric, None, value, "unit") for metric, value in values.items()]
        records += [Record(run, "failed", n, float(n <= failed), "fraction") for n in (1, 2, 3)]
        write_records(folder / run / "records.jsonl", records)
        times = [Record(run, "speedup", None, speed, "times")] if speed else []
        write_records(folder / run / "timings.jsonl", times)
        (folder / run / "DONE").touch()
    return folder


@pytest.fixture
def folders(tmp_path):
    return [
        write(tmp_path / "heads", HEADS, architecture="fastspeech2"),
        write(tmp_path / "magnitude", MAGNITUDE),
        write(tmp_path / "other", {"dense": DENSE}, dense="e0"),
    ]


def test_recipes_of_one_dense_run_are_one_voice(folders):
    first, second = read_voices(folders)
    assert (first.name, second.name) == (
        "fastspeech2, 4.00 M parameters",
        "other, 4.00 M parameters",
    )
    assert [row.name for row in first.rows] == [*HEADS, *list(MAGNITUDE)[1:]]
    assert first.quality == "word_error_rate"
    names = {row.run_id: row.name for row in first.rows}
    on = {axis: {names[run] for run in ids} for axis, ids in first.frontiers.items()}
    recalibrated = "heads keep 1 + recalibrated"
    assert on["size"] == {"heads keep 3", recalibrated, "magnitude 50 %"}
    assert on["speed"] == {"heads keep 3", recalibrated, "heads keep 1"}


def test_the_files_hold_every_run(folders, tmp_path):
    out = io.StringIO()
    write_pareto(folders, tmp_path / "docs" / "p", Console(file=out, width=60))
    files = [tmp_path / "docs" / f"p.{ending}" for ending in ("md", "csv", "png")]
    assert out.getvalue().splitlines() == [
        "fastspeech2, 4.00 M parameters, size against word error rate: "
        "heads keep 3, heads keep 1 + recalibrated, magnitude 50 %",
        "fastspeech2, 4.00 M parameters, speed against word error rate: "
        "heads keep 3, heads keep 1, heads keep 1 + recalibrated",
        "other, 4.00 M parameters, size against word error rate: dense",
        "other, 4.00 M parameters, speed against word error rate: dense",
        " ".join(map(str, files)),
    ]
    assert files[0].read_text().split("\n")[:9] == [
        "**fastspeech2, 4.00 M parameters**",
        "",
        "| method | setting | then | params | speed | gzip MB | WER | failed | frontier |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |",
        "| dense |  |  | 4.00 M | 1.00 x | 10.00 | 5.0 % | 0 of 3 |  |",
        "| **heads** | **keep 3** | **bare** | 4.00 M | 1.20 x | 9.00 | 5.0 % | 0 of 3 "
        "| size, speed |",
        "| **heads** | **keep 1** | **bare** | 4.00 M | 1.50 x | 8.00 | 50.0 % | 0 of 3 | speed |",
        "| **heads** | **keep 1** | **recalibrated** | 4.00 M | 1.40 x | 8.00 | 10.0 % | 0 of 3 "
        "| size, speed |",
        "| **magnitude** | **50 %** | **bare** | 4.00 M | 1.00 x | 5.00 | 20.0 % | 0 of 3 | size |",
    ]
    rows = list(csv.DictReader(files[1].read_text().splitlines()))
    assert [row["name"] for row in rows] == [*HEADS, *list(MAGNITUDE)[1:], "dense"]
    assert [row["size_frontier"] for row in rows] == ["", "yes", "", "yes", "yes", "", "yes"]
    assert (rows[3]["method"], rows[3]["setting"], rows[3]["then"]) == (
        "heads",
        "keep 1",
        "recalibrated",
    )
    picture = files[2].read_bytes()
    width, height = struct.unpack(">II", picture[16:24])
    assert width == 1650
    assert height > 1000  # two voices
    write_pareto(folders, tmp_path / "docs" / "p", Console(file=out))
    assert files[2].read_bytes() == picture


def test_word_error_rates_have_intervals(folders, tmp_path):
    for run in ("d0", "heads1"):
        with (folders[0] / run / "records.jsonl").open("a") as file:
            for number in range(1, 9):
                for metric, value in (("word_errors", number % 2), ("words", 10)):
                    record = Record(run, metric, number, float(value), "words")
                    file.write(json.dumps(vars(record)) + "\n")
    write_pareto(folders[:1], tmp_path / "p", Console(quiet=True))
    text = (tmp_path / "p.md").read_text()
    assert re.search(r"\| dense .* \| 5\.0 % \[\d\.\d, \d\.\d\] \| 0 of 3 \|", text)
    assert re.search(r"\*\*keep 3\*\* .* \| 5\.0 % \[\d\.\d, \d\.\d\] \| 0 of 3 \|", text)
    assert text.endswith("\n\nIn brackets: 95 % bootstrap intervals over sentences.\n")


def test_without_words_it_is_the_distance(tmp_path):
    folder = write(tmp_path / "heads", HEADS)
    for run in ("d0", "heads1"):
        values = {"gzip_bytes": 5e6, "mcd_dtw_db": 0.0 if run == "d0" else 3.0}
        records = [Record(run, metric, None, value, "unit") for metric, value in values.items()]
        write_records(folder / run / "records.jsonl", records)
    (voice,) = read_voices([folder])
    assert voice.quality == "mcd_dtw_db"
    assert voice.frontiers["speed"] == {"d0", "heads1"}
    write_pareto([folder], tmp_path / "p", Console(quiet=True))
    assert (tmp_path / "p.png").is_file()


def test_coded_files_are_compared_where_every_run_has_one(folders, tmp_path):
    for number, folder in enumerate(folders[:2]):
        for path in folder.glob("*/records.jsonl"):
            run, small = path.parent.name, 0.5 if path.parent.name == "magnitude1" else 4.0
            sizes = {"artifact_bytes": small * 1e6, "float32_bytes": 16e6, "state_dict_bytes": 16e6}
            with path.open("a") as file:
                for metric, value in sizes.items():
                    file.write(json.dumps(vars(Record(run, metric, None, value, "bytes"))) + "\n")
        write_pareto(folders[:2], tmp_path / "p", Console(quiet=True))
        (heading,) = [
            line for line in (tmp_path / "p.md").read_text().splitlines() if "WER" in line
        ]
        assert ("file MB" in heading, "gzip MB" in heading) == (number == 1, number == 0)
    text = (tmp_path / "p.md").read_text()
    assert "| **50 %** | **bare** | 4.00 M | 1.00 x | 0.50 | 3.1 % | 20.0 % |" in text
    assert "Of dense: the size by that of the dense network in float32, 16.00 MB." in text


POINTS = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=12)


@given(POINTS)
def test_whatever_is_not_on_the_frontier_is_beaten_by_what_is(points):
    rows = [
        Row(f"{n}", "", {"gzip_bytes": size, "speedup": 1 / size, "word_error_rate": wrong}, {})
        for n, (size, wrong) in enumerate(points)
    ]
    on = best(rows, axes_of(rows)[0], "word_error_rate")
    assert on == best(rows, SPEED, "word_error_rate")  # the smaller, the faster
    chosen = [points[int(run)] for run in on]
    for point in points:
        beaten = any(b[0] <= point[0] and b[1] <= point[1] and b != point for b in chosen)
        assert beaten != (point in chosen)


def test_nothing_to_choose_from(tmp_path):
    with pytest.raises(ArtifactError, match=r"pareto: needs results, got no folder\. Give some"):
        write_pareto([], tmp_path / "p", Console(quiet=True))
