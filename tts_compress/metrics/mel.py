"""How far one mel spectrogram is from another, in decibels."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tts_compress.errors import AudioError

# Magnitude mels: 20 log10(x) = (20 / ln 10) ln(x).
DB_PER_NEPER = 20 / math.log(10)
N_CEPSTRA = 13


def mel_mae_db(candidate: ArrayLike, reference: ArrayLike) -> float:
    """Mean absolute difference in dB of two natural-log magnitude mels ``(n_mels, frames)``.

    It compares frame with frame, so both must come from the same durations: teacher-forced, or a
    FastSpeech 2 that was given them. 0 is equal, lower is better.

    Raises:
        AudioError: The shapes differ, or a mel is empty or not finite.

    >>> round(mel_mae_db([[math.log(10)]], [[0.0]]), 9)  # ten times the magnitude
    20.0
    """
    ours, theirs = _mel("mel_mae_db", candidate), _mel("mel_mae_db", reference)
    if ours.shape != theirs.shape:
        raise AudioError(
            f"mel_mae_db: candidate and reference must have equal shapes, got {ours.shape!r} and "
            f"{theirs.shape!r}. Give both the same durations, or use mcd_dtw_db."
        )
    return float(np.abs(ours - theirs).mean() * DB_PER_NEPER)


def mcd_dtw_db(candidate: ArrayLike, reference: ArrayLike) -> float:
    """Mel-cepstral distortion in dB of two natural-log magnitude mels ``(n_mels, frames)``.

    The frame counts may differ: dynamic time warping pairs the frames first. 0 is equal, lower is
    better. The constants, and where each is from:

    - Cepstra are the orthonormal DCT-II of the log-mel over mel bands: Davis and Mermelstein 1980,
      "Comparison of parametric representations for monosyllabic word recognition", equation 1,
      with the scaling of `scipy.fft.dct(norm="ortho")`, as `librosa.feature.mfcc`.
    - Coefficients 1 to 13; the zeroth, the loudness, is left out: MCD13 of Skerry-Ryan et al. 2018,
      "Towards end-to-end prosody transfer for expressive speech synthesis with Tacotron".
    - One pair of frames costs (10 / ln 10) sqrt(2 sum of squared differences): Kubichek 1993,
      "Mel-cepstral distance measure for objective speech quality assessment". The cepstra are of
      ln |X|, which the magnitude mels already are; mels of power would need a factor of 1/2.
    - Steps (1, 1), (1, 0), (0, 1), each of weight 1: Sakoe and Chiba 1978, "Dynamic programming
      algorithm optimization for spoken word recognition", without slope constraint.
    - The result is the mean over the pairs on the cheapest path, diagonal steps first among equals.

    The figure is not on the scale of the MCD of WORLD or SPTK mel-cepstra, where it is the RMS of a
    smooth spectral difference in dB: orthonormal cepstra of n mels are sqrt(n / 2) times as large,
    6.3 times for 80. Compare it only with itself.

    Raises:
        AudioError: The numbers of mels differ or are below 14, or a mel is empty or not finite.

    >>> mcd_dtw_db(np.eye(80)[:, :3], np.eye(80)[:, [0, 1, 1, 2]])  # one frame said twice
    0.0
    """
    costs, path = _warp("mcd_dtw_db", candidate, reference)
    return float(10 / math.log(10) * math.sqrt(2) * costs[-1, -1] / len(path))


def dtw_path(candidate: ArrayLike, reference: ArrayLike) -> NDArray[np.int64]:
    """Frame numbers ``(pairs, 2)`` that `mcd_dtw_db` pairs, of candidate and reference, in order.

    Raises:
        AudioError: The numbers of mels differ or are below 14, or a mel is empty or not finite.

    >>> dtw_path(np.eye(80)[:, :3], np.eye(80)[:, [0, 1, 1, 2]]).tolist()
    [[0, 0], [1, 1], [1, 2], [2, 3]]
    """
    _, path = _warp("dtw_path", candidate, reference)
    return path


def _warp(
    where: str, candidate: ArrayLike, reference: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Summed costs ``(frames of candidate, frames of reference)`` and the cheapest path."""
    from librosa.sequence import dtw

    ours, theirs = _mel(where, candidate), _mel(where, reference)
    if len(ours) != len(theirs) or len(ours) <= N_CEPSTRA:
        raise AudioError(
            f"{where}: candidate and reference must have one number of mels above {N_CEPSTRA}, "
            f"got {len(ours)!r} and {len(theirs)!r}. Give mels of one kind."
        )
    costs, path = dtw(_cepstra(ours), _cepstra(theirs), metric="euclidean")
    return costs, path[::-1]


def _cepstra(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients 1 to 13 ``(13, frames)`` of a log-mel."""
    from scipy.fft import dct

    return np.asarray(dct(mel, type=2, norm="ortho", axis=0)[1 : N_CEPSTRA + 1])


def _mel(where: str, mel: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(mel, dtype=np.float64)
    if values.ndim != 2 or values.size == 0:
        raise AudioError(
            f"{where}: a mel must be (n_mels, frames) with at least one frame, "
            f"got shape {values.shape!r}. Give one sentence at a time."
        )
    if not np.isfinite(values).all():
        raise AudioError(
            f"{where}: a mel must be finite, got {int((~np.isfinite(values)).sum())!r} values "
            "that are not. Check the model that made it."
        )
    return values
