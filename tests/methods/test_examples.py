"""The examples of the docstrings, number by number."""

from types import MappingProxyType, SimpleNamespace

import pytest
import torch
from torch import nn

from tts_compress.architectures.couplings import Coupling, Member, batch_norm, columns, rows
from tts_compress.methods import Channels, Heads, Resize, Units
from tts_compress.methods.base import Context
from tts_compress.training.holding import held_masks, zero_gradients, zero_weights

FIRST_TWO = [[1.0, 2.0], [1.0, 0.0]]
READS = [[5.0, 1.0], [7.0, 2.0]]


class Layers(nn.Module):
    """Layers with one coupling of a few units."""

    architecture, groups = "example", MappingProxyType({})
    settings = SimpleNamespace(ranks=())

    def __init__(self, kind, members, **layers):
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        n_units = len(self.get_parameter(members[0].tensor)) // members[0].repeats
        self.coupling = Coupling("example", kind, n_units, members, ("width",))

    def couplings(self):
        return (self.coupling,)


class TwoLayers(Layers):
    """Layers that can be resized."""

    def __init__(self, width):
        makes, reads = nn.Linear(2, width, bias=False), nn.Linear(width, 2, bias=False)
        members = (Member("makes.weight", 0, "makes"), columns("reads"))
        super().__init__("units", members, makes=makes, reads=reads)

    def resized_settings(self, kept):
        return len(kept["example"])

    @classmethod
    def shaped(cls, width):
        return cls(width)

    def become(self, other):
        for name, layer in other.named_children():
            self.add_module(name, layer)


def linear(weight, bias=None):
    layer = nn.Linear(len(weight[0]), len(weight), bias=bias is not None)
    layer.weight.data = torch.tensor(weight)
    if bias is not None:
        layer.bias.data = torch.tensor(bias)
    return layer


@pytest.mark.parametrize("score", ["l1", "l2"])
def test_the_second_of_two_heads(score):
    made = [Member(f"{name}.weight", 0, "makes") for name in ("queries", "keys", "values")]
    model = Layers(
        "heads",
        (*made, columns("reads")),
        queries=linear([[1.0, 2.0], [0.0, 1.0]]),
        keys=linear([[1.0, 0.0], [1.0, 1.0]]),
        values=linear([[2.0, 1.0], [0.0, 1.0]]),
        reads=linear([[3.0, 1.0], [2.0, 0.0]]),
    )
    changes = Heads(keep=1, score=score)(model, Context())
    assert model.queries.weight.tolist() == [[1, 2], [0, 0]]
    assert model.keys.weight.tolist() == [[1, 0], [0, 0]]
    assert model.values.weight.tolist() == [[2, 1], [0, 0]]
    assert model.reads.weight.tolist() == [[3, 0], [2, 0]]
    assert [change.stats["n_zero"] for change in changes] == [2, 3, 2, 2]


@pytest.mark.parametrize("score", ["l1", "l2"])
def test_the_second_of_two_channels(score):
    norm = nn.BatchNorm1d(2).requires_grad_(False)
    norm.bias.copy_(torch.tensor([2.0, 1.0]))
    norm.running_mean.copy_(torch.tensor([0.5, 0.25]))
    filters, reads = linear(FIRST_TWO, [3.0, 4.0]), linear(READS)
    members = (*rows("filters"), *batch_norm("norm"), columns("reads"))
    model, ctx = Layers("channels", members, filters=filters, norm=norm, reads=reads), Context()
    Channels(sparsity=0.5, score=score)(model, ctx)
    assert filters.weight.tolist() == [[1, 2], [0, 0]]
    assert filters.bias.tolist() == [3, 0]
    assert (norm.weight.tolist(), norm.bias.tolist()) == ([1, 0], [2, 0])
    assert (norm.running_mean.tolist(), norm.running_var.tolist()) == ([0.5, 0.25], [1, 1])
    assert reads.weight.tolist() == [[5, 0], [7, 0]]
    assert ctx.removed["example"].tolist() == [False, True]


@pytest.mark.parametrize("score", ["l1", "l2"])
def test_the_second_of_two_units_of_an_lstm(score):
    cell, reads = nn.LSTMCell(2, 2), linear(READS)
    cell.weight_ih.data = torch.tensor(FIRST_TWO).repeat(4, 1)
    cell.weight_hh.data = torch.tensor([[3.0, 1.0], [1.0, 1.0]]).repeat(4, 1)
    cell.bias_ih.data = torch.tensor([1.0, 2.0]).repeat(4)
    gates = [Member(f"cell.{name}", 0, "makes", repeats=4) for name in ("weight_ih", "weight_hh")]
    gates.append(Member("cell.bias_ih", 0, "makes", repeats=4))
    members = (*gates, Member("cell.weight_hh", 1, "reads"), columns("reads"))
    Units(keep=1, score=score)(Layers("units", members, cell=cell, reads=reads), Context())
    assert cell.weight_ih.tolist() == [[1, 2], [0, 0]] * 4
    assert cell.weight_hh.tolist() == [[3, 0], [0, 0]] * 4
    assert cell.bias_ih.tolist() == [1, 0] * 4
    assert reads.weight.tolist() == [[5, 0], [7, 0]]


def test_the_second_of_three_units_leaves():
    model, ctx = TwoLayers(3), Context()
    model.makes.weight.data = torch.tensor([[1.0, 2.0], [0.0, 0.0], [3.0, 4.0]])
    model.reads.weight.data = torch.tensor([[5.0, 0.0, 1.0], [7.0, 0.0, 1.0]])
    ctx.removed["example"] = torch.tensor([False, True, False])
    changes = Resize()(model, ctx)
    assert model.makes.weight.tolist() == [[1, 2], [3, 4]]
    assert model.reads.weight.tolist() == [[5, 1], [7, 1]]
    assert [change.spec for change in changes] == [{"shape": [2, 2]}, {"shape": [2, 2]}]
    assert not ctx.removed


def test_a_step_of_training_with_what_is_held():
    layer = linear([[3.0, 0.0, 2.0], [0.0, 0.0, 0.0]], [1.0, 0.0])
    model = Layers("units", rows("layer"), layer=layer)
    held = held_masks(model, {"example": torch.tensor([False, True])})
    layer.weight.grad = torch.tensor([[1.0, 5.0, 0.0], [7.0, 1.0, 1.0]])
    layer.bias.grad = torch.tensor([2.0, 4.0])
    zero_gradients(model, held)
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    zero_weights(model, held)
    torch.testing.assert_close(layer.weight.data, torch.tensor([[2.9, 0, 2], [0, 0, 0]]))
    torch.testing.assert_close(layer.bias.data, torch.tensor([0.8, 0]))
