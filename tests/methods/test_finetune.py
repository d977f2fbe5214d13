import pytest
import torch
from pydantic import ValidationError
from torch import nn

from tts_compress.errors import RecipeError
from tts_compress.methods.base import Context
from tts_compress.methods.finetune import Finetune


class Network(nn.Module):
    """A layer, its BatchNorm, and a fixed table."""

    def __init__(self):
        super().__init__()
        self.layer, self.norm = nn.Linear(2, 2), nn.BatchNorm1d(2)
        self.table = nn.Parameter(torch.ones(2, 2), requires_grad=False)


MOVED = ["layer.weight", "layer.bias", "norm.weight", "norm.bias"]


def tune(model, method):
    """Moves a weight, and says what that took."""
    model.layer.weight.data = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    return {"finetune_seconds": 1.5, "finetune_steps": float(method.steps)}


def test_what_training_moves_is_changed_and_measured():
    context, model = Context(finetuner=tune), Network()
    changes = Finetune(steps=7)(model, context)
    assert [change.layer for change in changes] == MOVED == Finetune().selected(model)
    assert changes[0].stats == {"n_weights": 4, "n_zero": 3}
    assert {change.spec for change in changes} == {None}
    assert context.measures == {"finetune_seconds": 1.5, "finetune_steps": 7}


def test_two_stages_of_a_run_take_the_time_of_both():
    context, model = Context(finetuner=tune), Network()
    for steps in (3, 4):
        Finetune(steps=steps)(model, context)
    assert context.measures == {"finetune_seconds": 3.0, "finetune_steps": 7}


def test_the_label_says_how_long():
    assert Finetune().label == "finetune 200 steps"
    assert Finetune(steps=5, minutes=2.5).label == "finetune 5 steps or 2.5 min"


def test_it_asks_for_something_to_train_on():
    assert Finetune.needs == "training"
    with pytest.raises(
        RecipeError, match=r"finetune: needs something .* got none\. Name a file of"
    ):
        Finetune()(Network(), Context())


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"minutes": 0},
        {"minutes": float("inf")},
        {"learning_rate": 0},
        {"warmup": -1},
        {"batch_size": 0},
        {"seed": -1},
        {"precision": "float16"},
        {"stepz": 1},
    ],
)
def test_a_wrong_setting_is_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Finetune(**wrong)
