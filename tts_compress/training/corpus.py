"""A corpus on disk, in LJSpeech's layout with alignments, as sentences of timed phones.

Layout: ``wavs/<id>.wav``, ``metadata.csv`` (``id|raw text|normalized text``) and
``alignments/<id>.TextGrid`` as the Montreal Forced Aligner writes them.
"""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tts_compress.errors import CorpusError, TextError
from tts_compress.text import TextWarning
from tts_compress.text.cleaners import english_cleaners
from tts_compress.text.phones import Token, phonemize
from tts_compress.text.symbols import ARPABET
from tts_compress.training.textgrid import Interval, TextGrid, read_textgrid

SILENCES = frozenset({"", "sp", "sil", "spn", "<eps>"})
SHORTEST_PAUSE = 1e-3  # seconds; less is rounding


class CorpusWarning(UserWarning):
    """A sentence of a corpus cannot be used and is left out; the message names it."""


@dataclass(frozen=True)
class Timed:
    """A token and when it is spoken.

    Attributes:
        token: A word with its phones, or a punctuation mark.
        ends: End of each phone in seconds; of a mark, the end of the silence at it (one value).
    """

    token: Token
    ends: tuple[float, ...]


@dataclass(frozen=True)
class Utterance:
    """One aligned sentence.

    Attributes:
        name: Its id in the metadata.
        wav: Its sound.
        tokens: What is spoken, in order; a silence without a mark is a token of text " ".
        start: When the first phone begins, in seconds.
    """

    name: str
    wav: Path
    tokens: tuple[Timed, ...]
    start: float


def read_corpus(folder: Path) -> tuple[Utterance, ...]:
    """Gives every usable sentence of a corpus, in the order of its metadata.

    Aligners fail on a sentence now and then, so one that lacks a file, a word or a phone is left
    out with a warning.

    Raises:
        CorpusError: There is no metadata, or more than half of its sentences cannot be used.

    Warns:
        CorpusWarning: A sentence is left out.
    """
    metadata = folder / "metadata.csv"
    if not metadata.is_file():
        raise CorpusError(
            f"{folder}: no metadata.csv. A corpus has wavs/, metadata.csv and alignments/."
        )
    text = metadata.read_text(encoding="utf-8-sig", errors="replace")
    utterances, unusable = [], []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            utterances.append(_read_line(folder, f"{metadata}: line {number}", line))
        except CorpusError as error:
            unusable.append(str(error))
    if len(unusable) > len(utterances):
        raise CorpusError(
            f"{metadata}: too many sentences cannot be used, got {len(unusable)} of "
            f"{len(unusable) + len(utterances)}. The first: {unusable[0]}"
        )
    if not utterances:
        raise CorpusError(f"{metadata}: no sentences. Write one 'id|text|text' a line.")
    for reason in unusable:
        warnings.warn(f"left out: {reason}", CorpusWarning, stacklevel=2)
    return tuple(utterances)


def _read_line(folder: Path, where: str, line: str) -> Utterance:
    fields = line.split("|")
    if len(fields) < 2:
        raise CorpusError(f"{where} is not 'id|text|text', got {line!r}.")
    name, text = fields[0], fields[-1]
    wav, grid = folder / "wavs" / f"{name}.wav", folder / "alignments" / f"{name}.TextGrid"
    for path in (wav, grid):
        if not path.is_file():
            raise CorpusError(f"{where} names {name!r}, but {path} is missing.")
    return align(name, wav, text, read_textgrid(grid))


def align(name: str, wav: Path, text: str, grid: TextGrid) -> Utterance:
    """Gives the words of an alignment their phones and times, and the marks of its text.

    The words are the aligner's, which may part a hyphenated word or not. The marks are those that
    a synthesizer reads in the text, so that brackets and dashes are commas here as they are there.

    Raises:
        CorpusError: Text and alignment have other words, or a word has no phones of ARPAbet.
    """
    words = [word for word in grid.words if word.text not in SILENCES]
    phones = [_phones(name, word, grid.phones) for word in words]
    if not words:
        raise CorpusError(f"{name}: the alignment has no words. Align this utterance again.")
    marks = _marks(name, text, [word.text for word in words])
    starts = [*(spoken[0].start for spoken in phones[1:]), grid.phones[-1].end]
    tokens: list[Timed] = []
    for word, spoken, after, until in zip(words, phones, marks, starts, strict=True):
        ends = tuple(phone.end for phone in spoken)
        tokens.append(Timed(Token(word.text, tuple(phone.text for phone in spoken)), ends))
        paused = until - ends[-1] > SHORTEST_PAUSE and word is not words[-1]
        tokens += [Timed(Token(mark, ()), (until,)) for mark in after or " " * paused]
    return Utterance(name, wav, tuple(tokens), phones[0][0].start)


def _phones(name: str, word: Interval, phones: Sequence[Interval]) -> list[Interval]:
    """Gives the phones whose middle lies in a word."""
    spoken = [
        phone
        for phone in phones
        if phone.text not in SILENCES and word.start <= (phone.start + phone.end) / 2 < word.end
    ]
    if not spoken:
        raise CorpusError(
            f"{name}: a word without phones, got {word.text!r}. Add it to the aligner's dictionary."
        )
    for phone in spoken:
        if phone.text not in ARPABET:
            raise CorpusError(
                f"{name}: no phone of ARPAbet in {word.text!r}, got {phone.text!r}. "
                "Align with the model and the dictionary english_us_arpa."
            )
    return spoken


def _marks(name: str, text: str, words: Sequence[str]) -> list[str]:
    """Gives the punctuation after each word of an alignment, found by counting letters."""
    try:
        tokens = phonemize(text)
    except TextError as error:
        raise CorpusError(f"{name}: {error}") from None
    letters, after = "", dict[int, str]()
    for token in tokens:
        if token.phones:
            letters += _letters(token.text)
        else:
            after[len(letters)] = after.get(len(letters), "") + token.text
    marks, at, wrong = [], 0, None
    for word in words:
        spelling = next((s for s in _spellings(word) if letters.startswith(s, at)), None)
        if spelling is None:
            wrong = word
            break
        at += len(spelling)
        marks.append(after.pop(at, ""))
    if wrong is not None or at < len(letters):
        spoken = sum(bool(token.phones) for token in tokens)
        raise CorpusError(
            f"{name}: the text has {spoken} words, the alignment {len(words)}, and they differ at "
            f"{'the end' if wrong is None else repr(wrong)}, got {text!r}. "
            "Write numbers and abbreviations out as they are spoken."
        )
    return marks


@cache
def _spellings(word: str) -> tuple[str, ...]:
    """Gives the letters that a cleaned text may have for a word of the aligner.

    >>> _spellings("mr"), _spellings("well-known")
    (('mister', 'mr'), ('wellknown', 'wellknown'))
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextWarning)
        return _letters(english_cleaners(f"{word}.")), _letters(english_cleaners(word))


def _letters(text: str) -> str:
    return re.sub("[^a-z]", "", text)
