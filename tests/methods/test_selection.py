from typing import ClassVar

import pytest
from torch import nn

from tts_compress.errors import RecipeError
from tts_compress.methods.selection import groups_of, select, weights_of


class Small(nn.Module):
    groups: ClassVar = {
        "rnn": ("decoder.lstm.weight_*",),
        "cnn": ("encoder.*.weight",),
        "empty": ("x.*",),
    }

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3), nn.LayerNorm(3))
        self.decoder = nn.ModuleDict({"lstm": nn.LSTM(2, 2), "out": nn.Linear(2, 2)})
        self.table = nn.Parameter(nn.init.zeros_(nn.Linear(2, 2).weight), requires_grad=False)


def chosen(include=(), exclude=()):
    model = Small()
    return select(dict(model.named_parameters()), model.groups, include, exclude, "magnitude")


def test_default_is_every_weight_and_no_bias_or_table():
    names = ["encoder.0.weight", "decoder.lstm.weight_ih_l0", "decoder.lstm.weight_hh_l0"]
    names += ["decoder.out.weight"]
    assert chosen() == names
    assert weights_of(dict(Small().named_parameters())) == names


def test_groups_patterns_names_and_exclude_keep_the_order_of_the_network():
    assert chosen(["decoder.out.*", "rnn"], ["*_hh_l0"]) == [
        "decoder.lstm.weight_ih_l0",
        "decoder.out.weight",
    ]
    assert chosen(["cnn", "decoder.*"], ["rnn", "*.out.*"]) == ["encoder.0.weight"]


def test_bias_needs_its_full_name():
    assert chosen(["decoder.out.bias"]) == ["decoder.out.bias"]
    with pytest.raises(RecipeError, match=r"include \['\*\.0\.bias'\] matches none of 4 tensors"):
        chosen(["*.0.bias"])


def test_vectors_are_matched_too_where_that_is_asked_for():
    model = Small()
    given = {name: p for name, p in model.named_parameters() if p.requires_grad}

    def names(include=(), exclude=()):
        return select(given, model.groups, include, exclude, "uniform", vectors=True)

    assert names() == list(given)
    assert names(["*.0.bias"]) == ["encoder.0.bias"]
    assert names(["cnn"]) == ["encoder.0.weight", "encoder.1.weight", "encoder.2.weight"]
    assert names(exclude=["decoder.*", "*.weight"]) == [f"encoder.{n}.bias" for n in range(3)]
    with pytest.raises(RecipeError, match=r"include \['table'\] matches none of 12 tensors"):
        names(["table"])


@pytest.mark.parametrize(
    ("include", "exclude", "message"),
    [
        (
            ["decodr.*"],
            [],
            r"^magnitude: include \['decodr\.\*'\] matches none of 4 tensors\. "
            r"Did you mean 'decoder\.\*'\? Known groups: cnn, empty, rnn\.$",
        ),
        (["rn"], [], r"include \['rn'\] .* Did you mean 'rnn'\?"),
        (["rnn", "empty"], [], r"include \['empty'\] matches none"),
        (["rnn"], ["zzzzzz"], r"exclude \['zzzzzz'\] matches none of 4 tensors\. Known groups"),
        (
            ["rnn"],
            ["decoder.*"],
            r"selects no tensor, got include \['rnn'\] and exclude \['decoder",
        ),
    ],
)
def test_what_matches_nothing_is_an_error(include, exclude, message):
    with pytest.raises(RecipeError, match=message):
        chosen(include, exclude)


def test_groups_of_each_weight():
    groups = groups_of(Small())
    assert groups["encoder.0.weight"] == ("cnn",)
    assert groups["decoder.out.weight"] == ()
    assert "table" not in groups
    assert groups_of(nn.Linear(2, 2)) == {"weight": ()}
