"""Wav files at the one sample rate the voices speak."""

import os
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from tts_compress.audio.mel import SAMPLE_RATE
from tts_compress.errors import AudioError


def read_wav(path: str | Path) -> Tensor:
    """Sound ``(samples,)`` in [-1, 1] of a mono file at 22,050 Hz.

    Raises:
        AudioError: The file is missing, is no sound, or has another rate or more channels. It is
            never resampled or mixed down in silence, since that would change what is measured.
    """
    if not Path(path).is_file():
        raise AudioError(f"{path}: a sound file is expected here, got none. Check the path.")
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"{path}: cannot be read as sound, got {error.error_string!r}. Give a wav file."
        ) from error
    convert = f"Convert it with: sox {Path(path).name} -r {SAMPLE_RATE} -c 1 -b 16 converted.wav."
    if rate != SAMPLE_RATE:
        raise AudioError(
            f"{path}: sample rate must be {SAMPLE_RATE} Hz, got {rate!r} Hz. {convert}"
        )
    if samples.shape[1] != 1:
        raise AudioError(f"{path}: must be mono, got {samples.shape[1]!r} channels. {convert}")
    return torch.from_numpy(samples[:, 0].copy())


def write_wav(path: str | Path, wav: Tensor) -> None:
    """Write sound ``(samples,)`` as 16 bit PCM at 22,050 Hz, clipped to [-1, 1].

    The file appears whole or not at all: it is written beside `path` under another name, then
    renamed.

    Raises:
        AudioError: `wav` has not exactly one axis, or holds a value that is not a number.
    """
    if wav.ndim != 1:
        raise AudioError(
            f"{path}: sound to write must be (samples,), got shape {tuple(wav.shape)!r}. "
            "Write one sentence at a time."
        )
    samples = wav.detach().to("cpu", torch.float32).numpy()
    if not np.isfinite(samples).all():
        raise AudioError(
            f"{path}: sound to write must be finite, got {int((~np.isfinite(samples)).sum())!r} "
            f"values that are not. Check the mel spectrogram it was made from."
        )
    pcm = np.rint(samples * 32768).clip(-32768, 32767).astype(np.int16)
    target = Path(path)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        soundfile.write(unfinished, pcm, SAMPLE_RATE, subtype="PCM_16", format="WAV")
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
