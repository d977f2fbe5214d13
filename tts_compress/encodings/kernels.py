"""Arithmetic of the coder, compiled: decisions, what is learnt of them, and a range coder.

All is done in integers, so that every machine decodes what another one encoded; the same function
encodes and decodes, so that both know the same at each step.

A level is zero or not; its sign is the one that its neighbours suggest or not; its magnitude holds
``2 ** shift`` so many times, where shift is 0 while magnitudes are small; what is left comes bit by
bit. Magnitudes far above are an exponential Golomb code. Each decision asks three contexts for its
probability: the mean magnitude expected here; the means of the row and of the column so far; a
linear prediction from five neighbours, with the magnitudes of two. Their log odds are added with
weights that are learnt as well. Magnitudes and means count 1/256, probabilities 1/65536.

Source: mixing as in Mahoney 2005, "Adaptive weighing of context models for lossless data
compression"; decisions as in Wiedemann et al. 2020, "DeepCABAC"; range coder as in Martin 1979.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

TAIL = 6
"""Entries of a context after those of the columns."""

BAND = 2**16
"""Levels that are coded in one call."""

SHIFTS, FINE, COARSE = 12, 24, 12
"""Numbers of scales of magnitudes, and of classes within a scale."""

UNARY = 14
"""A magnitude that holds ``2 ** shift`` as often as this, or more, is escaped."""

_SIGN, _COUNT = 1, 2
_REST = _COUNT + UNARY
_ESCAPE = _REST + 12
_PLAIN = _ESCAPE + 1
BINS = 32
"""Decisions of a context: zero, sign, counts, the first two bits of the rest, length of escapes."""

_FLOOR = 64
_WINDOW, _WORD = 48, 16
_TOP, _UNDER = 1 << _WINDOW, 1 << (_WINDOW - _WORD)
_LIMIT, _RATE, _REACH = 255, 5, 1 << 17

Integers = NDArray[np.int64]
F = TypeVar("F", bound=Callable[..., bool])
_wide: Any = np.int64  # int() keeps 16 bits in compiled code, which have no 32768


def _stretch() -> Integers:
    """Log odds of the 4096 probabilities, in steps of 1/256."""
    x = np.arange(4096)
    return np.round(np.log((x + 0.5) / (4095.5 - x)) * 256).astype(np.int64)


def _squash() -> Integers:
    """Probabilities of log odds from -2047 to 2047."""
    p = 65536 / (1 + np.exp(-np.arange(-2047, 2048) / 256))
    return np.clip(np.round(p), _FLOOR, 65536 - _FLOOR).astype(np.int64)


def _classes(middles: NDArray[np.float64]) -> Integers:
    """Class of each mean magnitude: that of the nearest middle."""
    edges = np.sqrt(middles[1:] * middles[:-1])
    return np.searchsorted(edges, np.arange(4096) / 256).astype(np.int64)


_MEANS, _COARSE_MEANS = np.geomspace(0.006, 9, FINE), np.geomspace(0.012, 9, COARSE)
_STRETCH, _SQUASH = _stretch(), _squash()
_FINE, _COARSE = _classes(_MEANS), _classes(_COARSE_MEANS)
_SHARES = np.round(65536 / (np.arange(1024) + 1.6)).astype(np.int64)
_SLOWING = np.round(65536 / np.minimum(np.arange(256) + 1.5, 100)).astype(np.int64)
_GAINS = 2**21 // (np.arange(4096) ** 2 // 256 + 64)
_PAIRS = SHIFTS * COARSE * COARSE * BINS
_SECOND = SHIFTS * FINE * BINS
_THIRD = _SECOND + _PAIRS


@cache
def _fresh() -> NDArray[np.uint32]:
    """What is believed of every decision before the first: magnitudes fall off geometrically."""
    pairs = (_COARSE_MEANS[:, None] + _COARSE_MEANS).ravel() / 2
    means = np.concatenate([np.tile(m, SHIFTS) for m in (_MEANS, pairs, pairs, pairs)])
    beliefs = np.full((len(means), BINS), 0.5)
    beliefs[:, 0] = means / (1 + means)
    beliefs[:, _COUNT:_REST] = beliefs[:, :1]
    beliefs[:, _REST:] = 0.47
    return (beliefs.ravel() * 2**22).astype(np.uint32) << np.uint32(10) | np.uint32(2)


class Model:
    """What has been learnt.

    Attributes:
        states: For each context and decision a probability, in 22 bits, and a count, in 10.
        weights: Those of the three contexts, for each decision.
    """

    def __init__(self) -> None:
        self.states = _fresh().copy()
        self.weights = np.full(BINS * 3, 26000, np.int64)


def start() -> Integers:
    """Gives the state of a range coder that encodes: lower end, span and position."""
    return np.array([0, _TOP - 1, 0], np.int64)


def begin(data: NDArray[np.uint8]) -> Integers:
    """Gives the state of a range coder that decodes this."""
    head = bytes(data[: _WINDOW // 8]).ljust(_WINDOW // 8, b"\0")
    return np.array([int.from_bytes(head, "big"), _TOP - 1, _WINDOW // 8], np.int64)


def position(state: Integers) -> int:
    """Gives the number of bytes that were written or read."""
    return int(state[2])


def mark(state: Integers) -> NDArray[np.uint16]:
    """Gives 16 bits that are the same in encoding and decoding, as long as all levels are."""
    return state[1:2].astype(np.uint16)


def finish(state: Integers, data: NDArray[np.uint8]) -> int:
    """Writes as few bytes as tell the rest, and gives the number of all bytes."""
    low, span, size = (int(value) for value in state)
    kept, value = 0, _TOP if low else 0
    while value >= low + span:
        kept += 1
        unit = 1 << (_WINDOW - 8 * kept)
        value = -(-low // unit) * unit
    if value >= _TOP:
        value -= _TOP
        back = size - 1
        while data[back] == 255:
            data[back] = 0
            back -= 1
        data[back] += 1
    data[size : size + kept] = np.frombuffer(value.to_bytes(_WINDOW // 8, "big")[:kept], np.uint8)
    return size + kept


def context(columns: int) -> NDArray[np.int32]:
    """Gives what is kept while a matrix is coded; nothing is known yet.

    These are the mean magnitude of each column so far, that of the row, and five factors of the
    linear prediction.
    """
    return np.zeros(columns + TAIL, np.int32)


def _kept(function: F) -> F:
    """Compiles a function at its first use, which takes seconds, and keeps that on disk.

    Where no folder can be written to, it is compiled again in every process.
    """
    compiled: Any
    try:
        compiled = njit(cache=True)(function)
    except RuntimeError:  # numba finds neither the package nor a home to keep it in
        compiled = njit(function)
    return cast(F, compiled)


@njit(forceinline=True)
def _learnt(state: int, bit: int) -> int:
    count = state & 1023
    chance = state >> 10
    chance += ((bit * ((1 << 22) - 1) - chance) * _SHARES[np.uint64(count)]) >> 16
    return int(chance << 10 | (count + (count < _LIMIT)))


@njit(forceinline=True)
def _moved(factor: int, step: int) -> int:
    return min(max(factor + (step >> 8), -_REACH), _REACH)


@njit(forceinline=True)
def _code(
    levels: Any, columns: Any, first: Any, last: Any, context: Any,
    state: Any, states: Any, weights: Any, data: Any, decoding: Any,
) -> bool:  # fmt: skip
    """Codes the levels from first to last; False if one is out of range.

    It is one long loop, since numba counts references at every call that takes an array, which made
    it four times as slow.
    """
    low, span, at = state
    tail = len(context) - TAIL
    row = _wide(context[tail])
    f_left, f_left2 = _wide(context[tail + 1]), _wide(context[tail + 2])
    f_up, f_up2 = _wide(context[tail + 3]), _wide(context[tail + 4])
    f_corner = _wide(context[tail + 5])
    good = True
    end = len(data)
    i, j = first // columns, first % columns - 1
    for index in range(first, last):
        j += 1
        if j == columns:
            i, j = i + 1, 0

        # What the neighbours suggest.
        left = _wide(levels[np.uint64(index - 1)]) if j > 0 else 0
        left2 = _wide(levels[np.uint64(index - 2)]) if j > 1 else 0
        up = _wide(levels[np.uint64(index - columns)]) if i > 0 else 0
        up2 = _wide(levels[np.uint64(index - 2 * columns)]) if i > 1 else 0
        corner = _wide(levels[np.uint64(index - columns - 1)]) if i > 0 and j > 0 else 0
        guess = f_left * left + f_left2 * left2 + f_up * up + f_up2 * up2 + f_corner * corner
        guess >>= 8
        near = abs(left) if j > 0 else row >> 8
        near2 = abs(left2) if j > 1 else near
        above = abs(up) if i > 0 else near
        above2 = abs(up2) if i > 1 else above
        column = _wide(context[np.uint64(j)]) if i > 0 else row
        mean = 85 * (16 * (2 * near + near2) + 12 * (2 * above + above2))
        mean = (mean + 108 * row + 120 * column) >> 8
        shift = 0
        while mean >> shift >= 1536 and shift < SHIFTS - 1:
            shift += 1
        mean = min(mean >> shift, 4095)
        a = (shift * FINE + _FINE[np.uint64(mean)]) * BINS
        b = shift * COARSE + _COARSE[np.uint64(min(row >> shift, 4095))]
        b = _SECOND + (b * COARSE + _COARSE[np.uint64(min(column >> shift, 4095))]) * BINS
        c = shift * COARSE + _COARSE[np.uint64(min(abs(guess) >> shift, 4095))]
        local = min(85 * (2 * near + above) >> shift, 4095)
        c = _THIRD + (c * COARSE + _COARSE[np.uint64(local)]) * BINS

        # The decisions. In encoding, `truth` is the next; in decoding it means nothing.
        level = _wide(levels[np.uint64(index)])
        size = abs(level)
        high = (size - 1) >> shift
        negative, value, offset, digits = 0, 0, 0, 0
        which, truth = 0, 1 if size else 0
        while True:
            chance, w = 32768, 3 * which
            if which != _PLAIN:
                state_a = _wide(states[np.uint64(a + which)])
                state_b = _wide(states[np.uint64(b + which)])
                state_c = _wide(states[np.uint64(c + which)])
                odds_a = _STRETCH[np.uint64(state_a >> 20)]
                odds_b = _STRETCH[np.uint64(state_b >> 20)]
                odds_c = _STRETCH[np.uint64(state_c >> 20)]
                odds = weights[np.uint64(w)] * odds_a + weights[np.uint64(w + 1)] * odds_b
                odds = (odds + weights[np.uint64(w + 2)] * odds_c) >> 16
                chance = _SQUASH[np.uint64(min(max(odds + 2047, 0), 4094))]

            bound = (span >> 16) * chance
            bit = (1 if low < bound else 0) if decoding else truth
            if bit:
                span = bound
            else:
                span -= bound
                low = low - bound if decoding else low + bound
                if not decoding and low >= _TOP:
                    low -= _TOP
                    back = at - 1
                    while data[back] == 255:
                        data[back] = 0
                        back -= 1
                    data[back] += 1
            if span < _UNDER:
                span <<= _WORD
                if decoding:
                    low <<= _WORD
                    if at < end:
                        low |= _wide(data[at]) << 8
                    if at + 1 < end:
                        low |= _wide(data[at + 1])
                else:
                    data[at] = low >> (_WINDOW - 8)
                    data[at + 1] = (low >> (_WINDOW - 16)) & 255
                    low = (low & (_UNDER - 1)) << _WORD
                at += 2

            if which != _PLAIN:
                error = ((bit << 16) - chance) * _RATE
                weights[np.uint64(w)] += (odds_a * error + (1 << 17)) >> 18
                weights[np.uint64(w + 1)] += (odds_b * error + (1 << 17)) >> 18
                weights[np.uint64(w + 2)] += (odds_c * error + (1 << 17)) >> 18
                states[np.uint64(a + which)] = _learnt(state_a, bit)
                states[np.uint64(b + which)] = _learnt(state_b, bit)
                states[np.uint64(c + which)] = _learnt(state_c, bit)

            # What follows from it.
            if _COUNT <= which < _REST:
                value += bit
                if bit and value < UNARY:
                    which += 1
                    truth = 1 if high > value else 0
                    continue
                if bit:
                    which = _ESCAPE
                    truth = 1 if high - UNARY + 1 > 1 else 0
                    continue
                digits = shift
                which = _REST + 3 * min(value, 3)
            elif which == 0:
                if not bit:
                    break
                which = _SIGN
                truth = 1 if (level < 0) != (guess < 0) else 0
                continue
            elif which == _SIGN:
                negative = bit ^ (1 if guess < 0 else 0)
                c += bit * _PAIRS
                which = _COUNT
                truth = 1 if high > 0 else 0
                continue
            elif which == _ESCAPE:
                digits += bit
                if bit and digits < 15:
                    truth = 1 if (high - UNARY + 1) >> (digits + 1) else 0
                    continue
                which = _PLAIN
                value = 1
                digits += shift
                offset = (UNARY - 1) << shift
            else:
                value = 2 * value + bit
                first_rest = which < _PLAIN and (which - _REST) % 3 == 0
                which = which + 1 + bit if first_rest else _PLAIN
            if digits == 0:
                break
            digits -= 1
            truth = (size - 1 - offset) >> digits & 1

        if decoding:
            size = 0
            if which > 0:
                value += offset
                good = good and value < 32767 + negative
                size = min(value + 1, 32767 + negative)
            levels[np.uint64(index)] = -size if negative else size

        # What is learnt of the neighbours.
        miss = (-(size << 8) if negative else size << 8) - guess
        gain = (miss * _GAINS[np.uint64(mean)]) >> (8 + 2 * shift)
        f_left = _moved(f_left, gain * left)
        f_left2 = _moved(f_left2, gain * left2)
        f_up = _moved(f_up, gain * up)
        f_up2 = _moved(f_up2, gain * up2)
        f_corner = _moved(f_corner, gain * corner)
        row += (((size << 8) - row) * _SLOWING[np.uint64(min(j, 255))]) >> 16
        if i > 0:
            column += (((size << 8) - column) * _SLOWING[np.uint64(min(i, 255))]) >> 16
        else:
            column = ((size << 8) + row) >> 1
        context[np.uint64(j)] = column
    context[tail] = row
    context[tail + 1], context[tail + 2] = f_left, f_left2
    context[tail + 3], context[tail + 4], context[tail + 5] = f_up, f_up2, f_corner
    state[0], state[1], state[2] = low, span, at
    return good


@_kept
def encode(
    levels: NDArray[np.int16], columns: int, first: int, last: int, context: NDArray[np.int32],
    state: Integers, states: NDArray[np.uint32], weights: Integers, data: NDArray[np.uint8],
) -> bool:  # fmt: skip
    """Codes the levels from first to last into data, from the state's position on."""
    return _code(levels, columns, first, last, context, state, states, weights, data, False)


@_kept
def decode(
    levels: NDArray[np.int16], columns: int, first: int, last: int, context: NDArray[np.int32],
    state: Integers, states: NDArray[np.uint32], weights: Integers, data: NDArray[np.uint8],
) -> bool:  # fmt: skip
    """Fills in the levels from first to last; bytes beyond data count as zeros."""
    return _code(levels, columns, first, last, context, state, states, weights, data, True)
