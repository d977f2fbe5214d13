"""How axes begin, end and are spread."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ERROR_TICKS = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150)
SPREAD = 6  # sizes that are further apart than this many times are on a logarithmic axis


def scale_quality(axes: "Axes", measure: str, values: Sequence[float]) -> None:
    """Lets distances begin at 0, and spreads low error rates, which are those to choose from."""
    if measure == "word_error_rate" and min(values, default=0) > 0:
        low, high = 0.8 * min(values), 1.25 * max(values)
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        ticks = [tick for tick in ERROR_TICKS if low < tick < high]
        axes.set_yticks(ticks, [f"{tick}" for tick in ticks])
        axes.set_yticks([], minor=True)
    else:
        axes.set_ylim(0, 1.08 * max(values, default=0) or 1)


def scale_cost(axes: "Axes") -> None:
    """Lets costs begin at 0 unless all are alike, with room for what is written beside the last."""
    low, high = axes.get_xlim()
    low = 0 if low < high / 2 else low - 0.1 * (high - low)
    axes.set_xlim(low, high + 0.14 * (high - low))


def scale_size(axes: "Axes", sizes: Sequence[float]) -> None:
    """Spreads sizes that are many times one another; others are drawn as any cost.

    Args:
        axes: Where they were drawn, across.
        sizes: All that was drawn, in MB.
    """
    least, most = min(sizes, default=0), max(sizes, default=0)
    if not 0 < SPREAD * least < most:
        scale_cost(axes)
        return
    axes.set_xscale("log")
    room = (most / least) ** 0.06
    low, high = least / room, most * room**2
    axes.set_xlim(low, high)
    ticks = size_ticks(low, high)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)


def size_ticks(low: float, high: float) -> list[float]:
    """Gives the round numbers between two sizes.

    >>> size_ticks(0.25, 12)
    [0.5, 1.0, 2.0, 5.0, 10.0]
    """
    tens = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [float(f"{digit}e{ten}") for ten in tens for digit in (1, 2, 5)]
    return [tick for tick in ticks if low <= tick <= high]
