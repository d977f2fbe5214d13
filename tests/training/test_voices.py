import json

import pytest
import torch

from tts_compress.architectures import ARCHITECTURES
from tts_compress.architectures.checkpoints import load_model
from tts_compress.synthesis import speak
from tts_compress.training.presets import PRESETS
from tts_compress.training.voices import write_voice

LOG = '{"step": 3, "minutes": 1.0, "mel": 0.9}\n{"step": 6, "minutes": 1.6, "mel": 0.8}\n'


@pytest.fixture
def training(tmp_path):
    folder = tmp_path / "training"
    folder.mkdir()
    (folder / "log.jsonl").write_text(LOG)
    return folder


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("architecture", ["tacotron2", "fastspeech2"])
def test_a_voice_says_what_the_trained_network_says(architecture, training, tmp_path, monkeypatch):
    monkeypatch.setattr("tts_compress.synthesis.MAX_STEPS", 30)
    torch.manual_seed(0)
    model = ARCHITECTURES[architecture](PRESETS[architecture]["tiny"]).eval()
    write_voice(tmp_path / "voice", model, training, tmp_path)
    expected, got = (speak(m, ["Hello there."])[0] for m in (model, load_model(tmp_path / "voice")))
    torch.testing.assert_close(got.mel, expected.mel, rtol=0, atol=0.02)  # weights in float16
    assert torch.equal(got.ids, expected.ids)
    config = json.loads((tmp_path / "voice" / "config.json").read_text())
    assert config["architecture"] == architecture
    assert config["text"]["symbols"].lower().endswith(architecture)
    assert config["audio"]["sample_rate"] == 22050


@pytest.mark.usefixtures("tiny")
def test_the_card_tells_how_the_voice_was_made(training, tmp_path):
    (tmp_path / "CARD.md").write_text("# Corpus: Ann\n")
    model = ARCHITECTURES["tacotron2"](PRESETS["tacotron2"]["tiny"])
    write_voice(tmp_path / "ann", model, training, tmp_path)
    card = (tmp_path / "ann" / "CARD.md").read_text()
    assert card.startswith("# ann\n\nA tacotron2 of ")
    assert "(6 steps, 2 minutes of computing)" in card
    assert '{"step": 6, "minutes": 1.6, "mel": 0.8}' in card
    assert card.endswith("# Corpus: Ann\n")
    assert (tmp_path / "ann" / "training.jsonl").read_text() == LOG


@pytest.mark.usefixtures("tiny")
def test_a_corpus_without_a_card_is_said_so(training, tmp_path):
    model = ARCHITECTURES["fastspeech2"](PRESETS["fastspeech2"]["tiny"])
    write_voice(tmp_path / "voice", model, training, tmp_path)
    assert (tmp_path / "voice" / "CARD.md").read_text().endswith("The corpus has no card.\n")
