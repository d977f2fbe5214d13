import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_compress.text.numbers import expand_numbers


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("0", "zero"),
        ("007", "seven"),
        ("21", "twenty-one"),
        ("123", "one hundred twenty-three"),
        ("1000", "one thousand"),
        ("1100", "eleven hundred"),
        ("1905", "nineteen oh five"),
        ("1990", "nineteen ninety"),
        ("2000", "two thousand"),
        ("2007", "two thousand seven"),
        ("2019", "twenty nineteen"),
        ("3000", "three thousand"),
        ("2,000", "two thousand"),
        ("12,345", "twelve thousand, three hundred forty-five"),
        ("3.14", "three point fourteen"),
        ("1st", "first"),
        ("2nd", "second"),
        ("13th", "thirteenth"),
        ("$1", "one dollar"),
        ("$3.50", "three dollars, fifty cents"),
        ("$0.01", "one cent"),
        ("$.25", "twenty-five cents"),
        ("$0", "zero dollars"),
        ("$1,200", "twelve hundred dollars"),
        ("$1.2.3", "one point two.three dollars"),
        ("£5", "five pounds"),
        ("£1", "one pound"),
        ("£3.50", "three pounds, fifty pence"),
        ("€0.01", "one cent"),
        ("€1,500", "fifteen hundred euros"),
        ("1990s", "nineteen nineties"),
        ("mp3", "mp three"),
        ("3kg", "three kg"),
        ("no digits", "no digits"),
    ],
)
def test_numbers_as_words(written, spoken):
    assert expand_numbers(written) == spoken


def test_a_number_without_a_name_is_read_digit_by_digit():
    assert expand_numbers("1" * 40) == " ".join(["one"] * 40)
    assert expand_numbers("2" * 40 + "nd") == " ".join(["two"] * 40) + " nd"
    assert expand_numbers("0" * 5000) == "zero"


@given(st.text(alphabet="0123456789,.$£€ stndrhx", max_size=60))
def test_no_digit_is_left(text):
    assert not re.search("[0-9]", expand_numbers(text))
