"""Networks in the timing of given speech: the pass that compares, calibrates and counts."""

from collections.abc import Sequence
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from tts_compress.architectures.fastspeech2 import FastSpeech2, FastSpeech2Output
from tts_compress.architectures.tacotron2 import Tacotron2, Tacotron2Output


class Spoken(Protocol):
    """One sentence as a network spoke it.

    Attributes:
        ids: Its symbols, ``(ids,)``.
        mel: Log-mel, ``(n_mels, frames)``.
        durations: FastSpeech2's frames of each symbol, ``(ids,)``; None of a Tacotron2.
    """

    @property
    def ids(self) -> Tensor: ...  # noqa: D102

    @property
    def mel(self) -> Tensor: ...  # noqa: D102

    @property
    def durations(self) -> Tensor | None: ...  # noqa: D102


def follow(
    model: nn.Module, spoken: Sequence[Spoken], seed: int = 0
) -> Tacotron2Output | FastSpeech2Output:
    """Speaks a batch in the timing of given speech; each sentence gets what it gets alone.

    Tacotron2 is teacher-forced on the given mels, with the dropout draws of `infer` for this seed;
    FastSpeech2 takes the given durations, with its own pitch and energy.

    Args:
        model: A Tacotron2 or a FastSpeech2.
        spoken: What to follow.
        seed: Seed of the prenet's dropout.
    """
    ids, lengths = pad([speech.ids for speech in spoken], model)
    if isinstance(model, Tacotron2):
        frames, mel_lengths = pad([speech.mel.T for speech in spoken], model)
        heard: Tacotron2Output = model(
            ids,
            lengths,
            frames.transpose(1, 2),
            mel_lengths,
            generator=torch.Generator().manual_seed(seed),
            mask_padding=True,
        )
        return heard
    durations, _ = pad([cast(Tensor, speech.durations) for speech in spoken], model)
    said: FastSpeech2Output = cast(FastSpeech2, model)(ids, lengths, durations=durations)
    return said


def pad(rows: Sequence[Tensor], model: nn.Module) -> tuple[Tensor, Tensor]:
    """Gives rows ``(length, ...)`` as one padded tensor beside the network, and their lengths."""
    device = next(model.parameters()).device
    lengths = torch.tensor([len(row) for row in rows], device=device)
    return pad_sequence(list(rows), batch_first=True).to(device), lengths
