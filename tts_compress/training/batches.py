"""Batches of sentences of like length, in an order that follows from seed and epoch alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tts_compress.training.features import Features

PADDED_MEL = -11.5129  # ln 1e-5, the floor of a log-mel


@dataclass(frozen=True)
class Batch:
    """Padded sentences of one architecture.

    Attributes:
        ids: Symbols, ``(batch, ids)``.
        id_lengths: Symbols of each sentence, ``(batch,)``.
        frames: Frames of each symbol, ``(batch, ids)``.
        mels: Log-mels, ``(batch, n_mels, frames)``.
        mel_lengths: Frames of each sentence, ``(batch,)``.
        pitch: Normalised pitch of each symbol, ``(batch, ids)``; a zero for Tacotron2.
        energy: Normalised energy of each symbol, likewise.
    """

    ids: Tensor
    id_lengths: Tensor
    frames: Tensor
    mels: Tensor
    mel_lengths: Tensor
    pitch: Tensor
    energy: Tensor

    def to(self, device: torch.device) -> "Batch":
        """Gives the batch on another device."""
        return Batch(**{name: value.to(device) for name, value in vars(self).items()})


def collate(features: Sequence[Features], architecture: str) -> Batch:
    """Pads sentences to one batch for `architecture` ("tacotron2" or "fastspeech2")."""

    def padded(arrays: Sequence[NDArray[Any]]) -> Tensor:
        tensors = [torch.from_numpy(array) for array in arrays]
        return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True)

    ids = [getattr(f, f"{architecture}_ids") for f in features]
    frames = [getattr(f, f"{architecture}_frames") for f in features]
    lengths = [int(frame.sum()) for frame in frames]
    mels = torch.full((len(features), features[0].mel.shape[0], max(lengths)), PADDED_MEL)
    for row, (f, length) in enumerate(zip(features, lengths, strict=True)):
        mels[row, :, :length] = torch.from_numpy(f.mel[:, :length])
    has_variance = architecture == "fastspeech2"
    return Batch(
        ids=padded(ids),
        id_lengths=torch.tensor([len(i) for i in ids]),
        frames=padded(frames),
        mels=mels,
        mel_lengths=torch.tensor(lengths),
        pitch=padded([f.pitch for f in features]) if has_variance else torch.zeros(()),
        energy=padded([f.energy for f in features]) if has_variance else torch.zeros(()),
    )


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
