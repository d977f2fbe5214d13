import warnings

import pytest
import torch

from tts_compress.synthesis import follow, speak
from tts_compress.training import distillation
from tts_compress.training.batches import collate
from tts_compress.training.distillation import (
    DistillationWarning,
    dense_examples,
)
from tts_compress.training.objectives import OBJECTIVES

from .conftest import talker

TEXTS = ("Hello there.", "How are you today?", "We sail.")
ARCHITECTURES = pytest.mark.parametrize("architecture", ["tacotron2", "fastspeech2"])


@ARCHITECTURES
def test_examples_are_what_the_dense_network_says(architecture, tmp_path):
    dense = talker(architecture)
    examples, _ = dense_examples(dense, TEXTS, 3, tmp_path)
    speeches = speak(dense, TEXTS, 3)
    assert len(examples) == len(TEXTS)
    for example, speech in zip(examples, speeches, strict=True):
        assert torch.equal(example.ids, speech.ids)
        torch.testing.assert_close(example.mel, speech.mel)
        assert example.frames.sum() == speech.mel.shape[1]
        if architecture == "tacotron2":
            torch.testing.assert_close(example.attention, speech.alignment)
            looked_at = speech.alignment.argmax(1).tolist()
            assert [looked_at.count(i) for i in range(len(speech.ids))] == example.frames.tolist()
        else:
            assert torch.equal(example.frames, speech.durations)
        assert not example.mel.is_inference()


def test_the_dense_fastspeech2_has_nothing_to_learn_from_itself(tmp_path):
    dense = talker("fastspeech2")
    examples, _ = dense_examples(dense, TEXTS, 0, tmp_path)
    with torch.no_grad():
        losses = OBJECTIVES["fastspeech2"](dense, collate(examples), 1.0)
    for name in ("postnet", "pitch", "energy"):
        assert float(losses[name]) == pytest.approx(0, abs=1e-5), name
    assert float(losses["duration"]) < 0.01  # frames are rounded
    followed = follow(dense, speak(dense, TEXTS))
    torch.testing.assert_close(followed[0], examples[0].mel, rtol=0, atol=1e-4)


def test_pitch_and_energy_of_each_frame_are_learned_where_the_network_hears_frames(tmp_path):
    dense = talker("fastspeech2")
    levels = {"pitch_level": "frame", "energy_level": "phoneme"}
    dense.settings = dense.settings.model_copy(update=levels)
    examples, _ = dense_examples(dense, TEXTS, 0, tmp_path)
    for example in examples:
        assert len(example.pitch) == example.mel.shape[1]
        assert len(example.energy) == len(example.ids)
    with torch.no_grad():
        losses = OBJECTIVES["fastspeech2"](dense, collate(examples), 1.0)
    assert float(losses["pitch"]) == pytest.approx(0, abs=1e-5)


def test_examples_are_made_once_for_a_network_texts_and_a_seed(tmp_path, monkeypatch):
    dense = talker("tacotron2")
    first, key = dense_examples(dense, TEXTS, 0, tmp_path)
    assert key != dense_examples(dense, TEXTS, 1, tmp_path)[1]
    assert key != dense_examples(dense, TEXTS[:2], 0, tmp_path)[1]
    assert key != dense_examples(talker("tacotron2", seed=1), TEXTS, 0, tmp_path)[1]
    assert len(list(tmp_path.glob("dense-*.safetensors"))) == 4
    monkeypatch.setattr(distillation, "speak", None)
    again, same = dense_examples(dense, TEXTS, 0, tmp_path)
    assert same == key
    for one, other in zip(first, again, strict=True):
        assert all(
            torch.equal(a, b)
            for a, b in zip(*(vars(e).values() for e in (one, other)), strict=True)
        )


def test_sentences_that_fail_or_are_silent_or_too_long_are_left_out(tmp_path, monkeypatch):
    dense = talker("tacotron2")
    long = "How are you today, and what are you going to do about all of this tomorrow?"
    with pytest.warns(DistillationWarning, match="fails at 1 of 3 sentences, which are left out"):
        examples, _ = dense_examples(dense, [TEXTS[0], long, TEXTS[2]], 0, tmp_path)
    assert [len(e.ids) for e in examples] == [len(s.ids) for s in speak(dense, TEXTS[::2])]
    for name, value in (("SILENCE", 100.0), ("LONGEST", 0.1)):
        with monkeypatch.context() as patch:
            patch.setattr(distillation, name, value)
            with pytest.warns(DistillationWarning, match="fails at 3 of 3"):
                assert dense_examples(dense, TEXTS, ord(name[0]), tmp_path)[0] == []


def test_one_failure_in_ten_is_no_warning(tmp_path):
    long = "How are you today, and what are you going to do about all of this tomorrow?"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        examples, _ = dense_examples(talker("tacotron2"), [TEXTS[0]] * 9 + [long], 0, tmp_path)
    assert len(examples) == 9
