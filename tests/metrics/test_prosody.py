import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tts_compress.audio.mel import mel_spectrogram
from tts_compress.errors import AudioError
from tts_compress.metrics.mel import dtw_path
from tts_compress.metrics.prosody import (
    Pitch,
    duration_ratio,
    f0_correlation,
    f0_rmse_cents,
    track_pitch,
    voicing_error,
)

RATE = 22050
OF_PITCH = [f0_rmse_cents, voicing_error, f0_correlation]
CONTOURS = st.lists(st.none() | st.floats(80, 500), min_size=1, max_size=12)


def pitch(*hz):
    """Pitch of the frames; None is unvoiced."""
    f0 = np.array([np.nan if value is None else value for value in hz])
    return Pitch(f0, ~np.isnan(f0))


def straight(frames):
    return np.stack([np.arange(frames)] * 2, axis=1)


def tone(f0):
    """Twenty harmonics that fall by 6 dB an octave, of F0 in Hz ``(samples,)``."""
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    return 0.1 * sum(np.sin(n * phase) / n * (n * f0 < 8000) for n in range(1, 21))


def test_rmse_by_hand():
    # An octave up, a fifth down (701.955 cents), equal; unvoiced in one or both does not count.
    candidate = pitch(200, 200, 150, None, 100, None)
    reference = pitch(100, 300, 150, 100, None, None)
    expected = np.sqrt((1200**2 + 701.9550008653874**2 + 0) / 3)
    assert f0_rmse_cents(candidate, reference, straight(6)) == pytest.approx(expected)


def test_voicing_error_by_hand():
    candidate, reference = pitch(200, None, 150, None), pitch(100, 100, None, None)
    assert voicing_error(candidate, reference, straight(4)) == 2 / 4


def test_correlation_by_hand():
    # In octaves above 100 Hz: 0, 1, 2 against 0, 2, 1; the rest is not voiced in both.
    candidate = pitch(100, 200, 400, None, 321)
    reference = pitch(100, 400, 200, 123, None)
    assert f0_correlation(candidate, reference, straight(5)) == pytest.approx(0.5)


def test_a_pair_counts_as_often_as_the_path_takes_it():
    path = [[0, 0], [0, 1], [1, 2]]
    candidate, reference = pitch(200, 100), pitch(100, None, 100)
    assert voicing_error(candidate, reference, path) == 1 / 3
    assert f0_rmse_cents(candidate, reference, path) == pytest.approx(np.sqrt(1200**2 / 2))


@pytest.mark.parametrize(
    ("candidate", "reference"),
    [
        (pitch(None, None), pitch(100, 200)),  # a whisper
        (pitch(100, None), pitch(None, 200)),  # never at once
    ],
)
def test_without_a_frame_voiced_in_both_nothing_is_taken(candidate, reference):
    assert f0_rmse_cents(candidate, reference, straight(2)) is None
    assert f0_correlation(candidate, reference, straight(2)) is None
    assert voicing_error(candidate, reference, straight(2)) == 1


@pytest.mark.parametrize(
    ("candidate", "reference"),
    [(pitch(100, 100), pitch(100, 200)), (pitch(1, 2), pitch(150, 150)), (pitch(9), pitch(8))],
)
def test_a_pitch_that_does_not_move_has_no_correlation(candidate, reference):
    frames = len(candidate.f0)
    assert f0_correlation(candidate, reference, straight(frames)) is None


def test_duration_ratio_by_hand():
    assert duration_ratio(3.0, 2.0) == 1.5
    assert duration_ratio(0.0, 2.0) == 0
    assert duration_ratio(3.0, 0.0) is None


@settings(deadline=None)
@given(hz=CONTOURS)
def test_speech_is_itself(hz):
    one, path = pitch(*hz), straight(len(hz))
    assert f0_rmse_cents(one, one, path) in (0, None)
    assert voicing_error(one, one, path) == 0
    assert f0_correlation(one, one, path) in (pytest.approx(1), None)
    assert duration_ratio(len(hz), len(hz)) == 1


@settings(deadline=None)
@given(hz=CONTOURS, cents=st.floats(-1200, 1200))
def test_another_key_is_as_far_as_its_interval(hz, cents):
    assume(any(hz))
    moved = pitch(*(value and value * 2 ** (cents / 1200) for value in hz))
    path = straight(len(hz))
    assert f0_rmse_cents(moved, pitch(*hz), path) == pytest.approx(abs(cents), abs=1e-6)
    assert voicing_error(moved, pitch(*hz), path) == 0
    if len({value for value in hz if value and round(value)}) > 1:
        voiced = [value for value in hz if value]
        assume(max(voiced) / min(voiced) > 1.001)
        assert f0_correlation(moved, pitch(*hz), path) == pytest.approx(1, abs=1e-6)


@settings(deadline=None)
@given(one=CONTOURS, other=CONTOURS, seed=st.integers(0, 99))
def test_all_are_symmetric(one, other, seed):
    draw = np.random.default_rng(seed).integers
    path = np.stack([draw(len(one), size=20), draw(len(other), size=20)], axis=1)
    path[-1] = len(one) - 1, len(other) - 1
    for metric in OF_PITCH:
        forth = metric(pitch(*one), pitch(*other), path)
        assert metric(pitch(*other), pitch(*one), path[:, ::-1]) == pytest.approx(forth)


@pytest.mark.parametrize("n_samples", [1, 255, 256, 5000, 22050])
def test_a_frame_of_pitch_for_each_of_the_mel(n_samples):
    found = track_pitch(np.zeros(n_samples), RATE)
    assert found.f0.shape == found.voiced.shape == (1 + n_samples // 256,)
    assert not found.voiced.any()
    assert np.isnan(found.f0).all()
    if n_samples > 512:
        assert mel_spectrogram(torch.zeros(1, n_samples)).shape[2] == len(found.f0)


@pytest.mark.parametrize("hz", [85, 110, 157.3, 220, 311, 440, 550])
def test_tones_of_known_pitch(hz):
    found = track_pitch(tone(np.full(11025, hz)), RATE)
    assert found.voiced.all()
    inside = found.f0[1:-1]  # at the ends half of what a frame sees is silence
    assert np.abs(1200 * np.log2(inside / hz)).max() < 12  # half a step, and a little


def test_a_glide_is_followed():
    f0 = 120 * 2 ** np.linspace(0, 1, RATE)
    found = track_pitch(torch.from_numpy(tone(f0)), RATE)
    inside = slice(2, -2)
    errors = 1200 * np.log2(found.f0 / f0[: len(found.f0) * 256 : 256])[inside]
    assert found.voiced[inside].all()
    assert np.abs(errors).max() < 25


def test_noise_has_no_pitch():
    noise = 0.1 * np.random.default_rng(0).normal(size=RATE)
    assert not track_pitch(noise, RATE).voiced.any()


@settings(max_examples=5, deadline=None)
@given(cents=st.floats(-500, 500))
def test_a_tone_in_another_key(cents):
    f0 = np.where(np.arange(8192) < 4096, 180.0, 240.0)
    one, other = (track_pitch(tone(f0 * shift), RATE) for shift in (1, 2 ** (cents / 1200)))
    path = straight(len(one.f0))
    assert f0_rmse_cents(other, one, path) == pytest.approx(abs(cents), abs=25)
    assert f0_correlation(other, one, path) > 0.9


def test_pitch_along_the_path_of_the_mels():
    # Said again with the first half twice as long: nothing is different but the length.
    def said(first):
        f0 = np.repeat([200.0, 250.0], [first, 4096])
        wav = tone(f0)
        return mel_spectrogram(torch.from_numpy(wav)[None])[0], track_pitch(wav, RATE)

    (mel, one), (slow_mel, slow) = said(4096), said(8192)
    path = dtw_path(slow_mel, mel)
    assert f0_rmse_cents(slow, one, path) < 60  # of a frame or two at the change
    assert f0_correlation(slow, one, path) > 0.95


@pytest.mark.parametrize("frames", [3, 5])
@pytest.mark.parametrize("metric", OF_PITCH)
def test_a_vocoder_may_give_a_hop_more_or_less(metric, frames):
    path, other = straight(4), pitch(100, 110, 120, 130)
    # One too many is not read; for one too few the last stands.
    hz = [101, 111, 121, 130, 999]
    expected = metric(pitch(101, 111, 121, 121 if frames == 3 else 130), other, path)
    assert metric(pitch(*hz[:frames]), other, path) == expected


@pytest.mark.parametrize("metric", OF_PITCH)
@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            np.zeros((0, 2), int),
            r"must be .* \(pairs, 2\), got shape \(0, 2\) of 'int64'\. Give",
        ),
        (np.zeros((2, 3), int), r"got shape \(2, 3\)"),
        ([[0.0, 0.0]], r"got shape \(1, 2\) of 'float64'"),
        ([[0, 0], [3, 2]], r"of the candidate must end .*, got 4 and 2 frames\. Take both"),
        ([[0, 0], [1, 1]], r"of the reference must end .*, got 2 and 4 frames\. Take both"),
        ([[0, -1], [1, 3]], r"pitch of the reference must end .*, got 4 and 4 frames"),
    ],
)
def test_what_is_no_path_of_the_two_is_refused(metric, path, message):
    with pytest.raises(AudioError, match=f"{metric.__name__}: .*{message}"):
        metric(pitch(100, 100), pitch(100, 100, 100, 100), path)


@pytest.mark.parametrize(
    ("wav", "rate", "message"),
    [
        (np.zeros(9), 16000, r"rate must be 22050 Hz, got 16000\. Resample"),
        (np.zeros(0), RATE, r"at least one sample, got shape \(0,\)\. Give"),
        (np.zeros((1, 9)), RATE, r"must be \(samples,\) .*, got shape \(1, 9\)"),
        (np.array([0, np.nan, np.inf]), RATE, r"must be finite, got 2 samples"),
    ],
)
def test_what_is_no_sound_is_refused(wav, rate, message):
    with pytest.raises(AudioError, match=f"track_pitch: .*{message}"):
        track_pitch(wav, rate)
