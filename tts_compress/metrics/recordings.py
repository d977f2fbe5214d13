"""Recordings of the sentences: kept beside the results, and compared with."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tts_compress.errors import AudioError
from tts_compress.files import locked, replaced
from tts_compress.recipe import Recording

if TYPE_CHECKING:
    from torch import Tensor

INDEX = "index.json"  # the hash of what each copy was made from; written last


def read_recording(path: Path) -> "Tensor":
    """Gives a recording as the voices speak: ``(samples,)`` in [-1, 1], mono, 22,050 Hz.

    Channels are averaged, and other rates are resampled by soxr at its high quality.

    Raises:
        AudioError: The file cannot be read as sound, or is too short for a mel spectrogram.
    """
    import soundfile
    import torch

    from tts_compress.audio.mel import N_FFT, SAMPLE_RATE

    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"{path}: cannot be read as sound, got {error.error_string!r}. Give a wav or FLAC file."
        ) from error
    mono = samples.mean(axis=1)
    if rate != SAMPLE_RATE:
        from librosa import resample

        mono = resample(mono, orig_sr=rate, target_sr=SAMPLE_RATE)
    if len(mono) <= N_FFT // 2:
        raise AudioError(
            f"{path}: too short for a recording, got {len(mono)!r} samples at {SAMPLE_RATE} Hz. "
            f"It needs more than {N_FFT // 2}."
        )
    return torch.from_numpy(mono.copy())


def keep_recordings(recordings: Sequence[Recording], folder: Path) -> None:
    """Keeps ``001.wav`` and so on, 16 bit, for the recordings that there are, and no others.

    What is there and was made from the same files stays.

    Raises:
        AudioError: A file cannot be read as sound, or is too short.
    """
    wanted = {f"{recording.sentence:03d}.wav": recording.sha256 for recording in recordings}
    if not wanted and not folder.exists():
        return
    with locked(folder.with_name(f".{folder.name}.lock")):
        if _kept(folder) == wanted:
            return
        from tts_compress.audio.wav import write_wav

        folder.mkdir(exist_ok=True)
        (folder / INDEX).unlink(missing_ok=True)
        for path in folder.glob("*.wav"):
            if path.name not in wanted:
                path.unlink()
        for recording in recordings:
            write_wav(folder / f"{recording.sentence:03d}.wav", read_recording(recording.path))
        with replaced(folder / INDEX) as partial:
            partial.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")


def _kept(folder: Path) -> dict[str, str]:
    """Gives the copies that are there, and the hash of what each was made from."""
    try:
        made: dict[str, str] = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: sha256 for name, sha256 in made.items() if (folder / name).is_file()}
