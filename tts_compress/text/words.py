"""The words of a text as they are spoken, to compare texts by."""

import re
import warnings

from tts_compress.text import TextWarning
from tts_compress.text.cleaners import english_cleaners


def normalize_words(text: str) -> list[str]:
    """Words as they are spoken: lowercase, numbers and abbreviations in full, no punctuation.

    Apostrophes inside a word stay, hyphens part words.

    >>> normalize_words("Dr. Smith's well-known 2 cats!")
    ['doctor', "smith's", 'well', 'known', 'two', 'cats']
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextWarning)  # recognizers write signs such as notes
        cleaned = english_cleaners(text)
    return re.findall(r"[a-z]+(?:'[a-z]+)*", cleaned)
