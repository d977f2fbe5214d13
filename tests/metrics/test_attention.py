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
    early_stop,
    no_stop,
    repeats,
    skips,
)

ALL = [attention_focus, attention_jumps_back, attention_reach, attention_skips, repeats, skips]


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


def held(*positions):
    """Each position for three frames."""
    return np.repeat(positions, 3)


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        (held(*range(12)), 0),
        (held(0, 2, 4, 3, 5, 7, 9, 11), 0),  # back by one
        (held(0, 3, 6, 9, 5, 2, 3, 6, 9, 11), 1),  # 9 to 2, then on
        (held(0, 3, 6, 2, 6, 2, 6, 9, 11), 2),  # back by four and on by four, twice
        (held(0, 3, 6, 2, 5, 2, 5, 9, 11), 1),  # it is one return, until read on by four
        (held(0, 3, 6, 9, 0, 3, 6, 9, 0, 3, 6, 9, 11), 2),  # said three times
        (held(0, 3, 6, 9, 11, 7, 5, 3, 1), 0),  # back, and never on from there
        (held(0, 4, 8, 4, 0, 4, 8, 11), 1),  # in two steps back
    ],
)
def test_repeats_by_hand(positions, expected):
    assert measure(repeats, positions) == expected


def test_a_flick_of_attention_is_no_repeat():
    there_and_back = [0, 0, 0, 4, 4, 4, 8, 0, 0, 8, 8, 8, 11, 11, 11]  # two frames
    assert measure(repeats, there_and_back) == 0
    ahead = [0, 0, 0, 11, 11, 0, 1, 1, 1, 4, 4, 4]
    assert measure(repeats, ahead) == 0
    longer = [0, 0, 0, 4, 4, 4, 8, 8, 8, 0, 0, 0, 8, 8, 8]  # three
    assert measure(repeats, longer) == 1


@pytest.mark.parametrize("frames", [1, 2])
def test_a_flick_of_the_first_frames_is_no_repeat(frames):
    assert measure(repeats, [11] * frames + [0, 0, 0, 4, 4, 4, 8, 8, 8]) == 0
    assert measure(repeats, [11] * 3 + [0, 0, 0, 4, 4, 4, 8, 8, 8]) == 1  # was there, and went on


@pytest.mark.parametrize("positions", [[0], [9, 0], [9, 0, 9], [9, 0, 0, 9]])
def test_what_is_shorter_than_a_repeat_has_none(positions):
    assert measure(repeats, positions) == 0


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        (range(12), 0),
        ([0, 4, 8, 11], 0),  # three at a time are left out
        ([0, 1, 6, 11], 2),  # 2 to 5, 7 to 10
        ([4, 5, 6, 7, 8, 9, 10, 11], 1),  # begins at 4
        ([3, 5, 6, 7, 8, 9, 10, 11], 0),
        ([0, 1, 2], 0),  # the rest is no skip
        ([0, 9, 10, 11, 5, 2], 0),  # in any order: 3, 4 and 6 to 8
        ([0, 9, 10, 11, 5], 1),  # 1 to 4
    ],
)
def test_skips_by_hand(positions, expected):
    assert measure(skips, list(positions)) == expected


@pytest.mark.parametrize(
    ("positions", "stopped", "expected"),
    [
        ([0, 4, 8, 11], True, 0),
        ([0, 4, 8], True, 0),  # 9, 10 and 11 may be silent
        ([0, 4, 7], True, 1),
        ([0, 4, 7], False, 0),  # it was cut off, and would have gone on
        ([0, 9, 2], True, 0),
    ],
)
def test_early_stops_by_hand(positions, stopped, expected):
    alignment = np.eye(12)[positions]
    assert early_stop(alignment, len(positions), 12, stopped) == expected


def test_no_stop_is_what_was_cut_off():
    assert [no_stop(stopped) for stopped in (True, False)] == [0, 1]


@given(positions=st.lists(st.integers(0, 11), min_size=1, max_size=20))
def test_reading_in_order_repeats_nothing(positions):
    assert measure(repeats, sorted(positions)) == 0
    assert measure(skips, sorted(positions)) == measure(skips, positions)


@given(positions=st.lists(st.integers(0, 11), min_size=1, max_size=12))
def test_reading_twice_is_a_repeat_more(positions):
    once = held(*positions)
    twice = np.concatenate([once, held(11, 0), once])
    more = measure(repeats, twice) - 2 * measure(repeats, once)
    assert more >= (max(positions) > 3)
    assert measure(skips, twice) <= measure(skips, np.concatenate([once, [0, 11]]))


def test_tolerance_is_in_ids():
    alignment = np.eye(6)[[0, 2, 4, 2]]
    assert attention_skips(alignment, 4, 6, tolerance=1) == 2
    assert attention_jumps_back(alignment, 4, 6, tolerance=1) == 1
    assert skips(alignment, 4, 6, tolerance=0) == 2
    assert repeats(np.eye(6)[held(0, 4, 2, 4)], 12, 6, tolerance=1) == 1
    assert early_stop(alignment, 4, 6, True, tolerance=0) == 1


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
