"""Whether a Tacotron 2 read its text from the first id to the last, once, in order.

All functions take an alignment ``(frames, ids)``, the attention weights of one sentence with each
row summing to 1, and how many of its frames and ids are real; the rest is padding and not read.
The position of a frame is the id with its greatest weight, the first among equals.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tts_compress.errors import AudioError

TOLERANCE = 3
"""Ids that attention may move at once without being counted. Ping et al. 2018, "Deep Voice 3", hold
attention to a window of 3 from its last position when they speak. It leaves room for ids that are
rightly silent, such as a comma and a space."""


def attention_jumps_back(
    alignment: ArrayLike, n_frames: int, n_ids: int, *, tolerance: int = TOLERANCE
) -> int:
    """Frames spent more than `tolerance` ids before the furthest position so far: text said again.

    Each frame counts until attention is back, so a long repetition counts more. 0 is best.

    Raises:
        AudioError: The alignment does not hold that many frames and ids.

    >>> attention_jumps_back(np.eye(8)[[0, 3, 6, 2, 1, 5, 7]], 7, 8)  # 6 to 2 and 1
    2
    """
    position = _positions("attention_jumps_back", alignment, n_frames, n_ids)
    return int((_furthest_before(position) - position > tolerance).sum())


def attention_skips(
    alignment: ArrayLike, n_frames: int, n_ids: int, *, tolerance: int = TOLERANCE
) -> int:
    """Ids left out where attention moves on by more than `tolerance` ids in one frame.

    Moves count from the furthest position so far, at first from id 0, so that coming back from a
    repetition is no skip. 0 is best.

    Raises:
        AudioError: The alignment does not hold that many frames and ids.

    >>> attention_skips(np.eye(8)[[0, 1, 6, 7]], 4, 8)  # 2, 3, 4 and 5
    4
    """
    position = _positions("attention_skips", alignment, n_frames, n_ids)
    move = position - _furthest_before(position)
    return int((move[move > tolerance] - 1).sum())


def attention_reach(alignment: ArrayLike, n_frames: int, n_ids: int) -> float:
    """Fraction of the ids up to the furthest position; below 1 the end of the text is unsaid.

    The very last id is often a full stop that is never attended to most, which is no fault.

    Raises:
        AudioError: The alignment does not hold that many frames and ids.

    >>> attention_reach(np.eye(8)[[0, 2, 5]], 3, 8)
    0.75
    """
    position = _positions("attention_reach", alignment, n_frames, n_ids)
    return float((position.max() + 1) / n_ids)


def attention_focus(alignment: ArrayLike, n_frames: int, n_ids: int) -> float:
    """Mean over frames of the greatest weight, in (0, 1]; higher is surer of its place.

    Raises:
        AudioError: The alignment does not hold that many frames and ids.

    Source: Ren et al. 2019, "FastSpeech", the focus rate of an alignment.

    >>> attention_focus([[0.5, 0.5], [0.0, 1.0]], 2, 2)
    0.75
    """
    weights = _weights("attention_focus", alignment, n_frames, n_ids)
    return float(weights.max(axis=1).mean())


def _furthest_before(position: NDArray[np.intp]) -> NDArray[np.intp]:
    """Furthest position of all earlier frames, 0 for the first frame."""
    return np.maximum.accumulate(np.concatenate([[0], position[:-1]]))


def _positions(where: str, alignment: ArrayLike, n_frames: int, n_ids: int) -> NDArray[np.intp]:
    position: NDArray[np.intp] = _weights(where, alignment, n_frames, n_ids).argmax(axis=1)
    return position


def _weights(where: str, alignment: ArrayLike, n_frames: int, n_ids: int) -> NDArray[np.float64]:
    weights = np.asarray(alignment, dtype=np.float64)
    fits = weights.ndim == 2 and 1 <= n_frames <= len(weights) and 1 <= n_ids <= weights.shape[1]
    if not fits:
        raise AudioError(
            f"{where}: an alignment must be (frames, ids) and hold {n_frames} frames and {n_ids} "
            f"ids, got shape {weights.shape!r}. Give one sentence with its own lengths."
        )
    return weights[:n_frames, :n_ids]
