import os
from dataclasses import replace

import numpy as np
import pytest
import torch

from tts_compress.audio.mel import HOP_LENGTH, SAMPLE_RATE
from tts_compress.audio.wav import write_wav
from tts_compress.text.phones import Token
from tts_compress.training.corpus import Timed, Utterance, read_corpus
from tts_compress.training.features import extract, load_features, log_f0

pytest.importorskip("pyworld")


def tone(seconds=1.0, hertz=200.0, loudness=0.3):
    """A voice-like sound: the first ten harmonics of a pitch."""
    time = torch.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = sum(torch.sin(2 * torch.pi * hertz * n * time) / n for n in range(1, 11))
    return loudness * wave / wave.abs().max()


def hummed(path, wav):
    """The word "um" over most of a wav: two phones of equal length after 50 ms."""
    write_wav(path, wav)
    end = len(wav) / SAMPLE_RATE
    middle, last = (0.05 + end - 0.1) / 2, end - 0.1
    word = Timed(Token("um", ("AH1", "M")), (middle, last))
    return Utterance(path.stem, path, (word, Timed(Token(".", ()), (end,))), 0.05)


def test_frames_of_the_symbols_are_the_frames_of_the_mel(tmp_path):
    wav = tone()
    features = extract(hummed(tmp_path / "a.wav", wav))
    frames, skipped = 1 + len(wav) // HOP_LENGTH, round(0.05 * SAMPLE_RATE / HOP_LENGTH)
    # AH1, M, and the full stop with the silence; 50 ms before the first phone are left out
    assert features.mel.shape == (80, features.tacotron2_frames.sum())
    assert frames - skipped - 1 <= features.mel.shape[1] <= frames - skipped
    assert len(features.tacotron2_ids) == len(features.tacotron2_frames) == 3
    # FastSpeech2 says no silence at the end
    assert len(features.fastspeech2_ids) == len(features.fastspeech2_frames) == 2
    assert features.fastspeech2_frames.tolist() == features.tacotron2_frames[:2].tolist()


def test_pitch_of_a_tone_is_the_logarithm_of_its_frequency(tmp_path):
    features = extract(hummed(tmp_path / "a.wav", tone(hertz=200.0)))
    np.testing.assert_allclose(features.pitch, np.log(200.0), atol=0.01)


def test_pitch_is_interpolated_where_no_voice_is():
    low, high = tone(0.5, 150.0), tone(0.5, 220.0)
    wav = torch.cat((low, torch.zeros(4 * HOP_LENGTH), high)).double().numpy()
    frames = 1 + len(wav) // HOP_LENGTH
    pitch = log_f0(wav, frames)
    assert pitch.shape == (frames,)
    assert np.log(140) < pitch.min()
    assert pitch.max() < np.log(230)
    assert np.log(150) < pitch[len(low) // HOP_LENGTH + 2] < np.log(220)


def test_silence_has_no_pitch():
    assert log_f0(np.zeros(SAMPLE_RATE), 87).tolist() == [0.0] * 87


def test_energy_is_proportional_to_loudness(tmp_path):
    loud = extract(hummed(tmp_path / "a.wav", tone(loudness=0.4)))
    soft = extract(hummed(tmp_path / "b.wav", tone(loudness=0.2)))
    np.testing.assert_allclose(loud.energy, 2 * soft.energy, rtol=1e-3)


def test_an_alignment_longer_than_its_wav_ends_with_the_wav(tmp_path):
    utterance = hummed(tmp_path / "a.wav", tone(0.5))
    late = Timed(utterance.tokens[1].token, (3.0,))
    features = extract(replace(utterance, tokens=(utterance.tokens[0], late)))
    assert features.mel.shape[1] == features.tacotron2_frames.sum()
    assert (features.tacotron2_frames >= 0).all()


def test_pitch_and_energy_are_normalised_over_the_corpus(corpus):
    loaded, statistics = load_features(read_corpus(corpus), corpus / "features")
    for name in ("pitch", "energy"):
        values = np.concatenate([getattr(f, name)[f.fastspeech2_frames > 0] for f in loaded])
        assert abs(values.mean()) < 0.01
        assert abs(values.std() - 1) < 0.02
        assert statistics[f"{name}_min"] == pytest.approx(values.min(), abs=1e-5)
        assert statistics[f"{name}_max"] == pytest.approx(values.max(), abs=1e-5)
    for features in loaded:
        assert features.mel.dtype == features.pitch.dtype == np.float32
        assert features.mel.shape[1] == features.tacotron2_frames.sum()


def test_features_are_computed_once_and_again_for_a_newer_wav(tmp_path, monkeypatch):
    computed = []

    def counted(utterance):
        computed.append(utterance.name)
        return extract(utterance)

    monkeypatch.setattr("tts_compress.training.features.extract", counted)
    made = [
        hummed(tmp_path / "a.wav", tone(hertz=150.0)),
        hummed(tmp_path / "b.wav", tone(hertz=200.0, loudness=0.2)),
    ]
    first, statistics = load_features(made, tmp_path / "cache")
    again, same = load_features(made, tmp_path / "cache")
    assert computed == ["a", "b"]
    assert same == statistics
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.mel, other.mel)
        np.testing.assert_array_equal(one.pitch, other.pitch)
    cached = tmp_path / "cache" / "b.npz"
    stamp = cached.stat().st_mtime + 10
    os.utime(tmp_path / "b.wav", (stamp, stamp))
    load_features(made, tmp_path / "cache")
    assert computed == ["a", "b", "b"]
    assert not [path for path in (tmp_path / "cache").iterdir() if path.name.startswith(".")]


def test_processes_compute_what_one_process_does(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("tts_compress.training.features.SENTENCES_PER_JOB", 1)
    utterances = read_corpus(corpus)[:2]
    alone, _ = load_features(utterances, tmp_path / "alone", jobs=1)
    shared, _ = load_features(utterances, tmp_path / "shared", jobs=2)
    for one, other in zip(alone, shared, strict=True):
        for name, value in vars(one).items():
            np.testing.assert_array_equal(value, getattr(other, name), err_msg=name)
