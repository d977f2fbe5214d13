"""How tensors are packed on disk, by name; every encoding gives back each bit.

An encoding turns a tensor into named parts, which are tensors again and are saved as they are.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tts_compress.errors import ArtifactError, nearest

Parts = Mapping[str, Tensor]

PART_BYTES = 100
"""About what one more part costs in a file's header."""

_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


@dataclass(frozen=True)
class Encoding:
    """A way to pack a tensor.

    Attributes:
        encode: Gives the parts of a tensor.
        decode: Gives the tensor of these parts and this shape; `ValueError` if they do not fit.
    """

    encode: Callable[[Tensor], Parts]
    decode: Callable[[Parts, Sequence[int]], Tensor]


def _encode_raw(tensor: Tensor) -> Parts:
    return {"values": tensor.contiguous()}


def _decode_raw(parts: Parts, shape: Sequence[int]) -> Tensor:
    values = parts["values"]
    if list(values.shape) != list(shape):
        raise ValueError(f"values of shape {tuple(values.shape)!r}")
    return values


def _encode_bitmask(tensor: Tensor) -> Parts:
    """Keeps one bit for each value, and the values whose bits are not all zero, so also -0.0."""
    flat = tensor.flatten()
    kept = flat.view(_INTEGERS[flat.element_size()]) != 0
    return {"mask": torch.from_numpy(np.packbits(kept.numpy())), "values": flat[kept]}


def _decode_bitmask(parts: Parts, shape: Sequence[int]) -> Tensor:
    mask, values, size = parts["mask"], parts["values"], math.prod(shape)
    if mask.dtype != torch.uint8 or mask.shape != ((size + 7) // 8,):
        raise ValueError(f"a mask of shape {tuple(mask.shape)!r}")
    kept = torch.from_numpy(np.unpackbits(mask.numpy(), count=size)).bool()
    if values.shape != (int(kept.sum()),):
        raise ValueError(f"values of shape {tuple(values.shape)!r}")
    tensor = torch.zeros(size, dtype=values.dtype)
    tensor.masked_scatter_(kept, values)
    return tensor.view(tuple(shape))


ENCODINGS: dict[str, Encoding] = {
    "raw": Encoding(_encode_raw, _decode_raw),
    "bitmask": Encoding(_encode_bitmask, _decode_bitmask),
}


def n_bytes(parts: Parts) -> int:
    """Bytes of all parts together, with what each costs in a file's header."""
    return sum(part.nbytes + PART_BYTES for part in parts.values())


def encode(tensor: Tensor) -> tuple[str, Parts]:
    """Gives the name of the smallest encoding of a tensor, and its parts.

    >>> name, parts = encode(torch.tensor([0.0, 2.0, 0.0, 0.0] * 100))
    >>> name, {part: values.nbytes for part, values in parts.items()}
    ('bitmask', {'mask': 50, 'values': 400})
    """
    packed = {name: encoding.encode(tensor) for name, encoding in ENCODINGS.items()}
    smallest = min(packed, key=lambda name: n_bytes(packed[name]))
    return smallest, packed[smallest]


def decode(name: str, parts: Parts, shape: Sequence[int], where: str = "tensor") -> Tensor:
    """Gives back the tensor that `encode` was given.

    Args:
        name: The encoding.
        parts: Its parts.
        shape: Shape of the tensor.
        where: Starts messages, such as the tensor's name.

    Raises:
        ArtifactError: The encoding is unknown, or the parts do not fit each other or the shape.
    """
    if name not in ENCODINGS:
        raise ArtifactError(f"{where}: unknown encoding {name!r}. {nearest(name, ENCODINGS)}")
    try:
        if min(shape, default=0) < 0:
            raise ValueError("a negative size")
        return ENCODINGS[name].decode(parts, shape)
    except (KeyError, ValueError) as error:
        raise ArtifactError(
            f"{where}: its parts do not make shape {tuple(shape)!r}, got {error}. Save it again."
        ) from None
