"""Files are whole or as they were, and one process at a time has a lock."""

import fcntl

import pytest

from tts_compress.files import locked, replaced


def test_a_file_is_replaced_at_the_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with replaced(path) as partial:
        partial.write_text("after")
        assert path.read_text() == "before"
        assert partial.suffix == ".txt"
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(UnicodeEncodeError), replaced(path) as partial:
        partial.write_text("half\ud800", encoding="utf-8")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_lock_is_held_until_its_end(tmp_path):
    path = tmp_path / "folder" / ".lock"
    with locked(path), path.open("w") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
