"""Sensitivities against the whole Gauss-Newton diagonal, and by moving the weights."""

import pytest
import torch

from tests.networks import golden_network, speeches
from tts_compress.methods.calibration.sensitivity import (
    curvatures,
    diagonal,
    gradient_probes,
    random_signs,
    said,
)
from tts_compress.methods.pruning.scores import calibrated
from tts_compress.synthesis import Speech

ARCHITECTURES = ("tacotron2", "fastspeech2")


def network(architecture):
    return golden_network(architecture).double()


def test_signs_weigh_every_output_by_its_spread_and_size():
    outputs = [torch.tensor([[0.0, 2.0], [0.0, 2.0]]), torch.tensor([5.0])]
    first, second = random_signs(outputs[:1], torch.Generator())[0], outputs[0].std() * 2
    assert first.abs().tolist() == [[pytest.approx(1 / float(second))] * 2] * 2


def test_the_mean_over_probes_is_the_diagonal_of_the_gauss_newton_matrix():
    model, (speech,) = network("fastspeech2"), speeches(1, dtype=torch.float64)
    name = "mel_linear.bias"
    bias = model.get_parameter(name)
    exact = torch.zeros_like(bias)
    for output in said(model, speech):
        scale = output.detach().std() * output.numel() ** 0.5
        for value in output.flatten():
            (slope,) = torch.autograd.grad(value, bias, retain_graph=True, allow_unused=True)
            if slope is not None:
                exact += (slope / scale).square()
    found = diagonal(model, [speech], n_probes=60)[name]
    assert float((found / exact).mean()) == pytest.approx(1, abs=0.2)
    assert found.tolist() == pytest.approx(exact.tolist(), rel=0.9)


def test_it_is_what_a_small_change_of_all_weights_changes():
    model, spoken = network("fastspeech2"), list(speeches(dtype=torch.float64))
    found = diagonal(model, spoken, n_probes=30)["mel_linear.weight"]
    weight, step = model.mel_linear.weight, 1e-5
    before = [[output.detach() for output in said(model, speech)] for speech in spoken]
    scales = [[output.std() * output.numel() ** 0.5 for output in outputs] for outputs in before]
    generator, changes = torch.Generator().manual_seed(2), []
    kept = weight.detach().clone()
    for _ in range(20):
        signs = torch.randint(0, 2, weight.shape, generator=generator) * 2 - 1
        weight.data.copy_(kept + step * signs)
        changes += [
            sum(
                float(((new.detach() - old) / scale / step).square().sum())
                for new, old, scale in zip(said(model, speech), outputs, factors, strict=True)
            )
            for speech, outputs, factors in zip(spoken, before, scales, strict=True)
        ]
    assert sum(changes) / len(changes) == pytest.approx(float(found.sum()), rel=0.25)


def test_what_nothing_depends_on_has_no_sensitivity():
    model = network("fastspeech2")
    found = diagonal(model, list(speeches(dtype=torch.float64)))
    assert found.keys() == {n for n, p in model.named_parameters() if p.requires_grad}
    assert not found["encoder.src_word_emb.weight"][0].any()  # a symbol that is not spoken
    assert found["encoder.src_word_emb.weight"][101].any()


def test_what_does_not_vary_counts_by_its_values():
    outputs = [torch.tensor([[5.0]]), torch.full((2, 2), 3.0)]
    found = random_signs(outputs, torch.Generator().manual_seed(0))
    assert [signs.abs().unique().tolist() for signs in found] == [[1.0], [0.5]]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_symbol_alone_is_heard_and_what_says_nothing_is_passed_over(architecture):
    model, generator = network(architecture), torch.Generator().manual_seed(0)
    mel = torch.randn(80, 1, generator=generator, dtype=torch.float64)
    alone = Speech("", torch.tensor([90]), mel, durations=torch.tensor([1]))
    silent = Speech("", torch.tensor([90]), mel[:, :0], durations=torch.tensor([0]))
    one, both = (diagonal(model, spoken) for spoken in ([alone], [silent, alone]))
    for name, squares in one.items():
        assert squares.isfinite().all()
        assert torch.equal(squares, both[name])
    one, both = (curvatures(model, spoken, list(one)) for spoken in ([alone], [silent, alone]))
    for name, curvature in one.items():
        assert torch.equal(curvature.rows, both[name].rows)
        assert torch.equal(curvature.columns, both[name].columns)
    one, both = (calibrated(model, spoken, "taylor") for spoken in ([alone], [silent, alone]))
    assert all(torch.equal(one[name], both[name]) for name in one)


def test_it_is_the_same_each_time():
    model = network("tacotron2")
    first, second = (diagonal(model, list(speeches(dtype=torch.float64))) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_curvature_of_one_sentence_is_that_of_its_gradient():
    model, (speech,) = network("fastspeech2"), speeches(1, dtype=torch.float64)
    names = ["mel_linear.weight", "mel_linear.bias", "encoder.src_word_emb.weight"]
    (gradients,) = gradient_probes(model, [speech], n_probes=1)
    found = curvatures(model, [speech], names)
    assert list(found) == names
    gradient = gradients["mel_linear.weight"]
    assert torch.allclose(found[names[0]].rows, gradient @ gradient.T)
    assert torch.allclose(found[names[0]].columns, gradient.T @ gradient / gradient.square().sum())
    bias = gradients["mel_linear.bias"].square()  # one row: columns do not act together
    assert found[names[1]].rows.tolist() == [[pytest.approx(float(bias.sum()))]]
    assert torch.allclose(found[names[1]].columns, (bias / bias.sum()).diag())


def test_sentences_count_by_distances_and_not_by_their_squares():
    model, name = network("fastspeech2"), "mel_linear.weight"
    spoken = list(speeches(dtype=torch.float64))
    squares, distances = [], []
    for gradients in gradient_probes(model, spoken, n_probes=1):
        squares.append(float(gradients[name].square().sum()))
        moved = sum(
            (model.get_parameter(n).detach() * g).square().sum() for n, g in gradients.items()
        )
        distances.append(float(moved) ** 0.5)
    expected = sum(s / d for s, d in zip(squares, distances, strict=True)) * sum(distances) / 4
    (found,) = curvatures(model, spoken, [name]).values()
    assert float(found.rows.trace()) == pytest.approx(expected)
    assert float(found.columns.trace()) == pytest.approx(1)


def test_symbols_that_are_not_read_count_as_the_middle_one():
    model, (speech,) = network("fastspeech2"), speeches(1, dtype=torch.float64)
    name = "encoder.src_word_emb.weight"
    rows = curvatures(model, [speech], [name])[name].rows.diagonal()
    read = rows[speech.ids]
    assert rows[5] == read.median()
    assert read.unique().numel() == 4
