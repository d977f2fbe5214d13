"""The steps of a training, logged, and resumed from its last checkpoint when started again."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tts_compress.files import replaced
from tts_compress.training.trainer import Trainer, load_checkpoint, save_checkpoint

CHECKPOINT, LOG = "checkpoint.pt", "log.jsonl"

Losses = Mapping[str, float]


class Watcher:
    """Sees a training go by; this one looks away."""

    def stepped(self, trainer: Trainer, losses: Losses) -> None:
        """Is called after each step, with its losses."""

    def validated(self, trainer: Trainer, losses: Losses) -> None:
        """Is called after each validation, with its losses."""


def take_steps(
    trainer: Trainer, out: Path, watcher: Watcher | None = None, deadline: float = math.inf
) -> None:
    """Takes the steps that are left and time allows, and leaves a checkpoint of the last.

    Args:
        trainer: What is trained.
        out: Folder of the training, for ``checkpoint.pt`` (replaced whole) and ``log.jsonl`` (a
            line a validation: its losses, and the mean ones of the steps before it).
        watcher: Who else wants to know.
        deadline: Time of `time.monotonic` after which no step is begun.
    """
    watcher = watcher or Watcher()
    saved = trainer.step
    recent: list[Losses] = []
    for batch in trainer.batches():
        if trainer.finished or time.monotonic() > deadline:
            break
        recent.append(trainer.advance(batch))
        watcher.stepped(trainer, recent[-1])
        if trainer.step % trainer.settings.validate_every == 0 or trainer.finished:
            losses = trainer.validate()
            _log(out / LOG, trainer, losses, recent)
            watcher.validated(trainer, losses)
            save_checkpoint(trainer, out / CHECKPOINT)
            saved, recent = trainer.step, []
    if trainer.step > saved:
        save_checkpoint(trainer, out / CHECKPOINT)


def _log(path: Path, trainer: Trainer, losses: Losses, recent: Sequence[Losses]) -> None:
    means = {name: sum(row[name] for row in recent) / len(recent) for name in losses}
    line: dict[str, Any] = {"step": trainer.step, "minutes": round(trainer.seconds / 60, 2)}
    line |= _rounded(losses) | {"training": _rounded(means)}
    with path.open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")


def _rounded(losses: Losses) -> dict[str, float]:
    return {name: round(value, 4) for name, value in losses.items()}


def resume(trainer: Trainer, out: Path) -> None:
    """Goes back to the checkpoint in a folder, or to the start if there is none.

    Lines of the log that are later than that are dropped, since their steps are taken again.

    Raises:
        CheckpointError: The checkpoint is damaged, or of another network.
    """
    if (out / CHECKPOINT).exists():
        load_checkpoint(trainer, out / CHECKPOINT)
    if (out / LOG).exists():
        lines = (out / LOG).read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if _step(line) <= trainer.step]
        with replaced(out / LOG) as partial:
            partial.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def _step(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except ValueError:
        return math.inf  # half written
