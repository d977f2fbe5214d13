"""Multiply-accumulates, counted by hand, by torch's own counter, and by formula."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from tests.networks import golden_network
from tts_compress.architectures.bidirectional_lstm import BidirectionalLSTM
from tts_compress.architectures.fastspeech2 import FastSpeech2
from tts_compress.architectures.location_attention import Attention
from tts_compress.architectures.tacotron2 import Tacotron2
from tts_compress.architectures.transformer import BlockSettings, SelfAttention
from tts_compress.errors import TtsCompressError
from tts_compress.metrics.cost import Macs, effective_macs, macs
from tts_compress.metrics.macs import layer_macs, sentence_macs


def counted(layer, *inputs):
    return layer_macs(layer, lambda: layer(*inputs))


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (nn.Linear(3, 2), (4, 5, 3), 4 * 5 * 3 * 2),
        (nn.Conv1d(3, 2, 5, padding=2), (1, 3, 7), 7 * 2 * 3 * 5),
        (nn.Conv1d(4, 6, 3, stride=2, groups=2), (2, 4, 9), 2 * 4 * 6 * (4 // 2) * 3),
        (nn.ConvTranspose1d(3, 2, 4, stride=2), (1, 3, 7), 7 * 3 * 2 * 4),
        (nn.LSTMCell(3, 2), (5, 3), 5 * 4 * 2 * (3 + 2)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_a_layer_as_by_hand(layer, shape, expected):
    assert counted(layer, torch.zeros(shape)) == {"": Macs(expected, expected)}
    with torch.no_grad():
        for weight in layer.parameters():
            weight.view(-1)[::2] = 0  # every second weight
            weight.view(-1)[1::2] = 1
    assert counted(layer, torch.zeros(shape)) == {"": Macs(expected, expected // 2)}


def test_each_direction_of_an_lstm_has_its_own_width():
    lstm = BidirectionalLSTM(3, (2, 5))
    expected = 7 * (4 * 2 * (3 + 2) + 4 * 5 * (3 + 5))
    assert counted(lstm, torch.zeros(1, 7, 3), torch.tensor([7])) == {"": Macs(expected, expected)}
    lstm.weight_ih_l0.data.zero_()
    less = expected - 7 * 4 * 2 * 3
    assert counted(lstm, torch.zeros(1, 7, 3), torch.tensor([7])) == {"": Macs(expected, less)}


def test_attention_of_each_position_to_each():
    attention = SelfAttention(8, BlockSettings(heads=3, head_dim=4), 0.0)
    for weight in (attention.w_qs.weight, attention.w_ks.weight):
        weight.data.zero_()  # products of activations count all the same
    layers = counted(attention, torch.zeros(1, 5, 8), torch.ones(1, 5, dtype=torch.bool))
    rows = 5 * 8 * 12
    assert layers == {
        "w_qs": Macs(rows, 0),
        "w_ks": Macs(rows, 0),
        "w_vs": Macs(rows, rows),
        "fc": Macs(rows, rows),
        "": Macs(2 * 5 * 5 * 3 * 4, 2 * 5 * 5 * 3 * 4),
    }


def test_attention_of_a_frame_to_the_symbols():
    attention = Attention(6, memory_dim=4, dim=3, location_filters=2, location_kernel=5)
    memory, keys = torch.zeros(1, 7, 4), torch.zeros(1, 7, 3)
    padding = torch.zeros(1, 7, dtype=torch.bool)
    layers = counted(attention, torch.zeros(1, 6), memory, keys, torch.zeros(1, 2, 7), padding)
    assert {name: count.dense for name, count in layers.items()} == {
        "query_layer.linear_layer": 6 * 3,
        "location_layer.location_conv.conv": 7 * 2 * 2 * 5,
        "location_layer.location_dense.linear_layer": 7 * 2 * 3,
        "v.linear_layer": 7 * 3,
        "": 7 * 4,
    }


def test_what_is_looked_up_normed_or_added_is_free():
    model = nn.Sequential(nn.Embedding(5, 4), nn.LayerNorm(4), nn.ReLU(), nn.Linear(4, 1))
    assert counted(model, torch.zeros(1, 3, dtype=torch.long)) == {"3": Macs(12, 12)}


def test_a_layer_without_a_rule_is_refused():
    with pytest.raises(
        TtsCompressError, match=r"no rule counts the layer '1', got a 'GRU'\. Known"
    ):
        counted(nn.Sequential(nn.Linear(1, 1), nn.GRU(1, 1)), torch.zeros(1, 1))


def test_the_network_is_left_as_it_was():
    model = nn.Sequential(nn.Conv1d(1, 1, 1), nn.BatchNorm1d(1))
    model[0].eval()
    counted(model, torch.ones(1, 1, 4))
    assert [module.training for module in model.modules()] == [True, False, True]
    assert model[1].num_batches_tracked == 0
    assert not any(module._forward_hooks for module in model.modules())


def pass_of(model, n_ids, n_frames):
    """A teacher-forced pass over all frames, or one in durations that differ."""
    ids, lengths = torch.ones(1, n_ids, dtype=torch.long), torch.tensor([n_ids])
    if isinstance(model, Tacotron2):
        mel = torch.zeros(1, model.settings.n_mels, n_frames)
        return lambda: model(ids, lengths, mel, torch.tensor([n_frames]))
    durations = torch.bincount(torch.arange(n_frames) % n_ids, minlength=n_ids)[None]
    return lambda: model(ids, lengths, durations=durations)


@pytest.fixture(scope="module")
def fastspeech2():
    return golden_network("fastspeech2")


@pytest.fixture(scope="module")
def tacotron2():
    model = golden_network("tacotron2")
    model.decoder.attention_rnn.weight_hh.data[::3] = 0
    model.postnet.convolutions[0][0].conv.weight.data[1:] = 0
    return model


@settings(max_examples=10, deadline=None)
@given(n_ids=st.integers(1, 20), n_frames=st.integers(1, 40))
def test_two_frames_of_a_tacotron2_say_what_all_would(tacotron2, n_ids, n_frames):
    full = layer_macs(tacotron2, pass_of(tacotron2, n_ids, n_frames))
    assert sentence_macs(tacotron2, n_ids, n_frames) == full
    assert effective_macs(full) < macs(full)


@pytest.mark.parametrize(("n_ids", "n_frames"), [(1, 1), (7, 50), (50, 7)])
def test_a_fastspeech2_as_torch_counts_it(fastspeech2, n_ids, n_frames):
    speak = pass_of(fastspeech2, n_ids, n_frames)
    with FlopCounterMode(display=False) as flops, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        speak()
    layers = sentence_macs(fastspeech2, n_ids, n_frames)
    assert macs(layers) == flops.get_total_flops() / 2
    assert layers == layer_macs(fastspeech2, speak)


def test_a_vocoder_as_torch_counts_it():
    model = golden_network("hifigan")
    mel = torch.zeros(1, 80, 5)
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        model(mel)
    assert macs(layer_macs(model, lambda: model(mel))) == flops.get_total_flops() / 2


def test_the_published_tacotron2():
    model = Tacotron2()
    layers = sentence_macs(model, 40, 200)
    of_input = ("location_", "memory_layer", "v.linear_layer")
    per_frame = sum(
        count.dense
        for name, count in layers.items()
        if name.startswith("decoder.") and name != "decoder.attention_layer"
        if not any(part in name for part in of_input)
    )
    step = (
        (80 * 256 + 256 * 256)  # prenet
        + 4 * 1024 * (768 + 1024)  # attention LSTM
        + 1024 * 128  # query
        + 4 * 1024 * (1536 + 1024)  # decoder LSTM
        + 1536 * 80  # projection
        + 1536  # gate
    )
    assert per_frame == 200 * step
    assert round(step / 1e6, 1) == 18.2
    look = 40 * (31 * 2 * 32 + 32 * 128 + 128 + 512)  # over the input, each frame
    encoder = 40 * (3 * 512 * 512 * 5 + 2 * 4 * 256 * (512 + 256) + 512 * 128)
    postnet = 200 * 5 * (80 * 512 + 3 * 512 * 512 + 512 * 80)
    assert macs(layers) == 200 * (step + look) + encoder + postnet


def test_the_published_fastspeech2():
    n_ids, n_frames = 40, 200

    def block(length):
        return length * (4 * 256 * 256 + 2 * length * 256 + 256 * 1024 * (9 + 1))

    variance = 3 * n_ids * (2 * 256 * 256 * 3 + 256)
    postnet = 5 * (80 * 512 + 3 * 512 * 512 + 512 * 80)
    expected = 4 * block(n_ids) + variance + 6 * block(n_frames) + n_frames * (256 * 80 + postnet)
    layers = sentence_macs(FastSpeech2(), n_ids, n_frames)
    assert macs(layers) == expected


@pytest.mark.parametrize(("n_ids", "n_frames"), [(0, 5), (5, 0)])
def test_nothing_that_was_spoken(fastspeech2, n_ids, n_frames):
    with pytest.raises(TtsCompressError, match=rf"one frame, got {n_ids} and {n_frames}\. Leave"):
        sentence_macs(fastspeech2, n_ids, n_frames)


def test_a_vocoder_reads_no_text():
    model = golden_network("hifigan")
    with pytest.raises(TtsCompressError, match="macs: reads no text, got 'hifigan'"):
        sentence_macs(model, 1, 1)
