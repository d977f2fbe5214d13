"""Batches of sentences of like length, in an order that follows from seed and epoch alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

PADDED_MEL = -11.5129  # ln 1e-5, the floor of a log-mel


@dataclass(frozen=True, eq=False)
class Example:
    """One sentence as one architecture learns it.

    Attributes:
        ids: Symbols, ``(ids,)``.
        frames: Frames of each symbol, ``(ids,)``.
        mel: Log-mel of these frames, ``(n_mels, frames)``.
        pitch: Normalised pitch of each symbol, ``(ids,)``, or of each frame where the network
            hears it so; a zero for Tacotron2.
        energy: Normalised energy, likewise.
        attention: What Tacotron2's attention is to learn, ``(frames, ids)``; what `frames` imply
            where it is None.
    """

    ids: Tensor
    frames: Tensor
    mel: Tensor
    pitch: Tensor
    energy: Tensor
    attention: Tensor | None = None


@dataclass(frozen=True)
class Batch:
    """Padded sentences of one architecture.

    Attributes:
        ids: Symbols, ``(batch, ids)``.
        id_lengths: Symbols of each sentence, ``(batch,)``.
        frames: Frames of each symbol, ``(batch, ids)``.
        mels: Log-mels, ``(batch, n_mels, frames)``.
        mel_lengths: Frames of each sentence, ``(batch,)``.
        pitch: Normalised pitch of each symbol, ``(batch, ids)``, or of each frame; zeros for
            Tacotron2.
        energy: Normalised energy, likewise.
        attention: What Tacotron2's attention is to learn, ``(batch, frames, ids)``, zero at
            padding; what `frames` imply where it is None.
    """

    ids: Tensor
    id_lengths: Tensor
    frames: Tensor
    mels: Tensor
    mel_lengths: Tensor
    pitch: Tensor
    energy: Tensor
    attention: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """Gives the batch on another device."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        return Batch(**{name: value.to(device) for name, value in given.items()})


def collate(examples: Sequence[Example]) -> Batch:
    """Pads sentences to one batch."""

    def padded(name: str) -> Tensor:
        return pad_sequence([getattr(example, name) for example in examples], batch_first=True)

    mels = pad_sequence(
        [example.mel.T for example in examples], batch_first=True, padding_value=PADDED_MEL
    )
    return Batch(
        ids=padded("ids"),
        id_lengths=torch.tensor([len(example.ids) for example in examples]),
        frames=padded("frames"),
        mels=mels.transpose(1, 2).contiguous(),
        mel_lengths=torch.tensor([example.mel.shape[1] for example in examples]),
        pitch=padded("pitch"),
        energy=padded("energy"),
        attention=_attention(examples),
    )


def _attention(examples: Sequence[Example]) -> Tensor | None:
    """Pads the attention of a batch along both axes, where every sentence has one."""
    given = [example.attention for example in examples if example.attention is not None]
    if len(given) < len(examples):
        return None
    frames, ids = (max(sizes) for sizes in zip(*(a.shape for a in given), strict=True))
    padded = torch.zeros(len(given), frames, ids)
    for row, attention in zip(padded, given, strict=True):
        row[: attention.shape[0], : attention.shape[1]] = attention
    return padded


def schedule(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Gives one epoch's batches as lists of indices: like lengths together, order shuffled.

    Lengths are jittered by a tenth, so that an epoch does not repeat the batches of the one before.

    >>> sorted(sum(schedule([5, 1, 3, 2], 2, seed=0, epoch=0), []))
    [0, 1, 2, 3]
    """
    rng = np.random.default_rng((seed, epoch))
    jittered = np.array(lengths) * rng.uniform(0.9, 1.1, len(lengths))
    order = np.argsort(jittered, kind="stable")
    batches = [order[i : i + batch_size].tolist() for i in range(0, len(order), batch_size)]
    rng.shuffle(batches)
    return batches
