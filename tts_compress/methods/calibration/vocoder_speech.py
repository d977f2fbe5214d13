"""What a vocoder hears and says where changes of its weights are judged: short pieces, as mels."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from tts_compress.architectures.following import Spoken
from tts_compress.architectures.hifigan import HifiGan
from tts_compress.audio.mel import N_FFT, mel_spectrogram
from tts_compress.methods.calibration.hearing import SEGMENT, segments

PIECES = 160  # of all sentences together; four times as many gradients save 2 % more bytes


@dataclass(frozen=True, eq=False)
class Piece:
    """A few frames of a sentence.

    Attributes:
        ids: Symbols of the whole sentence, ``(ids,)``, which a vocoder does not read.
        mel: Log-mel, ``(n_mels, frames)``.
        durations: None: a piece has no symbols of its own.
    """

    ids: Tensor
    mel: Tensor
    durations: None = None


def pieces(spoken: Sequence[Spoken], wanted: int = PIECES) -> list[Spoken]:
    """Cuts mels into pieces of at most `SEGMENT` frames, evenly spread over each sentence.

    Each sentence gives as many, about `wanted` together, so that loud and soft parts of all of them
    are heard; a short one, as many as do not overlap; one of no frames, none.

    >>> import torch
    >>> sentence = Piece(torch.empty(0), torch.arange(100.0)[None])
    >>> [(float(piece.mel[0, 0]), piece.mel.shape[1]) for piece in pieces([sentence], wanted=2)]
    [(9.0, 32), (59.0, 32)]
    """
    found: list[Spoken] = []
    for speech in spoken:
        frames = speech.mel.shape[1]
        if not frames:
            continue
        length = min(SEGMENT, frames)
        number = min(-(-wanted // len(spoken)), frames // length)
        for index in range(number):
            start = frames * (2 * index + 1) // (2 * number) - length // 2
            found.append(Piece(speech.ids, speech.mel[:, start : start + length]))
    return found


def sound_as_mel(model: HifiGan, speech: Spoken) -> Tensor:
    """Gives the log-mel ``(1, n_mels, frames)`` of what a vocoder makes of a sentence's middle.

    Errors of the sound itself are mostly those of its loud, low frequencies. Ears judge each
    frequency and moment beside its own loudness, and so does the logarithm of a mel spectrogram.
    HiFi-GAN is trained towards equal log-mels for this reason. What is softer than their floor
    counts for nothing. Zeros follow a sound that is shorter than a mel spectrogram takes.

    Source: Kong, Kim and Bae 2020, "HiFi-GAN: generative adversarial networks for efficient and
    high fidelity speech synthesis", section 2.4.
    """
    wav = model(segments([speech]).to(next(model.parameters())))[:, 0]
    return mel_spectrogram(functional.pad(wav, (0, max(0, N_FFT // 2 + 1 - wav.shape[1]))))
