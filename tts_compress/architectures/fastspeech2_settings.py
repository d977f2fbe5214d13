"""Every width of a FastSpeech2, and how they are read from the tensors of a checkpoint."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from torch import Tensor

from tts_compress.architectures.settings import ArchitectureSettings, layer_widths
from tts_compress.architectures.transformer import BlockSettings, PositionSettings
from tts_compress.errors import CheckpointError

Level = Literal["phoneme", "frame"]


class FastSpeech2Settings(ArchitectureSettings):
    """Every width of a FastSpeech2; the defaults are ming024's LJSpeech model.

    That one has 35,159,361 parameters. `positions` says which columns of the position encoding a
    residual stream has that lost some of its features; all of them where it is None.
    """

    n_symbols: int = 361
    n_mels: int = 80
    hidden: int = 256
    encoder: tuple[BlockSettings, ...] = (BlockSettings(),) * 4
    decoder: tuple[BlockSettings, ...] = (BlockSettings(),) * 6
    kernels: tuple[int, int] = (9, 1)
    duration_filters: tuple[int, int] = (256, 256)
    pitch_filters: tuple[int, int] = (256, 256)
    energy_filters: tuple[int, int] = (256, 256)
    variance_kernel: int = 3
    pitch_level: Level = "phoneme"
    energy_level: Level = "phoneme"
    pitch_bins: int = 256
    energy_bins: int = 256
    n_speakers: int = 0
    postnet_channels: tuple[int, ...] = (512, 512, 512, 512)
    postnet_kernel: int = 5
    n_positions: int = 1001
    positions: PositionSettings | None = None
    dropout: float = 0.2
    variance_dropout: float = 0.5

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> Self:
        """Reads every width from the tensors of a checkpoint.

        Args:
            tensors: State dict in the public names.
            config: ming024's model.yaml and preprocess.yaml, merged, where given: the number of
                heads (2 otherwise) and the level of pitch and energy (phoneme otherwise) are in no
                tensor.

        Raises:
            CheckpointError: The heads of the config do not divide the tensors.
        """
        transformer = config.get("transformer", {})
        variance = "variance_adaptor.{}_predictor.conv_layer.conv1d_{}.conv.weight"
        features = config.get("preprocessing", {})
        speakers = tensors.get("speaker_emb.weight")

        def filters(name: str) -> tuple[int, int]:
            first, second = (tensors[variance.format(name, layer)].shape[0] for layer in (1, 2))
            return first, second

        def level(name: str) -> Any:
            return features.get(name, {}).get("feature", "phoneme_level").removesuffix("_level")

        first = "encoder.layer_stack.0.pos_ffn.w_{}.weight"
        return cls(
            n_symbols=tensors["encoder.src_word_emb.weight"].shape[0],
            n_mels=tensors["mel_linear.weight"].shape[0],
            hidden=tensors["encoder.src_word_emb.weight"].shape[1],
            encoder=_blocks(tensors, "encoder", transformer.get("encoder_head", 2)),
            decoder=_blocks(tensors, "decoder", transformer.get("decoder_head", 2)),
            kernels=(tensors[first.format(1)].shape[2], tensors[first.format(2)].shape[2]),
            duration_filters=filters("duration"),
            pitch_filters=filters("pitch"),
            energy_filters=filters("energy"),
            variance_kernel=tensors[variance.format("duration", 1)].shape[2],
            pitch_level=level("pitch"),
            energy_level=level("energy"),
            pitch_bins=tensors["variance_adaptor.pitch_embedding.weight"].shape[0],
            energy_bins=tensors["variance_adaptor.energy_embedding.weight"].shape[0],
            n_speakers=0 if speakers is None else speakers.shape[0],
            postnet_channels=layer_widths(tensors, "postnet.convolutions.{}.0.conv.weight")[:-1],
            postnet_kernel=tensors["postnet.convolutions.0.0.conv.weight"].shape[2],
            n_positions=tensors["encoder.position_enc"].shape[1],
            dropout=transformer.get("encoder_dropout", 0.2),
            variance_dropout=config.get("variance_predictor", {}).get("dropout", 0.5),
        )


def _blocks(tensors: Mapping[str, Tensor], stack: str, heads: int) -> tuple[BlockSettings, ...]:
    queries = layer_widths(tensors, stack + ".layer_stack.{}.slf_attn.w_qs.weight")
    filters = layer_widths(tensors, stack + ".layer_stack.{}.pos_ffn.w_1.weight")
    for rows in queries:
        if heads < 1 or rows % heads:
            raise CheckpointError(
                f"config: transformer.{stack}_head: {rows} rows of queries do not divide into "
                f"heads, got {heads!r}. Give the model.yaml of this checkpoint."
            )
    return tuple(
        BlockSettings(heads=heads, head_dim=rows // heads, filter=width)
        for rows, width in zip(queries, filters, strict=True)
    )
