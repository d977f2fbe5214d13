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

HELD = 5
"""Frames (58 ms) of the median that positions are smoothed with: attention must stay for at least
three, 35 ms, about the shortest that a phone of English is said in."""


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


def repeats(alignment: ArrayLike, n_frames: int, n_ids: int, *, tolerance: int = TOLERANCE) -> int:
    """How often text is said again: attention goes back, then reads on from there.

    One repeat is a move back by more than `tolerance` ids in however many frames, then forward by
    more than `tolerance`. Positions are smoothed first, so that a flick of attention that is too
    short to hear counts neither as going back nor as having been ahead. A word said three times is
    two repeats. 0 is best.

    Raises:
        AudioError: The alignment does not hold that many frames and ids.

    Source: Ping et al. 2018, "Deep Voice 3", section 4.1, count repeats and skips of attention by
    ear; that they are counted in the alignment, and how, is our own.

    >>> repeats(np.eye(10)[np.repeat([0, 4, 8, 1, 5, 9], 3)], 18, 10)  # 8 to 1, and on to 9
    1
    """
    position = _held(_positions("repeats", alignment, n_frames, n_ids))
    count, top, bottom, is_back = 0, int(position[0]), 0, False
    for here in position.tolist():
        if is_back:
            bottom = min(bottom, here)
            if here - bottom > tolerance:
                count, top, is_back = count + 1, here, False
        else:
            top = max(top, here)
            if top - here > tolerance:
                bottom, is_back = here, True
    return count


def skips(alignment: ArrayLike, n_frames: int, n_ids: int, *, tolerance: int = TOLERANCE) -> int:
    """How many passages of the text are left out.

    A passage is more than `tolerance` ids in a row that no frame attends to most, before one that
    some frame does; the ids after the last such one are not read either, but no skip: see
    `early_stop`. In which order ids are read does not matter. 0 is best.

    Raises:
        AudioError: The alignment does not hold that many frames and ids.

    Source: as `repeats`.

    >>> skips(np.eye(12)[[0, 1, 6, 7, 11]], 5, 12)  # 2 to 5; 8 to 10 are only three
    1
    """
    read = np.unique(_positions("skips", alignment, n_frames, n_ids))
    left_out = np.diff(np.concatenate([[-1], read])) - 1
    return int((left_out > tolerance).sum())


def no_stop(stopped: bool) -> int:
    """1 if the network spoke until it was cut off, 0 if it ended by itself.

    Source: Shen et al. 2018, "Natural TTS synthesis by conditioning WaveNet on mel spectrogram
    predictions", section 3.2, count such failures of the stop token.

    >>> no_stop(False)
    1
    """
    return int(not stopped)


def early_stop(
    alignment: ArrayLike, n_frames: int, n_ids: int, stopped: bool, *, tolerance: int = TOLERANCE
) -> int:
    """1 if the network ended by itself with the end of the text unread, else 0.

    That is when more than `tolerance` ids after the furthest position are left; the last few are
    often a full stop and what follows it, which is silent.

    Raises:
        AudioError: The alignment does not hold that many frames and ids.

    Source: Shen et al. 2020, "Non-Attentive Tacotron", name the failure "early cut-off" and measure
    it with a recognizer; that it is seen in the alignment is our own.

    >>> early_stop(np.eye(12)[[0, 3, 7]], 3, 12, stopped=True)  # 8 to 11 are unread
    1
    """
    position = _positions("early_stop", alignment, n_frames, n_ids)
    return int(stopped and n_ids - 1 - position.max() > tolerance)


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


def _held(position: NDArray[np.intp]) -> NDArray[np.intp]:
    """Median of `HELD` frames around each; the first and the last frames have that of their end.

    So a flick is no longer at an end than between. Of fewer frames, so many as are there, if odd.
    """
    size = min(HELD, len(position) - 1 + len(position) % 2)
    windows = np.lib.stride_tricks.sliding_window_view(position, size)
    medians = np.median(windows, axis=1).astype(np.intp)
    return np.pad(medians, size // 2, mode="edge")


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
