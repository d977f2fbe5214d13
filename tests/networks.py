"""Tiny networks that tests share, of `tests/golden` and random ones, and speech for them."""

import math
from pathlib import Path

import torch
from torch import nn

from tts_compress.architectures.checkpoints import load_model
from tts_compress.architectures.fastspeech2 import FastSpeech2, FastSpeech2Settings
from tts_compress.architectures.tacotron2 import Tacotron2, Tacotron2Settings
from tts_compress.architectures.transformer import BlockSettings
from tts_compress.synthesis import Speech

GOLDEN = Path(__file__).parent / "golden"


def golden_network(architecture):
    """Gives the tiny network of an architecture that its upstream project saved."""
    found = [path for path in GOLDEN.glob(f"{architecture}_tiny.*") if ".pt" in path.name]
    assert found, f"put {architecture}_tiny.pt, small and public, into tests/golden"
    configs = sorted(GOLDEN.glob(f"{architecture}_tiny*config.json"))
    return load_model(found[0], configs)


def speeches(n_sentences=2, dtype=torch.float32):
    """Gives up to two sentences of noise, two frames a symbol, that every golden network reads."""
    generator = torch.Generator().manual_seed(1)
    for ids in ([90, 101, 120, 99], [140, 95, 101, 93, 91])[:n_sentences]:
        durations = torch.full((len(ids),), 2)
        mel = torch.randn(80, 2 * len(ids), generator=generator, dtype=dtype)
        yield Speech("", torch.tensor(ids), mel, durations=durations)


def say_frames(model, frames):
    """Makes a FastSpeech2 give every symbol so many frames, and gives it back."""
    last = model.variance_adaptor.duration_predictor.linear_layer
    nn.init.zeros_(last.weight)
    nn.init.constant_(last.bias, math.log1p(frames))
    return model


def fastspeech2(**settings):
    """Gives a random network with two heads a block, as `settings` change it."""
    torch.manual_seed(0)
    block = BlockSettings(heads=2, head_dim=4, filter=12)
    return FastSpeech2(
        FastSpeech2Settings(
            hidden=8,
            n_mels=5,
            encoder=(block,),
            decoder=(block,),
            kernels=(3, 1),
            duration_filters=(6, 6),
            pitch_filters=(6, 6),
            energy_filters=(6, 6),
            postnet_channels=(6,),
            **settings,
        )
    ).eval()


def tacotron2(**settings):
    """Gives a random network whose decoder LSTMs differ in width, as `settings` change it."""
    torch.manual_seed(0)
    return Tacotron2(
        Tacotron2Settings(
            n_mels=5,
            embedding_dim=8,
            encoder_channels=(8,),
            encoder_lstm_units=(5, 5),
            prenet_units=(6, 6),
            attention_rnn_units=8,
            decoder_rnn_units=9,
            attention_dim=6,
            location_filters=4,
            location_kernel=5,
            postnet_channels=(6,),
            **settings,
        )
    ).eval()


NETWORKS = {
    "fastspeech2": fastspeech2,
    "fastspeech2 of frames": lambda: fastspeech2(pitch_level="frame", energy_level="frame"),
    "tacotron2": tacotron2,
}
