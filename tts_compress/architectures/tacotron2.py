"""Tacotron2: an attention-driven recurrent network from symbols to mel frames.

The modules carry the tensor names of NVIDIA/tacotron2, so that its checkpoints load by name. Every
width comes from the settings, per layer, so that a network made smaller is this same class.

Source: Shen et al. 2018, "Natural TTS synthesis by conditioning WaveNet on mel spectrogram
predictions"; NVIDIA/tacotron2, model.py.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from tts_compress.architectures.base import Architecture
from tts_compress.architectures.bidirectional_lstm import BidirectionalLSTM
from tts_compress.architectures.blocks import ConvStack, Linear, Postnet, length_mask
from tts_compress.architectures.couplings import Coupling
from tts_compress.architectures.location_attention import Attention
from tts_compress.architectures.low_rank import factor
from tts_compress.architectures.settings import ArchitectureSettings, layer_widths
from tts_compress.architectures.tacotron2_couplings import couplings

GATE_OF_PADDING = 1000.0


class Tacotron2Settings(ArchitectureSettings):
    """Every width of a Tacotron2; the defaults are NVIDIA's published model.

    That one has 28,193,153 parameters. `text` says what the network was trained to read: letters,
    or phones in NVIDIA's curly braces.
    """

    text: Literal["characters", "phones"] = "characters"
    n_symbols: int = 148
    n_mels: int = 80
    embedding_dim: int = 512
    encoder_channels: tuple[int, ...] = (512, 512, 512)
    encoder_kernel: int = 5
    encoder_lstm_units: tuple[int, int] = (256, 256)
    prenet_units: tuple[int, ...] = (256, 256)
    attention_rnn_units: int = 1024
    decoder_rnn_units: int = 1024
    attention_dim: int = 128
    location_filters: int = 32
    location_kernel: int = 31
    postnet_channels: tuple[int, ...] = (512, 512, 512, 512)
    postnet_kernel: int = 5

    @property
    def prenet_dim(self) -> int:
        """Width of what the decoder hears of the last frame."""
        return self.prenet_units[-1] if self.prenet_units else self.n_mels

    @property
    def memory_dim(self) -> int:
        """Width of the encoder's output, both directions together."""
        return sum(self.encoder_lstm_units)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> Self:
        """Reads every width from the tensors of a checkpoint.

        Args:
            tensors: State dict in the public names.
            config: `text`, where given; NVIDIA's published weights read characters.
        """
        return cls(
            text=config.get("text", "characters"),
            n_symbols=tensors["embedding.weight"].shape[0],
            n_mels=tensors["decoder.linear_projection.linear_layer.weight"].shape[0],
            embedding_dim=tensors["embedding.weight"].shape[1],
            encoder_channels=layer_widths(tensors, "encoder.convolutions.{}.0.conv.weight"),
            encoder_kernel=tensors["encoder.convolutions.0.0.conv.weight"].shape[2],
            encoder_lstm_units=(
                tensors["encoder.lstm.weight_hh_l0"].shape[1],
                tensors["encoder.lstm.weight_hh_l0_reverse"].shape[1],
            ),
            prenet_units=layer_widths(tensors, "decoder.prenet.layers.{}.linear_layer.weight"),
            attention_rnn_units=tensors["decoder.attention_rnn.weight_hh"].shape[1],
            decoder_rnn_units=tensors["decoder.decoder_rnn.weight_hh"].shape[1],
            attention_dim=tensors["decoder.attention_layer.v.linear_layer.weight"].shape[1],
            location_filters=tensors[_LOCATION_CONV].shape[0],
            location_kernel=tensors[_LOCATION_CONV].shape[2],
            postnet_channels=layer_widths(tensors, "postnet.convolutions.{}.0.conv.weight")[:-1],
            postnet_kernel=tensors["postnet.convolutions.0.0.conv.weight"].shape[2],
        )


_LOCATION_CONV = "decoder.attention_layer.location_layer.location_conv.conv.weight"


@dataclass(frozen=True)
class Tacotron2Output:
    """What Tacotron2 says, padded to the longest sentence.

    Attributes:
        mel: Log-mel before the postnet, ``(batch, n_mels, frames)``, 0 at padding.
        mel_postnet: Log-mel after it, the one to listen to.
        gate_logits: Logits of "this is the last frame", ``(batch, frames)``, 1000 at padding.
        alignments: Attention weights, ``(batch, frames, ids)``.
        mel_lengths: Frames of each sentence, ``(batch,)``.
        stopped: Whether the gate fired, ``(batch,)``; always true of a teacher-forced pass.
    """

    mel: Tensor
    mel_postnet: Tensor
    gate_logits: Tensor
    alignments: Tensor
    mel_lengths: Tensor
    stopped: Tensor


class Prenet(nn.Module):
    """The bottleneck before the decoder; its dropout is on in synthesis too."""

    def __init__(self, n_in: int, units: tuple[int, ...]) -> None:
        super().__init__()
        widths = [n_in, *units]
        self.layers = nn.ModuleList(Linear(a, b, bias=False) for a, b in itertools.pairwise(widths))

    def forward(self, x: Tensor, keep: list[Tensor] | None) -> Tensor:
        """Maps ``(..., n_mels)`` to ``(..., units[-1])``; `keep` are factors of layers' outputs."""
        for index, layer in enumerate(self.layers):
            x = torch.relu(layer(x))
            if keep is not None:
                x = x * keep[index]
        return x


class Encoder(ConvStack):
    """Symbols in context: three convolutions and a bidirectional LSTM."""

    def __init__(self, settings: Tacotron2Settings) -> None:
        channels = settings.encoder_channels
        super().__init__(
            settings.embedding_dim,
            channels,
            settings.encoder_kernel,
            activation="relu",
            last="relu",
        )
        self.lstm = BidirectionalLSTM(channels[-1], settings.encoder_lstm_units)

    def forward(self, x: Tensor, lengths: Tensor, mask: Tensor) -> Tensor:
        """Maps ``(batch, ids, embedding_dim)`` to the memory ``(batch, ids, memory_dim)``.

        Args:
            x: Embedded symbols.
            lengths: Symbols of each sentence, ``(batch,)``.
            mask: 0 where the convolutions must not look, ``(batch, ids)``, in the type of x.
        """
        x = self.convolve(x.transpose(1, 2), mask[:, None]).transpose(1, 2)
        memory: Tensor = self.lstm(x, lengths)
        return memory


@dataclass
class DecoderState:
    """What the decoder carries from one frame to the next; each ``(batch, ...)``."""

    attention_rnn: tuple[Tensor, Tensor]
    decoder_rnn: tuple[Tensor, Tensor]
    context: Tensor
    location: Tensor

    @classmethod
    def initial(cls, settings: Tacotron2Settings, memory: Tensor) -> Self:
        """Gives the zeros that decoding starts from."""
        batch, ids, dim = memory.shape

        def zeros(*shape: int) -> Tensor:
            return memory.new_zeros(batch, *shape)

        return cls(
            (zeros(settings.attention_rnn_units), zeros(settings.attention_rnn_units)),
            (zeros(settings.decoder_rnn_units), zeros(settings.decoder_rnn_units)),
            zeros(dim),
            zeros(2, ids),
        )


class Decoder(nn.Module):
    """One mel frame a step, from the last frame and what attention reads of the memory."""

    def __init__(self, settings: Tacotron2Settings) -> None:
        super().__init__()
        self.settings = settings
        out_dim = settings.decoder_rnn_units + settings.memory_dim
        self.prenet = Prenet(settings.n_mels, settings.prenet_units)
        self.attention_rnn = nn.LSTMCell(
            settings.prenet_dim + settings.memory_dim, settings.attention_rnn_units
        )
        self.attention_layer = Attention(
            settings.attention_rnn_units,
            settings.memory_dim,
            settings.attention_dim,
            settings.location_filters,
            settings.location_kernel,
        )
        self.decoder_rnn = nn.LSTMCell(
            settings.attention_rnn_units + settings.memory_dim, settings.decoder_rnn_units
        )
        self.linear_projection = Linear(out_dim, settings.n_mels)
        self.gate_layer = Linear(out_dim, 1, gain="sigmoid")

    def keep_factors(self, steps: int, generator: torch.Generator | None) -> list[Tensor]:
        """Draws the prenet's dropout, a ``(steps, units)`` factor of 0 or 2 for each layer.

        Every sentence of a batch shares the draws, so that its speech does not depend on which
        others are spoken with it; the first n steps do not depend on how many steps are drawn.
        """
        units = self.settings.prenet_units
        like = self.linear_projection.linear_layer.bias
        drawn = torch.rand(steps, sum(units), generator=generator, dtype=torch.float32)
        factors = (drawn < 0.5).to(like) * 2
        return list(torch.split(factors, list(units), dim=1))

    def step(
        self, frame: Tensor, state: DecoderState, memory: Tensor, keys: Tensor, padding: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Speaks one frame and moves `state` on.

        Args:
            frame: The last frame through the prenet, ``(batch, prenet_units[-1])``.
            state: What the step before left; updated in place.
            memory: The encoder's output, ``(batch, ids, memory_dim)``.
            keys: The memory through the attention's `memory_layer`.
            padding: True at ids that are padding, ``(batch, ids)``.

        Returns:
            The frame ``(batch, n_mels)``, the gate logit ``(batch,)``, the attention weights
            ``(batch, ids)``.
        """
        heard = torch.cat((frame, state.context), 1)
        state.attention_rnn = self.attention_rnn(heard, state.attention_rnn)
        query = state.attention_rnn[0]
        state.context, weights = self.attention_layer(query, memory, keys, state.location, padding)
        state.location = torch.stack((weights, state.location[:, 1] + weights), 1)
        state.decoder_rnn = self.decoder_rnn(
            torch.cat((query, state.context), 1), state.decoder_rnn
        )
        said = torch.cat((state.decoder_rnn[0], state.context), 1)
        return self.linear_projection(said), self.gate_layer(said)[:, 0], weights


class Tacotron2(Architecture):
    """Tacotron2 with the tensor names of NVIDIA/tacotron2."""

    architecture: ClassVar[str] = "tacotron2"
    Settings: ClassVar[type[Tacotron2Settings]] = Tacotron2Settings
    public_key: ClassVar[str] = "state_dict"
    sign: ClassVar[str] = "decoder.attention_rnn.bias_ih"
    groups: ClassVar[dict[str, tuple[str, ...]]] = {
        "embedding": ("embedding.weight",),
        "encoder": ("encoder.*weight*",),
        "decoder": ("decoder.*weight*",),
        "postnet": ("postnet.convolutions.*.0.conv.weight*",),
        "rnn": ("encoder.lstm.weight_*", "decoder.*_rnn.weight_*"),
        "cnn": (
            "encoder.convolutions.*.0.conv.weight*",
            "postnet.convolutions.*.0.conv.weight*",
            "decoder.attention_layer.location_layer.location_conv.conv.weight*",
        ),
        "attention": ("decoder.attention_layer.*weight*",),
        "prenet": ("decoder.prenet.*weight*",),
        "projection": ("decoder.linear_projection.*weight*", "decoder.gate_layer.*weight*"),
    }
    settings: Tacotron2Settings

    def __init__(self, settings: Tacotron2Settings | None = None) -> None:
        super().__init__()
        settings = settings or Tacotron2Settings()
        self.settings = settings
        self.embedding = nn.Embedding(settings.n_symbols, settings.embedding_dim)
        bound = (6.0 / (settings.n_symbols + settings.embedding_dim)) ** 0.5
        nn.init.uniform_(self.embedding.weight, -bound, bound)
        self.encoder = Encoder(settings)
        self.decoder = Decoder(settings)
        self.postnet = Postnet(settings.n_mels, settings.postnet_channels, settings.postnet_kernel)
        factor(self, settings.ranks)

    def couplings(self) -> tuple[Coupling, ...]:
        """Gives which axes of which tensors belong together."""
        return couplings(self.settings)

    def forward(
        self,
        ids: Tensor,
        id_lengths: Tensor,
        mels: Tensor,
        mel_lengths: Tensor,
        *,
        prenet_dropout: bool = True,
        generator: torch.Generator | None = None,
        mask_padding: bool = False,
    ) -> Tacotron2Output:
        """Predicts each frame of given mels from the true frames before it (teacher forcing).

        Args:
            ids: Symbols, ``(batch, ids)``.
            id_lengths: Symbols of each sentence, ``(batch,)``.
            mels: Log-mels to follow, ``(batch, n_mels, frames)``.
            mel_lengths: Frames of each, ``(batch,)``.
            prenet_dropout: Whether the prenet drops units, as upstream always does.
            generator: Source of the prenet's dropout; the global one by default.
            mask_padding: Whether each sentence of a padded batch gets what it gets alone. By
                default the convolutions see padding, as they do upstream.
        """
        data = length_mask(id_lengths, ids.shape[1])
        memory, keys = self._remember(ids, id_lengths, data if mask_padding else data | True)
        frames = functional.pad(mels, (1, -1)).transpose(1, 2)
        steps = frames.shape[1]
        keep = self.decoder.keep_factors(steps, generator) if prenet_dropout else None
        inputs = self.decoder.prenet(frames, keep)
        state = DecoderState.initial(self.settings, memory)
        said = [
            self.decoder.step(inputs[:, step], state, memory, keys, ~data) for step in range(steps)
        ]
        stopped = torch.ones_like(mel_lengths, dtype=torch.bool)
        return self._output(said, mel_lengths, stopped, mask_padding)

    @torch.no_grad()
    def infer(
        self,
        ids: Tensor,
        id_lengths: Tensor,
        *,
        prenet_dropout: bool = True,
        generator: torch.Generator | None = None,
        max_steps: int = 1000,
        gate_threshold: float = 0.5,
    ) -> Tacotron2Output:
        """Speaks: every frame from the network's own frames before it, until its gate fires.

        Args:
            ids: Symbols, ``(batch, ids)``.
            id_lengths: Symbols of each sentence, ``(batch,)``.
            prenet_dropout: Whether the prenet drops units; published weights need it.
            generator: Source of the prenet's dropout; the global one by default.
            max_steps: Frames after which a sentence is given up.
            gate_threshold: Probability of the last frame above which a sentence ends; that frame is
                kept.
        """
        data = length_mask(id_lengths, ids.shape[1])
        memory, keys = self._remember(ids, id_lengths, data)
        keep = self.decoder.keep_factors(max_steps, generator) if prenet_dropout else None
        state = DecoderState.initial(self.settings, memory)
        frame = memory.new_zeros(len(ids), self.settings.n_mels)
        lengths = torch.full_like(id_lengths, max_steps)
        stopped = torch.zeros_like(id_lengths, dtype=torch.bool)
        said = []
        for step in range(max_steps):
            factors = None if keep is None else [factor[step] for factor in keep]
            heard = self.decoder.prenet(frame, factors)
            said.append(self.decoder.step(heard, state, memory, keys, ~data))
            frame = said[-1][0]
            fired = (torch.sigmoid(said[-1][1]) > gate_threshold) & ~stopped
            lengths[fired] = step + 1
            stopped |= fired
            if bool(stopped.all()):
                break
        return self._output(said, lengths, stopped, mask_padding=True)

    def _remember(self, ids: Tensor, lengths: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Gives the memory and its attention keys."""
        x = self.embedding(ids)
        memory = self.encoder(x, lengths, mask.to(x.dtype))
        return memory, self.decoder.attention_layer.memory_layer(memory)

    def _output(
        self,
        said: list[tuple[Tensor, Tensor, Tensor]],
        lengths: Tensor,
        stopped: Tensor,
        mask_padding: bool,
    ) -> Tacotron2Output:
        frames, gates, weights = zip(*said, strict=True)
        data = length_mask(lengths, len(frames))[:, None]
        mel = torch.stack(frames, 2)
        mask = data.to(mel.dtype)
        correction = self.postnet(mel, mask if mask_padding else torch.ones_like(mask))
        return Tacotron2Output(
            mel=mel * mask,
            mel_postnet=(mel + correction) * mask,
            gate_logits=torch.stack(gates, 1).masked_fill(~data[:, 0], GATE_OF_PADDING),
            alignments=torch.stack(weights, 1),
            mel_lengths=lengths,
            stopped=stopped,
        )
