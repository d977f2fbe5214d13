import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_compress.searching.hulls import Candidate, allocations, hull

FINE, COARSE = 8, 2
THREE = {
    "embedding": [Candidate(FINE, 0, 100, 1), Candidate(COARSE, 0, 20, 9)],  # 8 / 80 = 0.1 a byte
    "lstm": [Candidate(FINE, 0, 400, 2), Candidate(COARSE, 0, 100, 5)],  # 3 / 300 = 0.01
    "output": [Candidate(FINE, 0, 50, 1), Candidate(COARSE, 0, 10, 41)],  # 40 / 40 = 1
}


def test_three_tensors_of_two_choices():
    found = allocations(THREE)
    bits = [[choice.bits for choice in one.choice.values()] for one in found]
    assert bits == [
        [FINE, FINE, FINE],
        [FINE, COARSE, FINE],
        [COARSE, COARSE, FINE],
        [COARSE, COARSE, COARSE],
    ]
    assert [one.n_bytes for one in found] == [550, 250, 170, 130]
    assert [one.distortion for one in found] == [4, 7, 15, 55]
    assert [one.price for one in found] == pytest.approx([0, 0.01, 0.1, 1])


def test_what_costs_as_much_and_gives_less_is_left_out():
    off = Candidate(6, 0.5, 60, 5)
    assert hull([Candidate(8, 0, 80, 1), off, Candidate(4, 0, 60, 2)])[1].bits == 4
    worse = Candidate(8, 0.5, 90, 3)  # more bytes and more distortion
    assert worse not in hull([Candidate(8, 0, 80, 1), worse])


numbers = st.integers(1, 1000).map(float)
tensors = st.lists(
    st.lists(st.builds(Candidate, st.just(4), st.just(0.0), numbers, numbers), min_size=1),
    min_size=1,
    max_size=4,
)


@settings(max_examples=40)
@given(tensors)
def test_more_bytes_never_change_more(given_candidates):
    found = allocations({str(i): each for i, each in enumerate(given_candidates)})
    sizes = [one.n_bytes for one in found]
    changes = [one.distortion for one in found]
    assert sizes == sorted(sizes, reverse=True)
    assert changes == sorted(changes)
    assert [one.price for one in found] == sorted(one.price for one in found)


@settings(max_examples=40)
@given(tensors, st.integers(0, 10))
def test_no_other_choice_is_better_at_the_price(given_candidates, number):
    candidates = {str(i): each for i, each in enumerate(given_candidates)}
    found = allocations(candidates)
    one = found[min(number, len(found) - 1)]
    for name, each in candidates.items():
        costs = [c.distortion + one.price * c.n_bytes for c in each]
        mine = one.choice[name].distortion + one.price * one.choice[name].n_bytes
        assert mine == pytest.approx(min(costs))
