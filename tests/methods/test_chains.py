"""Stages in a row: what is left of a network is quantized, zeros stay, and a file holds it all."""

from copy import deepcopy

import pytest
import torch

from tests.networks import GOLDEN, golden_network
from tts_compress import artifact, recipe
from tts_compress.errors import RecipeError
from tts_compress.methods import (
    Channels,
    Codebook,
    Fold,
    LowRank,
    Magnitude,
    MultiBit,
    Narrow,
    RateAware,
    Resize,
    Rounding,
    Uniform,
)
from tts_compress.methods.base import Context
from tts_compress.synthesis import Speech


def speeches():
    generator = torch.Generator().manual_seed(1)
    mel = torch.randn(80, 10, generator=generator)
    return [Speech("", torch.tensor([140, 95, 101, 93, 91]), mel, durations=torch.full((5,), 2))]


@pytest.fixture(scope="module", params=["tacotron2", "fastspeech2"])
def small(request):
    """A network that channels left, of thin layers with single zeros."""
    model, ctx = golden_network(request.param), Context()
    before = sum(p.numel() for p in model.parameters())
    stages = [Channels(sparsity=0.25), Resize(), LowRank(budget=0.7, lstm="gates"), Fold()]
    for stage in (*stages, Magnitude(sparsity=0.3)):
        stage(model, ctx)
    assert model.settings.ranks
    assert sum(p.numel() for p in model.parameters()) < before
    return model


@pytest.mark.parametrize(
    "stage",
    [
        Uniform(bits=3, bias_correction=True),
        Uniform(bits=2, vectors=True, symmetric=False, granularity="group", group_size=3),
        MultiBit(bits=2),
        Codebook(bits=2, importance="fisher"),
        Rounding(bits=3, sparsity=0.5),
        RateAware(),
        Narrow(),
    ],
    ids=lambda stage: stage.label,
)
def test_factors_of_a_resized_network_are_quantized(small, stage, tmp_path):
    model, ctx = deepcopy(small), Context(say=speeches)
    changes = stage(model, ctx)
    assert [change.layer for change in changes] == stage.selected(model)
    for name, parameter in model.named_parameters():
        assert parameter.isfinite().all()
        if parameter.dim() > 1:
            assert not parameter[small.get_parameter(name) == 0].any()
    artifact.save(tmp_path / "a", model, changes, quantized=ctx.quantized)
    found = artifact.load_model(tmp_path / "a").state_dict()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, found[name])


RECIPE = f"""
model: {GOLDEN / "tacotron2_tiny.pt"}
calibration: sentences.txt
training: sentences.txt
stages: STAGES
evaluate: {{sentences: sentences.txt}}
"""
PRUNE, FACTOR, ROUND = "magnitude, sparsity: 0.4", "low_rank, budget: 0.5", "uniform, bits: 4"


def load(folder, *stages):
    """Loads a recipe of these stages."""
    (folder / "sentences.txt").write_text("Hello there.\n")
    found = ", ".join(f"{{method: {stage}}}" for stage in stages)
    (folder / "r.yaml").write_text(RECIPE.replace("STAGES", f"[{found}]"))
    return recipe.load(folder / "r.yaml").runs[1].stages


def test_weights_are_pruned_mended_factored_and_quantized_in_this_order(tmp_path):
    chain = ["units, sparsity: 0.5", "finetune", "resize", FACTOR, "finetune", "fold", ROUND]
    assert [stage.method for stage in load(tmp_path, *chain)] == [c.split(",")[0] for c in chain]


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([ROUND, FACTOR], "low_rank cannot follow uniform .*would change what was quantized"),
        (["rate_aware", "reconstruct"], "reconstruct cannot follow rate_aware .*was quantized"),
        (["codebook, bits: 4", "wanda, sparsity: 0.4"], "wanda cannot follow codebook .*quantized"),
        ([FACTOR, "resize"], "resize cannot follow low_rank .*the layers of the dense network"),
        ([PRUNE, FACTOR, "reconstruct"], "reconstruct cannot follow low_rank .*of the dense netw"),
        (["fold", "reconstruct"], "reconstruct cannot follow fold .*layers of the dense network"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(tmp_path, stages, message):
    with pytest.raises(RecipeError, match=rf"stages\[\d\]: {message}.* Put it before\.$"):
        load(tmp_path, *stages)
