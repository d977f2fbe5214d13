import inspect
import subprocess
import sys

import pytest

from tts_compress.metrics import METRICS


@pytest.mark.parametrize("name", METRICS)
def test_entries_are_complete(name):
    metric = METRICS[name]
    assert metric.measure.__name__ == name
    assert inspect.signature(metric.measure).return_annotation in (float, int, float | None)
    assert metric.measure.__doc__
    assert metric.per in {"sentence", "run"}
    assert metric.better in {"lower", "higher", "none"}
    assert metric.unit


def test_names_are_listed_without_torch():
    code = (
        "import sys, tts_compress.metrics as m; m.METRICS\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'librosa', 'scipy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
