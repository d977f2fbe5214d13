"""Whole builds of each kind from results on disk."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from tests.listening.material import RATE, build, make_runs, speech, write_form
from tts_compress.cli import app
from tts_compress.errors import AudioError, ListeningError, RecipeError
from tts_compress.listening.building.stimuli import loudness, read_wav
from tts_compress.listening.building.summary import seconds_of
from tts_compress.listening.building.traps import (
    ATTENTION,
    PAUSE,
    SHORT_PAUSE,
    TRAPS,
    VOICE,
    interrupted,
)
from tts_compress.listening.built import KINDS, BuiltTest
from tts_compress.listening.design import session, trial_of


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    return {kind: build(folder, kind, "checks: 2\nsentences: [1, 2, 3]") for kind in KINDS}


def systems(test, ids):
    return [test.stimulus(id).system for id in ids]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_what_the_test_names(built, kind):
    test, folder, _ = built[kind]
    assert {path.name for path in folder.iterdir()} == {"test.json", "audio"}
    assert {path.stem for path in (folder / "audio").iterdir()} == {s.id for s in test.stimuli}
    for stimulus in test.stimuli:
        wave, rate = soundfile.read(folder / "audio" / f"{stimulus.id}.wav")
        assert rate == RATE
        assert loudness(wave, rate) == pytest.approx(-23, abs=0.5)
        assert re.fullmatch("[0-9a-f]{16}", stimulus.id)


@pytest.mark.parametrize("kind", KINDS)
def test_no_stimulus_is_unused_or_in_two_trials(built, kind):
    test, _, _ = built[kind]
    used = [
        id
        for trial in (*test.trials, *test.training, *test.checks)
        for id in (*trial.stimuli, *trial.unknown)
    ]
    references = {trial.reference for trial in (*test.trials, *test.training, *test.checks)}
    tools = [page["audio"] for page in test.pages if page["type"] == "volume"]
    tools += [t["audio"] for p in test.pages if p["type"] == "headphones" for t in p["trials"]]
    assert len(used) == len(set(used))
    assert {*used, *(references - {None}), *tools} == {s.id for s in test.stimuli}


def test_a_mushra_trial_holds_systems_hidden_reference_and_anchors(built):
    test, folder, _ = built["mushra"]
    assert len(test.trials) == 3
    expected = ["small", "smaller", "reference", "anchor 3500 Hz", "anchor 7000 Hz"]
    for trial in test.trials:
        assert systems(test, trial.stimuli) == expected
        assert test.stimulus(trial.reference).role == "reference"
        assert trial.reference not in trial.stimuli
        wave, _ = read_wav(folder / "audio" / f"{trial.stimuli[3]}.wav")
        spectrum = np.abs(np.fft.rfft(wave)) ** 2
        above = np.fft.rfftfreq(len(wave), 1 / RATE) > 4500
        assert spectrum[above].sum() < 1e-4 * spectrum.sum()
    assert test.systems == ("small", "smaller")
    assert test.reference == "dense"
    assert all(trial.check == "gold" for trial in test.checks)


def test_hidden_reference_and_anchors_can_be_left_out(tmp_path):
    test, _, _ = build(tmp_path, "mushra", "hidden_reference: false\nanchors: []")
    assert systems(test, test.trials[0].stimuli) == ["small", "smaller"]


def test_pairs_are_the_first_with_every_other_and_x_is_either(built):
    test, _, _ = built["abx"]
    assert len(test.trials) == 2 * 3
    for trial in test.trials:
        assert systems(test, trial.stimuli) == systems(test, trial.unknown)
        assert systems(test, trial.stimuli)[0] == "dense"
        assert trial.reference is None


def test_acr_judges_systems_alone_and_dcr_against_the_reference(built):
    acr, dcr = built["acr"][0], built["dcr"][0]
    assert [systems(acr, t.stimuli) for t in acr.trials[::3]] == [["dense"], ["small"], ["smaller"]]
    assert [systems(dcr, t.stimuli) for t in dcr.trials[::3]] == [
        ["small"],
        ["smaller"],
        ["reference"],
    ]
    assert all(trial.reference is None for trial in acr.trials)
    assert all(trial.reference for trial in dcr.trials)


def test_ab_may_have_a_recording_as_reference(tmp_path):
    test, _, _ = build(tmp_path, "ab", "reference: recording\nties: true\ncomments: true")
    assert {trial.sentence for trial in test.trials} == {1, 2, 3}
    assert all(systems(test, [t.reference]) == ["reference"] for t in test.trials)
    assert test.source["systems"]["recording"] == "tiny/recordings"
    page = next(page for page in session(test, 0)["pages"] if page["type"] == "trial")
    assert page["ties"]
    assert page["comment"]
    assert page["scale"] is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_check_has_a_right_answer_that_its_page_can_give(built, kind):
    test, _, _ = built[kind]
    kinds = [check.check for check in test.checks]
    assert kinds.count("gold") >= 3
    assert ("trap" in kinds) == (kind != "mushra")
    for check in test.checks:
        expected = check.expected
        if kind in ("ab", "abx"):
            assert expected.choice in check.stimuli
        else:
            assert {*expected.ratings} <= {*check.stimuli}
    if kind in ("acr", "dcr"):
        asked = [c.expected.ratings[c.stimuli[0]] for c in test.checks if c.check == "trap"]
        assert asked == [(value, value) for value in range(1, 6)]


def test_x_of_a_gold_trial_is_a_copy_of_the_right_choice(built):
    test, _, _ = built["abx"]
    gold = [check for check in test.checks if check.check == "gold"]
    for check in gold:
        assert systems(test, check.unknown) == systems(test, [check.expected.choice])
    assert {systems(test, check.unknown)[0] for check in gold} == {"clean", "degraded"}


def test_practice_uses_another_sentence_and_shows_the_bad_end(built):
    test, _, _ = built["acr"]
    assert {trial.sentence for trial in test.training} == {4}
    heard = [systems(test, trial.stimuli)[0] for trial in test.training]
    assert heard == ["degraded", "dense", "small", "smaller"]
    pages = [page for page in session(test, 0)["pages"] if page["id"].startswith("p0")]
    assert all(page["practice"] for page in pages)
    assert len(pages) == 4
    assert not {page["id"] for page in pages} & {*trial_of(test, 0)}


def test_texts_are_shown_unless_they_are_not(tmp_path, built):
    shown = [page.get("sentence") for page in session(built["acr"][0], 0)["pages"]]
    assert "Two birds." in shown
    test, folder, _ = build(tmp_path, "acr", "show_text: false")
    assert "birds" not in json.dumps(session(test, 0))
    assert (folder / "test.json").stat().st_size


def test_the_summary_says_what_a_listener_gets(built):
    test, folder, said = built["acr"]
    assert "test       acr (acr), " in said
    assert "stimuli at -23 LUFS, 16000 Hz" in said
    assert "trials     9, of which a listener gets 9; 2 checks, 4 for practice" in said
    assert re.search(r"listeners  24, about \d minutes each; every trial is judged 24 times", said)
    assert f"next       tts-compress listen serve {folder}" in said
    pages, trials = 4 * 30, [*test.trials, *test.training]
    heard = 1.5 * sum(test.stimulus(t.stimuli[0]).seconds for t in trials)
    checks = [1.5 * test.stimulus(c.stimuli[0]).seconds for c in test.checks]
    expected = pages + heard + 2 * np.mean(checks) + 4 * (len(trials) + 2)
    assert seconds_of(test) == pytest.approx(expected)


def test_long_sounds_of_mushra_are_pointed_out(tmp_path):
    runs = make_runs(tmp_path / "runs")
    soundfile.write(runs / "tiny" / "id1" / "wavs" / "001.wav", speech(0, 13.0), RATE)
    _, _, said = build(tmp_path, "mushra", "sentences: [1, 2]")
    assert re.search(r"long       13.[01] s: ITU-R BS.1534-3 asks for 12 s or less", said)


def test_a_share_is_judged_so_often_or_once_more(tmp_path):
    _, _, said = build(tmp_path, "acr", "per_listener: 5\nlisteners: 10\nsentences: [1, 2, 3]")
    assert "every trial is judged 5 or 6 times" in said


def test_other_sample_rates_are_resampled_to_the_highest(tmp_path):
    runs = make_runs(tmp_path / "runs")
    for sentence in range(1, 5):
        path = runs / "tiny" / "id1" / "wavs" / f"{sentence:03}.wav"
        soundfile.write(path, speech(sentence, rate=24000), 24000)
    _, folder, said = build(tmp_path, "acr")
    assert "resampled  dense from 16000 Hz to 24000 Hz" in said
    assert {soundfile.info(p).samplerate for p in (folder / "audio").iterdir()} == {24000}


def test_a_sound_that_would_clip_lowers_all_and_is_named(tmp_path):
    runs = make_runs(tmp_path / "runs")
    wave = 0.01 * speech(1)
    wave[4000] = 0.9
    soundfile.write(runs / "tiny" / "id2" / "wavs" / "002.wav", wave, RATE)
    test, _, said = build(tmp_path, "acr")
    assert re.search(
        r"loudness   -\d\d\.\d LUFS for all instead of -23: 'smaller' would clip", said
    )
    assert test.source["loudness_lufs"] < -23


def test_a_silent_run_is_built_and_named(tmp_path):
    runs = make_runs(tmp_path / "runs")
    soundfile.write(runs / "tiny" / "id2" / "wavs" / "002.wav", np.zeros(RATE), RATE)
    _, _, said = build(tmp_path, "acr")
    assert "silent     and left so: smaller" in said


def test_a_test_with_answers_is_not_replaced(tmp_path):
    first, folder, _ = build(tmp_path, "acr")
    second, _, _ = build(tmp_path, "acr")  # without answers it is
    assert first.id != second.id
    assert first.secret != second.secret
    (folder / "answers.sqlite").touch()
    with pytest.raises(ListeningError, match=r"built-acr: has answers of listeners, got 'answers"):
        build(tmp_path, "acr")
    assert BuiltTest.load(folder).id == second.id


def test_other_folders_are_not_replaced(tmp_path):
    (tmp_path / "built-acr").mkdir()
    (tmp_path / "built-acr" / "thesis.tex").touch()
    with pytest.raises(ListeningError, match=r"built-acr: is no listening test, and would be repl"):
        build(tmp_path, "acr")


def test_what_cannot_be_built_leaves_nothing(tmp_path):
    runs = make_runs(tmp_path / "runs")
    (runs / "tiny" / "id2" / "wavs" / "003.wav").write_text("no sound")
    with pytest.raises(AudioError, match=r"id2/wavs/003.wav: is no sound"):
        build(tmp_path, "acr")
    soundfile.write(runs / "tiny" / "id2" / "wavs" / "003.wav", np.zeros((9, 2)), RATE)
    with pytest.raises(AudioError, match=r"id2/wavs/003.wav: must be mono"):
        build(tmp_path, "acr")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["acr.yaml", "runs"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("per_listener: 13", r"per_listener: the test has 12 trials, got 13"),
        ("per_listener: 2\nchecks: 3", r"checks: a listener gets 2 trials, .* got 3"),
        (
            "pages: [{type: training, sentence: 9}, {type: trials}, {type: finish}]",
            r"pages\[0\].sentence: 'dense' has no such sentence, got 9",
        ),
    ],
)
def test_amounts_that_are_not_there_are_refused(tmp_path, more, message):
    with pytest.raises(RecipeError, match=message):
        build(tmp_path, "acr", more)


def test_the_command_builds(tmp_path):
    form = write_form(tmp_path, "ab")
    make_runs(tmp_path / "runs")
    arguments = ["listen", "build", str(form), "--runs", str(tmp_path / "runs"), "-o"]
    result = CliRunner().invoke(app, [*arguments, str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert BuiltTest.load(tmp_path / "out").kind == "ab"


# Traps.


def test_every_phrase_of_a_trap_is_there_and_all_are_small():
    asked = {phrase for traps in TRAPS.values() for phrases, _ in traps for phrase in phrases}
    files = {path.stem: path for path in VOICE.glob("*.flac")}
    assert {*files} == asked | {ATTENTION, "listen"}
    assert sum(path.stat().st_size for path in files.values()) < 400_000
    for path in files.values():
        wave, rate = read_wav(path)
        assert 0.5 < len(wave) / rate < 3


def test_a_trap_begins_as_its_sentence_does():
    wave = speech(0, 3.0)
    trap = interrupted(wave, RATE, "acr-1")
    first = trap[80 : int(1.2 * RATE) - 80]  # between the fades
    assert np.corrcoef(first, wave[80 : 80 + len(first)])[0, 1] == pytest.approx(1.0, abs=1e-9)
    spoken = sum(len(read_wav(VOICE / f"{n}.flac")[0]) for n in (ATTENTION, "acr-1"))
    assert len(trap) == int(1.2 * RATE) + spoken + int(PAUSE * RATE) + int(SHORT_PAUSE * RATE)


def test_whisper_hears_what_traps_ask_for():
    pytest.importorskip("faster_whisper")
    from tts_compress.metrics.recognizers import Whisper

    heard = Whisper(threads=1).transcribe(interrupted(speech(0), RATE, "other"), RATE).lower()
    assert "attention" in heard
    assert "choose the other one" in heard


def test_the_voice_is_explained():
    assert "synth" in (Path(VOICE) / "README.md").read_text()
