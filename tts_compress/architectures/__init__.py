"""The networks that are compressed: plain modules that know nothing of compression."""

from torch import nn

from tts_compress.architectures.fastspeech2 import FastSpeech2
from tts_compress.architectures.tacotron2 import Tacotron2

ARCHITECTURES: dict[str, type[nn.Module]] = {
    "tacotron2": Tacotron2,
    "fastspeech2": FastSpeech2,
}
