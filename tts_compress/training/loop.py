"""The training loop: seeded, logged, and resumed from its last checkpoint when started again."""

import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from tts_compress.architectures.checkpoints import CONFIG
from tts_compress.errors import CorpusError, TtsCompressError
from tts_compress.training.corpus import read_corpus
from tts_compress.training.features import load_features
from tts_compress.training.settings import TrainSettings, check_resumable
from tts_compress.training.trainer import Trainer, load_checkpoint, save_checkpoint
from tts_compress.training.voices import write_voice

CHECKPOINT, LOG, SETTINGS = "checkpoint.pt", "log.jsonl", "settings.json"


def train(
    corpus: Path,
    out: Path,
    settings: TrainSettings,
    *,
    minutes: float | None = None,
    voice: Path | None = None,
) -> nn.Module:
    """Trains a network on a corpus, going on from what is in `out`, and gives it.

    Leaves in `out`: ``checkpoint.pt`` (replaced whole), ``log.jsonl`` (a line a validation),
    ``settings.json``, and TensorBoard curves in ``curves``.

    Args:
        corpus: Folder in LJSpeech's layout with alignments.
        out: Folder of this training.
        settings: How to train.
        minutes: Stop, resumably, after this time, even if steps are left.
        voice: Voice folder to write after the last step, or later if it is missing.

    Raises:
        CorpusError: The corpus is broken, or has too few sentences to train and validate.
        CheckpointError: `out` holds another training, or a damaged one.
        TtsCompressError: The device or the extra `train` is missing, or a loss is not finite.
    """
    deadline = math.inf if minutes is None else time.monotonic() + 60 * minutes
    _require_extra()
    resumed = (out / CHECKPOINT).exists()
    if resumed:
        check_resumable(settings, out / SETTINGS)
    torch.set_num_threads(settings.threads)
    trainer = _trainer(corpus, settings)
    out.mkdir(parents=True, exist_ok=True)
    if resumed:
        load_checkpoint(trainer, out / CHECKPOINT)
    _write(out / SETTINGS, json.dumps(asdict(settings), indent=2))
    before = trainer.step
    console = Console(soft_wrap=True, markup=False, highlight=False)
    _advance(trainer, out, deadline, console)
    done = f"{out}: {trainer.step} of {settings.steps} steps done"
    if trainer.step < settings.steps:
        console.print(f"{done}, stopped after {minutes} min. Run the same command to go on.")
        return trainer.model.eval()
    console.print(done)
    if voice and (trainer.step > before or not (voice / CONFIG).is_file()):
        write_voice(voice, trainer.model, out, corpus)
        console.print(f"{voice}: voice written")
    return trainer.model.eval()


def _require_extra() -> None:
    try:
        import pyworld  # noqa: F401
        import torch.utils.tensorboard  # noqa: F401
    except ModuleNotFoundError as error:
        raise TtsCompressError(
            f"train: needs a package that is not installed, got no {error.name!r}. "
            "Run: pip install 'tts-compress[train]'."
        ) from None


def _trainer(corpus: Path, settings: TrainSettings) -> Trainer:
    features, statistics = load_features(read_corpus(corpus), corpus / "features")
    if len(features) <= settings.n_validation:
        raise CorpusError(
            f"{corpus}: {len(features)} sentences, of which {settings.n_validation} are kept for "
            "validation. Use a larger corpus or fewer validation sentences."
        )
    return Trainer(settings, features, statistics)


def _advance(trainer: Trainer, out: Path, deadline: float, console: Console) -> None:
    """Takes the steps that are left and time allows, and leaves a checkpoint of the last."""
    from torch.utils.tensorboard import SummaryWriter

    settings, first, started = trainer.settings, trainer.step, time.monotonic()
    curves = SummaryWriter(str(out / "curves"), purge_step=first)
    with curves, _bar(console) as bar:
        task = bar.add_task("", total=settings.steps, completed=first)
        for batch in trainer.batches():
            if trainer.step >= settings.steps or time.monotonic() > deadline:
                break
            losses = trainer.advance(batch)
            _plot(curves, "training", losses, trainer.step)
            speed = (trainer.step - first) / (time.monotonic() - started)
            shown = f"{speed:.2f} steps/s  {_shown(losses)}"
            bar.update(task, completed=trainer.step, description=shown)
            if trainer.step % settings.validate_every == 0 or trainer.step == settings.steps:
                _record(trainer, out, curves, console)
    if trainer.step > first:
        save_checkpoint(trainer, out / CHECKPOINT)


def _bar(console: Console) -> Progress:
    """Gives a live bar where one can be drawn; elsewhere validations alone are printed."""
    return Progress(
        BarColumn(20),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
        console=console,
        transient=True,
        disable=not console.is_terminal or console.is_dumb_terminal,
    )


def _record(trainer: Trainer, out: Path, curves: Any, console: Console) -> None:
    """Validates, writes the losses down in every place, and keeps a checkpoint."""
    losses = trainer.validate()
    _plot(curves, "validation", losses, trainer.step)
    line = {"step": trainer.step, "minutes": round(trainer.seconds / 60, 2)}
    rounded = {name: round(value, 4) for name, value in losses.items()}
    with (out / LOG).open("a", encoding="utf-8") as log:
        log.write(json.dumps(line | rounded) + "\n")
    at = f"step {trainer.step}/{trainer.settings.steps}  {line['minutes']} min"
    console.print(f"{at}  {_shown(losses)}")
    save_checkpoint(trainer, out / CHECKPOINT)


def _plot(curves: Any, group: str, losses: Mapping[str, float], step: int) -> None:
    for name, value in losses.items():
        curves.add_scalar(f"{group}/{name}", value, step)


def _shown(losses: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.3f}" for name, value in losses.items())


def _write(path: Path, text: str) -> None:
    partial = path.with_suffix(".part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
