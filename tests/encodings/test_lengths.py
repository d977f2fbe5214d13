import numpy as np
import pytest

from tts_compress.encodings import code_lengths, contexts
from tts_compress.encodings.lengths import CLASSES


def test_classes_rise_with_the_neighbours():
    levels = np.zeros((4, 6), np.int16)
    levels[2:, 3:] = 8
    classes = contexts(levels)
    assert classes[0, 0] < classes[0, 4] < classes[3, 5] < CLASSES
    assert contexts(np.zeros((2, 2), np.int16)).tolist() == [[0, 0], [0, 0]]


def test_lengths_are_those_of_a_code():
    levels = np.random.default_rng(0).laplace(0, 2, (64, 64)).round().astype(np.int16)
    lengths = code_lengths(levels, contexts(levels), 15)
    assert lengths.shape == (CLASSES, 31)
    assert np.exp2(-lengths).sum(1) == pytest.approx(1)
    assert np.isfinite(lengths).all()
    assert np.array_equal(lengths, lengths[:, ::-1])


def test_frequent_levels_are_cheap_by_hand():
    levels = np.array([[0, 0, 0, 0, 0, 0, 1, -1]], np.int16)
    lengths = code_lengths(levels, np.zeros((1, 8), np.int64), 1)[0]
    # 6 of 8, and a prior of 8 that shares 6.5 : 1.5 : 1.5 of 9.5
    assert lengths[1] == pytest.approx(-np.log2((6 + 8 * 6.5 / 9.5) / 16))
    assert lengths[0] == lengths[2] == pytest.approx(-np.log2((1 + 8 * 1.5 / 9.5) / 16))


def test_lengths_foretell_the_coder():
    from tts_compress.encodings.coder import Encoder, Kind

    random = np.random.default_rng(1)
    scales = np.exp(random.normal(0, 0.7, (128, 1)) + random.normal(0, 0.7, 128))
    levels = (random.laplace(0, 1, (128, 128)) * scales).round().astype(np.int16)
    classes = contexts(levels)
    largest = int(np.abs(levels).max())
    lengths = code_lengths(levels, classes, largest)
    encoder = Encoder()
    encoder.levels(levels, Kind.LEVELS)
    foretold = lengths[classes, levels + largest].sum() / 8
    assert foretold == pytest.approx(len(encoder.finish()), rel=0.05)
