import gzip
import hashlib
import json
import subprocess
import sys

import pytest
import safetensors.torch
import torch
from torch import nn

import tts_compress
from tts_compress.architectures import ARCHITECTURES, checkpoints
from tts_compress.architectures.checkpoints import (
    build,
    content_hash,
    load_model,
    read_config,
    save_voice,
)
from tts_compress.architectures.fastspeech2 import FastSpeech2
from tts_compress.architectures.hifigan import HifiGan
from tts_compress.architectures.tacotron2 import Tacotron2
from tts_compress.errors import CheckpointError

FILES = {
    "tacotron2": "tacotron2_tiny.pt",
    "fastspeech2": "fastspeech2_tiny.pth.tar",
    "hifigan": "hifigan_tiny.pth.tar",
}


@pytest.fixture(params=FILES)
def model(request, golden):
    return load_model(golden / FILES[request.param])


@pytest.fixture
def tacotron2(public):
    return public(FILES["tacotron2"])["state_dict"]


def speech(model):
    """Everything that a network says to a fixed input."""
    ids, lengths = torch.tensor([[3, 9, 4, 11], [5, 6, 7, 0]]), torch.tensor([4, 3])
    with torch.no_grad():
        if isinstance(model, Tacotron2):
            generator = torch.Generator().manual_seed(0)
            return model.infer(ids, lengths, generator=generator, max_steps=6).mel_postnet
        if isinstance(model, FastSpeech2):
            durations = torch.tensor([[2, 1, 0, 3], [1, 1, 4, 0]])
            return model(ids, lengths, durations=durations).mel_postnet
        return model(torch.linspace(-8, 1, 320).view(1, 80, 4))


def refused(path, message, **options):
    with pytest.raises(CheckpointError, match=message):
        load_model(path, **options)


def test_architecture_is_told_from_the_tensors(golden):
    for name, file in FILES.items():
        model = load_model(golden / file)
        assert type(model) is ARCHITECTURES[name]
        assert not model.training
        assert all(p.dtype == torch.float32 for p in model.parameters())


def test_every_architecture_says_what_it_is(model):
    assert ARCHITECTURES[model.architecture] is type(model)
    assert model.sign in model.state_dict()
    others = [a for a in ARCHITECTURES.values() if a is not type(model)]
    assert all(other.sign not in model.state_dict() for other in others)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_what_is_saved_speaks_the_same(model, tmp_path, legacy, prefix):
    tensors = {prefix + name: tensor for name, tensor in model.state_dict().items()}
    contents = {model.public_key: tensors, "iteration": 1}
    torch.save(contents, tmp_path / "x", _use_new_zipfile_serialization=not legacy)
    assert torch.equal(speech(load_model(tmp_path / "x")), speech(model))
    (tmp_path / "x.gz").write_bytes(gzip.compress((tmp_path / "x").read_bytes(), 1))
    assert torch.equal(speech(load_model(tmp_path / "x.gz")), speech(model))


def test_safetensors_speak_the_same(model, tmp_path):
    safetensors.torch.save_file(model.state_dict(), tmp_path / "x.safetensors")
    assert torch.equal(speech(load_model(tmp_path / "x.safetensors")), speech(model))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_types_are_read_as_float32(tacotron2, tmp_path, dtype):
    halves = {
        name: tensor.to(dtype) if tensor.is_floating_point() else tensor
        for name, tensor in tacotron2.items()
    }
    torch.save(halves, tmp_path / "x.pt")
    loaded = load_model(tmp_path / "x.pt").state_dict()
    assert all(
        torch.equal(loaded[name], tensor.to(loaded[name])) for name, tensor in halves.items()
    )


def test_counters_of_batchnorm_may_be_missing(golden, tacotron2, tmp_path):
    old = {name: t for name, t in tacotron2.items() if not name.endswith("num_batches_tracked")}
    assert len(old) < len(tacotron2)
    torch.save({"state_dict": old}, tmp_path / "x.pt")
    model = load_model(tmp_path / "x.pt")
    assert not model.encoder.convolutions[0][1].num_batches_tracked
    assert torch.equal(speech(model), speech(load_model(golden / FILES["tacotron2"])))


def test_tensors_that_share_memory_are_parted(tmp_path, tacotron2):
    shared = tacotron2["postnet.convolutions.1.0.conv.weight"]
    torch.save({**tacotron2, "postnet.convolutions.2.0.conv.weight": shared}, tmp_path / "x.pt")
    layers = load_model(tmp_path / "x.pt").postnet.convolutions
    layers[1][0].conv.weight.data.zero_()
    assert torch.equal(layers[2][0].conv.weight, shared)


def test_a_shape_that_does_not_fit(tacotron2, tmp_path):
    name = "decoder.attention_rnn.weight_ih"
    torch.save({**tacotron2, name: torch.zeros(160, 64)}, tmp_path / "t2.pt")
    refused(
        tmp_path / "t2.pt",
        rf"t2.pt: '{name}' has shape \(160, 64\), this tacotron2 expects \(160, 48\). Check",
    )


@pytest.mark.parametrize(
    "name", ["decoder.gate_layer.linear_layer.bias", "decoder.decoder_rnn.weight_hh"]
)
def test_a_missing_tensor(tacotron2, tmp_path, name):
    del tacotron2[name]
    torch.save(tacotron2, tmp_path / "x.pt")
    refused(tmp_path / "x.pt", f"x.pt: '{name}' is missing, which every tacotron2 .* has")


def test_an_unexpected_tensor(tacotron2, tmp_path):
    torch.save({**tacotron2, "speaker.weight": torch.ones(1)}, tmp_path / "x.pt")
    refused(tmp_path / "x.pt", "'speaker.weight' has no place in this tacotron2, got 1 such")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_tensor_that_is_not_finite(tacotron2, tmp_path, value):
    tacotron2["decoder.decoder_rnn.weight_hh"][3, 4] = value
    torch.save(tacotron2, tmp_path / "x.pt")
    message = "'decoder.decoder_rnn.weight_hh' is not finite, got 1 NaN or infinite of 9216 values"
    refused(tmp_path / "x.pt", message)


def test_a_tensor_that_is_not_of_a_floating_type(tacotron2, tmp_path):
    tacotron2["embedding.weight"] = torch.zeros(148, 32, dtype=torch.int8)
    torch.save(tacotron2, tmp_path / "x.pt")
    refused(tmp_path / "x.pt", "'embedding.weight' must be of a floating type, got torch.int8")


def test_a_tensor_with_too_few_axes(tacotron2, tmp_path):
    torch.save({**tacotron2, "embedding.weight": torch.ones(148)}, tmp_path / "x.pt")
    refused(tmp_path / "x.pt", "no tacotron2 can be told from its tensors and config")


def test_tensors_of_no_known_architecture(tmp_path):
    torch.save({"discriminators.0.convs.0.bias": torch.ones(1)}, tmp_path / "x.pt")
    refused(
        tmp_path / "x.pt",
        "tensors of no known architecture, such as 'discriminators.0.convs.0.bias'. "
        "Known: fastspeech2, hifigan, tacotron2.",
    )


def test_another_architecture_than_wanted(golden):
    path = golden / FILES["hifigan"]
    assert isinstance(load_model(path, architecture="hifigan"), HifiGan)
    refused(path, "is wanted, 'tacotron2', got 'hifigan'. Give another", architecture="tacotron2")


def test_a_device_that_is_not_there(golden):
    path = golden / FILES["hifigan"]
    refused(path, r"device: cannot use 'warp' \(.*\). Use cpu", device="warp")


@pytest.mark.parametrize("file", ["model.yaml", "model.json"])
def test_heads_of_a_config(golden, tmp_path, file):
    config = tmp_path / file
    config.write_text('{"transformer": {"encoder_head": 4, "decoder_head": 1}}')
    settings = load_model(golden / FILES["fastspeech2"], config).settings
    assert [block.heads for block in settings.encoder + settings.decoder] == [4, 4, 1, 1]
    config.write_text('{"transformer": {"decoder_head": 5}}')
    refused(
        golden / FILES["fastspeech2"],
        r"fastspeech2_tiny.pth.tar: config: transformer.decoder_head: 32 rows .*, got 5. Give",
        config=config,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("transformer: 3", "no fastspeech2 can be told from its tensors and config"),
        ("transformer: {encoder_head: two}", "no fastspeech2 can be told"),
        ("transformer: {encoder_dropout: much}", "dropout: .* got 'much'. Check its config"),
        ("preprocessing: {pitch: {feature: word_level}}", "pitch_level: .* got 'word'"),
        ("- 1", r"model.yaml: must hold names and values, got \[1\]"),
        ("{", "model.yaml: neither YAML nor JSON"),
        ("#" * 2**21, "model.yaml: too large for a config"),
    ],
)
def test_a_wrong_config(golden, tmp_path, text, message):
    (tmp_path / "model.yaml").write_text(text)
    refused(golden / FILES["fastspeech2"], message, config=tmp_path / "model.yaml")


def test_a_missing_config(golden, tmp_path):
    path = golden / FILES["fastspeech2"]
    refused(path, "model.yaml: no such file. Check the path", config=[tmp_path / "model.yaml"])


def test_folders_that_are_no_voice(tmp_path):
    message = "no voice, which has config.json and model.safetensors"
    refused(tmp_path, message)
    (tmp_path / "config.json").write_text("{}")
    refused(tmp_path, message)
    refused(tmp_path / "nowhere", "nowhere: no such file")


def test_a_voice_speaks_the_same(model, tmp_path):
    save_voice(tmp_path / "voice", model, dtype=torch.float32)
    loaded = load_model(tmp_path / "voice")
    assert loaded.settings == model.settings
    assert torch.equal(speech(loaded), speech(model))
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == {name for name, p in loaded.named_parameters() if not p.requires_grad}


def test_a_voice_of_half_precision_keeps_tables_and_statistics(model, tmp_path):
    save_voice(tmp_path, model)
    loaded = load_model(tmp_path).state_dict()
    for name, tensor in model.state_dict().items():
        exact = name.endswith(("position_enc", "_bins", "running_mean", "running_var"))
        kept = tensor if exact else tensor.half().to(tensor.dtype)
        assert torch.equal(loaded[name], kept), name


def test_the_weights_file_of_a_voice_stands_for_the_voice(golden, tmp_path):
    model = load_model(golden / FILES["tacotron2"])
    model.settings = model.settings.model_copy(update={"text": "phones"})
    save_voice(tmp_path, model)
    assert load_model(tmp_path / "model.safetensors").settings.text == "phones"


def test_a_voice_is_the_same_bytes_every_time(model, tmp_path):
    text, extra = {"symbols": "phones"}, {"audio": {"sample_rate": 22050}}
    for name in ("a", "b"):
        save_voice(tmp_path / name, model, text=text, extra=extra)
    assert content_hash(tmp_path / "a") == content_hash(tmp_path / "b")
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == [
        "config.json",
        "model.safetensors",
    ]
    assert read_config(tmp_path / "a") == {
        "architecture": model.architecture,
        "settings": model.settings.to_dict(),
        "text": text,
        "audio": {"sample_rate": 22050},
    }


def test_saving_over_a_voice_keeps_its_card(model, tmp_path):
    (tmp_path / "CARD.md").write_text("a card")
    save_voice(tmp_path, model)
    save_voice(tmp_path, model, dtype=torch.float32)
    assert (tmp_path / "CARD.md").read_text() == "a card"
    assert torch.equal(speech(load_model(tmp_path)), speech(model))


def test_saving_what_does_not_fit(golden, tmp_path):
    with pytest.raises(CheckpointError, match=r"cannot save a Linear\. Known: tacotron2,"):
        save_voice(tmp_path / "voice", nn.Linear(2, 2))
    model = load_model(golden / FILES["hifigan"])
    model.conv_post.bias.data.fill_(1e5)
    with pytest.raises(CheckpointError, match=r"'conv_post.bias' has values .* in torch.float16"):
        save_voice(tmp_path / "voice", model)
    assert not (tmp_path / "voice").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "hifigen"}, "architecture: unknown, got 'hifigen'. Did you mean"),
        ({"architecture": ["hifigan"]}, "architecture: unknown, got"),
        ({"settings": None}, "settings: must be names and values, got None"),
        ({"settings": {"n_melz": 80}}, "settings: n_melz: extra inputs .* Known: ranks, n_mels"),
        ({"settings": {"channels": []}}, "no hifigan can be built from its settings"),
        ({"settings": {"channels": [10**6] * 5}}, r"'conv_pre.weight' has shape \(32, 80, 7\)"),
        ({"settings": {}}, r"'conv_pre.weight' has shape .* expects \(512, 80, 7\)"),
    ],
)
def test_a_wrong_voice_config(golden, tmp_path, change, message):
    save_voice(tmp_path, load_model(golden / FILES["hifigan"]))
    config = read_config(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    refused(tmp_path, message)


def test_a_voice_with_damaged_weights(golden, tmp_path):
    save_voice(tmp_path, load_model(golden / FILES["hifigan"]))
    weights = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights[:-5])
    refused(tmp_path, "model.safetensors: damaged safetensors file")


def test_a_file_of_another_kind_is_left_to_its_reader(monkeypatch, tmp_path, golden):
    model = load_model(golden / FILES["hifigan"]).train()
    reader = {tmp_path / "x": model}.__getitem__
    monkeypatch.setitem(checkpoints.FILE_READERS, b"magic", reader)
    (tmp_path / "x").write_bytes(b"magic and more")
    assert load_model(tmp_path / "x") is model
    assert not model.training


def test_build_takes_settings_and_tensors(model):
    again = build(model.settings, model.state_dict(), "here")
    assert torch.equal(speech(again), speech(model))
    with pytest.raises(CheckpointError, match=r"^here: '.*' is missing"):
        build(model.settings, {}, "here")


def test_hash_of_a_file_and_of_a_folder(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c.json").write_bytes(b"{}")
    (tmp_path / "a.bin").write_bytes(b"abc")
    assert content_hash(tmp_path / "a.bin") == hashlib.sha256(b"abc").hexdigest()
    lines = "".join(
        f"{hashlib.sha256(contents).hexdigest()}  {name}\n"
        for name, contents in (("a.bin", b"abc"), ("b/c.json", b"{}"))
    )
    before = content_hash(tmp_path)
    assert before == hashlib.sha256(lines.encode()).hexdigest()
    (tmp_path / "CARD.md").write_text("for people")
    assert content_hash(tmp_path) == before
    (tmp_path / "a.bin").rename(tmp_path / "z.bin")
    assert content_hash(tmp_path) != before
    with pytest.raises(CheckpointError, match="nowhere: no such file or folder"):
        content_hash(tmp_path / "nowhere")


def test_the_package_offers_load_model_without_importing_torch():
    assert tts_compress.load_model is checkpoints.load_model
    with pytest.raises(AttributeError, match="no attribute 'lode_model'"):
        _ = tts_compress.lode_model
    code = "import sys, tts_compress; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_loading_does_not_import_the_compiler_of_torch(golden):
    """Its import takes longer than all else that a command does before it works."""
    code = (
        "import sys; from tts_compress import load_model;"
        "[load_model(path) for path in sys.argv[1:]]; assert 'torch._dynamo' not in sys.modules"
    )
    files = [golden / file for file in FILES.values()]
    subprocess.run([sys.executable, "-c", code, *files], check=True)
