import json
import math
from dataclasses import asdict, replace

import pytest

from tts_compress.errors import CheckpointError, TtsCompressError
from tts_compress.training.settings import TrainSettings, check_resumable, learning_rate

SETTINGS = TrainSettings("tacotron2", steps=100, warmup=10, learning_rate=0.5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"architecture": "tacotron"}, r"architecture: unknown, got 'tacotron'\. Did you mean 'ta"),
        ({"architecture": "hifigan"}, r"architecture: unknown, got 'hifigan'\. Known: fastspeech2"),
        ({"size": "smal"}, r"size: unknown, got 'smal'\. Did you mean 'small'\? Known: full, smal"),
        ({"precision": "float16"}, r"precision: unknown, got 'float16'\. Did you mean 'bfloat16'"),
        ({"steps": 0}, r"steps: too small, got 0\. Use 1 or more"),
        ({"batch_size": -1}, r"batch_size: too small, got -1"),
        ({"n_validation": 0}, r"n_validation: too small, got 0"),
        ({"learning_rate": 0.0}, r"learning_rate: no positive number, got 0\.0"),
        ({"learning_rate": math.nan}, r"learning_rate: no positive number, got nan"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(wrong, message):
    with pytest.raises(TtsCompressError, match=message):
        TrainSettings(**{"architecture": "tacotron2", **wrong})


def test_the_learning_rate_rises_to_its_peak_and_falls_to_a_hundredth():
    rates = [learning_rate(step, SETTINGS) for step in range(101)]
    assert rates[0] == 0.05
    assert max(rates) == rates[9] == rates[10] == 0.5
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    # Half way down the cosine: (1 + 0.01) / 2 of the peak.
    assert rates[55] == pytest.approx(0.5 * 0.505)
    assert rates[100] == pytest.approx(0.005)
    assert learning_rate(1000, SETTINGS) == pytest.approx(0.005)


@pytest.fixture
def started(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(asdict(SETTINGS)))
    return path


def test_steps_learning_rate_threads_and_precision_may_change(started):
    changed = replace(
        SETTINGS, steps=200, learning_rate=1e-4, warmup=0, threads=2, precision="bfloat16"
    )
    check_resumable(changed, started)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"architecture": "fastspeech2"}, "started with 'tacotron2', got 'fastspeech2'"),
        ({"size": "full"}, "size: this training was started with 'small', got 'full'"),
        ({"batch_size": 8}, "batch_size: this training was started with 12, got 8"),
        ({"n_validation": 8}, "n_validation: this training was started with 64, got 8"),
        ({"seed": 1}, "seed: .* Use the same, or train into another folder"),
    ],
)
def test_another_network_or_another_split_cannot_go_on(started, changed, message):
    with pytest.raises(CheckpointError, match=message):
        check_resumable(replace(SETTINGS, **changed), started)


@pytest.mark.parametrize("contents", ["", "{", "3", None])
def test_unreadable_settings_are_one_clear_line(started, contents):
    if contents is None:
        started.unlink()
    else:
        started.write_text(contents)
    with pytest.raises(CheckpointError, match=r"settings.json: cannot tell how this training was"):
        check_resumable(SETTINGS, started)
