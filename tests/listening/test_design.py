"""Every listener's pages: the same each time, and fair over all of them."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.listening.material import build
from tts_compress.listening.built import KINDS, BuiltTest, Stimulus, Trial
from tts_compress.listening.design import audio_ids, completion_code, session, trial_of
from tts_compress.listening.orders import n_orders, shares, williams


@given(st.integers(1, 15))
def test_a_williams_design_is_balanced(n):
    rows = [williams(n, row) for row in range(n_orders(n))]
    places = Counter((item, place) for row in rows for place, item in enumerate(row))
    assert all(sorted(row) == [*range(n)] for row in rows)
    assert set(places.values()) == {len(rows) // n}
    after = Counter(pair for row in rows for pair in pairwise(row))
    if n > 1:
        assert len(after) == n * (n - 1)  # everything comes after everything else
        assert len(set(after.values())) == 1  # and equally often
    assert williams(n, n_orders(n)) == rows[0]


GRIDS = st.tuples(st.integers(1, 5), st.integers(1, 7), st.data())


@given(GRIDS, st.integers(0, 9))
@settings(deadline=None)
def test_shares_are_fair_for_any_number_of_listeners(grid, seed):
    rows, columns, data = grid
    n_each = data.draw(st.integers(1, rows * columns))
    counts = Counter({(r, c): 0 for r in range(rows) for c in range(columns)})
    rounds: dict[tuple[int, int], list[int]] = {}
    for listener in range(12):
        items, numbers = shares(rows, columns, n_each, listener, seed)
        assert len(set(items)) == len(items) == n_each  # nothing twice
        counts.update(items)
        assert max(counts.values()) - min(counts.values()) <= 1
        for item, number in zip(items, numbers, strict=True):
            rounds.setdefault(item, []).append(number)
    for numbers in rounds.values():
        assert numbers == [
            *range(len(numbers))
        ]  # each time an item is judged is a round of its own


@given(st.integers(2, 5), st.integers(2, 6), st.integers(0, 9))
@settings(deadline=None)
def test_a_listener_hears_every_condition_about_equally_often(rows, columns, seed):
    for listener in range(8):
        items, _ = shares(rows, columns, 2 * rows, listener, seed)
        heard = Counter(row for row, _ in items)
        assert min(heard[row] for row in range(rows)) >= 1
        assert max(heard.values()) <= 3


def test_shares_of_a_late_listener_need_not_those_of_all_before():
    assert shares(3, 5, 4, 10**6, 0) == shares(3, 5, 4, 10**6, 0)


def made_up(kind, conditions, sentences, per_listener=None, checks=0, pages=None, seed=0):
    """A test without sound: names of stimuli say what they are."""
    stimuli, trials = [], []
    reference = {}
    for sentence in range(1, sentences + 1):
        if kind in ("mushra", "dcr"):
            reference[sentence] = f"ref-{sentence}"
    for condition in conditions:
        for sentence in range(1, sentences + 1):
            ids = [f"{c}-{sentence}-{'_'.join(condition)}" for c in condition]
            x = [f"x{id}" for id in ids] if kind == "abx" else []
            systems = [*condition] * (2 if x else 1)
            for id, system in zip(ids + x, systems, strict=True):
                stimuli.append(dict(id=id, system=system, role="system", seconds=1.0))
            trials.append(
                Trial(
                    id=f"{'_'.join(condition)}-{sentence}",
                    sentence=sentence,
                    reference=reference.get(sentence),
                    stimuli=tuple(ids),
                    unknown=tuple(x),
                )
            )
    gold = [Trial(id=f"gold{n}", sentence=1, stimuli=(f"g{n}",), check="gold") for n in range(3)]
    trap = [Trial(id=f"trap{n}", sentence=1, stimuli=(f"p{n}",), check="trap") for n in range(5)]
    page = {"title": "", "text": []}
    return BuiltTest(
        id="t",
        name="t",
        kind=kind,
        title="T",
        question="?",
        seed=seed,
        secret="s",
        listeners=24,
        per_listener=per_listener,
        checks_per_listener=checks,
        systems=tuple(dict.fromkeys(c for condition in conditions for c in condition)),
        pages=pages or ({"type": "trials", **page}, {"type": "finish", **page}),
        trials=tuple(trials),
        checks=(*gold, *trap) if checks else (),
        stimuli=tuple(Stimulus(**stimulus) for stimulus in stimuli),
    )


def trials_of(test, listener):
    return [page for page in session(test, listener)["pages"] if page["type"] == "trial"]


SINGLE = [("a",), ("b",), ("c",)]
PAIRS = [("a", "b"), ("a", "c")]


@pytest.mark.parametrize("per_listener", [1, 4, 5, 12, None])
def test_trials_are_judged_equally_often(per_listener):
    test = made_up("acr", SINGLE, 4, per_listener, checks=1 if per_listener == 5 else 0)
    counts = Counter({trial.id: 0 for trial in test.trials})
    for listener in range(2 * test.listeners):
        counts.update(t.id for t in trial_of(test, listener).values() if not t.check)
        assert max(counts.values()) - min(counts.values()) <= 1


def test_every_trial_has_every_place_and_follows_every_other_if_all_hear_all():
    test = made_up("acr", SINGLE, 2)
    orders = [[t.id for t in trial_of(test, listener).values()] for listener in range(12)]
    places = Counter(place for order in orders for place in enumerate(order))
    after = Counter(pair for order in orders for pair in pairwise(order))
    assert len(places) == 6 * 6
    assert set(places.values()) == {2}
    assert len(after) == 6 * 5
    assert set(after.values()) == {2}


def test_trials_are_in_all_places_if_listeners_have_shares():
    test = made_up("acr", SINGLE, 4, 6)
    places = Counter()
    for listener in range(240):
        places.update((t.id, n) for n, t in enumerate(trial_of(test, listener).values()))
    assert len(places) == 12 * 6
    assert min(places.values()) >= 8  # 20 on the average
    assert max(places.values()) <= 36


@pytest.mark.parametrize("kind", ["ab", "cmos"])
@pytest.mark.parametrize("per_listener", [4, None])
def test_sides_are_balanced_in_every_trial_and_for_every_listener(kind, per_listener):
    test = made_up(kind, PAIRS, 6, per_listener)
    first = {trial.id: Counter() for trial in test.trials}
    for listener in range(24):
        pages = {page["id"]: page for page in trials_of(test, listener)}
        sides = Counter()
        for id, trial in trial_of(test, listener).items():
            shown = pages[id]["stimuli"]
            assert {s["id"] for s in shown} == {*trial.stimuli}
            assert [s["label"] for s in shown] == ["A", "B"]
            first[trial.id][shown[0]["id"]] += 1
            sides[shown[0]["id"] == trial.stimuli[0]] += 1
        if per_listener is None:
            assert sides[True] == sides[False]
    for counts in first.values():
        assert abs(counts.total() / 2 - max(counts.values())) <= 1


def test_x_and_the_sides_of_abx_are_balanced():
    test = made_up("abx", PAIRS, 4)
    seen = {trial.id: Counter() for trial in test.trials}
    for listener in range(24):
        pages = {page["id"]: page for page in trials_of(test, listener)}
        for id, trial in trial_of(test, listener).items():
            x = trial.unknown.index(pages[id]["unknown"])
            side = trial.stimuli.index(pages[id]["stimuli"][0]["id"])
            seen[trial.id][x, side] += 1
    for counts in seen.values():
        assert counts == {(0, 0): 6, (0, 1): 6, (1, 0): 6, (1, 1): 6}


def test_stimuli_of_mushra_have_every_place_equally_often():
    test = made_up("mushra", [("a", "b", "c", "anchor")], 3)
    places = {trial.id: Counter() for trial in test.trials}
    after = {trial.id: Counter() for trial in test.trials}
    for listener in range(12):
        pages = {page["id"]: page for page in trials_of(test, listener)}
        for id, trial in trial_of(test, listener).items():
            order = [s["id"] for s in pages[id]["stimuli"]]
            places[trial.id].update(enumerate(order))
            after[trial.id].update(pairwise(order))
    for trial in test.trials:
        assert set(places[trial.id].values()) == {3}
        assert len(places[trial.id]) == 16
        assert set(after[trial.id].values()) == {3}


@given(st.integers(0, 200), st.integers(1, 6), st.integers(0, 5))
@settings(deadline=None, max_examples=50)
def test_checks_are_never_first_and_never_together(listener, n, seed):
    test = made_up("acr", SINGLE, 2, 6, checks=n, seed=seed)
    order = [trial.check for trial in trial_of(test, listener).values()]
    assert len(order) == 6 + n
    assert order[0] is None
    assert not any(a and b for a, b in pairwise(order))
    assert abs(order.count("gold") - order.count("trap")) <= 1


def test_checks_are_used_equally_often_and_stand_anywhere():
    test = made_up("acr", SINGLE, 4, 6, checks=2)
    used, places = Counter(), Counter()
    for listener in range(30):
        for place, trial in enumerate(trial_of(test, listener).values()):
            if trial.check:
                used[trial.id] += 1
                places[place] += 1
    assert {used[f"gold{n}"] for n in range(3)} == {10}
    assert {used[f"trap{n}"] for n in range(5)} == {6}
    assert {*places} == {*range(1, 8)}


def test_trials_may_be_parted():
    page = {"title": "", "text": []}
    pages = (
        {"type": "trials", "part": 0.25, **page},
        {"type": "text", **page},
        {"type": "trials", **page},
        {"type": "text", **page},
        {"type": "finish", **page},
    )
    ids = [p["id"] for p in session(made_up("acr", SINGLE, 4, pages=pages), 0)["pages"]]
    trials = [f"t{n:03}" for n in range(1, 13)]
    assert ids == [*trials[:3], "text-2", *trials[3:], "text-4", "finish"]


@given(st.integers(0, 3), st.integers(0, 500), st.sampled_from(["acr", "mushra"]))
@settings(deadline=None, max_examples=30)
def test_a_session_is_a_function_of_test_and_listener(seed, listener, kind):
    test = made_up(kind, SINGLE if kind == "acr" else [("a", "b", "c")], 3, 2, seed=seed)
    again = BuiltTest.model_validate_json(test.model_dump_json())
    assert session(test, listener) == session(again, listener)
    assert trial_of(test, listener) == trial_of(again, listener)


def test_listeners_and_seeds_differ():
    test = made_up("acr", SINGLE, 6)
    orders = [tuple(t.id for t in trial_of(test, n).values()) for n in range(18)]
    assert len(set(orders)) == 18
    other = made_up("acr", SINGLE, 6, seed=1)
    assert [*trial_of(test, 0).values()] != [*trial_of(other, 0).values()]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("design")
    return {kind: build(folder, kind, "checks: 2") for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_says_nothing_of_what_is_in_it(built, kind):
    test, folder, _ = built[kind]
    pages = session(test, 5)
    said = str(pages)
    for name in ("dense", "small", "anchor", "gold", "trap", "degraded", "clean", "secret"):
        assert name not in said
    assert test.secret not in said
    heard = audio_ids(pages)
    assert heard <= {stimulus.id for stimulus in test.stimuli}
    assert all((folder / "audio" / f"{id}.wav").is_file() for id in heard)
    assert len({page["id"] for page in pages["pages"]}) == len(pages["pages"])


@pytest.mark.parametrize("kind", KINDS)
def test_checks_look_like_all_other_trials(built, kind):
    test, _, _ = built[kind]
    for listener in range(8):
        trials = trial_of(test, listener)
        assert sum(trial.check is not None for trial in trials.values()) == 2
        shapes = {
            (tuple(page), len(page["stimuli"]), page["reference"] is None, page["unknown"] is None)
            for page in trials_of(test, listener)
            if not page["practice"]
        }
        assert len(shapes) == 1


def test_a_code_is_of_one_listener_of_one_test(built):
    test, other = built["acr"][0], built["ab"][0]
    code = completion_code(test, "token")
    assert code == completion_code(test, "token")
    assert len({code, completion_code(test, "other"), completion_code(other, "token")}) == 3
    assert len(code) == 9
    assert code.replace("-", "").isalnum()
