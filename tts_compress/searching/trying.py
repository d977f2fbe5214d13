"""One try: what a run would do, done, saved and measured."""

import copy
import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from tts_compress import artifact
from tts_compress.architectures.base import Architecture
from tts_compress.container import ARTIFACT
from tts_compress.errors import AudioError, RecipeError
from tts_compress.methods.base import Change, Context, Memory, Method
from tts_compress.methods.precision import stored_precision
from tts_compress.metrics.mel import mel_mae_db
from tts_compress.metrics.sizes import float32_bytes
from tts_compress.pipeline import context_of, load_network, save
from tts_compress.recipe import Run
from tts_compress.synthesis import Speech, follow, speak


@dataclass(frozen=True, eq=False)
class Begun:
    """A run up to where what is found goes on.

    Attributes:
        run: The run.
        folder: Where a try leaves its file.
        model: The network after the run's stages; no try changes it.
        context: What these stages left, likewise.
        changes: What they did.
        precision: The type that the dense network's weights fitted.
        speeches: What the dense network says of the sentences that tries are judged by.
        dense: The same in its own timing, log-mels.
        float32_bytes: What a file of the dense network holds, in float32.
    """

    run: Run
    folder: Path
    model: Architecture
    context: Context
    changes: Sequence[Change]
    precision: torch.dtype | None
    speeches: Sequence[Speech]
    dense: Sequence[Tensor]
    float32_bytes: int

    @classmethod
    def of(cls, run: Run, judging: Sequence[str], folder: Path, device: str) -> "Begun":
        """Does the stages of a run.

        Raises:
            RecipeError: The dense network speaks none of the sentences.
            CheckpointError: The checkpoint cannot be read, or reads no text.
        """
        model, seed = load_network(run.model, device), run.evaluate.seed
        said = [speech for speech in speak(model, judging, seed) if speech.failure is None]
        if not said:
            raise RecipeError(
                "calibration: the dense network speaks none of the sentences that judge a search, "
                f"got {judging[0]!r} of {len(judging)}. Give sentences that it speaks."
            )
        aligned = follow(model, said, seed)
        size, precision = float32_bytes(artifact.stored_items(model)), stored_precision(model)
        context = context_of(run, Memory(capacity=6), folder, device)
        changes = [change for stage in run.stages for change in stage(model, context)]
        return cls(run, folder, model, context, changes, precision, said, aligned, size)

    def go_on(self, stages: Sequence[Method]) -> tuple[int, float]:
        """Does more stages with a copy, and gives the bytes of the file and the mel distance."""
        run = self.run.model_copy(update={"stages": (*self.run.stages, *stages)})
        model, context = copy.deepcopy(self.model), _copy(self.context)
        changes = [*self.changes, *(c for stage in stages for c in stage(model, context))]
        made = save(self.folder / ARTIFACT, model, changes, run, context, self.precision)
        return made.n_bytes, self._distance(model)

    def _distance(self, model: Architecture) -> float:
        """Gives the mean distance over sentences; infinite if what is said is not finite."""
        mels = follow(model, self.speeches, self.run.evaluate.seed)
        try:
            each = [mel_mae_db(*pair) for pair in zip(mels, self.dense, strict=True)]
        except AudioError:
            return math.inf
        return sum(each) / len(each)


def _copy(context: Context) -> Context:
    """Gives a context that stages may add to."""
    return dataclasses.replace(
        context,
        removed=dict(context.removed),
        quantized=dict(context.quantized),
        narrowed=set(context.narrowed),
        measures={},
    )
