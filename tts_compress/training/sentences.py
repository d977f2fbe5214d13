"""Clean English sentences to read aloud: where they come from, and how they become utterances.

They are the quoted examples of WordNet's glosses, or the lines of a user's file. Only plain ones
are kept, of letters, apostrophes and simple marks, so that what is read is what is written.
"""

import random
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from tts_compress.errors import CorpusError

WORDNET = Path("/usr/share/wordnet")
MIN_WORDS, MAX_WORDS = 5, 22
LONG_SENTENCE = 9

_WORD = r"[A-Za-z]+(?:'[a-z]+)?"
_PLAIN = re.compile(rf"{_WORD}(?:[,;:]? {_WORD})*[.?!]?")
_AUXILIARY = (
    "am are can could did do does had has have is may might must shall should was were will would"
)
_SUBJECT = "he i it she that there they this we you your"
_QUESTION = re.compile(
    r"(?!(?:did|do|had|has|have) (?:it|that|this)\b)"
    rf"(?:(?:how|what|when|where|who|whom|whose|why) )?(?:{_AUXILIARY.replace(' ', '|')})"
    rf" (?:{_SUBJECT.replace(' ', '|')})\b"
)


def words(text: str) -> tuple[str, ...]:
    """The words of a plain text, in lower case and without punctuation.

    >>> words("Don't worry, she said.")
    ("don't", 'worry', 'she', 'said')
    """
    return tuple(re.findall(_WORD, text.lower()))


def wordnet_examples(folder: Path = WORDNET) -> list[str]:
    """Every quoted example of WordNet's glosses, as it stands there.

    Raises:
        CorpusError: the folder has no WordNet data files.
    """
    files = sorted(folder.glob("data.*"))
    if not files:
        raise CorpusError(
            f"{folder}: no WordNet data files, got {[]!r}. Install the Debian package wordnet-base,"
            " or give a text file of one sentence a line."
        )
    glosses = (
        line.partition(" | ")[2]
        for file in files
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines()
    )
    return [example for gloss in glosses for example in re.findall(r'"([^"]+)"', gloss)]


def read_lines(path: Path) -> list[str]:
    """The lines of a text file.

    Raises:
        CorpusError: the file is missing or is not UTF-8 text.
    """
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(
            f"{path}: cannot be read ({error}), got {path.name!r}."
            " Give a UTF-8 text file of one sentence a line."
        ) from error


def clean_sentences(lines: Iterable[str], familiar: int = 2) -> list[str]:
    """The lines that are plain sentences of 5 to 22 words, written as sentences, each once.

    Each word must stand at least ``familiar`` times in all the lines: twice drops most misspellings
    and rare names.

    >>> clean_sentences(["the cat is on the mat", "is the cat on it", "the cat is on the mat!"])
    ['The cat is on the mat.']
    """
    candidates = [" ".join(line.split()) for line in lines]
    seen = Counter(word for line in candidates for word in words(line))
    kept: dict[tuple[str, ...], str] = {}
    for line in candidates:
        if _is_plain(line) and all(seen[word] >= familiar for word in words(line)):
            kept.setdefault(words(line), _as_sentence(line))
    return list(kept.values())


def hold_out(sentences: list[str], count: int, seed: int) -> tuple[list[str], list[str]]:
    """``count`` sentences by a seeded draw, and those others that contain none of them."""
    drawn = sorted(random.Random(seed).sample(range(len(sentences)), count))
    held = [sentences[i] for i in drawn]
    phrases = [f" {' '.join(words(sentence))} " for sentence in held]
    rest = [
        sentence
        for sentence in sentences
        if not any(phrase in f" {' '.join(words(sentence))} " for phrase in phrases)
    ]
    return held, rest


def utterances(sentences: list[str], seed: int) -> Iterator[str]:
    """Texts to read, each sentence in exactly one of them, in a seeded order.

    Half are two or three sentences joined as "First, second.", "First; second." or
    "First. Second.", so that pauses occur. Of the others, nine in ten are a long sentence (9 words
    or more). Both hold until the long or the short sentences are used up.
    """
    rng = random.Random(seed)
    shuffled = rng.sample(sentences, len(sentences))
    long = [text for text in shuffled if len(words(text)) >= LONG_SENTENCE]
    short = [text for text in shuffled if len(words(text)) < LONG_SENTENCE]
    common = {word for text in sentences for word in text.split()[1:] if word.islower()}
    while long or short:
        joined = rng.random() < 1 / 2
        first = long if long and (joined or not short or rng.random() < 9 / 10) else short
        text = first.pop()
        for _ in range(min(len(short), rng.choice((1, 2, 2)) if joined else 0)):
            text = join(text, short.pop(), rng.choice((",", ";", ".")), common)
        yield text


def join(first: str, second: str, mark: str, common: Collection[str]) -> str:
    """Two sentences as one text; a question or exclamation keeps its mark whatever ``mark`` is.

    After a comma or semicolon the second begins in lower case if its first word is ``common``.

    >>> join("It rained.", "The dog slept.", ";", {"the"}), join("Why?", "I know.", ",", ())
    ('It rained; the dog slept.', 'Why? I know.')
    """
    if mark == "." or not first.endswith("."):
        return f"{first} {second}"
    if words(second)[0] in common:
        second = second[0].lower() + second[1:]
    return f"{first[:-1]}{mark} {second}"


def _is_plain(line: str) -> bool:
    if not _PLAIN.fullmatch(line) or not MIN_WORDS <= len(words(line)) <= MAX_WORDS:
        return False
    return all(
        word in ("a", "A", "I", "O")
        or (len(word) > 1 and word[1:] == word[1:].lower() and re.search("[aeiouyAEIOUY]", word))
        for word in re.findall(_WORD, line)
    )


def _as_sentence(line: str) -> str:
    bare = line[0].upper() + line[1:].removesuffix(".")
    if bare[-1] in "?!":
        return bare
    return bare + ("?" if _QUESTION.match(bare.lower()) else ".")
