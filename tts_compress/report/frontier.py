"""Which of some points no other beats in both of two measures."""

from collections.abc import Sequence

from tts_compress.report.measures import Better

EQUAL = 0.01  # sizes and speeds that differ by less are as good: chance, and noise
Values = tuple[float, float]


def frontier(
    points: Sequence[Values], better_x: Better, better_y: Better, equal_x: float = 0.0
) -> list[int]:
    """Gives the places of the points that no other beats: as good in both and better in one.

    Args:
        points: Two finite measures of each run.
        better_x: Which way the first is better.
        better_y: Which way the second is better.
        equal_x: Firsts that differ by less than this fraction are as good as each other, such as
            sizes by chance and speeds by noise.

    Returns:
        Places in `points`, in their order. Empty where a measure has no better way.

    >>> frontier([(1, 5), (2, 4), (2, 5), (3, 4)], "lower", "lower")
    [0, 1]
    >>> frontier([(1, 5), (2, 4), (2, 5), (3, 4)], "higher", "higher")
    [2, 3]
    """
    if "none" in (better_x, better_y):
        return []
    sign_x, sign_y = (1 if better == "lower" else -1 for better in (better_x, better_y))
    costs = [(sign_x * x, sign_y * y) for x, y in points]
    return [
        place
        for place, point in enumerate(costs)
        if not any(beats(other, point, equal_x) for other in costs)
    ]


def beats(one: Values, other: Values, equal: float = 0.0) -> bool:
    """Whether one pair of costs is as good in both and better in one, lower being better.

    Args:
        one: The pair that may beat.
        other: The pair that may be beaten.
        equal: First costs that differ by less than this fraction are the same.

    >>> beats((1.005, 3.0), (1.0, 5.0), 0.01), beats((1.05, 3.0), (1.0, 5.0), 0.01)
    (True, False)
    """
    (cost, off), (other_cost, other_off) = one, other
    the_same = other_cost + equal * abs(other_cost)
    return (cost <= the_same and off < other_off) or (cost < other_cost and off <= other_off)
