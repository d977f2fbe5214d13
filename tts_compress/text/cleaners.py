"""Raw English text to the few characters that checkpoints know."""

import re
import unicodedata
import warnings

from anyascii import anyascii

from tts_compress.text import TextWarning
from tts_compress.text.numbers import expand_numbers

_ABBREVIATIONS = {
    "mrs": "misess",
    "mr": "mister",
    "dr": "doctor",
    "st": "saint",
    "co": "company",
    "jr": "junior",
    "maj": "major",
    "gen": "general",
    "drs": "doctors",
    "rev": "reverend",
    "lt": "lieutenant",
    "hon": "honorable",
    "sgt": "sergeant",
    "capt": "captain",
    "esq": "esquire",
    "ltd": "limited",
    "col": "colonel",
    "ft": "fort",
}
_SPOKEN = {
    "&": "and",
    "%": "percent",
    "@": "at",
    "+": "plus",
    "=": "equals",
    "°": "degrees",
    "£": "pounds",
    "€": "euros",
}
_SAME = str.maketrans("[]`", "()'")


def english_cleaners(text: str) -> str:
    """Lowercase ASCII with numbers, abbreviations and a few signs written out.

    The steps and their order are upstream's. Two things differ. Unidecode is GPL, so anyascii
    (ISC) transliterates. And upstream leaves signs such as ``%`` in the text and loses them
    later without a word; here they are spoken, or left out with a warning that names them.

    Returns:
        Only ``a-z``, the space and ``!'"(),-.:;?``; a second cleaning changes nothing.

    Warns:
        TextWarning: A symbol has no sound and no ASCII form, such as an emoji.

    Source: NVIDIA/tacotron2, text/cleaners.py, ``english_cleaners``.

    >>> english_cleaners("Dr. Müller paid $2 in 1990 — 50% off!")
    'doctor muller paid two dollars in nineteen ninety -- fifty percent off!'
    """
    text = expand_numbers(_to_ascii(text).lower())
    for sign, word in _SPOKEN.items():
        text = text.replace(sign, f" {word} ")
    text = _drop_unknown(text.translate(_SAME))
    text = re.sub(rf"\b({'|'.join(_ABBREVIATIONS)})\.", lambda m: _ABBREVIATIONS[m[1]], text)
    return re.sub(r"\s+", " ", text)


def _to_ascii(text: str) -> str:
    """ASCII form of a text; signs in ``_SPOKEN``, pictures and control codes stay."""
    return "".join(c if c in _SPOKEN else _character_to_ascii(c) for c in text)


def _character_to_ascii(character: str) -> str:
    if character == "—":
        return "--"
    category = unicodedata.category(character)
    if category in ("So", "Cc", "Cs", "Co", "Cn"):
        return character
    if category == "No":  # such as ½, which must not run into the digits before it
        return f" {anyascii(character)} "
    if category[0] == "M" or category == "Cf":  # accents and invisible joiners have no sound
        return ""
    return anyascii(character) or character


def _drop_unknown(text: str) -> str:
    unknown = sorted(set(re.findall(r"""[^a-z\s!'"(),\-.:;?]""", text)))
    if unknown:
        named = ", ".join(map(repr, unknown))
        message = f"text: left out {named}, which has no sound. Write it as a word to have it read."
        warnings.warn(message, TextWarning, stacklevel=3)
        text = re.sub("[" + re.escape("".join(unknown)) + "]", " ", text)
    return text
