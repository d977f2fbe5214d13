"""Tensors that no method quantized: floats of any width, integers, and anything else."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tts_compress.encodings.coder import Decoder, Kind, Sink
from tts_compress.quantized import matrix_shape

DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float64, torch.float32, torch.bfloat16, torch.float16,
        torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
    )
}  # fmt: skip

_BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
_LAYOUT = {torch.float16: (5, 10), torch.bfloat16: (8, 7), torch.float32: (8, 23)}
_LAYOUT[torch.float64] = (11, 52)
"""Bits of the exponent and of the mantissa."""


def write_float(tensor: Tensor, sink: Sink, kind: Kind = Kind.EXPONENTS) -> None:
    """Writes floats as levels, which are modelled, and as many bits of mantissas as any value has.

    A level is 0 for +0.0, else by how much the exponent is below one more than the largest, with
    the sign of the value. So float16 or bfloat16 values cost no more in a float32 tensor, and zeros
    next to nothing.
    """
    n_exponent, n_mantissa = _LAYOUT[tensor.dtype]
    flat = tensor.detach().reshape(-1).contiguous().view(_BITS[tensor.element_size()])
    bits = flat.numpy().view(f"u{tensor.element_size()}")
    kept = bits != 0
    exponent = (bits >> bits.dtype.type(n_mantissa) & bits.dtype.type(2**n_exponent - 1)).astype(
        np.int16
    )
    mantissa = bits[kept] & bits.dtype.type(2**n_mantissa - 1)
    top = int(exponent.max(where=kept, initial=0))
    used = int(np.bitwise_or.reduce(mantissa)) if len(mantissa) else 0
    width = n_mantissa - (used & -used).bit_length() + 1 if used else 0
    levels = top + 1 - exponent
    levels[bits >> bits.dtype.type(n_exponent + n_mantissa) == 1] *= -1
    levels[~kept] = 0
    sink.levels(np.array([[top, width]], np.int16), Kind.TABLES)
    sink.levels(levels.reshape(matrix_shape(tensor.shape)), kind)
    sink.bits(mantissa >> mantissa.dtype.type(n_mantissa - width), width)


def read_float(
    shape: tuple[int, ...], dtype: torch.dtype, source: Decoder, kind: Kind = Kind.EXPONENTS
) -> Tensor:
    """Gives back what `write_float` was given."""
    if dtype not in _LAYOUT:
        raise ValueError(f"floats of type {dtype}")
    n_exponent, n_mantissa = _LAYOUT[dtype]
    top, width = (int(value) for value in source.levels(1, 2, Kind.TABLES)[0])
    if not (0 <= top < 2**n_exponent and 0 <= width <= n_mantissa):
        raise ValueError(f"an exponent of {top} and {width} bits")
    levels = source.levels(*matrix_shape(shape), kind).reshape(-1)
    kept = levels != 0
    exponent = top + 1 - np.abs(levels.astype(np.int32))
    if int(exponent.min(initial=0)) < 0:
        raise ValueError("an exponent below 0")
    size = torch.empty(0, dtype=dtype).element_size()
    bits = np.zeros(len(levels), f"u{size}")
    bits[kept] = source.bits(int(kept.sum()), width, bits.dtype.str) << bits.dtype.type(
        n_mantissa - width
    )
    bits[kept] |= exponent[kept].astype(bits.dtype) << bits.dtype.type(n_mantissa)
    bits[levels < 0] |= bits.dtype.type(1 << (n_exponent + n_mantissa))
    return torch.from_numpy(bits.view(f"i{size}")).view(dtype).reshape(shape)


def write_integer(tensor: Tensor, sink: Sink) -> None:
    """Writes integers of at most 16 bits."""
    levels = tensor.detach().reshape(matrix_shape(tensor.shape)).numpy().astype(np.int16)
    sink.levels(levels, Kind.TABLES)


def read_integer(shape: tuple[int, ...], dtype: torch.dtype, source: Decoder) -> Tensor:
    """Gives back what `write_integer` was given."""
    levels = torch.from_numpy(source.levels(*matrix_shape(shape), Kind.TABLES))
    return levels.reshape(shape).to(dtype)


def write_raw(tensor: Tensor, sink: Sink) -> None:
    """Writes the bytes of anything."""
    data: NDArray[Any] = tensor.detach().reshape(-1).contiguous().numpy()
    sink.bits(data.view(np.uint8), 8)


def read_raw(shape: tuple[int, ...], dtype: torch.dtype, source: Decoder) -> Tensor:
    """Gives back what `write_raw` was given."""
    size = int(np.prod(shape, dtype=object)) * torch.empty(0, dtype=dtype).element_size()
    data = torch.from_numpy(source.bits(size, 8, "u1"))
    if dtype == torch.bool and bool((data > 1).any()):
        raise ValueError("a truth value of neither 0 nor 1")
    return data.view(dtype).reshape(shape)
