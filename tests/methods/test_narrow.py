from typing import ClassVar

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tts_compress.errors import CheckpointError, RecipeError
from tts_compress.methods import Narrow, Uniform
from tts_compress.methods.base import Context


class One(nn.Module):
    """A layer with the weight of the docstring, a bias, a batch norm and a fixed table."""

    groups: ClassVar = {"linear": ("layer.*",)}

    def __init__(self, *rows):
        super().__init__()
        self.layer, self.norm = nn.Linear(2, 2), nn.BatchNorm1d(2)
        self.layer.weight.data = torch.tensor(rows or ((0.1, 1.001), (-3.0, 7e4)))
        self.layer.bias.data = torch.tensor([0.1, -(2.0**-30)])
        self.norm.running_mean[:] = torch.tensor([0.1, 0.0])
        self.norm.running_var[:] = torch.tensor([1e-9, 0.0])
        self.table = nn.Parameter(torch.tensor([0.1]), requires_grad=False)


NAMES = ["layer.weight", "layer.bias", "norm.weight", "norm.bias"]
NAMES += ["norm.running_mean", "norm.running_var"]


def test_bfloat16_by_hand():
    model = One()
    changes = Narrow(dtype="bfloat16")(model, Context())
    assert model.layer.weight.tolist() == [[0.10009765625, 1], [-3, 70144]]
    assert model.layer.bias.tolist() == [0.10009765625, -(2.0**-30)]
    assert model.norm.running_mean.tolist() == [0.10009765625, 0]
    assert model.norm.running_var.tolist() == [9.968061931431293e-10, 0]
    assert [change.layer for change in changes] == NAMES
    assert changes[1].stats == {"n_weights": 2, "n_zero": 0}


def test_float16_by_hand():
    model = One((0.1, 1.001), (-3.0, 65504.0))
    Narrow()(model, Context())
    assert model.layer.weight.tolist() == [[0.0999755859375, 1.0009765625], [-3, 65504]]
    assert model.layer.bias.tolist() == [0.0999755859375, 0]
    assert model.norm.running_var.tolist() == [2.0**-24, 0]  # the smallest, and what was zero
    assert model.table.tolist() == torch.tensor([0.1]).tolist()


def test_include_and_exclude_match_everything():
    assert Narrow().selected(One()) == NAMES
    assert Narrow(include=["linear"]).selected(One()) == NAMES[:2]
    assert Narrow(include=["norm.running_var"]).selected(One()) == NAMES[5:]
    assert Narrow(exclude=["norm.*", "layer.bias"]).selected(One()) == NAMES[:1]


def test_what_is_quantized_stays():
    model, ctx = One((0.3, 1.0), (-3.0, 2.0)), Context()
    Uniform(bits=8, range="minmax")(model, ctx)
    weight = model.layer.weight.clone()
    changes = Narrow()(model, ctx)
    assert [change.layer for change in changes] == NAMES[1:]
    assert torch.equal(model.layer.weight, weight)
    assert list(ctx.quantized) == ["layer.weight"]
    with pytest.raises(RecipeError, match=r"^narrow: earlier stages quantized all that it selects"):
        Narrow(include=["layer.weight"])(model, ctx)


def test_what_the_file_of_the_model_has_as_integers_stays_unless_it_is_named():
    model, ctx = One(), Context(stored={"layer.weight"})
    weight = model.layer.weight.clone()
    Narrow(dtype="bfloat16")(model, ctx)
    assert torch.equal(model.layer.weight, weight)
    Narrow(dtype="bfloat16", include=["layer.weight"])(model, ctx)
    assert not torch.equal(model.layer.weight, weight)


def test_no_later_stage_changes_what_is_narrow():
    model, ctx = One((0.3, 1.0), (-3.0, 2.0)), Context()
    Narrow(include=["layer.bias"])(model, ctx)
    bias = model.layer.bias.clone()
    changes = Uniform(bits=4, vectors=True, include=["layer.*"])(model, ctx)
    assert [change.layer for change in changes] == ["layer.weight"]
    assert torch.equal(model.layer.bias, bias)
    with pytest.raises(RecipeError, match=r"^uniform: earlier stages quantized all that it selec"):
        Uniform(bits=4, vectors=True, include=["layer.bias"])(model, ctx)


@given(st.lists(st.floats(-6e4, 6e4, width=32), min_size=1), st.sampled_from([11, 8]))
@settings(max_examples=50)
def test_numbers_are_the_nearest_and_rounding_again_changes_nothing(numbers, digits):
    model, method = One(numbers), Narrow(dtype={11: "float16", 8: "bfloat16"}[digits])
    given = model.layer.weight.detach().double()
    method(model, Context())
    found = model.layer.weight.detach().clone()
    assert bool(((found - given).abs() <= given.abs() * 2.0**-digits + 2.0**-25).all())
    method(model, Context())
    assert torch.equal(model.layer.weight, found)


def test_errors_and_labels():
    message = r"^narrow: 'layer.weight' has values that float16 cannot hold, got 70000. Use bfloat"
    with pytest.raises(RecipeError, match=message):
        Narrow()(One(), Context())
    message = r"cannot hold, got 3.4e\+38. Exclude it.$"
    with pytest.raises(RecipeError, match=message):
        Narrow(dtype="bfloat16")(One((3.4e38, 1.0), (1.0, 1.0)), Context())
    with pytest.raises(CheckpointError, match=r"^narrow: 'layer.weight' is not finite, got 1 NaN"):
        Narrow()(One((float("nan"), 1.0), (1.0, 1.0)), Context())
    assert Narrow().label == "float16"
    assert Narrow(dtype="bfloat16", include=["rnn"]).label == "bfloat16 rnn"
    assert Narrow().does == "quantizes"
