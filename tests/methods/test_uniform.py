from typing import ClassVar

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn

from tts_compress.errors import CheckpointError, RecipeError
from tts_compress.methods.base import Context
from tts_compress.methods.uniform import Uniform


class One(nn.Module):
    """A layer with the weight of the docstring, and biases."""

    groups: ClassVar = {"all": ("layer.*",)}

    def __init__(self, rows=((4.0, 3.0, -1.0), (0.0, 1.0, -6.0))):
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.layer.weight.data = torch.tensor(rows)
        self.layer.bias.data = torch.tensor([0.5, -127 / 64])
        self.table = nn.Parameter(torch.tensor([0.1]), requires_grad=False)


def quantized(model=None, **settings):
    """Gives the weight, its levels and its scales."""
    model, ctx = model or One(), Context()
    Uniform(**settings)(model, ctx)
    form = ctx.quantized["layer.weight"]
    assert torch.equal(form.dense(), model.layer.weight)
    return model.layer.weight.tolist(), form.levels.tolist(), form.scale.tolist()


def test_two_bits_by_hand():
    weight, levels, scale = quantized(bits=2)
    assert weight == [[3.5, 3.5, 0], [0, 0, -6]]
    assert levels == [[1, 1, 0], [0, 0, -1]]
    assert scale == [[3.5], [6]]


@pytest.mark.parametrize(
    ("settings", "levels", "scale"),
    [
        ({"range": "minmax"}, [[1, 1, 0], [0, 0, -1]], [[4], [6]]),
        ({"range": "minmax", "granularity": "tensor"}, [[1, 0, 0], [0, 0, -1]], [[6]]),
        (
            {"range": "minmax", "granularity": "group", "group_size": 2},
            [[1, 1, -1], [0, 1, -1]],
            [[4, 1], [1, 6]],
        ),
        (
            {"range": "minmax", "symmetric": False},  # 5/3 and 7/3, rounded up to bfloat16
            [[2, 2, -1], [0, 0, -3]],
            [[1.671875], [2.34375]],
        ),
        ({"range": "percentile", "percentile": 60}, [[1, 1, 0], [0, 0, -1]], [[3], [6]]),
    ],
)
def test_ranges_and_granularities_by_hand(settings, levels, scale):
    found = quantized(bits=2, **settings)
    assert found[1:] == (levels, scale)


def test_vectors_are_included_by_name_or_all_at_once():
    model, ctx = One(), Context()
    assert Uniform(bits=4).selected(model) == ["layer.weight"]
    assert Uniform(bits=4, include=["layer.bias"]).selected(model) == ["layer.bias"]
    for include in ([], ["all"], ["layer.*"]):
        method = Uniform(bits=4, vectors=True, include=include)
        assert method.selected(model) == ["layer.weight", "layer.bias"]
    assert Uniform(bits=4, vectors=True, exclude=["*bias"]).selected(model) == ["layer.weight"]
    Uniform(bits=8, vectors=True, range="minmax")(model, ctx)
    assert ctx.quantized["layer.bias"].levels.tolist() == [32, -127]
    assert model.layer.bias.tolist() == [0.5, -127 / 64]
    assert model.table.tolist() == torch.tensor([0.1]).tolist()


def test_what_an_earlier_stage_quantized_stays():
    model, ctx = One(), Context()
    Uniform(bits=2)(model, ctx)
    weight = model.layer.weight.tolist()
    changes = Uniform(bits=8, vectors=True)(model, ctx)
    assert [change.layer for change in changes] == ["layer.bias"]
    assert model.layer.weight.tolist() == weight
    with pytest.raises(
        RecipeError, match=r"^uniform: earlier stages quantized all that it selects"
    ):
        Uniform(bits=8)(model, ctx)


def test_changes_count_zeros():
    (change,) = Uniform(bits=2)(One(), Context())
    assert change.layer == "layer.weight"
    assert change.stats == {"n_weights": 6, "n_zero": 3}


rows = st.lists(st.floats(-100, 100, width=32), min_size=3, max_size=3)
SETTINGS = st.fixed_dictionaries(
    {
        "bits": st.integers(2, 8),
        "symmetric": st.booleans(),
        "range": st.sampled_from(["mse", "minmax", "percentile"]),
    }
)
SHARING = st.one_of(
    st.fixed_dictionaries({"granularity": st.sampled_from(["tensor", "channel"])}),
    st.fixed_dictionaries({"granularity": st.just("group"), "group_size": st.integers(1, 4)}),
)


@given(st.tuples(rows, rows), st.builds(dict.__or__, SETTINGS, SHARING))
@settings(max_examples=25)
def test_pruned_stays_zero_levels_fit_and_the_same_comes_out_again(weight, chosen):
    first, second = Context(), Context()
    model = One(weight)
    Uniform(**chosen)(model, first)
    Uniform(**chosen)(One(weight), second)
    form, again = first.quantized["layer.weight"], second.quantized["layer.weight"]
    assert torch.equal(form.levels, again.levels)
    assert torch.equal(form.scale, again.scale)
    assert not model.layer.weight[torch.tensor(weight) == 0].any()
    span = form.levels.max() - form.levels.min()
    assert (
        int(span) < 2 ** chosen["bits"] - chosen["symmetric"] or chosen["granularity"] != "tensor"
    )
    assert torch.equal(form.scale, form.scale.bfloat16().float())
    assert bool((form.scale > 0).all())


def test_errors_and_labels():
    model = One(((4.0, 3.0, float("nan")), (0.0, float("inf"), 1.0)))
    with pytest.raises(
        CheckpointError, match=r"^uniform: 'layer.weight' is not finite, got 2 NaN or infinite of 6"
    ):
        Uniform(bits=4)(model, Context())
    assert model.layer.weight[0, 0] == 4
    model = One(((3.4e38, 3.0, 0.0), (0.0, 2.0, 1.0)))
    with pytest.raises(
        CheckpointError, match=r"^uniform: 'layer.weight' is too large .* got 3.4e\+38"
    ):
        Uniform(bits=2)(model, Context())
    assert model.layer.weight[0, 1] == 3
    with pytest.raises(RecipeError, match=r"^uniform: include \['lyer.*'\] matches none of 2 tens"):
        Uniform(bits=4, vectors=True, include=["lyer.*"]).selected(One())
    for bits in (1, 9):
        with pytest.raises(ValidationError, match="bits"):
            Uniform(bits=bits)
    assert Uniform(bits=4, include=["rnn"]).label == "uniform rnn 4 bits"
    assert Uniform(bits=4).does == "quantizes"
    assert Uniform(bits=4).needs == "nothing"
    assert Uniform(bits=4, bias_correction=True).needs == "calibration"
