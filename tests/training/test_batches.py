from dataclasses import replace

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from tts_compress.training.batches import PADDED_MEL, collate, schedule
from tts_compress.training.features import Features

LENGTHS = st.lists(st.integers(1, 900), min_size=1, max_size=60)


def features(frames, value):
    """A sentence of one symbol for each entry of `frames`, its mel all `value`."""
    frames = np.array(frames)
    return Features(
        mel=np.full((80, frames.sum()), value, np.float32),
        tacotron2_ids=np.arange(1, len(frames) + 1),
        tacotron2_frames=frames,
        fastspeech2_ids=np.arange(1, len(frames)),
        fastspeech2_frames=frames[:-1],
        pitch=np.full(len(frames) - 1, value, np.float32),
        energy=np.full(len(frames) - 1, -value, np.float32),
    )


@given(LENGTHS, st.integers(1, 16), st.integers(0, 9), st.integers(0, 9))
def test_an_epoch_has_every_sentence_once_in_full_batches(lengths, size, seed, epoch):
    batches = schedule(lengths, size, seed, epoch)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // size)
    assert sorted(map(len, batches))[1:] == [size] * (len(batches) - 1)


@given(LENGTHS, st.integers(1, 16), st.integers(0, 9), st.integers(0, 9))
def test_the_order_follows_from_seed_and_epoch(lengths, size, seed, epoch):
    np.random.seed(epoch)  # the global generator must not matter
    assert schedule(lengths, size, seed, epoch) == schedule(lengths, size, seed, epoch)


def test_seeds_and_epochs_have_other_orders():
    lengths = list(range(100, 160))
    orders = [schedule(lengths, 4, seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert all(a != b for i, a in enumerate(orders) for b in orders[i + 1 :])


def test_a_batch_has_sentences_of_like_length():
    lengths = np.random.default_rng(0).integers(100, 900, 400).tolist()
    for batch in schedule(lengths, 8, seed=0, epoch=0):
        longest, shortest = (f(lengths[i] for i in batch) for f in (max, min))
        assert longest / shortest < 1.4  # jitter alone gives 1.1 / 0.9 = 1.22


def test_collate_pads_a_hand_made_batch():
    batch = collate(
        [features([2, 1, 1], 0.5).example("tacotron2"), features([1, 2], 0.25).example("tacotron2")]
    )
    assert batch.ids.tolist() == [[1, 2, 3], [1, 2, 0]]
    assert batch.id_lengths.tolist() == [3, 2]
    assert batch.frames.tolist() == [[2, 1, 1], [1, 2, 0]]
    assert batch.mel_lengths.tolist() == [4, 3]
    assert batch.mels[0, 0].tolist() == [0.5] * 4
    torch.testing.assert_close(batch.mels[1, 79], torch.tensor([0.25, 0.25, 0.25, PADDED_MEL]))


def test_fastspeech2_has_no_last_silence_and_normalised_pitch():
    batch = collate(
        [
            features([2, 1, 1], 0.5).example("fastspeech2"),
            features([1, 2], 0.25).example("fastspeech2"),
        ]
    )
    assert batch.ids.tolist() == [[1, 2], [1, 0]]
    assert batch.mel_lengths.tolist() == [3, 1]
    assert batch.mels.shape == (2, 80, 3)
    assert batch.pitch.tolist() == [[0.5, 0.5], [0.25, 0.0]]
    assert batch.energy.tolist() == [[-0.5, -0.5], [-0.25, 0.0]]


def test_a_batch_goes_to_a_device():
    moved = collate([features([2, 1], 0.5).example("tacotron2")]).to(torch.device("meta"))
    assert all(tensor.is_meta for tensor in vars(moved).values() if tensor is not None)


def test_attention_is_padded_along_both_axes_where_every_sentence_has_one():
    sentences = [
        features([2, 1], 0.5).example("tacotron2"),
        features([1], 0.5).example("tacotron2"),
    ]
    assert collate(sentences).attention is None
    long, short = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]]), torch.ones(1, 1)
    given = [replace(s, attention=a) for s, a in zip(sentences, (long, short), strict=True)]
    assert collate([given[0], sentences[1]]).attention is None
    batch = collate(given).to(torch.device("cpu"))
    torch.testing.assert_close(batch.attention[0], long)
    assert batch.attention[1].tolist() == [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
