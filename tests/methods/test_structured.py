"""Masked and resized networks say the same, whatever left them."""

import copy
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.networks import golden_network
from tts_compress import artifact, load_model
from tts_compress.architectures.couplings import Coupling
from tts_compress.architectures.fastspeech2 import FastSpeech2, FastSpeech2Settings
from tts_compress.architectures.hifigan import HifiGan, HifiGanSettings, ResblockSettings
from tts_compress.architectures.tacotron2 import Tacotron2, Tacotron2Settings
from tts_compress.architectures.transformer import BlockSettings
from tts_compress.errors import CheckpointError, RecipeError
from tts_compress.exporting import save_public_checkpoint
from tts_compress.methods import Channels, Heads, Magnitude, Resize, Units
from tts_compress.methods.base import Context
from tts_compress.methods.masking import mask, masked
from tts_compress.methods.rebuilding.cutting import resized
from tts_compress.methods.structured import Structured

ROOT = Path(__file__).parents[2]
NAMES = ("tiny tacotron2", "tiny fastspeech2", "tiny hifigan", "tacotron2", "fastspeech2")
KINDS: dict[str, tuple[type[Structured], ...]] = {
    "tacotron2": (Channels, Units),
    "fastspeech2": (Heads, Channels, Units),
    "hifigan": (Channels,),
}
IDS = torch.tensor([[90, 101, 120, 99, 140, 95, 101], [99, 100, 130, 92, 0, 0, 0]])
LENGTHS = torch.tensor([7, 4])


def network(name):
    size, _, architecture = name.rpartition(" ")
    if size:
        return golden_network(architecture).double()
    return load_model(ROOT / f"models/{name}-slt").double()


@torch.no_grad()
def speech(model, prenet_dropout=False):
    """All that a network says by itself: free-running decoder, own durations and given ones."""
    if isinstance(model, Tacotron2):
        generator = torch.Generator().manual_seed(0)
        out = model.infer(
            IDS, LENGTHS, max_steps=40, prenet_dropout=prenet_dropout, generator=generator
        )
        return [out.mel_postnet, out.gate_logits, out.alignments]
    if isinstance(model, FastSpeech2):
        durations = torch.full_like(IDS, 3)
        free, given_ = model(IDS, LENGTHS), model(IDS, LENGTHS, durations=durations)
        return [free.log_durations, free.pitch, free.energy, given_.mel_postnet]
    mel = torch.randn(2, 80, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return [model(mel)]


def assert_same(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        assert float((ours - theirs).abs().max()) < 1e-9


def stages(model, sparsity):
    alone = [(method(sparsity=sparsity),) for method in KINDS[model.architecture]]
    return [*alone, tuple(stage for (stage,) in alone)]


@pytest.fixture(scope="module", params=NAMES)
def dense(request):
    """A network that stays as it is."""
    return network(request.param)


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.5, 0.8, 0.95])
def test_resized_says_what_masked_says(dense, sparsity):
    for chosen in stages(dense, sparsity):
        model, ctx = copy.deepcopy(dense), Context()
        for stage in chosen:
            stage(model, ctx)
        before = speech(model)
        size = sum(p.numel() for p in model.parameters())
        Resize()(model, ctx)
        assert_same(speech(model), before)
        smaller = sum(p.numel() for p in model.parameters())
        assert smaller == size if sparsity == 0 else smaller <= size
        if sparsity == 0:
            assert_same(speech(model), speech(dense))


def test_resized_says_what_masked_says_with_the_dropout_of_synthesis():
    model, ctx = network("tacotron2"), Context()
    Units(sparsity=0.4, include=("rnn", "embedding"))(model, ctx)
    before = speech(model, prenet_dropout=True)
    Resize()(model, ctx)
    assert_same(speech(model, prenet_dropout=True), before)


def test_unstructured_zeros_propagate_too():
    """At 90 % many channels are zero or constant; they leave, and nothing changes."""
    for name in ("tacotron2", "fastspeech2"):
        model, ctx = network(name), Context()
        Magnitude(sparsity=0.97)(model, ctx)
        before = speech(model)
        size = sum(p.numel() for p in model.parameters())
        Resize()(model, ctx)
        assert_same(speech(model), before)
        assert sum(p.numel() for p in model.parameters()) < size


def random_networks(draw):
    width = st.integers(1, 5)
    if draw(st.booleans()):
        heads = [
            BlockSettings(heads=draw(width), head_dim=draw(width), filter=draw(width))
            for _ in range(2)
        ]
        pairs = [(draw(width), draw(width)) for _ in range(3)]
        return FastSpeech2(
            FastSpeech2Settings(
                n_mels=3,
                hidden=draw(width),
                encoder=tuple(heads[:1]),
                decoder=tuple(heads[1:]),
                kernels=(3, draw(st.sampled_from([1, 3]))),
                duration_filters=pairs[0],
                pitch_filters=pairs[1],
                energy_filters=pairs[2],
                pitch_bins=4,
                energy_bins=4,
                n_speakers=draw(st.integers(0, 2)),
                postnet_channels=(draw(width),),
                n_positions=12,
            )
        )
    return Tacotron2(
        Tacotron2Settings(
            n_mels=3,
            embedding_dim=draw(width),
            encoder_channels=tuple(draw(st.lists(width, min_size=1, max_size=2))),
            encoder_lstm_units=(draw(width), draw(width)),
            prenet_units=tuple(draw(st.lists(width, max_size=2))),
            attention_rnn_units=draw(width),
            decoder_rnn_units=draw(width),
            attention_dim=draw(width),
            location_filters=draw(width),
            location_kernel=3,
            postnet_channels=(draw(width),),
        )
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.data_too_large])
@given(data=st.data())
def test_any_units_may_leave_any_network(data):
    """No shape is left that does not fit, and what is said stays."""
    model = random_networks(data.draw).double().eval()
    model.load_state_dict({n: t + 0.1 for n, t in model.state_dict().items()})
    tensors, removed = model.state_dict(), {}
    for coupling in model.couplings():
        if coupling.kind == "fixed":
            continue
        units = data.draw(
            st.lists(st.booleans(), min_size=coupling.n_units, max_size=coupling.n_units)
        )
        removed[coupling.name] = torch.tensor(units)
        if all(units):
            removed[coupling.name][data.draw(st.integers(0, coupling.n_units - 1))] = False
        mask(tensors, coupling, removed[coupling.name])
        assert bool(masked(tensors, coupling)[removed[coupling.name]].all())
    assert_same(speech(resized(model, removed)), speech(model))


def test_masks_are_noted_and_counted():
    model, ctx = network("tiny fastspeech2"), Context()
    method = Channels(sparsity=0.5, include=("ffn",))
    changes = method(model, ctx)
    assert [change.layer for change in changes] == method.selected(model)
    assert all(change.stats["n_zero"] == change.stats["n_weights"] / 2 for change in changes)
    assert {len(units) for units in ctx.removed.values()} == {48}
    assert all(int(units.sum()) == 24 for units in ctx.removed.values())


def test_labels():
    assert Heads(keep=7).label == "heads keep 7"
    assert Channels(sparsity=0.5, include=("ffn",)).label == "channels ffn 50 %"
    assert Units(sparsity=0.25, score="taylor").label == "units 25 % by taylor"
    assert Resize().label == "resized"


def test_scores_with_gradients_need_calibration():
    assert Heads(keep=1, score="sensitivity").needs == "calibration"
    assert Heads(keep=1).needs == "nothing"


def test_a_resized_network_is_an_ordinary_one(tmp_path):
    """It is saved and loaded without its class, and pruned again."""
    for name in ("tiny tacotron2", "tiny fastspeech2"):
        model, ctx = network(name).float(), Context()
        changes = [*Units(sparsity=0.3)(model, ctx), *Channels(sparsity=0.5)(model, ctx)]
        changes += Resize()(model, ctx)
        artifact.save(tmp_path / name, model, changes)
        save_public_checkpoint(tmp_path / f"{name}.pt.gz", model)
        for path in (tmp_path / name, tmp_path / f"{name}.pt.gz"):
            found = load_model(path)
            assert found.settings == model.settings
            assert_same(speech(found), speech(model))
        before = sum(p.numel() for p in found.parameters())
        Units(sparsity=0.3)(found, ctx)
        Resize()(found, ctx)
        assert sum(p.numel() for p in found.parameters()) < before
        speech(found)


def test_positions_beyond_the_table_are_those_of_the_features_that_stay():
    model, ctx = network("tiny fastspeech2"), Context()
    table = model.settings.n_positions
    durations = torch.full_like(IDS, table // 7 + 20)
    Units(sparsity=0.5)(model, ctx)
    with torch.no_grad():
        before = model(IDS, LENGTHS, durations=durations).mel_postnet
        Resize()(model, ctx)
        assert before.shape[2] > table
        assert_same([model(IDS, LENGTHS, durations=durations).mel_postnet], [before])


def test_directions_of_the_encoder_may_differ():
    model, ctx = network("tiny tacotron2"), Context()
    Units(sparsity=0.5, include=("encoder.lstm.backward",))(model, ctx)
    Resize()(model, ctx)
    ahead, back = model.settings.encoder_lstm_units
    assert back == ahead // 2
    speech(model)


def test_resizing_says_which_shapes_changed():
    model, ctx = network("tiny fastspeech2"), Context()
    Heads(keep=1)(model, ctx)
    resize = Resize()
    changes = {change.layer: change for change in resize(model, ctx)}
    assert list(changes) == resize.selected(model)
    name = "encoder.layer_stack.0.slf_attn.w_qs.weight"
    assert changes[name].spec == {"shape": list(model.state_dict()[name].shape)}
    assert changes["encoder.layer_stack.0.pos_ffn.w_1.weight"].spec is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "needs exactly one of sparsity and keep"),
        ({"sparsity": 0.5, "keep": 3}, "needs exactly one of sparsity and keep"),
        ({"keep": 0}, "greater than or equal to 1"),
        ({"sparsity": 1.0}, "less than 1"),
        ({"keep": 1, "minimum": 0}, "greater than or equal to 1"),
    ],
)
def test_all_units_of_a_layer_cannot_leave(values, message):
    with pytest.raises(ValidationError, match=message):
        Heads(**values)


def test_all_heads_of_some_layer_cannot_leave():
    model = network("tiny fastspeech2")
    n_layers = len(model.settings.encoder) + len(model.settings.decoder)
    message = rf"heads: 1 of \d+ heads would stay, got keep 1; {n_layers} layers keep at least 1"
    with pytest.raises(RecipeError, match=message):
        Heads(keep=1, scope="global")(model, Context())


def test_an_architecture_without_heads():
    message = "heads: needs heads, got a tacotron2, which has channels, units. Take out these"
    with pytest.raises(RecipeError, match=message):
        Heads(keep=1)(network("tiny tacotron2"), Context())


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (
            Channels(keep=1, include=("fnn",)),
            r"channels: include \['fnn'\] matches none of .* Did you mean 'ffn'",
        ),
        (
            Channels(keep=1, include=("mel",)),
            r"channels: include \['mel'\]: units of 'mel' cannot leave: mel bins are the sound",
        ),
        (
            Channels(keep=1, include=("hidden",)),
            r"channels: include \['hidden'\]: units of 'hidden' are units, not channels",
        ),
        (Units(keep=1, exclude=("hidden",)), r"units: selects no layer, got include \[\] and"),
        (
            Channels(keep=1, include=("ffn",), score="batchnorm"),
            r"score 'batchnorm' needs a BatchNorm, got 'encoder.layer_stack.0.pos_ffn' without",
        ),
        (Heads(keep=1, score="taylor"), "heads: needs calibration sentences, got none"),
    ],
)
def test_what_cannot_be_asked_for(method, message):
    with pytest.raises(RecipeError, match=message):
        method(network("tiny fastspeech2"), Context())


def test_masks_that_a_later_stage_broke():
    model, ctx = network("tiny fastspeech2"), Context()
    Channels(sparsity=0.5, include=("ffn",))(model, ctx)
    model.get_parameter("encoder.layer_stack.0.pos_ffn.w_1.bias").data += 1
    message = (
        r"resize: 24 of 24 masked units of 'encoder.layer_stack.0.pos_ffn' are not zero any more, "
        r"got unit \d+. Put resize before"
    )
    with pytest.raises(RecipeError, match=message):
        Resize()(model, ctx)


def test_weights_that_are_not_finite():
    model = network("tiny fastspeech2")
    model.get_parameter("encoder.layer_stack.0.pos_ffn.w_1.weight").data[3] = torch.nan
    with pytest.raises(CheckpointError, match=r"a score of .*pos_ffn' is not finite, got \d+ such"):
        Channels(keep=3, include=("ffn",))(model, Context())


def test_the_class_of_a_coupling_is_data():
    coupling = network("tiny hifigan").couplings()[0]
    assert isinstance(coupling, Coupling)
    assert coupling.kind == "channels"


def test_hifigan_blocks_without_pairs_resize_too():
    blocks = (ResblockSettings(dilations=(1, 2)),) * 2
    model = HifiGan(
        HifiGanSettings(
            channels=(8, 6, 4),
            upsample_rates=(2, 2),
            upsample_kernels=(4, 4),
            resblocks=blocks,
        )
    )
    model, ctx = model.double().eval(), Context()
    Channels(sparsity=0.5)(model, ctx)
    before = speech(model)
    Resize()(model, ctx)
    assert model.settings.channels == (4, 3, 2)
    assert_same(speech(model), before)
