"""FastSpeech2: a parallel transformer from phones by durations, pitch and energy to mel frames.

The modules carry the tensor names of ming024/FastSpeech2, so that its checkpoints load by name.
Every width comes from the settings, per layer, so that a network made smaller is this same class.

Source: Ren et al. 2021, "FastSpeech 2: fast and high-quality end-to-end text to speech";
ming024/FastSpeech2, model/ and transformer/.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from tts_compress.architectures.base import Architecture
from tts_compress.architectures.blocks import Conv, FeatureNorm, Postnet, length_mask
from tts_compress.architectures.couplings import Coupling
from tts_compress.architectures.fastspeech2_couplings import couplings
from tts_compress.architectures.fastspeech2_settings import FastSpeech2Settings
from tts_compress.architectures.low_rank import factor
from tts_compress.architectures.settings import ArchitectureSettings
from tts_compress.architectures.transformer import PositionSettings, Stack

__all__ = ["FastSpeech2", "FastSpeech2Output", "FastSpeech2Settings", "stretch"]


@dataclass(frozen=True)
class FastSpeech2Output:
    """What FastSpeech2 says, padded to the longest sentence.

    Attributes:
        mel: Log-mel before the postnet, ``(batch, n_mels, frames)``, 0 at padding.
        mel_postnet: Log-mel after it, the one to listen to.
        pitch: Predicted normalised pitch, ``(batch, ids)`` or, at frame level, ``(batch, frames)``.
        energy: Predicted normalised energy, likewise.
        log_durations: Predicted ln(1 + frames), ``(batch, ids)``.
        durations: Whole frames of each symbol as spoken, ``(batch, ids)``.
        mel_lengths: Frames of each sentence, ``(batch,)``; may be 0 when every duration is.
    """

    mel: Tensor
    mel_postnet: Tensor
    pitch: Tensor
    energy: Tensor
    log_durations: Tensor
    durations: Tensor
    mel_lengths: Tensor


class Encoder(Stack):
    """Phones in context."""

    def __init__(self, settings: FastSpeech2Settings) -> None:
        s = settings
        super().__init__(s.hidden, s.encoder, s.kernels, s.dropout, s.n_positions, s.positions)
        self.src_word_emb = nn.Embedding(settings.n_symbols, settings.hidden, padding_idx=0)
        nn.init.normal_(self.src_word_emb.weight, std=settings.hidden**-0.5)


class VarianceLayers(nn.Module):
    """The two convolutions of a variance predictor, each with ReLU, layer norm and dropout."""

    def __init__(self, n_in: int, filters: tuple[int, int], kernel: int, dropout: float) -> None:
        super().__init__()
        self.conv1d_1 = Conv(n_in, filters[0], kernel)
        self.layer_norm_1 = FeatureNorm(filters[0])
        self.conv1d_2 = Conv(filters[0], filters[1], kernel)
        self.layer_norm_2 = FeatureNorm(filters[1])
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Maps ``(batch, length, n_in)`` to ``(batch, length, filters[1])``; mask 0 is padding."""
        for conv, norm in (
            (self.conv1d_1, self.layer_norm_1),
            (self.conv1d_2, self.layer_norm_2),
        ):
            x = torch.relu(conv((x * mask[..., None]).transpose(1, 2))).transpose(1, 2)
            x = self.dropout(norm(x))
        return x


class VariancePredictor(nn.Module):
    """Predicts one number (duration, pitch or energy) for each position."""

    def __init__(self, settings: FastSpeech2Settings, filters: tuple[int, int]) -> None:
        super().__init__()
        self.conv_layer = VarianceLayers(
            settings.hidden, filters, settings.variance_kernel, settings.variance_dropout
        )
        self.linear_layer = nn.Linear(filters[1], 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Maps ``(batch, length, hidden)`` to ``(batch, length)``, zero where mask is False."""
        data = mask.to(x.dtype)
        out: Tensor = self.linear_layer(self.conv_layer(x, data))[..., 0] * data
        return out


class VarianceAdaptor(nn.Module):
    """Adds pitch and energy, and stretches phones to frames."""

    def __init__(self, settings: FastSpeech2Settings) -> None:
        super().__init__()
        self.settings = settings
        self.duration_predictor = VariancePredictor(settings, settings.duration_filters)
        self.pitch_predictor = VariancePredictor(settings, settings.pitch_filters)
        self.energy_predictor = VariancePredictor(settings, settings.energy_filters)
        for name, bins in (("pitch", settings.pitch_bins), ("energy", settings.energy_bins)):
            edges = nn.Parameter(torch.linspace(-3.0, 8.0, bins - 1), requires_grad=False)
            self.register_parameter(f"{name}_bins", edges)
            self.add_module(f"{name}_embedding", nn.Embedding(bins, settings.hidden))

    def add(
        self, name: str, x: Tensor, mask: Tensor, given: Tensor | None, control: float
    ) -> tuple[Tensor, Tensor]:
        """Predicts pitch or energy and adds its embedding to x.

        Args:
            name: "pitch" or "energy".
            x: ``(batch, length, hidden)``.
            mask: True at data, ``(batch, length)``.
            given: Values to use in place of the predicted ones, ``(batch, length)``.
            control: Factor of the predicted values.

        Returns:
            The prediction ``(batch, length)``, times control unless values are given, and the
            new x.
        """
        predicted = self.get_submodule(f"{name}_predictor")(x, mask)
        if given is None:
            predicted = given = predicted * control
        index = torch.bucketize(given.contiguous(), self.get_parameter(f"{name}_bins"))
        return predicted, x + self.get_submodule(f"{name}_embedding")(index)


def stretch(x: Tensor, durations: Tensor) -> tuple[Tensor, Tensor]:
    """Repeats each position as often as its duration says.

    >>> frames, lengths = stretch(torch.tensor([[[1.0], [2.0]]]), torch.tensor([[1, 2]]))
    >>> frames[0, :, 0].tolist(), lengths.tolist()
    ([1.0, 2.0, 2.0], [3])

    Args:
        x: ``(batch, ids, hidden)``.
        durations: Whole frames, ``(batch, ids)``.

    Returns:
        ``(batch, frames, hidden)``, zero at padding, and the frames of each sentence ``(batch,)``.
    """
    ends = durations.cumsum(1)
    lengths = ends[:, -1]
    longest = int(lengths.max())
    frames = torch.arange(longest, device=x.device).expand(len(x), -1).contiguous()
    index = torch.searchsorted(ends, frames, right=True).clamp(max=x.shape[1] - 1)
    out = x.gather(1, index[..., None].expand(-1, -1, x.shape[2]))
    return out * length_mask(lengths, longest)[..., None], lengths


class FastSpeech2(Architecture):
    """FastSpeech2 with the tensor names of ming024/FastSpeech2."""

    architecture: ClassVar[str] = "fastspeech2"
    Settings: ClassVar[type[FastSpeech2Settings]] = FastSpeech2Settings
    public_key: ClassVar[str] = "model"
    sign: ClassVar[str] = "encoder.src_word_emb.weight"
    groups: ClassVar[dict[str, tuple[str, ...]]] = {
        "embedding": (
            "encoder.src_word_emb.weight",
            "speaker_emb.weight",
            "variance_adaptor.*_embedding.weight",
        ),
        "encoder": (
            "encoder.layer_stack.*.slf_attn.*.weight*",
            "encoder.layer_stack.*.w_?.weight*",
        ),
        "decoder": (
            "decoder.layer_stack.*.slf_attn.*.weight*",
            "decoder.layer_stack.*.w_?.weight*",
        ),
        "attention": ("*.slf_attn.w_?s.weight*", "*.slf_attn.fc.weight*"),
        "ffn": ("*.pos_ffn.w_?.weight*",),
        "cnn": (
            "*.pos_ffn.w_?.weight*",
            "variance_adaptor.*.conv1d_?.conv.weight*",
            "postnet.convolutions.*.0.conv.weight*",
        ),
        "variance": (
            "variance_adaptor.*_predictor.*.conv.weight*",
            "variance_adaptor.*_predictor.linear_layer.weight*",
        ),
        "duration": (
            "variance_adaptor.duration_predictor.*.conv.weight*",
            "variance_adaptor.duration_predictor.linear_layer.weight*",
        ),
        "postnet": ("postnet.convolutions.*.0.conv.weight*",),
        "projection": ("mel_linear.weight*",),
    }
    settings: FastSpeech2Settings

    def __init__(self, settings: FastSpeech2Settings | None = None) -> None:
        super().__init__()
        settings = settings or FastSpeech2Settings()
        self.settings = settings
        self.encoder = Encoder(settings)
        self.variance_adaptor = VarianceAdaptor(settings)
        self.decoder = Stack(
            settings.hidden,
            settings.decoder,
            settings.kernels,
            settings.dropout,
            settings.n_positions,
            settings.positions,
        )
        self.mel_linear = nn.Linear(settings.hidden, settings.n_mels)
        self.postnet = Postnet(settings.n_mels, settings.postnet_channels, settings.postnet_kernel)
        if settings.n_speakers:
            self.speaker_emb = nn.Embedding(settings.n_speakers, settings.hidden)
        factor(self, settings.ranks)

    def couplings(self) -> tuple[Coupling, ...]:
        """Gives which axes of which tensors belong together."""
        return couplings(self.settings)

    def resized_settings(self, kept: Mapping[str, Sequence[int]]) -> ArchitectureSettings:
        """Gives the settings of a network with fewer units, and its columns of the positions."""
        resized = super().resized_settings(kept)
        if "hidden" not in kept:
            return resized
        s = self.settings
        before = s.positions or PositionSettings(dim=s.hidden, columns=tuple(range(s.hidden)))
        columns = tuple(before.columns[unit] for unit in kept["hidden"])
        positions = PositionSettings(dim=before.dim, columns=columns)
        return resized.model_copy(update={"positions": positions})

    def computed(self) -> dict[str, Tensor]:
        """Gives counters of BatchNorm, and position tables that keep many of their columns."""
        found, positions = super().computed(), self.settings.positions
        if positions is None or positions.dim <= 8 * len(positions.columns):
            for name, stack in (("encoder", self.encoder), ("decoder", self.decoder)):
                found[f"{name}.position_enc"] = stack.table()
        return found

    def forward(
        self,
        ids: Tensor,
        id_lengths: Tensor,
        *,
        speakers: Tensor | None = None,
        durations: Tensor | None = None,
        pitch: Tensor | None = None,
        energy: Tensor | None = None,
        pitch_control: float = 1.0,
        energy_control: float = 1.0,
        duration_control: float = 1.0,
        max_frames: int = 2**20,
    ) -> FastSpeech2Output:
        """Speaks; durations, pitch and energy are used where given, and predicted where not.

        Args:
            ids: Symbols, ``(batch, ids)``.
            id_lengths: Symbols of each sentence, ``(batch,)``.
            speakers: Speaker numbers, ``(batch,)``; used by multi-speaker models, 0 by default.
            durations: Whole frames of each symbol, ``(batch, ids)``.
            pitch: Normalised pitch, ``(batch, ids)`` or, at frame level, ``(batch, frames)``.
            energy: Normalised energy, likewise.
            pitch_control: Factor of the predicted pitch.
            energy_control: Factor of the predicted energy.
            duration_control: Factor of the predicted frames, rounded before and cut after it.
            max_frames: Where a sentence of predicted durations is cut off.
        """
        mask = length_mask(id_lengths, ids.shape[1])
        adaptor, settings = self.variance_adaptor, self.settings
        x = self.encoder(self.encoder.src_word_emb(ids), mask)
        if settings.n_speakers:
            speakers = ids.new_zeros(len(ids)) if speakers is None else speakers
            x = x + self.speaker_emb(speakers)[:, None]
        log_durations = adaptor.duration_predictor(x, mask)
        given = {"pitch": (pitch, pitch_control), "energy": (energy, energy_control)}
        levels = {"pitch": settings.pitch_level, "energy": settings.energy_level}
        predicted: dict[str, Tensor] = {}
        for name in ("pitch", "energy"):
            if levels[name] == "phoneme":
                predicted[name], x = adaptor.add(name, x, mask, *given[name])
        if durations is None:
            rounded = torch.round(torch.exp(log_durations) - 1) * duration_control
            whole = rounded.nan_to_num(nan=0.0).clamp(min=0, max=max_frames).long()
            ends = whole.cumsum(1).clamp(max=max_frames)
            durations = ends.diff(dim=1, prepend=torch.zeros_like(ends[:, :1]))
        durations = durations * mask
        x, mel_lengths = stretch(x, durations)
        if x.shape[1] == 0:  # convolutions need a frame
            empty = x.new_zeros(len(x), settings.n_mels, 0)
            pitch = predicted.get("pitch", empty[:, 0])
            energy = predicted.get("energy", empty[:, 0])
            return FastSpeech2Output(
                empty, empty, pitch, energy, log_durations, durations, mel_lengths
            )
        frames = length_mask(mel_lengths, x.shape[1])
        for name in ("pitch", "energy"):
            if levels[name] == "frame":
                predicted[name], x = adaptor.add(name, x, frames, *given[name])
        mel = self.mel_linear(self.decoder(x, frames)).transpose(1, 2) * frames[:, None]
        return FastSpeech2Output(
            mel=mel,
            mel_postnet=mel + self.postnet(mel, frames[:, None].to(mel.dtype)),
            pitch=predicted["pitch"],
            energy=predicted["energy"],
            log_durations=log_durations,
            durations=durations,
            mel_lengths=mel_lengths,
        )
