"""What an answer to each type of page may be."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tts_compress.errors import ListeningError
from tts_compress.listening.serving.database import Answer
from tts_compress.listening.serving.validation import LONGEST, LONGEST_COMMENT, read_answer

MUSHRA = {
    "id": "t001",
    "type": "trial",
    "kind": "mushra",
    "reference": "r",
    "stimuli": [{"id": "a", "label": "A"}, {"id": "b", "label": "B"}],
    "unknown": None,
    "scale": {"min": 0, "max": 100, "step": 1, "labels": []},
    "ties": False,
    "comment": True,
}
ACR = MUSHRA | {"kind": "acr", "scale": {"min": 1, "max": 5, "step": 0.1, "labels": []}}
CMOS = MUSHRA | {"kind": "cmos", "scale": {"min": -3, "max": 3, "step": 1, "labels": []}}
AB = MUSHRA | {"kind": "ab", "scale": None, "ties": True, "comment": False}
ABX = AB | {"kind": "abx", "ties": False, "reference": None, "unknown": "x"}
CONSENT = {"id": "consent", "type": "consent"}
VOLUME = {"id": "volume", "type": "volume", "audio": "v"}
TRIALS = [{"id": id, "audio": f"h{id}", "choices": ["1", "2", "3"]} for id in ("1", "2")]
HEADPHONES = {"id": "headphones", "type": "headphones", "trials": TRIALS}
QUESTIONS = {
    "id": "you",
    "type": "questionnaire",
    "questions": [
        {"id": "name", "type": "text", "required": True},
        {"id": "age", "type": "number", "min": 18, "max": None},
        {"id": "ears", "type": "choice", "choices": ["two", "one"]},
        {"id": "langs", "type": "multiple", "choices": ["de", "en"]},
        {"id": "more", "type": "long"},
    ],
}
TEXT = {"id": "hello", "type": "text"}


def read(page, values, done=True, **more):
    heard = {"r", "a", "b"} if page.get("reference") else {"a", "b", "x"}
    plays = dict.fromkeys(sorted(heard), 1) if page["type"] == "trial" else {}
    answer = {"revision": 1, "done": done, "values": values, "seconds": 1.5, "plays": plays} | more
    return read_answer(page, json.dumps(answer).encode())


GOOD = [
    (TEXT, {}),
    (CONSENT, {"agreed": True}),
    (VOLUME, {"volume": 0.25}),
    (HEADPHONES, {"choices": {"1": 0, "2": 2}}),
    (QUESTIONS, {"answers": {"name": "x"}}),
    (QUESTIONS, {"answers": {"name": "x", "age": 18, "ears": "one", "langs": [], "more": ""}}),
    (QUESTIONS, {"answers": {"name": "ü\0<b>", "age": 18.5, "langs": ["en", "de"]}}),
    (MUSHRA, {"ratings": {"a": 0, "b": 100}}),
    (MUSHRA, {"ratings": {"a": 5.0, "b": 6}, "comment": "=1"}),
    (ACR, {"ratings": {"a": 1.1, "b": 4.7}}),
    (CMOS, {"ratings": {"b": -3}}),
    (AB, {"choice": "b"}),
    (AB, {"choice": "none"}),
    (ABX, {"choice": "a"}),
]


@pytest.mark.parametrize(("page", "values"), GOOD)
def test_good_answers_are_kept_as_they_are(page, values):
    answer = read(page, values)
    assert isinstance(answer, Answer)
    assert (answer.revision, answer.done, answer.seconds) == (1, True, 1.5)
    assert json.dumps(answer.values) == json.dumps(values)


@pytest.mark.parametrize("page", [CONSENT, VOLUME, HEADPHONES, QUESTIONS, MUSHRA, CMOS, AB])
def test_an_answer_may_lack_anything_until_it_is_done(page):
    assert read(page, {}, done=False, plays={}).values == {}
    with pytest.raises(ListeningError, match=rf"^{page['id']}: .*(missing|must be given)"):
        read(page, {})


BAD = [
    (TEXT, {"x": 1}, "values.x: Extra inputs"),
    (CONSENT, {"agreed": "yes"}, "values.agreed: .* valid boolean, got 'yes'"),
    (CONSENT, {"agreed": False}, "agreed: must be given to go on"),
    (VOLUME, {"volume": 1.01}, "volume: not in 0 to 1, got 1.01"),
    (HEADPHONES, {"choices": {"1": 0}}, r"choices: missing, got none for \['2'\]"),
    (HEADPHONES, {"choices": {"1": 0, "2": 3}}, "choices.2: no choice of this page, got 3"),
    (HEADPHONES, {"choices": {"1": 0, "3": 0}}, "choices.3: no choice of this page, got 0"),
    (QUESTIONS, {"answers": {"name": ""}}, r"answers: missing, got none for \['name'\]"),
    (QUESTIONS, {"answers": {"name": 5}}, "answers.name: must be a text, got 5"),
    (QUESTIONS, {"answers": {"nam": "x"}}, "answers.nam: no question of this page"),
    (QUESTIONS, {"answers": {"age": "5"}}, "answers.age: must be a finite number, got '5'"),
    (QUESTIONS, {"answers": {"age": True}}, "answers.age: must be a finite number, got True"),
    (QUESTIONS, {"answers": {"age": 17}}, "answers.age: must be in 18 to None, got 17"),
    (QUESTIONS, {"answers": {"ears": "3"}}, "answers.ears: must be one of the choices, got '3'"),
    (QUESTIONS, {"answers": {"langs": ["de", "de"]}}, "langs: must be choices, each once"),
    (QUESTIONS, {"answers": {"langs": [{"a": []}]}}, "langs: must be choices, each once"),
    (QUESTIONS, {"answers": {"langs": "de"}}, "langs: must be choices, each once, got 'de'"),
    (MUSHRA, {"ratings": {"a": 1}}, r"ratings: missing, got none for \['b'\]"),
    (MUSHRA, {"ratings": {"a": 1, "b": 101}}, "ratings.b: not on the scale, got 101"),
    (MUSHRA, {"ratings": {"a": 1, "b": -1}}, "ratings.b: not on the scale, got -1"),
    (MUSHRA, {"ratings": {"a": 1, "b": 1.5}}, "ratings.b: not on the scale, got 1.5"),
    (MUSHRA, {"ratings": {"a": 1, "b": None}}, "ratings.b: must be a finite number, got None"),
    (MUSHRA, {"ratings": {"a": 1, "b": 1, "r": 1}}, "ratings.r: not rated on this page"),
    (MUSHRA, {"choice": "a"}, "values.choice: Extra inputs"),
    (ACR, {"ratings": {"a": 1.15, "b": 1}}, "ratings.a: not on the scale, got 1.15"),
    (CMOS, {"ratings": {"a": 1}}, "ratings.a: not rated on this page"),
    (AB, {"choice": "r"}, "choice: no choice of this page, got 'r'"),
    (AB, {"choice": "a", "comment": "hm"}, "comment: not asked for"),
    (ABX, {"choice": "none"}, "choice: no choice of this page, got 'none'"),
    (ABX, {"choice": ["a"]}, "values.choice: .* valid string"),
]


@pytest.mark.parametrize(("page", "values", "message"), BAD)
def test_bad_answers_are_refused(page, values, message):
    with pytest.raises(ListeningError, match=rf"^{page['id']}: .*{message}"):
        read(page, values)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"revision": 0}, "revision: .* greater than or equal to 1, got 0"),
        ({"revision": 10**10}, "revision: .* less than"),
        ({"revision": 1.5}, "revision: .* valid integer, got 1.5"),
        ({"seconds": -1}, "seconds: negative"),
        ({"seconds": 1e300}, "seconds: must be a finite number"),
        ({"plays": {"c": 1}}, "plays: no sound of this page, got 'c'"),
        ({"plays": {"a": -1}}, "plays.a: .* greater than or equal to 0, got -1"),
        ({"plays": {"../a": 1}}, "plays"),
        ({"plays": {"a": 1, "b": 1}}, r"plays: not heard to the end, got \['r'\]"),
        ({"plays": {"a": 1, "b": 0, "r": 2}}, r"plays: not heard to the end, got \['b'\]"),
        ({"token": "x"}, "token: Extra inputs"),
        ({"done": "true"}, "done: .* valid boolean"),
    ],
)
def test_what_surrounds_the_values_is_checked_too(more, message):
    with pytest.raises(ListeningError, match=message):
        read(MUSHRA, {"ratings": {"a": 1, "b": 2}}, **more)


def test_x_must_be_heard_before_a_choice():
    with pytest.raises(ListeningError, match=r"not heard to the end, got \['x'\]"):
        read(ABX, {"choice": "a"}, plays={"a": 1, "b": 1})


def test_a_number_may_be_out_of_range_while_it_is_typed():
    assert read(QUESTIONS, {"answers": {"age": 1}}, done=False).values == {"answers": {"age": 1}}


def test_texts_are_bounded():
    for key, form in (("name", "text"), ("more", "long")):
        longest = {"name": "x"} | {key: "ö" * LONGEST[form]}
        assert read(QUESTIONS, {"answers": longest}).values["answers"] == longest
        with pytest.raises(ListeningError, match=rf"{key}: must have at most {LONGEST[form]} ch"):
            read(QUESTIONS, {"answers": longest | {key: "ö" * (LONGEST[form] + 1)}})
    ratings = {"ratings": {"a": 1, "b": 2}}
    assert read(MUSHRA, ratings | {"comment": "x" * LONGEST_COMMENT})
    with pytest.raises(ListeningError, match=r"comment: .* at most 5000 characters"):
        read(MUSHRA, ratings | {"comment": "x" * (LONGEST_COMMENT + 1)})


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from("ab"), inner),
)


@given(
    st.sampled_from([page for page, _ in GOOD]),
    st.sampled_from(["values", "ratings", "answers", "choices", "choice", "plays", "seconds"]),
    JSON,
)
@example({"id": "hello", "type": "text"}, "values", {"two\nlines": []})
def test_anything_else_is_refused_in_one_line(page, key, anything):
    answer = {"revision": 1, "done": False, "values": {}, "seconds": 1, "plays": {}}
    if key in answer:
        answer[key] = anything
    else:
        answer["values"] = {key: anything}
    try:
        read_answer(page, json.dumps(answer).encode())
        refused = ""
    except ListeningError as error:
        refused = str(error)
    assert "\n" not in refused
    assert len(refused) < 300
