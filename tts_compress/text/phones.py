"""English words to ARPAbet phones."""

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from tts_compress.errors import TextError, nearest
from tts_compress.text import letters
from tts_compress.text.cleaners import english_cleaners
from tts_compress.text.symbols import PHONES

_SPOKEN = re.compile(
    r"(?P<initials>(?:[a-z]\.){2,})|(?P<word>'?[a-z]+(?:'[a-z]+)*'?)|(?P<mark>[,.;:?!])"
    r"""|(?P<pause>["()]|--+|(?<![a-z])-|-(?![a-z]))"""
)
_SIBILANTS = frozenset({"S", "Z", "SH", "ZH", "CH", "JH"})
_VOICELESS = frozenset({"P", "T", "K", "F", "TH"})
_ENDINGS = {
    "n't": ("AH0", "N", "T"),
    "'ll": ("AH0", "L"),
    "'ve": ("AH0", "V"),
    "'re": ("ER0",),
    "'m": ("AH0", "M"),
}


_CORRECTIONS = {
    "misess": "M IH1 S IH0 Z",  # upstream's spelling of "Mrs."
    "e.g.": "IY1 JH IY1",  # the dictionary has IY2 G IY1
}


@dataclass(frozen=True)
class Token:
    """One spoken word, or one punctuation mark.

    Attributes:
        text: The word as cleaned, phones in braces as given, or one of ``,.;:?!``.
        phones: ARPAbet with a stress digit on each vowel; empty for a punctuation mark.
    """

    text: str
    phones: tuple[str, ...]


def phonemize(text: str) -> tuple[Token, ...]:
    """Words with their phones, and the punctuation between and after them.

    The dictionary's first pronunciation is taken whatever the sentence: of a pair such as
    *read* (now) and *read* (then) only one is ever said. Braces give phones explicitly.
    Brackets, quotation marks and dashes are pauses, written as a comma unless another mark is
    beside them; there is none before the first word.

    Raises:
        TextError: The text has no word, a brace is left open, or a phone in braces is unknown.

    >>> [token.text for token in phonemize("Well - hello (again)!")]
    ['well', ',', 'hello', ',', 'again', '!']
    >>> phonemize("{T EH1 S T}")
    (Token(text='{T EH1 S T}', phones=('T', 'EH1', 'S', 'T')),)
    """
    tokens: list[Token] = []
    for piece, phones in split_braces(text):
        tokens += [Token(piece, phones)] if phones else _tokens(piece)
    spoken = _settle_pauses(tokens)
    if not spoken:
        raise TextError(f"text: nothing to speak, got {text!r}. Give at least one word.")
    return tuple(spoken)


def split_braces(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Pieces of a text: cleaned English with no phones, or a braced group with its phones.

    Raises:
        TextError: A brace is left open, or a phone in braces is unknown.

    >>> list(split_braces("Say {HH AY1}"))
    [('say ', ()), ('{HH AY1}', ('HH', 'AY1'))]
    """
    for piece in re.split(r"(\{[^{}]*\})", text):
        if piece[:1] == "{" and piece[-1:] == "}":
            yield piece, _explicit_phones(piece)
        elif "{" in piece or "}" in piece:
            raise TextError(
                f"text: unpaired brace, got {piece!r}. Write phones as {{HH AH0 L OW1}}."
            )
        elif piece:
            yield english_cleaners(piece), ()


def pronunciations(word: str) -> tuple[tuple[str, ...], ...]:
    """Every pronunciation of a word in the CMU dictionary, most usual first; none if unknown.

    >>> pronunciations("read")
    (('R', 'EH1', 'D'), ('R', 'IY1', 'D'))
    >>> pronunciations("blorptang")
    ()
    """
    word = word.lower()
    found = []
    key = word
    while key in _dictionary():
        found.append(tuple(_dictionary()[key].split()))
        key = f"{word}({len(found) + 1})"
    return tuple(found)


def dictionary_words() -> tuple[str, ...]:
    """Words of the CMU dictionary, in its order."""
    return tuple(word for word in _dictionary() if not word.endswith(")"))


@cache
def _dictionary() -> dict[str, str]:
    packed = files("tts_compress.text").joinpath("data/cmudict.dict.gz").read_bytes()
    lines = gzip.decompress(packed).decode("ascii").splitlines()
    return dict(line.split(" ", 1) for line in lines) | _CORRECTIONS


def _explicit_phones(group: str) -> tuple[str, ...]:
    phones = tuple(group[1:-1].split())
    for phone in phones:
        if phone not in PHONES:
            raise TextError(
                f"text: unknown phone in {group}, got {phone!r}. {nearest(phone, PHONES)}"
            )
    if not phones:
        raise TextError(
            f"text: no phone in braces, got {group!r}. Write phones as {{HH AH0 L OW1}}."
        )
    return phones


def _tokens(cleaned: str) -> Iterator[Token]:
    for match in _SPOKEN.finditer(cleaned):
        if match["initials"]:
            yield Token(match[0], _initials(match[0]))
            if match.end() == len(cleaned.rstrip()):
                yield Token(".", ())
        elif match["word"]:
            yield from _word(match[0])
        else:
            yield Token(match["mark"] or "", ())


def _settle_pauses(tokens: list[Token]) -> list[Token]:
    """Tokens from the first word on, where a pause (no text) becomes a comma or is dropped."""
    settled: list[Token] = []
    waiting = False
    for token in tokens:
        if not settled and not token.phones:
            continue
        if token.phones and waiting:
            if settled[-1].phones:
                settled.append(Token(",", ()))
            waiting = False
        if not token.text:
            waiting = True
        elif token.phones or token != settled[-1]:
            settled.append(token)
    return settled


def _initials(word: str) -> tuple[str, ...]:
    known = pronunciations(word)
    return known[0] if known else _spelled(word)


def _spelled(word: str) -> tuple[str, ...]:
    names = (pronunciations(f"{letter}.")[0] for letter in word if letter.isalpha())
    return tuple(phone for name in names for phone in name)


def _word(word: str) -> Iterator[Token]:
    for form in (word, word.rstrip("'"), word.strip("'")):
        if known := pronunciations(form):
            yield Token(form, known[0])
            return
    yield Token(form, _unknown(form))


def _unknown(word: str) -> tuple[str, ...]:
    if re.search("[^s']s$", word) and pronunciations(word[:-1]):
        return _with_s(pronunciations(word[:-1])[0])
    stem, apostrophe, ending = word.rpartition("'")
    if apostrophe and ending == "s":
        return _with_s(_stem(stem))
    for tail, phones in _ENDINGS.items():
        if word.endswith(tail) and word != tail:
            return (*_stem(word.removesuffix(tail)), *phones)
    return _stem(word.replace("'", ""))


def _stem(word: str) -> tuple[str, ...]:
    known = pronunciations(word)
    if known:
        return known[0]
    if "'" in word:
        return _unknown(word)
    return letters.pronounce(word) if re.search("[aeiouy]", word) else _spelled(word)


def _with_s(phones: tuple[str, ...]) -> tuple[str, ...]:
    if phones[-1] in _SIBILANTS:
        return (*phones, "IH0", "Z")
    return (*phones, "S" if phones[-1] in _VOICELESS else "Z")
