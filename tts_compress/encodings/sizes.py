"""What the same tensors would take without the adaptive coder, for comparison."""

from collections.abc import Sequence

import numpy as np

from tts_compress.encodings.blocks import Item, write
from tts_compress.encodings.coder import Kind, Levels, Words, pack_bits


def entropy_bytes(items: Sequence[Item]) -> float:
    """Gives the order-0 entropy of what is stored: of each tensor's levels, and all other bits.

    It is what a static code of each tensor's own frequencies needs, without the frequencies.
    """
    sink = _OrderZero()
    write(items, sink)
    return sink.n_bits / 8


def packed(items: Sequence[Item], aligned: bool = False) -> bytes:
    """Packs each matrix of levels in fixed widths, the fewest bits that tell its levels apart.

    Where many levels are 0, that is a mask and the others.

    Args:
        items: The tensors.
        aligned: Whether each level takes whole bytes, so that gzip and others can see it.
    """
    sink = _FixedWidth(aligned)
    write(items, sink)
    return b"".join(sink.parts)


def packed_bytes(items: Sequence[Item]) -> int:
    """Gives the size of `packed` items."""
    return len(packed(items))


class _OrderZero:
    """Counts bits."""

    def __init__(self) -> None:
        self.n_bits = 0.0

    def levels(self, matrix: Levels, kind: Kind) -> None:
        counts = np.unique(matrix, return_counts=True)[1]
        if kind == Kind.TABLES:
            self.n_bits += matrix.size * (len(counts) > 1) * np.log2(max(2, len(counts)))
        else:
            self.n_bits += float((counts * np.log2(matrix.size / np.maximum(counts, 1))).sum())

    def bits(self, values: Words, width: int) -> None:
        self.n_bits += len(values) * width


class _FixedWidth:
    """Writes bits, every level of a matrix in as many."""

    def __init__(self, aligned: bool) -> None:
        self.aligned = aligned
        self.parts: list[bytes] = []

    def levels(self, matrix: Levels, kind: Kind) -> None:
        flat = matrix.reshape(-1)
        all_of_them, others = self._packed(flat), flat[flat != 0]
        masked = np.packbits(flat != 0).tobytes() + self._packed(others)
        self.parts.append(min(all_of_them, masked, key=len))

    def bits(self, values: Words, width: int) -> None:
        self.parts.append(pack_bits(values, width))

    def _packed(self, levels: Levels) -> bytes:
        known, indices = np.unique(levels, return_inverse=True)
        width = max(len(known) - 1, 0).bit_length()
        if self.aligned and width:
            width = 8 if width <= 8 else 16
        return known.tobytes() + pack_bits(indices.astype(np.uint64), width)
