import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_compress.errors import ArtifactError
from tts_compress.records import (
    Record,
    TornRecordWarning,
    read_records,
    write_records,
)

ONE = Record("a1", "mel_mae_db", 3, 1.25, "dB")
TWO = Record("a1", "gzip_bytes", None, 12345, "bytes")

RECORDS = st.builds(
    Record,
    st.text(),
    st.text(),
    st.none() | st.integers(1, 99),
    st.floats() | st.integers(0, 2**60),
    st.text(),
)


def test_lines(tmp_path):
    path = tmp_path / "records.jsonl"
    write_records(path, [ONE, TWO])
    assert path.read_text() == (
        '{"run_id": "a1", "metric": "mel_mae_db", "sentence": 3, "value": 1.25, "unit": "dB"}\n'
        '{"run_id": "a1", "metric": "gzip_bytes", "sentence": null, "value": 12345, '
        '"unit": "bytes"}\n'
    )
    assert [file.name for file in tmp_path.iterdir()] == ["records.jsonl"]


@given(st.lists(RECORDS))
def test_all_that_is_finite_comes_back(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("records") / "r.jsonl"
    write_records(path, records)
    assert read_records(path) == [r for r in records if math.isfinite(r.value)]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "r.jsonl"
    write_records(path, [ONE])

    def broken():
        yield TWO
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        write_records(path, broken())
    assert read_records(path) == [ONE]
    assert [file.name for file in tmp_path.iterdir()] == ["r.jsonl"]


def test_a_line_that_was_cut_off_is_left_out(tmp_path):
    path = tmp_path / "r.jsonl"
    write_records(path, [ONE, TWO])
    whole = path.read_text()
    for cut in range(whole.index("\n") + 2, len(whole)):
        path.write_text(whole[:cut])
        with pytest.warns(TornRecordWarning, match=r"r\.jsonl: the last line was cut off"):
            assert read_records(path) == [ONE]


@pytest.mark.parametrize("line", ["", "{", "[]", '{"run": "a"}', "3"])
def test_a_line_that_is_no_record(tmp_path, line):
    path = tmp_path / "r.jsonl"
    path.write_text(f"{line}\n")
    with pytest.raises(ArtifactError, match=r"r\.jsonl:1: no record, got"):
        read_records(path)


def test_no_file(tmp_path):
    with pytest.raises(ArtifactError, match="no file of records"):
        read_records(tmp_path / "r.jsonl")
