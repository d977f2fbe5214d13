from copy import deepcopy

import pytest
import torch
from torch import nn

from tests.methods.test_recalibrate import said, spoken
from tests.networks import NETWORKS
from tts_compress.architectures.blocks import ConvStack
from tts_compress.architectures.fastspeech2 import FastSpeech2
from tts_compress.architectures.following import follow
from tts_compress.architectures.hifigan import HifiGan, HifiGanSettings
from tts_compress.errors import CheckpointError, RecipeError
from tts_compress.methods import Channels, Fold, Resize, Uniform
from tts_compress.methods.base import Context
from tts_compress.methods.rebuilding.folding import convolutions


def speech(model):
    found = spoken(3) if isinstance(model, FastSpeech2) else said(spoken(3))
    for sentence in found:
        object.__setattr__(sentence, "mel", sentence.mel.double())
    return found


def network(name):
    """A network whose batch norms do something, in float64."""
    model = NETWORKS[name]().double()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.1, 3)
            module.weight.data.uniform_(-1, 2)
            module.bias.data.uniform_(-1, 1)
    return model


def stack(eps=0.0):
    """The two channels of the docstring."""
    made = ConvStack(2, (2,), 1, activation="relu", last="relu").eval()
    conv, norm = made.convolutions[0][0].conv, made.convolutions[0][1]
    conv.weight.data = torch.tensor([[[1.0], [2.0]], [[4.0], [0.0]]])
    conv.bias.data = torch.tensor([0.0, 1.0])
    norm.weight.data = torch.tensor([3.0, 1.0])
    norm.bias.data = torch.tensor([1.0, 0.0])
    norm.running_mean[:] = torch.tensor([0.0, 3.0])
    norm.running_var[:] = torch.tensor([1.0, 4.0])
    norm.eps = eps
    return made, conv, norm


def test_two_channels_by_hand():
    made, conv, norm = stack()
    (pair,) = convolutions(made)
    pair.fold()
    assert conv.weight[..., 0].tolist() == [[3, 6], [2, 0]]
    assert conv.bias.tolist() == [1, -1]
    for own, was in nn.BatchNorm1d(2).state_dict().items():
        assert torch.equal(norm.state_dict()[own], was)


def test_eps_is_made_up_for():
    made, _, _ = stack(eps=0.5)
    x = torch.linspace(-2, 2, 10).reshape(1, 2, 5)
    before = made.convolve(x, torch.ones(1, 1, 5))
    for pair in convolutions(made):
        pair.fold()
    torch.testing.assert_close(made.convolve(x, torch.ones(1, 1, 5)), before)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_network_says_the_same(name):
    model = network(name)
    folded = deepcopy(model)
    changes = Fold()(folded, Context())
    assert [change.layer for change in changes] == Fold().selected(model)
    ours, theirs = (follow(m, speech(model)).mel_postnet for m in (folded, model))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)
    new = nn.BatchNorm1d(1)
    norms = [module for module in folded.modules() if isinstance(module, nn.BatchNorm1d)]
    for norm in norms:
        assert norm.state_dict().keys() == new.state_dict().keys()
        for own in ("weight", "bias", "running_mean", "running_var"):
            assert set(norm.state_dict()[own].tolist()) == set(new.state_dict()[own].tolist())
    assert len(changes) == 6 * len(norms)
    again = deepcopy(folded)
    Fold()(again, Context())
    for own, tensor in again.state_dict().items():
        torch.testing.assert_close(tensor, folded.state_dict()[own], rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["fastspeech2", "tacotron2"])
@pytest.mark.parametrize("first", [Fold, Resize])
def test_masked_channels_stay_zero_and_leave_before_or_after(name, first):
    model, ctx = network(name), Context()
    Channels(sparsity=0.5)(model, ctx)
    masked = deepcopy(model)
    zeros = {own: tensor == 0 for own, tensor in model.named_parameters() if tensor.dim() > 1}
    if first is Fold:
        Fold()(model, ctx)
        for own, zero in zeros.items():
            assert torch.equal(model.get_parameter(own) == 0, zero)
    Resize()(model, ctx)
    if first is Resize:
        Fold()(model, ctx)
    assert model.get_parameter("postnet.convolutions.0.0.conv.weight").shape[0] == 3
    ours, theirs = (follow(m, speech(model)).mel_postnet for m in (model, masked))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def test_a_channel_that_its_norm_silences_says_nothing():
    made, conv, norm = stack()
    norm.weight.data[:] = norm.bias.data[:] = 0
    for pair in convolutions(made):
        pair.fold()
    for tensor in (conv.weight, conv.bias, norm.weight):
        assert not tensor.any()
        assert not tensor.signbit().any()


def test_it_may_be_quantized_after():
    model, ctx = NETWORKS["fastspeech2"](), Context()
    Fold()(model, ctx)
    Uniform(bits=4)(model, ctx)
    assert "postnet.convolutions.0.0.conv.weight" in ctx.quantized


def test_errors_and_labels():
    model = HifiGan(HifiGanSettings())
    with pytest.raises(RecipeError, match=r"^fold: needs batch norms, got a hifigan, which has no"):
        Fold()(model, Context())
    model = NETWORKS["tacotron2"]()
    model.get_buffer("postnet.convolutions.0.1.running_mean")[0] = float("inf")
    message = r"^fold: 'postnet.convolutions.0.1.running_mean' is not finite, got 1 NaN"
    with pytest.raises(CheckpointError, match=message):
        Fold()(model, Context())
    assert (Fold().label, Fold().does) == ("folded", "folds")
