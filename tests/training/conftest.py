import math
from pathlib import Path

import pytest
import torch

from tests.networks import GOLDEN
from tts_compress.architectures import ARCHITECTURES
from tts_compress.architectures.base import Architecture
from tts_compress.architectures.fastspeech2 import FastSpeech2, FastSpeech2Settings
from tts_compress.architectures.tacotron2 import Tacotron2, Tacotron2Settings
from tts_compress.architectures.transformer import BlockSettings
from tts_compress.audio.mel import SAMPLE_RATE
from tts_compress.audio.wav import read_wav, write_wav
from tts_compress.training.presets import PRESETS
from tts_compress.training.textgrid import Interval, TextGrid, write_textgrid

TEXT = "in being comparatively modern."
WORDS = {
    "in": "IH0 N",
    "being": "B IY1 IH0 NG",
    "comparatively": "K AH0 M P EH1 R AH0 T IH0 V L IY0",
    "modern": "M AA1 D ER0 N",
}
BLOCK = BlockSettings(heads=2, head_dim=8, filter=16)
TINY = {
    "tacotron2": Tacotron2Settings(
        text="phones",
        embedding_dim=16,
        encoder_channels=(16,),
        encoder_lstm_units=(8, 8),
        prenet_units=(8, 8),
        attention_rnn_units=16,
        decoder_rnn_units=16,
        attention_dim=8,
        location_filters=4,
        location_kernel=7,
        postnet_channels=(8,),
    ),
    "fastspeech2": FastSpeech2Settings(
        hidden=16,
        encoder=(BLOCK,),
        decoder=(BLOCK,),
        duration_filters=(8, 8),
        pitch_filters=(8, 8),
        energy_filters=(8, 8),
        pitch_bins=8,
        energy_bins=8,
        postnet_channels=(8,),
    ),
}


def make_grid(start: float, end: float, total: float) -> TextGrid:
    """Gives every phone of `TEXT` the same time between start and end."""
    n_phones = sum(len(phones.split()) for phones in WORDS.values())
    words, phones, at = [Interval(0.0, start, "")], [Interval(0.0, start, "")], start
    for word, spoken in WORDS.items():
        began = at
        for phone in spoken.split():
            phones.append(Interval(at, at + (end - start) / n_phones, phone))
            at = phones[-1].end
        words.append(Interval(began, at, word))
    silence = Interval(at, total, "")
    return TextGrid((*words, silence), (*phones, silence))


def make_corpus(folder: Path, count: int) -> Path:
    """Writes a corpus of one sentence said `count` times, each a little shorter at its end."""
    for name in ("wavs", "alignments"):
        (folder / name).mkdir(parents=True)
    wav = read_wav(GOLDEN / "LJ001-0002.wav")
    names = [f"a{number}" for number in range(count)]
    for number, name in enumerate(names):
        cut = wav[: len(wav) - 1500 * number]
        seconds = len(cut) / SAMPLE_RATE
        write_wav(folder / "wavs" / f"{name}.wav", cut)
        grid = make_grid(0.05, seconds - 0.15, seconds)
        write_textgrid(folder / "alignments" / f"{name}.TextGrid", grid)
    lines = "".join(f"{name}|{TEXT}|{TEXT}\n" for name in names)
    (folder / "metadata.csv").write_text(lines)
    return folder


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of seven sentences; its features are computed once."""
    pytest.importorskip("pyworld")
    return make_corpus(tmp_path_factory.mktemp("corpus"), 7)


def talker(architecture: str, *, seed: int = 0) -> Architecture:
    """Gives a tiny network of random weights whose sentences end as speech does."""
    torch.manual_seed(seed)
    model = ARCHITECTURES[architecture](TINY[architecture]).eval()
    with torch.no_grad():
        if isinstance(model, FastSpeech2):  # about 5 frames a symbol
            model.variance_adaptor.duration_predictor.linear_layer.bias.fill_(math.log(6))
        elif isinstance(model, Tacotron2):
            _count_frames(model)
    return model


def _count_frames(model: Tacotron2) -> None:
    """Makes the cell of one LSTM unit grow by 0.01 a frame, and the gate fire at tanh(0.5)."""
    lstm, gate = model.decoder.decoder_rnn, model.decoder.gate_layer.linear_layer
    units = lstm.hidden_size
    rows = torch.arange(4) * units  # input, forget, cell and output gate of unit 0
    lstm.weight_ih[rows] = 0.0
    lstm.weight_hh[rows] = 0.0
    lstm.bias_ih[rows] = torch.tensor([20.0, 20.0, 0.01, 20.0])
    lstm.bias_hh[rows] = 0.0
    gate.weight.zero_()
    gate.weight[0, 0] = 1000.0
    gate.bias.fill_(-1000 * math.tanh(0.5))


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adds a size "tiny" to both architectures."""
    for architecture, settings in TINY.items():
        monkeypatch.setitem(PRESETS[architecture], "tiny", settings)
