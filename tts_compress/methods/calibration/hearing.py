"""What a network hears of calibration speech: how it is run, and where its layers hear data."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from tts_compress.architectures.fastspeech2 import FastSpeech2
from tts_compress.architectures.following import Spoken, follow
from tts_compress.architectures.hifigan import HifiGan
from tts_compress.architectures.tacotron2 import Tacotron2
from tts_compress.errors import CheckpointError, RecipeError
from tts_compress.methods.calibration.calibrating import Pass, Positions, SpokenPositions, n_frames
from tts_compress.methods.precision import check_finite
from tts_compress.methods.pruning.ranking import fingerprint

SEGMENT = 32  # frames of each sentence that a vocoder hears: 8,192 samples


def hearing(model: nn.Module, spoken: Sequence[Spoken], method: str) -> tuple[Pass, Positions]:
    """Gives what runs a network over calibration speech, and where its layers then hear data.

    A network that reads text follows the speech; a vocoder hears the middle of each mel.

    Args:
        model: The network.
        spoken: Calibration speech.
        method: Starts messages.

    Raises:
        RecipeError: The speech is empty.
        CheckpointError: The speech is not finite.
    """
    check_speech(spoken, method)
    if isinstance(model, HifiGan):
        mels = segments(spoken).to(next(model.parameters()))
        return lambda network: network(mels), VocoderPositions.of(model, mels)
    assert isinstance(model, Tacotron2 | FastSpeech2)
    return lambda network: follow(network, spoken), SpokenPositions.of(model, spoken)


def segments(spoken: Sequence[Spoken]) -> Tensor:
    """Gives the middle of each mel, ``(sentences, n_mels, frames)``, at most `SEGMENT` frames.

    All have as many as the shortest, so that there is no padding.
    """
    mels = [speech.mel for speech in spoken if speech.mel.shape[1]]
    frames = min(SEGMENT, *(mel.shape[1] for mel in mels))
    starts = [(mel.shape[1] - frames) // 2 for mel in mels]
    return torch.stack([mel[:, i : i + frames] for mel, i in zip(mels, starts, strict=True)])


@dataclass(frozen=True, eq=False)
class VocoderPositions:
    """Where the layers of a vocoder hear data: everywhere, at the rate of their outputs.

    Attributes:
        masks: True at every position, ``(batch, length)``, by patterns of the layers' names.
    """

    masks: Mapping[str, Tensor]

    @classmethod
    def of(cls, model: HifiGan, mels: Tensor) -> "VocoderPositions":
        """Gives the positions of mels ``(batch, n_mels, frames)``, beside them."""
        rates = model.settings.upsample_rates
        lengths = list(itertools.accumulate(rates, lambda n, rate: n * rate, initial=mels.shape[2]))
        masks = [mels.new_ones(len(mels), length, dtype=torch.bool) for length in lengths]
        per_stage = len(model.resblocks) // len(rates)
        found = {"conv_pre": masks[0], "conv_post": masks[-1]}
        for stage, mask in enumerate(masks[1:]):
            found[f"ups.{stage}"] = mask
            for block in range(per_stage):
                found[f"resblocks.{stage * per_stage + block}.*"] = mask
        return cls(found)

    def __call__(self, name: str, call: int) -> Tensor:
        """Gives the positions of one call of a layer."""
        return next(mask for pattern, mask in self.masks.items() if fnmatchcase(name, pattern))


def hearing_key(tensors: Mapping[str, Tensor], spoken: Sequence[Spoken]) -> tuple[str, str]:
    """Gives what decides all that layers hear, by which results are remembered.

    Args:
        tensors: Those of the network that count, by name.
        spoken: Calibration speech; none where nothing is heard.

    Returns:
        A hash of the tensors, and one of the speech: symbols, mels and timing.
    """
    parts: dict[str, Tensor] = {}
    for number, speech in enumerate(spoken):
        parts[f"{number} ids"], parts[f"{number} mel"] = speech.ids, speech.mel
        if speech.durations is not None:
            parts[f"{number} durations"] = speech.durations
    return fingerprint(tensors), fingerprint(parts)


def check_heard(method: str, name: str, squares: Tensor) -> None:
    """Checks what is heard of calibration speech.

    Args:
        method: Starts the message.
        name: Of what hears it.
        squares: Mean squares or sums of squares of its inputs, ``(columns,)``.

    Raises:
        CheckpointError: One is NaN or infinite.
    """
    if not bool(squares.isfinite().all()):
        raise CheckpointError(
            f"{method}: what {name!r} reads of the calibration sentences is not finite, got "
            f"{int((~squares.isfinite()).sum())} such of {len(squares)} inputs. "
            "Use a checkpoint from before the training diverged."
        )


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Has a network drop nothing out for a while."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def check_tensors(tensors: Mapping[str, Tensor], dense: Mapping[str, Tensor], method: str) -> None:
    """Checks that a network is finite and has the shapes of the dense one.

    Raises:
        RecipeError: A shape or a name differs.
        CheckpointError: A tensor is not finite.
    """
    for name, tensor in tensors.items():
        if name not in dense:
            raise RecipeError(
                f"{method}: needs the layers of the dense network, got {name!r}, which that has "
                f"not. Put {method} before low_rank."
            )
        shape, before = tuple(tensor.shape), tuple(dense[name].shape)
        if shape != before:
            raise RecipeError(
                f"{method}: {name!r} has shape {shape}, the dense network's has {before}, "
                f"got a resized network. Put {method} before resize."
            )
        check_finite(method, name, tensor)


def check_speech(spoken: Sequence[Spoken], method: str) -> None:
    """Checks that there is speech, and that it is finite.

    Raises:
        RecipeError: There are no frames.
        CheckpointError: A mel is not finite.
    """
    if not any(n_frames(speech) for speech in spoken):
        raise RecipeError(
            f"{method}: the dense network says nothing of the calibration sentences, got "
            f"{len(spoken)} sentences of 0 frames in all. Give it sentences that it can speak."
        )
    for number, speech in enumerate(spoken, 1):
        if not bool(speech.mel.isfinite().all()):
            raise CheckpointError(
                f"{method}: the dense network's speech of calibration sentence {number} is not "
                f"finite, got {int((~speech.mel.isfinite()).sum())} such values of "
                f"{speech.mel.numel()}. Use a checkpoint from before the training diverged."
            )
