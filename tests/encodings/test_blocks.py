import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tts_compress.encodings import ENCODINGS, Item, describe, pack, unpack
from tts_compress.errors import ArtifactError
from tts_compress.quantized import Codebook, MultiBit, Quantized, Scaled, Uniform

BITS = {
    torch.float64: np.int64,
    torch.float32: np.int32,
    torch.float16: np.int16,
    torch.bfloat16: np.int16,
    torch.int64: np.int64,
    torch.int32: np.int32,
    torch.int16: np.int16,
    torch.int8: np.int8,
    torch.uint8: np.uint8,
}
LEVELS = torch.tensor([[1, -1, 0], [0, 2, -2]]).short()
FORMS = [
    Uniform(LEVELS, torch.tensor([[0.5]])),
    Uniform(LEVELS, torch.tensor([[0.5, 2.0], [1.0, 3.0]])),
    Uniform(LEVELS[0, 1], torch.tensor([[0.5]])),
    Uniform(torch.zeros(3, 0).short(), torch.ones(3, 1)),
    Scaled(LEVELS, torch.tensor(0.5), torch.tensor([0, 9]).char(), torch.tensor([-1, 0, 1]).char()),
    Codebook(LEVELS, torch.tensor([[-3.0, -1.0, 0.0, 0.5, 2.0]])),
    Codebook(LEVELS, torch.tensor([[-3.0, -1.0, 0.0, 0.5, 2.0], [-2.0, -1.0, 0.0, 1.0, 2.0]])),
    MultiBit(LEVELS, torch.tensor([[[0.5]], [[2.0]]])),
]
EXAMPLES = [
    Item(torch.tensor([[0.5, 0.0], [-0.0, -3.0]])),
    Item(torch.tensor([True, False])),
    Item(torch.tensor(2**40)),
    *(Item(form.dense(), form) for form in FORMS),
]


@st.composite
def tensors(draw):
    """Any bits, so also -0.0, subnormals and every NaN; zeros are common."""
    dtype = draw(st.sampled_from(sorted(BITS, key=str)))
    shape = draw(st.lists(st.integers(0, 5), max_size=3))
    info = np.iinfo(BITS[dtype])
    value = st.just(0) | st.integers(int(info.min), int(info.max))
    size = int(np.prod(shape, dtype=int))
    values = draw(st.lists(value, min_size=size, max_size=size))
    return torch.from_numpy(np.array(values, BITS[dtype]).reshape(shape)).view(dtype)


def same(a, b):
    """Whether two plain tensors are the same to the bit, or two forms have the same parts."""
    if isinstance(a, Quantized):
        return type(a) is type(b) and all(same(x, vars(b)[name]) for name, x in vars(a).items())
    if a.dtype != b.dtype or a.shape != b.shape or not a.numel():
        return a.dtype == b.dtype and a.shape == b.shape
    return torch.equal(*(tensor.reshape(-1).view(torch.uint8) for tensor in (a, b)))


def there_and_back(items):
    specs = json.loads(json.dumps([describe(item) for item in items]))
    return unpack(pack(items), specs)


@given(st.lists(tensors(), max_size=3))
def test_every_bit_comes_back(given):
    found = there_and_back([Item(tensor) for tensor in given])
    assert all(same(a, b) for a, b in zip(given, found, strict=True))


def test_every_encoding_gives_its_tensors_back():
    assert {describe(item)["encoding"] for item in EXAMPLES} == set(ENCODINGS)
    for item, found in zip(EXAMPLES, there_and_back(EXAMPLES), strict=True):
        assert same(found, item.tensor if item.form is None else item.form)


def test_the_same_tensors_give_the_same_bytes():
    assert pack(EXAMPLES) == pack(EXAMPLES)


def test_transposed_tensors_come_back():
    tensor = torch.arange(6.0).reshape(2, 3).T
    assert torch.equal(there_and_back([Item(tensor)])[0], tensor)


def test_halves_cost_no_more_in_float32():
    values = torch.randn(100, 100, generator=torch.manual_seed(0)).half()
    narrow, wide = len(pack([Item(values)])), len(pack([Item(values.float())]))
    assert abs(wide - narrow) < 200  # subnormal halves have exponents of their own in float32
    assert wide < 0.88 * values.nbytes


def test_zeros_cost_next_to_nothing():
    values = torch.randn(100, 100, generator=torch.manual_seed(0))
    pruned = torch.where(values.abs() > 2, values, 0)
    kept = int((pruned != 0).sum())
    assert len(pack([Item(torch.zeros(100, 100))])) < 20
    assert len(pack([Item(pruned)])) < kept * 4 + 100 * 100 * 0.3 / 8


FLOAT = {"encoding": "float", "shape": [3], "dtype": "float32"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoding": "flot"}, "w: cannot be decoded, got unknown encoding 'flot'; Did you mean"),
        ({"encoding": ["float"]}, "unknown encoding"),
        ({"dtype": "float31"}, "unknown dtype 'float31'; Did you mean 'float32'"),
        ({"dtype": "int8"}, "floats of type torch.int8"),
        ({"shape": [-1]}, r"got shape \[-1\]. Save it again."),
        ({"shape": [1.5]}, r"got shape \[1.5\]"),
        ({"shape": [2**40]}, r"got shape \[1099511627776\]"),
        ({"shape": "3"}, "got shape '3'"),
        ({"shape": [2**20, 2**20]}, "cannot hold 1099511627776 more weights"),
        ({"encoding": "uniform"}, "got no 'table'"),
        ({"encoding": "uniform", "table": [2, 2]}, r"a table of shape \(2, 2\) for a matrix of 1"),
        ({"encoding": "uniform", "table": [1, 0]}, r"a table of shape \(1, 0\)"),
        ({"encoding": "codebook", "table": [0, 2]}, r"tables of shape \(0, 2\)"),
        ({"encoding": "codebook", "table": [1, 2]}, "not ascending or has no zero"),
        ({"encoding": "multibit", "table": [99, 1, 1]}, "99 binary codes"),
        ({"encoding": "raw"}, "4 plain bytes cannot hold 12 values"),
    ],
)
def test_specs_that_do_not_fit(change, message):
    data = pack([Item(torch.tensor([1.0, -2.0, 1.5 + 2**-23]))])
    if change.get("encoding") == "raw":
        data = (4).to_bytes(5, "little") + bytes(4)
    with pytest.raises(ArtifactError, match=message):
        unpack(data, [FLOAT | change], "w")


def test_rows_without_columns_take_no_memory_however_many():
    form = Codebook(torch.zeros(3, 0).short(), torch.tensor([[0.0]]))
    block, shape = pack([Item(form.dense(), form)]), [2**31 - 1, 0]
    (found,) = unpack(block, [{"encoding": "codebook", "shape": shape, "table": [1, 1]}])
    assert found.dense().shape == tuple(shape)


def test_no_truth_values_at_all_are_read():
    (found,) = unpack(pack([]), [{"encoding": "raw", "shape": [0], "dtype": "bool"}])
    assert found.shape == (0,)
    assert found.dtype == torch.bool


def test_a_level_outside_of_its_table_is_told():
    levels = torch.tensor([[5, 0]]).short()
    books = Codebook(levels, torch.tensor([[0.0, 1.0]])), MultiBit(levels, torch.ones(2, 1, 1))
    for form, message in zip(books, ("outside of its table", "that no code has"), strict=True):
        item = Item(levels.float(), form)
        with pytest.raises(ArtifactError, match=message):
            unpack(pack([item]), [describe(item)])


@given(st.data())
def test_altered_blocks_are_tensors_or_one_error(data):
    block = bytearray(pack(EXAMPLES))
    block[data.draw(st.integers(0, len(block) - 1))] ^= data.draw(st.integers(1, 255))
    block = block[: data.draw(st.integers(0, len(block)))]
    specs = [describe(item) for item in EXAMPLES]
    try:
        found = unpack(bytes(block), specs, "w")
    except ArtifactError as error:
        found = str(error)
    if isinstance(found, str):
        assert found.startswith("w: cannot be decoded, got ")
    else:
        assert [list(tensor.shape) for tensor in found] == [spec["shape"] for spec in specs]
