import builtins
import copy
import hashlib
import itertools
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.networks import GOLDEN, golden_network
from tts_compress import artifact, container
from tts_compress.architectures.checkpoints import load_model, skeleton
from tts_compress.architectures.fastspeech2 import FastSpeech2Settings
from tts_compress.architectures.hifigan import HifiGan, HifiGanSettings, ResblockSettings
from tts_compress.architectures.tacotron2 import Tacotron2, Tacotron2Settings
from tts_compress.errors import ArtifactError, CheckpointError
from tts_compress.methods import Magnitude
from tts_compress.methods.base import Change, Context
from tts_compress.quantized import Codebook, MultiBit, Scaled, Uniform, matrix_shape
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
def path(tmp_path):
    return tmp_path / "model.ttsz"


def forge(path, **entries):
    """Changes the manifest of an artifact, and makes its checksums right."""
    contents = container.read(path)
    blocks = [contents.block(number) for number in range(len(contents.places))]
    container.write(path, contents.manifest | entries, blocks)


def bare(path):
    """Writes an artifact and gives the places of its tensors."""
    artifact.save(path, tiny())
    return artifact.load(path).manifest["tensors"]


@settings(max_examples=5, deadline=None)
@given(sparsity=st.floats(0, 1, exclude_max=True), scope=st.sampled_from(["global", "tensor"]))
def test_every_bit_and_every_zero_comes_back(tmp_path_factory, sparsity, scope):
    path = tmp_path_factory.mktemp("artifact") / "a.ttsz"
    model = tiny()
    changes = Magnitude(sparsity=sparsity, scope=scope)(model, Context())
    with torch.no_grad():
        model.embedding.weight[0, 0] = -0.0
    saved = artifact.save(path, model, changes)
    found = artifact.load_model(path)
    assert same(model, found)
    assert not found.training
    assert saved.n_bytes == path.stat().st_size
    assert artifact.load(path) == saved
    ids, lengths = torch.tensor([[3, 4, 5]]), torch.tensor([3])
    one, other = (
        m.infer(ids, lengths, prenet_dropout=False, max_steps=4).mel_postnet for m in (model, found)
    )
    assert torch.equal(one, other)


def test_pruned_is_smaller_on_disk(tmp_path):
    dense = artifact.save(tmp_path / "dense", tiny())
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
    assert (tmp_path / "one").read_bytes() == (tmp_path / "another").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["another", "one"]


CHANGE = {"layer": "x", "spec": None, "stats": {"n_zero": 1}}


def levels(name, model):
    """Makes a weight eight levels of a half, and gives these."""
    weight = model.get_parameter(name)
    form = Uniform((16 * weight.detach()).round().clamp(-4, 3).short(), torch.tensor([[0.5]]))
    weight.data.copy_(form.dense())
    return form


def test_what_tensors_were_made_of_comes_back(path):
    model = tiny()
    form = levels("embedding.weight", model)
    dense = artifact.save(path, model).n_bytes
    saved = artifact.save(path, model, quantized={"embedding.weight": form})
    assert saved.n_bytes < dense
    assert same(artifact.load_model(path), model)
    found = artifact.quantized(path)
    assert found.keys() == {"embedding.weight"}
    assert torch.equal(found["embedding.weight"].levels, form.levels)
    assert torch.equal(artifact.tensor(path, "embedding.weight"), form.dense())
    again, forms = artifact.load_quantized(path)
    assert same(again, model)
    assert forms.keys() == found.keys()
    assert torch.equal(forms["embedding.weight"].levels, form.levels)


def test_a_tensor_must_be_what_it_was_quantized_to(path):
    model = tiny()
    form = levels("embedding.weight", model)
    with torch.no_grad():
        model.embedding.weight[1, 1] += 1e-3
    with pytest.raises(ArtifactError, match=r"'embedding\.weight' is not what it was quantized to"):
        artifact.save(path, model, quantized={"embedding.weight": form})
    assert not path.exists()


def test_one_tensor_is_read_though_others_are_altered(path):
    model = tiny()
    places = bare(path)
    name = next(name for name, place in places.items() if place and place[0] == 1)
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    assert torch.equal(artifact.tensor(path, name), model.get_parameter(name))
    with pytest.raises(ArtifactError, match=r"model\.ttsz: block \d is altered, got CRC-32"):
        artifact.load_model(path)
    with pytest.raises(ArtifactError, match=r"no tensor 'embeding\.weight'\. Did you mean 'embedd"):
        artifact.tensor(path, "embeding.weight")


def test_tensors_come_block_by_block(path):
    model = tiny()
    places = bare(path)
    found = dict(artifact.tensors(path))
    assert found.keys() == model.state_dict().keys()
    assert all(torch.equal(found[name], value) for name, value in model.state_dict().items())
    numbers = [places[name][0] if places[name] else len(places) for name in found]
    assert numbers == sorted(numbers)
    sizes = {name: tensor.numel() for name, tensor in found.items() if places[name]}
    own = [name for name in sizes if places[name][0] > 0]
    assert min(sizes[name] for name in own) >= artifact.OWN_BLOCK
    assert len({places[name][0] for name in own}) == len(own)


def test_what_the_network_computes_is_not_stored(path):
    model = golden_network("fastspeech2")
    for name in ("encoder", "decoder"):
        getattr(model, name).position_enc.data = getattr(model, name).table()
    counter = model.postnet.convolutions[1][1].num_batches_tracked
    counter.fill_(7)
    artifact.save(path, model)
    places = artifact.load(path).manifest["tensors"]
    computed = [name for name, place in places.items() if place is None]
    assert {"encoder.position_enc", "decoder.position_enc"} <= set(computed)
    assert "postnet.convolutions.1.1.num_batches_tracked" not in computed
    assert same(artifact.load_model(path), model)
    assert torch.equal(artifact.tensor(path, computed[0]), model.get_parameter(computed[0]))
    with torch.no_grad():
        model.encoder.position_enc[0, 5, 5] += 1e-7
    artifact.save(path, model)
    assert artifact.load(path).manifest["tensors"]["encoder.position_enc"]
    assert same(artifact.load_model(path), model)


def test_manifest(path):
    run = Run(
        model=Checkpoint(path="m", sha256=("ab",)),
        stages=(Magnitude(sparsity=0.5),),
        evaluate=Evaluate(sentences=("One.",)),
        name="magnitude 50 %",
    )
    model = tiny()
    before = {"label": "channels 20 %", "method": "channels"}
    changes = run.stages[0](model, Context())
    artifact.save(path, model, changes, run=run, history=[before])
    manifest = artifact.load(path).manifest
    assert manifest["architecture"] == "tacotron2"
    assert Tacotron2Settings(**manifest["settings"]) == TINY
    n_weights = sum(parameter.numel() for parameter in model.parameters())
    assert manifest["summary"] == (
        f"A tacotron2 of {n_weights:,} weights, compressed: channels 20 %, magnitude 50 %."
    )
    assert manifest["history"][0] == before
    assert manifest["history"][1]["label"] == "magnitude 50 %"
    assert manifest["history"][1]["sparsity"] == 0.5
    assert manifest["history"] == artifact.history(path)
    assert manifest["run"] == {"id": run.id, "model": ["ab"]}
    assert manifest["changes"][0]["layer"] == "embedding.weight"
    assert manifest["tensors"]["embedding.weight"][1]["shape"] == [148, 24]


def test_stats_are_kept_to_five_digits(path):
    stats = {"n_zero": 123456789, "error": 0.123456789, "none": float("nan")}
    artifact.save(path, tiny(), [Change("x", {"rank": 2}, stats)])
    change = {"layer": "x", "spec": {"rank": 2}, "stats": {"n_zero": 123456789, "error": 0.12346}}
    assert artifact.load(path).manifest["changes"] == [change]


def test_what_a_packed_model_was_made_of_stays_where_stages_only_pruned(path, tmp_path):
    model, names = tiny(), ("embedding.weight", "decoder.prenet.layers.0.linear_layer.weight")
    forms = {name: levels(name, model) for name in names}
    artifact.save(path, model, quantized=forms)
    run = Run(
        model=Checkpoint(path=path, sha256=("ab",)),
        stages=(Magnitude(sparsity=0.5, include=names[:1]),),
        evaluate=Evaluate(sentences=("One.",)),
        name="magnitude 50 %",
    )
    pruned, after = artifact.load_model(path), tmp_path / "pruned.ttsz"
    run.stages[0](pruned, Context())
    artifact.save(after, pruned, run=run)
    assert same(artifact.load_model(after), pruned)
    found = artifact.quantized(after)
    assert found.keys() == forms.keys()
    zeros = pruned.embedding.weight == 0
    assert torch.equal(found[names[0]].levels, forms[names[0]].levels.masked_fill(zeros, 0))
    assert torch.equal(found[names[1]].levels, forms[names[1]].levels)
    with torch.no_grad():
        pruned.get_parameter(names[1])[0, 0] += 1e-3
    message = r"ttsz: 1 of 2 tensors that it holds as integers got other values, such as 'decoder"
    with pytest.warns(artifact.LostIntegersWarning, match=message):
        artifact.save(after, pruned, run=run)
    assert artifact.quantized(after).keys() == artifact.quantized_names(after) == {names[0]}


def test_other_checkpoints_have_no_history(tmp_path):
    assert artifact.history(tmp_path) == []
    assert artifact.history(GOLDEN / "tacotron2_tiny.pt") == []


def test_load_model_reads_artifacts_by_content(tmp_path):
    artifact.save(tmp_path / "any.name", tiny())
    assert same(load_model(tmp_path / "any.name"), tiny())


def test_any_checkpoint_is_packed_and_a_packed_one_keeps_what_was_done(tmp_path):
    public = GOLDEN / "tacotron2_tiny.pt"
    artifact.pack_checkpoint(tmp_path / "a.ttsz", public)
    model = load_model(public)
    assert same(load_model(tmp_path / "a.ttsz"), model)
    assert artifact.load(tmp_path / "a.ttsz").manifest["summary"].endswith("not compressed.")
    form = levels("embedding.weight", model)
    change = Change("embedding.weight", None, {"n_levels": 8})
    stages = [{"label": "uniform 3 bits"}]
    forms = {"embedding.weight": form}
    artifact.save(tmp_path / "b.ttsz", model, [change], quantized=forms, history=stages)
    artifact.pack_checkpoint(tmp_path / "c.ttsz", tmp_path / "b.ttsz")
    assert (tmp_path / "b.ttsz").read_bytes() == (tmp_path / "c.ttsz").read_bytes()


def test_a_failed_save_leaves_what_was_there(path, monkeypatch):
    artifact.save(path, tiny())
    before = path.read_bytes()
    with pytest.raises(TypeError):
        artifact.save(path, tiny(), history=[{"label": object()}])
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["model.ttsz"]


def test_what_cannot_be_saved(path):
    with pytest.raises(
        ArtifactError, match=r"model\.ttsz: cannot save a Linear\. Known: tacotron2"
    ):
        artifact.save(path, nn.Linear(1, 1))


def test_loading_unpickles_and_runs_nothing(path, monkeypatch):
    def refused(*_, **__):
        raise AssertionError("runs what a file may say")

    artifact.save(path, tiny())
    artifact.load_model(path)  # imports what it needs
    names = [(pickle, "Unpickler"), (pickle, "load"), (pickle, "loads"), (torch, "load")]
    for module, name in [*names, (builtins, "exec"), (builtins, "eval"), (builtins, "compile")]:
        monkeypatch.setattr(module, name, refused)
    artifact.load_model(path)


def test_the_folder_of_an_older_version(tmp_path):
    for name in ("manifest.json", "model.safetensors"):
        (tmp_path / name).touch()
    with pytest.raises(CheckpointError, match=r"artifact of an older version.* Run the recipe aga"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"architecture": "tacotron"},
            r"architecture: unknown, got 'tacotron'\. Did you mean 'tac",
        ),
        ({"architecture": ["a"]}, r"model\.ttsz: architecture: must be a text, got \['a'\]\. Save"),
        ({"settings": {"n_mel": 80}}, r"model\.ttsz: settings: n_mel: extra .*Known: .*text"),
        ({"settings": None}, r"settings: must be names and values, got None"),
        ({"settings": {"n_mels": -1}}, r"settings: no tacotron2 can be built"),
        ({"settings": {"n_mels": 10**30}}, r"settings: no tacotron2 can be built"),
        ({"settings": {"encoder_channels": [1] * 5000}}, r"\(more tensors than the 49 of the file"),
        ({"tensors": None}, r"tensors: must be names and values, got None"),
        ({"tensors": {}}, r"more tensors than the 0 of the file"),
        ({"history": {}}, r"history: must be a list, got \{\}"),
        ({"history": [{}]}, r"history: must be of stages with labels, got "),
        ({"history": [{"label": 5}]}, r"history: must be of stages with labels, got "),
        ({"changes": [{"layer": "x"}]}, r"changes: must be of tensors, got "),
        *(
            ({"changes": [CHANGE | entry]}, r"changes: must be of tensors, got ")
            for entry in (
                {"layer": 1},
                {"spec": []},
                {"stats": None},
                {"stats": {"n": "1"}},
                {"stats": {"n": True}},
                {"stats": {"n": 10**400}},
            )
        ),
    ],
)
def test_a_manifest_that_misstates(path, change, message):
    artifact.save(path, tiny())
    forge(path, **change)
    with pytest.raises(ArtifactError, match=message) as caught:
        artifact.load_model(path)
    assert str(caught.value).startswith(f"{path}: ")


NO_PLACE = r"tensors: must say the block and form of 'embedding\.weight', got \["


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (
            None,
            r"tensors: must say the block of 'embedding\.weight', which nothing computes",
        ),
        ([0], NO_PLACE),
        (
            [-1, {"shape": [148, 24]}],
            NO_PLACE,
        ),
        (
            [99, {"shape": [148, 24]}],
            NO_PLACE,
        ),
        (
            [True, {"shape": [148, 24]}],
            NO_PLACE,
        ),
        ([0, []], NO_PLACE),
        (
            [0, {"shape": 148}],
            NO_PLACE,
        ),
        (
            [0, {"shape": [148, True]}],
            NO_PLACE,
        ),
        (
            [0, {"shape": [148, 25]}],
            r"'embedding\.weight' has shape \(148, 25\), this tacotron2 exp",
        ),
        ([0, {"shape": [2**60]}], r"'embedding\.weight' has shape \(1152921504606846976,\), this"),
        ([0, {"shape": [148, 24]}], r"model\.ttsz: "),
    ],
)
def test_a_place_that_misstates(path, place, message):
    places = bare(path)
    forge(path, tensors=places | {"embedding.weight": place})
    with pytest.raises(ArtifactError, match=message) as caught:
        artifact.load_model(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_tensors_that_are_missing_or_too_many(path):
    places = bare(path)
    forge(path, tensors=places | {"x": None})
    with pytest.raises(ArtifactError, match=r"'x' has no place in this tacotron2"):
        artifact.load_model(path)
    renamed = {("y" if name == "embedding.weight" else name): places[name] for name in places}
    forge(path, tensors=renamed)
    with pytest.raises(ArtifactError, match=r"'embedding\.weight' is missing in this tacotron2"):
        artifact.load_model(path)


def test_no_table_is_computed_that_dwarfs_what_is_stored(path):
    """Else a few bytes could ask for any amount of memory."""
    artifact.save(path, golden_network("fastspeech2"))
    manifest = artifact.load(path).manifest
    places = manifest["tensors"] | {"encoder.position_enc": None, "decoder.position_enc": None}
    forge(path, tensors=places, settings=manifest["settings"] | {"n_positions": 10**12})
    with pytest.raises(ArtifactError, match="holds too little of its tensors"):
        artifact.load_model(path)


@pytest.fixture
def positions(path):
    """Writes an artifact whose tables of positions are computed, and gives its manifest."""
    model = golden_network("fastspeech2")
    for stack in (model.encoder, model.decoder):
        stack.position_enc.data = stack.table()
    artifact.save(path, model)
    return artifact.load(path).manifest


def test_no_table_is_computed_before_its_widths_are_found_in_the_blocks(path, positions):
    """Else a file that claims a width of millions takes gigabytes to refuse."""
    settings, places = positions["settings"] | {"hidden": 10**7}, positions["tensors"]
    shapes = skeleton(FastSpeech2Settings(**settings), path).state_dict()
    for name, place in places.items():
        if place:
            place[1]["shape"] = list(shapes[name].shape)
    forge(path, tensors=places, settings=settings)
    for read in (artifact.load_model, lambda path: artifact.tensor(path, "encoder.position_enc")):
        with pytest.raises(ArtifactError, match="block 0: cannot be decoded, got data of"):
            read(path)


def test_columns_of_positions_must_be_as_many_as_features(path, positions):
    columns = {"dim": 32, "columns": [0, 1, 2]}
    forge(path, settings=positions["settings"] | {"positions": columns})
    with pytest.raises(ArtifactError, match=r"\(positions has 3 columns, of \d+ hidden features\)"):
        artifact.load_model(path)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small file of weights with every kind of table, taken apart: (path, manifest, blocks)."""
    block = ResblockSettings(kernel=3, dilations=(1,), inner=(4,))
    settings = HifiGanSettings(
        channels=(16, 8), upsample_rates=(4,), upsample_kernels=(8,), resblocks=(block,)
    )
    model = HifiGan(settings).eval()
    forms, kinds = {}, itertools.cycle((uniform, scaled, codebook, multibit))
    weights = [(name, weight) for name, weight in model.named_parameters() if weight.dim() > 1]
    for (name, weight), make in zip(weights, kinds, strict=False):
        forms[name] = make((20 * weight.detach()).round().clamp(-2, 2).short())
        weight.data.copy_(forms[name].dense())
    path = tmp_path_factory.mktemp("small") / "x.ttsz"
    artifact.save(path, model, quantized=forms)
    assert artifact.quantized(path).keys() == forms.keys()
    assert same(artifact.load_model(path), model)
    contents = container.read(path)
    blocks = [contents.block(number) for number in range(len(contents.places))]
    return path.with_name("hostile.ttsz"), contents.manifest, blocks


def uniform(levels):
    return Uniform(levels, torch.full((len(levels), 1), 0.5))


def scaled(levels):
    sizes = matrix_shape(levels.shape)
    return Scaled(levels, torch.tensor(0.5), *((torch.arange(n) % 5 - 2).char() for n in sizes))


def codebook(levels):
    return Codebook(levels, torch.tensor([[-1.5, -0.5, 0.0, 0.25, 1.0]]))


def multibit(levels):
    return MultiBit(levels, torch.tensor([[[0.5]], [[0.25]]]))


def loads_or_says_why(path):
    """A hostile file may hold a network; else it is one line that says which file it is."""
    message = f"{path}: loads"
    try:
        artifact.load_model(path)
    except ArtifactError as error:
        message = str(error)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_blocks_of_any_bytes_are_a_network_or_one_line(small, data):
    path, manifest, blocks = small
    number = data.draw(st.integers(0, len(blocks) - 1))
    changed = bytearray(blocks[number])
    for place in data.draw(st.lists(st.integers(0, 8 * len(changed) - 1), max_size=3)):
        changed[place // 8] ^= 1 << place % 8
    changed = bytes(changed[: data.draw(st.integers(0, len(changed)))])
    changed += data.draw(st.binary(max_size=20))
    container.write(path, manifest, [*blocks[:number], changed, *blocks[number + 1 :]])
    loads_or_says_why(path)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_manifests_of_any_values_are_a_network_or_one_line(small, data):
    path, manifest, blocks = small
    manifest = copy.deepcopy(manifest)
    holder, key = manifest, data.draw(st.sampled_from(["architecture", "settings", "tensors"]))
    while isinstance(holder[key], dict | list) and holder[key] and data.draw(st.integers(0, 4)):
        holder = holder[key]
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        key = data.draw(st.sampled_from(keys))
    numbers = st.sampled_from([-1, 0, 1, 2, 8, 64, 2**15, 2**31, 2**63, 10**30])
    plain = st.none() | st.booleans() | numbers | st.floats(-1, 1e9) | st.text(max_size=5)
    holder[key] = data.draw(plain | st.lists(plain, max_size=3) | st.just({}) | st.just("float"))
    container.write(path, manifest, blocks)
    loads_or_says_why(path)


def test_a_file_of_format_1_is_read_as_it_was_when_written():
    digest = hashlib.sha256()
    for name, tensor in artifact.load_model(GOLDEN / "every_form.ttsz").state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.numpy().tobytes())
    assert digest.hexdigest() == "c5f0b8ff2336207b8d09abe0d9c9badd0933d023d02339c4d2ab54d702df38c1"
