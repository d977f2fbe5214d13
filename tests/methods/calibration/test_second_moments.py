"""Mean squares of what layers read, by hand and against the layers themselves."""

import pytest
import torch
from torch import nn

from tests.networks import golden_network, speeches
from tts_compress.architectures.bidirectional_lstm import BidirectionalLSTM
from tts_compress.errors import CheckpointError, RecipeError
from tts_compress.methods.calibration.second_moments import (
    mean_squares,
    second_moments,
    weight_moments,
)

ARCHITECTURES = ("tacotron2", "fastspeech2", "hifigan")


def everywhere(name, call):
    return torch.ones(1, 3, dtype=torch.bool)


def test_a_linear_layer_reads_its_inputs_but_not_padding():
    model = nn.Sequential(nn.Linear(2, 1))
    x = torch.tensor([[[1.0, 2.0], [3.0, 0.0], [9.0, 9.0]]])
    found = mean_squares(model, lambda m: m(x), lambda *_: torch.tensor([[True, True, False]]))
    assert {name: squares.tolist() for name, squares in found.items()} == {"0.weight": [5, 2]}


def test_a_convolution_reads_each_tap():
    model = nn.Sequential(nn.Conv1d(1, 1, 3, padding=1))
    x = torch.tensor([[[1.0, 2.0, 4.0]]])
    found = mean_squares(model, lambda m: m(x), everywhere)
    assert found["0.weight"].tolist() == pytest.approx([(1 + 4) / 3, (1 + 4 + 16) / 3, 20 / 3])


def test_a_transposed_convolution_reads_zeros_between_its_inputs():
    model = nn.Sequential(nn.ConvTranspose1d(2, 3, 4, stride=2, padding=1))
    x = torch.tensor([[[1.0, 2.0, 4.0], [1.0, 0.0, 0.0]]])  # 3 positions in, 6 out
    found = mean_squares(model, lambda m: m(x), lambda *_: torch.ones(1, 6, dtype=torch.bool))
    # Output 2 i + k - 1 hears input i by tap k: neither the first by tap 0 nor the last by 3.
    expected = [(4 + 16) / 6, 21 / 6, 21 / 6, (1 + 4) / 6, 0, 1 / 6, 1 / 6, 1 / 6]
    assert found["0.weight"].tolist() == pytest.approx(expected)


def test_both_directions_of_an_lstm_read_inputs_and_states():
    torch.manual_seed(0)
    layer = BidirectionalLSTM(2, (3, 1))
    model, x = nn.Sequential(layer), torch.randn(1, 3, 2)
    y = layer(x, torch.tensor([3]))[0].double()
    found = mean_squares(model, lambda m: m[0](x, torch.tensor([3])), everywhere)
    ahead, back = y[:2, :3].square().sum(0) / 3, y[1:, 3:].square().sum(0) / 3
    torch.testing.assert_close(found["0.weight_hh_l0"], ahead)
    torch.testing.assert_close(found["0.weight_hh_l0_reverse"], back)
    torch.testing.assert_close(found["0.weight_ih_l0"], x[0].double().square().mean(0))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_weight_but_embeddings_is_read(architecture):
    model = golden_network(architecture).train()
    found = weight_moments(model, list(speeches()), "codebook")
    shapes = {
        name: tensor.shape
        for name, tensor in model.named_parameters()
        if tensor.requires_grad and tensor.dim() > 1 and "emb" not in name
    }
    assert {name: squares.shape for name, squares in found.items()} == shapes
    assert all(s.dtype == torch.float64 and (s >= 0).all() for s in found.values())
    assert model.training


def test_a_sentence_counts_as_it_would_alone():
    model = golden_network("fastspeech2")
    short, long = speeches()
    both = second_moments(model, [short, long], "codebook")
    one, other = (second_moments(model, [speech], "codebook") for speech in (short, long))
    for name in ("mel_linear.weight", "decoder.layer_stack.0.slf_attn.w_qs.weight"):
        mean = (one[name] * 8 + other[name] * 10) / 18  # frames
        torch.testing.assert_close(both[name], mean, rtol=1e-4, atol=1e-8)


def test_bad_speech_and_weights_are_told():
    model = golden_network("fastspeech2")
    with pytest.raises(RecipeError, match=r"^wanda: .* got 0 sentences of 0 frames in all"):
        second_moments(model, [], "wanda")
    model.mel_linear.weight.data[0, 0] = torch.nan
    with pytest.raises(CheckpointError, match=r"^wanda: what 'postnet.* is not finite, got \d+"):
        second_moments(model, list(speeches()), "wanda")
