import pytest
import torch
from torch import nn

from tts_compress.errors import CheckpointError
from tts_compress.methods.precision import check_finite, round_parameters, stored_precision


def layer(*values):
    made = nn.Linear(len(values), 1, bias=False)
    made.weight.data = torch.tensor([values])
    return made


def test_the_narrowest_type_that_holds_every_weight():
    assert stored_precision(layer(0.5, -3.0)) is torch.float16
    assert stored_precision(layer(2.0**100, 1.0)) is torch.bfloat16  # beyond float16
    assert stored_precision(layer(0.1, 1.0)) is None


def test_weights_are_rounded_to_the_nearest_of_the_type_and_zeros_stay():
    made = layer(0.1, 0.0, -3.0)
    round_parameters(made, torch.float16)
    assert made.weight.tolist() == [[0.0999755859375, 0.0, -3.0]]
    assert stored_precision(made) is torch.float16


def test_what_the_type_cannot_hold_stays():
    made = layer(1e6, 0.1)
    round_parameters(made, torch.float16)
    assert made.weight.tolist() == [[1e6, 0.0999755859375]]


def test_without_a_narrow_type_nothing_changes():
    made = layer(0.1)
    before = made.weight.detach().clone()
    round_parameters(made, None)
    assert torch.equal(made.weight, before)


def test_fixed_tables_neither_count_nor_change():
    made = layer(0.5)
    made.table = nn.Parameter(torch.tensor([0.1]), requires_grad=False)
    assert stored_precision(made) is torch.float16
    round_parameters(made, torch.float16)
    assert made.table.tolist() == torch.tensor([0.1]).tolist()


def test_what_is_not_finite_is_named_and_counted():
    check_finite("uniform", "weight", torch.tensor([0.5, -1.0]))
    message = r"^uniform: 'weight' is not finite, got 2 NaN or infinite of 3 values\. Use a checkp"
    with pytest.raises(CheckpointError, match=message):
        check_finite("uniform", "weight", torch.tensor([float("nan"), 1.0, float("-inf")]))
