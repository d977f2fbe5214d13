import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_compress.architectures import ARCHITECTURES
from tts_compress.training.holding import held_masks, zero_gradients, zero_weights

from .conftest import TINY

NETWORKS = {name: ARCHITECTURES[name](TINY[name]) for name in TINY}


@pytest.fixture
def model():
    torch.manual_seed(0)
    return ARCHITECTURES["fastspeech2"](TINY["fastspeech2"])


def test_zeros_of_weights_are_held_and_zeros_of_biases_are_not(model):
    layer = model.mel_linear
    with torch.no_grad():
        layer.weight[3, 4] = 0.0
        layer.bias[3] = 0.0
    masks = held_masks(model, {})
    assert masks["mel_linear.weight"].nonzero().tolist() == [[3, 4]]
    assert "mel_linear.bias" not in masks
    assert "encoder.layer_stack.0.slf_attn.layer_norm.bias" not in masks  # all zero at first
    assert "encoder.position_enc" not in masks  # not trained


def test_all_that_removed_units_own_is_held(model):
    name = "encoder.layer_stack.0.pos_ffn"
    masks = held_masks(model, {name: torch.arange(16) == 2})
    w_1, b_1, w_2 = (masks[f"{name}.{part}"] for part in ("w_1.weight", "w_1.bias", "w_2.weight"))
    assert w_1[2].all()
    assert b_1.tolist() == [unit == 2 for unit in range(16)]
    assert w_2[:, 2].all()
    assert w_1.sum() == w_1[2].numel()
    assert w_2.sum() == 16
    assert f"{name}.w_2.bias" not in masks


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(sorted(TINY)), st.data())
def test_any_units_of_any_coupling_are_held_whole(architecture, data):
    network = NETWORKS[architecture]
    coupling = data.draw(st.sampled_from([c for c in network.couplings() if c.kind != "fixed"]))
    size = coupling.n_units
    gone = torch.tensor(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    masks = held_masks(network, {coupling.name: gone})
    parameters = {n: p for n, p in network.named_parameters() if p.requires_grad}
    for member in coupling:
        if member.tensor not in parameters:
            continue
        mask = masks.get(member.tensor, torch.zeros_like(parameters[member.tensor]).bool())
        assert mask.shape == parameters[member.tensor].shape
        assert member.slices(mask, size)[gone].all()


def test_gradients_and_weights_are_zero_where_held_and_untouched_elsewhere():
    layer = torch.nn.Linear(2, 1)
    torch.nn.init.constant_(layer.weight, 2.0)
    layer.weight.grad = torch.tensor([[3.0, 4.0]])
    held = {"weight": torch.tensor([[True, False]]), "bias": torch.tensor([True])}
    zero_gradients(layer, held)
    zero_weights(layer, held)
    assert layer.weight.grad.tolist() == [[0.0, 4.0]]
    assert layer.bias.grad is None
    assert layer.weight.tolist() == [[0.0, 2.0]]
    assert layer.bias.tolist() == [0.0]
