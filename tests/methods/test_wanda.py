import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tests.networks import golden_network
from tts_compress.architectures.hifigan import HifiGan, HifiGanSettings, ResblockSettings
from tts_compress.errors import CheckpointError, RecipeError
from tts_compress.methods.base import Context
from tts_compress.methods.low_rank import LowRank
from tts_compress.methods.pruning.ranking import n_pruned
from tts_compress.methods.pruning.scored import prune_lowest
from tts_compress.methods.wanda import Wanda
from tts_compress.synthesis import Speech

HIFIGAN = HifiGanSettings(
    n_mels=3,
    channels=(4, 2),
    upsample_rates=(2,),
    upsample_kernels=(4,),
    resblocks=(ResblockSettings(inner=(2, 2, 2)),),
)


def speech(n_mels=3, frames=12):
    generator = torch.Generator().manual_seed(0)
    return [Speech("", torch.tensor([1, 2]), torch.randn(n_mels, frames, generator=generator))]


def test_the_weights_that_say_least_of_what_is_heard_leave():
    weight = torch.tensor([[3.0, -1.0, 2.0], [6.0, 1.0, -4.0]])
    norms = torch.tensor([1.0, 4.0, 2.0])
    prune_lowest(weight, weight.abs() * norms, sparsity=0.34, axis=0)
    assert weight.tolist() == [[0, -1, 2], [6, 0, -4]]


@given(
    st.lists(st.lists(st.sampled_from([0.0, 1.0, -1.0, 2.0]), min_size=3, max_size=3), min_size=1),
    st.floats(0, 1, exclude_max=True),
    st.sampled_from([None, 0, 1]),
)
def test_counts_are_exact_and_even_over_rows(rows, sparsity, axis):
    weight = torch.tensor(rows)
    before, n_zero = weight.clone(), int((weight == 0).sum())
    prune_lowest(weight, weight.abs(), sparsity, axis)
    quota = n_pruned(sparsity, weight.numel())
    zeros = weight == 0
    assert zeros[before == 0].all()
    assert torch.equal(weight[~zeros], before[~zeros])
    assert int(zeros.sum()) == max(quota, n_zero)
    if axis is not None:
        counts = zeros.sum(1 - axis)
        pruned = counts[counts > (before == 0).sum(1 - axis)]
        assert pruned.numel() == 0 or pruned.max() - counts.min() <= 1


def test_rows_that_lost_more_before_lose_no_more_and_others_less():
    weight = torch.tensor([[0.0, 0.0, 0.0, 4.0], [1.0, 2.0, 3.0, 4.0]])
    prune_lowest(weight, weight.abs(), sparsity=0.5, axis=0)
    assert weight.tolist() == [[0, 0, 0, 4], [0, 2, 3, 4]]


def test_a_row_of_a_factored_transposed_convolution_is_an_output():
    torch.manual_seed(0)
    model = HifiGan(HIFIGAN).eval()
    ctx = Context(say=speech)
    LowRank(rank=2, include=["ups.0.weight"])(model, ctx)
    Wanda(sparsity=0.5)(model, ctx)
    weight = model.ups[0].weight_u  # (rank, outputs, taps)
    assert [int((weight[:, out] == 0).sum()) for out in range(2)] == [4, 4]


def test_a_vocoder_is_pruned_by_what_its_layers_hear():
    torch.manual_seed(0)
    model = HifiGan(HIFIGAN).eval()
    model.conv_pre.weight.data[:] = 1.0
    mel = speech()[0].mel.clone()
    mel[1] *= 9
    heard = [Speech("", torch.tensor([1]), mel)]
    changes = Wanda(sparsity=0.5)(model, Context(say=lambda: heard))
    assert model.conv_pre.weight[:, 1].all()  # the loud band is read on
    for change in changes:
        n = int(change.stats["n_weights"])
        assert change.stats["n_zero"] == n_pruned(0.5, n)
    ups = model.ups[0].weight
    assert [int((ups[:, out] == 0).sum()) for out in range(2)] == [8, 8]  # a row is an output


def test_scope_tensor_ranks_rows_together():
    model = golden_network("fastspeech2")
    name = "mel_linear.weight"
    model.mel_linear.weight.data[0] *= 1e-6
    context = Context(say=lambda: said(model))
    Wanda(include=[name], sparsity=1 / 80, scope="tensor")(model, context)
    assert not model.mel_linear.weight[0].any()
    assert model.mel_linear.weight[1:].all()


def said(model):
    mel = torch.randn(80, 9, generator=torch.Generator().manual_seed(0))
    return [Speech("", torch.tensor([90, 91, 92]), mel, durations=torch.tensor([3, 3, 3]))]


def test_label_and_errors():
    assert Wanda(sparsity=0.4).label == "wanda 40 %"
    model = golden_network("fastspeech2")
    with pytest.raises(RecipeError, match="wanda: needs calibration sentences, got none"):
        Wanda(sparsity=0.5)(model, Context())
    with pytest.raises(RecipeError, match=r"wanda: include \['decodr'\] matches none"):
        Wanda(sparsity=0.5, include=["decodr"]).selected(model)
    model.encoder.src_word_emb.weight.data[0, 0] = torch.inf
    with pytest.raises(CheckpointError, match=r"wanda: .* is not finite, got 1 NaN or infinite"):
        Wanda(sparsity=0.5)(model, Context(say=lambda: said(golden_network("fastspeech2"))))


def test_weights_of_which_nothing_is_heard_go_by_magnitude():
    model = golden_network("fastspeech2")
    table = model.encoder.src_word_emb.weight
    assert isinstance(model.encoder.src_word_emb, nn.Embedding)
    smallest = table.detach().abs().flatten().argsort()[: table.numel() // 4]
    settings = Wanda(include=["encoder.src_word_emb.weight"], sparsity=0.25, scope="tensor")
    settings(model, Context(say=lambda: said(golden_network("fastspeech2"))))
    assert set((table == 0).flatten().nonzero()[:, 0].tolist()) == set(smallest.tolist())
