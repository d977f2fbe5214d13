"""The adaptive coder: matrices of signed integers, and bits that nothing can be learnt of.

Each integer is a few yes-or-no decisions (is it zero, its sign, is it more than 1, than 2, ...).
Each decision has a probability that is learnt on the way, from what its neighbours suggest, and
goes through a range coder at the cost of that probability. `kernels` has the arithmetic.

Any bytes at all decode to some integers, often to millions of zeros. So each band of a matrix but
the last is followed by 16 plain bits of the coder's state: who decodes something else than what was
encoded is stopped after a band, before it has taken much memory.
"""

from enum import IntEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.int16]
Words = NDArray[np.unsignedinteger[Any]]

BYTES_PER_LEVEL = 64
"""More bytes than one integer can take."""

LEVELS_PER_BYTE = 5700
"""More integers than one byte can hold, since every decision costs 1/710 bit or more."""

_CHUNK = 2**16
_SLACK = 8
"""Bytes that a coder may read after the last, which count as zeros."""
_ALTERED = "the coded data is truncated or altered"


class Kind(IntEnum):
    """What is learnt together."""

    LEVELS = 0
    EXPONENTS = 1
    TABLES = 2


class Sink(Protocol):
    """Takes integers and bits."""

    def levels(self, matrix: Levels, kind: Kind) -> None:
        """Takes a matrix of integers, ``(rows, columns)``, to be modelled."""

    def bits(self, values: Words, width: int) -> None:
        """Takes the lowest bits of each value, as they are."""


class Encoder:
    """Takes integers and bits, and gives them as bytes."""

    def __init__(self) -> None:
        from tts_compress.encodings import kernels

        self._kernels = kernels
        self._models = {kind: kernels.Model() for kind in Kind}
        self._state = kernels.start()
        self._coded = np.zeros(1024, np.uint8)
        self._plain: list[bytes] = []

    def levels(self, matrix: Levels, kind: Kind) -> None:
        """Takes a matrix of integers, ``(rows, columns)``."""
        levels = np.ascontiguousarray(matrix, np.int16)
        model, columns = self._models[kind], levels.shape[1]
        context = self._kernels.context(columns if levels.size else 0)
        for start in range(0, levels.size, self._kernels.BAND):
            stop = min(start + self._kernels.BAND, levels.size)
            self._reserve((stop - start) * BYTES_PER_LEVEL)
            self._kernels.encode(
                levels.reshape(-1), columns, start, stop, context, self._state,
                model.states, self._coded,
            )  # fmt: skip
            if stop < levels.size:
                self.bits(self._kernels.mark(self._state), 16)

    def bits(self, values: Words, width: int) -> None:
        """Takes the lowest bits of each value, as they are."""
        self._plain.append(pack_bits(values, width))

    def finish(self) -> bytes:
        """Gives all as bytes."""
        plain = b"".join(self._plain)
        size = self._kernels.finish(self._state, self._coded)
        return len(plain).to_bytes(5, "little") + plain + self._coded[:size].tobytes()

    def _reserve(self, n_bytes: int) -> None:
        needed = self._kernels.position(self._state) + n_bytes + 2 * _SLACK
        if needed > len(self._coded):
            grown = np.zeros(max(needed, 2 * len(self._coded)), np.uint8)
            grown[: len(self._coded)] = self._coded
            self._coded = grown


class Decoder:
    """Gives back what an `Encoder` took, in the same order; `ValueError` if that cannot be."""

    def __init__(self, data: bytes) -> None:
        from tts_compress.encodings import kernels

        n_plain = int.from_bytes(data[:5], "little")
        if len(data) < 5 + n_plain:
            raise ValueError(f"{len(data)} bytes cannot hold {n_plain} plain ones")
        self._kernels = kernels
        self._models = {kind: kernels.Model() for kind in Kind}
        self._plain, self._at = np.frombuffer(data, np.uint8, n_plain, 5), 0
        self._coded = np.frombuffer(data, np.uint8, offset=5 + n_plain).copy()
        self._state = kernels.begin(self._coded)
        self._left = (len(self._coded) + _SLACK) * LEVELS_PER_BYTE

    def levels(self, rows: int, columns: int, kind: Kind) -> Levels:
        """Gives the next matrix, ``(rows, columns)``."""
        size = rows * columns
        if size > self._left:
            raise ValueError(f"data of {len(self._coded)} bytes cannot hold {size} more weights")
        self._left -= size
        levels, model = np.zeros(0, np.int16), self._models[kind]
        context = self._kernels.context(0)
        for start in range(0, size, self._kernels.BAND):
            stop = min(start + self._kernels.BAND, size)
            if stop > len(levels):  # grows as data is found to be there, whatever is claimed
                held = min(size, max(stop, 2 * len(levels)))
                levels = _grown(levels, held)
                known, tail = np.split(context, [-self._kernels.TAIL])
                context = np.append(_grown(known, min(columns, held)), tail)
            good = self._kernels.decode(
                levels, columns, start, stop, context, self._state,
                model.states, self._coded,
            )  # fmt: skip
            if not good or self._kernels.position(self._state) > len(self._coded) + _SLACK:
                raise ValueError(_ALTERED)
            if stop < size and self.bits(1, 16, "u2") != self._kernels.mark(self._state):
                raise ValueError(_ALTERED)
        return levels.reshape(rows, columns)

    def bits(self, size: int, width: int, dtype: str) -> Words:
        """Gives the next values, in this numpy dtype, that were taken with this width."""
        n_bytes = (size * width + 7) // 8
        if self._at + n_bytes > len(self._plain):
            raise ValueError(f"data of {len(self._plain)} plain bytes cannot hold {size} values")
        self._at += n_bytes
        return unpack_bits(self._plain[self._at - n_bytes : self._at], size, width, dtype)


def _grown(values: NDArray[Any], size: int) -> NDArray[Any]:
    return np.concatenate((values, np.zeros(size - len(values), values.dtype)))


def pack_bits(values: Words, width: int) -> bytes:
    """Gives the lowest bits of each value, one value after the other.

    >>> pack_bits(np.array([1, 2, 3], np.uint8), 4).hex()
    '1230'
    """
    chunks = []
    shifts = np.arange(width)[::-1].astype(values.dtype)
    for start in range(0, len(values), _CHUNK):
        bits = values[start : start + _CHUNK, None] >> shifts & values.dtype.type(1)
        chunks.append(np.packbits(bits.astype(bool)).tobytes())
    return b"".join(chunks)


def unpack_bits(data: NDArray[np.uint8], size: int, width: int, dtype: str) -> Words:
    """Gives the values that `pack_bits` was given.

    >>> unpack_bits(np.array([0x12, 0x30], np.uint8), 3, 4, "u1").tolist()
    [1, 2, 3]
    """
    values = np.zeros(size, dtype)
    one = values.dtype.type(1)
    for start in range(0, size if width else 0, _CHUNK):
        stop = min(start + _CHUNK, size)
        part = np.unpackbits(data[start * width // 8 : (stop * width + 7) // 8])
        for bit in range(width):
            values[start:stop] <<= one
            values[start:stop] |= part[bit : (stop - start) * width : width]
    return values
