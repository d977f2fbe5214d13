"""Blocks: one or many tensors as bytes, and back; they share what the coder learns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from tts_compress.encodings.coder import Decoder, Encoder, Sink
from tts_compress.encodings.forms import (
    read_codebook,
    read_multibit,
    read_scaled,
    read_uniform,
    table_shape,
    write_form,
)
from tts_compress.encodings.plain import (
    DTYPES,
    read_float,
    read_integer,
    read_raw,
    write_float,
    write_integer,
    write_raw,
)
from tts_compress.errors import ArtifactError, nearest
from tts_compress.quantized import Quantized

Spec = Mapping[str, Any]
"""How to read a tensor: `encoding`, `shape`, and `dtype` of a plain tensor or `table`, the shape of
a quantized one's table; goes through JSON unchanged."""

MAX_AXIS = 2**31


@dataclass(frozen=True)
class Item:
    """A tensor to be packed.

    Attributes:
        tensor: Its values.
        form: What a method made of it, or None; its `dense()` has the same bits as the tensor.
    """

    tensor: Tensor
    form: Quantized | None = None


@dataclass(frozen=True)
class Encoding:
    """A way to write tensors and to read them.

    Attributes:
        write: Writes an item.
        read: Gives the tensor or the form of a shape, and of a dtype or a table's shape.
    """

    write: Callable[[Any, Sink], None]
    read: Callable[[tuple[int, ...], Any, Decoder], Tensor | Quantized]


ENCODINGS: dict[str, Encoding] = {
    "float": Encoding(write_float, read_float),
    "integer": Encoding(write_integer, read_integer),
    "raw": Encoding(write_raw, read_raw),
    "uniform": Encoding(write_form, read_uniform),
    "scaled": Encoding(write_form, read_scaled),
    "codebook": Encoding(write_form, read_codebook),
    "multibit": Encoding(write_form, read_multibit),
}


def describe(item: Item) -> Spec:
    """Gives the smallest encoding of an item and what reading it takes.

    >>> import torch
    >>> describe(Item(torch.zeros(2, 3)))
    {'encoding': 'float', 'shape': [2, 3], 'dtype': 'float32'}
    """
    shape = list(item.tensor.shape)
    if item.form is not None:
        return {"encoding": item.form.name, "shape": shape, "table": [*table_shape(item.form)]}
    name = str(item.tensor.dtype).removeprefix("torch.")
    return {"encoding": _plain(item.tensor), "shape": shape, "dtype": name}


def _plain(tensor: Tensor) -> str:
    if tensor.is_floating_point():
        return "float"
    if not tensor.numel() or -(2**15) <= int(tensor.min()) <= int(tensor.max()) < 2**15:
        return "integer"
    return "raw"


def write(items: Sequence[Item], sink: Sink) -> None:
    """Writes items one after the other."""
    for item in items:
        encoding = ENCODINGS[describe(item)["encoding"]]
        encoding.write(item.tensor if item.form is None else item.form, sink)


def pack(items: Sequence[Item]) -> bytes:
    """Gives one block of these tensors; `describe` says of each what `unpack` must be told.

    >>> import torch
    >>> item = Item(torch.tensor([0.0, 1.5, -3.0]))
    >>> block = pack([item])
    >>> unpack(block, [describe(item)])[0].tolist()
    [0.0, 1.5, -3.0]
    """
    encoder = Encoder()
    write(items, encoder)
    return encoder.finish()


def unpack(data: bytes, specs: Sequence[Spec], where: str = "block") -> list[Tensor | Quantized]:
    """Gives the tensors of a block: plain ones, and the forms of quantized ones.

    Args:
        data: The block, as `pack` gave it.
        specs: What `describe` said of each of its tensors, in the same order.
        where: Starts messages, such as the tensor's name.

    Raises:
        ArtifactError: The block is damaged, or does not hold such tensors.
    """
    try:
        decoder = Decoder(data)
        return [_read(spec, decoder) for spec in specs]
    except (ValueError, KeyError, TypeError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ArtifactError(f"{where}: cannot be decoded, got {what}. Save it again.") from None


def _read(spec: Spec, decoder: Decoder) -> Tensor | Quantized:
    name = spec["encoding"]
    if not isinstance(name, str) or name not in ENCODINGS:
        raise ValueError(f"unknown encoding {name!r}; {nearest(str(name), ENCODINGS)[:-1]}")
    shape = _sizes(spec["shape"])
    if name not in ("float", "integer", "raw"):
        return ENCODINGS[name].read(shape, _sizes(spec["table"]), decoder)
    if spec["dtype"] not in DTYPES:
        raise ValueError(
            f"unknown dtype {spec['dtype']!r}; {nearest(str(spec['dtype']), DTYPES)[:-1]}"
        )
    return ENCODINGS[name].read(shape, DTYPES[spec["dtype"]], decoder)


def _sizes(shape: Any) -> tuple[int, ...]:
    good = isinstance(shape, list | tuple) and len(shape) <= 8
    if not good or not all(type(size) is int and 0 <= size < MAX_AXIS for size in shape):
        raise ValueError(f"shape {shape!r:.60}")
    return tuple(shape)
