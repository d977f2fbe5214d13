"""The networks that `size.py` makes small, and how far off what they then say is."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, reduce
from operator import getitem
from pathlib import Path

import torch
from torch import Tensor

from tts_compress.architectures.base import Architecture
from tts_compress.architectures.couplings import Member
from tts_compress.architectures.following import Spoken
from tts_compress.architectures.tacotron2 import Tacotron2, Tacotron2Settings
from tts_compress.audio.mel import mel_spectrogram
from tts_compress.audio.wav import read_wav
from tts_compress.errors import AudioError
from tts_compress.methods.base import Memory
from tts_compress.metrics.mel import mel_mae_db
from tts_compress.synthesis import Speech, follow, speak, vocoder

ROOT = Path(__file__).parents[1]
SENTENCES = ROOT / "recipes" / "sentences"
N_SENTENCES = 12
COMPUTED = ("position_enc", "num_batches_tracked")  # what no file has to hold


@dataclass(frozen=True)
class Subject:
    """A network to be made small.

    Attributes:
        name: What it is called.
        dense: The network.
        says: What a network of this kind says, as mels, in the timing of the dense one.
        calibration: Gives speech for methods that ask for it; never what is measured.
        memory: What one setting of a method learnt, for the next.
    """

    name: str
    dense: Architecture
    says: Callable[[Architecture], Sequence[Tensor]]
    calibration: Callable[[], Sequence[Spoken]]
    memory: Memory = field(default_factory=Memory)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors that every contender stores, in float32."""
        return {
            name: tensor.float()
            for name, tensor in self.dense.state_dict().items()
            if not name.endswith(COMPUTED)
        }

    @cached_property
    def said(self) -> Sequence[Tensor]:
        """What the dense network says."""
        return self.says(self.dense)

    def holding(self, tensors: Mapping[str, Tensor]) -> Architecture:
        """A network of this kind with other tensors."""
        model = copy.deepcopy(self.dense)
        model.load_state_dict({**model.state_dict(), **tensors})
        return model

    def distance(self, model: Architecture) -> float:
        """Mean mel difference in dB of a network to the dense one."""
        pairs = zip(self.says(model), self.said, strict=True)
        try:
            distances = [mel_mae_db(ours, theirs) for ours, theirs in pairs]
        except AudioError:  # not finite
            return float("inf")
        return sum(distances) / len(distances)


def lines(path: Path) -> list[str]:
    texts = path.read_text(encoding="utf-8").splitlines()
    return [text for text in texts if text and not text.startswith("#")]


def voice(name: str, dense: Architecture) -> Subject:
    """Gives an acoustic model: held-out sentences in forced timing."""
    spoken: list[Speech] = []

    def says(model: Architecture) -> list[Tensor]:
        if not spoken:
            spoken.extend(speak(dense, lines(SENTENCES / "heldout.txt")[:N_SENTENCES]))
        return follow(model, spoken)

    @cache
    def calibration() -> list[Speech]:
        return speak(dense, lines(SENTENCES / "calibration.txt"))

    return Subject(name, dense, says, calibration)


def recordings_vocoder(name: str, dense: Architecture, recordings: Path) -> Subject:
    """Gives a vocoder: mels of the sound that it makes of recordings' mels."""
    paths = sorted(recordings.glob("*.wav"))
    mels = [mel_spectrogram(read_wav(path)[None])[0] for path in paths]

    def says(model: Architecture) -> list[Tensor]:
        wavs = vocoder(model)(mels[:N_SENTENCES])
        return [mel_spectrogram(wav[None])[0] for wav in wavs]

    def calibration() -> list[Speech]:
        nothing = torch.empty(0, dtype=torch.long)
        return [Speech(path.stem, nothing, mel) for path, mel in zip(paths, mels, strict=True)][
            N_SENTENCES:
        ]

    return Subject(name, dense, says, calibration)


@torch.no_grad()
def widened(model: Tacotron2, noise: float = 0.05, seed: int = 0) -> Tacotron2:
    """Gives a Tacotron2 of the published size that says nearly the same.

    Units are copied until there are as many as published; those who read a unit read each copy
    with a random part of the weight, and the parts add up to it. Then every weight matrix gets
    noise, so that no two units stay the same.

    Args:
        model: A smaller Tacotron2.
        noise: Standard deviation of the noise by that of the tensor.
        seed: Seed of parts and noise.

    Source: Chen, Goodfellow and Shlens 2016, "Net2Net", section 2.2.
    """
    generator = torch.Generator().manual_seed(seed)
    full = Tacotron2Settings().to_dict()
    for number, coupling in enumerate(model.couplings()):
        if coupling.kind == "fixed":
            continue
        wanted = reduce(getitem, coupling.setting, full)
        units = torch.arange(wanted) % coupling.n_units
        parts = 0.2 + torch.rand(wanted, generator=generator)
        parts /= torch.zeros(coupling.n_units).index_add(0, units, parts)[units]
        settings = model.resized_settings({coupling.name: units.tolist()})
        tensors = dict(model.state_dict())
        for member in model.couplings()[number]:
            tensors[member.tensor] = _copied(tensors[member.tensor], member, units, parts)
        model = Tacotron2(settings).eval()
        model.load_state_dict(tensors)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            drawn = torch.randn(parameter.shape, generator=generator)
            parameter += noise * parameter.std() * drawn
    return model


def _copied(tensor: Tensor, member: Member, units: Tensor, parts: Tensor) -> Tensor:
    """Gives a tensor with some units' slices, which readers read with a part of the weight."""
    n_units = int(units.max()) + 1
    axis, owned = member.axis, member.repeats * n_units * member.size
    before, own, after = tensor.split(
        [member.offset, owned, tensor.shape[axis] - member.offset - owned], axis
    )
    copies = own.index_select(axis, member.indices(units, n_units) - member.offset)
    if member.role == "reads":
        shape = [-1 if along == axis else 1 for along in range(tensor.ndim)]
        copies = copies * parts.repeat_interleave(member.size).repeat(member.repeats).view(shape)
    return torch.cat([before, copies, after], axis)
