import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.architectures.test_low_rank import LAYERS, arguments
from tts_compress.architectures.low_rank import factor
from tts_compress.methods.calibration.affine import affine_maps

PLAIN = ["linear", "convolution", "transposed"]


def layer(kind):
    make, ranks, _ = LAYERS[kind]
    torch.manual_seed(0)
    layers = nn.Sequential(make()).double()
    heard = arguments(layers[0])
    factor(layers, ranks)
    return layers[0], heard


@pytest.mark.parametrize("kind", PLAIN)
@torch.no_grad()
def test_the_second_map_says_what_the_layer_says(kind):
    low, heard = layer(kind)
    output = low(*heard)
    first, second = affine_maps(low)
    said = functional.linear(second.reads(heard, output), second.matrix, second.bias)
    torch.testing.assert_close(said, second.said(output), rtol=0, atol=1e-9)
    assert first.biases == ()
    assert (first.weights, second.weights) == ((low.weight_v,), (low.weight_u,))


@torch.no_grad()
def test_the_second_map_hears_what_the_first_says_now():
    low, heard = layer("linear")
    first, second = affine_maps(low)
    first.write(torch.ones(2, 4).double())
    inner = functional.linear(first.reads(heard, None), first.matrix)
    torch.testing.assert_close(inner, heard[0].sum(-1, keepdim=True).expand(2, 6, 2))
    assert torch.equal(second.reads(heard, None), inner)


@pytest.mark.parametrize("kind", [kind for kind in LAYERS if kind not in PLAIN])
@torch.no_grad()
def test_every_weight_of_an_lstm_is_in_one_map(kind):
    low, _ = layer(kind)
    mapped = [id(weight) for found in affine_maps(low) for weight in found.weights]
    weights = [id(p) for p in low.parameters() if p.dim() == 2]
    assert sorted(mapped) == sorted(weights)


CELLS = ["inputs of a cell", "states of a cell", "both of a cell", "jointly"]


@pytest.mark.parametrize("kind", CELLS)
@torch.no_grad()
def test_the_last_map_of_a_cell_gives_its_gates(kind):
    low, heard = layer(kind)
    output = low(*heard)
    last = affine_maps(low)[-1]
    gates = functional.linear(last.reads(heard, output), last.matrix, last.bias)
    i, f, g, o = gates.chunk(4, 1)
    c = f.sigmoid() * heard[1][1] + i.sigmoid() * g.tanh()
    torch.testing.assert_close(o.sigmoid() * c.tanh(), output[0], rtol=0, atol=1e-9)


@torch.no_grad()
def test_gates_of_their_own_add_up_to_the_gates():
    low, heard = layer("gates")
    output = low(*heard)
    v, states, *us, whole = affine_maps(low)
    parts = [functional.linear(u.reads(heard, output), u.matrix) for u in us]
    gates = torch.cat(parts, 1) + functional.linear(whole.reads(heard, output), whole.matrix)
    i, f, g, o = (gates + low.bias_ih + low.bias_hh).chunk(4, 1)
    c = f.sigmoid() * heard[1][1] + i.sigmoid() * g.tanh()
    torch.testing.assert_close(o.sigmoid() * c.tanh(), output[0], rtol=0, atol=1e-9)
    assert (v.n_states, states.n_states) == (0, 4)


@torch.no_grad()
def test_states_of_two_directions_are_those_before():
    low, heard = layer("two directions")
    output = low(*heard)
    joint = affine_maps(low)[0]
    assert joint.n_states == 4
    reads = joint.reads(heard, output)
    assert torch.equal(reads[:, 0, 3:], torch.zeros(2, 4).double())
    assert torch.equal(reads[:, 1:, 3:], output[:, :-1, :4])


@torch.no_grad()
def test_changing_a_map_changes_the_layer_and_its_copy_not():
    low, heard = layer("both of a cell")
    other = copy.deepcopy(low)
    last = affine_maps(low)[-1]
    last.write(torch.zeros_like(last.matrix))
    assert not low.weight_ih_u.any()
    assert not low.weight_hh_u.any()
    assert not torch.equal(low(*heard)[0], other(*heard)[0])
