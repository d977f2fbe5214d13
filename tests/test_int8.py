"""Layers on integers say what they say in float32, and only layers that gain by it are swapped."""

import io
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from torch import nn

from tts_compress.architectures.fastspeech2 import FastSpeech2, FastSpeech2Settings
from tts_compress.architectures.tacotron2 import Tacotron2, Tacotron2Settings
from tts_compress.architectures.transformer import BlockSettings
from tts_compress.errors import CheckpointError
from tts_compress.int8 import (
    LARGEST,
    Int8Conv1d,
    Int8Linear,
    Int8LSTMCell,
    Kept,
    keep_int8,
    rounded,
)
from tts_compress.methods import Uniform
from tts_compress.methods.base import Context
from tts_compress.plan import show_kept
from tts_compress.quantized import Codebook, Scaled
from tts_compress.quantized import Uniform as UniformForm

VNNI = pytest.mark.skipif(not torch.cpu._is_vnni_supported(), reason="no VNNI")


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


def form_of(weight: torch.Tensor) -> UniformForm:
    """A form of 8 bits with a scale a row, which the weight becomes, too."""
    matrix = weight.detach().flatten(1)
    scale = matrix.abs().amax(1, keepdim=True) / 127
    form = UniformForm((matrix / scale).round().short().reshape(weight.shape), scale)
    weight.copy_(form.dense())
    return form


def linear(levels: list[list[int]], scale: list[list[float]], bias: list[float]) -> Int8Linear:
    layer = nn.Linear(len(levels[0]), len(levels))
    layer.bias.copy_(torch.tensor(bias))
    form = UniformForm(torch.tensor(levels).short(), torch.tensor(scale))
    return Int8Linear(layer, {"weight": form})


def test_a_linear_layer_by_hand():
    layer = linear([[1, -2], [3, 0]], [[0.5], [1.0]], [1.0, 0.0])
    # 2 and 4 become 64 and 127 of 4 / 127: 64 - 254 = -190, and 3 * 64 = 192.
    said = layer(torch.tensor([[2.0, 4.0], [0.0, 0.0]]))
    assert said[0].tolist() == pytest.approx([1 - 190 * 0.5 * 4 / 127, 192 * 4 / 127])
    assert said[1].tolist() == [1.0, 0.0]


def test_one_scale_is_that_of_every_row():
    layer = linear([[127, 0], [-1, 1]], [[2.0]], [0.0, 0.0])
    assert layer(torch.tensor([[127.0, 0.0]])).tolist() == [[2 * 127 * 127, -2 * 127]]


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 40), st.floats(1e-6, 1e6))
def test_an_input_is_off_by_half_a_step_of_its_row_at_most(seed, n_rows, n_in, size):
    with torch.inference_mode():
        x = size * torch.randn(n_rows, n_in, generator=torch.Generator().manual_seed(seed))
        levels, scale = rounded(x)
        assert levels.abs().max() <= LARGEST
        assert ((levels * scale - x).abs() <= 0.5001 * scale).all()


def test_rows_do_not_change_each_other():
    layer = linear([[5, -7, 9]], [[0.1]], [0.0])
    x = torch.tensor([[0.1, 0.2, 0.3], [100.0, -50.0, 3.0]])
    assert torch.equal(layer(x), torch.cat([layer(row[None]) for row in x]))
    assert torch.equal(layer(x[None]), layer(x)[None])


def test_what_is_not_finite_stays_so():
    layer = linear([[1, 1]], [[1.0]], [0.0])
    assert not layer(torch.tensor([[torch.nan, 1.0]])).isfinite().any()
    assert not layer(torch.tensor([[torch.inf, 1.0]])).isfinite().any()


@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 1},
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": 5, "padding": 4, "dilation": 2, "bias": False},
        {"kernel_size": 4, "stride": 2, "padding": 1},
    ],
    ids=str,
)
def test_a_convolution_says_what_it_says_in_float32(settings):
    torch.manual_seed(0)
    layer = nn.Conv1d(6, 5, **settings)
    kept = Int8Conv1d(layer, {"weight": form_of(layer.weight)})
    x = torch.randint(-LARGEST, LARGEST + 1, (2, 6, 20)).float()
    x[:, 0, 0] = LARGEST  # so that the scale is 1, and nothing is rounded
    torch.testing.assert_close(kept(x), layer(x), rtol=1e-4, atol=1e-3)
    together, alone = kept(torch.cat((x[:1], 9 * x[1:]))), kept(9 * x[1:])
    assert torch.equal(together[1:], alone)


def test_an_lstm_cell_says_what_it_says_in_float32():
    torch.manual_seed(0)
    layer = nn.LSTMCell(7, 4)
    forms = {name: form_of(getattr(layer, name)) for name in ("weight_ih", "weight_hh")}
    kept = Int8LSTMCell(layer, forms)
    state = ours = torch.zeros(3, 4), torch.zeros(3, 4)
    for x in torch.randn(10, 3, 7):
        state, ours = layer(x, state), kept(x, ours)
    torch.testing.assert_close(ours, state, rtol=0, atol=0.02)
    nothing = torch.zeros(3, 7), ours
    torch.testing.assert_close(kept(*nothing), layer(*nothing), rtol=0, atol=0.004)


@pytest.fixture
def tacotron2():
    """A Tacotron2 with one LSTM cell of more than a million weights, quantized to 8 bits."""
    torch.manual_seed(0)
    small = {"embedding_dim": 16, "encoder_channels": (16,), "encoder_lstm_units": (8, 8)}
    small |= {"prenet_units": (8, 8), "attention_rnn_units": 512, "decoder_rnn_units": 8}
    small |= {"attention_dim": 8, "location_filters": 2, "postnet_channels": (256,)}
    model, context = Tacotron2(Tacotron2Settings(**small)).eval(), Context()
    Uniform(bits=8, range="minmax", exclude=("decoder.gate_layer.*",))(model, context)
    return model, context.quantized


@VNNI
def test_only_layers_that_gain_are_swapped(tacotron2):
    model, quantized = tacotron2
    names = [name for name, _ in model.named_modules()]
    report = {layer.layer: layer for layer in keep_int8(model, quantized)}
    assert {name for name, layer in report.items() if layer.why is None} == {
        "decoder.attention_rnn",
        "postnet.convolutions.0.0.conv",
        "postnet.convolutions.1.0.conv",
    }
    assert report["decoder.attention_rnn"] == Kept("decoder.attention_rnn", 2048 * 536, None)
    assert report["decoder.decoder_rnn"].why == "too small to be faster"
    assert report["encoder.lstm"].why == report["embedding"].why == "no int8 kernel"
    assert report["decoder.gate_layer.linear_layer"].why == "not of 8 bits"
    assert isinstance(model.decoder.attention_rnn, Int8LSTMCell)
    assert isinstance(model.postnet.convolutions[0][0].conv, Int8Conv1d)
    assert type(model.decoder.decoder_rnn) is nn.LSTMCell
    assert {name for name, _ in model.named_modules()} >= set(names)


@VNNI
def test_forms_that_torch_has_no_integers_for_run_in_float32(tacotron2):
    model, quantized = tacotron2
    shape = quantized["postnet.convolutions.0.0.conv.weight"].levels.shape
    levels = torch.ones(shape).short()
    zeros = torch.zeros(shape[0]).char(), torch.zeros(levels[0].numel()).char()
    others = {
        "groups of columns": UniformForm(levels, torch.ones(shape[0], 2)),
        "more than 8 bits": UniformForm(200 * levels, torch.ones(1, 1)),
        "columns of their own": Scaled(levels, torch.tensor(1.0), *zeros),
        "one column": UniformForm(levels[:, :1, :1], torch.ones(1, 1)),
        "a table": Codebook(levels, torch.tensor([[0.0, 1.0]])),
    }
    for form in others.values():
        forms = {**quantized, "postnet.convolutions.0.0.conv.weight": form}
        report = {layer.layer: layer.why for layer in keep_int8(model, forms)}
        assert report.get("postnet.convolutions.0.0.conv") == "not of 8 bits"


@VNNI
def test_a_fastspeech2_speaks_on_integers():
    torch.manual_seed(0)
    blocks = (BlockSettings(heads=1, head_dim=8, filter=512),)
    settings = FastSpeech2Settings(
        hidden=16, encoder=blocks, decoder=blocks, postnet_channels=(8,), n_symbols=20
    )
    model, context = FastSpeech2(settings).eval(), Context()
    Uniform(bits=8)(model, context)
    ids, lengths = torch.arange(1, 9)[None], torch.tensor([8])
    given = {"durations": torch.full((1, 8), 5), "pitch": torch.zeros(1, 8)}
    given["energy"] = given["pitch"]
    before = model(ids, lengths, **given).mel
    report = keep_int8(model, context.quantized)
    assert {layer.layer for layer in report if not layer.why} >= {
        "encoder.layer_stack.0.pos_ffn.w_1",
        "decoder.layer_stack.0.pos_ffn.w_1",
    }
    after = model(ids, lengths, **given).mel
    assert 0 < (after - before).abs().max() < 0.1 * before.abs().max()


@VNNI
def test_a_tacotron2_speaks_on_integers(tacotron2):
    model, quantized = tacotron2
    ids, lengths, steps = torch.arange(1, 9)[None], torch.tensor([8]), {"max_steps": 20}
    before = model.infer(ids, lengths, prenet_dropout=False, **steps).mel_postnet
    keep_int8(model, quantized)
    after = model.infer(ids, lengths, prenet_dropout=False, **steps).mel_postnet
    assert 0 < (after - before).abs().max() < 0.05 * before.abs().max()
    assert torch.equal(after, model.infer(ids, lengths, prenet_dropout=False, **steps).mel_postnet)


def test_it_runs_on_the_cpu_alone():
    with pytest.raises(CheckpointError, match=r"^int8: runs on the CPU alone, got 'meta'\. Use"):
        keep_int8(nn.Linear(2, 2, device="meta"), {})


def shown(report: list[Kept]) -> str:
    out = io.StringIO()
    show_kept(Path("a.ttsz"), report, Console(file=out, width=100))
    return out.getvalue()


def test_a_line_for_each_reason_names_the_largest_layers():
    report = [
        Kept("encoder.0.w", 1000, None),
        Kept("encoder.1.w", 2000, None),
        Kept("decoder", 4000, None),
        Kept("postnet.0.w", 500, None),
        Kept("postnet.1.w", 100, "no int8 kernel"),
        *(Kept(name, 5 + ord(name), "too small to be faster") for name in "abcde"),
    ]
    assert shown(report).splitlines() == [
        "a.ttsz:",
        "    4 layers, 7,500 weights in int8: decoder, encoder.*.w, postnet.0.w",
        "    1 layers, 100 weights in float32 (no int8 kernel): postnet.1.w",
        "    5 layers, 520 weights in float32 (too small to be faster): e, d, c, b, ...",
    ]


def test_a_file_without_8_bit_weights_has_one_line():
    assert shown([Kept("conv", 5, "not of 8 bits")]) == (
        "a.ttsz: runs in float32, since no layer has uniform weights of 8 bits or fewer with a "
        "scale for each row or for all. Quantize it with the method 'uniform'.\n"
    )
