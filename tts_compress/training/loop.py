"""The training loop: seeded, logged, and resumed from its last checkpoint when started again."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

from tts_compress.architectures import ARCHITECTURES
from tts_compress.errors import CorpusError
from tts_compress.training.batches import Batch, collate, schedule
from tts_compress.training.corpus import read_corpus
from tts_compress.training.features import Features, load_features
from tts_compress.training.objectives import OBJECTIVES
from tts_compress.training.presets import PRESETS


@dataclass(frozen=True)
class TrainSettings:
    """How to train.

    Attributes:
        architecture: "tacotron2" or "fastspeech2".
        size: A name in `PRESETS`.
        steps: Steps in all; the learning rate falls to a hundredth of its peak at the last.
        batch_size: Sentences a step.
        learning_rate: Peak of the learning rate of AdamW.
        warmup: Steps over which it rises.
        n_validation: Sentences at the end of the metadata that training never sees.
        validate_every: Steps between validations and checkpoints.
        seed: Seed of weights, batches and dropout.
        precision: "float32", or "bfloat16" to multiply in bfloat16 (weights stay float32).
        threads: Threads of torch on the CPU.
        device: Such as "cpu" or "cuda".
    """

    architecture: str
    size: str = "small"
    steps: int = 6000
    batch_size: int = 12
    learning_rate: float = 1e-3
    warmup: int = 200
    n_validation: int = 64
    validate_every: int = 250
    seed: int = 0
    precision: str = "float32"
    threads: int = 1
    device: str = "cpu"


def learning_rate(step: int, settings: TrainSettings) -> float:
    """Gives the learning rate of a step: linear warm-up, then half a cosine down to a hundredth.

    >>> s = TrainSettings("tacotron2", steps=100, warmup=10, learning_rate=1.0)
    >>> [round(learning_rate(step, s), 2) for step in (0, 9, 100)]
    [0.1, 1.0, 0.01]
    """
    if step < settings.warmup:
        return settings.learning_rate * (step + 1) / settings.warmup
    done = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    cosine = 0.5 * (1 + float(torch.cos(torch.tensor(min(done, 1.0) * torch.pi))))
    return settings.learning_rate * (0.01 + 0.99 * cosine)


class Trainer:
    """A network in training and everything that a resumed training needs.

    Attributes:
        model: The network.
        step: Steps done.
        seconds: Seconds spent on them, over all starts.
    """

    def __init__(
        self, settings: TrainSettings, features: list[Features], statistics: Mapping[str, float]
    ) -> None:
        torch.manual_seed(settings.seed)
        self.settings = settings
        widths = PRESETS[settings.architecture][settings.size]
        self.model: nn.Module = ARCHITECTURES[settings.architecture](widths).to(settings.device)
        if settings.architecture == "fastspeech2":
            _set_bins(self.model, statistics)
        held = settings.n_validation
        self.training, self.validation = features[:-held], features[-held:]
        trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, betas=(0.9, 0.98), weight_decay=0.01)
        self.step, self.seconds = 0, 0.0

    def state(self) -> dict[str, Any]:
        """Gives everything to resume from."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "random": torch.get_rng_state(),
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Goes back to a state."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]
        torch.set_rng_state(state["random"])

    def batches(self) -> Iterator[Batch]:
        """Gives the batches from the present step on, epoch after epoch."""
        name = f"{self.settings.architecture}_frames"
        lengths = [int(getattr(f, name).sum()) for f in self.training]
        per_epoch = -(-len(lengths) // self.settings.batch_size)
        epoch, skip = divmod(self.step, per_epoch)
        while True:
            order = schedule(lengths, self.settings.batch_size, self.settings.seed, epoch)
            for indices in order[skip:]:
                yield collate([self.training[i] for i in indices], self.settings.architecture)
            epoch, skip = epoch + 1, 0

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Gives the named losses of a batch in the precision of the settings."""
        settings = self.settings
        device = torch.device(settings.device)
        low = settings.precision == "bfloat16"
        objective = OBJECTIVES[settings.architecture]
        with torch.autocast(device.type, torch.bfloat16, enabled=low):
            return objective(self.model, batch.to(device), self.step / settings.steps)

    def advance(self, batch: Batch) -> dict[str, float]:
        """Takes one step and gives its losses."""
        started = time.perf_counter()
        self.model.train()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.settings)
        losses = self.losses(batch)
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        self.seconds += time.perf_counter() - started
        return {name: float(value.detach()) for name, value in losses.items()}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Gives the mean losses of the sentences that training never sees, with fixed random draws."""
        self.model.eval()
        size = self.settings.batch_size
        with torch.random.fork_rng():
            torch.manual_seed(0)
            rows = [
                self.losses(collate(self.validation[i : i + size], self.settings.architecture))
                for i in range(0, len(self.validation), size)
            ]
        return {name: float(torch.stack([row[name] for row in rows]).mean()) for name in rows[0]}


def _set_bins(model: nn.Module, statistics: Mapping[str, float]) -> None:
    for name in ("pitch", "energy"):
        bins = model.get_parameter(f"variance_adaptor.{name}_bins")
        low, high = statistics[f"{name}_min"], statistics[f"{name}_max"]
        bins.copy_(torch.linspace(low, high, len(bins)))


def train(corpus: Path, out: Path, settings: TrainSettings, *, minutes: float | None = None) -> nn.Module:
    """Trains a voice on a corpus, resuming what is in `out`, and gives the network.

    Leaves in `out`: ``checkpoint.pt`` (replaced whole), ``log.jsonl`` (a line a validation),
    ``settings.json``, and TensorBoard curves in ``curves``.

    Args:
        corpus: Folder in LJSpeech's layout with alignments.
        out: Folder of this training.
        settings: How to train.
        minutes: Stop, resumably, after this time, even if steps are left.

    Raises:
        CorpusError: The corpus has too few sentences to train and validate.
    """
    from torch.utils.tensorboard import SummaryWriter

    torch.set_num_threads(settings.threads)
    out.mkdir(parents=True, exist_ok=True)
    features, statistics = load_features(read_corpus(corpus), corpus / "features")
    if len(features) <= settings.n_validation:
        raise CorpusError(
            f"{corpus}: {len(features)} sentences, of which {settings.n_validation} are kept for "
            "validation. Use a larger corpus or fewer validation sentences."
        )
    trainer = Trainer(settings, features, statistics)
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists():
        trainer.resume(torch.load(checkpoint, weights_only=True))
    (out / "settings.json").write_text(json.dumps(asdict(settings), indent=2))
    deadline = time.monotonic() + 60 * minutes if minutes else float("inf")
    console = Console()
    with SummaryWriter(str(out / "curves"), purge_step=trainer.step) as writer:
        for batch in trainer.batches():
            if trainer.step >= settings.steps or time.monotonic() > deadline:
                break
            losses = trainer.advance(batch)
            for name, value in losses.items():
                writer.add_scalar(f"training/{name}", value, trainer.step)
            if trainer.step % settings.validate_every == 0 or trainer.step == settings.steps:
                _record(trainer, out, writer, console)
    _save(trainer, checkpoint)
    return trainer.model.eval()


def _record(trainer: Trainer, out: Path, writer: Any, console: Console) -> None:
    losses = trainer.validate()
    for name, value in losses.items():
        writer.add_scalar(f"validation/{name}", value, trainer.step)
    line = {"step": trainer.step, "minutes": round(trainer.seconds / 60, 2)}
    rounded = {name: round(value, 4) for name, value in losses.items()}
    with (out / "log.jsonl").open("a") as log:
        log.write(json.dumps({**line, **rounded}) + "\n")
    shown = "  ".join(f"{name} {value:.3f}" for name, value in losses.items())
    console.print(f"step {trainer.step}/{trainer.settings.steps}  {line['minutes']} min  {shown}")
    _save(trainer, out / "checkpoint.pt")


def _save(trainer: Trainer, path: Path) -> None:
    partial = path.with_suffix(".tmp")
    torch.save(trainer.state(), partial)
    partial.replace(path)
