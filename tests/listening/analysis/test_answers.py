import json
import secrets

import pytest

from tests.listening.listeners import Simulated, built, store
from tts_compress.errors import ListeningError
from tts_compress.listening.analysis.answers import read, safe, write_csv
from tts_compress.listening.built import KINDS
from tts_compress.listening.design import trial_of
from tts_compress.listening.serving.store import Store


def file_of(who, path, token=None, finished="2026-01-01T10:00:00Z", **more):
    """Writes what a static test gives its listener."""
    answers = {page: vars(answer) for page, answer in who.answers().items()}
    said = {
        "format": 1,
        "test": who.test.id,
        "listener": who.number,
        "token": token or secrets.token_hex(8),
        "started": "2026-01-01T09:00:00Z",
        "finished": finished,
        "answers": answers,
    }
    path.write_text(json.dumps(said | more))
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_rows_say_what_was_entered(tmp_path, kind):
    test = built(kind)
    listener = Simulated(test, 0, hears=1.0)
    entered = listener.answers()
    listener.answers = lambda: entered  # each call would draw anew
    path = file_of(listener, tmp_path / "a.json")
    rows = read(test, tmp_path, [path]).rows
    trials = trial_of(test, 0)
    assert set(rows["page"]) == set(trials)
    assert set(rows["check"]) >= {"", "gold"}
    for page, own in rows.groupby("page"):
        trial, values = trials[page], entered[page].values
        assert set(own["sentence"]) == {trial.sentence}
        if kind in ("mushra", "acr", "dcr"):
            made = {test.stimulus(id).system: rating for id, rating in values["ratings"].items()}
            made = {"dense (reference)" if k == "reference" else k: v for k, v in made.items()}
            assert dict(zip(own["system"], own["value"], strict=True)).items() <= made.items()
            continue
        [line] = own.to_dict("records")
        versus, system = (test.stimulus(id).system for id in trial.stimuli)
        assert (line["versus"], line["system"]) == (versus, system)
        if kind == "cmos":
            [(id, rating)] = values["ratings"].items()
            assert line["value"] == (rating if id == trial.stimuli[1] else -rating)
        elif kind == "ab":
            assert line["value"] == (values["choice"] == trial.stimuli[1])
            assert line["choice"] == test.stimulus(values["choice"]).system
        else:
            assert line["value"] == 1.0  # who hears all is always right


def test_both_sources_are_one_table(tmp_path):
    test = built("mushra")
    store(test, tmp_path, [Simulated(test, number) for number in (0, 1)])
    third = file_of(Simulated(test, 2), tmp_path / "c.json")
    again = file_of(Simulated(test, 0), tmp_path / "d.json")
    answers = read(test, tmp_path, [third, again])
    assert [each.name for each in answers.listeners] == ["L00", "L00.2", "L01", "L02"]
    assert answers.rows.groupby("listener").size().nunique() == 1


def test_links_that_nobody_opened_are_counted_alone(tmp_path):
    test = built("acr")
    store(test, tmp_path, [Simulated(test, 0)])
    opened = Store(tmp_path, test.id)
    opened.join().result()
    opened.close()
    answers = read(test, tmp_path)
    assert (len(answers.listeners), answers.unused) == (1, 1)


def test_duplicates_count_once_and_the_more_complete_one(tmp_path):
    test = built("acr")
    whole = Simulated(test, 0)
    part = Simulated(test, 0)
    part.answers = lambda: dict([*whole.answers().items()][:4])
    files = [
        file_of(part, tmp_path / "part.json", "same", finished=None),
        file_of(whole, tmp_path / "whole.json", "same"),
        file_of(part, tmp_path / "part again.json", "same", finished=None),
    ]
    for given in (files, files[::-1]):
        answers = read(test, tmp_path, given)
        [listener] = answers.listeners
        assert listener.finished
        assert answers.rows["page"].nunique() == len(listener.trials)
        assert "came twice and count once" in answers.notes[0]


def test_what_is_not_done_does_not_count(tmp_path):
    test = built("acr")
    listener = Simulated(test, 0)
    answers = listener.answers()
    answers["t002"] = type(answers["t002"])(3, False, {}, 1.0, {})
    listener.answers = lambda: answers
    rows = read(test, tmp_path, [file_of(listener, tmp_path / "a.json")]).rows
    assert "t002" not in set(rows["page"])
    assert "t001" in set(rows["page"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test": "other"}, r"a.json: answers of another test, got id 'other'"),
        ({"format": 2}, r"a.json: format 2, this version reads 1"),
        ({"listener": -1}, r"a.json: no listener, got number -1"),
        ({"listener": "1"}, r"a.json: no answers of a static test, got listener"),
        ({"answers": {"zzz": {}}}, r"a.json: no page of its listener, got 'zzz'"),
        ({"answers": {"t001": {"revision": 0}}}, r"a.json: damaged, got 't001: .*Ask the listener"),
    ],
)
def test_files_that_cannot_be_used_are_refused(tmp_path, change, message):
    test = built("acr")
    path = file_of(Simulated(test, 0), tmp_path / "a.json", **change)
    with pytest.raises(ListeningError, match=message):
        read(test, tmp_path, [path])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "b.json: no answers of a static test"),
        (b'{"format": 1}', "b.json: no answers of a static test, got test: 'Field required'"),
        (b"\xff", "b.json: no answers of a static test"),
        (b"[]", "b.json: no answers of a static test"),
        (b" " * 10_000_001, "b.json: too large for answers, got 10000001 bytes"),
    ],
)
def test_damaged_files_are_refused(tmp_path, content, message):
    path = tmp_path / "b.json"
    path.write_bytes(content)
    with pytest.raises(ListeningError, match=message):
        read(built("acr"), tmp_path, [path])


def test_missing_files_are_named(tmp_path):
    with pytest.raises(ListeningError, match=r"gone.json: cannot be read, got 'No such file"):
        read(built("acr"), tmp_path, [tmp_path / "gone.json"])


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@a", "\t=1", " =1", "\r=1"])
def test_cells_are_no_formulas(cell):
    assert safe(cell) == f"'{cell}"


def test_tables_are_written_safely(tmp_path):
    test = built("mushra")
    store(test, tmp_path, [Simulated(test, 0)])
    rows = read(test, tmp_path).rows
    write_csv(rows.assign(system="=cmd|x"), tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[0].startswith("listener,page,order,trial,check,sentence,system")
    assert len(lines) == len(rows) + 1
    assert all(",'=cmd|x," in line for line in lines[1:])


def test_words_are_kept_apart(tmp_path):
    test = built("mushra")
    store(test, tmp_path, [Simulated(test, 0, words="dull")])
    answers = read(test, tmp_path)
    assert {comment["text"] for comment in answers.comments()} == {"dull"}
    written = [question for question in answers.questionnaire() if question.written]
    assert {text for question in written for _, text in question.given} <= {"dull"}
    assert "dull" not in answers.rows.to_csv()
