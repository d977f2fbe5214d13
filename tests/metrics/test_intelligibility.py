import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_compress.errors import TtsCompressError
from tts_compress.metrics.intelligibility import (
    EditErrors,
    character_error_rate,
    character_errors,
    word_error_rate,
    word_errors,
)

WORDS = st.lists(st.sampled_from(["a", "cat", "sat", "on", "mats"]), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ("the cat sat on the mat", EditErrors(0, 0, 0, 6)),
        ("The CAT sat, on the mat.", EditErrors(0, 0, 0, 6)),
        ("the hat sat on mat", EditErrors(1, 1, 0, 6)),
        ("the big cat sat on the mat mat", EditErrors(0, 0, 2, 6)),
        ("", EditErrors(0, 6, 0, 6)),
    ],
)
def test_errors_by_hand(heard, expected):
    assert word_errors(heard, "the cat sat on the mat") == expected


@given(hypothesis=WORDS, reference=WORDS)
def test_laws_of_errors(hypothesis, reference):
    found = word_errors(" ".join(hypothesis), " ".join(reference))
    assert word_errors(" ".join(reference), " ".join(reference)) == EditErrors(
        0, 0, 0, len(reference)
    )
    assert found.insertions - found.deletions == len(hypothesis) - len(reference)
    assert found.substitutions + found.deletions <= len(reference)


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ("the cat sat", EditErrors(0, 0, 0, 11)),
        ("The cat, SAT!", EditErrors(0, 0, 0, 11)),
        ("the hat sat", EditErrors(1, 0, 0, 11)),  # h for c
        ("thecat sat", EditErrors(0, 1, 0, 11)),  # the space
        ("the cats sat", EditErrors(0, 0, 1, 11)),
        ("the sat", EditErrors(0, 4, 0, 11)),  # three letters and a space
        ("", EditErrors(0, 11, 0, 11)),
    ],
)
def test_errors_of_characters_by_hand(heard, expected):
    assert character_errors(heard, "The cat sat.") == expected


def test_numbers_are_spelled_out_on_both_sides():
    assert character_errors("2 cats", "Two cats.") == EditErrors(0, 0, 0, 8)
    assert word_errors("two cats", "2 cats") == EditErrors(0, 0, 0, 2)


@given(hypothesis=WORDS, reference=WORDS)
def test_a_wrong_word_is_at_least_one_wrong_character(hypothesis, reference):
    both = " ".join(hypothesis), " ".join(reference)
    words, characters = word_errors(*both), character_errors(*both)
    assert (words.total == 0) == (characters.total == 0)
    assert characters.insertions - characters.deletions == len(both[0]) - len(both[1])


def test_rate_is_pooled():
    assert character_error_rate([EditErrors(1, 1, 0, 4), EditErrors(0, 0, 0, 4)]) == 0.25
    assert word_error_rate([EditErrors(1, 0, 0, 1), EditErrors(0, 0, 0, 9)]) == 0.1


def test_empty_references_are_refused():
    with pytest.raises(TtsCompressError, match=r"the reference has no words, got '\.\.\.'"):
        word_errors("a cat", "...")
    with pytest.raises(TtsCompressError, match=r"character_errors: the reference has no words"):
        character_errors("a cat", "...")
    for rate in (word_error_rate, character_error_rate):
        message = f"{rate.__name__}: needs at least one sentence, got none"
        with pytest.raises(TtsCompressError, match=message):
            rate([])
