"""Every measure has a label, a unit and words that say what it is."""

import re
from pathlib import Path

import pytest

import tts_compress
from tts_compress.metrics import METRICS
from tts_compress.metrics.naturalness import PREDICTORS
from tts_compress.report.measures import MEASURES, measure

PACKAGE = Path(tts_compress.__file__).parent
SCALES = {"fraction": ("%", 100), "bytes": ("MB", 1e-6), "weights": ("M", 1e-6), "dB": ("dB", 1)}


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_explained_as_it_is_taken(name):
    taken, said = METRICS[name], MEASURES[name]
    assert said.better == taken.better
    if taken.unit in SCALES and name != "sparsity":
        assert (said.unit, said.scale) == SCALES[taken.unit]


def test_every_record_of_a_run_is_explained():
    files = [*(PACKAGE / "metrics").glob("*.py"), PACKAGE / "pipeline.py"]
    names = {n for path in files for n in re.findall(r'take\(\s*"(\w+)"', path.read_text())}
    assert len(names) > 8
    names |= {name for predictor in PREDICTORS.values() for name in predictor.metrics}
    unknown = measure("unknown").explains
    assert [name for name in names if measure(name).explains == unknown] == []


def test_words_are_short_and_end():
    for name, said in MEASURES.items():
        assert said.explains.endswith("."), name
        assert len(said.explains) <= 190, name
        assert said.label == said.label.strip() != ""


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("real_time_factor_dense", "real-time factor (dense)"),
        ("mcd_dtw_db_noise", "mel-cepstral distortion (dense with another seed)"),
        ("f0_rmse_cents_to_recording", "F0 error (to recording)"),
        ("word_error_rate_recording", "word error rate (recording)"),
        ("some_new_measure", "some new measure"),
    ],
)
def test_endings_say_what_it_was_taken_against(name, label):
    assert measure(name).label == label


def test_what_nobody_described_keeps_its_unit():
    assert measure("kept_units", "units").shown(7) == "7.00 units"
    assert measure("kept_units").better == "none"
