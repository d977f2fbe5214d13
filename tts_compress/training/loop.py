"""Training a new network on a corpus: what is said on the way, and the voice that it ends in."""

import json
import math
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from tts_compress.architectures.checkpoints import CONFIG
from tts_compress.errors import CorpusError
from tts_compress.extras import needed
from tts_compress.files import replaced
from tts_compress.training.corpus import read_corpus
from tts_compress.training.features import load_features
from tts_compress.training.settings import TrainSettings, check_resumable
from tts_compress.training.steps import (
    CHECKPOINT,
    Losses,
    Watcher,
    resume,
    take_steps,
)
from tts_compress.training.trainer import Trainer, new_network
from tts_compress.training.voices import write_voice

SETTINGS = "settings.json"


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
    for package in ("pyworld", "torch.utils.tensorboard"):
        needed(package, "train")
    resumed = (out / CHECKPOINT).exists()
    if resumed:
        check_resumable(settings, out / SETTINGS)
    torch.set_num_threads(settings.threads)
    trainer = _trainer(corpus, settings)
    out.mkdir(parents=True, exist_ok=True)
    if resumed:
        resume(trainer, out)
    with replaced(out / SETTINGS) as partial:
        partial.write_text(json.dumps(asdict(settings), indent=2), encoding="utf-8")
    before = trainer.step
    console = Console(soft_wrap=True, markup=False, highlight=False)
    with _Display(trainer, out / "curves", console) as display:
        take_steps(trainer, out, display, deadline)
    done = f"{out}: {trainer.step} of {settings.steps} steps done"
    if trainer.step < settings.steps:
        console.print(f"{done}, stopped after {minutes} min. Run the same command to go on.")
        return trainer.model.eval()
    console.print(done)
    if voice and (trainer.step > before or not (voice / CONFIG).is_file()):
        write_voice(voice, trainer.model, out, corpus)
        console.print(f"{voice}: voice written")
    return trainer.model.eval()


def _trainer(corpus: Path, settings: TrainSettings) -> Trainer:
    features, statistics = load_features(read_corpus(corpus), corpus / "features")
    if len(features) <= settings.n_validation:
        raise CorpusError(
            f"{corpus}: {len(features)} sentences, of which {settings.n_validation} are kept for "
            "validation. Use a larger corpus or fewer validation sentences."
        )
    examples = [sentence.example(settings.architecture) for sentence in features]
    held = settings.n_validation
    model = new_network(settings, statistics)
    return Trainer(settings, model, examples[:-held], examples[-held:])


class _Display(Watcher):
    """Shows a training on the console, and draws its losses for TensorBoard."""

    def __init__(self, trainer: Trainer, curves: Path, console: Console) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.first, self.started = trainer.step, time.monotonic()
        self.console, self.bar = console, _bar(console)
        self.curves = SummaryWriter(str(curves), purge_step=trainer.step)
        self.task = self.bar.add_task("", total=trainer.settings.steps, completed=trainer.step)

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.bar.stop()
        self.curves.close()

    def stepped(self, trainer: Trainer, losses: Losses) -> None:
        """Moves the bar on."""
        self._plot("training", trainer, losses)
        speed = (trainer.step - self.first) / (time.monotonic() - self.started)
        shown = f"{speed:.2f} steps/s  {_shown(losses)}"
        self.bar.update(self.task, completed=trainer.step, description=shown)

    def validated(self, trainer: Trainer, losses: Losses) -> None:
        """Prints a line."""
        self._plot("validation", trainer, losses)
        at = f"step {trainer.step}/{trainer.settings.steps}  {trainer.seconds / 60:.2f} min"
        self.console.print(f"{at}  {_shown(losses)}")

    def _plot(self, group: str, trainer: Trainer, losses: Losses) -> None:
        for name, value in losses.items():
            self.curves.add_scalar(f"{group}/{name}", value, trainer.step)


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


def _shown(losses: Losses) -> str:
    return "  ".join(f"{name} {value:.3f}" for name, value in losses.items())
