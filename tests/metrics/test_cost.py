import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from tts_compress.errors import TtsCompressError
from tts_compress.metrics.cost import (
    effective_macs_per_second,
    macs_per_second,
    n_nonzero,
    n_parameters,
    peak_memory_bytes,
    peak_rss_bytes,
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


def test_macs_per_second_are_pooled():
    assert macs_per_second([100, 500], [1.0, 2.0]) == 200
    assert effective_macs_per_second([100, 50], [1.0, 0.5]) == 100


@pytest.mark.parametrize(("counts", "seconds"), [([], []), ([1], [0.0]), ([1, 2], [1.0])])
def test_macs_per_second_of_no_audio(counts, seconds):
    message = rf"got {len(seconds)}, {len(counts)} and {sum(seconds)}\. Check the model spoke"
    with pytest.raises(TtsCompressError, match=f"effective_macs_per_second: .*{message}"):
        effective_macs_per_second(counts, seconds)


def test_peak_rss_is_of_this_process_alone():
    held = np.ones(40_000_000)
    code = (
        "from tts_compress.metrics.cost import peak_rss_bytes\n"
        "held = b'1' * 50_000_000\n"
        "print(peak_rss_bytes())"
    )
    child = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert 50_000_000 < int(child.stdout) < held.nbytes <= peak_rss_bytes()


def test_peak_memory_is_what_speaking_takes_for_a_while():
    held = np.ones(10_000_000)  # not counted, since it is there before

    def speak():
        once, twice = np.ones(4_000_000), np.ones(2_000_000)  # 48 MB at once
        del once
        return held[0] + np.ones(1_000_000)[0] + twice[0]

    np.ones(30_000_000)  # a higher peak before does not hide it
    assert 47e6 < peak_memory_bytes(speak) < 64e6  # the allocator may keep some of what is freed
    assert peak_memory_bytes(lambda: None) < 2e6


def test_peak_memory_is_not_a_number_where_no_process_may_reset_it(monkeypatch, tmp_path):
    monkeypatch.setattr("tts_compress.metrics.cost.CLEAR_REFS", Path(tmp_path / "none" / "refs"))
    assert math.isnan(peak_memory_bytes(lambda: None))
