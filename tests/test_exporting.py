import gzip
import io
import subprocess
import sys
import zipfile

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from tts_compress.architectures.checkpoints import load_model
from tts_compress.architectures.hifigan import HifiGan, HifiGanSettings, ResblockSettings
from tts_compress.architectures.tacotron2 import Tacotron2, Tacotron2Settings
from tts_compress.errors import ArtifactError
from tts_compress.exporting import SUFFIXES, export, plain_name, save_public_checkpoint
from tts_compress.methods import Magnitude
from tts_compress.methods.base import Context


def tiny():
    torch.manual_seed(0)
    settings = Tacotron2Settings(
        text="phones",
        embedding_dim=24,
        encoder_channels=(24,),
        encoder_lstm_units=(12, 12),
        prenet_units=(8, 8),
        attention_rnn_units=20,
        decoder_rnn_units=20,
        attention_dim=8,
        location_filters=4,
        postnet_channels=(16,),
    )
    return Tacotron2(settings).eval()


def same(one, other):
    """Whether two networks have the same settings and tensors."""
    first, second = one.state_dict(), other.state_dict()
    equal = all(torch.equal(tensor, second[name]) for name, tensor in first.items())
    return one.settings == other.settings and first.keys() == second.keys() and equal


def small_hifigan():
    torch.manual_seed(0)
    return HifiGan(
        HifiGanSettings(
            channels=(8, 4),
            upsample_rates=(4,),
            upsample_kernels=(8,),
            resblocks=(ResblockSettings(kernel=3, inner=(4, 4, 4)),),
        )
    )


@pytest.mark.parametrize(("make", "key"), [(tiny, "state_dict"), (small_hifigan, "generator")])
def test_public_checkpoint(tmp_path, make, key):
    model = make()
    path = tmp_path / "model.pt.gz"
    size = save_public_checkpoint(path, model)
    assert size == path.stat().st_size
    with gzip.open(path) as file:
        contents = torch.load(file, weights_only=True)
    assert contents.keys() == {key, "tts_compress_settings"}
    assert contents[key].keys() == model.as_public(model.state_dict()).keys()
    assert same(load_model(path), model)
    assert [file.name for file in tmp_path.iterdir()] == ["model.pt.gz"]


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_a_generator_loads_into_layers_with_weight_norm_as_upstream_has_them(tmp_path):
    model, public = small_hifigan(), small_hifigan()
    model.resblocks[0].convs1[1].weight.data[2] = 0
    for module in list(public.modules()):
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
            nn.utils.weight_norm(module)
    export(tmp_path / "generator.pth", model)
    contents = torch.load(tmp_path / "generator.pth", weights_only=True)
    public.load_state_dict(contents["generator"])
    mel = torch.randn(1, 80, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(public(mel), model(mel))
    assert same(load_model(tmp_path / "generator.pth"), model)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("make", [tiny, small_hifigan])
def test_every_kind_of_file_is_the_network_with_what_no_tensor_tells(tmp_path, suffix, make):
    path = tmp_path / f"model{suffix}"
    assert export(path, make()) == path.stat().st_size
    assert same(load_model(path), make())
    assert same(load_model(path, ()), make())  # as a recipe without a config
    assert path.read_bytes().startswith(b"\x1f\x8b") == suffix.endswith(".gz")
    first = path.read_bytes()
    export(path, make())
    assert path.read_bytes() == first
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_link_has_a_name_of_its_own(tmp_path):
    (tmp_path / "b10b").touch()
    (tmp_path / "voice.pt").symlink_to("b10b")
    assert plain_name(tmp_path / "voice.pt") == "voice"
    assert plain_name(tmp_path / "folder" / "..") == tmp_path.name


def test_safetensors_are_the_plain_tensors(tmp_path):
    export(tmp_path / "x.safetensors", tiny())
    found, model = load_file(tmp_path / "x.safetensors"), tiny()
    assert found.keys() == model.state_dict().keys()
    assert all(torch.equal(found[name], value) for name, value in model.state_dict().items())


def test_what_cannot_be_exported(tmp_path):
    with pytest.raises(
        ArtifactError, match=r"x\.onnx: no known kind .* Known: \.safetensors, \.pt"
    ):
        export(tmp_path / "x.onnx", tiny())
    for suffix in SUFFIXES:
        with pytest.raises(ArtifactError, match=r"cannot save a Linear"):
            export(tmp_path / f"x{suffix}", nn.Linear(1, 1))
    assert not list(tmp_path.iterdir())


def test_public_checkpoint_has_the_size_of_plain_gzip_and_the_same_bytes_each_time(tmp_path):
    model = tiny()
    Magnitude(sparsity=0.5)(model, Context())
    for level in (1, 6, 9):
        first, second = tmp_path / f"{level}.gz", tmp_path / f"again-{level}.gz"
        size = save_public_checkpoint(first, model, level)
        save_public_checkpoint(second, model, level)
        assert first.read_bytes() == second.read_bytes()
        plain = gzip.decompress(first.read_bytes())
        assert abs(size - len(gzip.compress(plain, level, mtime=0))) <= 64
        assert zipfile.ZipFile(io.BytesIO(plain)).testzip() is None


def test_public_checkpoint_is_the_same_in_another_process(tmp_path):
    there = tmp_path / "there.gz"
    code = (
        "import sys, torch; from tts_compress.exporting import save_public_checkpoint as save\n"
        "from tts_compress.architectures.hifigan import *\n"
        "torch.manual_seed(0)\n"
        "block = ResblockSettings(kernel=3, inner=(4, 4, 4))\n"
        "settings = HifiGanSettings(channels=(8, 4), upsample_rates=(4,), upsample_kernels=(8,), "
        "resblocks=(block,))\n"
        "save(sys.argv[1], HifiGan(settings))"
    )
    subprocess.run([sys.executable, "-c", code, str(there)], check=True)
    save_public_checkpoint(tmp_path / "here.gz", small_hifigan())
    assert there.read_bytes() == (tmp_path / "here.gz").read_bytes()


def test_public_checkpoint_saves_no_more_than_it_shows(tmp_path):
    model = tiny()
    whole = save_public_checkpoint(tmp_path / "whole.gz", model)
    large = torch.randn(100 * 148, 24)
    large[:148] = model.embedding.weight.detach()
    model.embedding.weight = nn.Parameter(large[:148])
    assert save_public_checkpoint(tmp_path / "view.gz", model) == whole
