"""A network in training: its steps, its validation, and the checkpoint that it goes on from."""

import math
import pickle
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tts_compress.architectures import ARCHITECTURES
from tts_compress.errors import CheckpointError, OutputError, TtsCompressError
from tts_compress.files import replaced
from tts_compress.training.batches import Batch, Example, collate, schedule
from tts_compress.training.holding import zero_gradients, zero_weights
from tts_compress.training.objectives import OBJECTIVES
from tts_compress.training.presets import PRESETS
from tts_compress.training.settings import TrainerSettings, TrainSettings, learning_rate


class Trainer:
    """A network in training and everything that a resumed training needs.

    Attributes:
        settings: How it is trained.
        model: The network, trained in place.
        training: Sentences to learn from.
        validation: Sentences never learned from.
        held: Where weights are held at zero, True there, by the parameter's name.
        continued: Whether the network has been trained before. Then it learns as it speaks:
            without dropout, with the statistics of its BatchNorms, from given frames alone.
        step: Steps done.
        seconds: Seconds spent on them, over all starts.

    Raises:
        TtsCompressError: The device of the settings cannot be used.
    """

    def __init__(
        self,
        settings: TrainerSettings,
        model: nn.Module,
        training: Sequence[Example],
        validation: Sequence[Example],
        *,
        held: Mapping[str, Tensor] | None = None,
        continued: bool = False,
    ) -> None:
        self.settings = settings
        self.device = _usable_device(settings.device)
        self.model = model.to(self.device)
        self.training, self.validation = training, validation
        self.held, self.continued = held or {}, continued
        trained = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, betas=(0.9, 0.98), weight_decay=0.01)
        self.step, self.seconds = 0, 0.0
        torch.manual_seed(settings.seed)

    @property
    def progress(self) -> float:
        """Fraction of the steps that is done; 1 all along if the training is continued."""
        return 1.0 if self.continued else self.step / self.settings.steps

    @property
    def finished(self) -> bool:
        """Whether no steps, or no time for them, are left."""
        limit = self.settings.seconds
        return self.step >= self.settings.steps or (limit is not None and self.seconds >= limit)

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
        """Goes back to a state; on the CPU, what follows is bit for bit what followed then."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]
        torch.set_rng_state(state["random"])

    def batches(self) -> Iterator[Batch]:
        """Gives the batches from the present step on, epoch after epoch."""
        lengths = [example.mel.shape[1] for example in self.training]
        per_epoch = -(-len(lengths) // self.settings.batch_size)
        epoch, skip = divmod(self.step, per_epoch)
        while True:
            order = schedule(lengths, self.settings.batch_size, self.settings.seed, epoch)
            for indices in order[skip:]:
                yield collate([self.training[i] for i in indices])
            epoch, skip = epoch + 1, 0

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Gives the named losses of a batch in the precision of the settings."""
        settings = self.settings
        low = settings.precision == "bfloat16"
        objective = OBJECTIVES[settings.architecture]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=low):
            return objective(self.model, batch.to(self.device), self.progress)

    def advance(self, batch: Batch) -> dict[str, float]:
        """Takes one step and gives its losses.

        Raises:
            TtsCompressError: A loss is not finite; the network is as it was before the step.
        """
        started = time.perf_counter()
        self.model.train(not self.continued)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.settings, self.seconds)
        losses = self.losses(batch)
        values = self._finite(losses)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(torch.stack(list(losses.values())).sum())
        zero_gradients(self.model, self.held)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        zero_weights(self.model, self.held)
        self.step += 1
        self.seconds += time.perf_counter() - started
        return values

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Gives the mean losses of the validation sentences, with the same random draws each time.

        Raises:
            TtsCompressError: A loss is not finite.
        """
        self.model.eval()
        size = self.settings.batch_size
        with torch.random.fork_rng():
            torch.manual_seed(0)
            rows = [
                self.losses(collate(self.validation[i : i + size]))
                for i in range(0, len(self.validation), size)
            ]
        return self._finite({n: torch.stack([row[n] for row in rows]).mean() for n in rows[0]})

    def _finite(self, losses: Mapping[str, Tensor]) -> dict[str, float]:
        values = {name: float(value.detach()) for name, value in losses.items()}
        for name, value in values.items():
            if not math.isfinite(value):
                raise TtsCompressError(
                    f"train: the loss {name!r} is not finite after {self.step} steps, got "
                    f"{value!r}. The last checkpoint is kept; go on from it with a lower learning "
                    "rate, or in float32."
                )
        return values


def new_network(settings: TrainSettings, statistics: Mapping[str, float]) -> nn.Module:
    """Gives a network of random weights, and of pitch and energy as `load_features` found them."""
    torch.manual_seed(settings.seed)
    model = ARCHITECTURES[settings.architecture](PRESETS[settings.architecture][settings.size])
    if settings.architecture == "fastspeech2":
        _set_bins(model, statistics)
    return model


def save_checkpoint(trainer: Trainer, path: Path) -> None:
    """Writes the state of a training whole or not at all.

    Raises:
        OutputError: The file cannot be written, such as on a full disk.
    """
    try:
        with replaced(path) as partial:
            torch.save(trainer.state(), partial)
    except RuntimeError as error:
        raise OutputError(
            f"{path}: cannot be written ({_first_line(error)}). Make room and run again."
        ) from None


def load_checkpoint(trainer: Trainer, path: Path) -> None:
    """Goes back to the state in a file.

    Raises:
        CheckpointError: The file is damaged, or of another network.
    """
    try:
        trainer.resume(torch.load(path, map_location="cpu", weights_only=True))
    except (
        *(AttributeError, EOFError, KeyError, RuntimeError, TypeError, ValueError),
        pickle.UnpicklingError,
    ) as error:
        raise CheckpointError(
            f"{path}: no checkpoint of this training ({_first_line(error)}). "
            "Delete it to start over."
        ) from None


def _usable_device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (AssertionError, RuntimeError) as error:
        raise TtsCompressError(
            f"train: device: cannot be used, got {name!r} ({_first_line(error)}). Use cpu."
        ) from None
    return device


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _set_bins(model: nn.Module, statistics: Mapping[str, float]) -> None:
    """Spreads the edges of the pitch and energy bins over the range of the corpus."""
    for name in ("pitch", "energy"):
        bins = model.get_parameter(f"variance_adaptor.{name}_bins")
        low, high = statistics[f"{name}_min"], statistics[f"{name}_max"]
        bins.copy_(torch.linspace(low, high, len(bins)))
