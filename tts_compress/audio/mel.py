"""The log-mel spectrogram that Tacotron 2, FastSpeech 2 and HiFi-GAN voices of LJSpeech share."""

import functools

import torch
from torch import Tensor

from tts_compress.errors import AudioError

SAMPLE_RATE = 22050
N_FFT = 1024
HOP_LENGTH = 256
N_MELS = 80
F_MIN = 0.0
F_MAX = 8000.0
LOG_FLOOR = 1e-5


@functools.cache
def mel_filterbank() -> Tensor:
    """Triangular filters ``(n_mels, n_fft // 2 + 1)``: Slaney's scale, each of unit area.

    Source: `librosa.filters.mel` with its defaults, as NVIDIA/tacotron2 `layers.py` calls it.

    >>> mel_filterbank().shape
    torch.Size([80, 513])
    """
    from librosa.filters import mel

    return torch.from_numpy(mel(sr=SAMPLE_RATE, n_fft=N_FFT, n_mels=N_MELS, fmin=F_MIN, fmax=F_MAX))


def mel_spectrogram(wav: Tensor) -> Tensor:
    """Log-mel ``(batch, n_mels, frames)`` of sound ``(batch, samples)``.

    There are 1 + samples // 256 frames. Frame t is centred on sample 256 t, so both ends are padded
    with half a window of mirrored sound. A filter sums magnitudes, not powers, and the logarithm is
    natural, floored at ln 1e-5. Inside it counts in float64: near the floor, rounding in float32
    moves a value by up to 4e-4. Zeros appended to a short sound change its last frames, so sounds
    of different lengths do not belong in one batch.

    Args:
        wav: Floating point sound in [-1, 1] at 22,050 Hz, more than 512 samples long.

    Raises:
        AudioError: `wav` is no ``(batch, samples)``, or too short to mirror.

    Source: NVIDIA/tacotron2 `layers.py` (TacotronSTFT) and `audio_processing.py`.

    >>> mel_spectrogram(torch.zeros(2, 2560)).shape
    torch.Size([2, 80, 11])
    """
    if wav.ndim != 2:
        raise AudioError(
            f"mel_spectrogram: sound must be (batch, samples), got shape {tuple(wav.shape)!r}. "
            "Add a batch axis with wav[None]."
        )
    if wav.shape[1] <= N_FFT // 2:
        raise AudioError(
            f"mel_spectrogram: sound is too short, got {wav.shape[1]!r} samples. "
            f"It needs more than {N_FFT // 2}."
        )
    magnitude = stft(wav.double()).abs()
    mel = mel_filterbank().to(magnitude) @ magnitude
    return mel.clamp(min=LOG_FLOOR).log().to(wav.dtype)


def stft(wav: Tensor) -> Tensor:
    """Complex spectrogram ``(batch, n_fft // 2 + 1, frames)`` of sound ``(batch, samples)``."""
    return torch.stft(
        wav,
        N_FFT,
        HOP_LENGTH,
        window=hann_window(wav),
        center=True,
        pad_mode="reflect",
        return_complex=True,
    )


def hann_window(like: Tensor) -> Tensor:
    """Periodic Hann window ``(n_fft,)`` with the type and device of `like`."""
    return torch.hann_window(N_FFT, periodic=True, dtype=like.dtype, device=like.device)
