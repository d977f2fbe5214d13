"""Which points no other beats, of points made by hand and by chance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_compress.report.frontier import frontier

POINTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12)
WAYS = st.sampled_from(["lower", "higher"])


@pytest.mark.parametrize(
    ("better_x", "better_y", "expected"),
    [
        ("lower", "lower", [0, 1]),
        ("higher", "lower", [1, 3]),
        ("lower", "higher", [0, 2]),
        ("higher", "higher", [2, 3]),
        ("none", "lower", []),
        ("lower", "none", []),
    ],
)
def test_what_is_better_decides(better_x, better_y, expected):
    points = [(1, 3), (2, 1), (2, 5), (4, 2)]
    assert frontier(points, better_x, better_y) == expected


def test_equal_points_are_all_on_it():
    assert frontier([(1, 1), (1, 1), (1, 2)], "lower", "lower") == [0, 1]


def test_costs_that_hardly_differ_are_the_same():
    points = [(1.0, 5), (1.005, 3)]
    assert frontier(points, "lower", "lower") == [0, 1]
    assert frontier(points, "lower", "lower", equal_x=0.01) == [1]
    assert frontier([(-2.0, 5), (-1.99, 3)], "lower", "lower", equal_x=0.01) == [1]


@given(POINTS, WAYS, WAYS)
def test_every_other_point_is_beaten_by_one_on_it(points, better_x, better_y):
    on = frontier(points, better_x, better_y)
    signs = [1 if way == "lower" else -1 for way in (better_x, better_y)]
    costs = [(signs[0] * x, signs[1] * y) for x, y in points]
    for place, (x, y) in enumerate(costs):
        beaten = any(costs[b][0] <= x and costs[b][1] <= y and costs[b] != (x, y) for b in on)
        assert beaten != (place in on)
