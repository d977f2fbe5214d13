from typing import ClassVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tts_compress.architectures.fastspeech2 import FastSpeech2, FastSpeech2Settings
from tts_compress.architectures.tacotron2 import Tacotron2, Tacotron2Settings
from tts_compress.architectures.transformer import BlockSettings
from tts_compress.errors import CheckpointError, RecipeError
from tts_compress.methods import METHODS, Magnitude
from tts_compress.methods.base import Context, Memory
from tts_compress.methods.pruning import ranking as rankings


class Two(nn.Module):
    """Weights -1 .. -4 and 5 .. 8, biases of 0.1."""

    groups: ClassVar = {"first": ("a.weight",)}

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)
        with torch.no_grad():
            self.a.weight.copy_(-torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
            self.b.weight.copy_(torch.tensor([[5.0, 6.0], [7.0, 8.0]]))
            self.a.bias.fill_(0.1)
            self.b.bias.fill_(0.1)


def weights(model):
    return model.a.weight.flatten().tolist(), model.b.weight.flatten().tolist()


def test_global_takes_the_smallest_of_all():
    model = Two()
    changes = Magnitude(sparsity=0.5)(model, Context())
    assert weights(model) == ([0, 0, 0, 0], [5, 6, 7, 8])
    assert model.a.bias.tolist() == model.b.bias.tolist() == [pytest.approx(0.1)] * 2
    assert [(c.layer, c.spec, c.stats) for c in changes] == [
        ("a.weight", None, {"n_weights": 4, "n_zero": 4}),
        ("b.weight", None, {"n_weights": 4, "n_zero": 0}),
    ]


def test_tensor_takes_the_smallest_of_each():
    model = Two()
    Magnitude(sparsity=0.5, scope="tensor")(model, Context())
    assert weights(model) == ([0, 0, -3, -4], [0, 0, 7, 8])


def test_a_later_stage_keeps_zeros_and_counts_them():
    model = Two()
    with torch.no_grad():
        model.b.weight[1, 1] = 0.0
    Magnitude(sparsity=0.25)(model, Context())
    assert weights(model) == ([0, -2, -3, -4], [5, 6, 7, 0])
    Magnitude(sparsity=0.25, include=["first"])(model, Context())
    assert weights(model) == ([0, -2, -3, -4], [5, 6, 7, 0])


def test_a_sweep_sorts_once(monkeypatch):
    made = []

    class Counted(rankings.MagnitudeRanking):
        def __init__(self, weights):
            made.append(list(weights))
            super().__init__(weights)

    monkeypatch.setattr(rankings, "MagnitudeRanking", Counted)
    context = Context()
    for sparsity in (0.1, 0.5, 0.9):
        Magnitude(sparsity=sparsity)(Two(), context)
    assert made == [["a.weight", "b.weight"]]
    Magnitude(sparsity=0.5, scope="tensor")(Two(), context)
    assert made[1:] == [["a.weight"], ["b.weight"]]


def test_memory_forgets_the_least_used():
    memory = Memory(capacity=2)
    for key in ("a", "b", "a", "c"):
        memory.remember(key, lambda key=key: key)
    assert memory.remember("a", lambda: "again") == "a"
    assert memory.remember("b", lambda: "again") == "again"


SMALL = {
    "tacotron2": lambda: Tacotron2(
        Tacotron2Settings(
            embedding_dim=6,
            encoder_channels=(6,),
            encoder_lstm_units=(4, 4),
            prenet_units=(5, 5),
            attention_rnn_units=7,
            decoder_rnn_units=7,
            attention_dim=4,
            location_filters=3,
            postnet_channels=(6,),
        )
    ),
    "fastspeech2": lambda: FastSpeech2(
        FastSpeech2Settings(
            hidden=4,
            encoder=(BlockSettings(head_dim=3, filter=5),),
            decoder=(BlockSettings(head_dim=3, filter=5),),
            duration_filters=(3, 3),
            pitch_filters=(3, 3),
            energy_filters=(3, 3),
            postnet_channels=(6,),
        )
    ),
}


@pytest.mark.parametrize(
    ("name", "include"),
    [("tacotron2", ["rnn", "cnn"]), ("fastspeech2", ["attention"]), ("fastspeech2", [])],
)
def test_what_the_recipes_select(name, include):
    model = SMALL[name]()
    biases = {n: p.clone() for n, p in model.named_parameters() if p.dim() == 1 or n[-3:] == "enc"}
    changes = Magnitude(sparsity=0.8, include=include)(model, Context())
    n_weights = sum(c.stats["n_weights"] for c in changes)
    assert sum(c.stats["n_zero"] for c in changes) == n_weights * 8 // 10
    parameters = dict(model.named_parameters())
    assert all(torch.equal(parameters[n], p) for n, p in biases.items())
    assert biases


@given(st.floats(0, 1, exclude_max=True), st.sampled_from(["global", "tensor"]))
def test_same_weights_prune_the_same_with_a_shared_context(sparsity, scope):
    context, method = Context(), Magnitude(sparsity=sparsity, scope=scope)
    first, second, third = Two(), Two(), Two()
    method(first, context)
    method(second, context)
    method(third, Context())
    assert weights(first) == weights(second) == weights(third)


def test_errors_name_the_method_or_tensor():
    model = Two()
    with pytest.raises(
        RecipeError, match=r"^magnitude: include \['frst'\].*Did you mean 'first'\?"
    ):
        Magnitude(sparsity=0.1, include=["frst"])(model, Context())
    with torch.no_grad():
        model.b.weight[0, 0] = float("nan")
    with pytest.raises(CheckpointError, match=r"^magnitude: 'b.weight' is not finite, got 1 NaN"):
        Magnitude(sparsity=0.1)(model, Context())


def test_names_and_labels():
    assert all(method.model_fields["method"].default == name for name, method in METHODS.items())
    assert Magnitude(sparsity=0.001).label == "magnitude 0.1 %"
    assert Magnitude(sparsity=0.57).label == "magnitude 57 %"
    assert Magnitude.needs == "nothing"
