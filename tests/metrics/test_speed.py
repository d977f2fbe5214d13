import time

import pytest
import torch

from tts_compress.errors import TtsCompressError
from tts_compress.metrics.speed import real_time_factor, speedup, take_turns


@pytest.fixture
def threads(monkeypatch):
    """What the number of threads is set to, one after another; it is 7 at first."""
    set_to = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    return set_to


@pytest.fixture
def clock(monkeypatch):
    """Makes a call take as long as it says."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


def speaker(name, took, clock, calls, threads):
    def speak():
        calls.append((name, len(threads)))
        clock[0] += next(took)

    return speak


def test_networks_take_turns_on_one_thread(threads, clock):
    calls = []
    ours = speaker("ours", iter([9.0, 1.0, 2.0, 4.0]), clock, calls, threads)
    dense = speaker("dense", iter([9.0, 8.0, 8.0, 64.0]), clock, calls, threads)
    assert take_turns((ours, 2.0), (dense, 4.0), at_least=3) == [[0.5, 1.0, 2.0], [2.0, 2.0, 16.0]]
    assert calls == [("ours", 1), ("dense", 1)] * 4
    assert threads == [1, 7]


@pytest.mark.parametrize(("took", "turns"), [(0.25, 8), (2.0, 3), (0.01, 10)])
def test_short_speech_has_more_turns(threads, clock, took, turns):
    def speak():
        clock[0] += took

    (factors,) = take_turns((speak, 1.0), at_least=3, at_most=10, seconds=2.0)
    assert len(factors) == turns


def test_threads_are_restored_after_an_error(threads):
    def fails():
        raise RuntimeError("mute")

    with pytest.raises(RuntimeError, match="mute"):
        take_turns((fails, 1.0))
    assert threads == [1, 7]


def test_a_ratio_is_of_pairs():
    assert real_time_factor([0.5, 9.0, 0.25]) == 0.5
    # each pair says 2, though the machine was ten times slower at the end
    assert speedup([0.1, 0.1, 1.0], [0.2, 0.2, 2.0]) == 2


def test_nothing_to_time_is_refused():
    with pytest.raises(TtsCompressError, match=r"got \[1\.0, 0\.0\] and 5\. Check that the model"):
        take_turns((lambda: None, 1.0), (lambda: None, 0.0))
    with pytest.raises(TtsCompressError, match=r"at least 1 turn, got \[1\.0\] and 0"):
        take_turns((lambda: None, 1.0), at_least=0)
    with pytest.raises(TtsCompressError, match=r"got \[\] and 5"):
        take_turns()


def test_turns_without_a_pair_are_refused():
    with pytest.raises(TtsCompressError, match=r"speedup: both networks .*, got 1 and 2\. Time"):
        speedup([0.1], [0.1, 0.2])
    with pytest.raises(TtsCompressError, match="speedup: needs at least one turn, got none"):
        speedup([], [])
    with pytest.raises(TtsCompressError, match="real_time_factor: needs at least one turn"):
        real_time_factor([])
