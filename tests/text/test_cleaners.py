import re
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_compress.text import TextWarning
from tts_compress.text.cleaners import english_cleaners


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("HELLO", "hello"),
        ("a \n\t b", "a b"),
        ("Mr. and Mrs. Smith", "mister and misess smith"),
        ("Dr. No, Drs. Yes", "doctor no, doctors yes"),
        ("St. Paul; Ft. Worth", "saint paul; fort worth"),
        ("Jones & Co.", "jones and company"),
        (
            "Capt., Col., Gen., Lt., Maj., Sgt.",
            "captain, colonel, general, lieutenant, major, sergeant",
        ),
        ("Hon. Rev. Jr. Esq. Ltd.", "honorable reverend junior esquire limited"),
        ("best. almost.", "best. almost."),
        ("café naïve Müller", "cafe naive muller"),
        ("cafe\u0301", "cafe"),
        ("it\u2019s \u201cquoted\u201d", 'it\'s "quoted"'),
        ("wait… no — yes", "wait... no -- yes"),
        ("[aside]", "(aside)"),
        ("5½ km", "five one two km"),
        ("20°", "twenty degrees "),
        ("a@b", "a at b"),
        ("soft\u00adhyphen", "softhyphen"),
        ("漢字", "hanzi"),
    ],
)
@pytest.mark.filterwarnings("ignore:text. left out '/'")
def test_cleaning(raw, clean):
    assert english_cleaners(raw) == clean


@pytest.mark.parametrize(
    ("raw", "named", "clean"),
    [("and/or", "'/'", "and or"), ("nice 😀!", "'😀'", "nice !"), ("a*b_c", "'*', '_'", "a b c")],
)
def test_a_symbol_without_sound_is_named(raw, named, clean):
    with pytest.warns(TextWarning, match=f"text: left out {re.escape(named)}, which has no sound"):
        assert english_cleaners(raw) == clean


@given(st.text(max_size=40))
def test_cleaning_gives_known_characters_and_is_idempotent(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextWarning)
        clean = english_cleaners(text)
    assert re.fullmatch(r"""[a-z !'"(),\-.:;?]*""", clean)
    assert english_cleaners(clean) == clean


@given(st.text(alphabet="mrsdtco.&_°5 ", max_size=20))
def test_abbreviations_are_all_found_at_once(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextWarning)
        clean = english_cleaners(text)
    assert english_cleaners(clean) == clean
