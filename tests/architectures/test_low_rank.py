import copy

import pytest
import torch
from torch import nn

from tests.networks import tacotron2
from tts_compress.architectures.bidirectional_lstm import BidirectionalLSTM
from tts_compress.architectures.checkpoints import build, load_model, save_voice
from tts_compress.architectures.fastspeech2 import FastSpeech2, FastSpeech2Settings
from tts_compress.architectures.hifigan import HifiGan, HifiGanSettings, ResblockSettings
from tts_compress.architectures.low_rank import factor
from tts_compress.architectures.reading import SETTINGS
from tts_compress.errors import CheckpointError
from tts_compress.methods.selection import groups_of

LENGTHS = torch.tensor([6, 3])


def product(f, name):
    return {name: f[f"{name}_u"] @ f[f"{name}_v"]}


def gates(f, name):
    us = [f[f"{name}_u_{gate}"] for gate in "ifgo"]
    parts = torch.split(f[f"{name}_v"], [u.shape[1] for u in us])
    return {name: torch.cat([u @ v for u, v in zip(us, parts, strict=True)])}


def joint(f, direction=""):
    u = f[f"weight{direction}_u"]
    names = [f"weight_{part}{direction}" for part in ("ih", "hh")]
    return {name: u @ f[f"{name}_v"] for name in names}


LAYERS = {
    "linear": (lambda: nn.Linear(4, 6), {"0.weight": 2}, lambda f: product(f, "weight")),
    "convolution": (
        lambda: nn.Conv1d(3, 5, 3, padding=2, dilation=2),
        {"0.weight": 2},
        lambda f: {"weight": torch.einsum("or,rik->oik", f["weight_u"][..., 0], f["weight_v"])},
    ),
    "transposed": (
        lambda: nn.ConvTranspose1d(4, 6, 4, 2, padding=1),
        {"0.weight": 3},
        lambda f: {"weight": torch.einsum("rok,ri->iok", f["weight_u"], f["weight_v"][..., 0])},
    ),
    "inputs of a cell": (
        lambda: nn.LSTMCell(3, 4),
        {"0.weight_ih": 2},
        lambda f: product(f, "weight_ih"),
    ),
    "states of a cell": (
        lambda: nn.LSTMCell(3, 4),
        {"0.weight_hh": 2},
        lambda f: product(f, "weight_hh"),
    ),
    "both of a cell": (
        lambda: nn.LSTMCell(3, 4),
        {"0.weight_ih": 2, "0.weight_hh": 3},
        lambda f: product(f, "weight_ih") | product(f, "weight_hh"),
    ),
    "jointly": (lambda: nn.LSTMCell(3, 4), {"0.weight": 3}, joint),
    "gates": (
        lambda: nn.LSTMCell(3, 4),
        {"0.weight_ih": (1, 2, 1, 3), "0.weight_hh": 2},
        lambda f: gates(f, "weight_ih") | product(f, "weight_hh"),
    ),
    "two directions": (
        lambda: BidirectionalLSTM(3, (4, 5)),
        {"0.weight_l0": 2, "0.weight_hh_l0_reverse": (1, 1, 2, 3)},
        lambda f: joint(f, "_l0") | gates(f, "weight_hh_l0_reverse"),
    ),
}


def arguments(layer):
    """What a layer of this kind hears; positions come where it has them."""
    generator = torch.Generator().manual_seed(1)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    if isinstance(layer, nn.Linear):
        return (draw(2, 6, layer.in_features),)
    if isinstance(layer, nn.LSTMCell):
        return draw(2, layer.input_size), (draw(2, layer.hidden_size), draw(2, layer.hidden_size))
    if isinstance(layer, BidirectionalLSTM):
        return draw(2, 6, layer.weight_ih_l0.shape[1]), LENGTHS
    return (draw(2, layer.in_channels, 6),)


@pytest.mark.parametrize("kind", LAYERS)
def test_factors_say_what_their_product_says(kind):
    make, ranks, products = LAYERS[kind]
    torch.manual_seed(0)
    whole = nn.Sequential(make()).double()
    low = copy.deepcopy(whole)
    factor(low, ranks)
    factors = dict(low[0].named_parameters())
    for name, weight in products(factors).items():
        whole[0].get_parameter(name).data = weight.detach()
        assert name not in factors
    heard = arguments(whole[0])
    for ours, theirs in zip(low[0](*heard), whole[0](*heard), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def test_all_else_of_a_layer_stays_what_it_was():
    low = nn.Sequential(nn.Linear(4, 6), nn.LSTMCell(2, 3))
    bias, states = low[0].bias, low[1].weight_hh
    factor(low, {"0.weight": 1, "1.weight_ih": 1})
    assert low[0].bias is bias
    assert low[1].weight_hh is states
    assert low[0].weight_v.shape == (1, 4)
    assert low[0].weight_u.shape == (6, 1)


@pytest.mark.parametrize(
    ("ranks", "message"),
    [
        ({"7.weight": 1}, "no layer has the weight '7.weight'"),
        ({"2.weight": 1}, "'2.weight' cannot have factors of rank 1"),
        ({"0.bias": 1}, "'0.bias' cannot have factors"),
        ({"0.weight": (1, 1, 1, 1)}, r"'0.weight' cannot have factors of rank \(1, 1, 1, 1\)"),
        ({"1.bias_ih": 1}, "the LSTM has no weight 'bias_ih' for rank 1"),
        ({"1.weight": (1, 1, 1, 1)}, "the LSTM has no weight 'weight' for rank"),
        ({"1.weight_ih": 1, "1.weight": 1}, "the LSTM has no weight 'weight' for rank 1"),
    ],
)
def test_weights_that_cannot_have_factors(ranks, message):
    layers = nn.Sequential(nn.Linear(4, 6), nn.LSTMCell(2, 3), nn.Embedding(4, 4))
    with pytest.raises(ValueError, match=f"^ranks: {message}"):
        factor(layers, ranks)


NETWORKS = {
    "tacotron2": tacotron2(
        ranks={
            "encoder.lstm.weight_l0": 2,
            "decoder.attention_rnn.weight_ih": 3,
            "decoder.decoder_rnn.weight_hh": (1, 2, 1, 2),
            "decoder.linear_projection.linear_layer.weight": 2,
            "postnet.convolutions.0.0.conv.weight": 2,
        },
    ),
    "fastspeech2": FastSpeech2(
        FastSpeech2Settings(
            n_mels=5,
            hidden=8,
            encoder=(),
            decoder=(),
            postnet_channels=(6,),
            ranks={
                "mel_linear.weight": 2,
                "variance_adaptor.pitch_predictor.conv_layer.conv1d_1.conv.weight": 3,
            },
        )
    ),
    "hifigan": HifiGan(
        HifiGanSettings(
            channels=(6, 4),
            upsample_rates=(2,),
            upsample_kernels=(4,),
            resblocks=(ResblockSettings(dilations=(1,), inner=(4,)),),
            ranks={"ups.0.weight": 2, "conv_pre.weight": 2},
        )
    ),
}


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_voices_and_settings_keep_the_ranks(network, tmp_path):
    settings = network.settings
    assert type(settings).from_dict(settings.to_dict()) == settings
    save_voice(tmp_path / "voice", network, dtype=torch.float32)
    found = load_model(tmp_path / "voice")
    assert found.settings == settings
    for name, tensor in network.state_dict().items():
        assert torch.equal(found.state_dict()[name], tensor)


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_public_checkpoints_keep_the_ranks(network, tmp_path):
    torch.save(
        {network.public_key: network.state_dict(), SETTINGS: network.settings.to_dict()},
        tmp_path / "public.pt",
    )
    assert load_model(tmp_path / "public.pt").settings == network.settings


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_factors_are_in_the_groups_of_their_weights(network):
    whole = groups_of(type(network)(network.settings.model_copy(update={"ranks": {}})))
    low = groups_of(network)
    new = low.keys() - whole.keys()
    assert len(new) >= 2 * len(network.settings.ranks)
    for name in new:
        weight = name.rpartition("_u")[0] or name.removesuffix("_v")
        assert low[name] == whole[weight.replace("weight_l0", "weight_ih_l0")] != ()


def test_settings_without_factors_do_not_speak_of_them():
    assert "ranks" not in HifiGanSettings().to_dict()


def test_settings_of_ranks_that_cannot_be():
    with pytest.raises(CheckpointError, match=r"^s: ranks\.ups\.0\.weight.* got 0\."):
        HifiGanSettings.from_dict({"ranks": {"ups.0.weight": 0}}, "s")
    with pytest.raises(CheckpointError, match=r"^f: no hifigan can .* \(ranks: no layer has the"):
        build(HifiGanSettings(ranks={"x.weight": 1}), {}, "f")
