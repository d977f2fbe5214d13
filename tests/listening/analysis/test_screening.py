from dataclasses import replace

import pandas as pd
import pytest

from tests.listening.listeners import Simulated, built, store
from tts_compress.listening.analysis import screening
from tts_compress.listening.analysis.answers import read
from tts_compress.listening.analysis.screening import as_table, is_right, screen
from tts_compress.listening.serving.database import Answer


@pytest.fixture(scope="module")
def mushra():
    return built("mushra")


@pytest.fixture(scope="module")
def acr():
    return built("acr")


def with_ratings(listener, system, ratings):
    """A listener whose ratings of one system, in order of trials, are these."""
    answers = listener.answers()
    given = iter(ratings)
    for page, trial in listener.trials.items():
        ids = [id for id in trial.stimuli if listener.test.stimulus(id).system == system]
        if trial.check is None and ids:
            values = answers[page].values
            changed = {"ratings": values["ratings"] | {ids[0]: next(given)}}
            answers[page] = replace(answers[page], values=changed)
    listener.answers = lambda: answers
    return listener


def careless(listener):
    """A listener who answers checks one point beside what is right."""
    answers = listener.answers()
    for page, trial in listener.trials.items():
        if trial.check:
            [(id, (low, high))] = trial.expected.ratings.items()
            beside = {id: low - 1 if low > 1 else high + 1}
            answers[page] = replace(answers[page], values={"ratings": beside})
    listener.answers = lambda: answers
    return listener


def screened(test, folder, listeners, **more):
    store(test, folder, listeners, **more)
    return screen(read(test, folder))


def test_hidden_reference_below_90_in_more_than_15_percent(mushra, tmp_path):
    listeners = [Simulated(mushra, number) for number in range(3)]
    with_ratings(listeners[0], "reference", [90, 100, 95, 90])
    with_ratings(listeners[1], "reference", [89, 100, 100, 100])
    fine, out, _ = screened(mushra, tmp_path, listeners)
    assert (fine.kept, fine.reference_below) == (True, 0)
    assert (out.kept, out.reference_below) == (False, 0.25)
    assert out.reasons == ["rated the hidden reference below 90 in 25 % of trials"]


def test_mid_anchor_above_90_in_more_than_15_percent(mushra, tmp_path):
    listeners = [Simulated(mushra, number) for number in range(5)]
    with_ratings(listeners[0], "anchor 7000 Hz", [90, 90, 90, 90])
    with_ratings(listeners[1], "anchor 7000 Hz", [91, 10, 10, 10])
    fine, out, *_ = screened(mushra, tmp_path, listeners)
    assert (fine.kept, fine.anchor_above) == (True, 0)
    assert out.reasons == ["rated the 7 kHz anchor above 90 in 25 % of trials"]


def test_a_sentence_whose_anchor_hardly_sounds_worse_does_not_count(mushra, tmp_path):
    """Three of four listeners, and so more than a quarter, rate the anchor of every sentence 95."""
    listeners = [Simulated(mushra, number) for number in range(4)]
    for listener in listeners[:3]:
        with_ratings(listener, "anchor 7000 Hz", [95] * 4)
    results = screened(mushra, tmp_path, listeners)
    assert all(each.kept for each in results)
    assert [each.anchor_above for each in results] == [None] * 4


@pytest.mark.parametrize(
    ("below", "of", "kept"), [(3, 20, True), (6, 40, True), (9, 60, True), (4, 20, False)]
)
def test_15_percent_is_not_more_than_15_percent(below, of, kept):
    ratings = [89] * below + [90] * (of - below)
    own = pd.DataFrame({"value": ratings, "role": "reference", "system": "r", "sentence": 1})
    found = screening.Screened("L00", of, of)
    screening._mushra(own, found, set())
    assert found.kept == kept


def test_low_anchor_has_no_rule(mushra, tmp_path):
    listener = with_ratings(Simulated(mushra, 0), "anchor 3500 Hz", [95] * 4)
    assert screened(mushra, tmp_path, [listener])[0].kept


def test_checks_headphones_and_the_end(acr, tmp_path):
    listeners = [
        Simulated(acr, 0),
        careless(Simulated(acr, 1)),
        Simulated(acr, 2, wears=False),
        Simulated(acr, 3),
    ]
    results = screened(acr, tmp_path, listeners, unfinished={3})
    fine, wrong, loud, left = results
    assert (fine.kept, fine.reasons, fine.checks_right, fine.checks) == (True, [], 2, 2)
    assert (wrong.kept, wrong.checks_right) == (False, 0)
    assert wrong.reasons == ["answered 1 gold trial wrong", "answered 1 trap trial wrong"]
    assert loud.reasons == ["headphone check: 0 of 6 right"]
    assert left.reasons == ["did 0 of 12 trials"]
    table = as_table(results)
    assert table["kept"].tolist() == [True, False, False, False]
    assert table.loc[3, "reasons"] == "did 0 of 12 trials"


def test_all_alike_and_too_fast_are_warned_of_and_kept(acr, tmp_path):
    listener = Simulated(acr, 0)
    answers = listener.answers()
    for page, trial in listener.trials.items():
        answers[page] = replace(answers[page], seconds=0.01)
        if trial.check is None:
            answers[page] = replace(answers[page], values={"ratings": {trial.stimuli[0]: 3}})
    listener.answers = lambda: answers
    [found] = screened(acr, tmp_path, [listener])
    assert found.kept
    assert found.warnings == [
        "rated almost all alike",
        "was faster than the sounds last in 14 trials",
    ]


def test_one_side_only_is_warned_of(tmp_path):
    test = built("ab")
    listener = Simulated(test, 0)
    answers = listener.answers()
    pages = {page["id"]: page for page in listener.pages}
    for page, trial in listener.trials.items():
        if trial.check:
            continue
        first = pages[page]["stimuli"][0]["id"]
        answers[page] = replace(answers[page], values={"choice": first})
    listener.answers = lambda: answers
    [found] = screened(test, tmp_path, [listener])
    assert found.kept
    assert found.warnings == ["always chose the first"]


@pytest.mark.parametrize("kind", ["acr", "dcr", "mushra", "ab", "abx", "cmos"])
def test_checks_are_right_as_the_test_has_it(kind):
    test = built(kind)
    assert test.checks
    for trial in test.checks:
        right, wrong = {}, {}
        if trial.expected.choice:
            right = {"choice": trial.expected.choice}
            wrong = {"choice": next(id for id in trial.stimuli if id != trial.expected.choice)}
        else:
            for id, (low, high) in trial.expected.ratings.items():
                right[id], wrong[id] = low, high + 1
            right, wrong = {"ratings": right}, {"ratings": wrong}
        assert is_right(test, trial, Answer(1, True, right, 1.0, {}))
        assert not is_right(test, trial, Answer(1, True, wrong, 1.0, {}))


def test_a_check_of_cmos_is_right_from_either_side():
    test = built("cmos")
    for trial in test.checks:
        [(better, (low, _))] = trial.expected.ratings.items()
        [other] = [id for id in trial.stimuli if id != better]
        assert is_right(test, trial, Answer(1, True, {"ratings": {other: -low}}, 1.0, {}))
        assert is_right(test, trial, Answer(1, True, {"ratings": {other: low}}, 1.0, {})) == (
            low == 0
        )
