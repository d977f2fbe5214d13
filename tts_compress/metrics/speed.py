"""How long a network takes to speak, on one thread."""

import statistics
import time
from collections.abc import Callable, Sequence

from tts_compress.errors import TtsCompressError

Speaker = tuple[Callable[[], object], float]


def take_turns(
    *speakers: Speaker, at_least: int = 5, at_most: int = 25, seconds: float = 1.0
) -> list[list[float]]:
    """Times networks turn by turn on one thread, after one call of each that is not counted.

    What else the machine does then slows down all of them alike, and the ratio of two holds where
    neither time would. The number of threads is then what it was before.

    Args:
        speakers: What makes each speech, always the same one, and how many seconds of audio it is.
        at_least: Turns, however long they take.
        at_most: Turns, however short they are.
        seconds: Between the two, no further turn begins when this time is over.

    Returns:
        For each speaker, seconds of work by seconds of its audio of every turn.

    Raises:
        TtsCompressError: A speech has no length, or there is no turn.
    """
    import torch

    lengths = [length for _, length in speakers]
    if at_least < 1 or not speakers or min(lengths) <= 0:
        raise TtsCompressError(
            "take_turns: needs speech of more than 0 seconds and at least 1 turn, "
            f"got {lengths!r} and {at_least!r}. Check that the model spoke."
        )
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for speak, _ in speakers:
            speak()
        turns: list[list[float]] = []
        spent = 0.0
        while len(turns) < at_least or (spent < seconds and len(turns) < at_most):
            times = [_timed(speak) for speak, _ in speakers]
            spent += sum(times)
            turns.append([took / length for took, length in zip(times, lengths, strict=True)])
    finally:
        torch.set_num_threads(n_threads)
    return [list(factors) for factors in zip(*turns, strict=True)]


def real_time_factor(factors: Sequence[float]) -> float:
    """Median seconds of work for one second of speech; lower is faster, below 1 is live.

    Args:
        factors: Of every turn, from `take_turns`.

    Raises:
        TtsCompressError: There is no turn.

    >>> real_time_factor([0.2, 0.9, 0.1])
    0.2
    """
    return statistics.median(_some("real_time_factor", factors))


def speedup(factors: Sequence[float], dense_factors: Sequence[float]) -> float:
    """How many times as fast a network speaks as the dense one; median over the turns.

    Args:
        factors: The network's, turn by turn.
        dense_factors: The dense network's in the same turns.

    Raises:
        TtsCompressError: There is no turn, or one has no pair.

    >>> speedup([0.1, 0.8, 0.1], [0.25, 2.0, 0.25])  # both were slowed down in the second turn
    2.5
    """
    if len(factors) != len(dense_factors):
        raise TtsCompressError(
            "speedup: both networks need as many turns, "
            f"got {len(factors)!r} and {len(dense_factors)!r}. Time them with take_turns."
        )
    pairs = zip(_some("speedup", factors), dense_factors, strict=True)
    return statistics.median(dense / ours for ours, dense in pairs)


def _timed(speak: Callable[[], object]) -> float:
    start = time.perf_counter()
    speak()
    return time.perf_counter() - start


def _some(where: str, factors: Sequence[float]) -> Sequence[float]:
    if not factors:
        raise TtsCompressError(f"{where}: needs at least one turn, got none. Time the model first.")
    return factors
