"""One run, from checkpoint to records: the only place that knows the order of the steps."""

import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from tts_compress import artifact
from tts_compress.architectures.base import Architecture
from tts_compress.architectures.checkpoints import load_model
from tts_compress.architectures.hifigan import HifiGan
from tts_compress.audio.wav import write_wav
from tts_compress.container import ARTIFACT
from tts_compress.errors import CheckpointError, RecipeError
from tts_compress.exporting import save_public_checkpoint
from tts_compress.files import replaced
from tts_compress.methods.base import Change, Context, Memory
from tts_compress.methods.precision import round_parameters, stored_precision
from tts_compress.metrics import taking
from tts_compress.metrics.measuring import Candidate, Made, measure
from tts_compress.metrics.reference import Reference
from tts_compress.metrics.taking import Taker
from tts_compress.provenance import Work, read_provenance
from tts_compress.recipe import Checkpoint, Evaluate, Run
from tts_compress.synthesis import Speech, Vocoder, follow, speak, vocoder
from tts_compress.training.finetune import finetuner


def execute(run: Run, folder: Path, memory: Memory, reference: Path | None, device: str) -> None:
    """Does every step of a run and leaves its files in `folder`; the marker DONE is written last.

    Args:
        run: What to do.
        folder: The run's own folder, empty.
        memory: What stages and measures share over the runs of a sweep.
        reference: ``mels.safetensors`` of the dense run, or None if this is the dense run.
        device: Where torch runs.

    Raises:
        CheckpointError: A checkpoint cannot be read, or reads no text.
    """
    work = Work(device)
    vocode = _vocoder(run.evaluate.vocoder, run.evaluate.seed, device)
    take = Taker(run.id)
    model = load_network(run.model, device)
    made = _compress(take, model, run, context_of(run, memory, folder, device), folder)
    _write_run(run, model.architecture, folder)
    model = artifact.load_model(folder / ARTIFACT).to(device)

    dense = Reference.load(reference, run.evaluate.sentences) if reference else None
    spoken = _speak(model, dense, run.evaluate)
    spoken.save(folder / "mels.safetensors")
    _write_wavs(folder / "wavs", spoken.speeches, vocode)

    measure(Candidate(run, folder, model, spoken, memory), made, reference, vocode)
    work.write(folder)
    with replaced(folder / "DONE") as partial:
        partial.write_text(run.name + "\n", encoding="utf-8")


def measure_again(
    run: Run, folder: Path, memory: Memory, reference: Path | None, device: str
) -> None:
    """Takes the measures of a finished run anew, of what it made; the arguments are `execute`'s.

    Until that is done, its old records stay and say so.
    """
    work = Work(device)
    before = read_provenance(folder)
    made = Made.read(folder)
    model = artifact.load_model(folder / ARTIFACT).to(device)
    spoken = Reference.load(folder / "mels.safetensors", run.evaluate.sentences)
    vocode = _vocoder(run.evaluate.vocoder, run.evaluate.seed, device)
    measure(Candidate(run, folder, model, spoken, memory), made, reference, vocode)
    work.write(folder, compressed=before.get("compressed", before))


def _write_run(run: Run, architecture: str, folder: Path) -> None:
    """Says what was asked for, for reports."""
    values = {"id": run.id, "architecture": architecture, **run.resolved()}
    with replaced(folder / "run.json") as partial:
        partial.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def context_of(run: Run, memory: Memory, folder: Path, device: str) -> Context:
    """Gives what the stages of a run may ask for."""
    load_dense = functools.partial(load_network, run.model, device)
    say = _calibration(run, memory, load_dense) if run.calibration else None
    stored = artifact.quantized_names(run.model.path)
    context = Context(memory, load_dense=load_dense, say=say, stored=stored)
    if run.training:
        context.finetuner = finetuner(run.training, context, folder, device)
    return context


def _compress(take: Taker, model: Architecture, run: Run, context: Context, folder: Path) -> Made:
    """Does the stages of a run, saves what they made, and says how big it is.

    Weights that fitted a narrow type before the first stage fit it after the last. The sparsity is
    that of the tensors whose zeros a pruning stage counts.
    """
    changes: list[Change] = []
    pruned: set[str] = set()
    precision = stored_precision(model)
    for stage in run.stages:
        changed = stage(model, context)
        changes += changed
        if stage.does == "prunes":
            pruned |= {change.layer for change in changed if "n_zero" in change.stats}
    saved = save(folder / ARTIFACT, model, changes, run, context, precision)
    gzip_bytes = save_public_checkpoint(folder / "checkpoint.pt.gz", model)
    repeats, timed = taking.of_stages(take, context.measures)
    records = [
        take("gzip_bytes", gzip_bytes, unit="bytes"),
        take("artifact_bytes", saved.n_bytes, unit="bytes"),
        *taking.of_model(take, model, pruned),
        *repeats,
    ]
    return Made(records, timed)


def save(
    path: Path,
    model: Architecture,
    changes: Sequence[Change],
    run: Run,
    context: Context,
    precision: torch.dtype | None,
) -> artifact.Artifact:
    """Saves what the stages of a run made, in the type that its weights fitted before."""
    round_parameters(model, precision, except_for=context.quantized)
    history = artifact.history(run.model.path)
    quantized = context.quantized
    return artifact.save(path, model, changes, run=run, quantized=quantized, history=history)


def load_network(given: Checkpoint, device: str = "cpu") -> Architecture:
    """Gives the network that a recipe is about.

    Raises:
        CheckpointError: It cannot be read, or reads no text.
    """
    model = load_model(given.path, given.config, device, architecture=given.architecture)
    if isinstance(model, HifiGan):
        raise CheckpointError(
            f"{given.path}: the model of a recipe must read text, got a {model.architecture!r}. "
            "Give a tacotron2 or a fastspeech2; this one can be a recipe's vocoder, be packed by "
            "'tts-compress pack', and be made smaller as in benchmarks/size.py."
        )
    return model


def _calibration(
    run: Run, memory: Memory, load_dense: Callable[[], Architecture]
) -> Callable[[], Sequence[Speech]]:
    """Gives what makes the dense network say the calibration sentences, once for all runs."""
    seed = run.evaluate.seed

    def say() -> list[Speech]:
        speeches = speak(load_dense(), run.calibration, seed)
        spoken = [speech for speech in speeches if speech.failure is None]
        if not spoken:
            raise RecipeError(
                f"calibration: the dense network speaks none of {len(speeches)} sentences, got "
                f"{speeches[0].failure!r} for {speeches[0].text!r}. Give sentences that it speaks."
            )
        return spoken

    key = ("calibration", run.model.sha256, run.calibration, seed)
    return functools.cache(lambda: memory.remember(key, say))


def _vocoder(given: Checkpoint | None, seed: int, device: str) -> Vocoder:
    if given is None:
        return vocoder(seed=seed)
    return vocoder(load_model(given.path, given.config, device, architecture="hifigan"), seed)


def _speak(model: nn.Module, dense: Reference | None, evaluate: Evaluate) -> Reference:
    """Speaks every sentence freely, and in the timing of the dense network."""
    speeches = speak(model, evaluate.sentences, evaluate.seed)
    return Reference(speeches, follow(model, dense.speeches if dense else speeches, evaluate.seed))


def _write_wavs(folder: Path, speeches: Sequence[Speech], vocode: Vocoder) -> None:
    folder.mkdir()
    audible = [(number, speech) for number, speech in enumerate(speeches, 1) if speech.audible]
    wavs = vocode([speech.mel for _, speech in audible])
    for (number, _), wav in zip(audible, wavs, strict=True):
        write_wav(folder / f"{number:03d}.wav", wav)
