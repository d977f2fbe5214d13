import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.networks import golden_network
from tts_compress.architectures.fastspeech2 import FastSpeech2, FastSpeech2Settings
from tts_compress.architectures.following import follow
from tts_compress.architectures.transformer import BlockSettings
from tts_compress.errors import CheckpointError, RecipeError
from tts_compress.methods import METHODS
from tts_compress.methods.base import Context
from tts_compress.methods.low_rank import LowRank
from tts_compress.methods.magnitude import Magnitude
from tts_compress.methods.rebuilding.factors import factored, targets
from tts_compress.methods.rebuilding.spectrum import Spectrum, spend
from tts_compress.metrics.macs import sentence_macs
from tts_compress.synthesis import Speech
from tts_compress.training.holding import held_masks

MEL = "mel_linear.weight"


def matrix(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def product(pairs):
    return torch.cat([u @ v for u, v in pairs])


def fastspeech2():
    torch.manual_seed(0)
    block = BlockSettings(heads=2, head_dim=6, filter=12)
    filters = {f"{name}_filters": (8, 8) for name in ("duration", "pitch", "energy")}
    shape = {"hidden": 12, "encoder": (block,), "decoder": (block,), "kernels": (3, 1)}
    return FastSpeech2(
        FastSpeech2Settings(n_mels=10, postnet_channels=(8,), **shape, **filters)
    ).eval()


def spoken():
    generator = torch.Generator().manual_seed(2)
    durations = (torch.tensor([2, 3, 1, 4]), torch.tensor([5, 2]))
    return [
        Speech(
            "text",
            torch.randint(1, 300, d.shape, generator=generator),
            torch.randn(10, int(d.sum()), generator=generator),
            durations=d,
        )
        for d in durations
    ]


def read_aloud():
    """What a Tacotron2 might say."""
    generator = torch.Generator().manual_seed(2)
    mel = torch.randn(80, 20, generator=generator)
    return [Speech("Oh dear.", torch.randint(1, 100, (9,), generator=generator), mel)]


def test_a_matrix_by_hand():
    spectrum = Spectrum.of(matrix([4, 2], [2, 4]))
    torch.testing.assert_close(spectrum.energies[0], torch.tensor([36.0, 4.0]).double())
    ((u, v),) = spectrum.factors(1)
    torch.testing.assert_close(u @ v, torch.full((2, 2), 3.0).double())
    root = 3**0.5
    torch.testing.assert_close(u, torch.full((2, 1), root).double())
    torch.testing.assert_close(v, torch.full((1, 2), root).double())


def test_what_is_heard_alone_counts_alone():
    whole = matrix([4, 0], [0, 3])
    ((u, v),) = Spectrum.of(whole).factors(1)
    torch.testing.assert_close(u @ v, matrix([4, 0], [0, 0]))
    ((u, v),) = Spectrum.of(whole, gram=matrix([1, 0], [0, 100])).factors(1)
    torch.testing.assert_close(u @ v, matrix([0, 0], [0, 3]))


def test_blocks_have_factors_of_their_own():
    whole = matrix([1, 0], [0, 2], [3, 3], [1, 1])
    first, second = Spectrum.of(whole, blocks=2).factors(2)
    torch.testing.assert_close(product([first, second]), matrix([0, 0], [0, 2], [3, 3], [1, 1]))


def test_components_of_blocks_are_kept_by_their_energy():
    spectrum = Spectrum.of(matrix([3, 0], [0, 2], [0.5, 0], [0, 0.1]), blocks=2)
    assert spectrum.order.tolist() == [0, 2, 1, 3]  # 9 and 0.25, the first of each, then 4, 0.01
    assert [len(v) for _, v in spectrum.factors(3)] == [2, 1]
    total = 9 + 4 + 0.25 + 0.01
    assert [spectrum.count(e / total) for e in (1, 9.25, 9.3, 13.25, 13.26)] == [2, 2, 3, 3, 4]


matrices = st.tuples(
    st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**31), st.integers(1, 6)
).map(
    lambda drawn: (
        torch.randn(drawn[:2], generator=torch.Generator().manual_seed(drawn[2])).double(),
        torch.randn(drawn[3], drawn[1], generator=torch.Generator().manual_seed(drawn[2] + 1)),
    )
)


@settings(max_examples=30)
@given(matrices)
def test_all_components_are_the_matrix(drawn):
    whole, x = drawn
    for gram in (None, x.double().T @ x.double()):
        found = product(Spectrum.of(whole, gram=gram).factors(min(whole.shape)))
        torch.testing.assert_close(found, whole, rtol=0, atol=1e-9)


@settings(max_examples=30)
@given(matrices, st.integers(1, 4))
def test_the_error_is_the_energy_that_is_left_out(drawn, rank):
    spectrum = Spectrum.of(drawn[0])
    error = (product(spectrum.factors(rank)) - drawn[0]).square().sum()
    torch.testing.assert_close(error, spectrum.energies[0][rank:].sum(), rtol=0, atol=1e-9)


@settings(max_examples=30)
@given(matrices, st.integers(1, 4))
def test_weighted_is_never_worse_where_it_was_calibrated(drawn, rank):
    whole, x = drawn[0], drawn[1].double()

    def error(gram):
        difference = product(Spectrum.of(whole, gram=gram).factors(rank)) - whole
        return float((x @ difference.T).square().sum())

    assert error(x.T @ x) <= error(None) + 1e-9


@settings(max_examples=30)
@given(matrices)
def test_the_largest_of_a_column_is_positive_and_factors_are_equally_large(drawn):
    ((u, v),) = Spectrum.of(drawn[0]).factors(2)
    assert bool((u.gather(0, u.abs().argmax(0, keepdim=True)) > 0).all())
    torch.testing.assert_close(u.norm(dim=0), v.norm(dim=1))


def test_a_budget_by_hand():
    # Worth of a parameter: 36 and 4 by root 40 for each 4 of the first; 9 by root 10, and 1.
    spectra = [
        Spectrum.of(torch.diag(matrix([6.0, 2.0])[0])),
        Spectrum.of(torch.diag(matrix([3.0, 1.0])[0])),
    ]
    sizes, costs = [100, 100], [10, 10]
    assert spend(spectra, sizes, costs, 0.1) == [1, 1]
    assert spend(spectra, sizes, costs, 0.149) == [1, 1]
    assert spend(spectra, sizes, costs, 0.15) == [2, 1]
    assert spend(spectra, sizes, costs, 0.2) == [2, 2]
    with pytest.raises(RecipeError, match=r"^low_rank: rank 1 of each of 2 matrices .* got 0\.09"):
        spend(spectra, sizes, costs, 0.09)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(3, 9), st.integers(3, 9)), min_size=1, max_size=4), st.data())
def test_a_budget_is_met_or_just_not_spent(shapes, data):
    spectra = [Spectrum.of(torch.randn(shape).double()) for shape in shapes]
    sizes, costs = [r * c for r, c in shapes], [r + c for r, c in shapes]
    budget = data.draw(st.floats(sum(costs) / sum(sizes), 1)) if sum(costs) < sum(sizes) else 1.0
    counts = spend(spectra, sizes, costs, budget)
    spent = [min(n * cost, size) for n, cost, size in zip(counts, costs, sizes, strict=True)]
    left = budget * sum(sizes) - sum(spent)
    assert left >= 0
    for n, cost, size in zip(counts, costs, sizes, strict=True):
        if n * cost < size:
            assert left < min(cost, size - n * cost)


@pytest.mark.parametrize(
    ("architecture", "lstm"),
    [
        ("tacotron2", "weights"),
        ("tacotron2", "jointly"),
        ("tacotron2", "gates"),
        ("fastspeech2", "weights"),
        ("hifigan", "weights"),
    ],
)
@torch.no_grad()
def test_a_network_of_all_components_says_the_same(architecture, lstm):
    dense = golden_network(architecture).double()
    found = targets(dense, dict(dense.named_parameters()), lstm)
    tensors = dict(dense.named_parameters())
    full = {t: Spectrum.of(t.matrix(tensors), t.blocks).factors(10**6) for t in found}
    low = factored(dense, full)
    assert len(low.settings.ranks) == len(found)
    if architecture == "hifigan":
        mel = torch.randn(1, dense.settings.n_mels, 7).double()
        torch.testing.assert_close(low(mel), dense(mel), rtol=0, atol=1e-9)
        return
    speech = [
        Speech(s.text, s.ids, s.mel[: dense.settings.n_mels].double(), durations=s.durations)
        for s in (read_aloud() if architecture == "tacotron2" else spoken())
    ]
    ours, theirs = follow(low, speech).mel_postnet, follow(dense, speech).mel_postnet
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)


def smaller(dense, **stage):
    model = copy.deepcopy(dense)
    return model, LowRank(**stage)(model, Context(say=spoken))


def test_factors_take_the_place_of_a_weight():
    dense = fastspeech2()
    model, changes = smaller(dense, rank=2, include=(MEL,))
    assert [(c.layer, c.spec) for c in changes] == [
        ("mel_linear.weight_v", {"rank": 2}),
        ("mel_linear.weight_u", {"rank": 2}),
    ]
    assert model.settings.ranks == {MEL: 2}
    assert torch.equal(model.mel_linear.bias, dense.mel_linear.bias)
    assert all(p.requires_grad for p in model.mel_linear.parameters())
    left, values, right = torch.linalg.svd(dense.mel_linear.weight.double())
    nearest = (left[:, :2] * values[:2]) @ right[:2]
    found = (model.mel_linear.weight_u @ model.mel_linear.weight_v).detach()
    torch.testing.assert_close(found.double(), nearest, rtol=0, atol=1e-6)


def test_work_falls_as_parameters_do():
    dense = fastspeech2()
    model, _ = smaller(dense, rank=2, include=(MEL,))
    before, after = (sentence_macs(network, 4, 9)["mel_linear"].dense for network in (dense, model))
    assert (before, after) == (9 * 12 * 10, 9 * 2 * (12 + 10))


@pytest.mark.parametrize("lstm", ["weights", "jointly", "gates"])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_budget_counts_all_selected_parameters(weighted, lstm):
    dense = golden_network("tacotron2")
    stage = LowRank(budget=0.6, lstm=lstm, weighted=weighted, include=("rnn",))
    before = sum(dense.get_parameter(name).numel() for name in stage.selected(dense))
    stage(dense, Context(say=read_aloud))
    after = sum(dense.get_parameter(name).numel() for name in stage.selected(dense))
    assert 0.5 * before < after <= 0.6 * before


def test_a_second_stage_leaves_the_factors_of_the_first():
    model, _ = smaller(fastspeech2(), rank=2, include=(MEL,))
    u = model.mel_linear.weight_u.clone()
    changes = LowRank(rank=1, include=("postnet", "projection"))(model, Context())
    assert torch.equal(model.mel_linear.weight_u, u)
    assert list(model.settings.ranks.values()) == [2, 1, 1]
    assert changes[0].layer == "mel_linear.weight_v"
    with pytest.raises(RecipeError, match=r"all that it selects are factors already, got include"):
        LowRank(rank=1, include=("postnet",))(model, Context())


def test_rows_and_columns_of_zeros_stay():
    dense = fastspeech2()
    dense.mel_linear.weight.data[3] = 0
    dense.mel_linear.weight.data[:, 5] = 0
    for weighted in (False, True):
        model, _ = smaller(dense, rank=3, include=(MEL,), weighted=weighted)
        u, v = model.mel_linear.weight_u, model.mel_linear.weight_v
        assert not u[3].any()
        assert not v[:, 5].any()
        held = held_masks(model, {})
        assert held["mel_linear.weight_u"].nonzero().tolist() == [[3, 0], [3, 1], [3, 2]]
        assert held["mel_linear.weight_v"].nonzero().tolist() == [[0, 5], [1, 5], [2, 5]]


def test_pruned_single_weights_are_not_filled():
    model = fastspeech2()
    model.mel_linear.weight.data[0, 0] = 0  # one may be by chance
    LowRank(rank=3, include=(MEL,))(copy.deepcopy(model), Context())
    model.mel_linear.weight.data[1, 2] = 0
    message = r"would fill single .* 'mel_linear.weight' that were pruned, got 2 zeros of 120\."
    with pytest.raises(RecipeError, match=message):
        LowRank(rank=3, include=(MEL,))(model, Context())


@pytest.mark.parametrize(
    ("lstm", "fills"), [("weights", False), ("jointly", True), ("gates", False)]
)
def test_rows_of_one_weight_of_two_are_single_zeros_of_both(lstm, fills):
    model = golden_network("tacotron2")
    cell = "decoder.attention_rnn"
    model.get_parameter(f"{cell}.weight_ih").data[5] = 0
    stage = LowRank(rank=2, lstm=lstm, include=(f"{cell}.weight_*",))
    if fills:
        with pytest.raises(RecipeError, match=f"'{cell}.weight_ih and {cell}.weight_hh' that were"):
            stage(model, Context())
    else:
        stage(model, Context())
        u = "u" if lstm == "weights" else "u_i"
        assert not model.get_parameter(f"{cell}.weight_ih_{u}")[5].any()


def test_a_column_of_one_gate_stays_zero():
    model = golden_network("tacotron2")
    weight = model.decoder.attention_rnn.weight_hh
    weight.data[: len(weight) // 4, 3] = 0  # of the first of four gates
    LowRank(rank=2, lstm="gates", include=("decoder.attention_rnn.weight_hh",))(model, Context())
    v = model.get_parameter("decoder.attention_rnn.weight_hh_v")
    first = model.settings.ranks["decoder.attention_rnn.weight_hh"][0]
    assert not v[:first, 3].any()
    assert v[first:, 3].all()


def test_weighted_speech_is_nearer():
    dense = fastspeech2()
    wanted = follow(dense, spoken()).mel

    def distance(weighted):
        model, _ = smaller(dense, rank=4, include=("projection", "ffn"), weighted=weighted)
        return float((follow(model, spoken()).mel - wanted).detach().abs().mean())

    assert distance(True) < distance(False)


def test_pruned_factors_and_the_same_bytes_each_time():
    stage = LowRank(energy=0.6)
    first, second = fastspeech2(), fastspeech2()
    for model in (first, second):
        stage(model, Context())
        Magnitude(sparsity=0.5, include=("ffn",))(model, Context())
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name])
    ffn = [n for n in first.state_dict() if "pos_ffn.w" in n and "weight" in n]
    assert {n.rpartition("_")[2] for n in ffn} == {"u", "v"}


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"rank": 6, "include": (MEL,)}, "not make 'mel_linear.weight' smaller, got 132 .* of 120"),
        ({"energy": 1, "include": (MEL,)}, "not make 'mel_linear.weight' smaller"),
        ({"rank": 99}, r"makes no selected tensor smaller, got 99, include \[\] and exclude \[\]"),
        ({"rank": 1, "include": ("embedding",)}, "makes no selected tensor smaller"),
        ({"energy": 1, "include": ("ffn",)}, "factors would make none of 4 tensors smaller"),
        ({"budget": 0.01}, r"rank 1 of each of \d+ matrices takes more than the budget, got 0\.01"),
        (
            {"rank": 1, "include": ("mel_linear.bias",)},
            "no weight of a linear .* 'mel_linear.bias'",
        ),
        ({"rank": 1, "include": ("mel",)}, r"include \['mel'\] matches none of"),
    ],
)
def test_what_is_refused(stage, message):
    with pytest.raises(RecipeError, match=f"^low_rank: .*{message}"):
        smaller(fastspeech2(), **stage)


def test_some_that_would_grow_stay_whole_and_are_said():
    model, changes = smaller(fastspeech2(), energy=0.7, include=("ffn", "duration"))
    whole = [change for change in changes if change.spec is None]
    assert {change.layer[-2:] for change in changes if change.spec} == {"_u", "_v"}
    assert all(change.layer in dict(model.named_parameters()) for change in whole)


@pytest.mark.parametrize("amounts", [{}, {"rank": 1, "energy": 0.5}, {"energy": 1, "budget": 0.5}])
def test_there_is_one_amount(amounts):
    with pytest.raises(ValueError, match="needs exactly one of rank, energy and budget"):
        LowRank(**amounts)


def test_what_it_needs_and_is_called():
    assert (LowRank(rank=3).needs, LowRank(rank=3, weighted=True).needs) == (
        "nothing",
        "calibration",
    )
    assert LowRank(rank=3).label == "low rank 3"
    stage = LowRank(energy=0.9, include=("rnn",), lstm="jointly", weighted=True)
    assert stage.label == "low rank rnn energy 90 % jointly weighted"
    assert LowRank(budget=0.25).label == "low rank 25 %"


def test_what_is_not_finite_is_refused():
    model = fastspeech2()
    model.mel_linear.weight.data[0, 0] = torch.nan
    with pytest.raises(CheckpointError, match=r"^low_rank: 'mel_linear\.weight'"):
        LowRank(rank=1)(model, Context())
    model = fastspeech2()
    model.mel_linear.bias.data[0] = torch.inf
    with pytest.raises(CheckpointError, match=r"^low_rank: what 'postnet.* reads of the calibrat"):
        LowRank(rank=1, weighted=True)(model, Context(say=spoken))


@pytest.mark.parametrize("name", ["heads", "channels", "units", "resize", "recalibrate"])
def test_what_needs_the_layers_of_the_dense_network_says_so(name):
    model, _ = smaller(fastspeech2(), rank=1, include=(MEL,))
    amount = {} if name in ("resize", "recalibrate") else {"sparsity": 0.5}
    with pytest.raises(RecipeError, match=rf"^{name}: needs the layers of the dense network, got"):
        METHODS[name](**amount)(model, Context(load_dense=fastspeech2, say=spoken))


def test_factors_of_two_weights_are_selected_with_either():
    model = golden_network("tacotron2")
    LowRank(rank=2, lstm="jointly", include=("decoder.*_rnn.weight_*",))(model, Context())
    cell = "decoder.attention_rnn"
    assert model.settings.ranks[f"{cell}.weight"] == 2
    selected = LowRank(rank=2, include=("rnn",)).selected(model)
    assert {f"{cell}.weight_u", f"{cell}.weight_ih_v", f"{cell}.weight_hh_v"} <= set(selected)


def test_a_sweep_looks_at_singular_values_once(monkeypatch):
    context = Context(say=spoken)
    LowRank(budget=0.5, weighted=True)(fastspeech2(), context)
    monkeypatch.setattr(Spectrum, "of", None)
    LowRank(budget=0.4, weighted=True)(fastspeech2(), context)
    with pytest.raises(TypeError):
        LowRank(budget=0.4)(fastspeech2(), context)
