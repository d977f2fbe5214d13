import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_compress.errors import TextError
from tts_compress.text import TextWarning
from tts_compress.text.encode import (
    fastspeech2_ids,
    tacotron2_ids,
    tacotron2_text_to_ids,
    tokens_to_fastspeech2,
    tokens_to_tacotron2,
)
from tts_compress.text.phones import Token, phonemize
from tts_compress.text.symbols import TACOTRON2_SYMBOLS


def written(ids):
    return "".join(TACOTRON2_SYMBOLS[i] for i in ids)


def test_tacotron2_characters():
    assert written(tacotron2_ids("Dr. Who (1963)—no!")) == "doctor who (nineteen sixty-three)--no!"
    assert written(tacotron2_ids('say "hi"')) == "say hi"
    assert written(tacotron2_ids("Turn {HH AW1 S} left")) == "turn @HH@AW1@S left"


def test_tacotron2_phones_end_as_a_sentence_does():
    assert written(tacotron2_ids("No", mode="phones")) == "@N@OW1."
    assert written(tacotron2_ids("No?", mode="phones")) == "@N@OW1?"


def test_tacotron2_phones():
    assert written(tacotron2_ids("Hello, world.", mode="phones")) == ("@HH@AH0@L@OW1, @W@ER1@L@D.")


def test_fastspeech2():
    assert tokens_to_fastspeech2(phonemize('"Hi?!" he - {HH AY1}.')) == (
        ["HH", "AY1", "sp", "HH", "IY1", "sp", "HH", "AY1"]
    )


def test_no_pause_at_the_ends():
    mark, word = Token(".", ()), Token("a", ("AH0",))
    assert tokens_to_fastspeech2([mark, word, word, mark]) == ["AH0", "AH0"]
    assert tokens_to_tacotron2([word, mark]) == "{AH0}."


def test_a_symbol_outside_the_table():
    with pytest.raises(TextError, match=r"text: unknown symbol, got '%'. Known: letters"):
        tacotron2_text_to_ids("a%")
    with pytest.raises(TextError, match=r"text: unknown symbol, got '@AX1'. Did you mean '@A"):
        tacotron2_text_to_ids("{AX1}")
    with pytest.raises(TextError, match=r"text: unknown symbol, got '_'"):
        tacotron2_text_to_ids("_")


def test_unknown_mode():
    with pytest.raises(TextError, match=r"unknown mode, got 'phone'. Did you mean 'phones'"):
        tacotron2_ids("hi", mode="phone")


@pytest.mark.parametrize("encode", [tacotron2_ids, fastspeech2_ids])
@pytest.mark.parametrize("text", ["", " ", "?!", "“”"])
def test_nothing_to_speak(encode, text):
    with pytest.raises(TextError, match="text: nothing to speak, got "):
        encode(text)


def test_an_emoji_alone_is_named_and_then_nothing_is_left():
    with (
        pytest.warns(TextWarning, match="left out '😀'"),
        pytest.raises(TextError, match="nothing to speak, got '😀'"),
    ):
        tacotron2_ids("😀")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=30) | st.text(alphabet="ab'{} AH0-.,\"5$é", max_size=20))
def test_any_text_gives_valid_ids_or_one_of_our_errors(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextWarning)
        for encode, size in [(tacotron2_ids, 148), (fastspeech2_ids, 360)]:
            try:
                ids = encode(text)
            except TextError as error:
                assert str(error).startswith("text: ")  # noqa: PT017
            else:
                assert ids
                assert all(0 < i < size for i in ids)
