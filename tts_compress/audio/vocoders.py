"""Mel spectrograms back to sound: fast Griffin-Lim, which needs no weights, and HiFi-GAN.

Sentences of a batch are vocoded one after another. Each is then bit for bit what it would be alone,
and on a processor it is also the fastest way: one sentence fits the cache, a padded batch does not.
"""

import functools
import math

import torch
from torch import Tensor, nn

from tts_compress.audio.mel import F_MAX, HOP_LENGTH, N_FFT, N_MELS, SAMPLE_RATE, mel_filterbank
from tts_compress.errors import AudioError

# No mel filter reaches above F_MAX, so those bins are zero and the iterations can run on sound
# sampled at three quarters of the rate: same bins and frames, shorter Fourier transforms.
_N_BINS = math.ceil(F_MAX * N_FFT / SAMPLE_RATE)
_SHORT_FFT = N_FFT * 3 // 4
_OVERLAP = N_FFT // HOP_LENGTH
_INVERSION_STEPS = 20


@torch.no_grad()
def griffin_lim(
    mels: Tensor,
    lengths: Tensor,
    *,
    n_iter: int = 60,
    momentum: float = 0.99,
    seed: int = 0,
) -> list[Tensor]:
    """Sound ``(256 * (frames - 1),)`` of every log-mel, by fast Griffin-Lim.

    Magnitudes come from `mel_to_magnitude`. Then each round asks which spectrogram a real sound has
    that is nearest to the present one, steps beyond it by `momentum`, and puts the wanted
    magnitudes back. `mel_spectrogram` of the sound has as many frames again. It counts in float32.

    Args:
        mels: Natural log-mels ``(batch, n_mels, frames)``; what lies beyond a length is not read.
        lengths: Frames of each sentence ``(batch,)``, each at least 2.
        n_iter: Rounds; the error has mostly settled by 30.
        momentum: 0 is the plain algorithm of Griffin and Lim, 0.99 the authors' choice.
        seed: Of the random first phases. Every sentence starts from this seed, whatever else is in
            the batch.

    Raises:
        AudioError: A shape or a length does not fit.

    Source: Perraudin, Balazs and Sondergaard 2013, "A fast Griffin-Lim algorithm", algorithm 2.
    """
    _check_batch(mels, lengths, shortest=2)
    return [
        _fast_griffin_lim(mel_to_magnitude(mel[:, :length].T.float()), n_iter, momentum, seed)
        for mel, length in zip(mels, lengths.tolist(), strict=True)
    ]


def mel_to_magnitude(mel: Tensor) -> Tensor:
    """Magnitudes ``(frames, bins)`` up to 8 kHz that give the log-mel ``(frames, n_mels)``.

    From a flat start, each step multiplies a bin by how far the mel falls short in the filters
    over it, so nothing turns negative, and bins the mel cannot tell apart stay smooth. On speech
    this comes nearer to the true magnitudes than the least-squares solve of librosa
    (benchmarks/griffin_lim.py).

    Source: Lee and Seung 2001, "Algorithms for non-negative matrix factorization", equation 5
    (the Kullback-Leibler update), with the filters held fixed.
    """
    target = mel.exp()
    filters = mel_filterbank()[:, :_N_BINS].to(mel)
    total = filters.sum(dim=0).clamp(min=torch.finfo(mel.dtype).tiny)
    magnitude = mel.new_ones(len(mel), _N_BINS)
    for _ in range(_INVERSION_STEPS):
        shortfall = target / (magnitude @ filters.T).clamp(min=1e-10)
        magnitude *= (shortfall @ filters) / total
    return magnitude


def hifigan_vocode(model: nn.Module, mels: Tensor, lengths: Tensor) -> list[Tensor]:
    """Sound ``(256 * frames,)`` of every log-mel, by a HiFi-GAN generator.

    Each sentence goes through alone: its convolutions pad every layer with zeros at the sentence's
    end, which no padding value of the mel could reproduce.

    Args:
        model: Gives sound ``(1, 1, samples)`` for a log-mel ``(1, n_mels, frames)``.
        mels: Natural log-mels ``(batch, n_mels, frames)``; what lies beyond a length is not read.
        lengths: Frames of each sentence ``(batch,)``.

    Raises:
        AudioError: A shape or a length does not fit.

    Source: Kong, Kim and Bae 2020, "HiFi-GAN".
    """
    _check_batch(mels, lengths, shortest=1)
    with torch.no_grad():
        return [
            model(mel[None, :, :length])[0, 0]
            for mel, length in zip(mels, lengths.tolist(), strict=True)
        ]


def _check_batch(mels: Tensor, lengths: Tensor, shortest: int) -> None:
    if mels.ndim != 3 or mels.shape[1] != N_MELS:
        raise AudioError(
            f"vocoder: mels must be (batch, {N_MELS}, frames), got shape {tuple(mels.shape)!r}. "
            "Add a batch axis, or transpose frames to the end."
        )
    if lengths.shape != mels.shape[:1]:
        raise AudioError(
            f"vocoder: lengths must be one number a sentence, got shape {tuple(lengths.shape)!r} "
            f"for {len(mels)} sentences. Give the frames of each mel."
        )
    for length in lengths.tolist():
        if not shortest <= length <= mels.shape[2]:
            raise AudioError(
                f"vocoder: every length must lie in {shortest} to {mels.shape[2]} frames, "
                f"got {length!r}. Leave out empty sentences."
            )


def _fast_griffin_lim(magnitude: Tensor, n_iter: int, momentum: float, seed: int) -> Tensor:
    """Sound of one sentence from magnitudes ``(frames, bins)``."""
    n_frames, n_bins = magnitude.shape
    generator = torch.Generator().manual_seed(seed)
    phase = 2 * math.pi * torch.rand(n_frames, n_bins, generator=generator).to(magnitude)
    padding = (0, _SHORT_FFT // 2 + 1 - n_bins)
    spectrum = nn.functional.pad(torch.polar(magnitude, phase), padding)
    magnitude = nn.functional.pad(magnitude, padding)
    previous = torch.zeros_like(spectrum)
    gain = torch.empty_like(magnitude)
    window = torch.hann_window(_SHORT_FFT).to(magnitude)
    for _ in range(n_iter):
        sound = _overlap_add(spectrum, _SHORT_FFT)
        consistent = torch.fft.rfft(sound.unfold(0, _SHORT_FFT, len(window) // _OVERLAP) * window)
        # consistent + momentum * (consistent - previous), up to a factor that the gain removes;
        # it takes the place of `previous`, real and imaginary parts apart, which is fast.
        step = torch.view_as_real(previous)
        weight = momentum / (1 + momentum)
        torch.add(torch.view_as_real(consistent), step, alpha=-weight, out=step)
        real, imaginary = step.unbind(-1)
        torch.mul(real, real, out=gain).addcmul_(imaginary, imaginary)
        gain.add_(1e-16).rsqrt_().mul_(magnitude)
        real.mul_(gain)
        imaginary.mul_(gain)
        spectrum, previous = previous, consistent
    return _overlap_add(spectrum, N_FFT)[N_FFT // 2 : -N_FFT // 2]


def _overlap_add(spectrum: Tensor, n_fft: int) -> Tensor:
    """Sound nearest to spectrum ``(frames, bins)`` when its windows have `n_fft` samples."""
    n_frames = len(spectrum)
    window, norm = _synthesis_window(n_frames, n_fft, spectrum.device)
    frames = torch.fft.irfft(spectrum, n=n_fft).view(n_frames, _OVERLAP, -1)
    sound = torch.zeros_like(norm)
    for part in range(_OVERLAP):
        sound[part : part + n_frames].addcmul_(frames[:, part], window[part])
    return torch.flatten(sound.mul_(norm))


@functools.lru_cache(maxsize=8)
def _synthesis_window(n_frames: int, n_fft: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Hann window and one over the sum of its overlapping squares, both cut in hops.

    Shapes ``(overlap, hop)`` and ``(frames + overlap - 1, hop)``.
    """
    window = torch.hann_window(n_fft, device=device).view(_OVERLAP, -1)
    total = window.new_zeros(n_frames + _OVERLAP - 1, window.shape[1])
    for part in range(_OVERLAP):
        total[part : part + n_frames] += window[part] ** 2
    return window, torch.where(total > 1e-6, 1 / total, 0.0)
