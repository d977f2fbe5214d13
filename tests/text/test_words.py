import pytest

from tts_compress.text.words import normalize_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("In 1990, Mr. Brown paid $2.", "in nineteen ninety mister brown paid two dollars"),
        ("The wood-cutter's 'old' house…", "the wood cutter's old house"),
        ("Don\u2019t — stop!", "don't stop"),
        ("♪ la la ♪", "la la"),
        ("...", ""),
    ],
)
def test_words_are_as_spoken(text, words):
    assert normalize_words(text) == words.split()
