"""Which size runs are compared by."""

import pytest

from tts_compress.report.rows import Row
from tts_compress.report.sizes import CODED, GZIP, compared_by

NEW = {"gzip_bytes": 9.0, "artifact_bytes": 6.0, "float32_bytes": 16.0}
OLD = {"gzip_bytes": 9.0, "artifact_bytes": 16.0}  # a folder of plain tensors


@pytest.mark.parametrize(
    ("sizes", "by"),
    [
        ((NEW, NEW), CODED),
        ((NEW, {}), CODED),  # a run that failed has no size
        ((OLD, OLD), GZIP),
        ((NEW, OLD), GZIP),
        ((NEW, {"gzip_bytes": 9.0}), GZIP),
        (({},), GZIP),
        ((), GZIP),
    ],
)
def test_by_their_files_where_all_have_a_coded_one(sizes, by):
    assert compared_by(Row(f"{n}", "", values, {}) for n, values in enumerate(sizes)) == by
