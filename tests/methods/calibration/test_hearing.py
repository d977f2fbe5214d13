import pytest
import torch

from tests.networks import golden_network
from tts_compress.architectures.hifigan import HifiGan, HifiGanSettings, ResblockSettings
from tts_compress.errors import CheckpointError, RecipeError
from tts_compress.methods.calibration.affine import affine_maps
from tts_compress.methods.calibration.calibrating import SpokenPositions
from tts_compress.methods.calibration.hearing import (
    SEGMENT,
    check_tensors,
    evaluating,
    hearing,
    hearing_key,
    segments,
)
from tts_compress.synthesis import Speech


def speech(*frames, n_mels=3):
    mels = [torch.arange(n * n_mels).reshape(n, n_mels).T.float() for n in frames]
    return [
        Speech("", torch.tensor([90]), mel, durations=torch.tensor([mel.shape[1]])) for mel in mels
    ]


def vocoder():
    return HifiGan(
        HifiGanSettings(
            n_mels=3,
            channels=(4, 4, 2),
            upsample_rates=(2, 3),
            upsample_kernels=(4, 5),
            resblocks=tuple(ResblockSettings(kernel=k, inner=(2, 2, 2)) for k in (3, 5) * 2),
        )
    ).eval()


def test_a_vocoder_hears_the_middle_of_each_mel():
    heard = segments(speech(6, 4, 0))
    assert heard.shape == (2, 3, 4)
    assert heard[:, 0].tolist() == [[3, 6, 9, 12], [0, 3, 6, 9]]
    assert segments(speech(100, 50)).shape == (2, 3, SEGMENT)


def test_every_layer_of_a_vocoder_hears_data_at_its_own_rate():
    model, lengths = vocoder(), {}
    speak, positions = hearing(model, speech(6, 5), "rounding")

    def hook(name):
        def note(_layer, _heard, output):
            lengths[name] = output.shape[2]
            assert positions(name, 0).shape == (2, output.shape[2])
            assert positions(name, 0).all()

        return note

    names = [name for name, layer in model.named_modules() if affine_maps(layer)]
    for name in names:
        model.get_submodule(name).register_forward_hook(hook(name))
    speak(model)
    assert lengths.keys() == set(names)
    assert [lengths[name] for name in ("conv_pre", "ups.0", "ups.1", "conv_post")] == [
        5,
        10,
        30,
        30,
    ]
    assert lengths["resblocks.1.convs1.0"] == 10
    assert lengths["resblocks.2.convs2.2"] == 30


def test_a_network_that_reads_text_follows_the_speech():
    model = golden_network("fastspeech2")
    spoken = speech(6, 4, n_mels=80)
    speak, positions = hearing(model, spoken, "rounding")
    assert isinstance(positions, SpokenPositions)
    assert speak(model).mel_postnet.shape == (2, 80, 6)


def test_a_training_network_is_one_again_afterwards():
    model = vocoder().train()
    with evaluating(model):
        assert not model.training
    assert model.training


def test_what_cannot_be_heard_is_refused():
    with pytest.raises(RecipeError, match=r"wanda: .* says nothing .* got 1 sentences of 0 frames"):
        hearing(vocoder(), speech(0), "wanda")
    broken = speech(6, 4)
    broken[1].mel[0, 0] = torch.nan
    with pytest.raises(CheckpointError, match=r"wanda: .* sentence 2 is not finite, got 1 such"):
        hearing(vocoder(), broken, "wanda")


def test_tensors_of_another_shape_or_not_finite_are_refused():
    dense = {"a": torch.zeros(2, 3)}
    check_tensors({"a": torch.ones(2, 3)}, dense, "reconstruct")
    with pytest.raises(
        RecipeError,
        match=r"reconstruct: 'a' has shape \(2, 2\), the dense network's has \(2, 3\), "
        "got a resized network. Put reconstruct before resize",
    ):
        check_tensors({"a": torch.ones(2, 2)}, dense, "reconstruct")
    with pytest.raises(CheckpointError, match="'a' is not finite, got 6 NaN or infinite of 6"):
        check_tensors({"a": torch.full((2, 3), torch.inf)}, dense, "reconstruct")


def test_what_decides_what_is_heard_is_all_in_its_key():
    tensors, (spoken,) = {"weight": torch.ones(2)}, speech(4)
    parts = {"ids": spoken.ids, "mel": spoken.mel, "durations": spoken.durations}
    others = [parts | {name: 2 * value} for name, value in parts.items()]
    others.append(parts | {"durations": None})
    keys = {hearing_key(tensors, [Speech("", **own)]) for own in (parts, *others)}
    keys |= {hearing_key({"weight": torch.zeros(2)}, [spoken]), hearing_key(tensors, ())}
    assert len(keys) == 7
    assert hearing_key(tensors, speech(4)) in keys
