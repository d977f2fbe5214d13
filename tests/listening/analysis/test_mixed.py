import numpy as np
import pandas as pd
import pytest

from tts_compress.listening.analysis import mixed

# Davies and Goldsmith (1972), section 6.6, as lme4 carries it: 24 plates by 6 samples, crossed.
PENICILLIN = """
272326232321 272326232321 252125242420 262325232320 252226222320 242225232219 242023212219
262226242421 242124222220 242124232219 262326242421 252226242420 262426242522 262326232320
262325242422 252225232320 252124232320 252224232319 242123212119 262326242421 252124222218
252225222220 242124222419 242124222118
"""


def test_penicillin_as_lme4():
    """Bates, lme4: Mixed-effects modeling with R (2010), model fm03: diameter, REML."""
    rows = [
        {"listener": f"plate {i}", "sentence": j, "value": float(digits[2 * j : 2 * j + 2])}
        for i, digits in enumerate(PENICILLIN.split())
        for j in range(6)
    ]
    model = mixed.fit_mean(pd.DataFrame(rows))
    deviations = {name: value**0.5 for name, value in model.variances.items()}
    assert deviations["listener"] == pytest.approx(0.8467, abs=2e-4)
    assert deviations["sentence"] == pytest.approx(1.9316, abs=5e-4)
    assert deviations["residual"] == pytest.approx(0.5499, abs=1e-4)
    assert model.result.params.iloc[0] == pytest.approx(22.9722, abs=1e-4)
    assert model.result.bse.iloc[0] == pytest.approx(0.8086, abs=3e-4)


@pytest.fixture(scope="module")
def ratings():
    """Balanced ratings ``(listeners, sentences, systems)`` with every kind of scatter."""
    generator = np.random.default_rng(2)
    parts = ((8, 1, 1), 6), ((1, 6, 1), 4), ((8, 1, 3), 4), ((1, 6, 3), 3), ((8, 6, 3), 5)
    return sum(generator.normal(0, scale, shape) for shape, scale in parts) + np.array([50, 55, 60])


def rows_of(ratings):
    return pd.DataFrame(
        [
            {"listener": f"L{i}", "sentence": j, "system": "abc"[k], "value": value}
            for (i, j, k), value in np.ndenumerate(ratings)
        ]
    )


def test_balanced_ratings_as_mean_squares(ratings):
    """In a balanced design, REML is what the expected mean squares of the table of variance say."""
    n_l, n_s, n_k = ratings.shape
    grand = ratings.mean()
    by_system = ratings.mean((0, 1)) - grand
    by_listener = ratings.mean((1, 2)) - grand
    by_sentence = ratings.mean((0, 2)) - grand
    by_ls = ratings.mean(1) - grand - by_listener[:, None] - by_system
    by_ss = ratings.mean(0) - grand - by_sentence[:, None] - by_system
    square_ls = n_s * (by_ls**2).sum() / ((n_l - 1) * (n_k - 1))
    square_ss = n_l * (by_ss**2).sum() / ((n_s - 1) * (n_k - 1))
    left = (
        ratings
        - grand
        - by_listener[:, None, None]
        - by_sentence[:, None]
        - by_system
        - by_ls[:, None]
        - by_ss
    )
    residual = (left**2).sum() / ((n_l - 1) * (n_s - 1) * n_k)
    model = mixed.fit(rows_of(ratings), ["a", "b", "c"], "a")
    assert model.variances["residual"] == pytest.approx(residual, rel=1e-3)
    assert model.variances["listener_system"] == pytest.approx(
        (square_ls - residual) / n_s, rel=5e-3
    )
    assert model.variances["sentence_system"] == pytest.approx(
        (square_ss - residual) / n_l, rel=5e-3
    )
    found = model.contrast("c", "b")
    assert found["mixed_difference"] == pytest.approx(by_system[2] - by_system[1])
    error = np.sqrt(2 * (square_ls + square_ss - residual) / (n_l * n_s))
    assert found["mixed_high"] - found["mixed_difference"] == pytest.approx(
        1.95996 * error, rel=3e-3
    )


def test_contrast_with_the_base_is_its_fixed_effect(ratings):
    model = mixed.fit(rows_of(ratings), ["a", "b", "c"], "b")
    assert model.contrast("a", "b")["mixed_difference"] == pytest.approx(
        -model.contrast("b", "a")["mixed_difference"]
    )


def test_too_little_is_not_fitted(ratings):
    rows = rows_of(ratings)
    assert mixed.fit(rows[rows["listener"] == "L0"], ["a", "b"], "a") is None
    assert mixed.fit(rows[rows["sentence"] == 0], ["a", "b"], "a") is None
    assert mixed.fit(rows, ["a"], "a") is None
    assert mixed.fit(rows.assign(value=3.0), ["a", "b"], "a") is None


def test_too_much_is_not_fitted(ratings, monkeypatch):
    monkeypatch.setattr(mixed, "MOST_WORK", 1000)
    assert mixed.fit(rows_of(ratings), ["a", "b", "c"], "a") is None
