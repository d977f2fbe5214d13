import copy
import json
from pathlib import Path

import pytest
import torch

from tts_compress import artifact, recipe
from tts_compress.architectures.checkpoints import save_voice
from tts_compress.architectures.hifigan import HifiGan
from tts_compress.errors import RecipeError, TtsCompressError
from tts_compress.methods import Magnitude
from tts_compress.methods.base import Context, Memory
from tts_compress.methods.finetune import Finetune
from tts_compress.pipeline import execute
from tts_compress.recipe import Training
from tts_compress.synthesis import speak
from tts_compress.training import finetune
from tts_compress.training.finetune import finetuner
from tts_compress.training.trainer import Trainer

from .conftest import talker

TEXTS = ("Hello there.", "How are you today?", "We sail.", "Go on!", "Where is the key?")
DATA = Training(texts=TEXTS, sha256=("x",))
ARCHITECTURES = pytest.mark.parametrize("architecture", ["tacotron2", "fastspeech2"])
SHORT = Finetune(steps=4, batch_size=2, warmup=1, precision="float32")


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """Validates, and keeps a checkpoint, every other step."""
    monkeypatch.setattr(finetune, "VALIDATE_EVERY", 2)


def context_of(folder, dense, data=DATA, run="run"):
    """What the stages of a run have whose folder is ``folder/run``."""
    (folder / run).mkdir(parents=True, exist_ok=True)
    context = Context(load_dense=lambda: copy.deepcopy(dense))
    context.finetuner = finetuner(data, context, folder / run, "cpu")
    return context


def without_first_units(model):
    """Sets all that the first unit of every coupling owns to zero, and gives which these are."""
    removed = {}
    with torch.no_grad():
        for coupling in model.couplings():
            if coupling.kind == "fixed" or coupling.n_units < 2:
                continue
            removed[coupling.name] = torch.arange(coupling.n_units) == 0
            for member in coupling:
                units = member.indices(torch.tensor([0]), coupling.n_units)
                model.state_dict()[member.tensor].index_fill_(member.axis, units, 0.0)
    return removed


def held(model, removed):
    """The value of every weight that must stay zero, and how many these are."""
    parameters = {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}
    return [
        member.slices(parameters[member.tensor], coupling.n_units)[removed[coupling.name]]
        for coupling in model.couplings()
        if coupling.name in removed
        for member in coupling
        if member.tensor in parameters
    ]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.values(), other.values(), strict=True))


@ARCHITECTURES
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_what_was_pruned_stays_exactly_zero(architecture, precision, tmp_path):
    dense = talker(architecture)
    model = copy.deepcopy(dense)
    context = context_of(tmp_path, dense)
    Magnitude(sparsity=0.5)(model, context)
    context.removed = without_first_units(model)
    context.finetuner = finetuner(DATA, context, tmp_path / "run", "cpu")
    zero = {n: p == 0 for n, p in model.named_parameters() if p.requires_grad and p.dim() > 1}
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    stage = SHORT.model_copy(update={"precision": precision, "learning_rate": 1e-2})
    changes = stage(model, context)
    assert all(not values.any() for values in held(model, context.removed))
    for name, mask in zero.items():
        assert not model.get_parameter(name)[mask].any(), name
    after = model.state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed <= {change.layer for change in changes}
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trained - {name for name, mask in zero.items() if mask.all()} <= changed
    assert not model.training


@ARCHITECTURES
def test_it_learns_what_the_dense_network_says(architecture, tmp_path):
    dense = talker(architecture)
    model = copy.deepcopy(dense)
    context = context_of(tmp_path, dense)
    Magnitude(sparsity=0.6)(model, context)
    SHORT.model_copy(update={"steps": 20, "learning_rate": 1e-2})(model, context)
    first, *_, last = log(tmp_path / "run" / "finetune.jsonl")
    assert last["mel"] < 0.9 * first["mel"]
    assert speak(model, TEXTS[:1])[0].failure is None


def log(path: Path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@ARCHITECTURES
def test_a_killed_training_goes_on_bit_for_bit(architecture, tmp_path, monkeypatch):
    dense = talker(architecture)
    whole, parts = copy.deepcopy(dense), copy.deepcopy(dense)
    SHORT(whole, context_of(tmp_path / "whole", dense))
    context = context_of(tmp_path / "parts", dense)
    with monkeypatch.context() as patch:

        def advance(self, batch, advance=Trainer.advance):
            if self.step == 3:
                raise KeyboardInterrupt
            return advance(self, batch)

        patch.setattr(Trainer, "advance", advance)
        with pytest.raises(KeyboardInterrupt):
            SHORT(copy.deepcopy(dense), context)
    assert list((tmp_path / "parts").glob(".trainings/*/checkpoint.pt"))
    assert not (tmp_path / "parts" / "run" / "finetune.jsonl").exists()
    torch.rand(3)  # what else draws does not matter
    SHORT(parts, context)
    assert same(whole.state_dict(), parts.state_dict())
    logs = [log(tmp_path / name / "run" / "finetune.jsonl") for name in ("whole", "parts")]
    assert [[line["step"] for line in lines] for lines in logs] == [[2, 4], [2, 4]]
    assert [line["mel"] for line in logs[0]] == [line["mel"] for line in logs[1]]
    assert not list(tmp_path.rglob("checkpoint.pt"))
    assert not list(tmp_path.rglob(".*.safetensors"))


def test_a_finished_training_is_used_again_and_tells_what_it_took(tmp_path, monkeypatch):
    dense = talker("fastspeech2")
    one, other = copy.deepcopy(dense), copy.deepcopy(dense)
    first, second = context_of(tmp_path, dense), context_of(tmp_path, dense, run="other")
    SHORT(one, first)
    monkeypatch.setattr(Trainer, "advance", None)
    SHORT(other, second)
    assert same(one.state_dict(), other.state_dict())
    assert first.measures == second.measures
    assert first.measures["finetune_steps"] == 4
    assert first.measures["finetune_seconds"] > 0
    assert log(tmp_path / "run" / "finetune.jsonl") == log(tmp_path / "other" / "finetune.jsonl")


def test_whatever_decides_the_result_has_a_training_of_its_own(tmp_path):
    dense = talker("fastspeech2")
    pruned = copy.deepcopy(dense)
    Magnitude(sparsity=0.5)(pruned, Context())

    def tune(model=dense, stage=SHORT, data=DATA, removed=()):
        context = context_of(tmp_path, dense, data)
        name = "encoder.layer_stack.0.pos_ffn"
        context.removed |= {name: torch.arange(16) < 2} if removed else {}
        context.finetuner(copy.deepcopy(model), stage)

    stage = SHORT.model_copy(update={"steps": 1})
    tune(stage=stage)
    tune(stage=stage.model_copy(update={"seed": 1}))
    tune(stage=stage.model_copy(update={"learning_rate": 1e-4}))
    tune(pruned, stage)
    tune(stage=stage, data=Training(texts=TEXTS[1:], sha256=("x",)))
    tune(stage=stage, removed=True)
    assert len(list(tmp_path.glob(".trainings/*/model.safetensors"))) == 6
    tune(stage=stage)
    assert len(list(tmp_path.glob(".trainings/*/model.safetensors"))) == 6


def test_two_stages_of_a_run_share_its_log_and_leave_the_draws_of_others_alone(tmp_path):
    dense = talker("tacotron2")
    model, context = copy.deepcopy(dense), context_of(tmp_path, dense)
    random = torch.get_rng_state()
    SHORT(model, context)
    SHORT(model, context)
    assert torch.equal(torch.get_rng_state(), random)
    lines = log(tmp_path / "run" / "finetune.jsonl")
    assert [line["step"] for line in lines] == [2, 4, 2, 4]
    assert context.measures["finetune_steps"] == 8


def test_minutes_end_a_training_with_steps_left(tmp_path):
    dense = talker("fastspeech2")
    context = context_of(tmp_path, dense)
    SHORT.model_copy(update={"minutes": 1e-9})(copy.deepcopy(dense), context)
    assert context.measures["finetune_steps"] == 1


@ARCHITECTURES
def test_a_corpus_of_recordings_is_learned_from(architecture, corpus, tmp_path):
    dense = talker(architecture)
    context = context_of(tmp_path, dense, Training(corpus=corpus, sha256=("y",)))
    SHORT(copy.deepcopy(dense), context)
    assert [line["step"] for line in log(tmp_path / "run" / "finetune.jsonl")] == [2, 4]


@pytest.mark.parametrize(
    ("architecture", "changed", "message"),
    [
        ("tacotron2", {"text": "characters"}, "the network reads characters, got .*corp"),
        ("fastspeech2", {"pitch_level": "frame"}, "reads pitch or energy of each frame, got"),
    ],
)
def test_a_corpus_that_does_not_fit_the_network(architecture, changed, message, tmp_path):
    dense = talker(architecture)
    dense.settings = dense.settings.model_copy(update=changed)
    context = context_of(tmp_path, dense, Training(corpus=tmp_path / "corpus", sha256=("y",)))
    with pytest.raises(RecipeError, match=f"finetune: a corpus has phones, .*{message}"):
        SHORT(dense, context)


def test_a_network_that_does_not_speak(tmp_path):
    with pytest.raises(RecipeError, match="finetune: trains networks that speak, got a 'hifigan'"):
        context_of(tmp_path, None).finetuner(HifiGan(), SHORT)


def test_one_sentence_cannot_train_and_validate(tmp_path):
    dense = talker("fastspeech2")
    context = context_of(tmp_path, dense, Training(texts=TEXTS[:1], sha256=("x",)))
    with pytest.raises(RecipeError, match=r"needs two sentences or more, .* got 1\. Name more"):
        SHORT(dense, context)


def test_a_learning_rate_that_is_too_high_is_one_clear_line(tmp_path):
    dense = talker("fastspeech2")
    stage = SHORT.model_copy(update={"learning_rate": 1e37, "warmup": 0})
    with pytest.raises(TtsCompressError, match="not finite after 1 steps"):
        stage(dense, context_of(tmp_path, dense))


RECIPE = """
model: voice
training: texts.txt
stages:
  - {method: channels, include: [ffn], sparsity: 0.5}
  - {method: finetune, steps: 4, batch_size: 2, warmup: 1}
  - {method: resize}
evaluate: {sentences: texts.txt}
sweep:
  stages.1.enabled: [false, true]
"""


def test_a_recipe_finetunes_what_it_pruned_and_resizes_it(tmp_path):
    save_voice(tmp_path / "voice", talker("fastspeech2"), text={"language": "en"})
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS))
    (tmp_path / "r.yaml").write_text(RECIPE)
    dense, bare, tuned = recipe.load(tmp_path / "r.yaml").runs
    folders = {run: tmp_path / "out" / run.id for run in (dense, bare, tuned)}
    for run, folder in folders.items():
        folder.mkdir(parents=True)
        reference = None if run is dense else folders[dense] / "mels.safetensors"
        execute(run, folder, Memory(), reference, "cpu")
    models = [artifact.load_model(folder / "model.ttsz") for folder in folders.values()]
    counts = [sum(p.numel() for p in model.parameters()) for model in models]
    assert counts[0] > counts[1] == counts[2]
    records = (folders[tuned] / "records.jsonl").read_text()
    timings = (folders[tuned] / "timings.jsonl").read_text()
    assert '"finetune_steps"' in records
    assert '"finetune_seconds"' in timings
    assert len(log(folders[tuned] / "finetune.jsonl")) == 2
    assert "finetune" not in (folders[bare] / "records.jsonl").read_text()
