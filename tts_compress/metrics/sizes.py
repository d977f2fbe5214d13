"""The size ladder: what the tensors of a file take in ever better ways to store them.

Every measure is of the same tensors: those that a file has to hold, so neither tables that an
architecture computes by itself nor counters that only training reads.
"""

import gzip
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tts_compress.encodings import Item

GZIP_LEVEL, ZSTD_LEVEL = 9, 19


def float32_bytes(items: "Sequence[Item]") -> int:
    """Bytes of the tensors with 4 for each value, zeros included.

    >>> import torch
    >>> from tts_compress.encodings import Item
    >>> float32_bytes([Item(torch.zeros(2, 3)), Item(torch.zeros(5))])
    44
    """
    return 4 * sum(item.tensor.numel() for item in items)


def float16_bytes(items: "Sequence[Item]") -> int:
    """Bytes of the tensors with 2 for each value, zeros included; rounding may lose something."""
    return float32_bytes(items) // 2


def packed_bytes(items: "Sequence[Item]") -> int:
    """Bytes of the tensors in as few bits a weight as tell all of a tensor's values apart.

    Where many are zero, that is a bit for each weight and the values of the others. Tensors that
    no method quantized take the narrowest float that holds them.
    """
    from tts_compress.encodings import packed_bytes

    return packed_bytes(items)


def packed_gzip_bytes(items: "Sequence[Item]") -> int:
    """Bytes of the packed tensors through gzip, which sees levels in whole bytes.

    Source: Han, Mao and Dally 2016, "Deep Compression", section 4, which has Huffman's code there.
    """
    from tts_compress.encodings import packed

    return len(gzip.compress(packed(items, aligned=True), GZIP_LEVEL, mtime=0))


def packed_zstd_bytes(items: "Sequence[Item]") -> int:
    """Bytes of the packed tensors through zstd, which sees levels in whole bytes."""
    import zstandard

    from tts_compress.encodings import packed

    compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
    return len(compressor.compress(packed(items, aligned=True)))


def entropy_bytes(items: "Sequence[Item]") -> float:
    """Bytes that no code of each tensor's own frequencies can go below, tables of values included.

    Only a code that sees more than frequencies, such as neighbours of a weight, comes below it.

    Source: Shannon 1948, "A mathematical theory of communication", section 7.
    """
    from tts_compress.encodings import entropy_bytes

    return entropy_bytes(items)
