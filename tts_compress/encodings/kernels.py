"""Arithmetic of the coder, compiled: decisions, what is learnt of them, and a range coder.

All is done in integers, so that every machine decodes what another one encoded; the same function
encodes and decodes, so that both know the same at each step.

A level is zero or not; its sign is the one that its neighbours suggest or not; its magnitude holds
``2 ** shift`` so many times, where shift is 0 while magnitudes are small; what is left comes bit by
bit. Magnitudes far above are an exponential Golomb code. Each decision asks three contexts: the
mean magnitude expected here; the means of the row and of the column so far; a linear prediction
from five neighbours, with the magnitudes of two. Each holds log odds, and their sum is that of the
decision, as in a logistic regression; the sign asks the last alone. Then each learns by a Newton
step, at a rate that falls with what it has seen. Magnitudes and means count 1/256, probabilities
and log odds 1/65536.

Source: adding log odds as in Mahoney 2005, "Adaptive weighing of context models for lossless data
compression"; decisions as in Wiedemann et al. 2020, "DeepCABAC"; range coder as in Martin 1979.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

TAIL = 9
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
_FURTHER = _ESCAPE + 1
BINS = 32
"""Decisions of a context: zero, sign, counts, two bits of the rest, length of escapes, more."""

_FLOOR = 64
_STEPS, _ODDS = 64, 511
"""Log odds are looked up in steps of 1/64, so many on either side of 0."""
_WINDOW, _WORD = 48, 16
_TOP, _UNDER = 1 << _WINDOW, 1 << (_WINDOW - _WORD)
_LIMIT, _REACH = 255, 1 << 17

Integers = NDArray[np.int64]
F = TypeVar("F", bound=Callable[..., bool])
_wide: Any = np.int64  # int() keeps 16 bits in compiled code, which have no 32768


def _squash() -> NDArray[np.uint16]:
    """Probabilities of log odds from -511/64 to 511/64."""
    p = 65536 / (1 + np.exp(-np.arange(-_ODDS, _ODDS + 1) / _STEPS))
    return np.clip(np.round(p), _FLOOR, 65536 - _FLOOR).astype(np.uint16)


def _newton(squash: NDArray[np.uint16]) -> NDArray[np.int32]:
    """Error over variance, by log odds and what was decided; nothing more is learnt at the ends."""
    p = squash[:, None] / 65536
    steps = (np.arange(2) - p) * np.minimum(1 / (p * (1 - p)), 64)
    steps[0, 0] = steps[-1, 1] = 0
    return np.round(steps * 65536).astype(np.int32).ravel()


def _classes(middles: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Class of each mean magnitude: that of the nearest middle."""
    edges = np.sqrt(middles[1:] * middles[:-1])
    return np.searchsorted(edges, np.arange(4096) / 256).astype(np.uint8)


_MEANS, _COARSE_MEANS = np.geomspace(0.006, 9, FINE), np.geomspace(0.012, 9, COARSE)
_SQUASH = _squash()
_NEWTON = _newton(_SQUASH)
_FINE, _COARSE = _classes(_MEANS), _classes(_COARSE_MEANS)
_RATES = np.round(65536 / (np.arange(1024) + 40)).astype(np.int32)
_SLOWING = np.round(65536 / np.minimum(np.arange(256) + 1.5, 100)).astype(np.int64)
_GAINS = 2**21 // (np.arange(4096) ** 2 // 256 + 64)
_PAIRS = SHIFTS * COARSE * COARSE * BINS
_SECOND = SHIFTS * FINE * BINS
_THIRD = _SECOND + _PAIRS


@cache
def _fresh() -> NDArray[np.int32]:
    """What is believed of every decision before the first: magnitudes fall off geometrically."""
    pairs = (_COARSE_MEANS[:, None] + _COARSE_MEANS).ravel() / 2
    means = np.concatenate([np.tile(m, SHIFTS) for m in (_MEANS, pairs, pairs, pairs)])
    beliefs = np.full((len(means), BINS), 0.5)
    beliefs[:, 0] = means / (1 + means)
    beliefs[:, _COUNT:_REST] = beliefs[:, :1]
    beliefs[:, _REST:] = 0.47
    odds = np.log(beliefs / (1 - beliefs)) / 3
    states: NDArray[np.int32] = np.round(odds * 65536).astype(np.int32).ravel() << 10
    return states


class Model:
    """What has been learnt.

    Attributes:
        states: For each context and decision log odds, in 22 bits, and a count, in 10.
    """

    def __init__(self) -> None:
        self.states = _fresh().copy()


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
    kept, unit = 0, _TOP
    while -(-low // unit) * unit >= low + span:
        kept, unit = kept + 1, unit >> 8
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

    These are the mean magnitude of each column so far, that of the row, five factors of the linear
    prediction, and three of the neighbours.
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
def _place(state: int) -> int:
    """Gives the place in the tables of the log odds of a state, or of a sum of states."""
    return min(max((state >> 20) + _ODDS, 0), 2 * _ODDS)  # 10 bits of a count, 16 - 6 of odds


@njit(forceinline=True)
def _learnt(state: int, step: int) -> int:
    count = state & 1023
    odds = (step * _RATES[np.uint64(count)]) >> 16
    return int(state + (odds << 10) + (count < _LIMIT))


@njit(forceinline=True)
def _moved(factor: int, step: int) -> int:
    return min(max(factor + (step >> 8), -_REACH), _REACH)


@njit(forceinline=True)
def _code(
    levels: Any, columns: Any, first: Any, last: Any, context: Any,
    state: Any, states: Any, data: Any, decoding: Any,
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
    left, left2, up = _wide(context[tail + 6]), _wide(context[tail + 7]), _wide(context[tail + 8])
    good = True
    end = len(data)
    i, j = first // columns, first % columns - 1
    for index in range(first, last):
        j += 1
        corner = up
        if j == columns:
            i, j = i + 1, 0
            left = left2 = corner = _wide(0)

        # What the neighbours suggest.
        up = _wide(levels[np.uint64(index - columns)]) if i > 0 else 0
        up2 = _wide(levels[np.uint64(index - 2 * columns)]) if i > 1 else 0
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
        negative = 1 if guess < 0 else 0
        value, offset, digits = 0, 0, 0
        which, truth = 0, 1 if size else 0
        while True:
            if span < _UNDER:
                span <<= _WORD
                if decoding:
                    low <<= _WORD
                    if at < end:
                        low |= _wide(data[at]) << 8
                    if at + 1 < end:
                        low |= _wide(data[at + 1])
                else:
                    if low >= _TOP:
                        low -= _TOP
                        back = at - 1
                        while data[back] == 255:
                            data[back] = 0
                            back -= 1
                        data[back] += 1
                    data[at] = low >> (_WINDOW - 8)
                    data[at + 1] = (low >> (_WINDOW - 16)) & 255
                    low = (low & (_UNDER - 1)) << _WORD
                at += 2

            state_a = _wide(states[np.uint64(a + which)])
            state_b = _wide(states[np.uint64(b + which)])
            state_c = _wide(states[np.uint64(c + which)])
            place = _place(state_a + state_b + state_c)
            bound = (span >> 16) * _wide(_SQUASH[np.uint64(place)])
            bit = (1 if low < bound else 0) if decoding else truth
            if bit:
                span = bound
            else:
                span -= bound
                low = low - bound if decoding else low + bound
            step = _wide(_NEWTON[np.uint64(2 * place + bit)])
            states[np.uint64(a + which)] = _learnt(state_a, step)
            states[np.uint64(b + which)] = _learnt(state_b, step)
            states[np.uint64(c + which)] = _learnt(state_c, step)

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
                # The sign: no branch depends on it, since half of them would be foretold wrongly.
                # The span has 2 ** 22 or more left, which is enough for one decision.
                state_c = _wide(states[np.uint64(c + _SIGN)])
                place = _place(state_c)
                bound = (span >> 16) * _wide(_SQUASH[np.uint64(place)])
                wrong = (1 if level < 0 else 0) ^ negative
                bit = (1 if low < bound else 0) if decoding else wrong
                span = bound if bit else span - bound
                below = 0 if bit else bound
                low = low - below if decoding else low + below
                step = _wide(_NEWTON[np.uint64(2 * place + bit)])
                states[np.uint64(c + _SIGN)] = _learnt(state_c, step)
                negative ^= bit
                c += bit * _PAIRS
                which = _COUNT
                truth = 1 if high > 0 else 0
                continue
            elif which == _ESCAPE:
                digits += bit
                if bit and digits < 15:
                    truth = 1 if (high - UNARY + 1) >> (digits + 1) else 0
                    continue
                which = _FURTHER
                value = 1
                digits += shift
                offset = (UNARY - 1) << shift
            else:
                value = 2 * value + bit
                first_rest = (which - _REST) % 3 == 0
                which = which + 1 + bit if first_rest else _FURTHER
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
            level = -size if negative else size
            levels[np.uint64(index)] = level

        # What is learnt of the neighbours.
        miss = (level << 8) - guess
        gain = (miss * _GAINS[np.uint64(mean)]) >> (8 + 2 * shift)
        f_left = _moved(f_left, gain * left)
        f_left2 = _moved(f_left2, gain * left2)
        f_up = _moved(f_up, gain * up)
        f_up2 = _moved(f_up2, gain * up2)
        f_corner = _moved(f_corner, gain * corner)
        left2, left = left, level
        row += (((size << 8) - row) * _SLOWING[np.uint64(min(j, 255))]) >> 16
        if i > 0:
            column += (((size << 8) - column) * _SLOWING[np.uint64(min(i, 255))]) >> 16
        else:
            column = ((size << 8) + row) >> 1
        context[np.uint64(j)] = column
    context[tail] = row
    context[tail + 1], context[tail + 2] = f_left, f_left2
    context[tail + 3], context[tail + 4], context[tail + 5] = f_up, f_up2, f_corner
    context[tail + 6], context[tail + 7], context[tail + 8] = left, left2, up
    state[0], state[1], state[2] = low, span, at
    return good


@_kept
def encode(
    levels: NDArray[np.int16], columns: int, first: int, last: int, context: NDArray[np.int32],
    state: Integers, states: NDArray[np.int32], data: NDArray[np.uint8],
) -> bool:  # fmt: skip
    """Codes the levels from first to last into data, from the state's position on."""
    return _code(levels, columns, first, last, context, state, states, data, False)


@_kept
def decode(
    levels: NDArray[np.int16], columns: int, first: int, last: int, context: NDArray[np.int32],
    state: Integers, states: NDArray[np.int32], data: NDArray[np.uint8],
) -> bool:  # fmt: skip
    """Fills in the levels from first to last; bytes beyond data count as zeros."""
    return _code(levels, columns, first, last, context, state, states, data, True)
