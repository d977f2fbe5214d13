"""One file of a manifest and blocks of bytes: what a .ttsz is, whatever its blocks mean.

Layout, numbers little-endian: `MAGIC`, then four of 32 bits (format, bytes of the packed manifest,
bytes of the manifest, CRC-32 of the packed one), then the manifest (JSON, packed by deflate), then
the blocks without gaps. ``blocks`` of the manifest has ``[bytes, CRC-32]`` of each in order: blocks
cannot overlap, and what they say must come to the size of the file.

Nothing that a file says is believed before it is checked against what the file is.
"""

import json
import os
import reprlib
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from tts_compress.errors import ArtifactError
from tts_compress.files import replaced

MAGIC = b"\x89TTSZ\r\n\x1a"
"""First bytes of a file; as PNG's, they show when it was sent as text or cut to 7 bits."""

FORMAT = 1
"""The newest format that this version reads; it reads all from 1."""

ARTIFACT = "model.ttsz"
"""Name of the file that a run leaves in its folder."""

MAX_MANIFEST = 2**22
MAX_DENSITY = 32
"""Bytes of a manifest for each packed one; those of the embedded voices have 10."""

BLOCKS = "blocks"

_MAX_NUMBER = 2**63

_HEADER = struct.Struct("<8sIIII")
_AGAIN = "Copy or save it again."


@dataclass(frozen=True)
class Container:
    """A file whose manifest was read and whose size is as the manifest says.

    Attributes:
        path: Where it is.
        manifest: What it says, with the `BLOCKS`.
        n_bytes: Size of the file.
        places: Where each block starts.
    """

    path: Path
    manifest: dict[str, Any]
    n_bytes: int
    places: tuple[int, ...]

    def size(self, number: int) -> int:
        """Bytes of a block."""
        return int(self.manifest[BLOCKS][number][0])

    def block(self, number: int) -> bytes:
        """Reads one block, and no other.

        Raises:
            ArtifactError: It is not what was written.
        """
        length, checksum = self.manifest[BLOCKS][number]
        with self.path.open("rb") as file:
            file.seek(self.places[number])
            data = file.read(length)
        if len(data) != length or zlib.crc32(data) != checksum:
            raise ArtifactError(
                f"{self.path}: block {number} is altered, got CRC-32 {zlib.crc32(data):08x}, the "
                f"manifest says {checksum:08x}. {_AGAIN}"
            )
        return data


def write(path: Path, manifest: Mapping[str, Any], blocks: Sequence[bytes]) -> int:
    """Writes a file whole or not at all, and gives its size; the same input gives the same bytes.

    Args:
        path: The file; one that is there is replaced.
        manifest: Plain JSON values.
        blocks: What they are about; the manifest refers to them by their numbers from 0.

    Raises:
        ArtifactError: The manifest is too large to be read again.
    """
    index = [[len(block), zlib.crc32(block)] for block in blocks]
    plain = json.dumps(
        {**manifest, BLOCKS: index}, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()
    packed = zlib.compress(plain, 9)
    if len(plain) > min(MAX_MANIFEST, MAX_DENSITY * len(packed)):
        raise ArtifactError(
            f"{path}: the manifest is too large or too uniform, got {len(plain)} bytes. "
            "Save fewer changes."
        )
    header = _HEADER.pack(MAGIC, FORMAT, len(packed), len(plain), zlib.crc32(packed))
    with replaced(path) as partial, partial.open("wb") as file:
        for part in (header, packed, *blocks):
            file.write(part)
    return path.stat().st_size


def is_container(path: Path) -> bool:
    """Whether there is a file, and it starts as all of ours do."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def read(path: Path) -> Container:
    """Reads the manifest of a file, and none of its blocks.

    Raises:
        ArtifactError: The file is missing, of another kind or a newer format, or was altered.
    """
    if not path.is_file():
        what = "is a folder. Name a .ttsz file" if path.is_dir() else "no such file. Check the path"
        raise ArtifactError(f"{path}: {what}.")
    with path.open("rb") as file:
        n_bytes = os.fstat(file.fileno()).st_size
        manifest, end = _manifest(path, file, n_bytes)
    places = [end]
    for block in _blocks(path, manifest):
        places.append(places[-1] + block[0])
    if places[-1] != n_bytes:
        raise ArtifactError(
            f"{path}: truncated or extended, got {n_bytes} bytes, the manifest says {places[-1]}. "
            f"{_AGAIN}"
        )
    return Container(path, manifest, n_bytes, tuple(places[:-1]))


def _manifest(path: Path, file: BinaryIO, n_bytes: int) -> tuple[dict[str, Any], int]:
    """Gives the manifest, and where the blocks start."""
    header = file.read(_HEADER.size)
    if not header.startswith(MAGIC):
        raise ArtifactError(
            f"{path}: no .ttsz file, starts with {header[:8]!r}. "
            "Give one that a run or 'tts-compress pack' wrote."
        )
    if len(header) < _HEADER.size:
        _damaged(path, f"a header of {len(header)} bytes")
    _, number, n_packed, n_plain, checksum = _HEADER.unpack(header)
    if not 1 <= number <= FORMAT:
        raise ArtifactError(
            f"{path}: format {number}, this version reads 1 to {FORMAT}. Upgrade tts_compress."
        )
    end = _HEADER.size + n_packed
    if end > n_bytes or n_plain > min(MAX_MANIFEST, MAX_DENSITY * n_packed):
        _damaged(path, f"a manifest of {n_packed} bytes that unpacks to {n_plain}")
    packed = file.read(n_packed)
    if zlib.crc32(packed) != checksum:
        _damaged(path, f"a manifest of CRC-32 {zlib.crc32(packed):08x}")
    try:
        return _parsed(packed, n_plain), end
    except (ValueError, RecursionError, zlib.error) as error:
        _damaged(path, str(error))


def _parsed(packed: bytes, n_plain: int) -> dict[str, Any]:
    """Gives the object that packed JSON holds.

    Raises:
        ValueError: It unpacks to another size, or holds something else, such as halves of letters.
    """
    inflater = zlib.decompressobj()
    plain = inflater.decompress(packed, n_plain + 1)  # never more, whatever the data unpacks to
    if len(plain) != n_plain or not inflater.eof or inflater.unused_data:
        raise ValueError(f"a manifest that does not unpack to {n_plain} bytes")
    manifest = json.loads(plain, parse_constant=_no_number)
    if not isinstance(manifest, dict):
        raise ValueError(f"a manifest that is {reprlib.repr(manifest)}")
    json.dumps(manifest, ensure_ascii=False).encode()  # what is read can be written again
    return manifest


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"the number {name}")


def _blocks(path: Path, manifest: dict[str, Any]) -> list[list[int]]:
    """Gives the sizes and checksums of blocks, once they are such."""
    blocks = manifest.get(BLOCKS)
    if not isinstance(blocks, list) or not all(map(_is_block, blocks)):
        _damaged(path, f"blocks {reprlib.repr(blocks)}")
    return blocks


def _is_block(block: Any) -> bool:
    return (
        isinstance(block, list)
        and len(block) == 2
        and all(type(number) is int and 0 <= number < _MAX_NUMBER for number in block)
    )


def _damaged(path: Path, got: str) -> NoReturn:
    raise ArtifactError(f"{path}: truncated or altered, got {got}. {_AGAIN}")
