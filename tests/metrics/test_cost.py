import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from torch import nn

from tts_compress.errors import TtsCompressError
from tts_compress.metrics.cost import (
    n_nonzero,
    n_parameters,
    peak_rss_bytes,
    real_time_factor,
    sparsity,
    state_dict_bytes,
)


@pytest.fixture
def model():
    """20 + 4 weights of a layer, 4 + 4 of a norm with 4 + 4 running values and one counter."""
    return nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4))


def test_state_is_weights_and_running_values_in_float32(model):
    assert state_dict_bytes(model) == 4 * (20 + 4 + 4 + 4 + 4 + 4)
    assert state_dict_bytes(model.half()) == 4 * 40


def test_a_shared_weight_counts_once():
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    model[1].weight = model[0].weight
    assert state_dict_bytes(model) == 4 * 9
    assert n_parameters(model) == n_nonzero(model) == 9
    model[0].weight.data[0] = 0
    assert sparsity(model, ["1.weight"]) == pytest.approx(1 / 3)


def test_weights_are_counted(model):
    model[0].weight.data[:2] = 0
    model[0].bias.data[:] = 1
    assert n_parameters(model) == 32
    assert n_nonzero(model) == 32 - 10 - 4  # the norm's bias starts at 0
    assert sparsity(model, ["0.weight"]) == 0.5
    assert sparsity(model, ["0.weight", "0.bias"]) == 10 / 24
    assert sparsity(model, ["0.bias"]) == 0


def test_sparsity_of_unknown_names(model):
    with pytest.raises(TtsCompressError, match=r"got '0\.wieght'\. Did you mean '0\.weight'\?"):
        sparsity(model, ["0.weight", "0.wieght"])
    with pytest.raises(TtsCompressError, match=r"needs at least one parameter, got \[\]"):
        sparsity(model, [])


def test_real_time_factor_is_the_median_and_restores_threads(monkeypatch):
    threads = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    clock = iter([0.0, 1.0, 10.0, 13.0, 20.0, 90.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    calls = []
    assert real_time_factor(lambda: calls.append(len(threads)), 6.0, repeats=3) == 0.5
    assert calls == [1, 1, 1, 1]
    assert threads == [1, 7]


def test_threads_are_restored_after_an_error(monkeypatch):
    threads = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    monkeypatch.setattr(torch, "set_num_threads", threads.append)

    def fails():
        raise RuntimeError("mute")

    with pytest.raises(RuntimeError, match="mute"):
        real_time_factor(fails, 1.0)
    assert threads == [1, 7]


@pytest.mark.parametrize(("seconds", "repeats"), [(0.0, 5), (1.0, 0)])
def test_nothing_to_time_is_refused(seconds, repeats):
    with pytest.raises(TtsCompressError, match=rf"got {seconds} and {repeats}\. Check that"):
        real_time_factor(lambda: None, seconds, repeats)


def test_peak_memory_is_of_this_process_alone():
    held = np.ones(40_000_000)
    code = (
        "from tts_compress.metrics.cost import peak_rss_bytes\n"
        "held = b'1' * 50_000_000\n"
        "print(peak_rss_bytes())"
    )
    child = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert 50_000_000 < int(child.stdout) < held.nbytes <= peak_rss_bytes()
