"""Every method, architecture, recipe, encoding and metric runs, also those of tomorrow.

What is added to a dict is tried by its own settings and parameters, and need not be named here; but
what a method cannot do is (`applies`).
"""

import inspect
import math
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.networks import GOLDEN, golden_network
from tts_compress import artifact, load_model, recipe
from tts_compress.architectures import ARCHITECTURES
from tts_compress.encodings import Item, describe, pack, unpack
from tts_compress.errors import RecipeError
from tts_compress.methods import METHODS
from tts_compress.methods.base import Context
from tts_compress.methods.masking import masked
from tts_compress.metrics import METRICS
from tts_compress.metrics.cost import Macs
from tts_compress.metrics.intelligibility import EditErrors
from tts_compress.metrics.prosody import Pitch
from tts_compress.synthesis import speak
from tts_compress.training.finetune import finetuner

ROOT = Path(__file__).parents[1]
RECIPES = sorted(
    path for path in (ROOT / "recipes").glob("*/*.yaml") if path.parent.name in ARCHITECTURES
)


def settings_of(method):
    """Examples and defaults, and for what has neither a choice, or a number in the middle."""
    schema = method.model_json_schema()
    given = {name: field.get("examples", ()) for name, field in schema["properties"].items()}
    chosen = {name: examples[0] for name, examples in given.items() if examples}
    for name in schema.get("required", ()):
        field = schema["properties"][name]
        choices = [*field.get("examples", ()), *field.get("enum", ())]
        low = field.get("minimum", field.get("exclusiveMinimum"))
        high = field.get("maximum", field.get("exclusiveMaximum"))
        assert choices or None not in (low, high), f"give {method.__name__}.{name} an example"
        middle = low + (high - low) / 2 if not choices else choices[0]
        chosen[name] = int(middle) if field["type"] == "integer" else middle
    return chosen


@pytest.fixture(scope="module", params=METHODS)
def method(request):
    return METHODS[request.param](**settings_of(METHODS[request.param]))


def context(architecture, folder):
    """All that a stage may ask of a run, of the tiny network."""
    speaker = "fastspeech2" if architecture == "hifigan" else architecture  # a vocoder hears it
    texts = ("Hello there.", "How are you?", "It is late.")
    ctx = Context(
        load_dense=lambda: golden_network(architecture),
        say=lambda: speak(golden_network(speaker), texts[:2]),
    )
    data = recipe.Training(texts=texts, corpus=None, sha256=("0",))
    teacher = Context(load_dense=lambda: load_model(ROOT / f"models/{architecture}-slt"))
    teacher.removed = ctx.removed  # a voice teaches the tiny network, which has nothing to say
    ctx.finetuner = finetuner(data, teacher, folder / "run", "cpu")
    (folder / "run").mkdir(parents=True)
    return ctx


def pruned(architecture, ctx):
    """A network that an earlier stage took channels from; every architecture has some."""
    model = golden_network(architecture)
    METHODS["channels"](method="channels", sparsity=0.25)(model, ctx)
    return model


def same(one, other):
    """Whether two networks have the same tensors, to the bit."""
    tensors, others = one.state_dict(), other.state_dict()
    return tensors.keys() == others.keys() and all(
        torch.equal(others[n], tensors[n]) for n in tensors
    )


def assert_masked(model, ctx):
    """All that removed units own is zero, where they still have their place and are whole."""
    for coupling in () if model.settings.ranks else model.couplings():
        gone = ctx.removed.get(coupling.name)
        assert gone is None or bool(masked(model.state_dict(), coupling)[gone].all()), coupling.name


def applies(method, architecture):
    """Whether a network has what a method takes out, or learns from; a message says if not."""
    if method.method in ("recalibrate", "finetune", "fold") and architecture == "hifigan":
        return False
    kinds = {coupling.kind for coupling in golden_network(architecture).couplings()}
    return getattr(method, "kind", "channels") in kinds


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_method_works_on_every_architecture_or_says_why_not(
    method, architecture, tmp_path, monkeypatch
):
    monkeypatch.setattr("tts_compress.synthesis.MAX_STEPS", 200)
    ctx = context(architecture, tmp_path)
    model = pruned(architecture, ctx)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    if not applies(method, architecture):
        with pytest.raises(RecipeError, match=f"^{method.method}: "):
            method(model, ctx)
        return
    changes = method(model, ctx)
    again = context(architecture, tmp_path / "again")
    other = pruned(architecture, again)
    assert method(other, again) == changes
    assert same(other, model)
    assert [change.layer for change in changes] == method.selected(model)
    after = model.state_dict()
    assert_masked(model, ctx)
    changed = {n for n, t in after.items() if n not in before or not torch.equal(t, before[n])}
    assert changed
    assert changed <= {change.layer for change in changes}
    assert method.label
    artifact.save(tmp_path / "a", model, changes, quantized=ctx.quantized)
    found = artifact.load_model(tmp_path / "a")
    assert same(found, model)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_no_method_brings_back_what_an_earlier_stage_pruned(
    method, architecture, tmp_path, monkeypatch
):
    monkeypatch.setattr("tts_compress.synthesis.MAX_STEPS", 200)
    if not applies(method, architecture):
        pytest.skip("says why not")
    ctx = context(architecture, tmp_path)
    model = pruned(architecture, ctx)
    METHODS["magnitude"](method="magnitude", sparsity=0.3)(model, ctx)
    weights = {n for n, p in model.named_parameters() if p.requires_grad and p.dim() > 1}
    before = {name: tensor == 0 for name, tensor in model.state_dict().items() if name in weights}
    try:
        method(model, ctx)
    except RecipeError as error:
        assert re.match(rf"{method.method}: .* would fill", str(error))  # noqa: PT017
        return
    assert_masked(model, ctx)
    after = model.state_dict()
    for name, zero in before.items():
        if name in after and after[name].shape == zero.shape:
            assert not after[name][zero].any()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_group_of_every_architecture_selects_something(method, architecture):
    model = golden_network(architecture)
    for group in model.groups:
        if "include" in type(method).model_fields and not hasattr(method, "kind"):
            try:
                assert method.model_copy(update={"include": (group,)}).selected(model)
            except RecipeError as error:
                assert group == "embedding", error  # noqa: PT017 (is looked up)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_recipe_selects_tensors_of_its_voice(path):
    dense, *others = recipe.load(path).runs
    model = load_model(dense.model.path, dense.model.config)
    assert path.parent.name == model.architecture
    assert dense.stages == ()
    assert all(stage.selected(model) for run in others for stage in run.stages)


def test_there_are_recipes():
    assert {path.parent.name for path in RECIPES} >= {"tacotron2", "fastspeech2"}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_block_gives_every_tensor_back(architecture):
    items = [Item(tensor) for tensor in golden_network(architecture).state_dict().values()]
    specs = [describe(item) for item in items]
    for item, found in zip(items, unpack(pack(items), specs), strict=True):
        assert found.dtype == item.tensor.dtype
        assert torch.equal(found, item.tensor)


@pytest.fixture(scope="module")
def real():
    """What a measure may ask for, by the names of its parameters."""
    with np.load(GOLDEN / "LJ001-0002_mel.npz") as file:
        mel = next(array for array in file.values() if 80 in array.shape)
    mel = mel.reshape(80, -1)
    model = golden_network("fastspeech2")
    return SimpleNamespace(
        candidate=mel[:, :30] + 0.1,
        reference=mel[:, :30],
        alignment=np.eye(12)[np.arange(24) // 2],
        n_frames=24,
        n_ids=12,
        stopped=True,
        pitch_candidate=Pitch(np.array([220.0, 200.0, np.nan]), np.array([True, True, False])),
        pitch_reference=Pitch(np.array([110.0, 120.0, 130.0]), np.full(3, True)),
        path=np.array([[0, 0], [1, 1], [2, 2]]),
        candidate_seconds=1.5,
        reference_seconds=1.0,
        errors=[EditErrors(1, 0, 0, 4)],
        model=model,
        names=["mel_linear.weight"],
        items=[Item(model.mel_linear.weight.detach())],
        speak=lambda: model(torch.tensor([[90, 91]]), torch.tensor([2])),
        layers={"mel_linear": Macs(30, 15)},
        counts=[30],
        seconds=[1.0],
        factors=[0.1],
        dense_factors=[0.2],
    )


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_measures_something_real(real, name):
    metric = METRICS[name]
    parameters = inspect.signature(metric.measure).parameters.values()
    needed = {p.name: p.annotation for p in parameters if p.default is p.empty}
    kinds = {name: "pitch_" if kind is Pitch else "" for name, kind in needed.items()}
    unknown = [name for name, kind in kinds.items() if not hasattr(real, kind + name)]
    assert not unknown, f"give the fixture `real` a {unknown}"
    given = {name: getattr(real, kind + name) for name, kind in kinds.items()}
    value = metric.measure(**given)
    assert math.isfinite(value)
    assert metric.unit
    if {"candidate", "reference"} <= set(needed):
        same = given | {"candidate": given["reference"]}
        assert value != metric.measure(**same) == (0 if metric.better == "lower" else 1)
