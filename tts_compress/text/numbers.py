"""Numbers, money, years and ordinals written out as English words."""

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import inflect

_MONEY = {  # one and many of the unit, one and many of its hundredth
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
}
_LONGEST = 36  # digits; longer numbers have no name and are read digit by digit


@cache
def _engine() -> "inflect.engine":
    import inflect  # takes 1.5 s, which a text without digits need not pay

    return inflect.engine()


def _words(number: int | str, **options: str | int) -> str:
    return str(_engine().number_to_words(number, **options))  # type: ignore[arg-type]


def _money(match: re.Match[str]) -> str:
    one, many, one_hundredth, hundredths = _MONEY[match[1]]
    amount = match[2].replace(",", "")
    whole, _, rest = amount.partition(".")
    if "." in rest:
        return f"{amount} {many}"
    parts = [(whole.lstrip("0"), one, many), (rest.lstrip("0"), one_hundredth, hundredths)]
    spoken = [f"{n} {single if n == '1' else plural}" for n, single, plural in parts if n]
    return ", ".join(spoken) or f"zero {many}"


def _cardinal(digits: str) -> str:
    significant = digits.lstrip("0") or "0"
    if len(significant) > _LONGEST:
        return " ".join(_words(digit) for digit in digits)
    number = int(significant)
    if not 1000 < number < 3000 or number == 2000:
        return _words(number, andword="")
    if 2000 < number < 2010:
        return f"two thousand {_words(number % 100)}"
    if number % 100 == 0:
        return f"{_words(number // 100)} hundred"
    return _words(number, andword="", zero="oh", group=2).replace(", ", " ")


def _ordinal(match: re.Match[str]) -> str:
    if len(match[1].lstrip("0")) > _LONGEST:
        return f"{_cardinal(match[1])} {match[2]}"
    return _words(match[0])


def expand_numbers(text: str) -> str:
    """Text with every run of digits written out; four-digit numbers below 3000 read as years.

    Beyond upstream: euros, pence, digits beside letters (``mp3``), decades (``1990s``), and
    numbers too long to have a name. Upstream's transliteration spoils £ before it is read.

    Args:
        text: Lowercase ASCII, but for the signs £ and €.

    Source: keithito/tacotron and NVIDIA/tacotron2, text/numbers.py.

    >>> expand_numbers("in 1990 he paid $3.50 for the 2nd of 2,000 mp3s")
    'in nineteen ninety he paid three dollars, fifty cents for the second of two thousand mp threes'
    >>> expand_numbers("£5 and 3.14")
    'five pounds and three point fourteen'
    """
    text = re.sub(r"[0-9][0-9,]+[0-9]", lambda m: m[0].replace(",", ""), text)
    text = re.sub(r"([$£€])([0-9.,]*[0-9])", _money, text)
    text = re.sub(r"([0-9])\.([0-9])", r"\1 point \2", text)
    text = re.sub(r"([0-9]+)(st|nd|rd|th)\b", _ordinal, text)
    text = re.sub(r"(?<=[a-z])(?=[0-9])|(?<=[0-9])(?=(?!s\b)[a-z])", " ", text)
    text = re.sub(r"([0-9]+)s\b", lambda m: str(_engine().plural(_cardinal(m[1]))), text)
    return re.sub(r"[0-9]+", lambda m: _cardinal(m[0]), text)
