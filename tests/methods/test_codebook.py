"""Exact k-means on a line, and the method that gives tensors its tables."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.networks import golden_network
from tts_compress.errors import CheckpointError, RecipeError
from tts_compress.methods import Codebook, Magnitude
from tts_compress.methods.base import Context
from tts_compress.methods.quantizing.clustering import codebook, kmeans, nearest, rounded
from tts_compress.synthesis import Speech

EXAMPLE = torch.tensor([[0.25, 1.75, -3.0], [5.0, 2.25, -0.25], [0.0, -3.0, 5.0]])

numbers = st.lists(st.integers(-40, 40).map(lambda n: n / 8), min_size=1, max_size=7)
networks = pytest.mark.parametrize("architecture", ["tacotron2", "fastspeech2"])


def matrix(seed, *shape):
    """Weights as trained ones are: in float16, with long tails, some pruned."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(shape, generator=generator) ** 3 / 10
    return (values * (torch.rand(shape, generator=generator) > 0.2)).half().float()


def weights_like(values, seed=0):
    return torch.rand(values.shape, generator=torch.Generator().manual_seed(seed)).double() + 0.01


def error(values, centers, importance=None):
    """Squared error of numbers that each become the nearest centre."""
    found = (values.double()[..., None] - centers.double()).abs().amin(-1).square()
    return float((found if importance is None else found * importance).sum())


def brute_force(values, k, importance):
    """The least squared error over all ways to give sorted numbers to k - 1 means and a zero."""
    order = values.argsort()
    values, importance = values[order].double(), importance[order].double()
    best = float("inf")
    for n_parts in range(1, k + 1):
        for cuts in itertools.combinations(range(1, len(values)), n_parts - 1):
            parts = list(itertools.pairwise((0, *cuts, len(values))))
            for zero in range(-1 if n_parts < k else 0, n_parts):
                total = 0.0
                for number, (start, end) in enumerate(parts):
                    x, w = values[start:end], importance[start:end]
                    mean = 0 if number == zero else (w * x).sum() / w.sum()
                    total += float((w * (x - mean) ** 2).sum())
                best = min(best, total)
    return best


def lloyd(values, importance, centers):
    """Ordinary k-means with the zero held, from some start until nothing moves."""
    for _ in range(100):
        nearest_center = (values[:, None] - centers).abs().argmin(1)
        before = centers.clone()
        for i in range(len(centers)):
            own = nearest_center == i
            if own.any() and before[i] != 0:
                centers[i] = (values * importance)[own].sum() / importance[own].sum()
        if torch.equal(before, centers):
            break
    return centers


def test_two_bits_by_hand():
    form = codebook(EXAMPLE, 4, 1, "float16")
    assert form.tables.tolist() == [[-3, 0, 2, 5]]
    assert form.levels.tolist() == [[0, 1, -1], [2, 1, 0], [0, -1, 2]]
    assert form.dense().tolist() == [[0, 2, -3], [5, 2, 0], [0, -3, 5]]


def test_centres_are_weighted_means():
    values = torch.tensor([1.0, 2.0, 8.0])
    assert kmeans(values, 3).tolist() == [0, 1.5, 8]
    assert kmeans(values, 3, torch.tensor([1.0, 3.0, 1.0])).tolist() == [0, 1.75, 8]
    # Of 1, 4 and 8 the least may go to zero, unless 4 hardly counts.
    values = torch.tensor([1.0, 4.0, 8.0])
    assert kmeans(values, 3).tolist() == [0, 4, 8]
    little = torch.tensor([1.0, 0.0625, 1.0])
    assert kmeans(values, 3, little).tolist() == pytest.approx([0, 1.25 / 1.0625, 8])


def test_what_is_on_one_side_of_zero_takes_all_centres():
    assert kmeans(torch.tensor([-1.0, -2.0, -4.0]), 4).tolist() == [-4, -2, -1, 0]
    assert kmeans(torch.tensor([1.0, 2.0, 4.0]), 4).tolist() == [0, 1, 2, 4]
    assert kmeans(torch.tensor([0.0, -0.0]), 4).tolist() == [0]


@settings(max_examples=40)
@given(values=numbers, k=st.integers(2, 4), seed=st.integers(0, 9))
def test_no_other_clusters_are_better(values, k, seed):
    values = torch.tensor(values)
    importance = weights_like(values, seed)
    found = kmeans(values, k, importance)
    assert len(found) <= k
    assert (found == 0).sum() == 1
    assert found.diff().gt(0).all()
    least = brute_force(values, k, importance)
    assert error(values, found, importance) == pytest.approx(least, abs=1e-9)


@settings(max_examples=25)
@given(seed=st.integers(0, 99), k=st.integers(2, 17))
def test_lloyd_is_never_better(seed, k):
    values = matrix(seed, 150).double()
    importance = weights_like(values, seed)
    start = torch.quantile(values, torch.linspace(0, 1, k - 1, dtype=torch.float64))
    local = lloyd(values, importance, torch.cat((torch.zeros(1), start)).double())
    exact = error(values, kmeans(values, k, importance), importance)
    assert exact <= error(values, local, importance) * (1 + 1e-9)


@settings(max_examples=20)
@given(seed=st.integers(0, 99), k=st.integers(2, 9))
def test_numbers_between_those_of_float16_lose_next_to_nothing(seed, k):
    values = torch.randn(300, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    rough = kmeans(values, k)
    assert error(values, lloyd(values, torch.ones(300), rough.clone())) >= 0.999 * error(
        values, rough
    )


@settings(max_examples=20)
@given(seed=st.integers(0, 99), weighted=st.booleans())
def test_more_bits_have_less_error(seed, weighted):
    weight = matrix(seed, 12, 20)
    importance = weights_like(weight, seed) if weighted else None
    errors = [
        error(weight, kmeans(weight, 2**bits, importance), importance) for bits in range(1, 9)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 1000


@settings(max_examples=30)
@given(
    seed=st.integers(0, 99),
    bits=st.integers(1, 8),
    n_tables=st.integers(1, 5),
    table=st.sampled_from(["float16", "int8"]),
)
def test_a_second_time_changes_nothing_and_zeros_stay(seed, bits, n_tables, table):
    weight = matrix(seed, 10, 6)
    form = codebook(weight, 2**bits, n_tables, table)
    assert (form.tables.diff() > 0).all()
    assert ((form.tables == 0).sum(1) == 1).all()
    once = form.dense()
    assert torch.equal(codebook(once, 2**bits, n_tables, table).dense(), once)
    assert not once[weight == 0].any()
    assert torch.equal(once, once.half().float())


@settings(max_examples=25)
@given(seed=st.integers(0, 99), bits=st.integers(1, 6))
def test_rows_in_another_order_get_the_same_levels(seed, bits):
    weight = matrix(seed, 8, 5)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(seed))
    one, other = (codebook(w, 2**bits, 1, "float16") for w in (weight, weight[order]))
    assert torch.equal(one.tables, other.tables)
    assert torch.equal(one.levels[order], other.levels)


def test_each_group_of_rows_has_its_table():
    weight = torch.tensor([[1.0, -1.0], [0.0, 1.0], [0.0, 0.0], [-2.0, -4.0], [8.0, 8.0]])
    form = codebook(weight, 4, 3, "float16")  # rows 0 and 1, 2 and 3, 4
    assert form.tables.tolist() == [[-1, 0, 1], [-4, -2, 0], [0, 8, 16]]
    assert torch.equal(form.dense(), weight)
    assert codebook(torch.zeros(2, 2), 4, 2, "float16").tables.tolist() == [[0], [0]]
    mixed = codebook(torch.tensor([[0.0, 0.0], [-2.0, 3.0]]), 4, 2, "float16")
    assert mixed.tables.tolist() == [[0, 1, 2], [-2, 0, 3]]  # nothing uses 1 and 2
    assert mixed.dense().tolist() == [[0, 0], [-2, 3]]


def test_ties_go_to_the_lower_entry_and_tables_are_rounded():
    assert nearest(torch.tensor([-1.0, 1.0]), torch.tensor([-2.0, 0.0, 2.0])).tolist() == [-1, 0]
    assert rounded(torch.tensor([0.0, 1 / 3, 1e-9]).double(), "float16").tolist() == [
        0,
        0.333251953125,
    ]
    table = rounded(torch.tensor([-5.0, 0.0, 0.02, 0.04, 2.02]).double(), "int8")
    assert table.tolist() == [-5, 0, 0.0625, 2]  # sixteenths: -5 is -80 of them
    assert rounded(torch.tensor([0.0, 1e6]).double(), "float16").tolist() == [0, 65504]


@pytest.mark.parametrize("table", ["float16", "int8"])
def test_a_zero_is_not_negative(table):
    found = rounded(torch.tensor([-1e-9, 0.0, 2.0]).double(), table)
    assert found.tolist() == [0, 2]
    assert not found.signbit().any()


def test_what_is_never_read_has_a_value_near_to_its_own():
    weight = torch.tensor([[1.0, 5.0, 1.0, 5.5]])
    form = codebook(weight, 2, 1, "float16", torch.tensor([[1.0, 0.0, 1.0, 0.0]]))
    assert form.dense().tolist() == [[1, 1, 1, 1]]
    form = codebook(weight, 4, 1, "float16", torch.tensor([[1.0, 0.0, 1.0, 0.0]]))
    assert torch.equal(form.dense(), weight)
    assert torch.equal(codebook(weight, 4, 1, "float16", torch.zeros(1, 4)).dense(), weight)


def speech():
    generator = torch.Generator().manual_seed(1)
    mel = torch.randn(80, 10, generator=generator)
    ids = torch.tensor([140, 95, 101, 93, 91])
    return [Speech("", ids, mel, durations=torch.full((5,), 2))]


@networks
def test_a_network_has_few_values_and_says_which(architecture):
    model, ctx = golden_network(architecture), Context()
    Magnitude(sparsity=0.3)(model, ctx)
    zeros = {name: p == 0 for name, p in model.named_parameters()}
    method = Codebook(bits=3, exclude=("postnet",))
    changes = method(model, ctx)
    assert [change.layer for change in changes] == method.selected(model) == list(ctx.quantized)
    for change in changes:
        weight = model.get_parameter(change.layer)
        assert len(weight.unique()) <= 8
        assert torch.equal(ctx.quantized[change.layer].dense(), weight)
        assert not weight[zeros[change.layer]].any()
        assert change.stats["n_zero"] == weight.numel() - weight.count_nonzero()


@pytest.mark.parametrize("architecture", ["tacotron2", "fastspeech2", "hifigan"])
@pytest.mark.parametrize("importance", ["activations", "fisher"])
def test_importance_moves_centres_to_what_matters(architecture, importance):
    spoken = speech()
    plain, by, dense = (golden_network(architecture) for _ in range(3))
    ctx = Context(say=lambda: spoken)
    assert Codebook(bits=2, importance=importance).needs == "calibration"
    Codebook(bits=2)(plain, Context())
    Codebook(bits=2, importance=importance)(by, ctx)
    importances = Codebook(bits=2, importance=importance)._importances(dense, ctx)
    for name, important in importances.items():
        if important.dim() > 1 and important.any():
            weight = dense.get_parameter(name).detach()
            assert important.shape == weight.shape
            errors = [
                float((important * (model.get_parameter(name).detach() - weight).square()).sum())
                for model in (by, plain)
            ]
            assert errors[0] < errors[1], name


def test_nothing_is_dropped_out_where_importance_is_measured():
    method = Codebook(bits=2, importance="fisher")
    model = golden_network("fastspeech2")
    found = [method._importances(net, Context(say=speech)) for net in (model, model.train())]
    assert model.training
    for name, importance in found[0].items():
        assert torch.equal(importance, found[1][name])


def test_importance_that_is_not_finite_is_told():
    model = golden_network("fastspeech2")
    model.encoder.src_word_emb.weight.data[:] = 1e30
    method = Codebook(bits=2, importance="fisher", include=("mel_linear.weight",))
    with pytest.raises(CheckpointError, match=r"^codebook: importance: 'mel_linear.weight' is not"):
        method(model, Context(say=speech))


def test_what_cannot_be_done_is_said_in_one_line():
    model = golden_network("fastspeech2")
    with pytest.raises(RecipeError, match=r"^codebook: needs calibration sentences, got none\."):
        Codebook(bits=2, importance="fisher")(model, Context())
    ctx = Context()
    Codebook(bits=2)(model, ctx)
    with pytest.raises(RecipeError, match=r"^codebook: earlier stages quantized all"):
        Codebook(bits=2)(model, ctx)
    model.mel_linear.weight.data[0, :2] = np.nan
    with pytest.raises(CheckpointError, match=r"^codebook: 'mel_linear.weight' .* got 2 NaN"):
        Codebook(bits=2, include=("mel_linear.weight",))(model, Context())
    model.mel_linear.weight.data[0, :2] = -7e4
    with pytest.raises(RecipeError, match=r"^codebook: 'mel_linear.weight' has values .* got 7000"):
        Codebook(bits=2, include=("mel_linear.weight",))(model, Context())
    for wrong in ({"granularity": "group"}, {"rows_per_table": 4}, {"bits": 0}, {"bits": 9}):
        with pytest.raises(ValidationError, match=r"rows_per_table with granularity|equal to"):
            Codebook(**{"bits": 2, **wrong})


def test_labels_tell_settings_apart():
    assert Codebook(bits=4).label == "codebook 4 bits"
    assert Codebook(bits=4, include=("rnn",), importance="fisher").label == (
        "codebook rnn 4 bits by fisher"
    )
