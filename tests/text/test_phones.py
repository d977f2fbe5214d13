import pytest

from tts_compress.errors import TextError
from tts_compress.text.phones import Token, dictionary_words, phonemize, pronunciations
from tts_compress.text.symbols import PHONES


def said(text):
    return [" ".join(token.phones) or token.text for token in phonemize(text)]


def test_dictionary_holds_only_known_phones():
    words = dictionary_words()
    assert len(words) > 126_000
    phones = {phone for word in words for p in pronunciations(word) for phone in p}
    assert phones == set(PHONES)


def test_pronunciations_in_the_order_of_the_dictionary():
    assert pronunciations("Tomato") == (
        ("T", "AH0", "M", "EY1", "T", "OW2"),
        ("T", "AH0", "M", "AA1", "T", "OW2"),
    )
    assert pronunciations("aalen") == (("AE1", "L", "AH0", "N"), ("AA1", "L", "AH0", "N"))
    assert pronunciations("") == ()


def test_words_and_punctuation():
    assert phonemize("Hello, world.") == (
        Token("hello", ("HH", "AH0", "L", "OW1")),
        Token(",", ()),
        Token("world", ("W", "ER1", "L", "D")),
        Token(".", ()),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("isn't it", ["IH1 Z AH0 N T", "IH1 T"]),
        ("'tis 'dog'", ["T IH1 Z", "D AO1 G"]),
        ("dogs'", ["D AO1 G Z"]),
        ("well-known", ["W EH1 L", "N OW1 N"]),
        ("TTS", ["T IY1 T IY1 EH1 S"]),
        ("X.Y.Z. a", ["EH1 K S W AY1 Z IY1", "AH0"]),
        ("at 3 p.m.", ["AE1 T", "TH R IY1", "P IY1 EH1 M", "."]),
        ("Mrs. Fox", ["M IH1 S IH0 Z", "F AA1 K S"]),
        ("{HH AY1} there", ["HH AY1", "DH EH1 R"]),
    ],
)
def test_said(text, expected):
    assert said(text) == expected


@pytest.mark.parametrize(
    ("stem", "word", "ending"),
    [
        ("walrus", "walrus's", "IH0 Z"),
        ("aardvark", "aardvark's", "S"),
        ("giraffe", "giraffe's", "S"),
        ("aardvark", "aardvark'll", "AH0 L"),
        ("aardvark", "aardvark've", "AH0 V"),
        ("zucchini", "zucchini's", "Z"),
        ("might", "mightn't", "AH0 N T"),
        ("aardvark", "aardvark'd've", "D AH0 V"),
    ],
)
def test_endings_of_unlisted_words(stem, word, ending):
    assert said(word) == [" ".join([*pronunciations(stem)[0], ending])]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('say "hi" now', ["say", ",", "hi", ",", "now"]),
        ('he said, "go." ok', ["he", "said", ",", "go", ".", "ok"]),
        ("(well) then -- so", ["well", ",", "then", ",", "so"]),
        ("wait... what?!", ["wait", ".", "what", "?", "!"]),
        ('"...hi"', ["hi"]),
        ("a - b", ["a", ",", "b"]),
    ],
)
def test_pauses(text, words):
    assert [token.text for token in phonemize(text)] == words


def test_unknown_words_are_pronounced_from_their_letters():
    (token,) = phonemize("tacotron")
    assert token.phones
    assert set(token.phones) <= set(PHONES)
    (plural,) = phonemize("tacotron's")
    assert plural.phones == (*token.phones, "Z")


@pytest.mark.parametrize("text", ["", "  ", "...", "'"])
def test_nothing_to_speak(text):
    with pytest.raises(TextError, match=r"text: nothing to speak, got .* Give at least one word"):
        phonemize(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{HH AYY1}", r"unknown phone in {HH AYY1}, got 'AYY1'. Did you mean 'AY1'\?"),
        ("{HH AY}", r"unknown phone in {HH AY}, got 'AY'. Did you mean 'AY[012]'\?"),
        ("a { b", r"unpaired brace, got 'a { b'. Write phones as {HH AH0 L OW1}"),
        ("a } b", "unpaired brace, got 'a } b'"),
        ("a { } b", "no phone in braces, got '{ }'"),
    ],
)
def test_wrong_braces(text, message):
    with pytest.raises(TextError, match=message):
        phonemize(text)
