"""How many words and letters of a text a speech recognizer got wrong."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tts_compress.errors import TtsCompressError
from tts_compress.text.words import normalize_words


@dataclass(frozen=True)
class EditErrors:
    """How what was heard differs from the `length` words or characters that should have been."""

    substitutions: int
    deletions: int
    insertions: int
    length: int

    @property
    def total(self) -> int:
        """All of them together."""
        return self.substitutions + self.deletions + self.insertions


def word_errors(hypothesis: str, reference: str) -> EditErrors:
    """Fewest words to substitute, delete and insert that turn reference into hypothesis.

    Both texts go through `normalize_words` first.

    Raises:
        TtsCompressError: The reference has no words.

    >>> word_errors("the hats sat", "The cat sat!")
    EditErrors(substitutions=1, deletions=0, insertions=0, length=3)
    """
    from jiwer import process_words

    expected, heard = _both("word_errors", hypothesis, reference)
    found = process_words(" ".join(expected), " ".join(heard))
    return EditErrors(found.substitutions, found.deletions, found.insertions, len(expected))


def character_errors(hypothesis: str, reference: str) -> EditErrors:
    """Fewest characters to substitute, delete and insert that turn reference into hypothesis.

    Both texts go through `normalize_words` first; one space between words is a character. A word
    that is nearly right costs little here, and as much as any other in `word_errors`.

    Raises:
        TtsCompressError: The reference has no words.

    >>> character_errors("the hats sat", "The cat sat!")  # h for c, and an s too many
    EditErrors(substitutions=1, deletions=0, insertions=1, length=11)
    """
    from jiwer import process_characters

    expected, heard = (" ".join(w) for w in _both("character_errors", hypothesis, reference))
    found = process_characters(expected, heard)
    return EditErrors(found.substitutions, found.deletions, found.insertions, len(expected))


def word_error_rate(errors: Iterable[EditErrors]) -> float:
    """All wrong words of a run by all its reference words; 0 is best and 1 is not the worst.

    Sentences are pooled, so a word counts the same in a short sentence as in a long one.

    Raises:
        TtsCompressError: There is no sentence.

    >>> word_error_rate([EditErrors(1, 0, 0, 2), EditErrors(0, 1, 1, 8)])
    0.3
    """
    return _pooled("word_error_rate", errors)


def character_error_rate(errors: Iterable[EditErrors]) -> float:
    """The same of `character_errors`.

    Raises:
        TtsCompressError: There is no sentence.
    """
    return _pooled("character_error_rate", errors)


def _both(where: str, hypothesis: str, reference: str) -> tuple[Sequence[str], Sequence[str]]:
    """Gives the words that should have been heard and those that were."""
    expected = normalize_words(reference)
    if not expected:
        raise TtsCompressError(
            f"{where}: the reference has no words, got {reference!r}. Leave the sentence out."
        )
    return expected, normalize_words(hypothesis)


def _pooled(where: str, errors: Iterable[EditErrors]) -> float:
    pooled = list(errors)
    if not pooled:
        raise TtsCompressError(f"{where}: needs at least one sentence, got none. Add some.")
    return sum(error.total for error in pooled) / sum(error.length for error in pooled)
