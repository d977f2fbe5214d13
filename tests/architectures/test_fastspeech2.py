import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tts_compress.architectures.checkpoints import load_model
from tts_compress.architectures.fastspeech2 import FastSpeech2, FastSpeech2Settings, stretch
from tts_compress.architectures.transformer import (
    BlockSettings,
    PositionSettings,
    Stack,
    sinusoids,
)
from tts_compress.errors import CheckpointError

BLOCK = BlockSettings(head_dim=4, filter=12)
SMALL = FastSpeech2Settings(
    n_symbols=20,
    n_mels=5,
    hidden=8,
    encoder=(BLOCK,),
    decoder=(BLOCK, BLOCK),
    duration_filters=(6, 7),
    pitch_filters=(6, 7),
    energy_filters=(6, 7),
    postnet_channels=(6,),
    n_positions=30,
)
IDS, LENGTHS = torch.tensor([[3, 4, 5, 6], [7, 8, 0, 0]]), torch.tensor([4, 2])


def small(**changes):
    torch.manual_seed(0)
    return FastSpeech2(SMALL.model_copy(update=changes)).double().eval()


@pytest.fixture
def model(golden):
    names = ("fastspeech2_tiny_model.yaml", "fastspeech2_tiny_preprocess.yaml")
    return load_model(golden / "fastspeech2_tiny.pth.tar", [golden / name for name in names])


@pytest.fixture
def arrays(expected):
    return expected("fastspeech2_tiny")


def test_published_size():
    with torch.device("meta"):
        model = FastSpeech2()
    assert len(model.state_dict()) == 234
    assert sum(p.numel() for p in model.parameters()) == 35_159_361


@pytest.mark.parametrize("prefix", ["tf", "inf", "ctl"])
def test_a_batch_is_what_upstream_gives_for_each_sentence_alone(model, arrays, prefix):
    options = {
        "tf": {name: arrays[name] for name in ("durations", "pitch", "energy")},
        "inf": {},
        "ctl": {"pitch_control": 1.25, "energy_control": 1.25, "duration_control": 1.5},
    }[prefix]
    with torch.no_grad():
        out = model(arrays["ids"], arrays["id_lengths"], **options)
    for row, frames in enumerate(out.mel_lengths.tolist()):
        theirs = arrays[f"solo{row}_{prefix}_mel_postnet"][0].T
        ours = out.mel_postnet[row, :, :frames]
        assert ours.shape == theirs.shape
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
        assert not out.mel_postnet[row, :, frames:].any()


def test_what_is_predicted_for_the_longest_sentence_is_upstreams(model, arrays):
    with torch.no_grad():
        out = model(arrays["ids"], arrays["id_lengths"])
    for ours, theirs in (
        (out.mel, arrays["inf_mel"].transpose(1, 2)),
        (out.pitch, arrays["inf_pitch"]),
        (out.energy, arrays["inf_energy"]),
        (out.log_durations, arrays["inf_log_duration"]),
    ):
        torch.testing.assert_close(ours[0], theirs[0], rtol=0, atol=1e-5)
    for row, length in enumerate(arrays["id_lengths"].tolist()):
        solo = arrays[f"solo{row}_inf_durations"][0]
        assert out.durations[row, :length].tolist() == solo.tolist()
    assert not out.durations[1, 9:].any()


@pytest.mark.parametrize("level", ["phoneme", "frame"])
def test_a_sentence_gets_in_a_batch_what_it_gets_alone(level):
    model = small(pitch_level=level, energy_level=level)
    durations = torch.tensor([[2, 0, 3, 1], [1, 2, 0, 0]])
    with torch.no_grad():
        batch = model(IDS, LENGTHS, durations=durations)
        for row, length in enumerate(LENGTHS.tolist()):
            one = slice(row, row + 1)
            alone = model(IDS[one, :length], LENGTHS[one], durations=durations[one, :length])
            frames = int(alone.mel_lengths)
            assert frames == int(durations[row].sum())
            for name in ("mel", "mel_postnet"):
                torch.testing.assert_close(
                    getattr(batch, name)[row, :, :frames],
                    getattr(alone, name)[0],
                    rtol=0,
                    atol=1e-9,
                )
    assert batch.pitch.shape == batch.energy.shape == ((2, 4) if level == "phoneme" else (2, 6))


def test_frame_level_takes_a_value_for_each_frame():
    model = small(pitch_level="frame")
    durations = torch.tensor([[2, 0, 3, 1], [1, 2, 0, 0]])
    low, high = (torch.full((2, 6), value, dtype=torch.float64) for value in (-2.0, 5.0))
    with torch.no_grad():
        speak = [model(IDS, LENGTHS, durations=durations, pitch=p).mel for p in (low, high)]
    assert not torch.allclose(*speak)


@pytest.mark.parametrize("level", ["phoneme", "frame"])
@pytest.mark.parametrize("grad", [True, False])
def test_no_frames_at_all_is_an_empty_mel(level, grad):
    model = small(pitch_level=level, energy_level=level)
    with torch.set_grad_enabled(grad):
        out = model(IDS, LENGTHS, durations=torch.zeros_like(IDS))
    assert out.mel.shape == out.mel_postnet.shape == (2, 5, 0)
    assert out.mel_lengths.tolist() == [0, 0]
    assert out.pitch.shape == out.energy.shape == ((2, 4) if level == "phoneme" else (2, 0))
    assert out.log_durations.shape == (2, 4)


def test_predicted_durations_can_all_be_none():
    with torch.no_grad():
        out = small()(IDS, LENGTHS, duration_control=0.0)
    assert out.mel_lengths.tolist() == [0, 0]


@pytest.mark.parametrize("durations", [[[0, 0, 0, 0], [2, 1, 0, 0]], [[1, 0, 0, 0], [0, 0, 0, 0]]])
def test_one_silent_sentence_does_not_spoil_the_other(durations):
    model = small()
    row = 0 if sum(durations[0]) else 1
    with torch.no_grad():
        out = model(IDS, LENGTHS, durations=torch.tensor(durations))
        one = slice(row, row + 1)
        alone = model(IDS[one], LENGTHS[one], durations=torch.tensor(durations)[one])
    assert not out.mel_postnet[1 - row].any()
    torch.testing.assert_close(out.mel_postnet[row], alone.mel_postnet[0], rtol=0, atol=1e-9)


def test_speakers_differ_and_the_first_is_the_default():
    model = small(n_speakers=3)
    assert model.state_dict()["speaker_emb.weight"].shape == (3, 8)
    durations = torch.full_like(IDS, 2)
    with torch.no_grad():
        default, first, second = (
            model(IDS, LENGTHS, durations=durations, speakers=speakers).mel
            for speakers in (None, torch.tensor([0, 0]), torch.tensor([2, 2]))
        )
    assert torch.equal(default, first)
    assert not torch.allclose(default, second)


def test_speakers_levels_and_bins_are_read_from_a_checkpoint(tmp_path):
    model = small(n_speakers=3, pitch_level="frame", pitch_bins=9).float()
    log_bins = torch.exp(torch.linspace(math.log(0.1), math.log(9.0), 8))
    model.variance_adaptor.pitch_bins.data.copy_(log_bins)
    torch.save({"model": model.state_dict()}, tmp_path / "model.pth.tar")
    (tmp_path / "preprocess.yaml").write_text("preprocessing: {pitch: {feature: frame_level}}")
    (tmp_path / "model.yaml").write_text("transformer: {encoder_dropout: 0.3}")
    configs = [tmp_path / "model.yaml", tmp_path / "preprocess.yaml"]
    loaded = load_model(tmp_path / "model.pth.tar", configs)
    assert loaded.settings == model.settings.model_copy(update={"dropout": 0.3})
    assert torch.equal(loaded.variance_adaptor.pitch_bins, log_bins)
    assert not loaded.variance_adaptor.pitch_bins.requires_grad
    x, mask = torch.zeros(1, 3, 8), torch.ones(1, 3, dtype=torch.bool)
    values = torch.tensor([[0.05, 1.0, 100.0]])
    _, heard = loaded.variance_adaptor.add("pitch", x, mask, values, 1.0)
    rows = [0, int((log_bins < 1.0).sum()), 8]
    assert torch.equal(heard[0], loaded.variance_adaptor.pitch_embedding.weight[rows])


@pytest.mark.parametrize("heads", [3, 0, -2])
def test_heads_must_divide_the_queries(public, heads):
    tensors = public("fastspeech2_tiny.pth.tar")["model"]
    with pytest.raises(CheckpointError, match=f"encoder_head: 32 rows .* got {heads}"):
        FastSpeech2Settings.from_tensors(tensors, {"transformer": {"encoder_head": heads}})


def test_controls_scale_what_is_predicted():
    model = small()
    durations = torch.full_like(IDS, 2)
    with torch.no_grad():
        plain = model(IDS, LENGTHS, durations=durations)
        higher = model(IDS, LENGTHS, durations=durations, pitch_control=1.5)
    torch.testing.assert_close(higher.pitch, 1.5 * plain.pitch)
    # at phone level energy is predicted after pitch is added, so it may move, but is not scaled
    assert not torch.allclose(higher.energy, 1.5 * plain.energy)


def test_position_table_by_hand():
    table = sinusoids(2, 4)
    assert table[0].tolist() == [0, 1, 0, 1]
    by_hand = torch.tensor([math.sin(1), math.cos(1), math.sin(0.01), math.cos(0.01)])
    torch.testing.assert_close(table[1], by_hand)


def test_what_the_settings_decide_is_computed():
    kept = PositionSettings(dim=9, columns=(0, 1, 2, 3, 4, 5, 6, 8))
    with torch.device("meta"):
        model = small(positions=kept)
    tables = {name: t for name, t in model.computed().items() if name.endswith("position_enc")}
    assert tables.keys() == {"encoder.position_enc", "decoder.position_enc"}
    for name, table in tables.items():
        assert torch.equal(table, small(positions=kept).get_parameter(name))
    assert set(model.computed()) - set(tables) == {
        f"postnet.convolutions.{layer}.1.num_batches_tracked" for layer in (0, 1)
    }
    wide = PositionSettings(dim=10**9, columns=kept.columns)
    with torch.device("meta"):
        model = small(positions=wide)  # whose tables would take 240 GB to compute
    assert not any(name.endswith("position_enc") for name in model.computed())


@pytest.mark.parametrize("column", [-1, 4])
def test_columns_of_positions_are_those_of_the_table(column):
    with pytest.raises(ValidationError, match="columns are counted from 0 to dim - 1"):
        PositionSettings(dim=4, columns=(0, column))


def test_a_sentence_longer_than_the_position_table_is_spoken():
    torch.manual_seed(0)
    widths = (SMALL.hidden, SMALL.decoder, SMALL.kernels, SMALL.dropout)
    short, long = Stack(*widths, n_positions=4).eval(), Stack(*widths, n_positions=50).eval()
    state = short.state_dict() | {"position_enc": long.position_enc}
    long.load_state_dict(state)
    x, mask = torch.randn(1, 50, 8), torch.ones(1, 50, dtype=torch.bool)
    assert torch.equal(short(x, mask), long(x, mask))


@settings(max_examples=50, deadline=None)
@given(durations=st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3), min_size=1))
def test_stretch_repeats_each_position(durations):
    counts = torch.tensor(durations)
    x = torch.arange(float(counts.numel())).view(len(durations), 3, 1) + 1
    frames, lengths = stretch(x, counts)
    assert frames.shape[1] == int(counts.sum(1).max())
    for row, repeats in enumerate(counts):
        spoken = x[row].repeat_interleave(repeats, dim=0)
        assert int(lengths[row]) == len(spoken)
        assert torch.equal(frames[row, : len(spoken)], spoken)
        assert not frames[row, len(spoken) :].any()
