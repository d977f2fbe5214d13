"""The speech that candidates are compared with, as a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors.torch import load_file
from torch import Tensor

from tts_compress.synthesis import Speech


@dataclass(frozen=True)
class Reference:
    """What a candidate is compared against: the speech of the dense network.

    Attributes:
        speeches: Each sentence as it speaks freely.
        aligned: Log-mels of each sentence in the timing of `speeches`, ``(n_mels, frames)``.
    """

    speeches: Sequence[Speech]
    aligned: Sequence[Tensor]

    def save(self, path: Path) -> None:
        """Writes every tensor to one safetensors file."""
        tensors: dict[str, Tensor] = {}
        for number, (speech, aligned) in enumerate(zip(self.speeches, self.aligned, strict=True)):
            parts = {"ids": speech.ids, "mel": speech.mel, "aligned": aligned}
            parts |= {"durations": speech.durations} if speech.durations is not None else {}
            parts |= {"alignment": speech.alignment} if speech.alignment is not None else {}
            parts |= {"stopped": torch.tensor(speech.stopped)}
            tensors |= {f"{number:03d}.{name}": t.contiguous() for name, t in parts.items()}
        path.write_bytes(safetensors.torch.save(tensors))

    @classmethod
    def load(cls, path: Path, sentences: Sequence[str]) -> "Reference":
        """Reads what `save` wrote; where it says nothing of it, sentences count as stopped."""
        tensors = load_file(path)
        speeches = [
            Speech(
                text,
                tensors[f"{number:03d}.ids"],
                tensors[f"{number:03d}.mel"],
                tensors.get(f"{number:03d}.alignment"),
                tensors.get(f"{number:03d}.durations"),
                bool(tensors.get(f"{number:03d}.stopped", True)),
            )
            for number, text in enumerate(sentences)
        ]
        return cls(speeches, [tensors[f"{n:03d}.aligned"] for n in range(len(sentences))])
