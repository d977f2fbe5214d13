import math

import numpy as np
import pytest
import torch

from tests.networks import GOLDEN
from tts_compress.audio.mel import LOG_FLOOR, N_MELS, mel_filterbank, mel_spectrogram
from tts_compress.audio.wav import read_wav
from tts_compress.errors import AudioError


def test_agrees_with_the_mel_that_public_vocoders_were_trained_on():
    wav = read_wav(GOLDEN / "LJ001-0002.wav")
    expected = np.load(GOLDEN / "LJ001-0002_mel.npz")["mel"]
    mel = mel_spectrogram(wav[None])[0].numpy()
    assert mel.shape == expected.shape == (N_MELS, 1 + len(wav) // 256)
    np.testing.assert_allclose(mel, expected, rtol=0, atol=2e-6)


def test_silence_is_at_the_floor():
    mel = mel_spectrogram(torch.zeros(1, 1024))
    torch.testing.assert_close(mel, torch.full((1, N_MELS, 5), math.log(LOG_FLOOR)))


def test_a_sine_is_loudest_in_the_filter_over_its_frequency():
    frequency = 1000.0
    time = torch.arange(22050) / 22050
    mel = mel_spectrogram(torch.sin(2 * math.pi * frequency * time)[None])[0, :, 40]
    loudest_bin = mel_filterbank()[mel.argmax()].argmax().item()
    assert abs(loudest_bin * 22050 / 1024 - frequency) < 40


def test_twice_the_sound_is_ln_2_more():
    sound = torch.randn(1, 5000, generator=torch.Generator().manual_seed(0)) / 4
    difference = mel_spectrogram(2 * sound) - mel_spectrogram(sound)
    torch.testing.assert_close(difference, torch.full_like(difference, math.log(2)))


def test_a_batch_is_its_sounds():
    sounds = torch.randn(3, 2000, generator=torch.Generator().manual_seed(0)) / 4
    each = torch.cat([mel_spectrogram(sound[None]) for sound in sounds])
    torch.testing.assert_close(mel_spectrogram(sounds), each)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1024,), r"must be \(batch, samples\), got shape \(1024,\)\. Add a batch axis"),
        ((1, 512), r"too short, got 512 samples\. It needs more than 512\."),
    ],
)
def test_wrong_shapes_are_refused(shape, message):
    with pytest.raises(AudioError, match=message):
        mel_spectrogram(torch.zeros(shape))
