import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_compress.errors import CorpusError
from tts_compress.training.sentences import (
    clean_sentences,
    hold_out,
    join,
    read_lines,
    utterances,
    wordnet_examples,
    words,
)

VERB = (
    "  1 This line is the licence | not a gloss\n"
    '00001740 29 v 01 run 0 000 | move fast; "the dog ran over the hill"; "don\'t run"\n'
    '00001741 29 v 01 be 0 000 | exist; "to be"- Shakespeare  \n'
)
SENTENCES = [f"{first} {' '.join(['word'] * n)}." for n in range(4, 14) for first in ("A", "The")]


def test_wordnet_examples_are_the_quotes_of_glosses(tmp_path):
    (tmp_path / "data.verb").write_text(VERB, encoding="utf-8")
    (tmp_path / "index.verb").write_text('x | "not this one"\n', encoding="utf-8")
    assert wordnet_examples(tmp_path) == ["the dog ran over the hill", "don't run", "to be"]


def test_missing_wordnet_names_the_package(tmp_path):
    with pytest.raises(CorpusError, match="Install the Debian package wordnet-base"):
        wordnet_examples(tmp_path)


def test_a_missing_or_binary_text_file_is_an_error(tmp_path):
    with pytest.raises(CorpusError, match="cannot be read"):
        read_lines(tmp_path / "none.txt")
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CorpusError, match="cannot be read"):
        read_lines(tmp_path / "b.txt")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("the dog ran over the hill", "The dog ran over the hill."),
        ("The dog ran over the hill...", None),
        ("the dog  ran, then I slept!", "The dog ran, then I slept!"),
        ("the dog ran, then i slept!", None),
        ("did you see the dog run", "Did you see the dog run?"),
        ("what did she say to him", "What did she say to him?"),
        ("what a day it has been", "What a day it has been."),
        ("did it solely for money then", "Did it solely for money then."),
        ("it's the dogs' bone I saw", None),
        ("the dog's bone isn't over there", "The dog's bone isn't over there."),
        ("only four words here", None),
        (" ".join(["word"] * 23), None),
        ("room 4 is over the hill", None),
        ("the USA is over the hill", None),
        ("the McCoy is over the hill", None),
        ("plan b is over the hill", None),
        ("the café is over the hill", None),
        ("a well-known dog ran over here", None),
        ("Mr. Dog ran over the hill", None),
        ("the tv bbc hmm is here", None),
    ],
)
def test_only_plain_sentences_are_kept(line, sentence):
    assert clean_sentences([line], 1) == ([sentence] if sentence else [])


def test_a_sentence_is_kept_once_and_only_with_familiar_words():
    lines = ["the dog ran over here", "The dog ran, over here!", "the xylem ran over here"]
    assert clean_sentences(lines) == ["The dog ran over here."]
    assert len(clean_sentences(lines, 1)) == 2


def test_held_out_sentences_are_nowhere_else():
    extra = [f"Well, {sentence.lower()}" for sentence in SENTENCES]
    held, rest = hold_out(SENTENCES + extra, 6, seed=1)
    assert len(held) == 6
    for phrase in (" ".join(words(sentence)) for sentence in held):
        assert not any(f"{phrase} " in " ".join(words(other)) + " " for other in rest)
    assert hold_out(SENTENCES + extra, 6, seed=1) == (held, rest)
    assert hold_out(SENTENCES + extra, 6, seed=2)[0] != held


@given(st.integers(0, 10**6))
def test_each_sentence_is_in_exactly_one_utterance(seed):
    texts = list(utterances(SENTENCES, seed))
    spoken = sorted(word for text in texts for word in words(text))
    assert spoken == sorted(word for text in SENTENCES for word in words(text))
    assert texts == list(utterances(SENTENCES, seed))
    assert all(text.count("word") < 13 + 8 + 8 for text in texts)
    assert all(text[0].isupper() and text[-1] == "." for text in texts)


def test_half_of_the_utterances_are_joined():
    many = [f"{sentence[:-1]} again." for sentence in SENTENCES * 60]
    first = list(utterances(many, seed=0))[:300]
    joined = [text for text in first if sum(text.count(mark) for mark in ",;.") > 1]
    assert 0.4 < len(joined) / len(first) < 0.6
    for mark in (", ", "; ", ". "):
        assert any(mark in text for text in joined)


def test_join_keeps_names_and_marks():
    assert join("It rained.", "Dogs slept.", ",", {"dogs"}) == "It rained, dogs slept."
    assert join("It rained.", "Anna slept.", ";", {"dogs"}) == "It rained; Anna slept."
    assert join("It rained!", "Dogs slept.", ",", {"dogs"}) == "It rained! Dogs slept."
