import json
import struct
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tts_compress import container
from tts_compress.errors import ArtifactError

MANIFEST = {"architecture": "tacotron2", "numbers": [1, 2.5, None], "ü": "ö"}
BLOCKS = [b"first block", b"", bytes(range(60))]


@pytest.fixture
def path(tmp_path):
    """A file of three blocks."""
    container.write(tmp_path / "x.ttsz", MANIFEST, BLOCKS)
    return tmp_path / "x.ttsz"


def forge(path, manifest, blocks=BLOCKS, n_plain=None):
    """Writes a file whose checksums are right, whatever its manifest says."""
    plain = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    packed = zlib.compress(plain, 9)
    n_plain = len(plain) if n_plain is None else n_plain
    header = struct.pack("<IIII", 1, len(packed), n_plain, zlib.crc32(packed))
    path.write_bytes(container.MAGIC + header + packed + b"".join(blocks))


def index(*sizes):
    return {"blocks": [[size, 0] for size in sizes]}


def test_what_was_written_is_read(path):
    contents = container.read(path)
    blocks = [[len(block), zlib.crc32(block)] for block in BLOCKS]
    assert contents.manifest == {**MANIFEST, "blocks": blocks}
    assert [contents.block(number) for number in range(3)] == BLOCKS
    assert [contents.size(number) for number in range(3)] == [11, 0, 60]
    assert contents.n_bytes == path.stat().st_size


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(blocks=st.lists(st.binary(max_size=50), max_size=5))
def test_any_blocks_come_back(tmp_path, blocks):
    size = container.write(tmp_path / "x.ttsz", {}, blocks)
    contents = container.read(tmp_path / "x.ttsz")
    assert [contents.block(number) for number in range(len(blocks))] == blocks
    assert size == contents.n_bytes


def test_the_layout_is_as_it_says(path):
    data = path.read_bytes()
    assert data[:8] == b"\x89TTSZ\r\n\x1a"
    number, n_packed, n_plain, checksum = struct.unpack("<IIII", data[8:24])
    packed = data[24 : 24 + n_packed]
    assert (number, checksum) == (1, zlib.crc32(packed))
    assert len(zlib.decompress(packed)) == n_plain
    assert data[24 + n_packed :] == b"".join(BLOCKS)


def test_the_same_input_gives_the_same_bytes(path, tmp_path):
    container.write(tmp_path / "again.ttsz", MANIFEST, BLOCKS)
    assert (tmp_path / "again.ttsz").read_bytes() == path.read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["again.ttsz", "x.ttsz"]


def test_what_cannot_be_written_leaves_what_was_there(path):
    before = path.read_bytes()
    with pytest.raises(TypeError):
        container.write(path, {}, ["no bytes"])
    with pytest.raises(ValueError, match="not JSON compliant"):
        container.write(path, {"number": float("nan")}, [])
    with pytest.raises(ArtifactError, match=r"x\.ttsz: the manifest is too large or too uniform"):
        container.write(path, {"spaces": " " * 100_000}, [])
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["x.ttsz"]


def test_one_block_is_read_though_another_is_altered(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    contents = container.read(path)
    assert contents.block(0) == BLOCKS[0]
    with pytest.raises(ArtifactError, match=r"x\.ttsz: block 2 is altered, got CRC-32 \w{8}, the"):
        contents.block(2)


def test_a_file_that_shrinks_after_it_was_opened(path):
    contents = container.read(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ArtifactError, match="block 2 is altered"):
        contents.block(2)


def test_every_truncation_and_every_extension_is_found(path):
    data = path.read_bytes()
    for content in (*(data[:length] for length in range(len(data))), data + b"\0"):
        path.write_bytes(content)
        with pytest.raises(ArtifactError, match=r"x\.ttsz: (truncated|no \.ttsz file)"):
            container.read(path)


def test_a_flipped_bit_of_any_byte_is_found(path):
    data = path.read_bytes()
    for place in range(0, 8 * len(data), 9):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        with pytest.raises(ArtifactError, match=r"^/.*x\.ttsz: \w"):
            [container.read(path).block(number) for number in range(3)]


def test_a_newer_format_asks_for_an_upgrade(path):
    data = path.read_bytes()
    for number in (0, 2, 2**32 - 1):
        path.write_bytes(data[:8] + struct.pack("<I", number) + data[12:])
        message = rf"x\.ttsz: format {number}, this version reads 1 to 1\. Upgrade tts_compress"
        with pytest.raises(ArtifactError, match=message):
            container.read(path)


def test_other_files(path, tmp_path):
    with pytest.raises(ArtifactError, match=r"none\.ttsz: no such file\. Check the path"):
        container.read(tmp_path / "none.ttsz")
    with pytest.raises(ArtifactError, match=r"is a folder\. Name a"):
        container.read(tmp_path)
    assert container.is_container(path)
    assert not container.is_container(tmp_path)
    assert not container.is_container(tmp_path / "none.ttsz")
    path.write_bytes(b"PK\x03\x04")
    assert not container.is_container(path)
    message = (
        r"x\.ttsz: no \.ttsz file, starts with b'PK.*\. Give one that a run or 'tts-compress p"
    )
    with pytest.raises(ArtifactError, match=message):
        container.read(path)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (b"", "got Expecting value"),
        (b"\xff", "codec can't decode"),
        (b"{} {}", "got Extra data"),
        ([], r"got a manifest that is \[\]"),
        (b"[" * 100_000, "unpacks to 100000"),
        (b"[" * 3_000 + b"".join(b"%d," % n for n in range(2_000)), "recursion"),
        (b'{"blocks": [[NaN, 0]]}', "got the number NaN"),
        (b'{"blocks": [[1e999, 0]]}', r"got blocks \[\[inf, 0\]\]"),
        ({"blocks": None}, "got blocks None"),
        ({"blocks": [[1, 2], 3]}, "got blocks"),
        ({"blocks": [[True, 2]]}, "got blocks"),
        ({"blocks": [[71.0, 2]]}, "got blocks"),
        (index(2**63), rf"got blocks \[\[{2**63}, 0\]\]"),
        (b'{"blocks": [], "summary": "\\ud800"}', "can't encode"),
        (index(-1, 72), r"got blocks \[\[-1, 0\], \[72, 0\]\]"),
        (index(2**62), rf"got \d+ bytes, the manifest says {str(2**62)[:12]}"),
        (index(71, 1), "truncated or extended"),
        (index(), "truncated or extended"),
    ],
)
def test_a_hostile_manifest(path, manifest, message):
    forge(path, manifest)
    with pytest.raises(ArtifactError, match=message):
        container.read(path)


@pytest.mark.parametrize("n_plain", [0, 13, 15, 2**32 - 1])
def test_a_manifest_of_another_size_than_claimed(path, n_plain):
    forge(path, {"blocks": []}, [], n_plain)
    with pytest.raises(ArtifactError, match=r"unpack(s)? to \d+"):
        container.read(path)


def test_a_bomb_is_not_unpacked(path):
    forge(path, b" " * container.MAX_MANIFEST + b"{}", [])
    with pytest.raises(ArtifactError, match="unpacks to 4194306"):
        container.read(path)
    forge(path, b" " * container.MAX_MANIFEST + b"{}", [], 100)
    with pytest.raises(ArtifactError, match="does not unpack to 100 bytes"):
        container.read(path)
