"""The networks that are compressed: plain modules that know nothing of compression."""

from tts_compress.architectures.base import Architecture
from tts_compress.architectures.fastspeech2 import FastSpeech2
from tts_compress.architectures.hifigan import HifiGan
from tts_compress.architectures.tacotron2 import Tacotron2

ARCHITECTURES: dict[str, type[Architecture]] = {
    "tacotron2": Tacotron2,
    "fastspeech2": FastSpeech2,
    "hifigan": HifiGan,
}
