"""How far the melody and the timing of speech are from those of other speech.

A frame of pitch stands for a frame of the mel, so a warping path between two mels
(`tts_compress.metrics.mel.dtw_path`) pairs frames of pitch as well. A pair counts once for each
time that the path takes it. A measure that has nothing to count, such as the pitch of a whisper,
is None: it was not taken.

Sources:

- Mauch and Dixon 2014, "pYIN: a fundamental frequency estimator using probabilistic threshold
  distributions".
- Clark and Dusterhoff 1999, "Objective methods for evaluating synthetic intonation".
- Chu and Alwan 2009, "Reducing F0 frame error of F0 tracking algorithms under noisy conditions
  with an unvoiced/voiced classification frontend".
- Hayashi et al. 2021, "ESPnet2-TTS: extending the edge of TTS research".
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tts_compress.errors import AudioError

SAMPLE_RATE = 22050
HOP_LENGTH = 256
F0_MIN = 75.0
F0_MAX = 600.0
# Samples that one value of pitch is told from: 29 ms, just over two periods at 75 Hz.
FRAME_LENGTH = 640
# Semitones between two values of pitch: it is off by up to 10 cents, 6 in the mean square.
RESOLUTION = 0.2
# Beta distribution of YIN's threshold with mean 0.15, the middle one of the paper's three.
THRESHOLD_PRIOR = (2, 34 / 3)
CENTS_PER_OCTAVE = 1200


@dataclass(frozen=True, eq=False)
class Pitch:
    """Pitch of a sound, frame by frame.

    Attributes:
        f0: Fundamental frequency in Hz ``(frames,)``; not a number where the frame is unvoiced.
        voiced: Whether the frame has a pitch ``(frames,)``.
    """

    f0: NDArray[np.float64]
    voiced: NDArray[np.bool_]


def track_pitch(wav: ArrayLike, sample_rate: int = SAMPLE_RATE) -> Pitch:
    """Pitch of sound ``(samples,)``, one frame for each of its mel: 1 + samples // 256.

    pYIN is what librosa brings already. With frames of 29 ms, steps of 20 cents and a milder
    threshold than librosa's, on speech of known pitch it gets the voicing of 9 % of the frames
    wrong (librosa's own settings 19 %, DIO 11 %, Harvest 14 %, Praat 9 %) and 0.7 % of F0 by more
    than 200 cents (7, 1.8, 6 and 0.3 %), in 0.03 s a second of sound (benchmarks/pitch_trackers.py;
    Praat is better and under the GPL). Pitch below 75 or above 600 Hz is not looked for.

    Raises:
        AudioError: The sound is not ``(samples,)``, is empty or not finite, or has another rate.

    Source: Mauch and Dixon 2014, as `librosa.pyin` has it.
    """
    import librosa

    f0, voiced, _ = librosa.pyin(
        _sound(wav, sample_rate),
        fmin=F0_MIN,
        fmax=F0_MAX,
        sr=sample_rate,
        frame_length=FRAME_LENGTH,
        hop_length=HOP_LENGTH,
        resolution=RESOLUTION,
        beta_parameters=THRESHOLD_PRIOR,
    )
    return Pitch(f0, voiced)


def f0_rmse_cents(candidate: Pitch, reference: Pitch, path: ArrayLike) -> float | None:
    """Root mean square difference of F0 in cents, over the pairs that are voiced in both.

    One octave is 1200 cents, a semitone 100. 0 is equal, lower is better. None without such a pair.

    Args:
        candidate: Pitch of the speech that is judged.
        reference: Pitch of what it should be.
        path: Frame numbers ``(pairs, 2)`` of candidate and reference.

    Raises:
        AudioError: The path does not fit the two.

    Source: Hayashi et al. 2021, section 4 (log F0 RMSE after warping), in cents.
    """
    ours, theirs = _voiced_in_both("f0_rmse_cents", candidate, reference, path)
    if not ours.size:
        return None
    return float(CENTS_PER_OCTAVE * np.sqrt(np.mean((np.log2(ours) - np.log2(theirs)) ** 2)))


def voicing_error(candidate: Pitch, reference: Pitch, path: ArrayLike) -> float:
    """Fraction of the pairs of which one frame is voiced and the other is not.

    0 is equal, lower is better.

    Args:
        candidate: Pitch of the speech that is judged.
        reference: Pitch of what it should be.
        path: Frame numbers ``(pairs, 2)`` of candidate and reference.

    Raises:
        AudioError: The path does not fit the two.

    Source: Chu and Alwan 2009, the voicing decision error.
    """
    ours, theirs = _pairs("voicing_error", candidate, reference, path)
    return float(np.mean(candidate.voiced[ours] != reference.voiced[theirs]))


def f0_correlation(candidate: Pitch, reference: Pitch, path: ArrayLike) -> float | None:
    """Pearson's correlation of log F0, over the pairs that are voiced in both.

    Of the logarithm, as pitch is heard and as `f0_rmse_cents` has it: the same melody in another
    key is 1. -1 to 1, higher is better. None where it is not defined: with fewer than two such
    pairs, or where either pitch does not move.

    Args:
        candidate: Pitch of the speech that is judged.
        reference: Pitch of what it should be.
        path: Frame numbers ``(pairs, 2)`` of candidate and reference.

    Raises:
        AudioError: The path does not fit the two.

    Source: Clark and Dusterhoff 1999, who take it of Hz.
    """
    ours, theirs = _voiced_in_both("f0_correlation", candidate, reference, path)
    if not ours.size or np.ptp(ours) == 0 or np.ptp(theirs) == 0:
        return None
    ours, theirs = np.log2(ours), np.log2(theirs)
    ours, theirs = ours - ours.mean(), theirs - theirs.mean()
    cosine = ours @ theirs / np.sqrt((ours @ ours) * (theirs @ theirs))
    return float(np.clip(cosine, -1, 1))


def duration_ratio(candidate_seconds: float, reference_seconds: float) -> float | None:
    """Length of the speech over that of the reference: 1 is equal, 2 is twice as long.

    None where the reference has no length.
    """
    return candidate_seconds / reference_seconds if reference_seconds > 0 else None


def _voiced_in_both(
    where: str, candidate: Pitch, reference: Pitch, path: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """F0 in Hz ``(pairs,)`` of both, of the pairs that are voiced in both."""
    ours, theirs = _pairs(where, candidate, reference, path)
    voiced = candidate.voiced[ours] & reference.voiced[theirs]
    return candidate.f0[ours[voiced]], reference.f0[theirs[voiced]]


def _pairs(
    where: str, candidate: Pitch, reference: Pitch, path: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frame numbers ``(pairs,)`` of both.

    A vocoder may give one hop of sound more or less than the mel has frames. A frame of pitch too
    many is left out, and for one too few the last one stands.
    """
    pairs = np.asarray(path)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not len(pairs) or pairs.dtype.kind not in "iu":
        raise AudioError(
            f"{where}: a path must be whole frame numbers (pairs, 2), got shape {pairs.shape!r} "
            f"of {pairs.dtype.name!r}. Give what mel.dtw_path gives."
        )
    for name, pitch, frames in zip(
        ("candidate", "reference"), (candidate, reference), pairs.T, strict=True
    ):
        n_frames = int(frames.max()) + 1
        if frames.min() < 0 or abs(n_frames - len(pitch.f0)) > 1 or not len(pitch.f0):
            raise AudioError(
                f"{where}: the path and the pitch of the {name} must end within a frame of each "
                f"other, got {n_frames!r} and {len(pitch.f0)!r} frames. Take both of one sound."
            )
    ours, theirs = pairs.T
    return np.minimum(ours, len(candidate.f0) - 1), np.minimum(theirs, len(reference.f0) - 1)


def _sound(wav: ArrayLike, sample_rate: int) -> NDArray[np.float64]:
    sound = np.asarray(wav, dtype=np.float64)
    if sample_rate != SAMPLE_RATE:
        raise AudioError(
            f"track_pitch: sample rate must be {SAMPLE_RATE} Hz, got {sample_rate!r}. "
            "Resample the sound first."
        )
    if sound.ndim != 1 or not sound.size:
        raise AudioError(
            f"track_pitch: sound must be (samples,) with at least one sample, "
            f"got shape {sound.shape!r}. Give one sentence at a time."
        )
    if not np.isfinite(sound).all():
        raise AudioError(
            f"track_pitch: sound must be finite, got {int((~np.isfinite(sound)).sum())!r} samples "
            "that are not. Check the model that made it."
        )
    return sound
