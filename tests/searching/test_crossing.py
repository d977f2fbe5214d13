import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_compress.searching.crossing import MOST_TRIES, cross


def never(value):
    return False


def tried(measure, expected, start, enough=never):
    positions = []
    cross(lambda p: positions.append(p) or measure(p), expected, start, enough)
    return positions


def test_a_right_guess_needs_one_try_more():
    line = list(range(100))
    assert tried(lambda p: p - 70, line, 10, lambda v: v == 0) == [10, 70]


def test_a_shifted_guess_is_corrected():
    line = list(range(100))
    assert tried(lambda p: p - 70.5, line, 65) == [65, 71, 70]


@pytest.mark.parametrize(("shift", "end"), [(1000, 0), (-1000, 99)])
def test_a_crossing_that_is_not_there_ends_at_an_end(shift, end):
    assert tried(lambda p: p + shift, list(range(100)), 50) == [50, end]


def test_strides_grow_where_the_guess_does_not_lead_across():
    steep = [100 * p for p in range(2000)]
    found = tried(lambda p: p - 1999.5, steep, 0)
    assert found[-1] == 1999
    assert len(found) <= 12


steps = st.lists(st.floats(0, 5), min_size=2, max_size=300)


@given(steps, steps, st.data())
def test_both_sides_of_the_crossing_are_found(rises, guessed, data):
    n = min(len(rises), len(guessed))
    values = [sum(rises[: i + 1]) for i in range(n)]
    expected = [sum(guessed[: i + 1]) for i in range(n)]
    goal = data.draw(st.floats(-1, values[-1] + 1))
    start = data.draw(st.integers(0, n - 1))
    found = tried(lambda p: values[p] - goal, expected, start)
    assert len(found) <= MOST_TRIES
    if values[0] < goal <= values[-1]:
        assert min(values[p] - goal for p in found) < 0 <= max(values[p] - goal for p in found)
