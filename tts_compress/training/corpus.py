"""A corpus on disk, in LJSpeech's layout with alignments, as sentences of timed phones.

Layout: ``wavs/<id>.wav``, ``metadata.csv`` (``id|raw text|normalized text``) and
``alignments/<id>.TextGrid`` as the Montreal Forced Aligner writes them.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from tts_compress.errors import CorpusError
from tts_compress.text.phones import Token
from tts_compress.training.textgrid import Interval, TextGrid, read_textgrid

SILENCES = frozenset({"", "sp", "sil", "spn"})
_PARTS = re.compile(r"[\w'{}]+(?:[-.][\w']+)*|[,;:.?!]")


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
    """One aligned sentence: its tokens in order; silences without a mark are tokens of text " "."""

    name: str
    wav: Path
    tokens: tuple[Timed, ...]
    start: float


def read_corpus(folder: Path) -> tuple[Utterance, ...]:
    """Gives every aligned sentence of a corpus, in the order of its metadata.

    Raises:
        CorpusError: A file is missing, or text and alignment do not have the same words.
    """
    metadata = folder / "metadata.csv"
    if not metadata.is_file():
        raise CorpusError(
            f"{folder}: no metadata.csv. A corpus has wavs/, metadata.csv and alignments/."
        )
    utterances = []
    for number, line in enumerate(metadata.read_text(encoding="utf-8").splitlines(), 1):
        fields = line.split("|")
        if len(fields) < 2:
            raise CorpusError(f"{metadata}: line {number} is not 'id|text|text', got {line!r}.")
        name, text = fields[0], fields[-1]
        wav = folder / "wavs" / f"{name}.wav"
        grid = folder / "alignments" / f"{name}.TextGrid"
        for path in (wav, grid):
            if not path.is_file():
                raise CorpusError(f"{metadata}: line {number} names {name!r}, but {path} is missing.")
        utterances.append(align(name, wav, text, read_textgrid(grid)))
    if not utterances:
        raise CorpusError(f"{metadata}: no sentences. Write one 'id|text|text' a line.")
    return tuple(utterances)


def align(name: str, wav: Path, text: str, grid: TextGrid) -> Utterance:
    """Gives the words and marks of a text their phones and times.

    Raises:
        CorpusError: The text has other words than the alignment.
    """
    words = [word for word in grid.words if word.text not in SILENCES]
    spoken = [phone for phone in grid.phones if phone.text not in SILENCES]
    if not words or not spoken:
        raise CorpusError(f"{name}: the alignment has no words.")
    parts = _PARTS.findall(text)
    heard = [part for part in parts if part not in ",;:.?!"]
    if len(heard) != len(words):
        raise CorpusError(
            f"{name}: the text has {len(heard)} words, the alignment {len(words)}, got {text!r}. "
            "Write numbers and abbreviations out as they are spoken."
        )
    tokens = _tokens(parts, words, spoken, grid.phones[-1].end)
    return Utterance(name, wav, tokens, spoken[0].start)


def _tokens(
    parts: list[str], words: list[Interval], spoken: list[Interval], end: float
) -> tuple[Timed, ...]:
    tokens: list[Timed] = []
    starts = [word.start for word in words[1:]] + [end]
    index = -1
    for position, part in enumerate(parts):
        if part not in ",;:.?!":
            index += 1
            phones = [
                phone
                for phone in spoken
                if words[index].start <= (phone.start + phone.end) / 2 < words[index].end
            ]
            ends = tuple(phone.end for phone in phones)
            tokens.append(Timed(Token(part, tuple(phone.text for phone in phones)), ends))
            marked = position + 1 < len(parts) and parts[position + 1] in ",;:.?!"
            if starts[index] - ends[-1] > 1e-3 and not marked:
                tokens.append(Timed(Token(" ", ()), (starts[index],)))
        elif index >= 0:
            tokens.append(Timed(Token(part, ()), (starts[index],)))
    return tuple(tokens)
