"""The page as files: what is in it, beside it, and what is not."""

import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console

from tests.report.synthetic import make_results
from tts_compress.errors import ArtifactError
from tts_compress.records import Record, read_records, write_records
from tts_compress.report.page import SCRIPTS, write_report
from tts_compress.report.page import images as pictures
from tts_compress.report.page.assets import LISTED
from tts_compress.report.page.data import embedded
from tts_compress.report.page.gist import gist
from tts_compress.report.page.voices import grouped
from tts_compress.report.reading import read_results

FLOOR, LOUD = np.log(1e-5), np.log(10 ** (10 / 20))  # -100 and 10 dB


class Elements(HTMLParser):
    """Collects the elements of a page and the text of its JSON."""

    def __init__(self):
        super().__init__()
        self.tags, self.json, self._within = [], "", False

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._within = dict(attrs).get("id") == "data"

    def handle_data(self, data):
        self.json += data if self._within else ""


def report(*folders, out):
    file = io.StringIO()
    write_report(folders, out, Console(file=file, width=300))
    elements = Elements()
    elements.feed((out / "index.html").read_text(encoding="utf-8"))
    return json.loads(elements.json), elements.tags, file.getvalue()


def opened(path):
    with Image.open(path) as image:
        return image.copy()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A report of four runs that speak seven sentences, and where it is."""
    folder = tmp_path_factory.mktemp("made")
    make_results(folder / "runs" / "r", n_runs=4, n_sentences=7)
    return *report(folder / "runs", out=folder / "report")[:2], folder / "report"


def test_everything_that_the_page_names_is_beside_it(made):
    data, _, out = made
    [voice] = data["voices"]
    for run in voice["runs"]:
        for sentence in run["sentences"]:
            assert (out / sentence["audio"]).is_file()
            assert opened(out / sentence["mel"]).size == (sentence["frames"], 80)
            assert opened(out / sentence["alignment"]).size == (sentence["frames"], 40)
    assert [s["difference"] for s in voice["runs"][0]["sentences"]] == [None] * 7
    assert all(s["difference"] for s in voice["runs"][1]["sentences"])
    assert {"results.csv", "results.parquet", "results.md", "results.tex"} <= {
        path.name for path in out.iterdir()
    }


def test_nothing_comes_from_elsewhere(made):
    _, tags, out = made
    addresses = [attrs[name] for _, attrs in tags for name in ("src", "href") if name in attrs]
    assert addresses
    for address in addresses:
        assert address.startswith(("#", "data:")) or (out / address).is_file()


def test_the_numbers_are_those_of_the_records(made):
    [voice] = made[0]["voices"]
    dense, run = voice["runs"][:2]
    assert voice["dense"] == dense["key"]
    assert dense["differences"] == {}
    assert run["values"]["gzip_bytes"] == [6.75e6, None, None]
    assert run["differences"]["gzip_bytes"] == [-2.25e6, None, None]
    mean, low, high = run["values"]["mcd_dtw_db"]
    assert mean == pytest.approx(20 * 0.25 * 1.4)
    assert low < mean < high
    assert run["sentences"][1]["values"]["mcd_dtw_db"] == 20 * 0.25 * 1.2
    assert run["layers"][1]["layer"] == "encoder.lstm.weight_hh"
    assert run["provenance"]["commit"] == "0123456789ab"
    assert voice["recipes"][0]["source"].startswith("name: ")


def test_the_first_measures_are_of_size_and_of_words(made):
    [voice] = made[0]["voices"]
    assert (voice["default_x"], voice["default_y"]) == ("gzip_bytes", "mcd_dtw_db")
    assert voice["columns"] == ["gzip_bytes", "mel_mae_db", "mcd_dtw_db"]  # nothing failed


def test_names_are_shown_as_they_are(tmp_path):
    name = "magnitude 5 % </script><script>alert(1)</script><!-- \"'&ü漢"
    text = "<b>Bold</b> & <img src=x onerror=alert(1)>"
    folder = make_results(tmp_path / "r", 2, 1, "a<i>b", names=[name], sentences=[text])
    data, tags, _ = report(folder, out=tmp_path / "report")
    [voice] = data["voices"]
    assert (voice["name"], voice["runs"][1]["name"], voice["sentences"]) == ("a<i>b", name, [text])
    assert not {"b", "i", "img"} & {tag for tag, _ in tags}
    assert sum(tag == "script" for tag, _ in tags) == 2 + len(SCRIPTS)


def test_what_an_earlier_report_left_is_removed_and_nothing_else(tmp_path):
    out = tmp_path / "report"
    make_results(tmp_path / "gone", 3, 2, "gone")
    folder = make_results(tmp_path / "r", 2, 1)
    report(tmp_path / "gone", out=out)
    assert (out / "audio/000000000002/001.wav").is_file()
    kept = [out / "notes.txt", out / "audio" / "000000000002" / "mine.wav", tmp_path / "outside"]
    for path in kept:
        path.write_text("kept")
    with (out / LISTED).open("a") as listed:
        listed.write("../outside\n")
    report(folder, out=out)
    fresh = tmp_path / "fresh"
    report(folder, out=fresh)
    paths = {path.relative_to(out) for path in out.rglob("*") if path.is_file()}
    expected = {path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file()}
    assert paths == expected | {path.relative_to(out) for path in kept[:2]}
    assert all(path.read_text() == "kept" for path in kept)
    assert not (out / "images" / "000000000002").exists()
    assert (tmp_path / "gone" / "000000000002" / "wavs" / "001.wav").is_file()


def test_what_a_recording_was_heard_as_is_kept_with_the_dense_run(tmp_path):
    folder = make_results(tmp_path / "r", 2, 1)
    path = folder / "000000000000" / "records.jsonl"
    heard = {"word_errors_recording": 2.0, "words_recording": 4.0}
    more = [Record("0", metric, 1, value, "words") for metric, value in heard.items()]
    write_records(path, [*read_records(path), *more])
    data, _, _ = report(folder, out=tmp_path / "report")
    [voice] = data["voices"]
    assert voice["runs"][0]["sentences"][0]["values"]["word_errors_recording"] == 2
    assert data["measures"]["word_errors_recording"]["counted"]
    assert not heard.keys() & set(voice["measures"])


def test_two_folders_of_one_recipe_are_named_once(tmp_path):
    one, other = (make_results(tmp_path / name, 2, 1) for name in "ab")
    data, _, _ = report(one, other, out=tmp_path / "report")
    [voice] = data["voices"]
    assert voice["name"] == "synthetic"
    assert [recipe["folder"] for recipe in voice["recipes"]] == [str(one), str(other)]
    assert voice["runs"][1]["recipes"] == ["synthetic"]


def test_ids_name_no_folder_elsewhere(tmp_path):
    folder = make_results(tmp_path / "r", 2, 1)
    index = json.loads((folder / "recipe.json").read_text())
    (folder / index["runs"][1]["id"]).rename(tmp_path / "outside")
    index["runs"][1]["id"] = "../outside"
    (folder / "recipe.json").write_text(json.dumps(index))
    data, _, _ = report(folder, out=tmp_path / "report")
    [audio] = [s["audio"] for s in data["voices"][0]["runs"][1]["sentences"]]
    assert audio == "audio/-outside/001.wav"


def test_runs_are_shown_as_what_they_are(tmp_path):
    folder = make_results(tmp_path / "r", 5, 1)
    _, failed, unfinished, absent, whole = (run["id"] for run in runs_of(folder))
    for run in (failed, unfinished):
        (folder / run / "DONE").unlink()
    (folder / failed / "error.txt").write_text("RuntimeError: out of memory")
    (folder / absent).rename(tmp_path / "gone")
    (folder / whole / "records.jsonl").write_text("not a record\n")
    data, _, _ = report(folder, out=tmp_path / "report")
    runs = data["voices"][0]["runs"]
    statuses = ["done", "failed", "unfinished", "not begun", "failed"]
    assert [run["status"] for run in runs] == statuses
    assert runs[1]["error"] == "RuntimeError: out of memory"
    assert "no record" in runs[4]["error"]
    assert [len(run["sentences"]) for run in runs] == [1, 0, 0, 0, 0]


def runs_of(folder):
    return json.loads((folder / "recipe.json").read_text())["runs"]


def test_without_the_dense_run_nothing_is_compared(tmp_path):
    folder = make_results(tmp_path / "r", 3, 1)
    (folder / runs_of(folder)[0]["id"] / "DONE").unlink()
    data, _, _ = report(folder, out=tmp_path / "report")
    [voice] = data["voices"]
    assert voice["dense"] is None
    assert "dense run is not done" in voice["gist"]
    assert [run["differences"] for run in voice["runs"]] == [{}, {}, {}]
    assert {s["difference"] for run in voice["runs"] for s in run["sentences"]} == {None}


def test_an_empty_folder_is_a_page_without_runs(tmp_path):
    (tmp_path / "runs").mkdir()
    data, _, _ = report(tmp_path / "runs", out=tmp_path / "report")
    assert [voice["runs"] for voice in data["voices"]] == [[]]


def test_results_without_sentences_have_a_page(tmp_path):
    data, _, _ = report(make_results(tmp_path / "r", 2, 0), out=tmp_path / "report")
    [voice] = data["voices"]
    assert voice["sentences"] == []
    assert voice["runs"][1]["values"]["gzip_bytes"] == [4.5e6, None, None]


def test_damaged_mels_are_named_and_left_out(tmp_path):
    folder = make_results(tmp_path / "r", 2, 1)
    run = folder / runs_of(folder)[1]["id"]
    (run / "mels.safetensors").write_bytes(b"\xff" * 20)
    data, _, said = report(folder, out=tmp_path / "report")
    assert f"{run / 'mels.safetensors'}: truncated or altered" in said
    [sentence] = data["voices"][0]["runs"][1]["sentences"]
    assert sentence["mel"] is None
    assert sentence["audio"]


def test_damaged_mels_are_an_error_of_the_user(tmp_path):
    path = tmp_path / "mels.safetensors"
    path.write_bytes(b"\xff" * 20)
    with pytest.raises(
        ArtifactError, match=r"mels.safetensors: truncated or altered, got '.+'\. R"
    ):
        pictures.read_arrays(path)


def test_no_folder_is_an_error_of_the_user(tmp_path):
    with pytest.raises(ArtifactError, match="no folder of results"):
        write_report([tmp_path / "none"], tmp_path / "report", Console(quiet=True))


def test_recipes_of_one_dense_run_are_one_voice(tmp_path):
    one = make_results(tmp_path / "a", 2, 1, "a")
    other = make_results(tmp_path / "b", 3, 1, "b")
    [voice] = grouped([read_results(one), read_results(other)])
    assert voice.name == "tacotron2: a, b"
    assert len(voice.runs) == 3
    assert list(voice.recipes_of.values()) == [["a", "b"], ["a", "b"], ["b"]]


def test_recordings_are_heard_beside_it(tmp_path):
    folder = make_results(tmp_path / "r", 2, 3)
    (folder / "recordings").mkdir()
    wav = next((folder / runs_of(folder)[0]["id"] / "wavs").iterdir())
    (folder / "recordings" / "002.wav").write_bytes(wav.read_bytes())
    data, _, _ = report(folder, out=tmp_path / "report")
    assert data["voices"][0]["recordings"] == [None, "audio/recordings-000000000000/002.wav", None]


def test_a_report_is_written_over_the_last_one(tmp_path):
    folder = make_results(tmp_path / "r", 2, 1)
    first, _, _ = report(folder, out=tmp_path / "report")
    again, _, _ = report(folder, out=tmp_path / "report")
    assert first == again


def words(folder, run, errors, size):
    taken = [Record(run, "word_errors", n, e, "words") for n, e in enumerate(errors, 1)]
    taken += [Record(run, "words", n, 10, "words") for n in range(1, len(errors) + 1)]
    taken.append(Record(run, "word_error_rate", None, sum(errors) / 10 / len(errors), "fraction"))
    write_records(
        folder / run / "records.jsonl", [*taken, Record(run, "gzip_bytes", None, size, "bytes")]
    )


@pytest.mark.parametrize(
    ("small", "said"),
    [
        ([1] * 8, r"Smallest run that is .* above dense.*: magnitude 67 %, 2\.00 MB \(20 % of"),
        ([1, 1, 1, 1, 1, 1, 1, 9], r"Smallest run .*: magnitude 33 %, 5\.00 MB \(50 % of dense"),
    ],
)
def test_the_gist_is_the_smallest_run_that_is_surely_as_good(tmp_path, small, said):
    folder = make_results(tmp_path / "r", 3, 0)
    dense, middle, least = (run["id"] for run in runs_of(folder))
    words(folder, dense, [1] * 8, 10e6)
    words(folder, middle, [1] * 8, 5e6)
    words(folder, least, small, 2e6)
    assert re.match(said, gist(grouped([read_results(folder)])[0]))


def test_the_page_begins_with_the_coded_files_where_all_runs_have_one(tmp_path):
    folder = make_results(tmp_path / "r", 3, 1)
    for number, run in enumerate(runs_of(folder)):
        path = folder / run["id"] / "records.jsonl"
        sizes = {"artifact_bytes": 6e6 / (number + 1), "float32_bytes": 16e6}
        more = [Record(run["id"], metric, None, value, "bytes") for metric, value in sizes.items()]
        write_records(path, [*read_records(path), *more])
    [voice] = report(folder, out=tmp_path / "report")[0]["voices"]
    assert (voice["default_x"], voice["columns"][0]) == ("artifact_bytes", "artifact_bytes")
    assert "gzip_bytes" not in voice["columns"]
    assert "gzip_bytes" in voice["measures"]


def test_methods_are_called_by_what_sets_them_apart(tmp_path):
    names = ("heads keep 1 + folded + uniform 4 bits", "heads keep 1 + folded + codebook 3 bits")
    folder = make_results(tmp_path / "r", 3, 0, names=names)
    [voice] = report(folder, out=tmp_path / "report")[0]["voices"]
    assert [run["method"] for run in voice["runs"][1:]] == ["uniform", "codebook"]


def test_the_gist_says_if_no_run_is_as_good(tmp_path):
    folder = make_results(tmp_path / "r", 2, 0)
    dense, least = (run["id"] for run in runs_of(folder))
    words(folder, dense, [0] * 8, 10e6)
    words(folder, least, [5] * 8, 2e6)
    assert gist(grouped([read_results(folder)])[0]).startswith("No run is at most 2 points")


def test_low_bands_are_at_the_bottom_and_loud_is_bright(tmp_path):
    mel = np.full((80, 3), FLOOR, np.float32)
    mel[0, 1] = LOUD
    pictures.write_mel(mel, tmp_path / "mel.png")
    image = opened(tmp_path / "mel.png")
    assert (image.mode, image.size) == ("P", (3, 80))
    numbers = np.array(image)
    assert numbers[79].tolist() == [0, 110, 0]  # one colour a dB, from -100 to 10
    assert image.convert("RGB").getpixel((0, 0)) == (0, 0, 4)  # the first colour of magma


def test_no_difference_is_the_middle_colour(tmp_path):
    mel = np.zeros((80, 4), np.float32)
    louder = mel + np.float32(np.log(10))  # 20 dB
    pictures.write_difference(
        np.concatenate([mel, louder, -louder, 3 * louder], axis=1), np.tile(mel, 4), tmp_path / "d"
    )
    numbers = np.array(opened(tmp_path / "d"))[0, ::4]
    assert numbers.tolist() == [40, 80, 0, 80]
    colors = np.array(opened(tmp_path / "d").convert("RGB"))[0, ::4].astype(int)
    assert np.ptp(colors[0]) <= 2  # grey: neither red nor blue
    assert colors[1, 0] > colors[1, 2]
    assert colors[2, 2] > colors[2, 0]


def test_frames_that_only_one_has_are_left_out(tmp_path):
    pictures.write_difference(
        np.zeros((80, 5), np.float32), np.zeros((80, 3), np.float32), tmp_path / "d.png"
    )
    assert opened(tmp_path / "d.png").size == (3, 80)


def test_the_first_symbol_of_an_alignment_is_at_the_bottom(tmp_path):
    pictures.write_alignment(np.eye(4, dtype=np.float32), tmp_path / "a.png")
    assert (np.array(opened(tmp_path / "a.png")) == 64 * np.eye(4)[::-1]).all()


@given(st.recursive(st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_json_ends_no_script_and_reads_the_same(value):
    text = embedded({"value": value})
    assert "<" not in text
    assert json.loads(text) == {"value": value}
