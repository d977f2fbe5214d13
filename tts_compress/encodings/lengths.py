"""How many bits a level is going to take, for methods that choose levels by what they cost."""

import numpy as np
from numpy.typing import NDArray

CLASSES = 24
"""Classes of weights by the magnitude that their neighbours suggest."""

_EDGES = np.geomspace(0.02, 32, CLASSES - 1)
_PRIOR = 8.0


def contexts(levels: NDArray[np.int16]) -> NDArray[np.int64]:
    """Gives each weight's class, ``(rows, columns)``, from 0 (all about it is 0) to `CLASSES` - 1.

    The coder knows the weights on the left and above, and the means of the row and the column so
    far; this takes the means of the whole row and column instead, so it can be asked before levels
    are settled.
    """
    sizes = np.abs(levels.astype(np.float64))
    left, above = sizes.copy(), sizes.copy()
    left[:, 1:], above[1:] = sizes[:, :-1], sizes[:-1]
    means = 0.3 * (sizes.mean(1, keepdims=True) + sizes.mean(0)) + 0.2 * (left + above)
    classes: NDArray[np.int64] = np.searchsorted(_EDGES, means).astype(np.int64)
    return classes


def code_lengths(
    levels: NDArray[np.int16], classes: NDArray[np.int64], largest: int
) -> NDArray[np.float64]:
    """Gives the bits of each level in each class, ``(CLASSES, 2 * largest + 1)``.

    Column ``largest + level`` is that of a level. What is rare in a class borrows from what the
    classes have in common, so that every level has a finite length.

    Args:
        levels: Levels as they are now, such as rounded to the nearest, ``(rows, columns)``.
        classes: Their classes, as `contexts` gives them.
        largest: Largest magnitude that is asked for; larger levels count as this.

    >>> levels = np.array([[0, 0, 0, 1]], np.int16)
    >>> code_lengths(levels, np.zeros((1, 4), np.int64), 1)[0].round(2).tolist()
    [2.62, 0.57, 2.62]
    """
    flat = np.clip(levels, -largest, largest).astype(np.int64) + largest
    entries = 2 * largest + 1
    found = np.bincount((classes * entries + flat).ravel(), minlength=CLASSES * entries)
    counts: NDArray[np.float64] = found.reshape(CLASSES, entries).astype(np.float64)
    counts = (counts + counts[:, ::-1]) / 2
    overall = counts.sum(0) + 0.5
    shares = counts + _PRIOR * overall / overall.sum()
    lengths: NDArray[np.float64] = -np.log2(shares / shares.sum(1, keepdims=True))
    return lengths
