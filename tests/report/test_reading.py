"""Folders of results as sweeps leave them: done, failed, stopped, running, empty and old."""

import fcntl
import json
import math

import pytest

from tts_compress.errors import ArtifactError
from tts_compress.records import Record, write_records
from tts_compress.report.intervals import Interval
from tts_compress.report.reading import Layer, read_results, result_folders

WRONG = {1: 0, 2: 1, 3: 0, 4: 2, 5: 0, 6: 1}
RECORD = '{"run_id": "b1", "metric": "odd", "sentence": %s, "value": %s, "unit": ""}\n'
LAYER = {
    "layer": "decoder.weight_ih",
    "group": "rnn",
    "shape": [4, 2],
    "n_weights": 8,
    "n_zero": 2,
    "sparsity": 0.25,
    "relative_error": 0.125,
    "n_dense": 8,
}


def index(folder, names, **more):
    folder.mkdir(parents=True, exist_ok=True)
    runs = [{"id": run, "name": name} for run, name in names.items()]
    (folder / "recipe.json").write_text(json.dumps({"name": "r", "runs": runs, **more}))
    return folder


def finish(folder, values, timings=()):
    """Writes a run that is done, of values by sentence, or alone by None."""
    folder.mkdir(parents=True)
    records = [
        Record(folder.name, metric, sentence, float(value), "unit")
        for metric, taken in values.items()
        for sentence, value in taken.items()
    ]
    write_records(folder / "records.jsonl", records)
    write_records(folder / "timings.jsonl", timings)
    (folder / "DONE").touch()
    return folder


@pytest.fixture
def results(tmp_path):
    """Results of two runs that are done, the second with one wrong word more in each sentence."""
    folder = index(tmp_path / "r", {"a0": "dense", "b1": "magnitude 20 %"})
    words = dict.fromkeys(WRONG, 10)
    rate = sum(WRONG.values()) / 60
    values = {"word_errors": WRONG, "words": words, "word_error_rate": {None: rate}}
    finish(folder / "a0", values)
    more = {n: wrong + 1 for n, wrong in WRONG.items()}
    finish(folder / "b1", values | {"word_errors": more, "word_error_rate": {None: rate + 0.1}})
    return folder


def test_results_of_older_versions_lack_what_is_new(results):
    found = read_results(results)
    assert (found.name, found.folder) == ("r", results)
    assert (found.source, found.sentences, found.model, found.seed) == (None, (), None, None)
    assert found.recordings == {}
    dense, pruned = found.runs
    assert found.dense is dense
    assert (pruned.id, pruned.name, pruned.status) == ("b1", "magnitude 20 %", "done")
    assert (pruned.layers, pruned.provenance, pruned.settings) == ((), {}, {})
    assert (pruned.wavs, pruned.mels, pruned.architecture, pruned.error) == ({}, None, None, None)
    assert pruned.units == dict.fromkeys(["word_errors", "words", "word_error_rate"], "unit")
    assert pruned.values["word_errors"] == {1: 1, 2: 2, 3: 1, 4: 3, 5: 1, 6: 2}
    assert pruned.values.keys() == {"word_errors", "words"}


def test_rows_have_intervals_and_paired_differences(results):
    dense, pruned = read_results(results).rows
    assert dense.differences == {}
    ends = dense.intervals["word_error_rate"]
    assert ends.mean == pytest.approx(4 / 60)
    assert 0 <= ends.low < 4 / 60 < ends.high <= 0.2
    apart = pruned.differences["word_error_rate"]
    assert (apart.mean, apart.low, apart.high) == pytest.approx((0.1, 0.1, 0.1))
    assert pruned.differences["words"] == Interval(0.0, 0.0, 0.0)


def test_all_that_a_run_left_is_read(results):
    folder = results / "b1"
    asked = {"seed": 3, "stages": [{"method": "magnitude"}], "sentences": ["One.", "Two."]}
    (folder / "run.json").write_text(json.dumps({"architecture": "tacotron2", **asked}))
    resized = {key: LAYER[key] for key in LAYER if key != "relative_error"} | {"layer": "other"}
    (folder / "layers.jsonl").write_text(f"{json.dumps(LAYER)}\n{json.dumps(resized)}\n")
    (folder / "provenance.json").write_text('{"torch": "2"}')
    (folder / "mels.safetensors").touch()
    for place in (folder / "wavs", results / "recordings"):
        place.mkdir()
        (place / "002.wav").touch()
        (place / "notes.wav").touch()
    found = read_results(results)
    run = found.runs[1]
    assert (found.sentences, found.seed) == (("One.", "Two."), 3)
    assert found.recordings == {2: results / "recordings" / "002.wav"}
    assert (run.architecture, run.settings["stages"]) == ("tacotron2", [{"method": "magnitude"}])
    assert run.layers[0] == Layer(**{**LAYER, "shape": (4, 2)})
    assert (run.layers[1].layer, run.layers[1].relative_error) == ("other", None)
    assert run.provenance == {"torch": "2"}
    assert run.wavs == {2: folder / "wavs" / "002.wav"}
    assert run.mels == folder / "mels.safetensors"


def test_the_index_says_what_was_spoken(results):
    index(results, {"a0": "dense"}, source="name: r\n", sentences=["Hi."], model="m", seed=5)
    found = read_results(results)
    assert (found.source, found.sentences, found.model, found.seed) == (
        "name: r\n",
        ("Hi.",),
        "m",
        5,
    )


def test_every_run_is_what_it_is(results):
    names = {"a0": "dense", "c2": "broke", "d3": "runs", "e4": "stopped", "f5": "later", "b1": "m"}
    index(results, names)
    for run in ("c2", "d3", "e4"):
        (results / run).mkdir()
        (results / f".{run}.lock").touch()
    (results / "c2" / "error.txt").write_text("Traceback\nValueError: too small\n")
    (results / "d3" / "error.txt").write_text("of the time before\n")
    with (results / ".d3.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = read_results(results)
    statuses = {run.id: run.status for run in found.runs}
    assert statuses == {
        "a0": "done",
        "c2": "failed",
        "d3": "running",
        "e4": "unfinished",
        "f5": "not begun",
        "b1": "done",
    }
    assert found.runs[1].error == "Traceback\nValueError: too small\n"
    assert [row.run_id for row in found.rows] == ["a0", "b1"]
    assert {run.id: run.status for run in read_results(results).runs}["d3"] == "failed"


def test_without_the_dense_run_there_are_no_differences(results):
    (results / "a0" / "DONE").unlink()
    found = read_results(results)
    assert found.dense is None
    assert [run.status for run in found.runs] == ["unfinished", "done"]
    assert found.rows[0].intervals.keys() == {"word_errors", "words", "word_error_rate"}
    assert found.rows[0].differences == {}


def test_empty_folders_are_empty(tmp_path):
    found = read_results(tmp_path)
    assert (found.name, found.runs, found.dense, found.rows) == (tmp_path.name, (), None, [])
    assert read_results(index(tmp_path / "r", {})).runs == ()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("records.jsonl", "{\n", r"records\.jsonl:1: no record, got '{'"),
        ("records.jsonl", RECORD % ("1", '"x"'), r"records\.jsonl: no record, got .*value='x'"),
        (
            "records.jsonl",
            RECORD % ('"one"', 2),
            r"records\.jsonl: no record, got .*sentence='one'",
        ),
        ("layers.jsonl", "{}\n", r"layers\.jsonl:1: no layer, got '{}'"),
        ("layers.jsonl", "\udcff", r"layers\.jsonl:1: no layer, got '\ufffd'"),
        ("provenance.json", "[1]", r"provenance\.json: truncated or altered \("),
        ("run.json", "{", r"run\.json: truncated or altered \("),
    ],
)
def test_what_is_damaged_counts_as_failed(results, name, text, message):
    path = results / "b1" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, errors="surrogateescape")
    dense, run = read_results(results).runs
    assert (dense.status, run.status, run.row) == ("done", "failed", None)
    with pytest.raises(ArtifactError, match=message):
        raise ArtifactError(run.error)


def test_what_is_not_finite_was_not_taken(results):
    lines = (results / "b1" / "records.jsonl").read_text().splitlines()
    odd = RECORD % (1, "NaN") + RECORD % (2, "1e999")
    (results / "b1" / "records.jsonl").write_text("\n".join([*lines, odd]))
    (results / "b1" / "layers.jsonl").write_text(json.dumps(LAYER | {"relative_error": math.nan}))
    run = read_results(results).runs[1]
    assert run.status == "done"
    assert "odd" not in run.row.values
    assert run.layers[0].relative_error is None


@pytest.mark.parametrize("text", ["{", '{"name": 3, "runs": []}', '{"name": "r", "runs": [{}]}'])
def test_a_damaged_index_is_an_error(results, text):
    (results / "recipe.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"recipe\.json: truncated or altered \(.*\)\. Run"):
        read_results(results)


def test_folders_of_results_are_found(results, tmp_path):
    other = index(tmp_path / "q", {})
    (tmp_path / "empty").mkdir()
    assert result_folders([tmp_path]) == [other, results]
    assert result_folders([results, tmp_path]) == [results, other]
    assert result_folders([tmp_path / "empty"]) == [tmp_path / "empty"]


def test_no_folder_is_an_error(tmp_path):
    with pytest.raises(ArtifactError, match=r"report: needs results, got no folder\. Give some"):
        result_folders([])
    with pytest.raises(ArtifactError, match=r"x: no folder of results, got none\. Give runs/"):
        result_folders([tmp_path / "x"])
