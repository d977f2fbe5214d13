import gzip
import io
import json
import subprocess
import sys
import zipfile

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tts_compress import artifact
from tts_compress.architectures.checkpoints import content_hash, load_model
from tts_compress.architectures.hifigan import HifiGan, HifiGanSettings, ResblockSettings
from tts_compress.architectures.tacotron2 import Tacotron2, Tacotron2Settings
from tts_compress.errors import ArtifactError
from tts_compress.methods import Magnitude
from tts_compress.methods.base import Change, Context
from tts_compress.recipe import Checkpoint, Evaluate, Run

TINY = Tacotron2Settings(
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


def tiny():
    torch.manual_seed(0)
    return Tacotron2(TINY).eval()


def same(one, other):
    """Whether two networks have the same tensors to the bit."""
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(
        torch.equal(a.contiguous().view(torch.uint8), second[n].contiguous().view(torch.uint8))
        if a.dim()
        else torch.equal(a, second[n])
        for n, a in first.items()
    )


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs" / "artifact"


@settings(max_examples=15, deadline=None)
@given(sparsity=st.floats(0, 1, exclude_max=True), scope=st.sampled_from(["global", "tensor"]))
def test_every_bit_and_every_zero_comes_back(tmp_path_factory, sparsity, scope):
    folder = tmp_path_factory.mktemp("artifact") / "a"
    model = tiny()
    changes = Magnitude(sparsity=sparsity, scope=scope)(model, Context())
    with torch.no_grad():
        model.embedding.weight[0, 0] = -0.0
    saved = artifact.save(folder, model, changes)
    found = artifact.load_model(folder)
    assert same(model, found)
    assert not found.training
    assert saved.n_bytes == sum(file.stat().st_size for file in folder.iterdir())
    assert artifact.load(folder) == saved
    ids, lengths = torch.tensor([[3, 4, 5]]), torch.tensor([3])
    one, other = (
        m.infer(ids, lengths, prenet_dropout=False, max_steps=4).mel_postnet for m in (model, found)
    )
    assert torch.equal(one, other)


def test_pruned_is_smaller_on_disk(tmp_path):
    dense = artifact.save(tmp_path / "dense", tiny(), ())
    sizes = [dense.n_bytes]
    for sparsity in (0.1, 0.5, 0.9):
        model = tiny()
        changes = Magnitude(sparsity=sparsity)(model, Context())
        sizes.append(artifact.save(tmp_path / f"{sparsity}", model, changes).n_bytes)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 0.6 * sizes[0]


def test_same_network_same_bytes(tmp_path):
    for name in ("one", "another"):
        artifact.save(tmp_path / name, tiny(), [Change("x", None, {"n_zero": 1})])
    for file in ("model.safetensors", "manifest.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "another" / file).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["another", "one"]


def test_manifest(folder):
    run = Run(
        model=Checkpoint(path="m", sha256=("ab",)),
        stages=(Magnitude(sparsity=0.5),),
        evaluate=Evaluate(sentences=("One.",)),
        name="magnitude 50 %",
    )
    model = tiny()
    artifact.save(folder, model, run.stages[0](model, Context()), run=run)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["format"] == 1
    assert manifest["architecture"] == "tacotron2"
    assert Tacotron2Settings(**manifest["settings"]) == TINY
    assert manifest["sha256"] == content_hash(folder / "model.safetensors")
    assert manifest["run"]["id"] == run.id
    assert manifest["run"]["model"] == ["ab"]
    assert manifest["run"]["stages"][0]["sparsity"] == 0.5
    assert manifest["changes"][0]["layer"] == "embedding.weight"
    assert manifest["tensors"]["embedding.weight"] == {
        "encoding": "bitmask",
        "shape": [148, 24],
        "parts": ["mask", "values"],
    }


def test_load_model_reads_artifacts(folder):
    model = tiny()
    artifact.save(folder, model, ())
    assert same(load_model(folder), model)


def test_a_failed_save_leaves_nothing(folder, monkeypatch):
    monkeypatch.setattr(artifact, "content_hash", lambda path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        artifact.save(folder, tiny(), ())
    assert list(folder.parent.iterdir()) == []


def test_what_cannot_be_saved(folder, tmp_path):
    with pytest.raises(ArtifactError, match=r"artifact: cannot save a Linear\. Known: tacotron2"):
        artifact.save(folder, nn.Linear(1, 1), ())
    with pytest.raises(ArtifactError, match=r"x\.gz: cannot save a Linear"):
        artifact.save_public_checkpoint(tmp_path / "x.gz", nn.Linear(1, 1))
    with pytest.raises(ArtifactError, match=r"exists already\. Remove it or choose another"):
        artifact.save(tmp_path, tiny(), ())


@pytest.mark.parametrize("file", ["model.safetensors", "manifest.json"])
def test_missing_file(folder, file):
    artifact.save(folder, tiny(), ())
    (folder / file).unlink()
    with pytest.raises(ArtifactError, match=r"artifact: no artifact, manifest\.json or model\.saf"):
        artifact.load(folder)


def test_altered_tensors(folder):
    artifact.save(folder, tiny(), ())
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-5] ^= 1
    for content in (whole[:-1], b"", whole + b"\0", bytes(flipped)):
        path.write_bytes(content)
        with pytest.raises(
            ArtifactError, match=r"model\.safetensors: truncated or altered, got SHA"
        ):
            artifact.load_model(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"manifest\.json: truncated or altered"),
        ("[" * 100_000, r"manifest\.json: truncated or altered"),
        ("[]", r"manifest\.json: no manifest of an artifact, got format None"),
        ('{"format": "1"}', r"no manifest of an artifact, got format '1'"),
        (
            '{"format": 2}',
            r"manifest\.json: format 2, this version reads 1 to 1\. Upgrade tts_comp",
        ),
        ('{"format": 1}', r"model\.safetensors: truncated or altered, got SHA-256 \w+, the manif"),
    ],
)
def test_altered_manifest(folder, content, message):
    artifact.save(folder, tiny(), ())
    (folder / "manifest.json").write_text(content)
    with pytest.raises(ArtifactError, match=message):
        artifact.load_model(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"architecture": "tacotron"},
            r"architecture: unknown, got 'tacotron'\. Did you mean 'tac",
        ),
        ({"architecture": ["a"]}, r"manifest\.json: architecture: unknown, got"),
        ({"settings": {"n_mel": 80}}, r"manifest\.json: settings: n_mel: extra .*Known: text"),
        ({"settings": None}, r"manifest\.json: settings: "),
        ({"tensors": None}, r"manifest\.json: lacks or misstates"),
        ({"tensors": {}}, r"manifest\.json: tensors: '.*' is missing"),
        ({"tensors": {"x": {"parts": ["values"]}}}, r"lacks or misstates 'x:values'"),
        ({"tensors": {"x": []}}, r"lacks or misstates list indices"),
    ],
)
def test_manifest_that_misstates(folder, change, message):
    artifact.save(folder, tiny(), ())
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ArtifactError, match=message):
        artifact.load_model(folder)


def test_forged_shape_is_refused_before_memory_is_taken(folder):
    model = tiny()
    artifact.save(folder, model, Magnitude(sparsity=0.9)(model, Context()))
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["tensors"]["embedding.weight"]["shape"] = [2**60]
    path.write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match=r"manifest\.json: embedding\.weight: its parts do not"):
        artifact.load_model(folder)


def test_file_that_is_no_safetensors(folder):
    artifact.save(folder, tiny(), ())
    weights, path = folder / "model.safetensors", folder / "manifest.json"
    weights.write_bytes(b"no tensors at all")
    manifest = json.loads(path.read_text()) | {"sha256": content_hash(weights)}
    path.write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match=r"manifest\.json: lacks or misstates"):
        artifact.load_model(folder)


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
    size = artifact.save_public_checkpoint(path, model)
    assert size == path.stat().st_size
    with gzip.open(path) as file:
        contents = torch.load(file, weights_only=True)
    assert contents.keys() == {key, "tts_compress_settings"}
    assert contents[key].keys() == model.state_dict().keys()
    assert same(load_model(path), model)
    assert [file.name for file in tmp_path.iterdir()] == ["model.pt.gz"]


def test_public_checkpoint_keeps_what_no_tensor_tells(tmp_path):
    model = tiny()
    model.settings = model.settings.model_copy(update={"text": "phones"})
    artifact.save_public_checkpoint(tmp_path / "model.pt.gz", model)
    assert load_model(tmp_path / "model.pt.gz").settings.text == "phones"


def test_public_checkpoint_has_the_size_of_plain_gzip_and_the_same_bytes_each_time(tmp_path):
    model = tiny()
    Magnitude(sparsity=0.5)(model, Context())
    for level in (1, 6, 9):
        first, second = tmp_path / f"{level}.gz", tmp_path / f"again-{level}.gz"
        size = artifact.save_public_checkpoint(first, model, level)
        artifact.save_public_checkpoint(second, model, level)
        assert first.read_bytes() == second.read_bytes()
        plain = gzip.decompress(first.read_bytes())
        assert abs(size - len(gzip.compress(plain, level, mtime=0))) <= 64
        assert zipfile.ZipFile(io.BytesIO(plain)).testzip() is None


def test_public_checkpoint_is_the_same_in_another_process(tmp_path):
    there = tmp_path / "there.gz"
    code = (
        "import sys, torch; from tts_compress.artifact import save_public_checkpoint as save\n"
        "from tts_compress.architectures.hifigan import *\n"
        "torch.manual_seed(0)\n"
        "block = ResblockSettings(kernel=3, inner=(4, 4, 4))\n"
        "settings = HifiGanSettings(channels=(8, 4), upsample_rates=(4,), upsample_kernels=(8,), "
        "resblocks=(block,))\n"
        "save(sys.argv[1], HifiGan(settings))"
    )
    subprocess.run([sys.executable, "-c", code, str(there)], check=True)
    artifact.save_public_checkpoint(tmp_path / "here.gz", small_hifigan())
    assert there.read_bytes() == (tmp_path / "here.gz").read_bytes()


def test_public_checkpoint_saves_no_more_than_it_shows(tmp_path):
    model = tiny()
    whole = artifact.save_public_checkpoint(tmp_path / "whole.gz", model)
    large = torch.randn(100 * 148, 24)
    large[:148] = model.embedding.weight.detach()
    model.embedding.weight = nn.Parameter(large[:148])
    assert artifact.save_public_checkpoint(tmp_path / "view.gz", model) == whole
