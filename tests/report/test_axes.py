"""Where axes begin and end, and when they are logarithmic."""

import pytest
from matplotlib.figure import Figure

from tts_compress.report.axes import scale_size


@pytest.fixture
def axes():
    return Figure().add_subplot()


def test_sizes_that_are_many_times_one_another_are_spread(axes):
    axes.plot([0.4, 16], [1, 1])
    scale_size(axes, [0.4, 16])
    assert axes.get_xscale() == "log"
    low, high = axes.get_xlim()
    assert 0.2 < low < 0.4 < 16 < high < 30
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        "0.5",
        "1",
        "2",
        "5",
        "10",
        "20",
    ]


@pytest.mark.parametrize("sizes", [[4, 16], [9], [0, 16], []])
def test_others_are_not(axes, sizes):
    axes.plot(sizes, [1] * len(sizes))
    scale_size(axes, sizes)
    assert axes.get_xscale() == "linear"
