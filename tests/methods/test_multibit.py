from typing import ClassVar

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn

from tts_compress.errors import CheckpointError, RecipeError
from tts_compress.methods import MultiBit
from tts_compress.methods.base import Context


class One(nn.Module):
    """A layer with the weight of the docstring."""

    groups: ClassVar = {"all": ("layer.*",)}

    def __init__(self, rows=((9.0, 1.0, 2.0, -8.0), (5.0, 3.0, -1.0, -7.0))):
        super().__init__()
        self.layer = nn.Linear(4, 2)
        self.layer.weight.data = torch.tensor(rows)


def quantized(model=None, **chosen):
    """Gives the weight, its levels and its scales."""
    model, ctx = model or One(), Context()
    MultiBit(**chosen)(model, ctx)
    form = ctx.quantized["layer.weight"]
    assert torch.equal(form.dense(), model.layer.weight)
    return model.layer.weight.tolist(), form.levels.tolist(), form.scales.tolist()


def test_two_bits_by_hand():
    weight, levels, scales = quantized(bits=2)
    assert weight == [[8.5, 1.5, 1.5, -8.5], [6, 2, -2, -6]]
    assert levels == [[2, 1, 1, -2], [2, 1, -1, -2]]
    assert scales == [[[3.5], [2]], [[5], [4]]]


@pytest.mark.parametrize(
    ("chosen", "scales"),
    [
        ({"granularity": "tensor"}, [[[4.5]]]),
        ({"granularity": "channel"}, [[[5], [4]]]),
        ({"granularity": "group", "group_size": 2}, [[[5, 5], [4, 4]]]),
        ({"granularity": "group", "group_size": 3}, [[[5, 5], [4, 4]]]),  # two, as even as can be
    ],
)
def test_one_bit_is_a_sign_times_the_mean_magnitude(chosen, scales):
    weight, levels, found = quantized(bits=1, **chosen)
    assert found == scales
    assert levels == [[1, 1, 1, -1], [1, 1, -1, -1]]
    assert weight[0][3] == -scales[0][0][-1]


def test_pruned_weights_stay_zero_and_others_have_a_code():
    weight, levels, scales = quantized(One(((3.0, 0.0, -0.0, -1.0), (0.0,) * 4)), bits=1)
    assert weight == [[2, 0, 0, -2], [0] * 4]
    assert levels == [[1, 0, 0, -1], [0] * 4]
    assert scales == [[[2], [0]]]


rows = st.lists(st.integers(-20, 20).map(float), min_size=4, max_size=4)


@given(st.tuples(rows, rows), st.integers(1, 4), st.sampled_from(["tensor", "channel", "group"]))
@settings(max_examples=25)
def test_alternating_is_never_worse_and_the_same_comes_out_again(weight, bits, granularity):
    given = torch.tensor(weight)
    errors = []
    for scales in ("greedy", "alternating"):
        chosen = {"bits": bits, "granularity": granularity, "scales": scales}
        chosen |= {"group_size": 2} if granularity == "group" else {}
        found = quantized(One(weight), **chosen)
        assert found == quantized(One(weight), **chosen)
        assert torch.equal(torch.tensor(found[1]) == 0, given == 0)
        assert torch.tensor(found[1]).abs().max() <= 2 ** (bits - 1)
        errors.append((torch.tensor(found[0]).double() - given).square().sum())
    assert errors[1] <= errors[0] * (1 + 1e-6)  # values are added up in float32


def test_errors_and_labels():
    model, ctx = One(((4.0, 3.0, float("nan"), 1.0), (1.0, 1.0, 1.0, 1.0))), Context()
    with pytest.raises(CheckpointError, match=r"^multibit: 'layer.weight' is not finite, got 1"):
        MultiBit(bits=2)(model, ctx)
    with pytest.raises(
        CheckpointError, match=r"^multibit: 'layer.weight' is too large .* 3.4e\+38"
    ):
        MultiBit(bits=1)(One(((3.4e38, 3.4e38, 0.0, 0.0), (1.0, 1.0, 1.0, 1.0))), ctx)
    model = One()
    MultiBit(bits=2)(model, ctx)
    message = r"^multibit: earlier stages quantized all that it selects, got 1"
    with pytest.raises(RecipeError, match=message):
        MultiBit(bits=1)(model, ctx)
    for bits in (0, 5):
        with pytest.raises(ValidationError, match="bits"):
            MultiBit(bits=bits)
    assert MultiBit(bits=1).label == "multibit 1 bit"
    assert MultiBit(bits=3, include=["rnn"]).label == "multibit rnn 3 bits"
    assert MultiBit(bits=3).does == "quantizes"
