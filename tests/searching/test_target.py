import math

import pytest

from tts_compress.recipe import TargetForm
from tts_compress.searching.target import Target
from tts_compress.searching.tries import Try

TRIES = [
    Try(3, 0.1, None, 1200, 0.5),
    Try(5, 0.2, None, 1000, 0.7),
    Try(8, 0.4, None, 800, 1.1),
    Try(9, 0.5, None, 810, 0.9),  # a larger file, and nearer: neither is always in order
]


def target(float32_bytes=10_000, **given):
    return Target(TargetForm(**given), float32_bytes)


@pytest.mark.parametrize(
    ("given", "position"),
    [
        ({"bytes": 1200}, 3),
        ({"bytes": 1199}, 5),
        ({"bytes": 900}, 8),
        ({"ratio": 10}, 5),
        ({"ratio": 10.01}, 8),
        ({"mel_mae_db": 1}, 9),
        ({"mel_mae_db": 2}, 8),
        ({"mel_mae_db": 0.5}, 3),
    ],
)
def test_the_best_try(given, position):
    assert target(**given).best(TRIES).position == position


def test_nothing_is_best_where_nothing_meets_the_target():
    assert target(bytes=700).best(TRIES) is None
    assert target(mel_mae_db=0.1).best(TRIES) is None


def test_excess_is_positive_where_a_try_is_too_coarse():
    assert target(bytes=1000).excess(TRIES[0]) == pytest.approx(math.log(1000 / 1200))
    assert target(bytes=1000).excess(TRIES[2]) == pytest.approx(math.log(1000 / 800))
    assert target(mel_mae_db=0.7).excess(TRIES[2]) == pytest.approx(math.log(1.1 / 0.7))
    assert target(mel_mae_db=0.7).excess(TRIES[0]) < 0
    assert target(mel_mae_db=0.7).excess(Try(0, 1, None, 1, math.inf)) == 3
    assert target(mel_mae_db=0.7).excess(Try(0, 1, None, 1, 0)) < -3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"bytes": 700}, "fewer bytes than 800 cannot be had, got 700. Allow that many"),
        ({"ratio": 20}, "a ratio above 12.5 cannot be had, got 20."),
        ({"mel_mae_db": 0.25}, "a mel_mae_db below 0.5 cannot be had, got 0.25."),
    ],
)
def test_what_cannot_be_had_says_what_is_nearest(given, message):
    assert target(**given).why_not(TRIES).startswith(message)
