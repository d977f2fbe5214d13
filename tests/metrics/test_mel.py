import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.fft import idct

from tts_compress.errors import AudioError
from tts_compress.metrics.mel import dtw_path, mcd_dtw_db, mel_mae_db

MELS = st.integers(1, 6).flatmap(
    lambda frames: arrays(np.float32, (20, frames), elements=st.floats(-11.5, 2.0, width=32))
)


def mel_of_cepstra(*frames):
    """Log-mel ``(80, frames)`` with the given first orthonormal cepstra in each frame."""
    cepstra = np.zeros((80, len(frames)))
    for column, values in enumerate(frames):
        cepstra[: len(values), column] = values
    return idct(cepstra, type=2, norm="ortho", axis=0)


def test_mae_by_hand():
    candidate = np.log([[1.0, 10.0], [100.0, 1.0]])
    assert mel_mae_db(candidate, np.zeros((2, 2))) == pytest.approx((0 + 20 + 40 + 0) / 4)


def test_mae_takes_tensors():
    assert mel_mae_db(torch.ones(80, 3), torch.zeros(80, 3)) == pytest.approx(20 / math.log(10))


def test_mcd_of_one_frame_by_hand():
    candidate, reference = mel_of_cepstra([7, 3, 0, 4]), mel_of_cepstra([0, 0, 0, 0])
    # The zeroth differs by 7 and does not count; 3 and 4 give sqrt(2 (9 + 16)).
    assert mcd_dtw_db(candidate, reference) == pytest.approx(10 / math.log(10) * math.sqrt(50))


def test_mcd_counts_coefficients_1_to_13_only():
    assert mcd_dtw_db(mel_of_cepstra([0] * 13 + [1]), mel_of_cepstra([0])) > 6
    assert mcd_dtw_db(mel_of_cepstra([0] * 14 + [1]), mel_of_cepstra([0])) == pytest.approx(0)


def test_mcd_is_the_mean_over_the_path():
    # Cheapest path: (0, 0) (1, 1) (2, 1) with costs 0, 0, 2; three pairs.
    candidate = mel_of_cepstra([0, 0], [0, 5], [0, 7])
    reference = mel_of_cepstra([0, 0], [0, 5])
    expected = 10 / math.log(10) * math.sqrt(2) * 2 / 3
    assert mcd_dtw_db(candidate, reference) == pytest.approx(expected)


def test_mcd_agrees_with_warping_written_out():
    generator = np.random.default_rng(0)
    ours, theirs = generator.normal(size=(2, 13, 9))
    theirs = theirs[:, :7]
    cost = np.sqrt(((ours[:, :, None] - theirs[:, None, :]) ** 2).sum(axis=0))
    best = {(-1, -1): (0.0, 0)}
    for i in range(9):
        for j in range(7):
            before = [(i - 1, j - 1), (i - 1, j), (i, j - 1)]
            total, pairs = min(best[step] for step in before if step in best)
            best[i, j] = total + cost[i, j], pairs + 1
    total, pairs = best[8, 6]
    pad = np.zeros((1, 9))
    mels = (
        mel_of_cepstra(*np.vstack([pad, ours]).T),
        mel_of_cepstra(*np.vstack([pad[:, :7], theirs]).T),
    )
    assert mcd_dtw_db(*mels) == pytest.approx(10 / math.log(10) * math.sqrt(2) * total / pairs)


@given(one=MELS, other=MELS)
def test_a_path_leads_from_the_first_frames_to_the_last(one, other):
    path = dtw_path(one, other)
    assert path[0].tolist() == [0, 0]
    assert path[-1].tolist() == [one.shape[1] - 1, other.shape[1] - 1]
    assert {tuple(step) for step in np.diff(path, axis=0)} <= {(1, 1), (1, 0), (0, 1)}


@given(mel=MELS)
def test_a_mel_is_no_distance_from_itself(mel):
    assert mel_mae_db(mel, mel) == 0
    assert mcd_dtw_db(mel, mel) == 0


@given(mel=MELS, times=st.integers(1, 3))
def test_saying_every_frame_longer_is_no_distortion(mel, times):
    assert mcd_dtw_db(np.repeat(mel, times, axis=1), mel) == 0


@given(seed=st.integers(0, 1000), frames=st.tuples(st.integers(1, 8), st.integers(1, 8)))
def test_both_are_symmetric(seed, frames):
    # In general position: where two paths cost the same their lengths may differ.
    generator = np.random.default_rng(seed)
    one, other = (generator.normal(size=(20, n)) for n in frames)
    assert mcd_dtw_db(one, other) == pytest.approx(mcd_dtw_db(other, one))
    shared = min(frames)
    one, other = one[:, :shared], other[:, :shared]
    assert mel_mae_db(one, other) == mel_mae_db(other, one)


def test_frame_counts_must_agree_for_mae():
    message = r"equal shapes, got \(80, 3\) and \(80, 4\)\. Give both the same durations"
    with pytest.raises(AudioError, match=message):
        mel_mae_db(np.zeros((80, 3)), np.zeros((80, 4)))


def test_numbers_of_mels_must_agree_for_mcd():
    with pytest.raises(AudioError, match=r"one number of mels above 13, got 80 and 40\. Give"):
        mcd_dtw_db(np.zeros((80, 3)), np.zeros((40, 3)))
    with pytest.raises(AudioError, match=r"one number of mels above 13, got 13 and 13\. Give"):
        mcd_dtw_db(np.zeros((13, 3)), np.zeros((13, 3)))


@pytest.mark.parametrize("metric", [mel_mae_db, mcd_dtw_db, dtw_path])
@pytest.mark.parametrize(
    ("mel", "message"),
    [
        (np.zeros((80, 0)), r"with at least one frame, got shape \(80, 0\)"),
        (np.zeros((1, 80, 3)), r"must be \(n_mels, frames\).*got shape \(1, 80, 3\)"),
        (np.full((80, 1), np.nan), r"must be finite, got 80 values"),
    ],
)
def test_what_is_no_mel_is_refused(metric, mel, message):
    with pytest.raises(AudioError, match=f"{metric.__name__}: .*{message}"):
        metric(np.zeros((80, 3)), mel)
