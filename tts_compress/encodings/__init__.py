"""How tensors become bytes and come back with every bit: an adaptive coder and what it codes."""

from tts_compress.encodings.blocks import ENCODINGS, Item, Spec, describe, pack, unpack
from tts_compress.encodings.sizes import entropy_bytes, packed, packed_bytes

__all__ = [
    "ENCODINGS",
    "Item",
    "Spec",
    "describe",
    "entropy_bytes",
    "pack",
    "packed",
    "packed_bytes",
    "unpack",
]
