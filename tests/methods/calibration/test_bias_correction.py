from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.methods.test_recalibrate import said, spoken
from tests.networks import NETWORKS, golden_network
from tts_compress.architectures.fastspeech2 import FastSpeech2
from tts_compress.architectures.following import follow
from tts_compress.architectures.low_rank import factor
from tts_compress.errors import RecipeError
from tts_compress.methods import Magnitude, Uniform
from tts_compress.methods.base import Context
from tts_compress.methods.calibration.affine import affine_maps
from tts_compress.methods.calibration.bias_correction import corrected_biases
from tts_compress.methods.calibration.calibrating import SpokenPositions, hooked, walk
from tts_compress.methods.calibration.refit import AffineRefit


def speech(model):
    if isinstance(model, FastSpeech2):
        return spoken(3)
    return [replace(s, mel=s.mel.to(next(model.parameters()))) for s in said(spoken(3))]


def context(model):
    return Context(say=lambda: speech(model))


def means(model, name, positions):
    """Means of what a layer says of the calibration sentences, where there is data."""
    found = []

    def hook(_layer, _heard, output):
        output = output.transpose(1, 2) if isinstance(_layer, nn.Conv1d) else output
        found.append(output[positions(name, len(found))])

    with hooked(model, {name: hook}), torch.no_grad():
        follow(model, speech(model))
    return torch.cat(found).double().mean(0)


def test_biases_by_hand():
    before = nn.Sequential(nn.Linear(3, 2))
    before[0].weight.data = torch.tensor([[4.0, 3.0, -1.0], [0.0, 1.0, -6.0]])
    before[0].bias.data = torch.tensor([0.5, -2.0])
    model = deepcopy(before)
    model[0].weight.data = torch.tensor([[3.5, 3.5, 0.0], [0.0, 0.0, -6.0]])
    (own,), (was,) = (affine_maps(network[0]) for network in (model, before))
    fit = AffineRefit("uniform", "0", own, was, kept=None, ridge=0.0)
    x, data = torch.tensor([[[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]]), torch.ones(1, 2).bool()
    walk(model, before, {"0": [fit]}, lambda network: network(x), lambda *_: data)
    assert model[0].bias.tolist() == [-0.5, -1]  # sums of rows are 7 and -6 in place of 6 and -5


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_corrected_layers_say_the_mean_that_they_said(make):
    dense = make().double()
    plain, corrected = deepcopy(dense), deepcopy(dense)
    Uniform(bits=2)(plain, context(dense))
    Uniform(bits=2, bias_correction=True)(corrected, context(dense))
    names = ["encoder.convolutions.0.0.conv"]
    if isinstance(dense, FastSpeech2):
        names = ["encoder.layer_stack.0.slf_attn.w_qs", "decoder.layer_stack.0.pos_ffn.w_2"]
    for name in names:
        positions = SpokenPositions.of(dense, speech(dense))
        was, without, now = (means(m, name, positions) for m in (dense, plain, corrected))
        assert (without - was).abs().max() > 1e-2
        torch.testing.assert_close(now, was, rtol=0, atol=1e-6)


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_only_biases_beside_quantized_weights_move(make):
    model, ctx = make(), context(make())
    weight = next(n for n, m in model.named_modules() if isinstance(m, nn.Conv1d)) + ".weight"
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    method = Uniform(bits=2, include=[weight], bias_correction=True)
    changes = method(model, ctx)
    bias = weight.replace("weight", "bias")
    changed = [n for n, tensor in model.state_dict().items() if not torch.equal(tensor, before[n])]
    assert method.selected(model) == changed == [change.layer for change in changes]
    assert changed == [weight, bias]
    assert list(ctx.quantized) == [weight]


def test_weights_without_a_bias_cannot_be_corrected():
    model = NETWORKS["fastspeech2"]()
    method = Uniform(bits=2, include=["encoder.src_word_emb.weight"], bias_correction=True)
    message = r"^uniform: bias_correction needs layers with biases, got none beside 'encoder\.src_w"
    with pytest.raises(RecipeError, match=message):
        method.selected(model)


def test_lstms_have_one_bias_a_direction_that_moves():
    layers = nn.ModuleDict({"cell": nn.LSTMCell(2, 3), "bare": nn.Linear(2, 2, bias=False)})
    assert corrected_biases(layers, {"cell.weight_ih", "bare.weight"}) == ["cell.bias_ih"]
    assert corrected_biases(NETWORKS["tacotron2"](), {"encoder.lstm.weight_hh_l0_reverse"}) == [
        "encoder.lstm.bias_ih_l0_reverse"
    ]


def test_vectors_are_quantized_after_they_are_corrected_and_once():
    model = NETWORKS["fastspeech2"]()
    plain, corrected = context(model), context(model)
    first, second = deepcopy(model), deepcopy(model)
    end = ["mel_linear.*", "postnet.*"]
    Uniform(bits=3, vectors=True, include=end)(first, plain)
    Uniform(bits=3, vectors=True, include=end, bias_correction=True)(second, corrected)
    assert plain.quantized.keys() == corrected.quantized.keys()
    name = "mel_linear.bias"
    assert not torch.equal(first.get_parameter(name), second.get_parameter(name))
    assert torch.equal(corrected.quantized[name].dense(), second.get_parameter(name))
    ctx = context(model)
    Uniform(bits=3, include=[name])(model, ctx)
    before = model.get_parameter(name).clone()
    Uniform(bits=3, bias_correction=True)(model, ctx)
    assert torch.equal(model.get_parameter(name), before)


def test_what_is_corrected_is_beside_what_this_stage_quantizes():
    model, ctx = NETWORKS["fastspeech2"](), context(NETWORKS["fastspeech2"]())
    Uniform(bits=3, exclude=["mel_linear.weight"])(model, ctx)
    changes = Uniform(bits=3, bias_correction=True)(model, ctx)
    assert [change.layer for change in changes] == ["mel_linear.weight", "mel_linear.bias"]


def test_a_vocoder_is_corrected_too():
    model = golden_network("hifigan")
    before = model.get_parameter("conv_post.bias").clone()
    mels = [replace(s, mel=torch.randn(80, 9)) for s in spoken(2)]
    Uniform(bits=3, bias_correction=True)(model, Context(say=lambda: mels))
    assert not torch.equal(model.get_parameter("conv_post.bias"), before)


def test_pruned_biases_stay_zero():
    model = NETWORKS["fastspeech2"]()
    Magnitude(sparsity=0.5, include=["mel_linear.weight", "mel_linear.bias"])(model, Context())
    assert (model.mel_linear.bias == 0).any()
    model.mel_linear.weight.data[model.mel_linear.bias == 0] = 0
    zero = model.mel_linear.bias == 0
    Uniform(bits=3, bias_correction=True)(model, context(model))
    assert torch.equal(model.mel_linear.bias == 0, zero)


def test_it_needs_sentences():
    message = "^uniform: needs calibration sentences, got none"
    with pytest.raises(RecipeError, match=message):
        Uniform(bits=3, bias_correction=True)(NETWORKS["tacotron2"](), Context())


@pytest.mark.parametrize(
    ("ranks", "corrected"),
    [
        ({}, ["0.bias_ih"]),
        ({"0.weight": 2}, ["0.bias_ih"]),
        ({"0.weight_ih": 2, "0.weight_hh": 2}, ["0.bias_ih"]),
        ({"0.weight_ih": (1, 1, 2, 1)}, []),  # and those of weight_hh, which is whole
    ],
    ids=["whole", "jointly", "weights", "gates"],
)
def test_biases_of_lstms_with_factors(ranks, corrected):
    model = nn.Sequential(nn.LSTMCell(3, 2))
    factor(model, ranks)
    weights = {name for name, p in model.named_parameters() if p.dim() > 1}
    assert corrected_biases(model, weights) == corrected
