import tracemalloc

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_compress.encodings import kernels
from tts_compress.encodings.coder import (
    BYTES_PER_LEVEL,
    LEVELS_PER_BYTE,
    Decoder,
    Encoder,
    Kind,
    pack_bits,
)

EMPTY = bytes(5)


def coded(*matrices, kind=Kind.LEVELS):
    encoder = Encoder()
    for matrix in matrices:
        encoder.levels(matrix, kind)
    return encoder.finish()


def entropy_bits(matrix):
    counts = np.unique(matrix, return_counts=True)[1]
    return float((counts * np.log2(matrix.size / counts)).sum())


@st.composite
def matrices(draw):
    """Of any size and scale, with whole rows of zeros."""
    rows, columns = draw(st.integers(0, 9)), draw(st.integers(0, 9))
    seed, scale = draw(st.integers(0, 2**32)), draw(st.sampled_from([0.1, 1, 30, 3000, 10**6]))
    values = np.random.default_rng(seed).laplace(0, scale, (rows, columns)).round()
    values[draw(st.integers(0, 3)) :: 4] = 0
    return np.clip(values, -(2**15), 2**15 - 1).astype(np.int16)


@given(st.lists(st.tuples(matrices(), st.sampled_from(Kind)), max_size=4))
def test_every_matrix_comes_back(given):
    encoder = Encoder()
    for matrix, kind in given:
        encoder.levels(matrix, kind)
    decoder = Decoder(encoder.finish())
    for matrix, kind in given:
        assert np.array_equal(decoder.levels(*matrix.shape, kind), matrix)


def test_the_largest_and_smallest_come_back():
    matrix = np.array([[32767, -32768, 0, -32767, 1]], np.int16)
    assert np.array_equal(Decoder(coded(matrix)).levels(1, 5, Kind.LEVELS), matrix)


def test_what_was_least_expected_comes_back():
    """That none of these is zero leaves a 1024th of the coder's span each time."""
    matrix = np.zeros((2, 60_000), np.int16)
    matrix[1, ::20_000], matrix[1, 1::20_000] = -(2**15), 2**15 - 1
    data = coded(matrix)
    assert np.array_equal(Decoder(data).levels(2, 60_000, Kind.LEVELS), matrix)
    zeros = len(coded(np.zeros_like(matrix)))
    assert len(data) - zeros < 6 * BYTES_PER_LEVEL


def test_matrices_of_several_bands_come_back():
    matrix = np.random.default_rng(0).integers(-2, 3, (3, 50_000)).astype(np.int16)
    assert np.array_equal(Decoder(coded(matrix)).levels(3, 50_000, Kind.LEVELS), matrix)


def test_nothing_takes_nothing():
    assert coded() == EMPTY
    assert coded(np.zeros((0, 3), np.int16)) == EMPTY


def test_zeros_cost_a_710th_of_a_bit():
    data = coded(np.zeros((1000, 1000), np.int16))
    size = len(data) - len(EMPTY) - int.from_bytes(data[:5], "little")
    assert 1e6 / LEVELS_PER_BYTE < size < 1.01 * 1e6 / 5680


@pytest.mark.parametrize("scale", [0.3, 1, 3, 20, 500])
def test_random_levels_cost_their_entropy(scale):
    levels = np.random.default_rng(1).laplace(0, scale, (256, 512)).round().astype(np.int16)
    assert len(coded(levels)) * 8 < 1.01 * entropy_bits(levels) + 3000


def test_scales_of_rows_and_columns_are_learnt():
    random = np.random.default_rng(2)
    scales = np.exp(random.normal(0, 0.8, (256, 1)) + random.normal(0, 0.8, 256))
    levels = (random.laplace(0, 2, (256, 256)) * scales).round().astype(np.int16)
    assert len(coded(levels)) * 8 < 0.92 * entropy_bits(levels)


def test_smooth_rows_are_predicted():
    noise = np.random.default_rng(3).normal(0, 3, (256, 260))
    levels = sum(noise[:, k : k + 256] for k in range(4)).round().astype(np.int16)
    assert len(coded(levels)) * 8 < 0.92 * entropy_bits(levels)


def test_small_matrices_share_what_was_learnt():
    levels = np.random.default_rng(4).laplace(0, 1, (40, 8, 8)).round().astype(np.int16)
    together = len(coded(*levels)) - len(EMPTY)
    assert together < 0.93 * sum(len(coded(matrix)) - len(EMPTY) for matrix in levels)


@given(st.lists(st.integers(0, 2**32 - 1)), st.integers(0, 32))
def test_plain_bits_come_back(values, width):
    values = np.array(values, np.uint32) & np.uint32(2**width - 1)
    encoder = Encoder()
    encoder.bits(values, width)
    data = encoder.finish()
    assert len(data) == len(EMPTY) + -(-len(values) * width // 8)
    assert np.array_equal(Decoder(data).bits(len(values), width, "u4"), values)


def test_plain_bits_by_hand():
    assert pack_bits(np.array([1, 0, 1, 3], np.uint8), 2) == bytes([0b01_00_01_11])


@pytest.mark.parametrize("size", [2**16 - 1, 2**16 + 5])
def test_many_plain_bits_come_back(size):
    values = np.random.default_rng(5).integers(0, 2**11, size).astype(np.uint16)
    encoder = Encoder()
    encoder.bits(values, 11)
    assert np.array_equal(Decoder(encoder.finish()).bits(size, 11, "u2"), values)


def test_more_than_data_can_hold_is_refused_before_it_is_allocated():
    decoder = Decoder(coded(np.ones((4, 4), np.int16)))
    with pytest.raises(ValueError, match="cannot hold 1000000000000 more weights"):
        decoder.levels(10**6, 10**6, Kind.LEVELS)
    with pytest.raises(ValueError, match="0 plain bytes cannot hold 100000000 values"):
        decoder.bits(10**8, 3, "u4")
    with pytest.raises(ValueError, match="7 bytes cannot hold 9 plain ones"):
        Decoder(bytes([9, 0, 0, 0, 0, 1, 2]))


def test_other_shapes_than_were_coded_take_little_memory():
    """What is wrong decodes to zeros without end, since the coder learns that they are likely."""
    random = np.random.default_rng(0)
    data = coded(random.laplace(0, 1, (300, 300)).round().astype(np.int16))
    claimed = LEVELS_PER_BYTE * len(data) // 2
    for rows in (1, 300, claimed // 3):
        tracemalloc.start()
        decoder = Decoder(data)
        before = tracemalloc.get_traced_memory()[1]
        with pytest.raises(ValueError, match="truncated or altered"):
            decoder.levels(rows, claimed // rows, Kind.LEVELS)
        assert tracemalloc.get_traced_memory()[1] < before + 2**20
        tracemalloc.stop()


def test_a_band_that_decodes_to_something_else_is_told():
    data = bytearray(coded(np.zeros((300, 300), np.int16)))
    data[5] ^= 1
    with pytest.raises(ValueError, match="truncated or altered"):
        Decoder(bytes(data)).levels(300, 300, Kind.LEVELS)


def test_no_shape_of_no_weights_is_too_wide():
    assert Decoder(EMPTY).levels(0, 2**40, Kind.LEVELS).shape == (0, 2**40)


def test_truncated_data_is_told():
    data = coded(np.random.default_rng(6).integers(-9, 9, (99, 99)).astype(np.int16))
    with pytest.raises(ValueError, match="truncated or altered"):
        Decoder(data[: len(data) // 2]).levels(99, 99, Kind.LEVELS)


@given(st.binary(max_size=60), st.integers(1, 40))
def test_any_bytes_are_levels_or_an_error(data, columns):
    try:
        found = Decoder(EMPTY + data).levels(7, columns, Kind.LEVELS)
    except ValueError as error:
        found = str(error)
    told = isinstance(found, str) and found == "the coded data is truncated or altered"
    assert told or found.shape == (7, columns)


def test_what_cannot_be_kept_on_disk_is_compiled():
    """As of a package in a folder that cannot be written to, without a home."""
    space = {}
    exec("def is_even(x): return x % 2 == 0", space)
    with pytest.raises(RuntimeError, match="cannot cache"):
        numba.njit(cache=True)(space["is_even"])
    assert kernels._kept(space["is_even"])(4)
