"""Sizes of network that `tts-compress train` knows by name."""

from tts_compress.architectures.fastspeech2 import FastSpeech2Settings
from tts_compress.architectures.settings import Settings
from tts_compress.architectures.tacotron2 import Tacotron2Settings
from tts_compress.architectures.transformer import BlockSettings

_SMALL_BLOCK = BlockSettings(heads=2, head_dim=64, filter=320)

PRESETS: dict[str, dict[str, Settings]] = {
    "tacotron2": {
        "small": Tacotron2Settings(
            text="phones",
            embedding_dim=256,
            encoder_channels=(256, 256, 256),
            encoder_lstm_units=(128, 128),
            prenet_units=(128, 128),
            attention_rnn_units=256,
            decoder_rnn_units=384,
            postnet_channels=(128, 128, 128, 128),
        ),
        "full": Tacotron2Settings(text="phones"),
    },
    "fastspeech2": {
        "small": FastSpeech2Settings(
            hidden=128,
            encoder=(_SMALL_BLOCK,) * 4,
            decoder=(_SMALL_BLOCK,) * 3,
            duration_filters=(128, 128),
            pitch_filters=(128, 128),
            energy_filters=(128, 128),
            postnet_channels=(128, 128, 128, 128),
        ),
        "full": FastSpeech2Settings(),
    },
}
