"""The method on tiny networks: what it leaves, what it spares, and what it says when it cannot."""

import pytest
import torch
from pydantic import ValidationError

from tests.networks import golden_network, speeches
from tts_compress.architectures.following import follow
from tts_compress.encodings import Item, entropy_bytes
from tts_compress.errors import CheckpointError, RecipeError
from tts_compress.methods.base import Context
from tts_compress.methods.rate_aware import RateAware
from tts_compress.synthesis import Speech

ARCHITECTURES = ("tacotron2", "fastspeech2", "hifigan")


def context():
    return Context(say=lambda: list(speeches()))


def quantized(architecture, **settings):
    model, ctx = golden_network(architecture), context()
    changes = RateAware(**settings)(model, ctx)
    return model, ctx, changes


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_all_that_is_trained_is_made_of_integers(architecture):
    model, ctx, changes = quantized(architecture, rate_weight=0.01)
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    assert [change.layer for change in changes] == names == list(ctx.quantized)
    for name, form in ctx.quantized.items():
        assert torch.equal(form.dense(), model.get_parameter(name))
    assert changes[0].stats["n_zero"] == int((ctx.quantized[names[0]].levels == 0).sum())


@pytest.mark.parametrize("architecture", ["tacotron2", "fastspeech2"])
def test_a_dearer_bit_gives_fewer_bytes_and_other_speech(architecture):
    dense, spoken = golden_network(architecture), list(speeches())
    with torch.no_grad():
        wanted = follow(dense, spoken).mel_postnet
    sizes, errors = [], []
    for rate_weight in (1e-6, 1.0):
        model, ctx, _ = quantized(architecture, rate_weight=rate_weight)
        sizes.append(entropy_bytes([Item(form.dense(), form) for form in ctx.quantized.values()]))
        with torch.no_grad():
            errors.append(float((follow(model, spoken).mel_postnet - wanted).square().mean()))
    assert sizes == sorted(sizes, reverse=True)
    assert errors[0] < 0.1 * errors[1]


def test_what_it_leaves_out():
    model = golden_network("fastspeech2")
    names = RateAware(include=("duration",), vectors=False).selected(model)
    assert names
    assert all(name.endswith("weight") and "duration" in name for name in names)
    rest = RateAware(exclude=("mel_linear.*",)).selected(model)
    assert "mel_linear.bias" not in rest
    assert "encoder.position_enc" not in rest
    assert "postnet.convolutions.0.1.bias" in rest


def test_what_an_earlier_stage_quantized_is_left_alone():
    model, ctx = golden_network("fastspeech2"), context()
    first = RateAware(include=("mel_linear.weight",), rate_weight=1e-9)(model, ctx)
    kept = model.mel_linear.weight.clone()
    second = RateAware(rate_weight=1.0)(model, ctx)
    assert [change.layer for change in first] == ["mel_linear.weight"]
    assert "mel_linear.weight" not in {change.layer for change in second}
    assert torch.equal(model.mel_linear.weight, kept)
    with pytest.raises(RecipeError, match="rate_aware: earlier stages quantized all"):
        RateAware()(model, ctx)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_sentence_of_which_nothing_is_said_is_passed_over(architecture):
    spoken = list(speeches())
    empty = Speech("", spoken[0].ids, spoken[0].mel[:, :0], durations=torch.zeros(4).long())
    model, ctx = golden_network(architecture), Context(say=lambda: [empty, *spoken])
    RateAware()(model, ctx)
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_what_says_nearly_nothing_becomes_zero():
    model = golden_network("fastspeech2")
    convolution, norm = model.postnet.convolutions[-1]
    norm.weight.data *= 1e-20
    RateAware()(model, context())
    assert not convolution.conv.weight.any()
    assert norm.bias.any()


def test_it_leaves_training_as_it_was():
    model, ctx = golden_network("fastspeech2").train(), context()
    RateAware()(model, ctx)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_its_messages():
    model = golden_network("fastspeech2")
    with pytest.raises(RecipeError, match="rate_aware: needs calibration sentences, got none"):
        RateAware()(model, Context())
    with pytest.raises(RecipeError, match="rate_aware: the dense network says nothing"):
        RateAware()(model, Context(say=lambda: []))
    model.encoder.src_word_emb.weight.data[:] = 1e30
    with pytest.raises(
        CheckpointError, match=r"rate_aware: what '.*' changes in what is said .*Na"
    ):
        RateAware()(model, context())
    with pytest.raises(ValidationError, match=r"rate_weight\n.*less than or equal to 1000000"):
        RateAware(rate_weight=1e300)
    model.mel_linear.weight.data[0, 0] = torch.nan
    with pytest.raises(CheckpointError, match=r"rate_aware: 'mel_linear.weight' is not finite"):
        RateAware()(model, context())


def test_label():
    assert RateAware(rate_weight=0.003).label == "rate_aware 0.003"
