import pytest
import torch

from tts_compress.encodings import Item, entropy_bytes, pack, packed, packed_bytes
from tts_compress.quantized import Uniform


def uniform(levels):
    form = Uniform(levels.short(), torch.ones(1, 1))
    return Item(form.dense(), form)


def size(item):
    """Bytes of the levels alone: what all zeros take is that of the tables."""
    none = uniform(torch.zeros_like(item.tensor))
    return entropy_bytes([item]) - entropy_bytes([none])


def test_entropy_by_hand():
    assert size(uniform(torch.tensor([[0, 1, 2, 3] * 8]))) == pytest.approx(2 * 32 / 8)
    assert size(uniform(torch.tensor([[0, 0, 0, 1] * 8]))) == pytest.approx(0.811278 * 32 / 8)


def test_packed_by_hand():
    four = uniform(torch.tensor([[0, 1, 2, 3] * 8]))
    nothing = uniform(torch.zeros(1, 32))
    # 2 bits each, and 3 more levels of 2 bytes that are told
    assert packed_bytes([four]) - packed_bytes([nothing]) == 2 * 32 // 8 + 3 * 2
    assert packed([four])[-8:] == bytes([0b00_01_10_11] * 8)


def test_mostly_zeros_are_packed_as_a_mask_and_the_others():
    levels = torch.zeros(1, 800)
    levels[0, ::100] = torch.tensor([1, 2, 3, 4, 1, 2, 3, 4])
    assert packed_bytes([uniform(levels)]) < 800 * 2 // 8
    assert packed_bytes([uniform(levels)]) > 800 // 8 + 8 * 2 // 8


def test_aligned_levels_take_bytes():
    levels = torch.tensor([[-1, 1, 2, 3] * 8])
    assert len(packed([uniform(levels)], aligned=True)) - packed_bytes([uniform(levels)]) == 32 - 8


def test_coded_is_smaller_than_packed_and_close_to_entropy():
    levels = torch.randn(64, 64, generator=torch.manual_seed(0)).mul(2).round()
    items = [uniform(levels), Item(torch.randn(64, 64))]
    assert entropy_bytes(items) < packed_bytes(items)
    assert len(pack(items)) < 1.01 * entropy_bytes(items) + 60
