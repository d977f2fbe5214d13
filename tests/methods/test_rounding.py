from copy import deepcopy
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from tests.networks import golden_network
from tts_compress import load_model, quantized
from tts_compress.architectures.following import follow
from tts_compress.errors import CheckpointError, RecipeError
from tts_compress.methods.base import Context
from tts_compress.methods.calibration.affine import affine_maps
from tts_compress.methods.calibration.calibrating import walk
from tts_compress.methods.magnitude import Magnitude
from tts_compress.methods.narrow import Narrow
from tts_compress.methods.pruning.ranking import n_pruned
from tts_compress.methods.quantizing.rounding_fit import RoundingFit, round_map
from tts_compress.methods.rounding import Rounding
from tts_compress.methods.uniform import Uniform
from tts_compress.synthesis import Speech

ROOT = Path(__file__).parents[2]
EXACT = 1e-9  # a damping that hardly shows


def layer_of(matrix):
    layer = nn.Linear(len(matrix[0]), len(matrix)).double()
    layer.weight.data = torch.tensor(matrix, dtype=torch.float64)
    return layer


def rounded(layer, xx, done=None, **settings):
    settings = Rounding(damping=EXACT, **settings)
    (own,) = affine_maps(layer)
    done = {} if done is None else done
    return round_map(own, own.matrix, xx.double(), ["weight"], settings, done)


def test_what_is_off_is_fed_on_and_a_pruned_weight_stays_zero():
    xx = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.9], [0.0, 0.9, 1.0]])
    done = {}
    found = rounded(layer_of([[3.0, 1.0, 1.0], [0.0, -4.0, 1.0]]), xx, done, bits=2)
    assert found.tolist() == [[3, 0, 3], [0, -4, 0]]
    form = done["weight"]
    assert form.levels.tolist() == [[1, 0, 1], [0, -1, 0]]
    assert form.scale.tolist() == [[3], [4]]
    assert torch.equal(form.dense().double(), found)


def test_loud_columns_come_first():
    # Column 1 is heard louder, so its error is made up for by column 0.
    xx = torch.tensor([[1.0, 1.8], [1.8, 4.0]])
    found = rounded(layer_of([[-1.0, 0.4], [1.0, 1.0]]), xx, bits=2, granularity="tensor")
    # 0.4 becomes 0; of column 0, -1 + 0.4 * 1.8 = -0.28 is asked.
    assert found.tolist() == [[0, 0], [1, 1]]


def test_pruning_takes_what_costs_least_and_the_others_make_up_for_it():
    # Conditional variances are 0.19 and 1, so the first of two equal weights costs less.
    xx = torch.tensor([[1.0, 0.9], [0.9, 1.0]])
    found = rounded(layer_of([[2.0, 2.0], [4.0, 1.0]]), xx, bits=None, sparsity=0.25)
    torch.testing.assert_close(found, torch.tensor([[0.0, 3.8], [4.0, 1.0]]).double())


@pytest.mark.parametrize("bits", [None, 3])
def test_a_transposed_convolution_is_rounded_by_its_outputs_and_keeps_its_shape(bits):
    torch.manual_seed(0)
    layer = nn.ConvTranspose1d(3, 2, 4, 2, padding=1).double()
    done = {}
    found = rounded(layer, torch.eye(12), done, bits=bits, sparsity=0.5)
    assert found.shape == (2, 12)
    assert int((found == 0).sum()) >= 12
    if bits:
        assert done["weight"].shape == (3, 2, 4)
        (own,) = affine_maps(layer)
        assert torch.equal(own.as_matrix(done["weight"].dense().double()), found)


def test_biases_bring_the_means_back_and_inputs_are_those_of_the_rounded_network():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).double()
    before, x, done = deepcopy(model), torch.randn(1, 50, 3).double(), {}
    settings = Rounding(bits=2)
    fits = {}
    for name in ("0", "2"):
        (own,), (was,) = (affine_maps(net.get_submodule(name)) for net in (model, before))
        names = [f"{name}.weight"]
        fits[name] = [RoundingFit("rounding", name, own, was, True, names, settings, done)]
    positions = torch.ones(1, 50, dtype=torch.bool)
    walk(model, before, fits, lambda net: net(x), lambda *_: positions)
    assert set(done) == {"0.weight", "2.weight"}
    assert model[0].weight.unique().numel() <= 3 * 4
    for depth in (1, 3):
        torch.testing.assert_close(model[:depth](x).mean((0, 1)), before[:depth](x).mean((0, 1)))


def speech(n=3):
    generator = torch.Generator().manual_seed(0)
    found = []
    for number in range(n):
        ids = torch.randint(85, 147, (6 + number,), generator=generator)
        mel = torch.randn(80, 3 * len(ids), generator=generator) - 5
        found.append(Speech("", ids, mel, durations=torch.full(ids.shape, 3)))
    return found


def run(model, stage, context=None):
    context = context or Context(say=speech)
    return stage(model, context), context


def test_every_weight_is_rounded_and_only_selected_tensors_change():
    model = golden_network("fastspeech2")
    before = deepcopy(model.state_dict())
    settings = Rounding(bits=3, include=["ffn", "embedding"], granularity="group", group_size=8)
    changes, context = run(model, settings)
    assert [change.layer for change in changes] == settings.selected(model)
    assert set(context.quantized) == set(settings.chosen(model))
    for name, tensor in model.state_dict().items():
        if name in context.quantized:
            form = context.quantized[name]
            assert isinstance(form, quantized.Uniform)
            assert torch.equal(form.dense(), tensor)
            assert form.levels.abs().max() <= 3
            assert torch.equal(form.scale, form.scale.bfloat16().float())
        else:
            assert torch.equal(tensor, before[name]) == (name not in settings.selected(model))


@pytest.mark.parametrize("bits", [None, 4])
def test_sparsity_is_exact_in_each_tensor_and_zeros_stay(bits):
    model = golden_network("fastspeech2")
    Magnitude(sparsity=0.2)(model, Context())
    zeros = {name: p == 0 for name, p in model.named_parameters()}
    settings = Rounding(bits=bits, sparsity=0.5)
    run(model, settings)
    for name in settings.chosen(model):
        after = model.get_parameter(name) == 0
        assert after[zeros[name]].all()
        least = max(n_pruned(0.5, after.numel()), int(zeros[name].sum()))
        assert int(after.sum()) == least if bits is None else int(after.sum()) >= least


def test_it_is_nearer_to_what_was_said_than_plain_rounding():
    dense = load_model(ROOT / "models/fastspeech2-slt")
    spoken = speech(6)
    said = {}
    for name, stage in {
        "plain": Uniform(bits=3, include=["decoder.layer_stack.2.*"]),
        "calibrated": Rounding(bits=3, include=["decoder.layer_stack.2.*"]),
    }.items():
        model = deepcopy(dense)
        run(model, stage, Context(say=lambda: spoken))
        said[name] = model
    with torch.no_grad():
        wanted, plain, ours = (
            follow(net, spoken).mel_postnet for net in (dense, said["plain"], said["calibrated"])
        )
    assert (ours - wanted).abs().mean() < 0.7 * (plain - wanted).abs().mean()


def test_the_same_each_time():
    one, other = golden_network("fastspeech2"), golden_network("fastspeech2")
    for model in (one, other):
        run(model, Rounding(bits=4, sparsity=0.3, include=["attention"]))
    assert all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))


def test_what_an_earlier_stage_quantized_is_left_alone():
    model = golden_network("fastspeech2")
    _, context = run(model, Uniform(bits=4, include=["attention"]))
    attention = {name: model.get_parameter(name).clone() for name in context.quantized}
    changes, _ = run(model, Rounding(bits=2), context)
    assert attention
    assert not attention.keys() & {change.layer for change in changes}
    for name, tensor in attention.items():
        assert torch.equal(model.get_parameter(name), tensor)
    with pytest.raises(RecipeError, match="rounding: earlier stages quantized all"):
        run(model, Rounding(bits=3), context)


def test_biases_that_are_narrow_stay():
    model, context = golden_network("fastspeech2"), Context(say=speech)
    Narrow(include=["mel_linear.bias"])(model, context)
    bias = model.mel_linear.bias.clone()
    changes, _ = run(model, Rounding(bits=3, include=["mel_linear.weight"]), context)
    assert [change.layer for change in changes] == ["mel_linear.weight"]
    assert torch.equal(model.mel_linear.bias, bias)


def test_what_it_is_called_does_and_needs():
    assert Rounding(include=["ffn"], sparsity=0.5).label == "rounding ffn 4 bits 50 %"
    assert Rounding(bits=None, sparsity=0.5).label == "rounding 50 %"
    assert (Rounding().does, Rounding(bits=None, sparsity=0.5).does) == ("quantizes", "prunes")
    assert Rounding.needs == "calibration"
    with pytest.raises(ValidationError, match="needs bits, a sparsity, or both"):
        Rounding(bits=None)
    message = "rounds nothing without bits, got granularity, symmetric"
    with pytest.raises(ValidationError, match=message):
        Rounding(bits=None, sparsity=0.5, symmetric=True, granularity="tensor")
    with pytest.raises(ValidationError, match=r"damping\n.*greater than or equal to"):
        Rounding(damping=1e-20)


def test_a_layer_that_hears_always_the_same_is_rounded_alone():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].weight.data.zero_()
    before, done = deepcopy(model), {}
    (own,), (was,) = (affine_maps(net[1]) for net in (model, before))
    settings = Rounding(bits=3)
    fit = RoundingFit("rounding", "1", own, was, True, ["weight"], settings, done)
    x, positions = torch.randn(2, 400, 3), torch.ones(2, 400, dtype=torch.bool)
    walk(model, before, {"1": [fit]}, lambda net: net(x), lambda *_: positions)
    levels = (before[1].weight / done["weight"].scale).round().clamp(-3, 3)
    assert torch.equal(done["weight"].levels, levels.short())
    torch.testing.assert_close(model(x), before(x))


def test_no_calibration_and_weights_that_are_not_finite_are_errors():
    model = golden_network("fastspeech2")
    with pytest.raises(RecipeError, match="rounding: needs calibration sentences, got none"):
        Rounding()(model, Context())
    with pytest.raises(RecipeError, match=r"rounding: include \['mel_linear.bias'\] matches none"):
        Rounding(include=["mel_linear.bias"]).selected(model)
    model.mel_linear.weight.data[0, 0] = torch.nan
    with pytest.raises(
        CheckpointError, match=r"rounding: .mel_linear\.weight. is not finite, got 1"
    ):
        run(model, Rounding())
