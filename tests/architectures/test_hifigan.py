import warnings

import pytest
import torch
from torch import nn

from tts_compress.architectures.checkpoints import load_model
from tts_compress.architectures.hifigan import (
    HifiGan,
    HifiGanSettings,
    PairedResblock,
    Resblock,
    ResblockSettings,
    fuse_weight_norm,
)
from tts_compress.errors import CheckpointError


@pytest.mark.parametrize(("number", "parameters"), [(1, 13_926_017), (2, 925_985), (3, 1_462_273)])
def test_published_sizes(number, parameters):
    with torch.device("meta"):
        model = HifiGan(HifiGanSettings.variant(number))
        sound = model(torch.zeros(2, 80, 7))
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert sound.shape == (2, 1, 7 * 256)
    assert model.settings.hop_length == 256


@pytest.mark.parametrize("number", [1, 2, 3])
def test_published_settings_are_read_from_tensors_alone(number):
    published = HifiGanSettings.variant(number)
    with torch.device("meta"):
        tensors = HifiGan(published).state_dict()
    assert HifiGanSettings.from_tensors(tensors, {}) == published


@pytest.mark.parametrize("config", [None, "hifigan_tiny_config.json"])
def test_sound_is_upstreams(golden, expected, config):
    model = load_model(golden / "hifigan_tiny.pth.tar", config and golden / config)
    assert model.settings.channels == (32, 16, 8, 4, 2)
    arrays = expected("hifigan_tiny")
    with torch.no_grad():
        sound = model(arrays["mel"])
    assert sound.shape == (1, 1, 3072)
    torch.testing.assert_close(sound, arrays["wav"], rtol=0, atol=1e-5)


def test_rates_and_dilations_of_the_config_are_used():
    settings = HifiGanSettings(
        channels=(6, 4),
        upsample_rates=(3,),
        upsample_kernels=(9,),
        resblocks=(ResblockSettings(kernel=9, dilations=(1, 4)),),
    )
    tensors = HifiGan(settings).state_dict()
    config = {"upsample_rates": [3], "resblock_dilation_sizes": [[1, 4]]}
    assert HifiGanSettings.from_tensors(tensors, config) == settings
    with pytest.raises(CheckpointError, match=r"upsample_rates is \[8, 8\], .* has 1 upsamplings"):
        HifiGanSettings.from_tensors(tensors, {"upsample_rates": [8, 8]})
    with pytest.raises(CheckpointError, match=r"resblocks.0 has 2 .* kernel 9, .* gives \(\)"):
        HifiGanSettings.from_tensors(tensors, {"upsample_rates": [3]})


def test_a_pair_may_be_narrower_inside():
    settings = HifiGanSettings(
        channels=(6, 4),
        upsample_rates=(2,),
        upsample_kernels=(4,),
        resblocks=(ResblockSettings(kernel=3, inner=(3, 2, 1)),),
    )
    model = HifiGan(settings)
    assert model.resblocks[0].convs1[1].weight.shape == (2, 4, 3)
    assert HifiGanSettings.from_tensors(model.state_dict(), {}) == settings
    assert model(torch.zeros(1, 80, 5)).shape == (1, 1, 10)


def identity(block):
    for name, parameter in block.named_parameters():
        nn.init.zeros_(parameter)
        if name.endswith("weight"):
            parameter.data[0, 0, 1] = 1.0
    return block


def test_residual_blocks_by_hand():
    x = torch.tensor([[[1.0, -1.0]]])
    one = ResblockSettings(kernel=3, dilations=(2,))
    torch.testing.assert_close(identity(Resblock(1, one))(x), torch.tensor([[[2.0, -1.1]]]))
    torch.testing.assert_close(
        identity(PairedResblock(1, one, (1,)))(x), torch.tensor([[[2.0, -1.01]]])
    )


def test_an_old_weight_norm_is_multiplied_out_as_torch_does():
    torch.manual_seed(0)
    for layer in (nn.Conv1d(3, 4, 5), nn.ConvTranspose1d(3, 4, 5)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            normed = nn.utils.weight_norm(layer)
        nn.init.uniform_(normed.weight_g, 0.5, 2.0)
        fused = fuse_weight_norm(normed.state_dict())
        normed(torch.zeros(1, 3, 9))
        assert sorted(fused) == ["bias", "weight"]
        torch.testing.assert_close(fused["weight"], normed.weight.detach(), rtol=1e-6, atol=1e-7)


def test_a_new_weight_norm_is_multiplied_out_as_torch_does():
    torch.manual_seed(0)
    normed = nn.utils.parametrizations.weight_norm(nn.ConvTranspose1d(3, 4, 5))
    nn.init.uniform_(normed.parametrizations.weight.original0, 0.5, 2.0)
    fused = fuse_weight_norm(normed.state_dict())
    assert sorted(fused) == ["bias", "weight"]
    torch.testing.assert_close(fused["weight"], normed.weight.detach(), rtol=1e-6, atol=1e-7)


def test_half_of_a_weight_norm_is_left_alone():
    lonely = {"up.weight_g": torch.ones(1, 1), "down.weight_v": torch.ones(1, 1)}
    assert fuse_weight_norm(lonely) == lonely


def test_a_generator_has_residual_blocks():
    values = HifiGanSettings().to_dict() | {"resblocks": []}
    with pytest.raises(CheckpointError, match=r"resblocks: .* at least 1 item"):
        HifiGanSettings.from_dict(values)
