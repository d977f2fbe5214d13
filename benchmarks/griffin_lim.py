"""Time and spectral convergence of our mel-to-sound and librosa's: same mels, one thread.

    OMP_NUM_THREADS=1 python benchmarks/griffin_lim.py FOLDER_OF_WAVS [--sentences 10] [--seconds 5]

Spectral convergence is |estimate - wanted| / |wanted| over magnitudes up to 8 kHz, lower is better:
of the inverted mel against the recording's magnitudes, and of the sound against the magnitudes that
its Griffin-Lim was given. Times are processor time, so that other work on the machine counts less.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import torch
from torch import Tensor

from tts_compress.audio.mel import (
    F_MAX,
    HOP_LENGTH,
    N_FFT,
    SAMPLE_RATE,
    mel_spectrogram,
    stft,
)
from tts_compress.audio.vocoders import griffin_lim, mel_to_magnitude
from tts_compress.audio.wav import read_wav


def timed(function: Callable[[], list[Tensor]]) -> tuple[list[Tensor], float]:
    start = time.process_time()
    result = function()
    return result, time.process_time() - start


def convergence(estimates: list[Tensor], wanted: list[Tensor]) -> float:
    pairs = zip(estimates, wanted, strict=True)
    return float(np.mean([((e - w).norm() / w.norm()).item() for e, w in pairs]))


def magnitudes(sounds: list[Tensor], n_bins: int) -> list[Tensor]:
    return [stft(sound[None])[0, :n_bins].abs().T for sound in sounds]


def librosa_inverse(mel: Tensor) -> Tensor:
    magnitude = librosa.feature.inverse.mel_to_stft(
        mel.exp().numpy(), sr=SAMPLE_RATE, n_fft=N_FFT, power=1.0, fmax=F_MAX
    )
    return torch.from_numpy(magnitude.T)


def librosa_griffin_lim(magnitude: Tensor, n_iter: int) -> Tensor:
    wanted = np.pad(magnitude.T.numpy(), ((0, N_FFT // 2 + 1 - magnitude.shape[1]), (0, 0)))
    sound = librosa.griffinlim(
        wanted, n_iter=n_iter, hop_length=HOP_LENGTH, n_fft=N_FFT, momentum=0.99, random_state=0
    )
    return torch.from_numpy(sound)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wavs", type=Path)
    parser.add_argument("--sentences", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--n-iter", type=int, default=60)
    options = parser.parse_args()
    torch.set_num_threads(1)
    n_samples = int(options.seconds * SAMPLE_RATE)
    sounds = [read_wav(path) for path in sorted(options.wavs.glob("*.wav"))]
    sounds = [sound[:n_samples] for sound in sounds if len(sound) >= n_samples]
    sounds = sounds[: options.sentences]
    mels = mel_spectrogram(torch.stack(sounds))
    lengths = torch.full((len(mels),), mels.shape[2])

    griffin_lim(mels[:1], lengths[:1], n_iter=1)  # fills the caches
    librosa_griffin_lim(librosa_inverse(mels[0, :, :9]), n_iter=1)  # compiles librosa's loops

    ours, invert_ours = timed(lambda: [mel_to_magnitude(mel.T) for mel in mels])
    theirs, invert_theirs = timed(lambda: [librosa_inverse(mel) for mel in mels])
    n_bins = ours[0].shape[1]
    theirs = [magnitude[:, :n_bins] for magnitude in theirs]
    heard, whole_ours = timed(lambda: griffin_lim(mels, lengths, n_iter=options.n_iter))
    same_input, loop_theirs = timed(lambda: [librosa_griffin_lim(m, options.n_iter) for m in ours])
    own_input = [librosa_griffin_lim(m, options.n_iter) for m in theirs]

    recorded = magnitudes(sounds, n_bins)
    loop_ours, whole_theirs = whole_ours - invert_ours, invert_theirs + loop_theirs
    seconds = options.seconds * len(sounds)
    print(f"{len(sounds)} sentences, {seconds:.0f} s of speech, {options.n_iter} rounds, 1 thread")
    print(f"{'':34}{'ours':>9}{'librosa':>9}{'ratio':>8}")
    for name, mine, other in [
        ("mel to magnitude, s", invert_ours, invert_theirs),
        ("Griffin-Lim alone, s", loop_ours, loop_theirs),
        ("mel to sound, s", whole_ours, whole_theirs),
        ("convergence of magnitudes", convergence(ours, recorded), convergence(theirs, recorded)),
        (
            "convergence of Griffin-Lim",
            convergence(magnitudes(heard, n_bins), ours),
            convergence(magnitudes(same_input, n_bins), ours),
        ),
        (
            "convergence of sound to recording",
            convergence(magnitudes(heard, n_bins), recorded),
            convergence(magnitudes(own_input, n_bins), recorded),
        ),
    ]:
        print(f"{name:34}{mine:9.4f}{other:9.4f}{other / mine:7.1f}x")


if __name__ == "__main__":
    main()
