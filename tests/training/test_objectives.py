from dataclasses import replace

import pytest
import torch
from torch import nn

from tts_compress.architectures.fastspeech2 import FastSpeech2, FastSpeech2Settings
from tts_compress.architectures.low_rank import factor
from tts_compress.architectures.tacotron2 import Tacotron2, Tacotron2Settings
from tts_compress.architectures.transformer import BlockSettings
from tts_compress.training.batches import Batch
from tts_compress.training.objectives import OBJECTIVES, _lstm, soft_alignment

BLOCK = BlockSettings(heads=2, head_dim=8, filter=16)
SMALL = {
    "tacotron2": lambda: Tacotron2(
        Tacotron2Settings(
            embedding_dim=16,
            encoder_channels=(16, 16),
            encoder_lstm_units=(8, 8),
            prenet_units=(8, 8),
            attention_rnn_units=16,
            decoder_rnn_units=16,
            attention_dim=8,
            location_filters=4,
            location_kernel=7,
            postnet_channels=(8, 8),
        )
    ),
    "fastspeech2": lambda: FastSpeech2(
        FastSpeech2Settings(
            hidden=16,
            encoder=(BLOCK,),
            decoder=(BLOCK,),
            duration_filters=(8, 8),
            pitch_filters=(8, 8),
            energy_filters=(8, 8),
            pitch_bins=8,
            energy_bins=8,
            postnet_channels=(8,),
        )
    ),
}


def small_batch() -> Batch:
    torch.manual_seed(3)
    frames = torch.tensor([[2, 3, 1, 4], [5, 2, 0, 0]])
    return Batch(
        ids=torch.tensor([[11, 12, 13, 14], [15, 16, 0, 0]]),
        id_lengths=torch.tensor([4, 2]),
        frames=frames,
        mels=torch.randn(2, 80, 10),
        mel_lengths=torch.tensor([10, 7]),
        pitch=torch.randn(2, 4),
        energy=torch.randn(2, 4),
    )


def test_soft_alignment_of_hand_made_durations():
    got = soft_alignment(torch.tensor([[2, 1]]), 4)[0]
    # Hard: symbol 0 at frames 0 and 1, symbol 1 at frame 2, nothing at 3; then 1/2 of each frame
    # and 1/4 of each of the two before it.
    expected = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5], [0.5, 0.5]])
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize(
    "ranks",
    [
        {},
        {"0.weight": 2},
        {"0.weight_ih": 2},
        {"0.weight_ih": (1, 2, 1, 3), "0.weight_hh": (2, 1, 1, 1)},
        {"0.weight_hh": (2, 1, 1, 1)},
    ],
)
def test_a_cell_run_over_a_sentence_is_the_cell_stepped(ranks):
    torch.manual_seed(0)
    layers = nn.Sequential(nn.LSTMCell(3, 5)).double()
    factor(layers, ranks)
    cell = layers[0]
    x = torch.randn(2, 7, 3, dtype=torch.float64)
    state = (torch.zeros(2, 5).double(), torch.zeros(2, 5).double())
    stepped = []
    for step in range(7):
        state = cell(x[:, step], state)
        stepped.append(state[0])
    found = _lstm(cell, x)
    torch.testing.assert_close(found, torch.stack(stepped, 1).float())
    found.sum().backward()
    assert all(tensor.grad.any() for tensor in cell.parameters())


@pytest.mark.parametrize("architecture", ["tacotron2", "fastspeech2"])
def test_every_trained_tensor_gets_a_gradient_and_losses_fall(architecture):
    torch.manual_seed(0)
    model, batch = SMALL[architecture](), small_batch()
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)
    totals = []
    for _ in range(40):
        losses = OBJECTIVES[architecture](model, batch, 0.5)
        total = torch.stack(list(losses.values())).sum()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(total.item())
    missing = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert missing == []
    assert sum(totals[-5:]) < 0.8 * sum(totals[:5])


@pytest.mark.parametrize("architecture", ["tacotron2", "fastspeech2"])
def test_padding_does_not_change_the_losses(architecture):
    model, batch = SMALL[architecture]().eval(), small_batch()
    wider = Batch(
        ids=nn.functional.pad(batch.ids, (0, 2)),
        id_lengths=batch.id_lengths,
        frames=nn.functional.pad(batch.frames, (0, 2)),
        mels=batch.mels,
        mel_lengths=batch.mel_lengths,
        pitch=nn.functional.pad(batch.pitch, (0, 2)),
        energy=nn.functional.pad(batch.energy, (0, 2)),
    )
    results = []
    for each in (batch, wider):
        torch.manual_seed(1)
        results.append(OBJECTIVES[architecture](model, each, 0.0))
    for name, value in results[0].items():
        torch.testing.assert_close(value, results[1][name], msg=name)


def test_given_attention_is_learned_in_place_of_what_frames_imply():
    model, batch = SMALL["tacotron2"]().eval(), small_batch()
    implied = soft_alignment(batch.frames, batch.mels.shape[2])

    def losses(attention):
        torch.manual_seed(1)
        return OBJECTIVES["tacotron2"](model, replace(batch, attention=attention), 1.0)

    torch.testing.assert_close(losses(implied), losses(None))
    for name in ("mel", "attention"):
        assert losses(implied.roll(1, 2))[name] != losses(None)[name]
