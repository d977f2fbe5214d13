"""Scores of units, by hand and by moving the units themselves."""

import pytest
import torch

from tests.networks import golden_network, speeches
from tts_compress.architectures.couplings import Coupling, columns, rows
from tts_compress.errors import RecipeError
from tts_compress.methods.base import Context
from tts_compress.methods.calibration.sensitivity import SEED, random_signs, said
from tts_compress.methods.masking import mask
from tts_compress.methods.pruning import scores as module
from tts_compress.methods.pruning.scores import calibrated, magnitude, scores
from tts_compress.methods.structured import Channels, Heads, Units

ARCHITECTURES = ("tacotron2", "fastspeech2")


def network(architecture):
    return golden_network(architecture).double()


def test_magnitudes_are_norms_of_all_weights_of_a_unit():
    tensors = {
        "a.weight": torch.tensor([[3.0, 4.0], [0.0, 1.0]]),
        "a.bias": torch.tensor([100.0, 100.0]),
        "b.weight": torch.tensor([[12.0, 0.0]]),
    }
    coupling = Coupling("a", "units", 2, (*rows("a"), columns("b")), ("a",))
    l2 = magnitude(tensors, coupling, 2)  # 13 and 1, by their root mean square
    assert l2.tolist() == pytest.approx([13 / 85**0.5, 1 / 85**0.5])
    l1 = magnitude(tensors, coupling, 1)  # 19 and 1
    assert l1.tolist() == pytest.approx([19 / 181**0.5, 1 / 181**0.5])


def test_a_layer_of_zeros_has_scores_of_zero():
    coupling = Coupling("a", "units", 2, rows("a"), ("a",))
    tensors = {"a.weight": torch.zeros(2, 2), "a.bias": torch.ones(2)}
    assert magnitude(tensors, coupling, 2).tolist() == [0, 0]


def test_the_scale_of_a_batch_norm_is_a_score():
    model = network("tacotron2")
    scale = model.get_parameter("postnet.convolutions.0.1.weight")
    scale.data[:] = torch.linspace(-2, 1, len(scale))
    method = Channels(keep=1, include=("postnet.convolutions.0",), score="batchnorm")
    (found,) = scores(method, model, Context())
    assert torch.equal(found, scale.detach().abs())


def test_sensitivity_is_the_slope_of_a_mask_on_a_head():
    model, step = network("fastspeech2"), 1e-6
    found = calibrated(model, list(speeches(dtype=torch.float64)), "sensitivity")
    generator = torch.Generator().manual_seed(SEED)
    signs = [random_signs(said(model, s), generator) for s in speeches(dtype=torch.float64)]

    def signed_sums():
        for speech, factors in zip(speeches(dtype=torch.float64), signs, strict=True):
            outputs = said(model, speech)
            yield sum(float((o.detach() * f).sum()) for o, f in zip(outputs, factors, strict=True))

    for coupling in model.couplings():
        if coupling.kind != "heads":
            continue
        reader = coupling.members[-1]
        weight = model.get_parameter(reader.tensor)
        for unit in range(coupling.n_units):
            own = reader.indices(torch.tensor([unit]), coupling.n_units)
            kept = weight.detach().clone()
            sums = []
            for factor in (1 + step, 1 - step):
                weight.data[:, own] = kept[:, own] * factor
                sums.append(list(signed_sums()))
            weight.data.copy_(kept)
            slopes = [abs(up - down) / (2 * step) for up, down in zip(*sums, strict=True)]
            expected = sum(slopes) / len(slopes)
            assert float(found[coupling.name][unit]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("score", ["taylor", "sensitivity"])
def test_a_unit_that_is_masked_scores_zero_and_another_more(architecture, score):
    model = network(architecture)
    couplings = [c for c in model.couplings() if c.kind != "fixed"]
    for coupling in couplings:
        gone = torch.zeros(coupling.n_units, dtype=torch.bool)
        gone[0] = True
        mask(model.state_dict(), coupling, gone)
    found = calibrated(model, list(speeches(dtype=torch.float64)), score)
    assert found.keys() == {c.name for c in couplings}
    for values in found.values():
        assert float(values[0]) == 0
    assert sum(float(values.sum()) for values in found.values()) > 0


def test_calibrated_scores_are_taken_once_for_a_sweep(monkeypatch):
    taken = []
    monkeypatch.setattr(module, "calibrated", lambda *a: taken.append(a) or calibrated(*a))
    ctx = Context(say=lambda: list(speeches(dtype=torch.float64)))
    for keep in (1, 2):
        Heads(keep=keep, score="sensitivity")(network("fastspeech2"), ctx)
    assert len(taken) == 1
    Units(sparsity=0.5, score="taylor")(network("fastspeech2"), ctx)
    assert len(taken) == 2


def test_without_speech_nothing_is_scored():
    with pytest.raises(RecipeError, match=r"^heads: the dense network says nothing of the calib"):
        Heads(keep=1, score="taylor")(network("fastspeech2"), Context(say=list))
