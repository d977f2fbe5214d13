"""Couplings are complete: every index of every axis but time belongs to exactly one of them."""

from pathlib import Path

import pytest
import torch

from tts_compress import load_model
from tts_compress.architectures.couplings import Member
from tts_compress.architectures.fastspeech2 import FastSpeech2, FastSpeech2Settings
from tts_compress.architectures.hifigan import HifiGan, HifiGanSettings, ResblockSettings
from tts_compress.architectures.tacotron2 import Tacotron2, Tacotron2Settings
from tts_compress.architectures.transformer import BlockSettings


def networks():
    """Every architecture with every width different from every other."""
    yield Tacotron2(
        Tacotron2Settings(
            n_symbols=61,
            n_mels=5,
            embedding_dim=6,
            encoder_channels=(7, 8),
            encoder_lstm_units=(3, 4),
            prenet_units=(9, 10),
            attention_rnn_units=11,
            decoder_rnn_units=12,
            attention_dim=13,
            location_filters=14,
            postnet_channels=(15, 16),
        )
    )
    yield Tacotron2(
        Tacotron2Settings(
            n_mels=5, embedding_dim=6, encoder_channels=(7,), prenet_units=(), postnet_channels=(8,)
        )
    )
    blocks = (BlockSettings(heads=2, head_dim=3, filter=7), BlockSettings(heads=3, head_dim=5))
    yield FastSpeech2(
        FastSpeech2Settings(
            n_symbols=61,
            n_mels=5,
            hidden=12,
            encoder=blocks,
            decoder=blocks[::-1],
            duration_filters=(13, 14),
            pitch_filters=(15, 16),
            energy_filters=(17, 18),
            pitch_bins=19,
            energy_bins=20,
            n_speakers=21,
            postnet_channels=(22, 23),
        )
    )
    paired = tuple(ResblockSettings(inner=(3 + i, 4 + i, 5 + i)) for i in range(4))
    plain = (ResblockSettings(dilations=(1, 2)),) * 4
    for resblocks in (paired, plain):
        yield HifiGan(
            HifiGanSettings(
                n_mels=5,
                channels=(8, 7, 6),
                upsample_rates=(2, 2),
                upsample_kernels=(4, 4),
                resblocks=resblocks,
            )
        )


MODELS = Path(__file__).parents[2] / "models"
NETWORKS = list(networks())
IDS = [f"{index}-{network.architecture}" for index, network in enumerate(NETWORKS)]


@pytest.mark.parametrize("network", NETWORKS, ids=IDS)
def test_every_index_of_every_axis_is_in_one_coupling(network):
    state = network.state_dict()
    owners = {
        (name, axis): torch.zeros(size, dtype=torch.int)
        for name, tensor in state.items()
        for axis, size in enumerate(tensor.shape)
        if not is_time(name, axis, network)
    }
    for coupling in network.couplings():
        for member in coupling:
            units = torch.arange(coupling.n_units)
            owners[member.tensor, member.axis][member.indices(units, coupling.n_units)] += 1
    for where, count in owners.items():
        assert (count == 1).all(), (where, count)


def is_time(name, axis, network):
    """Kernels, and the first axis of a table of positions, which has one table."""
    return (axis == 2 and "position_enc" not in name) or (axis == 0 and "position_enc" in name)


@pytest.mark.parametrize("network", NETWORKS, ids=IDS)
def test_names_are_unique_and_widths_are_those_of_the_settings(network):
    names = [coupling.name for coupling in network.couplings()]
    assert len(set(names)) == len(names)
    for coupling in network.couplings():
        assert (coupling.kind == "fixed") == bool(coupling.fixed) == (not coupling.setting)
        value = network.settings.to_dict()
        for key in coupling.setting:
            value = value[key]
        if coupling.setting:
            assert value == coupling.n_units


@pytest.mark.parametrize("network", NETWORKS, ids=IDS)
def test_settings_of_fewer_units_have_the_new_widths(network):
    kept = {c.name: range(c.n_units - 1) for c in network.couplings() if c.setting}
    smaller = type(network)(network.resized_settings(kept))
    found = {c.name: c.n_units for c in smaller.couplings()}
    for coupling in network.couplings():
        assert found[coupling.name] == coupling.n_units - bool(coupling.setting)


def test_an_lstm_unit_owns_four_rows_and_one_column():
    network = NETWORKS[0]
    coupling = next(c for c in network.couplings() if c.name == "encoder.lstm.backward")
    owned = {(m.tensor, m.axis): m.indices(torch.tensor([1]), 4).tolist() for m in coupling}
    assert owned == {
        ("encoder.lstm.weight_ih_l0_reverse", 0): [1, 5, 9, 13],
        ("encoder.lstm.weight_hh_l0_reverse", 0): [1, 5, 9, 13],
        ("encoder.lstm.bias_ih_l0_reverse", 0): [1, 5, 9, 13],
        ("encoder.lstm.bias_hh_l0_reverse", 0): [1, 5, 9, 13],
        ("encoder.lstm.weight_hh_l0_reverse", 1): [1],
        # behind the 3 units of the forward direction, and what else each layer reads
        ("decoder.attention_layer.memory_layer.linear_layer.weight", 1): [3 + 1],
        ("decoder.attention_rnn.weight_ih", 1): [10 + 3 + 1],
        ("decoder.decoder_rnn.weight_ih", 1): [11 + 3 + 1],
        ("decoder.linear_projection.linear_layer.weight", 1): [12 + 3 + 1],
        ("decoder.gate_layer.linear_layer.weight", 1): [12 + 3 + 1],
    }


def test_a_head_owns_rows_of_queries_keys_and_values_and_columns_of_fc():
    coupling = next(
        c for c in NETWORKS[2].couplings() if c.name == "encoder.layer_stack.0.slf_attn"
    )
    owned = {(m.tensor.split(".")[-2:][0], m.axis) for m in coupling}
    assert owned == {("w_vs", 0), ("w_qs", 0), ("w_ks", 0), ("fc", 1)}
    assert all(m.indices(torch.tensor([1]), 2).tolist() == [3, 4, 5] for m in coupling)


def test_slices_are_what_each_unit_owns():
    weight = torch.arange(24.0).reshape(6, 4)
    gates = Member("w", 0, "makes", repeats=2)
    assert gates.slices(weight, 3)[1].tolist() == [4, 5, 6, 7, 16, 17, 18, 19]
    last = Member("w", 1, "reads", offset=2)
    assert last.slices(weight, 2)[0].tolist() == [2, 6, 10, 14, 18, 22]


def test_couplings_fit_the_embedded_voices():
    for voice in ("tacotron2-slt", "fastspeech2-slt"):
        network = load_model(MODELS / voice)
        state = network.state_dict()
        for coupling in network.couplings():
            for member in coupling:
                last = member.indices(torch.tensor([coupling.n_units - 1]), coupling.n_units)
                assert last.max() < state[member.tensor].shape[member.axis]
