"""What is taken of sound, of speech that is written down here."""

import math
from dataclasses import replace

import pytest
import torch

from tts_compress.audio.mel import mel_spectrogram
from tts_compress.audio.wav import write_wav
from tts_compress.metrics.hearing import (
    Sound,
    melody,
    natural,
    spoken,
    to_recordings,
    vocoded,
    words,
    words_recorded,
)
from tts_compress.metrics.taking import Taker
from tts_compress.synthesis import Speech

TAKE = Taker("a")
TEXTS = ("The cat sat.", "...", "Never said.")


class Scribe:
    """Hears what is written down for a length of sound."""

    def __init__(self, heard):
        self.heard = heard

    def transcribe(self, wav, sample_rate):
        return self.heard[len(wav)]


def voiced(hertz: float, n_samples: int = 22050) -> Sound:
    """A buzz with a pitch."""
    phase = 2 * math.pi * hertz * torch.arange(n_samples) / 22050
    wav = 0.1 * sum(torch.sin(n * phase) for n in range(1, 6))
    return Sound(wav, mel_spectrogram(wav[None])[0])


def taken(records):
    return [(r.metric, r.sentence, r.value) for r in records]


def test_words_and_characters_by_hand():
    sounds = {1: Sound(torch.zeros(5), torch.zeros(80, 1))}
    found = list(words(TAKE, Scribe({5: "the hats sat"}), TEXTS, sounds))
    assert taken(found) == [
        ("word_errors", 1, 1),
        ("words", 1, 3),
        ("character_errors", 1, 2),  # h for c, and an s
        ("characters", 1, 11),
        ("word_errors", 3, 2),  # no sound
        ("words", 3, 2),
        ("character_errors", 3, 10),
        ("characters", 3, 10),
        ("word_error_rate", None, 3 / 5),
        ("character_error_rate", None, 12 / 21),
    ]
    assert [record.unit for record in found[:4]] == ["words"] * 2 + ["characters"] * 2
    assert list(words(TAKE, Scribe({}), TEXTS[1:2], {})) == []


def test_words_of_recordings_are_of_those_there_are():
    sounds = {1: Sound(torch.zeros(5), torch.zeros(80, 1))}
    found = list(words_recorded(TAKE, Scribe({5: "the hat sat"}), TEXTS, sounds))
    assert taken(found) == [
        ("word_errors_recording", 1, 1),
        ("words_recording", 1, 3),
        ("character_errors_recording", 1, 1),
        ("characters_recording", 1, 11),
        ("word_error_rate_recording", None, 1 / 3),
        ("character_error_rate_recording", None, 1 / 11),
    ]
    assert [record.unit for record in found[::2]] == ["words", "characters", "fraction"]
    assert list(words_recorded(TAKE, Scribe({}), TEXTS, {})) == []


def test_an_octave_and_twice_as_long():
    found = melody(TAKE, {1: voiced(200, 22050 * 2), 2: voiced(200)}, {1: voiced(100)}, "_x")
    values = {record.metric: record.value for record in found}
    assert values["f0_rmse_cents_x"] == pytest.approx(1200, abs=15)
    assert values["duration_ratio_x"] == pytest.approx(2, abs=0.02)
    assert values["voicing_error_x"] < 0.05


def test_what_has_no_pitch_has_no_distance_in_pitch():
    silent = Sound(torch.zeros(22050), mel_spectrogram(torch.zeros(1, 22050))[0])
    found = {record.metric: record.value for record in melody(TAKE, {1: silent}, {1: voiced(100)})}
    assert found.keys() == {"voicing_error", "duration_ratio"}
    assert found["voicing_error"] > 0.9


def test_pitch_is_tracked_once(monkeypatch):
    tracked = []
    monkeypatch.setattr(
        "tts_compress.metrics.hearing.track_pitch", lambda wav, rate: tracked.append(rate)
    )
    sound = voiced(100, 1000)
    assert (sound.pitch, sound.pitch, tracked) == (None, None, [22050])


def test_recordings_are_no_distance_from_themselves():
    found = list(to_recordings(TAKE, {1: voiced(100), 2: voiced(120)}, {2: voiced(120)}))
    assert {record.sentence for record in found} == {2}
    assert taken(found)[0] == ("mcd_dtw_db_to_recording", 2, 0)
    assert {record.metric for record in found} >= {"duration_ratio_to_recording"}
    assert "mel_mae_db_to_recording" not in {record.metric for record in found}


class Guess:
    metrics = ("utmos",)

    def __call__(self, wav, sample_rate):
        return {"utmos": len(wav) / sample_rate} if len(wav) > 1000 else {}


def test_predictors_hear_every_sound():
    found = list(natural(TAKE, [Guess()], {2: voiced(100), 1: voiced(100, 1000)}))
    assert [(r.metric, r.sentence, r.value, r.unit) for r in found] == [("utmos", 2, 1.0, "MOS")]


def test_speech_is_heard_where_it_is_audible(tmp_path):
    mel = torch.full((80, 20), -5.0)
    good = Speech("Hi.", torch.ones(4), mel)
    silent = replace(good, mel=mel[:, :2])
    for number in (1, 2):
        write_wav(tmp_path / f"{number:03d}.wav", torch.zeros(256 * number))
    sounds = spoken([good, silent, good], tmp_path)
    assert {number: len(sound.wav) for number, sound in sounds.items()} == {1: 256}
    sounds = vocoded([silent, good], [torch.zeros(9)])
    assert {number: len(sound.wav) for number, sound in sounds.items()} == {2: 9}
    assert sounds[2].seconds == 20 * 256 / 22050
