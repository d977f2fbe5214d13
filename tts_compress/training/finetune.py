"""What a `finetune` stage does: continues the training of a network, in a folder of its own.

The folder is ``.trainings/<key>`` beside the runs of a recipe. Its key is the hash of all that
decides the result, so a sweep that was killed goes on in the middle of a training, and runs that
begin with the same training share it. It may be deleted at any time; then it is trained again.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import safetensors.torch
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from tts_compress.architectures.base import Architecture
from tts_compress.architectures.fastspeech2 import FastSpeech2
from tts_compress.architectures.tacotron2 import Tacotron2
from tts_compress.errors import RecipeError
from tts_compress.files import locked, replaced
from tts_compress.methods.base import Context, Finetuner, Method
from tts_compress.methods.finetune import Finetune
from tts_compress.methods.pruning.ranking import fingerprint
from tts_compress.recipe import Training
from tts_compress.training.batches import Example
from tts_compress.training.corpus import read_corpus
from tts_compress.training.distillation import dense_examples
from tts_compress.training.features import load_features
from tts_compress.training.holding import held_masks, zero_weights
from tts_compress.training.settings import TrainerSettings
from tts_compress.training.steps import CHECKPOINT, LOG, resume, take_steps
from tts_compress.training.trainer import Trainer

TRAININGS = ".trainings"
WEIGHTS = "model.safetensors"  # of a finished training
RUN_LOG = "finetune.jsonl"
MAX_VALIDATION = 16  # sentences
VALIDATION_SHARE = 8  # one sentence in so many is kept from training, as far as MAX_VALIDATION
VALIDATE_EVERY = 20  # steps


def finetuner(data: Training, context: Context, folder: Path, device: str) -> Finetuner:
    """Gives what trains networks for the `finetune` stages of one run.

    Args:
        data: What to train on.
        context: That of the run's stages, for the dense network and the units removed so far.
        folder: The run's own folder, where the log is left as ``finetune.jsonl``.
        device: Where torch runs.
    """

    def tune(model: Architecture, method: Method) -> Mapping[str, float]:
        settings = cast(Finetune, method)
        trainings = folder.parent / TRAININGS
        with torch.random.fork_rng([] if device == "cpu" else [device]):
            examples, data_key = _examples(data, context, model, settings, trainings)
            held = held_masks(model, context.removed)
            out = trainings / _key(model, held, settings, data_key)
            with locked(trainings / f".{out.name}.lock"):
                if not (out / WEIGHTS).exists():
                    out.mkdir(exist_ok=True)
                    _train(model, examples, held, _settings(model, settings, device), out)
        model.load_state_dict(load_file(out / WEIGHTS, device=device))
        model.eval()
        with (folder / RUN_LOG).open("a", encoding="utf-8") as log:
            log.write((out / LOG).read_text(encoding="utf-8"))
        return _measures(out / WEIGHTS)

    return tune


def _examples(
    data: Training,
    context: Context,
    model: Architecture,
    settings: Finetune,
    trainings: Path,
) -> tuple[list[Example], str]:
    """Gives what to learn, and a hash of it.

    Raises:
        RecipeError: The network learns no speech, there is too little to learn and to validate, or
            the network does not read what the corpus has.
    """
    if not isinstance(model, (Tacotron2, FastSpeech2)):
        raise RecipeError(
            f"finetune: trains networks that speak, got a {model.architecture!r}. "
            "Use a tacotron2 or fastspeech2 checkpoint."
        )
    if data.corpus is None:
        dense = context.dense(settings.method)
        examples, key = dense_examples(dense, data.texts, settings.seed, trainings)
    else:
        examples, key = _recorded(data.corpus, model), " ".join(data.sha256)
    if len(examples) < 2:
        raise RecipeError(
            f"finetune: needs two sentences or more, to train and to validate, got "
            f"{len(examples)}. Name more of them as 'training:' in the recipe."
        )
    return examples, key


def _recorded(corpus: Path, model: Tacotron2 | FastSpeech2) -> list[Example]:
    """Gives the sentences of a corpus.

    Pitch and energy are normalised by the statistics of this corpus, so it should be the one, or
    like the one, that the voice was trained on.
    """
    reads = "phones"
    if isinstance(model, Tacotron2):
        reads = model.settings.text
    elif "frame" in (model.settings.pitch_level, model.settings.energy_level):
        reads = "pitch or energy of each frame"
    if reads != "phones":
        raise RecipeError(
            f"finetune: a corpus has phones, with a pitch and an energy each, but the network "
            f"reads {reads}, got {str(corpus)!r}. Name a file of sentences as 'training:'."
        )
    features, _ = load_features(read_corpus(corpus), corpus / "features")
    return [sentence.example(model.architecture) for sentence in features]


def _key(model: Architecture, held: Mapping[str, Tensor], settings: Finetune, data_key: str) -> str:
    said = {"settings": settings.model_dump(mode="json"), "data": data_key}
    start = fingerprint(model.state_dict()) + fingerprint(held)
    return hashlib.sha256((json.dumps(said, sort_keys=True) + start).encode()).hexdigest()[:16]


def _settings(model: Architecture, settings: Finetune, device: str) -> TrainerSettings:
    return TrainerSettings(
        architecture=model.architecture,
        steps=settings.steps,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        warmup=settings.warmup,
        validate_every=VALIDATE_EVERY,
        seed=settings.seed,
        precision=settings.precision,
        device=device,
        seconds=None if settings.minutes is None else 60 * settings.minutes,
    )


def _train(
    model: Architecture,
    examples: Sequence[Example],
    held: Mapping[str, Tensor],
    settings: TrainerSettings,
    out: Path,
) -> None:
    """Trains on from the last checkpoint, and leaves the weights in place of it."""
    n_held = max(1, min(MAX_VALIDATION, len(examples) // VALIDATION_SHARE))
    zero_weights(model, held)
    trainer = Trainer(
        settings, model, examples[:-n_held], examples[-n_held:], held=held, continued=True
    )
    resume(trainer, out)
    take_steps(trainer, out)
    measures = {"finetune_seconds": str(trainer.seconds), "finetune_steps": str(trainer.step)}
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    with replaced(out / WEIGHTS) as partial:
        partial.write_bytes(safetensors.torch.save(tensors, measures))
    (out / CHECKPOINT).unlink()


def _measures(path: Path) -> dict[str, float]:
    with safe_open(path, "pt") as file:
        return {name: float(value) for name, value in file.metadata().items()}
