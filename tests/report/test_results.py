"""Rows, csv, table and plot of records made by hand."""

import io
import json
import re
import struct

import numpy as np
import pytest
from rich.console import Console

from tts_compress.errors import ArtifactError
from tts_compress.records import Record, TornRecordWarning, read_records, write_records
from tts_compress.report.reading import read_rows
from tts_compress.report.results import results_table, write_results
from tts_compress.report.rows import Row

NAMES = {"a0": "dense", "b1": "magnitude 20 %", "c2": "magnitude 80 %"}
RUNS = {
    "a0": {
        "state_dict_bytes": {None: 10_000_000},
        "gzip_bytes": {None: 9_000_000},
        "artifact_bytes": {None: 10_020_000},
        "mel_mae_db": {1: 0.0, 2: 0.0},
        "mcd_dtw_db": {1: 0.0, 2: 0.0},
        "mel_mae_db_noise": {1: 1.0, 2: 2.0},
        "mcd_dtw_db_noise": {1: 5.0, 2: 6.0},
        "failed": {1: 0.0, 2: 0.0},
    },
    "b1": {
        "state_dict_bytes": {None: 10_000_000},
        "gzip_bytes": {None: 8_000_000},
        "artifact_bytes": {None: 8_120_000},
        "sparsity": {None: 0.2},
        "mel_mae_db": {1: 0.25, 2: 0.5},
        "mcd_dtw_db": {1: 3.0, 2: 4.0},
        "failed": {1: 0.0, 2: 0.0},
    },
    "c2": {
        "state_dict_bytes": {None: 10_000_000},
        "gzip_bytes": {None: 2_500_000},
        "sparsity": {None: 0.8},
        "mel_mae_db": {1: 9.0, 2: 10.0},
        "mcd_dtw_db": {2: 12.125},  # sentence 1 has no frames
        "failed": {1: 1.0, 2: 0.0},
    },
}
TIMES = {"a0": 0.25, "b1": 0.125}


def write(folder, runs=RUNS):
    """Writes a folder of results."""
    index = [{"id": run, "name": name} for run, name in NAMES.items()]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.json").write_text(json.dumps({"name": "r", "runs": index}))
    for run, values in runs.items():
        (folder / run).mkdir()
        records = [
            Record(run, metric, sentence, value, "unit")
            for metric, taken in values.items()
            for sentence, value in taken.items()
        ]
        write_records(folder / run / "records.jsonl", records)
        times = [Record(run, "real_time_factor", None, TIMES[run], "s/s")] if run in TIMES else []
        write_records(folder / run / "timings.jsonl", times)
        (folder / run / "DONE").write_text(NAMES[run])
    return folder


def shown(folder, width=80):
    file = io.StringIO()
    write_results(folder, Console(file=file, width=width))
    return file.getvalue()


@pytest.fixture
def results(tmp_path):
    return write(tmp_path / "r")


def test_a_row_has_the_means_of_what_was_taken(results):
    name, rows = read_rows(results)
    assert name == "r"
    assert [(row.run_id, row.name) for row in rows] == list(NAMES.items())
    assert rows[1].values == {
        "state_dict_bytes": 10_000_000,
        "gzip_bytes": 8_000_000,
        "artifact_bytes": 8_120_000,
        "sparsity": 0.2,
        "mel_mae_db": 0.375,
        "mcd_dtw_db": 3.5,
        "failed": 0.0,
        "real_time_factor": 0.125,
    }
    assert rows[2].values["mcd_dtw_db"] == 12.125
    assert (rows[2].counts["mcd_dtw_db"], rows[2].counts["failed"]) == (1, 2)
    assert "artifact_bytes" not in rows[2].values


def test_the_csv_has_an_empty_cell_where_nothing_was_taken(results):
    shown(results)
    assert (results / "results.csv").read_text() == (
        "run,name,artifact_bytes,failed,gzip_bytes,mcd_dtw_db,mcd_dtw_db_noise,mel_mae_db,"
        "mel_mae_db_noise,real_time_factor,sparsity,state_dict_bytes\n"
        "a0,dense,10020000,0,9000000,0,5.5,0,1.5,0.25,,10000000\n"
        "b1,magnitude 20 %,8120000,0,8000000,3.5,,0.375,,0.125,0.2,10000000\n"
        "c2,magnitude 80 %,,0.5,2500000,12.125,,9.5,,,0.8,10000000\n"
    )


def test_the_table_begins_with_the_dense_network_twice(results):
    table = results_table(*read_rows(results))
    rows = zip(*(column.cells for column in table.columns), strict=True)
    assert [column.header for column in table.columns] == [
        *("run", "gzip MB", "of dense", "mel dB", "MCD dB", "failed", "RTF")
    ]
    assert list(rows) == [
        ("dense, float32", "10.00", "100.0 %", "", "", "", ""),
        ("dense, gzip", "9.00", "90.0 %", "0.00", "0.00", "0 of 2", "0.250"),
        ("magnitude 20 %", "8.00", "80.0 %", "0.38", "3.50", "0 of 2", "0.125"),
        ("magnitude 80 %", "2.50", "25.0 %", "9.50", "12.12", "1 of 2", ""),
    ]
    assert table.caption == ("Noise floor (dense, another seed): MCD 5.50 dB, mel 1.50 dB.")


def coded(size):
    """What the ladder adds to the records of a run: its file, and the tensors in it."""
    return {"artifact_bytes": {None: size}, "float32_bytes": {None: 9_900_000}}


CODED = {
    run: RUNS[run] | coded(size)
    for run, size in zip(RUNS, (6_000_000, 5_000_000, 500_000), strict=True)
}


def test_runs_with_coded_files_are_compared_by_these(tmp_path):
    table = results_table(*read_rows(write(tmp_path / "r", CODED)))
    rows = zip(*(column.cells for column in table.columns), strict=True)
    assert [column.header for column in table.columns][:3] == ["run", "file MB", "of dense"]
    assert [row[:3] for row in rows] == [
        ("dense, float32", "9.90", "100.0 %"),
        ("dense, coded", "6.00", "60.6 %"),
        ("magnitude 20 %", "5.00", "50.5 %"),
        ("magnitude 80 %", "0.50", "5.1 %"),
    ]


def test_one_run_without_a_coded_file_has_all_compared_by_gzip(tmp_path):
    folder = write(tmp_path / "r", CODED | {"c2": RUNS["c2"]})
    assert headings(folder, 110)[1:3] == ["gzip MB", "of dense"]


def test_the_plot_says_by_which_size(tmp_path):
    for name, runs in (("gzip", RUNS), ("coded", CODED)):
        shown(write(tmp_path / name, runs))
    of_gzip, of_coded = ((tmp_path / n / "size_distance.png") for n in ("gzip", "coded"))
    assert of_gzip.read_bytes() != of_coded.read_bytes()


def test_what_is_shown_fits_a_terminal_and_names_the_files(results):
    *table, files = shown(results).splitlines()
    assert max(map(len, table)) <= 80
    assert files == f"{results / 'results.csv'} {results / 'size_distance.png'}"


STRUCTURED = (
    "dense",
    "channels ffn 25 % + resized",
    "channels ffn 25 % + recalibrated + resized",
    "channels ffn 25 % + recalibrated + finetune 200 steps + resized",
    "channels ffn 50 % + resized",
    "channels ffn 50 % + finetune 200 steps + resized",
)


@pytest.fixture
def structured(tmp_path):
    """Results of a method that makes networks smaller, faster and, untreated, worse."""
    folder = tmp_path / "s"
    folder.mkdir()
    index = [{"id": f"{n}", "name": name} for n, name in enumerate(STRUCTURED)]
    (folder / "recipe.json").write_text(json.dumps({"name": "s", "runs": index}))
    for number, name in enumerate(STRUCTURED):
        kept = 1 - 0.25 * sum(share in name for share in ("25 %", "50 %", "50 %"))
        off = (1 - kept) / (1 + name.count("+"))
        values = {
            "state_dict_bytes": 16e6 * kept,
            "gzip_bytes": 8e6 * kept,
            "n_parameters": 4e6 * kept,
            "macs_per_second": 2e8 * kept,
            "effective_macs_per_second": 2e8 * kept,
            "mel_mae_db": 4 * off,
            "mcd_dtw_db": 20 * off,
            "word_error_rate": 0.05 + off,
        }
        times = {"real_time_factor": 0.25 * kept} | ({"speedup": 1 / kept} if number else {})
        (folder / f"{number}").mkdir()
        for file, taken in (("records.jsonl", values), ("timings.jsonl", times)):
            records = [Record(f"{number}", m, None, v, "unit") for m, v in taken.items()]
            records += [Record(f"{number}", "failed", 1, 0.0, "unit")] * (file[0] == "r")
            write_records(folder / f"{number}" / file, records)
        (folder / f"{number}" / "DONE").write_text(name)
    return folder


def test_smaller_networks_say_what_that_gains(structured):
    table = results_table(*read_rows(structured))
    rows = list(zip(*(column.cells for column in table.columns), strict=True))
    assert [column.header for column in table.columns] == [
        *("run", "params", "MMAC/s", "gzip MB", "of dense"),
        *("mel dB", "MCD dB", "WER", "failed", "RTF", "speed"),
    ]
    assert [row[0] for row in rows] == [
        "dense, float32",
        "dense, gzip",
        "channels ffn 25 %",
        "  + recalibrated",
        "    + finetune 200 steps",
        "channels ffn 50 %",
        "  + finetune 200 steps",
    ]
    assert rows[0][3:5] == ("16.00", "100.0 %")
    assert rows[1][1:5] == ("4.00 M", "200", "8.00", "50.0 %")
    assert rows[1][-1] == ""
    assert rows[2][1:] == (
        *("3.00 M", "150", "6.00", "37.5 %", "0.50", "2.50", "17.5 %", "0 of 1", "0.188", "1.33 x"),
    )
    assert table.caption == "All compressed networks are resized."


def test_a_narrow_terminal_has_fewer_columns_and_whole_names(structured):
    wide, narrow = shown(structured, 110), shown(structured, 80)
    for text in (wide, narrow):
        assert "…" not in text
        assert max(map(len, text.splitlines()[:-1])) <= (110 if text is wide else 80)
        for name in ("channels ffn 25 %", "    + finetune 200 steps", "WER", "speed"):
            assert name in text
    assert "RTF" in wide
    assert "RTF" not in narrow


@pytest.fixture
def heard(tmp_path):
    """Results of twelve sentences with words, melody and attention."""
    folder = tmp_path / "h"
    folder.mkdir()
    names = {"d": "dense", "m": "magnitude 60 % + recalibrated"}
    index = [{"id": run, "name": name} for run, name in names.items()]
    (folder / "recipe.json").write_text(json.dumps({"name": "h", "runs": index}))
    for number, run in enumerate(names):
        taken = {
            "mel_mae_db": lambda n, off=number: off * n / 4,
            "mcd_dtw_db": lambda n, off=number: off * n / 2,
            "f0_rmse_cents": lambda n, off=number: off * 10 * n,
            "voicing_error": lambda n, off=number: off * n / 100,
            "word_errors": lambda n, off=number: (n + off) % 3,
            "words": lambda n: 10,
            "character_errors": lambda n, off=number: 2 * ((n + off) % 3),
            "characters": lambda n: 50,
            "failed": lambda n: 0,
            "repeats": lambda n, off=number: off * (n == 3),
            "no_stop": lambda n, off=number: off * (n > 10),
        }
        records = [
            Record(run, metric, n, float(value(n)), "unit")
            for metric, value in taken.items()
            for n in range(1, 13)
        ]
        sizes = {"state_dict_bytes": 16e6, "gzip_bytes": 9e6 - number * 1e6, "n_parameters": 4e6}
        sizes |= {"word_error_rate": 0.1, "character_error_rate": 0.04}
        sizes |= {} if number else {"word_error_rate_recording": 0.025}
        records += [Record(run, metric, None, value, "unit") for metric, value in sizes.items()]
        (folder / run).mkdir()
        write_records(folder / run / "records.jsonl", records)
        times = {"real_time_factor": 0.1} | ({"speedup": 1.0} if number else {})
        write_records(
            folder / run / "timings.jsonl",
            [Record(run, metric, None, value, "unit") for metric, value in times.items()],
        )
        (folder / run / "DONE").touch()
    return folder


def headings(folder, width):
    return [column.header for column in results_table(*read_rows(folder), width).columns]


def test_all_that_was_taken_is_in_a_wide_table(heard):
    table = results_table(*read_rows(heard), 200)
    assert {column.header: list(column.cells)[-1] for column in table.columns} == {
        "run": "magnitude 60 % + recalibrated",
        "gzip MB": "8.00",
        "of dense": "50.0 %",
        "mel dB": "1.62 [1.06, 2.19]",
        "MCD dB": "3.25 [2.12, 4.38]",
        "F0 cents": "65 [42, 88]",
        "voicing": "6.5 % [4.2, 8.7]",
        "WER": "10.0 % [5.0, 15.0]",
        "CER": "4.0 % [2.0, 6.0]",
        "failed": "0 of 12",
        "attention": "3 of 12",
        "RTF": "0.100",
        "speed": "1.00 x",
    }
    assert table.caption.splitlines() == [
        "Recordings of the same sentences: WER 2.5 %.",
        "In brackets: 95 % bootstrap intervals over sentences.",
    ]


def test_the_rate_of_recordings_has_an_interval_where_sentences_were_kept(heard):
    path = heard / "d" / "records.jsonl"
    records = read_records(path)
    for n in range(1, 13):
        records.append(Record("d", "word_errors_recording", n, float(n % 4 == 0), "words"))
        records.append(Record("d", "words_recording", n, 10.0, "words"))
    write_records(path, records)
    _, rows = read_rows(heard)
    ends = rows[0].intervals["word_error_rate_recording"]
    assert (ends.mean, ends.low) == (0.025, 0)
    assert "WER 2.5 % [0.0, 5.8]." in results_table("h", rows).caption


def test_what_people_choose_by_is_given_up_last(heard):
    kept = ["run", "gzip MB", "of dense", "MCD dB", "WER", "failed", "speed"]
    assert headings(heard, 80) == kept
    assert "attention" in headings(heard, 110)


@pytest.mark.parametrize("width", [80, 90, 100, 110, 130])
def test_intervals_and_columns_are_given_up_where_there_is_no_room(heard, width):
    text = shown(heard, width)
    *table, _ = text.splitlines()
    assert max(map(len, table)) <= width
    assert "\u2026" not in text
    assert ("10.0 % [5.0, 15.0]" in text) == (width >= 100)
    assert {"gzip MB", "MCD dB", "WER", "failed", "speed"} <= set(headings(heard, width))


def test_some_may_be_resized(structured):
    _, rows = read_rows(structured)
    masked = Row("m", "heads keep 1", rows[1].values, rows[1].counts)
    assert "5 of 6 compressed networks" in results_table("s", [*rows, masked]).caption


def test_speed_is_drawn_where_it_was_measured(structured, results):
    assert "speed_distance.png" in shown(structured).splitlines()[-1]
    picture = (structured / "speed_distance.png").read_bytes()
    assert struct.unpack(">II", picture[16:24]) == (1650, 750)
    shown(structured)
    assert (structured / "speed_distance.png").read_bytes() == picture
    shown(results)
    assert not (results / "speed_distance.png").exists()


@pytest.mark.parametrize(
    ("name", "method", "setting", "treatment"),
    [
        ("magnitude 0.1 %", "magnitude", "0.1 %", "bare"),
        ("heads keep 7 by taylor + resized", "heads by taylor", "keep 7", "bare"),
        ("units 30 % + channels 30 % + recalibrated", "units + channels", "30 %", "recalibrated"),
        ("units 30 % + channels 5 %", "units + channels", "30 %, 5 %", "bare"),
        (
            *("heads keep 1 + recalibrated + finetune 200 steps + resized", "heads", "keep 1"),
            "recalibrated + finetune 200 steps",
        ),
        ("magnitude 20 % (0.sparsity=0.2, 0.scope=tensor)", "magnitude", "20 %", "bare"),
        ("folded + uniform 4 bits + bfloat16", "folded + uniform + bfloat16", "4 bits", "bare"),
        ("codebook 1 bit by fisher", "codebook by fisher", "1 bit", "bare"),
        ("rounding 4 bits 50 %", "rounding", "4 bits, 50 %", "bare"),
        ("rate_aware 0.003", "rate_aware", "0.003", "bare"),
    ],
)
def test_a_name_says_what_was_done(name, method, setting, treatment):
    row = Row("a", name, {}, {})
    assert (row.method, row.setting, row.treatment) == (method, setting, treatment)


def test_a_long_name_takes_lines_and_leaves_the_numbers_whole(results):
    index = json.loads((results / "recipe.json").read_text())
    index["runs"][1]["name"] = "magnitude 20 % (0.sparsity=0.2, 0.include=['attention', 'cnn'])"
    (results / "recipe.json").write_text(json.dumps(index))
    text = shown(results)
    assert "…" not in text
    assert re.search(r"8.00 +80.0 % +0.38 +3.50 +0 of 2", text)


def test_the_plot_is_a_picture_and_the_same_each_time(results):
    shown(results)
    first = (results / "size_distance.png").read_bytes()
    assert first[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", first[16:24]) == (1200, 840)
    shown(results)
    assert (results / "size_distance.png").read_bytes() == first
    assert {path.name for path in results.iterdir()} == {
        *NAMES,
        "recipe.json",
        "results.csv",
        "size_distance.png",
    }


def red(path) -> int:
    """Pixels of a picture that are as red as a failure's marker."""
    from matplotlib.image import imread

    pixels = np.round(imread(path)[..., :3] * 255)
    return int((np.abs(pixels - (0xD6, 0x27, 0x28)).sum(axis=-1) < 12).sum())


def test_failures_are_red(tmp_path):
    failing = write(tmp_path / "failing")
    runs = RUNS | {"c2": RUNS["c2"] | {"failed": {1: 0.0, 2: 0.0}}}
    sound = write(tmp_path / "sound", runs)
    for folder in (failing, sound):
        shown(folder)
    assert red(failing / "size_distance.png") > 100
    assert red(sound / "size_distance.png") == 0


def test_runs_that_all_failed_can_be_drawn(structured):
    for number in range(1, 6):
        path = structured / f"{number}" / "records.jsonl"
        failed = Record(f"{number}", "failed", 1, 1.0, "fraction")
        kept = [line for line in path.read_text().splitlines() if '"failed"' not in line]
        path.write_text("\n".join([*kept, json.dumps(vars(failed)), ""]))
    shown(structured)
    assert red(structured / "speed_distance.png") > 100


def test_many_runs_at_one_place_can_be_drawn(tmp_path):
    runs = RUNS | {"c2": RUNS["b1"]}
    shown(write(tmp_path / "r", runs))
    assert (tmp_path / "r" / "size_distance.png").is_file()


def test_no_noise_floor_where_seeds_do_not_matter(tmp_path):
    dense = {name: v for name, v in RUNS["a0"].items() if not name.endswith("_noise")}
    folder = write(tmp_path / "r", RUNS | {"a0": dense})
    assert results_table(*read_rows(folder)).caption is None
    assert "Noise floor" not in shown(folder)


def test_no_plot_where_no_distance_was_taken(tmp_path):
    runs = {run: {m: v for m, v in RUNS[run].items() if m != "mcd_dtw_db"} for run in RUNS}
    folder = write(tmp_path / "r", runs)
    assert shown(folder).splitlines()[-1] == str(folder / "results.csv")
    assert not (folder / "size_distance.png").exists()


def test_runs_that_are_not_done_are_left_out(results):
    (results / "b1" / "DONE").unlink()
    assert [row.run_id for row in read_rows(results)[1]] == ["a0", "c2"]


def test_a_record_that_was_cut_off_is_said(results):
    with (results / "c2" / "records.jsonl").open("a") as file:
        file.write('{"run_id": "c2"')
    with pytest.warns(TornRecordWarning, match=r"records\.jsonl: the last line was cut off"):
        read_rows(results)


def test_no_results_without_the_dense_run(results):
    (results / "a0" / "DONE").unlink()
    with pytest.raises(ArtifactError, match=r"r: the dense run is not done\. Run the recipe again"):
        read_rows(results)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"name": "r", "runs": [{"id": "a0"}]}'])
def test_a_damaged_index_is_said(results, text):
    (results / "recipe.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"recipe\.json: truncated or altered \(.*\)\. Run"):
        read_rows(results)


def test_a_folder_without_results_is_said(tmp_path):
    with pytest.raises(ArtifactError, match=r"no results, recipe\.json is missing\. Give a folder"):
        read_rows(tmp_path)
