"""How to train, checked before anything is read, and the learning rate that follows from it."""

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tts_compress.errors import CheckpointError, TtsCompressError, nearest
from tts_compress.training.presets import PRESETS

PRECISIONS = ("float32", "bfloat16")
FIXED = ("architecture", "size", "batch_size", "n_validation", "seed")


@dataclass(frozen=True)
class TrainerSettings:
    """How a network is trained, wherever it comes from.

    Attributes:
        architecture: "tacotron2" or "fastspeech2".
        steps: Steps in all; the learning rate falls to a hundredth of its peak at the last.
        batch_size: Sentences a step.
        learning_rate: Peak of the learning rate of AdamW.
        warmup: Steps over which it rises.
        validate_every: Steps between validations and checkpoints.
        seed: Seed of batches and dropout.
        precision: "float32", or "bfloat16" to multiply in bfloat16 (weights stay float32).
        device: Such as "cpu" or "cuda".
        seconds: Time for all steps, over all starts, where it ends the training before `steps` do;
            the learning rate falls with it.

    Raises:
        TtsCompressError: A name is unknown, or a number is out of range.
    """

    architecture: str
    steps: int = 6000
    batch_size: int = 12
    learning_rate: float = 1e-3
    warmup: int = 200
    validate_every: int = 250
    seed: int = 0
    precision: str = "float32"
    device: str = "cpu"
    seconds: float | None = None

    def __post_init__(self) -> None:
        """Checks names and numbers."""
        _check_names(self, {"architecture": PRESETS, "precision": PRECISIONS})
        _check_counts(self, "steps", "batch_size", "validate_every")
        if not 0 < self.learning_rate < math.inf:
            raise TtsCompressError(
                f"train: learning_rate: no positive number, got {self.learning_rate!r}. Use 1e-3."
            )


@dataclass(frozen=True)
class TrainSettings(TrainerSettings):
    """How to train a new network on a corpus; `seed` is that of its first weights, too.

    Attributes:
        size: A name in `PRESETS`.
        n_validation: Sentences at the end of the metadata that training never sees.
        threads: Threads of torch on the CPU.

    Raises:
        TtsCompressError: A name is unknown, or a number is out of range.
    """

    size: str = "small"
    n_validation: int = 64
    threads: int = 1

    def __post_init__(self) -> None:
        """Checks names and numbers."""
        super().__post_init__()
        _check_names(self, {"size": PRESETS[self.architecture]})
        _check_counts(self, "n_validation", "threads")


def _check_names(settings: TrainerSettings, known: Mapping[str, Collection[str]]) -> None:
    for name, choices in known.items():
        value = getattr(settings, name)
        if value not in choices:
            raise TtsCompressError(
                f"train: {name}: unknown, got {value!r}. {nearest(value, choices)}"
            )


def _check_counts(settings: TrainerSettings, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if value < 1:
            raise TtsCompressError(f"train: {name}: too small, got {value!r}. Use 1 or more.")


def learning_rate(step: int, settings: TrainerSettings, seconds: float = 0.0) -> float:
    """Gives the learning rate of a step: linear warm-up, then half a cosine down to a hundredth.

    Args:
        step: Steps done.
        settings: How the network is trained.
        seconds: Seconds spent on them.

    >>> s = TrainerSettings("tacotron2", steps=100, warmup=10, learning_rate=1.0)
    >>> [round(learning_rate(step, s), 2) for step in (0, 9, 100)]
    [0.1, 1.0, 0.01]
    """
    if step < settings.warmup:
        return settings.learning_rate * (step + 1) / settings.warmup
    done = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    if settings.seconds is not None:
        done = max(done, seconds / settings.seconds)
    return settings.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def check_resumable(settings: TrainSettings, path: Path) -> None:
    """Checks that a training can go on with these settings.

    What `FIXED` names decides the network, or which sentences it has seen and which it must not
    see. The rest may change, such as steps, learning rate and threads.

    Args:
        settings: How to go on.
        path: ``settings.json`` of the training as it was started.

    Raises:
        CheckpointError: A fixed setting differs, or the file cannot be read.
    """
    try:
        before: dict[str, Any] = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: cannot tell how this training was started ({error}). "
            "Train into another folder."
        ) from None
    for name in FIXED:
        now, then = getattr(settings, name), before.get(name)
        if now != then:
            raise CheckpointError(
                f"{path}: {name}: this training was started with {then!r}, got {now!r}. "
                "Use the same, or train into another folder."
            )
