"""What goes with a unit that left, on networks small enough to follow by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_compress.architectures.couplings import Constant, Coupling, Member, columns, rows
from tts_compress.methods.rebuilding.propagation import propagate

RELU = Constant("a.weight", "a.bias", "relu", {"b.weight": "b.bias"})


def chain(constant=RELU):
    """Layers a, b and c of two units each; those of a and b may leave."""
    tensors = {
        "a.weight": torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
        "a.bias": torch.tensor([1.0, 2.0]),
        "b.weight": torch.tensor([[5.0, 6.0], [7.0, 8.0]]),
        "b.bias": torch.tensor([0.5, 0.5]),
        "c.weight": torch.tensor([[1.0, 1.0], [1.0, 1.0]]),
        "c.bias": torch.tensor([0.0, 0.0]),
    }
    couplings = (
        Coupling("a", "channels", 2, (*rows("a"), columns("b")), ("a",), constant=constant),
        Coupling("b", "channels", 2, (*rows("b"), columns("c")), ("b",)),
    )
    return tensors, couplings


def removed(tensors, couplings):
    return {name: units.tolist() for name, units in propagate(tensors, couplings).items()}


def test_nothing_leaves_a_dense_network():
    tensors, couplings = chain()
    before = {name: tensor.clone() for name, tensor in tensors.items()}
    assert removed(tensors, couplings) == {"a": [False, False], "b": [False, False]}
    assert all(torch.equal(tensors[name], before[name]) for name in before)


def test_a_silent_unit_leaves():
    tensors, couplings = chain(constant=None)
    tensors["a.weight"][1] = 0
    tensors["a.bias"][1] = 0
    assert removed(tensors, couplings)["a"] == [False, True]
    assert tensors["b.weight"].tolist() == [[5, 0], [7, 0]]


def test_an_unread_unit_leaves():
    tensors, couplings = chain()
    tensors["b.weight"][:, 0] = 0
    assert removed(tensors, couplings)["a"] == [True, False]
    assert tensors["a.weight"].tolist() == [[0, 0], [3, 4]]
    assert tensors["a.bias"].tolist() == [0, 2]


def test_what_a_constant_unit_says_moves_into_the_next_bias():
    tensors, couplings = chain()
    tensors["a.weight"][1] = 0  # its bias 2 stays: b hears 2 * [6, 8] always
    assert removed(tensors, couplings)["a"] == [False, True]
    assert tensors["b.bias"].tolist() == [12.5, 16.5]
    assert tensors["a.bias"].tolist() == [1, 0]


def test_a_constant_that_cannot_move_stays_unless_it_is_zero():
    edge = Constant("a.weight", "a.bias", "relu")
    tensors, couplings = chain(edge)
    tensors["a.weight"][1] = 0
    assert removed(tensors, couplings)["a"] == [False, False]
    tensors["a.bias"][1] = -3.0  # which relu makes zero
    assert removed(tensors, couplings)["a"] == [False, True]


def test_a_unit_takes_those_with_it_that_only_it_reads_or_feeds():
    tensors, couplings = chain(constant=None)
    tensors["c.weight"][:, 1] = 0  # nobody reads b1, so nobody but b0 reads a; b0 reads a0 only
    tensors["b.weight"][0, 1] = 0
    assert removed(tensors, couplings) == {"a": [False, True], "b": [False, True]}
    assert tensors["a.weight"].tolist() == [[1, 2], [0, 0]]


def test_one_unit_of_each_layer_stays():
    tensors, couplings = chain()
    for tensor in tensors.values():
        tensor.zero_()
    assert removed(tensors, couplings) == {"a": [False, True], "b": [False, True]}


def test_a_unit_that_only_reads_itself_leaves():
    """An LSTM unit of which nothing but its own gates hear."""
    tensors = {
        "l.weight_ih": torch.ones(8, 1),
        "l.weight_hh": torch.ones(8, 2),
        "next.weight": torch.ones(1, 2),
    }
    members = (
        Member("l.weight_ih", 0, "makes", repeats=4),
        Member("l.weight_hh", 0, "makes", repeats=4),
        Member("l.weight_hh", 1, "reads"),
        columns("next"),
    )
    couplings = (Coupling("l", "units", 2, members, ("l",)),)
    tensors["next.weight"][0, 1] = 0
    tensors["l.weight_hh"][0::2, 1] = 0  # unit 0 does not read unit 1; unit 1 reads itself
    assert removed(tensors, couplings) == {"l": [False, True]}


def test_a_unit_of_a_layer_norm_stays_while_it_counts_in_the_mean():
    tensors, _ = chain()
    members = (*rows("a"), columns("b"))
    tensors["b.weight"][:, 0] = 0
    couplings = (Coupling("a", "channels", 2, members, ("a",), normalised=True),)
    assert removed(tensors, couplings) == {"a": [False, False]}


@settings(max_examples=60)
@given(seed=st.integers(0, 999), zeros=st.sampled_from([0.3, 0.6, 0.9]))
def test_what_the_network_says_stays(seed, zeros):
    generator = torch.Generator().manual_seed(seed)
    tensors, couplings = chain()
    for name, tensor in tensors.items():
        drawn = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
        keep = torch.rand(tensor.shape, generator=generator) >= zeros
        tensors[name] = drawn * keep

    def said(x):
        a = torch.relu(x @ tensors["a.weight"].T + tensors["a.bias"])
        b = torch.tanh(a @ tensors["b.weight"].T + tensors["b.bias"])
        return b @ tensors["c.weight"].T + tensors["c.bias"]

    x = torch.randn(5, 2, generator=generator, dtype=torch.float64)
    before = said(x)
    propagate(tensors, couplings)
    assert said(x).tolist() == [pytest.approx(row, abs=1e-12) for row in before.tolist()]
