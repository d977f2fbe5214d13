"""Makes ``data/letters.npz``: ``python -m tts_compress.text.train_letters letters.npz``.

Two minutes on one core. Expectation maximisation shares each word's phones among its letters;
then n-grams of the pairs are counted, smoothed, and those that change little are dropped.
"""

import random
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tts_compress.text.letters import END, START, Grams, LetterModel
from tts_compress.text.phones import dictionary_words, pronunciations

Pair = tuple[str, tuple[str, ...]]
Arc = tuple[tuple[int, int], tuple[int, int], Pair, float]
Counts = tuple[NDArray[np.uint64], NDArray[np.int64]]

_ORDER = 6  # pairs in the longest n-gram
_WORTH = 1.0  # nats that an n-gram must add over all its occurrences to be kept
_FIRST_GUESS = (0.1, 1.0, 0.02)  # weight of a letter that says 0, 1 or 2 phones


def main(output: Path) -> None:
    """Report the error on held-out words, then write the model trained on all of them."""
    words = [word for word in dictionary_words() if re.fullmatch("[a-z]+", word)]
    aligned = align([(w, p) for w in words for p in pronunciations(w) if len(p) <= 2 * len(w)])
    held = set(random.Random(0).sample(words, 2000))
    seen = [path for path in aligned if "".join(letter for letter, _ in path) not in held]
    model = estimate(seen, _ORDER, _WORTH)
    print(f"phone error rate on {len(held)} held-out words: {phone_error_rate(model, held):.4f}")
    estimate(aligned, _ORDER, _WORTH).save(output)


def align(entries: Sequence[tuple[str, tuple[str, ...]]], rounds: int = 5) -> list[list[Pair]]:
    """For each word and its phones, the most probable pairs of a letter and its phones.

    Source: expectation maximisation over all ways to cut, as Bisani and Ney, 2008, section 3.
    """
    weights: dict[Pair, float] | None = None
    for _ in range(rounds):
        counts: dict[Pair, float] = defaultdict(float)
        for word, phones in entries:
            _add_expected(_arcs(word, phones, weights), (len(word), len(phones)), counts)
        total = sum(counts.values())
        weights = {pair: 10 * count / total for pair, count in counts.items() if count > 0.5}
    paths = [_best_path(_arcs(w, p, weights), (len(w), len(p))) for w, p in entries]
    return [path for path in paths if path]


def _arcs(word: str, phones: tuple[str, ...], weights: dict[Pair, float] | None) -> list[Arc]:
    """Every step that gives one letter 0 to 2 phones and can still reach the end, in order."""
    arcs = []
    for i, letter in enumerate(word):
        left = len(word) - i - 1
        for j in range(min(2 * i, len(phones)) + 1):
            for k in range(j, min(j + 2, len(phones)) + 1):
                pair = (letter, phones[j:k])
                weight = weights.get(pair, 0.0) if weights else _FIRST_GUESS[k - j]
                if weight and len(phones) - k <= 2 * left:
                    arcs.append(((i, j), (i + 1, k), pair, weight))
    return arcs


def _add_expected(arcs: list[Arc], end: tuple[int, int], counts: dict[Pair, float]) -> None:
    """Add how often each pair is used on average over all paths (forward-backward)."""
    forward: dict[tuple[int, int], float] = defaultdict(float, {(0, 0): 1.0})
    backward: dict[tuple[int, int], float] = defaultdict(float, {end: 1.0})
    for source, target, _, weight in arcs:
        forward[target] += forward[source] * weight
    if not forward[end]:
        return
    for source, target, pair, weight in reversed(arcs):
        backward[source] += weight * backward[target]
        counts[pair] += forward[source] * weight * backward[target] / forward[end]


def _best_path(arcs: list[Arc], end: tuple[int, int]) -> list[Pair]:
    """Pairs of the most probable path; none if the end cannot be reached."""
    best: dict[tuple[int, int], tuple[float, list[Pair]]] = {(0, 0): (1.0, [])}
    for source, target, pair, weight in arcs:
        if source in best:
            score = best[source][0] * weight
            if score > best.get(target, (0.0, []))[0]:
                best[target] = (score, [*best[source][1], pair])
    return best.get(end, (0.0, []))[1]


def estimate(paths: Sequence[Sequence[Pair]], order: int, worth: float) -> LetterModel:
    """Model with interpolated modified Kneser-Ney smoothing, thinned.

    Source: Chen and Goodman, "An empirical study of smoothing techniques", 1998, equation 26.
    """
    edges: list[Pair] = [("<", ()), (">", ())]
    pairs = (*edges, *sorted({pair for path in paths for pair in path}))
    ids = {pair: i for i, pair in enumerate(pairs)}
    raw = _count([[START, *(ids[pair] for pair in path), END] for path in paths], len(pairs), order)
    model = LetterModel(pairs, ())
    for n in range(1, order + 1):
        keys, counts = raw[n - 1]
        if n < order:
            counts = _continuations(raw[n - 1], raw[n], np.uint64(len(pairs)) ** np.uint64(n))
        grams = _smooth(model, (keys, counts), raw[n - 1][1], worth)
        model = LetterModel(pairs, (*model.grams, grams))
    return model


def _count(sequences: list[list[int]], base: int, order: int) -> list[Counts]:
    """Occurrences of each n-gram inside a sequence, for every length up to the order."""
    flat = np.concatenate([np.array(s, np.uint64) for s in sequences])
    positions = np.concatenate([np.arange(len(s)) for s in sequences])
    keys = np.zeros_like(flat)
    counted = []
    for n in range(1, order + 1):
        keys[n - 1 :] += flat[: len(flat) - n + 1] * np.uint64(base) ** np.uint64(n - 1)
        counted.append(np.unique(keys[positions >= max(n - 1, 1)], return_counts=True))
    return counted


def _continuations(shorter: Counts, longer: Counts, modulus: np.uint64) -> NDArray[np.int64]:
    """How many different pairs stand before each n-gram; occurrences where none can."""
    keys, counts = np.unique(longer[0] % modulus, return_counts=True)
    result = shorter[1].copy()
    result[np.searchsorted(shorter[0], keys)] = counts
    return result


def _smooth(
    model: LetterModel, counted: Counts, occurrences: NDArray[np.int64], worth: float
) -> Grams:
    """N-grams one longer than the model's, interpolated with it; the useful ones only."""
    keys, counts = counted
    base, n = np.uint64(len(model.pairs)), len(model.grams) + 1
    if n == 1:
        lower = np.full(len(keys), 1 / len(keys))  # every pair but START
    else:
        lower = np.exp(model.log_probs(keys % base ** np.uint64(n - 1), n - 1))
    contexts, place = np.unique(keys // base, return_inverse=True)
    share = (counts - _discounts(counts)) / np.bincount(place, counts)[place]
    probs = share + (1 - np.bincount(place, share))[place] * lower
    keep = (occurrences * np.abs(np.log(probs / lower)) > worth) | (n == 1)
    backoffs = 1 - np.bincount(place, share * keep)
    probs = share + backoffs[place] * lower
    used = np.bincount(place, keep) > 0
    return Grams(keys[keep], np.log(probs[keep]), contexts[used], np.log(backoffs[used]))


def _discounts(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    once, twice, thrice, four = (max(int((counts == c).sum()), 1) for c in (1, 2, 3, 4))
    rate = once / (once + 2 * twice)
    table = [0, 1 - 2 * rate * twice / once, 2 - 3 * rate * thrice / twice]
    table.append(3 - 4 * rate * four / thrice)
    by_count: NDArray[np.float64] = np.clip(np.array(table), 0.1, None)
    return by_count[np.minimum(counts, 3)]


def phone_error_rate(model: LetterModel, words: set[str]) -> float:
    """Edits to the nearest pronunciation in the dictionary, over the phones in it."""
    edits = length = 0
    for word in sorted(words):
        guess = model.pronounce(word)
        distance, phones = min((_edits(guess, p), len(p)) for p in pronunciations(word))
        edits, length = edits + distance, length + phones
    return edits / length


def _edits(ours: tuple[str, ...], theirs: tuple[str, ...]) -> int:
    row = list(range(len(theirs) + 1))
    for i, phone in enumerate(ours, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(theirs, start=1):
            change = diagonal + (phone != other)
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, change)
    return row[-1]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
