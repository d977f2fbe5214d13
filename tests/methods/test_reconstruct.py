from copy import deepcopy

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from tests.networks import golden_network
from tts_compress.architectures.bidirectional_lstm import BidirectionalLSTM
from tts_compress.architectures.following import follow
from tts_compress.architectures.hifigan import HifiGan, HifiGanSettings, ResblockSettings
from tts_compress.architectures.low_rank import LowRankLinear
from tts_compress.errors import CheckpointError, RecipeError
from tts_compress.methods import Channels, Magnitude, Resize
from tts_compress.methods.base import Context
from tts_compress.methods.calibration.affine import affine_maps
from tts_compress.methods.calibration.calibrating import walk
from tts_compress.methods.calibration.masked_fit import MaskedRefit
from tts_compress.methods.reconstruct import Reconstruct
from tts_compress.synthesis import Speech

EXACT = 1e-12  # a ridge that hardly pulls


def reconstruct(model, dense, speak, positions):
    fits = {}
    for name, layer in model.named_modules():
        maps = zip(affine_maps(layer), affine_maps(dense.get_submodule(name)), strict=True)
        for own, was in maps:
            fit = MaskedRefit("reconstruct", name, own, was, bool(own.biases), ridge=EXACT)
            fits.setdefault(name, []).append(fit)
    walk(model, dense, fits, speak, positions)


def everywhere(*shape):
    return lambda name, call: torch.ones(shape, dtype=torch.bool)


def inputs(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).double()


def test_weights_that_are_left_take_over_what_their_inputs_say_of_the_others():
    x = inputs(400, 2)
    x = x - x.mean(0)
    x = x @ torch.linalg.inv(torch.linalg.cholesky(x.T @ x / 400)).T  # exactly white
    x = x @ torch.linalg.cholesky(torch.tensor([[1.0, 0.5], [0.5, 1.0]]).double()).T
    dense = nn.Linear(2, 3).double()
    dense.weight.data = torch.tensor([[2.0, 1.0], [0.0, 4.0], [4.0, 2.0]]).double()
    pruned = deepcopy(dense)
    pruned.weight.data[0, 1] = pruned.weight.data[2, 0] = 0
    model, dense = nn.Sequential(pruned), nn.Sequential(dense)
    reconstruct(model, dense, lambda net: net(x[None]), everywhere(1, 400))
    expected = torch.tensor([[2.5, 0], [0, 4], [0, 4]]).double()
    torch.testing.assert_close(pruned.weight.data, expected)
    torch.testing.assert_close(pruned(x).mean(0), dense(x).mean(0))


def test_every_row_is_the_least_squares_of_what_it_hears_now():
    torch.manual_seed(0)
    dense = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).double()
    model, x = deepcopy(dense), inputs(1, 60, 4)
    for layer in (model[0], model[2]):
        layer.weight.data[torch.rand(layer.weight.shape) < 0.5] = 0
    masks = [layer.weight != 0 for layer in (model[0], model[2])]
    reconstruct(model, dense, lambda net: net(x), everywhere(1, 60))
    for layer, was, mask, depth in zip((model[0], model[2]), (1, 3), masks, (0, 2), strict=True):
        heard, said = model[:depth](x)[0], dense[:was](x)[0]
        assert not layer.weight[~mask].any()
        for row in range(len(mask)):
            columns = torch.cat((heard[:, mask[row]], torch.ones(60, 1)), 1)
            expected = torch.linalg.lstsq(columns, said[:, row : row + 1]).solution[:, 0]
            found = torch.cat((layer.weight[row, mask[row]], layer.bias[row : row + 1]))
            torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


def test_the_gates_of_a_cell_are_fitted_on_the_dense_states():
    class Cell(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.LSTMCell(4, 3).double()

        def forward(self, x):
            state = None
            for step in x.unbind(1):
                state = self.cell(step, state or (x.new_zeros(len(x), 3), x.new_zeros(len(x), 3)))

    torch.manual_seed(0)
    dense, x = Cell(), inputs(8, 9, 2)
    x = torch.cat((x, x @ torch.tensor([[1.0, 2.0], [3.0, -1.0]]).double()), 2)  # says it twice
    model = deepcopy(dense)
    model.cell.weight_ih.data[:, 2:] = 0
    reconstruct(model, dense, lambda net: net(x), everywhere(8))
    mixed = dense.cell.weight_ih[:, 2:] @ torch.tensor([[1.0, 3.0], [2.0, -1.0]]).double()
    expected = dense.cell.weight_ih[:, :2] + mixed
    torch.testing.assert_close(model.cell.weight_ih[:, :2], expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(model.cell.weight_hh, dense.cell.weight_hh, rtol=1e-4, atol=1e-6)
    assert not model.cell.weight_ih[:, 2:].any()


def test_a_bidirectional_lstm_says_again_what_it_said():
    torch.manual_seed(0)
    dense = nn.Sequential(BidirectionalLSTM(4, (3, 2)).double())
    x, lengths = inputs(6, 12, 2), torch.full((6,), 12)
    x = torch.cat((x, x.flip(2)), 2)
    model = deepcopy(dense)
    for suffix in ("", "_reverse"):
        model[0].get_parameter(f"weight_ih_l0{suffix}").data[:, :2] = 0
    before = (model[0](x, lengths) - dense[0](x, lengths)).abs().max()
    reconstruct(model, dense, lambda net: net[0](x, lengths), everywhere(6, 12))
    after = (model[0](x, lengths) - dense[0](x, lengths)).abs().max()
    assert after < 1e-5 < before


def test_the_second_of_two_factors_hears_what_the_first_has_become():
    torch.manual_seed(0)
    dense, x = nn.Sequential(LowRankLinear(nn.Linear(4, 3), 2).double()), inputs(1, 50, 4)
    model = deepcopy(dense)
    model[0].weight_v.data[:, 3] = 0
    reconstruct(model, dense, lambda net: net(x), everywhere(1, 50))
    columns = torch.cat((model[0].inner(x)[0], torch.ones(50, 1)), 1)
    expected = torch.linalg.lstsq(columns, dense(x)[0]).solution
    found = torch.cat((model[0].weight_u.T, model[0].bias[None]))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


def test_what_hears_always_the_same_keeps_its_weights():
    torch.manual_seed(0)
    dense = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    dense[0].weight.data.zero_()
    model, x = deepcopy(dense), torch.randn(2, 400, 3)
    model[1].weight.data[0, 1] = 0
    pruned = model[1].weight.clone()
    reconstruct(model, dense, lambda net: net(x), everywhere(2, 400))
    assert torch.equal(model[1].weight, pruned)
    torch.testing.assert_close(model(x), dense(x))  # by its bias


def speech(n=4, n_mels=80):
    generator = torch.Generator().manual_seed(0)
    found = []
    for number in range(n):
        ids = torch.randint(85, 147, (6 + number,), generator=generator)
        mel = torch.randn(n_mels, 3 * len(ids), generator=generator) - 5
        found.append(Speech("", ids, mel, durations=torch.full(ids.shape, 3)))
    return found


def run(dense, *stages, spoken=None):
    spoken = spoken or speech()
    context = Context(load_dense=lambda: deepcopy(dense), say=lambda: spoken)
    model = deepcopy(dense)
    for stage in stages:
        stage(model, context)
    before = deepcopy(model)
    return before, model, Reconstruct()(model, context)


def test_a_dense_network_stays_what_it_is():
    dense = golden_network("fastspeech2")
    _, model, changes = run(dense)
    assert [change.layer for change in changes] == Reconstruct().selected(dense)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, dense.state_dict()[name], rtol=1e-3, atol=1e-4)


def test_zeros_stay_and_a_pruned_network_comes_nearer_to_what_it_said():
    dense = golden_network("fastspeech2")
    spoken = speech(12)
    before, model, _ = run(dense, Magnitude(sparsity=0.5, scope="tensor"), spoken=spoken)
    for name, tensor in before.named_parameters():
        if tensor.dim() > 1:
            assert not model.get_parameter(name)[tensor == 0].any()
    with torch.no_grad():
        wanted, bad, good = (follow(net, spoken).mel_postnet for net in (dense, before, model))
    assert (good - wanted).abs().mean() < 0.7 * (bad - wanted).abs().mean()


def test_a_vocoder_comes_nearer_to_what_it_said():
    torch.manual_seed(0)
    resblocks = (ResblockSettings(inner=(4, 4, 4)),) * 2
    dense = HifiGan(
        HifiGanSettings(
            n_mels=5,
            channels=(8, 6, 4),
            upsample_rates=(4, 2),
            upsample_kernels=(8, 4),
            resblocks=resblocks,
        )
    ).eval()
    spoken = speech(8, n_mels=5)
    before, model, _ = run(dense, Magnitude(sparsity=0.4, scope="tensor"), spoken=spoken)
    mels = torch.stack([one.mel[:, :18] for one in spoken])
    with torch.no_grad():
        wanted, bad, good = (net(mels) for net in (dense, before, model))
    assert (good - wanted).square().mean() < 0.5 * (bad - wanted).square().mean()


def test_label_needs_and_what_is_refused():
    assert (Reconstruct().label, Reconstruct().does) == ("reconstructed", "mends")
    assert Reconstruct.needs == "calibration"
    assert {"quantizes", "factors", "resizes"} <= set(Reconstruct.refuses)
    with pytest.raises(ValidationError, match=r"ridge\n.*greater than or equal to"):
        Reconstruct(ridge=1e-20)
    dense = golden_network("fastspeech2")
    with pytest.raises(RecipeError, match=r"got a resized network\. Put reconstruct before resize"):
        run(dense, Channels(sparsity=0.5), Resize())
    with pytest.raises(RecipeError, match="reconstruct: needs calibration sentences, got none"):
        Reconstruct()(dense, Context(load_dense=lambda: dense))
    loud = golden_network("fastspeech2")
    loud.encoder.src_word_emb.weight.data[:] = 3e38
    with pytest.raises(CheckpointError, match=r"reconstruct: what .* hears or should say"):
        run(loud)
