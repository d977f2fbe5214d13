"""Our mel-cepstral distortion against the published package mel-cepstral-distance (MIT).

    pip install mel-cepstral-distance==0.0.4
    python benchmarks/mcd_agreement.py FOLDER_OF_WAVS [--sentences 5]

Recordings are compared with copies made worse: noise on the mel, 10% slower, then Griffin-Lim.
Three columns of the package, from equal terms to its own defaults:

- terms: it is given our mels as log10 of power, all bands, coefficients 1 to 13, its warping on
  the cepstra and without a radius. What is left is scale: its cosine sum has no sqrt(2 / n_mels),
  it has no sqrt(2), and it counts in bel of power, not in 10 / ln 10 times nepers of magnitude.
  So it is multiplied by 10 / sqrt(n_mels) here, and then agrees exactly.
- warped on mels: the same, but frames are paired by distance of mels, loudness included, which is
  its default. The path is not the cheapest for the cepstra, so the distance is larger.
- defaults: from the wav files, multiplied by 10 / sqrt(20): 20 unnormalised filters of another mel
  scale, both sounds scaled to full range, coefficients 2 to 16, warping within 10 frames on mels.
  Only the upper end is set, to 8,000 Hz, since our mels say nothing of what lies above.
"""

import argparse
import math
import tempfile
from pathlib import Path

import mel_cepstral_distance
import numpy as np
import torch
from torch import Tensor

from tts_compress.audio.mel import N_FFT, SAMPLE_RATE, mel_spectrogram
from tts_compress.audio.vocoders import griffin_lim
from tts_compress.audio.wav import read_wav, write_wav
from tts_compress.metrics.mel import mcd_dtw_db

MILLISECONDS = 1000 * N_FFT / SAMPLE_RATE


def worsened(mel: Tensor, noise: float, generator: torch.Generator) -> Tensor:
    """Sound of a log-mel with noise added and a tenth more frames."""
    noisy = mel + noise * torch.randn(mel.shape, generator=generator)
    slower = torch.nn.functional.interpolate(noisy[None], scale_factor=1.1, mode="linear")
    return griffin_lim(slower, torch.tensor([slower.shape[2]]))[0]


def compare(sound: Tensor, copy: Tensor, folder: Path) -> list[float]:
    """Ours, then the package's three, for one recording and its copy."""
    write_wav(folder / "a.wav", copy)
    write_wav(folder / "b.wav", sound)
    mels = [mel_spectrogram(wav[None])[0].double().numpy() for wav in (copy, sound)]
    bels = [2 / math.log(10) * mel.T for mel in mels]
    scale = 10 / math.sqrt(len(mels[0]))
    found = [mcd_dtw_db(*mels)]
    for target in ("mfcc", "mel"):
        distance, _ = mel_cepstral_distance.compare_mel_spectrograms(
            *bels, s=0, D=13, align_target=target, dtw_radius=None
        )
        found.append(scale * distance)
    distance, _ = mel_cepstral_distance.compare_audio_files(
        folder / "a.wav", folder / "b.wav", fmax=8000, n_fft=MILLISECONDS, win_len=MILLISECONDS
    )
    return [*found, 10 / math.sqrt(20) * distance]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wavs", type=Path)
    parser.add_argument("--sentences", type=int, default=5)
    options = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    paths = sorted(options.wavs.glob("*.wav"), key=lambda path: path.stat().st_size)
    rows = []
    print(f"{'recording':14}{'noise':>6}{'ours':>9}{'terms':>9}{'on mels':>9}{'defaults':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for path in paths[: options.sentences]:
            sound = read_wav(path)
            for noise in (0.0, 0.25, 0.5, 1.0):
                copy = worsened(mel_spectrogram(sound[None])[0], noise, generator)
                rows.append(compare(sound, copy, Path(folder)))
                print(f"{path.stem:14}{noise:6.2f}" + "".join(f"{x:9.4f}" for x in rows[-1]))
    ours, terms, on_mels, defaults = np.array(rows).T
    print(f"greatest difference on equal terms: {np.abs(ours - terms).max():.1e} dB")
    print(f"warped on mels: {np.mean(on_mels / ours):.3f} times ours")
    print(f"correlation with its defaults: {np.corrcoef(ours, defaults)[0, 1]:.4f}")


if __name__ == "__main__":
    main()
