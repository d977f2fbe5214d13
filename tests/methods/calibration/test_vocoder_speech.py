"""Pieces of mels by hand; the log-mel of a vocoder's sound against the formula, loud and silent."""

import math

import pytest
import torch

from tests.networks import golden_network
from tts_compress.audio.mel import LOG_FLOOR, mel_spectrogram
from tts_compress.methods.calibration.hearing import SEGMENT
from tts_compress.methods.calibration.sensitivity import curvatures, gradient_probes, said
from tts_compress.methods.calibration.vocoder_speech import Piece, pieces, sound_as_mel


def network():
    return golden_network("hifigan").double()


def sentence(n_frames, first=0.0):
    """One mel band that counts frames."""
    mel = first + torch.arange(float(n_frames))[None]
    return Piece(torch.empty(0, dtype=torch.long), mel)


def noise(n_frames, seed=1):
    generator = torch.Generator().manual_seed(seed)
    mel = torch.randn(80, n_frames, generator=generator, dtype=torch.float64)
    return Piece(torch.empty(0, dtype=torch.long), mel)


def starts(found):
    return [float(piece.mel[0, 0]) for piece in found]


def test_pieces_are_evenly_spread():
    found = pieces([sentence(100), sentence(132, first=1000)], wanted=4)
    assert starts(found) == [9, 59, 1017, 1083]  # their middles: 25 and 75 of 100, 33 and 99 of 132
    assert {piece.mel.shape for piece in found} == {(1, SEGMENT)}


def test_no_frame_is_taken_twice():
    assert starts(pieces([sentence(64)], wanted=9)) == [0, 32]
    assert starts(pieces([sentence(63)], wanted=9)) == [15]
    (whole,) = pieces([sentence(5)], wanted=9)
    assert whole.mel.tolist() == [[0, 1, 2, 3, 4]]
    assert pieces([sentence(0)], wanted=9) == []
    assert pieces([]) == []


def test_each_of_many_sentences_gives_one():
    assert len(pieces([sentence(100)] * 7, wanted=3)) == 7


def test_a_vocoder_says_the_mel_of_its_sound():
    model, speech = network(), noise(40)
    (found,) = said(model, speech)
    middle = speech.mel[None, :, 4:36]
    assert torch.equal(found, mel_spectrogram(model(middle)[:, 0]))
    assert found.requires_grad


@pytest.mark.parametrize("n_frames", [1, 2])
def test_a_sound_too_short_for_a_mel_is_followed_by_zeros(n_frames):
    model, speech = network(), noise(n_frames)
    assert model(speech.mel[None]).shape[2] <= 512
    found = sound_as_mel(model, speech)
    assert found.shape == (1, 80, 3)
    assert found.isfinite().all()


def test_silence_counts_for_nothing_and_has_gradients():
    model = network()
    model.conv_post.weight.data.zero_()
    model.conv_post.bias.data.zero_()
    (gradients,) = gradient_probes(model, [noise(8)], n_probes=1)
    assert all(not gradient.any() for gradient in gradients.values())
    assert curvatures(model, [noise(8)], ["conv_pre.weight"]) == {}


def test_a_gain_moves_the_mel_of_a_soft_sound_as_far_as_a_loud_one_and_silence_not():
    model, speech = network(), noise(32)
    last = [model.conv_post.weight, model.conv_post.bias]
    for scale in (0.1, 0.3):  # so soft that tanh changes nothing
        for parameter in last:
            parameter.data.mul_(scale)
        mel = sound_as_mel(model, speech)
        heard = float((mel > math.log(LOG_FLOOR)).double().mean())
        assert 0 < heard < 1
        slopes = torch.autograd.grad(mel.mean(), last)
        moved = sum((w.detach() * slope).sum() for w, slope in zip(last, slopes, strict=True))
        assert float(moved) == pytest.approx(heard, rel=0.01)  # a gain g adds ln g there


def test_the_curvature_of_a_vocoder_is_that_of_all_its_pieces():
    model, speech, name = network(), noise(96), "conv_pre.weight"
    (whole,) = curvatures(model, [speech], [name]).values()
    cut = [Piece(speech.ids, mel) for mel in speech.mel.split(SEGMENT, dim=1)]
    (pieced,) = curvatures(model, cut, [name]).values()
    assert torch.allclose(whole.rows, pieced.rows)
    assert torch.allclose(whole.columns, pieced.columns)
