from math import isinf

import pandas as pd
import pytest

from tts_compress.listening.analysis import preference


def rows_of(values, system="b", versus="a"):
    """Rows of {listener: values}, one sentence a value."""
    return pd.DataFrame(
        [
            {"listener": who, "sentence": s, "system": system, "versus": versus, "value": float(v)}
            for who, own in values.items()
            for s, v in enumerate(own)
        ]
    )


def test_binomial_by_counting():
    """9 or 10 heads of 10 are 11 of 1,024 outcomes, and as many tails."""
    assert preference.binomial(9, 10) == pytest.approx(22 / 1024)
    assert preference.binomial(9, 10, "greater") == pytest.approx(11 / 1024)


def test_preferences_split_ties_and_count_listeners():
    values = {f"L{i}": (1, 1, 0, 0.5) for i in range(6)}
    values |= {"L6": (0, 0, 0, 1), "L7": (1, 0, 1, 0)}
    line = preference.preferences(rows_of(values)).iloc[0]
    assert line["share"] == pytest.approx((6 * 2.5 + 1 + 2) / 32)
    assert (line["chosen"], line["neither"], line["other"]) == (15, 6, 11)
    assert (line["listeners_for"], line["listeners_against"]) == (6, 1)
    assert line["p_sign"] == pytest.approx(2 * 8 / 2**7)
    assert line["p_choices"] == pytest.approx(preference.binomial(15, 26))
    # shares less 1/2: six of 1/8, one of -1/4, one of 0. Of ranks 4.5 x 6 and 8, 8 or less is
    # negative in 8 of 2^7 ways: none, one of the six, or the last
    assert line["p"] == pytest.approx(2 * 8 / 2**7)
    assert 0 <= line["low"] < line["share"] < line["high"] <= 1


def test_choices_of_one_listener_are_not_evidence_of_many():
    """Three listeners who each choose alike 40 times: pooled sure, by listeners not at all."""
    values = {"L0": [1] * 40, "L1": [1] * 40, "L2": [0] * 40}
    line = preference.preferences(rows_of(values)).iloc[0]
    assert line["p_choices"] < 0.001
    assert line["p"] == 1.0
    assert line["low"] < 0.5 < line["high"]


def test_discrimination():
    values = {"L0": [1] * 10, "L1": [1, 0] * 5, "L2": [1, 1, 1, 0, 0] * 2}
    line = preference.discriminations(rows_of(values)).iloc[0]
    assert line["right"] == 21
    assert line["p"] == pytest.approx(preference.binomial(21, 30, "greater"))
    assert line["able"] == 1  # 1/1024 x 3; the others are well within chance


@pytest.mark.parametrize(
    ("d", "share"),
    [(1.0, 0.76025 * 0.69146 + 0.23975 * 0.30854), (2.0, 0.92135 * 0.84134 + 0.07865 * 0.15866)],
)
def test_d_prime_by_the_normal_table(d, share):
    assert preference.d_prime_abx(share) == pytest.approx(d, abs=1e-3)


def test_d_prime_at_the_ends():
    assert preference.d_prime_abx(0.4) == 0
    assert isinf(preference.d_prime_abx(1.0))


def test_comparisons_by_hand():
    values = {f"L{i}": (2, 1, i % 2, 1) for i in range(8)}
    line = preference.comparisons(rows_of(values)).iloc[0]
    assert line["difference"] == pytest.approx(1.125)
    assert line["median"] == pytest.approx(1.125)
    assert line["rank_biserial"] == 1
    assert line["p"] == pytest.approx(2 / 2**8)


def test_pairs_are_corrected_together():
    rows = pd.concat(
        [rows_of({f"L{i}": (1, 1) for i in range(8)}, name) for name in ("b", "c", "d")]
    )
    table = preference.preferences(rows)
    assert table["p_holm"].tolist() == pytest.approx([3 * 2 / 2**8] * 3)
