import gzip
import math

import pytest
import torch
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tts_compress.encodings import Item, packed
from tts_compress.metrics import METRICS, sizes
from tts_compress.metrics.taking import OF_ITEMS, Taker, is_of_compression, of_items
from tts_compress.quantized import Uniform


def uniform(levels, step=0.5):
    form = Uniform(torch.tensor(levels, dtype=torch.int16), torch.tensor([[step]]))
    return Item(form.dense(), form)


EVEN = uniform([[0, 1, 2, 3]] * 64)  # 256 weights of four values, each as often as the others


def test_floats_take_four_or_two_bytes_each():
    items = [EVEN, Item(torch.zeros(10))]
    assert sizes.float32_bytes(items) == 4 * 266
    assert sizes.float16_bytes(items) == 2 * 266


def test_four_values_take_two_bits_each():
    tables = sizes.packed_bytes([EVEN]) - 256 * 2 // 8
    assert 0 < tables < 20
    assert sizes.entropy_bytes([EVEN]) == pytest.approx(256 * 2 / 8, abs=8)


def test_zeros_take_a_mask():
    sparse = uniform([[0] * 63 + [1 + row % 7] for row in range(64)])
    assert 4096 / 8 < sizes.packed_bytes([sparse]) < 4096 / 8 + 64 * 3 / 8 + 64
    p = 1 / 64
    zeros = -(p * math.log2(p) + (1 - p) * math.log2(1 - p)) * 4096 / 8
    assert sizes.entropy_bytes([sparse]) == pytest.approx(zeros + 64 * math.log2(7) / 8, abs=8)


def test_gzip_and_zstd_see_whole_bytes():
    data = packed([EVEN], aligned=True)
    assert sizes.packed_gzip_bytes([EVEN]) == len(gzip.compress(data, 9))
    assert sizes.packed_zstd_bytes([EVEN]) == len(zstandard.compress(data, 19))


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=300))
def test_packing_is_never_below_entropy(levels):
    items = [uniform([levels])]
    assert sizes.entropy_bytes(items) <= sizes.packed_bytes(items) + 1


def test_each_is_recorded_of_a_run_and_is_not_of_its_compression():
    taken = list(of_items(Taker("a1"), [EVEN]))
    assert [record.metric for record in taken] == list(OF_ITEMS)
    assert {(record.unit, record.sentence) for record in taken} == {("bytes", None)}
    assert not any(is_of_compression(record) for record in taken)  # taken again from the file
    assert set(OF_ITEMS) < METRICS.keys()
