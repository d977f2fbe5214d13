"""Sentences to mels to wavs: seeded, batched, and each sentence as it would be alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from tts_compress.architectures.fastspeech2 import FastSpeech2
from tts_compress.architectures.following import follow as follow_batch
from tts_compress.architectures.following import pad
from tts_compress.architectures.tacotron2 import Tacotron2
from tts_compress.audio.mel import HOP_LENGTH, SAMPLE_RATE
from tts_compress.errors import CheckpointError
from tts_compress.text.encode import fastspeech2_ids, tacotron2_ids

MAX_STEPS = 1000
MAX_FRAMES = 2000  # of FastSpeech2, whose memory grows with their square
BATCH_SIZE = 16
NEVER_STOPS, ALMOST_NO_FRAMES, NOT_FINITE = "never stops", "almost no frames", "not finite"
SHORTEST_SPEECH = 9  # frames; fewer are no longer than one phone
SHORTEST_PHONE = 2  # frames (23 ms) a symbol on average; nobody speaks in fewer


@dataclass(frozen=True, eq=False)
class Speech:
    """One sentence as a network speaks it.

    Attributes:
        text: The sentence.
        ids: Its symbols, ``(ids,)``.
        mel: Log-mel, ``(n_mels, frames)``.
        alignment: Tacotron2's attention weights, ``(frames, ids)``.
        durations: FastSpeech2's frames of each symbol, ``(ids,)``.
        stopped: Whether the network ended it before it was cut off.
    """

    text: str
    ids: Tensor
    mel: Tensor
    alignment: Tensor | None = None
    durations: Tensor | None = None
    stopped: bool = True

    @property
    def failure(self) -> str | None:
        """Names what a compressed network does wrong; None if this is speech.

        "Almost no frames" is less than two (23 ms) for each symbol.
        """
        if not is_finite(self.mel):
            return NOT_FINITE
        if not self.stopped:
            return NEVER_STOPS
        short = self.mel.shape[1] < max(SHORTEST_SPEECH, SHORTEST_PHONE * len(self.ids))
        return ALMOST_NO_FRAMES if short else None

    @property
    def audible(self) -> bool:
        """Whether there is something to hear and to compare, speech or not."""
        return self.failure not in (ALMOST_NO_FRAMES, NOT_FINITE)

    @property
    def seconds(self) -> float:
        """Length of the speech."""
        return self.mel.shape[1] * HOP_LENGTH / SAMPLE_RATE


def is_finite(mel: Tensor) -> bool:
    """Whether float32 holds the power that each value of a log-mel stands for.

    >>> is_finite(torch.tensor([[-9.0, 40.0]])), is_finite(torch.tensor([[-9.0, 50.0]]))
    (True, False)
    """
    return bool(torch.isfinite((2 * mel).exp()).all())


def encode(model: nn.Module, text: str) -> list[int]:
    """Gives a text as the symbols that a network reads.

    Raises:
        TextError: The text has nothing to speak, or a symbol that the network does not know.
        CheckpointError: The network reads no text.
    """
    if isinstance(model, Tacotron2):
        return tacotron2_ids(text, model.settings.text)
    if isinstance(model, FastSpeech2):
        return fastspeech2_ids(text)
    name = getattr(model, "architecture", type(model).__name__)
    raise CheckpointError(f"{name}: reads no text. Use a tacotron2 or fastspeech2 checkpoint.")


def speak(model: nn.Module, sentences: Sequence[str], seed: int = 0) -> list[Speech]:
    """Speaks every sentence; the same seed gives the same speech, whatever is spoken with it.

    Args:
        model: A Tacotron2 or a FastSpeech2.
        sentences: English texts.
        seed: Seed of the prenet's dropout, the only draws there are.

    Raises:
        TextError: A text has nothing to speak, or a symbol that the network does not know.
        CheckpointError: The network reads no text.
    """
    encoded = [encode(model, text) for text in sentences]
    spoken: list[Speech] = []
    for first in range(0, len(sentences), BATCH_SIZE):
        texts = sentences[first : first + BATCH_SIZE]
        spoken += _speak_batch(model, texts, encoded[first : first + BATCH_SIZE], seed)
    return spoken


@torch.inference_mode()
def _speak_batch(
    model: nn.Module, texts: Sequence[str], encoded: Sequence[list[int]], seed: int
) -> list[Speech]:
    ids, lengths = pad([torch.tensor(row) for row in encoded], model)
    if isinstance(model, Tacotron2):
        generator = torch.Generator().manual_seed(seed)
        out = model.infer(ids, lengths, generator=generator, max_steps=MAX_STEPS)
        return [
            Speech(
                text,
                ids[row, :symbols].cpu(),
                out.mel_postnet[row, :, :frames].cpu(),
                alignment=out.alignments[row, :frames, :symbols].cpu(),
                stopped=bool(out.stopped[row]),
            )
            for row, text, symbols, frames in _rows(texts, lengths, out.mel_lengths)
        ]
    said = cast(FastSpeech2, model)(ids, lengths, max_frames=MAX_FRAMES)
    return [
        Speech(
            text,
            ids[row, :symbols].cpu(),
            said.mel_postnet[row, :, :frames].cpu(),
            durations=said.durations[row, :symbols].cpu(),
            stopped=frames < MAX_FRAMES,
        )
        for row, text, symbols, frames in _rows(texts, lengths, said.mel_lengths)
    ]


def _rows(
    texts: Sequence[str], symbols: Tensor, frames: Tensor
) -> Iterator[tuple[int, str, int, int]]:
    return zip(range(len(texts)), texts, symbols.tolist(), frames.tolist(), strict=True)


@torch.inference_mode()
def follow(model: nn.Module, references: Sequence[Speech], seed: int = 0) -> list[Tensor]:
    """Speaks each sentence in the timing of a reference, so that frames can be compared one by one.

    Tacotron2 is teacher-forced on the reference's mel (after its postnet) with the dropout draws
    of `speak`; FastSpeech2 takes the reference's durations, with its own pitch and energy.

    Args:
        model: The network.
        references: What to follow.
        seed: Seed of the dropout draws.

    Returns:
        Log-mels, ``(n_mels, frames)`` each, of as many frames as the reference has.
    """
    followed: list[Tensor] = []
    for first in range(0, len(references), BATCH_SIZE):
        batch = references[first : first + BATCH_SIZE]
        mels = follow_batch(model, batch, seed).mel_postnet
        lengths = [speech.mel.shape[1] for speech in batch]
        followed += [mels[row, :, :length].cpu() for row, length in enumerate(lengths)]
    return followed


Vocoder = Callable[[Sequence[Tensor]], list[Tensor]]


def vocoder(model: nn.Module | None = None, seed: int = 0) -> Vocoder:
    """Gives a function from log-mels ``(n_mels, frames)`` to wavs ``(samples,)``.

    Args:
        model: A HiFi-GAN generator; Griffin-Lim if None.
        seed: Seed of Griffin-Lim's first phases.
    """
    from tts_compress.audio.vocoders import griffin_lim, hifigan_vocode

    def vocode(mels: Sequence[Tensor]) -> list[Tensor]:
        if not mels:
            return []
        lengths = torch.tensor([mel.shape[1] for mel in mels])
        frames = torch.nn.utils.rnn.pad_sequence([mel.T for mel in mels], batch_first=True)
        padded = frames.transpose(1, 2)
        if model is None:
            return griffin_lim(padded, lengths, seed=seed)
        device = next(model.parameters()).device
        return [wav.cpu() for wav in hifigan_vocode(model, padded.to(device), lengths)]

    return vocode
