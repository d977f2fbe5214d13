import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tts_compress.errors import AudioError
from tts_compress.metrics.attention import (
    attention_focus,
    attention_jumps_back,
    attention_reach,
    attention_skips,
)

ALL = [attention_focus, attention_jumps_back, attention_reach, attention_skips]


def measure(metric, positions, n_ids=12):
    """The metric of an alignment that is sure of one id a frame."""
    return metric(np.eye(n_ids)[positions], len(positions), n_ids)


@pytest.mark.parametrize(
    ("positions", "jumps_back", "skips", "reach"),
    [
        ([0, 0, 1, 2, 3, 5, 7, 8, 9, 10, 11, 11], 0, 0, 1),  # in order, passing silent ids
        ([0, 3, 6, 9, 6, 9, 11], 0, 0, 1),  # three at once, either way, is allowed
        ([0, 3, 6, 2, 3, 4, 6, 9, 11], 1, 0, 1),  # 2 is four before 6; 3 is three before
        ([0, 3, 6, 9, 0, 0, 1, 2, 3, 6, 9, 11], 5, 0, 1),  # says it all again
        ([0, 3, 6, 0, 6, 7], 1, 0, 8 / 12),  # coming back to 6 is no skip
        ([0, 1, 5, 6], 0, 3, 7 / 12),  # 2, 3 and 4 are left out
        ([5, 6], 0, 4, 7 / 12),  # starts at 5: 1 to 4
        ([0, 0, 0], 0, 0, 1 / 12),  # stuck
    ],
)
def test_readings_by_hand(positions, jumps_back, skips, reach):
    assert measure(attention_jumps_back, positions) == jumps_back
    assert measure(attention_skips, positions) == skips
    assert measure(attention_reach, positions) == pytest.approx(reach)
    assert measure(attention_focus, positions) == 1


def test_tolerance_is_in_ids():
    alignment = np.eye(6)[[0, 2, 4, 2]]
    assert attention_skips(alignment, 4, 6, tolerance=1) == 2
    assert attention_jumps_back(alignment, 4, 6, tolerance=1) == 1


def test_focus_by_hand():
    assert attention_focus(torch.tensor([[0.2, 0.8], [0.6, 0.4]]), 2, 2) == pytest.approx(0.7)


@given(positions=st.lists(st.integers(0, 11), min_size=1, max_size=30))
def test_padding_is_not_read(positions):
    padded = np.full((40, 20), 9.0)
    padded[: len(positions), :12] = np.eye(12)[positions]
    for metric in ALL:
        assert metric(padded, len(positions), 12) == measure(metric, positions)


@given(positions=st.lists(st.integers(0, 11), min_size=1, max_size=30))
def test_waiting_changes_neither_skips_nor_reach(positions):
    slow = np.repeat(positions, 2)
    assert measure(attention_skips, slow) == measure(attention_skips, positions)
    assert measure(attention_reach, slow) == measure(attention_reach, positions)
    assert measure(attention_jumps_back, slow) == 2 * measure(attention_jumps_back, positions)


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize(
    ("shape", "n_frames", "n_ids"), [((3, 4), 5, 4), ((3, 4), 3, 5), ((3, 4), 0, 4), ((12,), 3, 4)]
)
def test_lengths_must_fit(metric, shape, n_frames, n_ids):
    message = (
        rf"{metric.__name__}: .*hold {n_frames} frames and {n_ids} ids, got shape \({shape[0]}"
    )
    with pytest.raises(AudioError, match=message):
        metric(np.ones(shape), n_frames, n_ids)
