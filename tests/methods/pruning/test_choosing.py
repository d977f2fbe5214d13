"""Which units leave: counted by hand, and as a law."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tts_compress.errors import RecipeError
from tts_compress.methods.pruning.choosing import choose
from tts_compress.methods.structured import Units

SCORES = {"a": torch.tensor([3.0, 1.0, 2.0, 1.0]), "b": torch.tensor([9.0, 0.5])}


def chosen(scores, gone=None, **amount):
    none = {name: torch.zeros(len(score), dtype=torch.bool) for name, score in scores.items()}
    removed = choose(scores, none | (gone or {}), Units(**amount))
    return {name: units.nonzero()[:, 0].tolist() for name, units in removed.items()}


def test_in_each_layer_the_lowest_leave_and_of_equal_ones_the_first():
    assert chosen(SCORES, sparsity=0.25) == {"a": [1], "b": []}
    assert chosen(SCORES, sparsity=0.5) == {"a": [1, 3], "b": [1]}
    assert chosen(SCORES, keep=1) == {"a": [1, 2, 3], "b": [1]}


def test_over_all_layers_the_best_of_each_stays():
    assert chosen(SCORES, sparsity=0.5, scope="global") == {"a": [1, 3], "b": [1]}
    assert chosen(SCORES, keep=2, scope="global") == {"a": [1, 2, 3], "b": [1]}
    assert chosen(SCORES, keep=4, scope="global", minimum=2) == {"a": [1, 3], "b": []}


def test_widths_become_a_multiple_rounded_up():
    scores = {"a": torch.arange(10.0)}
    assert chosen(scores, keep=5, multiple_of=4) == {"a": [0, 1]}
    assert chosen(scores, keep=9, multiple_of=4) == {"a": []}
    assert chosen(scores, keep=1, multiple_of=16) == {"a": []}


def test_each_layer_keeps_a_minimum():
    assert chosen({"a": torch.arange(10.0)}, sparsity=0.9, minimum=4) == {"a": [*range(6)]}


def test_units_that_are_gone_count_and_leave_first():
    gone = {"a": torch.tensor([True, False, False, False])}
    assert chosen(SCORES, gone, sparsity=0.5) == {"a": [0, 1], "b": [1]}
    assert chosen(SCORES, gone, sparsity=0) == {"a": [0], "b": []}


def test_more_than_a_layer_has_cannot_stay():
    with pytest.raises(RecipeError, match=r"units: 'b' has 2 units, got keep 3. Keep fewer"):
        chosen(SCORES, keep=3)


@pytest.mark.parametrize(("amount", "asked"), [({"keep": 1}, "keep 1"), ({"keep": 7}, "keep 7")])
def test_a_count_that_empties_a_layer_is_an_error(amount, asked):
    message = rf"units: \d of 6 units would stay, got {asked}; 2 layers keep .* Keep 2 to 6\."
    with pytest.raises(RecipeError, match=message):
        chosen(SCORES, scope="global", **amount)


def test_a_sparsity_that_empties_a_layer_is_an_error():
    with pytest.raises(RecipeError, match=r"1 of 6 units would stay, got sparsity 0.95"):
        chosen(SCORES, scope="global", sparsity=0.95)


@given(
    widths=st.lists(st.integers(1, 20), min_size=1, max_size=5),
    sparsity=st.integers(0, 99),
    multiple=st.integers(1, 8),
    minimum=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_counts_are_exact(widths, sparsity, multiple, minimum, seed):
    generator = torch.Generator().manual_seed(seed)
    scores = {
        str(i): torch.randint(0, 5, (n,), generator=generator).float() for i, n in enumerate(widths)
    }
    amount = {"sparsity": sparsity / 100, "multiple_of": multiple, "minimum": minimum}
    removed = chosen(scores, **amount)
    for name, score in scores.items():
        n = len(score)
        kept = max(n - int(Fraction(sparsity, 100) * n), minimum)
        assert n - len(removed[name]) == min(n, -(-kept // multiple) * multiple)
        stay = [float(s) for i, s in enumerate(score) if i not in removed[name]]
        assert all(float(score[i]) <= min(stay) for i in removed[name])
    total, least = sum(widths), sum(min(minimum, n) for n in widths)
    wanted = total - int(Fraction(sparsity, 100) * total)
    if wanted >= least:
        removed = chosen(scores, **{**amount, "multiple_of": 1}, scope="global")
        assert total - sum(map(len, removed.values())) == wanted
        assert all(
            len(scores[n]) - len(removed[n]) >= min(minimum, len(scores[n])) for n in removed
        )
