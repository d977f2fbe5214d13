"""Orders in which nothing has a favoured place: Latin squares, Williams designs, fair shares."""

import math
from functools import lru_cache

import numpy as np

ROUNDS = 7  # a stream of chance of its own


def n_orders(n: int) -> int:
    """Gives how many orders of n things a Williams design has: n, or 2n if n is odd."""
    return n if n % 2 == 0 or n == 1 else 2 * n


def williams(n: int, row: int) -> tuple[int, ...]:
    """Gives a row of a Williams design: an order of 0 ... n-1.

    Over all `n_orders` rows, each is equally often in each place, and equally often right after
    each other one.

    Source: Williams 1949, "Experimental designs balanced for the estimation of residual effects of
    treatments", Australian Journal of Scientific Research 2.

    >>> [williams(4, row) for row in range(4)]
    [(0, 3, 1, 2), (1, 0, 2, 3), (2, 1, 3, 0), (3, 2, 0, 1)]
    """
    row %= n_orders(n)
    first = (i // 2 if i % 2 == 0 else n - (i + 1) // 2 for i in range(n))
    order = tuple((place + row) % n for place in first)
    return order if row < n else order[::-1]


def shares(
    rows: int, columns: int, n_each: int, listener: int, seed: int
) -> tuple[list[tuple[int, int]], list[int]]:
    """Gives the items one listener judges, and in which round each of them is.

    Listeners take `n_each` items one after another from rounds, each of which is all items once in
    an order by chance. So over any first so many listeners, all items are judged equally often, or
    once more. In a round, every `rows` items are one of each row and of different columns, so
    that one listener hears every condition about equally often; items that a listener has from the
    round before come last in the next.

    Args:
        rows: Number of conditions.
        columns: Number of sentences; every condition has all of them.
        n_each: Items of one listener, at most all.
        listener: Number of the listener, from 0.
        seed: What the chance starts from.

    Returns:
        Places ``(row, column)`` in the grid, and the round of each, from 0.
    """
    n = rows * columns
    first = listener * n_each
    last = first + n_each - 1
    taken: list[tuple[int, int]] = []
    rounds: list[int] = []
    period = n_each // math.gcd(n, n_each)  # in rounds: the next one starts with a new listener
    for number in range(first // n // period * period, last // n + 1):
        deck = _round(rows, columns, n_each, number, seed)
        start, stop = max(0, first - number * n), min(n, last + 1 - number * n)
        taken += deck[start:stop]
        rounds += [number] * max(0, stop - start)
    return taken, rounds


@lru_cache(maxsize=4096)
def _round(
    rows: int, columns: int, n_each: int, number: int, seed: int
) -> tuple[tuple[int, int], ...]:
    """Gives all items once, in an order by chance that gives no listener an item twice."""
    chance = np.random.default_rng([seed, ROUNDS, number])
    across = chance.permutation(columns)
    deck = []
    for start in range(columns):
        for place in chance.permutation(rows):
            deck.append((int(place), int(across[(start + place) % columns])))
    n_held = number * rows * columns % n_each  # by the listener that the round before ends with
    if n_held:
        before = _round(rows, columns, n_each, number - 1, seed)
        held = set(before[-n_held:])
        fresh = [item for item in deck if item not in held][: n_each - n_held]
        deck = fresh + [item for item in deck if item not in set(fresh)]
    return tuple(deck)
