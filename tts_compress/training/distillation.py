"""What a smaller network learns from the dense one: how that speaks given sentences.

So fine-tuning needs text alone, and no recordings. The dense network is right by definition, and
says the same whenever it is asked, which is easier to learn than a speaker.

Source: Hinton et al. 2015, "Distilling the knowledge in a neural network", section 2; Ren et al.
2019, "FastSpeech: fast, robust and controllable text to speech", section 3.1, for mels as targets.
"""

import hashlib
import json
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import safetensors.torch
import torch
from safetensors.torch import load_file
from torch import Tensor

from tts_compress.architectures.base import Architecture
from tts_compress.architectures.fastspeech2 import FastSpeech2, FastSpeech2Output
from tts_compress.architectures.following import follow
from tts_compress.files import locked, replaced
from tts_compress.methods.pruning.ranking import fingerprint
from tts_compress.synthesis import BATCH_SIZE, Speech, speak
from tts_compress.training.batches import Example

VERSION = 1  # of what is computed here; a new one makes it again
LONGEST = 12.0  # seconds; longer speech takes memory for nothing
SILENCE = -6.0  # a log-mel that is nowhere above this is silent
MANY = 0.1  # of the sentences left out are worth a warning


class DistillationWarning(UserWarning):
    """The dense network fails at many sentences, from which nothing is learned then."""


def dense_examples(
    dense: Architecture, texts: Sequence[str], seed: int, folder: Path
) -> tuple[list[Example], str]:
    """Gives what the dense network says, and a hash of all that decides it.

    It is computed once and kept in `folder`, where other processes may look for it at the same
    time.

    Args:
        dense: A Tacotron2 or a FastSpeech2.
        texts: What it reads.
        seed: Seed of the prenet's dropout.
        folder: Where the file is kept.

    Warns:
        DistillationWarning: The network fails at more than a tenth of the texts.
    """
    said = {"version": VERSION, "settings": dense.settings.to_dict(), "texts": list(texts)}
    decides = json.dumps(said | {"seed": seed}, sort_keys=True) + fingerprint(dense.state_dict())
    key = hashlib.sha256(decides.encode()).hexdigest()[:16]
    path = folder / f"dense-{key}.safetensors"
    with locked(folder / f".{path.stem}.lock"):
        if not path.exists():
            _write(path, _examples(dense, texts, seed))
    examples = _read(path)
    if len(examples) < (1 - MANY) * len(texts):
        warnings.warn(
            f"finetune: the dense network fails at {len(texts) - len(examples)} of {len(texts)} "
            "sentences, which are left out. Give texts that it speaks well.",
            DistillationWarning,
            stacklevel=2,
        )
    return examples, key


def _write(path: Path, examples: Sequence[Example]) -> None:
    tensors = {
        f"{number:06d}.{name}": value.clone(memory_format=torch.contiguous_format)
        for number, example in enumerate(examples)
        for name, value in vars(example).items()
        if value is not None
    }
    with replaced(path) as partial:
        partial.write_bytes(safetensors.torch.save(tensors))


def _read(path: Path) -> list[Example]:
    rows: dict[str, dict[str, Tensor]] = {}
    for name, value in load_file(path).items():
        number, _, field = name.partition(".")
        rows.setdefault(number, {})[field] = value
    return [Example(**rows[number]) for number in sorted(rows)]


def _examples(dense: Architecture, texts: Sequence[str], seed: int) -> list[Example]:
    """Speaks sentences of like length together, and gives the good ones in the order of texts."""
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    found: dict[int, Example] = {}
    for first in range(0, len(order), BATCH_SIZE):
        indices = order[first : first + BATCH_SIZE]
        speeches = speak(dense, [texts[index] for index in indices], seed)
        good = [pair for pair in zip(indices, speeches, strict=True) if _is_good(pair[1])]
        learned = _learned(dense, [speech for _, speech in good])
        found |= dict(zip((index for index, _ in good), learned, strict=True))
    return [found[index] for index in sorted(found)]


def _is_good(speech: Speech) -> bool:
    return (
        speech.failure is None and speech.seconds <= LONGEST and float(speech.mel.max()) > SILENCE
    )


def _learned(dense: Architecture, speeches: Sequence[Speech]) -> Iterator[Example]:
    """Gives examples of one batch, with the attention, or pitch and energy, of the network.

    Attention itself is learned, and not the timing that it implies: a network taught by that
    speaks faster than its teacher, since attention learns to catch up with what it is taught.
    """
    if not isinstance(dense, FastSpeech2):
        for speech in speeches:
            attention = cast(Tensor, speech.alignment)
            frames = attention.argmax(1).bincount(minlength=len(speech.ids))
            pitch, energy = torch.zeros(1), torch.zeros(1)
            yield Example(speech.ids, frames, speech.mel, pitch, energy, attention)
        return
    if not speeches:
        return
    with torch.inference_mode():
        out = cast(FastSpeech2Output, follow(dense, speeches))
    for row, speech in enumerate(speeches):
        lengths = {"phoneme": len(speech.ids), "frame": speech.mel.shape[1]}
        yield Example(
            speech.ids,
            cast(Tensor, speech.durations),
            speech.mel,
            out.pitch[row, : lengths[dense.settings.pitch_level]].cpu(),
            out.energy[row, : lengths[dense.settings.energy_level]].cpu(),
        )
