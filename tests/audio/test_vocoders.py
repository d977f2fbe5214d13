import math

import pytest
import torch
from torch import nn

from tests.networks import GOLDEN
from tts_compress.audio.mel import mel_filterbank, mel_spectrogram
from tts_compress.audio.vocoders import griffin_lim, hifigan_vocode, mel_to_magnitude
from tts_compress.audio.wav import read_wav
from tts_compress.errors import AudioError
from tts_compress.metrics.mel import mel_mae_db


@pytest.fixture(scope="module")
def mel():
    return mel_spectrogram(read_wav(GOLDEN / "LJ001-0002.wav")[None])[0]


@pytest.fixture(scope="module")
def batch(mel):
    """Three sentences, padded with numbers that would be heard."""
    lengths = torch.tensor([164, 40, 2])
    mels = torch.full((3, 80, 164), 5.0)
    for row, length in zip(mels, lengths.tolist(), strict=True):
        row[:, :length] = mel[:, :length]
    return mels, lengths


def test_magnitudes_are_positive_and_give_the_mel_back(mel):
    magnitude = mel_to_magnitude(mel.T)
    assert magnitude.shape == (164, 372)
    assert (magnitude >= 0).all()
    again = (magnitude @ mel_filterbank()[:, :372].T).clamp(min=1e-5).log()
    assert mel_mae_db(again.T, mel) < 0.02


def test_griffin_lim_speaks_the_mel(mel):
    (sound,) = griffin_lim(mel[None], torch.tensor([164]))
    assert sound.shape == (256 * 163,)
    assert sound.abs().max() < 1
    assert mel_mae_db(mel_spectrogram(sound[None])[0], mel) < 1.0


def test_momentum_helps(mel):
    lengths = torch.tensor([164])

    def error(momentum):
        (sound,) = griffin_lim(mel[None], lengths, n_iter=30, momentum=momentum)
        return mel_mae_db(mel_spectrogram(sound[None])[0], mel)

    assert error(0.99) < 0.9 * error(0.0)


def test_each_sentence_is_what_it_is_alone(batch):
    mels, lengths = batch
    together = griffin_lim(mels, lengths, n_iter=5)
    assert [len(sound) for sound in together] == [256 * 163, 256 * 39, 256]
    for mel, length, sound in zip(mels, lengths, together, strict=True):
        (alone,) = griffin_lim(mel[None, :, :length], length[None], n_iter=5)
        assert torch.equal(sound, alone)


def test_the_seed_decides_the_phase(mel):
    lengths = torch.tensor([164])
    first, again, other = (
        griffin_lim(mel[None], lengths, n_iter=2, seed=seed)[0] for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=1e-2)


def test_silence_stays_silent():
    (sound,) = griffin_lim(torch.full((1, 80, 20), math.log(1e-5)), torch.tensor([20]), n_iter=5)
    assert sound.abs().max() < 1e-4


def test_hifigan_hears_nothing_of_the_padding(batch):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv1d(80, 4, 7, padding=3), nn.ConvTranspose1d(4, 1, 512, stride=256, padding=128)
    )
    mels, lengths = batch
    sounds = hifigan_vocode(model, mels, lengths)
    assert [len(sound) for sound in sounds] == [256 * 164, 256 * 40, 256 * 2]
    for mel, length, sound in zip(mels, lengths, sounds, strict=True):
        assert torch.equal(sound, model(mel[None, :, :length])[0, 0])


@pytest.mark.parametrize(
    ("shape", "lengths", "message"),
    [
        ((80, 9), [9], r"mels must be \(batch, 80, frames\), got shape \(80, 9\)"),
        ((1, 9, 80), [9], r"mels must be \(batch, 80, frames\), got shape \(1, 9, 80\)"),
        ((2, 80, 9), [9], r"one number a sentence, got shape \(1,\) for 2 sentences"),
        ((1, 80, 9), [10], r"lie in 2 to 9 frames, got 10\. Leave out empty"),
        ((1, 80, 9), [1], r"lie in 2 to 9 frames, got 1\. Leave out empty"),
    ],
)
def test_what_does_not_fit_is_refused(shape, lengths, message):
    with pytest.raises(AudioError, match=message):
        griffin_lim(torch.zeros(shape), torch.tensor(lengths))
