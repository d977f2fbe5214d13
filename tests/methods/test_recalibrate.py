from copy import deepcopy
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn

from tests.networks import NETWORKS, fastspeech2
from tts_compress import load_model
from tts_compress.architectures.bidirectional_lstm import BidirectionalLSTM
from tts_compress.architectures.fastspeech2 import FastSpeech2
from tts_compress.architectures.following import follow
from tts_compress.architectures.hifigan import HifiGan, HifiGanSettings, ResblockSettings
from tts_compress.architectures.tacotron2 import Tacotron2
from tts_compress.errors import CheckpointError, RecipeError
from tts_compress.methods import Channels, Heads, Magnitude, Resize, Units
from tts_compress.methods.base import Context
from tts_compress.methods.calibration.affine import affine_maps, kept
from tts_compress.methods.calibration.calibrating import SpokenPositions, refits, walk
from tts_compress.methods.calibration.sums import Moments
from tts_compress.methods.recalibrate import Recalibrate
from tts_compress.synthesis import Speech

ROOT = Path(__file__).parents[2]
EXACT = 1e-9  # a ridge that hardly pulls


def recalibrate(model, dense, speak, positions, ridge):
    walk(model, dense, refits(model, dense, ridge), speak, positions)


def everywhere(x):
    """Positions of a batch without padding."""
    return lambda name, call: torch.ones(x.shape[:2], dtype=torch.bool)


def uniform(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)).double() * 2 - 1


class Chain(nn.Module):
    """Three layers with ReLU between them."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(2, 3), nn.Linear(3, 2), nn.Linear(2, 2)
        self.double()

    def forward(self, x):
        return self.c(torch.relu(self.b(torch.relu(self.a(x)))))


def test_the_weights_that_stay_take_over_those_of_an_equal_channel():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.makes, self.reads = nn.Linear(2, 2), nn.Linear(2, 2)
            self.makes.weight.data = torch.tensor([[1.0, -2.0], [1.0, -2.0]])
            self.makes.bias.data = torch.tensor([0.5, 0.5])
            self.reads.weight.data = torch.tensor([[2.0, 1.0], [1.0, 4.0]])

        def forward(self, x):
            return self.reads(torch.tanh(self.makes(x)))

    dense = Two()
    pruned = deepcopy(dense)
    pruned.makes.weight.data[1] = pruned.makes.bias.data[1] = pruned.reads.weight.data[:, 1] = 0
    x = uniform(2, 10, 2).float()
    recalibrate(pruned, dense, lambda network: network(x), everywhere(x), EXACT)
    torch.testing.assert_close(pruned.reads.weight.data, torch.tensor([[3.0, 0.0], [5.0, 0.0]]))
    assert pruned.makes.weight.tolist() == [[1, -2], [0, 0]]
    assert pruned.makes.bias.tolist() == [0.5, 0]
    torch.testing.assert_close(pruned(x), dense(x))


def test_least_squares_are_those_of_numpy_where_nothing_pulls():
    x, y = uniform(50, 3), uniform(50, 2, seed=1)
    moments = Moments()
    moments.add(x[:20], y[:20])
    moments.add(x[20:], y[20:])
    weight, bias = moments.solve(torch.ones(2, 3), 1e-14, intercept=True)
    expected = torch.linalg.lstsq(torch.cat((x, torch.ones(50, 1)), 1), y).solution
    torch.testing.assert_close(torch.cat((weight.T, bias[None])), expected)
    weight, bias = moments.solve(torch.ones(2, 3), 1e-14, intercept=False)
    torch.testing.assert_close(weight.T, torch.linalg.lstsq(x, y).solution)
    assert bias.tolist() == [0, 0]


def test_the_ridge_pulls_towards_the_weights_that_are():
    moments = Moments()
    moments.add(torch.tensor([[1.0], [-1.0]]), torch.tensor([[3.0], [-3.0]]))
    # Sum of squares 2 (w - 3)^2, and 1 * 2 * (w - 1)^2: the minimum is half way.
    assert moments.solve(torch.tensor([[1.0]]), 1.0, intercept=True)[0].item() == pytest.approx(2)
    assert moments.solve(torch.tensor([[1.0]]), 1e9, intercept=True)[0].item() == pytest.approx(1)


def test_a_layer_that_never_hears_anything_keeps_its_weights():
    moments = Moments()
    moments.add(torch.zeros(4, 2), torch.ones(4, 1))
    weight, bias = moments.solve(torch.tensor([[1.0, 2.0]]), 0.01, intercept=True)
    assert (weight.tolist(), bias.tolist()) == ([[1, 2]], [1])


def test_biases_bring_every_mean_back_through_refitted_layers():
    torch.manual_seed(0)
    dense, x = Chain(), uniform(4, 30, 2)
    pruned = deepcopy(dense)
    for layer in (pruned.a, pruned.b, pruned.c):
        layer.weight.data[0, 0] = 0
    recalibrate(pruned, dense, lambda network: network(x), everywhere(x), EXACT)
    for depth in (1, 2, 3):

        def said(network, depth=depth):
            y = network.a(x)
            y = network.b(torch.relu(y)) if depth > 1 else y
            y = network.c(torch.relu(y)) if depth > 2 else y
            return y.mean((0, 1))

        torch.testing.assert_close(said(pruned), said(dense), rtol=0, atol=1e-12)
    assert [layer.weight[0, 0].item() for layer in (pruned.a, pruned.b, pruned.c)] == [0, 0, 0]


def test_padding_counts_nowhere():
    torch.manual_seed(0)
    dense, x = Chain(), uniform(2, 30, 2)
    pruned = deepcopy(dense)
    pruned.a.weight.data[1], pruned.a.bias.data[1], pruned.b.weight.data[:, 1] = 0, 0, 0
    other = deepcopy(pruned)
    data = torch.ones(2, 30, dtype=torch.bool)
    recalibrate(pruned, dense, lambda network: network(x), lambda *_: data, 0.01)
    data, padded = torch.cat((data, ~data), 1), torch.cat((x, 99 * x), 1)
    recalibrate(other, dense, lambda network: network(padded), lambda *_: data, 0.01)
    for ours, theirs in zip(pruned.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_pruned_biases_and_dead_rows_stay_zero_and_live_zeros_move():
    dense = nn.Linear(1, 4).double()
    dense.weight.data[:] = 1
    dense.bias.data = torch.tensor([1.0, 0.0, 0.0, 1.0]).double()
    pruned = deepcopy(dense)
    pruned.bias.data[0] = 0  # a pruned bias
    pruned.weight.data[1] = 0  # a dead row
    pruned.weight.data[2] = 0.5
    pruned.weight.data[3] = 0  # a row of zeros whose bias was left
    x = torch.tensor([[[1.0], [3.0]]]).double()
    recalibrate(pruned, dense, lambda network: network(x), everywhere(x), EXACT)
    assert pruned.bias.tolist() == [0, 0, 1, 3]


def test_convolutions_are_fitted_on_all_taps():
    dense = nn.Sequential(nn.Conv1d(2, 2, 1), nn.Tanh(), nn.Conv1d(2, 3, 3, padding=1)).double()
    dense[0].weight.data[1] = dense[0].weight.data[0]
    dense[0].bias.data[1] = dense[0].bias.data[0]
    pruned = deepcopy(dense)
    pruned[0].weight.data[1], pruned[0].bias.data[1], pruned[2].weight.data[:, 1] = 0, 0, 0
    x = uniform(3, 2, 40)
    recalibrate(pruned, dense, lambda net: net(x), everywhere(x.transpose(1, 2)), EXACT)
    torch.testing.assert_close(pruned[2].weight[:, 0], dense[2].weight.sum(1), rtol=1e-6, atol=1e-6)
    assert not pruned[2].weight[:, 1].any()


def test_batch_norms_say_the_old_mean_and_deviation_of_channels_that_live():
    torch.manual_seed(0)
    dense = nn.Sequential(nn.Conv1d(2, 3, 1, bias=False), nn.BatchNorm1d(3)).double().eval()
    dense[1].running_mean.uniform_(-1, 1)
    dense[1].running_var.uniform_(0.5, 2)
    pruned = deepcopy(dense)
    pruned[0].weight.data[0, 0] = 0
    pruned[0].weight.data[1] = pruned[1].weight.data[1] = pruned[1].bias.data[1] = 0
    x = uniform(2, 2, 50)
    recalibrate(pruned, dense, lambda net: net(x), everywhere(x.transpose(1, 2)), 0.01)
    assert pruned[1].running_mean[1:].equal(dense[1].running_mean[1:])
    assert pruned[1].running_var[1:].equal(dense[1].running_var[1:])
    ours, theirs = pruned(x)[:, 0], dense(x)[:, 0]
    torch.testing.assert_close(ours.mean(), theirs.mean())
    torch.testing.assert_close(ours.std(), theirs.std())


def test_a_batch_norm_that_hears_one_value_says_the_old_mean():
    dense = nn.Sequential(nn.Conv1d(1, 1, 1), nn.BatchNorm1d(1)).double().eval()
    pruned = deepcopy(dense)
    pruned[0].weight.data[:] = 0
    x = uniform(1, 1, 50)
    recalibrate(pruned, dense, lambda net: net(x), everywhere(x.transpose(1, 2)), 0.01)
    torch.testing.assert_close(pruned(x), dense(x).mean().expand(1, 1, 50))


def twin(weight, units, unit=0, other=1):
    """Makes the gate rows of two units equal."""
    gates = weight.data.reshape(4, units, *weight.shape[1:])
    gates[:, other] = gates[:, unit]


def remove(weight, units, unit=1):
    weight.data.reshape(4, units, *weight.shape[1:])[:, unit] = 0


class Loop(nn.Module):
    """A cell that hears its own readout, a frame at a time."""

    def __init__(self):
        super().__init__()
        self.cell, self.out = nn.LSTMCell(3, 4), nn.Linear(4, 2)
        self.double()

    def forward(self, x):
        state = x.new_zeros(len(x), 4), x.new_zeros(len(x), 4)
        said = []
        for frame in x.unbind(1):
            state = self.cell(frame, state)
            said.append(self.out(state[0]))
        return torch.stack(said, 1)


def test_a_cell_without_one_of_two_equal_units_says_what_it_said():
    torch.manual_seed(0)
    dense = Loop()
    for tensor in dense.cell.parameters():
        twin(tensor, 4)
    pruned = deepcopy(dense)
    for tensor in pruned.cell.parameters():
        remove(tensor, 4)
    pruned.cell.weight_hh.data[:, 1] = pruned.out.weight.data[:, 1] = 0
    before = {name: tensor == 0 for name, tensor in pruned.named_parameters()}
    x = uniform(5, 30, 3)
    assert not torch.allclose(pruned(x), dense(x), atol=1e-3)
    data = torch.ones(5, dtype=torch.bool)
    recalibrate(pruned, dense, lambda network: network(x), lambda *_: data, 1e-12)
    torch.testing.assert_close(pruned(x), dense(x), rtol=0, atol=1e-7)
    columns = dense.cell.weight_hh[[0, 4, 8, 12]]
    found = pruned.cell.weight_hh[[0, 4, 8, 12]]
    torch.testing.assert_close(found[:, 0], columns[:, :2].sum(1), rtol=0, atol=1e-6)
    assert all(not tensor[before[name]].any() for name, tensor in pruned.named_parameters())


def test_both_directions_of_an_lstm_are_fitted_whatever_the_lengths():
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = BidirectionalLSTM(3, (4, 4)).double()

        def forward(self, x):
            return self.lstm(x, torch.tensor([20, 12]))

    torch.manual_seed(0)
    dense = Reader()
    for tensor in dense.parameters():
        twin(tensor, 4)
    pruned = deepcopy(dense)
    for name, tensor in pruned.named_parameters():
        remove(tensor, 4)
        if "weight_hh" in name:
            tensor.data[:, 1] = 0
    x = uniform(2, 20, 3)
    data = torch.arange(20) < torch.tensor([[20], [12]])
    recalibrate(pruned, dense, lambda network: network(x), lambda *_: data, 1e-12)
    stay = [0, 2, 3, 4, 6, 7]
    torch.testing.assert_close(pruned(x)[..., stay], dense(x)[..., stay], rtol=0, atol=1e-7)
    assert not pruned(x)[..., [1, 5]].any()


@given(rows=st.integers(1, 4), columns=st.integers(1, 5), data=st.data())
@settings(deadline=None)
def test_only_what_left_in_whole_columns_is_refitted(rows, columns, data):
    dense = torch.ones(rows, columns)
    there = torch.tensor(
        data.draw(
            st.lists(
                st.lists(st.booleans(), min_size=columns, max_size=columns),
                min_size=rows,
                max_size=rows,
            )
        )
    )
    left = kept(dense * there, dense)
    if left is None:
        whole = torch.equal(there, there.any(1)[:, None] & there.any(0))
        assert not (whole and there.any() and not there.any(0).all())
    else:
        again = torch.zeros_like(dense)
        again[left[0][:, None], left[1]] = 1
        assert torch.equal(again != 0, there)


def spoken(n=6):
    """Sentences of 5 to 10 symbols, of as many frames as symbols in the longest, or of more."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for number in range(n):
        ids = torch.randint(1, 140, (5 + number,), generator=generator)
        durations = torch.randint(0, 3, ids.shape, generator=generator)
        durations[0] = 2
        mel = torch.randn(5, int(durations.sum()), generator=generator)
        found.append(Speech("", ids, mel, durations=durations))
    return found


def run(dense, *stages, ridge=0.01, speech=None):
    """Does stages and then recalibrates; gives the network before and after, and the changes."""
    speech = speech or (spoken() if isinstance(dense, FastSpeech2) else said(spoken()))
    context = Context(load_dense=lambda: deepcopy(dense), say=lambda: speech)
    model = deepcopy(dense)
    for stage in stages:
        stage(model, context)
    before = deepcopy(model)
    changes = Recalibrate(ridge=ridge)(model, context)
    return before, model, changes, context


def said(speech):
    return [Speech("", s.ids, s.mel) for s in speech]


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_a_dense_network_stays_as_it_is_to_the_bit(make):
    dense = make()
    _, model, changes, _ = run(dense)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, dense.state_dict()[name])
    assert [change.layer for change in changes] == Recalibrate().selected(dense)


PRUNED = [
    ("fastspeech2", [Heads(keep=1), Channels(sparsity=0.5)]),
    ("fastspeech2 of frames", [Channels(sparsity=0.5)]),
    ("fastspeech2", [Magnitude(sparsity=0.6)]),
    ("fastspeech2", [Channels(sparsity=0.5), Magnitude(sparsity=0.6)]),
    ("tacotron2", [Units(sparsity=0.34), Channels(sparsity=0.5)]),
    ("tacotron2", [Magnitude(sparsity=0.6)]),
]


@pytest.mark.parametrize(("name", "stages"), PRUNED)
def test_what_is_zero_stays_zero_and_only_selected_tensors_change(name, stages):
    before, model, changes, _ = run(NETWORKS[name](), *stages)
    selected, after = Recalibrate().selected(model), model.state_dict()
    assert [change.layer for change in changes] == selected
    changed = set()
    for tensor, old in before.state_dict().items():
        if not torch.equal(old, after[tensor]):
            changed.add(tensor)
        if tensor.endswith(("weight", "weight_ih", "weight_hh")) or "weight_" in tensor:
            assert torch.equal(old == 0, after[tensor] == 0)
    assert changed
    assert changed <= set(selected)
    for change in changes:
        zeros = int((after[change.layer] == 0).sum())
        assert change.stats == {"n_weights": after[change.layer].numel(), "n_zero": zeros}


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        PRUNED[0],  # the draws of a prenet's dropout depend on its width, so it keeps that
        ("tacotron2", [Units(sparsity=0.34, exclude=["prenet"]), Channels(sparsity=0.5)]),
    ],
)
def test_a_recalibrated_network_can_be_resized_and_says_the_same(name, stages):
    speech = [Speech("", s.ids, s.mel.double(), durations=s.durations) for s in spoken()]
    speech = said(speech) if name == "tacotron2" else speech
    _, model, _, context = run(NETWORKS[name]().double(), *stages, speech=speech)
    masked = deepcopy(model)
    Resize()(model, context)
    assert sum(p.numel() for p in model.parameters()) < sum(p.numel() for p in masked.parameters())
    ours, theirs = (follow(network, speech).mel_postnet for network in (model, masked))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_every_layer_hears_every_position_of_its_sentences_once(make):
    model = make()
    speech = spoken() if isinstance(model, FastSpeech2) else said(spoken())
    positions = SpokenPositions.of(model, speech)
    masks = {}

    def hook(name):
        def note(_layer, _heard, output):
            calls = masks.setdefault(name, [])
            mask = positions(name, len(calls))
            calls.append(mask)
            output = output[0] if isinstance(output, tuple) else output
            assert mask.shape[0] == len(output)
            assert mask.dim() == 1 or mask.shape[1] in output.shape[1:]

        return note

    for name, layer in model.named_modules():
        if affine_maps(layer):
            layer.register_forward_hook(hook(name))
    follow(model, speech)
    n_ids = sum(len(s.ids) for s in speech)
    n_frames = sum(s.mel.shape[1] for s in speech)
    products = sum(len(s.ids) * s.mel.shape[1] for s in speech)
    totals = {name: sum(int(mask.sum()) for mask in calls) for name, calls in masks.items()}
    expected = {
        "postnet.convolutions.0.0.conv": n_frames,
        "encoder.lstm": n_ids,
        "decoder.attention_layer.memory_layer.linear_layer": n_ids,
        "decoder.prenet.layers.1.linear_layer": n_frames,
        "decoder.attention_rnn": n_frames,
        "decoder.attention_layer.query_layer.linear_layer": n_frames,
        "decoder.attention_layer.location_layer.location_conv.conv": products,
        "decoder.attention_layer.v.linear_layer": products,
        "decoder.gate_layer.linear_layer": n_frames,
        "encoder.layer_stack.0.pos_ffn.w_1": n_ids,
        "variance_adaptor.duration_predictor.linear_layer": n_ids,
        "mel_linear": n_frames,
    }
    expected = {name: total for name, total in expected.items() if name in totals}
    assert len(expected) >= 4
    assert expected == {name: totals[name] for name in expected}
    if isinstance(model, FastSpeech2):
        phoneme = model.settings.pitch_level == "phoneme"
        pitch = totals["variance_adaptor.pitch_predictor.linear_layer"]
        assert pitch == (n_ids if phoneme else n_frames)


@pytest.mark.parametrize(
    ("voice", "stages", "most"),
    [
        ("fastspeech2-slt", [Channels(sparsity=0.5)], 0.6),
        ("tacotron2-slt", [Units(sparsity=0.34, include=["rnn"])], 0.2),
    ],
)
def test_embedded_voices_come_nearer_to_what_they_said(voice, stages, most):
    dense = load_model(ROOT / "models" / voice)
    generator = torch.Generator().manual_seed(0)
    speech = []
    for length in (12, 16, 20):
        ids = torch.randint(85, 147, (length,), generator=generator)
        mel = torch.randn(80, 3 * length, generator=generator) - 5
        speech.append(Speech("", ids, mel, durations=torch.full((length,), 3)))
    if isinstance(dense, Tacotron2):
        speech = said(speech)
    before, model, _, _ = run(dense, *stages, speech=speech)
    with torch.no_grad():
        wanted, bad, good = (follow(net, speech).mel_postnet for net in (dense, before, model))
    assert (good - wanted).abs().mean() < most * (bad - wanted).abs().mean()


def test_a_training_network_is_still_one_and_is_heard_without_dropout():
    dense = fastspeech2()
    context = Context(load_dense=lambda: deepcopy(dense).train(), say=spoken)
    model = deepcopy(dense).train()
    Recalibrate()(model, context)
    assert model.training
    assert all(map(torch.equal, model.state_dict().values(), dense.state_dict().values()))


def test_label_needs_and_default_ridge():
    assert (Recalibrate().label, Recalibrate.needs) == ("recalibrated", "calibration")
    assert Recalibrate().model_dump() == {"method": "recalibrate", "ridge": 0.01}
    for wrong in (0, 1e-20, 1e7, float("inf"), float("nan")):
        with pytest.raises(ValidationError, match="ridge"):
            Recalibrate(ridge=wrong)


def test_a_resized_network_is_refused():
    dense = fastspeech2()
    with pytest.raises(
        RecipeError,
        match=r"recalibrate: '.*' has shape \(.*\), the dense network's has \(.*\), "
        "got a resized network. Put recalibrate before resize",
    ):
        run(dense, Channels(sparsity=0.5), Resize())


def test_a_vocoder_is_refused():
    settings = HifiGanSettings(
        channels=(4, 2), upsample_rates=(2,), upsample_kernels=(4,), resblocks=(ResblockSettings(),)
    )
    with pytest.raises(RecipeError, match="needs a network that reads text, got a hifigan"):
        Recalibrate()(HifiGan(settings), Context())


def test_what_is_not_finite_is_refused():
    dense, model = fastspeech2(), fastspeech2()
    model.mel_linear.weight.data[0, :2] = torch.nan
    context = Context(load_dense=lambda: dense, say=spoken)
    with pytest.raises(CheckpointError, match=r"'mel_linear\.weight' is not finite, got 2 NaN"):
        Recalibrate()(model, context)
    speech = spoken()
    speech[2].mel[0, 0] = torch.inf
    with pytest.raises(CheckpointError, match="calibration sentence 3 is not finite, got 1 such"):
        run(dense, speech=speech)
    loud = fastspeech2()
    loud.encoder.src_word_emb.weight.data[:] = 3e38
    with pytest.raises(CheckpointError, match="hears or should say of the calibration sentences"):
        run(loud)


def test_speech_of_no_frames_is_refused():
    speech = [Speech("", torch.tensor([1, 2]), torch.zeros(5, 0), durations=torch.tensor([0, 0]))]
    with pytest.raises(RecipeError, match=r"says nothing .* got 1 sentences of 0 frames"):
        run(fastspeech2(), speech=speech)


def test_no_calibration_sentences_and_no_dense_network_are_errors():
    with pytest.raises(RecipeError, match="recalibrate: needs the dense network, got none"):
        Recalibrate()(fastspeech2(), Context())
    with pytest.raises(RecipeError, match="recalibrate: needs calibration sentences, got none"):
        Recalibrate()(fastspeech2(), Context(load_dense=fastspeech2))
