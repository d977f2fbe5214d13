"""DNSMOS and Distill-MOS run with their real weights where the packages that bring them are
installed. What surrounds the networks, of the others too, runs with small ones of the same form."""

import sys
import warnings
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.metrics.onnx_files import mean_plus
from tts_compress.errors import ArtifactError, AudioError, ExtraError, TtsCompressError
from tts_compress.metrics.distillmos import SEGMENT, DistillMosNetwork, segmented
from tts_compress.metrics.naturalness import PREDICTORS, predictor
from tts_compress.metrics.predictors import Dnsmos, Nisqa

pytest.importorskip("onnxruntime")
RATE = 22050
TONE = (0.1 * np.sin(2 * np.pi * 220 * np.arange(RATE) / RATE)).astype(np.float32)


class Mean(nn.Module):
    """Gives the mean of a sound, plus 3."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=-1) + 3

    @torch.jit.export
    def score(self, x: torch.Tensor) -> torch.Tensor:
        return self.forward(x)


@pytest.fixture
def weights(tmp_path):
    """A folder with a small network for each predictor."""
    (tmp_path / "sig_bak_ovr.onnx").write_bytes(mean_plus((1, 144160), (1.0, 2.0, 3.0)))
    (tmp_path / "model_v8.onnx").write_bytes(mean_plus((1, "frames", 120), (2.0,)))
    (tmp_path / "nisqa.onnx").write_bytes(mean_plus((1, "n", 1, 48, 15), (80, 81, 82, 83, 84)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(Mean()).save(tmp_path / "utmos_scripted.pt")
    torch.manual_seed(0)
    network = DistillMosNetwork()  # of the right form, with weights that were never trained
    torch.save({"model": network.state_dict()}, tmp_path / "distill_mos_v7.pt")
    return tmp_path


@pytest.mark.parametrize("name", PREDICTORS)
def test_scores_are_those_that_are_named_and_repeat(name, weights):
    ours = predictor(name, weights)
    scores = ours(TONE, RATE)
    assert tuple(scores) == ours.metrics
    assert all(type(score) is float for score in scores.values())
    assert ours(torch.from_numpy(TONE), RATE) == scores
    assert all(metric.startswith(name) for metric in ours.metrics)


def test_dnsmos_maps_the_answers_of_its_network(weights):
    scores = predictor("dnsmos", weights)(np.zeros(RATE), RATE)
    # The answers are 1, 2 and 3: each polynomial by hand.
    assert scores["dnsmos_sig"] == pytest.approx(-0.08397278 + 1.22083953 + 0.0052439)
    assert scores["dnsmos_bak"] == pytest.approx(-0.13166888 * 4 + 1.60915514 * 2 - 0.39604546)
    assert scores["dnsmos_ovrl"] == pytest.approx(-0.06766283 * 9 + 1.11546468 * 3 + 0.04602535)
    # Silence is as loud as its loudest: 0 dB, which is 1 on the scale; and 2.
    assert scores["dnsmos_p808"] == pytest.approx(3)


@pytest.mark.parametrize(
    ("seconds", "parts"),
    [(1, 7), (9.01, 1), (10, 1), (10.5, 1), (11, 2), (14.02, 5), (20, 7)],
)
def test_dnsmos_repeats_short_sound_and_cuts_long_sound(weights, seconds, parts):
    # One second is doubled to 16, which has room for 7 parts; each starts a second after the last.
    found = Dnsmos(weights)._parts(np.arange(int(seconds * 16000), dtype=np.float32))
    assert [len(part) for part in found] == [144160] * parts
    assert all(later[0] == found[0][16000 * n] for n, later in enumerate(found) if n < 8)


def test_dnsmos_is_that_of_its_authors():
    peer = pytest.importorskip("speechmos.dnsmos")
    sound = np.random.default_rng(0).normal(size=16000 * 11).astype(np.float32).clip(-4, 4) / 20
    ours, theirs = predictor("dnsmos")(sound, 16000), peer.run(sound, 16000)
    for metric, name in zip(ours, ("sig_mos", "bak_mos", "ovrl_mos", "p808_mos"), strict=True):
        assert ours[metric] == pytest.approx(float(theirs[name]), abs=1e-6)


def test_distillmos_is_that_of_its_authors():
    if find_spec("distillmos") is None:
        pytest.skip("needs the package distillmos")
    time = np.arange(16000 * 3) / 16000
    sound = 0.2 * np.sin(2 * np.pi * 150 * time) * np.sin(2 * np.pi * 3 * time)
    # What distillmos 0.9.1 gives, through its own code: benchmarks/measure_agreement.py.
    assert predictor("distillmos")(sound, 16000) == {"distillmos": pytest.approx(1.3896, abs=1e-3)}


@settings(deadline=None)
@given(beyond=st.integers(1, 50000))
def test_segments_of_distillmos_cover_the_sound(beyond):
    found = segmented(torch.arange(float(SEGMENT + beyond)))
    starts = found[:, 0].int().tolist()
    assert (starts[0], starts[-1]) == (0, beyond)
    assert all(0 < later - earlier <= 16001 for earlier, later in pairwise(starts))
    assert torch.equal(found[0], segmented(torch.arange(float(SEGMENT)))[0])


def test_utmos_hears_sound_at_16_khz(weights):
    assert predictor("utmos", weights)(np.full(RATE, 0.25), RATE) == {
        "utmos": pytest.approx(3.25, abs=1e-2)
    }
    assert predictor("utmos", weights)(TONE[:500], RATE) == {}


def test_nisqa_names_its_scores_in_order(weights):
    scores = predictor("nisqa", weights)(np.zeros(RATE), RATE)
    assert list(scores.values()) == pytest.approx([0, 1, 2, 3, 4], abs=1e-4)  # silence is -80 dB
    assert predictor("nisqa", weights)(np.zeros(2000), RATE) == {}


@settings(max_examples=20, deadline=None)
@given(frames=st.integers(15, 60))
def test_segments_of_nisqa_are_windows_of_its_mel(frames):
    sound = np.random.default_rng(frames).normal(size=(frames - 1) * 480).astype(np.float32)
    segments = Nisqa.segments(sound)
    assert segments.shape == ((frames - 15) // 4 + 1, 1, 48, 15)
    for one, following in pairwise(segments):
        assert np.array_equal(one[0, :, 4:], following[0, :, :-4])


def test_a_file_may_be_named_instead_of_its_folder(weights):
    file = weights / "nisqa.onnx"
    assert predictor("nisqa", file)(TONE, RATE) == predictor("nisqa", str(weights))(TONE, RATE)


@pytest.mark.parametrize(
    ("name", "file", "source"),
    [
        ("utmos", "utmos_scripted.pt", "https://huggingface.co/Blinorot/UTMOS-PyTorch"),
        ("nisqa", "nisqa.onnx", "https://huggingface.co/TigreGotico/nisqa-onnx"),
        (
            "distillmos",
            "distill_mos_v7.pt",
            r"the package distillmos \(pip install --no-deps distillmos\)",
        ),
    ],
)
def test_missing_weights_say_where_they_are(name, file, source, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)  # where it happens to be installed
    message = rf"^{name}: its weights are missing, got None\. Get {file} from {source}, and give"
    with pytest.raises(TtsCompressError, match=message):
        predictor(name)
    with pytest.raises(TtsCompressError, match=rf"are missing, got '{tmp_path / file}'\. Get"):
        predictor(name, tmp_path)


def test_dnsmos_without_speechmos_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "speechmos", None)
    message = r"^speechmos: .* missing, got 'speechmos'\. .*: pip install tts-compress\[mos\]\.$"
    with pytest.raises(ExtraError, match=message):
        predictor("dnsmos")
    with pytest.raises(TtsCompressError, match=r"sig_bak_ovr.onnx from https://github.com/microso"):
        predictor("dnsmos", tmp_path)


def test_without_onnx_runtime(monkeypatch, weights):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ExtraError, match=r"extra 'mos' is missing.*pip install tts-compress\[mos"):
        predictor("nisqa", weights)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nisqa", r"^nisqa\.onnx: must be a network in ONNX form, got '.*'\. Get the file again\."),
        ("distillmos", r"^distillmos: must be the weights of Distill-MOS v7, got '.*'\. Get dist"),
        ("utmos", r"^utmos: must be a TorchScript file, got '.*'\. Get utmos_scripted\.pt from"),
    ],
)
def test_other_files_are_refused(name, message, tmp_path):
    for file in ("nisqa.onnx", "utmos_scripted.pt", "distill_mos_v7.pt"):
        (tmp_path / file).write_text("404: not found")
    with pytest.raises(ArtifactError, match=message):
        predictor(name, tmp_path)


def test_a_nisqa_of_another_kind_is_refused(tmp_path):
    (tmp_path / "nisqa.onnx").write_bytes(mean_plus((1, "n", 1, 48, 15), (80,)))
    with pytest.raises(ArtifactError, match=r"must give 5 scores, got 1\. Use the weights nisqa"):
        predictor("nisqa", tmp_path)(TONE, RATE)


@pytest.mark.parametrize("wav", [np.zeros(0), np.zeros((2, 9)), np.array([np.nan])])
def test_what_is_no_sound_is_refused(wav, weights):
    with pytest.raises(AudioError, match=r"predictors: sound must be .*, got shape \(.*\)\. Give"):
        predictor("utmos", weights)(wav, RATE)


def test_an_unknown_name_is_refused():
    message = r"no such predictor, got 'dnsmoz'\. Did you mean 'dnsmos'\? Known: distillmos, dn"
    with pytest.raises(TtsCompressError, match=message):
        predictor("dnsmoz")


def test_another_package_adds_one(tmp_path, monkeypatch):
    """A real installed package: a module and its metadata on the path."""
    (tmp_path / "loudest.py").write_text(
        "class Loudest:\n"
        "    metrics = ('loudest',)\n"
        "    def __init__(self, weights):\n"
        "        self.weights = weights\n"
        "    def __call__(self, wav, sample_rate):\n"
        "        return {'loudest': float(max(wav))}\n"
    )
    info = tmp_path / "loudest-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: loudest\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tts_compress.predictors]\nloudest = loudest:Loudest\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = predictor("loudest", "weights")
    assert found([0.1, 0.4, 0.2], RATE) == {"loudest": 0.4}
    assert found.weights == Path("weights")
