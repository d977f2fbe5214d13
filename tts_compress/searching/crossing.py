"""Where a measure that is dear to take crosses a target, found with few takings."""

from bisect import bisect_left
from collections.abc import Callable, Sequence

MOST_TRIES = 14


def cross(
    measure: Callable[[int], float],
    expected: Sequence[float],
    start: int,
    enough: Callable[[float], bool],
) -> None:
    """Takes a measure at positions ever nearer to where it becomes positive.

    The measure should rise with the position about as `expected` does, up to a shift, which the
    measure just taken corrects, and a stretch, which the last two do. It ends once what was
    measured is near enough, nothing lies between the last below zero and the first not below, or
    an end is reached.

    Args:
        measure: Gives the measure at a position.
        expected: A guess of it at each position, rising.
        start: The first position to be measured.
        enough: Whether a measure is near enough to zero.

    >>> tried = []
    >>> def measure(position):
    ...     tried.append(position)
    ...     return position - 70.5
    >>> cross(measure, [2 * position for position in range(100)], 10, lambda value: False)
    >>> tried
    [10, 41, 71, 70]
    """
    below: tuple[int, float] | None = None
    above: tuple[int, float] | None = None
    position, last, stretch = start, len(expected) - 1, 1.0
    before: tuple[int, float] | None = None
    for taken in range(1, MOST_TRIES + 1):
        value = measure(position)
        if before:
            stretch = _stretch(before, (position, value), expected)
        before = position, value
        if value < 0:
            below = before
        else:
            above = before
        if enough(value):
            return
        if below and above:
            if above[0] - below[0] < 2:
                return
            position = _between(below, above, expected, halve=taken % 4 == 0)
        elif position == (last if below else 0):
            return
        else:
            asked = bisect_left(expected, expected[position] - value / stretch)
            least = 2**taken  # ever longer strides, where the guess does not lead across
            asked = max(asked, position + least) if below else min(asked, position - least)
            position = min(max(asked, 0), last)


def _stretch(before: tuple[int, float], now: tuple[int, float], expected: Sequence[float]) -> float:
    """Gives how much more the measure rises than expected, between two positions."""
    rise = abs(expected[now[0]] - expected[before[0]])
    return min(max(abs(now[1] - before[1]) / rise, 0.2), 5.0) if rise else 1.0


def _between(
    below: tuple[int, float], above: tuple[int, float], expected: Sequence[float], halve: bool
) -> int:
    """Gives a position inside of two, where the expected measure, fitted to both, is zero."""
    first, last = below[0], above[0]
    share = below[1] / (below[1] - above[1])
    asked = expected[first] + share * (expected[last] - expected[first])
    position = (first + last) // 2 if halve else bisect_left(expected, asked, first, last)
    return min(max(position, first + 1), last - 1)
