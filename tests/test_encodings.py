import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tts_compress.encodings import ENCODINGS, decode, encode, n_bytes
from tts_compress.errors import ArtifactError

DTYPES = {
    torch.float32: np.int32,
    torch.float64: np.int64,
    torch.float16: np.int16,
    torch.bfloat16: np.int16,
    torch.int64: np.int64,
    torch.uint8: np.uint8,
}


@st.composite
def tensors(draw):
    """Any bits, so also -0.0, subnormals and every NaN; zeros are common."""
    dtype = draw(st.sampled_from(sorted(DTYPES, key=str)))
    shape = draw(st.lists(st.integers(0, 5), max_size=3))
    bits = np.dtype(DTYPES[dtype])
    info = np.iinfo(bits)
    value = st.just(0) | st.integers(int(info.min), int(info.max))
    size = int(np.prod(shape, dtype=int))
    values = draw(st.lists(value, min_size=size, max_size=size))
    return torch.from_numpy(np.array(values, bits).reshape(shape)).view(dtype)


def bits(tensor):
    return tensor.contiguous().view(torch.from_numpy(np.empty(0, DTYPES[tensor.dtype])).dtype)


@pytest.mark.parametrize("name", ENCODINGS)
@given(tensor=tensors())
def test_every_bit_comes_back(name, tensor):
    found = decode(name, ENCODINGS[name].encode(tensor), tensor.shape)
    assert found.dtype == tensor.dtype
    assert found.shape == tensor.shape
    assert torch.equal(bits(found), bits(tensor))


@given(tensors())
def test_smallest_is_chosen_and_comes_back(tensor):
    name, parts = encode(tensor)
    assert n_bytes(parts) == min(n_bytes(e.encode(tensor)) for e in ENCODINGS.values())
    assert torch.equal(bits(decode(name, parts, tensor.shape)), bits(tensor))


def test_bitmask_by_hand():
    tensor = torch.tensor([[0.0, 1.5], [-0.0, 0.0]])
    parts = ENCODINGS["bitmask"].encode(tensor)
    assert parts["mask"].tolist() == [0b01100000]
    assert parts["values"].tolist() == [1.5, -0.0]


def test_dense_small_or_transposed_tensors_stay_raw():
    assert encode(torch.ones(1000))[0] == "raw"
    assert encode(torch.zeros(20))[0] == "raw"
    assert encode(torch.ones(3, 2).T)[1]["values"].is_contiguous()
    assert encode(torch.tensor([0.0, 1.0]).repeat(500))[0] == "bitmask"


@pytest.mark.parametrize(
    ("name", "parts", "shape", "message"),
    [
        ("bitmsk", {}, [1], "w: unknown encoding 'bitmsk'. Did you mean 'bitmask'"),
        ("raw", {}, [1], r"w: its parts do not make shape \(1,\), got 'values'"),
        ("raw", {"values": torch.ones(2)}, [1], r"got values of shape \(2,\)"),
        ("bitmask", {"mask": torch.ones(1)}, [1], "got 'values'"),
        (
            "bitmask",
            {"mask": torch.ones(1), "values": torch.ones(1)},
            [10**15],
            r"shape \(1000000000000000,\), got a mask of shape \(1,\)",
        ),
        (
            "bitmask",
            {"mask": torch.tensor([128], dtype=torch.uint8), "values": torch.ones(2)},
            [3],
            r"got values of shape \(2,\)",
        ),
        ("raw", {"values": torch.ones(1)}, [-1, -1], "got a negative size"),
    ],
)
def test_parts_that_do_not_fit(name, parts, shape, message):
    with pytest.raises(ArtifactError, match=message):
        decode(name, parts, shape, "w")
