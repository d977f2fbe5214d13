"""The errors a user can cause: each message says where, what is wrong, what it got, what to do."""

import difflib
from collections.abc import Iterable


class TtsCompressError(Exception):
    """Base of all errors that are the input's fault; the command line exits with 2."""


class RecipeError(TtsCompressError):
    """A recipe file, or what it selects, is wrong."""


class CheckpointError(TtsCompressError):
    """A checkpoint cannot be read, or does not fit the architecture."""


class ArtifactError(TtsCompressError):
    """A saved artifact is incomplete, altered, or of another format."""


class TextError(TtsCompressError):
    """A text cannot be turned into symbols."""


class AudioError(TtsCompressError):
    """A wav file or a mel spectrogram cannot be used."""


class CorpusError(TtsCompressError):
    """A corpus folder lacks a file or holds one that does not fit the others."""


class ListeningError(TtsCompressError):
    """A listening test, or its answers, cannot be used."""


class ExtraError(TtsCompressError):
    """A package that this work needs is not installed."""


class OutputError(TtsCompressError):
    """A result cannot be written, such as to a full disk."""


class RunError(TtsCompressError):
    """A run of a sweep failed; the others are done."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Sentence that names the nearest known name, if one is near, and then all of them.

    >>> nearest("magnitud", ["magnitude", "heads"])
    "Did you mean 'magnitude'? Known: heads, magnitude."
    >>> nearest("x", ["magnitude"])
    'Known: magnitude.'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    return f"{hint}Known: {', '.join(names)}."
