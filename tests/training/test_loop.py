import json
import re
import sys

import pytest
import torch

from tts_compress.architectures.checkpoints import load_model
from tts_compress.errors import CheckpointError, CorpusError, ExtraError, TtsCompressError
from tts_compress.training.loop import _trainer, train
from tts_compress.training.settings import TrainSettings
from tts_compress.training.trainer import Trainer

pytest.importorskip("tensorboard")
pytestmark = pytest.mark.usefixtures("tiny")


def tiny_settings(architecture="tacotron2", **changes):
    small = {"size": "tiny", "steps": 6, "batch_size": 2, "n_validation": 2, "validate_every": 3}
    return TrainSettings(architecture, **{**small, **changes})


def log(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def state(out):
    return torch.load(out / "checkpoint.pt", weights_only=True)


def interrupted_at(monkeypatch, step):
    """Makes every training stop before a step, as the user's Ctrl-C does."""

    def advance(self, batch, advance=Trainer.advance):
        if self.step == step:
            raise KeyboardInterrupt
        return advance(self, batch)

    monkeypatch.setattr(Trainer, "advance", advance)


def test_validation_sentences_are_the_last_and_never_trained_on(corpus):
    training = _trainer(corpus, tiny_settings())
    frames = [[e.mel.shape[1] for e in part] for part in (training.training, training.validation)]
    assert [len(part) for part in frames] == [5, 2]
    assert min(frames[0]) > max(frames[1])  # each sentence of the corpus is shorter than the last


@pytest.mark.parametrize("architecture", ["tacotron2", "fastspeech2"])
def test_three_steps_and_three_more_are_six_bit_for_bit(
    architecture, corpus, tmp_path, monkeypatch
):
    settings = tiny_settings(architecture)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(corpus, whole, settings)
    with monkeypatch.context() as patch:
        interrupted_at(patch, 5)  # two steps after the last checkpoint, which are lost
        with pytest.raises(KeyboardInterrupt):
            train(corpus, parts, settings)
    assert state(parts)["step"] == 3
    (parts / "checkpoint.tmp").write_bytes(b"what a killed training may leave")
    train(corpus, parts, settings)
    one, other = state(whole), state(parts)
    assert one["step"] == other["step"] == 6
    assert torch.equal(one["random"], other["random"])
    for name, tensor in one["model"].items():
        assert torch.equal(tensor, other["model"][name]), name
    for index, entries in one["optimizer"]["state"].items():
        for name, tensor in entries.items():
            assert torch.equal(tensor, other["optimizer"]["state"][index][name]), (index, name)
    assert [line["step"] for line in log(whole)] == [line["step"] for line in log(parts)] == [3, 6]
    assert [line["mel"] for line in log(whole)] == [line["mel"] for line in log(parts)]


def test_a_finished_training_leaves_a_voice_and_trains_no_more(corpus, tmp_path, capsys):
    out, voice = tmp_path / "training", tmp_path / "voice"
    model = train(corpus, out, tiny_settings(), voice=voice)
    assert not model.training
    printed = capsys.readouterr().out
    assert re.search(r"step 3/6  [\d.]+ min  mel \d\.\d+  postnet .*attention", printed)
    assert f"{out}: 6 of 6 steps done" in printed
    assert f"{voice}: voice written" in printed
    assert list((out / "curves").iterdir())
    assert load_model(voice).settings == model.settings

    checkpoint = (out / "checkpoint.pt").read_bytes()
    (voice / "CARD.md").write_text("my own words")
    train(corpus, out, tiny_settings(), voice=voice)
    assert (out / "checkpoint.pt").read_bytes() == checkpoint
    assert len(log(out)) == 2
    assert (voice / "CARD.md").read_text() == "my own words"
    (voice / "config.json").unlink()
    train(corpus, out, tiny_settings(), voice=voice)
    assert "trained from random weights" in (voice / "CARD.md").read_text()


def test_a_training_out_of_time_says_how_to_go_on_and_writes_no_voice(corpus, tmp_path, capsys):
    train(corpus, tmp_path / "out", tiny_settings(), minutes=0, voice=tmp_path / "voice")
    assert "0 of 6 steps done, stopped after 0 min. Run the same command to go on." in (
        capsys.readouterr().out
    )
    assert not (tmp_path / "voice").exists()


def test_time_running_out_between_validations_keeps_the_steps_done(corpus, tmp_path, monkeypatch):
    times = iter([0.0, 1.0, *[2.0] * 4, *[100.0] * 9])  # minutes=1 is over after two steps
    monkeypatch.setattr("tts_compress.training.loop.time.monotonic", lambda: next(times))
    train(corpus, tmp_path, tiny_settings(), minutes=1)
    assert state(tmp_path)["step"] == 2


def test_more_steps_than_before_go_on_from_the_last(corpus, tmp_path):
    train(corpus, tmp_path, tiny_settings(steps=3))
    train(corpus, tmp_path, tiny_settings(steps=4, learning_rate=1e-4))
    assert [line["step"] for line in log(tmp_path)] == [3, 4]
    assert json.loads((tmp_path / "settings.json").read_text())["steps"] == 4


def test_another_training_in_the_folder_is_left_alone(corpus, tmp_path):
    train(corpus, tmp_path, tiny_settings(steps=1))
    kept = (tmp_path / "settings.json").read_text()
    with pytest.raises(CheckpointError, match="batch_size: this training was started with 2, got"):
        train(corpus, tmp_path, tiny_settings(batch_size=3))
    with pytest.raises(CheckpointError, match="'tacotron2', got 'fastspeech2'"):
        train(corpus, tmp_path, tiny_settings(architecture="fastspeech2"))
    assert (tmp_path / "settings.json").read_text() == kept


def test_a_diverging_training_keeps_its_last_checkpoint(corpus, tmp_path):
    train(corpus, tmp_path, tiny_settings(steps=3))
    kept = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(TtsCompressError, match=r"not finite after \d steps, got .* lower learning"):
        train(corpus, tmp_path, tiny_settings(learning_rate=1e37, warmup=0))
    assert (tmp_path / "checkpoint.pt").read_bytes() == kept


def test_a_corpus_too_small_for_its_validation_is_one_clear_line(corpus, tmp_path):
    with pytest.raises(CorpusError, match="7 sentences, of which 7 are kept for validation"):
        train(corpus, tmp_path / "out", tiny_settings(n_validation=7))
    assert not (tmp_path / "out").exists()


def test_a_missing_extra_is_one_clear_line(corpus, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyworld", None)
    with pytest.raises(ExtraError, match=r"extra 'train' is missing, got 'pyworld'\. Install it"):
        train(corpus, tmp_path, tiny_settings())
